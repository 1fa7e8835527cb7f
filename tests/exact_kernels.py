"""The kernels again, from their definitions, in rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

TAPS = {
    "nearest": 1,
    "linear": 2,
    "catmull_rom": 4,
    "keys6": 6,
    "bspline2": 3,
    "bspline3": 4,
    "bspline5": 6,
}
BEFORE = {name: (taps - 1) // 2 for name, taps in TAPS.items()}
# Cells begin at the pixels, or halfway between them so that the middle tap is nearest.
START = {name: Fraction(-(taps % 2), 2) for name, taps in TAPS.items()}

# Polynomials of the distance for distances in [0, 1), [1, 2) and so on.
PIECES = {
    # Keys (1981), eq. 15 with a = -1/2.
    "catmull_rom": [
        (1, 0, Fraction(-5, 2), Fraction(3, 2)),
        (2, -4, Fraction(5, 2), Fraction(-1, 2)),
    ],
    # Keys (1981), section VI: the interpolant of fourth order.
    "keys6": [
        (1, 0, Fraction(-7, 3), Fraction(4, 3)),
        (Fraction(15, 6), Fraction(-59, 12), 3, Fraction(-7, 12)),
        (Fraction(-3, 2), Fraction(21, 12), Fraction(-2, 3), Fraction(1, 12)),
    ],
}
DEGREE = {"nearest": 0, "linear": 1, "bspline2": 2, "bspline3": 3, "bspline5": 5}


def bspline(degree: int, x: Fraction, order: int = 0) -> Fraction:
    """Centered B-spline, the sum of truncated powers (Unser 1999, eq. 4).

    Its derivatives are differences of splines of lower degree.
    """
    half = Fraction(1, 2)
    if order > degree:
        return Fraction(0)
    if order > 0:
        left = bspline(degree - 1, x + half, order - 1)
        return left - bspline(degree - 1, x - half, order - 1)
    total = Fraction(0)
    for k in range(degree + 2):
        shifted = x + Fraction(degree + 1, 2) - k
        if shifted > 0:
            total += (-1) ** k * comb(degree + 1, k) * shifted**degree
    return total / factorial(degree)


def piecewise(name: str, x: Fraction, order: int) -> Fraction:
    """Return the derivative of an even kernel that is given piece by piece."""
    distance, sign = abs(x), 1 if x > 0 else -1
    if distance >= len(PIECES[name]):
        return Fraction(0)
    total = Fraction(0)
    for power, factor in enumerate(PIECES[name][int(distance)]):
        if power >= order:
            falling = factorial(power) // factorial(power - order)
            total += factor * falling * distance ** (power - order)
    return sign**order * total


def kernel(name: str, x: Fraction, order: int) -> Fraction:
    """Return a kernel's derivative of order 0, 1 or 2, at no knot."""
    if name in PIECES:
        return piecewise(name, x, order)
    return bspline(DEGREE[name], x, order)


def weights(name: str, t: Fraction) -> tuple[list[Fraction], ...]:
    """Weights of the taps inside the cell, and their two derivatives by t.

    t is in (0, 1), for kernels with an odd number of taps in (-1/2, 1/2).
    """
    distances = [t + BEFORE[name] - k for k in range(TAPS[name])]
    return tuple([kernel(name, x, order) for x in distances] for order in range(3))
