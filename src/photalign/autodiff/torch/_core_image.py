"""Tensors as the core reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from photalign import _core
from photalign._interpolation import Interpolation, real_dtype
from photalign._types import Array


@dataclass(frozen=True, eq=False)
class CoreImage:
    """One image, or what is stored for it, in the memory of the CPU.

    Attributes
    ----------
    view : Sampler of the core
        It keeps the memory.
    channels : int
        How many there are.
    dtype : dtype
        Of samples.
    """

    view: _core.Sampler
    channels: int
    dtype: np.dtype[Any]
    _memory: tuple[Any, ...]

    @classmethod
    def of(cls, stored: Tensor, interpolation: Interpolation) -> CoreImage:
        """Look at a tensor (*S, C) without a copy."""
        array = as_array(stored)
        return cls(
            interpolation.view(array),
            array.shape[-1],
            real_dtype(array.dtype),
            _memory(stored),
        )

    def shows(self, stored: Tensor) -> bool:
        """Tell whether this is a look at a tensor's memory."""
        return self._memory == _memory(stored)


def as_array(pixels: Tensor) -> Array:
    """Return a view of pixels as the core reads them; only bfloat16 is copied."""
    if pixels.dtype == torch.bfloat16:
        pixels = pixels.float()
    if pixels.is_neg():
        pixels = pixels.resolve_neg()
    array: Array = pixels.detach().numpy()
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def images_of(batch: tuple[int, ...]) -> Iterator[tuple[Any, ...]]:
    """Return the indices of all images of a batch; of a single one, the whole."""
    for index in np.ndindex(batch):
        yield (*index, ...)


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype
