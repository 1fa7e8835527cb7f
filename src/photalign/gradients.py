"""Gradient images: derivatives at the pixels, for the whole image at once."""

from __future__ import annotations

import numpy as np

from photalign._checks import as_image, choice
from photalign._types import Array, ArrayLike
from photalign.sampling import Sampler

__all__ = ["image_gradients"]

# The weights of a pixel's own line and of its two neighbours, across the derivative.
# Each set sums to 1, so that a unit ramp has the gradient 1.
_SMOOTHING = {"central": (1.0, 0.0), "sobel": (1 / 2, 1 / 4), "scharr": (5 / 8, 3 / 16)}
METHODS = (*_SMOOTHING, "bspline")

# What np.pad calls the boundaries. It calls the mirror of a single pixel that pixel.
_PADDING = {
    "mirror": "reflect",
    "reflect": "symmetric",
    "nearest": "edge",
    "wrap": "wrap",
    "constant": "constant",
}


def image_gradients(
    image: ArrayLike, method: str = "central", *, boundary: str = "mirror"
) -> Array:
    """Differentiate an image at its pixels.

    These are the gradient images of the textbooks, for when every pixel is wanted. To
    sample a gradient *between* the pixels, use `photalign.Sampler.value_and_grad`: it
    needs no gradient image, and its gradient is that of the values which it returns.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        A gray or colour image of real numbers, in any memory layout. Pixels that are
        not finite are invalid.
    method : {"central", "sobel", "scharr", "bspline"}
        Half the difference of the two neighbours; the same of an image smoothed across
        the derivative with [1 2 1] / 4 or [3 10 3] / 16; the derivative of the cubic
        spline through the pixels.
    boundary : {"mirror", "reflect", "nearest", "wrap", "constant"}
        What pixels beyond the border are: ``d c b | a b c d | c b a``, or
        ``c b a | a b c d | d c b``, or ``a a a | a b c d | d d d``, or
        ``b c d | a b c d | a b c``, or 0.

    Returns
    -------
    ndarray, shape (H, W, 2) or (H, W, C, 2), float32 or float64
        Derivatives by x and by y, per px; a unit ramp has the gradient 1, whatever the
        method. float32 for images of booleans, float16, float32 and integers of up to
        16 bits. NaN where an invalid pixel has a weight; in the spline, where that of
        invalid pixels is more than 0.001, and then in all channels.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    Sobel's operator is that of Sobel and Feldman (1968), divided by 8; Scharr's that of
    H. Scharr (Optimale Operatoren in der digitalen Bildverarbeitung, thesis, Heidelberg
    2000), divided by 32. The spline is that of Unser, Aldroubi and Eden (1993).

    At the border the pixels beyond it enter: under "mirror" the derivative across the
    border is 0 there, also for a ramp.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.gradients import image_gradients
    >>> ramp = np.array([[0, 2, 4, 6], [1, 3, 5, 7], [2, 4, 6, 8]], dtype=np.uint8)
    >>> gradients = image_gradients(ramp, "sobel")
    >>> gradients[1, 1]
    array([2., 1.], dtype=float32)
    >>> gradients[..., 0]
    array([[0., 2., 2., 0.],
           [0., 2., 2., 0.],
           [0., 2., 2., 0.]], dtype=float32)
    """
    choice(method, METHODS, "method")
    choice(boundary, _PADDING, "boundary")
    if method == "bspline":
        return _spline_gradients(image, boundary)
    pixels = as_image(image)
    filtered = _filtered(pixels, *_SMOOTHING[method], boundary)
    return filtered.reshape(*np.shape(image), 2)


def _filtered(pixels: Array, middle: float, side: float, boundary: str) -> Array:
    """Differentiate along each axis, smoothed along the other."""
    padded = np.pad(
        pixels.astype(np.result_type(pixels.dtype, np.float32), copy=False),
        ((1, 1), (1, 1), (0, 0)),
        mode=_PADDING[boundary],  # type: ignore[call-overload]
    )
    if pixels.dtype.kind == "f":
        padded[np.isinf(padded)] = np.nan
    gradients = np.empty((*pixels.shape, 2), padded.dtype)
    for axis, along in enumerate((padded, padded.swapaxes(0, 1))):
        # The derivative is along the columns; what differs is which pixels these are.
        lines = along[1:-1]
        if side:  # a weight of 0 would still spread a NaN
            lines = middle * lines + side * (along[:-2] + along[2:])
        slopes = (lines[:, 2:] - lines[:, :-2]) / 2
        gradients[..., axis] = slopes if axis == 0 else slopes.swapaxes(0, 1)
    return gradients


def _spline_gradients(image: ArrayLike, boundary: str) -> Array:
    sampler = Sampler(image, "bspline3", boundary=boundary)
    rows, columns = np.shape(image)[:2]
    values, gradients, _ = sampler.grid(np.arange(columns), np.arange(rows))
    gradients[np.isnan(values)] = np.nan
    return gradients
