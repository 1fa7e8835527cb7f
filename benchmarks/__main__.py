"""Print the table of all figures: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from benchmarks import (
    accuracy,
    autodiff,
    efficiency,
    exactness,
    fused,
    large,
    memory,
    sampling,
    speed,
)
from benchmarks.peers import single_thread
from benchmarks.table import Row, as_table, environment, write_json

WIDTH = 166
"""Columns of the table where there is no terminal to ask."""
PARTS = (
    *("accuracy", "exactness", "efficiency", "speed", "sampling", "fused", "autodiff"),
    *("memory", "large"),
)


def main() -> None:
    """Measure, print the table, and write JSON if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="10 problems instead of 50, no slow peers"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    single_thread()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    measured = _measure(arguments.only or PARTS, arguments.quick)
    rows = list(track(measured, "measuring", console=Console(stderr=True)))
    console.print(as_table(rows, ", ".join(environment().values())))
    if arguments.json is not None:
        write_json(rows, arguments.json)


def _measure(parts: list[str] | tuple[str, ...], quick: bool) -> Iterator[Row]:
    count = 10 if quick else 50
    if "accuracy" in parts:
        yield from accuracy.rows(count)
    if "exactness" in parts:
        yield from exactness.rows(count)
    if "efficiency" in parts:
        yield from efficiency.rows(count)
    if "speed" in parts:
        yield from speed.rows(count)
    if "sampling" in parts:
        yield from sampling.rows(count)
    if "fused" in parts:
        yield from fused.rows(count)
    if "autodiff" in parts:
        yield from autodiff.rows(count)
    if "memory" in parts:
        yield from memory.rows(peers=not quick)
    if "large" in parts:
        yield from large.rows(peers=not quick)


if __name__ == "__main__":
    main()
