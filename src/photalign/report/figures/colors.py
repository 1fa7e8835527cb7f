"""The diverging colour map of the differences: blue below zero, red above it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# ColorBrewer's RdBu in 11 classes, from its blue end: one of the diverging schemes
# that C. A. Brewer found safe for colour-blind readers (Harrower and Brewer,
# "ColorBrewer.org", The Cartographic Journal 40, 2003; colorbrewer2.org).
_STOPS = (
    *("#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0"),
    "#f7f7f7",
    *("#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f"),
)


def diverging(count: int) -> NDArray[np.uint8]:
    """Return evenly spaced colours of the map.

    Parameters
    ----------
    count : int
        How many; odd, so that the middle one is the neutral colour of zero.

    Returns
    -------
    ndarray of uint8, shape (count, 3)
        Red, green, blue.

    Examples
    --------
    >>> diverging(3).tolist()
    [[5, 48, 97], [247, 247, 247], [103, 0, 31]]
    """
    stops = np.array([list(bytes.fromhex(s[1:])) for s in _STOPS], dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, count)
    channels = [np.interp(at, np.arange(len(stops)), c) for c in stops.T]
    colors: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors


def css_gradient() -> str:
    """Return the map as a CSS background, from negative on the left to positive."""
    return f"linear-gradient(to right, {', '.join(_STOPS)})"
