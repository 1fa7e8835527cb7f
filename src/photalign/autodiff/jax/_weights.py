"""The kernels as polynomials: the weights of their taps, and all derivatives."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

_CUBIC_SPLINE = ([1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1])
_QUINTIC_SPLINE = (
    [1, -5, 10, -10, 5, -1],
    [26, -50, 20, 20, -20, 5],
    [66, 0, -60, 0, 30, -10],
    [26, 50, 20, -20, -20, 10],
    [1, 5, 10, 10, 5, -5],
    [0, 0, 0, 0, 0, 1],
)
_KEYS6 = (
    [0, 1, -2, 1],
    [0, -8, 15, -7],
    [12, 0, -28, 16],
    [0, 8, 20, -16],
    [0, -1, -6, 7],
    [0, 0, 1, -1],
)

# By the core's code of the kernel: one row for each tap, from the constant on, for the
# fraction t in [0, 1], or in [-1/2, 1/2] if the number of taps is odd. The sources of
# the formulas are in core/include/photalign/kernels.hpp.
_TABLES: dict[int, NDArray[Any]] = {
    0: np.array([[1.0, -1.0], [0.0, 1.0]]),
    1: np.array([[0, -1, 2, -1], [2, 0, -5, 3], [0, 1, 4, -3], [0, 0, -1, 1]]) / 2,
    2: np.array(_CUBIC_SPLINE) / 6,
    3: np.array(_QUINTIC_SPLINE) / 120,
    4: np.array([[1.0]]),
    5: np.array(_KEYS6) / 12,
    6: np.array([[1, -4, 4], [6, 0, -8], [1, 4, 4]]) / 8,
}


@lru_cache
def _table(code: int, derivative: int) -> NDArray[Any]:
    return polynomial.polyder(_TABLES[code], derivative, axis=1)


def tap_weights(code: int, t: Any, derivative: int) -> Any:
    """Return a derivative of the weights of all taps.

    Parameters
    ----------
    code : int
        Of the kernel, in the core's list.
    t : jax.Array
        How far into their cell points are.
    derivative : int
        Its order; 0 for the weights themselves.

    Returns
    -------
    jax.Array, shape of `t` with an axis of taps behind it, same dtype
        By Horner's rule, in the type of `t`.
    """
    table = _table(code, derivative).astype(t.dtype)
    t = t[..., np.newaxis]
    weights = jnp.broadcast_to(table[:, -1], (*t.shape[:-1], len(table)))
    for power in range(table.shape[1] - 2, -1, -1):
        weights = weights * t + table[:, power]
    return weights
