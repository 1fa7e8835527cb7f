"""Local normalization: what the core makes of pixels, and alignment under bad light."""

from __future__ import annotations

import numpy as np
import pytest

import feature_oracles as oracle
import photalign as pa
from photalign import _core
from photalign._wide_windows import wide_windows
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS, Affine, Similarity, Translation
from scenes import grid, views, waves

SHAPE = (120, 400)


def normalized(image, window, weight=None, floor=2.0, threads=1):
    image = image if image.ndim == 3 else image[..., np.newaxis]
    return _core.normalize_locally(image, weight, window, floor, threads)


def inside(image, window):
    """Pixels whose window the border does not cut."""
    edge = int(np.ceil(2 * window)) + 1
    return image[edge:-edge, edge:-edge]


@pytest.fixture
def image(rng):
    return (waves(rng)(grid(SHAPE)) + rng.normal(0, 3, SHAPE)).astype(np.float32)


@pytest.mark.parametrize("window", [1.0, 2.5, 4.0, 6.3, 15.0])
def test_core_agrees_with_the_formula(window, image):
    """Up to the grid that means and variances are computed on."""
    noise = _core.noise_level(image[..., np.newaxis], None, 0)
    expected = oracle.normalize(image, window, 2 * noise)
    found = normalized(image, window)[..., 0]
    difference = inside(found - expected, window)
    assert np.isfinite(difference).all()
    assert difference.std() < 0.015
    assert np.abs(difference).max() < 0.12


def test_window_of_one_is_exact(image):
    """Blocks are pixels there."""
    noise = _core.noise_level(image[..., np.newaxis], None, 0)
    expected = oracle.normalize(image, 1.0, 2 * noise)
    found = normalized(image, 1.0)[..., 0]
    np.testing.assert_allclose(inside(found, 1), inside(expected, 1), atol=0.01)


@pytest.mark.parametrize(("gain", "bias"), [(3.0, -40.0), (-0.5, 500.0), (1e-6, 0.0)])
def test_gain_and_bias_change_nothing_but_the_sign(gain, bias, image):
    found = normalized(gain * image.astype(float) + bias, 4.0)
    np.testing.assert_allclose(
        found, np.sign(gain) * normalized(image.astype(float), 4.0), atol=2e-3
    )


def test_slow_light_changes_little(image):
    y, x = np.indices(SHAPE)
    light = np.exp(-(((x - 200) / 150) ** 2)) + 0.3 + y / 200
    found, plain = normalized(image * light, 4.0), normalized(image, 4.0)
    assert np.nanstd(found - plain) < 0.15 * np.nanstd(plain)


def test_flat_areas_stay_flat(rng):
    flat = rng.normal(100, 2, SHAPE).round().astype(np.uint8)
    assert np.nanstd(normalized(flat, 4.0)) < 0.5
    assert np.nanmax(np.abs(normalized(np.full(SHAPE, 7.0), 4.0))) < 1e-3


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
def test_pixels_are_read_as_they_are_stored(dtype, image):
    stored = np.zeros((SHAPE[0], 2 * SHAPE[1], 3), dtype)[:, ::2]
    stored[..., :] = np.rint(image)[..., np.newaxis]
    expected = normalized(stored.astype("f4"), 4.0)
    np.testing.assert_allclose(normalized(stored, 4.0), expected, atol=1e-4)
    assert expected.shape == stored.shape


def test_threads_change_no_bit(image):
    one = normalized(image, 4.0)
    for threads in (2, 5):
        np.testing.assert_array_equal(normalized(image, 4.0, threads=threads), one)


def test_masked_pixels_have_no_say(image):
    weight = np.ones((*SHAPE, 1), np.float32)
    weight[40:60, 100:140] = 0
    wild = image.copy()
    wild[40:60, 100:140] = 1e6
    masked = normalized(wild, 4.0, weight)
    holed = image.copy()
    holed[40:60, 100:140] = np.nan
    np.testing.assert_allclose(masked, normalized(holed, 4.0), atol=1e-3)
    assert np.isnan(masked[40:60, 100:140]).all()
    assert np.isfinite(masked[10:30, 10:390]).all()


def test_pixels_missing_here_and_there_take_no_others_with_them(image, rng):
    holed = image.copy()
    missing = rng.random(SHAPE) < 0.3
    holed[missing] = np.nan
    found = normalized(holed, 4.0)[..., 0]
    lost = np.isnan(inside(found, 4)) & ~inside(missing, 4)
    assert lost.mean() < 0.05
    plain = normalized(image, 4.0)[..., 0]
    assert np.nanstd(found - plain) < 0.2


# Alignment


def shaded(image, rng):
    """A shadow with a soft edge through the middle, and vignetting."""
    rows, columns = image.shape
    points = grid(image.shape) - (np.array([columns, rows]) - 1) / 2
    angle = rng.uniform(0, 2 * np.pi)
    across = points @ [np.cos(angle), np.sin(angle)]
    shadow = 1 - 0.6 / (1 + np.exp(-across / 4))
    vignette = 1 - 0.5 * (points**2).sum(axis=-1) / (rows**2 + columns**2) * 4
    return image * shadow * vignette


