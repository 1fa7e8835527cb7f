"""NumPy's functions of traced arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from photalign.autodiff import _joining, _moving, _products
from photalign.warps.tracing import _graph
from photalign.warps.tracing._entries import by_entries
from photalign.warps.tracing._graph import Graph, Untraceable
from photalign.warps.tracing._traced import Traced, operand
from photalign.warps.tracing._ufuncs import elementwise

Rule = Callable[..., Any]


def call(
    graph: Graph, function: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """Record a call of a function of NumPy."""
    rule = _RULES.get(function)
    if rule is None:
        raise Untraceable(function.__name__)
    return rule(graph, *args, **options)


def _moved(function: Any, graph: Graph, array: Any, *args: Any, **options: Any) -> Any:
    """Put entries elsewhere."""
    traced = operand(graph, array)
    moved = function(traced.nodes, *args, **options)
    if isinstance(moved, list | tuple):
        return [traced.like(part) for part in moved]
    return traced.like(moved)


def _joined(
    function: Any, graph: Graph, arrays: Any, *args: Any, **options: Any
) -> Traced:
    """Put arrays together."""
    traced = [operand(graph, array) for array in arrays]
    if len({array.is_mask for array in traced}) > 1:
        raise Untraceable("numbers and truths in one array")
    return traced[0].like(function([a.nodes for a in traced], *args, **options))


def _of_shape(function: Any, graph: Graph, array: Any, *args: Any) -> Any:
    return function(operand(graph, array).nodes, *args)


def _by_entries(function: Any, graph: Graph, *args: Any, **options: Any) -> Traced:
    return by_entries(graph, function, args, options)


def _einsum(graph: Graph, subscripts: Any, *arrays: Any, **options: Any) -> Traced:
    if not isinstance(subscripts, str) or options.keys() - {"optimize"}:
        raise Untraceable("einsum without subscripts in a string")
    return by_entries(graph, np.einsum, (subscripts, *arrays), {})


def _where(graph: Graph, condition: Any, *choices: Any) -> Traced:
    if len(choices) != 2:
        raise Untraceable("places that depend on parameters or points")
    one, other = (operand(graph, choice) for choice in choices)
    if one.is_mask != other.is_mask:
        raise Untraceable("numbers and truths in one array")
    condition = operand(graph, condition)
    return elementwise(graph, _graph.where, condition, one, other, is_mask=one.is_mask)


def _clip(
    graph: Graph, a: Any, a_min: Any = None, a_max: Any = None, **limits: Any
) -> Any:
    low, high = limits.pop("min", a_min), limits.pop("max", a_max)
    if limits:
        raise Untraceable("clip with options")
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _folded(ufunc: np.ufunc, graph: Graph, a: Any, axis: Any = None) -> Any:
    """Combine entries along an axis, one after the other."""
    traced = operand(graph, a)
    if axis is None:
        traced, axis = traced.like(traced.nodes.ravel()), 0
    first, *others = traced.like(np.moveaxis(traced.nodes, axis, 0))
    for other in others:
        first = ufunc(first, other)
    return first


def _norm(
    graph: Graph, x: Any, ord: Any = None, axis: Any = None, **options: Any
) -> Any:
    x = operand(graph, x)
    is_vector = np.ndim(axis) == 0 and (axis is not None or x.ndim == 1)
    if not is_vector or ord not in (None, 2):
        raise Untraceable("a norm other than the length of vectors")
    return np.sqrt(np.sum(x * x, axis=axis, **options))


def _filled(
    value: float | None, graph: Graph, a: Any, *args: Any, **options: Any
) -> Traced:
    """Make an array of the shape of another, filled with a number."""
    if value is None:
        (value, *rest) = args or (options.pop("fill_value"),)
        args = tuple(rest)
    if args or options.keys() - {"dtype"} or options.get("dtype", float) is not float:
        raise Untraceable("an array of another type")
    like = operand(graph, a)
    nodes = np.broadcast_to(operand(graph, value).nodes, like.shape).copy()
    return Traced(graph, nodes)


_RULES: dict[Any, Rule] = {
    **{f: partial(_moved, f) for f in _moving.MOVES},
    **{f: partial(_moved, f) for f in (*_moving.SPLITS, *_moving.AT_LEAST)},
    **{f: partial(_joined, f) for f in _joining.JOINS},
    **{f: partial(_joined, f) for f in (np.stack, np.column_stack, np.vstack)},
    **{f: partial(_of_shape, f) for f in (np.shape, np.ndim, np.size)},
    **{f: partial(_by_entries, f) for f in _products.BILINEAR},
    **{f: partial(_by_entries, f) for f in _moving.LINEAR},
    **{f: partial(_folded, np.maximum) for f in (np.max, np.amax)},
    **{f: partial(_folded, np.minimum) for f in (np.min, np.amin)},
    np.prod: partial(_folded, np.multiply),
    np.all: partial(_folded, np.logical_and),
    np.any: partial(_folded, np.logical_or),
    np.einsum: _einsum,
    np.where: _where,
    np.clip: _clip,
    np.fix: lambda _, x: np.trunc(x),
    np.linalg.norm: _norm,
    np.zeros_like: partial(_filled, 0.0),
    np.ones_like: partial(_filled, 1.0),
    np.empty_like: partial(_filled, 0.0),
    np.full_like: partial(_filled, None),
}
