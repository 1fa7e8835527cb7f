"""From the optimizer's increments to the parameters of a warp and its corners."""

from __future__ import annotations

import numpy as np

from photalign._types import FloatArray
from photalign.warps import Euclidean, Homography, Similarity, Translation, Warp

__all__ = ["corner_std", "params_covariance"]


def _params_derivative(warp: Warp, derivative: FloatArray) -> FloatArray:
    """Change of ``warp.params`` with a change of its matrix.

    Parameters
    ----------
    warp : Warp
        Where to linearize.
    derivative : ndarray, shape (3, 3), float64
        Derivative of the matrix, not normalized.
    """
    m = warp.matrix
    # Matrices count up to a factor: keep the last entry at 1.
    d = derivative - m * derivative[2, 2]
    if isinstance(warp, Homography):
        return np.asarray(d.ravel()[:8])
    if isinstance(warp, Translation):
        return np.asarray(d[:2, 2])
    if isinstance(warp, Euclidean | Similarity):
        # The first column is scale * (cos, sin).
        scale = np.hypot(m[0, 0], m[1, 0])
        cosine, sine = m[0, 0] / scale, m[1, 0] / scale
        angle = (cosine * d[1, 0] - sine * d[0, 0]) / scale
        if isinstance(warp, Euclidean):
            return np.array([angle, d[0, 2], d[1, 2]])
        growth = cosine * d[0, 0] + sine * d[1, 0]
        return np.array([growth, angle, d[0, 2], d[1, 2]])
    return np.asarray(d[:2].ravel())


def params_covariance(
    warp: Warp, of_increments: FloatArray, derivatives: FloatArray
) -> FloatArray:
    """Covariance of ``warp.params`` from that of the optimizer's increments.

    Parameters
    ----------
    warp : Warp
        The estimate.
    of_increments : ndarray, shape (P, P), float64
        Covariance of the increments.
    derivatives : ndarray, shape (P, 3, 3), float64
        Derivative of the warp's matrix by each increment.

    Returns
    -------
    ndarray, shape (P, P), float64
        The covariance.
    """
    jacobian = np.stack([_params_derivative(warp, d) for d in derivatives], axis=1)
    covariance = jacobian @ of_increments @ jacobian.T
    return (covariance + covariance.T) / 2


def corner_std(
    warp: Warp, covariance: FloatArray, shape: tuple[int, ...]
) -> FloatArray:
    """Compute the standard deviation of the reference's mapped corners.

    Parameters
    ----------
    warp : Warp
        The estimate.
    covariance : ndarray, shape (P, P), float64
        Of its parameters.
    shape : tuple of int, (rows, columns, ...)
        Shape of the reference, px.

    Returns
    -------
    ndarray, shape (4, 2), float64
        In x and y, px.
    """
    corners = type(warp).identity().corners(shape)
    jacobian = warp.jacobian(corners)
    variance = np.einsum("nip,pq,niq->ni", jacobian, covariance, jacobian)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))
