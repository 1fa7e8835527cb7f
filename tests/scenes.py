"""Scenes that are known everywhere, and exact views of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from photalign.sampling import Sampler
from photalign.warps import Warp

SHAPE = (80, 96)


@dataclass(frozen=True)
class Waves:
    """A sum of plane waves about a mean of 120 grey levels, as a function of points."""

    frequency: NDArray[np.float64]  # (N, 2), radians per px
    phase: NDArray[np.float64]
    amplitude: NDArray[np.float64]  # in grey levels

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values at points, shape (..., 2), between 10 and 230."""
        return 120 + np.cos(points @ self.frequency.T + self.phase) @ self.amplitude


def waves(
    rng: np.random.Generator,
    *,
    shortest: float = 9.0,
    longest: float = 40.0,
    count: int = 24,
) -> Waves:
    """Draw waves of random directions and of lengths in px."""
    length = rng.uniform(shortest, longest, count)
    angle = rng.uniform(0, 2 * np.pi, count)
    direction = np.column_stack([np.cos(angle), np.sin(angle)])
    amplitude = rng.uniform(0.5, 1, count)
    return Waves(
        frequency=2 * np.pi * direction / length[:, None],
        phase=rng.uniform(0, 2 * np.pi, count),
        amplitude=110 * amplitude / amplitude.sum(),
    )


def grid(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the pixels' centers (x, y), shape (H, W, 2)."""
    rows, columns = np.indices(shape, dtype=np.float64)
    return np.stack([columns, rows], axis=-1)


def as_dtype(image: NDArray[np.float64], dtype: DTypeLike) -> NDArray[Any]:
    """Round to integers, saturate, and convert."""
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        info = np.iinfo(kind)
        image = np.rint(image).clip(info.min, info.max)
    return image.astype(kind)


def views(
    scene: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    truth: Warp,
    shape: tuple[int, int] = SHAPE,
    *,
    dtype: DTypeLike = np.float32,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the reference and the moving image of a scene."""
    points = grid(shape)
    reference, moving = scene(points), scene(truth.inverse()(points))
    if noise:
        assert rng is not None
        reference = reference + rng.normal(0, noise, reference.shape)
        moving = moving + rng.normal(0, noise, moving.shape)
    return as_dtype(reference, dtype), as_dtype(moving, dtype)


@cache
def photograph(name: str = "retina") -> Sampler:
    """Return a photograph of scikit-image in gray, ready for `synthetic.view`."""
    from skimage import data

    image = np.asarray(getattr(data, name)(), dtype=np.float64)
    gray = image @ [0.299, 0.587, 0.114] if image.ndim == 3 else image
    # Neither noise nor gain must leave the range of uint8.
    return Sampler(16 + 0.85 * gray, kernel="bspline3")
