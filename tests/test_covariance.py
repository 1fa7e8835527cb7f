"""The covariance is that of the errors: small Monte Carlo runs, and what it means."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import photalign as pa
from oracles import Estimate, Problem
from photalign.losses import LOSSES
from photalign.synthetic import random_warp
from photalign.warps import WARPS, Translation
from scenes import views, waves

SHAPE = (64, 64)
TRIALS = 120


def mean_chi_square(kind, rng, *, noise=3.0, gain=1.0, **options):
    """Return the errors' mean squared Mahalanobis length, per degree of freedom."""
    truth = random_warp(kind, SHAPE, 0.7, rng)
    clean = views(waves(rng, shortest=12), truth, SHAPE, dtype="f8")
    lengths, converged = [], 0
    for _ in range(TRIALS):
        reference, moving = (image + rng.normal(0, noise, SHAPE) for image in clean)
        found = pa.align(reference, moving / gain, kind, init=truth, **options)
        converged += found.ok
        error = found.warp.params - truth.params
        lengths.append(error @ np.linalg.solve(found.covariance, error))
    assert converged >= 0.95 * TRIALS
    return np.mean(lengths) / truth.n_params


@pytest.mark.parametrize("kernel", ["auto", "bspline3_direct", "bspline5_direct"])
@pytest.mark.parametrize("model", ["none", "gain_bias"])
@pytest.mark.parametrize("kind", ["translation", "affine"])
def test_errors_are_as_large_as_they_are_said_to_be(kind, kernel, model, rng):
    gain = 1.0 if model == "none" else 1.2
    ratio = mean_chi_square(kind, rng, kernel=kernel, brightness=model, gain=gain)
    # The pull to half pixels makes the shifts of a cubic kernel agree too well.
    assert 0.6 < ratio < 1.4


@pytest.mark.parametrize("kernel", ["linear", "catmull_rom", "bspline3", "bspline5"])
def test_errors_of_kernels_that_do_not_smooth(kernel, rng):
    """Their bias under noise, which no covariance tells, is small for this warp."""
    assert 0.7 < mean_chi_square("affine", rng, kernel=kernel, noise=1.0) < 1.4


@pytest.mark.parametrize("kind", WARPS)
def test_errors_of_every_warp(kind, rng):
    assert 0.7 < mean_chi_square(kind, rng, kernel="bspline5_direct") < 1.4


@pytest.mark.parametrize("method", ["forward", "inverse", "esm"])
def test_errors_of_every_method(method, rng):
    ratio = mean_chi_square("affine", rng, kernel="bspline5_direct", method=method)
    assert 0.7 < ratio < 1.4


@pytest.mark.parametrize("loss", [*list(LOSSES)[1:], "robust"])
def test_errors_of_every_loss(loss, rng):
    ratio = mean_chi_square("affine", rng, kernel="bspline5_direct", loss=loss)
    assert 0.7 < ratio < 1.4


def test_errors_of_normalized_correlation(rng):
    ratio = mean_chi_square(
        "affine", rng, kernel="bspline5_direct", brightness="normalized", gain=1.2
    )
    assert 0.7 < ratio < 1.4


@pytest.mark.parametrize("kind", WARPS)
def test_little_white_noise_gives_the_textbook_covariance(kind, rng):
    """Where neither kernel nor motion smooths the noise: sigma^2 / (J'J)."""
    sigma, shift = 0.2, Translation.from_params([2.0, -1.0])
    images = views(waves(rng), shift, SHAPE, noise=sigma, rng=rng, dtype="f8")
    found = pa.align(*images, kind, init=shift, kernel="bspline3")
    problem = Problem(
        reference=images[0],
        moving=images[1],
        kind=kind,
        kernel="bspline3",
        method="inverse",
    )
    hessian, _ = problem.normal_equations(Estimate(shift.matrix))
    right, bottom = problem.center  # from which increments count their points
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [right, bottom]
    jacobian = problem.motion(corners)
    variance = np.einsum("nip,pq,niq->ni", jacobian, np.linalg.inv(hessian), jacobian)
    np.testing.assert_allclose(
        found.corner_std, np.sqrt(2 * sigma**2 * variance), rtol=0.15
    )


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


# Between the samples of the noise.
SMALL_PATCH = """
import resource
import numpy as np
import photalign as pa

rng = np.random.default_rng(0)
patch = rng.integers(0, 256, (6, 6, 3), dtype="u1").repeat(8, 0).repeat(8, 1)
reference, moving = np.full((2, 1500, 2000, 3), 50, np.uint8)
reference[200:248, 300:348] = moving[200:248, 301:349] = patch
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert pa.align(reference, moving, "translation").ok
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="maxrss is in kB on Linux")
def test_noise_of_all_pixels_is_studied_in_little_memory():
    found = subprocess.run(
        [sys.executable, "-c", SMALL_PATCH], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 100_000  # the samples that it takes are 600 MB
