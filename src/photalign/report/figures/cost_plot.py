"""How the cost fell, iteration by iteration, level by level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from photalign.report.figures.frame import Frame, svg
from photalign.report.figures.ticks import linear_ticks, log_ticks
from photalign.report.numbers import significant

if TYPE_CHECKING:
    from photalign.results import Step

_Numbered = tuple[int, "Step"]


def cost_plot(trace: Sequence[Step], unit: str = "grey levels") -> str:
    """Draw the cost of every step, in one band per pyramid level.

    Parameters
    ----------
    trace : sequence of Step
        As in `Alignment.trace`; steps whose cost is not finite are left out.
    unit : str
        Of the residuals.

    Returns
    -------
    str
        SVG; the empty string if no step has a finite cost.
    """
    steps = [(i, s) for i, s in enumerate(trace, 1) if math.isfinite(s.cost)]
    if not steps:
        return ""
    bands = [list(band) for _, band in groupby(steps, key=lambda s: s[1].level)]
    frame = _frame([s.cost for _, s in steps], len(trace))
    low, high = frame.y_range
    y_ticks = log_ticks(low, high) if frame.log_y else linear_ticks(low, high, 4)
    body = (
        "".join(_background(frame, band, k) for k, band in enumerate(bands))
        + frame.y_axis(y_ticks)
        + "".join(_curve(frame, band) for band in bands)
        + frame.x_axis(_whole(len(trace)), drop=20)
    )
    first, last = steps[0][1].cost, steps[-1][1].cost
    label = (
        f"Cost over {len(trace)} iterations on {len(bands)} levels, "
        f"from {significant(first)} to {significant(last)} {unit} squared"
    )
    return svg("plot cost", label, body)


def _frame(costs: list[float], n_steps: int) -> Frame:
    low, high = min(costs), max(costs)
    x_range = (0.5, n_steps + 0.5)
    if low > 0:
        # A factor of headroom, so that a flat curve is seen as flat.
        return Frame(
            x_range=x_range, y_range=(low / 1.3, max(high, 2 * low) * 1.6), log_y=True
        )
    return Frame(x_range=x_range, y_range=(0.0, 1.15 * high if high > 0 else 1.0))


def _background(frame: Frame, band: list[_Numbered], k: int) -> str:
    left, right = band[0][0] - 0.5, band[-1][0] + 0.5
    level = band[0][1].level
    return (
        frame.bar(left, right, frame.y_range[1], "band odd" if k % 2 else "band")
        + f'<text class="level" x="{frame.x((left + right) / 2)}" y="0" dy="1.3em">'
        f"{level}</text>"
    )


def _curve(frame: Frame, band: list[_Numbered]) -> str:
    kept = [(i, s.cost) for i, s in band if s.accepted]
    lines = [frame.line(a, b, "fall") for a, b in pairwise(kept)]
    return "".join(lines + [_marker(frame, i, s) for i, s in band])


def _marker(frame: Frame, number: int, step: Step) -> str:
    outcome = "" if step.accepted else ", not accepted"
    note = (
        f"level {step.level}, iteration {step.iteration}: "
        f"cost {significant(step.cost, 4)}, step {significant(step.motion)} px{outcome}"
    )
    return (
        f'<circle class="{"step" if step.accepted else "step rejected"}" r="3.5" '
        f'cx="{frame.x(number)}" cy="{frame.y(step.cost)}">'
        f"<title>{escape(note)}</title></circle>"
    )


def _whole(n_steps: int) -> list[float]:
    ticks = linear_ticks(1, n_steps, 6) if n_steps > 1 else [1.0]
    return [t for t in ticks if t == int(t)]
