"""JPEG: 8 bits, gray and color, with losses."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from photalign.io.format import Format, Image
from photalign.io.layout import upright

_ORIENTATION = 0x0112


def _read(file: BinaryIO) -> Image:
    # imagecodecs fills up a truncated file in silence; Pillow reports it. The class is
    # called directly because Image.open also limits the number of pixels.
    from PIL.JpegImagePlugin import JpegImageFile

    with JpegImageFile(file) as image:
        return upright(np.array(image), image.getexif().get(_ORIENTATION, 1))


def _write(file: BinaryIO, image: Image) -> None:
    from PIL import Image as pillow

    # Colours at full resolution: the usual halving shifts and blurs them.
    pillow.fromarray(image).save(file, "JPEG", quality=95, subsampling=0)


JPEG = Format(
    name="JPEG",
    suffixes=(".jpg", ".jpeg"),
    signatures=(b"\xff\xd8\xff",),
    dtypes=("uint8",),
    channels=(1, 3),
    lossless=False,
    read=_read,
    write=_write,
)
