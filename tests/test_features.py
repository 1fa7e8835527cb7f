"""Features: what the core makes of pixels, and what alignment makes of features."""

from __future__ import annotations

import numpy as np
import pytest

import feature_oracles as oracle
import photalign as pa
from photalign import _core
from photalign.features import FEATURES
from photalign.synthetic import corner_error, random_warp
from photalign.warps import Euclidean, Similarity, Translation
from scenes import grid, views, waves

NAMES = [name for name in FEATURES if name != "intensity"]
EACH = pytest.mark.parametrize("name", NAMES)
UPRIGHT = np.eye(2)
TURNED = np.array([[0.9, -0.5], [0.6, 1.1]])
SHAPE = (120, 400)


def core_features(image, name, frame=UPRIGHT, weight=None, threads=1, **how):
    features = FEATURES[name]
    image = image if image.ndim == 3 else image[..., np.newaxis]
    return _core.features(
        image,
        weight,
        features.code,
        np.ascontiguousarray(frame, dtype=np.float64),
        how.get("smoothing", 1.2),
        how.get("threshold", 4.0),
        threads,
    )


def noise_of(image, channel=0):
    image = image if image.ndim == 3 else image[..., np.newaxis]
    return _core.noise_level(image, None, channel)


@pytest.fixture
def image(rng):
    return (waves(rng)(grid(SHAPE)) + rng.normal(0, 3, SHAPE)).astype(np.float32)


@pytest.mark.parametrize("frame", [np.eye(2), TURNED], ids=["reference", "turned"])
@EACH
def test_core_agrees_with_the_formulas(name, frame, image):
    sigma = 1.2 * np.sqrt(abs(np.linalg.det(frame)))
    variance = noise_of(image) ** 2
    if name == "census":
        plain = (oracle.gaussian_taps(sigma) ** 2).sum() ** 2
        expected = oracle.census(image, sigma, frame, 16 * variance * 2 * plain)
    else:
        squares = 16 * variance * oracle.gradient_noise(sigma, frame)
        if name == "orientation":
            expected = oracle.orientation([image], sigma, frame, squares)
        else:
            expected = oracle.descriptor_fields(image, sigma, frame, squares)
    found = core_features(image, name, frame)
    assert found.shape == (*SHAPE, FEATURES[name].channels)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert np.nanstd(found) > 0.1


def test_noise_is_told_from_the_image(image, rng):
    assert noise_of(image) == pytest.approx(3, rel=0.1)
    steps = np.repeat(np.arange(0, 250, 10, dtype=np.uint8), 16)
    assert noise_of(np.tile(steps, (60, 1))) == pytest.approx(1 / np.sqrt(12), rel=1e-4)
    assert noise_of(np.full((20, 30), 5.0)) == 1.0


def test_orientation_of_color_adds_up_the_channels(image):
    color = np.stack([image, np.roll(image, 7, axis=1)], axis=-1)
    variance = sum(noise_of(color, c) ** 2 for c in range(2))
    squares = 16 * variance * oracle.gradient_noise(1.2, np.eye(2))
    channels = [color[..., 0], color[..., 1]]
    expected = oracle.orientation(channels, 1.2, np.eye(2), squares)
    np.testing.assert_allclose(core_features(color, "orientation"), expected, atol=2e-4)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@EACH
def test_pixels_are_read_as_they_are_stored(name, dtype, image):
    whole = np.rint(image)
    stored = np.zeros((SHAPE[0], 2 * SHAPE[1], 3), dtype)[:, ::2]
    stored[..., :] = whole[..., np.newaxis]
    expected = core_features(stored.astype("f4"), name)
    np.testing.assert_allclose(core_features(stored, name), expected, atol=1e-5)


@EACH
def test_threads_change_no_bit(name, image):
    one = core_features(image, name, TURNED)
    for threads in (2, 5):
        np.testing.assert_array_equal(
            core_features(image, name, TURNED, threads=threads), one
        )


@EACH
def test_features_that_touch_an_invalid_pixel_are_invalid(name, image):
    weight = np.ones((*SHAPE, 1), np.uint8)
    weight[60, 200] = 0
    masked = core_features(image, name, weight=weight)
    holed = image.copy()
    holed[60, 200] = np.nan
    np.testing.assert_array_equal(
        np.isnan(core_features(holed, name)), np.isnan(masked)
    )
    whole = core_features(image, name)
    lost = np.isnan(masked).any(axis=2) & ~np.isnan(whole).any(axis=2)
    rows, columns = np.nonzero(lost)
    reach = np.abs([rows - 60, columns - 200]).max()
    assert 4 <= reach <= 4 + 2  # three standard deviations and a neighbor
    kept = ~np.isnan(masked)
    np.testing.assert_allclose(masked[kept], whole[kept], atol=0.02)


@EACH
def test_features_of_a_turned_image_are_those_of_the_image(name, image):
    """A quarter turn: moving(x, y) = reference(y, W - 1 - x)."""
    turned = np.ascontiguousarray(np.rot90(image))
    frame = np.array([[0.0, 1.0], [-1.0, 0.0]])  # reference (x, y) to moving (y, -x)
    back = np.rot90(core_features(turned, name, frame), -1)
    np.testing.assert_allclose(back, core_features(image, name), atol=1e-3)


def test_orientation_does_not_see_which_side_is_bright(image):
    found = core_features(255 - image, "orientation")
    np.testing.assert_allclose(found, core_features(image, "orientation"), atol=1e-4)


