"""Time of the sampler inside PyTorch beside that of `grid_sample`, on the CPU.

Whole calls on one thread: value and gradient at random points of a color image.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.functional import grid_sample

from benchmarks.table import Row
from benchmarks.timing import PASSING, Timing, in_turn, photalign_threads
from photalign.autodiff import torch as pt

SIZE, POINTS = 1024, 2048
GOAL = 0.3
"""What `value_and_grad` may take, in units of grid_sample with autograd."""
THEIRS = "grid_sample, autograd"
OURS = "photalign, value_and_grad"
KERNELS = {"linear": "bilinear", "catmull_rom": "bicubic"}


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` repetitions of each timing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with photalign_threads(1):
            for kernel in KERNELS:
                for dtype in (torch.uint8, torch.float32):
                    yield from _random(kernel, dtype, POINTS, count)
            yield from _random("linear", torch.float32, 50 * POINTS, min(count, 20))
    finally:
        torch.set_num_threads(threads)


def _random(
    kernel: str, dtype: torch.dtype, points: int, repeats: int
) -> Iterator[Row]:
    """Random points in an RGB image, where only ours takes integers.

    The gradient of grid_sample is that of a sum over the channels, by normalized
    coordinates; ours in `value_and_grad` is that of each channel, by pixels.
    """
    rng = np.random.default_rng(1)
    image = torch.from_numpy(rng.integers(0, 256, (SIZE, SIZE, 3), np.uint8)).to(dtype)
    where = torch.from_numpy(rng.uniform(0, SIZE - 1, (points, 2)))
    leaf = where.clone().requires_grad_()
    cotangents = torch.ones(points, 3)
    planes = image.float().permute(2, 0, 1)[None].contiguous()
    grid = (2 * where.float() / (SIZE - 1) - 1)[None, None].requires_grad_()
    mode = KERNELS[kernel]
    sampler = pt.Sampler(image, kernel)

    def ours_autograd() -> object:
        return torch.autograd.grad(sampler(leaf), leaf, cotangents)

    def theirs() -> object:
        values = grid_sample(planes, grid, mode=mode, align_corners=True)
        return torch.autograd.grad(values, grid, cotangents.T[None, :, None])

    def theirs_of_each_channel() -> object:
        values = grid_sample(planes, grid, mode=mode, align_corners=True)
        one = torch.ones(1, 1, points)
        return [
            torch.autograd.grad(values[:, c], grid, one, retain_graph=True)
            for c in range(3)
        ]

    times = in_turn(
        {
            OURS: lambda: sampler.value_and_grad(where),
            "photalign, autograd": ours_autograd,
            THEIRS: theirs,
            "grid_sample, autograd for each channel": theirs_of_each_channel,
        },
        repeats,
        clock=PASSING,
    )
    timings = {name: Timing.of(taken) * 1e6 for name, taken in times.items()}
    ours, limit = timings[OURS].median, GOAL * timings[THEIRS].median
    type_name = str(dtype).removeprefix("torch.")
    for name, timing in timings.items():
        is_ours = name == OURS
        yield Row(
            task=f"PyTorch, {points} random points, RGB {type_name}, {kernel}",
            method=name,
            cost=timing.median,
            unit="us",
            quartiles=timing.quartiles,
            is_steady=False,  # the passing time
            times_ours=timing.median / ours,
            target=f"{GOAL:g} x grid_sample," if is_ours else "",
            met=ours <= limit if is_ours else None,
        )
