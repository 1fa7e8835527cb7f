"""The warps by name."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np
from numpy.typing import ArrayLike

from photalign.warps.affine import Affine
from photalign.warps.base import Warp
from photalign.warps.euclidean import Euclidean
from photalign.warps.homography import Homography
from photalign.warps.matrix import MatrixWarp
from photalign.warps.similarity import Similarity
from photalign.warps.translation import Translation

WARPS: dict[str, type[MatrixWarp]] = {
    cls.name: cls for cls in (Translation, Euclidean, Similarity, Affine, Homography)
}
"""The class of each warp by its name, each containing the one before it."""


def warp_class(name: str) -> type[MatrixWarp]:
    """Return the class of the warp called `name`.

    Parameters
    ----------
    name : str
        One of `WARPS`.

    Raises
    ------
    ValueError
        If there is no such warp; the message lists those there are.
    """
    if name in WARPS:
        return WARPS[name]
    near = get_close_matches(str(name).lower(), WARPS, n=1)
    raise ValueError(
        f"warp: expected one of {', '.join(WARPS)}, got {name!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
    )


def as_warp(
    value: str | type[Warp] | Warp | ArrayLike,
    default_class: type[MatrixWarp] = Homography,
) -> Warp:
    """Read a warp from whatever names or holds one.

    Parameters
    ----------
    value : str, type, Warp or array_like of shape (3, 3) or (2, 3)
        The name or class of a warp stands for its identity; a warp for itself.
    default_class : type, optional
        What an array becomes.

    Returns
    -------
    Warp
        The warp; for a name, class or warp not necessarily of `default_class`.

    Raises
    ------
    TypeError, ValueError
        If the name is unknown, or `default_class` refuses the array.

    Examples
    --------
    >>> from photalign.warps import Affine, as_warp
    >>> as_warp("euclidean")
    Euclidean(angle=0, tx=0, ty=0)
    >>> as_warp([[1, 0, 3], [0, 1, -1]], Affine)
    Affine([[1, 0, 3], [0, 1, -1]])
    """
    if isinstance(value, str):
        return warp_class(value).identity()
    if isinstance(value, Warp):
        return value
    if isinstance(value, type) and issubclass(value, MatrixWarp):
        return value.identity()
    if isinstance(value, type):
        raise TypeError(
            "warp: expected the class of a built-in warp, such as Affine, got "
            f"{value.__name__}; photalign.warp(function, p0) makes one of a function"
        )
    return default_class(value)


def as_mapping(value: Warp | ArrayLike, name: str = "warp") -> Warp:
    """Read a warp that something is seen through: itself, or its matrix.

    Parameters
    ----------
    value : Warp or array_like, shape (3, 3) or (2, 3)
        What the user gave. The name of a warp says nothing here.
    name : str
        The argument that an error speaks of.

    Returns
    -------
    Warp
        The same, or a `Homography`, or an `Affine` if the matrix has two rows.

    Raises
    ------
    TypeError, ValueError
        If it is neither.
    """
    if isinstance(value, str | type):
        raise TypeError(f"{name}: expected a warp or a matrix, got {value!r}")
    if isinstance(value, Warp):
        return value
    return Affine(value) if np.shape(value) == (2, 3) else Homography(value)
