"""The sampler in jnp: what the core does, for devices that it does not run on.

Arrays are those of the primitives: stored (B, ..., C), points (B, N, ndim).
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from photalign._interpolation import Interpolation, real_dtype
from photalign.autodiff.jax._axis import Axis
from photalign.autodiff.jax._weights import tap_weights


class Located(NamedTuple):
    """Where points are along each axis: x, y, z.

    Attributes
    ----------
    pixels : list of jax.Array, shape (B, N, taps)
        Which of the stored ones are under the taps; -1 is the boundary's constant.
    t : list of jax.Array, shape (B, N), float32 or float64
        How far points are into their cell.
    inside : jax.Array, shape (B, N), bool
        Whether they are in the domain.
    """

    axes: list[Axis]
    pixels: list[Any]
    t: list[Any]
    inside: Any


def like(mask: Any, array: Any) -> Any:
    """Give a mask (B, N) as many axes as an array (B, N, ...) has."""
    return mask.reshape(*mask.shape, *(1,) * (array.ndim - 2))


def locate(
    interpolation: Interpolation, shape: tuple[int, ...], points: Any, dtype: Any
) -> Located:
    """Find the cells of points in an array of pixels of this shape."""
    # In double, whatever the points are, unless JAX has been told to have none.
    points = points.astype(jnp.result_type(float))
    if interpolation.is_reversed:
        points = points[..., ::-1]
    axes = [
        Axis(interpolation, a, count - 2 * interpolation.padding)
        for a, count in enumerate(reversed(shape))
    ]
    x = [axis.positions(points[..., a]) for a, axis in enumerate(axes)]
    inside = jnp.stack([axis.contains(of) for axis, of in zip(axes, x, strict=True)])
    inside = inside.all(axis=0)
    x = [jnp.where(inside, of, 0) for of in x]
    cells = [axis.cells(of) for axis, of in zip(axes, x, strict=True)]
    pixels = [axis.stored(cell) for axis, cell in zip(axes, cells, strict=True)]
    t = [(of - cell).astype(dtype) for of, cell in zip(x, cells, strict=True)]
    return Located(axes, pixels, t, inside)


def _taps(stored: Any, located: Located) -> tuple[Any, Any]:
    """Fetch the pixels under the taps: (B, N, ..., C), axes in the array's order.

    Also tells which of them there are: all, or none of the boundary's constants.
    """
    ndim = len(located.axes)
    batch, shape = len(stored), stored.shape[1:-1]
    size = int(np.prod(shape))
    index_dtype = np.int32 if batch * size < 2**31 else np.int64
    index = jnp.arange(batch, dtype=index_dtype) * size
    index = index.reshape(batch, *(1,) * (ndim + 1))
    exists, step = jnp.bool_(True), 1
    for a, pixels in enumerate(located.pixels):
        along = jnp.expand_dims(
            pixels, [2 + b for b in range(ndim) if b != ndim - 1 - a]
        )
        exists = exists & (along >= 0)
        index = index + jnp.maximum(along, 0).astype(index_dtype) * step
        step *= shape[ndim - 1 - a]
    flat = stored.reshape(batch * size, stored.shape[-1])
    taps = flat.at[index].get(mode="promise_in_bounds")
    return taps, exists[..., np.newaxis]


def _contract(
    interpolation: Interpolation, located: Located, taps: Any, orders: range
) -> list[Any]:
    """Weigh the taps: derivatives (B, N, C, ndim, ...) of some orders."""
    ndim, code = len(located.axes), interpolation.kernel.code
    highest = orders[-1]
    # The sums over the axes so far, by the derivatives taken along each.
    sums: dict[tuple[int, ...], Any] = {(): taps}
    for a, (axis, t) in enumerate(zip(located.axes, located.t, strict=True)):
        weights = [tap_weights(code, t, k) for k in range(highest + 1)]
        if axis.is_flat:
            weights[1:] = [jnp.zeros_like(w) for w in weights[1:]]
        ahead = (1,) * (ndim - 1 - a)
        shaped = [w.reshape(*w.shape[:2], *ahead, w.shape[2], 1) for w in weights]
        sums = {
            (*taken, k): _weighted(before, shaped[k])
            for taken, before in sums.items()
            for k in range(highest + 1 - sum(taken))
        }
    return [_tensor(interpolation, sums, order) for order in orders]


def _weighted(taps: Any, weights: Any) -> Any:
    """Sum over the last axis but one, tap by tap: one loop, no call of a library."""
    terms = [taps[..., k, :] * weights[..., k, :] for k in range(weights.shape[-2])]
    return sum(terms[1:], terms[0])


def _tensor(
    interpolation: Interpolation, sums: dict[tuple[int, ...], Any], order: int
) -> Any:
    ndim = len(interpolation.spacing)
    entries = []
    for along in product(range(ndim), repeat=order):
        axes = [ndim - 1 - a if interpolation.is_reversed else a for a in along]
        taken = tuple(axes.count(a) for a in range(ndim))
        step = np.prod([interpolation.spacing[a] for a in axes])
        entries.append(sums[taken] * (interpolation.scale / step))
    tensor = jnp.stack(entries, axis=-1)
    return tensor.reshape(*tensor.shape[:-1], *(ndim,) * order)


def samples(
    interpolation: Interpolation, order: int, stored: Any, points: Any
) -> list[Any]:
    """Return values and derivatives up to an order, and which samples are valid."""
    dtype = real_dtype(np.dtype(stored.dtype))
    located = locate(interpolation, stored.shape[1:-1], points, dtype)
    taps, exists = _taps(stored, located)
    taps = jnp.where(exists, taps.astype(dtype), dtype.type(interpolation.cval))
    valid = located.inside
    if jnp.issubdtype(stored.dtype, np.floating):
        valid = valid & jnp.isfinite(taps).all(axis=tuple(range(2, taps.ndim)))
        taps = jnp.where(like(valid, taps), taps, 0)
    found = _contract(interpolation, located, taps, range(order + 1))
    found = [jnp.where(like(valid, of), of, 0) for of in found]
    found[0] = jnp.where(like(valid, found[0]), found[0], interpolation.fill)
    return [*(of.astype(dtype) for of in found), valid]


def gather(
    interpolation: Interpolation, order: int, image: Any, points: Any, valid: Any
) -> Any:
    """Return the derivatives of one order; linear in the image."""
    located = locate(interpolation, image.shape[1:-1], points, image.dtype)
    taps, exists = _taps(image, located)
    taps = jnp.where(exists & like(valid, taps), taps, 0)
    orders = range(order, order + 1)
    return _contract(interpolation, located, taps, orders)[0].astype(image.dtype)


def scatter(
    interpolation: Interpolation,
    order: int,
    shape: tuple[int, ...],
    cotangents: Any,
    points: Any,
    valid: Any,
) -> Any:
    """Return what `gather` transposed makes of cotangents."""
    channels = cotangents.shape[2]
    image = jax.ShapeDtypeStruct((len(points), *shape, channels), cotangents.dtype)
    transposed = jax.linear_transpose(
        lambda pixels: gather(interpolation, order, pixels, points, valid), image
    )
    return transposed(cotangents)[0]
