"""Reading what users hand in, as arrays of JAX or what stands for them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from photalign._checks import (
    as_array,
    as_lattice,
    check_lattice_shape,
    check_points_shape,
)

# The types that are sampled as they are.
_SAMPLED = ("u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8")
# Small types that NumPy does not have are among them.
_REAL = (np.bool_, np.integer, np.floating)


def has_doubles() -> bool:
    """Tell whether JAX knows float64 here."""
    return bool(jnp.result_type(float) == np.float64)


def as_pixels(image: Any, ndim: int) -> Any:
    """Read an image as an array of JAX of a type that is sampled as it is."""
    if not isinstance(image, jax.Array):
        given = as_array(image, "image")
        pixels = as_lattice(given, ndim).reshape(given.shape)
        image = jnp.asarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))
    check_lattice_shape(image.shape, ndim, "image")
    dtype = image.dtype
    if not any(jnp.issubdtype(dtype, kind) for kind in _REAL):
        raise TypeError(f"image: expected an array of real numbers, got dtype {dtype}")
    return image.astype(_sampled_dtype(dtype))


def _sampled_dtype(dtype: Any) -> Any:
    """Return the type itself, or that which holds its numbers."""
    if dtype.kind == "b":
        return np.uint8
    if dtype.itemsize >= 4 and not has_doubles():
        return np.float32  # samples would be float64, which JAX does not have here
    if dtype.kind in "iuf" and dtype.str[1:] in _SAMPLED:
        return dtype
    return np.float64 if dtype.itemsize == 8 else np.float32


def as_points(points: Any, ndim: int) -> Any:
    """Read points as float32 or float64."""
    if not isinstance(points, jax.Array):
        points = jnp.asarray(as_array(points, "points"))
    dtype = points.dtype
    if not jnp.issubdtype(dtype, np.floating):
        if jnp.issubdtype(dtype, np.complexfloating):
            raise TypeError(
                f"points: expected an array of real numbers, got dtype {dtype}"
            )
        points = points.astype(jnp.result_type(float))
    elif dtype.itemsize < 4:
        points = points.astype(np.float32)
    hint = f"make the sampler with another ndim than {ndim} for others"
    check_points_shape(points.shape, ndim=ndim, hint=hint)
    return points
