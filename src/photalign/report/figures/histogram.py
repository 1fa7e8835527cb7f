"""How the differences are distributed, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign.report.figures.frame import Frame, svg
from photalign.report.figures.ticks import linear_ticks, round_up

_BINS = 81  # odd: the middle bin is centred on zero
_LIMITS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # their halves are short too
_SCALE_HEIGHT = 12  # px, of the colour scale that the page puts under the plot


def color_limit(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Return the difference at the ends of the colour scale that both pictures share.

    Parameters
    ----------
    before, after : ndarray, shape (H, W)
        Differences in grey levels; NaN where there is none.

    Returns
    -------
    float
        A round number that 95 per cent of the differences of either picture stay
        within.

    Examples
    --------
    >>> color_limit(np.linspace(-40, 40, 81), np.linspace(-3, 3, 81))
    40.0
    """
    limits = [
        float(np.percentile(np.abs(finite), 95))
        for difference in (before, after)
        if (finite := difference[np.isfinite(difference)]).size
    ]
    largest = max(limits, default=0.0)
    return round_up(largest, _LIMITS) if largest > 0 else 1.0


def histogram(before: NDArray[Any], after: NDArray[Any], limit: float) -> str:
    """Draw the shares of the differences, before as an outline, after as bars.

    Parameters
    ----------
    before, after : ndarray, shape (H, W)
        Differences in grey levels; NaN where there is none.
    limit : float
        The axis runs from ``-limit`` to ``limit``; what lies beyond is not drawn, and
        counts in the shares.

    Returns
    -------
    str
        SVG.

    Examples
    --------
    >>> zeros = np.zeros((4, 4))
    >>> histogram(zeros, zeros, 1.0).startswith('<svg class="plot histogram"')
    True
    """
    edges = np.linspace(-limit, limit, _BINS + 1)
    outline, bars = (_shares(d, edges) for d in (before, after))
    top = 1.08 * max(float(outline.max()), float(bars.max()), 1e-3)
    frame = Frame(x_range=(-limit, limit), y_range=(0, top))
    body = (
        frame.y_axis(linear_ticks(0, top, 4), " %")
        + "".join(
            frame.bar(left, right, share, "after")
            for left, right, share in zip(edges[:-1], edges[1:], bars, strict=True)
            if share > 0
        )
        + _staircase(frame, edges, outline)
        + frame.x_axis(
            (-limit, -limit / 2, 0, limit / 2, limit),
            drop=_SCALE_HEIGHT + 18,
            signed=True,
        )
    )
    label = "Histogram of the differences before and after, in per cent of the pixels"
    return svg("plot histogram", label, body)


def _shares(
    difference: NDArray[Any], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    finite = difference[np.isfinite(difference)]
    counts, _ = np.histogram(finite, edges)
    shares: NDArray[np.float64] = 100 * counts / max(1, finite.size)
    return shares


def _staircase(
    frame: Frame, edges: NDArray[np.float64], heights: NDArray[np.float64]
) -> str:
    pieces = []
    previous = 0.0
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        pieces.append(frame.line((left, previous), (left, height), "before"))
        pieces.append(frame.line((left, height), (right, height), "before"))
        previous = height
    pieces.append(frame.line((edges[-1], previous), (edges[-1], 0.0), "before"))
    return "".join(pieces)
