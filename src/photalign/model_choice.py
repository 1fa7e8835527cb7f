"""Which warp two images need: the simplest that says all that they tell.

The richest model is fitted once. How far each simpler one is from it, in units of
what noise would do, says whether the parameters that it lacks are needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from photalign._pair import Pair
from photalign._types import FloatArray
from photalign.results import Alignment, Rival
from photalign.warps import WARPS, MatrixWarp, Warp
from photalign.warps.fitting import Fit, fit_points

__all__ = ["ADEQUATE", "align_with_choice"]

ADEQUATE = 0.1
"""Corners that are closer together are as good as the same, px."""

# The start of the chosen model is near its end.
_LAST_LEVELS = 2


def align_with_choice(
    pair: Pair, align: Callable[[type[MatrixWarp]], Alignment]
) -> Alignment:
    """Align with the simplest adequate model.

    Parameters
    ----------
    pair : Pair
        The images.
    align : callable
        Aligns them with a model, from wherever its start comes.

    Returns
    -------
    Alignment
        Of the chosen model, with all models as its `rivals`. Where none converges,
        that of the richest.
    """
    tried: dict[str, Alignment] = {}
    for model in reversed(WARPS.values()):
        tried[model.name] = found = align(model)
        if found.ok:
            break
    else:
        first, *_ = tried.values()
        return first.with_fields(rivals=_failures(tried))
    # What failed from afar may do from where a simpler model ended.
    for model in _richer_than(found.warp):
        nearer = pair.solve(model(found.warp.matrix))
        if nearer.ok:
            tried[model.name] = found = nearer
    return _simplest(pair, found, _failures(tried))


def _richer_than(warp: Warp) -> list[type[MatrixWarp]]:
    return [model for model in WARPS.values() if model.n_params > warp.n_params]


def _failures(tried: dict[str, Alignment]) -> tuple[Rival, ...]:
    return tuple(
        Rival(warp=name, status=tried[name].status)
        for name in WARPS
        if name in tried and not tried[name].ok
    )


def _simplest(pair: Pair, richest: Alignment, failed: tuple[Rival, ...]) -> Alignment:
    """Return the alignment of the model with the least criterion."""
    fits = _fits(richest)
    # Ties are exact where nothing but rounding is between two models.
    order = sorted(fits, key=lambda name: fits[name][0].criterion)
    for name in order:
        rival, fit = fits[name]
        found = richest
        if fit is not None:
            found = pair.solve(fit.warp, levels=_LAST_LEVELS)
            found = found.with_fields(initial=fit.warp)
        if not found.ok:
            continue
        rivals = [replace(each, is_chosen=each is rival) for each, _ in fits.values()]
        return found.with_fields(rivals=(*rivals, *failed))
    return richest


def _fits(richest: Alignment) -> dict[str, tuple[Rival, Fit | None]]:
    """Return every model that is no richer, as close to the richest as it can be."""
    corners = _corners(richest.reference.shape)
    there = richest.warp(corners)
    covariance = _covariance_of(richest, corners)
    count = max(2.0, richest.overlap * math.prod(richest.reference.shape[:2]))
    # What is adequate passes without noise as well.
    covariance += ADEQUATE**2 / math.log(count) * np.eye(there.size)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    found: dict[str, tuple[Rival, Fit | None]] = {}
    for name, model in WARPS.items():
        is_richest = name == richest.warp.name
        fit = None if is_richest else fit_points(model, corners, there, whitening)
        misfit = 0.0 if fit is None else fit.misfit
        apart = 0.0 if fit is None else np.hypot(*(fit.warp(corners) - there).T).max()
        found[name] = (
            Rival(
                warp=name,
                status=richest.status,
                corner_distance=float(apart),
                misfit=misfit,
                criterion=misfit + math.log(count) * model.n_params,
            ),
            fit,
        )
        if is_richest:
            break
    return found


def _corners(shape: tuple[int, ...]) -> FloatArray:
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]])


def _covariance_of(found: Alignment, points: FloatArray) -> FloatArray:
    """Return the covariance of mapped points, px squared, one after the other."""
    jacobian = found.warp.jacobian(points).reshape(2 * len(points), -1)
    covariance: FloatArray = jacobian @ found.covariance @ jacobian.T
    return covariance
