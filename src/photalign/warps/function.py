"""The warp that is a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photalign import _core
from photalign._checks import as_points, boolean, choice
from photalign.warps._derivatives import (
    check_derivatives,
    check_points,
    image_points,
    moved,
)
from photalign.warps._evaluators import BACKENDS, evaluator
from photalign.warps._reading import read_numbers
from photalign.warps.base import Warp

# Points of an image's first pixels: what any function of points can be asked for.
_FIRST = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]


class FunctionWarp(Warp):
    """A map from reference points to moving points that is a function; see `warp`.

    Attributes
    ----------
    function : callable
        Maps parameters and points to points.

    Examples
    --------
    >>> import photalign as pa
    >>> zoom = pa.warp(lambda p, xy: p[0] * xy, [2.0], name="zoom")
    >>> zoom
    FunctionWarp(zoom, p0=2)
    >>> zoom([3.0, 4.0])
    array([6., 8.])
    >>> zoom.with_params([0.5]).jacobian([3.0, 4.0])
    array([[3.],
           [4.]])
    """

    __slots__ = (
        "_checked",
        "_given",
        "_params",
        "compiled",
        "function",
        "n_params",
        "name",
        "param_names",
    )

    function: Any
    compiled: _core.PointWarp
    _given: dict[str, Any]
    _checked: list[bool]
    _params: NDArray[np.float64]

    def __init__(
        self,
        function: Any,
        params: ArrayLike,
        *,
        jacobian: Callable[..., Any] | None = None,
        backend: str = "numpy",
        param_names: Sequence[str] | None = None,
        name: str | None = None,
        trace: bool = True,
    ) -> None:
        p0 = read_numbers("p0", params).astype(np.float64)
        if p0.ndim != 1 or p0.size == 0:
            raise ValueError(
                "p0: expected shape (P,), one number for each parameter, got shape "
                f"{p0.shape}"
            )
        p0.setflags(write=False)
        given = {
            "jacobian": jacobian,
            "backend": choice(backend, BACKENDS, "backend"),
            "param_names": _names(param_names, p0.size),
            "name": _name(name, function),
            "trace": boolean(trace, "trace"),
        }
        attributes = {
            "function": function,
            "n_params": p0.size,
            "param_names": given["param_names"],
            "name": given["name"],
            "compiled": evaluator(function, p0.size, jacobian, backend),
            "_given": given,
            "_checked": [],  # shared by the same warp with other parameters
            "_params": p0,
        }
        for attribute, value in attributes.items():
            object.__setattr__(self, attribute, value)
        self(_FIRST)  # a function that returns anything but points says so now
        if self._is_traceable():
            traced = _tracing().trace(function, p0) or self.compiled
            object.__setattr__(self, "compiled", traced)

    def _is_traceable(self) -> bool:
        given = self._given
        return (
            given["trace"]
            and given["backend"] == "numpy"
            and given["jacobian"] is None
            and isinstance(self.compiled, _core.PythonWarp)
        )

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: warps are values."""
        raise AttributeError(
            f"{name}: a warp cannot be changed; warp.with_params(...) makes another"
        )

    def with_params(self, params: ArrayLike) -> FunctionWarp:
        """Return the same warp with other parameters.

        Parameters
        ----------
        params : array_like of real numbers, shape (n_params,)

        Returns
        -------
        FunctionWarp
        """
        numbers = read_numbers("params", params)
        if numbers.shape != (self.n_params,):
            raise ValueError(
                f"params: expected shape ({self.n_params},), that is "
                f"({', '.join(self.param_names)}), got shape {numbers.shape}"
            )
        own = numbers.astype(np.float64)
        own.setflags(write=False)
        other = object.__new__(FunctionWarp)
        for attribute in FunctionWarp.__slots__:
            value = own if attribute == "_params" else getattr(self, attribute)
            object.__setattr__(other, attribute, value)
        return other

    @property
    def params(self) -> NDArray[np.float64]:
        """The parameters, float64, shape (n_params,), read-only."""
        return self._params

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points (..., 2); see `Warp`."""
        xy = as_points(points)
        mapped = np.empty(xy.shape)
        self.compiled.map(self._params, np.ascontiguousarray(xy), mapped, None)
        return mapped

    def jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Differentiate by the parameters, shape (..., 2, n_params), to float32."""
        xy = as_points(points)
        mapped = np.empty(xy.shape)
        planes = np.empty((self.n_params, 2, xy.size // 2), np.float32)
        self.compiled.map(self._params, np.ascontiguousarray(xy), mapped, planes)
        columns = np.moveaxis(planes, -1, 0).swapaxes(1, 2).astype(np.float64)
        return columns.reshape(*xy.shape, self.n_params)

    def point_jacobian(self, points: ArrayLike) -> NDArray[np.float64]:
        """Differentiate by the points, shape (..., 2, 2): differences over 0.02 px."""
        xy = as_points(points)
        step = 0.01
        columns = [
            (self(xy + offset) - self(xy - offset)) / (2 * step)
            for offset in step * np.eye(2)
        ]
        return np.stack(columns, axis=-1)

    def check(self, shape: Sequence[int]) -> None:
        """Compare the derivatives with differences, at points all over an image.

        It also maps the points by themselves, which must not matter.

        `photalign.align` does so when it is first given the warp.

        Parameters
        ----------
        shape : sequence of int
            ``image.shape``: rows, columns, and maybe channels.

        Raises
        ------
        ValueError
            If they do not agree.
        """
        points = image_points(shape)
        check_points(self, points)
        # At the start, what a function should not depend on may cancel.
        check_points(moved(self, points), points)
        check_derivatives(self, points)
        self._checked.append(True)

    @property
    def is_checked(self) -> bool:
        """Whether its derivatives were found to be right."""
        return bool(self._checked)

    @property
    def is_traced(self) -> bool:
        """Whether the function was recorded and runs without Python; see `warp`."""
        return isinstance(self.compiled, _core.TapedWarp)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"warp": name, "params": numbers}``; the function is not in it."""
        return {"warp": self.name, "params": self._params.tolist()}

    def __eq__(self, other: object) -> bool:
        """Compare function and parameters."""
        if not isinstance(other, FunctionWarp):
            return NotImplemented
        return (
            self.function == other.function
            and self._given == other._given
            and np.array_equal(self._params, other._params)
        )

    def __hash__(self) -> int:
        """Hash of name and parameters."""
        return hash((self.name, self._params.tobytes()))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy through the constructor, if the function can be pickled."""
        return _rebuilt, (self.function, self._params, self._given)

    def __repr__(self) -> str:
        """Show name and parameters, to six digits."""
        named = zip(self.param_names, self._params, strict=True)
        values = "".join(f", {name}={value:.6g}" for name, value in named)
        return f"FunctionWarp({self.name}{values})"


def warp(
    function: Any,
    p0: ArrayLike,
    *,
    jacobian: Callable[..., Any] | None = None,
    backend: str = "numpy",
    param_names: Sequence[str] | None = None,
    name: str | None = None,
    trace: bool = True,
) -> FunctionWarp:
    """Make a warp of a function, for `align` and wherever a warp is taken.

    Parameters
    ----------
    function : callable or scipy.LowLevelCallable
        ``function(p, xy)`` maps points ``xy``, float64, shape (N, 2), of the reference
        to points of the moving image, px at full resolution, shape (N, 2), NaN where
        there is nothing to see. ``p`` holds the parameters, shape (P,). It is called
        for blocks of points, of which it must treat each alike, and maybe from several
        threads.

        In machine code it is ``void (double *p, intptr_t n, double *xy, double
        *mapped, double *jacobian)``, with the last of shape (n, 2, P), and is called
        without Python in between; see `scipy.LowLevelCallable` and ``numba.cfunc``.
    p0 : array_like of real numbers, shape (P,)
        Parameters to start from.
    jacobian : callable, optional
        ``jacobian(p, xy)``, shape (N, 2, P). By default NumPy functions are
        differentiated by `Jet`, others by their own system.
    backend : {"numpy", "jax", "torch"}
        What the function is written in. JAX functions are compiled, in float64.
    param_names : sequence of str, optional
        By default p0, p1, ...
    name : str, optional
        By default the function's.
    trace : bool
        Whether to record what a NumPy function computes, once, and run the record
        without Python; see Notes.

    Returns
    -------
    FunctionWarp

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the function returns anything but
        points. Its derivatives are compared with differences by `align`, which raises
        ValueError if they disagree.

    Notes
    -----
    Steps of the optimizer add to the parameters, in units in which these move the
    pixels alike; they may be of any size and of any dependence but a complete one.

    A NumPy function is *traced*: it is called once with arrays that record the
    operations on them. The record, and its exact derivatives, run in the core on blocks
    of points. It is used if it agrees with the function, and its derivatives with those
    of `Jet`, at a few hundred points and for several parameters. A function that cannot
    be recorded, since it decides by the values of parameters or points, assigns to
    entries of a plain array or calls what is not NumPy, runs in Python as it is;
    `FunctionWarp.is_traced` tells. What a function reads beside its arguments is read
    when it is traced: pass ``trace=False`` if that may change.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> def zoom(p, xy):
    ...     center = np.array([80.0, 60.0])
    ...     return center + np.exp(p[0]) * (xy - center)
    >>> y, x = np.mgrid[0:120, 0:160]
    >>> def scene(x, y):
    ...     return 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y) + 0.2 * x
    >>> moving = scene(80 + (x - 80) / 1.05, 60 + (y - 60) / 1.05)
    >>> result = pa.align(scene(x, y), moving, pa.warp(zoom, p0=[0.0]))
    >>> result.ok, round(float(np.exp(result.warp.params[0])), 4)
    (True, 1.05)
    """
    return FunctionWarp(
        function,
        p0,
        jacobian=jacobian,
        backend=backend,
        param_names=param_names,
        name=name,
        trace=trace,
    )


def _tracing() -> Any:
    # Not needed by those who have no function of their own.
    from photalign.warps import tracing

    return tracing


def _rebuilt(function: Any, params: Any, given: dict[str, Any]) -> FunctionWarp:
    return FunctionWarp(function, params, **given)


def _name(name: str | None, function: Any) -> str:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name: expected a string, got {name!r}")
    return name or getattr(function, "__name__", None) or "function"


def _names(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"p{i}" for i in range(count))
    given = tuple(names)
    if isinstance(names, str) or len(set(given)) != count or len(given) != count:
        raise ValueError(
            f"param_names: expected {count} different names, got {names!r}"
        )
    if not all(isinstance(name, str) for name in given):
        raise TypeError(f"param_names: expected strings, got {names!r}")
    return given
