"""Time of one Gauss-Newton iteration, per pixel, for both instruction sets.

The core says how long its steps took and how many pixels they compared, so that an
optimizer that stops early, or looks at a part of the image, is measured rightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

import photalign
from benchmarks.table import Row
from benchmarks.timing import Timing, elapsed, least_disturbed
from photalign import _core

Images = tuple[NDArray[Any], NDArray[Any]]

SIZE = 512
DTYPES = ("uint8", "float32")
ECC = "OpenCV ECC, linear"
ECC_STEPS = (4, 24)
"""One iteration of ECC is the difference between so few steps and so many."""
STEPS = 8
WIDE = ("avx2", "avx512")
"""Instruction sets that there are goals for; another machine's own is measured, too."""


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """What is iterated, and what it may take: ns per pixel, by instruction set."""

    kernel: str
    method: str
    goals: dict[str, float] = field(hash=False)

    def __str__(self) -> str:
        return f"photalign, {self.kernel}, {self.method}"


LINEAR = {"avx512": 0.7, "avx2": 1.0}
ITERATIONS = (
    Iteration(kernel="linear", method="forward", goals=LINEAR),
    Iteration(kernel="linear", method="inverse", goals=LINEAR),
    Iteration(kernel="linear", method="esm", goals=LINEAR),
    Iteration(
        kernel="bspline3_direct", method="inverse", goals={"avx512": 2.5, "avx2": 2.5}
    ),
    Iteration(kernel="bspline3_direct", method="forward", goals={}),
    Iteration(kernel="bspline5_direct", method="inverse", goals={}),
)


def rows(repeats: int) -> Iterator[Row]:
    """Measure all iterations in turn, in both types of pixels."""
    for dtype in DTYPES:
        images = image_pair(dtype)
        times: dict[tuple[str, Iteration | str], list[float]] = {}
        for _ in range(repeats):
            for isa in instruction_sets():
                for iteration in ITERATIONS:
                    taken = seconds_per_pixel(images, iteration, isa)
                    times.setdefault((isa, iteration), []).append(taken)
            times.setdefault(("", ECC), []).append(_ecc(images))
        timings = {key: Timing.of(taken) * 1e9 for key, taken in times.items()}
        peer = timings["", ECC].median
        for (isa, method), timing in timings.items():
            yield _row(dtype, isa, method, timing, peer)


def instruction_sets() -> list[str]:
    """Return those that this machine has goals for, or the one it uses."""
    return [isa for isa in _core.available_variants() if isa in WIDE] or [
        _core.variant()
    ]


@contextmanager
def instructions(isa: str) -> Iterator[None]:
    """Let the core use this instruction set."""
    before = _core.variant()
    if not _core.use_variant(isa):
        raise ValueError(
            f"isa: expected one of {_core.available_variants()}, got {isa!r}"
        )
    try:
        yield
    finally:
        _core.use_variant(before)


def image_pair(dtype: str) -> Images:
    """Two views of a photograph, the one a warped copy of the other."""
    moving = data.camera()
    warp = np.array([[1.01, 0.01, -4.0], [-0.02, 0.99, 3.0]])
    reference = cv2.warpAffine(moving, warp, moving.shape[::-1])
    return reference.astype(dtype), moving.astype(dtype)


def seconds_per_pixel(images: Images, iteration: Iteration, isa: str) -> float:
    """Return what the steps of one call took, over the pixels that they compared.

    The core's clock shows passing time; of that, what the processor spent on the call.
    """

    def call() -> photalign.Alignment:
        return photalign.align(
            *images,
            "affine",
            method=iteration.method,
            kernel=iteration.kernel,
            solver=photalign.GaussNewton(max_steps=STEPS, step_tol=1e-9),
            pyramid=photalign.Pyramid(levels=1),
            threads=1,
        )

    with instructions(isa):
        result, _, share = least_disturbed(call)
    stages = result._stages
    seconds, pixels = stages["finest steps"]
    if pixels < SIZE**2:
        raise RuntimeError(
            f"{iteration}: expected {SIZE**2} pixels or more compared, got {pixels}"
        )
    return share * (seconds + stages["solving"][0]) / pixels


def _ecc(images: Images) -> float:
    few, many = (elapsed(lambda n=n: _ecc_steps(images, n)) for n in ECC_STEPS)
    return (many - few) / (ECC_STEPS[1] - ECC_STEPS[0]) / SIZE**2


def _ecc_steps(images: Images, steps: int) -> None:
    start = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT, steps, -1)
    cv2.findTransformECC(*images, start, cv2.MOTION_AFFINE, criteria, None, 1)


def _row(
    dtype: str, isa: str, method: Iteration | str, timing: Timing, peer: float
) -> Row:
    goal = method.goals.get(isa) if isinstance(method, Iteration) else None
    return Row(
        task=f"one affine iteration, {SIZE}² {dtype}",
        method=f"{method}, {isa}" if isa else str(method),
        cost=timing.median,
        unit="ns/px",
        quartiles=timing.quartiles,
        speedup=peer / timing.median if isa else None,
        target=f"{goal:g}," if goal else "",
        met=timing.median <= goal if goal else None,
    )
