"""Times as a median with its quartiles, after a warm-up, on one thread.

What one thread does is measured in the time that the processor spent on it. On a
machine that others use, too, calls of several milliseconds are interrupted and shorter
ones mostly are not: ratios of the time that passes would say more about the others than
about the calls.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Clock = Callable[[], float]
PROCESSOR: Clock = time.process_time
"""Time that the processor spent on this process, with all its threads."""
PASSING: Clock = time.perf_counter
"""Time as it passes, for what more than one thread does."""

ATTEMPTS = 8
UNDISTURBED = 0.97
"""Share of the passing time from which on nothing came between."""
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds per call: the median, and the quartiles that it lies between."""

    median: float
    quartiles: tuple[float, float]

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Summarise single times."""
        low, median, high = np.percentile(seconds, [25, 50, 75])
        return cls(median=float(median), quartiles=(float(low), float(high)))

    def __mul__(self, factor: float) -> Timing:
        """Convert to another unit."""
        low, high = self.quartiles
        return Timing(
            median=self.median * factor, quartiles=(low * factor, high * factor)
        )


def elapsed(call: Callable[[], object], clock: Clock = PROCESSOR) -> float:
    """Seconds that one call takes."""
    start = clock()
    call()
    return clock() - start


def least_disturbed(
    call: Callable[[], Result], clock: Clock = PROCESSOR
) -> tuple[Result, float, float]:
    """What one call returns, its seconds, and their share of the passing time.

    A call that was interrupted is made again a few times: what is said of its parts in
    passing time is right only if it was not.
    """
    best: tuple[Result, float, float] | None = None
    for _ in range(ATTEMPTS):
        start, first = PASSING(), clock()
        result = call()
        spent = clock() - first
        share = min(1.0, spent / (PASSING() - start))
        if best is None or share > best[2]:
            best = result, spent, share
        if share > UNDISTURBED:
            break
    assert best is not None
    return best


def warm(call: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of so many calls, after one that does not count."""
    call()
    return [elapsed(call) for _ in range(repeats)]


def in_turn(
    calls: Mapping[str, Callable[[], object]],
    repeats: int,
    at_least: float = 2e-3,
    clock: Clock = PROCESSOR,
) -> dict[str, list[float]]:
    """Seconds per call of each, so many times.

    The calls take turns, so that a busy moment of the machine falls on all of them. A
    short call is repeated within its turn until that lasts ``at_least`` seconds.
    """
    numbers = {}
    for name, call in calls.items():
        call()
        numbers[name] = max(1, round(at_least / max(elapsed(call, clock), 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = clock()
            for _ in range(numbers[name]):
                call()
            times[name].append((clock() - start) / numbers[name])
    return times


@contextmanager
def photalign_threads(count: int) -> Iterator[None]:
    """Let photalign use so many threads."""
    before = os.environ.get("PHOTALIGN_THREADS")
    os.environ["PHOTALIGN_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PHOTALIGN_THREADS"]
        else:
            os.environ["PHOTALIGN_THREADS"] = before
