"""The command line: parses, calls one function of the library, writes what it returns.

Exit codes: 0 aligned; 1 misuse or an unreadable file; 2 not converged; 130 interrupted.
Results go to standard output, messages to standard error.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence

import typer

from photalign.cli.app import app
from photalign.cli.exits import ExitCode, Misuse


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        What follows the name of the program; by default that of this process.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> from photalign.cli import main
    >>> main(["--version"])
    photalign ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a sign shows "?" instead of ending the program.
            stream.reconfigure(errors="replace")
    # Damaged files are reported once, by us.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    try:
        command = typer.main.get_command(app)
        code = command.main(argv, prog_name="photalign", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _fail(_parser_message(error))
    except BrokenPipeError:
        # Whoever read the output has left; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.MISUSE)
    except (Misuse, OSError, MemoryError) as error:
        return _fail(str(error))
    if code == ExitCode.INTERRUPTED:
        print("interrupted: nothing was written", file=sys.stderr)
    return int(code)


def _parser_message(error: typer.TyperException) -> str:
    if isinstance(error, typer.BadParameter) and error.param and error.message:
        return f"{error.param.opts[0]}: {error.message}"
    return error.format_message()


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return int(ExitCode.MISUSE)
