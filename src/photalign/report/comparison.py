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
    reference, start, found = _alike(
        result.reference,
        _resampled(result, result.initial),
        _resampled(result, result.warp),
    )
    gain, bias = _matching(result, reference, found, usable)
    registered = found * gain + bias
    return Comparison(
        reference=result.reference,
        registered=registered,
        before=_difference(start, reference, usable),
        after=_difference(registered, reference, usable),
    )


def _alike(*images: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return images of as many channels: their means where the numbers differ."""
    if len({image.shape[2:] for image in images}) == 1:
        return images
    return tuple(i.mean(axis=2) if i.ndim == 3 else i for i in images)


def _matching(
    result: Alignment,
    reference: NDArray[Any],
    moving: NDArray[Any],
    usable: NDArray[np.bool_],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the gain and bias that make the moving image look like the reference.

    Features have none: where they were aligned, both images are shown with the same
    mean and contrast, dark for bright if that is how they correspond.
    """
    brightness = result.brightness
    if result.features == "intensity" and brightness.name != "local":
        # In the type of the image: a double copy of a large one would be a waste.
        return brightness.gain.astype(moving.dtype), brightness.bias.astype(
            moving.dtype
        )
    use = usable & _all_channels(np.isfinite(moving))
    channels = moving.shape[2:] or (1,)
    gain, bias = np.ones(channels, moving.dtype), np.zeros(channels, moving.dtype)
    if not use.any():
        return gain, bias
    ours, theirs = (image[use].reshape(-1, *channels) for image in (reference, moving))
    ours_mean, theirs_mean = ours.mean(axis=0), theirs.mean(axis=0)
    sign = np.sign(((ours - ours_mean) * (theirs - theirs_mean)).sum(axis=0))
    deviation = theirs.std(axis=0)
    np.divide(ours.std(axis=0) * sign, deviation, out=gain, where=deviation > 0)
    return gain, (ours_mean - gain * theirs_mean).astype(moving.dtype)


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
