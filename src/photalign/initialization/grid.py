"""A coarse grid of rotations and scales, each with all shifts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from photalign.initialization.coarse import SmallPairs
from photalign.initialization.turned import Shifted, Turning

# A pixel halfway to the border moves by about one from one rotation or scale to the
# next, so that a peak remains in between.
_PIXELS = 2.0
_LARGEST_SCALE = 2.0
# Warps that are looked at more closely.
_PEAKS = 8


def grid(
    pairs: SmallPairs, side: int, *, with_rotation: bool, with_scale: bool
) -> Iterator[Shifted]:
    """Yield warps of a grid that the images agree in, the best first.

    Parameters
    ----------
    pairs : SmallPairs
        Both images.
    side : int
        Pixels of a side of the images that are correlated, about.
    with_rotation, with_scale : bool
        Whether there is any.
    """
    small = pairs.at_most(side)
    turning = Turning(pairs, small.level)
    step = _PIXELS / (min(small.reference.shape) / 4)
    found = [
        (angle, scale, shifted)
        for scale in _scales(step if with_scale else np.inf)
        for angle in _angles(step if with_rotation else np.inf)
        for shifted in turning.peaks(angle, scale, 1)
    ]
    found.sort(key=lambda one: -one[2].peak.significance)
    for _ in range(_PEAKS):
        if not found:
            return
        angle, scale, best = found[0]
        yield best
        found = [one for one in found if not _is_near(one, (angle, scale), 1.5 * step)]


def _angles(step: float) -> np.ndarray:
    count = max(1, int(np.ceil(2 * np.pi / step)))
    return 2 * np.pi * np.arange(count) / count


def _scales(step: float) -> np.ndarray:
    count = int(np.ceil(np.log(_LARGEST_SCALE) / step))
    exponents = np.arange(-count, count + 1) / max(count, 1)
    return _LARGEST_SCALE**exponents


def _is_near(one, other, distance: float) -> bool:
    turned = (one[0] - other[0] + np.pi) % (2 * np.pi) - np.pi
    return abs(turned) < distance and abs(np.log(one[1] / other[1])) < distance
