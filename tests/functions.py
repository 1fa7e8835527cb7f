"""Warps as functions, the way users write them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import LowLevelCallable

Floats = NDArray[np.float64]


def translation(p: Any, xy: Floats) -> Any:
    return xy + p


def euclidean(p: Any, xy: Floats) -> Any:
    x, y = xy[..., 0], xy[..., 1]
    c, s = np.cos(p[0]), np.sin(p[0])
    return np.stack([c * x - s * y + p[1], s * x + c * y + p[2]], axis=-1)


def similarity(p: Any, xy: Floats) -> Any:
    return p[0] * euclidean(np.stack([p[1], 0.0, 0.0]), xy) + p[2:]


def affine(p: Any, xy: Floats) -> Any:
    return xy @ np.transpose(np.reshape(p, (2, 3))[:, :2]) + np.reshape(p, (2, 3))[:, 2]


def homography(p: Any, xy: Floats) -> Any:
    x, y = xy[..., 0], xy[..., 1]
    w = p[6] * x + p[7] * y + 1
    u = (p[0] * x + p[1] * y + p[2]) / w
    v = (p[3] * x + p[4] * y + p[5]) / w
    return np.stack([u, v], axis=-1)


BUILT_IN = {
    f.__name__: f for f in (translation, euclidean, similarity, affine, homography)
}
"""The built-in warps as functions of the same parameters."""


def waving(p: Any, xy: Floats) -> Any:
    """Shift pixels to and fro, so far that neighbors of a row change places."""
    x, y = xy[..., 0], xy[..., 1]
    u = x + p[0] * np.sin(2 * np.pi * x / 7.0) + 3 * np.sin(2 * np.pi * y / 31.0)
    return np.stack([u, y + p[1] * np.cos(2 * np.pi * x / 11.0)], axis=-1)


_HOMOGRAPHY = """
#include <stdint.h>

void homography(double *p, intptr_t n, double *xy, double *mapped, double *jacobian) {
  for (intptr_t i = 0; i < n; ++i, xy += 2, mapped += 2, jacobian += 16) {
    const double w = 1 / (p[6] * xy[0] + p[7] * xy[1] + 1);
    const double u = (p[0] * xy[0] + p[1] * xy[1] + p[2]) * w;
    const double v = (p[3] * xy[0] + p[4] * xy[1] + p[5]) * w;
    const double x = xy[0] * w, y = xy[1] * w;
    const double rows[16] = {x, y, w, 0, 0, 0, -u * x, -u * y,
                             0, 0, 0, x, y, w, -v * x, -v * y};
    for (int k = 0; k < 16; ++k) jacobian[k] = rows[k];
    mapped[0] = u;
    mapped[1] = v;
  }
}

void shifted(double *p, intptr_t n, double *xy, double *mapped, double *jacobian,
             void *data) {
  const double scale = *(double *)data;
  for (intptr_t i = 0; i < 2 * n; ++i) mapped[i] = xy[i] + scale * p[i % 2];
  for (intptr_t i = 0; i < 4 * n; ++i) jacobian[i] = i % 4 % 3 ? 0 : scale;
}
"""


def has_compiler() -> bool:
    return shutil.which("cc") is not None


def compiled(folder: Path, name: str, data: float | None = None) -> LowLevelCallable:
    """Compile the functions above, and return one of them as SciPy hands them on."""
    source, library = folder / "warps.c", folder / "warps.so"
    source.write_text(_HOMOGRAPHY)
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    function = getattr(ctypes.CDLL(str(library)), name)
    numbers = ctypes.POINTER(ctypes.c_double)
    function.restype = None
    function.argtypes = [numbers, ctypes.c_ssize_t, numbers, numbers, numbers]
    if data is None:
        return LowLevelCallable(function)
    function.argtypes = [*function.argtypes, ctypes.c_void_p]
    held = ctypes.c_double(data)
    made = LowLevelCallable(function, ctypes.cast(ctypes.byref(held), ctypes.c_void_p))
    function.held = held  # as long as the function lives
    return made
