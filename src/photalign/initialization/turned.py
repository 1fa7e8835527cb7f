"""Correlation for all shifts, of images between which a turn was taken away."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from photalign._types import FloatArray
from photalign.initialization.coarse import SmallImage, SmallPairs
from photalign.initialization.correlation import (
    Peak,
    Spectra,
    masked_correlation,
    padded_size,
)

# A pixel that is to show more of the image is taken from the next level.
_MANY = 1.4


class Shifted(NamedTuple):
    """A warp that a peak of the correlation belongs to."""

    matrix: FloatArray
    """Between the images at full resolution, shape (3, 3)."""
    peak: Peak


class Shown(NamedTuple):
    """An image in a frame that it was turned and scaled to."""

    image: SmallImage
    to_image: FloatArray
    """Points of the frame to points of the image at full resolution, shape (3, 3)."""


class Turning:
    """Correlates the images of one level after turning and scaling."""

    def __init__(self, pairs: SmallPairs, level: int) -> None:
        self._pairs = pairs
        self._level = level
        self._reference = lru_cache(maxsize=2)(self._shown_reference)
        self._spectra = lru_cache(maxsize=2)(self._reference_spectra)

    def peaks(self, angle: float, scale: float, count: int) -> list[Shifted]:
        """Return the best shifts, with the turn a warp each.

        Parameters
        ----------
        angle, scale : float
            Of the warp, rad.
        count : int
            How many to return at most.
        """
        # The image with the finer pixels is shown in pixels of the other one.
        unit = max(1.0, 1.0 / scale)
        reference = self._reference(unit)
        least = self._pairs.pair.min_overlap * float(reference.image.weight.sum())
        if self._most_overlap(unit * scale) < least:
            return []
        moving = self._shown(1, unit * scale * _rotation(angle))
        size = padded_size(reference.image.shape, moving.image.shape)
        found = masked_correlation(
            self._spectra(unit, size),
            Spectra.of(moving.image.detail, moving.image.weight, size),
            size,
            least,
        )
        from_reference = np.linalg.inv(reference.to_image)
        return [
            Shifted(moving.to_image @ _shift(peak.x, peak.y) @ from_reference, peak)
            for peak in found.peaks(count)
        ]

    def _most_overlap(self, factor: float) -> float:
        """Return how many pixels a moving image that is made smaller has at most, px.

        With a margin, since its border is cut through pixels.
        """
        rows, columns = self._pairs.at(self._level).moving.shape
        return float((rows / factor + 2) * (columns / factor + 2))

    def _shown_reference(self, unit: float) -> Shown:
        return self._shown(0, unit * np.eye(2))

    def _reference_spectra(self, unit: float, size: tuple[int, int]) -> Spectra:
        image = self._reference(unit).image
        return Spectra.of(image.detail, image.weight, size)

    def _shown(self, which: int, turn: FloatArray) -> Shown:
        """Show an image so that `turn` takes vectors of the frame to the image's."""
        level, factor = self._level, float(np.sqrt(np.linalg.det(turn)))
        if factor > _MANY and level < self._pairs.coarsest:
            level, turn = level + 1, turn / 2
        small = self._pairs.at(level)
        image = (small.reference, small.moving)[which]
        if np.array_equal(turn, np.eye(2)):
            return Shown(image, small.to_full)
        rows, columns = image.shape
        ends = np.array(
            [[0, 0], [columns - 1, 0], [0, rows - 1], [columns - 1, rows - 1]]
        )
        box = ends @ np.linalg.inv(turn).T
        low, high = np.floor(box.min(axis=0)), np.ceil(box.max(axis=0))
        to_image = np.eye(3)
        to_image[:2, :2] = turn
        to_image[:2, 2] = turn @ low
        width, height = (high - low + 1).astype(int)
        shown = image.seen_through(to_image, (int(height), int(width)))
        return Shown(shown, small.to_full @ to_image)


def _shift(x: float, y: float) -> FloatArray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


def _rotation(angle: float) -> FloatArray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])
