"""The covariance is that of the errors: small Monte Carlo runs, and what it means."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from oracles import Estimate, Problem
from photalign.synthetic import random_warp
from photalign.warps import WARPS, Translation
from scenes import views, waves

SHAPE = (64, 64)
TRIALS = 60
KERNELS = ["bspline3", "bspline3_direct", "bspline5_direct", "auto"]


def mean_chi_square(kind, rng, *, noise=3.0, gain=1.0, **options):
    """Return the errors' mean squared Mahalanobis length, per degree of freedom."""
    truth = random_warp(kind, SHAPE, 0.7, rng)
    clean = views(waves(rng, shortest=12), truth, SHAPE, dtype="f8")
    lengths = []
    for _ in range(TRIALS):
        reference, moving = (image + rng.normal(0, noise, SHAPE) for image in clean)
        found = pa.align(reference, moving / gain, kind, init=truth, **options)
        assert found.ok
        error = found.warp.params - truth.params
        lengths.append(error @ np.linalg.solve(found.covariance, error))
    return np.mean(lengths) / truth.n_params


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("model", ["none", "gain_bias"])
@pytest.mark.parametrize("kind", ["translation", "affine"])
def test_errors_are_as_large_as_they_are_said_to_be(kind, kernel, model, rng):
    gain = 1.0 if model == "none" else 1.2
    ratio = mean_chi_square(kind, rng, kernel=kernel, brightness=model, gain=gain)
    assert 0.7 < ratio < 1.4


@pytest.mark.parametrize("kind", WARPS)
def test_errors_of_every_warp(kind, rng):
    assert 0.7 < mean_chi_square(kind, rng, kernel="bspline5_direct") < 1.4


@pytest.mark.parametrize("method", ["forward", "inverse", "esm"])
def test_errors_of_every_method(method, rng):
    ratio = mean_chi_square("affine", rng, kernel="bspline5_direct", method=method)
    assert 0.7 < ratio < 1.4


@pytest.mark.parametrize(
    "loss", ["huber", "cauchy", "tukey", "geman_mcclure", "robust"]
)
def test_errors_of_every_loss(loss, rng):
    ratio = mean_chi_square("affine", rng, kernel="bspline5_direct", loss=loss)
    assert 0.7 < ratio < 1.4


def test_errors_of_normalized_correlation(rng):
    ratio = mean_chi_square(
        "affine", rng, kernel="bspline5_direct", brightness="normalized", gain=1.2
    )
    assert 0.7 < ratio < 1.4


@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
def test_white_residuals_give_the_textbook_covariance(kind, rng):
    """Where nothing smooths the noise it is sigma^2 / (J'J)."""
    truth = Translation.from_params([2.0, -1.0])
    reference, moving = views(waves(rng), truth, SHAPE, noise=3, rng=rng, dtype="f8")
    found = pa.align(
        reference,
        moving,
        kind,
        init=truth,
        kernel="bspline3",
        method="forward",
        solver=pa.GaussNewton(max_steps=1),
    )
    problem = Problem(
        reference=reference,
        moving=moving,
        kind=kind,
        kernel="bspline3",
        method="inverse",
    )
    hessian, _ = problem.normal_equations(Estimate(found.warp.matrix))
    size = np.sqrt(np.diag(hessian))
    inverse = np.linalg.inv(hessian / np.outer(size, size)) / np.outer(size, size)
    # The increments are about the center of the reference; so are these corners.
    right, bottom = problem.center
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [right, bottom]
    jacobian = problem.motion(corners)
    textbook = 3**2 * 2 * np.einsum("nip,pq,niq->ni", jacobian, inverse, jacobian)
    np.testing.assert_allclose(found.corner_std, np.sqrt(textbook), rtol=0.25)


def test_more_noise_is_less_certain(rng):
    truth = random_warp("affine", SHAPE, 0.7, rng)
    scene = waves(rng, shortest=12)
    stds = []
    for noise in (1.0, 2.0, 4.0):
        images = views(scene, truth, SHAPE, noise=noise, rng=rng)
        stds.append(pa.align(*images, kernel="bspline5_direct").corner_std.mean())
    assert stds[1] / stds[0] == pytest.approx(2, rel=0.2)
    assert stds[2] / stds[0] == pytest.approx(4, rel=0.2)


def test_more_pixels_are_more_certain(rng):
    """Four times the area halves the standard deviation of a shift."""
    truth = Translation.from_params([0.4, 0.3])
    scene = waves(rng, longest=20)
    small, large = (
        pa.align(
            *views(scene, truth, shape, noise=2, rng=rng),
            "translation",
            kernel="bspline5_direct",
        )
        for shape in ((64, 64), (128, 128))
    )
    ratio = small.corner_std.mean() / large.corner_std.mean()
    assert ratio == pytest.approx(2, rel=0.25)


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("noise", [0.0, 0.5, 5.0])
def test_what_converged_has_a_covariance(kind, noise, rng):
    truth = random_warp(kind, SHAPE, 0.7, rng)
    images = views(waves(rng), truth, SHAPE, noise=noise, rng=rng, dtype="u1")
    found = pa.align(*images, kind)
    assert found.ok
    assert np.isfinite(found.covariance).all()
    assert (np.diag(found.covariance) > 0).all()
