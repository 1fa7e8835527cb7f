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

from photalign.autodiff.jax._sampler import Sampler

__all__ = ["Sampler"]
