"""The program and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from photalign.cli.align import align
from photalign.cli.demo import demo
from photalign.cli.exits import ExitCode

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(align)
app.command()(demo)


@app.callback(invoke_without_command=True)
def photalign(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.")
    ] = False,
) -> int:
    """Align two images by their pixel values, exactly.

    Exit codes: 0 ok, 1 misuse or unreadable file, 2 not converged.
    """
    if version:
        from photalign import __version__

        print(f"photalign {__version__}")
        raise typer.Exit(ExitCode.OK)
    if context.invoked_subcommand is None:
        print(context.get_help())
    # Only counts if no command runs: asking for nothing is misuse.
    return ExitCode.MISUSE
