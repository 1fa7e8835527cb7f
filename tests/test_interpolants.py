"""The slow sampler that the others are compared with, compared with SciPy itself."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from exact_kernels import START, TAPS
from exact_kernels import weights as exact_weights
from interpolants import Interpolant, contract, extension, spline, weights

ORDERS = {"nearest": 0, "linear": 1, "bspline2": 2, "bspline3": 3, "bspline5": 5}
# The names in SciPy, and in np.pad.
MODES = {
    "mirror": "mirror",
    "reflect": "reflect",
    "wrap": "grid-wrap",
    "nearest": "nearest",
    "constant": "grid-constant",
}
PADDING = {
    "mirror": {"mode": "reflect"},
    "reflect": {"mode": "symmetric"},
    "wrap": {"mode": "wrap"},
    "nearest": {"mode": "edge"},
    "constant": {"constant_values": 2.5},
}
SHAPES = [(7,), (1,), (2,), (9, 12), (1, 6), (3, 2), (5, 6, 7), (1, 4, 2), (2, 1, 1)]


def points_of(rng, shape):
    return rng.uniform(-25, 30, (80, len(shape)))


def values(image, name, points, **options):
    options |= {"cval": 2.5, "domain": "unbounded", "ndim": image.ndim}
    return Interpolant(image, name, **options)(points).values


@pytest.mark.parametrize("name", TAPS)
def test_weights_are_the_exact_ones(name):
    for k in range(1, 32, 3):
        t = Fraction(k, 32) + START[name]
        found = weights(name, np.array([float(t)]))[:, 0]
        expected = np.array(exact_weights(name, t), dtype=float)
        np.testing.assert_allclose(found, expected, atol=2e-15)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("boundary", MODES)
def test_values_are_those_of_scipy(name, boundary, rng):
    for shape in SHAPES:
        image, points = rng.normal(size=shape), points_of(rng, shape)
        expected = map_coordinates(
            image,
            points.T[::-1],
            order=ORDERS[name],
            mode=MODES[boundary],
            cval=2.5,
            prefilter=False,
        )
        found = values(image, name, points, boundary=boundary, prefilter=False)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["bspline2", "bspline3", "bspline5"])
@pytest.mark.parametrize("boundary", ["mirror", "wrap", "reflect"])
def test_splines_are_those_of_scipy(name, boundary, rng):
    # Its prefilter for "reflect" is wrong by up to 0.8 % on lines of less than 20 px.
    for shape in [(24,), (21, 23)] if boundary == "reflect" else SHAPES:
        image, points = rng.normal(size=shape), points_of(rng, shape)
        expected = map_coordinates(
            image, points.T[::-1], order=ORDERS[name], mode=MODES[boundary]
        )
        found = values(image, name, points, boundary=boundary)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["bspline2", "bspline3", "bspline5"])
@pytest.mark.parametrize("boundary", PADDING)
@pytest.mark.parametrize("shape", [(7,), (1,), (9, 12), (1, 6), (3, 2)])
def test_splines_are_those_of_scipy_through_an_image_padded_far(
    name, boundary, shape, rng
):
    image, points = rng.normal(size=shape), points_of(rng, shape)
    expected = map_coordinates(
        np.pad(image, 80, **PADDING[boundary]),
        points.T[::-1] + 80,
        order=ORDERS[name],
        mode="mirror",
    )
    found = values(image, name, points, boundary=boundary)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["bspline2", "bspline3", "bspline5"])
@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize("size", [1, 2, 3, 8, 70])
def test_spline_passes_through_the_extended_pixels(name, boundary, size):
    matrix = spline(name, boundary, size)
    taps = weights(name, np.zeros(1))[0, 0]
    before = (len(taps) - 1) // 2
    index = np.arange(-20, size + 20)
    passed = sum(w * matrix[index + 60 + k - before] for k, w in enumerate(taps))
    np.testing.assert_allclose(passed, extension(boundary, index, size), atol=1e-14)


@pytest.mark.parametrize("name", TAPS)
@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_derivatives_are_those_of_the_polynomial_in_a_cell(name, boundary, ndim, rng):
    """Fitted through the values along a line inside of one cell."""
    image = rng.normal(size=(4, 5, 3)[:ndim])
    slow = Interpolant(image, name, boundary=boundary, ndim=ndim, domain="unbounded")
    nodes = 0.5 - 0.5 * np.cos(np.pi * (np.arange(8) + 0.5) / 8)
    start = float(START[name])
    for cell in rng.integers(-3, 6, (5, ndim)):
        base = cell + start + rng.uniform(0.1, 0.9, ndim)
        for i in range(ndim):
            points = np.tile(base, (8, 1))
            points[:, i] = cell[i] + start + nodes
            found = slow(points)
            lines = np.concatenate([found.values[:, None], found.gradients], axis=1)
            slopes = np.concatenate(
                [found.gradients[:, i, None], found.hessians[:, i]], axis=1
            )
            for line, slope in zip(lines.T, slopes.T, strict=True):
                fit = np.polynomial.Chebyshev.fit(nodes, line, 6, domain=[0, 1])
                np.testing.assert_allclose(slope, fit.deriv()(nodes), atol=1e-10)


def test_options_only_relabel_the_points(rng):
    image = rng.normal(size=(6, 7, 5, 2))
    points = rng.uniform(-1, 7, (50, 3))
    plain = Interpolant(image, "keys6", ndim=3, fill=-3)(points)
    step, origin = np.array([0.5, 2, 3]), np.array([4.0, -1, 7])
    other = Interpolant(
        image,
        "keys6",
        ndim=3,
        fill=-3,
        scale=5,
        spacing=step[::-1],
        origin=origin[::-1],
        indexing="ij",
    )((points * step + origin)[:, ::-1])
    np.testing.assert_array_equal(other.mask, plain.mask)
    assert 0.1 < plain.mask.mean() < 0.9
    value = np.where(plain.mask[:, None], 5 * plain.values, -3)
    np.testing.assert_allclose(other.values, value, atol=1e-12)
    gradient = 5 * plain.gradients / step
    np.testing.assert_allclose(other.gradients[..., ::-1], gradient, atol=1e-12)
    hessian = 5 * plain.hessians / np.outer(step, step)
    np.testing.assert_allclose(other.hessians[..., ::-1, ::-1], hessian, atol=1e-11)


def test_adjoint_is_the_transposed_map(rng):
    image = rng.normal(size=(6, 7, 2))
    points = rng.uniform(-1, 7, (50, 2))
    cotangents = rng.normal(size=(50, 2))
    for name in TAPS:
        slow = Interpolant(image, name, boundary="reflect", fill=0, scale=3)
        one = np.vdot(slow(points).values, cotangents)
        assert one == pytest.approx(np.vdot(image, slow.adjoint(points, cotangents)))


def test_contraction_is_the_tensor_product(rng):
    image = rng.normal(size=(3, 4, 5, 2))
    rows = [rng.normal(size=(6, n)) for n in (3, 4, 5)]
    expected = np.einsum("pi,pj,pk,ijkc->pc", *rows, image)
    np.testing.assert_allclose(contract(rows, image), expected, atol=1e-12)
