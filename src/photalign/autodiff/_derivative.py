"""Derivatives of functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from photalign._types import Array, FloatArray
from photalign.autodiff.jet import Jet


def jacobian(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make the derivative of a function of an array.

    Parameters
    ----------
    f : callable
        A function of an array of shape S, and of others by which nothing is derived.
        It returns an array of any shape R, made with NumPy functions that `Jet` has
        rules for, or a tuple of such.

    Returns
    -------
    callable
        With the arguments of `f`. Returns the derivative of the result by the first of
        them, float64, shape R + S: exact, and 0 where there is no dependence; of a
        tuple a tuple.

    Raises
    ------
    TypeError
        If `f` is not callable.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> def polar(xy):
    ...     return np.stack([np.hypot(xy[0], xy[1]), np.arctan2(xy[1], xy[0])])
    >>> pa.jacobian(polar)([3.0, 4.0])
    array([[ 0.6 ,  0.8 ],
           [-0.16,  0.12]])
    """
    if not callable(f):
        raise TypeError(f"f: expected a function, got {f!r}")

    @wraps(f)
    def derivative(x: ArrayLike, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(x, Jet):  # which seed refuses
            x = np.asarray(x)
            x = x.astype(np.float64) if x.dtype.kind in "biuf" else x
        seed = Jet.seed(x)
        return _derivative(f(seed, *args, **kwargs), seed)

    return derivative


def _derivative(result: Any, seed: Jet) -> FloatArray | tuple[Any, ...]:
    if isinstance(result, tuple):
        return tuple(_derivative(part, seed) for part in result)
    if not isinstance(result, Jet):
        return np.zeros(_expect_array(result).shape + seed.shape)
    if result._seed is not seed._seed:
        raise ValueError("f: expected a result made of its argument, got another Jet")
    return result.jacobian().reshape(result.shape + seed.shape)


def _expect_array(result: Any) -> Array:
    if isinstance(result, list) and any(isinstance(part, Jet) for part in result):
        raise TypeError("f: expected an array as a result, got a list; use np.stack")
    array = np.asarray(result)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"f: expected an array as a result, got {result!r}")
    return array
