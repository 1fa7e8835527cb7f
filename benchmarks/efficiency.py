"""Where the precision goes: kernels and gradients of the reference, one by one.

The estimate of `align` is where ``sum Z(x)' r(x) = 0``, with residuals r of some kernel
and a gradient Z of the reference. Here Z and r are made with NumPy from `Sampler`, and
one Newton step is taken at the truth, whose length is the error: nothing of a loop is
in it, only noise and bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from benchmarks.problems import Problem
from benchmarks.scenes import PLACES, of_photograph
from benchmarks.table import Row
from photalign import Sampler, image_gradients
from photalign.synthetic.views import pixel_grid

Floats = NDArray[np.float64]
Gradient = Callable[[Floats, Problem], Floats]
"""From the noisy reference to the gradient that residuals are multiplied with."""

NOISE = 2.0


def kernels_own(kernel: str) -> Gradient:
    """The gradient that the kernel has at the pixels."""

    def gradient(image: Floats, _: Problem) -> Floats:
        sampler = Sampler(image, kernel=kernel)
        return sampler.value_and_grad(pixel_grid(image.shape))[1]

    return gradient


def instrument(smoothness: float) -> Gradient:
    """Five taps along and three across, from sharp at 0 to smooth at 1."""
    outer = 0.14 - 0.265 * smoothness
    inner = 0.5 + 2 * outer
    along = np.array([outer, -inner, 0, inner, -outer])
    across = np.array([smoothness, 4 - 2 * smoothness, smoothness]) / 4

    def gradient(image: Floats, _: Problem) -> Floats:
        axes = [(1, 0), (0, 1)]
        parts = [
            correlate1d(correlate1d(image, along, one, mode="mirror"), across, other)
            for one, other in axes
        ]
        return np.stack(parts, axis=-1)

    return gradient


def central(image: Floats, _: Problem) -> Floats:
    """Half the difference of the neighbors."""
    gradient: Floats = image_gradients(image)
    return gradient


def without_noise(_: Floats, problem: Problem) -> Floats:
    """The gradient that nobody has."""
    return kernels_own("bspline3")(problem.pair.clean, problem)


@dataclass(frozen=True)
class Way:
    """A kernel for the residuals and a gradient of the reference."""

    kernel: str
    gradient: Gradient


WAYS: Mapping[str, Way] = {
    "bspline3_direct, gradient free of noise": Way("bspline3_direct", without_noise),
    "bspline3_direct, sharp": Way("bspline3_direct", instrument(0)),
    "bspline3_direct, its own": Way("bspline3_direct", kernels_own("bspline3_direct")),
    "bspline3_direct, smooth": Way("bspline3_direct", instrument(1)),
    "bspline5_direct, sharp": Way("bspline5_direct", instrument(0)),
    "bspline5_direct, its own": Way("bspline5_direct", kernels_own("bspline5_direct")),
    "bspline5_direct, smooth": Way("bspline5_direct", instrument(1)),
    "bspline3, its own": Way("bspline3", kernels_own("bspline3")),
    "bspline5, its own": Way("bspline5", kernels_own("bspline5")),
    "linear, central": Way("linear", central),
    "linear, its own (one-sided)": Way("linear", kernels_own("linear")),
}


def rows(count: int) -> Iterator[Row]:
    """Errors in units of the bound, of views with noise and, in px, without."""
    for place in PLACES:
        problems = list(of_photograph(place, "affine", count, NOISE))
        task = f"a step at the truth, noise {NOISE:g}, {place.photograph}"
        yield from _ratios(task, problems)
        for kind in ("translation", "affine"):
            clean = list(of_photograph(place, kind, count, 0, np.float64))
            task = f"a step at the truth, no noise, {kind}, {place.photograph}"
            for name, way in WAYS.items():
                errors = [_step(problem, way)[0] for problem in clean]
                error = float(np.sqrt(np.mean(np.square(errors))))
                yield Row(task=task, method=name, error=error)


def _ratios(task: str, problems: list[Problem]) -> Iterator[Row]:
    for name, way in WAYS.items():
        steps = [_step(problem, way) for problem in problems]
        bounds = np.array([problem.bound for problem in problems])
        if way.gradient is without_noise:
            border = np.array([bound for _, bound in steps]) / bounds
            ratio = float(np.sqrt(np.mean(border**2)))
            yield Row(task=task, method=f"the pixels of {way.kernel}", ratio=ratio)
        errors = np.array([error for error, _ in steps])
        yield Row(
            task=task,
            method=name,
            ratio=float(np.sqrt(np.mean((errors / bounds) ** 2))),
        )


def _step(problem: Problem, way: Way) -> tuple[float, float]:
    """RMS corner error of a Newton step at the truth, and the bound of its pixels."""
    pair = problem.pair
    points = pixel_grid(pair.shape)
    reference = pair.reference.astype(np.float64)
    target = Sampler(reference, kernel=way.kernel, domain="support")(points)
    moving = Sampler(
        pair.moving.astype(np.float64), kernel=way.kernel, domain="support"
    )
    value, gradient = moving.value_and_grad(pair.truth(points))
    residual = value - target
    use = np.isfinite(residual)
    frame = pair.truth.point_jacobian(points)[use]
    motion = np.linalg.solve(frame, pair.truth.jacobian(points)[use])

    def jacobian(of: Floats) -> Floats:
        return np.einsum("nj,njp->np", of[use], motion)

    own = np.einsum("ni,nij->nj", gradient[use], frame)
    there = np.einsum("nj,njp->np", own, motion)
    weights = jacobian(way.gradient(reference, problem))
    step = -np.linalg.solve(weights.T @ there, weights.T @ residual[use])
    exact = jacobian(without_noise(reference, problem))
    variance = 2 * (pair.noise**2 + 1 / 12)
    covariance = variance * np.linalg.inv(exact.T @ exact)
    right, bottom = pair.shape[1] - 1, pair.shape[0] - 1
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    moved = pair.truth.jacobian(corners).reshape(8, -1)
    error = np.sqrt(np.sum((moved @ step) ** 2) / 4)
    bound = np.sqrt(np.trace(moved @ covariance @ moved.T) / 4)
    return float(error), float(bound)
