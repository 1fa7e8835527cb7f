"""Round numbers for the ticks of an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

_ROUND = (1.0, 2.0, 5.0, 10.0)


def round_up(value: float, mantissas: Sequence[float] = _ROUND) -> float:
    """Return the smallest round number that is not below `value`.

    Parameters
    ----------
    value : float
        Positive.
    mantissas : sequence of float
        What may stand before a power of ten, rising from 1 to 10.

    Returns
    -------
    float

    Examples
    --------
    >>> round_up(0.13), round_up(20.0), round_up(51.0)
    (0.2, 20.0, 100.0)
    """
    decade = 10.0 ** math.floor(math.log10(value))
    # 1e-9 forgives the rounding of the logarithm: 20 must stay 20.
    step = next(m for m in mantissas if m * decade >= value * (1 - 1e-9))
    return float(f"{step * decade:.12g}")


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return multiples of a round step between `low` and `high`, at most `count` + 1.

    Examples
    --------
    >>> linear_ticks(-60.0, 60.0, 6)
    [-60.0, -40.0, -20.0, 0.0, 20.0, 40.0, 60.0]
    """
    step = round_up((high - low) / count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten between `low` and `high`; with 2 and 5 if they are few.

    Parameters
    ----------
    low, high : float
        Positive.

    Returns
    -------
    list of float

    Examples
    --------
    >>> log_ticks(0.5, 2000.0)
    [1.0, 10.0, 100.0, 1000.0]
    >>> log_ticks(3.0, 40.0)
    [5.0, 10.0, 20.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in ((1.0,), (1.0, 2.0, 5.0)):
        ticks = [float(f"{m}e{d}") for d in decades for m in mantissas]
        inside = [t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]
        if len(inside) >= 3:
            break
    return inside
