"""Small images and folders for the tests of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def texture(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Return all kinds of values, the smallest and the largest among them."""
    rng = np.random.default_rng(len(shape))
    if np.dtype(dtype).kind == "f":
        image = rng.normal(size=shape).astype(dtype)
        image[0, 0], image[0, 1] = np.nan, np.inf
        return image
    info = np.iinfo(dtype)
    image = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
    image[0, 0], image[0, 1] = info.min, info.max
    return image


def folder_contents(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}
