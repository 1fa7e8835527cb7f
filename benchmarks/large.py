"""Large images: a colour pair of 20 megapixels, cost by size, and two threads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np

import photalign
from benchmarks.large_scenes import LargePair, large_pair
from benchmarks.machine import Arithmetic
from benchmarks.table import Row
from benchmarks.timing import PASSING, Timing, in_turn, warm
from photalign.synthetic import corner_error
from photalign.warps import Homography, Warp

COLOR = (3648, 5472)
QUICK_COLOR = (1824, 2736)
MAX_SECONDS = 0.25
"""For the colour pair, from arrays in memory to the warp, with two threads."""
SIZES = {"1 MP": (816, 1224), "4 MP": (1632, 2448), "20 MP": (3648, 5472)}
LARGEST = {"100 MP": (8160, 12240)}
"""Rows and columns, of one shape."""
MAX_SPREAD = 1.1
"""Time per pixel of any size over that of any other."""
SMALL = {"0.1 MP": (264, 396)}
"""Where the second thread begins to help."""
LEAST_SHARE = 0.9
"""Of what arithmetic gains from a second thread."""


def rows(peers: bool) -> Iterator[Row]:
    """Measure everything; without peers, at smaller sizes."""
    yield from _color_pair(peers)
    sizes = SMALL | SIZES | LARGEST if peers else {**SMALL, "1 MP": SIZES["1 MP"]}
    yield from _by_size(sizes)


def _align(pair: LargePair, threads: int) -> photalign.Alignment:
    return photalign.align(pair.reference, pair.moving, "homography", threads=threads)


def _error(estimate: Warp, pair: LargePair) -> float:
    return corner_error(estimate, pair.truth, pair.reference.shape[:2])


def _color_pair(peers: bool) -> Iterator[Row]:
    shape = COLOR if peers else QUICK_COLOR
    pair = large_pair(*shape, channels=3)
    times = in_turn(
        {"two": partial(_align, pair, 2), "one": partial(_align, pair, 1)},
        repeats=5,
        clock=PASSING,
    )
    ours = Timing.of(times["two"])
    for threads, taken in zip(("two", "one"), times.values(), strict=True):
        timing = Timing.of(taken)
        judged = peers and threads == "two"
        yield _color_row(
            pair,
            f"photalign, {threads} threads".replace("one threads", "one thread"),
            _align(pair, 2).warp,
            timing,
            ours,
            target=f"{MAX_SECONDS:g}," if judged else "",
            met=timing.median <= MAX_SECONDS if judged else None,
        )
    if peers:
        found: list[Warp] = []
        taken = warm(lambda: found.append(_multi_scale(pair)), repeats=1)
        name = "OpenCV ECC-MS, gray, one thread"
        yield _color_row(pair, name, found[-1], Timing.of(taken), ours)


def _color_row(
    pair: LargePair,
    method: str,
    estimate: Warp,
    timing: Timing,
    ours: Timing,
    target: str = "",
    met: bool | None = None,
) -> Row:
    return Row(
        task=f"{pair.pixels / 1e6:.0f}-megapixel colour pair, homography",
        method=method,
        error=_error(estimate, pair),
        cost=timing.median,
        unit="s",
        quartiles=timing.quartiles,
        times_ours=timing.median / ours.median,
        target=target,
        met=met,
    )


def _multi_scale(pair: LargePair) -> Warp:
    """What a user of OpenCV would call; it takes one channel."""
    gray = [
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        for image in (pair.reference, pair.moving)
    ]
    parameters = cv2.ECCParameters()
    parameters.motionType = cv2.MOTION_HOMOGRAPHY
    start = np.eye(3, dtype=np.float32)
    _, matrix = cv2.findTransformECCMultiScale(*gray, start, parameters)
    return Homography(matrix)


def _by_size(sizes: dict[str, tuple[int, int]]) -> Iterator[Row]:
    """Time per pixel of gray pairs on one thread, and what the second one gains."""
    arithmetic = Arithmetic()
    costs: dict[str, float] = {}
    gains: list[Row] = []
    linear: list[Row] = []
    for name, shape in sizes.items():
        pair = large_pair(*shape, channels=1)
        calls = {
            "one": partial(_align, pair, 1),
            "two": partial(_align, pair, 2),
            "load": arithmetic,
            "two loads": arithmetic.twice_at_once,
        }
        times = in_turn(calls, repeats=5 if pair.pixels > 2e7 else 15, clock=PASSING)
        per_pixel = Timing.of(times["one"]) * (1e9 / pair.pixels)
        error = _error(_align(pair, 1).warp, pair)
        if name not in SMALL:
            costs[name] = per_pixel.median
            linear.append(_size_row(name, per_pixel, error))
        gains += _gain_rows(name, times, judged=name not in SMALL)
    spread = max(costs.values()) / min(costs.values())
    yield from linear
    if len(costs) > 1:
        yield Row(
            task=linear[0].task,
            method="most over least",
            cost=spread,
            unit="x",
            target=f"{MAX_SPREAD:g},",
            met=spread <= MAX_SPREAD,
        )
    yield from gains


def _size_row(name: str, per_pixel: Timing, error: float) -> Row:
    return Row(
        task="cost by size, gray, homography, one thread",
        method=f"photalign, {name}",
        error=error,
        cost=per_pixel.median,
        unit="ns/px",
        quartiles=per_pixel.quartiles,
    )


def _gain_rows(name: str, times: dict[str, list[float]], judged: bool) -> list[Row]:
    """How much faster two threads are, beside what they gain at arithmetic."""
    ours = Timing.of(_ratios(times["one"], times["two"]))
    best = Timing.of(_ratios(times["load"], times["two loads"])) * 2
    least = LEAST_SHARE * best.median if judged else 1.0
    target = f"{LEAST_SHARE:g} x NumPy," if judged else "1,"
    return [
        Row(
            task=f"two threads, {name} gray",
            method=method,
            cost=timing.median,
            unit="x one",
            quartiles=timing.quartiles,
            target=target if is_ours else "",
            met=timing.median >= least if is_ours else None,
        )
        for method, timing, is_ours in (
            ("photalign", ours, True),
            ("NumPy, arithmetic in the caches", best, False),
        )
    ]


def _ratios(first: list[float], second: list[float]) -> list[float]:
    """Of the times that were measured next to each other."""
    return [a / b for a, b in zip(first, second, strict=True)]
