"""Masks, weights and pixels that are no numbers: what they exclude does not exist."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS, Estimate, Problem
from outcomes import outcome
from photalign.brightness import BRIGHTNESS
from photalign.synthetic import corner_error, random_warp
from photalign.warps import Translation
from scenes import SHAPE, views, waves

KERNELS = pytest.mark.parametrize("kernel", TAPS)
DIRECT = pytest.mark.parametrize(
    "kernel", ["linear", "catmull_rom", "bspline3_direct", "bspline5_direct"]
)
DTYPES = pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
SHIFT = Translation.from_params([1.3, -0.6])
FORMS = {
    "bool": lambda mask: mask,
    "uint8": lambda mask: mask.astype(np.uint8) * 255,
    "int64": lambda mask: mask.astype(np.int64) * 7,
    "backwards": lambda mask: np.asfortranarray(mask[::-1])[::-1],
}


def with_holes(rng):
    """Return a mask with a hole, a missing border and a missing pixel."""
    mask = np.ones(SHAPE, dtype=bool)
    row, column = rng.integers(20, 45, 2)
    mask[row : row + 15, column : column + 20] = False
    mask[:, :3] = False
    mask[70, 20] = False
    return mask


def polluted(image, mask, value):
    changed = image.copy()
    changed[~mask] = value
    return changed


@pytest.fixture
def case(rng):
    """Return a function that makes two views and a mask of each."""

    def make(dtype="f4", *, noise=1.0, truth=None):
        warp = truth or random_warp("affine", SHAPE, 1.5, rng)
        images = views(waves(rng), warp, dtype=dtype, noise=noise, rng=rng)
        return *images, with_holes(rng), with_holes(rng), warp

    return make


@KERNELS
@DTYPES
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_masked_does_not_matter(kernel, dtype, weighted, case, rng):
    """Not a bit of the result changes with the pixels that have no weight."""
    reference, moving, reference_mask, moving_mask, _ = case(dtype)
    options = {"reference_mask": reference_mask, "moving_mask": moving_mask}
    if weighted:
        options = {k: m * rng.uniform(0.5, 2, SHAPE) for k, m in options.items()}
    for loss, model in [("squared", "none"), ("tukey", "gain_bias")]:
        options |= {"kernel": kernel, "loss": loss, "brightness": model}
        clean = outcome(pa.align(reference, moving, **options))
        worst = [0, 255] if dtype == "u1" else [0, 65535]
        if np.dtype(dtype).kind == "f":
            worst = [1e6, -1e30, np.nan, np.inf]
        for value in worst:
            images = (
                polluted(reference, reference_mask, value),
                polluted(moving, moving_mask, value),
            )
            assert outcome(pa.align(*images, **options)) == clean


@KERNELS
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_pixels_that_are_nan_are_masked(kernel, dtype, case):
    reference, moving, reference_mask, moving_mask, _ = case(dtype)
    for loss, model in [("squared", "none"), ("huber", "normalized")]:
        options = {"kernel": kernel, "loss": loss, "brightness": model}
        masked = pa.align(
            reference,
            moving,
            reference_mask=reference_mask,
            moving_mask=moving_mask,
            **options,
        )
        marked = pa.align(
            polluted(reference, reference_mask, np.nan),
            polluted(moving, moving_mask, np.nan),
            **options,
        )
        assert outcome(marked) == outcome(masked)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel", ["bspline5_direct", "bspline3"])
def test_form_of_a_mask_does_not_matter(form, kernel, case):
    reference, moving, reference_mask, moving_mask, _ = case("u1")
    found = [
        pa.align(
            reference,
            moving,
            kernel=kernel,
            reference_mask=change(reference_mask),
            moving_mask=change(moving_mask),
        )
        for change in (FORMS["bool"], FORMS[form])
    ]
    assert outcome(found[0]) == outcome(found[1])


@KERNELS
@pytest.mark.parametrize("model", BRIGHTNESS)
def test_weights_of_0_and_1_are_a_mask(kernel, model, case):
    reference, moving, reference_mask, moving_mask, truth = case(noise=0.0)
    options = {"kernel": kernel, "brightness": model}
    found = [
        pa.align(
            reference,
            moving,
            reference_mask=reference_mask.astype(dtype),
            moving_mask=moving_mask.astype(dtype),
            **options,
        )
        for dtype in (bool, float)
    ]
    for one in found:
        assert one.ok
        # Little is left of so small an image where windows are cut by masks.
        allowed = max(0.02, one.corner_std.max() if model == "local" else 0)
        assert corner_error(one.warp, truth, SHAPE) < allowed
    assert found[1].overlap == pytest.approx(found[0].overlap, abs=1e-3)
    assert found[1].cost == pytest.approx(found[0].cost, rel=0.02, abs=1e-3)
    np.testing.assert_allclose(found[1].corner_std, found[0].corner_std, rtol=0.02)


@KERNELS
def test_masks_do_not_bias(kernel, case):
    *images, reference_mask, moving_mask, truth = case(noise=0.0)
    images = (
        polluted(images[0], reference_mask, 1e4),
        polluted(images[1], moving_mask, -1e4),
    )
    found = pa.align(
        *images, kernel=kernel, reference_mask=reference_mask, moving_mask=moving_mask
    )
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 0.02


@DIRECT
@pytest.mark.parametrize("method", ["forward", "inverse", "esm"])
def test_samples_are_invalid_where_their_footprint_is(kernel, method, case):
    """Cost and overlap are those of the oracle, which lets NaN spread."""
    reference, moving, reference_mask, moving_mask, truth = case()
    found = pa.align(
        reference,
        moving,
        init=truth,
        kernel=kernel,
        method=method,
        reference_mask=reference_mask,
        moving_mask=moving_mask,
        pyramid=pa.Pyramid(levels=1),
    )
    problem = Problem(
        reference=polluted(reference, reference_mask, np.nan),
        moving=polluted(moving, moving_mask, np.nan),
        kernel=kernel,
        method=method,
    )
    residual = problem.compare(Estimate(found.warp.matrix)).residual
    valid = np.isfinite(residual)
    usable = np.isfinite(problem.target()[0])
    # The last step may carry a pixel across a border.
    one = 1 / usable.sum()
    assert found.overlap == pytest.approx(valid.sum() * one, abs=1.01 * one)
    assert found.cost == pytest.approx((residual[valid] ** 2).sum() / 2, rel=1e-3)


@pytest.mark.parametrize("kernel", ["bspline3", "bspline5"])
def test_one_invalid_pixel_spoils_only_its_surroundings(kernel, rng):
    reference, moving = views(waves(rng), SHIFT)
    whole = pa.align(reference, moving, "translation", kernel=kernel)
    for image in (reference, moving):
        image[40, 50] = np.nan
    found = pa.align(reference, moving, "translation", kernel=kernel)
    assert found.ok
    assert corner_error(found.warp, SHIFT, SHAPE) < 0.005
    reach = 31 if kernel == "bspline5" else 17
    assert found.overlap > whole.overlap - 2 * reach**2 / reference.size


@pytest.mark.parametrize("side", ["reference_mask", "moving_mask"])
def test_common_factor_of_weights_does_not_matter(side, case, rng):
    reference, moving, *_ = case()
    weight = rng.uniform(0.5, 2, SHAPE)
    one, many = (
        pa.align(reference, moving, **{side: factor * weight}) for factor in (1, 16)
    )
    assert corner_error(one.warp, many.warp, SHAPE) < 1e-4
    assert many.overlap == pytest.approx(one.overlap)
    assert many.cost == pytest.approx(16 * one.cost, rel=1e-4)
    assert many.rms == pytest.approx(one.rms, rel=1e-4)
    np.testing.assert_allclose(many.corner_std, one.corner_std, rtol=1e-3)


@pytest.mark.parametrize("side", ["reference_mask", "moving_mask"])
def test_weights_pay_where_the_noise_differs(side, rng):
    """Weights of 1 / variance, against none, over many draws of the noise."""
    truth = random_warp("affine", SHAPE, 1.0, rng)
    scene = waves(rng)
    deviation = np.where(np.arange(SHAPE[1]) < SHAPE[1] // 2, 25.0, 1.0)
    weight = np.broadcast_to(1 / deviation**2, SHAPE)
    errors = {None: [], side: []}
    for _ in range(8):
        reference, moving = views(scene, truth)
        moving = moving + rng.normal(0, deviation, SHAPE)
        for name, found_errors in errors.items():
            options = {} if name is None else {name: weight}
            found = pa.align(reference, moving, kernel="bspline5_direct", **options)
            found_errors.append(corner_error(found.warp, truth, SHAPE))
    assert np.mean(errors[side]) < 0.5 * np.mean(errors[None])


@pytest.mark.parametrize("channels", [2, 3])
def test_mask_holds_for_all_channels(channels, case):
    reference, moving, reference_mask, moving_mask, truth = case("u1")
    colour = [np.stack([image] * channels, axis=-1) for image in (reference, moving)]
    options = {"reference_mask": reference_mask, "moving_mask": moving_mask}
    clean = pa.align(*colour, **options)
    colour = [
        polluted(image, mask, 200)
        for image, mask in zip(colour, options.values(), strict=True)
    ]
    assert outcome(pa.align(*colour, **options)) == outcome(clean)
    assert corner_error(clean.warp, truth, SHAPE) < 0.1


def test_channel_that_is_nan_is_left_out_alone(case):
    """A pixel may be valid in one channel and not in another."""
    reference, moving, mask, _, truth = case()
    broken = np.stack([reference, polluted(reference, mask, np.nan)], axis=-1)
    found = pa.align(broken, np.stack([moving, moving], axis=-1))
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 0.1


def test_only_the_masked_region_is_aligned(rng):
    """Two halves that move differently; the mask says which one counts."""
    scene, left = waves(rng), np.arange(SHAPE[1]) < SHAPE[1] // 2
    one, other = SHIFT, Translation.from_params([-1.0, 0.4])
    reference, moving = views(scene, one)
    moving[:, ~left] = views(scene, other)[1][:, ~left]
    for half, truth in ((left, one), (~left, other)):
        found = pa.align(
            reference,
            moving,
            "translation",
            reference_mask=np.broadcast_to(half, SHAPE),
            moving_mask=np.broadcast_to(half, SHAPE),
        )
        assert found.ok
        assert corner_error(found.warp, truth, SHAPE) < 0.01


def test_almost_everything_masked(rng):
    reference, moving = views(waves(rng), SHIFT)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[40:43, 50:53] = True
    for options in ({"reference_mask": mask}, {"moving_mask": mask}):
        assert not pa.align(reference, moving, **options).ok


def test_masks_are_recorded(case):
    reference, moving, reference_mask, moving_mask, _ = case()
    found = pa.align(
        reference, moving, reference_mask=reference_mask, moving_mask=moving_mask
    )
    assert found.reference_mask is reference_mask
    assert found.moving_mask is moving_mask
