"""What the warps that are a 3x3 matrix share."""

from __future__ import annotations

from abc import abstractmethod
from functools import cache
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign._checks import as_points
from photalign.warps._mapping import map_rows
from photalign.warps._reading import Rows, is_close, is_invertible, read_matrix
from photalign.warps.base import Warp


@cache
def _identity(cls: type[MatrixWarp]) -> MatrixWarp:
    # Warps are values, so one identity of a class is as good as another.
    return cls(np.eye(3))


class MatrixWarp(Warp):
    """A map from reference points to moving points, held as a 3x3 matrix.

    Warps are values: they cannot be changed, they compare and hash by class and
    matrix, and they can be pickled. Points are (x, y) in pixels, the center of
    the first pixel is (0, 0). This class carries out what all affine warps have
    in common; `Homography` overrides it.

    Parameters
    ----------
    matrix : array_like of real numbers, shape (3, 3) or (2, 3)
        Homogeneous matrix, reference to moving; it is divided by ``m[2, 2]``.
        A (2, 3) matrix stands for one with the last row (0, 0, 1). It has to be
        of the model to a relative 1e-9 (float32: 1e-5) and is then moved
        exactly onto it.

    Raises
    ------
    TypeError
        If `matrix` does not hold real numbers.
    ValueError
        If `matrix` has another shape, is not finite, is singular, has
        ``m[2, 2] == 0``, or is not of this model.

    Examples
    --------
    >>> from photalign import Affine, Translation
    >>> from photalign.warps import MatrixWarp
    >>> there = Affine([[2, 0, 10], [0, 1, 20]])
    >>> isinstance(there @ Translation.identity(), MatrixWarp)
    True
    >>> there.inverse()(there([[3, 4]]))
    array([[3., 4.]])
    """

    __slots__ = ("_matrix",)
    _form: ClassVar[str]
    _shapes: ClassVar[tuple[tuple[int, int], ...]] = ((3, 3), (2, 3))

    _matrix: NDArray[np.float64]

    def __init__(self, matrix: ArrayLike) -> None:
        given, tolerance = read_matrix(matrix, self._shapes)
        if not is_invertible(given, tolerance):
            raise ValueError(f"matrix: expected an invertible matrix, got {given}")
        nearest = self._nearest(given)
        if not is_close(given, nearest, tolerance):
            other = "Affine" if given[2] == [0, 0, 1] else "Homography"
            raise ValueError(
                f"matrix: expected {self._form} to a relative {tolerance:g}, "
                f"got {given}; {other}(matrix) takes it"
            )
        # -0.0 becomes 0.0: equal warps look alike.
        self._matrix = np.array(nearest) + 0.0
        self._matrix.setflags(write=False)

    @staticmethod
    @abstractmethod
    def _nearest(matrix: Rows) -> Rows:
        """Return the nearest matrix of the model; one of the model comes back as is."""

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The homogeneous matrix, float64, shape (3, 3), read-only, m[2, 2] = 1."""
        return self._matrix

    @classmethod
    @abstractmethod
    def from_params(cls, params: ArrayLike) -> Self:
        """Build a warp from its parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (n_params,)
            In the order of `param_names`.
        """

    @classmethod
    def identity(cls) -> Self:
        """Return the warp that leaves every point where it is."""
        return cast("Self", _identity(cls))

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Mapped points, px; NaN on and behind the horizon of a homography.

        Examples
        --------
        >>> from photalign.warps import Affine
        >>> Affine([[2, 0, 10], [0, 1, 20]])([[0, 0], [1, 1]])
        array([[10., 20.],
               [12., 21.]])
        """
        return map_rows(self._matrix[:2], as_points(points))

    def point_jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Differentiate the mapped points with respect to the points.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px.

        Returns
        -------
        ndarray of float64, shape (..., 2, 2)
            Row: mapped x, y; column: point x, y.
        """
        shape = (*as_points(points).shape, 2)
        return np.broadcast_to(self._matrix[:2, :2], shape).copy()

    def inverse(self) -> Self:
        """Return the warp that undoes this one.

        Raises
        ------
        ValueError
            If point (0, 0) lies on or behind the horizon of the inverse.
        """
        return self._from_product(np.linalg.inv(self._matrix))

    def __matmul__(self, other: MatrixWarp) -> MatrixWarp:
        """Compose: ``(a @ b)(x) == a(b(x))``, in the more general of the two types."""
        if not isinstance(other, MatrixWarp):
            raise TypeError(
                "warp @ other: expected a warp with a matrix, got "
                f"{type(other).__name__}; map points with warp(points)"
            )
        # The models are nested, so the one with more parameters holds the other.
        general = max(type(self), type(other), key=lambda cls: cls.n_params)
        return general._from_product(self._matrix @ other._matrix)

    @classmethod
    def _from_product(cls, matrix: NDArray[np.floating[Any]]) -> Self:
        # The third coordinate of every visible point is positive here. Dividing
        # by a negative m[2, 2] would turn the visible half of the plane around.
        if not matrix[2, 2] > 0:
            raise ValueError(
                "homography: expected point (0, 0) in front of the horizon of the "
                "inverse or product, got it on or behind"
            )
        return cls(matrix)

    def __eq__(self, other: object) -> bool:
        """Compare class and matrix, to the last bit."""
        if not isinstance(other, MatrixWarp):
            return NotImplemented
        return type(self) is type(other) and np.array_equal(self._matrix, other._matrix)

    def __hash__(self) -> int:
        """Hash of class and matrix."""
        return hash((type(self), self._matrix.tobytes()))

    def __reduce__(self) -> tuple[type[Self], tuple[NDArray[np.float64]]]:
        """Pickle and copy through the constructor."""
        return type(self), (self._matrix,)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"warp": name, "matrix": rows}``, ready for JSON and exact.

        Examples
        --------
        >>> from photalign.warps import Translation
        >>> Translation.from_params([3, -1]).to_dict()["matrix"]
        [[1.0, 0.0, 3.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]]
        """
        return {"warp": self.name, "matrix": self._matrix.tolist()}
