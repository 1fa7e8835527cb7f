"""The weights of the kernels as polynomials, for systems that compute them themselves.

The core has the same in ``kernels.hpp``, with their sources.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from photalign._types import FloatArray
from photalign.kernels import Kernel

# One row for each tap, its coefficients from the constant on, and a common divisor.
# Cells begin at the pixels, or are centered on them if the taps are odd in number.
_TABLES: dict[str, tuple[int, list[list[int]]]] = {
    "nearest": (1, [[1]]),
    "linear": (1, [[1, -1], [0, 1]]),
    "catmull_rom": (
        2,
        [[0, -1, 2, -1], [2, 0, -5, 3], [0, 1, 4, -3], [0, 0, -1, 1]],
    ),
    "keys6": (
        12,
        [
            *([0, 1, -2, 1], [0, -8, 15, -7], [12, 0, -28, 16]),
            *([0, 8, 20, -16], [0, -1, -6, 7], [0, 0, 1, -1]),
        ],
    ),
    "bspline2": (8, [[1, -4, 4], [6, 0, -8], [1, 4, 4]]),
    "bspline3": (6, [[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]),
    "bspline5": (
        120,
        [
            *([1, -5, 10, -10, 5, -1], [26, -50, 20, 20, -20, 5]),
            *([66, 0, -60, 0, 30, -10], [26, 50, 20, -20, -20, 10]),
            *([1, 5, 10, 10, 5, -5], [0, 0, 0, 0, 0, 1]),
        ],
    ),
}


@lru_cache(maxsize=64)
def weight_polynomials(kernel: Kernel, order: int) -> FloatArray:
    """Return the weights of a kernel's taps, differentiated so many times.

    Parameters
    ----------
    kernel : Kernel
        Prefiltered or not, which makes no difference here.
    order : int
        Of the derivative; 0 for the weights themselves.

    Returns
    -------
    ndarray, shape (taps, terms), float64
        Coefficients of the powers of t, from the constant on; t is the distance from
        the pixel where the cell begins, or where its center is.

    Examples
    --------
    >>> from photalign.autodiff._polynomials import weight_polynomials
    >>> from photalign.kernels import LINEAR
    >>> weight_polynomials(LINEAR, 0)  # 1 - t and t
    array([[ 1., -1.],
           [ 0.,  1.]])
    """
    divisor, rows = _TABLES[kernel.name.removesuffix("_direct")]
    table = np.array(rows, dtype=np.float64)
    for _ in range(order):
        table = table[:, 1:] * np.arange(1, table.shape[1])
    if table.shape[1] == 0:
        table = np.zeros((len(rows), 1))
    table /= divisor
    table.flags.writeable = False
    return table
