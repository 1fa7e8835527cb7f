"""How the primitives change: their tangents, and their transposes.

The gradient of `samples` and its value come from one pass: the rule asks for one order
more. Every rule is made of the primitives themselves, so that derivatives of any order
exist.

They are rules of primitives and not of `jax.custom_jvp`, since the tangent of the image
has to be transposed to `scatter` and batched, too, which JAX has no decorator for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.interpreters import ad

from photalign._interpolation import expect_derivatives
from photalign.autodiff.jax._contraction import like
from photalign.autodiff.jax._primitives import (
    Function,
    filter_p,
    gather_p,
    samples_p,
    scatter_p,
)


def _is_zero(tangent: Any) -> bool:
    return type(tangent) is ad.Zero


def _along(derivatives: Any, motions: Any, valid: Any) -> Any:
    """Contract derivatives (..., ndim) with motions of the points.

    Axis by axis: XLA makes one loop of it, where it would call a library for a product
    of matrices, which GPUs compute in less than float32, and for a sum of two numbers.
    """
    motions = motions.astype(derivatives.dtype)
    ahead = (1,) * (derivatives.ndim - motions.ndim)
    motions = motions.reshape(*motions.shape[:2], *ahead, motions.shape[-1])
    change = derivatives[..., 0] * motions[..., 0]
    for axis in range(1, motions.shape[-1]):
        change = change + derivatives[..., axis] * motions[..., axis]
    return jnp.where(like(valid, change), change, 0)  # whatever the motion


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


def _filter_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], **choices: Any
) -> tuple[Any, Any]:
    image, *valid = primals
    bind = partial(filter_p.bind, **choices)
    return bind(image, *valid), bind(tangents[0], *valid)


def _filter_transpose(
    cotangents: Any, image: Any, *valid: Any, is_transposed: bool, **choices: Any
) -> list[Any]:
    if _is_zero(cotangents):
        return [None] * (1 + len(valid))
    pulled = filter_p.bind(
        cotangents, *valid, is_transposed=not is_transposed, **choices
    )
    return [pulled, *[None] * len(valid)]


ad.primitive_jvps[samples_p] = _samples_jvp
ad.primitive_jvps[gather_p] = _gather_jvp
ad.primitive_jvps[scatter_p] = _scatter_jvp
ad.primitive_transposes[gather_p] = _gather_transpose
ad.primitive_transposes[scatter_p] = _scatter_transpose
ad.primitive_jvps[filter_p] = _filter_jvp
ad.primitive_transposes[filter_p] = _filter_transpose
