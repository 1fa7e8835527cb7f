"""Whether the derivatives of a function are those of the function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from photalign.warps.function import FunctionWarp

# Differences are taken over parameters that move a point so far, px: far enough for
# functions that compute in float32, near enough for those that bend.
_MOTION = 0.05
# What differences may be off, of the largest derivative by the parameter.
_SHARE = 1e-2


def check_derivatives(warp: FunctionWarp, shape: Sequence[int]) -> None:
    """Compare a warp's derivatives with differences, at nine points of an image.

    Parameters
    ----------
    warp : FunctionWarp
    shape : sequence of int
        ``image.shape``.

    Raises
    ------
    ValueError
        If they do not agree; the message says for which parameter and where.
    """
    sides = [np.linspace(0.0, size - 1.0, 3) for size in (shape[1], shape[0])]
    points = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    jacobian = warp.jacobian(points)
    for k, name in enumerate(warp.param_names):
        column = jacobian[..., k]
        if not np.isfinite(column).any():
            continue
        largest = np.nanmax(np.abs(column), initial=0.0)
        value = abs(warp.params[k])
        step = _MOTION / largest if largest > 0 else 1e-5 * max(1.0, value)
        sides = [warp.params.copy(), warp.params.copy()]
        sides[0][k] -= step
        sides[1][k] += step
        before, after = (warp.with_params(side)(points) for side in sides)
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
