"""The one table that all measurements go into."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import machine, python_version

from rich.table import Table

PACKAGES = (
    *("photalign", "numpy", "scipy", "opencv-python-headless", "pystackreg"),
    *("SimpleITK", "jax", "torch"),
)
COLUMNS = (
    *("task", "method", "converged", "error / bound", "error", "cost", "quartiles"),
    *("scale error", "t", "x ours", "target"),
)
VERDICT = {True: " [green]met", False: " [red]missed", None: ""}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one method did in one task."""

    task: str
    method: str
    converged: tuple[int, int] | None = None
    """Problems solved to less than 0.5 px RMS corner error, of so many."""
    ratio: float | None = None
    """RMS corner error in units of the Cramer-Rao bound, over the solved problems."""
    error: float | None = None
    """RMS error of the solved problems, px."""
    cost: float | None = None
    """Time or memory, in ``unit``."""
    unit: str = ""
    quartiles: tuple[float, float] | None = None
    times_ours: float | None = None
    """Cost in units of photalign's in the same task."""
    scale_error: float | None = None
    """Mean error of the estimated scale, in parts per million."""
    deviations: float | None = None
    """A mean error in units of its standard error, Student's t."""
    target: str = ""
    met: bool | None = None


def as_table(rows: Sequence[Row], title: str) -> Table:
    """Lay out the rows, a line between tasks, without the columns that are empty."""
    cells = [_cells(row) for row in rows]
    used = [name for name in COLUMNS if any(filled[name] for filled in cells)]
    table = Table(title=title)
    for name in used:
        is_text = name in ("task", "method", "target")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for i, row in enumerate(rows):
        if i > 0 and rows[i - 1].task == row.task:
            cells[i]["task"] = ""
        last = i + 1 == len(rows) or rows[i + 1].task != row.task
        table.add_row(*(cells[i][name] for name in used), end_section=last)
    return table


def _cells(row: Row) -> dict[str, str]:
    """What each column says."""
    texts = (
        row.task,
        row.method,
        "{}/{}".format(*row.converged) if row.converged else "",
        f"{row.ratio:.2f}" if row.ratio is not None else "",
        f"{row.error:.2g} px" if row.error is not None else "",
        f"{row.cost:.3g} {row.unit}" if row.cost is not None else "",
        "{:.3g} to {:.3g}".format(*row.quartiles) if row.quartiles else "",
        f"{row.scale_error:.1f} ppm" if row.scale_error is not None else "",
        f"{row.deviations:.1f}" if row.deviations is not None else "",
        _times(row.times_ours) if row.times_ours is not None else "",
        row.target + VERDICT[row.met],
    )
    return dict(zip(COLUMNS, texts, strict=True))


def _times(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 100 else f"{factor:.2g}"


def environment() -> dict[str, str]:
    """The machine and the versions that the figures belong to."""
    found = {"cpu": _cpu(), "machine": machine(), "python": python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write rows and environment as JSON."""
    content = {"environment": environment(), "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=1) + "\n")


def _cpu() -> str:
    """Name of the processor, from where Linux tells it."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown"
