"""The sampler as primitives of JAX, and how they are computed.

Four maps that differentiation, transposition and batching lead into each other, so that
derivatives of any order exist, by points and by pixels:

    samples   stored, points -> values, gradients, ... up to an order, validity
    gather    the derivatives of one order alone, linear in the image
    scatter   gather transposed
    filter    from pixels, past gaps, to the coefficients of a spline, or its transpose

Arrays are stored (B, ..., C), points (B, N, ndim), values (B, N, C), derivatives
(B, N, C, ndim, ...) and validity (B, N). B counts the images that `jax.vmap` runs over;
points that it runs over for one image become more points of that image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import mlir

from photalign._interpolation import Interpolation, real_dtype
from photalign.autodiff.jax import _contraction, _filter, _foreign
from photalign.autodiff.jax._contraction import like


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
    derivative = jnp.where(like(found[-1], found[order]), found[order], np.nan)
    return jnp.where(like(valid, derivative), derivative, 0)


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
    *valid: Any,
    degree: int,
    boundary: str,
    implementation: str,
    is_transposed: bool,
    is_absolute: bool,
) -> Any:
    if valid and not is_transposed:
        image = _filter.filled(image, *valid)
    image = _filter.spline_filter(
        degree, boundary, image, is_transposed=is_transposed, is_absolute=is_absolute
    )
    if valid and is_transposed:
        image = _filter.filled_transposed(image, *valid)
    return image


def _filter_on_cpu(
    image: Any,
    *valid: Any,
    degree: int,
    boundary: str,
    implementation: str,
    is_transposed: bool,
    is_absolute: bool,
) -> Any:
    choices = {"is_transposed": is_transposed, "is_absolute": is_absolute}
    if _in_core(implementation):
        return _foreign.spline_filter(degree, boundary, image, *valid, **choices)
    return _filter_anywhere(
        image,
        *valid,
        degree=degree,
        boundary=boundary,
        implementation=implementation,
        **choices,
    )


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


def _filter_shape(image: Any, *valid: Any, **choices: Any) -> Any:
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
