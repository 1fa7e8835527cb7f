"""What the alignment came to, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from photalign.report.summary import headline, key_figures, numbers
from photalign.report.tables import corner_rows, parameter_rows

if TYPE_CHECKING:
    from photalign.results import Alignment
    from photalign.warps import Warp

_NUMBERS = ("truth", "estimate", "std", "error", "x", "y")
# A hyphen can be copied into another program, the report's minus sign cannot.
_HYPHEN = str.maketrans("\N{MINUS SIGN}", "-")


def terminal(*, stderr: bool = False) -> Console:
    """Return a console that prints words as they are; color is its own decision.

    Parameters
    ----------
    stderr : bool
        Print to standard error instead of standard output.

    Returns
    -------
    rich.console.Console
    """
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def print_summary(
    result: Alignment, console: Console, truth: Warp | None = None
) -> None:
    """Print status, parameters and figures, each with its uncertainty and unit.

    Parameters
    ----------
    result : Alignment
    console : rich.console.Console
    truth : Warp, optional
        Is shown beside the estimate; whoever knows it shows the brightness, too.
    """
    console.print(headline(result), style="bold green" if result.ok else "bold red")
    console.print(result.status.value)
    tables = [_parameters(result, truth), _figures(result, truth)]
    if truth is not None:
        tables.insert(1, _corners(result, truth))
    for each in tables:
        console.print()
        console.print(each)


def _parameters(result: Alignment, truth: Warp | None) -> Table:
    rows = parameter_rows(result, truth)
    if truth is None:
        return table(
            [result.warp.name, "estimate", "std", "unit", "meaning"],
            ([r.symbol, r.value, r.std, r.unit, r.meaning] for r in rows),
        )
    return table(
        [result.warp.name, "truth", "estimate", "std", "error", "unit"],
        ([r.symbol, r.truth, r.value, r.std, r.error, r.unit] for r in rows),
    )


def _corners(result: Alignment, truth: Warp) -> Table:
    rows = corner_rows(result, truth)
    return table(
        ["corner", "x", "std", "y", "std", "error", "unit"],
        ([r.name, r.x, r.x_std, r.y, r.y_std, r.error, "px"] for r in rows),
    )


def _figures(result: Alignment, truth: Warp | None) -> Table:
    entries = key_figures(result, truth)
    if truth is None:
        entries += [e for e in numbers(result) if e.name in ("Gain", "Bias")]
    return table([], ([e.name.lower(), e.value, e.note] for e in entries))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Lay out words and numbers in columns.

    Parameters
    ----------
    columns : sequence of str
        The titles; none if empty.
    rows : iterable of sequence of str
        The cells.

    Returns
    -------
    rich.table.Table
    """
    laid_out = Table(
        box=None, pad_edge=False, header_style="dim", show_header=bool(columns)
    )
    for name in columns:
        laid_out.add_column(name, justify="right" if name in _NUMBERS else "left")
    for row in rows:
        laid_out.add_row(*(cell.translate(_HYPHEN) for cell in row))
    return laid_out
