"""A graph of the operations that the core has, and of those that are cheap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from photalign.autodiff import _slopes
from photalign.warps.tracing._graph import Graph, Untraceable

_MAX_POWER = 8


class Lowering:
    """Writes nodes of a graph anew, as operations on one point.

    Division becomes a product with the reciprocal, which is shared; small powers become
    products. That may change a last digit, and so nothing is done to numbers whose last
    digit decides something: those that are rounded or compared.

    Parameters
    ----------
    graph : Graph
    values : sequence of int
        Nodes whose numbers are wanted, not only their derivatives.
    """

    def __init__(self, graph: Graph, values: Sequence[int]) -> None:
        self.graph = graph
        self.lowered = Graph()
        self._exact = _decisive(graph, values)
        self._known: dict[int, int] = {}

    def __call__(self, wanted: Sequence[int]) -> list[int]:
        """Return the nodes in the new graph.

        Raises
        ------
        Untraceable
            If they depend on several points.
        """
        for node in self.graph.ancestors(wanted):
            if node not in self._known:
                self._known[node] = self._write(node)
        return [self._known[node] for node in wanted]

    def _write(self, node: int) -> int:
        graph, lowered = self.graph, self.lowered
        if node in graph.constants:
            return lowered.constant(graph.constants[node])
        if node in graph.parameters:
            return lowered.parameter(graph.parameters[node])
        if node in graph.coordinates:
            point, axis = graph.coordinates[node]
            if point != 0:
                raise Untraceable("a point that depends on other points")
            return lowered.coordinate(0, axis)
        operation: Any = graph.operations[node]
        operands = [self._known[operand] for operand in graph.operands[node]]
        if operation is np.hypot:
            return self._hypot(*operands)
        if operation is np.subtract:
            return self._subtract(*operands)
        if node not in self._exact:
            if operation is np.true_divide:
                return self._divide(*operands)
            if operation is np.power and operands[1] in lowered.constants:
                return self._power(*operands)
        return lowered.apply(operation, *operands)

    def _subtract(self, one: int, other: int) -> int:
        """Add a product with a factor that is negated once: this fuses with others."""
        lowered = self.lowered
        last: Any = lowered.operations[other]
        if last is np.multiply and lowered.varies[other]:
            factors = sorted(lowered.operands[other], key=lambda k: lowered.varies[k])
            if not lowered.varies[factors[0]]:
                negated = lowered.apply(np.negative, factors[0])
                product = lowered.apply(np.multiply, negated, factors[1])
                return lowered.apply(np.add, one, product)
        return lowered.apply(np.subtract, one, other)

    def _divide(self, one: int, other: int) -> int:
        apply = self.lowered.apply
        inverse = apply(np.true_divide, self.lowered.constant(1.0), other)
        return apply(np.multiply, one, inverse)

    def _power(self, base: int, exponent: int) -> int:
        apply, power = self.lowered.apply, self.lowered.constants[exponent]
        if power == 0.5:
            return apply(np.sqrt, base)
        if power == 0 or power != int(power) or abs(power) > _MAX_POWER:
            return apply(np.power, base, exponent)
        product = self._whole_power(base, int(abs(power)))
        if power > 0:
            return product
        return apply(np.true_divide, self.lowered.constant(1.0), product)

    def _whole_power(self, base: int, power: int) -> int:
        if power == 1:
            return base
        half = self._whole_power(base, power // 2)
        square = self.lowered.apply(np.multiply, half, half)
        return self.lowered.apply(np.multiply, square, base) if power % 2 else square

    def _hypot(self, one: int, other: int) -> int:
        apply = self.lowered.apply
        squares = [apply(np.multiply, side, side) for side in (one, other)]
        return apply(np.sqrt, apply(np.add, *squares))


def _decisive(graph: Graph, values: Sequence[int]) -> set[int]:
    """Return the nodes that something jumps with."""
    jumps = _slopes.OF_VALUES | _slopes.STEPS | {np.remainder, np.fmod, np.copysign}
    return set(
        graph.ancestors(
            node for node in graph.ancestors(values) if graph.operations[node] in jumps
        )
    )
