"""Whether a record does what the function does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign import _core

_SIDES = (5, 13, 64, 199, 640, 1500)
"""Points are drawn from squares of these sizes, px, and a little around them."""
_PER_SIDE = 64
_MOTIONS = (0.0, 0.3, 15.0)
"""How far parameters are moved, in the px that they move points by."""
_VALUES = 1e-12
_DERIVATIVES = 1e-6

_Doubles = NDArray[np.float64]
_Evaluate = Callable[[_Doubles, _Doubles], tuple[_Doubles, NDArray[np.float32]]]


def agrees(
    warp: _core.PointWarp, function: Callable[..., Any], params: _Doubles
) -> bool:
    """Compare values with the function, and derivatives with those that `Jet` has.

    Parameters
    ----------
    warp : PointWarp
        The record.
    function : callable
        ``function(p, xy)``.
    params : ndarray of float64, shape (P,)
        Where to compare, and at other parameters about it.
    """
    points = _points()
    for near in _parameters(warp, params, points):
        mapped, jacobian = _evaluated(warp, near, points)
        alone = np.empty_like(mapped)
        warp.map(near, points, alone, None)
        if not np.array_equal(alone, mapped, equal_nan=True):
            return False
        plain = np.asarray(function(near.copy(), points.copy()), np.float64)
        if not _same_values(mapped, plain):
            return False
        if not _same_derivatives(jacobian, _by_jet(function, near, points)):
            return False
    return True


def _points() -> _Doubles:
    """Return points inside and outside of images, half of them pixels."""
    rng = np.random.default_rng(1)
    drawn = [rng.uniform(-0.2, 1.2, (_PER_SIDE, 2)) * side for side in _SIDES]
    points = np.concatenate([[[0.0, 0.0]], *drawn])
    points[::2] = np.rint(points[::2])
    return points


def _parameters(
    warp: _core.PointWarp, params: _Doubles, points: _Doubles
) -> Iterator[_Doubles]:
    """Yield parameters, and others that map points elsewhere."""
    rng = np.random.default_rng(2)
    _, jacobian = _evaluated(warp, params, points)
    slopes = np.where(np.isfinite(jacobian), np.abs(jacobian), 0.0)
    sizes = np.median(np.max(slopes, axis=1), axis=1)
    steps = 1.0 / np.where(sizes > 0, sizes, np.inf)
    for motion in _MOTIONS:
        yield params + motion * steps * rng.uniform(-1.0, 1.0, params.size)


def _evaluated(
    warp: _core.PointWarp, params: _Doubles, points: _Doubles
) -> tuple[_Doubles, NDArray[np.float32]]:
    mapped = np.empty_like(points)
    jacobian = np.empty((params.size, 2, len(points)), np.float32)
    warp.map(params, points, mapped, jacobian)
    return mapped, jacobian


def _by_jet(
    function: Callable[..., Any], params: _Doubles, points: _Doubles
) -> NDArray[np.float32]:
    from photalign.warps._evaluators import ByJet

    mapped = np.empty_like(points)
    jacobian = np.empty((params.size, 2, len(points)), np.float32)
    ByJet(function)(params, points.copy(), mapped, jacobian)
    return jacobian


def _same_values(ours: _Doubles, theirs: _Doubles) -> bool:
    if ours.shape != theirs.shape:
        return False
    finite = np.isfinite(theirs)
    if not np.array_equal(ours[~finite], theirs[~finite], equal_nan=True):
        return False
    if not finite.any():
        return True
    typical = np.median(np.abs(theirs[finite]))
    allowed = _VALUES * (np.abs(theirs[finite]) + typical)
    return bool(np.all(np.abs(ours[finite] - theirs[finite]) <= allowed))


def _same_derivatives(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> bool:
    finite = np.isfinite(theirs)
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return False
    if not np.array_equal(np.isfinite(ours), finite):
        return False
    known, found = (np.where(finite, d, 0.0).astype(np.float64) for d in (theirs, ours))
    largest = np.maximum(
        np.abs(known), np.median(np.abs(known), axis=-1, keepdims=True)
    )
    return bool(np.all(np.abs(found - known) <= _DERIVATIVES * largest))
