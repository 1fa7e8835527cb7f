"""Radial lens distortion: the polynomial model, and the shift between two images.

With r the distance from the center, in units of half the image's diagonal,

    u = c + (1 + k1 r^2 + k2 r^4) (x - c) + t.

D. C. Brown, "Close-range camera calibration", Photogrammetric Engineering 37(8), 1971.
"""

import numpy as np
from skimage import data
from two_views import conclude, two_views

import photalign as pa

SHAPE = (200, 220)
CENTER = np.array([SHAPE[1] - 1, SHAPE[0] - 1]) / 2
HALF_DIAGONAL = np.hypot(*CENTER)


def radial_distortion(p, xy):
    """Map points of an undistorted image to those of a distorted one.

    Parameters
    ----------
    p : array_like, shape (4,)
        k1, k2, and the shift tx, ty, px.
    xy : ndarray, shape (N, 2)
        Points, px.

    Returns
    -------
    ndarray, shape (N, 2)
        Points, px.
    """
    k1, k2, tx, ty = p
    offset = xy - CENTER
    x, y = offset[:, 0], offset[:, 1]
    r2 = (x * x + y * y) / HALF_DIAGONAL**2
    growth = 1 + r2 * (k1 + k2 * r2)
    return CENTER + np.stack([growth * x + tx, growth * y + ty], axis=-1)


START = pa.warp(
    radial_distortion, [0.0, 0.0, 0.0, 0.0], param_names=["k1", "k2", "tx", "ty"]
)
TRUTH = START.with_params([-0.08, 0.02, 1.5, -0.8])


def views(**options):
    """Photograph a brick wall without and with distortion."""
    return two_views(data.brick(), TRUTH, SHAPE, **options)


def main():
    """Find the distortion."""
    reference, moving = views()
    conclude(pa.align(reference, moving, START), TRUTH)


if __name__ == "__main__":
    main()
