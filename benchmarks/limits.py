"""One iteration beside the least time that its operations and bytes take."""

from __future__ import annotations

from collections.abc import Iterator
from subprocess import CalledProcessError

from benchmarks import iterations
from benchmarks.ceilings import ceilings
from benchmarks.iterations import Images, Iteration
from benchmarks.operations import Count, count_of
from benchmarks.table import Row
from benchmarks.timing import Timing


def rows(repeats: int) -> Iterator[Row]:
    """Each iteration beside the least time that its operations and bytes take."""
    for isa in iterations.instruction_sets():
        try:
            rates = ceilings(isa)
        except (FileNotFoundError, CalledProcessError) as error:
            yield Row(task=f"limits, {isa}", method=f"not measured: {error!s:.60}")
            continue
        yield from _ceiling_rows(isa, rates)
        for dtype in iterations.DTYPES:
            images = iterations.image_pair(dtype)
            for iteration in iterations.ITERATIONS:
                if iteration.goals:
                    yield from _limit_rows(images, iteration, isa, rates, repeats)


def _ceiling_rows(isa: str, rates: dict[str, float]) -> Iterator[Row]:
    for name, rate in rates.items():
        is_memory = name in ("L1", "L2", "memory")
        yield Row(
            task=f"what one thread can do, {isa}",
            method=f"read from {name}" if is_memory else name,
            cost=rate * 1e-9,
            unit="GB/s" if is_memory else "10⁹/s",
        )


def _limit_rows(
    images: Images,
    iteration: Iteration,
    isa: str,
    rates: dict[str, float],
    repeats: int,
) -> Iterator[Row]:
    iterations.seconds_per_pixel(images, iteration, isa)
    taken = [
        iterations.seconds_per_pixel(images, iteration, isa) for _ in range(repeats)
    ]
    timing = Timing.of(taken) * 1e9
    dtype = images[0].dtype
    count = count_of(iteration.kernel, iteration.method, dtype.itemsize)
    task = f"limits, {dtype}, {isa}: {iteration.kernel}, {iteration.method}, {count}"
    yield Row(
        task=task,
        method="photalign",
        cost=timing.median,
        unit="ns/px",
        quartiles=timing.quartiles,
    )
    for name, seconds in floors_of(count, rates).items():
        yield Row(
            task=task,
            method=name,
            cost=seconds * 1e9,
            unit="ns/px",
            share=seconds * 1e9 / timing.median,
        )


def floors_of(count: Count, rates: dict[str, float]) -> dict[str, float]:
    """Return the seconds that a pixel takes at least, by what is done for it."""
    arithmetic = (
        count.multiplications / rates["multiply-add"],
        count.operations / rates["mixed"],
        count.lookups / rates["lookup"],
    )
    return {
        "arithmetic": max(arithmetic),
        "nearest cache": count.cached / rates["L1"],
        # Where both images fit into the second cache, and where they do not.
        "images, L2": count.images / rates["L2"],
        "images, memory": count.images / rates["memory"],
    }
