"""Samplers: values against SciPy, borders, domains, points of all kinds."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from photalign.kernels import KERNELS
from photalign.sampling import Sampler
from sampler_cases import SMOOTH

ORDERS = {"nearest": 0, "linear": 1, "bspline2": 2, "bspline3": 3, "bspline5": 5}
# The name of each boundary in SciPy, and in np.pad.
BOUNDARIES = {
    "mirror": {"mode": "reflect"},
    "reflect": {"mode": "symmetric"},
    "nearest": {"mode": "edge"},
    "wrap": {"mode": "wrap"},
    "constant": {"constant_values": 7.0},
}
INTERPOLANTS = [name for name in KERNELS if not name.endswith("_direct")]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def bits(*arrays):
    return [array.tobytes() for array in arrays]


# Values


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("prefilter", [True, False])
def test_mirror_agrees_with_scipy_at_any_distance(name, prefilter, rng):
    image = rng.normal(size=(14, 19))
    points = rng.uniform(-90, 110, (500, 2))
    expected = map_coordinates(
        image, points.T[::-1], order=ORDERS[name], mode="mirror", prefilter=prefilter
    )
    sampler = Sampler(image, name, domain="unbounded", prefilter=prefilter)
    np.testing.assert_allclose(sampler(points), expected, atol=1e-12)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (8, 1), (2, 3), (14, 19)])
def test_boundary_is_that_of_a_padded_image(name, boundary, shape, rng):
    """SciPy pads by 12 pixels only, so here it is given an image that is padded far."""
    image = rng.normal(size=shape)
    points = rng.uniform(-15, 30, (500, 2))
    pad = 90
    padded = np.pad(image, pad, **BOUNDARIES[boundary])
    expected = map_coordinates(
        padded, points.T[::-1] + pad, order=ORDERS[name], mode="mirror"
    )
    sampler = Sampler(image, name, boundary=boundary, domain="unbounded", cval=7.0)
    np.testing.assert_allclose(sampler(points), expected, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", INTERPOLANTS)
def test_far_outside_is_what_the_boundary_says(name, boundary, rng):
    image = rng.normal(size=(6, 7))
    sampler = Sampler(image, name, boundary=boundary, cval=7.0, domain="unbounded")
    period = 12 * 2**40
    value = sampler([[period, 0], [-1e15, 2.0], [1e15, 2.0]])
    row = Sampler(image[2:3], name, boundary=boundary, cval=7.0)([0.0, 0.0])
    assert np.isfinite(value).all()
    if boundary == "mirror":
        np.testing.assert_allclose(value[0], image[0, 0], atol=1e-12)
    if boundary in ("reflect", "wrap"):
        # Both repeat after 14 pixels; 12 * 2**40 is 12 more than a multiple of them.
        column = 12 * 2**40 % 14
        mirrored = np.concatenate(
            [image[0], image[0][:: -1 if boundary == "reflect" else 1]]
        )
        np.testing.assert_allclose(value[0], mirrored[column], atol=1e-12)
    if boundary == "nearest":
        corners = image[[0, 2, 2], [-1, 0, -1]]
        np.testing.assert_allclose(value, corners, atol=1e-12)
    if boundary == "constant":
        np.testing.assert_allclose(value, 7, atol=1e-12)
        assert np.isfinite(row)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4, 7])
def test_single_precision_agrees_with_double(name, dtype, channels, rng):
    shape = (25, 31) if channels is None else (25, 31, channels)
    image = rng.integers(0, np.iinfo(dtype).max if dtype[0] == "u" else 99, shape)
    image = image.astype(dtype)
    points = rng.uniform([-1, -1], [31, 25], (400, 2))
    value, gradient = Sampler(image, name).value_and_grad(points)
    exact, slope = Sampler(image.astype(float), name).value_and_grad(points)
    assert value.dtype == gradient.dtype == np.float32
    assert exact.dtype == slope.dtype == np.float64
    atol = 2e-6 * float(image.max())
    np.testing.assert_allclose(value, exact, atol=atol)
    np.testing.assert_allclose(gradient, slope, atol=4 * atol)


def test_integers_are_interpolated_exactly_by_the_linear_kernel(rng):
    image = rng.integers(0, 65536, (20, 20)).astype(np.uint16)
    points = rng.integers(0, 19 * 16, (300, 2)) / 16
    value, gradient = Sampler(image).value_and_grad(points)
    exact, slope = Sampler(image.astype(float)).value_and_grad(points)
    # Four bits of each position and sixteen of the pixel: the product fits in a float.
    np.testing.assert_array_equal(value, exact.astype(np.float32))
    np.testing.assert_array_equal(gradient, slope)


# Borders and domains


def test_last_pixel_has_the_slope_that_leads_to_it():
    image = np.array([[0.0, 1.0, 10.0], [2.0, 5.0, 40.0]])
    value, gradient = Sampler(image).value_and_grad([[2, 1], [2, 0], [0, 1]])
    assert value.tolist() == [40, 10, 2]
    assert gradient.tolist() == [[35, 30], [9, 30], [3, 2]]


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("prefilter", [True, False])
@pytest.mark.parametrize("boundary", [name for name in BOUNDARIES if name != "wrap"])
@pytest.mark.parametrize("domain", ["image", "support"])
def test_one_pixel_has_no_slope(name, prefilter, boundary, domain):
    options = {"boundary": boundary, "domain": domain, "prefilter": prefilter}
    column = np.array([[3.0], [5.0], [4.0], [8.0], [1.0], [2.0], [7.0], [7.5], [0.5]])
    for image, axis in ((column, 0), (column.T, 1)):
        sampler = Sampler(image, name, **options)
        point = [0, 4.25] if axis == 0 else [4.25, 0]
        value, gradient = sampler.value_and_grad(point)
        assert sampler.inside(point) == (domain == "image" or name == "linear")
        assert gradient[axis] == 0
        if name == "linear":
            assert value == 1.25
            assert gradient[1 - axis] == 1


def test_one_pixel_alone():
    sampler = Sampler(np.array([[3]], np.uint8))
    value, gradient = sampler.value_and_grad([[0, 0], [0.5, 0]])
    np.testing.assert_array_equal(value, [3, np.nan])
    assert not gradient.any()


# Points of all kinds


def test_shapes_of_the_results(rng):
    points = rng.uniform(1, 4, (3, 0, 2)), rng.uniform(1, 4, (4, 5, 2)), [1.5, 2.5]
    for xy in points:
        lead = np.shape(xy)[:-1]
        for image, channels in [
            (np.ones((6, 7)), ()),
            (np.ones((6, 7, 1)), (1,)),
            (np.ones((6, 7, 3), np.uint8), (3,)),
        ]:
            sampler = Sampler(image)
            value, gradient = sampler.value_and_grad(xy)
            assert value.shape == lead + channels
            assert gradient.shape == (*lead, *channels, 2)
            assert sampler(xy).shape == lead + channels
            assert sampler.inside(xy).shape == lead
            assert sampler.inside(xy).dtype == np.bool_


def test_layout_of_the_points_does_not_matter(rng):
    sampler = Sampler(rng.normal(size=(40, 40)), "catmull_rom")
    points = rng.uniform(0, 39, (6, 10, 2))
    expected = sampler.value_and_grad(points)
    planar = np.moveaxis(np.ascontiguousarray(np.moveaxis(points, -1, 0)), 0, -1)
    backwards = np.ascontiguousarray(points[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    big_endian = points.astype(">f8")
    for same in (
        planar,
        backwards,
        big_endian,
        points.tolist(),
        np.asfortranarray(points),
    ):
        assert bits(*sampler.value_and_grad(same)) == bits(*expected)
    single = points.astype(np.float32)
    np.testing.assert_array_equal(sampler(single), sampler(single.astype(float)))


@pytest.mark.parametrize("kernel", SMOOTH)
def test_threads_change_no_bit(kernel, rng, monkeypatch):
    image = rng.normal(size=(200, 300, 3)).astype(np.float32)
    image[50, 60] = np.nan
    points = rng.uniform(-2, 305, (50_001, 2))
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("PHOTALIGN_THREADS", threads)
        sampler = Sampler(image, kernel, boundary="nearest")
        results.append(
            bits(
                *sampler.value_and_grad(points), sampler(points), sampler.inside(points)
            )
        )
    assert results[0] == results[1] == results[2]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_image_at_any_point_is_its_neighborhood(data):
    """Values lie between the pixels, and gradients are what differences say."""
    height, width = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    channels = data.draw(st.integers(1, 5))
    dtype = data.draw(st.sampled_from(["u1", "u2", "f4", "f8"]))
    seed = data.draw(st.integers(0, 99))
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels))
    sampler = Sampler(image.astype(dtype))
    x = data.draw(st.floats(0, width - 1, allow_subnormal=False))
    y = data.draw(st.floats(0, height - 1, allow_subnormal=False))
    value, gradient = sampler.value_and_grad([x, y])
    c, r = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
    cell = image[r : r + 2, c : c + 2]
    assert (value >= cell.min(axis=(0, 1)) - 1e-3).all()
    assert (value <= cell.max(axis=(0, 1)) + 1e-3).all()
    assert np.abs(gradient).max() <= 255.01


# Misuse


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel": "bicubic"}, "kernel: expected one of nearest, linear"),
        ({"kernel": "bspline"}, "did you mean 'bspline"),
        ({"kernel": "linear_direct"}, "kernel: expected one of "),
        ({"boundary": "miror"}, "did you mean 'mirror'"),
        ({"boundary": "grid-wrap"}, "boundary: expected one of mirror, reflect, "),
        ({"domain": "full"}, "domain: expected one of image, support, unbounded"),
        ({"indexing": "rc"}, "indexing: expected one of xy, ij"),
        ({"ndim": 4}, "ndim: expected 1, 2 or 3, got 4"),
        ({"ndim": 0}, "ndim: expected 1, 2 or 3, got 0"),
        ({"cval": np.nan}, "cval: expected a finite number, got nan"),
        ({"scale": np.nan}, "scale: expected a finite number, got nan"),
        ({"scale": np.inf}, "scale: expected a finite number, got inf"),
        *[
            ({"spacing": spacing}, "spacing: expected ")
            for spacing in (
                0,
                np.nan,
                np.inf,
                [1, 0],
                [1, 1, 1],
                [[1, 1]],
            )
        ],
        *[
            ({"origin": origin}, "origin: expected ")
            for origin in (np.nan, -np.inf, [0, np.nan], [0, 0, 0], [])
        ],
    ],
)
def test_unknown_choices_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sampler(np.ones((4, 4)), **arguments)


@pytest.mark.parametrize("argument", ["fill", "cval", "scale", "spacing", "origin"])
@pytest.mark.parametrize("value", [None, "1", 1j])
def test_options_must_be_numbers(argument, value):
    # One per axis may be read as an array, which no shape of these is.
    errors = (TypeError, ValueError) if argument in ("spacing", "origin") else TypeError
    with pytest.raises(errors, match=f"^{argument}: expected "):
        Sampler(np.ones((4, 4)), **{argument: value})


@pytest.mark.parametrize("method", ["value_and_grad", "value_grad_hess"])
def test_the_nearest_pixel_has_no_slope(method):
    sampler = Sampler(np.arange(12.0).reshape(3, 4), "nearest")
    assert sampler([1.4, 0.6]) == 5
    with pytest.raises(ValueError, match=r"^kernel: expected .*nearest"):
        getattr(sampler, method)([1.4, 0.6])


@pytest.mark.parametrize(
    ("ndim", "shape"),
    [(1, ()), (1, (2, 3, 4)), (2, (3,)), (2, (1, 2, 3, 4)), (3, (2, 3))],
)
def test_image_of_another_dimension_is_refused(ndim, shape):
    with pytest.raises(ValueError, match=r"^image: expected "):
        Sampler(np.ones(shape), ndim=ndim)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_points_of_another_dimension_are_refused(ndim):
    sampler = Sampler(np.ones((4, 4, 4)[:ndim]), ndim=ndim)
    for shape in [(5, ndim + 1), (), (0,)]:
        with pytest.raises(ValueError, match=rf"^points: expected .*\.\.\., {ndim}"):
            sampler(np.ones(shape))


def test_transposed_points_are_refused_with_the_remedy():
    for ndim in (2, 3):
        sampler = Sampler(np.ones((4, 4, 4)), ndim=ndim)
        remedy = rf"got \({ndim}, 100\); pass points.T"
        with pytest.raises(ValueError, match=remedy):
            sampler(np.ones((ndim, 100)))


def test_sampler_is_a_frozen_value():
    sampler = Sampler(np.ones((4, 4)), "bspline3", boundary="nearest")
    with pytest.raises(AttributeError):
        sampler.kernel = "linear"
    assert "kernel='bspline3', boundary='nearest'" in repr(sampler)


@pytest.mark.parametrize("name", ["bspline5", "nearest"])
def test_copies_of_a_sampler_sample_alike(name, rng):
    sampler = Sampler(
        rng.normal(size=(6, 7, 2)), name, boundary="constant", cval=3, spacing=0.5
    )
    points = rng.uniform(-1, 4, (30, 2))
    for same in (copy.copy(sampler), copy.deepcopy(sampler), recreated(sampler)):
        np.testing.assert_array_equal(same(points), sampler(points))


def recreated(sampler):
    return pickle.loads(pickle.dumps(sampler))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ndim": 2.0}, r"ndim: expected 1, 2 or 3, got 2\.0"),
        ({"ndim": None}, "ndim: expected 1, 2 or 3, got None"),
        ({"ndim": True}, "ndim: expected 1, 2 or 3, got True"),
        ({"prefilter": "no"}, "prefilter: expected True or False, got 'no'"),
        ({"scale": 1e300}, "scale: expected a number of at most 1e"),
    ],
)
def test_other_misuse_is_refused(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Sampler(np.ones((4, 4)), **options)


@pytest.mark.parametrize("name", ["nearest", "linear", "catmull_rom", "keys6"])
@pytest.mark.parametrize("channels", [(), (2,), (3,), (5,)])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_floats_are_exact_at_the_pixels_the_last_ones_too(name, channels, dtype, rng):
    """Beside a number a million times as large as well."""
    image = 10 ** rng.uniform(-3, 3, (40, 50, *channels)).astype(dtype)
    pixels = np.stack(np.meshgrid(np.arange(50), np.arange(40)), axis=-1)
    for points in (pixels, pixels[::-1, ::-1], rng.permutation(pixels.reshape(-1, 2))):
        found = Sampler(image, name)(points)
        expected = image[tuple(np.moveaxis(points[..., ::-1], -1, 0))]
        np.testing.assert_array_equal(found, expected)


def test_the_nearest_pixel_is_found_as_far_as_halves_are_told_apart():
    sampler = Sampler(
        np.arange(7), "nearest", boundary="wrap", domain="unbounded", ndim=1
    )
    far = np.array([2.0**51 + 1, 2.0**52 - 1, 2.0**53])[:, None]
    values, mask = sampler(far, return_mask=True)
    assert mask.tolist() == [True, True, False]
    assert values[:2].tolist() == [(2**51 + 1) % 7, (2**52 - 1) % 7]


def test_points_of_a_volume_are_refused_with_a_hint():
    with pytest.raises(ValueError, match="make the sampler with another ndim"):
        Sampler(np.ones((5, 6, 7)))(np.ones((4, 3)))
