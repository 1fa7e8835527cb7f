"""Gradient images: against SciPy, exact cases, borders, types, invalid pixels."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

import photalign as pa
from photalign.gradients import METHODS, image_gradients

FILTERS = {"central": [0, 1, 0], "sobel": [1, 2, 1], "scharr": [3, 10, 3]}
# The name of each boundary in SciPy, and in np.pad.
BOUNDARIES = {
    "mirror": ("mirror", "reflect"),
    "reflect": ("reflect", "symmetric"),
    "nearest": ("nearest", "edge"),
    "wrap": ("grid-wrap", "wrap"),
    "constant": ("grid-constant", "constant"),
}
SHAPES = [(1, 1), (1, 9), (8, 1), (2, 3), (14, 19), (9, 11, 1), (9, 11, 3)]
FLOAT32_TYPES = ["?", "i1", "u1", "i2", ">u2", "f2", "f4", ">f4"]


def filtered(image, lines, weights, mode):
    """Differentiate with SciPy, each channel by itself."""
    smoothing = np.array(weights) / np.sum(weights)
    result = np.empty((*image.shape, 2))
    for axis, along in ((0, 1), (1, 0)):
        slopes = ndimage.correlate1d(image, lines, along, mode=mode)
        result[..., axis] = ndimage.correlate1d(slopes, smoothing, 1 - along, mode=mode)
    return result


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_filters_are_those_of_scipy(method, boundary, shape, rng):
    image = rng.normal(size=shape)
    mode = BOUNDARIES[boundary][0]
    expected = filtered(image, [-0.5, 0, 0.5], FILTERS[method], mode)
    found = image_gradients(image, method, boundary=boundary)
    assert_allclose(found, expected, atol=1e-14)


def test_sobel_is_an_eighth_of_the_usual_operator(rng):
    image = rng.integers(0, 256, (20, 30), np.uint8)
    found = image_gradients(image, "sobel")
    for axis in (0, 1):
        usual = ndimage.sobel(image.astype(float), 1 - axis, mode="mirror")
        assert_array_equal(8 * found[..., axis], usual)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_spline_is_that_of_an_image_padded_far(boundary, shape, rng):
    image = rng.normal(size=shape)
    pad = 40
    widths = [(pad, pad), (pad, pad), (0, 0)][: len(shape)]
    coefficients = np.pad(image, widths, mode=BOUNDARIES[boundary][1])
    for axis in (0, 1):
        coefficients = ndimage.spline_filter1d(coefficients, 3, axis, mode="mirror")
    # The cubic B-spline and its derivative at the pixels.
    expected = filtered(coefficients, [-0.5, 0, 0.5], [1, 4, 1], "mirror")
    found = image_gradients(image, "bspline", boundary=boundary)
    assert_allclose(found, expected[pad:-pad, pad:-pad], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_ramp_has_its_slopes(method):
    y, x = np.mgrid[0:60, 0:70]
    found = image_gradients(3 * x - 2 * y, method)
    inside = np.s_[22:-22, 22:-22]
    assert_allclose(found[inside], np.broadcast_to([3, -2], (16, 26, 2)), atol=1e-10)


def test_filters_err_as_their_spectra_say_and_the_spline_least():
    """The response to a wave, divided by its derivative."""
    frequency = 0.7
    x = np.broadcast_to(np.arange(80), (80, 80))
    wave = np.sin(frequency * x)
    derivative = frequency * np.cos(frequency * x)
    inside = np.s_[25:-25, 25:-25]
    found = {name: image_gradients(wave, name)[inside][..., 0] for name in METHODS}
    central = np.sin(frequency) / frequency * derivative[inside]
    for name in FILTERS:  # the wave does not change along y
        assert_allclose(found[name], central, atol=1e-12)
    assert np.abs(found["bspline"] - derivative[inside]).max() < 2e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [*FLOAT32_TYPES, "i4", "u4", "i8", "u8", "f8", ">f8"])
def test_every_type_is_read_exactly(method, dtype, rng):
    image = rng.integers(0, 2 if dtype == "?" else 100, (9, 12, 3)).astype(dtype)
    found = image_gradients(image, method)
    assert found.dtype == ("f4" if dtype in FLOAT32_TYPES else "f8")
    assert_allclose(found, image_gradients(image.astype("f8"), method), atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_any_layout_is_read(method, rng):
    whole = rng.normal(size=(30, 40, 4)).astype(np.float32)
    whole.flags.writeable = False
    view = whole[::-2, 3:30:3, 1:3]
    found = image_gradients(view, method)
    assert found.flags.c_contiguous
    assert_array_equal(found, image_gradients(view.copy(), method))
    gray = image_gradients(np.asfortranarray(view[..., 0]), method)
    assert_allclose(found[..., 0, :], gray, atol=1e-6)
    assert image_gradients([[1, 2], [3, 4]], method).shape == (2, 2, 2)


@pytest.mark.parametrize("method", FILTERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_invalid_pixel_spreads_to_the_stencils_that_weigh_it(method, bad, rng):
    image = rng.normal(size=(9, 11, 2)).astype(np.float32)
    image[4, 5, 1] = bad
    found = image_gradients(image, method)
    stencil = np.array([[1, 0, 1]] * 3, dtype=bool)
    if method == "central":
        stencil[[0, 2]] = False
    touched = np.zeros(found.shape, dtype=bool)
    touched[3:6, 4:7, 1, 0] = stencil
    touched[3:6, 4:7, 1, 1] = stencil.T
    assert_array_equal(np.isnan(found), touched)
    whole = image_gradients(np.where(np.isfinite(image), image, 0), method)
    assert_array_equal(found[~touched], whole[~touched])


def test_invalid_pixel_spreads_as_far_as_the_spline_feels_it(rng):
    image = rng.normal(size=(30, 31))
    image[14, 15] = np.nan
    found = image_gradients(image, "bspline")
    invalid = np.isnan(found).all(axis=-1)
    assert_array_equal(invalid, np.isnan(found).any(axis=-1))
    assert invalid[14, 15]
    rows, columns = np.nonzero(invalid)
    assert np.hypot(rows - 14, columns - 15).max() < 9
    sampler = pa.Sampler(image, "bspline3")
    value, gradient = sampler.value_and_grad([20.0, 3.0])
    assert np.isfinite(value)
    assert_array_equal(found[3, 20], gradient)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "soble"}, "method: expected one of central, sobel, .*'soble'"),
        ({"boundary": "edge"}, "boundary: expected one of mirror, reflect, .*'edge'"),
        ({"image": np.zeros(5)}, "image: expected shape"),
        ({"image": np.zeros((0, 5))}, "image: expected at least one pixel"),
    ],
)
def test_misuse_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        image_gradients(**({"image": np.zeros((4, 5))} | arguments))


@pytest.mark.parametrize("method", METHODS)
def test_complex_numbers_are_refused(method):
    with pytest.raises(TypeError, match="image: expected an array of real numbers"):
        image_gradients(np.zeros((4, 5), complex), method)
