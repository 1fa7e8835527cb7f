"""What all warps share: a frozen 3x3 matrix that maps points to points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign._checks import as_points
from photalign.warps._mapping import map_rows
from photalign.warps._reading import is_close, is_invertible, read_matrix


@cache
def _identity(cls: type[Warp]) -> Warp:
    # Warps are values, so one identity of a class is as good as another.
    return cls(np.eye(3))


class Warp(ABC):
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

    Attributes
    ----------
    name : str
        The word for this model: "translation", "euclidean", "similarity",
        "affine" or "homography".
    param_names : tuple of str
        Names of `params`, in order.
    n_params : int
        Number of parameters.

    Raises
    ------
    TypeError
        If `matrix` does not hold real numbers.
    ValueError
        If `matrix` has another shape, is not finite, is singular, has
        ``m[2, 2] == 0``, or is not of this model.

    Examples
    --------
    >>> from photalign import Affine, Translation, Warp
    >>> there = Affine([[2, 0, 10], [0, 1, 20]])
    >>> isinstance(there @ Translation.identity(), Warp)
    True
    >>> there.inverse()(there([[3, 4]]))
    array([[3., 4.]])
    """

    __slots__ = ("_matrix",)
    # NumPy must leave `array @ warp` and `array == warp` to this class.
    __array_ufunc__: ClassVar[None] = None

    name: ClassVar[str]
    param_names: ClassVar[tuple[str, ...]]
    n_params: ClassVar[int]
    _form: ClassVar[str]
    _shapes: ClassVar[tuple[tuple[int, int], ...]] = ((3, 3), (2, 3))

    _matrix: NDArray[np.float64]

    def __init__(self, matrix: ArrayLike) -> None:
        given, tolerance = read_matrix(matrix, self._shapes)
        if not is_invertible(given, tolerance):
            raise ValueError(
                f"matrix: expected an invertible matrix, got {given.tolist()}"
            )
        nearest = self._nearest(given)
        if not is_close(given, nearest, tolerance):
            other = "Affine" if given[2].tolist() == [0, 0, 1] else "Homography"
            raise ValueError(
                f"matrix: expected {self._form} to a relative {tolerance:g}, "
                f"got {given.tolist()}; {other}(matrix) takes it"
            )
        self._matrix = nearest + 0.0  # -0.0 becomes 0.0: equal warps look alike
        self._matrix.setflags(write=False)

    @staticmethod
    @abstractmethod
    def _nearest(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the nearest matrix of the model; one of the model comes back as is."""

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The homogeneous matrix, float64, shape (3, 3), read-only, m[2, 2] = 1."""
        return self._matrix

    @property
    @abstractmethod
    def params(self) -> NDArray[np.float64]:
        """The parameters, float64, shape (n_params,), named by `param_names`."""

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

    @abstractmethod
    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Differentiate the mapped points with respect to `params`.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px.

        Returns
        -------
        ndarray of float64, shape (..., 2, n_params)
            Px per unit of each parameter.
        """

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

    def corners(self, shape: Sequence[int]) -> NDArray[np.float64]:
        """Map the four corner pixels of an image.

        Parameters
        ----------
        shape : sequence of int
            ``image.shape``: rows, columns, and maybe channels.

        Returns
        -------
        ndarray of float64, shape (4, 2)
            Images of (0, 0), (W-1, 0), (W-1, H-1) and (0, H-1), px.

        Examples
        --------
        >>> from photalign.warps import Translation
        >>> Translation.from_params([10, 20]).corners((3, 5)).tolist()
        [[10.0, 20.0], [14.0, 20.0], [14.0, 22.0], [10.0, 22.0]]
        """
        if len(shape) < 2:
            raise ValueError(f"shape: expected (rows, columns), got {tuple(shape)}")
        bottom, right = shape[0] - 1, shape[1] - 1
        return self([[0, 0], [right, 0], [right, bottom], [0, bottom]])

    def inverse(self) -> Self:
        """Return the warp that undoes this one.

        Raises
        ------
        ValueError
            If point (0, 0) lies on or behind the horizon of the inverse.
        """
        return self._from_product(np.linalg.inv(self._matrix))

    def __matmul__(self, other: Warp) -> Warp:
        """Compose: ``(a @ b)(x) == a(b(x))``, in the more general of the two types."""
        if not isinstance(other, Warp):
            raise TypeError(
                f"warp @ other: expected a warp, got {type(other).__name__}; "
                "map points with warp(points)"
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
        if not isinstance(other, Warp):
            return NotImplemented
        return type(self) is type(other) and np.array_equal(self._matrix, other._matrix)

    def __hash__(self) -> int:
        """Hash of class and matrix."""
        return hash((type(self), self._matrix.tobytes()))

    def __reduce__(self) -> tuple[type[Self], tuple[NDArray[np.float64]]]:
        """Pickle and copy through the constructor."""
        return type(self), (self._matrix,)

    def __repr__(self) -> str:
        """Show the parameters by name, to six digits."""
        named = zip(self.param_names, self.params, strict=True)
        values = ", ".join(f"{name}={value:.6g}" for name, value in named)
        return f"{type(self).__name__}({values})"

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"warp": name, "matrix": rows}``, ready for JSON and exact.

        Examples
        --------
        >>> from photalign.warps import Translation
        >>> Translation.from_params([3, -1]).to_dict()["matrix"]
        [[1.0, 0.0, 3.0], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]]
        """
        return {"warp": self.name, "matrix": self._matrix.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build a warp from what `to_dict` returned.

        ``Warp.from_dict`` builds any warp, ``Affine.from_dict`` an affine one.

        Parameters
        ----------
        data : mapping
            With the keys "warp" (a name) and "matrix".

        Raises
        ------
        ValueError
            If a key is missing, the name unknown, the warp of another class, or
            the matrix refused by it.
        """
        from photalign.warps.names import warp_class  # it imports this module

        if not (isinstance(data, Mapping) and {"warp", "matrix"} <= data.keys()):
            raise ValueError(
                f"data: expected a dict with 'warp' and 'matrix', got {data!r}"
            )
        found = warp_class(data["warp"])
        if not issubclass(found, cls):
            raise ValueError(
                f"data: expected the warp {cls.name!r}, got {found.name!r}; "
                "Warp.from_dict(data) takes it"
            )
        return found(data["matrix"])
