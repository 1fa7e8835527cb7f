"""What holds for every alignment: all warps, methods, kernels, losses and models."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS, Estimate, Problem
from photalign.brightness import BRIGHTNESS
from photalign.losses import LOSSES
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS, Affine, Homography, Translation
from scenes import SHAPE, views, waves

KINDS = pytest.mark.parametrize("kind", WARPS)
METHODS = pytest.mark.parametrize("method", ["forward", "inverse", "esm"])
KERNELS = pytest.mark.parametrize("kernel", TAPS)
MODELS = pytest.mark.parametrize("model", BRIGHTNESS)
# What is exact holds for grey levels; "local" has tests of its own.
OF_PIXELS = [name for name in BRIGHTNESS if name != "local"]


def bias_of(kernel):
    """Bound the error on waves of 9 px and longer, without noise, px."""
    return 0.02 if kernel == "linear" else 0.01


def pair_of(kind, rng, *, noise=0.0, sigma=2.0):
    truth = random_warp(kind, SHAPE, sigma, rng)
    return *views(waves(rng), truth, noise=noise, rng=rng), truth


@KINDS
@METHODS
@KERNELS
def test_truth_is_a_fixed_point(kind, method, kernel, rng):
    reference, moving, truth = pair_of(kind, rng)
    for loss, model in product(LOSSES, OF_PIXELS):
        found = pa.align(
            reference,
            moving,
            kind,
            init=truth,
            method=method,
            kernel=kernel,
            loss=loss,
            brightness=model,
            solver=pa.GaussNewton(),
        )
        assert found.ok, (loss, model)
        assert corner_error(found.warp, truth, SHAPE) < bias_of(kernel), (loss, model)


@KINDS
@METHODS
@KERNELS
def test_truth_is_found_from_some_pixels_off(kind, method, kernel, rng):
    reference, moving, truth = pair_of(kind, rng, sigma=3.0)
    for loss, model in product(LOSSES, OF_PIXELS):
        found = pa.align(
            reference,
            moving,
            kind,
            method=method,
            kernel=kernel,
            loss=loss,
            brightness=model,
        )
        assert found.ok, (loss, model)
        assert corner_error(found.warp, truth, SHAPE) < bias_of(kernel), (loss, model)


@KINDS
@METHODS
@KERNELS
@pytest.mark.parametrize("solver", [pa.GaussNewton(), pa.LevenbergMarquardt()])
def test_only_the_last_steps_may_raise_the_cost(kind, method, kernel, solver, rng):
    """Without a border in the way every step compares the same pixels.

    The last are short, and raise it by no more than interpolation makes of noise.
    """
    reference, moving, _ = pair_of(kind, rng, noise=3)
    inner = np.zeros(SHAPE, dtype=bool)
    inner[14:-14, 14:-14] = True
    for loss, model in product(LOSSES, OF_PIXELS):
        found = pa.align(
            reference,
            moving,
            kind,
            method=method,
            kernel=kernel,
            loss=loss,
            brightness=model,
            solver=solver,
            reference_mask=inner,
            pyramid=pa.Pyramid(levels=3),
        )
        taken = [s for s in found.trace if s.accepted and s.overlap == 1]
        assert taken
        for one, next_one in pairwise(taken):
            goes_on = next_one.iteration > one.iteration and next_one.level == one.level
            same_pixels = next_one.selected == one.selected
            if goes_on and same_pixels and next_one.scale == one.scale:
                is_short = next_one.motion <= 0.25 * 2**next_one.level
                allowed = 2e-3 if is_short else 1e-6
                if next_one.motion < 1e-3:  # the cost before was a prediction
                    allowed = 2e-2
                assert next_one.cost <= one.cost * (1 + allowed), (
                    loss,
                    model,
                    next_one,
                )


@KINDS
@pytest.mark.parametrize("model", OF_PIXELS)
@pytest.mark.parametrize("kernel", ["linear", "bspline5_direct"])
@pytest.mark.parametrize("far", [3.0, 10.0, 25.0])
def test_result_is_never_worse_than_the_start(kind, model, kernel, far, rng):
    """By the oracle's account, over the pixels that are valid under both warps.

    A brightness model may fit each warp as well as it can.
    """
    reference, moving, truth = pair_of(kind, rng, noise=2, sigma=1.0)
    problem = Problem(reference=reference, moving=moving, kernel=kernel)
    for _ in range(2):
        start = truth @ random_warp(kind, SHAPE, far, rng)
        found = pa.align(
            reference, moving, kind, init=start, kernel=kernel, brightness=model
        )
        ends = [problem.compare(Estimate(w.matrix)) for w in (start, found.warp)]
        both = np.logical_and(*(np.isfinite(end.residual) for end in ends))
        if both.any():
            before, after = (mean_square(end, both, model) for end in ends)
            assert after <= before * (1 + 1e-5), found.status


def mean_square(end, use, model):
    residual, value = end.residual[use], end.moving[use]
    if model == "none":
        return (residual**2).mean()
    target = value - residual
    if model == "normalized":
        # Contrasts are made equal: unlike least squares, that tells 0.1 from -0.1.
        return 1 - np.corrcoef(value, target)[0, 1]
    factors = np.column_stack([value, np.ones_like(value)])
    return ((factors @ np.linalg.lstsq(factors, target)[0] - target) ** 2).mean()


@KINDS
@MODELS
@pytest.mark.parametrize("loss", [*LOSSES, "robust"])
def test_swapping_the_images_inverts_the_warp(kind, model, loss, rng):
    reference, moving, _ = pair_of(kind, rng, noise=1)
    options = {"loss": loss, "brightness": model}
    there = pa.align(reference, moving, kind, **options)
    back = pa.align(moving, reference, kind, **options)
    assert there.ok
    assert back.ok
    tolerance = 2 * np.linalg.norm(there.corner_std + back.corner_std, axis=1).max()
    assert corner_error(there.warp.inverse(), back.warp, SHAPE) < tolerance


@KINDS
@KERNELS
def test_cropping_both_images_moves_the_warp(kind, kernel, rng):
    truth = random_warp(kind, SHAPE, 2.0, rng)
    reference, moving = views(waves(rng), truth, (100, 110))
    found = pa.align(reference[7:, 4:-3], moving[:-5, 10:], kind, kernel=kernel)
    expected = (
        Translation.from_params([-10, 0]) @ truth @ Translation.from_params([4, 7])
    )
    assert found.ok
    assert corner_error(found.warp, expected, SHAPE) < bias_of(kernel)


@KINDS
@MODELS
@pytest.mark.parametrize("noise", [1.0, 10.0, 40.0])
def test_what_converged_is_an_optimum(kind, model, noise, rng):
    """A new start there goes nowhere, by the result's own account of what is near."""
    reference, moving, _ = pair_of(kind, rng, noise=noise)
    options = {"brightness": model, "kernel": "bspline5_direct"}
    found = pa.align(reference, moving, kind, **options)
    again = pa.align(
        reference,
        moving,
        kind,
        init=found.warp,
        pyramid=pa.Pyramid(levels=1),
        solver=pa.GaussNewton(max_steps=1),
        **options,
    )
    if found.ok:
        assert again.trace[0].motion < found.corner_std.max() + 1e-3


