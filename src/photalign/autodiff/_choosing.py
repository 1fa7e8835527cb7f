"""Functions that choose among entries: where, clip, the largest, the rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from photalign.autodiff._operands import (
    partials_of,
    read,
    seed_of,
    shape_of,
    value_of,
)
from photalign.autodiff._partials import Partials, full
from photalign.autodiff.jet import Jet, make


def where(condition: Any, *choices: Any) -> Any:
    """Take entries of one array where a condition holds, else of the other."""
    condition = value_of(condition)
    if not any(isinstance(choice, Jet) for choice in choices):
        return np.where(condition, *choices)  # only the condition was a jet
    one, other = read(choices, "numpy.where")
    value = np.where(condition, value_of(one), value_of(other))
    ours, theirs = partials_of(one), partials_of(other)
    partials: Partials = {
        k: np.where(condition, ours.get(k, 0.0), theirs.get(k, 0.0))
        for k in ours.keys() | theirs.keys()
    }
    return make(value, partials, seed_of((one, other)))


def clip(a: Any, a_min: Any = None, a_max: Any = None, **limits: Any) -> Any:
    """Limit entries, like `minimum` of `maximum`."""
    low, high = limits.pop("min", a_min), limits.pop("max", a_max)
    if limits:
        raise TypeError(f"numpy.clip: expected no {', '.join(limits)} with a Jet")
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Replace what is no finite number by constants."""
    value = np.nan_to_num(x._value, copy=True, nan=nan, posinf=posinf, neginf=neginf)
    finite = np.isfinite(x._value)
    partials = {k: np.where(finite, v, 0.0) for k, v in x._partials.items()}
    return make(value, partials, x._seed)


def rounded(a: Any, decimals: int = 0) -> Jet:
    """Round; the derivative is 0."""
    return make(np.round(a._value, decimals), {}, a._seed)


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the rule of the largest or smallest entry: of several, the mean."""

    def rule(a: Any, axis: Any = None, *, keepdims: bool = False) -> Jet:
        every = function(a._value, axis=axis, keepdims=True)
        hit = np.equal(a._value, every) | (np.isnan(a._value) & np.isnan(every))
        share = hit / hit.sum(axis=axis, keepdims=True)

        def along(partial: Any) -> Any:
            kept = np.where(hit, full(partial, shape_of(a)), 0.0)
            return (kept * share).sum(axis=axis, keepdims=keepdims)

        value = function(a._value, axis=axis, keepdims=keepdims)
        return make(value, {k: along(v) for k, v in a._partials.items()}, a._seed)

    return rule


def sort(a: Any, axis: int | None = -1) -> Any:
    """Put entries in the order of their values."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argsort(a._value, axis=axis), axis=axis)


def prod(a: Any, axis: Any = None, *, keepdims: bool = False) -> Jet:
    """Multiply all entries: each derivative by the product of the others."""
    shape = shape_of(a)
    given = range(len(shape)) if axis is None else np.atleast_1d(axis)
    axes = [int(one) % len(shape) for one in given]
    last = list(range(-len(axes), 0))
    kept = [n for i, n in enumerate(shape) if i not in axes]

    def in_rows(array: Any) -> Any:
        return np.moveaxis(full(array, shape), axes, last).reshape(*kept, -1)

    with np.errstate(all="ignore"):
        x = in_rows(a._value)
        ones = np.ones((*kept, 1), x.dtype)
        before = np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
        behind = np.concatenate([x[..., 1:], ones], axis=-1)[..., ::-1]
        others = before * np.cumprod(behind, axis=-1)[..., ::-1]
        value = np.prod(a._value, axis=axis, keepdims=keepdims)
        partials: Partials = {
            k: (others * in_rows(v)).sum(axis=-1).reshape(np.shape(value))
            for k, v in a._partials.items()
        }
    return make(value, partials, a._seed)


def variance(
    a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Any:
    """Return the mean of squared distances from the mean."""
    apart = a - np.mean(a, axis=axis, keepdims=True)
    total = np.sum(apart * apart, axis=axis, keepdims=keepdims)
    return total / (a.size / total.size - ddof)


def deviation(
    a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False
) -> Any:
    """Return the square root of the variance."""
    return np.sqrt(variance(a, axis, ddof=ddof, keepdims=keepdims))


RULES: dict[Any, Callable[..., Any]] = {
    np.where: where,
    np.clip: clip,
    np.nan_to_num: nan_to_num,
    np.round: rounded,
    np.around: rounded,
    np.fix: lambda x: np.trunc(x),
    np.max: _extreme(np.max),
    np.amax: _extreme(np.max),
    np.min: _extreme(np.min),
    np.amin: _extreme(np.min),
    np.sort: sort,
    np.prod: prod,
    np.var: variance,
    np.std: deviation,
}
