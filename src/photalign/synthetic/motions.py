"""Random warps of a stated size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photalign.warps import WARPS, Affine, Homography, MatrixWarp


def random_warp(
    kind: str,
    shape: tuple[int, int],
    corner_sigma: float,
    seed: int | np.random.Generator = 0,
) -> MatrixWarp:
    """Draw a warp that moves the corners of an image at random.

    Canonical points are displaced by Gaussian noise, and the warp takes them there: the
    four corners for a homography; two corners and the middle of the opposite side for
    an affine warp. Warps with fewer parameters fit the four displaced corners by least
    squares.

    Parameters
    ----------
    kind : str
        The name of a warp, such as ``"affine"``.
    shape : (int, int)
        Rows and columns of the image.
    corner_sigma : float
        Standard deviation of the displacement in x and in y, in pixels.
    seed : int or numpy.random.Generator
        Of the displacements.

    Returns
    -------
    MatrixWarp
        Of the class that ``kind`` names.

    Raises
    ------
    ValueError
        If no warp is called ``kind``.

    References
    ----------
    S. Baker and I. Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV
    56(3), 2004, the experimental procedure.

    Examples
    --------
    >>> from photalign.synthetic import random_warp
    >>> random_warp("homography", (200, 200), corner_sigma=3).name
    'homography'
    """
    if kind not in WARPS:
        raise ValueError(f"kind: expected one of {', '.join(WARPS)}, got {kind!r}")
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    if kind == "affine":
        source = np.array([[0, 0], [right, 0], [right / 2, bottom]])
    else:
        source = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])
    rng = np.random.default_rng(seed)
    target = source + rng.normal(0, corner_sigma, source.shape)
    if kind == "affine":
        return _affine_through(source, target)
    if kind == "homography":
        return _homography_through(source, target)
    return _closest(kind, source, target)


def _affine_through(source: NDArray[np.float64], target: NDArray[np.float64]) -> Affine:
    """Solve for the affine warp that takes three points to three others."""
    return Affine(np.linalg.solve(np.column_stack([source, np.ones(3)]), target).T)


def _homography_through(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> Homography:
    """Solve for the homography that takes four points to four others."""
    equations = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        equations.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        equations.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    entries = np.linalg.solve(np.array(equations), target.ravel())
    return Homography(np.append(entries, 1).reshape(3, 3))


def _closest(
    kind: str, source: NDArray[np.float64], target: NDArray[np.float64]
) -> MatrixWarp:
    """Fit a translation, Euclidean or similarity warp to the motion of points.

    As complex numbers, points move by ``z -> factor * z + shift``; the least-squares
    factor is the regression coefficient, of which a Euclidean warp keeps the angle.
    """
    z, moved = source @ (1, 1j), target @ (1, 1j)
    centered = z - z.mean()
    factor = np.vdot(centered, moved) / np.vdot(centered, centered)
    if kind == "euclidean":
        factor /= abs(factor)
    elif kind == "translation":
        factor = 1 + 0j
    shift = moved.mean() - factor * z.mean()
    return WARPS[kind](
        [
            [factor.real, -factor.imag, shift.real],
            [factor.imag, factor.real, shift.imag],
            [0, 0, 1],
        ]
    )
