"""Arrays to pictures inside the page: PNG files written as data addresses."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign.report.figures.colors import diverging

MAX_SIDE = 1600
_ZERO = 128  # palette entry of a zero difference; entry 0 is transparent


def shrink_factor(shape: tuple[int, ...], max_side: int = MAX_SIDE) -> int:
    """Return the whole number by which an image must shrink to fit `max_side`.

    Examples
    --------
    >>> shrink_factor((480, 640)), shrink_factor((3000, 4000, 3))
    (1, 3)
    """
    return max(1, -(-max(shape[:2]) // max_side))


def shrink(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """Average square blocks of pixels, the area-true way to show a large image small.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, C)
        Pixels that are not finite count for nothing.
    factor : int
        Side of the blocks; those at the right and bottom may be cut short.

    Returns
    -------
    ndarray, shape (ceil(H / factor), ceil(W / factor)) or with C channels
        float64, NaN where a block holds no finite pixel; the image itself if
        `factor` is 1.

    Examples
    --------
    >>> shrink(np.array([[1, 3, 10], [1, 3, 20]]), 2)
    array([[ 2., 15.]])
    """
    if factor == 1:
        return image
    finite = np.isfinite(image)
    values = image if finite.all() else np.where(finite, image, 0)
    count = _block_sum(finite, factor)
    with np.errstate(invalid="ignore"):
        return _block_sum(values, factor) / np.where(count > 0, count, np.nan)


def tone_window(image: NDArray[Any]) -> tuple[float, float]:
    """Return the values to show as black and as white.

    Bytes are shown as they are; of anything else the darkest and the brightest half
    per cent are allowed to saturate.

    Examples
    --------
    >>> tone_window(np.array([[3, 4]], dtype=np.uint8))
    (0.0, 255.0)
    >>> tone_window(np.linspace(0, 1000, 1001).reshape(7, 143))
    (5.0, 995.0)
    """
    if image.dtype == np.uint8:
        return 0.0, 255.0
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def photo_uri(image: NDArray[Any], window: tuple[float, float]) -> str:
    """Return an image as the data address of a PNG; NaN pixels are transparent.

    Parameters
    ----------
    image : ndarray, shape (H, W) or (H, W, C)
        Gray or, of three channels and more, the first three as red, green, blue; of
        two channels the mean.
    window : tuple of two float
        Values shown as black and as white.

    Returns
    -------
    str

    Examples
    --------
    >>> photo_uri(np.zeros((2, 2)), (0.0, 1.0))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    low, high = window
    values = _as_shown(image)
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    invalid = ~np.isfinite(scaled)
    bytes_ = np.rint(np.clip(np.where(invalid, 0, scaled), 0, 255)).astype(np.uint8)
    if invalid.any():
        hidden = invalid if invalid.ndim == 2 else invalid.any(axis=2)
        opacity = np.where(hidden, 0, 255).astype(np.uint8)
        bytes_ = np.dstack((bytes_, opacity))
    return _png(bytes_)


def difference_uri(difference: NDArray[Any], limit: float) -> str:
    """Return differences in colour as the data address of a PNG.

    Parameters
    ----------
    difference : ndarray, shape (H, W)
        NaN pixels are transparent.
    limit : float
        Differences of this size and beyond get the colours at the ends of the map.

    Returns
    -------
    str
    """
    share = np.clip(difference / limit, -1, 1)
    index = np.where(np.isfinite(difference), np.rint(share * 127) + _ZERO, 0)
    palette = np.vstack((np.zeros((1, 3), np.uint8), diverging(255)))
    return _png(index.astype(np.uint8), palette)


def _as_shown(image: NDArray[Any]) -> NDArray[Any]:
    if image.ndim == 2:
        return image
    return image[..., :3] if image.shape[2] >= 3 else image.mean(axis=2)


def _block_sum(values: NDArray[Any], factor: int) -> NDArray[np.float64]:
    rows, columns = (-(-side // factor) for side in values.shape[:2])
    total = np.zeros((rows, columns, *values.shape[2:]))
    for row in range(factor):
        for column in range(factor):
            part = values[row::factor, column::factor]
            total[: part.shape[0], : part.shape[1]] += part
    return total


def _png(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None = None) -> str:
    from PIL import Image

    picture = Image.fromarray(pixels)
    buffer = io.BytesIO()
    if palette is None:
        picture.save(buffer, "PNG")
    else:
        picture.putpalette(palette.tobytes())
        picture.save(buffer, "PNG", transparency=0)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
