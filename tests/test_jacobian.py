"""Derivatives of functions, as arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest

import photalign as pa

X = np.array([0.5, 1.5, -2.0])


def test_jacobian_has_the_shapes_of_result_and_argument(rng):
    x, m = rng.normal(size=(2, 3)), rng.normal(size=(4, 2))
    assert pa.jacobian(lambda a: m @ a)(x).shape == (4, 3, 2, 3)
    assert pa.jacobian(np.sin)(0.3).shape == ()
    assert pa.jacobian(np.sin)(0.3) == pytest.approx(math.cos(0.3))
    assert pa.jacobian(np.sin)(np.float32([1, 2])).dtype == np.float64
    assert pa.jacobian(lambda a, b: a * b)([1, 2], 3).tolist() == [[3, 0], [0, 3]]


def test_jacobian_of_what_does_not_depend_is_0():
    np.testing.assert_array_equal(
        pa.jacobian(lambda x: X)([1.0, 2.0]), np.zeros((3, 2))
    )
    assert pa.jacobian(lambda x: 5)([1.0, 2.0]).shape == (2,)
    first, second = pa.jacobian(lambda x: (x, 1.0))([1.0, 2.0])
    np.testing.assert_array_equal(first, np.eye(2))
    np.testing.assert_array_equal(second, [0, 0])


def test_jacobian_refuses_what_is_no_function_of_an_array():
    with pytest.raises(TypeError, match="f: expected a function"):
        pa.jacobian(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"use np\.stack"):
        pa.jacobian(lambda x: [x[0], x[1]])([1.0, 2.0])
    with pytest.raises(TypeError, match="expected an array as a result"):
        pa.jacobian(lambda x: "text")([1.0])
    outer = pa.Jet.seed([1.0])
    with pytest.raises(ValueError, match="another Jet"):
        pa.jacobian(lambda x: outer)([1.0])
