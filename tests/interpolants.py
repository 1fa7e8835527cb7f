"""Samplers again, slowly: float64 NumPy, one dense matrix along each axis.

Sampling is linear in the pixels and separable: along each axis, a row of weights of
*all* pixels for each point, with the boundary and the prefilter multiplied in. Nothing
is shared with the package.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray

from oracles import TAPS as EVEN_TAPS

Floats = NDArray[np.float64]

# A prefilter has forgotten after this many pixels what was before: 0.43 ** 60 < 1e-21.
FORGOTTEN = 60


def keys6_table() -> Floats:
    """Return the six taps of Keys (1981), section VI, as polynomials of t."""
    # Twelfths, so that all sums are of integers.
    pieces = [
        Polynomial([12, 0, -28, 16]),
        Polynomial([30, -59, 36, -7]),
        Polynomial([-18, 21, -8, 1]),
    ]
    rows = []
    for offset in range(-2, 4):
        side = 1 if offset <= 0 else -1
        distance = Polynomial([-side * offset, side])
        rows.append(pieces[abs(offset) - (offset > 0)](distance).coef)
    return np.array(rows) / 12


# Weights of the taps (rows) as polynomials of t, the constants first. t is in [0, 1],
# with an odd number of taps in [-1/2, 1/2].
TABLES = {name: EVEN_TAPS[name] for name in EVEN_TAPS if not name.endswith("_direct")}
TABLES["nearest"] = np.ones((1, 1))
TABLES["bspline2"] = np.array([[1, -4, 4], [6, 0, -8], [1, 4, 4]]) / 8
TABLES["keys6"] = keys6_table()


def weights(kernel: str, t: Floats) -> Floats:
    """Return weights, slopes and curvatures of the taps, shape (3, points, taps)."""
    table = TABLES[kernel]
    found = []
    for _ in range(3):
        found.append(t[:, None] ** np.arange(table.shape[1]) @ table.T)
        table = table[:, 1:] * np.arange(1, table.shape[1])
    return np.array(found)


def extended(boundary: str, index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return the pixel that stands for any index; -1 is none."""
    if boundary == "nearest":
        return index.clip(0, size - 1)
    if boundary == "wrap":
        return index % size
    if boundary == "constant":
        return np.where((index < 0) | (index >= size), -1, index)
    if boundary == "mirror":
        within = index % max(2 * size - 2, 1)
        return np.minimum(within, max(2 * size - 2, 1) - within) if size > 1 else within
    within = index % (2 * size)
    return np.minimum(within, 2 * size - 1 - within)


def extension(boundary: str, index: NDArray[np.intp], size: int) -> Floats:
    """Return the matrix from the pixels to those at any indices."""
    pixel = extended(boundary, index, size)
    return (pixel[:, None] == np.arange(size)).astype(np.float64)


@lru_cache(maxsize=512)
def spline(kernel: str, boundary: str, size: int) -> Floats:
    """Return the matrix from the pixels to the spline's coefficients around them.

    From the index -FORGOTTEN on. The image is extended by as much again before the
    linear system is solved, so that its ends are forgotten in turn.
    """
    index = np.arange(-2 * FORGOTTEN, size + 2 * FORGOTTEN)
    taps = weights(kernel, np.zeros(1))[0, 0]
    before = (len(taps) - 1) // 2
    system = sum(w * np.eye(len(index), k=k - before) for k, w in enumerate(taps))
    solved = np.linalg.solve(system, extension(boundary, index, size))
    # Products of the smallest are subnormal, and slow.
    return np.where(np.abs(solved) < 1e-40, 0, solved)[FORGOTTEN:-FORGOTTEN]


class Samples(NamedTuple):
    """What a sampler gives; gradients and Hessians in the order of the points."""

    values: Floats
    gradients: Floats
    hessians: Floats
    mask: NDArray[np.bool_]


