"""What holds for every loss: it starts as a square, and its derivatives are its own."""

from __future__ import annotations

import numpy as np
import pytest

from photalign import _core
from photalign.losses import LOSSES, Loss, as_loss

CLASSES = pytest.mark.parametrize("cls", LOSSES.values(), ids=LOSSES.keys())
THRESHOLDS = pytest.mark.parametrize("threshold", [0.02, 1.0, 3.7, 5000.0])
# Squared residuals in units of the squared threshold, none on the knots at 1.
SQUARES = np.array([1e-6, 0.01, 0.3, 0.9, 1.1, 2.0, 7.0, 100.0, 1e4])
BOUNDS = {"tukey": 1 / 3, "geman_mcclure": 1.0}  # of rho, over the squared threshold
REDESCENDING = ("cauchy", "tukey", "geman_mcclure")


def at(cls: type[Loss], threshold: float, squares) -> np.ndarray:
    """Return rho, weight and slope at squared residuals, from the core."""
    return _core.loss(cls.code, threshold, np.atleast_1d(squares).astype(float))


def differences(function, x: np.ndarray) -> np.ndarray:
    step = 1e-5 * x
    return (function(x + step) - function(x - step)) / (2 * step)


@CLASSES
@THRESHOLDS
def test_loss_starts_as_the_square(cls, threshold):
    np.testing.assert_array_equal(at(cls, threshold, 0.0), [[0, 1, 1]])


@CLASSES
@THRESHOLDS
def test_weight_is_the_derivative_of_rho(cls, threshold):
    squares = SQUARES * threshold**2
    expected = differences(lambda s: at(cls, threshold, s)[:, 0], squares)
    np.testing.assert_allclose(
        at(cls, threshold, squares)[:, 1], expected, rtol=1e-5, atol=1e-9
    )


@CLASSES
@THRESHOLDS
def test_slope_is_the_derivative_of_the_influence(cls, threshold):
    residuals = np.sqrt(SQUARES) * threshold
    expected = differences(lambda r: at(cls, threshold, r**2)[:, 1] * r, residuals)
    np.testing.assert_allclose(
        at(cls, threshold, residuals**2)[:, 2], expected, rtol=1e-5, atol=1e-8
    )


@CLASSES
@THRESHOLDS
def test_rho_grows_slower_and_slower(cls, threshold):
    rho, weight, _ = at(cls, threshold, np.sort(SQUARES) * threshold**2).T
    assert (np.diff(rho) >= 0).all()
    assert (np.diff(weight) <= 0).all()
    assert ((weight >= 0) & (weight <= 1)).all()


@CLASSES
@THRESHOLDS
def test_all_derivatives_are_continuous_but_the_slope(cls, threshold):
    knot = threshold**2 * np.array([1 - 1e-9, 1 + 1e-9])
    rho, weight, _ = at(cls, threshold, knot).T
    assert rho[1] == pytest.approx(rho[0], rel=1e-6)
    assert weight[1] == pytest.approx(weight[0], abs=1e-6)


@CLASSES
def test_far_outliers(cls):
    """Only bounded losses stop growing; the influence ends only where it redescends."""
    rho, weight, slope = at(cls, 1.0, 1e12)[0]
    influence = weight * 1e6
    if cls.name in BOUNDS:
        assert rho == pytest.approx(BOUNDS[cls.name])
    else:
        assert rho > 20
    if cls.name in REDESCENDING:
        assert influence < 1e-5
        assert slope <= 0
    if cls.name == "huber":
        assert influence == pytest.approx(1)
        assert slope == 0
    if cls.name == "squared":
        assert influence == 1e6


def test_outliers_beyond_tukeys_threshold_count_nothing():
    np.testing.assert_array_equal(
        at(LOSSES["tukey"], 2.0, [4.0, 9.0])[:, 1:], np.zeros((2, 2))
    )


def efficiency(loss: Loss) -> float:
    """Compare with the mean on normal noise: (E psi')^2 / E psi^2 (Huber, 1964)."""
    r = np.linspace(-12, 12, 24001)
    density = np.exp(-(r**2) / 2) / np.sqrt(2 * np.pi) * (r[1] - r[0])
    _, weight, slope = at(type(loss), loss.tuning, r**2).T
    return (slope @ density) ** 2 / ((weight * r) ** 2 @ density)


@CLASSES
def test_default_tuning_is_95_percent_efficient(cls):
    expected = 1 if cls.name == "squared" else 0.95
    assert efficiency(cls()) == pytest.approx(expected, abs=0.003)


def test_robust_preset_costs_a_twelfth_of_the_precision():
    # The precision goes with the root of the efficiency.
    assert np.sqrt(efficiency(as_loss("robust"))) == pytest.approx(0.92, abs=0.01)


@CLASSES
def test_scale_is_the_unit_of_residuals(cls):
    squares = SQUARES * 9
    rho, weight = cls(scale=1.0)(squares)
    scaled_rho, scaled_weight = cls(scale=5.0)(25 * squares)
    np.testing.assert_allclose(scaled_rho, 25 * rho)
    np.testing.assert_allclose(scaled_weight, weight)


@CLASSES
def test_calls_keep_the_shape(cls):
    for squares in (2.0, [1.0, 2.0], np.ones((2, 0, 3)), np.ones((2, 3), "f4")[::-1]):
        rho, weight = cls()(squares)
        assert rho.shape == weight.shape == np.shape(squares)
        assert rho.dtype == weight.dtype == np.float64


@CLASSES
def test_names_and_values_mean_the_same(cls):
    assert as_loss(cls.name) == cls()
    value = cls(scale=3.0)
    assert as_loss(value) is value


@pytest.mark.parametrize("field", ["scale", "tuning"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.inf, np.nan, "1"])
@CLASSES
def test_thresholds_are_positive_numbers(cls, field, value):
    with pytest.raises(ValueError, match=f"{field}: expected a positive finite number"):
        cls(**{field: value})


def test_unknown_loss_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'tukey'"):
        as_loss("tuckey")
