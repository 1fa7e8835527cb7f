"""Levels of a pyramid: means of [1 3 3 1] / 8 over the valid pixels, as documented."""

from __future__ import annotations

import numpy as np
import pytest

from photalign import _core

OFFSET = 113.0
DTYPES = ("u1", "u2", "f4", "f8")
# Odd and even, narrower than a vector, and taller than what one thread makes in a row.
SHAPES = (
    *((2, 2, 1), (5, 3, 2), (41, 40, 3), (33, 70, 4)),
    *((30, 220, 1), (517, 130, 3), (700, 33, 1)),
)


def halved(image, valid):
    """Return the next level, NaN where most of the weight fell on invalid pixels."""
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
    height, width = image.shape[0] // 2, image.shape[1] // 2
    total, share = np.zeros((2, height, width, image.shape[2]))
    margin = ((1, 2), (1, 2), (0, 0))
    padded = np.pad(np.where(valid, image, 0.0), margin)
    known = np.pad(valid, margin)
    for (j, i), tap in np.ndenumerate(taps):
        here = slice(j, j + 2 * height, 2), slice(i, i + 2 * width, 2)
        total += tap * padded[here]
        share += tap * known[here]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share >= 0.5, total / share, np.nan)


def weights_of(kind, shape, rng):
    if kind == "mask":
        return (rng.random(shape) < 0.7).astype("u1")
    if kind == "soft":
        return np.maximum(rng.uniform(-0.3, 1, shape), 0).astype("f4")
    return None


def assert_levels_are_documented(image, weight, found):
    """Compare with the level below as it was found, so that nothing accumulates."""
    pixels, shift = image, OFFSET
    for planes, soft in found:
        values = pixels.astype(np.float64) - shift
        valid = np.isfinite(values)
        if weight is not None:
            valid &= weight[..., np.newaxis] > 0
        expected = halved(values, valid)
        np.testing.assert_allclose(
            np.moveaxis(planes, 0, -1), expected, rtol=0, atol=3e-5
        )
        assert (soft is not None) == (weight is not None and weight.dtype.kind == "f")
        weight = None
        if soft is not None:
            weight = soft[0]
        pixels, shift = np.moveaxis(planes, 0, -1), 0.0


@pytest.fixture(params=_core.available_variants())
def variant(request):
    before = _core.variant()
    assert _core.use_variant(request.param)
    yield request.param
    _core.use_variant(before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["plain", "mask", "soft", "not finite"])
def test_levels_are_means_of_valid_pixels(kind, shape, dtype, variant, rng):
    image = rng.integers(0, 255, shape).astype(dtype)
    if kind == "not finite" and dtype[0] == "f":
        image[rng.random(shape) < 0.1] = np.nan
        image[5:20, 3:30] = -np.inf
    weight = weights_of(kind, shape[:2], rng)
    levels = max(2, int(np.log2(min(shape[:2]))))
    channel = None if weight is None else weight[..., np.newaxis]
    found = _core.pyramid(image, channel, OFFSET, levels, 1)
    assert len(found) == levels - 1
    assert_levels_are_documented(image, weight, found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_memory_layout_changes_no_bit(channels, dtype, variant, rng):
    """One channel among others, one after the other, turned around, or with gaps."""
    image = rng.integers(0, 255, (131, 157, channels)).astype(dtype)
    weight = rng.uniform(-0.2, 1, (*image.shape[:2], 1)).astype("f4")
    planar = np.moveaxis(np.moveaxis(image, -1, 0).copy(), 0, -1)
    turned = image[::-1, ::-1].copy()[::-1, ::-1]
    room = np.zeros((140, 330, channels), dtype)
    room[3:134, 2:316:2] = image
    layouts = [image, planar, turned, room[3:134, 2:316:2]]
    for mask in (None, weight, weight[::-1, ::-1].copy()[::-1, ::-1]):
        expected, *others = (
            _core.pyramid(layout, mask, OFFSET, 4, 1) for layout in layouts
        )
        for found in others:
            for (planes, _), (other, _) in zip(expected, found, strict=True):
                np.testing.assert_array_equal(planes, other)


def test_small_integers_lose_nothing(rng):
    """Of 8 bits, what two levels add fits a float, away from the edges."""
    image = rng.integers(0, 256, (96, 160, 1)).astype("u1")
    expected = image.astype(np.float64) - OFFSET
    for planes, _ in _core.pyramid(image, None, OFFSET, 3, 1):
        expected = halved(expected, np.ones(expected.shape, bool))
        inside = (slice(2, -2), slice(2, -2))
        np.testing.assert_array_equal(planes[0][inside], expected[..., 0][inside])


@pytest.mark.parametrize("kind", ["plain", "mask", "soft"])
@pytest.mark.parametrize("height", [128, 255, 256, 259, 1001])
def test_threads_change_no_bit_of_a_level(kind, height, rng):
    """Bands of rows are joined on every level."""
    shape = (height, 50, 2)
    image = rng.normal(100, 30, shape).astype("f4")
    weight = weights_of(kind, shape[:2], rng)
    channel = None if weight is None else weight[..., np.newaxis]
    levels = int(np.log2(min(shape[:2]))) + 1
    alone = _core.pyramid(image, channel, OFFSET, levels, 1)
    assert_levels_are_documented(image, weight, alone)
    for threads in (2, 3, 16):
        together = _core.pyramid(image, channel, OFFSET, levels, threads)
        for (planes, soft), (other, other_soft) in zip(alone, together, strict=True):
            np.testing.assert_array_equal(planes, other)
            if soft is not None:
                np.testing.assert_array_equal(soft, other_soft)
