"""What `jax.vmap` makes of the primitives.

Points that it runs over for one image become more points of that image, so that the
image is there once; what it runs over together with images become more items.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import batching

from photalign.autodiff.jax._primitives import (
    filter_p,
    gather_p,
    samples_p,
    scatter_p,
)


def _first(array: Any, axis: int | None, size: int) -> Any:
    """Bring the axis of the batch to the front, or make one."""
    if axis is None:
        return jnp.broadcast_to(array, (size, *array.shape))
    return jnp.moveaxis(array, axis, 0)


def _batch_size(arrays: Sequence[Any], axes: Sequence[int | None]) -> int:
    sizes = (a.shape[d] for a, d in zip(arrays, axes, strict=True) if d is not None)
    return int(next(sizes))


def _as_items(array: Any, axis: int | None, size: int) -> Any:
    """Make a batch more items: (V, B, ...) becomes (V * B, ...)."""
    array = _first(array, axis, size)
    return array.reshape(size * array.shape[1], *array.shape[2:])


def _as_points(array: Any, axis: int | None, size: int) -> Any:
    """Make a batch more points: (V, B, N, ...) becomes (B, V * N, ...)."""
    array = jnp.moveaxis(_first(array, axis, size), 0, 1)
    return array.reshape(len(array), size * array.shape[2], *array.shape[3:])


def _from_items(array: Any, size: int) -> Any:
    return array.reshape(size, -1, *array.shape[1:])


def _from_points(array: Any, size: int) -> Any:
    return array.reshape(len(array), size, -1, *array.shape[2:])


def _batch_sampling(
    primitive: Primitive,
    arrays: Sequence[Any],
    axes: Sequence[int | None],
    **choices: Any,
) -> tuple[Any, Any]:
    """Batch what takes an image and then things of points."""
    size = _batch_size(arrays, axes)
    if axes[0] is None:
        of_points = (
            _as_points(a, d, size) for a, d in zip(arrays[1:], axes[1:], strict=True)
        )
        found = primitive.bind(arrays[0], *of_points, **choices)
        back, at = partial(_from_points, size=size), 1
    else:
        items = (_as_items(a, d, size) for a, d in zip(arrays, axes, strict=True))
        found = primitive.bind(*items, **choices)
        back, at = partial(_from_items, size=size), 0
    if primitive.multiple_results:
        return [back(of) for of in found], [at] * len(found)
    return back(found), at


def _batch_items(
    primitive: Primitive,
    arrays: Sequence[Any],
    axes: Sequence[int | None],
    **choices: Any,
) -> tuple[Any, Any]:
    """Batch what returns an image."""
    size = _batch_size(arrays, axes)
    items = (_as_items(a, d, size) for a, d in zip(arrays, axes, strict=True))
    return _from_items(primitive.bind(*items, **choices), size), 0


batching.primitive_batchers[samples_p] = partial(_batch_sampling, samples_p)
batching.primitive_batchers[gather_p] = partial(_batch_sampling, gather_p)
batching.primitive_batchers[scatter_p] = partial(_batch_items, scatter_p)
batching.primitive_batchers[filter_p] = partial(_batch_items, filter_p)
