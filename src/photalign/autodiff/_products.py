"""Functions that are linear in each of several arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from photalign.autodiff._operands import (
    name_of,
    partials_of,
    read,
    seed_of,
    shape_of,
    value_of,
)
from photalign.autodiff._partials import Partials, added, full
from photalign.autodiff._slopes import product
from photalign.autodiff.jet import Jet, make

_OPTIONS = {np.tensordot: {"axes"}, np.cross: {"axisa", "axisb", "axisc", "axis"}}
_NAMES = ("dot", "vdot", "inner", "outer", "kron", "tensordot", "cross")
_MODULE = ("outer", "cross", "matmul", "tensordot", "vecdot")

BILINEAR = frozenset(
    {getattr(np, name) for name in _NAMES}
    # NumPy 2 has some of them once more.
    | {getattr(np.linalg, name) for name in _MODULE if hasattr(np.linalg, name)}
)


def bilinear(function: Any, one: Any, other: Any, *args: Any, **options: Any) -> Jet:
    """Multiply two arrays in one of NumPy's ways."""
    name = name_of(function)
    if any(isinstance(x, Jet) for x in (*args, *options.values())):
        raise TypeError(f"{name}: expected no jets but the first two arguments")
    operands = read((one, other), name)

    if function is np.tensordot and len(shape_of(operands[1])) == 1:
        axes = args[0] if args else options.get("axes")
        if type(axes) is int and axes == 1:
            function = np.dot
    if function is np.dot:
        return product(np.dot, *operands)

    def multiplied(a: Any, b: Any) -> Any:
        return function(a, b, *args, **options)

    return product(multiplied, *operands)


def einsum(*args: Any, **options: Any) -> Jet:
    """Sum products; every array may be a jet."""
    if options.keys() - {"optimize"}:
        raise TypeError(
            "numpy.einsum: expected no other option with a Jet than optimize"
        )
    # Arrays follow subscripts that are a string, or take turns with theirs.
    places = (
        range(1, len(args)) if isinstance(args[0], str) else range(0, len(args) - 1, 2)
    )
    values = list(args)
    operands = read((args[i] for i in places), "numpy.einsum")
    for i, operand in zip(places, operands, strict=True):
        values[i] = value_of(operand)
    value = np.einsum(*values, **options)
    partials: Partials = {}
    for i in places:
        with np.errstate(all="ignore"):
            part = {
                k: np.einsum(
                    *values[:i], full(v, shape_of(args[i])), *values[i + 1 :], **options
                )
                for k, v in partials_of(args[i]).items()
            }
        partials = added(partials, part)
    return make(value, partials, seed_of(args))


RULES: dict[Any, Callable[..., Any]] = {np.einsum: einsum}
