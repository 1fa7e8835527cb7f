"""The warp between two views of a plane."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign._checks import as_points
from photalign.warps._mapping import map_rows
from photalign.warps._reading import Rows, read_params, short_rows
from photalign.warps.matrix import MatrixWarp


class Homography(MatrixWarp):
    """A projective map: an affine one divided by ``w = m20 x + m21 y + 1``.

    The line ``w = 0`` is the horizon. Point (0, 0) lies in front of it, where
    ``w > 0``; points on and behind it are mapped to NaN. An inverse or a product
    that has (0, 0) behind its own horizon has no such form and is refused.

    Parameters
    ----------
    matrix : array_like of real numbers, shape (3, 3)
        Any invertible matrix with ``m[2, 2] != 0``; it is divided by that.

    Examples
    --------
    >>> from photalign.warps import Homography
    >>> view = Homography([[2, 0, 0], [0, 2, 0], [0.02, 0, 2]])
    >>> view
    Homography([[1, 0, 0], [0, 1, 0], [0.01, 0, 1]])
    >>> view([[100, 10], [-100, 10]])
    array([[50.,  5.],
           [nan, nan]])
    """

    __slots__ = ()

    name = "homography"
    param_names = (
        *("m00", "m01", "m02"),
        *("m10", "m11", "m12"),
        *("m20", "m21"),
    )
    n_params = 8
    _shapes: ClassVar[tuple[tuple[int, int], ...]] = ((3, 3),)

    @staticmethod
    def _nearest(matrix: Rows) -> Rows:
        return matrix

    @property
    def params(self) -> NDArray[np.float64]:
        """The matrix row by row without its last entry; float64, shape (8,)."""
        return self._matrix.flatten()[:8]

    @classmethod
    def from_params(cls, params: ArrayLike) -> Self:
        """Build a homography from its parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (8,)
            The matrix row by row without its last entry, which is 1.
        """
        p = read_params(params, cls.param_names)
        return cls([p[:3], p[3:6], [*p[6:], 1.0]])

    def _depth(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``w`` of each point, (..., 1), NaN on and behind the horizon."""
        depth = map_rows(self._matrix[2:], xy)
        depth[~(depth > 0)] = np.nan
        return depth

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points (..., 2); NaN on and behind the horizon."""
        xy = as_points(points)
        mapped = super().__call__(xy)
        mapped /= self._depth(xy)
        return mapped

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return ``1/w [[x, y, 1, 0, 0, 0, -ux, -uy], [0, 0, 0, x, y, 1, -vx, -vy]]``.

        Here (u, v) is the mapped point. Shape (..., 2, 8); NaN where that is NaN.
        """
        xy = as_points(points)
        inverse_depth = 1.0 / self._depth(xy)
        ray = xy * inverse_depth
        jacobian = np.zeros((*xy.shape, 8))
        for row in (0, 1):
            jacobian[..., row, 3 * row : 3 * row + 2] = ray
            jacobian[..., row, 3 * row + 2 : 3 * row + 3] = inverse_depth
        jacobian[..., 6:] = -self(xy)[..., :, None] * ray[..., None, :]
        jacobian[np.isnan(inverse_depth[..., 0])] = np.nan
        return jacobian

    def point_jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return ``(A - u v') / w``, shape (..., 2, 2); NaN where the warp is.

        `A` is the linear part, `u` the mapped point, `v` the perspective row.
        """
        xy = as_points(points)
        slide = self(xy)[..., :, None] * self._matrix[2, :2]
        jacobian: NDArray[np.float64] = self._matrix[:2, :2] - slide
        jacobian /= self._depth(xy)[..., None]
        return jacobian

    def __repr__(self) -> str:
        """Show the matrix, to six digits."""
        return f"Homography({short_rows(self._matrix)})"
