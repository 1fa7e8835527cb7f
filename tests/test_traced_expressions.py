"""Traced expressions of any shape have the values of NumPy and the slopes of jets."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from photalign.warps.tracing import _recorded
from traced_warps import by_jet, evaluated

UNARY = [
    *(np.sin, np.cos, np.tanh, np.arctan, np.abs, np.negative, np.exp, np.expm1),
    *(np.sqrt, np.log, np.log1p, np.square, np.cbrt, np.sign, np.floor, np.rint),
    *(np.arcsin, np.arccos, np.sinh, np.cosh, np.tan, np.arcsinh, np.reciprocal),
    *(lambda x: x**3, lambda x: x**-2, lambda x: x**0.5, lambda x: x**2.5),
]
BINARY = [
    *(np.add, np.subtract, np.multiply, np.divide, np.minimum, np.maximum),
    *(np.fmin, np.fmax, np.hypot, np.arctan2, np.remainder, np.copysign),
    lambda x, y: np.where(x < y, x, 2 * y),
    lambda x, y: np.where((x >= y) | np.isnan(x), y, np.nan),
    lambda x, y: np.where(np.isfinite(x) & ~(y == 0), x, 0.5),
    lambda x, y: np.power(np.abs(x), y),
]


@st.composite
def expressions(draw):
    """Recipes of numbers: an operation, and places of what it takes."""
    recipe = []
    for i in range(draw(st.integers(2, 10))):
        place = st.integers(0, 5 + i)
        if draw(st.booleans()):
            recipe.append((draw(st.sampled_from(UNARY)), draw(place)))
        else:
            recipe.append((draw(st.sampled_from(BINARY)), draw(place), draw(place)))
    return recipe


@given(recipe=expressions())
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_expressions_have_the_values_of_numpy_and_the_derivatives_of_the_jet(recipe):
    def function(p, xy):
        numbers = [xy[:, 0], xy[:, 1], p[0], p[1], np.full(len(xy), 0.75), 2.0 * p[0]]
        for operation, *places in recipe:
            numbers.append(operation(*(numbers[place] for place in places)))
        return np.stack([xy[:, 0] + numbers[-1], p[0] * xy[:, 1] + numbers[-2]], -1)

    params = np.array([0.7, -0.4])
    points = np.random.default_rng(5).uniform(-2, 2, (150, 2))
    mapped, jacobian = evaluated(_recorded(function, 2), params, points)
    with np.errstate(all="ignore"):
        assert_allclose(mapped, function(params, points), rtol=1e-9, atol=1e-9)
    expected = by_jet(function, params, points)[1]
    assert_allclose(jacobian, expected, rtol=2e-5, atol=2e-5)
