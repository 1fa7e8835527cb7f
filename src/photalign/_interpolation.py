"""From pixels and a kernel to the function that the core samples."""

from __future__ import annotations

import numpy as np

from photalign import _core
from photalign._checks import choice
from photalign._types import Array
from photalign.kernels import Kernel

# In the order of the core's enumerations.
BOUNDARIES = ("mirror", "nearest", "constant")
DOMAINS = ("image", "support", "unbounded")


def core_sampler(
    pixels: Array,
    kernel: Kernel,
    *,
    boundary: str,
    domain: str,
    fill: float,
    cval: float,
    threads: int,
) -> _core.Sampler:
    """Make the core's sampler of an image, shape (H, W, C)."""
    boundary_code = BOUNDARIES.index(choice(boundary, BOUNDARIES, "boundary"))
    domain_code = DOMAINS.index(choice(domain, DOMAINS, "domain"))
    pad = 0
    if kernel.prefilter:
        # The core's filter mirrors. Any other boundary is stored, so far out that the
        # filter does not feel the end of it.
        if boundary != "mirror":
            pad = _core.prefilter_padding(kernel.taps - 1)
            pixels = _padded(pixels, pad, boundary, cval)
        pixels = spline_coefficients(pixels, None, kernel, threads)
    return _core.Sampler(
        pixels, kernel.code, boundary_code, domain_code, pad, cval, fill
    )


def spline_coefficients(
    pixels: Array, mask: Array | None, kernel: Kernel, threads: int
) -> Array:
    """Compute the B-spline that passes through the pixels, mirrored at the border.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, C), uint8, uint16, float32 or float64
        The image. NaN pixels are invalid.
    mask : ndarray, shape (H, W) or (H, W, 1), optional
        0 where a pixel is invalid.
    kernel : Kernel
        A prefiltered one.
    threads : int
        How many to use.

    Returns
    -------
    ndarray, shape (H, W, C), float32, or float64 if the image is
        Coefficients; NaN where invalid pixels have a weight of more than 0.001.
    """
    is_double = pixels.dtype == np.float64
    coefficients = pixels.astype(np.float64 if is_double else np.float32, order="C")
    if mask is not None:
        coefficients[mask.reshape(mask.shape[:2]) == 0] = np.nan
    _core.prefilter(coefficients, kernel.taps - 1, threads)
    return coefficients


def _padded(pixels: Array, pad: int, boundary: str, cval: float) -> Array:
    widths = ((pad, pad), (pad, pad), (0, 0))
    if boundary == "nearest":
        return np.pad(pixels, widths, mode="edge")
    # The constant need not be a number that the pixels' type holds.
    if pixels.dtype != np.float64:
        pixels = pixels.astype(np.float32)
    return np.pad(pixels, widths, constant_values=cval)
