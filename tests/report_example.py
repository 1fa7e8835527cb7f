"""An alignment result to draw, put together without aligning anything.

The images are a real photograph and a second view of it through a known homography,
with gain, bias, noise and an occluder; the estimate is the truth, moved a little.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import data
from skimage.transform import warp as sk_warp

from photalign.brightness import GainBias
from photalign.results import Alignment, Status, Step
from photalign.warps import Homography

GAIN, BIAS = 1.2, 15.0
TRUTH = Homography(
    [[1.03, -0.045, 14.0], [0.035, 1.01, -9.0], [5e-5, -3e-5, 1.0]],
)
ERROR = np.array([2e-5, -1e-5, 4e-3, -1e-5, 2e-5, 3e-3, 2e-8, -3e-8])


def photographs(seed: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the reference and the moving view, with a box in its way."""
    rng = np.random.default_rng(seed)
    scene = data.camera().astype(np.float64)
    moving = sk_warp(scene, TRUTH.inverse().matrix, order=3, mode="reflect")
    moving = (moving - BIAS) / GAIN
    moving[250:330, 330:430] = 60 + 40 * rng.random((80, 100))
    noisy = (image + rng.normal(0, 2, image.shape) for image in (scene, moving))
    reference, moving = (np.clip(np.rint(i), 0, 255).astype(np.uint8) for i in noisy)
    return reference, moving


def steps() -> tuple[Step, ...]:
    """Return the steps of a coarse-to-fine descent, one of them not accepted."""
    trace = []
    for level, count in ((3, 7), (2, 4), (1, 3), (0, 3)):
        for i in range(1, count + 1):
            step = Step(
                level=level,
                iteration=i,
                cost=8.0 + 2.0 * (3 - level) + 900 * 0.3 ** (i + 2.5 * (3 - level)),
                motion=12 * 0.25 ** (i + 3 - level),
                damping=1e-3,
                overlap=0.9,
                accepted=(level, i) != (3, 3),
                scale=2.9,
            )
            trace.append(step)
    return tuple(trace)


def a_result(**changes: Any) -> Alignment:
    """Return a result; `changes` replaces any of its fields."""
    if "reference" not in changes:
        changes["reference"], changes["moving"] = photographs()
    if "warp" in changes and "covariance" not in changes:
        changes["covariance"] = 1e-4 * np.eye(changes["warp"].n_params)
    fields: dict[str, Any] = {
        "warp": Homography.from_params(TRUTH.params + ERROR),
        "status": Status.CONVERGED,
        "covariance": np.diag((1.2 * ERROR) ** 2),
        "corner_std": np.array(
            [[0.011, 0.009], [0.014, 0.012], [0.016, 0.015], [0.013, 0.012]]
        ),
        "cost": 1.15e6,
        "rms": 3.12,
        "correlation": 0.99871,
        "overlap": 0.9123,
        "iterations": 17,
        "brightness": GainBias(
            gain=np.array([GAIN + 8e-4]), bias=np.array([BIAS - 0.07])
        ),
        "trace": steps(),
        "initial": Homography.identity(),
        "method": "esm",
        "kernel": "bspline3",
        "loss": "tukey",
        "scale": 2.94,
        "levels": 4,
        "seconds": 0.0173,
        "reference_mask": None,
        "moving_mask": None,
    }
    return Alignment(**(fields | changes))
