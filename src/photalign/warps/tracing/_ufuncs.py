"""NumPy's ufuncs of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from photalign import _core
from photalign.autodiff import _slopes
from photalign.warps.tracing._graph import Graph, Operation, Untraceable
from photalign.warps.tracing._traced import Traced, operand

RECORDED = frozenset(_core.operation_names()) | {"hypot"}
"""Names of the operations that the core runs, and of one that `Lowering` composes."""

# By others, which are recorded.
_COMPOSED: dict[np.ufunc, Any] = {
    **_slopes.COMPOSED,
    np.greater: lambda a, b: np.less(b, a),
    np.greater_equal: lambda a, b: np.less_equal(b, a),
    np.positive: lambda a: a,
    np.fabs: np.absolute,
    np.square: lambda a: a * a,
    np.reciprocal: lambda a: 1.0 / a,
    np.float_power: np.power,
    np.deg2rad: lambda a: a * (np.pi / 180.0),
    np.radians: lambda a: a * (np.pi / 180.0),
    np.rad2deg: lambda a: a * (180.0 / np.pi),
    np.degrees: lambda a: a * (180.0 / np.pi),
}
_OF_MASKS = {
    np.bitwise_and: np.logical_and,
    np.bitwise_or: np.logical_or,
    np.bitwise_xor: np.logical_xor,
    np.invert: np.logical_not,
}
_HARMLESS = {"casting": "same_kind", "order": "K", "subok": True, "where": True}


def apply(
    graph: Graph,
    ufunc: np.ufunc,
    method: str,
    inputs: tuple[Any, ...],
    options: dict[str, Any],
) -> Any:
    """Record a call of a ufunc, or of one of its methods."""
    out = options.pop("out", None)
    if method in ("reduce", "accumulate"):
        function = _slopes.REDUCTIONS.get((ufunc, method))
        if function is not None and out is None:
            return function(*inputs, **({"axis": 0} | options))
    for option, given in options.items():
        if given is not None and _HARMLESS.get(option, ...) is not given:
            raise Untraceable(f"{ufunc.__name__} with {option}=")
    if method != "__call__":
        raise Untraceable(f"{ufunc.__name__}.{method}")
    result = _called(graph, ufunc, inputs)
    return result if out is None else _written(result, out)


def _written(result: Any, out: tuple[Any, ...]) -> Any:
    """Do what an operation in place does."""
    (target,) = out
    if not isinstance(target, Traced):
        raise Untraceable("results in a plain array")
    target[...] = result
    return target


def _called(graph: Graph, ufunc: np.ufunc, inputs: tuple[Any, ...]) -> Any:
    if ufunc in _slopes.PRODUCTS:
        from photalign.warps.tracing._entries import by_entries

        return by_entries(graph, ufunc, inputs, {})
    operands = [operand(graph, given) for given in inputs]
    all_masks = all(given.is_mask for given in operands)
    if ufunc in _OF_MASKS:
        if not all_masks:
            raise Untraceable(f"{ufunc.__name__} of numbers")
        ufunc = _OF_MASKS[ufunc]
    gives_mask = ufunc in _slopes.OF_VALUES
    if all_masks and not gives_mask:
        raise Untraceable(f"{ufunc.__name__} of truths")
    if ufunc in _COMPOSED:
        return _COMPOSED[ufunc](*operands)
    return elementwise(graph, ufunc, *operands, is_mask=gives_mask)


def elementwise(
    graph: Graph, operation: Operation, *operands: Traced, is_mask: bool = False
) -> Traced:
    """Record an operation on entries."""
    if operation.__name__ not in RECORDED:
        raise Untraceable(operation.__name__)
    apply = graph.apply
    if all(given.nodes.ndim == 0 for given in operands):
        node = apply(operation, *(int(given.nodes) for given in operands))
        return Traced(graph, np.array(node, np.intp), is_mask)
    nodes = np.broadcast_arrays(*(given.nodes for given in operands))
    columns = (column.ravel().tolist() for column in nodes)
    found = [apply(operation, *entries) for entries in zip(*columns, strict=True)]
    return Traced(graph, np.array(found, np.intp).reshape(nodes[0].shape), is_mask)
