"""Which row of a block holds which number, while it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from photalign.warps.tracing._graph import Graph


class Rows:
    """Rows of a tape; the first two are a point's x and y.

    Parameters
    ----------
    first : int
        The register that is the first row.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._free: list[int] = []
        self._next = first + 2

    def assign(
        self,
        graph: Graph,
        nodes: Sequence[int],
        kept: Iterable[int],
        places: dict[int, int],
    ) -> None:
        """Give each node a row, the one last used for a number that is done with.

        Parameters
        ----------
        graph : Graph
        nodes : sequence of int
            In the order in which they are computed.
        kept : iterable of int
            Nodes that are needed until the end.
        places : dict of node to register
            What has one already, the coordinates among them; receives the others.
        """
        last_use = {operand: node for node in nodes for operand in graph.operands[node]}
        for node in kept:
            last_use.pop(node, None)
        for node in nodes:
            for operand in set(graph.operands[node]):
                if graph.varies[operand] and last_use.get(operand) == node:
                    self._free.append(places[operand])
            places[node] = self._take()

    def _take(self) -> int:
        if self._free:
            return self._free.pop()
        self._next += 1
        return self._next - 1
