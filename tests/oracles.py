"""Alignment again, slowly: float64 NumPy, every array in full, nothing fused.

Gray images only. A warp is a 3 x 3 matrix here and its Jacobian is written out, so that
nothing is shared with the package.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

Floats = NDArray[np.float64]

# Powers of t in [0, 1) for the weights of the taps, the constant first; the rows are taps.
_LINEAR = np.array([[1, -1], [0, 1]])
_CATMULL_ROM = np.array([[0, -1, 2, -1], [2, 0, -5, 3], [0, 1, 4, -3], [0, 0, -1, 1]]) / 2
_CUBIC = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6
_QUINTIC = (
    np.array(
        [
            [1, -5, 10, -10, 5, -1],
            [26, -50, 20, 20, -20, 5],
            [66, 0, -60, 0, 30, -10],
            [26, 50, 20, -20, -20, 10],
            [1, 5, 10, 10, 5, -5],
            [0, 0, 0, 0, 0, 1],
        ]
    )
    / 120
)
TAPS: dict[str, Floats] = {
    "linear": _LINEAR,
    "catmull_rom": _CATMULL_ROM,
    "bspline3": _CUBIC,
    "bspline3_direct": _CUBIC,
    "bspline5": _QUINTIC,
    "bspline5_direct": _QUINTIC,
}


def coefficients(image: NDArray[Any], kernel: str) -> Floats:
    """Return what the kernel weighs: the pixels, or the spline through them."""
    pixels = np.asarray(image, dtype=np.float64)
    if kernel in ("bspline3", "bspline5"):
        filtered: Floats = spline_filter(pixels, order=int(kernel[-1]), mode="mirror")
        return filtered
    return pixels


def sample(image: Floats, points: Floats, kernel: str) -> tuple[Floats, Floats]:
    """Sample value and gradient; NaN where the footprint is not all valid pixels."""
    table = TAPS[kernel]
    taps = len(table)
    before = taps // 2 - 1
    height, width = image.shape
    weights, slopes, first = [], [], []
    valid = np.isfinite(points).all(axis=-1)
    for axis, size in ((0, width), (1, height)):
        position = np.where(valid, points[..., axis], before)
        # The last cell is closed: the point where it ends belongs to it.
        cell = np.floor(position).clip(before, max(size - taps + before, before))
        t = position - cell
        valid = valid & (t >= 0) & (t <= 1) & (size >= taps)
        powers = t[..., None] ** np.arange(taps)
        derivative = np.arange(1, taps) * powers[..., :-1]
        weights.append(powers @ table.T)
        slopes.append(derivative @ table[:, 1:].T)
        first.append(cell.astype(np.intp) - before)
    steps = np.arange(taps)
    rows = (first[1][..., None] + steps)[..., :, None].clip(0, height - 1)
    columns = (first[0][..., None] + steps)[..., None, :].clip(0, width - 1)
    under = image[rows, columns]

    def weigh(by_x: Floats, by_y: Floats) -> Floats:
        total = np.einsum("...ji,...j,...i->...", under, by_y, by_x)
        return np.where(valid, total, np.nan)

    value = weigh(weights[0], weights[1])
    gradient = np.stack(
        [weigh(slopes[0], weights[1]), weigh(weights[0], slopes[1])], axis=-1
    )
    return value, gradient


def template(image: Floats, kernel: str) -> tuple[Floats, Floats]:
    """Sample the reference at its own pixels: stencils, symmetric about the pixel."""
    height, width = image.shape
    points = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    points = points.astype(np.float64)
    if kernel in ("linear", "catmull_rom"):
        gradient = np.full((height, width, 2), np.nan)
        value = np.full(image.shape, np.nan)
        value[1:-1, 1:-1] = image[1:-1, 1:-1]
        # Both kernels have the central difference as their symmetric slope.
        gradient[1:-1, 1:-1, 0] = (image[1:-1, 2:] - image[1:-1, :-2]) / 2
        gradient[1:-1, 1:-1, 1] = (image[2:, 1:-1] - image[:-2, 1:-1]) / 2
        return value, gradient
    return sample(image, points, kernel)


def transform(matrix: Floats, points: Floats) -> Floats:
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def motion(matrix: Floats, points: Floats, kind: str) -> Floats:
    """Differentiate the mapped points by the matrix's entries, shape (..., 2, P)."""
    x, y = points[..., 0], points[..., 1]
    depth = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    u, v = np.moveaxis(transform(matrix, points), -1, 0)
    zero, one = np.zeros_like(x), np.ones_like(x)
    if kind == "translation":
        rows = [[one, zero], [zero, one]]
    else:
        rows = [
            [x, y, one, zero, zero, zero, -u * x, -u * y],
            [zero, zero, zero, x, y, one, -v * x, -v * y],
        ]
        if kind == "affine":
            rows = [row[:6] for row in rows]
    stacked = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    return stacked / depth[..., None, None]


