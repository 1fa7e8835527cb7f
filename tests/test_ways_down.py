"""Ways down the pyramid: far starts, simpler models, outliers, other scenes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from skimage import data

import photalign as pa
from photalign.synthetic import Pair, pair, random_warp
from photalign.synthetic.views import pixel_grid

SHAPE = (120, 160)
KINDS = pytest.mark.parametrize("kind", ["affine", "homography"])


@cache
def photograph() -> pa.Sampler:
    gray = data.astronaut() @ np.array([0.299, 0.587, 0.114])
    return pa.Sampler(gray, kernel="bspline3")


def views(
    kind: str, sigma: float, seed: int, scale: float = 2.0, **settings: object
) -> Pair:
    truth = random_warp(kind, SHAPE, sigma, seed)
    return pair(
        photograph(),
        truth,
        SHAPE,
        center=(245, 230),
        scale=scale,
        noise=2,
        seed=seed,
        **settings,
    )


@KINDS
def test_far_starts_are_found(kind):
    """Corners off by an eighth of the shorter side, in x and in y."""
    pairs = [views(kind, 15, seed, scale=1.5) for seed in range(12)]
    errors = [p.error(pa.align(p.reference, p.moving, kind).warp) for p in pairs]
    assert np.sum(np.less(errors, 0.3)) >= 11


@KINDS
def test_a_start_through_simpler_models_is_no_better(kind):
    """The models on the way down are tried by `align` itself."""
    for seed in range(12):
        p = views(kind, 15, seed, scale=1.5)
        plain = pa.align(p.reference, p.moving, kind)
        start: pa.Warp | None = None
        for simpler in ("translation", "similarity", "affine"):
            start = pa.align(p.reference, p.moving, simpler, init=start).warp.matrix
        staged = pa.align(p.reference, p.moving, kind, init=start)
        if staged.ok and p.error(staged.warp) < 0.3:
            assert plain.ok
            assert p.error(plain.warp) < 0.3


@KINDS
@pytest.mark.parametrize("loss", ["squared", "robust"])
def test_ways_down_do_not_depend_on_threads(kind, loss):
    p = views(kind, 22, 3, scale=1.5)
    one, two = (
        pa.align(p.reference, p.moving, kind, loss=loss, threads=n) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.warp.matrix, two.warp.matrix)
    assert one.status is two.status


@KINDS
def test_a_robust_loss_converges_under_four_tenths_of_outliers(kind):
    noise = np.random.default_rng(0).uniform(0, 255, (90, 86))
    for seed in range(6):
        p = views(kind, 4, seed, occluder=noise)
        found = pa.align(p.reference, p.moving, kind, loss="robust")
        assert found.ok
        assert p.error(found.warp) < 0.3


@KINDS
@pytest.mark.parametrize("brightness", ["none", "gain_bias"])
def test_a_robust_loss_sees_through_a_shadow_over_half_of_the_image(kind, brightness):
    for seed in range(6):
        p = views(kind, 4, seed)
        light = np.where(pixel_grid(SHAPE)[..., 0] > SHAPE[1] / 2, 0.5, 1.0)
        moving = np.round(p.moving * light).astype(np.uint8)
        found = pa.align(
            p.reference, moving, kind, loss="robust", brightness=brightness
        )
        assert p.error(found.warp) < 0.5


@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6])
def test_the_scale_is_that_of_good_residuals(share):
    """Half grey levels of rounding, and noise in both images."""
    rng = np.random.default_rng(1)
    scene = np.asarray(photograph()(pixel_grid(SHAPE) + np.array([150, 60])))
    reference, moving = (
        np.clip(np.round(scene + rng.normal(0, 3, SHAPE)), 0, 255).astype(np.uint8)
        for _ in range(2)
    )
    rows = round(share * SHAPE[0])
    moving[:rows] = rng.integers(0, 256, (rows, SHAPE[1]))
    found = pa.align(reference, moving, "translation", loss="robust", kernel="linear")
    assert found.scale == pytest.approx(3 * np.sqrt(2), rel=0.15)


def test_pairs_that_do_not_match_are_given_up_early():
    """In pixels compared: the work does not depend on the machine."""
    first = views("homography", 4, 0)
    others = (data.camera()[100:220, 100:260], data.coins()[50:170, 100:260])
    strange = [
        pa.align(first.reference, moving, "homography", threads=1)
        for moving in (*others, data.moon()[:120, :160])
    ]
    matching = pa.align(first.reference, first.moving, "homography", threads=1)
    assert matching.ok
    assert not any(found.ok for found in strange)
    pixels, *rest = (
        sum(count for _, count in found._stages.values())
        for found in (matching, *strange)
    )
    assert np.median(rest) < 8 * pixels


def test_one_level_reaches_as_far_as_esm():
    """Away from the end "auto" takes the method with the widest reach."""
    level = pa.Pyramid(levels=1)
    solved = dict.fromkeys(("auto", "esm", "inverse"), 0)
    for seed in range(24):
        p = views("homography", 6, seed)
        for method in solved:
            found = pa.align(
                p.reference, p.moving, "homography", method=method, pyramid=level
            )
            solved[method] += p.error(found.warp) < 0.5
    assert solved["auto"] >= solved["inverse"]
    assert solved["auto"] >= solved["esm"] - 1
