"""How functions of each kind are evaluated, a block of points at a time.

An evaluator is called with parameters (P,) and points (N, 2), and writes mapped points
(N, 2) and, unless it gets None, derivatives (P, 2, N), float32.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from photalign import _core

BACKENDS = ("numpy", "jax", "torch")

_Doubles = NDArray[np.float64]
_Planes = NDArray[np.float32]

_SIGNATURE = re.compile(
    r"void \(double \*, (long|long long|int64_t|intptr_t|ssize_t|npy_intp|Py_ssize_t), "
    r"double \*, double \*, double \*(?P<data>, void \*)?\)"
)


class Evaluator(Protocol):
    """What `_core.PythonWarp` calls."""

    def __call__(
        self,
        params: _Doubles,
        points: _Doubles,
        mapped: _Doubles,
        jacobian: _Planes | None,
    ) -> None: ...


def evaluator(
    function: Any,
    n_params: int,
    jacobian: Callable[..., Any] | None,
    backend: str,
) -> _core.PointWarp:
    """Return what the core calls for a function of the user's.

    Parameters
    ----------
    function : callable or scipy.LowLevelCallable
    n_params : int
    jacobian : callable or None
    backend : str
        One of `BACKENDS`.

    Raises
    ------
    TypeError, ValueError
        If the function cannot be called, or has another signature.
    """
    if type(function).__name__ == "LowLevelCallable":
        return _compiled(function, n_params, jacobian, backend)
    if any(cls.__module__ == "_ctypes" for cls in type(function).__mro__):
        raise TypeError(
            "function: expected a callable of Python or a scipy.LowLevelCallable, got "
            "a function of ctypes; pass LowLevelCallable(function)"
        )
    if not callable(function):
        raise TypeError(f"function: expected a callable, got {function!r}")
    if jacobian is not None and not callable(jacobian):
        raise TypeError(f"jacobian: expected a callable, got {jacobian!r}")
    evaluate: Evaluator
    if jacobian is not None:
        evaluate = _WithJacobian(function, jacobian)
    elif backend == "jax":
        from photalign.autodiff.jax import _function as in_jax

        evaluate = _Differentiated(in_jax.DifferentiatedFunction(function))
    elif backend == "torch":
        from photalign.autodiff.torch import _function as in_torch

        evaluate = _Differentiated(in_torch.DifferentiatedFunction(function))
    else:
        evaluate = ByJet(function)
    return _core.PythonWarp(_Shielded(evaluate), n_params)


def _compiled(
    function: Any, n_params: int, jacobian: Callable[..., Any] | None, backend: str
) -> _core.PointWarp:
    if backend != "numpy":
        raise ValueError(
            f"backend: expected the default with a LowLevelCallable, got {backend!r}"
        )
    if jacobian is not None:
        raise ValueError(
            "jacobian: expected None with a LowLevelCallable, which writes its own"
        )
    signature = _SIGNATURE.fullmatch(function.signature)
    if signature is None:
        raise ValueError(
            "function: expected a LowLevelCallable of signature 'void (double *, "
            f"intptr_t, double *, double *, double *)', got {function.signature!r}"
        )
    if signature["data"] and function.user_data is None:
        raise ValueError(
            "function: expected a LowLevelCallable with user_data, since its signature "
            f"takes some, got one without: {function.signature!r}"
        )
    capsule = tuple.__getitem__(function, 0)
    return _core.CompiledWarp(capsule, n_params, signature["data"] is not None)


class _Shielded:
    """An evaluator whose arrays, which end with the call, no traceback keeps."""

    def __init__(self, evaluate: Evaluator) -> None:
        self.evaluate = evaluate

    def __call__(
        self,
        params: _Doubles,
        points: _Doubles,
        mapped: _Doubles,
        jacobian: _Planes | None,
    ) -> None:
        try:
            self.evaluate(params, points, mapped, jacobian)
        except BaseException as error:
            del mapped, jacobian
            own = error.__traceback__ and error.__traceback__.tb_next
            while own and own.tb_frame.f_code.co_filename == __file__:
                own.tb_frame.clear()
                own = own.tb_next
            raise


class _WithJacobian:
    """A function and its derivatives, both written by the user."""

    def __init__(
        self, function: Callable[..., Any], jacobian: Callable[..., Any]
    ) -> None:
        self.function = function
        self.jacobian = jacobian

    def __call__(
        self,
        params: _Doubles,
        points: _Doubles,
        mapped: _Doubles,
        jacobian: _Planes | None,
    ) -> None:
        _write_points(self.function(params, points), mapped)
        if jacobian is not None:
            _write_jacobian(self.jacobian(params, points), jacobian)


class _Differentiated:
    """A function that another system differentiates."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(
        self,
        params: _Doubles,
        points: _Doubles,
        mapped: _Doubles,
        jacobian: _Planes | None,
    ) -> None:
        with _explained('a function in NumPy takes backend="numpy"'):
            if jacobian is None:
                _write_points(self.function(params, points), mapped)
                return
            values, derivatives = self.function.with_jacobian(params, points)
        _write_points(values, mapped)
        _write_jacobian(derivatives, jacobian)


class ByJet:
    """A function in NumPy, differentiated by dual numbers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(
        self,
        params: _Doubles,
        points: _Doubles,
        mapped: _Doubles,
        jacobian: _Planes | None,
    ) -> None:
        with _explained(
            'a function in JAX takes backend="jax", one in PyTorch backend="torch"; '
            "one that Jet cannot differentiate takes jacobian="
        ):
            if jacobian is None:
                _write_points(self.function(params, points), mapped)
                return
            from photalign.autodiff import Jet
            from photalign.autodiff._motions import motion_of

            result = self.function(Jet.seed(params), points)
        if not isinstance(result, Jet):  # it does not depend on the parameters
            _write_points(result, mapped)
            jacobian[...] = 0
            return
        _expect_shape(result.shape, mapped)
        motion = motion_of(result, 2)
        with np.errstate(over="ignore"):  # in float32
            for axis in (0, 1):
                mapped[:, axis] = motion.coordinates[axis]
                for k, plane in enumerate(jacobian):
                    plane[axis] = motion.partials[axis].get(k, 0.0)


@contextmanager
def _explained(note: str) -> Iterator[None]:
    """Add to an error that may come from a function of another kind what to do."""
    try:
        yield
    except (TypeError, AttributeError) as error:
        error.add_note(f"photalign.warp: {note}")
        raise


def _write_points(result: Any, mapped: _Doubles) -> None:
    points = np.asarray(result)
    _expect_shape(points.shape, mapped)
    if points.dtype.kind not in "iuf":
        raise TypeError(
            f"function: expected real numbers from function(p, xy), got {points.dtype}"
        )
    mapped[...] = points


def _expect_shape(shape: tuple[int, ...], mapped: _Doubles) -> None:
    if shape != mapped.shape:
        hint = (
            "; np.stack([x, y], axis=-1) has it" if shape == mapped.shape[::-1] else ""
        )
        raise ValueError(
            f"function: expected points of shape {mapped.shape} from function(p, xy), "
            f"got shape {shape}{hint}"
        )


def _write_jacobian(result: Any, jacobian: _Planes) -> None:
    n_params, _, count = jacobian.shape
    derivatives = np.asarray(result)
    if derivatives.shape != (count, 2, n_params):
        raise ValueError(
            f"jacobian: expected shape {(count, 2, n_params)}, that is (N, 2, P), from "
            f"jacobian(p, xy), got {derivatives.shape}"
        )
    jacobian[...] = np.moveaxis(derivatives, 0, -1).swapaxes(0, 1)
