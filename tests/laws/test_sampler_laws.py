"""What every sampler obeys: all kernels, boundaries, domains, dimensions, types."""

from __future__ import annotations

from itertools import cycle, product

import numpy as np
import pytest

from interpolants import Interpolant
from photalign.kernels import KERNELS
from photalign.sampling import Sampler
from sampler_cases import (
    BOUNDARIES,
    DIRECT,
    DOMAINS,
    DTYPES,
    NAMES,
    ROOMY,
    SHAPES,
    SMOOTH,
    assert_samples,
    everything,
    picture,
    points_near,
    result_type,
    settled,
    tolerances,
)

# Units in the last place of the largest number weighed by which the same point may
# differ between two calls of the same instruction set.
ULPS_BETWEEN_CALLS = 0

names = pytest.mark.parametrize("name", NAMES)
ndims = pytest.mark.parametrize("ndim", [1, 2, 3])


def check(image, name, points, **options):
    """Compare all that a sampler gives with the slow one."""
    slow = Interpolant(image, name, **options)
    *found, mask = everything(Sampler(image, name, **options), points)
    assert all(array.dtype == result_type(image.dtype) for array in found)
    assert all(array.flags.c_contiguous for array in found)
    expected = slow(points)
    assert_samples(found, expected, tolerances(slow, image.dtype), mask=mask)
    return expected


# Values, gradients, Hessians, masks


@names
@ndims
def test_samples_are_those_of_the_slow_sampler(name, ndim, rng):
    for shape, boundary, domain in product(SHAPES[ndim], BOUNDARIES, DOMAINS):
        image = picture(rng, shape)
        points = settled(points_near(rng, shape, 30), shape, name, domain, boundary)
        options = {"boundary": boundary, "domain": domain, "cval": 60.0}
        check(image, name, points, ndim=ndim, fill=-7, **options)


@names
@ndims
def test_pixels_of_every_type_are_like_those_of_double_precision(name, ndim, rng):
    shape = SHAPES[ndim][0]
    boundaries, domains = cycle(BOUNDARIES), cycle(["image", "unbounded"])
    for dtype, channels in product(DTYPES, [(), (1,), (3,), (4,), (5,)]):
        image = picture(rng, shape + channels, dtype)
        points = points_near(rng, shape, 20)
        options = {"boundary": next(boundaries), "domain": next(domains), "cval": 1.0}
        check(image, name, points, ndim=ndim, **options)


@pytest.mark.parametrize("dtype", ["u1", "f8"])
@ndims
def test_each_channel_is_sampled_as_if_alone(dtype, ndim, rng):
    shape = SHAPES[ndim][0]
    points = points_near(rng, shape, 20)
    for name, channels in product(NAMES, (1, 2, 3, 4, 5, 8)):
        image = picture(rng, (*shape, channels), dtype)
        together = everything(Sampler(image, name, ndim=ndim), points)
        atol = tolerances(Interpolant(image, name, ndim=ndim), dtype)
        for c in range(channels):
            alone = everything(Sampler(image[..., c], name, ndim=ndim), points)
            for one, other, limit in zip(together[:-1], alone[:-1], atol, strict=False):
                np.testing.assert_allclose(
                    np.take(one, c, axis=1), other, rtol=0, atol=limit
                )
            np.testing.assert_array_equal(together[-1], alone[-1])


@names
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_values_do_not_depend_on_what_is_asked_with_them(name, dtype, rng):
    for ndim in (1, 2, 3):
        image = picture(rng, SHAPES[ndim][0], dtype)
        points = points_near(rng, image.shape)
        sampler = Sampler(image, name, ndim=ndim, fill=3)
        slow = Interpolant(image, name, ndim=ndim)
        atol = tolerances(slow, dtype)
        value, mask = sampler(points, return_mask=True)
        np.testing.assert_array_equal(sampler(points), value)
        np.testing.assert_array_equal(sampler.inside(points), mask)
        single = points.astype("f4")
        in_single, in_double = sampler(single), sampler(single.astype("f8"))
        np.testing.assert_allclose(in_single, in_double, rtol=0, atol=atol[0])
        if name not in SMOOTH:
            continue
        *first, first_mask = sampler.value_and_grad(points, return_mask=True)
        *second, second_mask = sampler.value_grad_hess(points, return_mask=True)
        for found in (first, second, sampler.value_and_grad(points)):
            np.testing.assert_allclose(found[0], value, rtol=0, atol=atol[0])
            np.testing.assert_allclose(found[1], second[1], rtol=0, atol=atol[1])
        np.testing.assert_array_equal(first_mask, mask)
        np.testing.assert_array_equal(second_mask, mask)


