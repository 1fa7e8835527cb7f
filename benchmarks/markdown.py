"""Figures as tables of a Markdown page, which says where each of them goes.

A comment of the page opens a block, `<!-- end -->` closes it, and what is between them
is replaced. The comments, with the part that was run and how the tasks begin:

- `<!-- machine: PART -->`: when, on what, with which versions.
- `<!-- beside: PART | TASK -->`: a line for each task, ours and what is beside it.
- `<!-- matrix: PART | TASK -->`: tasks by methods.
- `<!-- list: PART | TASK -->`: the table as it is printed.
- `<!-- missed: PART -->`: the targets that were missed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.runs import Run
from benchmarks.table import COLUMNS, Row, cells

BLOCK = re.compile(
    r"(<!-- (\w+): (\w+)(?: \| ([^>]*?))? -->\n).*?(<!-- end -->)", re.DOTALL
)
Rows = Sequence[Row]


def update_page(path: Path, run: Run) -> None:
    """Replace the blocks of a page that belong to the parts that were run."""
    path.write_text(with_figures(path.read_text("utf-8"), run), "utf-8")


def with_figures(page: str, run: Run) -> str:
    """Return the page with the figures of the parts that were run."""

    def filled(block: re.Match[str]) -> str:
        opening, layout, part, task, closing = block.groups()
        if part not in run.parts:
            return block[0]
        if layout == "machine":
            return f"{opening}\n{run.title}.\n\n{closing}"
        if layout not in LAYOUTS:
            raise ValueError(f"{opening.strip()}: expected one of {list(LAYOUTS)}")
        rows = [row for row in run.parts[part] if row.task.startswith(task or "")]
        # A run of many minutes does not end in an error about one table.
        table = LAYOUTS[layout](rows) if rows else "Not measured."
        return f"{opening}\n{table}\n\n{closing}"

    return BLOCK.sub(filled, page)


def _beside(rows: Rows) -> str:
    """One line for each task: its first row, then the others."""
    lines = []
    for task, group in _by_task(rows).items():
        ours, *others = group
        factors = "; ".join(f"{_escaped(row.method)}, {_factor(row)}" for row in others)
        lines.append([_escaped(task), _cost(ours), _verdict(ours), factors])
    return _table(["task", "photalign", "target", "beside it"], lines)


def _matrix(rows: Rows) -> str:
    """Tasks by methods; what there are fewer of become the columns."""
    tasks = list(dict.fromkeys(row.task for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    found = {(row.task, row.method): _outcome(row) for row in rows}
    if len(tasks) < len(methods):
        body = [[m, *(found.get((t, m), "") for t in tasks)] for m in methods]
        return _table(["", *map(_escaped, tasks)], body)
    body = [[t, *(found.get((t, m), "") for m in methods)] for t in tasks]
    return _table(["", *map(_escaped, methods)], body)


def _list(rows: Rows) -> str:
    """Return the columns that are not empty; of a single task without its name."""
    filled = [cells(row) for row in rows]
    used = [name for name in COLUMNS if any(row[name] for row in filled)]
    if len(_by_task(rows)) == 1:
        used.remove("task")
    body = [[_escaped(_plain(row[name])) for name in used] for row in filled]
    return _table(used, body)


def _missed(rows: Rows) -> str:
    missed = [row for row in rows if row.met is False]
    if not missed:
        return "All targets were met."
    body = [
        [
            _escaped(row.task),
            _escaped(row.method),
            _outcome(row),
            row.target.rstrip(","),
        ]
        for row in missed
    ]
    return _table(["missed", "method", "measured", "target"], body)


LAYOUTS: dict[str, Callable[[Rows], str]] = {
    "beside": _beside,
    "matrix": _matrix,
    "list": _list,
    "missed": _missed,
}


def _by_task(rows: Rows) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.task, []).append(row)
    return groups


def _outcome(row: Row) -> str:
    """Say all that was measured, in a few words."""
    shown = cells(row)
    said = [shown["converged"], shown["error / bound"], shown["error"], _cost(row)]
    said += [shown["scale error"], shown["share"]]
    if row.deviations is not None:
        said.append(f"t = {shown['t']}")
    if row.times_ours not in (None, 1):
        said.append(f"× {shown['x ours']}")
    if row.speedup is not None:
        said.append(f"peer × {shown['x peer']}")
    return ", ".join(part for part in said if part)


def _cost(row: Row) -> str:
    shown = cells(row)
    spread = f" ({shown['quartiles']})" if shown["quartiles"] else ""
    return _units(shown["cost"]) + spread


def _factor(row: Row) -> str:
    return f"× {cells(row)['x ours']}" if row.times_ours is not None else _cost(row)


def _verdict(row: Row) -> str:
    return _escaped(_plain(cells(row)["target"]))


def _plain(text: str) -> str:
    return _units(re.sub(r"\[/?\w+\]", "", text))


def _units(text: str) -> str:
    return text.replace(" us", " µs")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
