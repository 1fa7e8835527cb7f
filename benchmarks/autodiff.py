"""Time of the samplers inside other systems, beside what these have themselves."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks.table import Row


def rows(count: int) -> Iterator[Row]:
    """Measure in what is installed, with ``count`` repetitions of each timing."""
    if find_spec("jax"):
        from benchmarks import jax_samplers

        yield from jax_samplers.rows(count)
