"""One axis of an image on any device: from coordinates to cells, as in `axis.hpp`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from photalign._interpolation import Interpolation

NO_PIXEL = -1
"""Not the index of a pixel: the boundary's constant stands there."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Where along an axis samples are valid, and from which pixels they are made.

    Attributes
    ----------
    count, pad : int
        Pixels of the image, and those stored beside them on each side.
    taps : int
        Pixels under the kernel.
    boundary : str
        What pixels beyond the border are.
    lower, upper : float
        The domain, closed, in pixels.
    last : float
        Its last cell.
    is_flat : bool
        Whether there is no slope because there is one pixel only.
    """

    count: int
    pad: int
    taps: int
    boundary: str
    lower: float
    upper: float
    last: float
    is_flat: bool

    @classmethod
    def of(cls, stored: int, interpolation: Interpolation) -> Axis:
        """Make the axis along which so many pixels are stored."""
        taps, boundary = interpolation.kernel.taps, interpolation.boundary
        count = stored - 2 * interpolation.padding
        is_centered, before = taps % 2 == 1, (taps - 1) // 2
        shift = 0.5 if is_centered else 0.0
        is_bounded = interpolation.domain != "unbounded"
        is_flat = is_bounded and count == 1
        # The upper end belongs to the last cell before it, unless the image goes on.
        goes_on = is_centered or is_flat or boundary == "wrap"
        lower, upper = 0.0, float(count - 1)
        last: float = count - 1 if goes_on else count - 2
        if interpolation.domain == "support":
            lower = max(lower, before - shift)
            upper = min(upper, count - taps + before + 1 - shift)
            last = min(last, count - taps + before)
        if is_flat:
            last = 0
        if not is_bounded:
            # Beyond these a double does not tell neighboring cells apart.
            upper = 2.0**52 if is_centered else 2.0**53
            lower, last = -upper, math.inf
        return cls(
            count=count,
            pad=interpolation.padding,
            taps=taps,
            boundary=boundary,
            lower=lower,
            upper=upper,
            last=last,
            is_flat=is_flat,
        )

    def position(self, coordinate: Tensor, origin: float, spacing: float) -> Tensor:
        """Convert coordinates to pixels; what rounding moved out is on the border."""
        x = (coordinate - origin) / spacing
        rounding, end = 1e-9 + 2.0**-50 * abs(origin / spacing), float(self.count - 1)
        x = torch.where((x < 0) & (x > -rounding), 0.0, x)
        return torch.where((x > end) & (x < end + rounding), end, x)

    def locate(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the cells of positions, how far into these they are, and validity."""
        inside = (x >= self.lower) & (x <= self.upper)
        x = torch.where(inside, x, 0.0)
        cell = torch.floor(x + 0.5 if self.taps % 2 else x).clamp(max=self.last)
        return cell.long(), x - cell, inside

    def stored(self, cell: Tensor) -> Tensor:
        """Return where the pixels under the kernel are stored, or `NO_PIXEL`."""
        offsets = torch.arange(self.taps, device=cell.device) - (self.taps - 1) // 2
        index = cell[..., None] + offsets + self.pad
        return extended(index, self.count + 2 * self.pad, self.boundary)


def extended(index: Tensor, count: int, boundary: str) -> Tensor:
    """Return the pixel, of so many, that stands for any index, or `NO_PIXEL`."""
    if boundary == "nearest":
        return index.clamp(0, count - 1)
    if boundary == "wrap":
        return index % count
    if boundary == "constant":
        return torch.where((index < 0) | (index >= count), NO_PIXEL, index)
    if boundary == "reflect":
        within = index % (2 * count)
        return torch.minimum(within, 2 * count - 1 - within)
    if count == 1:
        return torch.zeros_like(index)
    within = index % (2 * count - 2)
    return torch.minimum(within, 2 * count - 2 - within)
