"""Functions that are linear in one array: most of them move its entries only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from photalign.autodiff._entries import marked
from photalign.autodiff._operands import name_of
from photalign.autodiff._partials import Partials, full
from photalign.autodiff.jet import Jet, make

Keywords = tuple[int, frozenset[str]]
"""How many arguments may follow the array by position, and which by name."""


def _taking(positions: int, names: str) -> Keywords:
    return positions, frozenset(names.split())


def _known(table: dict[str, Keywords]) -> dict[Any, Keywords]:
    """Return the functions of these names that this version of NumPy has."""
    return {getattr(np, n): k for n, k in table.items() if hasattr(np, n)}


MOVES = _known(
    {
        "reshape": _taking(2, "shape newshape order copy"),
        "ravel": _taking(1, "order"),
        "transpose": _taking(1, "axes"),
        "matrix_transpose": _taking(0, ""),
        "moveaxis": _taking(2, "source destination"),
        "rollaxis": _taking(2, "axis start"),
        "swapaxes": _taking(2, "axis1 axis2"),
        "expand_dims": _taking(1, "axis"),
        "squeeze": _taking(1, "axis"),
        "broadcast_to": _taking(1, "shape"),
        "flip": _taking(1, "axis"),
        "fliplr": _taking(0, ""),
        "flipud": _taking(0, ""),
        "rot90": _taking(2, "k axes"),
        "roll": _taking(2, "shift axis"),
        "take": _taking(2, "indices axis mode"),
        "take_along_axis": _taking(2, "indices axis"),
        "repeat": _taking(2, "repeats axis"),
        "tile": _taking(1, "reps"),
        "diagonal": _taking(3, "offset axis1 axis2"),
        "copy": _taking(1, "order"),
    }
)
"""Functions whose result has entries of the array and no others."""

LINEAR = _known(
    {
        "sum": _taking(1, "axis keepdims"),
        "mean": _taking(1, "axis keepdims"),
        "cumsum": _taking(1, "axis"),
        "diff": _taking(2, "n axis"),
        "trace": _taking(3, "offset axis1 axis2"),
        "diag": _taking(1, "k"),
        "tril": _taking(1, "k"),
        "triu": _taking(1, "k"),
    }
)
"""Other functions that are linear in their first argument."""

SPLITS = (np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit)
AT_LEAST = (np.atleast_1d, np.atleast_2d, np.atleast_3d)


def _expect(
    function: Any, keywords: Keywords, args: tuple[Any, ...], options: dict[str, Any]
) -> Jet:
    """Check the arguments of a function of one array; return the array."""
    positions, names = keywords
    name = name_of(function)
    if not args or not isinstance(args[0], Jet):
        raise TypeError(f"{name}: expected a Jet as the first argument and no other")
    others = [*args[1:], *options.values()]
    if any(isinstance(other, Jet) for other in others):
        raise TypeError(f"{name}: expected no Jet but the first argument, got another")
    unknown = [key for key in options if key not in names]
    if unknown or len(args) > positions + 1:
        raise TypeError(
            f"{name}: expected no other options with a Jet than "
            f"{', '.join(sorted(names)) or 'none'}, got "
            f"{', '.join(unknown) or f'{len(args)} arguments by position'}"
        )
    return args[0]


def linear(function: Any, keywords: Keywords, *args: Any, **options: Any) -> Jet:
    """Apply a linear function."""
    jet = _expect(function, keywords, args, options)
    shape = jet.shape
    value = function(jet._value, *args[1:], **options)
    with np.errstate(all="ignore"):
        partials = {
            k: function(full(v, shape), *args[1:], **options)
            for k, v in jet._partials.items()
        }
    return make(value, partials, jet._seed)


def moved(function: Any, keywords: Keywords, *args: Any, **options: Any) -> Jet:
    """Apply a function that moves entries; a partial that is a number stays one."""
    jet = _expect(function, keywords, args, options)
    shape = jet.shape

    def move(partial: Any) -> Any:
        if np.ndim(partial) == 0:
            return partial
        return function(full(partial, shape), *args[1:], **options)

    value = function(jet._value, *args[1:], **options)
    found = make(value, {k: move(v) for k, v in jet._partials.items()}, jet._seed)
    return cast("Jet", marked(found, jet))


def split(function: Any, *args: Any, **options: Any) -> list[Jet]:
    """Apply a function that cuts an array to pieces."""
    names = frozenset({"indices_or_sections", "axis"})
    jet = _expect(function, (2, names), args, options)
    values = function(jet._value, *args[1:], **options)
    partials: list[Partials] = [{} for _ in values]
    for k, v in jet._partials.items():
        pieces = function(full(v, jet.shape), *args[1:], **options)
        for piece, found in zip(pieces, partials, strict=True):
            found[k] = piece
    parts = zip(values, partials, strict=True)
    return [marked(make(v, p, jet._seed), jet) for v, p in parts]


def at_least(function: Callable[..., Any], *arrays: Any) -> Any:
    """Apply a function that adds axes to each of some arrays."""
    found = [
        moved(function, (0, frozenset()), array)
        if isinstance(array, Jet)
        else function(array)
        for array in arrays
    ]
    return found[0] if len(found) == 1 else tuple(found)
