"""Samples and their adjoint by operations of PyTorch, on any device and of any order.

The same cells, weights and choices as in the core.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from photalign._interpolation import Interpolation
from photalign.autodiff.torch._footprints import (
    Footprints,
    finest,
    orders_by_axis,
    real_dtype,
)

# Numbers under the kernels of the points that are sampled together.
_AT_ONCE = 2**24


def gather(
    stored: Tensor, points: Tensor, interpolation: Interpolation, order: int
) -> tuple[Tensor, ...]:
    """Sample; see `Rule.gather`."""
    lead = stored.ndim - points.shape[-1] - 1
    rows = _rows(points, lead, points.ndim - 1)
    runs = rows.split(_at_once(stored.shape, interpolation), dim=lead)
    found = [_gather_run(stored, run, interpolation, order) for run in runs]
    results = [torch.cat(parts, dim=lead) for parts in zip(*found, strict=True)]
    shape = points.shape[:-1]
    return tuple(r.reshape((*shape, *r.shape[lead + 1 :])) for r in results)


def scatter(
    points: Tensor,
    mask: Tensor,
    interpolation: Interpolation,
    shape: Sequence[int],
    cotangents: Sequence[Tensor | None],
) -> Tensor:
    """Put cotangents on the pixels; see `Rule.scatter`."""
    lead, end = len(shape) - points.shape[-1] - 1, points.ndim - 1
    image = torch.zeros(tuple(shape), dtype=finest(points.device), device=points.device)
    given = [points, mask, *cotangents]
    rows = [None if r is None else _rows(r, lead, end) for r in given]
    run = _at_once(shape, interpolation)
    for first in range(0, prod(points.shape[lead:-1]), run):
        some = [
            None
            if r is None
            else r.narrow(lead, first, min(run, r.shape[lead] - first))
            for r in rows
        ]
        image = _scatter_run(image, some[0], some[1], interpolation, some[2:])
    return image


def _gather_run(
    stored: Tensor, points: Tensor, interpolation: Interpolation, order: int
) -> tuple[Tensor, ...]:
    ndim = points.shape[-1]
    dtype = real_dtype(stored)
    if stored.dtype in (torch.uint16, torch.uint32):  # which cannot be indexed
        stored = stored.to(dtype)
    found = Footprints.of(points, stored.shape, interpolation)
    pixels = stored[found.index].to(dtype)
    if found.absent is not None:
        pixels = torch.where(found.absent[..., None], interpolation.cval, pixels)
    mask = found.inside & _all_beyond(pixels.isfinite(), points.ndim - 1)
    weights = found.weights(order, dtype)
    # Along x first; what several derivatives need is made once.
    sums: dict[tuple[int, ...], Tensor] = {(): pixels}
    for axis in range(ndim):
        sums = {
            (*orders, j): (block * _beside(weights[axis][j], ndim - 1 - axis)).sum(-2)
            for orders, block in sums.items()
            for j in range(order + 1 - sum(orders))
        }
    results = []
    for j in range(order + 1):
        each = [sums[orders] for orders in orders_by_axis(j, interpolation)]
        result = torch.stack(each, dim=-1) * interpolation.scale
        result = result.reshape(*each[0].shape, *(ndim,) * j)
        blank = 0.0 if j else interpolation.fill
        results.append(torch.where(expand(mask, j + 1), result, blank))
    return (*results, mask)


def _scatter_run(
    image: Tensor,
    points: Tensor,
    mask: Tensor,
    interpolation: Interpolation,
    cotangents: Sequence[Tensor | None],
) -> Tensor:
    ndim = points.shape[-1]
    found = Footprints.of(points, image.shape, interpolation)
    weights = found.weights(len(cotangents) - 1, image.dtype)
    sums: dict[tuple[int, ...], Tensor] = {}
    for j, cotangent in enumerate(cotangents):
        if cotangent is not None:
            kept = torch.where(expand(mask, j + 1), cotangent.to(image.dtype), 0.0)
            kept = (kept * interpolation.scale).reshape(
                *kept.shape[: mask.ndim + 1], -1
            )
            for orders, part in zip(
                orders_by_axis(j, interpolation), kept.unbind(-1), strict=True
            ):
                sums[orders] = sums[orders] + part if orders in sums else part
    for axis in reversed(range(ndim)):
        spread: dict[tuple[int, ...], Tensor] = {}
        for (*rest, j), block in sums.items():
            part = block.unsqueeze(-2) * _beside(weights[axis][j], ndim - 1 - axis)
            key = tuple(rest)
            spread[key] = spread[key] + part if key in spread else part
        sums = spread
    for part in sums.values():
        if found.absent is not None:
            part = torch.where(found.absent[..., None], 0.0, part)
        image = image.index_put(found.index, part, accumulate=True)
    return image


def expand(tensor: Tensor, axes: int) -> Tensor:
    """Append so many axes of length 1."""
    return tensor[(..., *(None,) * axes)]


def _all_beyond(flags: Tensor, axis: int) -> Tensor:
    """Tell whether all flags on the axes from one on are set."""
    return flags.reshape(*flags.shape[:axis], prod(flags.shape[axis:])).all(-1)


def _beside(weights: Tensor, between: int) -> Tensor:
    """Bring weights (*B, N, taps) beside blocks with axes between N and the taps."""
    return weights[(..., *(None,) * between, slice(None), None)]


def _rows(tensor: Tensor, begin: int, end: int) -> Tensor:
    """Make one axis of those from begin to end, be it none."""
    shape = tensor.shape
    return tensor.reshape(*shape[:begin], prod(shape[begin:end]), *shape[end:])


def _at_once(shape: Sequence[int], interpolation: Interpolation) -> int:
    ndim = len(interpolation.origin)
    lead = len(shape) - ndim - 1
    each = prod(shape[:lead]) * shape[-1] * interpolation.kernel.taps**ndim
    return max(1, _AT_ONCE // max(each, 1))
