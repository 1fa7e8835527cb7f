"""NumPy, jets, JAX and PyTorch tell the same derivatives, in either direction."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from functions import homography
from photalign.warps import Homography

jax = pytest.importorskip("jax")
torch = pytest.importorskip("torch")

from photalign.autodiff import jax as pj  # noqa: E402
from photalign.autodiff import torch as pt  # noqa: E402

SHAPE = (9, 12)
KERNELS = ["linear", "catmull_rom", "bspline3", "bspline5", "bspline3_direct"]
BOUNDARIES = ["mirror", "reflect", "nearest", "wrap", "constant"]
PARAMS = {
    "between pixels": [1.02, 0.03, -0.4, -0.02, 0.98, 0.3, 2e-3, -1e-3],
    "on pixels": [1.0, 0.0, 1.0, 0.0, 1.0, -2.0, 0.0, 0.0],
}


@pytest.fixture(autouse=True)
def doubles():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def points_of(shape):
    """All pixels, and some that lie outside."""
    y, x = np.mgrid[-1 : shape[0] + 1, -1 : shape[1] + 1]
    return np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)


def analytic(sampler, params, points):
    """Return the Jacobian and the Hessian by the chain rule."""
    warp = Homography.from_params(params)
    _, gradient, hessian = sampler.value_grad_hess(warp(points))
    by_params = warp.jacobian(points)
    jacobian = np.einsum("nca,nak->nck", gradient, by_params)
    bent = np.einsum("nca,nakl->nckl", gradient, second_derivatives(params, points))
    return jacobian, bent + np.einsum(
        "nak,ncab,nbl->nckl", by_params, hessian, by_params
    )


def second_derivatives(params, points):
    """Return those of the mapped points by the parameters, (N, 2, 8, 8), by hand."""
    x, y = points.T
    w = 1 / (params[6] * x + params[7] * y + 1)
    rows = np.stack([x, y, np.ones_like(x)], axis=-1) * w[:, None]
    u = Homography.from_params(params)(points)
    ray = rows[:, :2]
    found = np.zeros((len(points), 2, 8, 8))
    for axis in (0, 1):
        linear = slice(3 * axis, 3 * axis + 3)
        mixed = -rows[:, :, None] * ray[:, None, :]
        found[:, axis, linear, 6:] = mixed
        found[:, axis, 6:, linear] = mixed.swapaxes(1, 2)
        found[:, axis, 6:, 6:] = (
            2 * u[:, axis, None, None] * (ray[:, :, None] * ray[:, None, :])
        )
    return found


@pytest.mark.parametrize("where", PARAMS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_jacobians_and_hessians_of_a_warped_sampler(kernel, boundary, where, rng):
    image = rng.random((*SHAPE, 2))
    params, points = np.array(PARAMS[where]), points_of(SHAPE)
    options = {"boundary": boundary, "fill": 0.0}
    sampler = pa.Sampler(image, kernel, **options)
    jacobian, hessian = analytic(sampler, params, points)
    size = np.abs(jacobian).max(), np.abs(hessian).max()

    by_jets = sampler(homography(pa.Jet.seed(params), points)).jacobian()
    np.testing.assert_allclose(by_jets, jacobian, atol=1e-10 * size[0])

    in_jax = pj.Sampler(image, kernel, **options)

    def warped_in_jax(p):
        x, y = points.T
        w = p[6] * x + p[7] * y + 1
        rows = p[0] * x + p[1] * y + p[2], p[3] * x + p[4] * y + p[5]
        return in_jax(jax.numpy.stack(rows, axis=-1) / w[:, None])

    for derivative in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(
            derivative(warped_in_jax)(params), jacobian, atol=1e-10 * size[0]
        )
    np.testing.assert_allclose(
        jax.hessian(warped_in_jax)(params), hessian, atol=1e-10 * size[1]
    )

    in_torch = pt.Sampler(torch.from_numpy(image), kernel, **options)
    xy = torch.from_numpy(points)

    def warped_in_torch(p):
        x, y = xy.T
        w = p[6] * x + p[7] * y + 1
        rows = p[0] * x + p[1] * y + p[2], p[3] * x + p[4] * y + p[5]
        return in_torch(torch.stack(rows, dim=-1) / w[:, None])

    given = torch.from_numpy(params)
    for derivative in (torch.func.jacfwd, torch.func.jacrev):
        np.testing.assert_allclose(
            derivative(warped_in_torch)(given), jacobian, atol=1e-10 * size[0]
        )
    np.testing.assert_allclose(
        torch.func.hessian(warped_in_torch)(given), hessian, atol=1e-10 * size[1]
    )


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", ["linear", "catmull_rom", "bspline2", "bspline3"])
def test_one_sided_derivatives_agree_to_the_bit(kernel, boundary, rng):
    """At pixels, where a derivative may jump, all take the same of its two values."""
    image = rng.random(SHAPE)
    points = points_of(SHAPE)
    options = {"boundary": boundary, "domain": "unbounded"}
    sampler = pa.Sampler(image, kernel, **options)
    _, gradient = sampler.value_and_grad(points)
    ones = np.ones(len(points))
    np.testing.assert_array_equal(sampler.vjp(points, ones), gradient)

    shift = pa.Jet.seed([0.0, 0.0])
    moved = np.stack([points[:, 0] + shift[0], points[:, 1] + shift[1]], axis=-1)
    np.testing.assert_array_equal(sampler(moved).jacobian(), gradient)

    in_jax = pj.Sampler(image, kernel, **options)
    in_torch = pt.Sampler(torch.from_numpy(image), kernel, **options)
    xy = torch.from_numpy(points)
    for axis in (0, 1):
        along = np.zeros_like(points)
        along[:, axis] = 1
        for change in (
            sampler.jvp(points, along)[1],
            jax.jvp(in_jax, (points,), (along,))[1],
            torch.func.jvp(in_torch, (xy,), (torch.from_numpy(along),))[1],
        ):
            np.testing.assert_array_equal(np.asarray(change), gradient[:, axis])
    for pulled in (
        jax.vjp(in_jax, jax.numpy.asarray(points))[1](jax.numpy.asarray(ones))[0],
        torch.func.vjp(in_torch, xy)[1](torch.from_numpy(ones))[0],
    ):
        np.testing.assert_array_equal(np.asarray(pulled), gradient)
