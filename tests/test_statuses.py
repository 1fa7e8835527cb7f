"""What cannot be aligned ends with a status that says why, never with an exception."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

import photalign as pa
from oracles import pixel_centers
from photalign import Status
from photalign.brightness import BRIGHTNESS
from photalign.synthetic import corner_error
from photalign.warps import WARPS, Translation
from scenes import SHAPE, views, waves

KINDS = pytest.mark.parametrize("kind", WARPS)
MODELS = pytest.mark.parametrize("model", BRIGHTNESS)
ROBUSTNESS = pytest.mark.parametrize("loss", ["squared", "huber", "robust"])
FLAT = np.full(SHAPE, 100, dtype=np.uint8)
SHIFT = Translation.from_params([1.0, 0.5])


@pytest.fixture
def textured(rng):
    return views(waves(rng), SHIFT, dtype="u1")


def assert_failed(found, *expected):
    assert found.status in expected
    assert not found.ok
    assert found.to_json()
    with pytest.raises(pa.AlignmentError, match=found.status.name):
        found.raise_if_failed()


@KINDS
@MODELS
@ROBUSTNESS
def test_flat_images(kind, model, loss, textured):
    reference, moving = textured
    options = {"brightness": model, "loss": loss}
    both = pa.align(FLAT, FLAT, kind, **options)
    assert_failed(both, Status.TOO_LITTLE_TEXTURE)
    assert both.warp == WARPS[kind].identity()
    assert not pa.align(FLAT, moving, kind, **options).ok
    assert not pa.align(reference, FLAT, kind, **options).ok


@KINDS
@pytest.mark.parametrize("kernel", ["auto", "linear", "bspline5"])
def test_texture_in_one_direction_only(kind, kernel):
    """No warp can be told along the stripes."""
    stripes = 100 + 50 * np.sin(pixel_centers(SHAPE)[..., 0] / 4)
    shifted = 100 + 50 * np.sin((pixel_centers(SHAPE)[..., 0] - 0.5) / 4)
    found = pa.align(stripes.astype("f4"), shifted.astype("f4"), kind, kernel=kernel)
    assert_failed(found, Status.TOO_LITTLE_TEXTURE)


@KINDS
@MODELS
def test_noise_on_stripes_does_not_make_them_certain(kind, model, rng):
    x = pixel_centers(SHAPE)[..., 0]
    reference, moving = (
        (100 + 50 * np.sin((x - shift) / 4) + rng.normal(0, 2, SHAPE)).astype("f4")
        for shift in (0, 0.5)
    )
    found = pa.align(reference, moving, kind, brightness=model)
    # Either it says that it failed, or that it does not know the motion in y.
    assert not found.ok or found.corner_std[:, 1].min() > 0.1


@KINDS
@MODELS
@ROBUSTNESS
@pytest.mark.parametrize("shift", [(500.0, 0.0), (-90.0, 0.0), (0.0, -79.0)])
def test_no_overlap(kind, model, loss, shift, textured):
    start = Translation.from_params(shift)
    found = pa.align(*textured, kind, init=start, brightness=model, loss=loss)
    assert_failed(found, Status.TOO_LITTLE_OVERLAP)
    assert found.warp.matrix.tolist() == start.matrix.tolist()


@KINDS
@MODELS
@ROBUSTNESS
def test_pure_noise(kind, model, loss, rng):
    reference, moving = rng.normal(100, 20, (2, *SHAPE)).astype("f4")
    found = pa.align(reference, moving, kind, brightness=model, loss=loss)
    assert not found.ok


@MODELS
@pytest.mark.parametrize("kind", ["translation", "affine"])
def test_other_scenes_do_not_match(kind, model, rng):
    for _ in range(5):
        reference, moving = (views(waves(rng), SHIFT, dtype="u1")[0] for _ in range(2))
        found = pa.align(reference, moving, kind, brightness=model)
        # Parts of two wavy scenes may look alike; then little else is left of them.
        assert not found.ok or found.overlap < 0.5


@pytest.mark.parametrize(
    "start",
    [
        [[1, 0, 0], [0, 1, 0], [-0.02, 0, 1]],  # the horizon crosses the image
        [[1e6, 0, 40], [0, 1e6, 40], [0, 0, 1]],
        [[1e-6, 0, 40], [0, 1e-6, 40], [0, 0, 1]],
        [[-1, 0, SHAPE[1] - 1.0], [0, 1, 0], [0, 0, 1]],
        [[1, 1, 0], [1, 1.0001, 0], [0, 0, 1]],
        [[1, 0, 1e15], [0, 1, -1e15], [0, 0, 1]],
    ],
)
@MODELS
@ROBUSTNESS
def test_absurd_starts(start, model, loss, textured):
    found = pa.align(*textured, "homography", init=start, brightness=model, loss=loss)
    # It may end in an optimum that the images do not support much.
    assert not found.ok or found.corner_std.max() > 2


@KINDS
def test_step_limit(kind, textured):
    found = pa.align(
        *textured,
        kind,
        solver=pa.GaussNewton(max_steps=1, step_tol=1e-9),
        pyramid=pa.Pyramid(levels=1),
    )
    assert_failed(found, Status.STEP_LIMIT)
    assert found.iterations == len(found.trace) == 1
    # Progress is not thrown away.
    assert corner_error(found.warp, SHIFT, SHAPE) < corner_error(
        Translation.identity(), SHIFT, SHAPE
    )


def test_too_little_overlap_by_request(rng):
    truth = Translation.from_params([40.0, 0.0])
    reference, moving = views(waves(rng), truth)
    options = {"init": truth, "kernel": "bspline5_direct"}
    assert pa.align(reference, moving, "translation", **options, min_overlap=0.5).ok
    found = pa.align(reference, moving, "translation", **options, min_overlap=0.7)
    assert_failed(found, Status.TOO_LITTLE_OVERLAP)


@pytest.mark.parametrize("kernel", ["auto", "linear", "bspline3", "bspline5"])
@pytest.mark.parametrize("shape", [(2, 2), (2, 300), (300, 2), (5, 5), (7, 6), (3, 9)])
def test_tiny_images(shape, kernel, rng):
    for kind in WARPS:
        image = rng.normal(100, 20, shape).astype("f4")
        found = pa.align(image, image, kind, kernel=kernel)
        assert corner_error(found.warp, WARPS[kind].identity(), shape) < 1e-3


@KINDS
@MODELS
@ROBUSTNESS
def test_equal_images(kind, model, loss, textured):
    image = textured[0]
    found = pa.align(image, image, kind, brightness=model, loss=loss)
    assert found.ok
    assert corner_error(found.warp, WARPS[kind].identity(), SHAPE) < 1e-4
    assert found.correlation == pytest.approx(1)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e6, 1e12])
@MODELS
@ROBUSTNESS
def test_any_unit_of_grey_levels(scale, model, loss, textured):
    reference, moving = (image * scale for image in textured)
    found = pa.align(reference, moving, "affine", brightness=model, loss=loss)
    assert found.ok
    assert corner_error(found.warp, SHIFT, SHAPE) < 0.02


@pytest.mark.parametrize("offset", [1e4, 1e9])
@MODELS
def test_any_offset_of_grey_levels(offset, model, textured):
    reference, moving = (image + offset for image in textured)
    found = pa.align(reference, moving, "affine", brightness=model)
    assert found.ok
    assert corner_error(found.warp, SHIFT, SHAPE) < 0.02


@pytest.mark.parametrize("scale", [1e20, 1e37, 1e300])
def test_numbers_too_large_for_float32_end_with_a_status(scale, textured):
    reference, moving = (image * scale for image in textured)
    found = pa.align(reference, moving)
    assert_failed(found, Status.NONFINITE, Status.TOO_LITTLE_OVERLAP)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_pixels_that_are_no_numbers_are_left_out(value, textured, rng):
    reference, moving = (image.astype("f4") for image in textured)
    for image in (reference, moving):
        image[rng.integers(0, SHAPE[0], 20), rng.integers(0, SHAPE[1], 20)] = value
    found = pa.align(reference, moving)
    assert found.ok
    assert corner_error(found.warp, SHIFT, SHAPE) < 0.02


def test_two_scenes_are_no_lack_of_texture():
    """What leaves the warp open is that they do not agree, not that they are flat."""
    camera, coins = skimage.data.camera()[:256, :256], skimage.data.coins()[:256, :256]
    for kind in ("translation", "euclidean", "affine"):
        found = pa.align(camera, coins, kind)
        assert not found.ok
        assert found.status is not Status.TOO_LITTLE_TEXTURE
