"""The warp that keeps lines parallel."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign._checks import as_points
from photalign.warps._reading import Rows, read_params, short_rows
from photalign.warps.matrix import MatrixWarp


class Affine(MatrixWarp):
    """A linear map and a shift: ``(m00 x + m01 y + m02, m10 x + m11 y + m12)``.

    Parameters
    ----------
    matrix : array_like of real numbers, shape (3, 3) or (2, 3)
        ``[[m00, m01, m02], [m10, m11, m12], [0, 0, 1]]``; see `Warp`.

    Examples
    --------
    >>> from photalign.warps import Affine
    >>> shear = Affine([[1, 0.5, 0], [0, 1, 0]])
    >>> shear
    Affine([[1, 0.5, 0], [0, 1, 0]])
    >>> shear([0, 10]).tolist()
    [5.0, 10.0]
    """

    __slots__ = ()

    name = "affine"
    param_names = ("m00", "m01", "m02", "m10", "m11", "m12")
    n_params = 6
    _form: ClassVar[str] = "[[m00, m01, m02], [m10, m11, m12], [0, 0, 1]]"

    @staticmethod
    def _nearest(matrix: Rows) -> Rows:
        return [*matrix[:2], [0.0, 0.0, 1.0]]

    @property
    def params(self) -> NDArray[np.float64]:
        """The first row of the matrix, then the second; float64, shape (6,)."""
        return self._matrix[:2].flatten()

    @classmethod
    def from_params(cls, params: ArrayLike) -> Self:
        """Build an affine warp from its parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (6,)
            First row of the matrix, then the second.
        """
        p = read_params(params, cls.param_names)
        return cls([p[:3], p[3:]])

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return ``[[x, y, 1, 0, 0, 0], [0, 0, 0, x, y, 1]]``, shape (..., 2, 6)."""
        xy = as_points(points)
        jacobian = np.zeros((*xy.shape, 6))
        for row in (0, 1):
            jacobian[..., row, 3 * row : 3 * row + 2] = xy
            jacobian[..., row, 3 * row + 2] = 1.0
        return jacobian

    def __repr__(self) -> str:
        """Show the first two rows of the matrix, to six digits."""
        return f"Affine({short_rows(self._matrix[:2])})"