FLIPS = {
    "left_right": (lambda image: image[:, ::-1], [[-1, 0, SHAPE[1] - 1], [0, 1, 0]]),
    "up_down": (lambda image: image[::-1], [[1, 0, 0], [0, -1, SHAPE[0] - 1]]),
    "transposed": (lambda image: image.T, [[0, 1, 0], [1, 0, 0]]),
}


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
@KERNELS
def test_flipping_both_images_flips_the_warp(flip, kind, kernel, rng):
    turned, matrix = FLIPS[flip]
    reference, moving, _ = pair_of(kind, rng, noise=1)
    plain = pa.align(reference, moving, kind, kernel=kernel)
    flipped = pa.align(turned(reference), turned(moving), kind, kernel=kernel)
    mirror = Affine(matrix)
    back = Homography((mirror.inverse() @ flipped.warp @ mirror).matrix)
    # The one-sided slope of the linear kernel has a preferred side.
    tolerance = 0.1 if kernel == "linear" else 0.02
    assert corner_error(back, plain.warp, SHAPE) < tolerance


@KINDS
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_equal_channels_are_as_good_as_one(kind, channels, rng):
    reference, moving, _ = pair_of(kind, rng, noise=1)
    gray = pa.align(reference, moving, kind, kernel="bspline5_direct")
    colour = pa.align(
        np.stack([reference] * channels, axis=-1),
        np.stack([moving] * channels, axis=-1),
        kind,
        kernel="bspline5_direct",
    )
    assert colour.ok
    assert corner_error(colour.warp, gray.warp, SHAPE) < 1e-4
    assert colour.cost == pytest.approx(channels * gray.cost, rel=1e-4)
    assert colour.rms == pytest.approx(gray.rms, rel=1e-4)
