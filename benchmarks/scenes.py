"""Scenes whose views are exact: sums of waves, and photographs that say more.

Beside the problems of `benchmarks.problems`, whose photograph is smooth: photographs
with more detail than their views can show, and waves, which have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import DTypeLike, NDArray
from skimage import data

from benchmarks.problems import NOISE, SHAPE, Problem
from photalign import Sampler
from photalign.synthetic import Pair, pair, random_warp
from photalign.synthetic.views import pixel_grid
from photalign.warps import Affine, MatrixWarp, Translation

Floats = NDArray[np.float64]

WAVES = 40
LONGEST = 60.0
SHIFTS = tuple((x, y) for x in (0.1, 0.25, 0.4, 0.5) for y in (0.0, 0.3, 0.7))
"""Pixels; all that repeats itself from pixel to pixel is in them."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the views of a photograph look."""

    photograph: str
    center: tuple[float, float]
    scale: float
    """Pixels of the photograph per pixel of a view: the more, the less aliasing."""
    spread: float
    """How far centers are drawn from `center`, in pixels of the photograph."""
    most_motion: float
    """Standard deviation of the corners that the photograph has room for, px."""


PLACES = (
    Place(photograph="retina", center=(705, 705), scale=4, spread=50, most_motion=10),
    Place(
        photograph="hubble_deep_field",
        center=(500, 436),
        scale=3,
        spread=40,
        most_motion=10,
    ),
    Place(
        photograph="stereo_motorcycle",
        center=(370, 250),
        scale=2,
        spread=10,
        most_motion=4,
    ),
    Place(photograph="camera", center=(256, 256), scale=2, spread=10, most_motion=4),
)


def of_photograph(
    place: Place, kind: str, count: int, noise: float, dtype: DTypeLike = np.uint8
) -> Iterator[Problem]:
    """Views like those of `benchmarks.problems`, of any photograph and noise."""
    for seed in range(count):
        rng = np.random.default_rng([seed, len(kind)])
        sigma = min(2.0 + 2 * (seed % 5), place.most_motion)
        truth = random_warp(kind, SHAPE, sigma, rng)
        x, y = rng.uniform(-place.spread, place.spread, size=2) + place.center
        views = _views(place, truth, noise, rng, (x, y), dtype)
        bound = views.bound().corner_rms if noise else np.nan
        yield Problem(kind=kind, pair=views, bound=bound)


def turned(place: Place, scale: float, degrees: float, count: int) -> Iterator[Problem]:
    """The moving view shows the scene larger and turned; methods start at the truth."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        angle = np.deg2rad(degrees + rng.uniform(-3, 3))
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        middle = (np.array(SHAPE[::-1]) - 1) / 2
        shift = middle - scale * turn @ middle + rng.uniform(-3, 3, 2)
        truth = Affine(np.column_stack([scale * turn, shift]))
        yield _at_truth(_views(place, truth, NOISE, rng, place.center), "affine")


def shifted_photograph(place: Place) -> Iterator[Problem]:
    """Pairs without noise or rounding, shifted by parts of a pixel."""
    for shift in SHIFTS:
        truth = Translation.from_params(shift)
        views = _views(
            place, truth, 0, np.random.default_rng(0), place.center, np.float32
        )
        yield Problem(kind="translation", pair=views, bound=np.nan)


def shifted_waves(shortest: float, count: int = 2) -> Iterator[Problem]:
    """The same of scenes that pixels can show: waves of `shortest` px or more."""
    for seed in range(count):
        scene = waves(np.random.default_rng(seed), shortest)
        for shift in SHIFTS:
            truth = Translation.from_params(shift)
            clean = scene(pixel_grid(SHAPE)), scene(truth.inverse()(pixel_grid(SHAPE)))
            views = _pair(clean, truth, 0, np.random.default_rng(0), np.float32)
            yield Problem(kind="translation", pair=views, bound=np.nan)


def noisy_waves(count: int, margin: int) -> Iterator[Problem]:
    """One band-limited scene and warp under ever new noise; methods start at the truth.

    The moving image reaches `margin` pixels further than the reference on every side.
    """
    rng = np.random.default_rng(5)
    scene = waves(rng, 8)
    core = random_warp("affine", SHAPE, 2, rng)
    truth = Translation.from_params([margin, margin]).matrix @ core.matrix
    warp = Affine(truth[:2])
    rows, columns = SHAPE
    wide = pixel_grid((rows + 2 * margin, columns + 2 * margin))
    clean = scene(pixel_grid(SHAPE)), scene(warp.inverse()(wide))
    for seed in range(count):
        noise = np.random.default_rng([seed, margin])
        yield _at_truth(_pair(clean, warp, NOISE, noise, np.uint8), "affine")


def waves(rng: np.random.Generator, shortest: float) -> Callable[[Floats], Floats]:
    """Draw plane waves of `shortest` px and more about a mean of 120 grey levels."""
    length = np.exp(rng.uniform(np.log(shortest), np.log(LONGEST), WAVES))
    angle = rng.uniform(0, 2 * np.pi, WAVES)
    frequency = 2 * np.pi * np.column_stack([np.cos(angle), np.sin(angle)])
    frequency /= length[:, np.newaxis]
    phase = rng.uniform(0, 2 * np.pi, WAVES)
    amplitude = rng.uniform(0.5, 1, WAVES)
    amplitude *= 110 / amplitude.sum()

    def scene(points: Floats) -> Floats:
        values: Floats = 120 + np.cos(points @ frequency.T + phase) @ amplitude
        return values

    return scene


@cache
def photograph(name: str) -> Sampler:
    """A photograph of scikit-image in gray, ready for `photalign.synthetic.view`."""
    image = getattr(data, name)()
    left = np.asarray(image[0] if isinstance(image, tuple) else image, np.float64)
    gray = left @ np.array([0.299, 0.587, 0.114]) if left.ndim == 3 else left
    return Sampler(gray, kernel="bspline3")


def _views(
    place: Place,
    truth: MatrixWarp,
    noise: float,
    rng: np.random.Generator,
    center: Sequence[float],
    dtype: DTypeLike = np.uint8,
) -> Pair:
    x, y = center
    return pair(
        photograph(place.photograph),
        truth,
        SHAPE,
        center=(x, y),
        scale=place.scale,
        noise=noise,
        dtype=dtype,
        seed=rng,
    )


def _pair(
    clean: tuple[Floats, Floats],
    truth: MatrixWarp,
    noise: float,
    rng: np.random.Generator,
    dtype: DTypeLike,
) -> Pair:
    reference, moving = (
        values + rng.normal(0, noise, values.shape) for values in clean
    )
    if np.dtype(dtype).kind == "u":
        reference, moving = (
            np.rint(reference).clip(0, 255),
            np.rint(moving).clip(0, 255),
        )
    return Pair(
        reference=reference.astype(dtype),
        moving=moving.astype(dtype),
        truth=truth,
        gain=1.0,
        bias=0.0,
        noise=noise,
        occluder_mask=np.zeros(clean[1].shape, np.bool_),
        clean=clean[0],
    )


def _at_truth(views: Pair, kind: str) -> Problem:
    start = views.truth.matrix
    return Problem(kind=kind, pair=views, bound=views.bound().corner_rms, start=start)
