"""Grids of coordinates and warped images agree with the same points one by one."""

from __future__ import annotations

from itertools import cycle, product

import numpy as np
import pytest

from interpolants import Interpolant
from photalign.sampling import Sampler, resample
from photalign.warps import Affine, Homography, Translation
from sampler_cases import (
    BOUNDARIES,
    DOMAINS,
    DTYPES,
    SHAPES,
    SMOOTH,
    picture,
    tolerances,
)

smooth = pytest.mark.parametrize("name", SMOOTH)
ndims = pytest.mark.parametrize("ndim", [1, 2, 3])

# Neither maps a pixel onto another, where slopes jump. The second one's horizon crosses
# the image.
TILT = Homography(
    [[1.0513, 0.0817, -3.2171], [-0.0619, 0.9307, 1.1031], [6.1e-3, -4.3e-3, 1]]
)
HORIZON = Homography(
    [[1.003, 0.1017, 0.0131], [0.0209, 0.9971, 0.0113], [-0.0803, 0.0307, 1]]
)


def grid_points(axes, indexing="xy"):
    """Return the points of a grid, shape (..., ny, nx, ndim), in the points' order."""
    order = axes if indexing == "ij" else axes[::-1]
    mesh = np.meshgrid(*order, indexing="ij")
    return np.stack(mesh if indexing == "ij" else mesh[::-1], axis=-1)


def coordinates(rng, size, count):
    """Return coordinates in no order: between pixels, at them, at ends, outside."""
    some = [
        rng.uniform(-2, size + 1, count),
        rng.integers(-1, size + 1, 2),
        [0, size - 1, np.nextafter(size - 1, 99), -3.0, 0.5],
    ]
    return rng.permutation(np.concatenate(some))


def assert_agree(found, expected, atol):
    values, gradients, mask = found
    assert values.dtype == gradients.dtype == expected[0].dtype
    assert mask.dtype == np.bool_
    assert all(array.flags.c_contiguous for array in found)
    assert values.shape == expected[0].shape
    assert gradients.shape == expected[1].shape
    np.testing.assert_array_equal(mask, expected[2])
    np.testing.assert_allclose(values, expected[0], rtol=0, atol=atol[0])
    np.testing.assert_allclose(gradients, expected[1], rtol=0, atol=atol[1])


def check_grid(image, name, axes, **options):
    points = grid_points(axes, options.get("indexing", "xy"))
    sampler = Sampler(image, name, **options)
    expected = sampler.value_and_grad(points, return_mask=True)
    atol = tolerances(Interpolant(image, name, **options), image.dtype)
    found = sampler.grid(*axes)
    assert_agree(found, expected, atol)
    return found


# Grids


@smooth
@ndims
def test_grid_is_the_sampler_at_its_points(name, ndim, rng):
    for shape, boundary, domain in product(SHAPES[ndim], BOUNDARIES, DOMAINS):
        axes = [coordinates(rng, size, 3) for size in shape[::-1]]
        # The mask at the end of the support is the same convention in both.
        options = {"boundary": boundary, "domain": domain, "cval": 50.0, "fill": -7}
        check_grid(picture(rng, shape), name, axes, ndim=ndim, **options)


@smooth
@ndims
def test_grid_of_pixels_of_every_type(name, ndim, rng):
    boundaries = cycle(BOUNDARIES)
    shape = SHAPES[ndim][0]
    for dtype, channels in product(DTYPES, [(), (1,), (3,), (4,), (5,)]):
        axes = [coordinates(rng, size, 1) for size in shape[::-1]]
        image = picture(rng, shape + channels, dtype)
        check_grid(image, name, axes, ndim=ndim, boundary=next(boundaries))


