"""What holds for every brightness model, under every warp, method and kernel."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS, Estimate, Problem
from photalign.brightness import BRIGHTNESS, as_brightness
from photalign.losses import LOSSES
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS
from scenes import SHAPE, views, waves

KINDS = pytest.mark.parametrize("kind", WARPS)
KERNELS = pytest.mark.parametrize("kernel", TAPS)
METHODS = pytest.mark.parametrize("method", ["forward", "inverse", "esm"])
MODELS = pytest.mark.parametrize("model", ["gain_bias", "normalized"])
GAINS, BIASES = np.array([1.25, 0.6, 2.0, 0.9]), np.array([-15.0, 30.0, 4.0, 0.0])


def pair_of(kind, rng, *, noise=0.0, sigma=1.5):
    truth = random_warp(kind, SHAPE, sigma, rng)
    return *views(waves(rng), truth, noise=noise, rng=rng), truth


@KINDS
@METHODS
@KERNELS
def test_gain_and_bias_are_recovered(kind, method, kernel, rng):
    reference, moving, truth = pair_of(kind, rng)
    for gain, bias in zip(GAINS, BIASES, strict=True):
        found = pa.align(
            reference,
            (moving - bias) / gain,
            kind,
            method=method,
            kernel=kernel,
            brightness="gain_bias",
        )
        assert found.ok
        assert corner_error(found.warp, truth, SHAPE) < 0.02
        # Sampling linearly loses contrast.
        tolerance = 0.03 if kernel == "linear" else 0.01
        assert found.brightness.gain == pytest.approx([gain], rel=tolerance)
        mean = found.brightness.gain * (120 - bias) / gain + found.brightness.bias
        assert mean == pytest.approx([120], abs=0.5)


@MODELS
@pytest.mark.parametrize("loss", [*LOSSES, "robust"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_channel_has_its_own_gain_and_bias(model, loss, channels, rng):
    truth = random_warp("affine", SHAPE, 1.5, rng)
    pairs = [views(waves(rng), truth, noise=0.5, rng=rng) for _ in range(channels)]
    reference = np.stack([r for r, _ in pairs], axis=-1)
    moving = np.stack([m for _, m in pairs], axis=-1)
    gain, bias = GAINS[:channels], BIASES[:channels]
    found = pa.align(
        reference, ((moving - bias) / gain).astype("f4"), loss=loss, brightness=model
    )
    assert found.ok
    assert corner_error(found.warp, truth, SHAPE) < 0.05
    np.testing.assert_allclose(found.brightness.gain, gain, rtol=0.01)
    np.testing.assert_allclose(found.brightness.bias, bias, atol=1.5)


@MODELS
@METHODS
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("gain", "bias"), [(0.3, 40.0), (4.0, -90.0)])
def test_brightness_of_the_moving_image_does_not_matter(
    model, method, loss, gain, bias, rng
):
    reference, moving, _ = pair_of("homography", rng, noise=1)
    options = {"method": method, "loss": loss, "brightness": model}
    plain = pa.align(reference, moving, "homography", **options)
    changed = pa.align(reference, gain * moving + bias, "homography", **options)
    assert plain.status == changed.status
    assert corner_error(plain.warp, changed.warp, SHAPE) < 2e-3
    np.testing.assert_allclose(plain.corner_std, changed.corner_std, rtol=0.02)


@MODELS
@pytest.mark.parametrize("loss", LOSSES)
def test_unit_of_grey_levels_does_not_matter(model, loss, rng):
    """Also without a brightness model, if both images are in the same unit."""
    reference, moving, _ = pair_of("affine", rng, noise=1)
    for brightness in (model, "none"):
        plain = pa.align(reference, moving, loss=loss, brightness=brightness)
        scaled = pa.align(
            reference / 255, moving / 255, loss=loss, brightness=brightness
        )
        assert plain.status == scaled.status
        assert corner_error(plain.warp, scaled.warp, SHAPE) < 1e-3
        assert scaled.rms == pytest.approx(plain.rms / 255, rel=1e-3)
        assert scaled.cost == pytest.approx(plain.cost / 255**2, rel=1e-3)


@METHODS
@pytest.mark.parametrize("kernel", ["linear", "bspline3_direct", "bspline5_direct"])
def test_normalized_finds_the_optimum_of_gain_bias(method, kernel, rng):
    """With least squares, correlation is highest where gain and bias fit best."""
    reference, moving, _ = pair_of("affine", rng, noise=2)
    options = {"method": method, "kernel": kernel, "pyramid": pa.Pyramid(levels=1)}
    free = pa.align(reference, moving, brightness="gain_bias", **options)
    normalized = pa.align(reference, moving, brightness="normalized", **options)
    tolerance = 0.05 if kernel == "linear" else 5e-3
    assert corner_error(free.warp, normalized.warp, SHAPE) < tolerance
    assert normalized.correlation == pytest.approx(free.correlation, abs=1e-4)


@MODELS
@pytest.mark.parametrize("kernel", ["linear", "bspline5_direct"])
def test_brightness_is_the_best_there_is(model, kernel, rng):
    """Gain and bias fit by least squares, or match mean and contrast."""
    reference, moving, _ = pair_of("affine", rng, noise=3)
    found = pa.align(reference, moving, kernel=kernel, brightness=model)
    problem = Problem(reference=reference, moving=moving, kernel=kernel)
    residual, value, _ = problem.compare(Estimate(found.warp.matrix))
    valid = np.isfinite(residual)
    value, target = value[valid], (value - residual)[valid]
    if model == "gain_bias":
        gain, bias = np.polyfit(value, target, 1)
    else:
        gain = target.std() / value.std()
        bias = target.mean() - gain * value.mean()
    assert found.brightness.gain[0] == pytest.approx(gain, rel=1e-3)
    assert found.brightness.bias[0] == pytest.approx(bias, abs=0.1)


@KINDS
def test_unknown_brightness_makes_the_warp_less_certain(kind, rng):
    reference, moving, _ = pair_of(kind, rng, noise=2)
    known = pa.align(reference, moving, kind, kernel="bspline5_direct")
    for model in ("gain_bias", "normalized"):
        found = pa.align(
            reference, moving, kind, kernel="bspline5_direct", brightness=model
        )
        ratio = found.corner_std / known.corner_std
        assert (ratio > 0.98).all()
        assert (ratio < 1.5).all()


def test_negative_is_no_match(rng):
    reference, moving, _ = pair_of("affine", rng)
    for model in BRIGHTNESS:
        assert not pa.align(reference, 240 - moving, brightness=model).ok


def test_no_brightness_model_means_gain_1_and_bias_0(rng):
    reference, moving, _ = pair_of("translation", rng)
    found = pa.align(reference, moving, "translation").brightness
    assert isinstance(found, pa.Plain)
    assert found.gain.tolist() == [1]
    assert found.bias.tolist() == [0]


def test_names_and_values_mean_the_same():
    for name, cls in BRIGHTNESS.items():
        assert type(as_brightness(name)) is type(as_brightness(cls())) is cls
    with pytest.raises(ValueError, match=r"brightness: .*did you mean 'gain_bias'"):
        as_brightness("gainbias")
