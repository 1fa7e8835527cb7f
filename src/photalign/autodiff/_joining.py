"""Functions that make one array of several, or one like another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from photalign.autodiff._partials import Partials, full
from photalign.autodiff._stack import stacked
from photalign.autodiff.jet import Jet, make

JOINS = (np.concatenate, np.hstack, np.dstack)


def joined(function: Any, arrays: Any, *axis: Any, **options: Any) -> Jet:
    """Join arrays along an axis that they have."""
    if options.keys() - {"axis"} or len(axis) > 1:
        raise TypeError(
            f"{name_of(function)}: expected no other option than axis with a Jet"
        )
    operands = read(arrays, name_of(function))
    value = function([value_of(a) for a in operands], *axis, **options)
    support = {k for a in operands for k in partials_of(a)}
    partials: Partials = {
        k: function(
            [full(partials_of(a).get(k, 0.0), shape_of(a)) for a in operands],
            *axis,
            **options,
        )
        for k in support
    }
    return make(value, partials, seed_of(operands))


def stack(arrays: Any, axis: int = 0) -> Jet:
    """Join arrays of one shape along a new axis."""
    operands = read(arrays, "numpy.stack")
    seed = seed_of(operands)
    shape = operands[0].shape
    kind = operands[0].dtype
    for operand in operands:
        if operand.shape != shape:
            np.stack([np.empty(a.shape) for a in operands])  # says what is wrong
        if operand.dtype is not kind:
            return stack(_of_one_type(operands), axis)
    n_axes = len(shape) + 1
    if not -n_axes <= axis < n_axes:
        np.stack([np.empty(shape)], axis)  # says what is wrong
    # Others may assign entries of theirs.
    jets = [a.__copy__() if isinstance(a, Jet) else make(a, {}, seed) for a in operands]
    return stacked(jets, axis % n_axes, seed)


def _of_one_type(operands: list[Any]) -> list[Any]:
    kind = np.result_type(*(a.dtype for a in operands))
    return [a if a.dtype is kind else a.astype(kind) for a in operands]


def column_stack(tup: Sequence[Any]) -> Jet:
    """Make columns of arrays of one axis; join others along their second."""
    operands = read(tup, "numpy.column_stack")
    if all(len(shape_of(a)) == 1 for a in operands):
        return stack(operands, -1)
    return joined(np.column_stack, operands)


def vstack(tup: Sequence[Any]) -> Jet:
    """Make rows of arrays of one axis; join others along their first."""
    operands = read(tup, "numpy.vstack")
    if all(len(shape_of(a)) == 1 for a in operands):
        return stack(operands, 0)
    return joined(np.vstack, operands)


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Give all arrays one shape."""
    shape = np.broadcast_shapes(*map(shape_of, arrays))
    return tuple(np.broadcast_to(array, shape) for array in arrays)


def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Jet:
    """Make a jet that does not depend on the parameters, unless the filling does."""
    shape = shape_of(a) if shape is None else shape
    kind = np.asarray(value_of(a)).dtype if dtype is None else np.dtype(dtype)
    seed = seed_of((a, fill_value))
    value = np.full(shape, value_of(fill_value), kind)
    return make(value, partials_of(fill_value), seed)


def zeros_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Jet:
    """Make a jet of zeros, into which others may be written."""
    return full_like(a, 0.0, dtype, shape=shape)


def ones_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Jet:
    """Make a jet of ones."""
    return full_like(a, 1.0, dtype, shape=shape)


def empty_like(prototype: Any, dtype: Any = None, *, shape: Any = None) -> Jet:
    """Make a jet into which others may be written."""
    return full_like(prototype, 0.0, dtype, shape=shape)


RULES: dict[Any, Callable[..., Any]] = {
    np.stack: stack,
    np.column_stack: column_stack,
    np.vstack: vstack,
    np.broadcast_arrays: broadcast_arrays,
    np.full_like: full_like,
    np.zeros_like: zeros_like,
    np.ones_like: ones_like,
    np.empty_like: empty_like,
}
