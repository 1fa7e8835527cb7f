"""The one table that all measurements go into."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import machine, python_version

from rich.table import Table

PACKAGES = ("photalign", "numpy", "opencv-python-headless", "pystackreg", "SimpleITK")
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
    cost: float | None = None
    """Time or memory, in ``unit``."""
    unit: str = ""
    quartiles: tuple[float, float] | None = None
    times_ours: float | None = None
    """Cost in units of photalign's in the same task."""
    target: str = ""
    met: bool | None = None


def as_table(rows: Sequence[Row], title: str) -> Table:
    """Lay out the rows, a line between tasks."""
    table = Table(title=title)
    for name in ("task", "method"):
        table.add_column(name, no_wrap=True)
    for name in ("converged", "error / bound", "cost", "quartiles", "x ours"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("target", no_wrap=True)
    for i, row in enumerate(rows):
        first = i == 0 or rows[i - 1].task != row.task
        last = i + 1 == len(rows) or rows[i + 1].task != row.task
        table.add_row(
            row.task if first else "",
            row.method,
            "{}/{}".format(*row.converged) if row.converged else "",
            f"{row.ratio:.2f}" if row.ratio is not None else "",
            f"{row.cost:.3g} {row.unit}" if row.cost is not None else "",
            "{:.3g} to {:.3g}".format(*row.quartiles) if row.quartiles else "",
            f"{row.times_ours:.1f}" if row.times_ours is not None else "",
            row.target + VERDICT[row.met],
            end_section=last,
        )
    return table


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
