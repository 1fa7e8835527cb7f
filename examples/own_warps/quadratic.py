"""Quadratic: the 12 parameters of a curved surface under a weak perspective.

With ``(s, t)`` the point from the center, in units of half the image's width,

    u = c + sum of p_k m_k(s, t),  m = 1, s, t, s^2, s t, t^2,

for each coordinate, in px. A. Can, C. V. Stewart, B. Roysam and H. L. Tanenbaum, "A
feature-based, robust, hierarchical algorithm for registering pairs of images of the
curved human retina", IEEE Transactions on Pattern Analysis and Machine Intelligence
24(3), 2002. In digital image correlation it is the second-order shape function.
"""

import numpy as np
from skimage import data
from two_views import conclude, two_views

import photalign as pa

SHAPE = (240, 240)
CENTER = np.array([SHAPE[1] - 1, SHAPE[0] - 1]) / 2
HALF_WIDTH = CENTER[0]
MONOMIALS = ["1", "s", "t", "ss", "st", "tt"]


def quadratic(p, xy):
    """Map points by a polynomial of the second degree.

    Parameters
    ----------
    p : array_like, shape (12,)
        Coefficients of x, then of y, px.
    xy : ndarray, shape (N, 2)
        Points, px.

    Returns
    -------
    ndarray, shape (N, 2)
        Points, px.
    """
    s, t = ((xy - CENTER) / HALF_WIDTH).T
    monomials = np.stack([np.ones_like(s), s, t, s * s, s * t, t * t])
    return CENTER + (np.reshape(p, (2, 6)) @ monomials).T


IDENTITY = HALF_WIDTH * np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
START = pa.warp(
    quadratic, IDENTITY, param_names=[f"{axis}_{m}" for axis in "xy" for m in MONOMIALS]
)
CURVED = np.array([2.0, 1.5, -1.0, 5.0, -3.0, 2.0, -1.5, 0.8, -2.0, -2.5, 4.0, 5.5])
TRUTH = START.with_params(IDENTITY + CURVED)


def views(**options):
    """Photograph a retina from two sides."""
    return two_views(data.retina(), TRUTH, SHAPE, scale=3.0, **options)


def main():
    """Find the map from one photograph of the retina to the other."""
    reference, moving = views()
    conclude(pa.align(reference, moving, START), TRUTH)


if __name__ == "__main__":
    main()
