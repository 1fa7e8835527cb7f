"""Resampled images: positions, types, fill, validity, threads."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

from photalign import _core
from photalign.kernels import KERNELS
from photalign.sampling import Sampler, resample
from photalign.warps import Affine, Homography, Translation

INTERPOLATING = [name for name in KERNELS if not name.endswith("_direct")]
TILT = Homography([[1.05, 0.08, -3.2], [-0.06, 0.93, 4.1], [6e-4, -4e-4, 1]])


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def pixels(shape):
    return np.stack(np.indices(shape)[::-1], axis=-1).astype(float)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_result_shows_the_sampler_at_the_warped_pixels(kernel, dtype, channels, rng):
    shape = (40, 50) if channels is None else (40, 50, channels)
    image = rng.integers(0, 256, shape).astype(dtype)
    found, valid = resample(
        image, TILT, (33, 170), kernel=kernel, fill=7, return_mask=True
    )
    sampler = Sampler(image, kernel, fill=7)
    points = TILT(pixels((33, 170)))
    expected = sampler(points)
    assert found.dtype == image.dtype
    assert found.shape == (33, 170, *shape[2:])
    np.testing.assert_array_equal(valid, sampler.inside(points))
    assert 0.1 < valid.mean() < 0.9
    if found.dtype.kind == "u":
        expected = np.clip(np.rint(expected), 0, np.iinfo(dtype).max)
        # A position that is rounded differently can move a value across a half.
        assert np.abs(found - expected).max() <= 1
        assert (found == expected).mean() > 0.999
    else:
        np.testing.assert_allclose(
            found, expected, atol=1e-3 if dtype == "f4" else 1e-9
        )


@pytest.mark.parametrize("kernel", INTERPOLATING)
@pytest.mark.parametrize(
    "dtype", ["?", "u1", "i2", "u2", ">u2", "i4", "f2", "f4", ">f8"]
)
def test_identity_gives_the_image_back(kernel, dtype, rng):
    image = (rng.normal(size=(21, 34, 3)) * 50 + 100).clip(0, 255).astype(dtype)
    same, valid = resample(image, np.eye(3), kernel=kernel, return_mask=True)
    assert same.dtype == image.dtype
    assert valid.all()
    if image.dtype.kind == "f":
        atol = 0.2 if dtype == "f2" else 2e-4 if dtype == "f4" else 1e-10
        np.testing.assert_allclose(same, image, atol=atol)
    else:
        np.testing.assert_array_equal(same, image)


def test_whole_translation_moves_pixels_exactly(rng):
    image = rng.normal(size=(20, 30))
    moved = resample(image, Translation.from_params([3, -2]))
    np.testing.assert_array_equal(moved[2:, :-3], image[:-2, 3:])
    assert np.isnan(moved[:2]).all()
    assert np.isnan(moved[:, -3:]).all()


@pytest.mark.parametrize("dtype", ["u1", "u2", "i1", "i2", "i4", "i8", "u8"])
def test_integers_are_rounded_half_to_even_and_saturated(dtype):
    half = Translation.from_params([0.5, 0])
    image = np.array([[0, 1, 2, 3, 6]], dtype)
    found = resample(image, half, kernel="linear")
    assert found.tolist() == [[0, 2, 2, 4, 0]]
    assert found.dtype == dtype
    info = np.iinfo(dtype)
    low, high = max(info.min, -(2**53) + 1), min(info.max, 2**53 - 1)
    edge = np.array([[low, low, high, high, high, low, low]], dtype)
    found = resample(edge, half, kernel="catmull_rom")
    if high == info.max:
        assert found[0, 2] == high
        assert found[0, 0] == low
        assert found[0, 5] == low


def test_half_precision_saturates_without_a_warning():
    image = np.array([[0, 0, 65504, 65504, 65504, 0, 0]], np.float16)
    found = resample(image, Translation.from_params([0.5, 0]))
    assert found.dtype == np.float16
    assert np.isfinite(found[0, :-1]).all()


def test_rounding_does_not_cut_off_the_border(rng):
    image = rng.normal(size=(30, 40))
    there_and_back = TILT @ TILT.inverse()
    assert (there_and_back(pixels((30, 40))) != pixels((30, 40))).any()
    found, valid = resample(image, there_and_back, return_mask=True)
    assert valid.all()
    np.testing.assert_allclose(found, image, atol=1e-11)


def test_default_fill(rng):
    away = Translation.from_params([100, 0])
    assert np.isnan(resample(np.ones((3, 4), np.float32), away)).all()
    assert not resample(np.ones((3, 4), np.uint8), away).any()
    assert not resample(np.ones((3, 4), bool), away).any()
    assert (resample(np.ones((3, 4), np.int16), away, fill=-5) == -5).all()
    assert resample(np.zeros((3, 4), bool), away, fill=True).all()


def test_nan_pixels_are_filled_and_not_valid(rng):
    image = rng.normal(size=(20, 20))
    image[10, 12] = np.nan
    found, valid = resample(image, np.eye(3), fill=-1, return_mask=True)
    assert found[10, 12] == -1
    assert not valid[8:12, 10:14].all()
    assert valid[:8].all()


def test_nothing_is_seen_behind_the_horizon():
    image = np.ones((50, 50))
    warp = Homography([[1, 0, 0], [0, 1, 0], [-0.05, 0, 1]])
    found, valid = resample(image, warp, (50, 200), return_mask=True)
    assert valid[:, :10].any()
    assert not valid[:, 20:].any()
    assert np.isnan(found[:, 20:]).all()


def test_color_and_shape_of_the_reference(rng):
    image = rng.normal(size=(20, 30, 3))
    assert resample(image, np.eye(3), shape=(10, 12, 3)).shape == (10, 12, 3)
    assert resample(image, np.eye(3), shape=[10, 12]).shape == (10, 12, 3)
    assert resample(image[..., 0], np.eye(3), shape=np.ones((10, 12)).shape).ndim == 2


def test_channels_are_sampled_alike(rng):
    image = rng.integers(0, 256, (30, 40, 5), np.uint8)
    warp = Affine([[0.9, 0.1, 2.3], [-0.1, 1.1, 1.7]])
    together = resample(image, warp)
    for channel in range(5):
        alone = resample(image[..., channel], warp)
        np.testing.assert_array_equal(together[..., channel], alone)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_threads_change_no_bit(kernel, dtype, rng):
    image = rng.integers(0, 256, (150, 170, 3)).astype(dtype)
    results = [
        resample(image, TILT, kernel=kernel, return_mask=True, threads=threads)
        for threads in (1, 2, 3, 8)
    ]
    for found, valid in results[1:]:
        assert found.tobytes() == results[0][0].tobytes()
        assert valid.tobytes() == results[0][1].tobytes()


def test_all_instruction_sets_agree(rng):
    image = rng.normal(size=(60, 70)).astype(np.float32)
    chosen = _core.variant()
    try:
        results = []
        for name in _core.available_variants():
            assert _core.use_variant(name)
            results.append(resample(image, TILT, fill=0))
        for found in results[1:]:
            np.testing.assert_allclose(found, results[0], atol=1e-5)
    finally:
        assert _core.use_variant(chosen)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
def test_ctrl_c_stops_a_long_run():
    image = np.ones((100, 100, 4))
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        started = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            resample(image, np.eye(3) * 1.0, (20_000, 4_000), kernel="bspline5")
        assert time.perf_counter() - started < 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"shape": (10,)}, ValueError, "shape: expected rows and columns"),
        ({"shape": (0, 5)}, ValueError, "shape: expected rows and columns"),
        ({"shape": "big"}, ValueError, "shape: expected rows and columns"),
        ({"kernel": "cubic"}, ValueError, "kernel: expected one of nearest"),
        ({"fill": 300}, ValueError, "fill: expected an integer from 0 to 255"),
        ({"fill": 0.5}, ValueError, "fill: expected an integer from 0 to 255"),
        ({"fill": np.nan}, ValueError, "fill: expected an integer from 0 to 255"),
        ({"fill": "black"}, TypeError, "fill: expected a number"),
        ({"threads": 0}, ValueError, "threads: expected 1 or more"),
        ({"warp": np.zeros((3, 3))}, ValueError, "matrix"),
        ({"warp": np.eye(4)}, ValueError, "matrix"),
    ],
)
def test_misuse_is_refused(arguments, error, message):
    warp = arguments.pop("warp", np.eye(3))
    with pytest.raises(error, match=message):
        resample(np.ones((4, 4), np.uint8), warp, **arguments)


@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_fill_of_wide_integers_is_what_doubles_hold(dtype):
    image = np.ones((3, 4), dtype)
    shifted = Translation.from_params([9, 0])
    assert (resample(image, shifted, fill=2**53) == 2**53).all()
    with pytest.raises(ValueError, match="fill: expected an integer from"):
        resample(image, shifted, fill=2**63)


def test_infinite_fill_stays_infinite_in_half_precision():
    image = np.ones((3, 4), np.float16)
    found = resample(image, Translation.from_params([9, 0]), fill=np.inf)
    assert np.isinf(found).all()


@pytest.mark.parametrize("kernel", ["bspline2", "bspline3", "bspline5"])
def test_booleans_that_overshoot_are_true(kernel, rng):
    image = rng.random((64, 64)) < 0.5
    found = resample(image, Translation.from_params([0.3, 0.4]), kernel=kernel)
    assert set(np.unique(found.view(np.uint8))) <= {0, 1}
