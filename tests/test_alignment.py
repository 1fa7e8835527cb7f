"""How `align` behaves: starts, choices, solvers, sizes, and what it records."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import photalign as pa
from guarded_memory import guarded
from outcomes import outcome
from photalign.losses import LOSSES
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS, Affine, Homography, Translation
from sampler_cases import INSTRUCTION_SETS, instruction_set
from scenes import SHAPE, views, waves

KINDS = pytest.mark.parametrize("kind", WARPS)


def pair_of(kind, rng, *, noise=1.0, sigma=1.5, dtype="f4"):
    truth = random_warp(kind, SHAPE, sigma, rng)
    return *views(waves(rng), truth, noise=noise, rng=rng, dtype=dtype), truth


# Starts


@KINDS
def test_start_may_be_given_in_any_form(kind, rng):
    reference, moving, truth = pair_of(kind, rng)
    start = truth @ random_warp(kind, SHAPE, 0.5, rng)
    matrix = start.matrix
    forms = [start, matrix, matrix.tolist(), np.asfortranarray(matrix)]
    if kind != "homography":
        forms.append(matrix[:2])
    found = [pa.align(reference, moving, kind, init=form) for form in forms]
    assert len({outcome(one) for one in found}) == 1
    assert all(one.initial == start for one in found)


def test_warp_may_be_a_name_a_class_or_a_start(rng):
    reference, moving, truth = pair_of("euclidean", rng)
    named = pa.align(reference, moving, "euclidean")
    assert outcome(pa.align(reference, moving, pa.Euclidean)) == outcome(named)
    started = pa.align(reference, moving, "euclidean", init=truth)
    assert outcome(pa.align(reference, moving, truth)) == outcome(started)


def test_start_may_be_of_a_smaller_model(rng):
    reference, moving, truth = pair_of("homography", rng)
    start = Translation.from_params([0.5, -0.5])
    found = pa.align(reference, moving, "homography", init=start)
    assert type(found.initial) is Homography
    assert found.initial.matrix.tolist() == start.matrix.tolist()
    assert corner_error(found.warp, truth, SHAPE) < 0.2


@KINDS
def test_good_start_saves_steps(kind, rng):
    reference, moving, truth = pair_of(kind, rng, sigma=3.0)
    options = {"pyramid": pa.Pyramid(levels=1), "kernel": "bspline5_direct"}
    far = pa.align(reference, moving, kind, **options)
    near = pa.align(reference, moving, kind, init=truth, **options)
    assert near.iterations <= far.iterations


def test_far_start_is_used(rng):
    """A large rotation is found from a guess of it only."""
    truth = pa.Euclidean.from_params([np.deg2rad(60), 70.0, -30.0])
    reference, moving = views(waves(rng), truth)
    start = pa.Euclidean.from_params([np.deg2rad(57), 69.0, -29.0])
    assert not pa.align(reference, moving, "euclidean", init="identity").ok
    found = pa.align(reference, moving, "euclidean", init=start)
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 0.01


# Solvers


@KINDS
@pytest.mark.parametrize("loss", LOSSES)
def test_solvers_agree(kind, loss, rng):
    reference, moving, _ = pair_of(kind, rng)
    solvers = pa.GaussNewton(), pa.LevenbergMarquardt()
    one, other = (
        pa.align(
            reference,
            moving,
            kind,
            loss=loss,
            solver=solver,
            kernel="bspline5_direct",
        )
        for solver in solvers
    )
    assert one.ok
    assert other.ok
    assert corner_error(one.warp, other.warp, SHAPE) < 0.01


def test_damping_of_gauss_newton_is_0(rng):
    reference, moving, _ = pair_of("affine", rng)
    plain = pa.align(reference, moving, solver=pa.GaussNewton())
    damped = pa.align(reference, moving, solver=pa.LevenbergMarquardt(damping=10.0))
    assert {step.damping for step in plain.trace} == {0}
    assert damped.trace[0].damping == 10
    assert damped.trace[0].motion < plain.trace[0].motion


@pytest.mark.parametrize("step_tol", [1e-1, 1e-2, 1e-3])
def test_step_tolerance_is_what_is_still_to_come(step_tol, rng):
    reference, moving, _ = pair_of("affine", rng)
    found, exact = (
        pa.align(
            reference,
            moving,
            kernel="bspline5_direct",
            pyramid=pa.Pyramid(levels=1),
            solver=pa.GaussNewton(step_tol=tolerance),
        )
        for tolerance in (step_tol, 1e-5)
    )
    assert found.ok
    assert found.iterations <= exact.iterations
    assert corner_error(found.warp, exact.warp, SHAPE) < 2 * step_tol


def test_steps_are_limited_on_every_level(rng):
    reference, moving, _ = pair_of("homography", rng, sigma=4.0)
    found = pa.align(
        reference,
        moving,
        "homography",
        solver=pa.GaussNewton(max_steps=2, step_tol=1e-9),
        pyramid=pa.Pyramid(levels=2),
        kernel="bspline3",
    )
    assert max(step.iteration for step in found.trace) == 2


# Losses


@pytest.mark.parametrize(
    "loss", [cls for name, cls in LOSSES.items() if name != "squared"]
)
def test_a_wide_threshold_is_least_squares(loss, rng):
    reference, moving, _ = pair_of("affine", rng)
    options = {"kernel": "bspline5_direct"}
    plain = pa.align(reference, moving, **options)
    found = pa.align(reference, moving, loss=loss(scale=1e4), **options)
    assert corner_error(found.warp, plain.warp, SHAPE) < 1e-3
    np.testing.assert_allclose(found.corner_std, plain.corner_std, rtol=1e-2)


@pytest.mark.parametrize("kernel", ["linear", "bspline3"])
def test_scale_is_that_of_the_noise(kernel, rng):
    """Of the difference of two noisy images, where the kernel does not smooth it."""
    reference, moving, truth = pair_of("translation", rng, noise=3.0)
    whole = Translation(np.rint(truth.matrix))
    reference, moving = views(waves(rng), whole, noise=3.0, rng=rng)
    found = pa.align(
        reference, moving, "translation", init=whole, loss="tukey", kernel=kernel
    )
    assert found.scale == pytest.approx(3 * np.sqrt(2), rel=0.25)


@pytest.mark.parametrize("loss", LOSSES)
def test_images_that_agree_to_the_bit_have_no_scale_and_are_aligned(loss, rng):
    image = pair_of("affine", rng)[0]
    found = pa.align(image, image, loss=loss, kernel="linear")
    assert found.ok
    assert found.cost == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_no_valid_pixel_is_too_little_overlap_for_every_loss(loss, rng):
    reference, moving, _ = pair_of("affine", rng)
    mask = np.zeros(SHAPE, bool)
    mask[30, 40] = True
    found = pa.align(reference, moving, loss=loss, reference_mask=mask)
    assert found.status is pa.Status.TOO_LITTLE_OVERLAP


def test_outliers_do_not_move_a_robust_result(rng):
    reference, moving, truth = pair_of("affine", rng, noise=0.5)
    broken = moving.copy()
    broken[rng.random(SHAPE) < 0.02] = 255
    plain = pa.align(reference, broken)
    for loss in ("tukey", "geman_mcclure", "robust"):
        found = pa.align(reference, broken, loss=loss)
        assert found.ok
        assert corner_error(found.warp, truth, SHAPE) < 0.03
        assert found.corner_std.max() < 0.5 * plain.corner_std.max()


# Images


@KINDS
def test_images_may_have_unlike_sizes(kind, rng):
    truth = random_warp(kind, SHAPE, 1.5, rng)
    scene = waves(rng)
    reference = views(scene, truth, (70, 90))[0]
    moving = views(scene, truth, (85, 75))[1]
    found = pa.align(reference, moving, kind)
    assert found.ok
    assert corner_error(found.warp, truth, (70, 90)) < 0.01
    assert found.overlap < 0.9


def test_images_may_have_unlike_types(rng):
    reference, moving, truth = pair_of("affine", rng)
    found = pa.align(reference.astype("u1"), moving.astype("f8"))
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 0.1


def test_nothing_is_read_beyond_the_images(rng):
    # A first channel of zeros leaves nothing to subtract: the other is used in place.
    def planes(image, at_end):
        both = np.stack([np.zeros_like(image), image])
        return np.moveaxis(guarded(both, at_end=at_end), 0, -1)

    shape = (70, 200)
    truth = Affine([[1, 0, 1.3], [0, 1, -0.8]])
    pair = views(waves(rng), truth, shape)
    one_level = pa.Pyramid(levels=1)
    for isa, kernel in product(INSTRUCTION_SETS, ("linear", "catmull_rom", "auto")):
        with instruction_set(isa):
            for at_end in (True, False):
                images = [planes(image, at_end) for image in pair]
                found = pa.align(*images, kernel=kernel, pyramid=one_level)
                assert corner_error(found.warp, truth, shape) < 0.05


def test_levels_lower_than_a_band_of_rows_are_used(rng):
    truth = Translation([[1, 0, 2.3], [0, 1, 0.6]])
    pair = views(waves(rng), truth, (24, 600), noise=1, rng=rng, dtype="u1")
    strips = [np.tile(image, 150) for image in pair]
    found = pa.align(*strips, "translation", pyramid=pa.Pyramid(levels=2))
    # Where the tiles meet they are not views of one scene.
    assert corner_error(found.warp, truth, strips[0].shape) < 0.2
    assert max(step.level for step in found.trace) == 1


def test_small_part_in_a_large_image(rng):
    """A template is found in a picture, from a start near by."""
    truth = Affine([[1.02, 0.03, 61.3], [-0.02, 0.98, 48.6]])
    scene = waves(rng)
    reference = views(scene, truth, (32, 32))[0]
    moving = views(scene, truth, (160, 200))[1]
    found = pa.align(reference, moving, init=[[1, 0, 60], [0, 1, 50]])
    assert found.ok
    assert found.overlap == 1
    assert corner_error(found.warp, truth, (32, 32)) < 0.02


def test_overlap_is_what_both_images_show(rng):
    truth = Translation.from_params([30.0, 0.0])
    reference, moving = views(waves(rng), truth)
    found = pa.align(reference, moving, "translation", init=truth, kernel="linear")
    assert found.overlap == pytest.approx(1 - 30 / SHAPE[1], abs=0.02)


def test_progress_sees_steps_as_they_happen(rng):
    reference, moving, _ = pair_of("affine", rng)
    seen = []
    found = pa.align(reference, moving, progress=seen.append)
    assert all(isinstance(step, pa.Step) for step in seen)
    assert found.trace == tuple(seen)
