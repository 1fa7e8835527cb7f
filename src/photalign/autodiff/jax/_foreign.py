"""The core inside XLA: calls of its foreign functions, on the CPU."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import jax
import numpy as np

from photalign import _core
from photalign._checks import thread_count
from photalign._interpolation import BOUNDARIES, DOMAINS, Interpolation, real_dtype

HIGHEST_ORDER = 2
"""The highest order of derivatives that the core computes."""


@cache
def is_available() -> bool:
    """Register the core with XLA, once, and tell whether XLA takes it."""
    try:
        # XLA would keep what it is given before it has a CPU, and refuse to have one.
        jax.local_devices(backend="cpu")
        for name, handler in _core.xla_handlers().items():
            jax.ffi.register_ffi_target(name, handler, platform="cpu")
    except Exception as error:  # whatever a jaxlib raises that speaks another version
        warnings.warn(
            f"photalign.autodiff.jax: this jaxlib does not take the compiled sampler, "
            f"so JAX's own operations are used, which are slower ({error})",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def samples(
    interpolation: Interpolation, order: int, stored: Any, points: Any
) -> list[Any]:
    """Return values and derivatives up to an order, and which samples are valid."""
    dtype = real_dtype(np.dtype(stored.dtype))
    shape, ndim = (*points.shape[:2], stored.shape[-1]), points.shape[-1]
    results = [
        jax.ShapeDtypeStruct((*shape, *(ndim,) * k), dtype) for k in range(order + 1)
    ]
    results.append(jax.ShapeDtypeStruct(shape[:2], np.dtype(bool)))
    call = jax.ffi.ffi_call("photalign_sample", results)
    return list(call(stored, points, **_attributes(interpolation)))


def scatter(
    interpolation: Interpolation,
    shape: tuple[int, ...],
    cotangents: Any,
    points: Any,
    valid: Any,
) -> Any:
    """Return what sampling transposed makes of cotangents of the values."""
    shape = (len(points), *shape, cotangents.shape[-1])
    result = jax.ShapeDtypeStruct(shape, cotangents.dtype)
    call = jax.ffi.ffi_call("photalign_scatter", result)
    return call(cotangents, points, valid, **_attributes(interpolation))


def spline_filter(
    degree: int,
    boundary: str,
    image: Any,
    *valid: Any,
    is_transposed: bool,
    is_absolute: bool,
) -> Any:
    """Filter images (B, ..., C) along all axes but the first and the last.

    If it is said which pixels are valid, (B, ...), the others are filled first.
    """
    result = jax.ShapeDtypeStruct(image.shape, image.dtype)
    call = jax.ffi.ffi_call("photalign_filter", result)
    return call(
        image,
        *valid,
        degree=np.int64(degree),
        boundary=np.int64(BOUNDARIES.index(boundary)),
        is_transposed=np.int64(is_transposed),
        is_absolute=np.int64(is_absolute),
        threads=np.int64(thread_count(None)),
    )


def _attributes(interpolation: Interpolation) -> dict[str, Any]:
    return {
        "kernel": np.int64(interpolation.kernel.code),
        "boundary": np.int64(BOUNDARIES.index(interpolation.boundary)),
        "domain": np.int64(DOMAINS.index(interpolation.domain)),
        "pad": np.int64(interpolation.padding),
        "cval": np.float64(interpolation.cval),
        "fill": np.float64(interpolation.fill),
        "scale": np.float64(interpolation.scale),
        "origin": np.array(interpolation.origin, np.float64),
        "spacing": np.array(interpolation.spacing, np.float64),
        "is_reversed": np.int64(interpolation.is_reversed),
        "threads": np.int64(thread_count(None)),
    }
