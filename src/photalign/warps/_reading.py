"""Reading the matrix and the parameters that a user hands to a warp."""

from __future__ import annotations

from collections.abc import Collection
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Side of a large image, in pixels. At its far corner a perspective term v moves
# a point by about v * SIDE**2 px, a linear term e by e * SIDE px: the same
# tolerance in pixels asks SIDE times more of the perspective terms.
SIDE = 1e4

# A matrix as its rows. So few numbers cost less as floats than as an array.
Rows = list[list[float]]

_EPSILON = float(np.finfo(np.float64).eps)


def read_numbers(name: str, value: ArrayLike) -> NDArray[Any]:
    """Read finite real numbers, in the dtype they come in."""
    try:
        numbers = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name}: expected rows of one length, got {value!r}"
        ) from None
    if numbers.dtype.kind not in "iuf":
        raise TypeError(
            f"{name}: expected real numbers, "
            f"got {type(value).__name__} of dtype {numbers.dtype}"
        )
    few = numbers.size <= 16
    if not (
        all(map(isfinite, numbers.ravel().tolist()))
        if few
        else np.isfinite(numbers).all()
    ):
        raise ValueError(f"{name}: expected finite numbers, got {numbers.tolist()}")
    return numbers


def read_params(value: ArrayLike, names: Collection[str]) -> list[float]:
    """Read the parameters of a warp, one for each of `names`."""
    params = read_numbers("params", value)
    if params.shape != (len(names),):
        raise ValueError(
            f"params: expected shape ({len(names)},), that is ({', '.join(names)}), "
            f"got shape {params.shape}"
        )
    return [float(p) for p in params]


def read_matrix(
    value: ArrayLike, shapes: Collection[tuple[int, int]]
) -> tuple[Rows, float]:
    """Read a 3x3 matrix, divided by m[2, 2], and the tolerance to hold it to."""
    given = read_numbers("matrix", value)
    if given.shape not in shapes:
        expected = " or ".join(map(str, shapes))
        raise ValueError(f"matrix: expected shape {expected}, got {given.shape}")
    coarse = given.dtype.kind == "f" and given.dtype.itemsize < 8
    matrix: Rows = given.astype(np.float64).tolist()
    if len(matrix) == 2:
        matrix.append([0.0, 0.0, 1.0])
    last = matrix[2][2]
    if abs(last) <= _EPSILON * _largest(matrix, columns=3):
        raise ValueError(
            "matrix: expected an m[2, 2] that is not negligible (point (0, 0) must "
            f"not go to infinity), got {matrix}"
        )
    if last != 1:
        matrix = [[entry / last for entry in row] for row in matrix]
    return matrix, 1e-5 if coarse else 1e-9


def _largest(rows: Rows, columns: int) -> float:
    """Return the largest absolute value in the first columns."""
    return max([abs(entry) for row in rows for entry in row[:columns]])


def is_invertible(matrix: Rows, tolerance: float) -> bool:
    """Tell whether a matrix with m[2, 2] = 1 keeps the plane two-dimensional.

    The derivative of the warp at the origin is ``A - t v'`` (`A` the linear
    part, `t` the translation, `v` the perspective row), and its determinant is
    that of the matrix. It is compared with the size of the terms it is made of,
    so that a large translation does not count against a warp.
    """
    (a, b, tx), (c, d, ty), (vx, vy, _) = matrix
    size = max(
        abs(a) + abs(tx * vx),
        abs(b) + abs(tx * vy),
        abs(c) + abs(ty * vx),
        abs(d) + abs(ty * vy),
    )
    determinant = (a - tx * vx) * (d - ty * vy) - (b - tx * vy) * (c - ty * vx)
    return abs(determinant) > tolerance * size * size


def is_close(given: Rows, nearest: Rows, tolerance: float) -> bool:
    """Tell whether a matrix differs from the model's nearest by rounding only."""
    if given == nearest:
        return True
    off = [
        [abs(g - n) for g, n in zip(*rows, strict=True)]
        for rows in zip(given, nearest, strict=True)
    ]
    limit = tolerance * _largest(given[:2], columns=2)
    return (
        _largest(off[:2], columns=2) <= limit
        and _largest(off[2:], columns=3) * SIDE <= tolerance
    )


def short_rows(matrix: NDArray[np.float64]) -> str:
    """Write a matrix as nested lists of numbers to six digits."""
    rows = (", ".join(f"{entry:.6g}" for entry in row) for row in matrix)
    return "[" + ", ".join(f"[{row}]" for row in rows) + "]"
