"""Functions that NumPy computes of any objects that add and multiply."""

from __future__ import annotations

from typing import Any

import numpy as np

from photalign._types import Array
from photalign.warps.tracing._graph import Graph, Operation
from photalign.warps.tracing._traced import Traced, operand


class Entry:
    """One number of a traced array, for the time of a call of NumPy."""

    __slots__ = ("graph", "node")

    def __init__(self, graph: Graph, node: int) -> None:
        self.graph = graph
        self.node = node

    def _with(self, operation: Operation, one: Any, other: Any) -> Entry:
        nodes = [
            x.node if isinstance(x, Entry) else self.graph.constant(x)
            for x in (one, other)
        ]
        return Entry(self.graph, self.graph.apply(operation, *nodes))

    def __add__(self, other: Any) -> Entry:
        return self._with(np.add, self, other)

    def __radd__(self, other: Any) -> Entry:
        return self._with(np.add, other, self)

    def __sub__(self, other: Any) -> Entry:
        return self._with(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Entry:
        return self._with(np.subtract, other, self)

    def __mul__(self, other: Any) -> Entry:
        return self._with(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Entry:
        return self._with(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Entry:
        return self._with(np.true_divide, self, other)

    def __neg__(self) -> Entry:
        return Entry(self.graph, self.graph.apply(np.negative, self.node))

    def conjugate(self) -> Entry:
        """Return the same, as of every real number; `numpy.vdot` asks for it."""
        return self


def by_entries(
    graph: Graph, function: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> Traced:
    """Call a function with the entries of traced arrays, and read its result."""
    lifted = [_lifted(graph, given) for given in args]
    return _read(graph, function(*lifted, **options))


def _lifted(graph: Graph, given: Any) -> Any:
    if isinstance(given, str | int | tuple | None):
        return given
    traced = operand(graph, given)
    entries = np.empty(traced.shape, object)
    for place, node in np.ndenumerate(traced.nodes):
        entries[place] = Entry(graph, int(node))
    return entries


def _read(graph: Graph, result: Any) -> Traced:
    entries: Array = np.asarray(result, object)
    nodes = [
        entry.node if isinstance(entry, Entry) else graph.constant(entry)
        for entry in entries.flat
    ]
    return Traced(graph, np.array(nodes, np.intp).reshape(entries.shape))
