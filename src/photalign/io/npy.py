"""NumPy's own file format: any array, as it is."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from photalign.io.format import Format, Image


def _read(file: BinaryIO) -> Image:
    # A pickle in the file could run any program.
    image: Image = np.load(file, allow_pickle=False)
    return image


def _write(file: BinaryIO, image: Image) -> None:
    np.save(file, image, allow_pickle=False)


NPY = Format(
    name="NPY",
    suffixes=(".npy",),
    signatures=(b"\x93NUMPY",),
    read=_read,
    write=_write,
)
