"""Reading the tensors that users hand in."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from photalign._checks import as_array
from photalign._types import ArrayLike
from photalign.autodiff.torch._footprints import finest

_INEXACT = 2**53  # from here on float64 has gaps between the integers
_LONG = (torch.int64, torch.uint64)


def read_image(image: Tensor, ndim: int, channel_axis: int) -> Tensor:
    """Read a signal, an image or a volume, without a copy.

    Parameters
    ----------
    image : Tensor, `ndim` axes or one more
        Of real numbers.
    ndim : int
        How many axes hold pixels.
    channel_axis : int
        Which one does not, if there is one more.

    Returns
    -------
    Tensor, `ndim` + 1 axes
        A view with the channels at the end; only integers of 64 bits are converted, to
        float64.

    Raises
    ------
    TypeError
        If it is no tensor, or not of real numbers.
    ValueError
        If the shape is not that of an image with at least one pixel, or an integer is
        too large for float64.
    """
    if not isinstance(image, Tensor):
        raise TypeError(
            f"image: expected a Tensor, got {type(image).__name__}; "
            "pass torch.from_numpy(image)"
        )
    if image.is_complex() or image.layout != torch.strided or image.is_quantized:
        raise TypeError(
            "image: expected a dense Tensor of real numbers, got "
            f"{image.dtype}, {image.layout}"
        )
    if image.ndim not in (ndim, ndim + 1):
        axes = ("pixels",), ("rows", "columns"), ("slices", "rows", "columns")
        expected = ", ".join(axes[ndim - 1])
        hint = ""
        if image.ndim == ndim + 2:
            hint = "; for a batch of images use torch.func.vmap"
        raise ValueError(
            f"image: expected shape ({expected}) or ({expected}, channels), got "
            f"{tuple(image.shape)}{hint}"
        )
    if image.numel() == 0:
        raise ValueError(
            "image: expected at least one pixel and channel, got shape "
            f"{tuple(image.shape)}"
        )
    if type(channel_axis) is not int or not -ndim - 1 <= channel_axis <= ndim:
        raise ValueError(
            f"channel_axis: expected an integer from {-ndim - 1} to {ndim}, got "
            f"{channel_axis!r}"
        )
    if image.dtype in _LONG:
        image = _as_float64(image)
    return (
        image.unsqueeze(-1) if image.ndim == ndim else image.movedim(channel_axis, -1)
    )


def read_points(points: Tensor | ArrayLike, ndim: int, device: torch.device) -> Tensor:
    """Read points as float32 or float64.

    Parameters
    ----------
    points : Tensor, shape (..., ndim), or array_like
        Of real numbers; NaN and infinity are allowed.
    ndim : int
        How many coordinates a point has.
    device : device
        Where tensors have to be; what is no tensor is brought there.

    Returns
    -------
    Tensor, shape (..., ndim), float32 or float64
        The tensor itself if it is one of these.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If the last axis is not of length `ndim`, or a tensor is elsewhere.
    """
    if not isinstance(points, Tensor):
        array = np.asarray(as_array(points, "points"), np.float64)
        points = torch.tensor(array, dtype=finest(device), device=device)
    if points.ndim == 0 or points.shape[-1] != ndim:
        hint = (
            "; pass points.mT" if points.ndim > 1 and points.shape[-2] == ndim else ""
        )
        raise ValueError(
            f"points: expected shape (..., {ndim}), got {tuple(points.shape)}{hint}"
        )
    if points.device != device:
        raise ValueError(
            f"points: expected a tensor on {device}, where the image is, got one on "
            f"{points.device}; pass points.to(image.device)"
        )
    if points.is_complex():
        raise TypeError(f"points: expected real numbers, got {points.dtype}")
    if points.dtype not in (torch.float32, torch.float64):
        points = points.to(finest(device))
    return points


def _as_float64(image: Tensor) -> Tensor:
    found = image.to(torch.float64)
    if bool((found.abs() >= _INEXACT).any()):
        raise ValueError(
            "image: expected integers below 2**53, which float64 holds exactly, got "
            f"values from {image.min()} to {image.max()}"
        )
    return found
