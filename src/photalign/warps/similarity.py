"""The warp that scales, turns and shifts."""

from __future__ import annotations

import math
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign._checks import as_points
from photalign.warps._mapping import map_rows
from photalign.warps._reading import Rows, read_params
from photalign.warps.matrix import MatrixWarp


class Similarity(MatrixWarp):
    """A scale, a rotation and a shift: ``scale * R(angle) x + (tx, ty)``.

    The rotation is ``[[cos, -sin], [sin, cos]]``, angle in radians: in an image,
    where y points down, a positive angle turns clockwise on the screen.

    Parameters
    ----------
    matrix : array_like of real numbers, shape (3, 3) or (2, 3)
        ``[[a, -b, tx], [b, a, ty], [0, 0, 1]]``; see `Warp`.

    Examples
    --------
    >>> from photalign.warps import Similarity
    >>> zoom = Similarity.from_params([2, 0, 10, 20])
    >>> zoom
    Similarity(scale=2, angle=0, tx=10, ty=20)
    >>> zoom([1, 1]).tolist()
    [12.0, 22.0]
    """

    __slots__ = ()

    name = "similarity"
    param_names = ("scale", "angle", "tx", "ty")
    n_params = 4
    _form: ClassVar[str] = "[[a, -b, tx], [b, a, ty], [0, 0, 1]]"

    @staticmethod
    def _nearest(matrix: Rows) -> Rows:
        (m00, m01, tx), (m10, m11, ty), _ = matrix
        a, b = (m00 + m11) / 2, (m10 - m01) / 2
        return [[a, -b, tx], [b, a, ty], [0.0, 0.0, 1.0]]

    @property
    def params(self) -> NDArray[np.float64]:
        """The scale, > 0, angle, rad in (-pi, pi], tx, ty, px; float64, shape (4,)."""
        (a, _, tx), (b, _, ty), _ = self._matrix.tolist()
        return np.array([math.hypot(a, b), math.atan2(b, a), tx, ty])

    @classmethod
    def from_params(cls, params: ArrayLike) -> Self:
        """Build a similarity from its parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (4,)
            Scale, > 0, angle, rad, and tx, ty, px.
        """
        scale, angle, tx, ty = read_params(params, cls.param_names)
        if scale <= 0:
            raise ValueError(f"params: expected scale > 0, got {scale}")
        a, b = scale * math.cos(angle), scale * math.sin(angle)
        return cls([[a, -b, tx], [b, a, ty]])

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return columns ``R x, scale R'x, (1, 0), (0, 1)``, shape (..., 2, 4)."""
        xy = as_points(points)
        a, b = self._matrix[:2, 0]
        scale = math.hypot(a, b)
        c, s = a / scale, b / scale
        jacobian = np.zeros((*xy.shape, 4))
        jacobian[..., 0] = map_rows([[c, -s, 0.0], [s, c, 0.0]], xy)
        jacobian[..., 1] = map_rows([[-b, -a, 0.0], [a, -b, 0.0]], xy)
        jacobian[..., 0, 2] = 1.0
        jacobian[..., 1, 3] = 1.0
        return jacobian
