"""Pure rotation of a calibrated camera: three parameters instead of a homography's 8.

    u ~ K R(w) K^-1 x,  R(w) = I + a [w] + b [w]^2,

with ``a = sin(t) / t`` and ``b = (1 - cos(t)) / t^2`` at ``t = |w|``: O. Rodrigues'
formula of 1840. For the homography of a rotating camera see R. Hartley and A.
Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, 2004, section 8.4.
"""

import numpy as np
from skimage import data
from two_views import conclude, two_views

import photalign as pa

SHAPE = (200, 210)
CENTER = np.array([SHAPE[1] - 1, SHAPE[0] - 1]) / 2
FOCAL_LENGTH = 250.0


def rodrigues(w):
    """Return the rotation about a vector by its length in radians, shape (3, 3)."""
    square = w @ w
    # At 0 the formula is 0 / 0. The series is exact to float64 below a thousandth.
    small = square < 1e-6
    angle = np.sqrt(np.where(small, 1.0, square))
    a = np.where(small, 1 - square / 6, np.sin(angle) / angle)
    b = np.where(small, 0.5 - square / 24, (1 - np.cos(angle)) / angle**2)
    cross = np.cross(np.eye(3), w)
    return np.eye(3) + a * cross + b * (cross @ cross)


def camera_rotation(p, xy):
    """Map points between two images of a camera that turned.

    Parameters
    ----------
    p : array_like, shape (3,)
        Rotation vector, rad.
    xy : ndarray, shape (N, 2)
        Points, px.

    Returns
    -------
    ndarray, shape (N, 2)
        Points, px; NaN for what lies behind the turned camera.
    """
    rays = np.column_stack([(xy - CENTER) / FOCAL_LENGTH, np.ones(len(xy))])
    x, y, z = rodrigues(p) @ rays.T
    scale = FOCAL_LENGTH / np.where(z > 0, z, np.nan)
    return CENTER + np.stack([scale * x, scale * y], axis=-1)


START = pa.warp(camera_rotation, np.zeros(3), param_names=["wx", "wy", "wz"])
TRUTH = START.with_params([0.02, -0.03, 0.05])


def views(**options):
    """Photograph an astronaut, turn the camera, and photograph it again."""
    return two_views(data.astronaut(), TRUTH, SHAPE, **options)


def main():
    """Find the rotation."""
    reference, moving = views()
    conclude(pa.align(reference, moving, START), TRUTH)


if __name__ == "__main__":
    main()
