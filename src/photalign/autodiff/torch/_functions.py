"""Sampling and its adjoint as functions that PyTorch differentiates, to any order.

Two maps, linear in the image, that depend on points: `Gather` samples values and
derivatives up to an order k, and `Scatter` is its adjoint. The derivatives of either
are made of both, by the points of order k + 1. So everything that PyTorch derives,
forward or in reverse, comes from one choice of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from photalign.autodiff.torch._operation import (
    Operation,
    batched,
    is_plain,
    nested,
    primals,
)
from photalign.autodiff.torch._rule import Rule
from photalign.autodiff.torch._tensor_pass import expand

Tensors = tuple[Tensor, ...]
Optional = Sequence[Tensor | None]


class Gather(Operation):
    """Values, gradients and so on of images at points, see `Rule.gather`.

    Beside these there may be the next derivatives, which are not differentiable. They
    save reverse mode another pass over the image, unless what it finds is to be
    differentiated in turn.
    """

    @staticmethod
    def forward(
        stored: Tensor, points: Tensor, rule: Rule, order: int, ahead: bool
    ) -> Tensors:
        """Sample."""
        return rule.gather(stored, points, order + ahead)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensors) -> None:
        """Keep what derivatives depend on."""
        stored, points, ctx.rule, ctx.order, ahead = inputs
        mask = output[-1]
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*output[ctx.order + 1 :])
        ctx.outputs = len(output)
        next_ones = output[-2] if ahead else None
        ctx.save_for_backward(stored, points, mask, next_ones)
        ctx.save_for_forward(stored, points, mask)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Any, ...]:
        """Pull cotangents back to image and points."""
        stored, points, mask, next_ones = ctx.saved_tensors
        given = cotangents[: ctx.order + 1]
        of_stored = of_points = None
        if all(c is None for c in given):
            return None, None, None, None, None
        if ctx.needs_input_grad[0]:
            shape, dtype = stored.shape, stored.dtype
            of_stored = Scatter.apply(points, mask, ctx.rule, shape, dtype, *given)
        if ctx.needs_input_grad[1]:
            if (
                ctx.order == 0
                and next_ones is not None
                and is_plain(stored, points, given[0])
            ):
                of_points = ctx.rule.contract(next_ones, mask, given[0], points.dtype)
            else:
                of_points = _pull_back(stored, points, mask, ctx.rule, given)
        return of_stored, of_points, None, None, None

    @staticmethod
    @nested
    def jvp(
        ctx: Any, of_stored: Tensor | None, of_points: Tensor | None, *_: None
    ) -> tuple[Tensor | None, ...]:
        """Push tangents of image and points forward."""
        stored, points, mask = primals(ctx.saved_tensors)
        rule, order = ctx.rule, ctx.order
        changes: list[Tensor | None] = [None] * (order + 1)
        if of_points is not None:
            _, *derivatives, _ = Gather.apply(stored, points, rule, order + 1, False)
            changes = [_along(d, of_points) for d in derivatives]
        if of_stored is not None:
            *others, _ = Gather.apply(of_stored, points, rule.linear, order, False)
            changes = [_sum(a, b) for a, b in zip(changes, others, strict=True)]
        unchanged = (None,) * (ctx.outputs - len(changes))
        return (*(None if c is None else _where(mask, c) for c in changes), *unchanged)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], stored: Tensor, points: Tensor, *rest: Any
    ) -> tuple[Tensors, tuple[int, ...]]:
        """Sample a batch of images, or of points in the same image."""
        rule, *_ = rest
        if in_dims[0] is None:
            # Further points for each image.
            axis = stored.ndim - rule.ndim - 1
            points = points.movedim(in_dims[1], axis)
        else:
            axis = 0
            stored = stored.movedim(in_dims[0], 0)
            points = batched(points, in_dims[1], info.batch_size)
        results = Gather.apply(stored, points, *rest)
        return results, (axis,) * len(results)


class Scatter(Operation):
    """The adjoint of `Gather` in the image, see `Rule.scatter`."""

    @staticmethod
    def forward(
        points: Tensor,
        mask: Tensor,
        rule: Rule,
        shape: Sequence[int],
        dtype: torch.dtype,
        *cotangents: Tensor | None,
    ) -> Tensor:
        """Put cotangents on pixels."""
        return rule.scatter(points, mask, shape, cotangents).to(dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what derivatives depend on."""
        points, mask, ctx.rule, ctx.shape, ctx.dtype, *cotangents = inputs
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(points, mask, *cotangents)
        ctx.save_for_forward(points, mask, *cotangents)

    @staticmethod
    def backward(ctx: Any, image: Tensor | None) -> tuple[Any, ...]:
        """Sample the cotangent of the image, which is the adjoint of the adjoint."""
        points, mask, *cotangents = ctx.saved_tensors
        nothing = (None,) * (5 + len(cotangents))
        if image is None:
            return nothing
        of_points = None
        of_cotangents: list[Tensor | None] = [None] * len(cotangents)
        if ctx.needs_input_grad[0]:
            of_points = _pull_back(image, points, mask, ctx.rule.linear, cotangents)
        if any(ctx.needs_input_grad[5:]):
            order = len(cotangents) - 1
            *found, _ = Gather.apply(image, points, ctx.rule.linear, order, False)
            of_cotangents = [
                None if c is None else _where(mask, f).to(c.dtype)
                for c, f in zip(cotangents, found, strict=True)
            ]
        return (of_points, *nothing[1:5], *of_cotangents)

    @staticmethod
    @nested
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        """Push tangents of points and cotangents forward."""
        points, mask, *cotangents = primals(ctx.saved_tensors)
        of_points, of_cotangents = tangents[0], tangents[5:]
        moved: list[Tensor | None] = [*of_cotangents]
        if of_points is not None:
            moved.append(None)
            for j, c in enumerate(cotangents, start=1):
                if c is not None:
                    moved[j] = _sum(moved[j], _outer(c, of_points))
        return Scatter.apply(points, mask, ctx.rule, ctx.shape, ctx.dtype, *moved)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], points: Tensor, mask: Tensor, *rest: Any
    ) -> tuple[Tensor, int]:
        """Put a batch of cotangents on a batch of images."""
        rule, shape, dtype, *cotangents = rest
        tensors = [
            None if tensor is None else batched(tensor, dim, info.batch_size)
            for tensor, dim in zip(
                [points, mask, *cotangents], [*in_dims[:2], *in_dims[5:]], strict=True
            )
        ]
        shape = (info.batch_size, *shape)
        return Scatter.apply(*tensors[:2], rule, shape, dtype, *tensors[2:]), 0


