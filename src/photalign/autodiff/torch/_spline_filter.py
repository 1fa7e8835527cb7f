"""The prefilter of B-splines by operations of PyTorch, on any device.

The filter is recursive in the core. Here it is a convolution with its response to a
single pixel, as far as that is felt: devices do not like to wait for the pixel before.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from photalign import _core
from photalign._interpolation import Interpolation
from photalign._types import FloatArray
from photalign.autodiff._polynomials import weight_polynomials
from photalign.autodiff.torch._axis import NO_PIXEL, extended
from photalign.kernels import Kernel


def filtered(pixels: Tensor, interpolation: Interpolation) -> Tensor:
    """Return the coefficients of splines through finite pixels (*B, *S, C)."""
    ndim = len(interpolation.origin)
    # Counted from the constant, there is nothing beyond that boundary.
    offset = interpolation.cval if interpolation.boundary == "constant" else 0.0
    found = pixels - offset
    for axis in range(pixels.ndim - 1 - ndim, pixels.ndim - 1):
        index = _extension(pixels.shape[axis], pixels.device, interpolation)
        longer = found.index_select(axis, index.clamp(min=0))
        longer = torch.where(_along(index == NO_PIXEL, axis, longer.ndim), 0.0, longer)
        found = _convolved(longer, axis, interpolation.kernel, padding=0)
    return found + offset


def filtered_adjoint(cotangents: Tensor, interpolation: Interpolation) -> Tensor:
    """Apply the transpose, from coefficients (*B, *S, C) to pixels."""
    ndim = len(interpolation.origin)
    found = cotangents
    for axis in range(cotangents.ndim - 1 - ndim, cotangents.ndim - 1):
        count = cotangents.shape[axis] - 2 * interpolation.padding
        index = _extension(count, cotangents.device, interpolation)
        reach = len(response(interpolation.kernel)) - 1
        longer = _convolved(found, axis, interpolation.kernel, padding=reach)
        longer = torch.where(_along(index == NO_PIXEL, axis, longer.ndim), 0.0, longer)
        shape = (*found.shape[:axis], count, *found.shape[axis + 1 :])
        found = torch.zeros(shape, dtype=found.dtype, device=found.device).index_add(
            axis, index.clamp(min=0), longer
        )
    return found


@lru_cache(maxsize=8)
def response(kernel: Kernel) -> FloatArray:
    """Return the filter's response to a pixel, from one end to the other.

    Of a pole z it is (1 - z) / (1 + z) z^|k| (Unser 1999, box 2), of several poles the
    convolution of these. The poles are the roots, inside the unit circle, of the
    polynomial of the kernel's weights at the pixels.
    """
    roots = np.roots(np.trim_zeros(weight_polynomials(kernel, 0)[:, 0]))
    reach = np.abs(np.arange(-_reach(kernel), _reach(kernel) + 1))
    found = np.ones(1)
    for z in roots[np.abs(roots) < 1].real:
        found = np.convolve(found, (1 - z) / (1 + z) * z**reach)
    surplus = (len(found) - len(reach)) // 2
    return found[surplus : len(found) - surplus]


def _reach(kernel: Kernel) -> int:
    return _core.prefilter_padding(kernel.taps - 1)


def _extension(
    count: int, device: torch.device, interpolation: Interpolation
) -> Tensor:
    """Return the pixels that the filter reads for all coefficients stored."""
    beyond = interpolation.padding + _reach(interpolation.kernel)
    index = torch.arange(-beyond, count + beyond, device=device)
    return extended(index, count, interpolation.boundary)


def _convolved(tensor: Tensor, axis: int, kernel: Kernel, padding: int) -> Tensor:
    """Convolve along an axis, on both sides of which so many zeros are added."""
    lines = tensor.movedim(axis, -1)
    taps = torch.from_numpy(response(kernel)).to(tensor)
    flat = lines.reshape(-1, 1, lines.shape[-1])
    found = torch.nn.functional.conv1d(flat, taps[None, None], padding=padding)
    return found.reshape(*lines.shape[:-1], -1).movedim(-1, axis)


def _along(mask: Tensor, axis: int, ndim: int) -> Tensor:
    return mask.reshape(*(-1 if a == axis else 1 for a in range(ndim)))
