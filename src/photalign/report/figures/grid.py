"""The warp drawn as a grid: where the pixels of the reference lie in the moving image.

Positions are pixels of the moving image, and the drawing scales as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photalign.report.figures.frame import svg
from photalign.report.figures.ticks import round_up

if TYPE_CHECKING:
    from photalign.warps import Warp

_CELLS = 10  # along the longer side of the reference, about
_SAMPLES = 41  # points along a line: a warp may bend it
_MARGIN = 0.5  # how far the drawing may reach beyond the moving image, in its sizes

Shape = tuple[int, ...]
Box = tuple[float, float, float, float]


def grid_spacing(shape: Shape) -> float:
    """Return the round distance between grid lines, in pixels of the reference.

    Examples
    --------
    >>> grid_spacing((480, 640))
    100.0
    """
    return max(1.0, round_up(max(shape[:2]) / _CELLS))


def warp_grid(
    picture: str,
    moving_shape: Shape,
    reference_shape: Shape,
    warp: Warp,
    start: Warp,
    truth: Warp | None = None,
) -> str:
    """Draw the pixel grid of the reference over the moving image.

    Parameters
    ----------
    picture : str
        Address of the moving image as a picture.
    moving_shape, reference_shape : tuple of int
        Rows and columns; any further lengths are ignored.
    warp, start : Warp
        The warp found, drawn as a grid, and the one before it, drawn as an outline.
    truth : Warp or None
        Drawn as an outline too.

    Returns
    -------
    str
        SVG.
    """
    outline = _outline(reference_shape)
    box = _view_box(moving_shape, warp(outline))
    rows, columns = moving_shape[:2]
    body = (
        f'<image href="{escape(picture)}" x="-0.5" y="-0.5" width="{columns}" '
        f'height="{rows}" preserveAspectRatio="none"/>'
        + _path([start(outline)], box, "start")
        + ("" if truth is None else _path([truth(outline)], box, "truth"))
        + _path([warp(line) for line in _grid_lines(reference_shape)], box, "grid")
        + _path([warp(outline)], box, "outline")
        + _corner_numbers(warp(_corners(reference_shape)), box)
    )
    label = "The grid of the reference, drawn where it lies in the moving image"
    return svg("warp", label, body, view_box=" ".join(f"{v:.6g}" for v in box))


def _corners(shape: Shape) -> NDArray[np.float64]:
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    return np.array([(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)])


def _outline(shape: Shape) -> NDArray[np.float64]:
    corners = _corners(shape)
    sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return np.concatenate([np.linspace(a, b, _SAMPLES) for a, b in sides])


def _grid_lines(shape: Shape) -> list[NDArray[np.float64]]:
    spacing = grid_spacing(shape)
    right, bottom = shape[1] - 1.0, shape[0] - 1.0
    upright = [((x, 0.0), (x, bottom)) for x in np.arange(spacing, right, spacing)]
    level = [((0.0, y), (right, y)) for y in np.arange(spacing, bottom, spacing)]
    return [np.linspace(a, b, _SAMPLES) for a, b in upright + level]


def _view_box(moving_shape: Shape, outline: NDArray[np.float64]) -> Box:
    size = np.array([moving_shape[1], moving_shape[0]], dtype=np.float64)
    low, high = np.full(2, -0.5), size - 0.5
    seen = outline[np.isfinite(outline).all(axis=1)]
    if len(seen):
        low = np.clip(seen.min(axis=0), low - _MARGIN * size, low)
        high = np.clip(seen.max(axis=0), high, high + _MARGIN * size)
    rim = 0.02 * float((high - low).max())
    width, height = high - low + 2 * rim
    return float(low[0] - rim), float(low[1] - rim), float(width), float(height)


def _path(lines: Iterable[NDArray[np.float64]], box: Box, kind: str) -> str:
    """Draw lines twice, dark and wide below: they must show on any picture."""
    data = "".join(_moves(line, box) for line in lines)
    return (
        f'<path class="{kind} halo" d="{data}"/><path class="{kind}" d="{data}"/>'
        if data
        else ""
    )


def _moves(line: NDArray[np.float64], box: Box) -> str:
    """Write the points of a line as path data, broken where it leaves for infinity."""
    x, y, width, height = box
    middle = np.array([x + width / 2, y + height / 2])
    near = np.abs(line - middle).max(axis=1) <= 3 * max(width, height)
    pieces = []
    pen_down = False
    for point, drawn in zip(line, near, strict=True):
        if drawn:
            pieces.append(f"{'L' if pen_down else 'M'}{point[0]:.2f} {point[1]:.2f}")
        pen_down = bool(drawn)
    return "".join(pieces)


def _corner_numbers(corners: NDArray[np.float64], box: Box) -> str:
    x, y, width, height = box
    size = 0.036 * max(width, height)
    low = np.array([x, y]) + size
    high = np.array([x + width, y + height]) - size
    inner = np.nanmean(corners, axis=0) if np.isfinite(corners).any() else low
    marks = []
    for number, corner in enumerate(corners, 1):
        if not np.isfinite(corner).all():
            continue
        # Inside the outline, so that the number stays within the drawing.
        spot = np.clip(corner + np.sign(inner - corner) * size, low, high)
        marks.append(
            f'<text x="{spot[0]:.2f}" y="{spot[1]:.2f}" font-size="{size:.2f}" '
            f'dy="0.35em">{number}</text>'
        )
    return "".join(marks)
