"""Arrays from image files, and image files from arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from photalign.io.errors import ImageFileError, UnsupportedImage
from photalign.io.format import Format, Image
from photalign.io.jpeg import JPEG
from photalign.io.npy import NPY
from photalign.io.png import PNG
from photalign.io.replacing import replacing
from photalign.io.tiff import TIFF

FORMATS = (PNG, JPEG, TIFF, NPY)


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read an image with the values and the type that the file has.

    Parameters
    ----------
    path : path-like
        A PNG, JPEG, TIFF or NPY file; the suffix says which.

    Returns
    -------
    ndarray, shape (rows, columns) or (rows, columns, channels)
        As the file holds it, except that the picture is turned upright if a camera
        noted how it was held (EXIF in JPEG, tag 274 in TIFF), that palettes become RGB,
        that fewer than 8 bits in a PNG are spread over 0 to 255, and that an alpha
        channel is dropped if all of it is opaque. CMYK stays four channels.

    Raises
    ------
    ImageFileError
        If the file is missing, unreadable, empty, damaged or incomplete, of another
        format than its suffix says, or holds anything but one gray or color image:
        transparent pixels, several pages, a volume, complex numbers.

    Examples
    --------
    >>> from photalign.io import read_image
    >>> read_image("holiday.gif")
    Traceback (most recent call last):
    photalign.io.errors.ImageFileError: holiday.gif: expected a name that ends in .png,
    .jpg, .jpeg, .tif, .tiff, .npy, got '.gif'
    """
    image_format = format_of(path)
    try:
        file = open(path, "rb")  # noqa: SIM115 (only opening it may fail like this)
    except OSError as error:
        raise ImageFileError(
            f"{path}: expected a file that can be read, got none ({error.strerror})"
        ) from error
    with file:
        _check_signature(path, image_format, file)
        try:
            image = image_format.read(file)
        except UnsupportedImage as error:
            raise ImageFileError(f"{path}: {error}") from error
        except Exception as error:  # Decoders fail in every way there is.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ImageFileError(
                f"{path}: expected a complete {image_format.name} file, "
                f"got a damaged one ({reason})"
            ) from error
    if image.ndim not in (2, 3) or image.dtype.kind not in "biuf":
        raise ImageFileError(
            f"{path}: expected real numbers of shape (rows, columns) or "
            f"(rows, columns, channels), got {image.dtype} of shape {image.shape}"
        )
    return image


def write_image(path: str | os.PathLike[str], image: ArrayLike) -> None:
    """Write an image without changing a value, or not at all.

    The file appears, or replaces an older one, only when it is complete.

    Parameters
    ----------
    path : path-like
        The suffix chooses the format: .png (uint8, uint16; 1 or 3 channels), .tif
        (integers and floats; any number of channels), .npy (everything) or .jpg (uint8;
        1 or 3 channels), the only one with losses, at quality 95.
    image : array_like, shape (rows, columns) or (rows, columns, channels)
        Gray or color; a single channel is written as gray.

    Raises
    ------
    ImageFileError
        If the format does not hold such an image, or the folder takes no new file.
    OSError
        If writing fails half-way, as on a full disk.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.io import write_image
    >>> write_image("mean.png", np.zeros((2, 3)))
    Traceback (most recent call last):
    photalign.io.errors.ImageFileError: mean.png: expected an image that PNG holds
    (uint8, uint16), got float64; .tif, .npy would hold it
    """
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    check_image_output(path, array.dtype, array.shape)
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    with replacing(path) as unfinished, open(unfinished, "xb") as file:
        format_of(path).write(file, native)


def check_image_output(
    path: str | os.PathLike[str], dtype: DTypeLike, shape: tuple[int, ...]
) -> None:
    """Check that an image can be written to a file of this name, without writing it.

    Parameters
    ----------
    path : path-like
        The suffix chooses the format.
    dtype : dtype
        Of the image.
    shape : tuple of int
        Of the image: (rows, columns) or (rows, columns, channels).

    Raises
    ------
    ImageFileError
        If the suffix is unknown, or if the format does not hold such an image.

    Examples
    --------
    >>> from photalign.io import check_image_output
    >>> check_image_output("registered.tif", "float32", (480, 640))
    """
    dtype = np.dtype(dtype)
    refusal = format_of(path).refusal(dtype, shape)
    if refusal is not None:
        others = [f.suffixes[0] for f in FORMATS if f.refusal(dtype, shape) is None]
        remedy = f"; {', '.join(others)} would hold it" if others else ""
        raise ImageFileError(f"{path}: {refusal}{remedy}")


def format_of(path: str | os.PathLike[str]) -> Format:
    """Return the format that the suffix of a file name stands for.

    Parameters
    ----------
    path : path-like
        Upper and lower case mean the same.

    Returns
    -------
    Format
        One of `FORMATS`.

    Raises
    ------
    ImageFileError
        If the suffix stands for none.

    Examples
    --------
    >>> from photalign.io.images import format_of
    >>> format_of("IMG_0042.JPG").name
    'JPEG'
    """
    suffix = Path(path).suffix
    for image_format in FORMATS:
        if suffix.lower() in image_format.suffixes:
            return image_format
    known = ", ".join(suffix for f in FORMATS for suffix in f.suffixes)
    found = repr(suffix) if suffix else "none of them"
    raise ImageFileError(f"{path}: expected a name that ends in {known}, got {found}")


def _check_signature(
    path: str | os.PathLike[str], expected: Format, file: BinaryIO
) -> None:
    start = file.read(max(len(s) for f in FORMATS for s in f.signatures))
    file.seek(0)
    if start.startswith(expected.signatures):
        return
    found = "an empty file" if not start else "something else"
    for other in FORMATS:
        if start.startswith(other.signatures):
            found = f"a {other.name} file; name it {other.suffixes[0]}"
    raise ImageFileError(f"{path}: expected a {expected.name} file, got {found}")
