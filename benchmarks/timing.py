"""Times as a median with its quartiles, after a warm-up, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


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


def elapsed(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def warm(call: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of so many calls, after one that does not count."""
    call()
    return [elapsed(call) for _ in range(repeats)]
