"""Where to start: the name of a way to find out, or a warp from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photalign.cli.exits import Misuse

# In the order of the documentation.
NAMES = ("auto", "identity", "phase", "fourier_mellin", "grid")


def start_file(start: str) -> Path | None:
    """Return the file that a start is to be read from; None for one of `NAMES`."""
    return None if start in NAMES else Path(start)


def read_start(start: str) -> str | NDArray[Any]:
    """Read a matrix that maps reference points to moving points.

    Parameters
    ----------
    start : str
        One of `NAMES`, which stand for themselves, or the name of a file: ``.json``, a
        result of ``--json``; ``.npy``, an array; any other: text, one row of the matrix
        a line, numbers separated by spaces or commas.

    Returns
    -------
    str or ndarray
        The name, or whatever array the file holds; `align` checks whether it is a
        starting warp.

    Raises
    ------
    Misuse
        If the file cannot be read, or holds no array of numbers.
    """
    path = start_file(start)
    if path is None:
        return start
    readers = {".json": _read_json, ".npy": _read_npy}
    read = readers.get(path.suffix.lower(), _read_text)
    try:
        return read(path)
    except OSError as error:
        raise Misuse(
            f"{path}: expected {', '.join(NAMES)} or a file that can be read, got none "
            f"({error.strerror})"
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
