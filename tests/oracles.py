"""Alignment again, slowly: float64 NumPy, every array in full, nothing fused.

Gray images only. A warp is a 3 x 3 matrix here and its Jacobian is written out, so that
nothing is shared with the package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

Floats = NDArray[np.float64]

_CUBIC = [[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]
_QUINTIC = [
    [1, -5, 10, -10, 5, -1],
    [26, -50, 20, 20, -20, 5],
    [66, 0, -60, 0, 30, -10],
    [26, 50, 20, -20, -20, 10],
    [1, 5, 10, 10, 5, -5],
    [0, 0, 0, 0, 0, 1],
]
# Weights of the taps (rows) as polynomials of t in [0, 1], the constants first.
TAPS = {
    "linear": np.array([[1, -1], [0, 1]]),
    "catmull_rom": np.array(
        [[0, -1, 2, -1], [2, 0, -5, 3], [0, 1, 4, -3], [0, 0, -1, 1]]
    )
    / 2,
    "bspline3": np.array(_CUBIC) / 6,
    "bspline3_direct": np.array(_CUBIC) / 6,
    "bspline5": np.array(_QUINTIC) / 120,
    "bspline5_direct": np.array(_QUINTIC) / 120,
}


def coefficients(image: NDArray[Any], kernel: str) -> Floats:
    """Return what the kernel weighs: the pixels, or the spline through them."""
    pixels = np.asarray(image, dtype=np.float64)
    if kernel in ("bspline3", "bspline5"):
        return np.asarray(spline_filter(pixels, order=int(kernel[-1]), mode="mirror"))
    return pixels


def pixel_centers(shape: tuple[int, ...]) -> Floats:
    """Return the points (x, y) of all pixels, shape (H, W, 2)."""
    x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    return np.stack([x, y], axis=-1).astype(np.float64)


def sample(image: Floats, points: Floats, kernel: str) -> tuple[Floats, Floats]:
    """Sample value and gradient; NaN where the footprint is not all valid pixels."""
    table = TAPS[kernel]
    taps = len(table)
    before = taps // 2 - 1
    valid = np.isfinite(points).all(axis=-1)
    first, weights, slopes = [], [], []
    for axis, size in ((0, image.shape[1]), (1, image.shape[0])):
        position = np.where(valid, points[..., axis], before)
        # The last cell is closed: the point where it ends belongs to it.
        cell = np.floor(position).clip(before, max(size - taps + before, before))
        t = position - cell
        valid = valid & (t >= 0) & (t <= 1) & (size >= taps)
        powers = t[..., None] ** np.arange(taps)
        first.append(cell.astype(np.intp) - before)
        weights.append(powers @ table.T)
        slopes.append((np.arange(1, taps) * powers[..., :-1]) @ table[:, 1:].T)
    rows = first[1][..., None] + np.arange(taps)
    columns = first[0][..., None] + np.arange(taps)
    under = image[
        rows[..., :, None].clip(0, image.shape[0] - 1),
        columns[..., None, :].clip(0, image.shape[1] - 1),
    ]

    def weigh(by_x: Floats, by_y: Floats) -> Floats:
        total = (np.einsum("...ji,...i->...j", under, by_x) * by_y).sum(axis=-1)
        return np.where(valid, total, np.nan)

    gradient = weigh(slopes[0], weights[1]), weigh(weights[0], slopes[1])
    return weigh(weights[0], weights[1]), np.stack(gradient, axis=-1)


def template(image: Floats, kernel: str) -> tuple[Floats, Floats]:
    """Sample value and gradient of the reference at its own pixels, with stencils.

    The last tap of a kernel has no weight there. The linear kernel's own slope is
    one-sided; here it is the central difference, as that of Catmull and Rom is.
    """
    weights, slopes = TAPS[kernel][:-1, :2].T
    if kernel == "linear":
        weights, slopes = np.array([[0, 1, 0], [-0.5, 0, 0.5]])
    padded = np.pad(image, len(weights) // 2, constant_values=np.nan)
    under = sliding_window_view(padded, (len(weights), len(weights)))

    def weigh(by_x: Floats, by_y: Floats) -> Floats:
        return np.asarray(((under * by_x).sum(axis=-1) * by_y).sum(axis=-1))

    gradient = weigh(slopes, weights), weigh(weights, slopes)
    return weigh(weights, weights), np.stack(gradient, axis=-1)


def transform(matrix: Floats, points: Floats) -> Floats:
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(mapped[..., :2] / mapped[..., 2:])


def pulled_back(gradient: Floats, matrix: Floats, points: Floats) -> Floats:
    """Turn the gradient by moving coordinates into one by reference coordinates."""
    depth = points @ matrix[2, :2] + matrix[2, 2]
    moved = transform(matrix, points)
    derivative = matrix[:2, :2] - moved[..., :, None] * matrix[2, :2]
    return np.einsum("...i,...ij->...j", gradient, derivative / depth[..., None, None])


def generators(kind: str) -> Floats:
    """Return the derivatives of an increment's matrix, shape (P, 3, 3)."""
    turn, grow = [0, -1, 0, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0, 0]
    across, down = np.eye(9)[[2, 5]]
    rows = {
        "translation": [across, down],
        "euclidean": [turn, across, down],
        "similarity": [grow, turn, across, down],
        "affine": np.eye(9)[:6],
        "homography": np.eye(9)[:8],
    }
    return np.array(rows[kind], dtype=np.float64).reshape(-1, 3, 3)


