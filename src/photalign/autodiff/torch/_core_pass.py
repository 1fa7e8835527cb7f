"""Samples and their adjoint by the core, on the tensors' own memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    ndim, lead = where.shape[-1], where.shape[:-1]
    shape, dtype = (*lead, pixels.shape[-1]), real_dtype(pixels.dtype)
    arrays = [np.empty(shape + (ndim,) * j, dtype) for j in range(order + 1)]
    mask = np.empty(lead, np.bool_)

    def sample(pixels: Array, rows: Array, *found: Array) -> None:
        values, *derivatives, flags = found
        gradients = derivatives[0] if order > 0 else None
        hessians = derivatives[1] if order > 1 else None
        view, threads = interpolation.view(pixels), threads_for(len(rows))
        view.sample(rows, values, gradients, hessians, flags, threads)

    _for_each_image(sample, ndim, pixels, where, *arrays, mask.view(np.uint8))
    return (*map(torch.from_numpy, arrays), torch.from_numpy(mask))


def pull_back(
    stored: Tensor, points: Tensor, interpolation: Interpolation, cotangents: Tensor
) -> Tensor:
    """Pull cotangents of the values back to the points; see `Rule.pull_back`."""
    pixels, where = as_array(stored), points.detach().numpy()
    dtype = real_dtype(pixels.dtype)
    pulled = np.empty(where.shape, dtype)

    def pull(pixels: Array, rows: Array, given: Array, to: Array) -> None:
        view = interpolation.view(pixels)
        view.pull_back(rows, given, to, threads_for(len(rows)))

    given = np.ascontiguousarray(cotangents.detach().numpy(), dtype)
    _for_each_image(pull, where.shape[-1], pixels, where, given, pulled)
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
    image = np.zeros(tuple(shape))

    def put(image: Array, rows: Array, given: Array, valid: Array) -> None:
        # Of what is sampled, only where it is stored matters here.
        interpolation.view(image).scatter(rows, given, image, valid)

    valid = np.ascontiguousarray(mask.numpy()).view(np.uint8)
    given = np.ascontiguousarray(cotangents.detach().numpy(), np.float64)
    _for_each_image(put, where.shape[-1], image, where, given, valid)
    return torch.from_numpy(image)


def threads_for(points: int) -> int:
    """Return how many threads to use: no more than PyTorch would."""
    if points <= _POINTS_PER_THREAD:
        return 1
    return min(thread_count(None), torch.get_num_threads())


def as_array(pixels: Tensor) -> Array:
    """Return a view of pixels as the core reads them; only bfloat16 is copied."""
    if pixels.dtype == torch.bfloat16:
        pixels = pixels.float()
    if pixels.is_neg():
        pixels = pixels.resolve_neg()
    array: Array = pixels.detach().numpy()
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def images_of(pixels: Array, ndim: int) -> Iterator[tuple[Any, ...]]:
    """Return the indices of all images of a batch; of a single one, the whole."""
    for index in np.ndindex(pixels.shape[: pixels.ndim - ndim - 1]):
        yield (*index, ...)


def _for_each_image(
    call: Callable[..., None], ndim: int, pixels: Array, points: Array, *others: Array
) -> None:
    """Call with each image of a batch, its points as rows, and what goes with it."""
    if pixels.ndim == ndim + 1:
        rows = points if points.ndim == 2 else points.reshape(-1, ndim)
        return call(pixels, rows, *others)
    for i in images_of(pixels, ndim):
        call(pixels[i], points[i].reshape(-1, ndim), *(other[i] for other in others))
    return None
