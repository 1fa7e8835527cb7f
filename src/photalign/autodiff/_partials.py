"""Arithmetic of sparse derivatives: a dict from parameters to partials.

A partial is a number or an array that broadcasts to the value it belongs to; a
parameter without one has the derivative 0. Neither the dicts nor the arrays are ever
changed, so that any number of jets may share them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from photalign._types import Array

Number = Any
"""A partial or a factor: a Python or NumPy number, or an array."""
Partials = dict[int, Number]

ONE = 1.0
"""The partial of a parameter by itself; to be told by ``is``."""


def scaled(partials: Partials, factor: Number) -> Partials:
    """Multiply by a number or an array."""
    if type(factor) is int:
        factor = float(factor)
    for partial in partials.values():
        if partial is not ONE:
            return _products(partials, factor)
    return dict.fromkeys(partials, factor)


# The value may well exist where the product does not, and of the value NumPy has said
# what there is to say.
@np.errstate(all="ignore")
def _products(partials: Partials, factor: Number) -> Partials:
    return {
        k: factor if partial is ONE else partial * factor
        for k, partial in partials.items()
    }


@np.errstate(all="ignore")
def chained(partials: Partials, factor: Number) -> Partials:
    """Multiply by a factor that may be infinite: a partial of 0 remains 0."""
    if np.isfinite(factor).all():
        return scaled(partials, factor)
    return {
        k: factor if v is ONE else np.where(np.equal(v, 0), 0.0, v * factor)
        for k, v in partials.items()
    }


def negated(partials: Partials) -> Partials:
    """Change all signs."""
    return {k: -partial for k, partial in partials.items()}


def added(one: Partials, other: Partials) -> Partials:
    """Add two."""
    if not one:
        return other
    union = one | other
    if len(union) < len(one) + len(other):
        _add_common(union, one, other)
    return union


@np.errstate(all="ignore")
def _add_common(union: Partials, one: Partials, other: Partials) -> None:
    for k in one.keys() & other.keys():
        union[k] = one[k] + other[k]


def subtracted(one: Partials, other: Partials) -> Partials:
    """Subtract the second from the first."""
    return added(one, negated(other)) if other else one


@np.errstate(all="ignore")
def mixed(one: Partials, by_one: Number, other: Partials, by_other: Number) -> Partials:
    """Return the total derivative of a function of two values."""
    return added(chained(one, by_one), chained(other, by_other))


def full(partial: Number, shape: tuple[int, ...]) -> Array:
    """Return a partial as an array of the value's shape, which is not to be written."""
    if type(partial) is np.ndarray and partial.shape == shape:
        return partial
    return np.broadcast_to(partial, shape)


def dense(
    partials: Partials, shape: tuple[int, ...], n_params: int, dtype: Any
) -> Array:
    """Return all partials, shape (..., P), 0 where there is none."""
    jacobian = np.zeros((*shape, n_params), dtype)
    for k, partial in partials.items():
        jacobian[..., k] = partial
    return jacobian
