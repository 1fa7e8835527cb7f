"""The prefilter in jnp: from pixels to the coefficients of the B-spline through them.

The two recursions for each pole (see core/include/photalign/line_filter.hpp) are sums
of geometric series. Here they are summed by doubling: 64 terms in six steps, all pixels
at once, over a line that is continued as the boundary says. There are so many terms
that what is left out would be lost in rounding.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from photalign.autodiff.jax._axis import stored_index

_POLES_AND_GAIN = {
    2: ((-0.17157287525380990240,), 8.0),
    3: ((-0.26794919243112270647,), 6.0),
    5: ((-0.43057534709997379185, -0.043096288203264653823), 120.0),
}


def spline_filter(
    degree: int,
    boundary: str,
    image: Any,
    *,
    is_transposed: bool = False,
    is_absolute: bool = False,
) -> Any:
    """Filter images (B, ..., C) along all axes but the first and the last."""
    for axis in range(image.ndim - 2, 0, -1):
        lines = jnp.moveaxis(image, axis, 0)
        # Of a mirrored line all samples but the ends are there twice, and to weigh them
        # so makes the matrix of the filter symmetric. On others it is so already.
        if is_transposed and boundary == "mirror" and len(lines) > 1:
            ends = jnp.ones(len(lines), lines.dtype).at[np.array([0, -1])].set(2)
            ends = ends.reshape(-1, *(1,) * (lines.ndim - 1))
            lines = _filter(degree, boundary, lines * ends, is_absolute) / ends
        else:
            lines = _filter(degree, boundary, lines, is_absolute)
        image = jnp.moveaxis(lines, 0, axis)
    return image


def _filter(degree: int, boundary: str, lines: Any, is_absolute: bool) -> Any:
    """Filter along the first axis."""
    count = len(lines)
    if count == 1:
        return lines  # a constant is its own spline
    poles, gain = _POLES_AND_GAIN[degree]
    rounding = np.log(np.finfo(lines.dtype).eps / 100)
    for pole in poles:
        steps = [2**k for k in range(int(np.ceil(np.log2(rounding / np.log(-pole)))))]
        around = np.arange(-sum(steps), count + sum(steps))
        index = stored_index(boundary, around, count)
        z = -pole if is_absolute else pole
        # The coefficients continue as the pixels do.
        sums = lines[index]
        for step in steps:
            sums = sums[step:] + z**step * sums[:-step]
        for step in steps:
            sums = sums[:-step] + z**step * sums[step:]
        lines = -pole * sums
    return gain * lines


def filled(pixels: Any, valid: Any) -> Any:
    """Fill invalid pixels of images (B, ..., C), on lines between valid ones.

    Along the last axis; what no line along it can fill is filled between such lines,
    then between planes.
    """
    fill = jax.vmap(_filled)
    return jax.lax.cond(valid.all(), lambda pixels, _: pixels, fill, pixels, valid)


def filled_transposed(cotangents: Any, valid: Any) -> Any:
    """Apply the transpose of `filled`."""

    def fill(cotangents: Any, valid: Any) -> Any:
        of_pixels = jax.linear_transpose(
            lambda pixels: jax.vmap(_filled)(pixels, valid), cotangents
        )
        return of_pixels(cotangents)[0]

    return jax.lax.cond(valid.all(), lambda given, _: given, fill, cotangents, valid)


def _filled(pixels: Any, valid: Any) -> Any:
    pixels = jnp.where(valid[..., np.newaxis], pixels, 0)
    for _ in range(valid.ndim):
        pixels = _filled_along(pixels, valid)
        valid = valid.any(axis=-1)
    return pixels


def _filled_along(pixels: Any, known: Any) -> Any:
    """Fill along the last axis of `known`, which is also one of the pixels."""
    axis, count = known.ndim - 1, known.shape[-1]
    k = jnp.arange(count)
    # The nearest known ones on both sides, the second time counted from the end.
    ahead = jnp.where(known, k, -1)
    behind = jnp.flip(jnp.where(known, count - 1 - k, -1), axis)
    nearest = jax.lax.cummax(jnp.stack([ahead, behind]), axis=axis + 1)
    before, after = nearest[0], count - 1 - jnp.flip(nearest[1], axis)
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