@pytest.mark.parametrize("name", SMOOTH)
def test_hessian_is_symmetric_bit_for_bit(name, rng):
    for ndim, dtype in product((2, 3), ("u2", "f4", "f8")):
        image = picture(rng, (*SHAPES[ndim][0], 3), dtype)
        points = points_near(rng, image.shape[:ndim])
        hessian = Sampler(image, name, ndim=ndim).value_grad_hess(points)[2]
        np.testing.assert_array_equal(hessian, np.swapaxes(hessian, -1, -2))


# Points


@names
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_a_point_is_sampled_alike_alone_and_among_others(name, dtype, rng):
    """Numbers of points that are no multiple of a vector's width, and none at all."""
    for ndim, channels in product((1, 2, 3), ((), (3,))):
        shape = SHAPES[ndim][0]
        image = picture(rng, shape + channels, dtype)
        sampler = Sampler(image, name, ndim=ndim, boundary="nearest")
        size = Interpolant(image, name, ndim=ndim, boundary="nearest").magnitude
        points = rng.permutation(points_near(rng, shape, 8))
        alone = [everything(sampler, point) for point in points]
        expected = [np.stack(arrays) for arrays in zip(*alone, strict=True)]
        eps = 16 * ULPS_BETWEEN_CALLS * size * np.finfo(expected[0].dtype).eps
        for count in range(len(points) + 1):
            found = everything(sampler, points[:count])
            for one, other in zip(found, expected, strict=True):
                assert one.shape == (count, *other.shape[1:])
                np.testing.assert_allclose(one, other[:count], rtol=0, atol=eps)


@names
@ndims
def test_both_ends_of_the_image_are_inside_and_no_more(name, ndim, rng):
    shape = SHAPES[ndim][0]
    # Of a mirrored image the slope is 0 at both ends.
    sampler = Sampler(picture(rng, shape), name, ndim=ndim, boundary="nearest")
    for axis, size in enumerate(shape[::-1]):
        last = size - 1.0
        for x, inside in [
            (0.0, True),
            (-0.0, True),
            (np.nextafter(0, -1), False),
            (np.nextafter(0, 1), True),
            (last, True),
            (np.nextafter(last, 0), True),
            (np.nextafter(last, 99), False),
        ]:
            point = np.full(ndim, 2.3)
            point[axis] = x
            *found, mask = everything(sampler, point)
            assert mask.shape == ()
            assert mask == sampler.inside(point) == inside
            assert np.isfinite(found[0]) == inside
            assert all(gradient.any() == inside for gradient in found[1:2])


@names
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_support_is_where_the_boundary_is_not_felt(name, boundary, rng):
    """Of the pixels; the prefilter feels it everywhere."""
    for ndim in (1, 2, 3):
        shape = ROOMY[ndim]
        image = picture(rng, shape)
        points = settled(points_near(rng, shape), shape, name, "support", boundary)
        options = {"domain": "support", "prefilter": False, "ndim": ndim, "fill": 0}
        far = Sampler(image, name, boundary="constant", cval=1e3, **options)
        *found, mask = everything(
            Sampler(image, name, boundary=boundary, **options), points
        )
        *other, other_mask = everything(far, points)
        reach = max(KERNELS[name].taps / 2 - 1, 0)
        high = np.array(shape[::-1]) - 1 - reach
        expected = ((points >= reach) & (points <= high)).all(axis=-1)
        np.testing.assert_array_equal(mask, expected)
        np.testing.assert_array_equal(other_mask, expected)
        assert 0 < mask.mean() < 1
        for one, two in zip(found, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)


@names
@ndims
def test_points_that_are_no_numbers_are_outside(name, ndim, rng):
    shape = SHAPES[ndim][0]
    bad = np.full((7 * ndim, ndim), 2.0)
    numbers = [np.nan, -np.nan, np.inf, -np.inf, 1e300, -1e300, 2.0**63]
    for axis in range(ndim):
        bad[7 * axis : 7 * axis + 7, axis] = numbers
    dtypes = cycle(DTYPES)
    for domain, boundary in product(DOMAINS, BOUNDARIES):
        sampler = Sampler(
            picture(rng, (*shape, 2), next(dtypes)),
            name,
            domain=domain,
            boundary=boundary,
            ndim=ndim,
            fill=-1,
        )
        value, *slopes, mask = everything(sampler, bad)
        assert (value == -1).all()
        assert not any(slope.any() for slope in slopes)
        assert not mask.any()


