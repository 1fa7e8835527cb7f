"""Which warp two images need: the simplest that says all that they tell.

The richest model is fitted once. How far each simpler one is from it, in units of
what noise would do, says whether the parameters that it lacks are needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from photalign._pair import Pair
from photalign._types import FloatArray
from photalign.results import Alignment, Rival
from photalign.warps import WARPS, MatrixWarp, Warp
from photalign.warps.fitting import corners_of, fit_points

__all__ = ["ADEQUATE", "align_with_choice"]

ADEQUATE = 0.1
"""Corners that are closer together are as good as the same, px."""


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
            tried[model.name] = found = _begun_with(nearer, found)
    return _simplest(pair, found, _failures(tried))


def _richer_than(warp: Warp) -> list[type[MatrixWarp]]:
    return [model for model in WARPS.values() if model.n_params > warp.n_params]


def _failures(tried: dict[str, Alignment]) -> tuple[Rival, ...]:
    return tuple(
        Rival(warp=name, status=tried[name].status)
        for name in WARPS
        if name in tried and not tried[name].ok
    )


class _Weighed(NamedTuple):
    rival: Rival
    warp: MatrixWarp | None
    """Where the model is closest to the richest; None for the richest itself."""


def _simplest(pair: Pair, richest: Alignment, failed: tuple[Rival, ...]) -> Alignment:
    """Return the alignment of the model with the least criterion."""
    try:
        weighed = _weighed(pair, richest)
    except np.linalg.LinAlgError:
        return richest  # nothing can be told from such a covariance
    for chosen in sorted(weighed, key=lambda model: model.rival.criterion):
        found = richest
        if chosen.warp is not None:
            found = _begun_with(pair.solve(chosen.warp), richest)
        if found.ok:
            break
    rivals = (replace(each.rival, is_chosen=each is chosen) for each in weighed)
    return found.with_fields(rivals=(*rivals, *failed))


def _begun_with(found: Alignment, first: Alignment) -> Alignment:
    """Return an alignment that began where another one ended, with that one's start."""
    return found.with_fields(initial=first.initial, initialization=first.initialization)


def _weighed(pair: Pair, richest: Alignment) -> list[_Weighed]:
    """Return every model that is no richer, with its criterion, from the simplest."""
    corners = corners_of(pair.views[0].shape)
    there = richest.warp(corners)
    count = max(2.0, richest.effective_pixels)
    # What is adequate passes without noise as well.
    covariance = _covariance_of(richest, corners)
    covariance += ADEQUATE**2 / math.log(count) * np.eye(there.size)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    found = []
    for name, model in WARPS.items():
        if name == richest.warp.name:
            break
        try:
            fit = fit_points(model, corners, there, whitening)
        except (ValueError, np.linalg.LinAlgError):
            continue  # a mirror image, of which the model has none
        rival = Rival(
            warp=name,
            status=richest.status,
            corner_distance=float(np.hypot(*(fit.warp(corners) - there).T).max()),
            misfit=fit.misfit,
            criterion=fit.misfit + math.log(count) * model.n_params,
        )
        found.append(_Weighed(rival, fit.warp))
    rival = Rival(
        warp=richest.warp.name,
        status=richest.status,
        corner_distance=0.0,
        misfit=0.0,
        criterion=math.log(count) * richest.warp.n_params,
    )
    return [*found, _Weighed(rival, None)]


def _covariance_of(found: Alignment, points: FloatArray) -> FloatArray:
    """Return the covariance of mapped points, px squared, one after the other."""
    jacobian = found.warp.jacobian(points).reshape(2 * len(points), -1)
    covariance: FloatArray = jacobian @ found.covariance @ jacobian.T
    return covariance
