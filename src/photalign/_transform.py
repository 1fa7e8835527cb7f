"""What is done to the pixels of both images before they are aligned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from photalign import _core
from photalign._types import Array, FloatArray
from photalign.features import Features

__all__ = ["Transform", "frame_of", "magnification", "smoothed", "turned"]

# A frame that differs more has changed what features see.
_MOST_TURN = np.radians(3.0)
_MOST_SCALING = 1.05

# Added to the local variance, in standard deviations of the noise.
_NOISE_FLOOR = 2.0

# Width of the smoothing, px, where an image is nothing but noise.
_SMOOTHING_OF_NOISE = 2.5
_SAMPLE_ROWS = 64

# Frames beyond are those of no image, but of a start that leads nowhere.
_MOST_MAGNIFICATION = 16.0


@dataclass(frozen=True, kw_only=True)
class Transform:
    """A local normalization, features, or features of what was normalized."""

    window: float | None
    """Of the local normalization, px of the reference; None to do without."""
    features: Features

    def __call__(
        self, view: Array, weight: Array | None, frame: FloatArray, threads: int
    ) -> Array:
        """Transform an image.

        Parameters
        ----------
        view : ndarray, shape (H, W, C)
            The image as the core takes it.
        weight : ndarray, shape (H, W, 1), optional
            Weights of its pixels.
        frame : ndarray, shape (2, 2)
            Derivative of the image's points by those of the reference.
        threads : int
            How many to use.

        Returns
        -------
        ndarray, shape (H, W, K), float32
            Channels that are compared; NaN where they are not valid.
        """
        if self.window is not None:
            window = self.window * magnification(frame)
            view = _core.normalize_locally(view, weight, window, _NOISE_FLOOR, threads)
        if self.features.are_pixels:
            return view
        return _core.features(
            view,
            weight,
            self.features.code,
            frame,
            self.features.smoothing,
            self.features.threshold,
            threads,
        )

    def is_changed(self, before: FloatArray, after: FloatArray) -> bool:
        """Whether a frame differs from another one by more than what is negligible."""
        scaling = magnification(after) / magnification(before)
        if max(scaling, 1 / scaling) > _MOST_SCALING:
            return True
        # A window is round.
        return not self.features.are_pixels and turned(before, after) > _MOST_TURN


def smoothed(
    features: Features,
    views: tuple[Array, Array],
    weights: tuple[Array | None, Array | None],
) -> Features:
    """Return features whose smoothing is as wide as the noisier image needs.

    The noise of a gradient falls with the square of the width, so that the width
    follows the square root of the noise, in units of what varies in the image.
    """
    share = max(
        _noise_share(view, weight) for view, weight in zip(views, weights, strict=True)
    )
    width = _SMOOTHING_OF_NOISE * np.sqrt(share)
    return replace(features, smoothing=max(features.smoothing, float(width)))


def _noise_share(view: Array, weight: Array | None) -> float:
    """Return the noise in units of the image's standard deviation, 0 to 1."""
    rows = max(1, view.shape[0] // _SAMPLE_ROWS)
    some = view[rows // 2 :: rows].astype(np.float64)
    use = np.isfinite(some).all(axis=2)
    if weight is not None:
        use &= weight[rows // 2 :: rows, :, 0] > 0
    noise = np.array([_core.noise_level(view, weight, c) for c in range(view.shape[2])])
    with np.errstate(all="ignore"):
        variance = some[use].var(axis=0).sum() if use.any() else 0.0
        share = float(np.sqrt(np.square(noise).sum() / variance))
    # Numbers too large or too small to be squared are the core's to refuse.
    return min(share, 1.0) if np.isfinite(share) else 0.0


def frame_of(jacobian: FloatArray) -> FloatArray:
    """Return the derivative of a warp as a frame; the identity where it is none."""
    if not np.isfinite(jacobian).all():
        return np.eye(2)
    # In every direction: what a flat frame reaches is as wide as it is long.
    most, least = np.linalg.svd(jacobian, compute_uv=False)
    if not (most < _MOST_MAGNIFICATION and least > 1 / _MOST_MAGNIFICATION):
        return np.eye(2)
    return np.ascontiguousarray(jacobian, dtype=np.float64)


def magnification(frame: FloatArray) -> float:
    """Return the pixels of the image along one of the reference, in the mean."""
    return float(np.sqrt(abs(np.linalg.det(frame))))


def turned(before: FloatArray, after: FloatArray) -> float:
    """Return the angle between two frames, rad: that of the nearest rotation."""
    change = after @ np.linalg.inv(before)
    return float(
        abs(np.arctan2(change[1, 0] - change[0, 1], change[0, 0] + change[1, 1]))
    )
