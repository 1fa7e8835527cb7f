"""Points that are no numbers and pixels that are none."""

from __future__ import annotations

import numpy as np
import pytest

from photalign._interpolation import spline_coefficients
from photalign.kernels import BSPLINE3, KERNELS
from photalign.sampling import Sampler


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize(
    "kernel", ["linear", "catmull_rom", "keys6", "bspline2_direct"]
)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_nan_pixel_invalidates_the_footprints_that_touch_it(kernel, channels, rng):
    image = rng.normal(size=(12, 13, channels)).astype(np.float32)
    image[5, 6, channels // 2] = np.nan
    points = rng.uniform(2, 10, (500, 2))
    sampler = Sampler(image, kernel, fill=-9)
    value, gradient = sampler.value_and_grad(points)
    reach = KERNELS[kernel].taps / 2
    touches = (np.abs(points - [6, 5]) < reach).all(axis=-1)
    np.testing.assert_array_equal(sampler.inside(points), ~touches)
    assert (value[touches] == -9).all()
    assert not gradient[touches].any()
    filled = Sampler(np.nan_to_num(image), kernel)
    np.testing.assert_array_equal(value[~touches], filled(points)[~touches])


@pytest.mark.parametrize("kernel", ["bspline2", "bspline3", "bspline5"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_invalid_pixel_does_not_poison_a_spline(kernel, dtype, bad, rng):
    image = (100 + 10 * rng.normal(size=(50, 60))).astype(dtype)
    broken = image.copy()
    broken[20, 30] = bad
    points = rng.uniform(0, [59, 49], (3000, 2))
    sampler = Sampler(broken, kernel)
    inside = sampler.inside(points)
    distance = np.abs(points - [30, 20]).max(axis=-1)
    assert not inside[distance < 2].any()
    assert inside[distance > 14].all()
    # What was filled in is wrong by 20 or so, and 0.001 of that is let through per
    # coefficient.
    expected = Sampler(image, kernel)(points)
    np.testing.assert_allclose(sampler(points)[inside], expected[inside], atol=0.05)


@pytest.mark.parametrize("invalid", ["rows", "columns", "corner", "all"])
def test_large_gaps_do_not_poison_a_spline(invalid):
    rows, columns = np.indices((60, 70))
    image = 3.0 * columns - 2.0 * rows + 500
    gap = {
        "rows": np.s_[:20],
        "columns": np.s_[:, 30:50],
        "corner": np.s_[30:, 40:],
        "all": np.s_[:],
    }[invalid]
    image[gap] = np.nan
    sampler = Sampler(image, "bspline3")
    points = np.stack([columns, rows], axis=-1)
    inside = sampler.inside(points)
    value = sampler(points)
    assert not inside[gap].any()
    near = np.isnan(image)
    for axis in (0, 1):
        near |= sum(np.roll(near, k, axis) for k in range(-8, 9)) > 0
    assert inside[~near].all()
    np.testing.assert_allclose(value[inside], image[inside], atol=0.3)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1)])
def test_masked_pixels_of_a_spline_are_like_nan(dtype, shape, rng):
    image = rng.integers(0, 256, (30, 40, 3)).astype(dtype)
    mask = np.ones(shape, np.uint8)
    mask[12:15, 20] = 0
    broken = image.astype("f8" if dtype == "f8" else "f4")
    broken[12:15, 20] = np.nan
    masked = spline_coefficients(image, mask, BSPLINE3, 1)
    expected = spline_coefficients(broken, None, BSPLINE3, 2)
    np.testing.assert_array_equal(masked, expected)
    assert np.isnan(masked[12:15, 20]).all()
    assert np.isfinite(masked).mean() > 0.8


def test_image_without_a_valid_pixel_has_no_spline():
    image = np.full((9, 11), np.nan)
    assert not Sampler(image, "bspline5").inside([[4, 4], [0, 0]]).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_pixels_that_are_not_finite_are_invalid_however_they_are_sampled(bad, dtype):
    image = np.ones((20, 30), dtype)
    image[7, 9] = bad
    sampler = Sampler(image)
    x, y = np.arange(0, 29, 0.5), np.arange(0, 19, 0.5)
    points = np.stack(np.meshgrid(x, y), axis=-1)
    inside = sampler.inside(points)
    np.testing.assert_array_equal(sampler.grid(x, y)[2], inside)
    beside = (points == [8, 6]) | (points == [10, 8])
    touches = (np.abs(points - [9, 7]) < 1).all(axis=-1)
    assert not inside[touches].any()
    assert inside[~touches & ~beside.any(axis=-1)].all()


@pytest.mark.parametrize(
    "boundary", ["mirror", "reflect", "wrap", "nearest", "constant"]
)
@pytest.mark.parametrize("kernel", ["bspline2", "bspline3", "bspline5"])
@pytest.mark.parametrize("shape", [(61,), (37, 43), (48, 20, 21)])
def test_adjoint_in_the_image_knows_what_was_filled(
    shape: tuple[int, ...], kernel: str, boundary: str, rng: np.random.Generator
) -> None:
    """The spline goes on behind invalid pixels, so that these hand on what they got."""
    image = rng.normal(size=(*shape, 2))
    image[shape[0] // 2] = np.nan  # a pixel, a row, a plane
    image[(0,) * len(shape)] = np.inf
    image[(3,) * len(shape)] = np.nan
    points = rng.uniform(0, np.array(shape[::-1]) - 1, (400, len(shape)))
    options = {"boundary": boundary, "ndim": len(shape), "fill": 0.0}
    sampler = Sampler(image, kernel, **options)
    values, mask = sampler(points, return_mask=True)
    assert mask.any()
    assert not mask.all()
    cotangents = rng.normal(size=values.shape)
    pulled = sampler.vjp_image(points, cotangents)
    known = np.isfinite(image).all(axis=-1)
    assert np.all(pulled[~known] == 0)
    found, expected = (pulled[known] * image[known]).sum(), (values * cotangents).sum()
    assert abs(found - expected) < 1e-11 * np.abs(values * cotangents).sum()
