"""Own residuals: `linearize` beside NumPy with a Jacobian in memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

import photalign
from benchmarks.table import Row
from benchmarks.timing import PASSING, Timing, in_turn, photalign_threads

Floats = NDArray[np.floating]

SIZE = 1024
COUNTS = {2048: ("us", 1e6), 300_000: ("ms", 1e3)}
"""Random points, and the unit that their times are given in."""
PARAMETERS = 8
OURS = "photalign.linearize"
NUMPY = "value_and_grad, then NumPy"
MEMORY = {
    "jets": "photalign.linearize, blocks of jets",
    "blocks": "photalign.linearize, blocks",
    "whole": "photalign.linearize, whole Jacobian",
    "numpy": NUMPY,
}
MAX_MEGABYTES = 50.0


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` repetitions of each timing, on one thread."""
    with photalign_threads(1):
        yield from _time(count)
    yield from _memory()


def _time(repeats: int) -> Iterator[Row]:
    rng = np.random.default_rng(1)
    color = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    for n, (unit, factor) in COUNTS.items():
        points = rng.uniform(0, SIZE - 1, (n, 2))
        jacobian = rng.normal(size=(n, 2, PARAMETERS))
        single = jacobian.astype(np.float32)
        for name, image in {"gray": color[..., 0].copy(), "RGB": color}.items():
            sampler = photalign.Sampler(image)
            reference = rng.integers(0, 256, (n, *image.shape[2:]), np.uint8)
            given = sampler, points, jacobian, reference
            robust = photalign.Huber(scale=5)
            calls = {
                OURS: partial(photalign.linearize, *given),
                f"{OURS}, huber": partial(photalign.linearize, *given, loss=robust),
                f"{NUMPY}, float32": partial(dense, sampler, points, single, reference),
            }
            times = in_turn(calls, min(repeats, 20), clock=PASSING)
            timings = {key: Timing.of(taken) * factor for key, taken in times.items()}
            for method, timing in timings.items():
                yield Row(
                    task=f"{n} points, {PARAMETERS} parameters, {name} uint8",
                    method=method,
                    cost=timing.median,
                    unit=unit,
                    quartiles=timing.quartiles,
                    is_steady=False,  # the passing time
                    times_ours=timing.median / timings[OURS].median,
                )


def dense(
    sampler: photalign.Sampler, points: Floats, jacobian: Floats, reference: Floats
) -> tuple[Floats, Floats]:
    """J'J and J'r, with the Jacobian of the residuals in memory."""
    values, gradients, valid = sampler.value_and_grad(points, return_mask=True)
    n = len(points)
    residual = (values - reference).reshape(n, -1)
    slopes = gradients.reshape(n, -1, 2, 1)
    gone = ~valid | np.isnan(residual).any(axis=-1)
    residual[gone], slopes[gone] = 0, 0
    moved = slopes[:, :, 0] * jacobian[:, np.newaxis, 0]
    moved += slopes[:, :, 1] * jacobian[:, np.newaxis, 1]
    moved = moved.reshape(-1, jacobian.shape[-1])
    return moved.T @ moved, moved.T @ residual.ravel()


def _memory() -> Iterator[Row]:
    """The peak of one problem of 640 x 480 pixels, each in a process of its own."""
    for method, name in MEMORY.items():
        child = [sys.executable, "-m", "benchmarks.one_linearization", method]
        done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
        cost, ours = float(done.stdout), method in ("jets", "blocks")
        yield Row(
            task=f"memory, 640 x 480 pixels, own warp of {PARAMETERS} parameters",
            method=name,
            cost=cost,
            unit="MB",
            target=f"{MAX_MEGABYTES:g}," if ours else "",
            met=cost < MAX_MEGABYTES if ours else None,
        )
