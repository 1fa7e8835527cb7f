"""Tapes for the core, from graphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photalign import _core
from photalign.warps.tracing._fusion import fused
from photalign.warps.tracing._graph import Graph
from photalign.warps.tracing._registers import Rows

_MAX_OPERANDS = 5
_CODES = {name: code for code, name in enumerate(_core.operation_names())}


def make_tape(graph: Graph, outputs: Sequence[int | None], n_params: int) -> _core.Tape:
    """Write a graph as instructions, without what the outputs do not need.

    Parameters
    ----------
    graph : Graph
        Of one point.
    outputs : sequence of int or None
        Nodes of the mapped point, then of derivatives, None for 0.
    n_params : int
    """
    graph, outputs = fused(graph, outputs)
    wanted = [node for node in outputs if node is not None]
    nodes = graph.ancestors(wanted)
    constants = [node for node in nodes if node in graph.constants]
    places = {node: place for place, node in enumerate(constants)}
    for node in nodes:
        if node in graph.parameters:
            places[node] = len(constants) + graph.parameters[node]
    computed = [node for node in nodes if graph.operands[node]]
    shared = [node for node in computed if not graph.varies[node]]
    for place, node in enumerate(shared, len(constants) + n_params):
        places[node] = place

    rows = Rows(len(constants) + n_params + len(shared))
    for node, (_, axis) in graph.coordinates.items():
        places[node] = rows.first + axis
    each = [node for node in computed if graph.varies[node]]
    rows.assign(graph, each, wanted, places)
    return _core.Tape(
        n_params,
        [graph.constants[node] for node in constants],
        _instructions(graph, shared, places),
        _instructions(graph, each, places),
        [-1 if node is None else places[node] for node in outputs],
    )


def _instructions(
    graph: Graph, nodes: list[int], places: dict[int, int]
) -> NDArray[np.int32]:
    rows = np.zeros((len(nodes), 2 + _MAX_OPERANDS), np.int32)
    for row, node in zip(rows, nodes, strict=True):
        operation = graph.operations[node]
        assert operation is not None
        row[:2] = _CODES[operation.__name__], places[node]
        operands = graph.operands[node]
        row[2 : 2 + len(operands)] = [places[operand] for operand in operands]
    return rows
