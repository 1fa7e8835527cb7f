"""The starting warp, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign.cli.exits import Misuse


def read_start(path: Path) -> NDArray[Any]:
    """Read a matrix that maps reference points to moving points.

    Parameters
    ----------
    path : pathlib.Path
        ``.json``: a result of ``--json``; ``.npy``: an array; any other name: text, one
        row of the matrix a line, numbers separated by spaces or commas.

    Returns
    -------
    ndarray
        Whatever array the file holds; `align` checks whether it is a starting warp.

    Raises
    ------
    Misuse
        If the file cannot be read, or holds no array of numbers.
    """
    readers = {".json": _read_json, ".npy": _read_npy}
    read = readers.get(path.suffix.lower(), _read_text)
    try:
        return read(path)
    except OSError as error:
        raise Misuse(
            f"{path}: expected a file that can be read, got none ({error.strerror})"
        ) from error
    except (ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise Misuse(
            f"{path}: expected a 3x3 matrix (JSON result, text or .npy), got {reason}"
        ) from error


def _read_json(path: Path) -> NDArray[Any]:
    result = json.loads(path.read_text("utf-8"))
    try:
        matrix = result["warp"]["matrix"]
    except (KeyError, TypeError) as error:
        raise ValueError("JSON without warp and matrix") from error
    return np.array(matrix)


def _read_npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    return array


def _read_text(path: Path) -> NDArray[Any]:
    lines = path.read_text("utf-8").replace(",", " ").splitlines()
    return np.array([[float(word) for word in line.split()] for line in lines if line])