def test_first_axes_of_a_grid_are_those_of_the_array():
    """Three coordinates along x, two along y, one along z, whatever the indexing."""
    z, y, x = np.indices((3, 4, 5))
    image = x + 10.0 * y + 100 * z
    xs, ys, zs = [0.5, 1, 3], [2, 0.25], [1.5]
    values, gradients, mask = Sampler(image, ndim=3).grid(xs, ys, zs)
    assert values.shape == mask.shape == (1, 2, 3)
    assert values[0, 0].tolist() == [170.5, 171, 173]
    assert gradients[0, 0, 0].tolist() == [1, 10, 100]
    values, gradients, mask = Sampler(image, ndim=3, indexing="ij").grid(zs, ys, xs)
    assert values.shape == mask.shape == (1, 2, 3)
    assert values[0, 0].tolist() == [170.5, 171, 173]
    assert gradients[0, 0, 0].tolist() == [100, 10, 1]


@smooth
@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_grid_follows_scale_spacing_origin_and_indexing(name, indexing, rng):
    for ndim, channels in product((1, 2, 3), [(), (3,)]):
        shape = SHAPES[ndim][0]
        spacing, origin = [0.5, 4.0, 2.0][:ndim], [-3.0, 0.25, 7.0][:ndim]
        sizes = shape if indexing == "ij" else shape[::-1]
        axes = [
            np.round(8 * coordinates(rng, size, 4)) / 8 * step + start
            for size, step, start in zip(sizes, spacing, origin, strict=True)
        ]
        check_grid(
            picture(rng, shape + channels),
            name,
            axes,
            ndim=ndim,
            indexing=indexing,
            spacing=spacing,
            origin=origin,
            scale=-0.5,
        )


@smooth
def test_grid_in_any_order_and_of_any_length(name, rng):
    """Also lengths that are no multiple of a vector's width, and none at all."""
    image = picture(rng, (20, 30), "f4")
    for nx, ny in [(0, 5), (5, 0), (0, 0), (1, 1), (1, 40), (37, 2), (16, 3), (33, 33)]:
        xs, ys = rng.uniform(-1, 31, nx), rng.uniform(-1, 21, ny)
        values, gradients, mask = check_grid(image, name, [xs, ys])
        assert values.shape == mask.shape == (ny, nx)
        backwards = Sampler(image, name).grid(xs[::-1], np.sort(ys)[::-1])
        order = np.argsort(ys)[::-1]
        np.testing.assert_array_equal(backwards[0], values[order][:, ::-1])
        np.testing.assert_array_equal(backwards[1], gradients[order][:, ::-1])


@smooth
def test_whole_pixels_and_zooms_are_grids_like_any_other(name, rng):
    image = picture(rng, (15, 18, 3), "u1")
    for step in (1, 0.5, 1.25, -1):
        xs, ys = np.arange(-4, 22) * step, np.arange(-2, 17) * step
        for boundary, domain in [("mirror", "image"), ("wrap", "unbounded")]:
            check_grid(image, name, [xs, ys], boundary=boundary, domain=domain)


@smooth
def test_coordinates_that_are_no_numbers_are_outside(name, rng):
    image = picture(rng, (6, 7))
    bad = [np.nan, 2.0, np.inf, -np.inf, 1e300]
    for domain in DOMAINS:
        options = {"domain": domain, "fill": -1}
        values, _, mask = check_grid(image, name, [bad, [2.5, np.nan]], **options)
        assert np.flatnonzero(mask).tolist() == [1]
        assert (values.ravel()[~mask.ravel()] == -1).all()


def test_nan_pixels_are_outside_of_a_grid_too(rng):
    image = picture(rng, (12, 14, 3))
    image[5, 6, 1] = np.nan
    for name in ("linear", "keys6", "bspline3_direct"):
        axes = np.arange(0, 13.5, 0.25), np.arange(0, 11.5, 0.25)
        found = check_grid(image, name, axes, boundary="nearest", fill=0)
        assert 0.5 < found[2].mean() < 1


@pytest.mark.parametrize(
    ("axes", "error", "message"),
    [
        (([0, 1],), (TypeError, ValueError), None),
        (([0, 1], [0, 1], [0, 1]), (TypeError, ValueError), None),
        (([[0, 1]], [0, 1]), ValueError, "expected"),
        ((0.5, [0, 1]), ValueError, "expected"),
        ((["a"], [0, 1]), TypeError, "expected an array of real numbers"),
    ],
)
def test_what_is_no_grid_is_refused(axes, error, message):
    with pytest.raises(error, match=message):
        Sampler(np.ones((4, 4))).grid(*axes)


