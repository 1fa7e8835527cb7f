"""Find an own warp by Gauss-Newton and print the memory it took: for `residuals`."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

import photalign
from benchmarks.one_alignment import kilobytes
from benchmarks.residuals import dense

Floats = NDArray[np.float64]

SHAPE = (480, 640)
TRUTH = np.array([1.003, 0.005, 2.0, -0.004, 0.997, -1.5, 2e-6, -4e-6])
STEPS = 8


def project(params: Any, points: Floats) -> Any:
    """Map points by a homography, as a user would write it."""
    x, y = points[:, 0], points[:, 1]
    depth = params[6] * x + params[7] * y + 1
    u = (params[0] * x + params[1] * y + params[2]) / depth
    v = (params[3] * x + params[4] * y + params[5]) / depth
    return np.stack([u, v], axis=-1)


def project_jacobian(params: Floats, points: Floats) -> Floats:
    """Differentiate that by the parameters."""
    x, y = points[:, 0], points[:, 1]
    depth = params[6] * x + params[7] * y + 1
    mapped = project(params, points)
    rows = np.zeros((len(points), 2, 8))
    for axis in range(2):
        rows[:, axis, 3 * axis] = x / depth
        rows[:, axis, 3 * axis + 1] = y / depth
        rows[:, axis, 3 * axis + 2] = 1 / depth
        rows[:, axis, 6] = -x * mapped[:, axis] / depth
        rows[:, axis, 7] = -y * mapped[:, axis] / depth
    return rows


def main(method: str) -> None:
    """Print the peak of memory beyond the images and the points, in MB."""
    height, width = SHAPE
    photograph = cv2.GaussianBlur(data.retina()[400:880, 300:940, 1], (0, 0), 3)
    y, x = np.mgrid[0:height, 0:width]
    points = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    sampler = photalign.Sampler(photograph, "bspline3_direct")
    reference = sampler(project(TRUTH, points))
    before = _settled()
    params = np.array([1.0, 0, 0, 0, 1, 0, 0, 0])
    for _ in range(STEPS):
        params = params + _step(method, sampler, params, points, reference)
    taken = (kilobytes("VmHWM") - before) * 1024
    moved = project(params, points) - project(TRUTH, points)
    if not np.abs(moved).max() < 0.01:
        raise RuntimeError(f"{method}: expected the truth, got {params}")
    print(taken / 1e6)


def _settled() -> int:
    """Give back what is free, and let the peak begin here; kilobytes in use."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return kilobytes("VmRSS")


def _step(
    method: str,
    sampler: photalign.Sampler,
    params: Floats,
    points: Floats,
    reference: Floats,
) -> Floats:
    if method == "jets":
        jets = photalign.Jet.seed(params)
        return photalign.linearize(
            sampler, lambda some: project(jets, points[some]), None, reference
        ).step()

    def block(some: slice) -> tuple[Floats, Floats]:
        part = points[some]
        return project(params, part), project_jacobian(params, part)

    if method == "blocks":
        return photalign.linearize(sampler, block, None, reference).step()
    mapped, jacobian = block(slice(None))
    if method == "whole":
        return photalign.linearize(sampler, mapped, jacobian, reference).step()
    single = jacobian.astype(np.float32)
    hessian, gradient = dense(sampler, mapped, single, reference)
    step: Floats = np.linalg.solve(hessian.astype(float), -gradient.astype(float))
    return step


if __name__ == "__main__":
    main(*sys.argv[1:])
