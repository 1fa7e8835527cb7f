"""The warp of a model that takes points closest to where they should be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photalign.warps.matrix import MatrixWarp
from photalign.warps.similarity import Similarity

_STEPS = 50
_FITTED = 1e-7
"""Motion of the points by a step that ends the loop, px."""


class Fit(NamedTuple):
    """A warp fitted to points, and how far it is from them."""

    warp: MatrixWarp
    misfit: float
    """Sum of squared distances, whitened."""


def corners_of(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the corners of an image, clockwise from (0, 0), px; shape (4, 2)."""
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])


def fit_points(
    model: type[MatrixWarp],
    points: NDArray[np.float64],
    targets: NDArray[np.float64],
    whitening: NDArray[np.float64] | None = None,
) -> Fit:
    """Fit a warp to pairs of points by least squares.

    Parameters
    ----------
    model : type
        The class of the warp.
    points, targets : ndarray, shape (N, 2), float64
        Points and where they should go, px.
    whitening : ndarray, shape (2 N, 2 N), float64, optional
        Makes errors of the targets independent and of variance 1, such as the inverse
        of the Cholesky factor of their covariance. By default every coordinate counts
        the same.

    Returns
    -------
    Fit
        The warp, and the sum of squares that it leaves, whitened.

    Raises
    ------
    ValueError
        If the fit leads to a matrix that is no warp.
    numpy.linalg.LinAlgError
        If the points do not determine the warp.
    """
    warp = _closest_similarity(model, points, targets)
    for _ in range(_STEPS):
        distance = (targets - warp(points)).ravel()
        jacobian = warp.jacobian(points).reshape(distance.size, -1)
        rows, right = jacobian, distance
        if whitening is not None:
            rows, right = whitening @ jacobian, whitening @ distance
        step = np.linalg.lstsq(rows, right, rcond=None)[0]
        warp = model.from_params(warp.params + step)
        if np.abs(jacobian @ step).max() < _FITTED:
            break
    distance = (targets - warp(points)).ravel()
    if whitening is not None:
        distance = whitening @ distance
    return Fit(warp, float(distance @ distance))


def _closest_similarity(
    model: type[MatrixWarp], points: NDArray[np.float64], targets: NDArray[np.float64]
) -> MatrixWarp:
    """Return the similarity closest to the targets, or what the model has of it.

    As complex numbers, points move by ``z -> factor * z + shift``; the least-squares
    factor is the regression coefficient.
    """
    z, moved = points @ (1, 1j), targets @ (1, 1j)
    centered = z - z.mean()
    factor = np.vdot(centered, moved) / np.vdot(centered, centered)
    if model.n_params < Similarity.n_params:
        factor = 1 + 0j if model.n_params == 2 else factor / abs(factor)
    shift = moved.mean() - factor * z.mean()
    return model(
        [
            [factor.real, -factor.imag, shift.real],
            [factor.imag, factor.real, shift.imag],
            [0, 0, 1],
        ]
    )
