"""Errors on views of photographs, in units of the Cramer-Rao bound.

Views of 200 x 200 pixels with noise of 2 grey levels, rounded to uint8.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import photalign as pa
from photalign.synthetic import corner_error, pair, random_warp, view
from photalign.warps import Affine, Homography, Translation
from scenes import photograph, views, waves

SHAPE = (200, 200)
# Names of photographs of scikit-image, with a place in them and pixels per pixel.
PLACES = {"retina": ((700, 700), 4.0), "hubble_deep_field": ((500, 430), 3.0)}
KINDS = pytest.mark.parametrize("kind", ["affine", "homography"])


@cache
def problems(kind, count=12, **options):
    """Return pairs of views whose corners are off by 2 to 10 px."""
    made = []
    for seed in range(count):
        name = list(PLACES)[seed % len(PLACES)]
        center, scale = PLACES[name]
        truth = random_warp(kind, SHAPE, 2 + 8 * seed / count, seed)
        made.append(
            pair(
                photograph(name),
                truth,
                SHAPE,
                center=center,
                scale=scale,
                noise=2,
                seed=seed,
                **options,
            )
        )
    return made


def ratio_to_bound(pairs, found, **bound):
    """Pool squared errors over the squared bounds; all must have converged."""
    errors = np.array([p.error(f.warp) for p, f in zip(pairs, found, strict=True)])
    bounds = np.array([p.bound(**bound).corner_rms for p in pairs])
    assert all(f.ok for f in found), [f.status.name for f in found]
    assert (errors < 0.5).all(), errors
    return np.sqrt(np.mean((errors / bounds) ** 2))


@KINDS
def test_error_is_near_the_cramer_rao_bound(kind):
    pairs = problems(kind)
    found = [pa.align(p.reference, p.moving, kind) for p in pairs]
    assert ratio_to_bound(pairs, found) <= 1.6


@KINDS
@pytest.mark.parametrize("model", ["gain_bias", "normalized"])
def test_gain_and_bias_do_not_hurt(kind, model):
    pairs = problems(kind, gain=1.2, bias=15.0)
    found = [pa.align(p.reference, p.moving, kind, brightness=model) for p in pairs]
    assert ratio_to_bound(pairs, found, brightness=model) <= 1.6
    if model == "gain_bias":
        np.testing.assert_allclose([f.brightness.gain[0] for f in found], 1.2, rtol=0.03)


@KINDS
@pytest.mark.parametrize("loss", ["tukey", "robust"])
def test_occlusion_of_a_fifth_does_not_hurt(kind, loss):
    cat = view(photograph("cat"), Affine([[1.5, 0, 150], [0, 1.5, 60]]), (89, 90))
    pairs = OccludedPairs.of(kind, cat)
    found = [pa.align(p.reference, p.moving, kind, loss=loss) for p in pairs]
    assert ratio_to_bound(pairs, found) <= 1.6


class OccludedPairs:
    """Pairs with a cat in the way, made once."""

    made: dict = {}  # noqa: RUF012

    @classmethod
    def of(cls, kind, occluder):
        if kind not in cls.made:
            cls.made[kind] = [
                pair(
                    photograph("retina"),
                    random_warp(kind, SHAPE, 2 + seed / 2, seed),
                    SHAPE,
                    center=(700, 700),
                    noise=2,
                    occluder=occluder,
                    seed=seed,
                )
                for seed in range(12)
            ]
        return cls.made[kind]
