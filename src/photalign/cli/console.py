"""Words and tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

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
