"""The operations of a traced function: nodes that know what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

MAX_NODES = 20_000
"""A function of more operations than this is better off with whole arrays."""


class Untraceable(Exception):
    """A function does what cannot be recorded."""


def where(condition: Any, one: Any, other: Any) -> Any:
    """Choose one of two numbers: `numpy.where` as an operation."""
    return np.where(condition, one, other)


def chained(partial: Any, slope: Any) -> Any:
    """Multiply by a slope that may be infinite: a partial of 0 remains 0."""
    return np.where(np.equal(partial, 0.0), 0.0, partial * slope)


Operation = Callable[..., Any]
"""A ufunc of NumPy, `where` or `chained`."""

_COMMUTATIVE: frozenset[Operation] = frozenset({np.add, np.multiply})


class Graph:
    """Numbers and how they are computed; what is computed alike is one node.

    A node is its place in a list, behind those that it is computed of.
    """

    def __init__(self) -> None:
        self.operations: list[Operation | None] = []
        self.operands: list[tuple[int, ...]] = []
        self.constants: dict[int, float] = {}
        self.parameters: dict[int, int] = {}
        self.coordinates: dict[int, tuple[int, int]] = {}
        self.varies: list[bool] = []
        self._known: dict[Any, int] = {}

    def constant(self, value: float) -> int:
        """Return the node of a number."""
        value = float(value)
        key = ("constant", value.hex())
        if key not in self._known:
            self.constants[self._new(key)] = value
        return self._known[key]

    def parameter(self, k: int) -> int:
        """Return the node of a parameter."""
        key = ("parameter", k)
        if key not in self._known:
            self.parameters[self._new(key)] = k
        return self._known[key]

    def coordinate(self, point: int, axis: int) -> int:
        """Return the node of a point's x or y."""
        key = ("coordinate", point, axis)
        if key not in self._known:
            node = self._new(key, varies=True)
            self.coordinates[node] = (point, axis)
        return self._known[key]

    def apply(self, operation: Operation, *operands: int) -> int:
        """Return the node of an operation, the simplest that has its value."""
        if all(operand in self.constants for operand in operands):
            numbers = [np.float64(self.constants[operand]) for operand in operands]
            with np.errstate(all="ignore"):
                return self.constant(operation(*numbers))
        simpler = self._simplified(operation, operands)
        if simpler is not None:
            return simpler
        if operation in _COMMUTATIVE and operands[0] > operands[1]:
            operands = operands[::-1]
        key = (operation, *operands)
        if key not in self._known:
            varies = any(self.varies[operand] for operand in operands)
            self._new(key, operation, operands, varies=varies)
        return self._known[key]

    def is_constant(self, node: int, value: float) -> bool:
        """Whether a node is this number."""
        return self.constants.get(node) == value

    def ancestors(self, nodes: Iterable[int]) -> list[int]:
        """Return nodes and all that they are computed of, these first."""
        found: set[int] = set()
        waiting = list(nodes)
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting.extend(self.operands[node])
        return sorted(found)

    def _new(
        self,
        key: Any,
        operation: Operation | None = None,
        operands: tuple[int, ...] = (),
        *,
        varies: bool = False,
    ) -> int:
        node = len(self.operations)
        if node >= MAX_NODES:
            raise Untraceable(f"more than {MAX_NODES} operations")
        self.operations.append(operation)
        self.operands.append(operands)
        self.varies.append(varies)
        self._known[key] = node
        return node

    def _simplified(
        self, operation: Operation, operands: tuple[int, ...]
    ) -> int | None:
        """Return what an operation is without it, to the bit, if it is needless."""
        rule = _SIMPLER.get(operation)
        return None if rule is None else rule(self, *operands)


def _simpler_product(graph: Graph, one: int, other: int) -> int | None:
    for factor, rest in ((one, other), (other, one)):
        if graph.is_constant(factor, 1.0):
            return rest
        if graph.is_constant(factor, -1.0):
            return graph.apply(np.negative, rest)
    return None


def _simpler_ratio(graph: Graph, one: int, other: int) -> int | None:
    return one if graph.is_constant(other, 1.0) else None


def _simpler_negative(graph: Graph, one: int) -> int | None:
    return graph.operands[one][0] if graph.operations[one] is np.negative else None


def _simpler_or(graph: Graph, one: int, other: int) -> int | None:
    if graph.is_constant(one, 0.0):
        return other
    return one if graph.is_constant(other, 0.0) else None


def _simpler_choice(graph: Graph, condition: int, one: int, other: int) -> int | None:
    if condition in graph.constants:
        return one if graph.constants[condition] else other
    return one if one == other else None


def _simpler_chain(graph: Graph, partial: int, slope: int) -> int | None:
    if partial not in graph.constants:
        return None
    if graph.is_constant(partial, 0.0):
        return partial
    return graph.apply(np.multiply, partial, slope)


_SIMPLER: dict[Operation, Callable[..., int | None]] = {
    np.multiply: _simpler_product,
    np.true_divide: _simpler_ratio,
    np.negative: _simpler_negative,
    np.logical_or: _simpler_or,
    where: _simpler_choice,
    chained: _simpler_chain,
}
