"""Points that move with parameters: what samplers ask of jets and other duals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from photalign._checks import as_array, as_points
from photalign._types import Array
from photalign.autodiff._duals import Dual, registered
from photalign.autodiff._partials import Number, Partials, full
from photalign.autodiff._stack import Stack
from photalign.autodiff.jet import Jet, make


class Motion:
    """Points and the derivatives of their coordinates.

    Parameters
    ----------
    points : object
        As they were handed in.
    coordinates : list of ndarray, shape (...)
        Of the values, one for each axis.
    partials : list of dict
        Their derivatives: numbers, or arrays that broadcast to that shape.
    dual : Dual or None
        How to make such duals; None for a jet.
    is_dense : bool
        Whether derivatives are handed over as one array.
    """

    __slots__ = ("coordinates", "dual", "is_dense", "keys", "partials", "points")

    def __init__(
        self,
        points: Any,
        coordinates: list[Array],
        partials: list[Partials],
        dual: Dual | None = None,
        is_dense: bool = False,
    ) -> None:
        self.points = points
        self.coordinates = coordinates
        self.partials = partials
        self.dual = dual
        self.is_dense = is_dense
        # The parameters that some coordinate depends on.
        found: Partials = {}
        for by in partials:
            found.update(by)
        self.keys = list(found)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the points without that of one of them."""
        return self.coordinates[0].shape

    def together(self) -> Array:
        """Return the points as one array, shape (..., ndim)."""
        points = np.stack(self.coordinates, axis=-1)
        return points if points.dtype == np.float32 else points.astype(np.float64)

    def flattened(self) -> Motion:
        """Return the same points one after the other, in types that the core reads."""
        shape = self.shape
        return Motion(
            self.points,
            [_flat(np.asarray(c), shape) for c in self.coordinates],
            [{k: _flat(v, shape) for k, v in by.items()} for by in self.partials],
        )

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
    partials = _by_coordinate(given, value.shape)
    return Motion(points, _columns(value, ndim), partials, dual, is_dense)


def _motion_of_jet(jet: Jet, ndim: int) -> Motion:
    if isinstance(jet, Stack) and jet.components and jet.axis == jet.ndim - 1:
        return Motion(
            jet,
            [c._value for c in jet.components],
            [c._partials for c in jet.components],
        )
    whole = jet._partials, jet.shape
    return Motion(jet, _columns(jet._value, ndim), _by_coordinate(*whole))


def _columns(value: Array, ndim: int) -> list[Array]:
    return [value[..., axis] for axis in range(ndim)]


def _by_coordinate(
    partials: Mapping[Any, Any], shape: tuple[int, ...]
) -> list[Partials]:
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


def _flat(numbers: Number, shape: tuple[int, ...]) -> Number:
    """Return one number, or one for each point."""
    if type(numbers) is float:
        return numbers
    if not any(numbers.strides) and numbers.size:  # one number, perhaps spread out
        return float(numbers.flat[0])
    flat = full(numbers, shape).reshape(-1)
    kind = np.float32 if flat.dtype == np.float32 else np.float64
    if flat.strides[0] % flat.itemsize:
        flat = flat.copy()
    return np.require(flat, kind, ["ALIGNED"])
