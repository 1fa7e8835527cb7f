"""A bar on standard error for alignments that take a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photalign.results import Step

_PATIENCE = 1.0  # seconds without a bar


@contextmanager
def level_bar(*, quiet: bool) -> Iterator[Callable[[Step], None]]:
    """Show how many levels of the pyramid are done, once a second has passed.

    The bar is drawn only if somebody watches, and leaves no trace.

    Parameters
    ----------
    quiet : bool
        Never draw it.

    Yields
    ------
    callable
        To be called with each `Step`, whose levels count down to 0.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("aligning"),
        BarColumn(),
        TextColumn("level {task.fields[level]}, step {task.fields[iteration]}"),
        TimeElapsedColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
        transient=True,
    )
    task = bar.add_task("", level=0, iteration=0)
    begin = monotonic()
    n_levels = 0

    def show(step: Step) -> None:
        nonlocal n_levels
        n_levels = max(n_levels, step.level + 1)
        if monotonic() - begin < _PATIENCE:
            return
        bar.start()
        bar.update(
            task,
            total=n_levels,
            completed=n_levels - 1 - step.level,
            level=step.level,
            iteration=step.iteration,
        )

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
