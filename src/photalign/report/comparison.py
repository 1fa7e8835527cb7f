"""What the report compares: both images on the reference's pixels, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from photalign.results import Alignment
    from photalign.warps import Warp


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Images and differences on the pixels of the reference.

    Attributes
    ----------
    reference : ndarray, shape (H, W) or (H, W, C)
        As it was given.
    registered : ndarray, shape (H, W) or (H, W, C)
        The moving image at the warp found, its brightness matched to the reference;
        NaN where it is not valid.
    before, after : ndarray, shape (H, W)
        Moving image minus reference in grey levels, the mean over the channels, NaN
        where either is not valid: at the start as the images were given, and at the
        warp found with the brightness matched.
    """

    reference: NDArray[Any]
    registered: NDArray[Any]
    before: NDArray[Any]
    after: NDArray[Any]


def compare(result: Alignment) -> Comparison:
    """Resample the moving image at the start and at the warp found.

    Parameters
    ----------
    result : Alignment

    Returns
    -------
    Comparison
    """
    usable = _usable(result.reference, result.reference_mask)
    start = _resampled(result, result.initial)
    found = _resampled(result, result.warp)
    # In the type of the image: a double copy of a large one would be a waste.
    gain, bias = (
        values.astype(found.dtype)
        for values in (result.brightness.gain, result.brightness.bias)
    )
    registered = found * gain + bias
    return Comparison(
        reference=result.reference,
        registered=registered,
        before=_difference(start, result.reference, usable),
        after=_difference(registered, result.reference, usable),
    )


def _resampled(result: Alignment, warp: Warp) -> NDArray[Any]:
    """Return the moving image at `warp` in floating point, NaN where not valid."""
    from photalign.sampling import resample

    # Converted first, or `resample` would round the values back to integers.
    moving = result.moving.astype(np.result_type(result.moving, np.float32), copy=False)
    shape = result.reference.shape[:2]
    image: NDArray[Any]
    image, valid = resample(moving, warp, shape, return_mask=True)
    if result.moving_mask is not None:
        mask = (result.moving_mask > 0).astype(np.float32)
        # Below one, a pixel that the mask excludes has a share in the sample.
        share = resample(mask, warp, shape, kernel="linear", fill=0)
        valid = valid & (share > 1 - 1e-4)
    image[~valid] = np.nan
    return image


def _usable(image: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[np.bool_]:
    usable = _all_channels(np.isfinite(image))
    if mask is not None:
        usable &= mask > 0
    return usable


def _difference(
    moving: NDArray[Any], reference: NDArray[Any], usable: NDArray[np.bool_]
) -> NDArray[Any]:
    difference: NDArray[Any] = moving - reference
    if difference.ndim == 3:
        difference = difference.mean(axis=2)
    return np.where(usable, difference, np.nan)


def _all_channels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if mask.ndim == 2:
        return mask
    every: NDArray[np.bool_] = np.logical_and.reduce(mask, axis=2)
    return every
