"""Dual numbers of others: three functions, and samplers take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from photalign.autodiff.jet import Jet


@dataclass(frozen=True, kw_only=True)
class Dual:
    """How to read and make the dual numbers of a class."""

    value: Callable[[Any], Any]
    partials: Callable[[Any], Any]
    rebuild: Callable[[Any, Any, Any], Any]


_REGISTERED: dict[type, Dual] = {}


def register_dual(
    cls: type,
    *,
    value: Callable[[Any], Any],
    partials: Callable[[Any], Any],
    rebuild: Callable[[Any, Any, Any], Any],
) -> None:
    """Teach samplers a class of arrays that carry derivatives.

    From then on ``sampler(points)``, `value_and_grad` and `inside` take objects of this
    class, and of classes derived from it, as points. Registering a class again replaces
    what was known of it.

    Parameters
    ----------
    cls : type
        The class.
    value : callable
        ``value(points)`` returns the points, an array of shape (..., ndim).
    partials : callable
        ``partials(points)`` returns their derivatives by parameters: an array of shape
        (P, ..., ndim), or a mapping whose values are arrays that broadcast to the shape
        of the points, for the parameters that these depend on.
    rebuild : callable
        ``rebuild(points, value, partials)`` makes an object of the class: from the
        points that were sampled, an array of shape (...) or (..., C), and its
        derivatives, an array with (P,) before that shape, or a mapping with the keys
        that `partials` returned.

    Raises
    ------
    TypeError
        If `cls` is no class, or one that needs no registration, or one of the others
        is no function.

    Examples
    --------
    A dual with dense derivatives, whose arithmetic is left out:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> import photalign as pa
    >>> @dataclass
    ... class Dual:
    ...     real: np.ndarray
    ...     dual: np.ndarray  # derivatives on the first axis
    >>> pa.autodiff.register_dual(
    ...     Dual,
    ...     value=lambda points: points.real,
    ...     partials=lambda points: points.dual,
    ...     rebuild=lambda points, value, partials: Dual(value, partials),
    ... )
    >>> sampler = pa.Sampler(np.array([[0.0, 10.0], [30.0, 40.0]]))
    >>> sampler(Dual(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [0.0, 1.0]])))
    Dual(real=array(20.), dual=array([10., 30.]))
    """
    if not isinstance(cls, type) or issubclass(cls, Jet) or cls is np.ndarray:
        raise TypeError(f"cls: expected a class of dual numbers, got {cls!r}")
    for name, function in {
        "value": value,
        "partials": partials,
        "rebuild": rebuild,
    }.items():
        if not callable(function):
            raise TypeError(f"{name}: expected a function, got {function!r}")
    _REGISTERED[cls] = Dual(value=value, partials=partials, rebuild=rebuild)


def registered(kind: type) -> Dual | None:
    """Return what is known of a class, or of the nearest that it is derived from."""
    for base in kind.__mro__:
        if base in _REGISTERED:
            return _REGISTERED[base]
    return None


def is_dual(points: object) -> bool:
    """Whether samplers return derivatives of samples at these points."""
    kind = type(points)
    return issubclass(kind, Jet) or registered(kind) is not None
