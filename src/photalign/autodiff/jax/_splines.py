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

# Of invalid pixels in a valid coefficient.
_LARGEST_WEIGHT = 1e-3


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

    def apply(*arrays: Any, is_absolute: bool = False) -> Any:
        return filter_p.bind(
            *(array[np.newaxis] for array in arrays),
            degree=interpolation.kernel.taps - 1,
            boundary=interpolation.filter_boundary,
            implementation=function.implementation,
            is_transposed=False,
            is_absolute=is_absolute,
        )[0]

    if is_whole:
        return apply(pixels)
    valid = jnp.isfinite(pixels).all(axis=-1)

    def feel_gaps(valid: Any) -> Any:
        gaps = (~valid)[..., np.newaxis].astype(pixels.dtype)
        return apply(gaps, is_absolute=True)[..., 0] > _LARGEST_WEIGHT

    lost = jax.lax.cond(valid.all(), jnp.zeros_like, feel_gaps, valid)
    return jnp.where(lost[..., np.newaxis], np.nan, apply(pixels, valid))
