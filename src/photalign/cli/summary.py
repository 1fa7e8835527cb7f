"""What the alignment came to, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photalign.cli.console import table
from photalign.report.summary import headline, key_figures, numbers, settings
from photalign.report.tables import corner_rows, parameter_rows, rival_rows

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from photalign.results import Alignment
    from photalign.warps import Warp


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
    if result.advice:
        console.print(f"To try: {result.advice}")
    for warning in result.warnings:
        console.print(f"Take care: {warning}", style="yellow")
    tables = [_parameters(result, truth), _figures(result, truth)]
    if truth is not None:
        tables.insert(1, _corners(result, truth))
    if result.rivals:
        tables.append(_rivals(result))
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


def _rivals(result: Alignment) -> Table:
    rows = rival_rows(result)
    return table(
        ["model", "parameters", "corners off [px]", "misfit", "criterion", ""],
        (
            [r.name, r.parameters, r.distance, r.misfit, r.criterion, r.verdict]
            for r in rows
        ),
    )


def _figures(result: Alignment, truth: Warp | None) -> Table:
    entries = key_figures(result, truth)
    if truth is None:
        entries += [e for e in numbers(result) if e.name in ("Gain", "Bias")]
        entries += [e for e in settings(result) if e.name == "Start"]
    return table([], ([e.name.lower(), e.value, e.note] for e in entries))
