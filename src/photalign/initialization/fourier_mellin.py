"""Rotation and scale from the magnitudes of spectra, which shifts do not change."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from photalign._types import Array, FloatArray
from photalign.initialization._detail import local_detail
from photalign.initialization.coarse import SmallImage, SmallPair
from photalign.initialization.correlation import (
    Correlation,
    Spectra,
    masked_correlation,
    quick_length,
)
from photalign.sampling import Sampler

# Directions over half a turn; the spectrum of a real image repeats after it.
_ANGLES = 120
# Frequencies: the lowest, in periods per pixel, and the ratio from one to the next.
_LOWEST = 0.06
_STEP = 2 ** (1 / 16)
_FREQUENCIES = 48
# By how much the size may change, with a margin, and how many ratios that is.
_LARGEST_SCALE = 2.1
_REACH = int(np.ceil(np.log(_LARGEST_SCALE) / np.log(_STEP)))
# Share of each side over which the image fades out, so that its frame makes no cross.
_FADE = 0.1
# The local mean is taken away from squares of so many pixels: the high-pass filter.
_WINDOW = 15
_LARGEST_PADDING = 256


def turns(
    small: SmallPair, count: int, *, with_scale: bool
) -> Iterator[tuple[float, float]]:
    """Yield angles and scales that the spectra agree in, the best first.

    Parameters
    ----------
    small : SmallPair
        Both images.
    count : int
        How many peaks to take; each stands for two angles that are half a turn apart.
    with_scale : bool
        Whether the scale may be other than 1.

    Yields
    ------
    angle, scale : float
        Of the warp from the reference to the moving image, rad.

    References
    ----------
    B. S. Reddy and B. N. Chatterji, "An FFT-based technique for translation, rotation
    and scale-invariant image registration", IEEE Trans. Image Processing 5(8), 1996.
    """
    images = small.reference, small.moving
    longest = max(max(image.shape) for image in images)
    length = quick_length(max(longest, min(2 * longest, _LARGEST_PADDING)))
    reference, moving = (_log_polar(image, length) for image in images)
    for peak in _correlation(moving, reference, with_scale).peaks(count):
        # Magnitudes are those of the turned spectrum: directions turn with the image,
        # frequencies fall as it grows.
        angle = -np.pi * peak.y / _ANGLES
        scale = _STEP**peak.x if with_scale else 1.0
        yield angle, scale
        yield angle + np.pi, scale


def _log_polar(image: SmallImage, length: int) -> Array:
    """Return magnitudes over directions (rows) and logarithms of frequencies."""
    detail = local_detail(image.pixels, image.weight, _WINDOW)
    rows, columns = image.shape
    fade = np.outer(_fading(rows), _fading(columns)).astype(np.float32)
    spectrum = np.fft.rfft2(detail * image.weight * fade, (length, length))
    # Of the half that the other one repeats, rows from the lowest to the highest.
    magnitudes = np.fft.fftshift(np.sqrt(np.abs(spectrum)), axes=0)
    sampled = Sampler(magnitudes.astype(np.float32))(_points(length))
    # Spectra decay with frequency; what is left without that tells images apart.
    sampled -= sampled.mean(axis=0)
    sampled /= np.maximum(sampled.std(axis=0), np.float32(1e-12))
    return sampled


@lru_cache(maxsize=4)
def _points(length: int) -> FloatArray:
    """Return where in a half spectrum the directions and frequencies are."""
    angle = np.pi * (np.arange(_ANGLES) / _ANGLES - 0.5)[:, np.newaxis]
    radius = length * _LOWEST * _STEP ** np.arange(_FREQUENCIES)
    return np.stack([radius * np.cos(angle), length // 2 + radius * np.sin(angle)], -1)


def _fading(length: int) -> FloatArray:
    """Return a window that is 1 but for its ends, cosines down to 0."""
    width = max(1, int(_FADE * length))
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, width + 1) / (width + 1))
    window = np.ones(length)
    window[:width] *= rise
    window[length - width :] *= rise[::-1]
    return window


def _correlation(moving: Array, reference: Array, with_scale: bool) -> Correlation:
    """Correlate over directions, which go around, and frequencies, which end."""
    reach = _REACH if with_scale else 0
    size = (_ANGLES, quick_length(_FREQUENCIES + _REACH))
    everywhere = np.ones(reference.shape, np.float32)
    found = masked_correlation(
        Spectra.of(moving, everywhere, size),
        Spectra.of(reference, everywhere, size),
        size,
        everywhere.size * (1 - _REACH / _FREQUENCIES) - 1,
    )
    lags = np.arange(size[1])
    found.significance[:, (lags > reach) & (lags < size[1] - reach)] = -np.inf
    return found
