"""Derivatives by differences: the oracle of jets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import photalign as pa


def by_differences(
    f: Callable[[Any], Any], x: NDArray[np.float64], step: float = 1e-3
) -> NDArray[np.float64]:
    """Differentiate by five points, with an error of about ``step**4``."""
    columns = []
    for k in range(x.size):
        h = np.zeros(x.size)
        h[k] = step
        h = h.reshape(x.shape)
        near, far = f(x + h) - f(x - h), f(x + 2 * h) - f(x - 2 * h)
        columns.append((8 * near - far) / (12 * step))
    return np.stack(columns, axis=-1).reshape(*np.shape(columns[0]), *x.shape)


def assert_exact(f: Callable[[Any], Any], x: Any, atol: float = 1e-8) -> pa.Jet:
    """Check value and derivative of a function; return its jet."""
    x = np.asarray(x, dtype=float)
    jet, value = f(pa.Jet.seed(x)), f(x)
    assert isinstance(jet, pa.Jet)
    assert jet.shape == np.shape(value)
    assert jet.dtype == np.float64
    np.testing.assert_allclose(jet.value, value, rtol=1e-13, atol=1e-14)
    expected = by_differences(f, x)
    found = pa.jacobian(f)(x)
    assert found.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol * scale)
    return jet
