"""Defects that users of other libraries have reported, each with the report it is from.

Every test fails if the defect were ours. The full trials are those of
``python -m benchmarks --only exactness``.
"""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from photalign.kernels import KERNELS
from photalign.synthetic import random_warp
from photalign.warps import Affine, Translation
from scenes import grid, views, waves

SHAPE = (120, 120)
MARGIN = 16


def noisy(image, rng, noise=2.0):
    """Return what a camera of 8 bits makes of an image."""
    return np.rint(image + rng.normal(0, noise, image.shape)).clip(0, 255).astype("u1")


# opencv/opencv#29774, #29781: smoothing before the masks are made mixes what is outside
# the image into its border, and every alignment comes out a little too small.
@pytest.mark.parametrize("margin", [0, MARGIN])
@pytest.mark.parametrize("kernel", ["auto", "bspline3_direct", "bspline5_direct"])
def test_scale_is_not_biased_by_the_border(kernel, margin, rng):
    truth = Affine([[1.012, 0.007, margin - 0.3], [-0.004, 0.994, margin + 0.6]])
    scene = waves(rng, shortest=8, count=40)
    wide = grid((SHAPE[0] + 2 * margin, SHAPE[1] + 2 * margin))
    clean = scene(grid(SHAPE)), scene(truth.inverse()(wide))
    scales = []
    for _ in range(30):
        reference, moving = (noisy(image, rng) for image in clean)
        found = pa.align(reference, moving, init=truth, kernel=kernel)
        assert found.ok
        change = found.warp.matrix[:2, :2] @ np.linalg.inv(truth.matrix[:2, :2])
        scales.append(np.trace(change) / 2 - 1)
    assert abs(np.mean(scales)) < 3 * np.std(scales, ddof=1) / np.sqrt(len(scales))
    # The bias of that report, -2.9e-4, would not go unnoticed.
    assert np.std(scales, ddof=1) / np.sqrt(len(scales)) < 7e-5


# opencv/opencv#29821: the mask of the moving image is not read, and pixels of another
# motion pull at the warp.
@pytest.mark.parametrize("side", ["reference", "moving"])
@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
def test_masked_pixels_do_not_pull(kind, side, rng):
    truth = random_warp(kind, SHAPE, 1.5, rng)
    scene = waves(rng, shortest=8)
    images = dict(zip(("reference", "moving"), views(scene, truth, SHAPE), strict=True))
    mask = np.ones(SHAPE, dtype=bool)
    mask[40:80] = False
    masked = images[side].copy()
    masked[40:80] = np.roll(images[side], 5, axis=1)[37:77]
    assert np.abs(masked - images[side])[40:80].mean() > 10
    images[side] = masked
    found = pa.align(**images, warp=kind, **{f"{side}_mask": mask})
    without = pa.align(**images, warp=kind)
    assert found.ok
    error = np.abs(found.warp(grid(SHAPE)) - truth(grid(SHAPE))).max()
    ignored = np.abs(without.warp(grid(SHAPE)) - truth(grid(SHAPE))).max()
    assert error < 5e-3
    assert ignored > 20 * error


# opencv/opencv#25937, #26361: positions are rounded to 1/32 px before sampling.
@pytest.mark.parametrize("kernel", ["linear", "catmull_rom", "bspline3"])
def test_a_ramp_is_resampled_where_it_is(kernel):
    """Steps of 1/500 px, each of which shows."""
    ramp = np.tile(np.arange(80.0), (24, 1))
    sampler = pa.Sampler(ramp, kernel=kernel)
    x = 40 + np.arange(0, 1, 1 / 500)
    values, gradients = sampler.value_and_grad(
        np.column_stack([x, np.full_like(x, 11)])
    )
    np.testing.assert_allclose(values, x, atol=1e-5)
    np.testing.assert_allclose(gradients[:, 0], 1, atol=1e-5)
    for shift in (0.001, 1 / 64 - 0.001, 0.4995):
        shown = pa.resample(ramp, Translation.from_params([shift, 0]), kernel=kernel)
        np.testing.assert_allclose(
            shown[8:16, 30:50], ramp[8:16, 30:50] + shift, atol=1e-5
        )


@pytest.mark.parametrize("kernel", ["auto", "linear", "bspline5_direct"])
def test_motion_far_below_a_32nd_pixel_is_found(kernel, rng):
    scene = waves(rng, shortest=10)
    for shift in ([0.004, 0.0], [0.0, -0.009], [0.0201, 0.013]):
        truth = Translation.from_params(shift)
        found = pa.align(*views(scene, truth, SHAPE), "translation", kernel=kernel)
        np.testing.assert_allclose(found.warp.params, shift, atol=1e-3)


# opencv/opencv#14023: images that cannot be aligned raise instead of saying so.
@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
@pytest.mark.parametrize("case", ["flat", "noise", "other scenes"])
def test_failure_is_a_status_and_the_start_comes_back_no_worse(kind, case, rng):
    scene = waves(rng, shortest=8)
    reference = noisy(scene(grid(SHAPE)), rng)
    moving = {
        "flat": np.full(SHAPE, 90, np.uint8),
        "noise": rng.integers(0, 256, SHAPE, np.uint8),
        "other scenes": noisy(waves(rng, shortest=8)(grid(SHAPE)), rng),
    }[case]
    found = pa.align(reference, moving, kind)
    assert not found.ok
    assert found.status is not pa.Status.CONVERGED
    assert np.isfinite(found.warp.matrix).all()


# scipy.ndimage.map_coordinates, jax.scipy.ndimage.map_coordinates (jax-ml/jax#3928 and
# its neighbors): samples of an integer image are rounded to integers.
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4"])
def test_samples_of_integers_are_not_rounded(dtype, rng):
    pixels = rng.integers(0, 100, (12, 16)).astype(dtype)
    points = rng.uniform(3, 8, (50, 2))
    for kernel in set(KERNELS) - {"nearest"}:
        values = pa.Sampler(pixels, kernel=kernel)(points)
        exact = pa.Sampler(pixels.astype(np.float64), kernel=kernel)(points)
        np.testing.assert_allclose(values, exact, atol=1e-3)
        assert (np.abs(values - np.rint(values)) > 1e-3).any()


# Overshoot of cubic interpolation wraps around in integers: 255 becomes 3.
@pytest.mark.parametrize("kernel", ["catmull_rom", "bspline3", "bspline5"])
def test_overshoot_saturates(kernel):
    step = np.zeros((24, 24), np.uint8)
    step[:, 12:] = 255
    shift = Translation.from_params([0.45, 0])
    shown = pa.resample(step, shift, kernel=kernel)
    exact = pa.resample(step.astype(np.float64), shift, kernel=kernel)
    assert exact[8, 4:20].max() > 256
    assert exact[8, 4:20].min() < -1
    np.testing.assert_array_equal(
        shown[8, 4:20], np.rint(exact[8, 4:20]).clip(0, 255).astype(np.uint8)
    )


# MouseLand/suite2p#288: what moves out of the image on one side comes in on the other.
def test_edges_do_not_wrap(rng):
    pixels = rng.integers(1, 256, (20, 30), np.uint8)
    shown = pa.resample(pixels, Translation.from_params([7, -3]), fill=0)
    np.testing.assert_array_equal(shown[3:, :-7], pixels[:-3, 7:])
    assert not shown[:, -7:].any()
    assert not shown[:3].any()
