"""Samples and their adjoint by the core, on the tensors' own memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from photalign._checks import thread_count
from photalign._interpolation import Interpolation, real_dtype
from photalign._types import Array

MOST_ORDERS = 2
"""The highest derivatives that the core has."""

# Fewer points are sampled before a second thread is awake.
_POINTS_PER_THREAD = 16384


def gather(
    stored: Tensor, points: Tensor, interpolation: Interpolation, order: int
) -> tuple[Tensor, ...]:
    """Sample; see `Rule.gather`."""
    pixels, where = as_array(stored), points.detach().numpy()
    ndim = len(interpolation.origin)
    shape = (*where.shape[:-1], pixels.shape[-1])
    dtype = real_dtype(pixels.dtype)
    arrays = [np.empty(shape + (ndim,) * j, dtype) for j in range(order + 1)]
    mask = np.empty(where.shape[:-1], np.bool_)
    flags = mask.view(np.uint8)
    for i in images_of(pixels, ndim):
        found = [array[i] for array in arrays] + [None] * (MOST_ORDERS - order)
        rows = where[i].reshape(-1, ndim)
        view = interpolation.view(pixels[i])
        view.sample(rows, *found, flags[i], threads_for(len(rows)))
    return (*map(torch.from_numpy, arrays), torch.from_numpy(mask))


def pull_back(
    stored: Tensor, points: Tensor, interpolation: Interpolation, cotangents: Tensor
) -> Tensor:
    """Pull cotangents of the values back to the points; see `Rule.pull_back`."""
    pixels, where = as_array(stored), points.detach().numpy()
    ndim = len(interpolation.origin)
    dtype = real_dtype(pixels.dtype)
    given = np.ascontiguousarray(cotangents.detach().numpy(), dtype)
    pulled = np.empty(where.shape, dtype)
    for i in images_of(pixels, ndim):
        rows = where[i].reshape(-1, ndim)
        view = interpolation.view(pixels[i])
        view.pull_back(rows, given[i], pulled[i], threads_for(len(rows)))
    return torch.from_numpy(pulled)


def scatter(
    points: Tensor,
    mask: Tensor,
    interpolation: Interpolation,
    shape: Sequence[int],
    cotangents: Tensor,
) -> Tensor:
    """Put cotangents of the values on the pixels; see `Rule.scatter`."""
    where, valid = points.detach().numpy(), mask.numpy().view(np.uint8)
    ndim = len(interpolation.origin)
    given = np.ascontiguousarray(cotangents.detach().numpy(), np.float64)
    image = np.zeros(tuple(shape))
    for i in images_of(image, ndim):
        rows = where[i].reshape(-1, ndim)
        # Of what is sampled, only where it is stored matters here.
        view = interpolation.view(image[i])
        view.scatter(rows, given[i], image[i], np.ascontiguousarray(valid[i]))
    return torch.from_numpy(image)


def threads_for(points: int) -> int:
    """Return how many threads to use: no more than PyTorch would."""
    if points <= _POINTS_PER_THREAD:
        return 1
    return min(thread_count(None), torch.get_num_threads())


def as_array(pixels: Tensor) -> Array:
    """Return a view of pixels as the core reads them; only bfloat16 is copied."""
    pixels = pixels.detach()
    if pixels.dtype == torch.bfloat16:
        pixels = pixels.float()
    array: Array = pixels.resolve_neg().numpy()
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def images_of(pixels: Array, ndim: int) -> Iterator[tuple[Any, ...]]:
    """Return the indices of all images of a batch; of a single one, the empty one."""
    for index in np.ndindex(pixels.shape[: pixels.ndim - ndim - 1]):
        yield (*index, ...)
