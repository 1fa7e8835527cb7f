"""PNG: 8 and 16 bits, gray and color."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from photalign.io.format import Format, Image
from photalign.io.layout import without_alpha


def _read(file: BinaryIO) -> Image:
    # Pillow would cut 16-bit color to 8 bits; libpng, behind imagecodecs, does not.
    # It expands palettes to colors and 1, 2 and 4 bits to the range of 8.
    import imagecodecs

    image: Image = imagecodecs.png_decode(file.read())
    has_alpha = image.ndim == 3 and image.shape[2] in (2, 4)
    return without_alpha(image) if has_alpha else image


def _write(file: BinaryIO, image: Image) -> None:
    import imagecodecs

    # Files 5 to 35 % larger than with the defaults of libpng, in a tenth of the time.
    data = imagecodecs.png_encode(
        np.ascontiguousarray(image), level=2, filter=imagecodecs.PNG.FILTER.SUB
    )
    file.write(data)


PNG = Format(
    name="PNG",
    suffixes=(".png",),
    signatures=(b"\x89PNG\r\n\x1a\n",),
    dtypes=("uint8", "uint16"),
    channels=(1, 3),
    read=_read,
    write=_write,
)
