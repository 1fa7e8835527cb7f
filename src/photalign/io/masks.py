"""Masks from image files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign.io.errors import ImageFileError
from photalign.io.images import format_of, read_image


def read_mask(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read which pixels of an image count.

    Parameters
    ----------
    path : path-like
        An image file of a format without losses.

    Returns
    -------
    ndarray, shape (rows, columns), bool or float
        Of integers, True where any channel is not zero, so that masks with values 0 and
        1, 0 and 255, and painted ones mean the same. Floats are returned as they are:
        they are weights.

    Raises
    ------
    ImageFileError
        As `read_image`; also for a JPEG file, because its losses turn pixels at the
        edge of black regions into pixels that count.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> from photalign.io import read_mask, write_image
    >>> with TemporaryDirectory() as folder:
    ...     write_image(f"{folder}/mask.png", np.array([[0, 255]], dtype=np.uint8))
    ...     read_mask(f"{folder}/mask.png")
    array([[False,  True]])
    """
    if not format_of(path).lossless:
        raise ImageFileError(
            f"{path}: expected a mask in a format without losses, got JPEG; "
            "save it as PNG"
        )
    mask = read_image(path)
    if mask.dtype.kind == "f":
        return mask
    channels = (mask != 0).reshape(*mask.shape[:2], -1)
    used: NDArray[np.bool_] = channels.any(axis=-1)
    return used
