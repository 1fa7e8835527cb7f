"""Arrays that record what is done to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from photalign.autodiff._methods import ArrayMethods
from photalign.warps.tracing._graph import Graph, Untraceable

_MAX_CONSTANTS = 4096


class Traced(ArrayMethods, NDArrayOperatorsMixin):
    """An array of numbers that are known by how they are computed.

    A function of parameters and points is traced with a few points: an array of these
    has an axis for them like any other, whatever the function makes of it.

    Attributes
    ----------
    graph : Graph
    nodes : ndarray of int, shape (...)
        Places in the graph.
    is_mask : bool
        Whether NumPy would have an array of bool here.
    """

    __slots__ = ("graph", "is_mask", "nodes")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, graph: Graph, nodes: NDArray[np.intp], is_mask: bool = False
    ) -> None:
        self.graph = graph
        self.nodes = nodes
        self.is_mask = is_mask

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.nodes.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """What NumPy would have here: float64 or bool."""
        return np.dtype(np.bool_ if self.is_mask else np.float64)

    def like(self, nodes: Any) -> Traced:
        """Return an array of other nodes of the same kind."""
        return Traced(self.graph, np.asarray(nodes), self.is_mask)

    def astype(self, dtype: Any, **_: Any) -> Traced:
        """Make numbers of a mask; anything but float64 cannot be traced."""
        if np.dtype(dtype) != np.float64:
            raise Untraceable(f"astype({dtype})")
        return Traced(self.graph, self.nodes)

    def constant(self) -> Any:
        """Return the number that this is; what depends on anything has none."""
        if self.nodes.size != 1:
            raise Untraceable("the truth of an array")
        value = self.graph.constants.get(int(self.nodes.reshape(())))
        if value is None:
            raise Untraceable("a decision that depends on parameters or points")
        return value

    def __bool__(self) -> bool:
        return bool(self.constant())

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Traced]:
        return map(self.like, self.nodes)

    def __getitem__(self, key: Any) -> Traced:
        return self.like(self.nodes[key])

    def __setitem__(self, key: Any, entries: Any) -> None:
        given = operand(self.graph, entries)
        if given.is_mask != self.is_mask:
            raise Untraceable("numbers and truths in one array")
        self.nodes[key] = given.nodes

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any
    ) -> Any:
        from photalign.warps.tracing._ufuncs import apply

        return apply(self.graph, ufunc, method, inputs, options)

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        from photalign.warps.tracing._functions import call

        return call(self.graph, func, args, kwargs)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise Untraceable("an array of the numbers themselves")

    def __float__(self) -> NoReturn:
        raise TypeError("expected an array for NumPy, got a number for Python's math")

    __int__ = __index__ = __complex__ = __float__


def operand(graph: Graph, given: Any) -> Traced:
    """Read what a function was called with beside traced arrays."""
    if isinstance(given, Traced):
        if given.graph is not graph:
            raise Untraceable("an array of another trace")
        return given
    array = np.asarray(given)
    if array.dtype.kind not in "biuf" or array.size > _MAX_CONSTANTS:
        raise Untraceable(f"a constant of {array.dtype}, shape {array.shape}")
    nodes = [graph.constant(value) for value in array.astype(np.float64).flat]
    places = np.array(nodes, np.intp).reshape(array.shape)
    return Traced(graph, places, array.dtype == np.bool_)
