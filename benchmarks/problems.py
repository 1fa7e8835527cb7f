"""The problems that every method solves, from one high-resolution photograph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from skimage import data

from photalign import Sampler
from photalign.synthetic import Pair, pair, random_warp, view
from photalign.warps import Affine

SHAPE = (200, 200)
SCALE = 4.0
"""Pixels of the photograph per pixel of a view."""
NOISE = 2.0
CORNER_SIGMAS = (2.0, 4.0, 6.0, 8.0, 10.0)
BAND = 80
"""Height in pixels of the band that moves on its own."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Two images, their true warp, and the error that nobody can undercut."""

    kind: str
    pair: Pair
    bound: float
    """Cramer-Rao bound of the RMS corner error, in pixels."""
    brightness: str = "none"
    loss: str = "squared"
    moving_mask: NDArray[np.bool_] | None = None
    start: NDArray[np.float64] | None = None
    """Where methods start that can be told; by default the identity."""


def plain(kind: str, count: int, sigma: float | None = None) -> Iterator[Problem]:
    """Nothing but motion and noise, the corners off by 2 to 10 pixels, or `sigma`."""
    for seed in range(count):
        views = _pair(kind, seed, sigma)
        yield Problem(kind=kind, pair=views, bound=views.bound().corner_rms)


def brighter(kind: str, count: int) -> Iterator[Problem]:
    """Gain 1.2 and bias 15."""
    for seed in range(count):
        views = _pair(kind, seed, gain=1.2, bias=15)
        bound = views.bound(brightness="gain_bias").corner_rms
        yield Problem(kind=kind, pair=views, bound=bound, brightness="gain_bias")


def occluded(kind: str, count: int) -> Iterator[Problem]:
    """Gravel hides a fifth of the moving image; the bound knows where."""
    for seed in range(count):
        views = _pair(kind, seed, occluder=gravel())
        bound = views.bound().corner_rms
        yield Problem(kind=kind, pair=views, bound=bound, loss="robust")


def masked(kind: str, count: int) -> Iterator[Problem]:
    """A band of gravel that moves on its own, masked out in the moving image."""
    for seed in range(count):
        views = _pair(kind, seed, occluder=gravel((BAND, SHAPE[1])))
        mask = ~views.occluder_mask
        bound = views.bound().corner_rms
        yield Problem(kind=kind, pair=views, bound=bound, moving_mask=mask)


def single(
    kind: str, seed: int, *, occluder: NDArray[np.float64] | None = None
) -> Problem:
    """One pair of `plain`, maybe with an occluder, to be aligned with a robust loss."""
    views = _pair(kind, seed, occluder=occluder)
    return Problem(kind=kind, pair=views, bound=views.bound().corner_rms, loss="robust")


def _pair(kind: str, seed: int, sigma: float | None = None, **settings: object) -> Pair:
    rng = np.random.default_rng([seed, len(kind)])
    if sigma is None:
        sigma = CORNER_SIGMAS[seed % len(CORNER_SIGMAS)]
    truth = random_warp(kind, SHAPE, sigma, rng)
    center = rng.uniform(655, 755, size=2)
    return pair(
        photograph(),
        truth,
        SHAPE,
        center=(center[0], center[1]),
        scale=SCALE,
        noise=NOISE,
        seed=rng,
        **settings,
    )


@cache
def photograph() -> Sampler:
    """A retina, 1411 x 1411 pixels, grey levels 70 to 210 where the views look."""
    return Sampler(_gray(data.retina()), kernel="bspline3")


@cache
def gravel(shape: tuple[int, int] = (89, 89)) -> NDArray[np.float64]:
    """Texture that hides things; the default hides a fifth of a view."""
    scale = 2.5
    return view(data.gravel(), Affine([[scale, 0, 4], [0, scale, 4]]), shape)


def _gray(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    return image @ np.array([0.299, 0.587, 0.114])
