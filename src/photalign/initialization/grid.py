"""A coarse grid of rotations and scales, each with all shifts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from photalign._types import FloatArray
from photalign.initialization.coarse import SmallPairs
from photalign.initialization.turned import Shifted, Turning

# From one rotation or scale to the next a pixel halfway to the border moves by so many
# pixels; a peak of the correlation is as wide.
_PIXELS = 2.4
_LARGEST_SCALE = 2.0
# Warps that are looked at more closely, and steps that are between them.
_PEAKS = 8
_APART = 1.5


class _Node(NamedTuple):
    """A rotation and a scale, with the best shift."""

    angle: float
    scale: float
    best: Shifted

    def distance(self, other: _Node) -> float:
        """Return the larger of the differences, rad and of logarithms."""
        turn = (self.angle - other.angle + np.pi) % (2 * np.pi) - np.pi
        return max(abs(float(turn)), abs(float(np.log(self.scale / other.scale))))


def grid(
    pairs: SmallPairs, side: int, *, with_rotation: bool, with_scale: bool
) -> Iterator[Shifted]:
    """Yield warps of a grid under which the images agree, the best first.

    Parameters
    ----------
    pairs : SmallPairs
        Both images.
    side : int
        Pixels of a side of the images that are correlated, about.
    with_rotation, with_scale : bool
        Whether there are any others than 0 and 1.

    Yields
    ------
    Shifted
        Of a neighborhood of rotations and scales only the best.
    """
    small = pairs.at_most(side)
    # A small moving image keeps the reference from becoming small, and the number of
    # nodes grows with the square of that.
    while with_rotation and min(small.reference.shape) > 2 * side:
        if small.level == pairs.coarsest:
            break
        small = pairs.at(small.level + 1)
    turning = Turning(pairs, small.level)
    step = _PIXELS / (min(*small.reference.shape, 2 * side) / 4)
    nodes = [
        _Node(angle, scale, shifted)
        for scale in (_scales(step) if with_scale else [1.0])
        for angle in (_angles(step) if with_rotation else [0.0])
        for shifted in turning.peaks(angle, scale, 1)
    ]
    nodes.sort(key=lambda node: -node.best.peak.significance)
    for _ in range(_PEAKS):
        if not nodes:
            return
        first = nodes[0]
        yield first.best
        nodes = [node for node in nodes if node.distance(first) > _APART * step]


def _angles(step: float) -> FloatArray:
    count = int(np.ceil(2 * np.pi / step))
    return 2 * np.pi * np.arange(count) / count


def _scales(step: float) -> FloatArray:
    """Return scales around 1, up to the largest and its inverse."""
    count = int(np.ceil(np.log(_LARGEST_SCALE) / step))
    exponents: FloatArray = np.arange(-count, count + 1) / count
    return _LARGEST_SCALE**exponents
