"""Batches, types, graphs and compiled code: what PyTorch does around the sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sampler_cases import picture

torch = pytest.importorskip("torch")
from torch.autograd import forward_ad  # noqa: E402
from torch.func import grad, jacfwd, jacrev, vmap  # noqa: E402

from photalign.autodiff import torch as pt  # noqa: E402
from photalign.autodiff.torch._spline_filter import (  # noqa: E402
    filtered,
    filtered_adjoint,
)


def image_of(rng: np.random.Generator, *shape: int) -> Any:
    return torch.from_numpy(picture(rng, shape)) / 50


def test_a_batch_of_images_with_points_of_their_own(
    backend: str, rng: np.random.Generator
) -> None:
    images = torch.from_numpy(picture(rng, (4, 3, 12, 15)))
    images[2, 1, 5, 5] = torch.nan
    points = torch.from_numpy(rng.uniform(-1, 12, (4, 20, 2)))
    for kernel in ("linear", "bspline3"):

        def sampled(image: Any, points: Any, kernel: str = kernel) -> Any:
            return pt.Sampler(image, kernel, channel_axis=0, fill=0)(points)

        for dims in ((0, 0), (0, None), (None, 0)):
            given = [
                tensor if dim == 0 else tensor[2]
                for tensor, dim in zip((images, points), dims, strict=True)
            ]
            found = vmap(sampled, dims)(*given)
            each = [
                [
                    tensor[i] if dim == 0 else tensor
                    for tensor, dim in zip(given, dims, strict=True)
                ]
                for i in range(4)
            ]
            expected = torch.stack([sampled(*one) for one in each])
            torch.testing.assert_close(found, expected)

        def loss(image: Any, points: Any, kernel: str = kernel) -> Any:
            return sampled(image, points, kernel).sin().sum()

        of_both = grad(loss, argnums=(0, 1))
        finite = images.nan_to_num()
        found = vmap(of_both)(finite, points)
        expected = [of_both(image, p) for image, p in zip(finite, points, strict=True)]
        for ours, theirs in zip(found, zip(*expected, strict=True), strict=True):
            torch.testing.assert_close(ours, torch.stack(theirs))


def test_batches_of_batches(backend: str, rng: np.random.Generator) -> None:
    images, points = (
        image_of(rng, 2, 3, 9, 11),
        torch.from_numpy(rng.uniform(1, 7, (5, 4, 2))),
    )
    each = vmap(vmap(lambda i, p: pt.Sampler(i, "bspline3")(p), (0, None)), (0, None))
    found = vmap(each, (None, 0), out_dims=2)(images, points)
    for b in range(2):
        for k in range(3):
            expected = pt.Sampler(images[b, k], "bspline3")(points)
            torch.testing.assert_close(found[b, k], expected)
    of_images = jacrev(lambda i: each(i, points[0]).sum((0, 1)))(images)
    expected = jacfwd(lambda i: each(i, points[0]).sum((0, 1)))(images)
    torch.testing.assert_close(of_images, expected)


def test_forward_mode_reaches_through_reverse_mode(rng: np.random.Generator) -> None:
    """Without `torch.func`, as in Hessian-vector products written by hand."""
    sampler = pt.Sampler(image_of(rng, 9, 11), "bspline3")
    points = torch.from_numpy(rng.uniform(1, 7, (4, 2)))
    tangent = torch.from_numpy(rng.normal(size=(4, 2)))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(points.clone().requires_grad_(), tangent)
        (gradient,) = torch.autograd.grad(sampler(dual).sum(), dual)
        found = forward_ad.unpack_dual(gradient).tangent
    hessians = sampler.value_grad_hess(points)[2]
    expected = torch.einsum("nab,nb->na", hessians, tangent)
    torch.testing.assert_close(found, expected)


def test_a_graph_is_kept_only_where_something_needs_it(backend: str) -> None:
    image, points = torch.rand(5, 6), torch.rand(7, 2)
    for image_needs, points_need in ((0, 0), (0, 1), (1, 0), (1, 1)):
        pixels = image.clone().requires_grad_(bool(image_needs))
        where = points.clone().requires_grad_(bool(points_need))
        sampler = pt.Sampler(pixels, "bspline3")
        values, mask = sampler(where, return_mask=True)
        assert values.requires_grad == bool(image_needs or points_need)
        assert not mask.requires_grad
        with torch.no_grad():
            assert not sampler(where).requires_grad
        with torch.inference_mode():
            assert torch.equal(sampler(points), values)
        if values.requires_grad:
            values.sum().backward()
        assert (pixels.grad is not None) == bool(image_needs)
        assert (where.grad is not None) == bool(points_need)


def test_derivatives_have_the_types_of_what_they_are_by(backend: str) -> None:
    for image_type in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for points_type in (torch.float16, torch.float32, torch.float64):
            image = torch.rand(5, 6).to(image_type).requires_grad_()
            points = torch.full((3, 2), 1.5, dtype=points_type, requires_grad=True)
            for kernel in ("linear", "bspline3"):
                values = pt.Sampler(image, kernel)(points)
                assert (values.dtype == torch.float64) == (image_type == torch.float64)
                found = torch.autograd.grad(values.sum(), (image, points))
                assert [f.dtype for f in found] == [image_type, points_type]
                jacfwd(pt.Sampler(image.detach(), kernel))(points.detach())


# PyTorch's own, where compiled code ends and goes on.
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_compiled_code_samples_and_derives_the_same(rng: np.random.Generator) -> None:
    image, points = image_of(rng, 9, 11), torch.from_numpy(rng.uniform(1, 7, (4, 2)))

    def loss(image: Any, points: Any) -> Any:
        return pt.Sampler(image, "bspline3")(1.1 * points).square().sum()

    compiled = torch.compile(loss, backend="eager")
    image.requires_grad_()
    points.requires_grad_()
    expected = torch.autograd.grad(loss(image, points), (image, points))
    found = torch.autograd.grad(compiled(image, points), (image, points))
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("boundary", ["mirror", "nearest", "constant"])
def test_everything_stays_on_the_device_of_the_image(boundary: str) -> None:
    """The device "meta" has shapes only, but does not mix with another."""
    image = torch.rand(9, 11, 3, device="meta", requires_grad=True)
    points = torch.rand(4, 5, 2, device="meta", requires_grad=True)
    sampler = pt.Sampler(image, "bspline3_direct", boundary=boundary)
    values, gradients, mask = sampler.value_and_grad(points, return_mask=True)
    assert mask.device == image.device
    loss = values.sum() + gradients.square().sum()
    found = torch.autograd.grad(loss, (image, points), create_graph=True)
    again = torch.autograd.grad(sum(f.sum() for f in found), (image, points))
    assert [f.shape for f in again] == [image.shape, points.shape]
    assert {f.device for f in (*found, *again)} == {image.device}
    assert sampler([1.5, 2.5]).device == image.device
    rule = pt.Sampler(torch.rand(9, 11, 3), "bspline3", boundary=boundary)._rule
    coefficients = filtered(image, rule.interpolation)
    assert coefficients.device == image.device
    pulled = filtered_adjoint(coefficients, rule.interpolation)
    assert (pulled.device, pulled.shape) == (image.device, image.shape)


def test_coefficients_of_operations_are_those_of_the_core(
    rng: np.random.Generator,
) -> None:
    image, weights = rng.normal(size=(70, 9, 2)), rng.normal(size=(70, 9, 2))
    for kernel in ("bspline2", "bspline3", "bspline5"):
        for boundary in ("mirror", "reflect", "wrap"):
            rule = pt.Sampler(torch.zeros(3, 3), kernel, boundary=boundary)._rule
            expected = rule.interpolation.to_stored(image, 1)
            found = filtered(torch.from_numpy(image), rule.interpolation)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
            expected = rule.interpolation.to_pixels(weights.copy(), 1)
            found = filtered_adjoint(torch.from_numpy(weights), rule.interpolation)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
