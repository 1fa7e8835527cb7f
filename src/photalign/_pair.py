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
from photalign._transform import Transform, frame_of, smoothed
from photalign._types import Array, FloatArray
from photalign._wide_windows import approach, continued, levels_of
from photalign.brightness import Brightness, Local, Plain
from photalign.features import FEATURES, Features
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

# How often pixels are transformed before the frame of the result must do.
_MOST_FRAMES = 3


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
    brightness: Brightness
    """The model; its gain and bias mean nothing."""
    features: Features
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

    def solve(
        self, start: MatrixWarp | FunctionWarp, initialization: str = "given"
    ) -> Alignment:
        """Align from a start, whose class is the model.

        `initialization` says how the start was found.
        """
        found = self._found(start)
        return found.with_fields(initial=start, initialization=initialization)

    def _found(self, start: MatrixWarp | FunctionWarp) -> Alignment:
        levels = self.levels
        if not self.transform:
            return self._solve(self.views, start, levels)
        wide = approach(self, start, levels)
        if wide is None:
            return self.solve_in_frame(start, levels)
        assert isinstance(self.brightness, Local)
        assert isinstance(wide.warp, MatrixWarp | FunctionWarp)
        fine_levels = levels_of(self.brightness.window, levels)
        found = continued(wide, self.solve_in_frame(wide.warp, fine_levels))
        # Of a failure it is said that it is no worse than the start.
        return found if found.ok else self.solve_in_frame(start, levels)

    def solve_in_frame(
        self, start: MatrixWarp | FunctionWarp, levels: int
    ) -> Alignment:
        """Align what pixels become in the frame of the start.

        Where the result has another frame, they are transformed once more.
        """
        assert self.transform is not None
        frame = self._frame(start)
        found = self._solve(self._transformed(frame), start, levels)
        for _ in range(_MOST_FRAMES - 1):
            before, frame = frame, self._frame(found.warp)
            if not self.transform.is_changed(before, frame):
                break
            assert isinstance(found.warp, MatrixWarp | FunctionWarp)
            again = self._solve(self._transformed(frame), found.warp, levels)
            if found.ok and not again.ok:
                break
            found = continued(found, again)
        return found

    def prepared(self, start: MatrixWarp | FunctionWarp) -> Pair:
        """Return the pair of what is compared, in the frame of a start."""
        if not self.transform:
            return self
        return replace(
            self,
            views=self._transformed(self._frame(start)),
            brightness=Plain(),
            features=FEATURES["intensity"],
        )

    @cached_property
    def transform(self) -> Transform | None:
        """What is done to the pixels before they are compared."""
        window = self.brightness.window if isinstance(self.brightness, Local) else None
        if window is None and self.features.are_pixels:
            return None
        features = self.features
        if not features.are_pixels:
            features = smoothed(features, self.views, self.weights)
        return Transform(window=window, features=features)

    def _frame(self, warp: Warp) -> FloatArray:
        """Return the derivative of a warp in the middle of the reference."""
        height, width = self.views[0].shape[:2]
        with np.errstate(all="ignore"):
            middle = warp.point_jacobian([(width - 1) / 2, (height - 1) / 2])
        return frame_of(middle)

    def _transformed(self, frame: FloatArray) -> tuple[Array, Array]:
        """Return both images in channels that can be compared."""
        assert self.transform is not None
        (_, moving), (_, weight) = self.views, self.weights
        return self._reference_channels, self.transform(
            moving, weight, frame, self.threads
        )

    @cached_property
    def _reference_channels(self) -> Array:
        assert self.transform is not None
        return self.transform(self.views[0], self.weights[0], np.eye(2), self.threads)

    def _solve(
        self,
        views: tuple[Array, Array],
        start: MatrixWarp | FunctionWarp,
        levels: int,
    ) -> Alignment:
        """Align from a start: one call of the core."""
        numbers, kind, function = self._model(start)
        loss, solver, progress = self.loss, self.solver, self.progress
        found = _core.align(
            *views,
            *self.weights,
            *self._coefficients(views),
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
            levels,
            self.pixels,
            solver.max_steps,
            solver.step_tol,
            solver.damping if isinstance(solver, LevenbergMarquardt) else 0.0,
            self.min_overlap,
            self.threads,
            None if progress is None else lambda step: progress(Step(*step)),
        )
        arrays = _arrays(found["numbers"], start.n_params, views[0].shape[2])
        shared = np.sqrt(self._shared_noise)
        warp, status = _outcome(STATUS_OF_CORE[found["status"]], arrays, start)
        is_first_kernel = found["kernel"] == self.kernel.code
        steps = found["steps"]
        grounds = Grounds._make(found["grounds"])
        return Alignment.of_core(
            steps,
            warp=warp,
            status=status,
            covariance=shared**2 * arrays.covariance,
            corner_std=shared * arrays.corner_std,
            cost=found["cost"],
            rms=found["rms"],
            correlation=found["correlation"],
            overlap=found["overlap"],
            agreement=found["agreement"],
            confidence=found["confidence"],
            effective_pixels=found["pixels"]
            / (grounds.pixels_per_degree * self._shared_noise),
            _grounds=grounds,
            iterations=len(steps),
            brightness=self._brightness(arrays),
            features=self.features.name,
            initial=start,
            method=self.fine,
            kernel=(self.kernel if is_first_kernel else self.last_kernel).name,
            loss=loss.name,
            scale=found["scale"],
            levels=levels,
            seconds=time.perf_counter() - self.started,
            reference=self.reference,
            moving=self.moving,
            reference_mask=self.reference_mask,
            moving_mask=self.moving_mask,
            _stage_numbers=arrays.stages,
        )

    @property
    def _shared_noise(self) -> int:
        """By how much the variance grows at most because channels share their noise.

        The core takes channels to be independent, but features are made of the same
        pixels: the variance of a sum of K terms is up to K times the sum of variances.
        """
        return self.features.channels

    def _brightness(self, arrays: _Arrays) -> Brightness:
        """Return the model with what was found; features have no brightness."""
        if self.transform:
            channels = self.views[1].shape[2]
            return replace(
                self.brightness, gain=np.ones(channels), bias=np.zeros(channels)
            )
        return replace(self.brightness, gain=arrays.gain, bias=arrays.bias)

    def _coefficients(
        self, views: tuple[Array, Array]
    ) -> tuple[Array | None, Array | None]:
        """Return what the finest level samples instead of pixels, if anything."""
        if not self.kernel.prefilter:
            return None, None
        images = zip(views, self.weights, strict=True)
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
