"""The warp that shifts."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign.warps._reading import Rows, read_params
from photalign.warps.matrix import MatrixWarp


class Translation(MatrixWarp):
    """A shift: ``x + (tx, ty)``.

    Parameters
    ----------
    matrix : array_like of real numbers, shape (3, 3) or (2, 3)
        ``[[1, 0, tx], [0, 1, ty], [0, 0, 1]]``; see `Warp`.

    Examples
    --------
    >>> from photalign.warps import Translation
    >>> shift = Translation.from_params([3, -1])
    >>> shift
    Translation(tx=3, ty=-1)
    >>> shift([10, 10]).tolist()
    [13.0, 9.0]
    """

    __slots__ = ()

    name = "translation"
    param_names = ("tx", "ty")
    n_params = 2
    _form: ClassVar[str] = "[[1, 0, tx], [0, 1, ty], [0, 0, 1]]"

    @staticmethod
    def _nearest(matrix: Rows) -> Rows:
        (_, _, tx), (_, _, ty), _ = matrix
        return [[1.0, 0.0, tx], [0.0, 1.0, ty], [0.0, 0.0, 1.0]]

    @property
    def params(self) -> NDArray[np.float64]:
        """The shift tx, ty, px; float64, shape (2,)."""
        return self._matrix[:2, 2].copy()

    @classmethod
    def from_params(cls, params: ArrayLike) -> Self:
        """Build a shift from its parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (2,)
            Tx, ty, px.
        """
        tx, ty = read_params(params, cls.param_names)
        return cls([[1.0, 0.0, tx], [0.0, 1.0, ty]])

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the identity for each point, shape (..., 2, 2)."""
        return self.point_jacobian(points)