# Warped images


def pixels(shape):
    return np.stack(np.indices(shape[:2])[::-1], axis=-1).astype(float)


@smooth
@pytest.mark.parametrize("warp", [TILT, HORIZON], ids=["tilt", "horizon"])
def test_warped_image_is_the_sampler_at_the_warped_pixels(name, warp, rng):
    boundaries = cycle(BOUNDARIES)
    for dtype, channels in product(DTYPES, [(), (1,), (3,), (4,), (5,)]):
        image = picture(rng, (14, 17, *channels), dtype)
        boundary = next(boundaries)
        for domain in ("image", "unbounded"):
            options = {"boundary": boundary, "domain": domain, "fill": -7}
            sampler = Sampler(image, name, **options)
            shape = (11, 37)
            points = warp(pixels(shape))
            expected = sampler.value_and_grad(points, return_mask=True)
            found = sampler.warped(warp, shape)
            np.testing.assert_array_equal(found[2], expected[2])
            slow = Interpolant(image, name, **options)
            # A position that is rounded differently changes the value by its slope,
            # the more the farther out it is.
            atol = [10 * limit for limit in tolerances(slow, dtype)]
            near = ~(np.abs(points) > 100).any(axis=-1)
            assert near.mean() > 0.8
            found, expected = (
                [a[near] for a in arrays] for arrays in (found, expected)
            )
            assert_agree(found, expected, atol)


@smooth
def test_nothing_is_seen_behind_the_horizon(name, rng):
    sampler = Sampler(picture(rng, (14, 17)), name, domain="unbounded", fill=-1)
    values, gradients, mask = sampler.warped(HORIZON, (20, 30))
    behind = np.isnan(HORIZON(pixels((20, 30)))).any(axis=-1)
    assert 0.1 < behind.mean() < 0.9
    np.testing.assert_array_equal(mask, ~behind)
    assert (values[behind] == -1).all()
    assert not gradients[behind].any()


@smooth
def test_warps_by_whole_pixels_hit_the_border_exactly(name, rng):
    image = picture(rng, (9, 12), "f4")
    sampler = Sampler(image, name)
    for move in [(0, 0), (3, -2), (-11, 8), (12, 0), (0.5, -0.5)]:
        warp = Translation.from_params(move)
        expected = sampler.value_and_grad(warp(pixels((9, 12))), return_mask=True)
        atol = tolerances(Interpolant(image, name), "f4")
        assert_agree(sampler.warped(warp, (9, 12)), expected, atol)


def test_warped_pixels_are_counted_from_the_origin(rng):
    """The warp gives points; scale, spacing and origin say what they mean."""
    options = {"scale": 2.0, "spacing": [0.5, 4.0], "origin": [-3.0, 0.25]}
    warp = Affine([[0.5, 0.125, -3], [0.25, 4, 1]])
    for name in SMOOTH:
        image = picture(rng, (9, 12, 3))
        sampler = Sampler(image, name, **options)
        expected = sampler.value_and_grad(warp(pixels((8, 14))), return_mask=True)
        assert 0.1 < expected[2].mean() < 0.99
        atol = tolerances(Interpolant(image, name, **options), "f8")
        assert_agree(sampler.warped(warp, (8, 14)), expected, atol)


def test_shape_of_a_warped_image(rng):
    sampler = Sampler(picture(rng, (9, 12, 3)))
    for shape in [(1, 1), (1, 70), (70, 1), (5, 6)]:
        values, gradients, mask = sampler.warped(TILT, shape)
        assert values.shape == (*shape, 3)
        assert gradients.shape == (*shape, 3, 2)
        assert mask.shape == shape


@pytest.mark.parametrize("ndim", [1, 3])
def test_only_plane_images_are_warped(ndim):
    sampler = Sampler(np.ones((4, 4, 4)[:ndim]), ndim=ndim)
    with pytest.raises(ValueError, match="expected"):
        sampler.warped(TILT, (4, 4))


