"""How a run can end."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photalign.results import Alignment


class ExitCode(IntEnum):
    """What the program returns to whoever started it."""

    OK = 0
    MISUSE = 1
    NOT_CONVERGED = 2
    INTERRUPTED = 130


class Misuse(Exception):
    """A request that cannot be carried out; the text is ``name: expected X, got Y``."""


def exit_code(result: Alignment) -> ExitCode:
    """Return the exit code for an alignment; of a failed one, say on stderr why.

    Parameters
    ----------
    result : Alignment

    Returns
    -------
    ExitCode
    """
    if result.ok:
        return ExitCode.OK
    print(f"not converged: {result.status.value} {result.advice}", file=sys.stderr)
    return ExitCode.NOT_CONVERGED
