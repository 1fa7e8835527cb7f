"""A bar on standard error for work that takes a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING

from photalign.cli.console import terminal

if TYPE_CHECKING:
    from photalign.results import Step

_PATIENCE = 1.0  # seconds without a bar


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[Step | str], None]]:
    """Show what is being done if it takes over a second.

    The bar is drawn only if somebody watches, and leaves no trace.

    Parameters
    ----------
    quiet : bool
        Never draw it.

    Yields
    ------
    callable
        To be called with a word for what is done next, and during the alignment with
        each `Step`, whose levels count down to 0.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = terminal(stderr=True)
    bar = Progress(
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = bar.add_task("reading", total=None)
    n_levels = 0

    def show(now: Step | str) -> None:
        nonlocal n_levels
        if isinstance(now, str):
            bar.update(task, description=now)
            return
        n_levels = max(n_levels, now.level + 1)
        bar.update(
            task,
            description=f"level {now.level}, step {now.iteration}",
            total=n_levels,
            completed=n_levels - 1 - now.level,
        )

    timer = Timer(_PATIENCE, bar.start)
    timer.start()
    try:
        yield show
    finally:
        timer.cancel()
        timer.join()
        if bar.live.is_started:
            bar.stop()