@pytest.mark.parametrize("shape", [(4,), (0, 4), "big"])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"^shape: expected"):
        Sampler(np.ones((4, 4))).warped(TILT, shape)


@smooth
def test_threads_change_no_bit(name, rng, monkeypatch):
    image = picture(rng, (100, 120, 3), "f4")
    xs, ys = rng.uniform(-2, 122, 300), rng.uniform(-2, 102, 200)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("PHOTALIGN_THREADS", threads)
        sampler = Sampler(image, name)
        found = [*sampler.grid(xs, ys), *sampler.warped(TILT, (170, 190))]
        results.append([array.tobytes() for array in found])
    assert results[0] == results[1] == results[2]


def test_warps_map_x_and_y_whatever_the_indexing(rng):
    image = picture(rng, (7, 11))
    warp = Homography([[0.9, 0.1, 1], [-0.1, 1.1, 0.5], [0.001, 0, 1]])
    values, gradients, mask = Sampler(image, indexing="xy").warped(warp, (6, 8))
    found = Sampler(image, indexing="ij").warped(warp, (6, 8))
    np.testing.assert_array_equal(found[0], values)
    np.testing.assert_array_equal(found[1], gradients[..., ::-1])
    np.testing.assert_array_equal(found[2], mask)


def test_border_is_as_wide_for_a_grid_as_for_its_points(rng):
    sampler = Sampler(picture(rng, (7, 11)), spacing=(2, 1))
    for y in (-1e-10, -1e-8, 6 + 1e-10):
        _, _, mask = sampler.grid([0.0, 3.0], [y])
        np.testing.assert_array_equal(mask[0], sampler.inside([[0, y], [3, y]]))


@pytest.mark.parametrize(
    ("origin", "spacing"), [(4500000.7, 0.1), (4.5e6, 0.01), (-1e9, 1 / 3)]
)
def test_centers_of_pixels_are_inside_however_far_the_origin(origin, spacing):
    image = np.arange(1000.0)
    sampler = Sampler(image, ndim=1, origin=origin, spacing=spacing)
    centers = origin + spacing * np.arange(1000)
    assert sampler.inside(centers[:, None]).all()
    assert sampler.grid(centers)[2].all()


@pytest.mark.parametrize("warp", ["affine", Affine])
def test_names_of_warps_are_no_warps_to_see_through(warp, rng):
    with pytest.raises(TypeError, match="warp: expected a warp or a matrix, got"):
        Sampler(picture(rng, (5, 5))).warped(warp, (5, 5))


def test_matrices_of_two_rows_are_affine_warps(rng):
    sampler, matrix = Sampler(picture(rng, (5, 6))), [[1, 0.1, 0.5], [0, 1, 0.25]]
    found = sampler.warped(matrix, (5, 6))
    for one, other in zip(found, sampler.warped(Affine(matrix), (5, 6)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [(), (3,), (5,)])
def test_rows_far_from_the_border_are_the_sampler_at_the_warped_pixels(
    dtype, channels, rng
):
    """Whole blocks of inner points, which affine warps find in a way of their own."""
    image = picture(rng, (120, 400, *channels), dtype)
    warp = Affine(
        [[0.8013271, 0.0517193, 20.1713137], [0.0209319, 0.9071723, 10.1332771]]
    )
    points = warp(pixels((90, 300)))
    for name in ("linear", "bspline2_direct", "catmull_rom"):
        sampler = Sampler(image, name)
        found = sampler.warped(warp, (90, 300))
        eps = 2e-5 if found[0].dtype == np.float32 else 1e-12
        atol = eps * np.abs(image.astype(float)).max()
        for one, other in zip(found[:2], sampler.value_and_grad(points), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=atol)
        assert found[2].all()
    nearest = resample(image, warp, (90, 300), kernel="nearest")
    np.testing.assert_array_equal(nearest, Sampler(image, "nearest")(points))
