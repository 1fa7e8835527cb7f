"""Whether a function maps points one by one, and its derivatives are its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from photalign.warps.function import FunctionWarp

# Differences are taken over parameters that move a point so far, px: far enough for
# functions that compute in float32, near enough for those that bend.
_MOTION = 0.05
# What differences may be off, of the largest derivative by the parameter.
_SHARE = 1e-2


def check_points(warp: FunctionWarp, points: NDArray[np.float64]) -> None:
    """Compare points mapped together with the same points in smaller blocks.

    Parameters
    ----------
    warp : FunctionWarp
    points : ndarray, shape (9, 2)

    Raises
    ------
    ValueError
        If they do not agree: where a point goes must not depend on the others.
    """
    # Blocks of a size that was met before: some systems compile for each size.
    apart = np.concatenate([warp(points[:4]), warp(points[4:8])])
    together = warp(points)[:8]
    differ = ~np.isclose(apart, together, rtol=1e-4, atol=1e-3, equal_nan=True)
    if differ.any():
        i = np.nonzero(differ.any(axis=-1))[0][0]
        raise ValueError(
            "function: expected a point to go to one place whatever the other points "
            f"of the block are, got {apart[i].tolist()} and {together[i].tolist()} for "
            f"{points[i].tolist()}; take sizes and means of an image from outside"
        )


def image_points(shape: Sequence[int]) -> NDArray[np.float64]:
    """Return nine points from corner to corner of an image, shape (9, 2)."""
    sides = [np.linspace(0.0, size - 1.0, 3) for size in (shape[1], shape[0])]
    return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)


def moved(warp: FunctionWarp, points: NDArray[np.float64]) -> FunctionWarp:
    """Return the warp with all parameters changed, each by what moves a point 1 px."""
    steps = _steps(warp, warp.jacobian(points), 1.0)
    return warp.with_params(warp.params + steps)


def _steps(
    warp: FunctionWarp, jacobian: NDArray[np.float64], motion: float
) -> NDArray[np.float64]:
    """Return changes of each parameter that move some point so far, px."""
    columns = np.abs(np.nan_to_num(jacobian, posinf=0.0, neginf=0.0))
    largest = columns.reshape(-1, columns.shape[-1]).max(axis=0)
    blind = 1e-5 * np.maximum(1.0, np.abs(warp.params))
    return np.where(largest > 0, motion / np.where(largest > 0, largest, 1.0), blind)


def check_derivatives(warp: FunctionWarp, points: NDArray[np.float64]) -> None:
    """Compare a warp's derivatives with differences.

    Parameters
    ----------
    warp : FunctionWarp
    points : ndarray, shape (N, 2)

    Raises
    ------
    ValueError
        If they do not agree; the message says for which parameter and where.
    """
    jacobian = warp.jacobian(points)
    steps = _steps(warp, jacobian, _MOTION)
    for k, (name, step) in enumerate(zip(warp.param_names, steps, strict=True)):
        column = jacobian[..., k]
        if not np.isfinite(column).any():
            continue
        largest = np.nanmax(np.abs(column), initial=0.0)
        sides = [warp.params.copy(), warp.params.copy()]
        sides[0][k] -= step
        sides[1][k] += step
        before, after = (warp.with_params(side)(points) for side in sides)
        with np.errstate(invalid="ignore"):  # there may be nothing to see
            difference = (after - before) / (sides[1][k] - sides[0][k])
            error = np.abs(difference - column)
        allowed = _SHARE * max(largest, 1e-3 / step)
        wrong = np.nonzero(error > allowed)
        if wrong[0].size:
            i, axis = wrong[0][0], wrong[1][0]
            x, y = points[i]
            raise ValueError(
                f"warp: expected derivatives that agree with differences, got "
                f"{column[i, axis]:.6g} for d {'xy'[axis]} / d {name} at point "
                f"({x:g}, {y:g}), where differences over {2 * step:.2g} give "
                f"{difference[i, axis]:.6g}; correct `jacobian` or the function"
            )
