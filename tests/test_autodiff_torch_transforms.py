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
