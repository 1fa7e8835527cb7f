"""The B-spline prefilter: against dense matrices, SciPy, and what it must not do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import spline_filter, spline_filter1d

from photalign import _core
from photalign._interpolation import BOUNDARIES, _padded, spline_coefficients
from photalign.kernels import BSPLINE3

# Samples of the B-splines at the integers.
TAPS = {
    2: np.array([1, 6, 1]) / 8,
    3: np.array([1, 4, 1]) / 6,
    5: np.array([1, 26, 66, 26, 1]) / 120,
}
# The names of the filter's boundaries in SciPy, and in np.pad.
SCIPY = {"mirror": "mirror", "reflect": "reflect", "wrap": "grid-wrap"}
PAD = {"mirror": "reflect", "reflect": "symmetric", "wrap": "wrap"}
SHAPES = [(1,), (2,), (41,), (1, 1), (3, 1), (2, 5), (30, 41), (1, 7, 2), (9, 12, 35)]

degrees = pytest.mark.parametrize("degree", TAPS)
boundaries = pytest.mark.parametrize("boundary", SCIPY)


def applied(filter_, image, degree, boundary, threads=1):
    """Apply a filter to an image whose last axis is that of the channels."""
    result = np.array(image, order="C")
    code = BOUNDARIES.index(boundary)
    filter_(result, degree, result.ndim - 1, code, threads)
    return result


def prefilter(image, degree, boundary, threads=1):
    return applied(_core.prefilter, image, degree, boundary, threads)


def adjoint(image, degree, boundary, threads=1):
    return applied(_core.prefilter_adjoint, image, degree, boundary, threads)


def convolved(image, degree, boundary):
    """Sample the spline with these coefficients at the pixels; channels last."""
    taps = TAPS[degree]
    reach = len(taps) // 2
    for axis in range(image.ndim - 1):
        length = image.shape[axis]
        indices = np.pad(np.arange(length), reach, mode=PAD[boundary])
        image = sum(
            w * image.take(indices[k : k + length], axis) for k, w in enumerate(taps)
        )
    return image


def inverse(length, degree, boundary):
    return np.linalg.inv(convolved(np.eye(length), degree, boundary))


def absolute_response(length, degree, boundary):
    """Add up the absolute weights that a pixel and its images have."""
    reach = 60
    weight = np.abs(inverse(4 * reach, degree, "wrap")[0])
    there = np.arange(-reach, length + reach)
    stored = np.pad(np.arange(length), reach, mode=PAD[boundary])
    response = np.zeros((length, length))
    for k in range(length):
        distance = np.abs(there - k)
        np.add.at(
            response[k], stored, np.where(distance > reach, 0, weight[distance % 240])
        )
    return response


def along_axes(matrices, image):
    for axis, matrix in enumerate(matrices):
        image = np.moveaxis(np.tensordot(matrix, image, (1, axis)), 0, axis)
    return image


# Against others


@degrees
@boundaries
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 6, 7, 19, 64])
def test_filter_is_the_inverse_of_the_dense_matrix(degree, boundary, length):
    expected = inverse(length, degree, boundary)
    found = prefilter(np.eye(length), degree, boundary)
    np.testing.assert_allclose(found, expected, atol=1e-14)


@degrees
@boundaries
@pytest.mark.parametrize("shape", SHAPES)
def test_filter_agrees_with_scipy(degree, boundary, shape, rng):
    """SciPy cuts the sums of `reflect` short, which is wrong by 1e-2 on short lines."""
    if boundary == "reflect":
        shape = tuple(length + 20 for length in shape)
    image = rng.normal(size=shape)
    expected = spline_filter(image, order=degree, mode=SCIPY[boundary])
    found = prefilter(image[..., None], degree, boundary)[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@degrees
@boundaries
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_spline_passes_through_the_pixels(degree, boundary, shape, channels, rng):
    image = rng.normal(size=(*shape, channels))
    found = convolved(prefilter(image, degree, boundary), degree, boundary)
    np.testing.assert_allclose(found, image, atol=1e-13)


@boundaries
def test_long_lines(boundary, rng):
    """They are filtered fewer at a time."""
    for channels in (1, 9):
        image = rng.normal(size=(40_000, channels))
        expected = spline_filter1d(image, 3, axis=0, mode=SCIPY[boundary])
        found = prefilter(image, 3, boundary)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("channels", [3, 8, 31, 32, 33, 70])
@pytest.mark.parametrize("shape", [(37,), (6, 37), (2, 3, 37)])
def test_channels_do_not_mix(dtype, channels, shape, rng):
    image = rng.normal(size=(*shape, channels)).astype(dtype)
    found = prefilter(image, 5, "wrap")
    for c in range(channels):
        alone = prefilter(image[..., c : c + 1], 5, "wrap")[..., 0]
        eps = 20 * np.finfo(dtype).eps * np.abs(alone).max()
        np.testing.assert_allclose(found[..., c], alone, atol=eps)


@degrees
@boundaries
def test_single_precision_is_rounded_once_an_axis(degree, boundary, rng):
    image = rng.normal(size=(20, 30, 40, 1)).astype(np.float32)
    exact = prefilter(image.astype(float), degree, boundary)
    found = prefilter(image, degree, boundary)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=4e-7 * np.abs(exact).max())


@degrees
@boundaries
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(1,), (2,), (50,), (3, 40), (1, 9, 33)])
def test_constants_stay_constants(degree, boundary, dtype, shape):
    image = np.full((*shape, 2), 200, dtype)
    found = prefilter(image, degree, boundary)
    np.testing.assert_allclose(found, 200, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 4, 1), (2, 0, 3, 1)])
def test_nothing_is_filtered_to_nothing(shape):
    assert prefilter(np.ones(shape), 3, "mirror").shape == shape
    assert adjoint(np.ones(shape), 3, "mirror").shape == shape


# The transpose


@degrees
@boundaries
@pytest.mark.parametrize("length", [1, 2, 3, 6, 35])
def test_adjoint_is_the_transposed_matrix(degree, boundary, length):
    expected = inverse(length, degree, boundary).T
    found = adjoint(np.eye(length), degree, boundary)
    np.testing.assert_allclose(found, expected, atol=1e-14)


@degrees
@boundaries
@pytest.mark.parametrize("shape", [(57, 2), (12, 1, 1), (31, 40, 3), (5, 12, 33, 2)])
def test_adjoint_keeps_products(degree, boundary, shape, rng):
    x, y = rng.normal(size=(2, *shape))
    found = np.vdot(x, adjoint(y, degree, boundary))
    expected = np.vdot(prefilter(x, degree, boundary), y)
    scale = np.linalg.norm(x) * np.linalg.norm(y)
    assert found == pytest.approx(expected, abs=1e-13 * scale)


# Pixels that are not finite


@degrees
@boundaries
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("shape", "at"), [((60,), (20,)), ((31, 45), (2, 20)), ((21, 22, 23), (9, 11, 5))]
)
def test_bad_pixel_costs_the_coefficients_that_feel_it(
    degree, boundary, bad, shape, at, rng
):
    image = rng.normal(size=(*shape, 2)) + 100
    broken = image.copy()
    broken[at] = [bad, 7]
    found = prefilter(broken, degree, boundary)
    impulse = np.zeros((*shape, 1))
    impulse[at] = 1
    weights = [absolute_response(n, degree, boundary) for n in shape]
    weight = along_axes(weights, impulse)[..., 0]
    lost = np.isnan(found).all(axis=-1)
    np.testing.assert_array_equal(lost, weight > 1e-3)
    # Between its neighbors in the line a pixel becomes their mean.
    filled = image.copy()
    neighbors = [(*at[:-1], at[-1] + step) for step in (-1, 1)]
    filled[at] = (image[neighbors[0]] + image[neighbors[1]]) / 2
    expected = prefilter(filled, degree, boundary)
    np.testing.assert_allclose(found[~lost], expected[~lost], rtol=1e-13)


@boundaries
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gap_between_planes_is_filled_with_a_ramp(boundary, axis):
    z, y, x = np.indices((40, 30, 35))
    image = (5.0 * z - 3 * y + x + 200)[..., None]
    broken = image.copy()
    gap = [slice(None)] * 3
    gap[axis] = slice(12, 18)
    broken[tuple(gap)] = np.nan
    found = prefilter(broken, 3, boundary)
    lost = np.isnan(found)
    assert lost[tuple(gap)].all()
    gap[axis] = slice(3, 27)
    lost[tuple(gap)] = False
    assert not lost.any()
    expected = prefilter(image, 3, boundary)
    finite = np.isfinite(found)
    np.testing.assert_allclose(found[finite], expected[finite], atol=1e-10)


@boundaries
@pytest.mark.parametrize("shape", [(1,), (9,), (9, 11), (4, 5, 6)])
def test_image_without_a_finite_pixel_has_no_coefficients(boundary, shape):
    image = np.full((*shape, 1), np.nan)
    assert np.isnan(prefilter(image, 5, boundary)).all()


@boundaries
def test_wrapped_and_reflected_weights_of_bad_pixels_reach_around(boundary):
    image = np.zeros((40, 1))
    image[0] = np.nan
    lost = np.isnan(prefilter(image, 3, boundary))[:, 0]
    reach = int(lost[:20].sum())
    assert reach == 6 if boundary == "mirror" else reach >= 5
    assert lost[20:].sum() == (reach - 1 if boundary == "wrap" else 0)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(40,), (30, 40), (7, 30, 40)])
@pytest.mark.parametrize("axis_of_channels", [False, True])
def test_masked_pixels_are_like_nan(dtype, shape, axis_of_channels, rng):
    image = rng.integers(0, 256, (*shape, 3)).astype(dtype)
    mask = np.ones(shape, np.uint8)
    mask[..., 12:15] = 0
    broken = image.astype("f8" if dtype == "f8" else "f4")
    broken[mask == 0] = np.nan
    if axis_of_channels:
        mask = mask[..., None]
    masked = spline_coefficients(image, mask, BSPLINE3, 1, "reflect")
    expected = spline_coefficients(broken, None, BSPLINE3, 2, "reflect")
    np.testing.assert_array_equal(masked, expected)
    assert np.isnan(masked[..., 12:15, :]).all()
    assert np.isfinite(masked).mean() > 0.5


# Threads and instruction sets


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(70_000, 3), (300, 210, 1), (40, 35, 50, 2)])
@pytest.mark.parametrize("is_broken", [False, True])
def test_threads_change_no_bit(dtype, shape, is_broken, rng):
    image = rng.normal(size=shape).astype(dtype)
    if is_broken:
        image[20:24] = np.nan
        image[..., 17, :] = np.inf
    for filter_ in (_core.prefilter, _core.prefilter_adjoint):
        if is_broken and filter_ is _core.prefilter_adjoint:
            continue
        results = [applied(filter_, image, 5, "wrap", threads) for threads in (1, 2, 5)]
        assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


@degrees
@boundaries
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_all_instruction_sets_agree(degree, boundary, dtype, rng):
    images = [
        rng.normal(size=shape).astype(dtype)
        for shape in [(45, 1), (19, 1), (38, 45, 1), (38, 45, 3), (5, 38, 45, 1)]
    ]
    images[2][30, 20] = np.nan

    def results():
        return [
            applied(filter_, image, degree, boundary)
            for filter_ in (_core.prefilter, _core.prefilter_adjoint)
            for image in images
        ]

    chosen = _core.variant()
    try:
        assert _core.use_variant("baseline")
        expected = results()
        for name in _core.available_variants():
            assert _core.use_variant(name)
            for one, other in zip(results(), expected, strict=True):
                # Contracted multiply-adds round differently.
                eps = 600 * np.finfo(dtype).eps
                np.testing.assert_allclose(one, other, atol=eps)
    finally:
        assert _core.use_variant(chosen)


# Other boundaries


@degrees
def test_padding_is_as_long_as_the_memory(degree):
    pad = _core.prefilter_padding(degree)
    response = prefilter(np.eye(1, 2 * pad + 2).T, degree, "mirror")[:, 0]
    assert abs(response[pad]) < 1e-16 < abs(response[pad - 4])


@degrees
@pytest.mark.parametrize("boundary", ["nearest", "constant"])
@pytest.mark.parametrize("shape", [(1, 1), (9, 2), (5, 1, 1), (4, 6, 3, 1)])
def test_padded_image_is_as_good_as_an_endless_one(degree, boundary, shape, rng):
    image = rng.normal(size=shape)
    pad = _core.prefilter_padding(degree)
    more = 7
    near = prefilter(_padded(image, pad, boundary, 2.5), degree, "mirror")
    far = prefilter(_padded(image, pad + more, boundary, 2.5), degree, "mirror")
    inner = (slice(more, -more),) * (len(shape) - 1)
    np.testing.assert_allclose(far[inner], near, atol=1e-13)


# Misuse, which the package does not commit


@pytest.mark.parametrize("filter_", [_core.prefilter, _core.prefilter_adjoint])
@pytest.mark.parametrize(
    ("shape", "arguments"),
    [
        ((4, 4, 1), (4, 2, 0, 1)),
        ((4, 4, 1), (3, 1, 0, 1)),
        ((4, 4, 1), (3, 2, BOUNDARIES.index("nearest"), 1)),
        ((4, 4, 1), (3, 2, BOUNDARIES.index("constant"), 1)),
        ((4, 4, 1), (3, 2, 9, 1)),
        ((4,), (3, 0, 0, 1)),
        ((2, 2, 2, 2, 1), (3, 4, 0, 1)),
    ],
)
def test_core_refuses_what_it_cannot_filter(filter_, shape, arguments):
    with pytest.raises(ValueError, match="expected"):
        filter_(np.ones(shape), *arguments)


def test_core_refuses_integers():
    with pytest.raises(ValueError, match="expected"):
        _core.prefilter(np.ones((4, 4, 1), np.uint8), 3, 2, 0, 1)
