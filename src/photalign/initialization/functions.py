"""Parameters with which a function does what a matrix does, as far as it can."""

from __future__ import annotations

import numpy as np

from photalign._types import FloatArray
from photalign.warps import FunctionWarp, MatrixWarp

# Points along each side of the image, and steps of Gauss-Newton at most.
_POINTS, _STEPS = 7, 30
# Pixels that the function may be off by, root of the mean square: what the optimizer
# still finds its way from, as a number and as a share of the longer side.
_PIXELS, _SHARE = 3.0, 0.02


def fitted(
    function: FunctionWarp, warp: MatrixWarp, shape: tuple[int, ...]
) -> FunctionWarp | None:
    """Return the function with the parameters that are nearest to a warp.

    Parameters
    ----------
    function : FunctionWarp
        Where to begin.
    warp : MatrixWarp
        What to come near to.
    shape : tuple of int
        Of the reference: rows, columns, and maybe more.

    Returns
    -------
    FunctionWarp or None
        None if the function cannot do what the warp does, to a few pixels.
    """
    rows, columns = shape[:2]
    x, y = np.linspace(0, columns - 1, _POINTS), np.linspace(0, rows - 1, _POINTS)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    wanted = warp(points)
    best, error = function, _error(function, points, wanted)
    damping = 1e-3
    for _ in range(_STEPS):
        step = _step(best, points, wanted, damping)
        if step is None:
            break
        tried = best.with_params(best.params + step)
        now = _error(tried, points, wanted)
        if now < error:
            is_done = now > 0.999 * error
            best, error, damping = tried, now, damping / 10
            if is_done:
                break
        else:
            damping *= 10
    return best if error <= max(_PIXELS, _SHARE * max(rows, columns)) else None


def _error(function: FunctionWarp, points: FloatArray, wanted: FloatArray) -> float:
    """Return the root of the mean squared distance; inf where too little is mapped."""
    distances = np.linalg.norm(function(points) - wanted, axis=-1)
    known = np.isfinite(distances)
    if np.count_nonzero(known) < max(len(points) // 2, function.n_params):
        return np.inf
    return float(np.sqrt(np.mean(distances[known] ** 2)))


def _step(
    function: FunctionWarp, points: FloatArray, wanted: FloatArray, damping: float
) -> FloatArray | None:
    jacobian = function.jacobian(points).reshape(-1, function.n_params)
    residuals = (wanted - function(points)).ravel()
    known = np.isfinite(residuals) & np.isfinite(jacobian).all(axis=1)
    jacobian, residuals = jacobian[known], residuals[known]
    # Parameters are of any size, but all of them move pixels.
    sizes = np.linalg.norm(jacobian, axis=0)
    sizes[sizes == 0] = 1.0
    rows = np.vstack([jacobian / sizes, np.sqrt(damping) * np.eye(len(sizes))])
    values = np.concatenate([residuals, np.zeros(len(sizes))])
    step: FloatArray = np.linalg.lstsq(rows, values, rcond=None)[0] / sizes
    return step if np.isfinite(step).all() else None
