"""Normalized correlation of images of which parts are invalid, for all shifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from photalign._types import Array

# Correlations nearer to 1 are alike: what is left is noise and rounding.
_BEST = 0.999
# Of the largest sum of squares, what the transforms leave where there is nothing.
_ROUNDING = 2e-6


class Peak(NamedTuple):
    """A shift, and how well the images agree there."""

    x: float
    y: float
    """Pixel (c, r) of the reference is at (c + x, r + y) of the moving image, px."""
    correlation: float
    significance: float
    """In standard deviations of all shifts."""


@dataclass(frozen=True)
class Spectra:
    """Transforms of the weights, of weighted pixels and of weighted squares."""

    weight: Array
    pixels: Array
    squares: Array
    shape: tuple[int, int]
    """Of the image without the padding."""

    @classmethod
    def of(cls, pixels: Array, weight: Array, size: tuple[int, int]) -> Spectra:
        """Transform an image, padded with zeros to `size`."""
        weighted = pixels * weight
        parts = (weight, weighted, pixels * weighted)
        rows, columns = pixels.shape
        spectra = [np.fft.rfft2(part, size) for part in parts]
        return cls(spectra[0], spectra[1], spectra[2], (rows, columns))


@dataclass(frozen=True)
class Correlation:
    """Correlation of two images for every shift, shapes (rows, columns) of the padding.

    Shift (x, y) is in column x and row y. Those beyond the moving image are negative
    ones, from the end.
    """

    values: Array
    overlap: Array
    """Sum of the products of weights, px."""
    significance: Array
    shape: tuple[int, int]
    """Of the moving image."""

    def peaks(self, count: int) -> list[Peak]:
        """Return the best shifts, one of each neighborhood, the best one first."""
        score = self.significance.copy()
        spread = (
            float(score[score > -np.inf].std()) if np.isfinite(score).any() else 0.0
        )
        found = []
        for _ in range(count):
            row, column = divmod(int(np.argmax(score)), score.shape[1])
            if not score[row, column] > 0 or spread == 0:
                break
            found.append(self._peak(row, column, spread))
            near = np.ix_(
                np.arange(row - 2, row + 3) % score.shape[0],
                np.arange(column - 2, column + 3) % score.shape[1],
            )
            score[near] = -np.inf
        return found

    def _peak(self, row: int, column: int, spread: float) -> Peak:
        rows, columns = self.values.shape
        beside_y = self.values[[row - 1, row, (row + 1) % rows], column]
        beside_x = self.values[row, [column - 1, column, (column + 1) % columns]]
        return Peak(
            column - columns * (column >= self.shape[1]) + _vertex(beside_x),
            row - rows * (row >= self.shape[0]) + _vertex(beside_y),
            float(self.values[row, column]),
            float(self.significance[row, column]) / spread,
        )


def padded_size(*shapes: tuple[int, int]) -> tuple[int, int]:
    """Return a size, quick to transform, in which no shift of the images wraps."""
    rows, columns = (
        quick_length(sum(shape[axis] for shape in shapes) - 1) for axis in range(2)
    )
    return rows, columns


def masked_correlation(
    reference: Spectra, moving: Spectra, size: tuple[int, int], least_overlap: float
) -> Correlation:
    """Correlate over what is valid in both images, for every shift.

    Parameters
    ----------
    reference, moving : Spectra
        Of the padded images.
    size : (int, int)
        Rows and columns of the padding.
    least_overlap : float
        Sum of products of weights that a shift must have, px.

    Returns
    -------
    Correlation
        Significance is -inf where the overlap is too small.

    References
    ----------
    D. Padfield, "Masked object registration in the Fourier domain", IEEE Trans. Image
    Processing 21(5), 2012.
    """

    def sums(of_reference: Array, of_moving: Array) -> Array:
        return np.fft.irfft2(np.conj(of_reference) * of_moving, size)

    r, m = reference, moving
    overlap = np.maximum(sums(r.weight, m.weight), 1e-3)
    of_r, of_m = sums(r.pixels, m.weight), sums(r.weight, m.pixels)
    together = sums(r.pixels, m.pixels) - of_r * of_m / overlap
    spread_r = _spread(sums(r.squares, m.weight), of_r, overlap)
    spread_m = _spread(sums(r.weight, m.squares), of_m, overlap)
    product = spread_r * spread_m
    valid = (overlap >= max(least_overlap, 1.0)) & (product > 0)
    values = np.where(valid, together / np.sqrt(np.where(valid, product, 1)), 0)
    values = np.clip(values, -_BEST, _BEST)
    significance = np.where(valid, np.arctanh(values) * np.sqrt(overlap), -np.inf)
    return Correlation(values, overlap, significance, m.shape)


def _spread(squares: Array, sums: Array, overlap: Array) -> Array:
    """Return sums of squared differences to the mean, 0 where they are rounding."""
    spread: Array = squares - sums * sums / overlap
    spread[spread < _ROUNDING * squares.max(initial=0)] = 0
    return spread


def quick_length(least: int) -> int:
    """Return the least even product of 2, 3 and 5 that is at least so much."""
    length = least + least % 2
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 2


def _vertex(values: Array) -> float:
    """Return where a parabola through three values is highest, from the middle one."""
    before, here, after = (float(v) for v in values)
    curvature = before - 2 * here + after
    return (
        float(np.clip((before - after) / (2 * curvature), -0.5, 0.5))
        if curvature < 0
        else 0.0
    )
