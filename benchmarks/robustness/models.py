"""Whether the right model is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from skimage import data

import photalign as pa
from benchmarks.table import Row
from photalign.synthetic import Pair, pair, random_warp
from photalign.warps import WARPS

SHAPE = (200, 200)
CORNER_SIGMAS = (2.0, 4.0, 6.0, 8.0, 10.0)
NOISES = (2.0, 5.0)
ADEQUATE = 0.1
"""A simpler model is as good if its corners are this near to the truth, px."""
GOAL = 0.97


def rows(count: int) -> Iterator[Row]:
    """Choose the model of pairs of each kind, 80 each in a full run."""
    total = max(1, round(count * 1.6))
    verdicts = {
        kind: [_is_right(kind, seed) for seed in range(total)] for kind in WARPS
    }
    for kind, found in verdicts.items():
        yield Row(
            task=kind,
            method='photalign, warp="auto"',
            converged=(sum(found), len(found)),
        )
    right = sum(map(sum, verdicts.values()))
    pairs = sum(map(len, verdicts.values()))
    yield Row(
        task="all",
        method='photalign, warp="auto"',
        converged=(right, pairs),
        target=f"{GOAL:.0%},",
        met=right >= GOAL * pairs,
    )


def _is_right(kind: str, seed: int) -> bool:
    """Whether the model is that of the pair, or simpler and as good."""
    views = _views(kind, seed)
    found = pa.align(views.reference, views.moving, "auto", threads=1)
    if not found.ok or found.warp.n_params > views.truth.n_params:
        return False
    if found.warp.name == kind:
        return True
    right, bottom = SHAPE[1] - 1.0, SHAPE[0] - 1.0
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    apart = found.warp(corners) - views.truth(corners)
    return bool(np.hypot(*apart.T).max() <= ADEQUATE)


def _views(kind: str, seed: int) -> Pair:
    rng = np.random.default_rng([seed, WARPS[kind].n_params])
    photograph, center, scale = _photographs()[seed % 2]
    return pair(
        photograph,
        random_warp(kind, SHAPE, CORNER_SIGMAS[seed % 5], rng),
        SHAPE,
        center=center,
        scale=scale,
        noise=NOISES[seed // 2 % 2],
        seed=rng,
    )


@cache
def _photographs() -> tuple[tuple[pa.Sampler, tuple[float, float], float], ...]:
    """Return photographs with the middle of the views and their scale."""
    gray = np.array([0.299, 0.587, 0.114])
    return (
        (pa.Sampler(data.retina() @ gray, "bspline3"), (705, 705), 4.0),
        (pa.Sampler(data.hubble_deep_field() @ gray, "bspline3"), (500, 436), 3.0),
    )
