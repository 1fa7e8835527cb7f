"""Samples and their adjoint by the core, on the tensors' own memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from photalign import _core
from photalign._checks import thread_count
from photalign._interpolation import Interpolation
from photalign._types import Array
from photalign.autodiff.torch._core_image import CoreImage, images_of

MOST_ORDERS = 2
"""The highest derivatives that the core has."""

# Fewer points are sampled before a second thread is awake.
_POINTS_PER_THREAD = 16384


def gather(
    images: Sequence[CoreImage], points: Tensor, lead: int, order: int
) -> tuple[Tensor, ...]:
    """Sample images, one for all points or for each index of `lead` axes of theirs.

    See `Rule.gather`.
    """
    where, dtype = points.detach().numpy(), images[0].dtype
    ndim, shape = where.shape[-1], where.shape[:-1]
    values = np.empty((*shape, images[0].channels), dtype)
    found = [values]
    if order > 0:
        found.append(np.empty((*values.shape, ndim), dtype))
    if order > 1:
        found.append(np.empty((*values.shape, ndim, ndim), dtype))
    mask = np.empty(shape, np.bool_)
    outputs = [*found, *(None,) * (MOST_ORDERS - order), mask.view(np.uint8)]
    if lead == 0:
        _sample(images[0], where, outputs)
    else:
        for image, i in zip(images, images_of(shape[:lead]), strict=True):
            each = [None if out is None else out[i] for out in outputs]
            _sample(image, where[i], each)
    return (*map(torch.from_numpy, found), torch.from_numpy(mask))


def contract(
    gradients: Tensor, mask: Tensor, cotangents: Tensor, dtype: torch.dtype
) -> Tensor:
    """Pull cotangents of the values back to the points; see `Rule.contract`."""
    slopes = gradients.detach().numpy()
    given = np.ascontiguousarray(cotangents.detach().numpy(), slopes.dtype)
    shape = slopes.shape
    pulled = np.empty(
        (*shape[:-2], shape[-1]), np.float64 if dtype == torch.float64 else np.float32
    )
    flags = mask.numpy().view(np.uint8)
    _core.contract(slopes.reshape(-1, *shape[-2:]), given, flags, pulled)
    return torch.from_numpy(pulled)


def scatter(
    points: Tensor,
    mask: Tensor,
    interpolation: Interpolation,
    shape: Sequence[int],
    cotangents: Tensor,
) -> Tensor:
    """Put cotangents of the values on the pixels; see `Rule.scatter`."""
    where = points.detach().numpy()
    valid = np.ascontiguousarray(mask.numpy()).view(np.uint8)
    given = np.ascontiguousarray(cotangents.detach().numpy(), np.float64)
    image = np.zeros(tuple(shape))
    for i in images_of(image.shape[: -1 - where.shape[-1]]):
        # Of what is sampled, only where it is stored matters here.
        view = interpolation.view(image[i])
        view.scatter(_rows(where[i]), given[i], image[i], valid[i])
    return torch.from_numpy(image)


def threads_for(points: int) -> int:
    """Return how many threads to use: no more than PyTorch would."""
    if points <= _POINTS_PER_THREAD:
        return 1
    return min(thread_count(None), torch.get_num_threads())


def _sample(image: CoreImage, points: Array, outputs: Sequence[Any]) -> None:
    values, gradients, hessians, valid = outputs
    rows = _rows(points)
    threads = threads_for(len(rows))
    image.view.sample(rows, values, gradients, hessians, valid, threads)


def _rows(points: Array) -> Array:
    return points if points.ndim == 2 else points.reshape(-1, points.shape[-1])
