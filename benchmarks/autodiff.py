"""Derivatives of one's own: what the optimizers and warps of users cost."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import residuals
from benchmarks.table import Row


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` repetitions of each timing."""
    yield from residuals.rows(count)
