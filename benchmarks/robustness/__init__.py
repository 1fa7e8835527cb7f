"""How far off a start may be, what may be in the way, and whether a result is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.robustness import (
    basin,
    honesty,
    modalities,
    models,
    outliers,
    search,
)
from benchmarks.table import Row

__all__ = ["rows"]

_PARTS = {
    "reach": basin,
    "search": search,
    "outliers": outliers,
    "models": models,
    "lighting": modalities,
    "honesty": honesty,
}


def rows(count: int) -> Iterator[Row]:
    """Measure all of it; the numbers of problems are multiples of `count`."""
    for name, part in _PARTS.items():
        for row in part.rows(count):
            yield replace(row, task=f"{name}: {row.task}")
