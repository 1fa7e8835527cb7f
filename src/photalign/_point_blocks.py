"""Points that move with parameters: given at once, or made block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from photalign._checks import as_array
from photalign._types import Array, ArrayLike
from photalign.autodiff._motions import motion_of
from photalign.autodiff.jet import Jet
from photalign.sampling import Sampler

PointFunction = Callable[[slice], Jet | tuple[ArrayLike, ArrayLike]]
"""From a range of the flattened points to points and their Jacobian there."""

# A multiple of the core's runs, so that blocks and whole arrays give the same bits.
_BLOCK = 8192


@dataclass(frozen=True, kw_only=True, eq=False)
class PointBlock:
    """Some of the points, as the core takes them.

    Attributes
    ----------
    where : slice
        Which they are.
    points : ndarray, shape (n, ndim), float32 or float64
        Rows of numbers.
    jacobian : ndarray, shape (n, ndim, P), float32 or float64
        Their derivatives by the parameters.
    """

    where: slice
    points: Array
    jacobian: Array

    def differentiable(self) -> PointBlock:
        """Return the block with NaN for points whose Jacobian is not finite."""
        # A sum is had in half the time, and tells as much of all at once.
        with np.errstate(invalid="ignore", over="ignore"):
            if np.isfinite(self.jacobian.sum()):
                return self
        points = self.points.copy()
        points[~np.isfinite(self.jacobian).all(axis=(1, 2))] = np.nan
        return replace(self, points=points)


def given_block(
    sampler: Sampler, points: ArrayLike | Jet, jacobian: ArrayLike | None
) -> tuple[tuple[int, ...], PointBlock]:
    """Return the shape of the points, without that of a point, and all of them."""
    if isinstance(points, Jet):
        if jacobian is not None:
            raise TypeError(
                "point_jacobian: expected None beside a Jet, which has its own, "
                f"got {type(jacobian).__name__}"
            )
        return _block_of_jet(sampler, points)
    if jacobian is None:
        raise TypeError(
            "point_jacobian: expected an array beside points, got None; a Jet or a "
            "function may stand for both"
        )
    xy = sampler._read_points(points)
    motion = _read_jacobian(jacobian, xy.shape)
    flat = motion.reshape(-1, *motion.shape[-2:])
    block = PointBlock(
        where=slice(None), points=sampler._as_rows(xy), jacobian=_aligned(flat)
    )
    return xy.shape[:-1], block


def _block_of_jet(sampler: Sampler, jet: Jet) -> tuple[tuple[int, ...], PointBlock]:
    motion = motion_of(jet, sampler.ndim)
    # A plane for each derivative, as they come.
    planes = np.zeros((sampler.ndim, jet.n_params, *motion.shape))
    for plane, partials in zip(planes, motion.partials, strict=True):
        for param, partial in partials.items():
            plane[param] = partial
    flat = planes.reshape(*planes.shape[:2], prod(motion.shape))
    block = PointBlock(
        where=slice(None),
        points=motion.together().reshape(-1, sampler.ndim),
        jacobian=np.moveaxis(flat, -1, 0),
    )
    return motion.shape, block


def made_blocks(
    sampler: Sampler, make: PointFunction, count: int
) -> Iterator[PointBlock]:
    """Call a function for one block of points after the other.

    Raises
    ------
    TypeError, ValueError
        If it returns something else than points and a Jacobian of the block.
    """
    parameters = None
    for first in range(0, max(count, 1), _BLOCK):
        where = slice(first, min(first + _BLOCK, count))
        made = make(where)
        if isinstance(made, Jet):
            shape, block = _block_of_jet(sampler, made)
        elif isinstance(made, tuple) and len(made) == 2:
            shape, block = given_block(sampler, *made)
        else:
            raise TypeError(
                "points: expected a function that returns a Jet or points and their "
                f"Jacobian, got {type(made).__name__} from it"
            )
        if shape != (where.stop - first,):
            raise ValueError(
                f"points: expected {where.stop - first} points from the function for "
                f"{where}, got shape {(*shape, sampler.ndim)}"
            )
        parameters = parameters or block.jacobian.shape[-1]
        if block.jacobian.shape[-1] != parameters:
            raise ValueError(
                f"points: expected {parameters} parameters in every block, "
                f"got {block.jacobian.shape[-1]} for {where}"
            )
        yield PointBlock(where=where, points=block.points, jacobian=block.jacobian)


def _read_jacobian(jacobian: ArrayLike, shape: tuple[int, ...]) -> Array:
    given = as_array(jacobian, "point_jacobian")
    if given.shape[:-1] != shape or given.ndim == 0 or given.shape[-1] == 0:
        expected = ", ".join(map(str, (*shape, "P")))
        hint = ""
        if given.shape[1:] == shape:
            hint = "; pass np.moveaxis(point_jacobian, 0, -1)"
        raise ValueError(
            f"point_jacobian: expected shape ({expected}), that of the points and then "
            f"one or more parameters, got {given.shape}{hint}"
        )
    return given if given.dtype in (np.float32, np.float64) else given.astype(float)


def _aligned(array: Array) -> Array:
    # Any strides will do that count whole numbers.
    size = array.itemsize
    if array.flags.aligned and not any(stride % size for stride in array.strides):
        return array
    return array.copy()
