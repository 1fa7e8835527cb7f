"""The kernels again, from their definitions, in rational arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb, factorial

TAPS = {"linear": 2, "catmull_rom": 4, "bspline3": 4, "bspline5": 6}
BEFORE = {name: taps // 2 - 1 for name, taps in TAPS.items()}


def bspline(degree: int, x: Fraction) -> Fraction:
    """Centered B-spline, the sum of truncated powers (Unser 1999, eq. 4)."""
    half = Fraction(degree + 1, 2)
    total = Fraction(0)
    for k in range(degree + 2):
        shifted = x + half - k
        if shifted > 0:
            total += (-1) ** k * comb(degree + 1, k) * shifted**degree
    return total / factorial(degree)


def bspline_slope(degree: int, x: Fraction) -> Fraction:
    half = Fraction(1, 2)
    return bspline(degree - 1, x + half) - bspline(degree - 1, x - half)


def keys(x: Fraction) -> Fraction:
    """Keys (1981), eq. 15 with a = -1/2."""
    s = abs(x)
    if s < 1:
        return Fraction(3, 2) * s**3 - Fraction(5, 2) * s**2 + 1
    if s < 2:
        return -Fraction(1, 2) * s**3 + Fraction(5, 2) * s**2 - 4 * s + 2
    return Fraction(0)


def keys_slope(x: Fraction) -> Fraction:
    s, sign = abs(x), 1 if x > 0 else -1
    if s < 1:
        return sign * (Fraction(9, 2) * s**2 - 5 * s)
    if s < 2:
        return sign * (-Fraction(3, 2) * s**2 + 5 * s - 4)
    return Fraction(0)


VALUE: dict[str, Callable[[Fraction], Fraction]] = {
    "linear": lambda x: bspline(1, x),
    "catmull_rom": keys,
    "bspline3": lambda x: bspline(3, x),
    "bspline5": lambda x: bspline(5, x),
}
SLOPE: dict[str, Callable[[Fraction], Fraction]] = {
    # Between the pixels; at them the slope is one-sided.
    "linear": lambda x: Fraction(-1 if x > 0 else 1),
    "catmull_rom": keys_slope,
    "bspline3": lambda x: bspline_slope(3, x),
    "bspline5": lambda x: bspline_slope(5, x),
}


def weights(name: str, t: Fraction) -> tuple[list[Fraction], list[Fraction]]:
    """Weights of the taps at t in (0, 1), and their derivatives by t."""
    distances = [t + BEFORE[name] - k for k in range(TAPS[name])]
    return [VALUE[name](x) for x in distances], [SLOPE[name](x) for x in distances]
