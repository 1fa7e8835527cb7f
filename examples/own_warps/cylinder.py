"""Cylinder: where a flat photograph lies in a panorama.

The column of a panorama is an angle, its row a height on a cylinder about the camera.
A pixel is seen along the ray ``d = R (sin a, h, cos a)`` of a camera that is turned by
R, and projected to ``u = c + f (d_x, d_y) / d_z``.

R. Szeliski, "Image alignment and stitching: a tutorial", Foundations and Trends in
Computer Graphics and Vision 2(1), 2006, section 2.3.
"""

import numpy as np
from skimage import data
from two_views import conclude, two_views

import photalign as pa

SHAPE = (180, 300)
CENTER = np.array([SHAPE[1] - 1, SHAPE[0] - 1]) / 2
PIXELS_PER_RADIAN = 300.0  # of the panorama


def cylinder(p, xy):
    """Map points of a cylindrical panorama to those of a flat photograph.

    Parameters
    ----------
    p : array_like, shape (4,)
        Focal length of the photograph, px; pan, tilt and roll of its camera, rad.
    xy : ndarray, shape (N, 2)
        Points of the panorama, px.

    Returns
    -------
    ndarray, shape (N, 2)
        Points of the photograph, px; NaN for what lies behind its camera.
    """
    focal_length, pan, tilt, roll = p
    angle, height = ((xy - CENTER) / PIXELS_PER_RADIAN).T
    right, down, ahead = np.sin(angle - pan), height, np.cos(angle - pan)
    down, ahead = (
        np.cos(tilt) * down - np.sin(tilt) * ahead,
        np.sin(tilt) * down + np.cos(tilt) * ahead,
    )
    scale = focal_length / np.where(ahead > 0, ahead, np.nan)
    x, y = scale * right, scale * down
    turned = [
        np.cos(roll) * x - np.sin(roll) * y,
        np.sin(roll) * x + np.cos(roll) * y,
    ]
    return CENTER + np.stack(turned, axis=-1)


START = pa.warp(
    cylinder,
    [PIXELS_PER_RADIAN, 0.0, 0.0, 0.0],
    param_names=["f", "pan", "tilt", "roll"],
)
TRUTH = START.with_params([290.0, 0.03, -0.02, 0.025])


def views(**options):
    """Photograph a motorcycle with a panoramic camera and a flat one."""
    left, _, _ = data.stereo_motorcycle()
    return two_views(left, TRUTH, SHAPE, **options)


def main():
    """Find focal length and direction of the flat photograph."""
    reference, moving = views()
    conclude(pa.align(reference, moving, START), TRUTH)


if __name__ == "__main__":
    main()
