"""What PyTorch derives through the sampler, in both modes, to any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import photalign as pa
from sampler_cases import BOUNDARIES, DOMAINS, SMOOTH, picture, points_near

torch = pytest.importorskip("torch")
from torch.autograd import forward_ad, gradcheck, gradgradcheck  # noqa: E402
from torch.func import (  # noqa: E402
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    vjp,
    vmap,
)

from photalign.autodiff import torch as pt  # noqa: E402

# Operations of PyTorch have the values and gradients of the core, so that what is made
# of these need not be checked for all kernels.
CHECKED = [
    *((kernel, "core") for kernel in SMOOTH),
    *((kernel, "operations") for kernel in ("linear", "bspline2", "bspline3")),
]
C2 = ["bspline3", "bspline5", "bspline3_direct", "bspline5_direct"]


def image_of(rng: np.random.Generator, *shape: int) -> Any:
    return torch.from_numpy(picture(rng, shape)) / 50


def between_knots(rng: np.random.Generator, kernel: str) -> Any:
    """Points inside a 7 x 8 image, one of them outside, all away from knots."""
    corners = torch.tensor([[0.0, 0.0], [3.0, 2.0], [6.0, 5.0], [30.0, 1.0]])
    shift = 0.5 if kernel.startswith("bspline2") else 0.0
    inside = torch.from_numpy(rng.uniform(0.2, 0.8, (4, 2)))
    return (corners + inside - shift).clamp(0.1) + 0.0


# Against finite differences


@pytest.mark.parametrize(("kernel", "backend"), CHECKED, indirect=["backend"])
def test_first_derivatives_in_every_mode(
    kernel: str, backend: str, rng: np.random.Generator
) -> None:
    image = image_of(rng, 7, 8).requires_grad_()
    points = between_knots(rng, kernel).requires_grad_()

    def sampled(image: Any, points: Any) -> Any:
        return pt.Sampler(image, kernel, fill=1.0)(points)

    assert gradcheck(
        sampled,
        (image, points),
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
    )


@pytest.mark.parametrize(("kernel", "backend"), CHECKED, indirect=["backend"])
def test_second_derivatives_in_every_mode(
    kernel: str, backend: str, rng: np.random.Generator
) -> None:
    image = image_of(rng, 5, 4).requires_grad_()
    points = between_knots(rng, kernel)[1:2].requires_grad_()

    def sampled(image: Any, points: Any) -> Any:
        return pt.Sampler(image, kernel, boundary="reflect", fill=1.0)(points)

    assert gradgradcheck(
        sampled,
        (image, points),
        check_fwd_over_rev=True,
        check_rev_over_rev=True,
        check_batched_grad=True,
    )


@pytest.mark.parametrize("boundary", ["nearest", "constant"])
def test_derivatives_at_the_border_and_of_gradients(
    boundary: str, backend: str, rng: np.random.Generator
) -> None:
    image = image_of(rng, 5, 6).requires_grad_()
    points = torch.tensor([[-0.7, 4.8], [2.3, 1.6]], dtype=torch.float64)
    points.requires_grad_()

    def sampled(image: Any, points: Any) -> Any:
        sampler = pt.Sampler(
            image, "bspline3", boundary=boundary, domain="unbounded", cval=0.3
        )
        return sampler.value_grad_hess(points)

    assert gradcheck(sampled, (image, points), check_forward_ad=True)


@pytest.mark.parametrize("ndim", [1, 3])
def test_derivatives_of_signals_and_volumes(
    ndim: int, backend: str, rng: np.random.Generator
) -> None:
    image = image_of(rng, *(3, 4, 3)[:ndim]).requires_grad_()
    points = torch.from_numpy(rng.uniform(1.2, 1.8, (1, ndim))).requires_grad_()

    def sampled(image: Any, points: Any) -> Any:
        sampler = pt.Sampler(
            image, "catmull_rom", ndim=ndim, spacing=0.7, origin=0.5, indexing="ij"
        )
        return sampler(points)

    assert gradcheck(sampled, (image, points), check_forward_ad=True)
    assert gradgradcheck(sampled, (image, points), check_fwd_over_rev=True)


def test_third_derivatives(rng: np.random.Generator) -> None:
    image = image_of(rng, 7, 8)
    sampler = pt.Sampler(image, "bspline5_direct")
    point = torch.tensor([3.3, 2.6], dtype=torch.float64)
    step = 1e-5 * torch.eye(2, dtype=torch.float64)
    found = jacfwd(hessian(sampler))(point)
    for axis in range(2):
        ahead, behind = (
            sampler.value_grad_hess(point + s * step[axis])[2] for s in (1, -1)
        )
        torch.testing.assert_close(
            found[..., axis], (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-6
        )


# Against the chain rule


def homography(params: Any, points: Any) -> Any:
    """Warp points by a matrix, row by row, whose last entry is 1."""
    matrix = torch.cat([params, torch.ones_like(params[:1])]).reshape(3, 3)
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:]


def near_identity(rng: np.random.Generator) -> pa.Homography:
    change = rng.normal(size=8) * [0.02, 0.02, 5, 0.02, 0.02, 5, 1e-4, 1e-4]
    return pa.Homography.from_params(change + np.eye(3).ravel()[:8])


@pytest.mark.parametrize("backend", ["core"], indirect=True)
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", SMOOTH)
def test_jacobian_through_a_homography(
    kernel: str, boundary: str, domain: str, backend: str, rng: np.random.Generator
) -> None:
    options = {"boundary": boundary, "domain": domain, "fill": 0.0}
    image = picture(rng, (60, 130, 2))
    warp = near_identity(rng)
    points = rng.uniform(-10, 1.1, (40, 2)) * [-13, -6]
    _, gradients, mask = pa.Sampler(image, kernel, **options).value_and_grad(
        warp(points), return_mask=True
    )
    assert mask.any()
    assert domain == "unbounded" or not mask.all()
    expected = np.einsum("nca,nap->ncp", gradients, warp.jacobian(points))
    sampler = pt.Sampler(torch.from_numpy(image), kernel, **options)
    at, params = torch.from_numpy(points), torch.from_numpy(warp.params)
    backwards = jacrev(lambda p: sampler(homography(p, at)))(params)
    forwards = jacfwd(lambda p: sampler(homography(p, at)))(params)
    atol = 1e-10 * np.abs(expected).max()
    np.testing.assert_allclose(backwards, expected, rtol=0, atol=atol)
    np.testing.assert_allclose(forwards, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("kernel", ["linear", *C2])
def test_hessian_through_a_homography(
    kernel: str, backend: str, rng: np.random.Generator
) -> None:
    image, warp = picture(rng, (60, 130)), near_identity(rng)
    points = rng.uniform(0, 59, (40, 2))
    at, params = torch.from_numpy(points), torch.from_numpy(warp.params)
    numpy_sampler = pa.Sampler(image, kernel, fill=0)
    _, gradients, hessians = numpy_sampler.value_grad_hess(warp(points))
    first = warp.jacobian(points)
    second = hessian(homography)(params, at).numpy()
    expected = np.einsum("na,napq->npq", gradients, second)
    expected += np.einsum("nap,nab,nbq->npq", first, hessians, first)
    sampler = pt.Sampler(torch.from_numpy(image), kernel, fill=0)
    atol = 1e-10 * np.abs(expected).max()
    for outer in (jacfwd, jacrev):
        for inner in (jacfwd, jacrev):
            found = outer(inner(lambda p: sampler(homography(p, at))))(params)
            np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_invalid_pixels_are_filled_in_every_mode(
    backend: str, rng: np.random.Generator
) -> None:
    image = image_of(rng, 20, 3)
    image[3, 1] = torch.nan
    known = image.isfinite()
    inside = rng.uniform([0.2, 13.2], [1.8, 18.8], (2, 2))
    points = torch.from_numpy(inside).requires_grad_()

    def sampled(pixels: Any, points: Any) -> Any:
        return pt.Sampler(torch.where(known, pixels, torch.nan), "bspline3")(points)

    pixels = image.nan_to_num().requires_grad_()
    assert sampled(pixels, points).isfinite().all()
    assert gradcheck(sampled, (pixels, points), check_forward_ad=True)


# Laws


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", SMOOTH)
def test_both_modes_choose_the_same_side_at_knots_bit_for_bit(
    kernel: str, boundary: str, backend: str, rng: np.random.Generator
) -> None:
    image = image_of(rng, 9, 12)
    knots = torch.cartesian_prod(
        torch.arange(-1.0, 13, 0.5), torch.arange(-1.0, 10, 0.5)
    )
    knots = knots.double()
    sampler = pt.Sampler(image, kernel, boundary=boundary)
    _, expected = sampler.value_and_grad(knots)
    one = torch.ones(len(knots), dtype=torch.float64)
    (backwards,) = vjp(sampler, knots)[1](one)
    forwards = torch.stack(
        [
            jvp(sampler, (knots,), (axis.expand_as(knots),))[1]
            for axis in torch.eye(2).double()
        ],
        -1,
    )
    assert torch.equal(backwards, expected)
    assert torch.equal(forwards, expected)
    leaf = knots.clone().requires_grad_()
    assert torch.equal(torch.autograd.grad(sampler(leaf), leaf, one)[0], expected)
    numpy_sampler = pa.Sampler(image.numpy(), kernel, boundary=boundary)
    by_numpy = numpy_sampler.value_and_grad(knots.numpy())[1]
    np.testing.assert_allclose(expected, by_numpy, rtol=0, atol=1e-12 * 50)


def test_slope_at_the_last_pixel_leads_to_it(backend: str) -> None:
    sampler = pt.Sampler(torch.tensor([0.0, 1.0, 4.0, 9.0]), ndim=1)
    slopes = vmap(grad(lambda x: sampler(x)))(
        torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    )
    assert slopes.ravel().tolist() == [1, 3, 5, 5]


@pytest.mark.parametrize("kernel", ["linear", "bspline3", "bspline5"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_sampling_is_linear_in_the_image_and_has_an_adjoint(
    boundary: str, kernel: str, backend: str, rng: np.random.Generator
) -> None:
    image, change = image_of(rng, 13, 17, 2), image_of(rng, 13, 17, 2)
    points = torch.from_numpy(points_near(rng, (13, 17)))

    def sampled(image: Any) -> Any:
        sampler = pt.Sampler(image, kernel, boundary=boundary, cval=9.0, fill=0)
        return sampler.value_and_grad(points)

    values, changes = jvp(sampled, (image,), (change,))
    moved = sampled(image + change)
    cotangents = tuple(torch.from_numpy(rng.normal(size=v.shape)) for v in values)
    (pulled,) = vjp(sampled, image)[1](cotangents)
    for before, by, after in zip(values, changes, moved, strict=True):
        torch.testing.assert_close(before + by, after, rtol=0, atol=1e-11)
    along = sum((c * w).sum() for c, w in zip(changes, cotangents, strict=True))
    torch.testing.assert_close(along, (pulled * change).sum(), rtol=1e-11, atol=1e-11)


def test_invalid_samples_weigh_nothing_whatever_comes_back(backend: str) -> None:
    image = torch.rand(5, 6, dtype=torch.float64).requires_grad_()
    points = torch.tensor([[1.3, 2.2], [-1.0, 0.0], [float("nan"), 0.0]])
    points = points.double().requires_grad_()
    values, mask = pt.Sampler(image, "catmull_rom")(points, return_mask=True)
    assert mask.tolist() == [True, False, False]
    # NaN squared, and hidden only then: what comes back is NaN.
    loss = torch.where(mask, values**2, 0.0).sum()
    of_image, of_points = torch.autograd.grad(loss, (image, points), create_graph=True)
    assert of_image.isfinite().all()
    assert of_points.isfinite().all()
    assert (of_points[1:] == 0).all()
    assert of_points[0].all()
    again = torch.autograd.grad(of_points.sum() + of_image.sum(), (image, points))
    assert all(tensor.isfinite().all() for tensor in again)
    with forward_ad.dual_level():
        moving = forward_ad.make_dual(
            points.detach(), torch.full((3, 2), torch.nan).double()
        )
        change = forward_ad.unpack_dual(pt.Sampler(image.detach())(moving)).tangent
        assert (change[1:] == 0).all()
