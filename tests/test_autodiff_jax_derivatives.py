"""The sampler inside JAX: derivatives by points and by pixels, of any order."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import photalign as pa

jax = pytest.importorskip("jax")
pj = pytest.importorskip("photalign.autodiff.jax")

Floats = NDArray[np.float64]
KERNELS = ["linear", "catmull_rom", "bspline3", "bspline5"]
MODES = ["jacfwd", "jacrev"]
both = pytest.mark.parametrize("implementation", ["auto", "jnp"])


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """Let JAX know float64, and compile in less time."""
    options = "jax_enable_x64", "jax_disable_most_optimizations"
    for option in options:
        jax.config.update(option, True)
    yield
    for option in options:
        jax.config.update(option, False)


def warped(p: Any, xy: Any) -> Any:
    """Map points by a homography, 1 + its 8 parameters being its matrix."""
    matrix = jax.numpy.concatenate([p, jax.numpy.zeros(1)]).reshape(3, 3) + np.eye(3)
    x, y, w = matrix @ jax.numpy.array([*xy, 1.0])
    return jax.numpy.array([x, y]) / w


PARAMETERS = np.array([0.02, -0.03, 1.5, 0.01, -0.02, -0.7, 1e-5, -2e-5])


def jacobian_of(p: Floats, xy: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the points, their Jacobian and their second derivatives, by hand."""
    matrix = np.append(p, 0).reshape(3, 3) + np.eye(3)
    homogeneous = np.append(xy, 1.0)
    u, v, w = matrix @ homogeneous
    linear = np.zeros((3, 8))
    for k in range(8):
        linear[k // 3, k] = homogeneous[k % 3]
    x = np.array([u, v]) / w
    first = (linear[:2] - x[:, None] * linear[2]) / w
    cross = first[:, :, None] * linear[2] / w
    return x, first, -(cross + cross.transpose(0, 2, 1))


@pytest.mark.parametrize("kernel", KERNELS)
def test_homography_agrees_with_the_analytic_derivatives(
    kernel: str, rng: np.random.Generator
) -> None:
    image = rng.random((120, 400, 3))
    inside, outside = rng.uniform(5, [390, 110], (130, 2)), [[395.0, 119.0], [-3, 4]]
    points = np.concatenate([inside, outside])
    sampler, core = pj.Sampler(image, kernel), pa.Sampler(image, kernel)

    def sampled(p: Any) -> Any:
        return sampler(jax.vmap(partial(warped, p))(points))

    value, gradient, hessian = core.value_grad_hess(
        np.array([jacobian_of(PARAMETERS, xy)[0] for xy in points])
    )
    first, second = (
        np.array([jacobian_of(PARAMETERS, xy)[k] for xy in points]) for k in (1, 2)
    )
    jacobian = np.einsum("nca,nap->ncp", gradient, first)
    curvature = np.einsum("nca,napq->ncpq", gradient, second)
    curvature += np.einsum("ncab,nap,nbq->ncpq", hessian, first, first)

    @jax.jit
    def derivatives(p: Any) -> Any:
        jacobians = [getattr(jax, mode)(sampled)(p) for mode in MODES]
        return sampled(p), jacobians, jax.hessian(sampled)(p)

    found, jacobians, hessians = derivatives(PARAMETERS)
    np.testing.assert_allclose(found, value, rtol=0, atol=1e-10)
    # Derivatives by the last parameters are products with coordinates squared.
    for by_mode in jacobians:
        np.testing.assert_allclose(by_mode, jacobian, rtol=1e-10, atol=1e-7)
    np.testing.assert_allclose(hessians, curvature, rtol=1e-10, atol=1e-5)


def test_jacobian_by_parameters_agrees_with_that_of_the_warp() -> None:
    image = np.random.default_rng(3).random((60, 80))
    points = np.random.default_rng(4).uniform(8, 50, (40, 2))
    warp = pa.Homography.from_params(PARAMETERS)
    core = pa.Sampler(image, "bspline3").value_and_grad(warp(points))[1]
    expected = np.einsum("na,nap->np", core, warp.jacobian(points))

    def sampled(p: Any) -> Any:
        return pj.Sampler(image, "bspline3")(jax.vmap(partial(warped, p))(points))

    found = jax.jit(jax.jacfwd(sampled))(
        np.asarray(warp.matrix - np.eye(3)).ravel()[:8]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@both
@pytest.mark.parametrize("domain", ["image", "unbounded"])
@pytest.mark.parametrize("kernel", ["linear", "bspline2_direct"])
def test_one_sided_derivatives_are_the_same_bits_in_both_modes(
    kernel: str, domain: str, implementation: str, rng: np.random.Generator
) -> None:
    image = rng.random((40, 60))
    pixels = np.round(rng.uniform(-2, [62, 42], (80, 2)))
    points = np.concatenate(
        [pixels, pixels + 0.5, [[0.0, 0], [59, 39], [59, 0], [0, 39]]]
    )
    options = {"domain": domain}
    sampler = pj.Sampler(image, kernel, **options, implementation=implementation)

    @jax.jit
    def gradients(sampler: Any, points: Any) -> Any:
        modes = [jax.vmap(getattr(jax, mode)(sampler))(points) for mode in MODES]
        return sampler.value_and_grad(points)[1], modes

    expected, modes = gradients(sampler, points)
    for found in modes:
        np.testing.assert_array_equal(found, expected)
    core = pa.Sampler(image, kernel, **options).value_and_grad(points)[1]
    np.testing.assert_allclose(expected, core, rtol=0, atol=1e-13)
    if implementation == "auto":
        np.testing.assert_array_equal(expected, core)


@both
def test_invalid_samples_have_no_derivatives_whatever_the_motion(
    implementation: str,
) -> None:
    image = np.arange(30.0).reshape(5, 6) ** 2
    image[2, 2] = np.nan
    points = np.array([[9.0, 1.0], [2.5, 2.5], [np.nan, 1.0], [4.5, 0.5]])
    motions = np.array([[1.0, 1.0], [np.nan, 0.0], [np.nan, 1.0], [1.0, 0.0]])

    def sampled(image: Any, points: Any) -> Any:
        sampler = pj.Sampler(image, fill=-1.0, implementation=implementation)
        return sampler(points)

    value, change = jax.jvp(partial(sampled, image), (points,), (motions,))
    assert value[:3].tolist() == [-1.0] * 3
    assert change[:3].tolist() == [0.0] * 3
    assert change[3] != 0
    pulled = jax.vjp(sampled, image, points)[1](np.array([np.nan, 1.0, np.nan, 1.0]))
    assert np.isfinite(pulled[0]).all()
    np.testing.assert_array_equal(pulled[1][:3], 0)
    assert np.flatnonzero(pulled[0]).tolist() == [4, 5, 10, 11]


@both
def test_tangents_of_the_image_are_never_dropped(
    implementation: str, rng: np.random.Generator
) -> None:
    image, change = rng.random((2, 30, 50))
    change[4, 4] = np.nan
    points = np.concatenate([rng.uniform(8, 29, (40, 2)), [[4.5, 4.5], [-9.0, 0.0]]])

    def sampled(image: Any) -> Any:
        options = {"boundary": "constant", "cval": 5.0, "scale": 0.5}
        return pj.Sampler(image, **options, implementation=implementation)(points)

    _, found = jax.jvp(sampled, (image,), (change,))
    expected = pa.Sampler(change, scale=0.5)(points)
    np.testing.assert_allclose(found[:-1], expected[:-1], atol=1e-12)
    assert np.isnan(found[-2])
    assert found[-1] == 0  # invalid


@pytest.mark.parametrize(
    "boundary", ["mirror", "reflect", "nearest", "wrap", "constant"]
)
@pytest.mark.parametrize("kernel", ["linear", "bspline3"])
def test_cotangents_reach_the_pixels_as_from_the_core(
    kernel: str, boundary: str, rng: np.random.Generator
) -> None:
    image = rng.random((25, 40, 2))
    points = rng.uniform(-4, [43, 28], (300, 2))
    weights = rng.random((300, 2))
    options = {"boundary": boundary, "domain": "unbounded", "cval": 2.0}
    expected = pa.Sampler(image, kernel, **options).vjp_image(points, weights)

    @partial(jax.jit, static_argnums=1)
    def pulled(image: Any, implementation: str) -> Any:
        def weighted(image: Any) -> Any:
            sampler = pj.Sampler(
                image, kernel, **options, implementation=implementation
            )
            return (sampler(points) * weights).sum()

        return jax.grad(weighted)(image)

    is_new = kernel == "linear" or boundary == "nearest"  # to operations of JAX
    for implementation in ("auto", "jnp") if is_new else ("auto",):
        found = pulled(image, implementation)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("kernel", "implementation"),
    [("linear", "auto"), ("bspline3", "auto"), ("catmull_rom", "jnp")],
)
def test_gradients_are_differentiable_by_pixels(
    kernel: str, implementation: str, rng: np.random.Generator
) -> None:
    image, change = rng.random((2, 12, 20, 2))
    points, weights = rng.uniform(0, [19, 11], (30, 2)), rng.random((30, 2, 2))

    def gradients(image: Any) -> Any:
        sampler = pj.Sampler(image, kernel, implementation=implementation)
        return sampler.value_and_grad(points)[1]

    # Sampling is linear in the pixels, and so is the gradient.
    _, found = jax.jvp(gradients, (image,), (change,))
    expected = pa.Sampler(change, kernel).value_and_grad(points)[1]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    (pulled,) = jax.vjp(gradients, image)[1](weights)
    np.testing.assert_allclose((pulled * change).sum(), (found * weights).sum())
    # What comes back to the pixels is differentiable by the points, which is the same.

    def pulled_back(points: Any) -> Any:
        sampler = partial(pj.Sampler, kernel=kernel, implementation=implementation)
        return jax.vjp(lambda image: sampler(image)(points), image)[1](weights[..., 0])

    motions = rng.random((30, 2))
    _, (moved,) = jax.jvp(pulled_back, (points,), (motions,))
    by_core = pa.Sampler(change, kernel).jvp(points, motions)[1]
    np.testing.assert_allclose(
        (moved * change).sum(), (by_core * weights[..., 0]).sum(), rtol=1e-10
    )
    (back,) = jax.vjp(pulled_back, points)[1]((change,))
    expected = pa.Sampler(change, kernel).vjp(points, weights[..., 0])
    np.testing.assert_allclose(back, expected, atol=1e-10)


@both
def test_derivative_past_gaps_is_that_of_the_filled_image(
    implementation: str, rng: np.random.Generator
) -> None:
    image, change = rng.random((2, 30, 60))
    image[12, 20] = image[:, 40] = np.nan
    points = rng.uniform(0, [59, 29], (200, 2))

    def total(image: Any) -> Any:
        sampler = pj.Sampler(image, "bspline2", implementation=implementation, fill=0)
        return sampler(points).sum()

    change[np.isnan(image)] = 0
    slope = (jax.jit(jax.grad(total))(image) * change).sum()
    # The spline is linear in the valid pixels.
    by_core = [
        pa.Sampler(image + step * change, "bspline2", fill=0)(points).sum()
        for step in (1, -1)
    ]
    np.testing.assert_allclose(slope, (by_core[0] - by_core[1]) / 2, rtol=1e-10)


def test_derivatives_beyond_the_hessian(rng: np.random.Generator) -> None:
    image = rng.random((30, 40))
    point, step = np.array([17.3, 11.6]), 1e-5
    sampler = pj.Sampler(image, "bspline5")
    third = jax.jit(lambda p: [m(jax.hessian(sampler))(p) for m in modes])
    modes = jax.jacfwd, jax.jacrev
    found, reverse = third(point)
    core = pa.Sampler(image, "bspline5")
    for axis in range(2):
        move = step * np.eye(2)[axis]
        ahead, behind = (
            core.value_grad_hess(point + sign * move)[2] for sign in (1, -1)
        )
        np.testing.assert_allclose(
            found[..., axis], (ahead - behind) / (2 * step), atol=1e-6
        )
    np.testing.assert_allclose(reverse, found, rtol=1e-12, atol=1e-12)


def test_the_linear_kernel_has_mixed_second_derivatives_only(
    rng: np.random.Generator,
) -> None:
    image = rng.random((10, 12))
    found = jax.hessian(pj.Sampler(image))(np.array([3.5, 4.25]))
    cell = image[4:6, 3:5]
    mixed = cell[1, 1] - cell[1, 0] - cell[0, 1] + cell[0, 0]
    np.testing.assert_allclose(found, [[0, mixed], [mixed, 0]], atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16"])
def test_derivatives_have_the_types_of_what_they_are_by(dtype: str) -> None:
    image = jax.numpy.ones((5, 6), dtype)
    points = jax.numpy.full((3, 2), 1.5, "float32")
    by_image, by_points = jax.grad(lambda i, p: pj.Sampler(i)(p).sum(), (0, 1))(
        image, points
    )
    assert (by_image.dtype, by_image.shape) == (image.dtype, image.shape)
    assert (by_points.dtype, by_points.shape) == (points.dtype, points.shape)
    assert float(by_image.sum()) == 3


def test_a_whole_image_has_derivatives_by_points_only() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert jax.grad(pj.Sampler(image))(np.array([1.5, 0.5])).tolist() == [1, 4]
    with pytest.raises(TypeError, match="uint8"):
        jax.grad(lambda image: pj.Sampler(image)([1.5, 0.5]))(image)


def test_nearest_pixels_are_differentiable_by_their_values() -> None:
    image = np.arange(12.0).reshape(3, 4)
    found = jax.grad(lambda image: pj.Sampler(image, "nearest")([1.2, 0.9]))(image)
    assert np.argwhere(found).tolist() == [[1, 1]]


@both
@pytest.mark.parametrize("shape", [(40,), (7, 9, 11)])
def test_signals_and_volumes_have_the_same_derivatives(
    shape: tuple[int, ...], implementation: str, rng: np.random.Generator
) -> None:
    ndim = len(shape)
    image, change = rng.random((2, *shape))
    options = {"ndim": ndim, "indexing": "ij", "spacing": 0.5, "scale": 3.0}
    points = rng.uniform(-0.5, np.array(shape) / 2, (30, ndim))
    weights = rng.random((30, ndim))

    @jax.jit
    def pulled(image: Any) -> Any:
        def sampler(image: Any) -> Any:
            made = partial(pj.Sampler, kernel="catmull_rom", **options)
            return made(image, fill=0.0, implementation=implementation)

        def slope(image: Any) -> Any:
            return (sampler(image).value_and_grad(points)[1] * weights).sum()

        values = jax.grad(lambda image: sampler(image)(points).sum())(image)
        return values, jax.grad(slope)(image)

    of_values, of_slopes = pulled(image)
    core = pa.Sampler(change, "catmull_rom", fill=0.0, **options)
    expected = core.vjp_image(points, np.ones(30))
    np.testing.assert_allclose(of_values, expected, rtol=0, atol=1e-11)
    expected = (core.value_and_grad(points)[1] * weights).sum()
    np.testing.assert_allclose((of_slopes * change).sum(), expected, rtol=1e-10)
