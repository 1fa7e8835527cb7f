"""Points that move with parameters: what samplers ask of jets and other duals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from photalign._checks import as_array, as_points
from photalign._types import Array
from photalign.autodiff._duals import Dual, registered
from photalign.autodiff._partials import Number, full
from photalign.autodiff._stack import Stack
from photalign.autodiff.jet import Jet, make

_TYPES = (np.dtype("f8"), np.dtype("f4"))


@dataclass(kw_only=True)
class Motion:
    """Points and the derivatives of their coordinates."""

    points: Any
    """As they were handed in."""
    coordinates: list[Array]
    """Of the values; one array of shape (...) for each axis."""
    partials: list[dict[Any, Number]]
    """Their derivatives: numbers, or arrays that broadcast to that shape."""
    dual: Dual | None
    """How to make such duals; None for a jet."""
    is_dense: bool = False
    """Whether derivatives are handed over as one array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the points without that of one of them."""
        return self.coordinates[0].shape

    @cached_property
    def keys(self) -> list[Any]:
        """The parameters that some coordinate depends on."""
        if len(self.partials) == 1:
            return list(self.partials[0])
        found: dict[Any, Number] = {}
        for partials in self.partials:
            found.update(partials)
        return list(found)

    def rows(self) -> Array:
        """Return the points one after the other, shape (N, ndim)."""
        is_single = all(c.dtype == np.float32 for c in self.coordinates)
        kind = np.float32 if is_single else np.float64
        rows = np.empty((len(self.coordinates), *self.shape), kind)
        for axis, coordinate in enumerate(self.coordinates):
            rows[axis] = coordinate
        return rows.reshape(len(rows), -1).T

    def tangents(self) -> tuple[list[int], list[int], list[Any]]:
        """Return the derivatives as the core takes them.

        Returns
        -------
        rows, axes : list of int
            Which of the `keys` and which coordinate each is for.
        tangents : list of float or ndarray, shape (N,)
            The derivatives.
        """
        shape = self.shape
        rows, axes, tangents = [], [], []
        for row, key in enumerate(self.keys):
            for axis, partials in enumerate(self.partials):
                if key in partials:
                    rows.append(row)
                    axes.append(axis)
                    tangents.append(_flat(partials[key], shape))
        return rows, axes, tangents

    @np.errstate(all="ignore")
    def contracted(self, slopes: Array) -> Array:
        """Return the changes of something with slopes (..., ndim), one for each key."""
        changes = np.zeros((len(self.keys), *slopes.shape[:-1]), slopes.dtype)
        inner = (np.newaxis,) * (slopes.ndim - 1 - len(self.shape))
        for axis, partials in enumerate(self.partials):
            for key, partial in partials.items():
                tangent = full(partial, self.shape)[(..., *inner)]
                changes[self.keys.index(key)] += slopes[..., axis] * tangent
        return changes

    def rebuilt(self, value: Array, changes: Any) -> Any:
        """Make a dual of samples and their derivatives, one for each of the `keys`."""
        if self.dual is None:
            partials = dict(zip(self.keys, changes, strict=True))
            return make(value, partials, self.points._seed)
        if not self.is_dense:
            changes = dict(zip(self.keys, changes, strict=True))
        return self.dual.rebuild(self.points, value, changes)


def motion_of(points: Any, ndim: int) -> Motion:
    """Read points that carry derivatives.

    Raises
    ------
    TypeError, ValueError
        If there are not `ndim` coordinates on the last axis, or the functions of a
        registered class return something else than they should.
    """
    if isinstance(points, Jet):
        if points.shape[-1:] != (ndim,):
            as_points(points.value, ndim=ndim)  # says what is wrong
        return _motion_of_jet(points, ndim)
    dual = registered(type(points))
    assert dual is not None
    value = as_points(dual.value(points), ndim=ndim, keep_single=True)
    given = dual.partials(points)
    is_dense = not isinstance(given, Mapping)
    if is_dense:
        given = as_array(given, "partials")
        if given.shape[1:] != value.shape or given.ndim != value.ndim + 1:
            raise ValueError(
                f"partials: expected shape (P, {', '.join(map(str, value.shape))}), "
                f"got {given.shape}"
            )
        given = dict(enumerate(given))
    return Motion(
        points=points,
        coordinates=_columns(value, ndim),
        partials=_by_coordinate(given, value.shape),
        dual=dual,
        is_dense=is_dense,
    )


def _motion_of_jet(jet: Jet, ndim: int) -> Motion:
    if isinstance(jet, Stack) and jet.components and jet.axis == jet.ndim - 1:
        return Motion(
            points=jet,
            coordinates=[np.asarray(c._value) for c in jet.components],
            partials=[c._partials for c in jet.components],
            dual=None,
        )
    return Motion(
        points=jet,
        coordinates=_columns(jet._value, ndim),
        partials=_by_coordinate(jet._partials, jet.shape),
        dual=None,
    )


def _columns(value: Array, ndim: int) -> list[Array]:
    return [value[..., axis] for axis in range(ndim)]


def _by_coordinate(
    partials: Mapping[Any, Any], shape: tuple[int, ...]
) -> list[dict[Any, Number]]:
    """Cut partials of points to those of each coordinate."""
    wholes = {}
    for key, partial in partials.items():
        try:
            wholes[key] = full(as_array(partial, f"partials[{key!r}]"), shape)
        except ValueError:
            raise ValueError(
                f"partials[{key!r}]: expected a shape that broadcasts to {shape}, "
                f"that of the points, got {np.shape(partial)}"
            ) from None
    return [
        {key: whole[..., axis] for key, whole in wholes.items()}
        for axis in range(shape[-1])
    ]


def _flat(partial: Number, shape: tuple[int, ...]) -> Number:
    """Return a partial as a number or one for each point."""
    if type(partial) is float:
        return partial
    if not (partial.shape == shape and len(shape) == 1):
        if not any(partial.strides):  # one number, perhaps spread out
            return float(partial.flat[0]) if partial.size else 0.0
        partial = full(partial, shape).reshape(-1)
    if partial.dtype not in _TYPES:
        return partial.astype(np.float64)
    if partial.strides[0] % partial.itemsize or not partial.flags.aligned:
        return partial.copy()
    return partial
