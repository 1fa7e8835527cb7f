"""What all warps share: they map points to points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Warp(ABC):
    """A map from reference points to moving points.

    Warps are values: they cannot be changed. Points are (x, y) in pixels, the center
    of the first pixel is (0, 0). The built-in ones are 3x3 matrices (`MatrixWarp`);
    `photalign.warp` makes one of a function.

    Attributes
    ----------
    name : str
        The word for this model: "translation", "euclidean", "similarity",
        "affine" or "homography", or the name of a function.
    param_names : tuple of str
        Names of `params`, in order.
    n_params : int
        Number of parameters.

    Examples
    --------
    >>> from photalign import Translation, Warp
    >>> shift = Translation.from_params([3, -1])
    >>> isinstance(shift, Warp), shift.param_names, shift([10, 10])
    (True, ('tx', 'ty'), array([13.,  9.]))
    """

    __slots__ = ()
    # NumPy must leave `array @ warp` and `array == warp` to these classes.
    __array_ufunc__: ClassVar[None] = None

    name: str
    param_names: tuple[str, ...]
    n_params: int

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The homogeneous matrix, float64, shape (3, 3), if the warp is one.

        Raises
        ------
        AttributeError
            If it is a function.
        """
        raise AttributeError(f"{type(self).__name__} {self.name!r} has no matrix")

    @property
    @abstractmethod
    def params(self) -> NDArray[np.float64]:
        """The parameters, float64, shape (n_params,), named by `param_names`."""

    @abstractmethod
    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Mapped points, px; NaN where a point is mapped to nothing.
        """

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

    @abstractmethod
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

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return what the warp is made of, ready for JSON."""

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

    def __repr__(self) -> str:
        """Show the parameters by name, to six digits."""
        named = zip(self.param_names, self.params, strict=True)
        values = ", ".join(f"{name}={value:.6g}" for name, value in named)
        return f"{type(self).__name__}({values})"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build a warp from what `to_dict` returned, unless it is a function.

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

        if isinstance(data, Mapping) and "params" in data:
            raise ValueError(
                "data: expected a warp that is a matrix, got the function "
                f"{data.get('warp')!r}; photalign.warp(function, data['params']) "
                "makes it again"
            )
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
