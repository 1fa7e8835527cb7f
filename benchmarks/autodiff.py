"""Time of derivatives: of functions that users write."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import own_warps
from benchmarks.table import Row


def rows(count: int) -> Iterator[Row]:
    """Measure what is installed, with ``count`` repetitions of each timing."""
    yield from own_warps.rows(count)
