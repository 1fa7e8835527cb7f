"""Detail: pixels without their local mean, which light and vignetting change."""

from __future__ import annotations

import numpy as np

from photalign._types import Array

# Pixels on a side of the square that the local mean is taken over.
WINDOW = 9
# Robust standard deviations beyond which a pixel is an exception, such as a glint.
_CLIP = 3.0


def local_detail(pixels: Array, weight: Array, window: int = WINDOW) -> Array:
    """Return the pixels without their local mean.

    Parameters
    ----------
    pixels, weight : ndarray, shape (H, W), float32
        An image, and its weights, 0 where it is invalid.
    window : int
        Pixels of a side of the square that the mean is taken over.

    Returns
    -------
    ndarray, shape (H, W), float32
        Clipped to three robust standard deviations; 0 where invalid.
    """
    valid = weight > 0
    is_whole = bool(valid.all())
    known = pixels if is_whole else np.where(valid, pixels, np.float32(0))
    means = _box_sums(known * weight, window) / np.maximum(
        _box_sums(weight, window), np.float32(1e-6)
    )
    detail = known - means
    if not is_whole:
        detail *= valid
    sizes = np.abs(detail if is_whole else detail[valid])
    if not sizes.size:
        return detail
    # A median of 0, of images that are flat in most places, says nothing.
    spread = max(
        1.4826 * float(np.median(sizes)), 0.5 * float(np.sqrt((sizes**2).mean()))
    )
    clipped: Array = np.clip(detail, -_CLIP * spread, _CLIP * spread)
    return clipped


def _box_sums(values: Array, size: int) -> Array:
    """Return the sums over squares about the pixels, with zeros around the image."""
    half = size // 2
    sums = values
    for _ in range(2):
        length = sums.shape[0]
        running = np.zeros((length + 2 * half + 1, sums.shape[1]), np.float64)
        np.cumsum(sums, axis=0, out=running[half + 1 : half + 1 + length])
        running[half + 1 + length :] = running[half + length]
        sums = (running[size:] - running[:-size]).T
    return sums.astype(np.float32)