@pytest.mark.parametrize("kind", WARPS)
def test_truth_is_found_under_bad_light(kind, rng):
    shape = (200, 220)
    truth = random_warp(kind, shape, 6.0, rng)
    reference, moving = views(waves(rng), truth, shape, noise=1, rng=rng)
    moving = shaded(moving, rng)
    found = pa.align(reference, moving, kind, brightness="local")
    assert found.ok
    assert corner_error(found.warp, truth, shape) < 0.15
    plain = pa.align(reference, moving, kind, brightness="gain_bias")
    worse = corner_error(plain.warp, truth, shape)
    assert corner_error(found.warp, truth, shape) < worse


def test_images_alike_are_aligned_as_exactly_as_noise_allows(rng):
    shape = (200, 220)
    truth = random_warp("affine", shape, 4.0, rng)
    pair = views(waves(rng, shortest=5), truth, shape, noise=2, rng=rng)
    found = pa.align(*pair, brightness="local")
    assert found.ok
    assert corner_error(found.warp, truth, shape) < 0.06
    assert found.brightness.name == "local"
    assert found.brightness.gain == [1.0]
    assert found.brightness.bias == [0.0]


def test_channels_are_normalized_one_by_one(rng):
    shape = (150, 160)
    truth = random_warp("affine", shape, 3.0, rng)
    reference, moving = views(waves(rng), truth, shape, noise=1, rng=rng)
    color = np.stack([moving, 0.5 * shaded(moving, rng)], axis=-1)
    found = pa.align(
        np.stack([reference] * 2, axis=-1), color, brightness=pa.Local(window=5)
    )
    assert found.ok
    assert corner_error(found.warp, truth, shape) < 0.15
    assert found.brightness.window == 5
    assert found.brightness.gain.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("scale", [0.6, 1.7])
def test_window_follows_the_scale(scale, rng):
    shape = (150, 160)
    truth = Similarity.from_params([scale, 0.1, 8, 12])
    size = tuple(int(n * max(scale, 1)) + 10 for n in shape)
    points = truth.inverse()(grid(size))
    scene = waves(rng, shortest=10)
    reference, moving = scene(grid(shape)), shaded(scene(points), rng)
    for start in (truth, truth @ Similarity.from_params([1.08, 0.02, -5, -4])):
        found = pa.align(
            reference, moving, "similarity", init=start, brightness="local"
        )
        assert found.ok
        assert corner_error(found.warp, truth, shape) < 0.3


def test_wide_windows_reach_what_a_narrow_one_does_not(rng):
    shape = (240, 260)
    truth = Translation.from_params([21, -14])
    scene = waves(rng, longest=120)
    reference, moving = views(scene, truth, shape, noise=2, rng=rng)
    moving = shaded(moving, rng)
    far = pa.align(reference, moving, "translation", brightness="local")
    assert far.ok
    np.testing.assert_allclose(far.warp.params, truth.params, atol=0.8)
    assert far.levels == pa.Pyramid().levels_for(shape)
    assert far.iterations == len(far.trace)
    one_level = pa.align(
        reference,
        moving,
        "translation",
        init="identity",
        brightness="local",
        pyramid=pa.Pyramid(levels=1),
    )
    assert np.abs(one_level.warp.params - truth.params).max() > 5


def test_windows_shrink_from_what_the_coarsest_level_shows():
    assert list(wide_windows(4.0, 1)) == []
    assert list(wide_windows(4.0, 4)) == [16.0]
    assert list(wide_windows(4.0, 6)) == [64.0, 16.0]
    assert list(wide_windows(80.0, 6)) == []


def test_a_function_is_aligned_under_bad_light(rng):
    shape = (150, 160)
    truth = Translation.from_params([3.5, -2.25])
    reference, moving = views(waves(rng), truth, shape, noise=1, rng=rng)
    shifted = pa.warp(lambda p, xy: xy + p, [0.0, 0.0])
    found = pa.align(reference, shaded(moving, rng), shifted, brightness="local")
    assert found.ok
    np.testing.assert_allclose(found.warp.params, truth.params, atol=0.1)


def test_report_matches_brightness_by_itself(rng, tmp_path):
    truth = Affine([[1, 0.01, 2], [0, 1, -1]])
    reference, moving = views(waves(rng), truth, (100, 120), noise=1, rng=rng)
    found = pa.align(reference, 0.3 * moving + 5, brightness="local")
    found.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "local standard deviations" in text
    assert "window of 4 px" in text


@pytest.mark.parametrize("window", [0.5, -1, np.nan, np.inf, True])
def test_windows_that_are_none_are_refused(window):
    with pytest.raises(ValueError, match="window: expected"):
        pa.Local(window=window)


def test_the_widest_windows_are_one_block(rng):
    image = waves(rng)(grid((40, 60)))[..., np.newaxis]
    wide, wider, widest = (
        _core.normalize_locally(image, None, window, 2.0, 1)
        for window in (200.0, 1e6, 1e300)
    )
    np.testing.assert_array_equal(wide, wider)
    np.testing.assert_array_equal(wide, widest)
