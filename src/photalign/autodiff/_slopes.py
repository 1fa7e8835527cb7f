"""The derivatives of NumPy's ufuncs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from photalign.autodiff._operands import partials_of, seed_of, shape_of, value_of
from photalign.autodiff._partials import Number, Partials, added, full, scaled
from photalign.autodiff._stack import Stack
from photalign.autodiff.jet import Jet, make

_LOG2 = float(np.log(2.0))
_LOG10 = float(np.log(10.0))

OF_VALUES: frozenset[np.ufunc] = frozenset(
    {
        *(np.less, np.less_equal, np.greater, np.greater_equal),
        *(np.equal, np.not_equal, np.isfinite, np.isnan, np.isinf, np.signbit),
        *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not),
    }
)
"""Ufuncs that return no real numbers; of jets those of the values."""

STEPS: frozenset[np.ufunc] = frozenset(
    {np.floor, np.ceil, np.trunc, np.rint, np.sign, np.floor_divide, np.heaviside}
)
"""Ufuncs whose derivative is 0."""

UNARY: dict[np.ufunc, Callable[[Number, Number], Number]] = {
    np.absolute: lambda x, y: np.sign(x),
    np.fabs: lambda x, y: np.sign(x),
    np.sqrt: lambda x, y: 0.5 / y,
    np.cbrt: lambda x, y: 1.0 / (3.0 * y * y),
    np.square: lambda x, y: 2.0 * x,
    np.reciprocal: lambda x, y: -y * y,
    np.exp: lambda x, y: y,
    np.exp2: lambda x, y: _LOG2 * y,
    np.expm1: lambda x, y: y + 1.0,
    np.log: lambda x, y: 1.0 / x,
    np.log2: lambda x, y: 1.0 / (_LOG2 * x),
    np.log10: lambda x, y: 1.0 / (_LOG10 * x),
    np.log1p: lambda x, y: 1.0 / (1.0 + x),
    np.sin: lambda x, y: np.cos(x),
    np.cos: lambda x, y: -np.sin(x),
    np.tan: lambda x, y: 1.0 + y * y,
    np.arcsin: lambda x, y: 1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
    np.arccos: lambda x, y: -1.0 / np.sqrt((1.0 - x) * (1.0 + x)),
    np.arctan: lambda x, y: 1.0 / (1.0 + x * x),
    np.sinh: lambda x, y: np.cosh(x),
    np.cosh: lambda x, y: np.sinh(x),
    np.tanh: lambda x, y: 1.0 - y * y,
    np.arcsinh: lambda x, y: 1.0 / np.hypot(1.0, x),
    np.arccosh: lambda x, y: 1.0 / (np.sqrt(x - 1.0) * np.sqrt(x + 1.0)),
    np.arctanh: lambda x, y: 1.0 / ((1.0 - x) * (1.0 + x)),
    np.deg2rad: lambda x, y: np.pi / 180.0,
    np.radians: lambda x, y: np.pi / 180.0,
    np.rad2deg: lambda x, y: 180.0 / np.pi,
    np.degrees: lambda x, y: 180.0 / np.pi,
}
"""The derivative of y = ufunc(x), from x and y."""

Slope = Callable[[Number, Number, Number], Number]


def _wins(won: Callable[[Number, Number], Any]) -> tuple[Slope, Slope]:
    """Slopes of a choice between two: 1 or 0, and half of each if they are equal."""

    def first(a: Number, b: Number, y: Number) -> Number:
        return np.where(np.equal(a, b), 0.5, won(a, b) * 1.0)

    return first, lambda a, b, y: 1.0 - first(a, b, y)


def _greater_or_number(a: Number, b: Number) -> Any:
    return np.greater(a, b) | np.isnan(b)


def _less_or_number(a: Number, b: Number) -> Any:
    return np.less(a, b) | np.isnan(b)


def _greater_or_nan(a: Number, b: Number) -> Any:
    return np.greater(a, b) | np.isnan(a)


def _less_or_nan(a: Number, b: Number) -> Any:
    return np.less(a, b) | np.isnan(a)


def _by_base(a: Number, b: Number, y: Number) -> Number:
    if np.ndim(b) == 0:
        if b == 2.0:
            return 2.0 * a
        if b == 0.0:
            return 0.0
    return np.where(np.equal(b, 0.0), 0.0, b * np.power(a, b - 1.0))


def _by_exponent(a: Number, b: Number, y: Number) -> Number:
    return np.where(np.equal(a, 0.0) & np.greater(b, 0.0), 0.0, y * np.log(a))


def _per_square(side: Number, one: Number, other: Number) -> Number:
    """Return a side by the square of the distance; it is 0 at the origin."""
    distance = np.hypot(one, other)
    return np.where(np.equal(distance, 0.0), 0.0, side / np.square(distance))


def _by_angle(above: Number, below: Number, size: Number) -> Number:
    """Return a ratio whose denominator may be 0; it is 0 then."""
    return np.where(np.equal(size, 0.0), 0.0, above / below)


BINARY: dict[np.ufunc, tuple[Slope, Slope]] = {
    np.power: (_by_base, _by_exponent),
    np.float_power: (_by_base, _by_exponent),
    np.hypot: (
        lambda a, b, y: _by_angle(a, y, y),
        lambda a, b, y: _by_angle(b, y, y),
    ),
    np.arctan2: (
        lambda a, b, y: _per_square(b, a, b),
        lambda a, b, y: _per_square(-a, a, b),
    ),
    np.copysign: (
        lambda a, b, y: np.sign(a) * np.copysign(1.0, b),
        lambda a, b, y: 0.0,
    ),
    np.maximum: _wins(_greater_or_nan),
    np.minimum: _wins(_less_or_nan),
    np.fmax: _wins(_greater_or_number),
    np.fmin: _wins(_less_or_number),
    np.remainder: (lambda a, b, y: 1.0, lambda a, b, y: -np.floor_divide(a, b)),
    np.fmod: (lambda a, b, y: 1.0, lambda a, b, y: -np.trunc(a / b)),
    np.logaddexp: (lambda a, b, y: np.exp(a - y), lambda a, b, y: np.exp(b - y)),
    np.logaddexp2: (lambda a, b, y: np.exp2(a - y), lambda a, b, y: np.exp2(b - y)),
}
"""The derivatives of y = ufunc(a, b) by a and by b, from a, b and y."""

COMPOSED: dict[np.ufunc, Callable[..., Any]] = {
    np.divmod: lambda a, b: (np.floor_divide(a, b), np.remainder(a, b)),
    np.modf: lambda x: (x - np.trunc(x), np.trunc(x)),
}
"""Ufuncs by means of others."""

PRODUCTS: frozenset[np.ufunc] = frozenset(
    getattr(np, name)
    for name in ("matmul", "vecdot", "matvec", "vecmat")
    if hasattr(np, name)  # all but the first came with NumPy 2
)
"""Ufuncs that are linear in each of two arrays."""

REDUCTIONS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
}
"""The functions that methods of ufuncs are."""


def product(function: Callable[..., Any], one: Any, other: Any, **options: Any) -> Jet:
    """Apply a function that is linear in each of two arrays."""
    a, b = value_of(one), value_of(other)
    value = function(a, b, **options)
    if function in (np.matmul, np.dot) and not options:
        partials = _combined(one, other)
        if partials is not None:
            return make(value, partials, seed_of((one, other)))
    with np.errstate(all="ignore"):
        by_one: Partials = {
            k: function(full(v, shape_of(one)), b, **options)
            for k, v in partials_of(one).items()
        }
        by_other: Partials = {
            k: function(a, full(v, shape_of(other)), **options)
            for k, v in partials_of(other).items()
        }
    return make(value, added(by_one, by_other), seed_of((one, other)))


def _combined(matrix: Any, vector: Any) -> Partials | None:
    """Return the partials of a linear combination by parameters of a constant matrix.

    Each parameter has a column of its own. Partials as arrays of 0 and 1 would make as
    many products of matrices as there are parameters.
    """
    if isinstance(matrix, Jet) or not np.ndim(matrix):
        return None
    if not isinstance(vector, Stack) or vector.ndim != 1:
        return None
    partials: Partials = {}
    for i, component in enumerate(vector.components or ()):
        partials = added(partials, scaled(component._partials, matrix[..., i]))
    return partials if vector.components else None
