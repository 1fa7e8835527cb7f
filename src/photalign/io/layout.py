"""From the order in which a file stores its pixels to the picture that people see."""

from __future__ import annotations

import numpy as np

from photalign.io.errors import UnsupportedImage
from photalign.io.format import Image


def upright(image: Image, orientation: int) -> Image:
    """Turn an image as the EXIF or TIFF tag 274, orientation, asks for.

    Parameters
    ----------
    image : ndarray, shape (rows, columns[, channels])
        As stored.
    orientation : int
        1 to 8: which side of the scene the first row and the first column show. Other
        numbers mean nothing and change nothing.

    Returns
    -------
    ndarray, shape (rows, columns[, channels]) or (columns, rows[, channels])
        As seen.

    References
    ----------
    TIFF Revision 6.0, Adobe, 1992, page 36.

    Examples
    --------
    A camera held upright stores the picture lying on its side, number 6:

    >>> import numpy as np
    >>> from photalign.io.layout import upright
    >>> upright(np.array([[3, 1], [4, 2]]), 6)
    array([[4, 3],
           [2, 1]])
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def without_alpha(image: Image) -> Image:
    """Drop the last channel, alpha, if it says that every pixel is opaque.

    Parameters
    ----------
    image : ndarray, shape (rows, columns, 2 or 4)
        Gray or color, and alpha.

    Returns
    -------
    ndarray, shape (rows, columns) or (rows, columns, 3)
        Gray or color.

    Raises
    ------
    UnsupportedImage
        If there are transparent pixels: what color they hide is arbitrary, so it can
        neither be aligned nor be left out in silence.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.io.layout import without_alpha
    >>> without_alpha(np.array([[[7, 255], [8, 255]]], dtype=np.uint8))
    array([[7, 8]], dtype=uint8)
    """
    alpha = image[..., -1]
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" else 1
    n_transparent = np.count_nonzero(alpha != opaque)
    if n_transparent:
        raise UnsupportedImage(
            f"expected opaque pixels, got {n_transparent} transparent ones; "
            "save the image without its alpha channel and pass that as a mask"
        )
    return image[..., 0] if image.shape[2] == 2 else image[..., :-1]
