"""Derivatives of a graph's nodes, as nodes of the same graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from photalign.autodiff import _slopes
from photalign.warps.tracing._graph import Graph, Untraceable, chained, where
from photalign.warps.tracing._traced import Traced, operand

Partials = dict[int, int]
"""Nodes of derivatives by parameter; 0 by others."""


def differentiate(graph: Graph, outputs: Sequence[int]) -> list[Partials]:
    """Return the partials of some nodes.

    The slopes of elementary functions are those of `Jet`, and computed by the same
    functions: here of traced numbers.
    """
    found: dict[int, Partials] = {}
    for node in graph.ancestors(outputs):
        found[node] = _partials_of(graph, node, found)
    return [found[node] for node in outputs]


def _partials_of(graph: Graph, node: int, known: dict[int, Partials]) -> Partials:
    if node in graph.parameters:
        return {graph.parameters[node]: graph.constant(1.0)}
    operands = graph.operands[node]
    ours = [known[operand] for operand in operands]
    if not any(ours):
        return {}
    operation = graph.operations[node]
    if operation is where:
        return _chosen(graph, operands[0], ours[1], ours[2])
    if operation in _slopes.OF_VALUES or operation in _slopes.STEPS:
        return {}
    total: Partials = {}
    for place, partials in enumerate(ours):
        if not partials:
            continue
        is_plain = operation in _LINEAR
        slope = (_linear_slope if is_plain else _slope)(graph, node, place)
        for k, partial in partials.items():
            part = graph.apply(np.multiply if is_plain else chained, partial, slope)
            total[k] = graph.apply(np.add, total[k], part) if k in total else part
    return total


def _chosen(graph: Graph, condition: int, one: Partials, other: Partials) -> Partials:
    zero = graph.constant(0.0)
    return {
        k: graph.apply(where, condition, one.get(k, zero), other.get(k, zero))
        for k in sorted(one.keys() | other.keys())
    }


_LINEAR = frozenset({np.add, np.subtract, np.negative, np.multiply, np.true_divide})


def _linear_slope(graph: Graph, node: int, place: int) -> int:
    operation: Any = graph.operations[node]
    operands = graph.operands[node]
    if operation is np.multiply:
        return operands[1 - place]
    if operation is np.true_divide:
        inverse = graph.apply(np.true_divide, graph.constant(1.0), operands[1])
        if place == 0:
            return inverse
        return graph.apply(np.negative, graph.apply(np.multiply, node, inverse))
    is_minus = operation is np.negative or (operation is np.subtract and place == 1)
    return graph.constant(-1.0 if is_minus else 1.0)


def _slope(graph: Graph, node: int, place: int) -> int:
    """Return the derivative of a node by one of its operands."""
    operation: Any = graph.operations[node]
    # Of an exponent that is a number it is asked which; of others it cannot be.
    numbers = [_traced(graph, operand) for operand in (*graph.operands[node], node)]
    slope: Any
    if operation in _slopes.UNARY:
        slope = _slopes.UNARY[operation](*numbers)
    elif operation in _slopes.BINARY:
        slope = _slopes.BINARY[operation][place](*numbers)
    else:
        raise Untraceable(f"the derivative of {operation}")
    return int(operand(graph, slope).nodes.reshape(()))


def _traced(graph: Graph, node: int) -> Traced:
    shape = () if node in graph.constants else (1,)
    return Traced(graph, np.full(shape, node, np.intp))
