"""Print tables of all figures, and what got worse: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
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
    profile,
    robustness,
    sampling,
    speed,
)
from benchmarks.gate import Baseline, Comparison
from benchmarks.markdown import update_page
from benchmarks.peers import single_thread
from benchmarks.runs import Run, environment
from benchmarks.table import Row, as_table

WIDTH = 166
"""Columns of the table where there is no terminal to ask."""
COUNT, QUICK_COUNT = 50, 10
"""Problems of each kind, and repetitions of each timing."""
PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    "accuracy": accuracy.rows,
    "exactness": exactness.rows,
    "efficiency": efficiency.rows,
    "robustness": robustness.rows,
    "speed": speed.rows,
    "profile": profile.rows,
    "sampling": sampling.rows,
    "fused": fused.rows,
    "autodiff": autodiff.rows,
    "memory": lambda count: memory.rows(peers=count > QUICK_COUNT),
    "large": lambda count: large.rows(peers=count > QUICK_COUNT),
}
"""What is measured, by name, with so many problems."""


def main() -> int:
    """Measure, print the tables and what got worse, and write what is asked for."""
    arguments = _parser().parse_args()
    single_thread()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    count = QUICK_COUNT if arguments.quick else COUNT
    if arguments.figures:
        run = Run.read(arguments.figures)
    else:
        parts = {part: _measure(part, count) for part in arguments.only or PARTS}
        run = Run(environment=environment(), count=count, parts=parts)
    console.print(run.title)
    for part, rows in run.parts.items():
        console.print(as_table(rows, part))
    if arguments.json is not None:
        run.write(arguments.json)
    if arguments.markdown is not None:
        update_page(arguments.markdown, run)
    if arguments.update_baseline:
        if run.count < COUNT:
            raise SystemExit("the baseline is of whole runs, not of --quick ones")
        baseline = Baseline.read()
        baseline.update(run.kind_of_machine, run.parts)
        baseline.write()
        return 0
    found = _compared(run, may_repeat=not arguments.figures)
    console.print(str(found), markup=False, highlight=False, soft_wrap=True)
    return 1 if found.worse else 0


def _compared(run: Run, may_repeat: bool) -> Comparison:
    baseline = Baseline.read()
    machine: str | None = run.kind_of_machine
    if run.count < COUNT:
        print("a quick run is compared in what needs no repetitions: no times")
        machine = None
    elif not baseline.knows(machine):
        print(f"the baseline has no times of {machine}: accuracy, counts, memory only")
        machine = None
    found = baseline.compare(machine, run.parts)
    if found.worse and may_repeat:
        found = _once_more(baseline, machine, run, found)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="10 problems instead of 50, no slow peers"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--from",
        dest="figures",
        metavar="JSON",
        type=Path,
        action="append",
        help="take figures from a file in place of measuring them; may be repeated",
    )
    parser.add_argument(
        "--markdown",
        type=Path,
        help="also put the figures into the tables of this page",
    )
    parser.add_argument(
        "--update-baseline",
        action="store_true",
        help="record the figures of the parts that are run, in place of comparing them",
    )
    return parser


def _measure(part: str, count: int) -> list[Row]:
    progress = Console(stderr=True)
    return list(track(PARTS[part](count), part, console=progress))


def _once_more(
    baseline: Baseline,
    machine: str | None,
    run: Run,
    found: Comparison,
) -> Comparison:
    """Measure the parts again that got worse: what is chance is not worse twice."""
    again = {
        part: _measure(part, run.count)
        for part, rows in run.parts.items()
        if baseline.compare(machine, {part: rows}).worse
    }
    return found.confirmed(baseline.compare(machine, again))


if __name__ == "__main__":
    sys.exit(main())