def _pull_back(
    stored: Tensor, points: Tensor, mask: Tensor, rule: Rule, cotangents: Optional
) -> Tensor:
    """Pull cotangents of values and derivatives back to the points."""
    _, *derivatives, _ = Gather.apply(stored, points, rule, len(cotangents), False)
    total = None
    for cotangent, derivative in zip(cotangents, derivatives, strict=True):
        if cotangent is not None:
            product = cotangent.unsqueeze(-1) * derivative
            summed = tuple(range(points.ndim - 1, product.ndim - 1))
            total = _sum(total, product.sum(summed))
    assert total is not None
    return _where(mask, total).to(points.dtype)


def _along(derivative: Tensor, tangent: Tensor) -> Tensor:
    """Contract the last axis of derivatives with tangents of the points."""
    between = derivative.ndim - tangent.ndim
    tangent = tangent[(..., *(None,) * between, slice(None))]
    return (derivative * tangent).sum(-1).to(derivative.dtype)


def _outer(cotangent: Tensor, tangent: Tensor) -> Tensor:
    """Append the axis of the tangents of the points to cotangents."""
    between = cotangent.ndim + 1 - tangent.ndim
    return cotangent.unsqueeze(-1) * tangent[(..., *(None,) * between, slice(None))]


def _where(mask: Tensor, tensor: Tensor) -> Tensor:
    """Return 0 where samples are invalid, whatever was multiplied there."""
    return torch.where(expand(mask, tensor.ndim - mask.ndim), tensor, 0.0)


def _sum(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else first + second
