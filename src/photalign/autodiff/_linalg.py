"""Linear algebra of small matrices, one or many of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from photalign._types import Array
from photalign.autodiff._operands import (
    partials_of,
    read,
    seed_of,
    shape_of,
    value_of,
)
from photalign.autodiff._partials import Partials, full
from photalign.autodiff.jet import Jet, make

_IS_NUMPY_1 = np.__version__.startswith("1.")


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Jet:
    """Return the root of the sum of squares; its derivative is 0 at the origin."""
    is_matrix = np.ndim(axis) == 1 or (axis is None and x.ndim == 2)
    if ord not in ((None, "fro") if is_matrix else (None, 2)):
        raise TypeError(
            f"numpy.linalg.norm: expected the root of a sum of squares (ord=None) of a "
            f"Jet, got ord={ord!r}"
        )
    value = np.linalg.norm(x._value, axis=axis, keepdims=keepdims)
    kept = np.linalg.norm(x._value, axis=axis, keepdims=True)
    axes = tuple(axis) if np.ndim(axis) else axis
    with np.errstate(all="ignore"):
        direction = np.where(kept == 0, 0.0, x._value / kept)
        partials: Partials = {
            k: (direction * v).sum(axis=axes, keepdims=keepdims)
            for k, v in x._partials.items()
        }
    return make(value, partials, x._seed)


def inv(a: Any) -> Jet:
    """Invert matrices: d(A⁻¹) = -A⁻¹ dA A⁻¹."""
    value = np.linalg.inv(a._value)
    shape = a.shape
    partials: Partials = {
        k: -value @ full(v, shape) @ value for k, v in a._partials.items()
    }
    return make(value, partials, a._seed)


def solve(a: Any, b: Any) -> Jet:
    """Solve A x = b: A dx = db - dA x."""
    left, right = read((a, b), "numpy.linalg.solve")
    matrix, rhs = value_of(left), value_of(right)
    value = np.linalg.solve(matrix, rhs)
    is_vector = rhs.ndim == (matrix.ndim - 1 if _IS_NUMPY_1 else 1)
    columns = value[..., np.newaxis] if is_vector else value
    by_left, by_right = partials_of(left), partials_of(right)

    def solved(k: int) -> Array:
        change = np.zeros((1, 1))
        if k in by_right:
            given = full(by_right[k], shape_of(right))
            change = given[..., np.newaxis] if is_vector else given
        if k in by_left:
            change = change - full(by_left[k], shape_of(left)) @ columns
        found = np.linalg.solve(matrix, change)
        return found[..., 0] if is_vector else found

    partials: Partials = {k: solved(k) for k in by_left.keys() | by_right.keys()}
    return make(value, partials, seed_of((left, right)))


def det(a: Any) -> Jet:
    """Return determinants; their derivatives by entries are the cofactors."""
    value = np.linalg.det(a._value)
    cofactors = _cofactors(a._value)
    partials: Partials = {
        k: (cofactors * v).sum(axis=(-2, -1)) for k, v in a._partials.items()
    }
    return make(value, partials, a._seed)


def _cofactors(matrix: Array) -> Array:
    """Return the determinants of all minors with their signs, (..., N, N).

    They exist for singular matrices too, in contrast to the inverse.
    """
    size = matrix.shape[-1]
    cofactors = np.empty_like(matrix)
    for i in range(size):
        rows = np.delete(matrix, i, axis=-2)
        for j in range(size):
            minor = np.linalg.det(np.delete(rows, j, axis=-1))
            cofactors[..., i, j] = (-1.0) ** (i + j) * minor
    return cofactors


RULES: dict[Any, Callable[..., Any]] = {
    np.linalg.norm: norm,
    np.linalg.inv: inv,
    np.linalg.solve: solve,
    np.linalg.det: det,
}
