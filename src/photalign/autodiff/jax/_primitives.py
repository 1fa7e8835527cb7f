"""The sampler as primitives of JAX: how each is computed, differentiated and batched.

Four maps that differentiation, transposition and batching lead into each other, so that
derivatives of any order exist, by points and by pixels:

    samples   stored, points -> values, gradients, ... up to an order, validity
    gather    the derivatives of one order alone, linear in the image
    scatter   gather transposed
    filter    from pixels to the coefficients of a spline, linear, or its transpose

`samples` and its derivative come from one pass: its rule asks for one order more.

Arrays are stored (B, ..., C), points (B, N, ndim), values (B, N, C), derivatives
(B, N, C, ndim, ...) and validity (B, N). B counts the images that `jax.vmap` runs over;
points that it runs over for one image become more points of that image.

Rules are written for primitives and not with `jax.custom_jvp`, since the tangent of the
image has to be transposed to `scatter` and batched, too, which JAX has no decorator for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from photalign._interpolation import Interpolation, expect_derivatives, real_dtype
from photalign.autodiff.jax import _contraction, _filter, _foreign


@dataclass(frozen=True)
class Function:
    """What makes a function of stored pixels, and how it is computed."""

    interpolation: Interpolation
    implementation: str = "auto"

    @property
    def linear(self) -> Interpolation:
        """The part that is linear in the pixels."""
        return replace(self.interpolation, cval=0.0, fill=np.nan)


# How they are computed


def _in_core(implementation: str) -> bool:
    return implementation == "auto" and _foreign.is_available()


def _samples_anywhere(
    stored: Any, points: Any, *, function: Function, order: int
) -> list[Any]:
    return _contraction.samples(function.interpolation, order, stored, points)


def _samples_on_cpu(
    stored: Any, points: Any, *, function: Function, order: int
) -> list[Any]:
    if order > _foreign.HIGHEST_ORDER or not _in_core(function.implementation):
        return _samples_anywhere(stored, points, function=function, order=order)
    return _foreign.samples(function.interpolation, order, stored, points)


def _gather_anywhere(
    image: Any, points: Any, valid: Any, *, function: Function, order: int
) -> Any:
    return _contraction.gather(function.linear, order, image, points, valid)


def _gather_on_cpu(
    image: Any, points: Any, valid: Any, *, function: Function, order: int
) -> Any:
    if order > _foreign.HIGHEST_ORDER or not _in_core(function.implementation):
        return _gather_anywhere(image, points, valid, function=function, order=order)
    found = _foreign.samples(function.linear, order, image, points)
    # A tangent that is not finite is no reason for a 0.
    derivative = jnp.where(_like(found[-1], found[order]), found[order], np.nan)
    return jnp.where(_like(valid, derivative), derivative, 0)


def _scatter_anywhere(
    cotangents: Any,
    points: Any,
    valid: Any,
    *,
    function: Function,
    order: int,
    shape: tuple[int, ...],
) -> Any:
    return _contraction.scatter(
        function.linear, order, shape, cotangents, points, valid
    )


def _scatter_on_cpu(
    cotangents: Any,
    points: Any,
    valid: Any,
    *,
    function: Function,
    order: int,
    shape: tuple[int, ...],
) -> Any:
    if order > 0 or not _in_core(function.implementation):
        return _scatter_anywhere(
            cotangents, points, valid, function=function, order=order, shape=shape
        )
    return _foreign.scatter(function.linear, shape, cotangents, points, valid)


def _filter_anywhere(
    image: Any,
    *,
    degree: int,
    boundary: str,
    implementation: str,
    is_transposed: bool,
    is_absolute: bool,
) -> Any:
    return _filter.spline_filter(
        degree, boundary, image, is_transposed=is_transposed, is_absolute=is_absolute
    )


def _filter_on_cpu(image: Any, *, implementation: str, **choices: Any) -> Any:
    if not _in_core(implementation):
        return _filter_anywhere(image, implementation=implementation, **choices)
    return _foreign.spline_filter(image=image, **choices)


# What they return


def _samples_shape(
    stored: Any, points: Any, *, function: Function, order: int
) -> list[Any]:
    dtype = real_dtype(np.dtype(stored.dtype))
    shape, ndim = (*points.shape[:2], stored.shape[-1]), points.shape[-1]
    values = [ShapedArray((*shape, *(ndim,) * k), dtype) for k in range(order + 1)]
    return [*values, ShapedArray(shape[:2], np.dtype(bool))]


def _gather_shape(
    image: Any, points: Any, valid: Any, *, function: Function, order: int
) -> Any:
    tensor = (points.shape[-1],) * order
    return ShapedArray((*points.shape[:2], image.shape[-1], *tensor), image.dtype)


def _scatter_shape(
    cotangents: Any,
    points: Any,
    valid: Any,
    *,
    function: Function,
    order: int,
    shape: tuple[int, ...],
) -> Any:
    batch, channels = cotangents.shape[0], cotangents.shape[2]
    return ShapedArray((batch, *shape, channels), cotangents.dtype)


def _filter_shape(image: Any, **choices: Any) -> Any:
    return ShapedArray(image.shape, image.dtype)


@lru_cache(maxsize=512)
def _compiled(primitive: Primitive, choices: tuple[tuple[str, Any], ...]) -> Any:
    return jax.jit(partial(primitive.bind, **dict(choices)))


def _primitive(
    name: str,
    shape: Callable[..., Any],
    anywhere: Callable[..., Any],
    on_cpu: Callable[..., Any],
    has_many_results: bool = False,
) -> Primitive:
    primitive = Primitive(f"photalign_{name}")
    primitive.multiple_results = has_many_results
    primitive.def_abstract_eval(shape)
    primitive.def_impl(
        lambda *arrays, **choices: _compiled(primitive, tuple(choices.items()))(*arrays)
    )
    lower = partial(mlir.lower_fun, multiple_results=has_many_results)
    mlir.register_lowering(primitive, lower(anywhere))
    mlir.register_lowering(primitive, lower(on_cpu), platform="cpu")
    return primitive


samples_p = _primitive(
    "samples", _samples_shape, _samples_anywhere, _samples_on_cpu, True
)
gather_p = _primitive("gather", _gather_shape, _gather_anywhere, _gather_on_cpu)
scatter_p = _primitive("scatter", _scatter_shape, _scatter_anywhere, _scatter_on_cpu)
filter_p = _primitive("filter", _filter_shape, _filter_anywhere, _filter_on_cpu)


# How they change


def _is_zero(tangent: Any) -> bool:
    return type(tangent) is ad.Zero


def _like(mask: Any, array: Any) -> Any:
    """Give a mask (B, N) as many axes as an array (B, N, ...) has."""
    return mask.reshape(*mask.shape, *(1,) * (array.ndim - 2))


def _along(derivatives: Any, motions: Any, valid: Any) -> Any:
    """Contract derivatives (..., ndim) with motions of the points.

    By products and a sum, since GPUs multiply matrices in less than float32.
    """
    motions = motions.astype(derivatives.dtype)
    ahead = (1,) * (derivatives.ndim - motions.ndim)
    motions = motions.reshape(*motions.shape[:2], *ahead, motions.shape[-1])
    change = (derivatives * motions).sum(axis=-1)
    return jnp.where(_like(valid, change), change, 0)  # whatever the motion


def _sum(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _samples_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, function: Function, order: int
) -> tuple[Any, Any]:
    (stored, points), (image, motions) = primals, tangents
    moves = not _is_zero(motions)
    if moves:
        expect_derivatives(function.interpolation.kernel, "derivatives by points")
    found = samples_p.bind(stored, points, function=function, order=order + moves)
    valid = found[-1]
    changes = []
    for k in range(order + 1):
        parts = []
        if moves:
            parts.append(_along(found[k + 1], motions, valid))
        if not _is_zero(image):
            parts.append(
                gather_p.bind(
                    image.astype(found[0].dtype),
                    points,
                    valid,
                    function=function,
                    order=k,
                )
            )
        changes.append(_sum(parts))
    none = ad.Zero(ShapedArray(valid.shape, jax.dtypes.float0))
    return [*found[: order + 1], valid], [*changes, none]


def _gather_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, function: Function, order: int
) -> tuple[Any, Any]:
    (image, points, valid), (change, motions, _) = primals, tangents
    parts = []
    if not _is_zero(motions):
        slope = gather_p.bind(image, points, valid, function=function, order=order + 1)
        parts.append(_along(slope, motions, valid))
    if not _is_zero(change):
        parts.append(
            gather_p.bind(change, points, valid, function=function, order=order)
        )
    found = gather_p.bind(image, points, valid, function=function, order=order)
    return found, _sum(parts)


def _scatter_jvp(
    primals: Sequence[Any],
    tangents: Sequence[Any],
    *,
    function: Function,
    order: int,
    shape: tuple[int, ...],
) -> tuple[Any, Any]:
    (cotangents, points, valid), (change, motions, _) = primals, tangents
    scatter = partial(scatter_p.bind, function=function, shape=shape)
    parts = []
    if not _is_zero(motions):
        motions = jnp.where(valid[..., np.newaxis], motions, 0)
        motions = motions.astype(cotangents.dtype)
        ahead = (1,) * (cotangents.ndim - 2)
        motions = motions.reshape(*motions.shape[:2], *ahead, motions.shape[-1])
        pushed = cotangents[..., np.newaxis] * motions
        parts.append(scatter(pushed, points, valid, order=order + 1))
    if not _is_zero(change):
        parts.append(scatter(change, points, valid, order=order))
    return scatter(cotangents, points, valid, order=order), _sum(parts)


def _gather_transpose(
    cotangents: Any,
    image: Any,
    points: Any,
    valid: Any,
    *,
    function: Function,
    order: int,
) -> list[Any]:
    if _is_zero(cotangents):
        return [None, None, None]
    pulled = scatter_p.bind(
        cotangents,
        points,
        valid,
        function=function,
        order=order,
        shape=image.aval.shape[1:-1],
    )
    return [pulled, None, None]


def _scatter_transpose(
    image: Any,
    cotangents: Any,
    points: Any,
    valid: Any,
    *,
    function: Function,
    order: int,
    shape: tuple[int, ...],
) -> list[Any]:
    if _is_zero(image):
        return [None, None, None]
    pulled = gather_p.bind(image, points, valid, function=function, order=order)
    return [pulled, None, None]


def _filter_transpose(
    cotangents: Any, image: Any, *, is_transposed: bool, **choices: Any
) -> list[Any]:
    return [
        filter_p.bind(cotangents, is_transposed=not is_transposed, **choices),
    ]


ad.primitive_jvps[samples_p] = _samples_jvp
ad.primitive_jvps[gather_p] = _gather_jvp
ad.primitive_jvps[scatter_p] = _scatter_jvp
ad.primitive_transposes[gather_p] = _gather_transpose
ad.primitive_transposes[scatter_p] = _scatter_transpose
ad.deflinear2(filter_p, _filter_transpose)


# How they are batched


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
            _as_points(a, d, size)
            for a, d in zip(arrays[1:], axes[1:], strict=True)
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
