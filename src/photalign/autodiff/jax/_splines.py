"""From pixels to the coefficients of the spline through them, past invalid ones.

Invalid pixels are filled before the filter, and coefficients in which they weigh more
than 0.001 are NaN after it, as in core/src/prefilter.cpp.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from photalign._interpolation import real_dtype
from photalign.autodiff.jax._primitives import Function, filter_p


@partial(jax.jit, static_argnums=0)
def stored_pixels(function: Function, pixels: Any) -> Any:
    """Return what the kernel weighs: the pixels, or the spline's coefficients.

    Parameters
    ----------
    function : Function
        What is made of the pixels.
    pixels : jax.Array, shape (..., C)
        The image, of any type.

    Returns
    -------
    jax.Array, shape (..., C)
        The pixels themselves, or float32 or float64, with the padding on each side.
    """
    interpolation = function.interpolation
    if not interpolation.kernel.prefilter:
        return pixels
    is_whole = not jnp.issubdtype(pixels.dtype, np.floating)
    pixels = pixels.astype(real_dtype(np.dtype(pixels.dtype)))
    if pad := interpolation.padding:
        widths = ((pad, pad),) * (pixels.ndim - 1) + ((0, 0),)
        if interpolation.boundary == "nearest":
            pixels = jnp.pad(pixels, widths, mode="edge")
        else:
            pixels = jnp.pad(pixels, widths, constant_values=interpolation.cval)
    apply = partial(
        _filter,
        degree=interpolation.kernel.taps - 1,
        boundary=interpolation.filter_boundary,
        implementation=function.implementation,
        is_transposed=False,
    )
    if is_whole:
        return apply(pixels, is_absolute=False)
    valid = jnp.isfinite(pixels).all(axis=-1)

    def through_gaps(pixels: Any) -> Any:
        coefficients = apply(_filled(pixels, valid), is_absolute=False)
        gaps = (~valid)[..., np.newaxis].astype(pixels.dtype)
        weight = apply(gaps, is_absolute=True)
        return jnp.where(weight > 1e-3, np.nan, coefficients)

    # Filling is done again for the derivative: to keep what it needs would cost images
    # without gaps, too.
    through_gaps = jax.checkpoint(through_gaps)
    through_all = partial(apply, is_absolute=False)
    return jax.lax.cond(valid.all(), through_all, through_gaps, pixels)


def _filter(pixels: Any, **choices: Any) -> Any:
    return filter_p.bind(pixels[np.newaxis], **choices)[0]


def _filled(pixels: Any, valid: Any) -> Any:
    """Fill invalid pixels, on lines between valid ones.

    Along the last axis; what no line along it can fill is filled between such lines,
    then between planes.
    """
    pixels = jnp.where(valid[..., np.newaxis], pixels, 0)
    for _ in range(valid.ndim):
        pixels = _filled_along(pixels, valid)
        valid = valid.any(axis=-1)
    return pixels


def _filled_along(pixels: Any, known: Any) -> Any:
    """Fill along the last axis of `known`, which is also one of the pixels."""
    axis, count = known.ndim - 1, known.shape[-1]
    k = jnp.arange(count)
    before = jax.lax.cummax(jnp.where(known, k, -1), axis=axis)
    after = jax.lax.cummin(jnp.where(known, k, count), axis=axis, reverse=True)
    before, after = (
        jnp.where(before < 0, jnp.minimum(after, count - 1), before),
        jnp.where(after == count, jnp.maximum(before, 0), after),
    )
    t = jnp.where(after > before, (k - before) / jnp.maximum(after - before, 1), 0)
    trailing = tuple(range(known.ndim, pixels.ndim))
    t = jnp.expand_dims(t.astype(pixels.dtype), trailing)
    before, after = (jnp.expand_dims(i, trailing) for i in (before, after))
    take = partial(jnp.take_along_axis, pixels, axis=axis)
    return (1 - t) * take(before) + t * take(after)
