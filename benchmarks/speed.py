"""Time of whole alignments, of one iteration, and of the import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from skimage import data

import photalign
from benchmarks import iterations, problems, threads
from benchmarks.peers import (
    ECC,
    METHODS,
    MULTI_SCALE,
    PHOTALIGN,
    PYSTACKREG,
    RECIPE,
    SIMPLEITK,
)
from benchmarks.table import Row
from benchmarks.timing import Timing, warm

SPEEDUPS = {MULTI_SCALE: 12, ECC: 8, RECIPE: 18, PYSTACKREG: 50, SIMPLEITK: 400}
"""How many times faster than these peers we mean to be, for an affine warp."""
OFF = 5.0
"""By how many pixels the corners are off, standard deviation."""
MAX_IMPORT_SECONDS = 0.15


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` problems of each kind."""
    yield from _whole_calls("affine", count)
    yield from _whole_calls("homography", count)
    yield from iterations.rows(count)
    yield from _two_threads(count)
    yield from _imports()


def _whole_calls(kind: str, count: int) -> Iterator[Row]:
    """The median over problems of 200 x 200 pixels, three calls for each.

    Methods take turns at every problem, so that a busy moment of the machine falls on
    all of them.
    """
    methods = [method for method in METHODS if kind in method.kinds]
    times: dict[str, list[float]] = {method.name: [] for method in methods}
    for i, problem in enumerate(problems.plain(kind, count, sigma=OFF)):
        for method in methods:
            if i < method.max_problems:
                calls = warm(partial(method.try_on, problem), repeats=3)
                times[method.name].append(float(np.median(calls)))
    timings = {name: Timing.of(taken) for name, taken in times.items()}
    ours = timings[PHOTALIGN.name].median
    for method in methods:
        timing = timings[method.name]
        wanted = SPEEDUPS.get(method) if kind == "affine" else None
        yield Row(
            task=f"whole call, {kind}, corners off by {OFF:g} px",
            method=method.name,
            problems=min(count, method.max_problems),
            cost=timing.median * 1e3,
            unit="ms",
            quartiles=(timing.quartiles[0] * 1e3, timing.quartiles[1] * 1e3),
            times_ours=timing.median / ours,
            target=f"{wanted:g} x ours," if wanted else "",
            met=timing.median >= wanted * ours if wanted else None,
        )


def _two_threads(repeats: int) -> Iterator[Row]:
    """Whole calls on an image of 1 megapixel."""
    moving = np.ascontiguousarray(data.retina()[190:1214, 190:1214, 1])
    motion = np.array([[1.002, 0.003, 2.0], [-0.002, 0.999, -3.0]])
    reference = cv2.warpAffine(moving, motion, moving.shape[::-1])

    def align(count: int) -> None:
        photalign.align(reference, moving, "affine", threads=count).raise_if_failed()

    yield from threads.rows("1024² affine", PHOTALIGN.name, align, repeats)


def _imports() -> Iterator[Row]:
    modules = ("photalign", "numpy", "cv2")
    timings = {
        module: Timing.of([_import_seconds(module) for _ in range(7)])
        for module in modules
    }
    for module, timing in timings.items():
        ours = module == "photalign"
        yield Row(
            task="import in a fresh process",
            method=module,
            cost=timing.median,
            unit="s",
            quartiles=timing.quartiles,
            times_ours=timing.median / timings["photalign"].median,
            target=f"{MAX_IMPORT_SECONDS}," if ours else "",
            met=timing.median <= MAX_IMPORT_SECONDS if ours else None,
        )


def _import_seconds(module: str) -> float:
    code = (
        "from time import process_time as now; start = now(); "
        f"import {module}; print(now() - start)"
    )
    child = [sys.executable, "-c", code]
    done = subprocess.run(child, check=True, capture_output=True, text=True)
    return float(done.stdout)
