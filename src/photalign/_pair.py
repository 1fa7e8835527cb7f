"""Two images and how they are to be aligned: everything but the start."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from photalign import _core
from photalign._grounds import Grounds
from photalign._interpolation import spline_coefficients
from photalign._types import Array, FloatArray
from photalign.brightness import Brightness
from photalign.kernels import Kernel
from photalign.losses import Loss
from photalign.results import STATUS_OF_CORE, Alignment, Status, Step
from photalign.solvers import LevenbergMarquardt, Solver
from photalign.warps import WARPS, FunctionWarp, MatrixWarp, Warp

__all__ = ["METHODS", "Pair"]

METHODS = ("forward", "inverse", "esm")
_WARP_CODES = {cls: code for code, cls in enumerate(WARPS.values())}

# Below this many pixels a second thread costs more than it brings.
PIXELS_PER_THREAD = 50_000


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two images and how they are to be aligned; all arguments were checked."""

    reference: Array
    moving: Array
    reference_mask: Array | None
    moving_mask: Array | None
    """As the user gave them."""
    views: tuple[Array, Array]
    """The images as the core takes them, (H, W, C)."""
    weights: tuple[Array | None, Array | None]
    """Of their pixels, (H, W, 1)."""
    kernel: Kernel
    last_kernel: Kernel
    """Of the finest level, and of the last steps where little noise is left."""
    fine: str
    coarse: str
    """Methods of the two finest levels and of the coarser ones."""
    has_instrument: bool
    brightness: type[Brightness]
    loss: Loss
    solver: Solver
    levels: int
    pixels: int
    """How many to use at full resolution, 0 for all."""
    min_overlap: float
    threads: int
    progress: Callable[[Step], None] | None
    started: float
    """When the call began, s of the performance counter."""

    def solve(self, start: MatrixWarp | FunctionWarp) -> Alignment:
        """Align from a start, whose class is the model: one call of the core."""
        numbers, kind, function = self._model(start)
        loss, solver, progress = self.loss, self.solver, self.progress
        found = _core.align(
            *self.views,
            *self.weights,
            *self._coefficients,
            numbers,
            kind,
            function,
            self.kernel.code,
            self.last_kernel.code,
            METHODS.index(self.fine),
            METHODS.index(self.coarse),
            self.has_instrument,
            self.brightness.code,
            loss.code,
            loss.scale or 0.0,
            loss.tuning,
            self.levels,
            self.pixels,
            solver.max_steps,
            solver.step_tol,
            solver.damping if isinstance(solver, LevenbergMarquardt) else 0.0,
            self.min_overlap,
            self.threads,
            None if progress is None else lambda step: progress(Step(*step)),
        )
        arrays = _arrays(found["numbers"], start.n_params, self.views[0].shape[2])
        warp, status = _outcome(STATUS_OF_CORE[found["status"]], arrays, start)
        is_first_kernel = found["kernel"] == self.kernel.code
        steps = found["steps"]
        grounds = Grounds._make(found["grounds"])
        return Alignment.of_core(
            steps,
            warp=warp,
            status=status,
            covariance=arrays.covariance,
            corner_std=arrays.corner_std,
            cost=found["cost"],
            rms=found["rms"],
            correlation=found["correlation"],
            overlap=found["overlap"],
            agreement=found["agreement"],
            confidence=found["confidence"],
            effective_pixels=found["pixels"] / grounds.pixels_per_degree,
            _grounds=grounds,
            iterations=len(steps),
            brightness=self.brightness(gain=arrays.gain, bias=arrays.bias),
            initial=start,
            method=self.fine,
            kernel=(self.kernel if is_first_kernel else self.last_kernel).name,
            loss=loss.name,
            scale=found["scale"],
            levels=self.levels,
            seconds=time.perf_counter() - self.started,
            reference=self.reference,
            moving=self.moving,
            reference_mask=self.reference_mask,
            moving_mask=self.moving_mask,
            _stage_numbers=arrays.stages,
        )

    def with_levels(self, levels: int) -> Pair:
        """Return the same with another number of levels."""
        return replace(self, levels=levels)

    @cached_property
    def _coefficients(self) -> tuple[Array | None, Array | None]:
        """What the finest level samples instead of pixels, if the kernel needs it."""
        if not self.kernel.prefilter:
            return None, None
        images = zip(self.views, self.weights, strict=True)
        reference, moving = (
            spline_coefficients(view, weight, self.kernel, self.threads)
            for view, weight in images
        )
        return reference, moving

    def _model(
        self, start: MatrixWarp | FunctionWarp
    ) -> tuple[Array, int, _core.PointWarp | None]:
        """Return the start as numbers, and its warp: one of `WARPS` or the function."""
        if isinstance(start, FunctionWarp):
            if not start.is_checked:
                start.check(self.views[0].shape)
            return start.params, 0, start.compiled
        return np.ascontiguousarray(start.matrix), _WARP_CODES[type(start)], None


class _Arrays(NamedTuple):
    """What the core found."""

    matrix: FloatArray
    corner_std: FloatArray
    stages: FloatArray
    gain: FloatArray
    bias: FloatArray
    covariance: FloatArray
    params: FloatArray  # of a function


def _arrays(numbers: FloatArray, parameters: int, channels: int) -> _Arrays:
    """Return the arrays that come side by side in one."""
    gain = 17 + 2 * len(_core.STAGES)
    bias = gain + channels
    covariance = bias + channels
    params = covariance + parameters * parameters
    return _Arrays(
        numbers[:9].reshape(3, 3),
        numbers[9:17].reshape(4, 2),
        numbers[17:gain].reshape(-1, 2),
        numbers[gain:bias],
        numbers[bias:covariance],
        numbers[covariance:params].reshape(parameters, parameters),
        numbers[params:],
    )


def _outcome(
    status: Status, arrays: _Arrays, start: MatrixWarp | FunctionWarp
) -> tuple[Warp, Status]:
    """Return the warp and how it ended; a matrix that is no warp is a failure."""
    try:
        if isinstance(start, FunctionWarp):
            return start.with_params(arrays.params), status
        return type(start)(arrays.matrix), status
    except ValueError:
        return start, Status.NONFINITE
