"""The one table that all measurements go into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

COLUMNS = (
    *("task", "method", "converged", "error / bound", "error", "cost", "quartiles"),
    *("share", "scale error", "t", "x ours", "x peer", "target"),
)
VERDICT = {True: " [green]met", False: " [red]missed", None: ""}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one method did in one task."""

    task: str
    method: str
    converged: tuple[int, int] | None = None
    """Problems solved to less than 0.5 px RMS corner error, of so many."""
    problems: int | None = None
    """What was measured is of so many problems, where ``converged`` does not say it."""
    ratio: float | None = None
    """RMS corner error in units of the Cramer-Rao bound, over the solved problems."""
    error: float | None = None
    """RMS error of the solved problems, px."""
    cost: float | None = None
    """Time or memory, in ``unit``."""
    unit: str = ""
    quartiles: tuple[float, float] | None = None
    is_steady: bool = True
    """Whether the cost was measured so that runs agree about its ratios."""
    times_ours: float | None = None
    """Cost in units of photalign's in the same task."""
    speedup: float | None = None
    """How many times as fast as the peer that the task sets beside it."""
    share: float | None = None
    """Of the whole that the task takes apart, 0 to 1."""
    scale_error: float | None = None
    """Mean error of the estimated scale, in parts per million."""
    deviations: float | None = None
    """A mean error in units of its standard error, Student's t."""
    target: str = ""
    met: bool | None = None


def as_table(rows: Sequence[Row], title: str) -> Table:
    """Lay out the rows, a line between tasks, without the columns that are empty."""
    filled = [cells(row) for row in rows]
    used = [name for name in COLUMNS if any(row[name] for row in filled)]
    table = Table(title=title)
    for name in used:
        is_text = name in ("task", "method", "target")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for i, row in enumerate(rows):
        if i > 0 and rows[i - 1].task == row.task:
            filled[i]["task"] = ""
        last = i + 1 == len(rows) or rows[i + 1].task != row.task
        table.add_row(*(filled[i][name] for name in used), end_section=last)
    return table


def cells(row: Row) -> dict[str, str]:
    """What each column says."""
    texts = (
        row.task,
        row.method,
        "{}/{}".format(*row.converged) if row.converged else "",
        f"{row.ratio:.2f}" if row.ratio is not None else "",
        f"{row.error:.2g} px" if row.error is not None else "",
        f"{_number(row.cost)} {row.unit}" if row.cost is not None else "",
        " to ".join(map(_number, row.quartiles)) if row.quartiles else "",
        f"{row.share:.1%}" if row.share is not None else "",
        f"{row.scale_error:.1f} ppm" if row.scale_error is not None else "",
        f"{row.deviations:.1f}" if row.deviations is not None else "",
        _times(row.times_ours) if row.times_ours is not None else "",
        _times(row.speedup) if row.speedup is not None else "",
        row.target + VERDICT[row.met],
    )
    return dict(zip(COLUMNS, texts, strict=True))


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _times(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 100 else f"{factor:.2g}"
