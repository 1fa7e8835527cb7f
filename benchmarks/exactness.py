"""Errors that repeating a measurement does not average away, and what makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.peers import METHODS, MULTI_SCALE, PHOTALIGN, PYSTACKREG, Method
from benchmarks.problems import Problem
from benchmarks.scenes import (
    PLACES,
    noisy_waves,
    of_photograph,
    shifted_photograph,
    shifted_waves,
    turned,
)
from benchmarks.table import Row

SHORTEST = (4.0, 6.0)
"""The shortest waves of a band-limited scene, px."""
MARGIN = 20
NOISES = (0.5, 2.0, 8.0, 20.0)
SCALES = (0.65, 0.8, 1.25, 1.6)
TURNS = (10.0, 30.0, 45.0, 90.0)
MOST_SYSTEMATIC = {"waves": 1e-3, "photograph": 3e-3}
"""Largest error over all shifts, px."""
MOST_DEVIATIONS = 3.0
TRIALS_PER_PROBLEM = 2.4


def rows(count: int) -> Iterator[Row]:
    """Measure with all methods that can be told what the task needs to tell."""
    for shortest in SHORTEST:
        task = f"shifts without noise, waves of {shortest:.0f} px and more"
        yield from _shifts(task, list(shifted_waves(shortest)), "waves")
    for place in PLACES:
        task = f"shifts without noise, {place.photograph}"
        yield from _shifts(task, list(shifted_photograph(place)), "photograph")
    trials = int(TRIALS_PER_PROBLEM * count)
    for margin in (0, MARGIN):
        task = f"scale of waves, margin of {margin} px"
        yield from _scales(task, list(noisy_waves(trials, margin)), margin)
    yield from _photographs(count // 2)
    for scale in SCALES:
        problems = list(turned(PLACES[0], scale, 0, count // 2))
        yield from _ratios(f"motion, scale {scale:g}, retina", problems)
    for degrees in TURNS:
        problems = list(turned(PLACES[0], 1, degrees, count // 2))
        yield from _ratios(f"motion, turned by {degrees:g} degrees, retina", problems)


def _shifts(task: str, problems: Sequence[Problem], scene: str) -> Iterator[Row]:
    """The largest error over shifts by parts of a pixel, without noise."""
    most = MOST_SYSTEMATIC[scene]
    for method in METHODS:
        error = max(_errors(method, problems))
        yield Row(
            task=task,
            method=method.name,
            error=error if np.isfinite(error) else None,
            target=f"{most:g} px" if method is PHOTALIGN else "",
            met=error <= most if method is PHOTALIGN else None,
        )


def _scales(task: str, problems: Sequence[Problem], margin: int) -> Iterator[Row]:
    """The mean error of the scale under noise, in units of its standard error."""
    for method in METHODS:
        if method.max_problems < len(problems) or (method is PYSTACKREG and margin):
            continue  # too slow, or wants images of one size
        estimates = [method.try_on(problem) for problem in problems]
        scales = np.array(
            [
                np.trace(e.matrix[:2, :2] @ np.linalg.inv(p.pair.truth.matrix[:2, :2]))
                for e, p in zip(estimates, problems, strict=True)
                if e is not None
            ]
        )
        errors = scales / 2 - 1
        t = errors.mean() / (errors.std(ddof=1) / np.sqrt(len(errors)))
        ours = method is PHOTALIGN
        yield Row(
            task=task,
            method=method.name,
            scale_error=float(1e6 * errors.mean()),
            deviations=float(t),
            target=f"|t| < {MOST_DEVIATIONS:g}" if ours else "",
            met=bool(abs(t) < MOST_DEVIATIONS) if ours else None,
        )


def _photographs(count: int) -> Iterator[Row]:
    """Scenes with and without aliasing under little and much noise."""
    for kind in ("translation", "affine"):
        for place in PLACES:
            for noise in NOISES:
                problems = list(of_photograph(place, kind, count, noise))
                task = f"noise {noise:g}, {kind}, {place.photograph}"
                yield from _ratios(task, problems)


def _ratios(task: str, problems: Sequence[Problem]) -> Iterator[Row]:
    """Errors in units of the bound, where it is met to a tenth or within 0.5 px."""
    for method in (PHOTALIGN, MULTI_SCALE):
        errors = np.array(_errors(method, problems))
        bounds = np.array([problem.bound for problem in problems])
        solved = errors < np.maximum(0.5, 10 * bounds)
        ratio = np.sqrt(np.mean((errors[solved] / bounds[solved]) ** 2))
        yield Row(
            task=task,
            method=method.name,
            converged=(int(solved.sum()), len(problems)),
            ratio=float(ratio) if solved.any() else None,
        )


def _errors(method: Method, problems: Sequence[Problem]) -> list[float]:
    """RMS corner errors in pixels; infinite where there is no result."""
    found = (method.try_on(problem) for problem in problems)
    return [
        np.inf if estimate is None else problem.pair.error(estimate)
        for estimate, problem in zip(found, problems, strict=True)
    ]
