"""The drawing area of a plot, in percentages so that its text never shrinks.

A plot must read as well on a phone as on a desk. A ``viewBox`` would scale the
lettering with the width; positions in per cent of the area move, and the text keeps
the size that the style sheet gives it. Lettering outside the area (tick labels) is
drawn with ``overflow: visible`` into the padding around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from photalign.report.numbers import significant


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Data ranges of the two axes and the way from data to the drawing area.

    Attributes
    ----------
    x_range, y_range : tuple of two float
        Data at the left and right, and at the bottom and top edge.
    log_y : bool
        Whether the vertical axis is logarithmic.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log_y: bool = False

    def x(self, value: float) -> str:
        """Return the horizontal position of a value.

        Examples
        --------
        >>> Frame(x_range=(0, 4), y_range=(0, 1)).x(1)
        '25%'
        """
        low, high = self.x_range
        return _per_cent((value - low) / (high - low))

    def y(self, value: float) -> str:
        """Return the vertical position of a value; the top is 0%.

        Examples
        --------
        >>> Frame(x_range=(0, 4), y_range=(1, 100), log_y=True).y(10)
        '50%'
        """
        low, high = self.y_range
        if self.log_y:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return _per_cent((high - value) / (high - low))

    def line(
        self, start: tuple[float, float], end: tuple[float, float], kind: str
    ) -> str:
        """Return a line between two points of the data, of CSS class `kind`."""
        return (
            f'<line class="{kind}" x1="{self.x(start[0])}" y1="{self.y(start[1])}" '
            f'x2="{self.x(end[0])}" y2="{self.y(end[1])}"/>'
        )

    def bar(self, left: float, right: float, height: float, kind: str) -> str:
        """Return a bar from the bottom up to `height`, of CSS class `kind`."""
        (x_low, x_high), (y_low, y_high) = self.x_range, self.y_range
        return (
            f'<rect class="{kind}" x="{self.x(left)}" y="{self.y(height)}" '
            f'width="{_per_cent((right - left) / (x_high - x_low))}" '
            f'height="{_per_cent((height - y_low) / (y_high - y_low))}"/>'
        )

    def y_axis(self, ticks: Iterable[float], unit: str = "") -> str:
        """Return horizontal grid lines with their values to the left of the area."""
        left, right = self.x_range
        return "".join(
            self.line((left, tick), (right, tick), "rule")
            + f'<text class="tick y" x="0" dx="-8" dy="0.35em" y="{self.y(tick)}">'
            f"{significant(tick)}{escape(unit)}</text>"
            for tick in ticks
        )

    def x_axis(self, ticks: Iterable[float], *, drop: int, signed: bool = False) -> str:
        """Return the values along the bottom, `drop` pixels below the area."""
        return "".join(
            f'<text class="tick x" x="{self.x(tick)}" y="100%" dy="{drop}">'
            f"{'+' if signed and tick > 0 else ''}{significant(tick)}</text>"
            for tick in ticks
        )


def svg(kind: str, label: str, body: str, view_box: str = "") -> str:
    """Return a drawing of CSS class `kind`, named `label` for screen readers.

    Examples
    --------
    >>> svg("plot", "a < b", "")
    '<svg class="plot" role="img" aria-label="a &lt; b"></svg>'
    """
    view = f' viewBox="{view_box}"' if view_box else ""
    return (
        f'<svg class="{kind}"{view} role="img" aria-label="{escape(label)}">'
        f"{body}</svg>"
    )


def _per_cent(share: float) -> str:
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"
