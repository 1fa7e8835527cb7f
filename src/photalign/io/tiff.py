"""TIFF: integers and floats of any width, any number of channels."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from photalign.io.errors import UnsupportedImage
from photalign.io.format import Format, Image
from photalign.io.layout import upright, without_alpha

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries


def _read(file: BinaryIO) -> Image:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        series = _only_image(tiff)
        page = series.keyframe
        image = np.asarray(series.asarray())
    if series.axes in ("SYX", "CYX"):
        image = np.moveaxis(image, 0, -1)
    is_palette = page.photometric == tifffile.PHOTOMETRIC.PALETTE
    if is_palette and page.colormap is not None:
        image = np.moveaxis(page.colormap[:, image], 0, -1)
    extra = tifffile.EXTRASAMPLE
    if {extra.ASSOCALPHA, extra.UNASSALPHA} & set(page.extrasamples):
        image = without_alpha(image)
    orientation = page.tags.get("Orientation")
    return upright(image, orientation.value if orientation else 1)


def _only_image(tiff: TiffFile) -> TiffPageSeries:
    """Return the one image of a file; small copies and transparency do not count."""
    # tifffile gathers pages of one kind into a series and gives each axis a letter:
    # S and C are channels, inside a page and as pages of their own.
    images = [
        series
        for series in tiff.series
        if not (series.keyframe.is_reduced or series.keyframe.is_mask)
    ]
    if not images:
        raise ValueError("it ends before its first image")
    n_images = 0
    for series in images:
        one = "YXS" if "S" in series.axes else "YXC"
        sizes = zip(series.axes, series.shape, strict=True)
        n_images += prod(size for axis, size in sizes if axis not in one)
    if n_images > 1:
        raise UnsupportedImage(
            f"expected one image, got {n_images}; save the one to align in its own file"
        )
    return images[0]


def _write(file: BinaryIO, image: Image) -> None:
    import tifffile

    is_rgb = image.ndim == 3 and image.shape[2] == 3
    tifffile.imwrite(
        file,
        image,
        photometric="rgb" if is_rgb else "minisblack",
        planarconfig="contig" if image.ndim == 3 else None,
        metadata=None,
    )


TIFF = Format(
    name="TIFF",
    suffixes=(".tif", ".tiff"),
    signatures=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    dtypes=(
        *("uint8", "uint16", "uint32", "uint64"),
        *("int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64"),
    ),
    read=_read,
    write=_write,
)
