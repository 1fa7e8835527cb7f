"""Functions of NumPy, recorded once and then run by the core.

A function is called with parameters and points that record what is done to them
(`_traced`), as a graph of elementary operations (`_graph`). Its derivatives are nodes
of the same graph (`_derivatives`). What is needed of it becomes a tape of instructions
(`_lowering`, `_program`), which is compared with the function (`_verification`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign import _core
from photalign.warps.tracing._derivatives import differentiate
from photalign.warps.tracing._graph import Graph, Untraceable
from photalign.warps.tracing._lowering import Lowering
from photalign.warps.tracing._program import make_tape
from photalign.warps.tracing._traced import Traced, operand
from photalign.warps.tracing._verification import agrees

__all__ = ["trace"]

_POINTS = 3
"""Points that a function is traced with: enough to see whether it treats each alike."""


def trace(
    function: Callable[..., Any], params: NDArray[np.float64]
) -> _core.TapedWarp | None:
    """Record a function of parameters and points.

    Parameters
    ----------
    function : callable
        ``function(p, xy)``, see `photalign.warp`.
    params : ndarray of float64, shape (P,)
        Parameters near which it is compared with the function.

    Returns
    -------
    TapedWarp or None
        None if it does what cannot be recorded, or something else than its record.
    """
    try:
        with np.errstate(all="ignore"):
            warp = _recorded(function, params.size)
            return warp if agrees(warp, function, params) else None
    except Exception:
        # Whatever a function cannot be called with, it is called with plain arrays.
        return None


def _recorded(function: Callable[..., Any], n_params: int) -> _core.TapedWarp:
    graph = Graph()
    parameters = [graph.parameter(k) for k in range(n_params)]
    points = [[graph.coordinate(i, axis) for axis in (0, 1)] for i in range(_POINTS)]
    mapped = operand(
        graph,
        function(Traced(graph, np.array(parameters)), Traced(graph, np.array(points))),
    )
    if mapped.shape != (_POINTS, 2) or mapped.is_mask:
        raise Untraceable("a function that does not return points")
    outputs = _of_one_point(graph, mapped.nodes.tolist())
    partials = differentiate(graph, outputs)
    lower = Lowering(graph, outputs)
    values = lower(outputs)
    derivatives: list[int | None] = []
    for k in range(n_params):
        for of_axis in partials:
            derivatives += lower([of_axis[k]]) if k in of_axis else [None]
    return _core.TapedWarp(
        make_tape(lower.lowered, values, n_params),
        make_tape(lower.lowered, [*values, *derivatives], n_params),
    )


def _of_one_point(graph: Graph, mapped: list[list[int]]) -> list[int]:
    """Return the first point's outputs, if those of the others are made like them."""
    first, *others = mapped
    for i, other in enumerate(others, 1):
        renamed = _with_point(graph, i, other)
        if renamed != first:
            raise Untraceable("a function that treats points differently")
    return first


def _with_point(graph: Graph, point: int, outputs: list[int]) -> list[int]:
    """Return what outputs would be, were they made of the first point."""
    known: dict[int, int] = {}
    for node in graph.ancestors(outputs):
        operation = graph.operations[node]
        if node in graph.coordinates:
            of, axis = graph.coordinates[node]
            if of != point:
                raise Untraceable("a point that depends on other points")
            known[node] = graph.coordinate(0, axis)
        elif operation is None:
            known[node] = node
        else:
            operands = [known[operand] for operand in graph.operands[node]]
            known[node] = graph.apply(operation, *operands)
    return [known[node] for node in outputs]
