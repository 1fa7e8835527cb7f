"""The sampler inside JAX.

Needs JAX: ``pip install photalign[jax]``.
"""

from __future__ import annotations

try:
    import jax as _jax  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "photalign.autodiff.jax: expected JAX to be installed; pip install "
        "photalign[jax]",
        name=missing.name,
    ) from missing

# The rules of the primitives are there once they are imported.
from photalign.autodiff.jax import _batching, _differentiation  # noqa: F401
from photalign.autodiff.jax._sampler import Sampler

__all__ = ["Sampler"]
