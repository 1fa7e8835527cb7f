"""Pairs whose brightness is no global function of each other, with known warps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from skimage import data

from photalign import Sampler
from photalign.synthetic import random_warp, view
from photalign.synthetic.views import pixel_grid
from photalign.warps import Affine, Homography, MatrixWarp, Translation

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

SHAPE = (200, 200)
NOISE = 2.0
SCALES = {
    "retina": 4.0,
    "astronaut": 1.8,
    "coffee": 1.5,
    "camera": 1.8,
    "stereo_motorcycle": 1.7,
    "chelsea": 1.1,
    "immunohistochemistry": 1.8,
}
"""Pixels of each photograph per pixel of a view."""


@dataclass(frozen=True, kw_only=True)
class ModalPair:
    """Two images, what is known of their warp, and where methods start."""

    reference: NDArray[np.generic]
    moving: NDArray[np.generic]
    kind: str
    truth: MatrixWarp
    start: MatrixWarp
    within: float = 0.5
    """Largest distance of a corner from the truth that counts as solved, px."""
    reference_mask: NDArray[np.bool_] | None = None
    moving_mask: NDArray[np.bool_] | None = None

    def error(self, warp: MatrixWarp) -> float:
        """RMS distance of the corners from where the truth has them, px."""
        shape = self.reference.shape
        moved = warp.corners(shape) - self.truth.corners(shape)
        return float(np.sqrt(np.mean(np.sum(moved**2, axis=1))))


def synthetic(
    change: Callable[[Floats, np.random.Generator], tuple[Floats, Floats]], count: int
) -> Iterator[ModalPair]:
    """Views of photographs in color, corners off by 2 to 8 px, changed in brightness.

    `change` makes of both views in color, (2, H, W, 3), the two images in gray.
    """
    names = list(SCALES)
    for seed in range(count):
        rng = np.random.default_rng([seed, 5])
        truth = random_warp("affine", SHAPE, 2.0 + 2 * (seed % 4), rng)
        colors = _views(names[seed % len(names)], truth)
        reference, moving = (
            np.clip(np.rint(image + rng.normal(0, NOISE, SHAPE)), 0, 255)
            for image in change(colors, rng)
        )
        yield ModalPair(
            reference=reference.astype(np.uint8),
            moving=moving.astype(np.uint8),
            kind="affine",
            truth=truth,
            start=Affine.identity(),
        )


def shadow(colors: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The moving image has a shadow with an edge, and vignetting."""
    reference, moving = colors.mean(axis=-1)
    points = pixel_grid(SHAPE) - (np.array(SHAPE[::-1]) - 1) / 2
    angle, off = rng.uniform(0, 2 * np.pi), rng.uniform(-30, 30)
    across = points @ [np.cos(angle), np.sin(angle)] - off
    edge = 1 - 0.55 / (1 + np.exp(-across / 2.5))
    return reference, moving * edge * (1 - 0.5 * (points**2).sum(axis=-1) / 2e4)


def exposures(colors: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Five stops apart, as a camera stores them: with a gamma, and clipped."""
    linear = (np.clip(colors.mean(axis=-1), 0, 255) / 255) ** 2.2
    half = 2.5 * rng.choice([-1, 1])
    dark, bright = (
        255 * np.clip(view_ * 2.0**stops, 0, 1) ** (1 / 2.2)
        for view_, stops in zip(linear, (-half, half), strict=True)
    )
    return dark, bright


def inverted(colors: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """The moving image is a negative."""
    reference, moving = colors.mean(axis=-1)
    return reference, 255 - moving


def folded(colors: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Dark and bright swap places more than once, as between T1 and T2."""
    reference, moving = colors.mean(axis=-1)
    phase = rng.uniform(0, 2 * np.pi)
    return reference, 120 + 100 * np.sin(moving / 255 * 2 * np.pi * 1.1 + phase)


def plates(colors: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Red of the one, blue of the other; of gray photographs another gamma."""
    reference, moving = colors
    if np.ptp(reference, axis=-1).max() < 1:
        return reference[..., 0], 255 * (np.clip(moving[..., 2], 0, 255) / 255) ** 2.5
    return reference[..., 0], moving[..., 2]


def off_by(
    truth: MatrixWarp, shape: tuple[int, ...], distance: float, kind: str, seed: int
) -> MatrixWarp:
    """Return a start whose corners are off by so many pixels, each in its direction."""
    rng = np.random.default_rng([seed, 7])
    angles = rng.uniform(0, 2 * np.pi, 4)
    away = distance * np.column_stack([np.cos(angles), np.sin(angles)])
    if kind == "translation":
        return Translation.from_params(away[0]) @ truth
    corners, mapped = Affine.identity().corners(shape), truth.corners(shape)
    if kind == "homography":
        return _through_four(corners, mapped + away)
    columns = np.column_stack([corners, np.ones(4)])
    return Affine(np.linalg.lstsq(columns, mapped + away, rcond=None)[0].T)


def _through_four(points: Floats, mapped: Floats) -> Homography:
    """Return the homography that maps four points to four others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(points, mapped, strict=True):
        rows += [
            [x, y, 1, 0, 0, 0, -u * x, -u * y],
            [0, 0, 0, x, y, 1, -v * x, -v * y],
        ]
        values += [u, v]
    return Homography(np.append(np.linalg.solve(rows, values), 1).reshape(3, 3))


def _views(name: str, truth: MatrixWarp) -> Floats:
    """Both views of a photograph, (2, H, W, 3), grey levels."""
    scene, (rows, columns) = _photograph(name)
    scale = SCALES[name]
    x, y = (np.array([columns, rows]) - scale * np.array(SHAPE[::-1])) / 2
    place = Affine([[scale, 0, x], [0, scale, y]])
    return np.stack(
        [view(scene, place, SHAPE), view(scene, place @ truth.inverse(), SHAPE)]
    )


@cache
def _photograph(name: str) -> tuple[Sampler, tuple[int, int]]:
    image = getattr(data, name)()
    if name == "stereo_motorcycle":
        image = image[0]
    pixels = np.asarray(image, dtype=np.float64)
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    # What views see beyond the border is the border's.
    margin = 100
    padded = np.pad(pixels, ((margin,) * 2, (margin,) * 2, (0, 0)), mode="reflect")
    return Sampler(padded, kernel="bspline3"), (padded.shape[0], padded.shape[1])
