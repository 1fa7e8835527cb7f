"""Resample an image through a warp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np

from photalign import _core
from photalign._checks import (
    as_lattice,
    as_number,
    choice,
    rows_and_columns,
    thread_count,
)
from photalign._interpolation import Interpolation, dtype_code, real_dtype
from photalign._types import Array, ArrayLike, BoolArray
from photalign.kernels import KERNELS
from photalign.warps import MatrixWarp, Warp
from photalign.warps._pixels import mapped_pixels
from photalign.warps.names import as_mapping

__all__ = ["resample"]

# Up to here float64, in which 64-bit integers are sampled, holds all whole numbers.
_WHOLE = 2.0**53


@overload
def resample(
    image: ArrayLike,
    warp: Warp | ArrayLike,
    shape: Sequence[int] | None = None,
    *,
    kernel: str = "catmull_rom",
    fill: float | None = None,
    return_mask: Literal[False] = False,
    threads: int | None = None,
) -> Array: ...
@overload
def resample(
    image: ArrayLike,
    warp: Warp | ArrayLike,
    shape: Sequence[int] | None = None,
    *,
    kernel: str = "catmull_rom",
    fill: float | None = None,
    return_mask: Literal[True],
    threads: int | None = None,
) -> tuple[Array, BoolArray]: ...
def resample(
    image: ArrayLike,
    warp: Warp | ArrayLike,
    shape: Sequence[int] | None = None,
    *,
    kernel: str = "catmull_rom",
    fill: float | None = None,
    return_mask: bool = False,
    threads: int | None = None,
) -> Array | tuple[Array, BoolArray]:
    """Make the image whose pixel x shows the given image at ``warp(x)``.

    With the warp of an alignment this brings the moving image onto the reference.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        Of real numbers. NaN pixels are invalid.
    warp : Warp or array_like, shape (3, 3) or (2, 3)
        Maps points of the result to points of the image, px. Pixels that it moves out
        of the image by less than 1e-9 px count as on the border.
    shape : tuple of int, optional
        Of the result: its rows and columns, and nothing else is read of it. By default
        those of the image.
    kernel : str
        One of `photalign.kernels.KERNELS`, as for `photalign.Sampler`.
    fill : float, optional
        The value where the warp leaves the image or hits an invalid pixel. By default
        NaN, in integer images 0.
    return_mask : bool
        Whether to return as well where the result shows valid pixels of the image.
    threads : int, optional
        By default ``PHOTALIGN_THREADS`` or the CPUs that the process may use. The
        result is the same bit for bit.

    Returns
    -------
    resampled : ndarray, shape ``shape`` or ``shape + (C,)``, dtype of the image
        Integers are rounded half to even and saturated.
    mask : ndarray, shape ``shape``, bool
        Only with ``return_mask=True``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.sampling import resample
    >>> from photalign.warps import Translation
    >>> image = np.array([[0, 10, 20, 30]], dtype=np.uint8)
    >>> resample(image, Translation.from_params([1, 0]))
    array([[10, 20, 30,  0]], dtype=uint8)
    """
    given = np.asarray(image)
    pixels = as_lattice(given, 2)
    dtype = given.dtype
    mapping = as_mapping(warp)
    rows, columns = rows_and_columns(pixels.shape if shape is None else shape)
    workers = thread_count(threads)
    interpolation = Interpolation(
        kernel=KERNELS[choice(kernel, KERNELS, "kernel")], fill=_fill(fill, dtype)
    )
    view = interpolation.sampler(pixels, workers)
    mask = np.empty((rows, columns), np.uint8) if return_mask else None
    if isinstance(mapping, MatrixWarp):
        resampled = _by_matrix(view, mapping, pixels, (rows, columns), mask, workers)
    else:
        resampled = _by_function(view, mapping, pixels, (rows, columns), mask, workers)
    result = _as_dtype(resampled.reshape(rows, columns, *given.shape[2:]), dtype)
    return result if mask is None else (result, mask.view(np.bool_))


def _by_matrix(
    view: _core.Sampler,
    warp: MatrixWarp,
    pixels: Array,
    shape: tuple[int, int],
    mask: Array | None,
    workers: int,
) -> Array:
    # The core writes all types but float16, in the machine's byte order.
    stored = pixels.dtype.newbyteorder("=")
    written = real_dtype(stored) if stored == np.float16 else stored
    resampled = np.empty((*shape, pixels.shape[2]), written)
    matrix = np.ascontiguousarray(warp.matrix)
    view.resample(matrix, resampled, dtype_code(written), mask, workers)
    return resampled


def _by_function(
    view: _core.Sampler,
    warp: Warp,
    pixels: Array,
    shape: tuple[int, int],
    mask: Array | None,
    workers: int,
) -> Array:
    """Sample in floating point, since only the warp knows where; `_as_dtype` rounds."""
    resampled = np.empty((*shape, pixels.shape[2]), real_dtype(pixels.dtype))
    last = (pixels.shape[1] - 1.0, pixels.shape[0] - 1.0)
    for rows, points in mapped_pixels(warp, shape, (0.0, 0.0), last):
        some = None if mask is None else mask[rows].reshape(-1)
        view.sample(points.reshape(-1, 2), resampled[rows], None, None, some, workers)
    return resampled


def _fill(fill: float | None, dtype: np.dtype[Any]) -> float:
    if fill is None:
        return np.nan if dtype.kind == "f" else 0.0
    value = as_number(fill, "fill")
    if dtype.kind != "f":
        low, high = _limits(dtype)
        if not (low <= value <= high and value.is_integer()):
            raise ValueError(
                f"fill: expected an integer from {low:.0f} to {high:.0f}, as {dtype} "
                f"images hold, got {fill!r}"
            )
    return value


def _limits(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and the largest number of a type, as float64 holds them."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    info = np.iinfo(dtype)
    return max(float(info.min), -_WHOLE), min(float(info.max), _WHOLE)


def _as_dtype(image: Array, dtype: np.dtype[Any]) -> Array:
    """Return an image in the type asked for, rounded and saturated like in the core."""
    if dtype.kind == "b":
        return np.minimum(image, 1, out=image).view(np.bool_)
    if image.dtype.kind == "f" and image.dtype != dtype.newbyteorder("="):
        if dtype.kind in "iu":
            np.rint(image, out=image)
        np.clip(image, *_limits(dtype), out=image, where=np.isfinite(image))
    return image.astype(dtype, copy=False)
