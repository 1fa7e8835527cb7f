"""The weights of a kernel's taps, and all their derivatives, in JAX."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from photalign.autodiff._polynomials import weight_polynomials
from photalign.kernels import KERNELS

# A prefilter makes no difference here.
_BY_CODE = {kernel.code: kernel for kernel in KERNELS.values()}


def tap_weights(code: int, t: Any, derivative: int) -> Any:
    """Return a derivative of the weights of all taps.

    Parameters
    ----------
    code : int
        Of the kernel, in the core's list.
    t : jax.Array
        How far into their cell points are.
    derivative : int
        Its order; 0 for the weights themselves.

    Returns
    -------
    jax.Array, shape of `t` with an axis of taps behind it, same dtype
        By Horner's rule, in the type of `t`.
    """
    table = weight_polynomials(_BY_CODE[code], derivative).astype(t.dtype)
    t = t[..., np.newaxis]
    weights = jnp.broadcast_to(table[:, -1], (*t.shape[:-1], len(table)))
    for power in range(table.shape[1] - 2, -1, -1):
        weights = weights * t + table[:, power]
    return weights
