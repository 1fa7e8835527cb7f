"""Detail: pixels without their local mean, which light and vignetting change."""

from __future__ import annotations

import numpy as np

from photalign._types import Array

# Pixels on a side of the square that the local mean is taken over.
WINDOW = 9
# Robust standard deviations beyond which a pixel is an exception, such as a glint.
_CLIP = 3.0


def local_detail(pixels: Array, weight: Array, window: int = WINDOW) -> Array:
    """Return the pixels without their local mean.

    Parameters
    ----------
    pixels, weight : ndarray, shape (H, W), float32
        An image, and its weights, 0 where it is invalid.
    window : int
        Pixels of a side of the square that the mean is taken over.

    Returns
    -------
    ndarray, shape (H, W), float32
        Clipped to three robust standard deviations; 0 where invalid.
    """
    valid = weight > 0
    is_whole = bool(valid.all())
    known = pixels if is_whole else np.where(valid, pixels, np.float32(0))
    detail = known - _local_mean(known, weight, window)
    if not is_whole:
        detail *= valid
    # Exceptions are few, so that few pixels tell the size of the others.
    sizes = np.abs(detail[::2, 1::2][valid[::2, 1::2]])
    if not sizes.size:
        return detail
    # A median of 0, of images that are flat in most places, says nothing.
    spread = max(
        1.4826 * _median(sizes), 0.5 * float(np.sqrt(sizes @ sizes / sizes.size))
    )
    return np.clip(detail, -_CLIP * spread, _CLIP * spread, out=detail)


def without_bands(detail: Array, weight: Array) -> Array:
    """Return an image without what whole rows or columns have in common.

    That is noise of the sensor, which stays where it is while the scene moves.

    Parameters
    ----------
    detail, weight : ndarray, shape (H, W), float32
        An image without its local mean, and its weights, 0 where it is invalid.
    """
    for axis in range(2):
        total = np.maximum(weight.sum(axis=axis, keepdims=True), np.float32(1e-6))
        detail = detail - (detail * weight).sum(axis=axis, keepdims=True) / total
    return detail * (weight > 0)


def evened(detail: Array, weight: Array, window: int = WINDOW) -> Array:
    """Return detail in units of its local contrast.

    So no part of an image has more to say than another: what hides a fifth of it does
    not outweigh the rest, however rich in contrast it is.

    Parameters
    ----------
    detail, weight : ndarray, shape (H, W), float32
        An image without its local mean, and its weights, 0 where it is invalid.
    window : int
        Pixels of a side of the square that the contrast is that of.
    """
    power = _local_mean(detail * detail, weight, window)
    known = power[weight > 0]
    if not known.size:
        return detail
    # Where there is nothing but noise, that is not enlarged.
    floor = max(0.5 * _median(known), 1e-12)
    contrast: Array = detail / np.sqrt(power + np.float32(floor))
    return contrast


def _local_mean(known: Array, weight: Array, window: int) -> Array:
    sums, share = _box_sums(known * weight, window), _box_sums(weight, window)
    mean: Array = sums / np.maximum(share, np.float32(1e-6))
    return mean


def _box_sums(values: Array, size: int) -> Array:
    """Return the sums over squares about the pixels, with zeros around the image."""
    return _sums_along(_sums_along(np.pad(values, size // 2), size, 0), size, 1)


def _sums_along(values: Array, size: int, axis: int) -> Array:
    """Return sums of so many neighbors, of runs that double in length."""
    count = values.shape[axis] - size + 1

    def part(of: Array, start: int, length: int) -> Array:
        return (
            of[start : start + length] if axis == 0 else of[:, start : start + length]
        )

    runs, run, start = values, 1, 0
    total: Array | None = None
    while True:
        if size & run:
            some = part(runs, start, count)
            total = some.copy() if total is None else np.add(total, some, out=total)
            start += run
        if 2 * run > size:
            break
        rest = runs.shape[axis] - run
        runs = part(runs, 0, rest) + part(runs, run, rest)
        run *= 2
    assert total is not None
    return total


def _median(values: Array) -> float:
    middle = values.size // 2
    return float(np.partition(values, middle)[middle])
