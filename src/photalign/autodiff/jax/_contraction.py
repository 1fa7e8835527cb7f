"""The sampler in jnp: what the core does, for devices that it does not run on.

Arrays are those of the primitives: stored (B, ..., C), points (B, N, ndim).
"""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

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


def _index(located: Located, batch: int, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return where the taps are in all pixels of a batch, in a row: (B, N, ...).

    Axes are in the array's order. Also tells which of the taps there are, and are none
    of the boundary's constants.
    """
    ndim, size = len(shape), int(np.prod(shape))
    dtype = np.int32 if batch * size < 2**31 else np.int64
    index = jnp.arange(batch, dtype=dtype) * size
    index = index.reshape(batch, *(1,) * (ndim + 1))
    exists, step = jnp.bool_(True), 1
    for a, pixels in enumerate(located.pixels):
        others = [2 + b for b in range(ndim) if b != ndim - 1 - a]
        along = jnp.expand_dims(pixels, others)
        exists = exists & (along >= 0)
        index = index + jnp.maximum(along, 0).astype(dtype) * step
        step *= shape[ndim - 1 - a]
    return index, exists[..., np.newaxis]


def _taps(stored: Any, located: Located) -> tuple[Any, Any]:
    """Fetch the pixels under the taps, (B, N, ..., C), and tell which there are."""
    index, exists = _index(located, len(stored), stored.shape[1:-1])
    flat = stored.reshape(-1, stored.shape[-1])
    return flat.at[index].get(mode="promise_in_bounds"), exists


def _weights(
    interpolation: Interpolation, located: Located, highest: int
) -> list[list[Any]]:
    """Return weights for each axis and order of derivative, (B, N, 1, ..., taps, 1)."""
    ndim, code = len(located.axes), interpolation.kernel.code
    found = []
    for a, (axis, t) in enumerate(zip(located.axes, located.t, strict=True)):
        weights = [tap_weights(code, t, k) for k in range(highest + 1)]
        if axis.is_flat:
            weights[1:] = [jnp.zeros_like(w) for w in weights[1:]]
        ahead = (1,) * (ndim - 1 - a)
        found.append([w.reshape(*w.shape[:2], *ahead, -1, 1) for w in weights])
    return found


def _contract(
    interpolation: Interpolation, located: Located, taps: Any, orders: range
) -> list[Any]:
    """Weigh the taps: derivatives (B, N, C, ndim, ...) of some orders."""
    highest = orders[-1]
    # The sums over the axes so far, by the derivatives taken along each.
    sums: dict[tuple[int, ...], Any] = {(): taps}
    for weights in _weights(interpolation, located, highest):
        sums = {
            (*taken, k): _weighted(before, weights[k])
            for taken, before in sums.items()
            for k in range(highest + 1 - sum(taken))
        }
    found = []
    for order in orders:
        entries = [
            sums[taken] * factor for taken, factor in _entries(interpolation, order)
        ]
        tensor = jnp.stack(entries, axis=-1)
        ndim = len(interpolation.spacing)
        found.append(tensor.reshape(*tensor.shape[:-1], *(ndim,) * order))
    return found


def _weighted(taps: Any, weights: Any) -> Any:
    """Sum over the last axis but one, tap by tap: one loop, no call of a library."""
    terms = [taps[..., k, :] * weights[..., k, :] for k in range(weights.shape[-2])]
    return sum(terms[1:], terms[0])


def _entries(
    interpolation: Interpolation, order: int
) -> list[tuple[tuple[int, ...], float]]:
    """Return derivatives along x, y, z, and a factor, for each entry of a tensor."""
    ndim = len(interpolation.spacing)
    found = []
    for along in product(range(ndim), repeat=order):
        axes = [ndim - 1 - a if interpolation.is_reversed else a for a in along]
        step = float(np.prod([interpolation.spacing[a] for a in axes]))
        taken = tuple(axes.count(a) for a in range(ndim))
        found.append((taken, interpolation.scale / step))
    return found


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
    ndim, channels = len(shape), cotangents.shape[2]
    located = locate(interpolation, shape, points, cotangents.dtype)
    cotangents = jnp.where(like(valid, cotangents), cotangents, 0)
    entries = cotangents.reshape(*cotangents.shape[:3], ndim**order)
    # What came back, by the derivatives along the axes that are still to be weighed.
    sums: dict[tuple[int, ...], Any] = {}
    for i, (taken, factor) in enumerate(_entries(interpolation, order)):
        sums[taken] = sums.get(taken, 0) + entries[..., i] * factor
    for weights in reversed(_weights(interpolation, located, order)):
        before: dict[tuple[int, ...], Any] = {}
        for (*rest, k), value in sums.items():
            # The axis of these taps comes before those that are there already.
            ahead = value.ndim - 3
            spread = jnp.expand_dims(value, 2 + ahead) * weights[k]
            before[tuple(rest)] = before.get(tuple(rest), 0) + spread
        sums = before
    index, exists = _index(located, len(points), shape)
    taps = jnp.where(exists, sums[()], 0).reshape(-1, channels)
    size = len(points) * int(np.prod(shape))
    image = jnp.zeros((size, channels), cotangents.dtype)
    image = image.at[index.reshape(-1)].add(taps, mode="promise_in_bounds")
    return image.reshape(len(points), *shape, channels)
