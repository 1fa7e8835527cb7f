"""Views show what they should, and the bound is the bound."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from photalign.sampling import Sampler
from photalign.synthetic import (
    corner_error,
    cramer_rao,
    demo_pair,
    pair,
    random_warp,
    view,
)
from photalign.warps import WARPS, Affine, Homography, Translation

SHAPE = (40, 50)
HOMOGRAPHY = Homography([[1.02, 0.03, 2], [-0.02, 0.97, 1.5], [1e-4, -2e-4, 1]])


@pytest.fixture(scope="module")
def photograph():
    """A smooth texture with a mean of 120 and a standard deviation of 30."""
    rng = np.random.default_rng(5)
    spectrum = np.fft.rfft2(rng.normal(size=(300, 320)))
    frequency = np.hypot(np.fft.fftfreq(300)[:, None], np.fft.rfftfreq(320))
    texture = np.fft.irfft2(spectrum * np.exp(-((frequency / 0.04) ** 2)))
    return 120 + 30 * texture / texture.std()


def test_view_of_a_ramp_is_the_ramp():
    rows, columns = np.indices((60, 60))
    ramp = 2.0 * columns + 5.0 * rows
    warp = Affine([[3, 0.5, 20], [-0.4, 2.5, 20]])
    seen = view(ramp, warp, (6, 7))
    x, y = np.moveaxis(warp(np.stack(np.indices((6, 7))[::-1], axis=-1)), -1, 0)
    np.testing.assert_allclose(seen, 2 * x + 5 * y, atol=1e-3)


def test_view_is_the_mean_over_the_area_of_a_pixel():
    """The mean of x**2 over a width of s exceeds its value in the middle by s**2/12."""
    columns = np.arange(200.0)
    parabola = np.tile(columns**2, (60, 1))
    seen = view(parabola, Affine([[4, 0, 90], [0, 4, 28]]), (1, 5))
    expected = (4 * np.arange(5) + 90) ** 2 + 4**2 / 12
    np.testing.assert_allclose(seen, expected[None], atol=1e-3)


def test_default_supersample_is_exact_to_hundredths_of_a_grey_level(photograph):
    warp = Affine([[3.9, 0.6, 30], [-0.6, 3.9, 60]])
    fine = view(photograph, warp, SHAPE, supersample=20)
    np.testing.assert_allclose(view(photograph, warp, SHAPE), fine, atol=0.01)


def test_view_keeps_channels_and_takes_a_sampler(photograph):
    colour = np.stack([photograph, 2 * photograph], axis=-1)
    warp = Affine([[3, 0, 50], [0, 3, 50]])
    seen = view(colour, warp, SHAPE)
    assert seen.shape == (*SHAPE, 2)
    np.testing.assert_allclose(seen[..., 1], 2 * seen[..., 0], rtol=1e-5)
    sampler = Sampler(photograph, kernel="bspline3")
    np.testing.assert_allclose(seen[..., 0], view(sampler, warp, SHAPE), rtol=1e-5)


def test_view_is_nan_where_a_pixel_reaches_outside(photograph):
    seen = view(photograph, Affine([[2, 0, 0], [0, 2, 50]]), (3, 4))
    assert np.isnan(seen[:, 0]).all()
    assert np.isfinite(seen[:, 1:]).all()


def test_view_refuses_no_positions(photograph):
    with pytest.raises(ValueError, match="supersample: expected 1 or more, got 0"):
        view(photograph, Affine.identity(), SHAPE, supersample=0)


def test_moving_shows_the_reference_through_the_truth(photograph):
    """Up to the areas of the pixels, which a homography does not map to each other."""
    views = pair(
        photograph, HOMOGRAPHY, SHAPE, center=(160, 150), gain=1.2, bias=15, dtype=float
    )
    points = np.stack(np.indices(SHAPE)[::-1], axis=-1)[8:-8, 8:-8]
    moving = Sampler(views.moving, kernel="bspline3")(views.truth(points))
    difference = views.gain * moving + views.bias - views.reference[8:-8, 8:-8]
    assert np.sqrt(np.mean(difference**2)) < 0.1
    wrong = Sampler(views.moving, kernel="bspline3")(points)
    assert np.std(views.gain * wrong - views.reference[8:-8, 8:-8]) > 10


def test_noise_has_the_stated_spread_and_rounding_adds_to_it(photograph):
    views = pair(
        photograph, Translation.identity(), SHAPE, center=(160, 150), noise=0.5
    )
    assert views.reference.dtype == np.uint8
    spread = np.std(views.reference - views.clean)
    assert spread == pytest.approx(np.sqrt(0.5**2 + 1 / 12), rel=0.05)


def test_integers_saturate(photograph):
    views = pair(
        photograph, Translation.identity(), SHAPE, center=(160, 150), bias=-500
    )
    assert (views.moving == 255).all()


def test_same_seed_same_pair(photograph):
    def draw(seed):
        occluder = np.full((10, 12), 50)
        return pair(
            photograph,
            HOMOGRAPHY,
            SHAPE,
            center=(160, 150),
            noise=2,
            occluder=occluder,
            seed=seed,
        )

    first, again, other = draw(1), draw(1), draw(2)
    np.testing.assert_array_equal(first.moving, again.moving)
    assert (first.moving != other.moving).any()


def test_occluder_lies_where_its_mask_says(photograph):
    views = pair(
        photograph,
        HOMOGRAPHY,
        SHAPE,
        center=(160, 150),
        occluder=np.full((20, 20), 9),
        dtype=np.float32,
    )
    assert views.occluder_mask.sum() == 400
    assert (views.moving[views.occluder_mask] == 9).all()
    assert (views.moving[~views.occluder_mask] != 9).all()
    assert views.bound().corner_rms == 0
    noisy = pair(
        photograph, HOMOGRAPHY, SHAPE, center=(160, 150), noise=1, dtype=np.float32
    )
    hidden = ~views.occluder_mask
    assert noisy.bound(moving_mask=hidden).corner_rms > noisy.bound().corner_rms


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": -1}, "noise: expected a positive number, got -1"),
        ({"gain": 0}, "gain: expected a positive number, got 0"),
        ({"scale": np.nan}, "scale: expected a positive number, got nan"),
        ({"scale": 9}, "photograph: expected one that covers both views"),
        ({"occluder": np.zeros((41, 5))}, r"fits into \(40, 50\), got shape \(41, 5\)"),
        ({"occluder": np.zeros((5, 5, 3))}, "occluder: expected an image that fits"),
    ],
)
def test_pair_refuses_what_makes_no_sense(photograph, settings, message):
    with pytest.raises(ValueError, match=message):
        pair(photograph, HOMOGRAPHY, SHAPE, **({"center": (160, 150)} | settings))


@pytest.mark.parametrize("kind", WARPS)
def test_random_warp_moves_corners_by_about_the_given_sigma(kind):
    rng = np.random.default_rng(3)
    warps = [random_warp(kind, (200, 300), 5.0, rng) for _ in range(200)]
    assert all(type(warp) is WARPS[kind] for warp in warps)
    still = WARPS[kind].identity().corners((200, 300))
    spread = np.std([warp.corners((200, 300)) - still for warp in warps])
    # A fit averages the noise of four corners, less the more parameters it has; the
    # lower corners of an affine warp are extrapolated.
    expected = {"translation": 2.5, "euclidean": 3.1, "similarity": 3.5, "affine": 6.1}
    assert spread == pytest.approx(expected.get(kind, 5.0), rel=0.1)


def test_random_warp_knows_its_kinds():
    with pytest.raises(ValueError, match=r"kind: expected one of .*, got 'cubic'"):
        random_warp("cubic", SHAPE, 1.0)


def test_corner_error_is_the_rms_over_corners():
    stretched = Affine([[1 + 4 / 49, 0, 0], [0, 1, 0]])
    assert corner_error(stretched, Affine.identity(), SHAPE) == pytest.approx(
        np.sqrt((0 + 16 + 16 + 0) / 4)
    )


def test_bound_of_a_wave_is_the_textbook_one():
    """For f = a sin(kx), the variance of a shift is s2 / sum((a k cos(kx))**2)."""
    amplitude, k = 50.0, 0.3
    rows, columns = np.indices((80, 100))
    image = amplitude * (np.sin(k * columns) + np.sin(k * rows))
    bound = cramer_rao(image, Translation.identity(), (80, 100), 1.5, 2.0)
    information = 80 * 100 * (amplitude * k) ** 2 / 2
    np.testing.assert_allclose(
        np.diag(bound.covariance), (1.5**2 + 2.0**2) / information, rtol=0.05
    )
    assert bound.corner_rms == pytest.approx(np.sqrt(np.trace(bound.covariance)))


@pytest.mark.parametrize("kind", WARPS)
def test_bound_differentiates_the_residual(photograph, kind):
    """J, rebuilt by moving the parameters, gives the same covariance."""
    image = photograph[100:140, 100:150]
    truth = random_warp(kind, SHAPE, 2.0, 7)
    scene = Sampler(image, kernel="bspline3")
    points = np.stack(np.indices(SHAPE)[::-1], axis=-1).astype(float)
    x, y = np.moveaxis(truth(points), -1, 0)
    margin = 3  # where the moved parameters stay inside the image
    mask = np.zeros(SHAPE, dtype=bool)
    mask[margin:-margin, margin:-margin] = True
    use = mask & (x >= 0) & (x <= 49) & (y >= 0) & (y <= 39)
    back, step = truth.inverse(), 1e-6
    columns = []
    for i in range(truth.n_params):
        ends = []
        for sign in (1, -1):
            params = truth.params.copy()
            params[i] += sign * step
            moved = type(truth).from_params(params)
            ends.append(scene(back(moved(points[use]))))
        columns.append((ends[0] - ends[1]) / (2 * step))
    jacobian = np.stack(columns, axis=-1)
    bound = cramer_rao(image, truth, SHAPE, 3.0, 4.0, mask=mask)
    expected = 25 * np.linalg.inv(jacobian.T @ jacobian)
    sizes = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(
        bound.covariance / sizes, expected / sizes, rtol=0, atol=1e-3
    )


def test_unknown_brightness_and_smaller_masks_raise_the_bound(photograph):
    image = photograph[100:140, 100:150]
    identity = Affine.identity()

    def corner_rms(**settings):
        return cramer_rao(image, identity, SHAPE, 1, 1, **settings).corner_rms

    mask = np.ones(SHAPE, dtype=bool)
    mask[:, 25:] = False
    assert corner_rms(brightness="gain_bias") > corner_rms()
    assert corner_rms(mask=mask) > 2 * corner_rms()


def test_each_channel_adds_information(photograph):
    image = photograph[100:140, 100:150]
    gray = cramer_rao(image, Affine.identity(), SHAPE, 1, 1)
    colour = cramer_rao(np.dstack([image] * 3), Affine.identity(), SHAPE, 1, 1)
    np.testing.assert_allclose(colour.covariance, gray.covariance / 3)


def test_bound_refuses_an_image_without_texture():
    stripes = np.tile(np.sin(np.arange(50.0)), (40, 1))
    with pytest.raises(ValueError, match="reference: expected texture"):
        cramer_rao(stripes, Translation.identity(), SHAPE, 1, 1)


def test_demo_pair_is_as_announced():
    pytest.importorskip("skimage")
    views = demo_pair()
    assert views.reference.shape == views.moving.shape == (300, 400, 3)
    assert views.reference.dtype == views.moving.dtype == np.uint8
    assert isinstance(views.truth, Homography)
    assert 0.08 <= views.occluder_mask.mean() <= 0.1
    assert 5 < views.error(Homography.identity()) < 15
    assert views.bound(brightness="gain_bias").corner_rms < 0.02


def test_demo_pair_tells_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(ImportError, match=r"pip install 'photalign\[demo\]'"):
        demo_pair()
