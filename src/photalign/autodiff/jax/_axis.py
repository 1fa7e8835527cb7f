"""One axis of a sampler in jnp: from coordinates to cells, from cells to pixels.

The rules are those of core/include/photalign/axis.hpp and boundary.hpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from photalign._interpolation import Interpolation


@dataclass(frozen=True)
class Axis:
    """An axis with `count` pixels, of which more are stored, `pad` on each side."""

    interpolation: Interpolation
    axis: int
    count: int

    @property
    def taps(self) -> int:
        """Pixels under the kernel."""
        return self.interpolation.kernel.taps

    @property
    def before(self) -> int:
        """Taps before the cell."""
        return (self.taps - 1) // 2

    @property
    def shift(self) -> float:
        """Half a pixel where cells are centered on pixels."""
        return 0.5 if self.taps % 2 else 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether the domain ends somewhere."""
        return self.interpolation.domain != "unbounded"

    @property
    def is_flat(self) -> bool:
        """Whether there is no slope: along a single pixel."""
        return self.is_bounded and self.count == 1

    @property
    def limits(self) -> tuple[float, float]:
        """The domain, closed."""
        if not self.is_bounded:
            end = 2.0**52 if self.taps % 2 else 2.0**53
            return -end, end
        lower, upper = 0.0, self.count - 1.0
        if self.interpolation.domain == "support":
            lower = max(lower, self.before - self.shift)
            upper = min(upper, self.count - self.taps + self.before + 1 - self.shift)
        return lower, upper

    @property
    def last_cell(self) -> int:
        """The cell that the upper end of a bounded domain belongs to."""
        if self.is_flat:
            return 0
        goes_on = self.interpolation.boundary == "wrap"
        last = self.count - (1 if self.taps % 2 or goes_on else 2)
        if self.interpolation.domain == "support":
            last = min(last, self.count - self.taps + self.before)
        return last

    def positions(self, coordinates: Any) -> Any:
        """Return coordinates in pixels; rounding moves none out of the image."""
        origins, spacings = self.interpolation.origin, self.interpolation.spacing
        if not any(origins) and all(step == 1 for step in spacings):
            return coordinates
        origin, spacing = origins[self.axis], spacings[self.axis]
        x = (coordinates - origin) / spacing
        end = self.count - 1
        if x.dtype == np.float64:
            rounding = 1e-9 + 2.0**-50 * abs(origin / spacing)
        else:
            rounding = 2.0**-21 * (abs(origin / spacing) + self.count)
        x = jnp.where((x < 0) & (x > -rounding), 0, x)
        return jnp.where((x > end) & (x < end + rounding), end, x)

    def contains(self, x: Any) -> Any:
        """Tell which positions are in the domain."""
        lower, upper = self.limits
        return (x >= lower) & (x <= upper)

    def cells(self, x: Any) -> Any:
        """Return the cells of positions, as whole numbers of the positions' type."""
        cell = jnp.floor(x + self.shift)
        return jnp.minimum(cell, self.last_cell) if self.is_bounded else cell

    def stored(self, cell: Any) -> Any:
        """Return which of the stored pixels are under the taps.

        Parameters
        ----------
        cell : jax.Array, shape (...)
            As from `cells`.

        Returns
        -------
        jax.Array, shape (..., taps), int32
            From the first one stored on; -1 where the boundary's constant stands.
        """
        pad, boundary = self.interpolation.padding, self.interpolation.boundary
        stored = self.count + 2 * pad
        if not self.is_bounded:
            # Whole numbers of any size, before they become integers.
            period = {"mirror": 2 * stored - 2, "reflect": 2 * stored, "wrap": stored}
            if boundary in period:
                cell = jnp.fmod(cell, max(period[boundary], 1))
            else:
                cell = jnp.clip(cell, -pad - self.taps, self.count + pad + self.taps)
        first = cell.astype(np.int32)[..., np.newaxis] + (pad - self.before)
        return stored_index(boundary, first + np.arange(self.taps, dtype="i4"), stored)


def stored_index(boundary: str, index: Any, count: int) -> Any:
    """Return the indices in [0, count) that stand for others, -1 for the constant.

    Of NumPy arrays as well as JAX's.
    """
    xp = np if isinstance(index, np.ndarray) else jnp
    if boundary == "nearest":
        return xp.clip(index, 0, count - 1)
    if boundary == "constant":
        return xp.where((index < 0) | (index >= count), -1, index)
    if boundary == "wrap":
        return index % count
    if boundary == "reflect":
        within = index % (2 * count)
        return xp.minimum(within, 2 * count - 1 - within)
    period = max(2 * count - 2, 1)
    within = index % period
    return within if count == 1 else xp.minimum(within, period - within)
