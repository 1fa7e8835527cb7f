"""A learned basis: displacements that are a mean and a few principal components.

    u = x + m(x) + sum of p_k b_k(x),

where m and b_k come from sample fields by a singular value decomposition: M. J. Black,
Y. Yacoob, A. D. Jepson and D. J. Fleet, "Learning parameterized models of image
motion", CVPR 1997. The fields are images that a sampler reads between their pixels:
the points of a coarse level of the pyramid lie there.
"""

import numpy as np
from skimage import data
from two_views import conclude, two_views

import photalign as pa

SHAPE = (200, 220)


def sample_fields(count=60, seed=1):
    """Return displacements, px, of a sheet that is pressed at places along a line.

    Returns
    -------
    ndarray, shape (count, H, W, 2)
    """
    y, x = np.indices(SHAPE, dtype=np.float64)
    fields = []
    for place, depth in np.random.default_rng(seed).uniform(0, 1, (count, 2)):
        offset = np.stack([x - 220 * place, y - 60 - 80 * place], axis=-1)
        swell = np.exp(-(offset**2).sum(-1, keepdims=True) / (2 * 45**2))
        fields.append((0.05 + 0.1 * depth) * offset * swell)
    return np.array(fields)


def principal_components(fields, count):
    """Return the mean field and as many components, of 1 px root mean square each.

    Returns
    -------
    mean : ndarray, shape (H, W, 2)
    components : ndarray, shape (count, H, W, 2)
    """
    mean = fields.mean(axis=0)
    flat = (fields - mean).reshape(len(fields), -1)
    # Right singular vectors, from the small matrix of products; the last is the first.
    _, left = np.linalg.eigh(flat @ flat.T)
    rows = left[:, : -count - 1 : -1].T @ flat
    rows *= np.sqrt(rows.shape[1] / 2) / np.linalg.norm(rows, axis=1, keepdims=True)
    return mean, rows.reshape(count, *mean.shape)


class DisplacementBasis:
    """The function of a mean field and components, a sampler of all of them in it."""

    def __init__(self, mean, components):
        channels = np.concatenate([mean, *components], axis=-1)
        # Centers of coarse pixels may lie half a pixel outside.
        self.sampler = pa.Sampler(channels, boundary="nearest", domain="unbounded")

    def __call__(self, p, xy):
        """Map points; p holds a weight for each component, px root mean square."""
        fields = self.sampler(xy).reshape(len(xy), -1, 2)
        moved = (weight * fields[:, k + 1] for k, weight in enumerate(p))
        return sum(moved, start=xy + fields[:, 0])


START = pa.warp(
    DisplacementBasis(*principal_components(sample_fields(), 4)),
    np.zeros(4),
    name="displacement_basis",
)
TRUTH = START.with_params([1.2, -0.8, 0.5, 0.3])


def views(**options):
    """Photograph gravel that is pressed, and gravel at rest."""
    return two_views(data.gravel(), TRUTH, SHAPE, **options)


def main():
    """Find the weights of the components."""
    reference, moving = views()
    conclude(pa.align(reference, moving, START), TRUTH)


if __name__ == "__main__":
    main()