@names
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_points_far_outside_are_what_the_boundary_says(name, boundary, rng):
    for ndim in (1, 2, 3):
        shape = SHAPES[ndim][0]
        image = picture(rng, shape)
        points = np.round(8 * rng.uniform(-1, 6, (40, ndim))) / 8
        far = np.array([0, 1e4, -(2**31), 2**32 + 3, 1e12, -(2.0**45) - 5])
        points = points + rng.choice(far, points.shape)
        options = {"boundary": boundary, "cval": 40.0, "domain": "unbounded"}
        expected = check(image, name, points, ndim=ndim, **options)
        assert expected.mask.all()


@names
@pytest.mark.parametrize("boundary", ["mirror", "reflect", "wrap"])
def test_periodic_boundaries_repeat_exactly(name, boundary, rng):
    shape = (5, 6)
    period = {"mirror": [10, 8], "reflect": [12, 10], "wrap": [6, 5]}[boundary]
    options = {"boundary": boundary, "domain": "unbounded"}
    sampler = Sampler(picture(rng, shape), name, **options)
    points = rng.integers(-64, 6 * 64, (50, 2)) / 64
    there = points + np.array(period) * rng.integers(-(2**40), 2**40, (50, 2))
    for one, other in zip(
        everything(sampler, points), everything(sampler, there), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


# Options


@names
@ndims
def test_scale_spacing_origin_and_indexing_relabel_the_points(name, ndim, rng):
    """Exactly, where all of them are binary fractions; ends included."""
    shape = SHAPES[ndim][0]
    index = np.round(64 * points_near(rng, shape, 30)) / 64
    index = index[:, ::-1]
    spacing = np.array([0.5, -4, 2])[:ndim]
    origin = np.array([-3.0, 0.125, 17])[:ndim]
    for dtype, indexing in product(["u1", "u2", "f4", "f8"], ["xy", "ij"]):
        image = picture(rng, shape, dtype)
        options = {"scale": 1 / 255, "indexing": indexing, "fill": 9, "ndim": ndim}
        ordered = index if indexing == "ij" else index[:, ::-1]
        for step, start in [(spacing, origin), (2.0, -1.5), (1, 0)]:
            found = check(
                image,
                name,
                ordered * step + start,
                spacing=step,
                origin=start,
                **options,
            )
            assert (found.values[~found.mask] == 9).all()
            assert 0.1 < found.mask.mean() < 0.9


@names
def test_any_spacing_and_any_scale_will_do(name, rng):
    options = {"boundary": "constant", "cval": 30.0, "scale": -2.5}
    for ndim in (1, 2, 3):
        shape = SHAPES[ndim][0]
        image = picture(rng, (*shape, 2))
        spacing = [0.3, -1.7, 110.0][:ndim]
        origin = [4.4, -0.1, 1e3][:ndim]
        points = rng.uniform(-3, 10, (60, ndim)) * spacing + origin
        for domain in ("image", "unbounded"):
            options |= {"domain": domain, "spacing": spacing, "origin": tuple(origin)}
            slow = Interpolant(image, name, ndim=ndim, **options)
            found = everything(Sampler(image, name, ndim=ndim, **options), points)
            # A position of a thousand loses three digits between the pixels.
            atol = [1e4 * limit for limit in tolerances(slow, "f8")]
            assert_samples(found[:-1], slow(points), atol, mask=found[-1])


# Pixels that are none


@pytest.mark.parametrize("name", DIRECT)
@ndims
def test_nan_pixel_invalidates_the_footprints_that_touch_it(name, ndim, rng):
    shape = ROOMY[ndim]
    for boundary, channels in product(BOUNDARIES, [(), (3,), (5,)]):
        image = picture(rng, shape + channels, rng.choice(["f2", "f4", "f8"]))
        broken = tuple(rng.integers(0, image.shape))
        image[broken] = np.nan
        reach = KERNELS[name].taps / 2 + 0.3
        around = np.array(broken[:ndim])[::-1] + rng.uniform(-reach, reach, (30, ndim))
        points = np.concatenate([points_near(rng, shape, 10), around, np.rint(around)])
        options = {"boundary": boundary, "domain": "unbounded", "fill": 4}
        expected = check(image, name, points, ndim=ndim, **options)
        assert 0 < expected.mask.mean() < 1


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_nan_pixel_does_not_poison_a_spline(boundary, rng):
    image = picture(rng, (70, 60)).astype("f4")
    broken = image.copy()
    broken[20, 30] = np.nan
    points = rng.uniform(0, [59, 69], (1000, 2))
    distance = np.abs(points - [30, 20]).max(axis=-1)
    for name in ("bspline2", "bspline3", "bspline5"):
        found, mask = Sampler(broken, name, boundary=boundary)(points, return_mask=True)
        assert not mask[distance < 1].any()
        assert mask[distance > 16].all()
        expected = Sampler(image, name, boundary=boundary)(points)
        np.testing.assert_allclose(found[mask], expected[mask], atol=1)
