"""The points that a warp maps the pixels of an image to, some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from photalign.warps.base import Warp

Point = tuple[float, float]

_AT_ONCE = 1 << 16
# What rounding may move out of the image, px.
_ROUNDING = 1e-9


def mapped_pixels(
    warp: Warp, shape: tuple[int, int], first: Point, last: Point
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Map the pixels of an image, a few rows after the other.

    Parameters
    ----------
    warp : Warp
    shape : (int, int)
        Rows and columns of the image.
    first, last : (float, float)
        x and y of the first and last pixel of the other image. Points that rounding
        moves out of that come to lie on its border.

    Yields
    ------
    rows : slice
        Which rows.
    points : ndarray, shape (rows, columns, 2), float64
        Where their pixels go.
    """
    rows, columns = shape
    at_once = max(1, _AT_ONCE // max(columns, 1))
    low, high = np.sort([first, last], axis=0)
    for row in range(0, rows, at_once):
        some = slice(row, min(row + at_once, rows))
        grid = np.empty((some.stop - row, columns, 2))
        grid[..., 0] = np.arange(columns)
        grid[..., 1] = np.arange(row, some.stop)[:, np.newaxis]
        points = warp(grid)
        inside = np.clip(points, low, high)
        near = np.abs(points - inside) <= _ROUNDING
        np.copyto(points, inside, where=near)
        yield some, points
