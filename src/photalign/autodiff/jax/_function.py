"""Functions of parameters and points that are written in JAX."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

_Doubles = NDArray[np.float64]

# Blocks of points are filled up to one of these sizes, since each is compiled anew.
_SIZES = (128, 1024, 4096, 16384)


class DifferentiatedFunction:
    """A function with its derivatives, compiled, from NumPy's arrays to NumPy's.

    Parameters
    ----------
    function : callable
        ``function(p, xy)`` of parameters, shape (P,), and points, shape (N, 2), both
        float64, in operations of JAX.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        def differentiated(p: Any, xy: Any) -> tuple[Any, Any]:
            return function(p, xy), jax.jacfwd(function)(p, xy)

        self._value = jax.jit(function)
        self._both = jax.jit(differentiated)

    def __call__(self, params: _Doubles, points: _Doubles) -> NDArray[Any]:
        """Map points (N, 2)."""
        with _doubles():
            return np.asarray(self._value(params, _filled(points)))[: len(points)]

    def with_jacobian(
        self, params: _Doubles, points: _Doubles
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Map points (N, 2), and differentiate by the parameters, (N, 2, P)."""
        with _doubles():
            mapped, jacobian = self._both(params, _filled(points))
            count = len(points)
            return np.asarray(mapped)[:count], np.asarray(jacobian)[:count]


def _doubles() -> AbstractContextManager[Any]:
    """Compute in float64 here, whatever JAX is told elsewhere."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)  # type: ignore[no-any-return]
    from jax.experimental import enable_x64

    return enable_x64()  # type: ignore[no-any-return]


def _filled(points: _Doubles) -> _Doubles:
    count = len(points)
    largest = _SIZES[-1]
    size = next((s for s in _SIZES if s >= count), -(-count // largest) * largest)
    if size == count:
        return points
    # With a point that the function is asked for anyway.
    filled = np.empty((size, 2))
    filled[:count] = points
    filled[count:] = points[:1]
    return filled
