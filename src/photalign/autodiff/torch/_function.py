"""Functions of parameters and points that are written in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_Doubles = NDArray[np.float64]


class DifferentiatedFunction:
    """A function with its derivatives, from NumPy's arrays to NumPy's.

    Parameters
    ----------
    function : callable
        ``function(p, xy)`` of parameters, shape (P,), and points, shape (N, 2), both
        float64 tensors on the CPU, in operations that `torch.func` derives.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        def twice(p: Any, xy: Any) -> tuple[Any, Any]:
            mapped = function(p, xy)
            return mapped, mapped

        self._function = function
        self._both = torch.func.jacfwd(twice, has_aux=True)

    def __call__(self, params: _Doubles, points: _Doubles) -> NDArray[Any]:
        """Map points (N, 2)."""
        with torch.no_grad():
            return _as_array(
                self._function(
                    torch.from_numpy(params.copy()), torch.from_numpy(points)
                )
            )

    def with_jacobian(
        self, params: _Doubles, points: _Doubles
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Map points (N, 2), and differentiate by the parameters, (N, 2, P)."""
        jacobian, mapped = self._both(
            torch.from_numpy(params.copy()), torch.from_numpy(points)
        )
        return _as_array(mapped), _as_array(jacobian)


def _as_array(tensor: Any) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())