@pytest.mark.parametrize("name", ["descriptor_fields", "census"])
def test_gain_and_bias_change_nothing(name, image):
    found = core_features(1.7 * image - 30, name)
    np.testing.assert_allclose(found, core_features(image, name), atol=1e-3)


# Alignment


def problem(rng, kind="affine", sigma=3.0, shape=(140, 180)):
    truth = random_warp(kind, shape, sigma, rng)
    reference, moving = views(waves(rng), truth, shape, noise=1, rng=rng)
    return reference, moving, truth


@EACH
def test_truth_is_found(name, rng):
    reference, moving, truth = problem(rng)
    found = pa.align(reference, moving, features=name)
    assert found.ok
    assert corner_error(found.warp, truth, reference.shape) < 0.1
    assert found.features == name
    assert found.to_dict()["features"] == name
    assert found.brightness.gain.tolist() == [1.0]
    assert found.reference is reference


@pytest.mark.parametrize(
    "change",
    [lambda v: 255 - v, lambda v: 255 * np.sin(np.pi * v / 255) ** 2],
    ids=["inverted", "folded"],
)
def test_orientation_aligns_what_looks_otherwise(change, rng):
    reference, moving, truth = problem(rng)
    found = pa.align(reference, change(moving), features="orientation")
    assert found.ok
    assert corner_error(found.warp, truth, reference.shape) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_color_aligns_to_gray(name, rng):
    reference, moving, truth = problem(rng)
    color = np.stack([reference, 0.8 * reference, 0.5 * reference + 40], axis=-1)
    found = pa.align(color, moving, features=name)
    assert found.ok
    assert corner_error(found.warp, truth, reference.shape) < 0.1
    assert found.brightness.gain.shape == (1,)


@pytest.mark.parametrize("degrees", [80.0, -170.0])
@EACH
def test_large_rotations_work_where_the_start_has_them(name, degrees, rng):
    shape = (160, 160)
    angle = np.radians(degrees)
    about = Euclidean.from_params([angle, 0, 0])([79.5, 79.5])
    truth = Euclidean.from_params([angle, *(79.5 - about)])
    reference, moving = views(waves(rng), truth, shape, noise=1, rng=rng)
    start = truth @ Translation.from_params([1.5, -1])
    found = pa.align(reference, moving, "euclidean", init=start, features=name)
    assert found.ok
    assert corner_error(found.warp, truth, shape) < 0.1


@EACH
def test_frame_follows_what_is_found(name, rng):
    """From a start that is turned by 8 degrees and 8 % too small."""
    shape = (160, 160)
    truth = Similarity.from_params([1.08, 0.14, 5, -16])
    reference, moving = views(waves(rng), truth, shape, noise=1, rng=rng)
    found = pa.align(reference, moving, "similarity", features=name)
    exact = pa.align(reference, moving, "similarity", features=name, init=found.warp)
    assert found.ok
    assert found.initial == Similarity.identity()
    assert found.iterations == len(found.trace)
    assert corner_error(found.warp, exact.warp, shape) < 0.05
    assert corner_error(found.warp, truth, shape) < 0.15


def test_a_function_is_aligned_by_features(rng):
    reference, moving, truth = problem(rng, "translation")
    shifted = pa.warp(lambda p, xy: xy + p, [0.0, 0.0])
    found = pa.align(reference, 255 - moving, shifted, features="orientation")
    assert found.ok
    np.testing.assert_allclose(found.warp.params, truth.params, atol=0.1)


@EACH
def test_covariance_is_not_too_small(name):
    """Channels share their noise: chi-square stays at or below one per parameter."""
    rng = np.random.default_rng(4)
    shape, count = (100, 140), 40
    truth = Translation.from_params([1.3, -0.7])
    scene = waves(rng, shortest=5)
    squares = []
    for _ in range(count):
        pair = views(scene, truth, shape, noise=4, rng=rng)
        found = pa.align(*pair, "translation", init=truth, features=name)
        error = found.warp.params - truth.params
        squares.append(error @ np.linalg.solve(found.covariance, error))
    assert 0.3 < np.mean(squares) / 2 < 1.35


def test_words_that_are_not_known_are_refused(rng):
    reference, moving, _ = problem(rng, shape=(40, 50))
    with pytest.raises(ValueError, match=r"features: expected .* orientation, .* got"):
        pa.align(reference, moving, features="gradient")
    for brightness in ("gain_bias", "normalized"):
        with pytest.raises(ValueError, match=r"brightness: expected 'none' or 'local'"):
            pa.align(reference, moving, features="census", brightness=brightness)
    with pytest.raises(ValueError, match="features='orientation'"):
        pa.align(np.dstack([reference] * 3), moving)


@EACH
def test_report_shows_grey_levels(name, rng, tmp_path):
    reference, moving, _ = problem(rng, shape=(60, 80))
    color = np.dstack([reference] * 3)
    found = pa.align(color, 255 - moving, features=name, brightness="local")
    found.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert name in text


@EACH
def test_a_start_that_flattens_the_image_takes_no_room(name, rng):
    reference, moving, _ = problem(rng, shape=(40, 50))
    start = np.diag([1e4, 1e-4, 1.0])
    found = pa.align(reference, moving, "affine", init=start, features=name)
    assert found.status is pa.Status.TOO_LITTLE_OVERLAP
