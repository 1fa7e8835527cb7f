"""Residuals of one's own as functions of parameters, for general least squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import numpy as np

from photalign._checks import as_array, as_points
from photalign._observations import Observations, differentiable
from photalign._types import Array, ArrayLike, BoolArray, FloatArray
from photalign.autodiff import jacobian as derivative
from photalign.brightness import Brightness
from photalign.sampling import Sampler
from photalign.warps import FunctionWarp, MatrixWarp, Warp
from photalign.warps.names import warp_class

__all__ = ["residuals"]

_Model = type[MatrixWarp] | FunctionWarp
PointMap = Callable[[FloatArray, FloatArray], ArrayLike]
"""From parameters and points to mapped points, or to their derivatives."""
VectorFunction = Callable[[ArrayLike], FloatArray]
"""From unknowns to residuals, or to their Jacobian."""


def residuals(
    sampler: Sampler,
    warp: str | type[MatrixWarp] | FunctionWarp | PointMap,
    reference: ArrayLike,
    points: ArrayLike | None = None,
    *,
    jacobian: PointMap | None = None,
    weights: ArrayLike | None = None,
    gain: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    brightness: str | Brightness = "none",
    min_overlap: float = 0.25,
) -> tuple[VectorFunction, VectorFunction]:
    """Make the residuals of a warp and their Jacobian, as functions of its parameters.

    They are what ``scipy.optimize.least_squares(fun, x0, jac)`` takes, and any other
    solver that wants vectors. The residual is ``gain * sampler(warp(points)) + bias -
    reference``, times the root of its weight. There is one for each channel of each
    point, M in all, in the order of the reference; where it is invalid, it and its row
    of the Jacobian are 0. Where only the row is not finite, it is 0, and the residual
    stays as it is.

    Parameters
    ----------
    sampler : Sampler
        The moving image; its kernel must have derivatives.
    warp : str, type, FunctionWarp or callable
        "translation", "euclidean", "similarity", "affine", "homography" or the class of
        one, or what `photalign.warp` made, with the parameters of ``warp.params``; or a
        function of parameters, shape (P,), and points, shape (N, K), that returns
        points as the sampler takes them, shape (N, ndim).
    reference : array_like, shape (...) or (..., C)
        The values that the samples should have; what is not finite is left out.
    points : array_like, shape (..., K), optional
        Points of the reference, as the warp takes them. By default the reference is an
        image, a signal or a volume, and these are its pixels, in the sampler's order of
        coordinates.
    jacobian : callable, optional
        For a function of your own: derivatives of the mapped points by the parameters,
        from the same arguments, shape (N, ndim, P). By default the function is given
        a `Jet` of parameters; it must then be made of NumPy functions that this knows.
    weights : array_like, shape (...) or (..., C), optional
        Of the squared residuals, 0 or more; a mask is one, too.
    gain, bias : float or array_like, shape (C,)
        The brightness of the samples, for all channels or each.
    brightness : {"none", "gain_bias"}
        With "gain_bias" the unknowns are the P parameters, then gain and bias of the
        first channel, of the second, and so on; `gain` and `bias` are not used.
    min_overlap : float
        With less than this share of the reference in view all residuals are NaN, since
        a warp that shows nothing would have no residuals at all. SciPy's "trf" and
        "dogbox" answer with a smaller step; "lm" does not know NaN.

    Returns
    -------
    fun : callable
        Residuals, shape (M,), float64.
    jac : callable
        Their derivatives by the unknowns, shape (M, P) or with gains and biases
        (M, P + 2 C), float64. At the unknowns that `fun` saw last, the image is not
        sampled again.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    See Also
    --------
    photalign.linearize : The normal equations, without a Jacobian in memory.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> from scipy.optimize import least_squares
    >>> y, x = np.mgrid[0:40, 0:60]
    >>> scene = lambda x, y: 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    >>> moving = pa.Sampler(scene(x, y), "bspline3")
    >>> reference = scene(x + 1.5, y - 0.5)
    >>> fun, jac = pa.residuals(moving, "translation", reference)
    >>> least_squares(fun, [0, 0], jac, loss="soft_l1").x.round(2)
    array([ 1.5, -0.5])
    """
    differentiable(sampler, "residuals")
    if not 0 <= min_overlap <= 1:
        raise ValueError(
            f"min_overlap: expected a share from 0 to 1, got {min_overlap!r}"
        )
    if points is None:
        given = _pixels(np.shape(reference), sampler)
    else:
        given = as_array(points, "points").astype(np.float64, copy=False)
        if given.ndim == 0:
            raise ValueError("points: expected shape (..., K), got ()")
    observed = Observations.read(
        sampler,
        reference,
        weights,
        shape=given.shape[:-1],
        gain=gain,
        bias=bias,
        brightness=brightness,
    )
    move, differentiate = _point_maps(warp, jacobian)
    rows = given.reshape(-1, given.shape[-1])
    if isinstance(warp, str | type):
        as_points(rows)
    problem = _Residuals(
        sampler=sampler,
        move=partial(move, points=rows),
        differentiate=partial(differentiate, points=rows),
        observed=observed,
        min_overlap=min_overlap,
    )
    return problem.residuals, problem.jacobian


def _pixels(shape: tuple[int, ...], sampler: Sampler) -> FloatArray:
    if len(shape) < sampler.ndim:
        raise ValueError(
            f"reference: expected {sampler.ndim} axes of pixels where no points are "
            f"given, got shape {shape}"
        )
    axes = np.indices(shape[: sampler.ndim], dtype=np.float64)
    return np.stack(list(axes if sampler.indexing == "ij" else axes[::-1]), axis=-1)


def _point_maps(
    warp: str | type[MatrixWarp] | FunctionWarp | PointMap, jacobian: PointMap | None
) -> tuple[Callable[..., ArrayLike], Callable[..., ArrayLike]]:
    is_class = isinstance(warp, type) and issubclass(warp, MatrixWarp)
    if isinstance(warp, str | FunctionWarp) or is_class:
        if jacobian is not None:
            raise TypeError(
                "jacobian: expected None for a warp that knows its own, "
                f"got {type(jacobian).__name__}"
            )
        known = warp_class(warp) if isinstance(warp, str) else cast("_Model", warp)
        return partial(_map, known), partial(_differentiate, known)
    if not callable(warp):
        raise TypeError(
            "warp: expected a name, a class of warps or a function of parameters and "
            f"points, got {type(warp).__name__}"
        )
    own = cast("PointMap", warp)
    by_params = derivative(own) if jacobian is None else jacobian
    return (
        lambda params, points: own(params, points),
        lambda params, points: by_params(params, points),
    )


def _with_params(known: _Model, params: FloatArray) -> Warp | None:
    if params.shape != (known.n_params,):
        raise ValueError(
            f"params: expected the {known.n_params} of {known.name}, got {len(params)}"
        )
    try:
        if isinstance(known, FunctionWarp):
            return known.with_params(params)
        return known.from_params(params)
    except ValueError:  # not finite, or not invertible
        return None


def _map(known: _Model, params: FloatArray, points: FloatArray) -> FloatArray:
    warp = _with_params(known, params)
    return np.full(points.shape, np.nan) if warp is None else warp(points)


def _differentiate(known: _Model, params: FloatArray, points: FloatArray) -> FloatArray:
    warp = _with_params(known, params)
    if warp is None:
        return np.full((*points.shape, known.n_params), np.nan)
    return warp.jacobian(points)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Samples:
    """What is remembered of the last unknowns."""

    unknowns: FloatArray
    values: Array  # (N, C)
    gradients: Array  # (N, C, ndim)
    used: BoolArray  # (N, C)


@dataclass(kw_only=True, eq=False)
class _Residuals:
    sampler: Sampler
    move: Callable[[FloatArray], ArrayLike]
    differentiate: Callable[[FloatArray], ArrayLike]
    observed: Observations
    min_overlap: float
    _usable: BoolArray = field(init=False)
    _target: FloatArray = field(init=False)
    _root: FloatArray = field(init=False)
    _last: _Samples | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        observed = self.observed
        self._usable = observed.used
        self._target = np.where(self._usable, observed.reference, 0.0)
        weights = 1.0 if observed.weights is None else observed.weights
        self._root = np.sqrt(np.broadcast_to(weights, self._target.shape), dtype=float)

    def residuals(self, unknowns: ArrayLike) -> FloatArray:
        """Compute residuals, shape (M,); NaN if too little is in view."""
        samples = self._sample(unknowns)
        gain, bias = self._brightness(samples.unknowns)
        if samples.used.sum() < self.min_overlap * self._usable.sum():
            return np.full(self._target.size, np.nan)
        found = (gain * samples.values + bias - self._target) * self._root
        return np.where(samples.used, found, 0.0).ravel()

    def jacobian(self, unknowns: ArrayLike) -> FloatArray:
        """Differentiate the residuals: shape (M, unknowns)."""
        samples = self._sample(unknowns)
        params = self._params(samples.unknowns)
        moved = self._read_jacobian(self.differentiate(params), params)
        gain, _ = self._brightness(samples.unknowns)
        n, channels = self._target.shape
        rows = np.zeros((n, channels, samples.unknowns.size))
        # The Jacobian of points that nothing is seen of may be anything.
        with np.errstate(invalid="ignore", over="ignore"):
            for axis in range(self.sampler.ndim):
                slope = samples.gradients[:, :, axis] * (gain * self._root)
                change = slope[:, :, np.newaxis] * moved[:, np.newaxis, axis]
                rows[:, :, : params.size] += change
        if self.observed.solves_brightness:
            for c in range(channels):
                at = params.size + 2 * c
                rows[:, c, at] = samples.values[:, c] * self._root[:, c]
                rows[:, c, at + 1] = self._root[:, c]
        rows[~(samples.used & np.isfinite(rows).all(axis=-1))] = 0
        return rows.reshape(n * channels, -1)

    def _sample(self, unknowns: ArrayLike) -> _Samples:
        given = as_array(unknowns, "params").astype(np.float64)  # a copy to compare
        extra = self._target.shape[1] * 2 * self.observed.solves_brightness
        if given.ndim != 1 or given.size <= extra:
            raise ValueError(
                f"params: expected shape (P,)"
                f"{f' with P > {extra}' if extra else ''}, got {given.shape}"
            )
        last = self._last
        if last is not None and np.array_equal(given, last.unknowns):
            return last
        points = self.sampler._read_points(self.move(self._params(given)))
        n, channels = self._target.shape
        if points.shape != (n, self.sampler.ndim):
            raise ValueError(
                f"warp: expected a function that returns shape "
                f"{(n, self.sampler.ndim)}, got {points.shape} from it"
            )
        values, gradients, valid = self.sampler.value_and_grad(points, return_mask=True)
        self._last = _Samples(
            unknowns=given,
            values=values.reshape(n, channels),
            gradients=gradients.reshape(n, channels, -1),
            used=self._usable & valid[:, np.newaxis],
        )
        return self._last

    def _params(self, unknowns: FloatArray) -> FloatArray:
        extra = self._target.shape[1] * 2 * self.observed.solves_brightness
        return unknowns[: unknowns.size - extra]

    def _brightness(self, unknowns: FloatArray) -> tuple[FloatArray, FloatArray]:
        if not self.observed.solves_brightness:
            return self.observed.gain, self.observed.bias
        solved = unknowns[self._params(unknowns).size :]
        return solved[::2], solved[1::2]

    def _read_jacobian(self, made: ArrayLike, params: FloatArray) -> Array:
        given = as_array(made, "jacobian")
        expected = (len(self._target), self.sampler.ndim, params.size)
        if given.shape != expected:
            raise ValueError(
                f"jacobian: expected a function that returns shape {expected}, "
                f"got {given.shape} from it"
            )
        return given
