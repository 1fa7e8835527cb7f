"""What functions for PyTorch's differentiation have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch._functorch.utils import unwrap_dead_wrappers
from torch.autograd import Function, forward_ad


class Operation(Function):
    """A `Function` that is quick to call.

    PyTorch finds out the signature of `forward` at each call, in order to fill in
    defaults, and that takes longer than to sample a thousand points.
    """

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call `forward`, without defaults."""
        if transforms_are_active():
            return super().apply(*args)
        # What that would do in the end.
        return super(Function, cls).apply(*unwrap_dead_wrappers(args))


def nested(jvp: Callable[..., Any]) -> Callable[..., Any]:
    """Let the `jvp` of an operation be differentiated in forward mode itself.

    PyTorch calls it with forward mode switched off, and a tangent of a tangent would
    silently be 0.
    """

    @wraps(jvp)
    def differentiable(*args: Any) -> Any:
        with forward_ad._set_fwd_grad_enabled(True):
            return jvp(*args)

    return differentiable


def primals(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return tensors without the tangents that `jvp` is just about to push forward."""
    return tuple(
        None if tensor is None else forward_ad.unpack_dual(tensor).primal
        for tensor in tensors
    )


def batched(tensor: Tensor, dim: int | None, size: int) -> Tensor:
    """Return the tensor with the axis of a batch in front."""
    return tensor.expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def is_plain(*tensors: Tensor) -> bool:
    """Tell whether nothing will be differentiated or batched through tensors.

    Then they are memory and nothing else, and a call needs no operation.
    """
    if transforms_are_active():
        return False
    for tensor in tensors:
        if (
            (tensor.requires_grad and torch.is_grad_enabled())
            or is_old_batch(tensor)
            or forward_ad.unpack_dual(tensor).tangent is not None
        ):
            return False
    return True


def _always(*_: Tensor) -> bool:
    return True


def _never(*_: Tensor) -> bool:
    return False


# Neither has a public name. Without the first every call takes the long way. The second
# tells tensors of ``torch.autograd.grad(is_grads_batched=True)``, which know nothing of
# `Function.vmap`, but are understood by PyTorch's own operations.
transforms_are_active = getattr(torch._C, "_are_functorch_transforms_active", _always)
is_old_batch = getattr(
    getattr(torch._C, "_functorch", None), "is_legacy_batchedtensor", _never
)
