"""Errors on views of photographs, in units of the Cramer-Rao bound.

Views of 200 x 200 pixels with noise of 2 grey levels, rounded to uint8, whose corners
are off by 2 to 10 pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import photalign as pa
from photalign.synthetic import corner_error, pair, random_warp, view
from photalign.warps import Affine, Translation
from scenes import photograph, views, waves

SHAPE = (200, 200)
COUNT = 12
# Photographs of scikit-image: a place in them, and their pixels per pixel of a view.
PLACES = [("retina", (700, 700), 4.0), ("hubble_deep_field", (500, 430), 3.0)]
KINDS = pytest.mark.parametrize("kind", ["affine", "homography"])


@cache
def problems(kind, *, gain=1.0, bias=0.0, occluded=False):
    """Return pairs of views; a cat may cover a fifth of the moving one."""
    cat = view(photograph("cat"), Affine([[2, 0, 120], [0, 2, 30]]), (90, 90))
    made = []
    for seed in range(COUNT):
        name, center, scale = PLACES[0 if occluded else seed % 2]
        views_of_one = pair(
            photograph(name),
            random_warp(kind, SHAPE, 2 + 8 * seed / COUNT, seed),
            SHAPE,
            center=center,
            scale=scale,
            noise=2,
            gain=gain,
            bias=bias,
            occluder=cat if occluded else None,
            seed=seed,
        )
        made.append(views_of_one)
    return made


def ratio_to_bound(pairs, found, **bound):
    """Pool the squared errors over the squared bounds; all must have converged."""
    assert all(f.ok for f in found), [f.status.name for f in found]
    errors = np.array([p.error(f.warp) for p, f in zip(pairs, found, strict=True)])
    assert (errors < 0.5).all(), errors
    bounds = np.array([p.bound(**bound).corner_rms for p in pairs])
    return np.sqrt(np.mean((errors / bounds) ** 2))


@KINDS
def test_error_is_near_the_bound(kind):
    pairs = problems(kind)
    found = [pa.align(p.reference, p.moving, kind) for p in pairs]
    assert ratio_to_bound(pairs, found) <= 1.6


@KINDS
@pytest.mark.parametrize("model", ["gain_bias", "normalized"])
def test_gain_and_bias_do_not_hurt(kind, model):
    pairs = problems(kind, gain=1.2, bias=15.0)
    found = [pa.align(p.reference, p.moving, kind, brightness=model) for p in pairs]
    assert ratio_to_bound(pairs, found, brightness=model) <= 1.6
    gains = [f.brightness.gain[0] for f in found]
    np.testing.assert_allclose(gains, 1.2, rtol=0.03)


@KINDS
@pytest.mark.parametrize("loss", ["tukey", "robust"])
def test_occluder_does_not_hurt(kind, loss):
    pairs = problems(kind, occluded=True)
    found = [pa.align(p.reference, p.moving, kind, loss=loss) for p in pairs]
    assert ratio_to_bound(pairs, found) <= 1.6


@KINDS
@pytest.mark.parametrize("dtype", [bool, float])
def test_band_that_moves_on_its_own_is_masked_out(kind, dtype):
    """80 rows of something else; a peer that ignores the mask is off by 1 px."""
    pairs = problems(kind)
    mask = np.ones(SHAPE, dtype=bool)
    mask[60:140] = False
    found = []
    for p in pairs:
        moving = p.moving.copy()
        moving[60:140] = np.roll(p.moving, 9, axis=1)[50:130]
        found.append(
            pa.align(p.reference, moving, kind, moving_mask=mask.astype(dtype))
        )
    assert ratio_to_bound(pairs, found, moving_mask=mask) <= 1.6


@pytest.mark.parametrize(
    ("kernel", "corners", "scale"),
    [
        ("auto", 1e-3, 1e-6),
        ("bspline3_direct", 1e-3, 1e-6),
        ("bspline5_direct", 1e-3, 1e-6),
        ("linear", 4e-3, 1e-5),
        ("catmull_rom", 4e-3, 1e-5),
        # The spline is mirrored at the border, and the scene is not.
        ("bspline3", 4e-3, 3e-5),
        ("bspline5", 4e-3, 3e-5),
    ],
)
def test_borders_do_not_bias_the_scale(kernel, corners, scale, rng):
    """A peer that does not mask its blurred border is off by 0.02 px and by 6e-5."""
    errors, scales = [], []
    for _ in range(20):
        truth = random_warp("affine", (120, 120), 1.0, rng)
        images = views(waves(rng, shortest=12, longest=60), truth, (120, 120))
        found = pa.align(*images, init=truth, kernel=kernel)
        errors.append(corner_error(found.warp, truth, (120, 120)))
        change = found.warp.matrix[:2, :2] @ np.linalg.inv(truth.matrix[:2, :2])
        scales.append(np.trace(change) / 2 - 1)
    assert np.sqrt(np.mean(np.square(errors))) < corners
    assert abs(np.mean(scales)) < scale


@pytest.mark.parametrize("kernel", ["bspline3_direct", "bspline5_direct"])
def test_noise_does_not_pull_to_half_pixels(kernel, rng):
    """Sampling between the pixels averages the noise, so the cost is lower there."""
    truth = Translation.from_params([0.2, 0.7])
    scene = waves(rng, shortest=16)
    errors, sure, ok = [], [], 0
    for _ in range(30):
        reference, moving = views(scene, truth, (80, 80), noise=20, rng=rng)
        found = pa.align(reference, moving, "translation", kernel=kernel)
        ok += found.ok
        errors.append(found.warp.params - truth.params)
        sure.append(np.diag(found.covariance))
    # There is as much noise as texture, so that some matches cannot be told.
    assert ok >= 20
    bias = np.mean(errors, axis=0)
    deviation = np.sqrt(np.mean(sure, axis=0))
    assert (np.abs(bias) < deviation).all()
    assert (np.std(errors, axis=0) < 1.5 * deviation).all()
