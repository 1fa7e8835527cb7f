"""The examples of warps of one's own, on photographs: they find what is true."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import camera_rotation
import cylinder
import displacement_basis
import numpy as np
import pytest
import quadratic
import radial_distortion
import rolling_shutter
from skimage import data
from two_views import two_views

import photalign as pa
from photalign.synthetic import cramer_rao
from scenes import grid

DATA = Path(__file__).parents[2] / "shared" / "data"
# How far off the worst pixel of the image may be, px.
BOUND = {
    radial_distortion: 0.05,
    cylinder: 0.02,
    quadratic: 0.15,
    rolling_shutter: 0.03,
    camera_rotation: 0.02,
    displacement_basis: 0.02,
}
EXAMPLES = pytest.mark.parametrize("example", BOUND, ids=lambda m: m.__name__)
NOISE = 3.0


@cache
def clean(example):
    return example.views(noise=0.0)


def noisy(example, seed):
    rng = np.random.default_rng(seed)
    return [
        np.rint(image + rng.normal(0, NOISE, image.shape)).astype("u1")
        for image in clean(example)
    ]


@cache
def solved(example, seed=0):
    return pa.align(*noisy(example, seed), example.START)


def distances(warp, truth, shape):
    """Return how far apart two warps take the pixels of an image, px."""
    points = grid(shape)
    return np.linalg.norm(warp(points) - truth(points), axis=-1)


def normalized(errors, covariance):
    """Return the root mean square of errors, in standard deviations."""
    return np.sqrt(np.mean(errors * np.linalg.solve(covariance, errors.T).T) + 0.0)


@EXAMPLES
def test_finds_the_truth(example):
    found = solved(example)
    assert found.ok
    errors = found.warp.params - example.TRUTH.params
    assert (np.abs(errors) < 4 * np.sqrt(np.diag(found.covariance))).all()
    off = distances(found.warp, example.TRUTH, found.reference.shape[:2])
    assert np.isfinite(off).all()
    assert off.max() < BOUND[example]


@EXAMPLES
def test_fits_what_no_affine_warp_does(example):
    found, images = solved(example), noisy(example, 0)
    shape = images[0].shape[:2]
    affine = pa.align(*images, "affine")
    ours, theirs, unmoved = (
        distances(warp, example.TRUTH, shape).max()
        for warp in (found.warp, affine.warp, example.START)
    )
    assert ours < 0.05 * min(theirs, unmoved)
    assert found.rms < 0.7 * affine.rms


@EXAMPLES
def test_is_as_certain_as_it_says_and_near_the_cramer_rao_bound(example):
    errors = np.array(
        [solved(example, seed).warp.params - example.TRUTH.params for seed in range(5)]
    )
    assert 0.6 < normalized(errors, solved(example).covariance) < 1.5
    # Both images are rounded twice.
    sigma = np.sqrt(NOISE**2 + 2 / 12)
    shape = solved(example).moving.shape[:2]
    bound = cramer_rao(clean(example)[0], example.TRUTH, shape, sigma, sigma)
    # Sharp photographs alias, which costs some precision.
    assert 0.7 < normalized(errors, bound.covariance) < 1.8


@EXAMPLES
def test_derivatives_are_right_away_from_the_start(example):
    example.TRUTH.check(example.SHAPE)
    points = np.random.default_rng(0).uniform(0, 150, (50, 2))
    jacobian = example.TRUTH.jacobian(points)
    for k, p in enumerate(example.TRUTH.params):
        step = 1e-4 * max(1.0, abs(p)) * np.eye(jacobian.shape[-1])[k]
        sides = [
            example.TRUTH.with_params(example.TRUTH.params + s) for s in (step, -step)
        ]
        slope = (sides[0](points) - sides[1](points)) / (2 * step[k])
        np.testing.assert_allclose(jacobian[..., k], slope, rtol=1e-3, atol=1e-4)


@EXAMPLES
def test_runs_as_a_program(example, tmp_path, capsys, monkeypatch):
    page = tmp_path / "report.html"
    monkeypatch.setattr(sys, "argv", [example.__name__, "--report", str(page)])
    example.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("CONVERGED")
    assert len(lines) == 2 + len(example.TRUTH.params)
    assert example.START.name in page.read_text("utf-8")


def test_rotation_is_orthogonal_and_has_derivatives_at_zero():
    for size in (0.0, 1e-9, 1e-3, 0.9e-3, 1.0, 3.0):
        w = size * np.array([2.0, -1.0, 2.0]) / 3
        rotation = camera_rotation.rodrigues(w)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)
        np.testing.assert_allclose(np.trace(rotation), 1 + 2 * np.cos(size), atol=1e-14)
    slopes = camera_rotation.START.jacobian([[0.0, 0.0], [50.0, 80.0]])
    assert np.isfinite(slopes).all()
    assert (np.abs(slopes).max(axis=(0, 1)) > 1).all()


def test_what_lies_behind_a_camera_is_nothing_to_see():
    half_around = cylinder.START.with_params([300.0, np.pi, 0.0, 0.0])
    assert np.isnan(half_around(cylinder.CENTER)).all()
    turned = camera_rotation.START.with_params([0.0, np.pi, 0.0])
    assert np.isnan(turned(camera_rotation.CENTER)).all()


def test_many_parameters_may_move_columns_alone():
    """More than a coarse grid of points has columns."""

    def waves(p, xy):
        x = xy[:, 0]
        moved = [x]
        moved += [a * np.sin((k + 1) * np.pi * x / 220) for k, a in enumerate(p)]
        return np.stack([sum(moved), xy[:, 1]], axis=-1)

    start = pa.warp(waves, np.zeros(16))
    truth = start.with_params(np.random.default_rng(2).normal(0, 0.5, 16))
    found = pa.align(*two_views(data.gravel(), truth, (120, 220)), start)
    assert found.ok
    assert distances(found.warp, truth, (120, 220)).max() < 0.1


# Pairs that nobody rendered


def test_quadratic_follows_the_disparity_of_a_real_stereo_pair():
    left, right, disparity = data.stereo_motorcycle()
    rows, columns = slice(160, 320), slice(320, 560)
    shape = disparity[rows, columns].shape
    known = np.isfinite(disparity[rows, columns])
    truth = grid(shape) + np.array([columns.start, rows.start])
    truth[..., 0] -= disparity[rows, columns]
    start = quadratic.IDENTITY.copy()
    start[[0, 6]] = [columns.start - 42, rows.start]  # most of the window is 50 px away
    found = pa.align(
        left[rows, columns], right, quadratic.START, init=start, loss="robust"
    )
    assert found.ok
    errors = np.linalg.norm(found.warp(grid(shape)) - truth, axis=-1)[known]
    assert np.median(errors) < 1.2  # the motorcycle is in front of the surface


@pytest.mark.skipif(not DATA.is_dir(), reason="the images are not here")
def test_basis_measures_the_strain_of_a_specimen():
    """Displacements of a hundredth of a pixel that the challenge prescribed."""
    from photalign.io import read_image

    folder, rows = DATA / "dic_challenge_14", slice(200, 300)
    images = [
        read_image(folder / f"Sample14_{name}.tif")[rows]
        for name in ("Reference", "L1_Amp0.1b")
    ]
    truth = np.genfromtxt(folder / "command.csv", delimiter=",")[:, 1]
    rng = np.random.default_rng(0)
    waves, phase = rng.uniform([[0], [0]], [[8], [2 * np.pi]], (2, 80))[..., np.newaxis]
    fields = np.zeros((80, 1, truth.size, 2))
    fields[:, 0, :, 0] = np.sin(
        2 * np.pi * waves * np.linspace(0, 1, truth.size) + phase
    )
    basis = displacement_basis.principal_components(fields, 18)
    warp = pa.warp(displacement_basis.DisplacementBasis(*basis), np.zeros(18))
    found = pa.align(*images, warp)
    assert found.ok
    points = grid((1, truth.size))[0]
    errors = found.warp(points)[:, 0] - points[:, 0] - truth
    rms = np.sqrt(np.mean(errors**2))
    assert rms < 0.012
    assert rms < 0.2 * np.sqrt(np.mean(truth**2))
