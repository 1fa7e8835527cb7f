"""Time of the sampler inside JAX on the CPU, beside JAX's own interpolation.

Compiled functions, from arrays of JAX to arrays of JAX: values and their derivatives by
the points. JAX has linear interpolation only, and takes channels one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.table import Row
from benchmarks.timing import PASSING, Timing, in_turn, photalign_threads

OURS = "photalign, value_and_grad"
JACOBIAN = "photalign, vmap of jacfwd"
PLAIN = "photalign without the core, value_and_grad"
PEER = "map_coordinates, order 1, vmap of jacfwd"
SIZE = 1024
FEW = 2048
GOAL = 0.3


def rows(count: int) -> Iterator[Row]:
    """Measure on one thread, with ``count`` repetitions of each timing."""
    # Read when JAX starts; the process has another use for its processors.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    with photalign_threads(1):
        rng = np.random.default_rng(1)
        image = rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        points = rng.uniform(0, SIZE - 1, (FEW, 2)).astype(np.float32)
        for name, pixels in (("uint8", image), ("float32", image.astype("f4"))):
            for kernel in ("linear", "catmull_rom", "bspline3"):
                task = f"JAX, {FEW} random points, RGB {name}, {kernel}"
                times = in_turn(_calls(pixels, points, kernel), count, clock=PASSING)
                yield from _task_rows(task, times, has_goal=kernel == "linear")


def _calls(image: Any, points: Any, kernel: str) -> dict[str, Callable[[], object]]:
    import jax

    from photalign.autodiff import jax as pj

    given = jax.device_put(points)

    def call(function: Callable[..., Any], *arguments: Any) -> Callable[[], object]:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arguments, given))

    core, plain = (
        pj.Sampler(image, kernel, implementation=name) for name in ("auto", "jnp")
    )
    # As floats: of integers it would make integers.
    floats = jax.device_put(image.astype("f4"))
    return {
        OURS: call(pj.Sampler.value_and_grad, core),
        JACOBIAN: call(_at_each_point, core),
        PLAIN: call(pj.Sampler.value_and_grad, plain),
        PEER: call(lambda image, p: _at_each_point(partial(_linear, image), p), floats),
    }


def _at_each_point(sample: Callable[[Any], Any], points: Any) -> Any:
    """Return values and Jacobians, as one writes it in JAX."""
    import jax

    def twice(point: Any) -> Any:
        value = sample(point)
        return value, value

    return jax.vmap(jax.jacfwd(twice, has_aux=True))(points)


def _linear(image: Any, point: Any) -> Any:
    import jax
    from jax.scipy.ndimage import map_coordinates

    x, y = point
    return jax.numpy.stack(
        [map_coordinates(image[..., c], [y, x], order=1) for c in range(3)]
    )


def _task_rows(
    task: str, times: dict[str, list[float]], *, has_goal: bool
) -> Iterator[Row]:
    timings = {name: Timing.of(taken) * 1e6 for name, taken in times.items()}
    ours, limit = timings[OURS].median, GOAL * timings[PEER].median
    for name, timing in timings.items():
        is_judged = has_goal and name in (OURS, JACOBIAN)
        yield Row(
            task=task,
            method=name,
            cost=timing.median,
            unit="us",
            quartiles=timing.quartiles,
            is_steady=False,  # the passing time
            times_ours=timing.median / ours,
            target=f"{GOAL:g} x map_coordinates," if is_judged else "",
            met=timing.median <= limit if is_judged else None,
        )
