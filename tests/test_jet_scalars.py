"""Python numbers beside jets: they are as exact as the jets are."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa

VALUES = np.array([0.3, -1.7, 2.9])

WITH_A_NUMBER = {
    "where": lambda a, s: np.where(a > 0, a, s),
    "where, the other way": lambda a, s: np.where(a > 0, s, a),
    "stack": lambda a, s: np.stack([a[0], s, a[1]]),
    "vstack": lambda a, s: np.vstack([a[0], s]),
    "hstack": lambda a, s: np.hstack([s, a]),
    "dstack": lambda a, s: np.dstack([a[1], s]),
    "column_stack": lambda a, s: np.column_stack([a[0], s]),
    "inner": lambda a, s: np.inner(a, s),
    "outer": lambda a, s: np.outer(s, a),
    "kron": lambda a, s: np.kron(a, s),
    "dot": lambda a, s: np.dot(s, a),
    "tensordot": lambda a, s: np.tensordot(a, s, 0),
    "einsum": lambda a, s: np.einsum("i,,i->i", a, s, a),
    "multiply.outer": lambda a, s: np.multiply.outer(a, s),
    "clip": lambda a, s: np.clip(a, -s, s),
    "full_like": lambda a, s: np.full_like(a, s),
    "hypot": lambda a, s: np.hypot(s, a),
    "power": lambda a, s: np.power(abs(a), s),
    "add": lambda a, s: s + a,
    "divide": lambda a, s: a / s,
}


@pytest.mark.parametrize("number", [0.1, 3, True])
@pytest.mark.parametrize("function", WITH_A_NUMBER.values(), ids=WITH_A_NUMBER)
def test_numbers_are_not_rounded_beside_jets_of_float64(function, number):
    if number is True and function is WITH_A_NUMBER["clip"]:
        number = 1  # NumPy cannot negate a truth
    found = function(pa.Jet.seed(VALUES), number)
    np.testing.assert_array_equal(found.value, function(VALUES, number))
    assert found.dtype == found.jacobian().dtype == np.float64


@pytest.mark.parametrize("function", WITH_A_NUMBER.values(), ids=WITH_A_NUMBER)
def test_numbers_leave_jets_of_float32_as_they_are(function):
    found = function(pa.Jet.seed(VALUES.astype("f4")), 0.1)
    assert found.dtype == found.jacobian().dtype == np.float32


def test_numbers_are_as_exact_as_the_most_exact_operand():
    single = pa.Jet.seed(VALUES.astype("f4"))
    found = np.einsum("i,i,->i", single, np.ones(3), 0.1)
    np.testing.assert_array_equal(found.value, VALUES.astype("f4").astype("f8") * 0.1)
    assert found.dtype == np.float64


def test_where_of_plain_choices_is_that_of_numpy():
    jet = pa.Jet.seed(VALUES)
    assert np.where(jet, 1, 2).dtype == np.where(VALUES, 1, 2).dtype
    np.testing.assert_array_equal(np.where(jet, 0.1, 0.2), np.where(VALUES, 0.1, 0.2))


@pytest.mark.parametrize("program", range(200))
def test_values_of_programs_with_numbers_are_those_of_numpy_bit_by_bit(program):
    def run(a):
        rng = np.random.default_rng(program)
        for _ in range(6):
            function = rng.choice(list(WITH_A_NUMBER.values()))
            number = [rng.uniform(0.1, 3), int(rng.integers(1, 9))][rng.integers(2)]
            a = np.ravel(function(a, number))
            a = np.hstack([np.tanh(a), 0.7, 2])[:3]
        return a

    found = run(pa.Jet.seed(VALUES))
    np.testing.assert_array_equal(found.value, run(VALUES))
