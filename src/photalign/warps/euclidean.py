"""The warp that turns and shifts: rigid motion in the plane."""

from __future__ import annotations

import math
import sys
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign._checks import as_points
from photalign.warps._mapping import map_rows
from photalign.warps._reading import Rows, read_params
from photalign.warps.matrix import MatrixWarp
from photalign.warps.similarity import Similarity


class Euclidean(MatrixWarp):
    """A rotation and a shift: ``R(angle) x + (tx, ty)``.

    The rotation is ``[[cos, -sin], [sin, cos]]``, angle in radians: in an image,
    where y points down, a positive angle turns clockwise on the screen.

    Parameters
    ----------
    matrix : array_like of real numbers, shape (3, 3) or (2, 3)
        ``[[c, -s, tx], [s, c, ty], [0, 0, 1]]`` with ``c*c + s*s == 1``; see
        `Warp`.

    Examples
    --------
    >>> from photalign.warps import Euclidean
    >>> turn = Euclidean([[0, -1, 5], [1, 0, 0]])
    >>> turn
    Euclidean(angle=1.5708, tx=5, ty=0)
    >>> turn([1, 0]).tolist()
    [5.0, 1.0]
    """

    __slots__ = ()

    name = "euclidean"
    param_names = ("angle", "tx", "ty")
    n_params = 3
    _form: ClassVar[str] = "[[c, -s, tx], [s, c, ty], [0, 0, 1]] with c*c + s*s = 1"

    @staticmethod
    def _nearest(matrix: Rows) -> Rows:
        (c, _, tx), (s, _, ty), last = Similarity._nearest(matrix)
        # What is a rotation to rounding stays as it is, to the last bit.
        if abs(c * c + s * s - 1) > 8 * sys.float_info.epsilon:
            size = math.hypot(c, s) or 1.0  # 0 for a reflection
            c, s = c / size, s / size
        return [[c, -s, tx], [s, c, ty], last]

    @property
    def params(self) -> NDArray[np.float64]:
        """The angle, rad in (-pi, pi], and tx, ty, px; float64, shape (3,)."""
        (c, _, tx), (s, _, ty), _ = self._matrix.tolist()
        return np.array([math.atan2(s, c), tx, ty])

    @classmethod
    def from_params(cls, params: ArrayLike) -> Self:
        """Build a rigid motion from its parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (3,)
            Angle, rad, and tx, ty, px.
        """
        angle, tx, ty = read_params(params, cls.param_names)
        c, s = math.cos(angle), math.sin(angle)
        return cls([[c, -s, tx], [s, c, ty]])

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return columns ``R'x, (1, 0), (0, 1)``, shape (..., 2, 3)."""
        xy = as_points(points)
        c, s = self._matrix[:2, 0]
        jacobian = np.zeros((*xy.shape, 3))
        jacobian[..., 0] = map_rows([[-s, -c, 0.0], [c, -s, 0.0]], xy)
        jacobian[..., 0, 1] = 1.0
        jacobian[..., 1, 2] = 1.0
        return jacobian
