"""Arrays that come into jets and go out of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from photalign._checks import as_array
from photalign._types import Array
from photalign.autodiff._protocols import Protocols

_TYPES = (np.dtype("f8"), np.dtype("f4"))


def as_real(value: ArrayLike, name: str) -> Array:
    """Read float32 as it is, all other real numbers as float64."""
    if type(value) is np.ndarray and value.dtype in _TYPES:
        return value
    if isinstance(value, list | tuple) and any(isinstance(v, Protocols) for v in value):
        raise TypeError(f"{name}: expected numbers, got jets; use np.stack")
    array = as_array(value, name)
    return array if array.dtype in _TYPES else array.astype(np.float64)


def read_only(array: Array) -> Array:
    """Return a view that is not to be written."""
    view = array.view()
    view.flags.writeable = False
    return view
