"""Large pairs with a known homography: texture on all scales, whatever the size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

import photalign
from photalign.synthetic import random_warp
from photalign.warps import MatrixWarp

CORNER_SIGMA = 10.0
"""Standard deviation of the corners' motion in x and y, px, at every size."""
NOISE = 2.0
MARGIN = 64
"""Pixels of the scene around the moving image, so that the reference is complete."""
FINEST = 1.5
"""Sigma of the finest texture, px: what a B-spline of degree 5 interpolates exactly."""
SCALES = (1, 4, 16, 64)
CONTRAST = 20.0
"""Standard deviation of the texture of one scale, in grey levels."""


@dataclass(frozen=True, kw_only=True)
class LargePair:
    """Two uint8 images and the warp between them."""

    reference: NDArray[np.uint8]
    moving: NDArray[np.uint8]
    truth: MatrixWarp

    @property
    def pixels(self) -> int:
        """Of one image, channels not counted."""
        return self.reference.shape[0] * self.reference.shape[1]


def large_pair(rows: int, columns: int, channels: int) -> LargePair:
    """Sample one scene on two grids, add noise to both, and round."""
    rng = np.random.default_rng(rows)
    scene = _scene(rows + 2 * MARGIN, columns + 2 * MARGIN, channels, rng)
    truth = random_warp("homography", (rows, columns), CORNER_SIGMA, seed=3)
    margin = photalign.Translation.from_params([MARGIN, MARGIN])
    sampler = photalign.Sampler(scene, "bspline5")
    reference = sampler.warped(margin @ truth, (rows, columns))[0]
    moving = scene[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return LargePair(
        reference=_photographed(reference, rng),
        moving=_photographed(moving, rng),
        truth=truth,
    )


def _scene(
    rows: int, columns: int, channels: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    scene = np.full((rows, columns, channels), 128, np.float32)
    for scale in SCALES:
        shape = (-(-rows // scale), -(-columns // scale), channels)
        texture = cv2.GaussianBlur(
            rng.standard_normal(shape, np.float32), (0, 0), FINEST
        )
        texture *= CONTRAST / texture.std()
        if scale > 1:
            texture = cv2.resize(
                texture, (columns, rows), interpolation=cv2.INTER_CUBIC
            )
        scene += texture.reshape(scene.shape)
    return scene


def _photographed(
    scene: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.uint8]:
    noise = rng.standard_normal(scene.shape, np.float32)
    noise *= NOISE
    noise += scene
    image: NDArray[np.uint8] = np.clip(np.rint(noise, out=noise), 0, 255).astype("u1")
    return image
