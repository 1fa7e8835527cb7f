"""NumPy's ufuncs of jets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from photalign.autodiff import _slopes
from photalign.autodiff._operands import (
    name_of,
    no_rule,
    read,
    refuse_output,
    seed_of,
    value_of,
)
from photalign.autodiff._partials import Partials, added, chained
from photalign.autodiff.jet import Jet, make

# Functions that may have keywords which change nothing.
_HARMLESS = {"casting": "same_kind", "order": "K", "subok": True, "where": True}


def apply(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Answer a call of a ufunc, or of one of its methods, with jets.

    Raises
    ------
    TypeError
        If there is no rule for it, or an operand or an option that has no place in it.
    """
    if any(_knows_better(operand) for operand in inputs):
        return NotImplemented
    name = name_of(ufunc) if method == "__call__" else f"{name_of(ufunc)}.{method}"
    if options.get("out") is not None:
        raise refuse_output(name)
    if method in ("reduce", "accumulate"):
        function = _slopes.REDUCTIONS.get((ufunc, method))
        if function is None:
            raise no_rule(name)
        return function(*inputs, **({"axis": 0} | options))
    if method == "outer":
        one, other = inputs
        axes = (np.newaxis,) * np.ndim(value_of(other))
        return ufunc(_entries(one)[(..., *axes)], other, **options)
    if method != "__call__":
        raise no_rule(name)
    for option, given in options.items():
        if given is not None and _HARMLESS.get(option, ...) is not given:
            raise TypeError(f"{name}: expected no {option}= with a Jet, got {given!r}")
    return _call(ufunc, name, inputs)


def _entries(operand: Any) -> Any:
    return operand if isinstance(operand, Jet) else np.asarray(operand)


def _knows_better(operand: Any) -> bool:
    """Whether another library's array should answer rather than a jet."""
    if isinstance(operand, Jet | np.ndarray | np.generic):
        return False
    return hasattr(type(operand), "__array_ufunc__")


def _call(ufunc: np.ufunc, name: str, inputs: tuple[Any, ...]) -> Any:
    if ufunc in _slopes.OF_VALUES:
        return ufunc(*map(value_of, inputs))
    operands = read(inputs, name)
    if ufunc in _OPERATORS:
        return _OPERATORS[ufunc](*operands)
    if ufunc in _slopes.STEPS:
        return make(ufunc(*map(value_of, operands)), {}, seed_of(operands))
    if ufunc in _slopes.UNARY:
        return _unary(ufunc, operands[0])
    if ufunc in _slopes.BINARY:
        return _binary(ufunc, *operands)
    if ufunc in _slopes.COMPOSED:
        return _slopes.COMPOSED[ufunc](*operands)
    if ufunc in _slopes.PRODUCTS:
        return _slopes.product(ufunc, *operands)
    raise no_rule(name)


def _unary(ufunc: np.ufunc, jet: Any) -> Jet:
    x = jet._value
    y = ufunc(x)
    with np.errstate(all="ignore"):
        slope = _slopes.UNARY[ufunc](x, y)
    return make(y, chained(jet._partials, slope), jet._seed)


def _binary(ufunc: np.ufunc, one: Any, other: Any) -> Jet:
    a, b = value_of(one), value_of(other)
    y = ufunc(a, b)
    partials: Partials = {}
    with np.errstate(all="ignore"):
        for operand, slope in zip((one, other), _slopes.BINARY[ufunc], strict=True):
            if isinstance(operand, Jet):
                part = chained(operand._partials, slope(a, b, y))
                partials = added(partials, part)
    return make(y, partials, seed_of((one, other)))


def _operator(name: str) -> Callable[[Any, Any], Any]:
    """Return the operator, which the jet among the two operands knows how to apply."""
    forward, backward = f"__{name}__", f"__r{name}__"

    def applied(one: Any, other: Any) -> Any:
        if isinstance(one, Jet):
            return getattr(one, forward)(other)
        return getattr(other, backward)(one)

    return applied


_OPERATORS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: _operator("add"),
    np.subtract: _operator("sub"),
    np.multiply: _operator("mul"),
    np.true_divide: _operator("truediv"),
    np.negative: Jet.__neg__,
    np.positive: Jet.__pos__,
}