class Interpolant:
    """An image as a function of points, its options those of the sampler."""

    def __init__(
        self,
        image: ArrayLike,
        kernel: str = "linear",
        *,
        boundary: str = "mirror",
        domain: str = "image",
        prefilter: bool = True,
        fill: float = np.nan,
        cval: float = 0.0,
        ndim: int = 2,
        scale: float = 1.0,
        spacing: ArrayLike = 1.0,
        origin: ArrayLike = 0.0,
        indexing: str = "xy",
    ) -> None:
        pixels = np.asarray(image).astype(np.float64)
        self.kernel = kernel.removesuffix("_direct")
        self.filtered = prefilter and kernel in ("bspline2", "bspline3", "bspline5")
        self.boundary, self.domain, self.fill, self.ndim = boundary, domain, fill, ndim
        # Counted from the constant, there is nothing beyond that boundary.
        self.offset = cval if boundary == "constant" else 0.0
        self.lead = pixels.shape[ndim:]
        self.shape = pixels.shape
        flat = pixels.reshape(*pixels.shape[:ndim], -1)
        self.invalid = np.isnan(flat).any(axis=-1)
        assert not (self.filtered and self.invalid.any()), "a spline through NaN"
        self.pixels = np.where(np.isnan(flat), 0, flat) - self.offset
        self.scale = scale
        self.spacing = np.broadcast_to(np.asarray(spacing, float), ndim)
        self.origin = np.broadcast_to(np.asarray(origin, float), ndim)
        # The coordinate of a point that counts along each axis of the array.
        self.order = list(range(ndim))[:: -1 if indexing == "xy" else 1]

    @property
    def magnitude(self) -> float:
        """Return the largest number that is weighed: what rounding is relative to."""
        found = self.pixels
        for axis in range(self.ndim if self.filtered else 0):
            matrix = spline(self.kernel, self.boundary, self.shape[axis])
            matrix = matrix[FORGOTTEN:-FORGOTTEN]
            found = np.moveaxis(np.tensordot(matrix, found, (1, axis)), 0, axis)
        return float(abs(self.scale) * (np.abs(found).max() + abs(self.offset)))

    def cells(self, x: Floats, size: int) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """Return the cell of each position along an axis, and whether it is inside."""
        taps = len(TABLES[self.kernel])
        reach = max(taps / 2 - 1, 0) if self.domain == "support" else 0
        low, high = reach, size - 1 - reach
        if self.domain == "unbounded":
            low, high = -(2.0**53), 2.0**53
        inside = (x >= low) & (x <= high)
        x = np.where(inside, x, 0)
        cell = np.floor(x + taps % 2 / 2)
        if self.domain != "unbounded" and self.boundary != "wrap":
            # The upper end belongs to the last cell before it.
            cell = np.minimum(cell, max(np.ceil(high + taps % 2 / 2) - 1, 0))
        return cell.astype(np.intp), inside

    def rows(self, axis: int, x: Floats) -> tuple[Floats, Floats, NDArray[Any]]:
        """Return weights of all pixels along an axis, those touched, and validity.

        Shapes (3, points, size): values, slopes, curvatures; (points, size); (points,).
        """
        size = self.shape[axis]
        cell, inside = self.cells(x, size)
        w = weights(self.kernel, np.where(inside, x, 0) - cell)
        taps = w.shape[-1]
        index = cell[:, None] - (taps - 1) // 2 + np.arange(taps)
        touched = sum(extension(self.boundary, index[:, k], size) for k in range(taps))
        if self.filtered:
            matrix = spline(self.kernel, self.boundary, size)
            if self.boundary in ("mirror", "reflect", "wrap"):
                index = extended(self.boundary, index, size)
            # What is farther is the edge or nothing, and remembers no pixel.
            index = index.clip(-FORGOTTEN, size - 1 + FORGOTTEN) + FORGOTTEN
            found = sum(w[:, :, k, None] * matrix[index[:, k]] for k in range(taps))
        else:
            found = sum(
                w[:, :, k, None] * extension(self.boundary, index[:, k], size)
                for k in range(taps)
            )
        if size == 1 and self.domain != "unbounded":
            found[1:] = 0
        return found, touched, inside

    def _all_rows(self, points: ArrayLike) -> tuple[list[Floats], NDArray[Any]]:
        xy = np.asarray(points, dtype=np.float64)
        xy = xy.reshape(-1, self.ndim)
        with np.errstate(invalid="ignore"):
            index = (xy - self.origin) / self.spacing
        along = [self.rows(a, index[:, self.order[a]]) for a in range(self.ndim)]
        mask = np.logical_and.reduce([inside for _, _, inside in along])
        if self.invalid.any():
            touched = contract([t for _, t, _ in along], self.invalid[..., None] * 1.0)
            mask &= touched[:, 0] == 0
        return [rows for rows, _, _ in along], mask

    def __call__(self, points: ArrayLike) -> Samples:
        """Sample values, gradients and Hessians at points (..., ndim)."""
        rows, mask = self._all_rows(points)
        step = self.spacing

        def derivative(*by: int) -> Floats:
            chosen = [rows[a][by.count(self.order[a])] for a in range(self.ndim)]
            found = contract(chosen, self.pixels) / np.prod([step[i] for i in by])
            return np.where(mask[:, None], self.scale * found, 0)

        axes = range(self.ndim)
        values = derivative() + self.scale * self.offset
        values[~mask] = self.fill
        gradients = np.stack([derivative(i) for i in axes], axis=-1)
        hessians = np.stack(
            [np.stack([derivative(i, j) for j in axes], axis=-1) for i in axes], axis=-2
        )
        lead = np.shape(points)[:-1]
        values_shape = (*lead, *self.lead)
        return Samples(
            values.reshape(values_shape),
            gradients.reshape(*values_shape, self.ndim),
            hessians.reshape(*values_shape, self.ndim, self.ndim),
            mask.reshape(lead),
        )

    def adjoint(self, points: ArrayLike, cotangents: ArrayLike) -> Floats:
        """Return the transposed map, from values to pixels."""
        rows, mask = self._all_rows(points)
        c = np.reshape(cotangents, (len(mask), self.pixels.shape[-1]))
        letters = "ijk"[: self.ndim]
        terms = ",".join("p" + letter for letter in letters)
        found = np.einsum(
            f"{terms},pc->{letters}c",
            *[r[0] for r in rows],
            self.scale * np.where(mask[:, None], c, 0),
            optimize=True,
        )
        return found.reshape(self.shape)


def contract(rows: list[Floats], pixels: Floats) -> Floats:
    """Return the sums over all axes but the channels, shape (points, channels)."""
    found = np.tensordot(rows[0], pixels, 1)
    for row in rows[1:]:
        found = np.einsum("pj,pj...->p...", row, found)
    return found
