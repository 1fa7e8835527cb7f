"""Local normalization from wide windows to narrow ones: wide ones reach further."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from photalign.brightness import Local
from photalign.kernels import ALIGNMENT_KERNELS
from photalign.results import Alignment
from photalign.warps import FunctionWarp, MatrixWarp

if TYPE_CHECKING:
    from photalign._pair import Pair

__all__ = ["approach", "continued", "levels_of", "wide_windows"]

# From one window to the next; the result of one must be within reach of the other.
_MOST_SHRINKING = 8.0

# Pixels at full resolution and the tolerance in px that a start is good enough with.
_PIXELS = 20_000
_TOLERANCE = 0.05


def wide_windows(window: float, levels: int) -> Iterator[float]:
    """Yield the windows to begin with, px, the widest first.

    What is normalized has nothing left that is much larger than the window, and the
    coarsest level shows nothing that is much smaller than its pixels: there the
    window should be two pixels wide.
    """
    widest = 2.0**levels
    stages = math.ceil(math.log(max(widest / window, 1.0), _MOST_SHRINKING))
    for stage in range(stages, 0, -1):
        yield window * (widest / window) ** (stage / stages)


def levels_of(window: float, levels: int) -> int:
    """Return the levels of a window whose start is within its reach."""
    return min(levels, 1 + max(1, round(math.log2(window))))


def approach(
    pair: Pair, start: MatrixWarp | FunctionWarp, levels: int
) -> Alignment | None:
    """Align with wider windows than asked for; None if that led nowhere.

    Features keep what is large, and need none.
    """
    if not isinstance(pair.brightness, Local) or not pair.features.are_pixels:
        return None
    found: Alignment | None = None
    for window in wide_windows(pair.brightness.window, levels):
        again = _rough(pair, window).solve_in_frame(
            start, levels if found is None else levels_of(window, levels)
        )
        if again.ok and isinstance(again.warp, MatrixWarp | FunctionWarp):
            found = again if found is None else continued(found, again)
            start = again.warp
    return found


def _rough(pair: Pair, window: float) -> Pair:
    total = pair.views[0].shape[0] * pair.views[0].shape[1]
    linear = ALIGNMENT_KERNELS["linear"]
    tolerance = max(pair.solver.step_tol, _TOLERANCE)
    return replace(
        pair,
        brightness=Local(window=window),
        kernel=linear,
        last_kernel=linear,
        has_instrument=False,
        pixels=_PIXELS if total > _PIXELS else 0,
        solver=replace(pair.solver, step_tol=tolerance),
    )


def continued(first: Alignment, second: Alignment) -> Alignment:
    """Return an alignment that began where another one ended, as one."""
    fields = dict(second.__dict__)
    stages = first.__dict__["_stage_numbers"] + fields["_stage_numbers"]
    steps = np.concatenate([first.__dict__["_steps"], fields.pop("_steps")])
    fields.update(
        initial=first.initial,
        levels=first.levels,
        iterations=len(steps),
        _stage_numbers=stages,
    )
    return Alignment.of_core(steps, **fields)
