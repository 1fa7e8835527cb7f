"""The prefilter of B-splines and its transpose, for PyTorch to differentiate.

Both are linear, so that each is the derivative of itself and the other's adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from photalign.autodiff.torch._core_image import as_array, images_of
from photalign.autodiff.torch._core_pass import threads_for
from photalign.autodiff.torch._footprints import real_dtype
from photalign.autodiff.torch._operation import (
    Operation,
    batched,
    is_old_batch,
    is_plain,
    nested,
)
from photalign.autodiff.torch._rule import Rule
from photalign.autodiff.torch._spline_filter import filtered, filtered_adjoint


def stored(pixels: Tensor, rule: Rule) -> Tensor:
    """Return what is sampled: pixels (*B, *S, C), or a spline's coefficients."""
    if not rule.interpolation.kernel.prefilter:
        return pixels
    if is_plain(pixels):
        return _filtered(pixels, rule)
    result: Tensor = Prefilter.apply(pixels, rule)
    return result


class Prefilter(Operation):
    """From pixels to the coefficients of the spline through them."""

    @staticmethod
    def forward(pixels: Tensor, rule: Rule) -> Tensor:
        """Filter."""
        return _filtered(pixels, rule)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep which pixels there are none of."""
        pixels, ctx.rule = inputs
        ctx.dtype = pixels.dtype
        known = pixels.isfinite()
        ctx.save_for_forward(known)
        ctx.save_for_backward(known)

    @staticmethod
    def backward(ctx: Any, cotangents: Tensor) -> tuple[Any, ...]:
        """Pull cotangents of coefficients back to the pixels."""
        (known,) = ctx.saved_tensors
        return PrefilterAdjoint.apply(cotangents, known, ctx.rule, ctx.dtype), None

    @staticmethod
    @nested
    def jvp(ctx: Any, tangents: Tensor, _: None) -> Tensor:
        """Filter the tangents, with the same pixels filled from their neighbors."""
        (known,) = ctx.saved_tensors
        moving = torch.where(known, tangents, torch.nan)
        result: Tensor = Prefilter.apply(moving, ctx.rule.linear)
        return result

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], pixels: Tensor, rule: Rule
    ) -> tuple[Tensor, int]:
        """Filter a batch."""
        return Prefilter.apply(pixels.movedim(in_dims[0], 0), rule), 0


class PrefilterAdjoint(Operation):
    """From cotangents of the coefficients to those of the pixels."""

    @staticmethod
    def forward(
        cotangents: Tensor, known: Tensor, rule: Rule, dtype: torch.dtype
    ) -> Tensor:
        """Apply the transposed filter."""
        return _pulled(cotangents, known, rule).to(dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep which pixels there are."""
        cotangents, known, ctx.rule, ctx.dtype = inputs
        ctx.given = cotangents.dtype
        ctx.save_for_forward(known)
        ctx.save_for_backward(known)

    @staticmethod
    def backward(ctx: Any, pixels: Tensor) -> tuple[Any, ...]:
        """Filter, which is the adjoint of the adjoint."""
        (known,) = ctx.saved_tensors
        moving = torch.where(known, pixels, torch.nan)
        found = Prefilter.apply(moving, ctx.rule.linear).to(ctx.given)
        # No sample is made of what is not finite here.
        return torch.where(found.isfinite(), found, 0.0), None, None, None

    @staticmethod
    @nested
    def jvp(ctx: Any, tangents: Tensor, *_: None) -> Tensor:
        """Apply the same to the tangents."""
        (known,) = ctx.saved_tensors
        result: Tensor = PrefilterAdjoint.apply(tangents, known, ctx.rule, ctx.dtype)
        return result

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        cotangents: Tensor,
        known: Tensor,
        *rest: Any,
    ) -> tuple[Tensor, int]:
        """Filter a batch."""
        cotangents = batched(cotangents, in_dims[0], info.batch_size)
        known = batched(known, in_dims[1], info.batch_size)
        return PrefilterAdjoint.apply(cotangents, known, *rest), 0


def _filtered(pixels: Tensor, rule: Rule) -> Tensor:
    interpolation = rule.interpolation
    if not rule.runs_in_core(pixels):
        pixels = pixels.to(real_dtype(pixels))
        # What is invalid is filled by the core, wherever it is.
        if is_old_batch(pixels) or bool(pixels.isfinite().all()):
            return filtered(pixels, interpolation)
    array = as_array(pixels.cpu())
    threads = threads_for(array.size)
    each = images_of(array.shape[: -1 - rule.ndim])
    found = np.stack([interpolation.to_stored(array[i], threads) for i in each])
    shape = (*array.shape[: -1 - rule.ndim], *found.shape[1:])
    return torch.from_numpy(found.reshape(shape)).to(pixels.device)


def _pulled(cotangents: Tensor, known: Tensor, rule: Rule) -> Tensor:
    interpolation = rule.interpolation
    is_core = rule.runs_in_core(cotangents)
    if not is_core and (is_old_batch(cotangents) or bool(known.all())):
        return filtered_adjoint(cotangents, interpolation)
    array = np.array(cotangents.detach().cpu().numpy(), np.float64, order="C")
    flags = known.all(-1).cpu().numpy()
    threads = threads_for(array.size)
    each = images_of(array.shape[: -1 - rule.ndim])
    found = np.stack(
        [interpolation.to_pixels(array[i], threads, flags[i]) for i in each]
    )
    shape = (*array.shape[: -1 - rule.ndim], *found.shape[1:])
    return torch.from_numpy(found.reshape(shape)).to(cotangents.device)
