"""Derivatives of a homography that a user writes in NumPy, and of samples at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import photalign
from benchmarks.table import Row
from benchmarks.timing import Timing, in_turn, photalign_threads

Floats = NDArray[np.float64]

SIZE = 1024
PARAMS = np.array([1.01, 0.02, 3.0, -0.01, 0.99, 4.0, 1e-5, 2e-5])
OURS = "photalign.Jet"
DENSE = "dense duals, NumPy"
LIMITS = {"homography": 40, "samples": 60}
"""Microseconds for 2048 points, from the parameters to all derivatives."""


def homography(p: Any, xy: Floats) -> Any:
    """Map points, as whoever knows nothing of derivatives would write it."""
    u, v = coordinates(p, xy)
    return np.stack([u, v], axis=-1)


def coordinates(p: Any, xy: Floats) -> tuple[Any, Any]:
    x, y = xy[..., 0], xy[..., 1]
    w = p[6] * x + p[7] * y + 1
    return (p[0] * x + p[1] * y + p[2]) / w, (p[3] * x + p[4] * y + p[5]) / w


@dataclass(frozen=True, slots=True)
class Dense:
    """The textbook's dual: a value and all its derivatives, on the first axis."""

    value: Any
    by: Any
    __array_ufunc__: ClassVar[None] = None

    @classmethod
    def seed(cls, params: Floats) -> list[Dense]:
        units = np.eye(len(params))[:, :, np.newaxis]
        return [cls(p, unit) for p, unit in zip(params, units, strict=True)]

    def __add__(self, other: Any) -> Dense:
        if isinstance(other, Dense):
            return Dense(self.value + other.value, self.by + other.by)
        return Dense(self.value + other, self.by)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Dense:
        return Dense(self.value * other, self.by * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Dense) -> Dense:
        ratio = self.value / other.value
        return Dense(ratio, (self.by - ratio * other.by) / other.value)


def rows(count: int) -> Iterator[Row]:
    """Measure on one thread, with ``count`` repetitions of each timing."""
    image = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    y, x = np.mgrid[100:132, 200:264]
    patch = np.stack([x, y], axis=-1).reshape(-1, 2).astype(float)
    with photalign_threads(1):
        yield from _warp_rows(patch, count)
        for name, pixels in (("gray", image[..., 0].copy()), ("RGB", image)):
            yield from _sample_rows(name, photalign.Sampler(pixels), patch, count)


def _warp_rows(points: Floats, repeats: int) -> Iterator[Row]:
    warp = photalign.Homography.from_params(PARAMS)
    calls: dict[str, Callable[[], object]] = {
        OURS: lambda: homography(photalign.Jet.seed(PARAMS), points),
        "the function itself, no derivatives": lambda: homography(PARAMS, points),
        DENSE: lambda: coordinates(Dense.seed(PARAMS), points),
        "closed form, Homography.jacobian": lambda: (
            warp(points),
            warp.jacobian(points),
        ),
    }
    if find_spec("jax"):
        calls["JAX, jitted jacfwd"] = _in_jax(points)
    yield from _rows("homography, 2048 points", calls, "homography", repeats)


def _sample_rows(
    name: str, sampler: photalign.Sampler, points: Floats, repeats: int
) -> Iterator[Row]:
    calls: dict[str, Callable[[], object]] = {
        OURS: lambda: sampler(homography(photalign.Jet.seed(PARAMS), points)),
        DENSE: lambda: _dense_samples(sampler, points),
        "closed form, jvp": lambda: _closed_samples(sampler, points),
    }
    yield from _rows(f"and uint8 samples, {name}", calls, "samples", repeats)


def _dense_samples(sampler: photalign.Sampler, points: Floats) -> tuple[Any, Any]:
    u, v = coordinates(Dense.seed(PARAMS), points)
    tangents = np.stack([u.by, v.by], axis=-1)
    return sampler.jvp(np.stack([u.value, v.value], axis=-1), tangents)


def _closed_samples(sampler: photalign.Sampler, points: Floats) -> tuple[Any, Any]:
    warp = photalign.Homography.from_params(PARAMS)
    return sampler.jvp(warp(points), np.moveaxis(warp.jacobian(points), -1, 0))


def _in_jax(points: Floats) -> Callable[[], object]:
    """In float32, which is what JAX computes in unless told otherwise."""
    import jax
    import jax.numpy as jnp

    def warped(p: Any, xy: Any) -> Any:
        return jnp.stack(coordinates(p, xy), axis=-1)

    both = jax.jit(lambda p, xy: (warped(p, xy), jax.jacfwd(warped)(p, xy)))
    p, xy = jnp.asarray(PARAMS, jnp.float32), jnp.asarray(points, jnp.float32)
    return lambda: jax.block_until_ready(both(p, xy))


def _rows(
    task: str, calls: dict[str, Callable[[], object]], limit: str, repeats: int
) -> Iterator[Row]:
    times = in_turn(calls, repeats)
    timings = {name: Timing.of(taken) * 1e6 for name, taken in times.items()}
    ours = timings[OURS].median
    for name, timing in timings.items():
        judged = name == OURS
        yield Row(
            task=task,
            method=name,
            cost=timing.median,
            unit="us",
            quartiles=timing.quartiles,
            times_ours=timing.median / ours,
            target=f"{LIMITS[limit]}," if judged else "",
            met=ours <= LIMITS[limit] if judged else None,
        )
