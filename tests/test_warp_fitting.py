"""Warps fitted to points."""

from __future__ import annotations

import numpy as np
import pytest

from photalign.synthetic import random_warp
from photalign.warps import WARPS
from photalign.warps.fitting import fit_points

POINTS = np.array([[0, 0], [99, 0], [99, 79], [0, 79], [40.0, 30.0]])


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("seed", range(4))
def test_a_warp_is_found_again_from_its_points(name: str, seed: int) -> None:
    truth = random_warp(name, (80, 100), 8.0, seed)
    fit = fit_points(WARPS[name], POINTS, truth(POINTS))
    assert fit.warp(POINTS) == pytest.approx(truth(POINTS), abs=1e-6)
    assert fit.misfit < 1e-10


@pytest.mark.parametrize("name", WARPS)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_no_neighbor_of_a_fit_is_closer(name: str, is_weighted: bool) -> None:
    rng = np.random.default_rng(3)
    targets = POINTS + rng.normal(0, 3, POINTS.shape)
    whitening = np.diag(rng.uniform(0.2, 2, 2 * len(POINTS))) if is_weighted else None
    fit = fit_points(WARPS[name], POINTS, targets, whitening)

    def misfit(params: np.ndarray) -> float:
        distance = (targets - WARPS[name].from_params(params)(POINTS)).ravel()
        if whitening is not None:
            distance = whitening @ distance
        return float(distance @ distance)

    assert misfit(fit.warp.params) == pytest.approx(fit.misfit)
    for i in range(fit.warp.n_params):
        for sign in (-1, 1):
            params = fit.warp.params
            params[i] += sign * 1e-5 * max(1e-3, abs(params[i]))
            assert misfit(params) > fit.misfit * (1 - 1e-12)


def test_a_shift_is_the_mean_motion() -> None:
    targets = POINTS + np.array([[1, 0], [3, 0], [1, 2], [3, 2], [2, 1]])
    fit = fit_points(WARPS["translation"], POINTS, targets)
    assert fit.warp.params == pytest.approx([2, 1])
    assert fit.misfit == pytest.approx(8)
