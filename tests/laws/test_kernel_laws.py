"""What every kernel obeys, whatever the image."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import map_coordinates, spline_filter1d

from exact_kernels import BEFORE, START, TAPS, weights
from photalign.kernels import KERNELS
from photalign.sampling import Sampler
from sampler_cases import (
    BOUNDARIES,
    DTYPES,
    INSTRUCTION_SETS,
    NAMES,
    SMOOTH,
    everything,
    instruction_set,
    picture,
    points_near,
)

# Binary fractions of a cell, which float64 holds exactly.
POSITIONS = [Fraction(k, 64) for k in range(1, 64, 6)]
EXACT_NAMES = [name for name in NAMES if not KERNELS[name].prefilter]


def plain(name: str) -> str:
    """Return the name by which the exact kernels know it."""
    return name.removesuffix("_direct")


def margin(name: str) -> int:
    """Distance from the border at which the boundary is not felt any more."""
    return 60 if KERNELS[name].prefilter else KERNELS[name].taps // 2


def interior_points(rng, name, shape, count=200):
    low = margin(name)
    high = np.array(shape[::-1]) - 1 - low
    return rng.uniform(low, high, (count, len(shape)))


def test_kernels_are_those_of_the_exact_list():
    assert {plain(name) for name in NAMES} == set(TAPS)
    for name, kernel in KERNELS.items():
        assert kernel.name == name
        assert kernel.taps == TAPS[plain(name)]
        assert kernel.derivatives == (0 if name == "nearest" else 2)


@pytest.mark.parametrize("name", EXACT_NAMES)
def test_exact_weights_reproduce_polynomials_to_the_stated_degree(name):
    """The moments of the weights are powers of t, those of the derivatives theirs."""
    name, degree = plain(name), KERNELS[name].reproduces
    offsets = [k - BEFORE[name] for k in range(TAPS[name])]

    def moments(t, power):
        return [
            sum(w * k**power for w, k in zip(row, offsets, strict=True))
            for row in weights(name, t)
        ]

    for t in (t + START[name] for t in POSITIONS):
        for m in range(degree + 1):
            slope = m * t ** (m - 1) if m > 0 else 0
            curvature = m * (m - 1) * t ** (m - 2) if m > 1 else 0
            assert moments(t, m) == [t**m, slope, curvature]
        assert moments(t, degree + 1)[0] != t ** (degree + 1) or t == 0


@pytest.mark.parametrize("name", TAPS)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_weights_are_the_exact_ones(name, axis):
    """An impulse image shows one weight at a time."""
    before, taps = BEFORE[name], TAPS[name]
    other = [row[before] for row in weights(name, Fraction(1, 4))]
    along = 0 if axis == "x" else 1
    for t in (t + START[name] for t in POSITIONS):
        exact = weights(name, t)
        for k in range(taps):
            image = np.zeros((12, 12))
            center = (5, 5 - before + k) if axis == "x" else (5 - before + k, 5)
            image[center] = 1
            point = [5 + float(t), 5.25][:: 1 if axis == "x" else -1]
            found = everything(Sampler(image, name, prefilter=False), point)[:-1]
            assert found[0] == pytest.approx(float(exact[0][k] * other[0]), abs=2e-16)
            if name == "nearest":
                continue
            gradient = [float(exact[1][k] * other[0]), float(exact[0][k] * other[1])]
            mixed = float(exact[1][k] * other[1])
            hessian = [
                [float(exact[2][k] * other[0]), mixed],
                [mixed, float(exact[0][k] * other[2])],
            ]
            if along == 1:
                gradient, hessian = gradient[::-1], [r[::-1] for r in hessian[::-1]]
            np.testing.assert_allclose(found[1], gradient, rtol=0, atol=9e-16)
            np.testing.assert_allclose(found[2], hessian, rtol=0, atol=4e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_constant_image_stays_constant(name, ndim, rng):
    shape = (9, 13, 5)[:ndim]
    points = rng.uniform(-30, 30, (50, ndim))
    for boundary in BOUNDARIES:
        for dtype in DTYPES:
            height = 1 if dtype == "?" else 100
            options = {"boundary": boundary, "cval": height, "domain": "unbounded"}
            image = np.full(shape, height, dtype)
            value, *slopes, mask = everything(
                Sampler(image, name, ndim=ndim, **options), points
            )
            assert mask.all()
            eps = height * np.finfo(value.dtype).eps
            np.testing.assert_allclose(value, height, rtol=0, atol=16 * eps)
            for slope in slopes:
                np.testing.assert_allclose(slope, 0, atol=128 * eps)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_gradient_of_a_ramp_is_its_slope(name, ndim, rng):
    """The slopes differ, so that a swap of the axes would show."""
    shape = (86, 84, 81)[:ndim] if ndim == 3 else (160, 170)[:ndim]
    # Splines of a ramp forget the border by a third every pixel, the slowest by half.
    far = 1e-13 if ndim < 3 else 1e-11
    low = min(margin(name), 36)
    slopes = np.array([2.0, 5, -3])[:ndim]
    image = sum(
        s * i for s, i in zip(slopes, np.indices(shape, sparse=True)[::-1], strict=True)
    )
    points = rng.uniform(low, np.array(shape[::-1]) - 1 - low, (200, ndim))
    value, gradient, hessian = Sampler(image, name, ndim=ndim).value_grad_hess(points)
    size = np.abs(image).max()
    np.testing.assert_allclose(value, points @ slopes, rtol=0, atol=far * size)
    np.testing.assert_allclose(
        gradient, np.broadcast_to(slopes, gradient.shape), rtol=0, atol=far * size
    )
    np.testing.assert_allclose(hessian, 0, atol=10 * far * size)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_of_a_ramp_is_its_slope_20_px_from_the_border(name, rng):
    rows, columns = np.indices((60, 70))
    points = rng.uniform(20, [49, 39], (200, 2))
    _, gradient = Sampler(columns + 0.0 * rows, name).value_and_grad(points)
    np.testing.assert_allclose(gradient, np.broadcast_to([1, 0], (200, 2)), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ndim", [1, 2])
def test_polynomials_are_reproduced_to_the_stated_degree_and_no_further(
    name, ndim, rng
):
    shape = (150, 155)[:ndim]
    points = interior_points(rng, name, shape)
    degrees = KERNELS[name].reproduces
    factors = [3.0, -2.0]

    def axis_terms(x, degree):
        """Polynomial of one coordinate, its slope and its curvature."""
        u, d = (x - 72) / 8, degree
        slope = d / 8 * u ** max(d - 1, 0)
        return u**d, slope, d * (d - 1) / 64 * u ** max(d - 2, 0)

    for degree in range(degrees + 2):
        grid = [axis_terms(i, degree)[0] for i in np.indices(shape, float)[::-1]]
        image = sum(f * p for f, p in zip(factors, grid, strict=False))
        terms = [axis_terms(x, degree) for x in points.T]
        value, *derivatives, _ = everything(Sampler(image, name, ndim=ndim), points)
        exact = sum(f * t[0] for f, t in zip(factors, terms, strict=False))
        errors = [np.abs(value - exact).max()]
        for order, found in enumerate(derivatives, 1):
            expected = np.zeros_like(found)
            for i in range(ndim):
                expected[(slice(None), *[i] * order)] = factors[i] * terms[i][order]
            errors.append(np.abs(found - expected).max())
        if degree <= degrees:
            assert max(errors) < 1e-10
        else:
            assert max(errors) > 1e-6


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n.startswith("bspline") and KERNELS[n].prefilter]
)
@pytest.mark.parametrize("prefilter", [True, False])
def test_derivatives_are_the_splines_of_differences(name, prefilter, rng):
    """d/dx sum c_k b^n(x - k) = sum (c_k - c_{k-1}) b^(n-1)(x - k + 1/2)."""
    degree = KERNELS[name].taps - 1
    pixels = rng.normal(size=40), rng.normal(size=50)
    x, y = rng.uniform(4, 35, (2, 300))

    def derivative(signal, x, order):
        if prefilter:
            signal = spline_filter1d(signal, degree, mode="mirror")
        return map_coordinates(
            np.diff(signal, order),
            x[None] - order / 2,
            order=degree - order,
            prefilter=False,
        )

    by_y, by_x = (
        [derivative(line, at, order) for order in range(3)]
        for line, at in zip(pixels, (y, x), strict=True)
    )
    found = Sampler(np.outer(*pixels), name, prefilter=prefilter).value_grad_hess(
        np.stack([x, y], axis=-1)
    )
    mixed = by_x[1] * by_y[1]
    gradient = np.stack([by_x[1] * by_y[0], by_x[0] * by_y[1]], axis=-1)
    rows = [[by_x[2] * by_y[0], mixed], [mixed, by_x[0] * by_y[2]]]
    hessian = np.moveaxis(np.array(rows), -1, 0)
    np.testing.assert_allclose(found[0], by_x[0] * by_y[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], gradient, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[2], hessian, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_each_derivative_is_that_of_the_one_before(name, boundary, rng):
    """Inside a cell the value is a polynomial of degree 5 at most, in x and in y."""
    image = rng.normal(size=(7, 9))
    sampler = Sampler(image, name, boundary=boundary, cval=1.5, domain="unbounded")
    start = float(START[plain(name)])
    nodes = start + 0.5 - 0.5 * np.cos(np.pi * (np.arange(8) + 0.5) / 8)
    for cell in rng.integers(-3, 11, (25, 2)):
        fixed = start + rng.uniform(0.1, 0.9)
        for axis in (0, 1):
            points = np.full((8, 2), cell + fixed)
            points[:, axis] = cell[axis] + nodes
            value, gradient, hessian = sampler.value_grad_hess(points)
            for line, slope in [
                (value, gradient[:, axis]),
                (gradient[:, 0], hessian[:, 0, axis]),
                (gradient[:, 1], hessian[:, 1, axis]),
            ]:
                fit = np.polynomial.Chebyshev.fit(
                    nodes, line, 6, domain=[start, start + 1]
                )
                np.testing.assert_allclose(slope, fit.deriv()(nodes), atol=2e-11)
            np.testing.assert_array_equal(hessian[:, 0, 1], hessian[:, 1, 0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_samples_are_as_continuous_as_stated(name, boundary, rng):
    """In the image and across its border."""
    image = rng.normal(size=(12, 14))
    knots = rng.integers(-5, 18, (50, 2)) + float(START[plain(name)])
    sampler = Sampler(image, name, boundary=boundary, cval=0.5, domain="unbounded")
    left = everything(sampler, knots - 1e-9)[:-1]
    right = everything(sampler, knots + 1e-9)[:-1]
    for order, (before, after) in enumerate(zip(left, right, strict=True)):
        jump = np.abs(before - after).max()
        assert (jump < 1e-6) == (KERNELS[name].continuity >= order)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_interpolants_pass_through_the_pixels(name, boundary, rng):
    is_smoothing = name.endswith("_direct")
    for shape in [(1,), (14,), (11, 14), (1, 9), (5, 6, 7), (4, 1, 2)]:
        image = rng.normal(size=shape)
        pixels = np.stack(np.indices(shape)[::-1], axis=-1)
        sampler = Sampler(image, name, boundary=boundary, cval=9, ndim=len(shape))
        error = np.abs(sampler(pixels) - image).max()
        if is_smoothing:
            assert error > 0.1 or image.size == 1
        else:
            assert error < 1e-13


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_all_instruction_sets_agree(name, ndim, rng):
    shape = (20, 24, 9)[:ndim]
    points = points_near(rng, shape)
    for dtype in DTYPES:
        for channels in (1, 2, 3, 4, 5):
            image = picture(rng, (*shape, channels), dtype)
            size = float(np.abs(image.astype(float)).max()) + 1
            sampler = Sampler(image, name, ndim=ndim, boundary="reflect")
            expected = None
            for variant in ["baseline", *INSTRUCTION_SETS]:
                with instruction_set(variant):
                    *found, mask = everything(sampler, points)
                expected = expected or (found, mask)
                # Contracted multiply-adds round differently: by some ulp of the
                # largest term, which a prefilter has made larger than the pixels.
                eps = 64 * size * np.finfo(found[0].dtype).eps
                for one, other in zip(found, expected[0], strict=True):
                    np.testing.assert_allclose(one, other, atol=eps, rtol=0)
                    eps *= 4
                np.testing.assert_array_equal(mask, expected[1])