def entries(step: Floats, kind: str) -> Floats:
    """Return the matrix that the parameters of `motion` are the entries of."""
    matrix = np.zeros(9)
    places = [2, 5] if kind == "translation" else list(range(len(step)))
    matrix[places] = step
    return matrix.reshape(3, 3)


@dataclass(frozen=True)
class Problem:
    """Two images to align, on one level, without loss."""

    reference: Floats
    moving: Floats
    kernel: str = "linear"
    method: str = "forward"
    kind: str = "affine"
    gain_bias: bool = False
    weight: Floats | None = None  # of the reference's pixels

    def residuals(
        self, matrix: Floats, gain: float = 1.0, bias: float = 0.0
    ) -> tuple[Floats, Floats, Floats]:
        """Return residual, moving value and gradient by the reference's coordinates.

        All are images; NaN where a pixel is invalid.
        """
        target, slope = template(coefficients(self.reference, self.kernel), self.kernel)
        if self.method == "forward" and self.kernel in ("linear", "catmull_rom"):
            target = self.reference  # which needs no neighbors for its value alone
        height, width = target.shape
        points = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        points = points.astype(np.float64)
        value, gradient = sample(
            coefficients(self.moving, self.kernel), transform(matrix, points), self.kernel
        )
        # The derivative of the warp by the point.
        point_motion = motion(matrix, points, "homography")
        h = matrix
        u, v = np.moveaxis(transform(matrix, points), -1, 0)
        depth = point_motion[..., 0, 2]  # 1 / w
        by_x = np.stack([h[0, 0] - u * h[2, 0], h[1, 0] - v * h[2, 0]], axis=-1)
        by_y = np.stack([h[0, 1] - u * h[2, 1], h[1, 1] - v * h[2, 1]], axis=-1)
        pulled = np.stack(
            [(gradient * by_x).sum(-1) * depth, (gradient * by_y).sum(-1) * depth],
            axis=-1,
        )
        pulled = gain * pulled
        if self.method == "inverse":
            pulled = np.where(np.isnan(pulled), np.nan, slope)
        elif self.method == "esm":
            pulled = (pulled + slope) / 2
        return gain * value + bias - target, value, pulled

    def normal_equations(
        self, matrix: Floats, gain: float, bias: float
    ) -> tuple[Floats, Floats]:
        """Return J'WJ and J'Wr for an increment before the warp, then gain and bias."""
        residual, value, gradient = self.residuals(matrix, gain, bias)
        use = np.isfinite(residual) & np.isfinite(gradient).all(axis=-1)
        points = np.stack(np.nonzero(use)[::-1], axis=-1).astype(np.float64)
        jacobian = np.einsum(
            "ni,nip->np", gradient[use], motion(np.eye(3), points, self.kind)
        )
        if self.gain_bias:
            jacobian = np.column_stack([jacobian, value[use], np.ones(len(points))])
        weight = np.ones(len(points)) if self.weight is None else self.weight[use]
        weighted = jacobian * weight[:, None]
        return weighted.T @ jacobian, weighted.T @ residual[use]

    def solve(self, matrix: Floats, steps: int = 30) -> tuple[Floats, float, float]:
        """Run Gauss-Newton until nothing changes; return matrix, gain and bias."""
        gain, bias = 1.0, 0.0
        parameters = {"translation": 2, "affine": 6, "homography": 8}[self.kind]
        for _ in range(steps):
            hessian, gradient = self.normal_equations(matrix, gain, bias)
            size = np.sqrt(np.diag(hessian))
            step = -np.linalg.solve(hessian / np.outer(size, size), gradient / size) / size
            warp_step = step[:parameters]
            if self.method == "inverse":
                increment = np.linalg.inv(np.eye(3) + entries(-warp_step, self.kind))
            else:
                increment = np.eye(3) + entries(warp_step, self.kind)
            matrix = matrix @ increment
            matrix = matrix / matrix[2, 2]
            if self.gain_bias:
                gain, bias = gain + step[-2], bias + step[-1]
        return matrix, gain, bias

    def on(self, **changes: Any) -> Problem:
        return replace(self, **changes)
