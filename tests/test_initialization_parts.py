"""What searches are made of, against definitions and known turns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import photalign as pa
from photalign.initialization._detail import evened, local_detail, without_bands
from photalign.initialization.coarse import SmallImage, SmallPair
from photalign.initialization.correlation import (
    Spectra,
    masked_correlation,
    padded_size,
    quick_length,
)
from photalign.initialization.fourier_mellin import turns
from photalign.initialization.functions import fitted
from photalign.synthetic import view
from photalign.warps import Affine, Similarity, Translation
from scenes import photograph


def correlate(reference, moving, weights, least=1.0):
    size = padded_size(reference.shape, moving.shape)
    spectra = (
        Spectra.of(image, weight, size)
        for image, weight in zip((reference, moving), weights, strict=True)
    )
    return masked_correlation(*spectra, size, least)


def small(pixels):
    pixels = np.ascontiguousarray(pixels, np.float32)
    return SmallImage(pixels, np.isfinite(pixels).astype("f4"))


# Correlation


@pytest.mark.parametrize(
    ("shape", "other"), [((13, 17), (13, 17)), ((9, 8), (21, 30)), ((22, 19), (7, 24))]
)
def test_correlation_is_that_of_the_common_valid_pixels(shape, other, rng):
    """Compared with NumPy's coefficients of correlation, shift by shift."""
    reference, moving = rng.normal(size=shape), rng.normal(size=other)
    valid = rng.random(shape) < 0.8, rng.random(other) < 0.7
    found = correlate(reference, moving, [v.astype(float) for v in valid], least=11.5)
    compared = 0
    for y in range(-shape[0] + 1, other[0]):
        for x in range(-shape[1] + 1, other[1]):
            here = (
                slice(max(0, -y), min(shape[0], other[0] - y)),
                slice(max(0, -x), min(shape[1], other[1] - x)),
            )
            there = tuple(
                slice(part.start + d, part.stop + d)
                for part, d in zip(here, (y, x), strict=True)
            )
            common = valid[0][here] & valid[1][there]
            assert found.overlap[y, x] == pytest.approx(max(common.sum(), 1e-3))
            if common.sum() < 12:
                assert found.significance[y, x] == -np.inf
                continue
            expected = np.corrcoef(reference[here][common], moving[there][common])[0, 1]
            assert found.values[y, x] == pytest.approx(expected, abs=1e-9)
            compared += 1
    assert compared > 50


@pytest.mark.parametrize("shift", [(31, 12), (-20, 40), (0, -33), (44, 44)])
def test_peak_is_at_the_shift(shift):
    """Also where the images have different sizes, and between pixels."""
    scene = photograph()
    y, x = 650, 640
    reference = view(scene, Affine([[3, 0, x], [0, 3, y]]), (60, 70))
    start = np.array([x, y]) - 3 * (np.array(shift) + np.array([0.3, -0.4]))
    moving = view(scene, Affine([[3, 0, start[0]], [0, 3, start[1]]]), (130, 110))
    images = [small(image).detail for image in (reference, moving)]
    found = correlate(*images, [np.ones(i.shape) for i in images], least=400)
    best, second = found.peaks(2)
    assert (best.x, best.y) == pytest.approx((shift[0] + 0.3, shift[1] - 0.4), abs=0.15)
    assert best.significance > 1.3 * second.significance


def test_images_without_contrast_have_no_peak():
    flat = np.full((20, 20), 3.0)
    assert correlate(flat, flat, [np.ones((20, 20))] * 2).peaks(3) == []


def test_lengths_of_transforms_have_small_factors():
    for least in range(1, 400):
        length = quick_length(least)
        assert length >= least
        assert length % 2 == 0
        assert length < 1.3 * least + 2
        for factor in (2, 3, 5):
            while length % factor == 0:
                length //= factor
        assert length == 1


# Detail


@pytest.mark.parametrize("window", [5, 9, 15])
@pytest.mark.parametrize("shape", [(40, 31), (3, 50)])
def test_detail_is_the_difference_to_the_mean_of_valid_neighbors(window, shape, rng):
    image = rng.normal(size=shape).astype("f4")
    weight = (rng.random(shape) < 0.8).astype("f4")
    half = window // 2

    def sums(values):
        padded = np.pad(values.astype(float), half)
        return sliding_window_view(padded, (window, window)).sum(axis=(-2, -1))

    means = sums(image * weight) / np.maximum(sums(weight), 1e-6)
    expected = (image - means) * weight
    found = local_detail(np.where(weight > 0, image, np.nan), weight, window)
    limit = np.abs(found).max()
    np.testing.assert_allclose(found, expected.clip(-limit, limit), atol=1e-5)


