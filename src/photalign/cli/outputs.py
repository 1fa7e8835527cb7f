"""Files that are written together or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from photalign.cli.exits import Misuse
from photalign.io import check_output, replacing


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check that files can be written, each to a place of its own.

    Parameters
    ----------
    outputs : iterable of pathlib.Path
        To be written.
    inputs : iterable of pathlib.Path
        To be read, so not to be replaced.

    Raises
    ------
    Misuse
        If two names mean one file.
    ImageFileError
        As `photalign.io.check_output`.
    """
    taken = {os.path.realpath(path) for path in inputs}
    for path in outputs:
        check_output(path)
        place = os.path.realpath(path)
        if place in taken:
            raise Misuse(f"{path}: expected a file of its own, got one named before")
        taken.add(place)


def write_together(writers: Mapping[Path, Callable[[Path], object]]) -> None:
    """Write several files, and give them their names only when all are complete.

    Parameters
    ----------
    writers : mapping of pathlib.Path to callable
        What to write where; each is called with a temporary name to write to.
    """
    with ExitStack() as stack:
        for path, write in writers.items():
            write(stack.enter_context(replacing(path)))


def text_writer(text: str) -> Callable[[Path], object]:
    """Return a writer for `write_together` that writes this text, and a line end.

    Parameters
    ----------
    text : str

    Returns
    -------
    callable
    """
    return lambda path: path.write_text(text + "\n", "utf-8")
