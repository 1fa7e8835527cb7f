"""Time of the sampler beside value-only peers, and beside what memory allows.

Whole calls from Python, on one thread unless the row says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import photalign
from benchmarks import threads
from benchmarks.machine import copy_bandwidth
from benchmarks.table import Row
from benchmarks.timing import Timing, in_turn, photalign_threads

Calls = dict[str, Callable[[], object]]

OURS = "photalign, value and gradient"
REMAP = "cv2.remap, value"
SCIPY = "SciPy, value"
SIZE = 1024
FEW, MANY = 2048, 1_000_000
"""Random points."""
COPIED = {"memory": 2**28, "the caches": 2**21}
"""Bytes of an array that does not fit into the caches, and of one that does."""
INTERPOLATION = {1: cv2.INTER_LINEAR, 3: cv2.INTER_CUBIC}
"""OpenCV's, by order."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """At most so many units, and at most such a share of a peer's cost."""

    limit: float | None = None
    share: float | Fraction | None = None
    peer: str = REMAP

    def __str__(self) -> str:
        limit = f"{self.limit:g}" if self.limit else ""
        share = f"{self.share} x {self.peer.partition(',')[0]}" if self.share else ""
        return " and ".join(part for part in (limit, share) if part) + ","

    def is_met(self, costs: dict[str, float]) -> bool:
        ours = costs[OURS]
        within = self.limit is None or ours <= self.limit
        return within and (
            self.share is None or ours <= float(self.share) * costs[self.peer]
        )


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The time that it takes to move the bytes of a task, read or written once."""

    place: str
    bandwidth: float
    """Bytes per second, by a copy."""

    def row(self, task: str, size: float, factor: float, unit: str, ours: float) -> Row:
        cost = size / self.bandwidth * factor
        return Row(
            task=task,
            method=f"{size / 1e6:.3g} MB through {self.place}",
            cost=cost,
            unit=unit,
            is_steady=False,  # others use the same memory
            times_ours=cost / ours,
        )


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` repetitions of each timing."""
    with photalign_threads(1):
        bandwidths = {
            place: Timing.of(copy_bandwidth(size, count))
            for place, size in COPIED.items()
        }
        yield from _bandwidth_rows(bandwidths)
        memory, caches = (
            Floor(place=place, bandwidth=bandwidth.median)
            for place, bandwidth in bandwidths.items()
        )
        yield from _random(caches, count)
        yield from _dense(memory, count)
        yield from _gradient_beside_value(count)
        yield from _prefilter(memory, count)
        yield from _volume(memory, count)
    yield from _two_threads(count)


def _bandwidth_rows(bandwidths: dict[str, Timing]) -> Iterator[Row]:
    for place, bandwidth in bandwidths.items():
        gigabytes = bandwidth * 1e-9
        yield Row(
            task="bytes read and written, NumPy",
            method=f"copy of {COPIED[place] / 1e6:.0f} MB, {place}",
            cost=gigabytes.median,
            unit="GB/s",
            quartiles=gigabytes.quartiles,
        )


def _task_rows(
    task: str,
    times: dict[str, list[float]],
    unit: str,
    goal: Goal | None,
    moved: float,
    floor: Floor,
) -> Iterator[Row]:
    """Ours with its verdict, the peers, and the floor."""
    factor = {"us": 1e6, "ms": 1e3}[unit]
    timings = {name: Timing.of(taken) * factor for name, taken in times.items()}
    costs = {name: timing.median for name, timing in timings.items()}
    for name, timing in timings.items():
        judged = goal if name == OURS else None
        yield Row(
            task=task,
            method=name,
            cost=timing.median,
            unit=unit,
            quartiles=timing.quartiles,
            times_ours=timing.median / costs[OURS],
            target=str(judged) if judged else "",
            met=judged.is_met(costs) if judged else None,
        )
    yield floor.row(task, moved, factor, unit, costs[OURS])


# Random points


def _image() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)


def _few_points() -> NDArray[np.float64]:
    return np.random.default_rng(2).uniform(0, SIZE - 1, (FEW, 2))


def _random(floor: Floor, repeats: int) -> Iterator[Row]:
    """The benchmark of the thread that began this, with its peers for values."""
    image, points = _image(), _few_points()
    for kernel, order, goal in (
        ("linear", 1, Goal(limit=6.0, share=0.4)),
        ("catmull_rom", 3, Goal(limit=14.0)),
        ("bspline3", 3, Goal(limit=14.0)),
    ):
        sampler = photalign.Sampler(image, kernel)
        calls: Calls = {
            OURS: lambda sampler=sampler: sampler.value_and_grad(points),
            REMAP: _remap(image, points, order),
            SCIPY: _map_coordinates(image, points, order),
        }
        times = in_turn(calls, repeats)
        # Of the image, what is under the kernel; a spline has float32 for it.
        size = 4 if kernel == "bspline3" else 1
        under = (order + 1) ** 2 * 3 * size
        moved = FEW * (points.itemsize * 2 + under + 3 * 3 * 4)
        task = f"{FEW} random points, RGB uint8, {kernel}"
        yield from _task_rows(task, times, "us", goal, moved, floor)


def _remap(
    image: NDArray[np.generic], points: NDArray[np.float64], order: int
) -> Callable[[], object]:
    maps = [np.ascontiguousarray(axis[np.newaxis]) for axis in np.float32(points).T]
    return lambda: cv2.remap(image, *maps, INTERPOLATION[order])


def _map_coordinates(
    image: NDArray[np.generic], points: NDArray[np.float64], order: int
) -> Callable[[], object]:
    """Each channel by itself, its splines filtered beforehand."""
    coordinates = np.ascontiguousarray(points.T[::-1])
    channels = list(np.moveaxis(image, -1, 0).copy())
    if order > 1:
        channels = [_coefficients(channel) for channel in channels]
    return lambda: [_at(channel, coordinates, order) for channel in channels]


def _coefficients(image: NDArray[np.generic]) -> NDArray[np.float32]:
    filtered: NDArray[np.float32] = ndimage.spline_filter(image, 3, output=np.float32)
    return filtered


def _at(
    image: NDArray[np.generic], coordinates: NDArray[np.float64], order: int
) -> object:
    return ndimage.map_coordinates(
        image,
        coordinates,
        output=np.float32,
        order=order,
        mode="mirror",
        prefilter=False,
    )


# All pixels


def _dense(floor: Floor, repeats: int) -> Iterator[Row]:
    """Every pixel of an image under an affine warp, written into arrays that are there.

    OpenCV's maps cost nothing here.
    """
    image = _image()[..., 0].astype(np.float32)
    out = np.empty_like(image), np.empty((*image.shape, 2), np.float32)
    warp = photalign.Affine([[0.95, 0.03, 11.3], [-0.02, 0.96, 25.7]])
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    maps = np.moveaxis(np.float32(warp(np.stack([x, y], axis=-1))), -1, 0).copy()
    for kernel, order, share in (
        ("linear", 1, 0.8),
        ("catmull_rom", 3, 0.6),
        ("bspline3_direct", 3, 0.6),
    ):
        sampler = photalign.Sampler(image, kernel)
        flag = INTERPOLATION[order]
        calls: Calls = {
            OURS: lambda sampler=sampler: sampler.warped(warp, image.shape, out=out),
            REMAP: lambda flag=flag: cv2.remap(image, *maps, flag, dst=out[0]),
        }
        times = in_turn(calls, repeats)
        moved = image.nbytes * (1 + 3) + image.size  # values, gradients, mask
        task = f"{SIZE}² float32, affine, {kernel}"
        goal = Goal(share=share)
        yield from _task_rows(task, times, "ms", goal, moved, floor)


# What the gradient adds


def _gradient_beside_value(repeats: int) -> Iterator[Row]:
    """The time of value and gradient, in units of that of the value alone."""
    color, points = _image(), _few_points()
    images = {"gray": color[..., 0].copy(), "RGB": color}
    for kernel, most in (("linear", 1.25), ("catmull_rom", 1.6), ("bspline3", 1.6)):
        for name, image in images.items():
            sampler = photalign.Sampler(image, kernel)
            calls: Calls = {
                "value": lambda sampler=sampler: sampler(points),
                OURS: lambda sampler=sampler: sampler.value_and_grad(points),
            }
            times = in_turn(calls, repeats)
            timing = Timing.of(_ratios(times[OURS], times["value"]))
            yield Row(
                task=f"what the gradient adds, {FEW} points",
                method=f"{kernel}, {name} uint8",
                cost=timing.median,
                unit="x value",
                quartiles=timing.quartiles,
                target=f"{most:g},",
                met=timing.median <= most,
            )


def _ratios(first: list[float], second: list[float]) -> list[float]:
    """Of the times that were measured next to each other."""
    return [a / b for a, b in zip(first, second, strict=True)]


# The prefilter


def _prefilter(floor: Floor, repeats: int) -> Iterator[Row]:
    image = _image()[..., 0].astype(np.float32)
    calls: Calls = {
        OURS: lambda: photalign.Sampler(image, "bspline3"),
        SCIPY: lambda: _coefficients(image),
    }
    goal = Goal(share=Fraction(1, 8), peer=SCIPY)
    rows = _task_rows(
        f"{SIZE}² float32, prefilter of bspline3",
        in_turn(calls, repeats),
        "ms",
        goal,
        2 * image.nbytes,
        floor,
    )
    names = {OURS: "photalign.Sampler", SCIPY: "SciPy, spline_filter"}
    for row in rows:
        yield replace(row, method=names.get(row.method, row.method))


# Volumes


def _volume(floor: Floor, repeats: int) -> Iterator[Row]:
    """A million points in a volume; SciPy does 1 in 20 of them, its time times 20."""
    rng = np.random.default_rng(4)
    volume = rng.normal(size=(128, 128, 128)).astype(np.float32)
    points = rng.uniform(0, 127, (MANY, 3))
    fewer = np.ascontiguousarray(points[: MANY // 20, ::-1].T)
    goal = Goal(share=Fraction(1, 10), peer=SCIPY)
    for kernel, order in (("linear", 1), ("bspline3", 3)):
        sampler = photalign.Sampler(volume, kernel, ndim=3)
        sampled = volume if order == 1 else _coefficients(volume)
        calls: Calls = {
            OURS: lambda sampler=sampler: sampler.value_and_grad(points),
            SCIPY: lambda image=sampled, order=order: _at(image, fewer, order),
        }
        times = in_turn(calls, min(repeats, 20))
        times[SCIPY] = [20 * taken for taken in times[SCIPY]]
        # So many points see the whole volume.
        moved = volume.nbytes + points.nbytes + MANY * 4 * 4
        task = f"10⁶ random points, 128³ float32, {kernel}"
        yield from _task_rows(task, times, "ms", goal, moved, floor)


# Threads


def _two_threads(repeats: int) -> Iterator[Row]:
    """How much faster two threads are, beside what they gain at pure arithmetic."""
    sampler = photalign.Sampler(_image())
    points = np.random.default_rng(5).uniform(0, SIZE - 1, (MANY, 2))

    def sample(count: int) -> None:
        with photalign_threads(count):
            sampler.value_and_grad(points)

    task = "10⁶ random points, RGB uint8, linear"
    yield from threads.rows(task, OURS, sample, repeats)
