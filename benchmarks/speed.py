"""Time of whole alignments, of one iteration, and of the import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

import photalign
from benchmarks import problems
from benchmarks.peers import METHODS, MULTI_SCALE, PHOTALIGN, PYSTACKREG
from benchmarks.table import Row
from benchmarks.timing import Timing, elapsed, warm

SPEEDUPS = {MULTI_SCALE: 4.0, PYSTACKREG: 20.0}
"""How many times faster than these peers we mean to be."""
MAX_NS_PER_PIXEL = 1.5
MAX_IMPORT_SECONDS = 0.15
STEPS = (4, 24)
"""One iteration is the difference between so few steps and so many."""


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` problems of each kind."""
    yield from _whole_calls("affine", count)
    yield from _whole_calls("homography", count)
    yield from _iterations(repeats=count)
    yield from _imports()


def _whole_calls(kind: str, count: int) -> Iterator[Row]:
    """The median over the problems of the accuracy task, three calls for each.

    Methods take turns at every problem, so that a busy moment of the machine falls on
    all of them.
    """
    methods = [method for method in METHODS if kind in method.kinds]
    times: dict[str, list[float]] = {method.name: [] for method in methods}
    for i, problem in enumerate(problems.plain(kind, count)):
        for method in methods:
            if i < method.max_problems:
                calls = warm(partial(method.try_on, problem), repeats=3)
                times[method.name].append(float(np.median(calls)))
    timings = {name: Timing.of(taken) for name, taken in times.items()}
    ours = timings[PHOTALIGN.name].median
    for method in methods:
        timing = timings[method.name]
        wanted = SPEEDUPS.get(method)
        yield Row(
            task=f"whole call, {kind}",
            method=method.name,
            cost=timing.median * 1e3,
            unit="ms",
            quartiles=(timing.quartiles[0] * 1e3, timing.quartiles[1] * 1e3),
            times_ours=timing.median / ours,
            target=f"{wanted:g} x ours," if wanted else "",
            met=timing.median >= wanted * ours if wanted else None,
        )


def _iterations(repeats: int) -> Iterator[Row]:
    """One affine Gauss-Newton iteration on 512 x 512 pixels."""
    moving = data.camera()
    warp = np.array([[1.01, 0.01, -4.0], [-0.02, 0.99, 3.0]])
    reference = cv2.warpAffine(moving, warp, moving.shape[::-1])
    for dtype in ("uint8", "float32"):
        images = reference.astype(dtype), moving.astype(dtype)
        for kernel in ("linear", "bspline3_direct", "bspline5_direct"):
            timing = _per_step(_photalign_steps(*images, kernel), repeats)
            target = MAX_NS_PER_PIXEL if kernel == "linear" else None
            yield _iteration_row(dtype, f"photalign, {kernel}", timing, target)
        timing = _per_step(_ecc_steps(*images), repeats)
        yield _iteration_row(dtype, "OpenCV ECC, linear", timing, None)


def _photalign_steps(
    reference: NDArray[np.generic], moving: NDArray[np.generic], kernel: str
) -> Callable[[int], int]:
    """A function that makes up to so many steps and says how many they were."""

    def make(steps: int) -> int:
        result = photalign.align(
            reference,
            moving,
            "affine",
            method="forward",
            kernel=kernel,
            solver=photalign.GaussNewton(max_steps=steps, step_tol=1e-12),
            pyramid=photalign.Pyramid(levels=1),
            threads=1,
        )
        return result.iterations

    return make


def _ecc_steps(
    reference: NDArray[np.generic], moving: NDArray[np.generic]
) -> Callable[[int], int]:
    def make(steps: int) -> int:
        start = np.eye(2, 3, dtype=np.float32)
        criteria = (cv2.TERM_CRITERIA_COUNT, steps, -1)
        cv2.findTransformECC(
            reference, moving, start, cv2.MOTION_AFFINE, criteria, None, 1
        )
        return steps

    return make


def _per_step(make: Callable[[int], int], repeats: int) -> Timing:
    """Seconds per step: the time that more steps add, over the steps added."""
    few, many = (partial(make, steps) for steps in STEPS)
    added = many() - few()
    if added <= 0:
        raise RuntimeError(f"expected steps added between {STEPS}, got {added}")
    return Timing.of([(elapsed(many) - elapsed(few)) / added for _ in range(repeats)])


def _iteration_row(
    dtype: str, method: str, timing: Timing, target: float | None
) -> Row:
    per_pixel = 1e9 / 512**2
    cost = timing.median * per_pixel
    return Row(
        task=f"one affine iteration, 512² {dtype}",
        method=method,
        cost=cost,
        unit="ns/px",
        quartiles=(timing.quartiles[0] * per_pixel, timing.quartiles[1] * per_pixel),
        target=f"{target}," if target else "",
        met=cost <= target if target else None,
    )


def _imports() -> Iterator[Row]:
    for module in ("photalign", "numpy", "cv2"):
        timing = Timing.of([_import_seconds(module) for _ in range(7)])
        ours = module == "photalign"
        yield Row(
            task="import in a fresh process",
            method=module,
            cost=timing.median,
            unit="s",
            quartiles=timing.quartiles,
            target=f"{MAX_IMPORT_SECONDS}," if ours else "",
            met=timing.median <= MAX_IMPORT_SECONDS if ours else None,
        )


def _import_seconds(module: str) -> float:
    code = (
        "from time import perf_counter as now; start = now(); "
        f"import {module}; print(now() - start)"
    )
    child = [sys.executable, "-c", code]
    done = subprocess.run(child, check=True, capture_output=True, text=True)
    return float(done.stdout)
