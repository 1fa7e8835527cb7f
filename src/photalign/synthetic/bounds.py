"""The error of an estimate, and the smallest that it could be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign.synthetic.views import pixel_grid, scene_sampler
from photalign.warps import Warp


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The smallest uncertainty that an unbiased estimate of a warp can have.

    Attributes
    ----------
    covariance : ndarray, shape (P, P), float64
        Lower bound of the covariance, in the order of ``warp.params``.
    corner_rms : float
        The same as the RMS error of the four mapped image corners, in pixels; compare
        with `corner_error`.
    """

    covariance: NDArray[np.float64] = field(repr=False)
    corner_rms: float


def corner_error(estimate: Warp, truth: Warp, shape: tuple[int, int]) -> float:
    """RMS distance between the corners of an image under two warps.

    Parameters
    ----------
    estimate, truth : Warp
        The warps to compare.
    shape : (int, int)
        Rows and columns of the reference.

    Returns
    -------
    float
        The root of the mean squared distance over the four corners, in pixels.

    Examples
    --------
    >>> from photalign.synthetic import corner_error
    >>> from photalign.warps import Translation
    >>> shift = Translation.from_params([3, 4])
    >>> corner_error(shift, Translation.identity(), (200, 200))
    5.0
    """
    offsets = estimate.corners(shape) - truth.corners(shape)
    return float(np.sqrt((offsets**2).sum(axis=-1).mean()))


def cramer_rao(
    reference: ArrayLike,
    warp: Warp,
    shape: tuple[int, int],
    sigma_reference: float,
    sigma_moving: float,
    *,
    mask: NDArray[np.bool_] | None = None,
    brightness: Literal["none", "gain_bias", "normalized"] = "none",
) -> Bound:
    """Bound the uncertainty of any unbiased estimate of a warp between noisy images.

    The residual at reference pixel i has variance ``s2 = sigma_reference**2 +
    sigma_moving**2`` and derivative ``J_i`` with respect to the parameters of the warp,
    so ``Cov >= s2 * inv(sum_i J_i' J_i)``, summed over the pixels that the moving image
    shows too.

    Parameters
    ----------
    reference : array_like, shape (H, W) or (H, W, C)
        The reference image, free of noise.
    warp : Warp
        The true warp, from reference points to moving points.
    shape : (int, int)
        Rows and columns of the moving image.
    sigma_reference, sigma_moving : float
        Standard deviation of the noise in each image, in grey levels of the reference:
        for the moving image that is its own noise times the gain.
    mask : ndarray, shape (H, W), bool, optional
        True = use this pixel of the reference.
    brightness : {"none", "gain_bias", "normalized"}
        Where gain and bias are unknown, only the change that they cannot explain tells
        about the warp.

    Returns
    -------
    Bound
        Covariance of the parameters, and RMS error of the corners.

    Raises
    ------
    ValueError
        If the image does not determine the warp.

    Notes
    -----
    The moving image at ``warp(x)`` is the reference at x, so its gradient is that of
    the reference times the inverse of the warp's own derivative.

    References
    ----------
    D. Robinson and P. Milanfar, "Fundamental performance limits in image registration",
    IEEE Transactions on Image Processing 13(9), 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.synthetic import cramer_rao
    >>> from photalign.warps import Translation
    >>> wave = 100 * np.sin(np.arange(64))
    >>> bound = cramer_rao(np.add.outer(wave, wave), Translation.identity(),
    ...                    (64, 64), sigma_reference=2, sigma_moving=2)
    >>> round(bound.corner_rms, 4)
    0.0009
    """
    scene = np.atleast_3d(np.asarray(reference, dtype=np.float64))
    points = pixel_grid(scene.shape[:2])
    use = _inside(warp(points), shape)
    if mask is not None:
        use &= mask
    points = points[use]
    value, gradient = scene_sampler(scene).value_and_grad(points)
    motion = np.linalg.solve(warp.point_jacobian(points), warp.jacobian(points))
    information = np.zeros((warp.n_params, warp.n_params))
    for channel in range(scene.shape[2]):
        jacobian = np.einsum("nj,njp->np", gradient[:, channel], motion)
        if brightness != "none":
            nuisance = np.column_stack([value[:, channel], np.ones(len(points))])
            jacobian -= nuisance @ np.linalg.lstsq(nuisance, jacobian)[0]
        information += jacobian.T @ jacobian
    # What the parameters would tell if all motion went along the gradient.
    size = np.sqrt((gradient**2).sum(axis=(1, 2)) @ (motion**2).sum(axis=1))
    variance = sigma_reference**2 + sigma_moving**2
    covariance = variance * _inverse(information, np.outer(size, size))
    corners = _corner_jacobian(warp, scene.shape[:2])
    corner_rms = np.sqrt(np.trace(corners @ covariance @ corners.T) / 4)
    return Bound(covariance=covariance, corner_rms=float(corner_rms))


def _inside(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    limits = np.array([shape[1], shape[0]]) - 1
    inside = (points >= 0) & (points <= limits)
    return inside[..., 0] & inside[..., 1]


def _inverse(
    information: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Invert an information matrix, each entry divided by its scale on the way.

    The parameters of a homography differ in size by the square of the image's side;
    unscaled, the matrix would look singular where it is not.
    """
    if not scale.all() or np.linalg.cond(information / scale) > 1e12:
        raise ValueError(
            "reference: expected texture that determines the warp, got an image that "
            "some change of the warp leaves as it is"
        )
    return np.linalg.inv(information / scale) / scale


def _corner_jacobian(warp: Warp, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Differentiate the four mapped corners, x and y stacked: shape (8, P)."""
    right, bottom = shape[1] - 1, shape[0] - 1
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    return warp.jacobian(corners).reshape(8, -1)
