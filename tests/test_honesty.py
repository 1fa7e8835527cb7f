"""A result says how sure it is, and what to do where it is not."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import photalign as pa
from photalign import Status
from photalign.brightness import BRIGHTNESS
from photalign.synthetic import corner_error, pair, random_warp
from photalign.warps import Homography, Translation
from scenes import photograph, views, waves

SHAPE = (120, 160)
SHIFT = Translation.from_params([3.2, -1.7])


def seen(truth=SHIFT, *, scene="retina", center=(700, 700), seed=0, **options):
    """Return two views of a photograph."""
    options = {"noise": 2.0, "scale": 3.0} | options
    return pair(photograph(scene), truth, SHAPE, center=center, seed=seed, **options)


def exposed():
    return seen(scene="astronaut", center=(230, 150), scale=1.2, gain=1 / 0.9)


def aligned(views, kind="translation", **options):
    return pa.align(views.reference, views.moving, kind, **options)


def is_right(found, truth=SHIFT):
    return corner_error(found.warp, truth, SHAPE) < 0.5


@pytest.mark.parametrize("model", BRIGHTNESS)
@pytest.mark.parametrize("loss", ["squared", "robust"])
def test_a_match_is_known_as_one(model, loss):
    found = aligned(seen(), "affine", brightness=model, loss=loss)
    assert found.ok
    assert is_right(found)
    assert found.confidence > 0.97
    assert found.agreement > 0.9
    assert found.advice == ""


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": kernel, "method": method}
        for kernel in ("linear", "catmull_rom", "bspline3", "bspline5_direct")
        for method in ("forward", "inverse", "esm")
    ]
    + [{"pixels": 0.2}, {"threads": 2}, {"solver": pa.GaussNewton()}],
)
def test_a_match_is_known_by_all_ways_to_find_it(options):
    found = aligned(seen(), "affine", **options)
    assert found.ok
    assert found.confidence > 0.9
    assert found.agreement > 0.8


def test_a_match_of_colors_and_of_functions_is_known():
    views = seen()
    colors = [
        np.stack([image, 255 - image, image // 2], axis=-1)
        for image in (views.reference, views.moving)
    ]
    assert pa.align(*colors, "translation").confidence > 0.97
    warp = pa.warp(lambda p, x: x + p, [0.0, 0.0])
    found = aligned(views, warp)
    assert found.ok
    assert found.confidence > 0.97


def test_soft_weights_of_any_size_leave_the_agreement(rng):
    views = seen()
    weights = rng.uniform(0.2, 1, SHAPE)
    small, large = (
        aligned(views, reference_mask=factor * weights) for factor in (1e-3, 10.0)
    )
    assert small.ok
    assert small.agreement == pytest.approx(large.agreement, abs=1e-3)


@pytest.mark.parametrize("threads", [2, 3])
def test_agreement_is_the_same_for_any_number_of_threads(threads):
    views = seen()
    one, many = (aligned(views, "affine", threads=n) for n in (1, threads))
    assert (one.agreement, one.confidence) == (many.agreement, many.confidence)
    assert one._grounds == many._grounds


@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
@pytest.mark.parametrize("loss", ["squared", "robust"])
def test_other_pictures_are_no_match(kind, loss):
    pictures = [
        seen(scene=name, center=(255, 255), scale=1.5).reference
        for name in ("retina", "astronaut", "camera", "moon")
    ]
    for one, other in pairwise(pictures):
        found = pa.align(one, other, kind, loss=loss, brightness="gain_bias")
        assert not found.ok
        assert found.advice


def test_other_parts_of_one_picture_are_no_match():
    for brightness in BRIGHTNESS:
        one, other = (seen(center=c).reference for c in ((500, 500), (900, 900)))
        found = pa.align(one, other, "affine", brightness=brightness)
        assert not found.ok
        assert found.confidence < 0.45


def test_a_third_hidden_agrees_with_a_robust_loss_and_says_how_much(rng):
    views = seen()
    moving = views.moving.copy()
    moving[:, : SHAPE[1] // 3] = rng.integers(0, 255, (SHAPE[0], SHAPE[1] // 3))
    found = pa.align(views.reference, moving, "translation", loss="robust")
    assert found.ok
    assert is_right(found)
    assert 0.5 < found.agreement < 0.85


def test_a_third_that_fits_is_no_match():
    """The rest shows something else."""
    views, others = seen(), seen(center=(450, 900))
    moving = others.moving.copy()
    third = SHAPE[1] // 3
    moving[:, :third] = views.moving[:, :third]
    for loss in ("squared", "robust"):
        found = pa.align(views.reference, moving, "homography", loss=loss)
        assert not found.ok
        assert found.agreement < 0.5


def test_smooth_skies_are_no_match(rng):
    skies = [
        100 + 20 * gaussian_filter(rng.normal(size=SHAPE), 30, mode="wrap") * 30
        for _ in range(2)
    ]
    for kind in ("translation", "similarity", "homography"):
        for brightness in BRIGHTNESS:
            assert not pa.align(*skies, kind, brightness=brightness).ok


def test_advice_for_a_negative_works():
    views = seen()
    found = pa.align(views.reference, 255 - views.moving, "translation")
    assert found.status is Status.NO_MATCH
    assert "invert" in found.advice
    assert "correlate" not in found.status.value
    again = pa.align(views.reference, 255 - (255 - views.moving), "translation")
    assert again.ok
    assert is_right(again)


def test_advice_for_other_exposure_works():
    views = seen(scene="astronaut", center=(230, 150), scale=1.2, gain=2.0, bias=30)
    found = aligned(views)
    assert not found.ok
    assert 'brightness="gain_bias"' in found.advice
    assert is_right(aligned(views, brightness="gain_bias"))


def test_advice_for_the_step_limit_works():
    truth = Translation.from_params([0.8, -0.6])
    views = seen(truth)
    options = {"pyramid": pa.Pyramid(levels=1), "kernel": "linear"}
    found = aligned(views, "affine", solver=pa.GaussNewton(max_steps=1), **options)
    assert found.status is Status.STEP_LIMIT
    assert "max_steps=100" in found.advice
    more = pa.LevenbergMarquardt(max_steps=100)
    assert is_right(aligned(views, "affine", solver=more, **options), truth)


def test_advice_for_a_start_outside_names_the_start():
    found = aligned(seen(), init=Translation.from_params([400, 0]))
    assert found.status is Status.TOO_LITTLE_OVERLAP
    assert "init=" in found.advice
    assert "0%" in found.advice


def test_advice_for_flat_images_names_the_flat_one():
    views = seen()
    flat = np.full(SHAPE, 7, np.uint8)
    found = pa.align(flat, flat)
    assert found.status is Status.TOO_LITTLE_TEXTURE
    assert "flat" in found.advice
    assert not pa.align(views.reference, flat).ok


def test_advice_for_noise_asks_for_texture(rng):
    found = pa.align(*rng.normal(100, 20, (2, *SHAPE)), "translation")
    assert found.status is Status.NO_MATCH
    assert "noise" in found.advice


def test_errors_carry_the_advice():
    views = seen()
    found = pa.align(views.reference, 255 - views.moving, "translation")
    with pytest.raises(pa.AlignmentError, match="invert"):
        found.raise_if_failed()
    assert found.to_dict()["advice"] == found.advice


def test_nothing_warns_where_the_model_holds():
    for seed in range(4):
        truth = random_warp("affine", SHAPE, 3, seed)
        views = seen(truth, seed=seed, scale=4.0, noise=4.0)
        assert aligned(views, "affine").warnings == ()


def test_exposure_that_is_not_modeled_warns():
    """A gain of 0.9 is found all the same, with a covariance that means nothing."""
    views = exposed()
    found = aligned(views)
    assert found.ok
    assert any('brightness="gain_bias"' in text for text in found.warnings)
    assert not aligned(views, brightness="gain_bias").warnings
    assert found.to_dict()["warnings"] == list(found.warnings)


def test_light_that_changes_within_the_image_warns():
    views = seen(scene="astronaut", center=(230, 150), scale=1.2)
    light = 12 * np.sin(np.arange(SHAPE[1]) / 25)
    found = pa.align(views.reference, views.moving + light, "translation")
    assert found.ok
    assert any("structure" in text for text in found.warnings)


def test_few_pixels_warn(rng):
    scene = waves(rng)
    images = views(
        scene, Translation.from_params([0.5, 0.3]), (14, 14), noise=1, rng=rng
    )
    found = pa.align(*images, "affine", init=Translation.from_params([0.5, 0.3]))
    assert found.ok <= any("parameters" in text for text in found.warnings)
    assert found.effective_pixels < 14 * 14


def test_effective_pixels_count_independent_noise(rng):
    views = seen()
    clean = [image.astype(float) for image in (views.reference, views.moving)]
    white, smooth = (
        pa.align(
            *(
                i + gaussian_filter(rng.normal(0, 5, SHAPE), width) * size
                for i in clean
            ),
            "translation",
            kernel="bspline3",
        )
        for width, size in ((0, 1), (1.0, 3.5))
    )
    assert white.effective_pixels > 3 * smooth.effective_pixels


def test_warnings_and_advice_go_along_with_copies():
    found = aligned(exposed())
    assert dataclasses.replace(found, cost=0.0).warnings == found.warnings


def test_a_homography_of_one_wall_of_two_is_no_match():
    """Half of the image moves by another warp."""
    views = seen()
    other = seen(Homography([[1, 0, -9], [0, 1, 12], [0, 0, 1]]))
    moving = views.moving.copy()
    moving[:, 60:] = other.moving[:, 60:]
    found = pa.align(views.reference, moving, "translation")
    assert not found.ok or found.agreement > 0.5
