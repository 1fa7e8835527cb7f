"""Fixtures of all tests."""

from __future__ import annotations

import zlib

import numpy as np
import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator whose seed is the name of the test, parameters included."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))
