"""Where the time of one call goes, and what limits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

import photalign
from benchmarks import iterations, limits, problems
from benchmarks.table import Row
from benchmarks.timing import PASSING, PROCESSOR, Clock, Timing, least_disturbed

PYTHON = "Python and bindings"
LARGE = 5
"""Repetitions where images are large."""
Image = NDArray[Any]
Call = Callable[[], photalign.Alignment]


def rows(repeats: int) -> Iterator[Row]:
    """Take calls apart, then set iterations beside their limits."""
    yield from _stages("200² uint8, affine", _small_calls(repeats), "us")
    camera = partial(_align, *iterations.image_pair("uint8"), "affine")
    yield from _stages("512² uint8, affine", [camera] * repeats, "us")
    gray = partial(_align, *_retina_pair(1024), "affine")
    yield from _stages("1024² uint8, affine", [gray] * repeats, "ms")
    color = partial(_align, *_large_pair(), "homography", threads=2)
    task = "20 megapixels, RGB uint8, homography, two threads"
    yield from _stages(task, [color] * min(repeats, LARGE), "ms", threads=2)
    yield from limits.rows(repeats)


def _align(
    reference: Image, moving: Image, warp: str, threads: int = 1
) -> photalign.Alignment:
    return photalign.align(reference, moving, warp, threads=threads).raise_if_failed()


def _small_calls(count: int) -> list[Call]:
    """The problems whose whole calls *speed* measures."""
    given = problems.plain("affine", count, sigma=5)
    return [
        partial(_align, problem.pair.reference, problem.pair.moving, "affine")
        for problem in given
    ]


def _retina_pair(size: int) -> tuple[Image, Image]:
    first = (1411 - size) // 2
    part = slice(first, first + size)
    moving = np.ascontiguousarray(data.retina()[part, part, 1])
    motion = np.array([[1.002, 0.003, 2.0], [-0.002, 0.999, -3.0]])
    return cv2.warpAffine(moving, motion, moving.shape[::-1]), moving


def _large_pair() -> tuple[Image, Image]:
    size = 5472, 3648
    moving = cv2.resize(data.retina()[300:1100, 100:1300], size)
    motion = np.array([[1.001, 0.002, 6.0], [-0.002, 0.999, -4.0], [1e-7, -1e-7, 1]])
    return cv2.warpPerspective(moving, motion, size), moving


def _stages(work: str, calls: list[Call], unit: str, threads: int = 1) -> Iterator[Row]:
    """The stages of calls, as the core's clock has them, and the rest.

    Shares are of the time of all calls, so that they add up.
    """
    factor = {"us": 1e6, "ms": 1e3}[unit]
    calls[0]()
    clock = PROCESSOR if threads == 1 else PASSING
    wholes: list[float] = []
    times: dict[str, list[float]] = {PYTHON: []}
    for call in calls:
        whole, stages = _taken_apart(call, clock)
        wholes.append(whole)
        times[PYTHON].append(whole - sum(stages.values()))
        for stage, seconds in stages.items():
            times.setdefault(stage, []).append(seconds)
    for name, taken in {"photalign.align": wholes, **times}.items():
        timing = Timing.of(taken) * factor
        yield Row(
            task=f"one call, {work}",
            method=name,
            cost=timing.median,
            unit=unit,
            quartiles=timing.quartiles,
            share=sum(taken) / sum(wholes),
        )


def _taken_apart(call: Call, clock: Clock) -> tuple[float, dict[str, float]]:
    """Return the time of one call, and of its stages.

    The core's clock shows passing time; of that, what the processor spent on the call.
    """
    result, whole, share = least_disturbed(call, clock)
    stages = result._stages
    return whole, {name: share * seconds for name, (seconds, _) in stages.items()}
