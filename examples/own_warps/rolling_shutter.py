"""Rolling shutter: a camera that moves while its rows are exposed one after the other.

The middle row is exposed at time 0, the whole image within one unit of time. In that
time the camera shifts by v and turns by w:

    u = c + R(angle + w T) (x - c) + t + v T,  T = (y - c_y) / H.

M. Meingast, C. Geyer and S. Sastry, "Geometric models of rolling-shutter cameras",
Omnivis 2005, for image motion that is uniform. The reference is the one with the
rolling shutter, so that the row of its pixel tells the time.
"""

import numpy as np
from skimage import data
from two_views import conclude, two_views

import photalign as pa

SHAPE = (180, 260)
CENTER = np.array([SHAPE[1] - 1, SHAPE[0] - 1]) / 2


def rolling_shutter(p, xy):
    """Map points of an image that a rolling shutter took to those of a still one.

    Parameters
    ----------
    p : array_like, shape (6,)
        Shift tx, ty, px, and turn, rad, of the middle row; velocities vx, vy, px per
        image, and w, rad per image.
    xy : ndarray, shape (N, 2)
        Points, px.

    Returns
    -------
    ndarray, shape (N, 2)
        Points, px.
    """
    tx, ty, angle, vx, vy, w = p
    x, y = (xy - CENTER).T
    time = y / SHAPE[0]
    cosine, sine = np.cos(angle + w * time), np.sin(angle + w * time)
    moved = [
        cosine * x - sine * y + tx + vx * time,
        sine * x + cosine * y + ty + vy * time,
    ]
    return CENTER + np.stack(moved, axis=-1)


START = pa.warp(
    rolling_shutter,
    np.zeros(6),
    param_names=["tx", "ty", "angle", "vx", "vy", "w"],
)
TRUTH = START.with_params([1.0, -0.5, 0.01, 9.0, -4.0, 0.03])


def views(**options):
    """Photograph a cup of coffee while moving, and once more at rest."""
    return two_views(data.coffee(), TRUTH, SHAPE, **options)


def main():
    """Find how the camera moved during the exposure."""
    reference, moving = views()
    conclude(pa.align(reference, moving, START), TRUTH)


if __name__ == "__main__":
    main()