def increment(kind: str, step: Floats, center: Floats) -> Floats:
    """Return the matrix of an increment, which is made about the center."""
    change = np.eye(3) + np.einsum("p,pij->ij", step, generators(kind))
    if kind == "euclidean":  # a rotation, not only to first order
        sine, cosine = np.sin(step[0]), np.cos(step[0])
        change[:2, :2] = [[cosine, -sine], [sine, cosine]]
    shift = np.eye(3)
    shift[:2, 2] = center
    return np.asarray(shift @ change @ np.linalg.inv(shift))


class Estimate(NamedTuple):
    """A warp with its gain and bias."""

    matrix: Floats
    gain: float = 1.0
    bias: float = 0.0


class Comparison(NamedTuple):
    """Images over the reference's pixels; NaN where one is invalid."""

    residual: Floats
    moving: Floats  # as sampled
    gradient: Floats  # that the Jacobian takes, by the reference's coordinates


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Two images to align on one level."""

    reference: NDArray[Any]
    moving: NDArray[Any]
    kind: str = "affine"
    kernel: str = "linear"
    method: str = "forward"
    gain_bias: bool = False
    weight: Floats | None = None  # of the reference's pixels
    loss: Callable[[Floats], tuple[Floats, Floats]] | None = None

    @property
    def center(self) -> Floats:
        height, width = self.reference.shape
        return np.array([width - 1, height - 1]) / 2

    def begin(self, matrix: Floats) -> Estimate:
        """Start: the moving image gets the mean and the contrast of the reference."""
        if not self.gain_bias:
            return Estimate(matrix)
        residual, moving, _ = self.compare(Estimate(matrix))
        use = np.isfinite(residual)
        weight = None if self.weight is None else self.weight[use]
        covariance = np.cov(moving[use], moving[use] - residual[use], aweights=weight)
        gain = float(np.sqrt(covariance[1, 1] / covariance[0, 0]))
        target = np.average(moving[use] - residual[use], weights=weight)
        return Estimate(
            matrix, gain, target - gain * np.average(moving[use], weights=weight)
        )

    def target(self) -> tuple[Floats, Floats]:
        """Sample value and gradient of the reference."""
        reference = coefficients(self.reference, self.kernel)
        value, gradient = template(reference, self.kernel)
        if self.method == "forward" and self.kernel in ("linear", "catmull_rom"):
            value = reference  # its neighbors are not needed
        return value, gradient

    def compare(self, at: Estimate) -> Comparison:
        target, template_gradient = self.target()
        points = pixel_centers(target.shape)
        value, slope = sample(
            coefficients(self.moving, self.kernel),
            transform(at.matrix, points),
            self.kernel,
        )
        gradient = at.gain * pulled_back(slope, at.matrix, points)
        if self.method == "inverse":
            gradient = np.where(np.isnan(gradient), np.nan, template_gradient)
        elif self.method == "esm":
            gradient = (gradient + template_gradient) / 2
        return Comparison(at.gain * value + at.bias - target, value, gradient)

    def motion(self, points: Floats) -> Floats:
        """Differentiate an increment at points, from the center, shape (N, 2, P)."""
        homogeneous = np.column_stack([points, np.ones(len(points))])
        moved = np.einsum("pij,nj->nip", generators(self.kind), homogeneous)
        return np.asarray(moved[:, :2] - points[..., None] * moved[:, 2:])

    def normal_equations(self, at: Estimate) -> tuple[Floats, Floats]:
        """Return J'WJ and J'Wr of the increment, then of gain and bias."""
        residual, moving, gradient = self.compare(at)
        use = np.isfinite(residual)
        points = pixel_centers(use.shape)[use] - self.center
        jacobian = np.einsum("ni,nip->np", gradient[use], self.motion(points))
        if self.gain_bias:
            jacobian = np.column_stack([jacobian, moving[use], np.ones(len(points))])
        r = residual[use]
        weight = np.ones(len(r)) if self.weight is None else self.weight[use]
        if self.loss is not None:
            weight = weight * self.loss(r**2)[1]
        weighted = jacobian * weight[:, None]
        return weighted.T @ jacobian, weighted.T @ r

    def stepped(self, at: Estimate) -> Estimate:
        """Take one Gauss-Newton step."""
        hessian, gradient = self.normal_equations(at)
        size = np.sqrt(np.diag(hessian))
        step = -np.linalg.solve(hessian / np.outer(size, size), gradient / size) / size
        warp_step = step[: len(generators(self.kind))]
        if self.method == "inverse":
            change = np.linalg.inv(increment(self.kind, -warp_step, self.center))
        else:
            change = increment(self.kind, warp_step, self.center)
        matrix = at.matrix @ change
        gain_bias = step[-2:] if self.gain_bias else np.zeros(2)
        return Estimate(
            matrix / matrix[2, 2], at.gain + gain_bias[0], at.bias + gain_bias[1]
        )

    def solve(self, start: Floats, steps: int = 20) -> Estimate:
        """Run Gauss-Newton for a fixed number of steps."""
        estimate = self.begin(start)
        for _ in range(steps):
            estimate = self.stepped(estimate)
        return estimate
