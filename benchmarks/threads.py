"""What a second thread brings, beside what it brings to pure arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.machine import Arithmetic
from benchmarks.table import Row
from benchmarks.timing import PASSING, Timing, in_turn

LEAST = 0.9
"""Share of the gain of arithmetic that ours has to reach."""


def rows(
    task: str, method: str, call: Callable[[int], object], repeats: int
) -> Iterator[Row]:
    """Measure ``call(threads)``; what can be gained at all depends on the machine."""
    arithmetic = Arithmetic()
    times = in_turn(
        {
            "one": lambda: call(1),
            "two": lambda: call(2),
            "load": arithmetic,
            "two loads": arithmetic.twice_at_once,
        },
        repeats,
        clock=PASSING,
    )
    ours = Timing.of(_ratios(times["one"], times["two"]))
    best = Timing.of(_ratios(times["load"], times["two loads"])) * 2
    for name, timing in ((method, ours), ("NumPy, arithmetic in the caches", best)):
        is_ours = name == method
        yield Row(
            task=f"two threads, {task}",
            method=name,
            cost=timing.median,
            unit="x one",
            quartiles=timing.quartiles,
            target=f"{LEAST:g} x NumPy," if is_ours else "",
            met=timing.median >= LEAST * best.median if is_ours else None,
        )


def _ratios(first: list[float], second: list[float]) -> list[float]:
    """Of the times that were measured next to each other."""
    return [a / b for a, b in zip(first, second, strict=True)]
