"""What every kernel obeys, whatever the image."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import map_coordinates, spline_filter1d

from exact_kernels import BEFORE, TAPS, weights
from photalign import _core
from photalign.kernels import ALIGNMENT_KERNELS, KERNELS, Kernel
from photalign.sampling import Sampler

ALL = [pytest.param(kernel, id=name) for name, kernel in ALIGNMENT_KERNELS.items()]
DTYPES = ["u1", "u2", "f4", "f8"]
# Binary fractions, which float64 holds exactly.
POSITIONS = [Fraction(k, 64) for k in range(1, 64, 6)]


def sampler(image, kernel: Kernel, **options) -> Sampler:
    name = kernel.name.removesuffix("_direct")
    return Sampler(image, name, prefilter=kernel.prefilter, **options)


def margin(kernel: Kernel) -> int:
    """Distance from the border at which the boundary is not felt any more."""
    return 60 if kernel.prefilter else kernel.taps // 2


def interior_points(rng, kernel: Kernel, shape, count=200):
    low = margin(kernel)
    high = np.array(shape[::-1]) - 1 - low
    return rng.uniform(low, high, (count, 2))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", KERNELS)
def test_exact_weights_are_a_partition_of_unity(name):
    for t in POSITIONS:
        w, d = weights(name, t)
        assert sum(w) == 1
        assert sum(d) == 0
        offsets = [k - BEFORE[name] for k in range(TAPS[name])]
        assert sum(x * k for x, k in zip(w, offsets, strict=True)) == t
        assert sum(x * k for x, k in zip(d, offsets, strict=True)) == 1


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_weights_are_the_exact_ones(name, axis):
    """An impulse image shows one weight at a time."""
    before, taps = BEFORE[name], TAPS[name]
    for t in POSITIONS:
        exact, slopes = weights(name, t)
        center = weights(name, Fraction(1, 2))[0][before]
        for k in range(taps):
            image = np.zeros((12, 12))
            along, across = 5 - before + k, 5
            image[(across, along) if axis == "x" else (along, across)] = 1
            point = (5 + float(t), 5.5) if axis == "x" else (5.5, 5 + float(t))
            value, gradient = Sampler(image, name, prefilter=False).value_and_grad(
                point
            )
            assert value == pytest.approx(float(exact[k] * center), abs=2e-16)
            slope = gradient[0 if axis == "x" else 1]
            assert slope == pytest.approx(float(slopes[k] * center), abs=4e-16)


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", ["mirror", "nearest"])
def test_constant_image_stays_constant(kernel, dtype, boundary, rng):
    image = np.full((9, 13), 200, dtype)
    points = rng.uniform(-30, 30, (100, 2))
    value, gradient = sampler(
        image, kernel, boundary=boundary, domain="unbounded"
    ).value_and_grad(points)
    eps = 600 * np.finfo(value.dtype).eps
    np.testing.assert_allclose(value, 200, atol=eps)
    np.testing.assert_allclose(gradient, 0, atol=3 * eps)


@pytest.mark.parametrize("kernel", ALL)
def test_gradient_of_a_ramp_is_its_slope(kernel, rng):
    """The slopes differ, so that a swap of the axes would show."""
    rows, columns = np.indices((160, 170))
    points = interior_points(rng, kernel, (160, 170))
    value, gradient = sampler(2.0 * columns + 5.0 * rows, kernel).value_and_grad(points)
    np.testing.assert_allclose(value, points @ [2, 5], rtol=1e-13)
    np.testing.assert_allclose(gradient, np.broadcast_to([2, 5], (200, 2)), rtol=1e-12)


@pytest.mark.parametrize("kernel", ALL)
def test_gradient_of_a_ramp_is_its_slope_20_px_from_the_border(kernel, rng):
    rows, columns = np.indices((60, 70))
    points = rng.uniform(20, [49, 39], (200, 2))
    _, gradient = sampler(columns + 0.0 * rows, kernel).value_and_grad(points)
    np.testing.assert_allclose(gradient, np.broadcast_to([1, 0], (200, 2)), atol=1e-6)


@pytest.mark.parametrize("kernel", ALL)
def test_polynomials_are_reproduced_to_the_stated_degree_and_no_further(kernel, rng):
    shape = (150, 150)
    points = interior_points(rng, kernel, shape)
    x, y = points.T
    rows, columns = np.indices(shape)
    for degree in range(kernel.reproduces + 2):

        def polynomial(x, y, degree=degree):
            return ((x - 70) / 8) ** degree - 2 * ((y - 75) / 8) ** degree

        value, gradient = sampler(polynomial(columns, rows), kernel).value_and_grad(
            points
        )
        d = max(degree - 1, 0)
        exact = degree / 8 * np.stack([((x - 70) / 8) ** d, -2 * ((y - 75) / 8) ** d])
        error = max(
            np.abs(value - polynomial(x, y)).max(), np.abs(gradient.T - exact).max()
        )
        if degree <= kernel.reproduces:
            assert error < 1e-10
        else:
            assert error > 1e-6


@pytest.mark.parametrize("name", ["bspline3", "bspline5"])
@pytest.mark.parametrize("prefilter", [True, False])
def test_gradient_is_the_spline_of_differences(name, prefilter, rng):
    """d/dx sum c_k b^n(x - k) = sum (c_k - c_{k-1}) b^(n-1)(x - k + 1/2)."""
    degree = KERNELS[name].taps - 1
    rows, columns = rng.normal(size=40), rng.normal(size=50)

    def coefficients(signal):
        return spline_filter1d(signal, degree, mode="mirror") if prefilter else signal

    def spline(signal, x):
        return map_coordinates(signal, x[None], order=degree, prefilter=False)

    def slope(signal, x):
        changes = np.diff(signal)
        return map_coordinates(
            changes, x[None] - 0.5, order=degree - 1, prefilter=False
        )

    x, y = rng.uniform(4, 35, (2, 300))
    a, b = coefficients(columns), coefficients(rows)
    value, gradient = Sampler(
        np.outer(rows, columns), name, prefilter=prefilter
    ).value_and_grad(np.stack([x, y], axis=-1))
    np.testing.assert_allclose(value, spline(a, x) * spline(b, y), atol=1e-12)
    np.testing.assert_allclose(gradient[:, 0], slope(a, x) * spline(b, y), atol=1e-12)
    np.testing.assert_allclose(gradient[:, 1], spline(a, x) * slope(b, y), atol=1e-12)


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("boundary", ["mirror", "nearest", "constant"])
def test_gradient_is_the_derivative_of_the_value(kernel, boundary, rng):
    """Inside a cell the value is a polynomial of degree 5 at most, in x and in y."""
    image = rng.normal(size=(7, 9))
    sampled = sampler(image, kernel, boundary=boundary, cval=1.5, domain="unbounded")
    nodes = 0.5 - 0.5 * np.cos(np.pi * (np.arange(8) + 0.5) / 8)
    for cell in rng.integers(-3, 11, (40, 2)):
        fixed = rng.uniform(0.1, 0.9)
        for axis in (0, 1):
            points = np.full((8, 2), cell + fixed)
            points[:, axis] = cell[axis] + nodes
            value, gradient = sampled.value_and_grad(points)
            fit = np.polynomial.Chebyshev.fit(nodes, value, 6, domain=[0, 1])
            np.testing.assert_allclose(
                gradient[:, axis], fit.deriv()(nodes), atol=1e-11
            )


@pytest.mark.parametrize("kernel", ALL)
def test_value_and_gradient_are_as_continuous_as_stated(kernel, rng):
    image = rng.normal(size=(30, 30))
    knots = rng.integers(6, 24, (50, 2)).astype(float)
    sampled = sampler(image, kernel)
    left = sampled.value_and_grad(knots - 1e-9)
    right = sampled.value_and_grad(knots + 1e-9)
    np.testing.assert_allclose(left[0], right[0], atol=1e-7)
    jump = np.abs(left[1] - right[1]).max()
    assert (jump < 1e-6) == (kernel.continuity >= 1)


@pytest.mark.parametrize("kernel", ALL)
def test_interpolants_pass_through_the_pixels(kernel, rng):
    image = rng.normal(size=(11, 14))
    pixels = np.stack(np.indices(image.shape)[::-1], axis=-1)
    error = np.abs(sampler(image, kernel)(pixels) - image).max()
    is_smoothing = kernel.name.endswith("_direct")
    assert (error > 0.1) if is_smoothing else (error < 1e-14)


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_all_instruction_sets_agree(kernel, dtype, channels, rng):
    image = rng.integers(0, 256, (40, 45, channels)).astype(dtype)
    points = rng.uniform(-3, 47, (500, 2))

    def results():
        sampled = sampler(image, kernel)
        return *sampled.value_and_grad(points), sampled.inside(points)

    chosen = _core.variant()
    try:
        assert _core.use_variant("baseline")
        expected = results()
        for name in _core.available_variants():
            assert _core.use_variant(name)
            value, gradient, inside = results()
            # Contracted multiply-adds round differently: some ulp of the largest term.
            eps = 256 * 40 * np.finfo(value.dtype).eps
            np.testing.assert_allclose(value, expected[0], atol=eps, rtol=0)
            np.testing.assert_allclose(gradient, expected[1], atol=eps, rtol=0)
            np.testing.assert_array_equal(inside, expected[2])
    finally:
        assert _core.use_variant(chosen)
