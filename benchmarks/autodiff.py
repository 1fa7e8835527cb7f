"""Time of derivatives: jets in NumPy, and samplers inside other systems."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks import jets, own_warps, residuals
from benchmarks.table import Row


def rows(count: int) -> Iterator[Row]:
    """Measure in what is installed, with ``count`` repetitions of each timing."""
    yield from jets.rows(count)
    yield from residuals.rows(count)
    yield from own_warps.rows(count)
    if find_spec("jax"):
        from benchmarks import jax_samplers

        yield from jax_samplers.rows(count)
    if find_spec("torch"):
        from benchmarks import torch_samplers

        yield from torch_samplers.rows(count)
