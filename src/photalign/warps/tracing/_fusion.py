"""Sums of products as one operation each, which spares the way through memory.

The core rounds them product by product and sum by sum, so that nothing else changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from photalign.warps.tracing._graph import Graph, Operation


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """Add to a product."""
    return a * b + c


def two_products(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Add two products."""
    return a * b + c * d


def two_products_add(a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """Add to the sum of two products."""
    return (a * b + c * d) + e


def fused(
    graph: Graph, outputs: Sequence[int | None]
) -> tuple[Graph, list[int | None]]:
    """Write nodes anew, with sums of products that nothing else needs as one.

    Parameters
    ----------
    graph : Graph
        Of one point.
    outputs : sequence of int or None
        Nodes.

    Returns
    -------
    Graph
    outputs : list of int or None
        The same nodes in it.
    """
    fusion = _Fusion(graph, [node for node in outputs if node is not None])
    return fusion.written, [
        None if node is None else fusion.known[node] for node in outputs
    ]


class _Fusion:
    """A graph that is written anew.

    A product may be absorbed by a sum that alone needs it, and that has a number for
    each point, or for all, as it does itself.
    """

    def __init__(self, graph: Graph, wanted: Sequence[int]) -> None:
        self.graph = graph
        self.written = Graph()
        self.known: dict[int, int] = {}
        nodes = graph.ancestors(wanted)
        self._uses = Counter(wanted)
        for node in nodes:
            self._uses.update(graph.operands[node])
        for node in nodes:
            self.known[node] = self._write(node)

    def _write(self, node: int) -> int:
        graph, written = self.graph, self.written
        operation = graph.operations[node]
        if node in graph.constants:
            return written.constant(graph.constants[node])
        if node in graph.parameters:
            return written.parameter(graph.parameters[node])
        if node in graph.coordinates:
            return written.coordinate(*graph.coordinates[node])
        assert operation is not None
        if operation is np.add:
            terms = self._terms(node)
            if terms is not None:
                return self._sum(*terms)
        return written.apply(operation, *(self.known[k] for k in graph.operands[node]))

    def _terms(self, node: int) -> tuple[tuple[int, ...], int | None] | None:
        """Return the products of a sum and what is added to them, if there are any."""
        one, other = self.graph.operands[node]
        for inner, rest in ((one, other), (other, one)):
            if self._is_absorbed(inner, np.add, node):
                products = self.graph.operands[inner]
                if all(self._is_absorbed(p, np.multiply, node) for p in products):
                    return products, rest
        products = tuple(
            side for side in (one, other) if self._is_absorbed(side, np.multiply, node)
        )
        if len(products) == 2:
            return products, None
        if len(products) == 1:
            return products, other if products[0] == one else one
        return None

    def _is_absorbed(self, node: int, operation: Operation, by: int) -> bool:
        graph = self.graph
        return (
            graph.operations[node] is operation
            and self._uses[node] == 1
            and graph.varies[node] == graph.varies[by]
        )

    def _sum(self, products: tuple[int, ...], rest: int | None) -> int:
        # Factors that are the same for all points come first.
        factors = [
            self.known[factor]
            for product in products
            for factor in sorted(
                self.graph.operands[product], key=lambda k: self.graph.varies[k]
            )
        ]
        if rest is None:
            return self.written.apply(two_products, *factors)
        together = multiply_add if len(products) == 1 else two_products_add
        return self.written.apply(together, *factors, self.known[rest])