def test_detail_has_no_light_and_no_bands(rng):
    y, x = np.mgrid[0:60, 0:80].astype("f4")
    image = rng.normal(size=(60, 80)).astype("f4")
    ones = np.ones_like(image)
    inside = (slice(8, -8), slice(8, -8))
    lit = local_detail(image + 0.1 * x - 0.05 * y, ones)[inside]
    assert np.abs(lit - local_detail(image, ones)[inside]).max() < 0.05
    bands = 0.5 * rng.normal(size=(60, 1)) + 0.5 * rng.normal(size=(1, 80))
    clean, banded = (
        without_bands(local_detail((image + b).astype("f4"), ones), ones)
        for b in (0, bands)
    )
    assert np.corrcoef(clean.ravel(), banded.ravel())[0, 1] > 0.97
    assert np.abs(banded.mean(axis=0)).max() < 1e-5


def test_evened_detail_has_the_same_contrast_everywhere(rng):
    image = rng.normal(size=(60, 80)).astype("f4")
    image[:, 60:] *= 20
    ones = np.ones_like(image)
    found = evened(image, ones)
    assert found[:, 65:].std() < 2 * found[:, :55].std()
    assert np.isfinite(evened(image, 0 * ones)).all()
    assert not evened(0 * image, ones).any()


# Turns


@pytest.mark.parametrize(
    ("degrees", "scale"), [(0, 1), (37, 1), (-120, 0.6), (170, 1.7), (90, 2), (15, 0.7)]
)
def test_spectra_tell_rotation_and_scale(degrees, scale):
    """Up to half a turn, of which both are given; among the best few peaks."""
    scene = photograph()
    window = Affine([[3, 0, 500], [0, 3, 520]])
    about = Similarity.from_params([scale, np.deg2rad(degrees), 0, 0])
    x, y = np.array([60, 60]) - about(np.array([60, 60])) + [7, -11]
    truth = Similarity.from_params([scale, np.deg2rad(degrees), x, y])
    images = (
        view(scene, warp, (121, 121)) for warp in (window, window @ truth.inverse())
    )
    pair = SmallPair(*(small(image) for image in images), 0)
    found = list(turns(pair, 3, with_scale=True))
    errors = [
        np.abs(np.exp(1j * angle) * size - np.exp(1j * np.deg2rad(degrees)) * scale)
        for angle, size in found
    ]
    assert len(found) == 6
    assert min(errors) < 0.04 * scale
    opposite = (found[1][0] - found[0][0]) % (2 * np.pi)
    assert opposite == pytest.approx(np.pi)


def test_without_scale_only_the_rotation_is_told():
    image = view(photograph(), Affine([[3, 0, 500], [0, 3, 520]]), (100, 100))
    pair = SmallPair(small(image), small(np.rot90(image)), 0)
    found = list(turns(pair, 3, with_scale=False))
    assert {scale for _, scale in found} == {1.0}
    assert min(abs(np.cos(angle)) for angle, _ in found[:2]) < 0.05


# Small images


def test_warps_between_levels_are_those_of_the_centers_of_pixels():
    pair = SmallPair(small(np.ones((8, 8))), small(np.ones((8, 8))), 3)
    shift = Translation.from_params([80.0, -16.0]).matrix
    np.testing.assert_allclose(pair.warp_at_level(shift)[:2, 2], [10, -2])
    turn = Similarity.from_params([1.3, 0.4, 5, 6]).matrix
    back = pair.warp_at_full(pair.warp_at_level(turn))
    np.testing.assert_allclose(back, turn, atol=1e-12)
    # The center of the first pixel of level 3 is that of the first 8 x 8.
    np.testing.assert_allclose(pair.to_full @ [0, 0, 1], [3.5, 3.5, 1])
    # Of every second pixel, level 2.
    pair = SmallPair(small(np.ones((8, 8))), small(np.ones((8, 8))), 2, 2)
    np.testing.assert_allclose(pair.to_full @ [0, 0, 1], [3, 3, 1])
    np.testing.assert_allclose(pair.to_full @ [1, 0, 1], [11, 3, 1])


# Functions


def test_function_is_fitted_to_a_warp_as_far_as_it_can():
    def stretch(p, xy):
        return xy * np.exp(p[:2]) + p[2:]

    function = pa.warp(stretch, [0.0, 0.0, 0.0, 0.0])
    can = Affine([[1.5, 0, 30], [0, 0.8, -12]])
    found = fitted(function, can, (200, 300))
    assert found is not None
    assert found.params == pytest.approx([np.log(1.5), np.log(0.8), 30, -12], abs=1e-4)
    nearly = Affine([[1.5, 0.01, 30], [0, 0.8, -12]])
    assert fitted(function, nearly, (200, 300)) is not None
    assert fitted(function, Affine([[0, 1, 0], [-1, 0, 200]]), (200, 300)) is None


def test_function_that_maps_little_is_not_fitted():
    def gone(p, xy):
        return np.where(xy[:, :1] < 10, xy + p, np.nan)

    function = pa.warp(gone, [0.0, 0.0])
    shift = Translation.from_params([40, 0])
    assert fitted(function, shift, (200, 300)) is None
