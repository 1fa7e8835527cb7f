"""What the tests of samplers run over: kernels, boundaries, pixel types, points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpolants import Interpolant, Samples
from photalign import _core
from photalign.kernels import KERNELS
from photalign.sampling import Sampler

NAMES = list(KERNELS)
SMOOTH = [name for name, kernel in KERNELS.items() if kernel.derivatives]
DIRECT = [name for name, kernel in KERNELS.items() if not kernel.prefilter]
BOUNDARIES = ["mirror", "reflect", "nearest", "wrap", "constant"]
DOMAINS = ["image", "support", "unbounded"]
SINGLE = ["?", "u1", "i1", "u2", "i2", "f2", "f4"]
DOUBLE = ["u4", "i4", "f8"]
DTYPES = SINGLE + DOUBLE
SHAPES = {
    1: [(13,), (1,), (2,)],
    2: [(9, 12), (1, 7), (8, 1), (2, 3)],
    3: [(6, 7, 8), (1, 5, 4), (5, 1, 4), (5, 4, 1), (1, 1, 1)],
}
INSTRUCTION_SETS = _core.available_variants()
# Larger than any footprint.
ROOMY = {1: (24,), 2: (14, 15), 3: (11, 12, 13)}


def result_type(dtype: Any) -> np.dtype[Any]:
    """Return the type of samples of an image of this type."""
    code = np.dtype(dtype).str[1:].replace("b1", "?")
    return np.dtype("f4" if code in SINGLE else "f8")


def picture(rng: np.random.Generator, shape, dtype: Any = "f8") -> NDArray[Any]:
    """Return random pixels that use much of the range of their type."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, shape, endpoint=True, dtype=kind)
    return (100 * rng.normal(size=shape)).astype(kind)


def points_near(rng: np.random.Generator, shape, count: int = 60) -> NDArray[Any]:
    """Return points (x, y) in and around an image: random, at pixels and between.

    Both ends of each axis are among them, and one ulp to each side.
    """
    size = np.array(shape[::-1], dtype=float)
    around = rng.uniform(-size - 3, 2 * size + 3, (count, len(shape)))
    within = rng.uniform(-0.3, size - 0.7, (count, len(shape)))
    halves = np.round(2 * rng.uniform(-2, size + 1, (count, len(shape)))) / 2
    last = size - 1
    ends = np.stack(
        [np.zeros_like(last), last]
        + [np.nextafter(x, to) for x in (0 * last, last) for to in (-99, 99)]
    )
    ends = np.take_along_axis(ends, rng.integers(0, 6, (count, len(shape))), axis=0)
    some = np.where(rng.random(ends.shape) < 0.5, ends, within)
    return np.concatenate([around, within, halves, ends, some])


def settled(
    points: NDArray[Any], shape, name: str, domain: str, boundary: str
) -> NDArray[Any]:
    """Return the points but those at the upper end of the support along an axis.

    With an odd number of taps, or if the image goes on beyond its end, it is a matter
    of convention whether that end belongs to the domain.
    """
    taps = KERNELS[name].taps
    if domain != "support" or (taps % 2 == 0 and boundary != "wrap"):
        return points
    high = np.array(shape[::-1]) - 1 - max(taps / 2 - 1, 0)
    return points[(points != high).all(axis=-1)]


def tolerances(slow: Interpolant, dtype: Any) -> tuple[float, float, float]:
    """Return what rounding may change in values, gradients and Hessians.

    1e-12 of the largest number that is weighed, in single precision 25 ulp of it.
    """
    relative = 1e-12 if result_type(dtype) == np.float64 else 3e-6
    step = float(np.abs(slow.spacing).min())
    atol = relative * max(slow.magnitude, 1e-30)
    return atol, 4 * atol / step, 16 * atol / step**2


def assert_samples(found, expected: Samples, atol, *, mask=None) -> None:
    """Compare values, gradients and Hessians, as many as there are, and the mask."""
    for one, other, limit in zip(found, expected[:3], atol, strict=False):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0, atol=limit)
    if mask is not None:
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, expected.mask)


def everything(sampler: Sampler, points) -> tuple[NDArray[Any], ...]:
    """Return all the derivatives that the kernel has, and the mask last."""
    if KERNELS[sampler.kernel].derivatives:
        return sampler.value_grad_hess(points, return_mask=True)
    return sampler(points, return_mask=True)


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """Run with one of those that the core has."""
    chosen = _core.variant()
    try:
        assert _core.use_variant(name)
        yield
    finally:
        assert _core.use_variant(chosen)
