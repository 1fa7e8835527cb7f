"""Forward mode inside forward mode."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import Tensor
from torch.autograd import forward_ad


def nested(jvp: Callable[..., Any]) -> Callable[..., Any]:
    """Let the `jvp` of a `Function` be differentiated in forward mode itself.

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
