"""Fixtures of all tests."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator whose seed is the name of the test, parameters included."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))


@pytest.fixture(params=["core", "operations"])
def backend(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Sample tensors by the core, or by operations of PyTorch as on other devices."""
    torch = pytest.importorskip("torch")
    from photalign.autodiff.torch import _rule

    if request.param == "operations":
        monkeypatch.setattr(_rule, "CORE_DEVICES", frozenset())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is small is done before a second one is awake
    yield request.param
    torch.set_num_threads(threads)
