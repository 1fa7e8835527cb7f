"""Residuals of one's own, linearized: what a Gauss-Newton step needs, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import isfinite
from typing import cast

import numpy as np

from photalign._checks import thread_count
from photalign._observations import Observations, differentiable
from photalign._point_blocks import (
    PointBlock,
    PointFunction,
    given_block,
    made_blocks,
)
from photalign._types import ArrayLike, FloatArray
from photalign.autodiff.jet import Jet
from photalign.brightness import Brightness
from photalign.losses import Loss, Squared, as_loss
from photalign.sampling import Sampler

__all__ = ["Linearization", "linearize"]

# Fewer points are done before a second thread is awake.
_POINTS_PER_THREAD = 16384
# Smaller pivots of a matrix with a unit diagonal are rounding.
_SMALLEST_PIVOT = 1e-12
# The standard deviation of normal residuals in median absolute ones, and the least that
# is believed: of integers, and of floats.
_NORMAL_MAD = 1.4826
_ROUNDING, _TINY = 0.1, 1e-30


@dataclass(frozen=True, kw_only=True, eq=False)
class Linearization:
    """Residuals to first order, summed up: the normal equations.

    J is the Jacobian of the residuals r, and W holds their weights, the loss's
    included. Terms of several images, or of other costs, with the same unknowns can be
    added: ``a + b``.

    Attributes
    ----------
    hessian : ndarray, shape (P, P), float64
        J'WJ, the Gauss-Newton approximation of the second derivative of the cost.
    gradient : ndarray, shape (P,), float64
        J'Wr, the derivative of the cost.
    cost : float
        Half the sum of the losses, times the weights.
    weight : float
        Sum of the weights that were given (1 if none were) over the residuals that
        count: ``cost / weight`` is the mean, by which costs of different overlap can
        be compared.
    count : int
        How many residuals that is; each channel has its own.
    scale : float
        Scale of the loss; 0 for the squared loss. NaN for a sum of terms whose scales
        differ.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> sampler = pa.Sampler(np.array([[0.0, 2.0, 8.0]]))
    >>> by_shift = [[[1.0], [0.0]], [[1.0], [0.0]]]
    >>> at = pa.linearize(sampler, [[0.5, 0], [1.5, 0]], by_shift, [1.5, 3.5])
    >>> at.hessian, at.gradient, at.cost
    (array([[40.]]), array([8.]), 1.25)
    >>> at.step()
    array([-0.2])
    """

    hessian: FloatArray
    gradient: FloatArray
    cost: float
    weight: float
    count: int
    scale: float = 0.0

    def step(self, damping: float = 0.0) -> FloatArray:
        """Solve for the step that lowers the cost to first order.

        Parameters
        ----------
        damping : float
            0 for Gauss-Newton; else Levenberg-Marquardt's, a share of the Hessian's
            diagonal that is added to it (Marquardt, 1963).

        Returns
        -------
        ndarray, shape (P,), float64
            To be added to the parameters; NaN if the residuals do not determine them.

        Raises
        ------
        ValueError
            If the damping is negative or not finite.
        """
        if not 0 <= damping < np.inf:
            raise ValueError(
                f"damping: expected a finite number of 0 or more, got {damping!r}"
            )
        unsolved = np.full(self.gradient.shape, np.nan)
        diagonal = np.diagonal(self.hessian)
        if not ((diagonal > 0).all() and np.isfinite(self.hessian).all()):
            return unsolved
        # With a unit diagonal no unit of a parameter matters.
        units = 1 / np.sqrt(diagonal)
        scaled = self.hessian * np.outer(units, units)
        np.fill_diagonal(scaled, 1 + damping)
        try:
            factor = np.linalg.cholesky(scaled)
        except np.linalg.LinAlgError:
            return unsolved
        if (np.diagonal(factor) ** 2).min(initial=1.0) < _SMALLEST_PIVOT:
            return unsolved
        half = np.linalg.solve(factor, -units * self.gradient)
        step: FloatArray = units * np.linalg.solve(factor.T, half)
        return step

    def __radd__(self, other: int) -> Linearization:
        """Begin a `sum`, which starts from 0."""
        return self if type(other) is int and other == 0 else NotImplemented

    def __add__(self, other: Linearization) -> Linearization:
        """Add the terms of other residuals with the same unknowns."""
        if not isinstance(other, Linearization):
            return NotImplemented
        if self.gradient.shape != other.gradient.shape:
            raise ValueError(
                f"other: expected {len(self.gradient)} unknowns, "
                f"got {len(other.gradient)}"
            )
        return Linearization(
            hessian=self.hessian + other.hessian,
            gradient=self.gradient + other.gradient,
            cost=self.cost + other.cost,
            weight=self.weight + other.weight,
            count=self.count + other.count,
            scale=self.scale if self.scale == other.scale else np.nan,
        )


def linearize(
    sampler: Sampler,
    points: ArrayLike | Jet | PointFunction,
    point_jacobian: ArrayLike | None,
    reference: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    loss: str | Loss = "squared",
    gain: ArrayLike = 1.0,
    bias: ArrayLike = 0.0,
    brightness: str | Brightness = "none",
    threads: int | None = None,
) -> Linearization:
    """Linearize photometric residuals at points that move with parameters.

    The residual is ``gain * sampler(points) + bias - reference``, for every channel.
    One pass samples values and gradients, weighs the residuals and adds up the normal
    equations; the Jacobian of the residuals, (N, P), is never in memory.

    Residuals do not count where the sample is invalid, where the reference or the
    Jacobian of the point is not finite, and where the weight is 0.

    Parameters
    ----------
    sampler : Sampler
        The image that is sampled; its kernel must have derivatives.
    points : array_like or Jet, shape (..., ndim), or callable
        Where, as the sampler takes them. A function makes points and Jacobian block by
        block, so that neither is ever in memory as a whole: called with a slice of the
        flattened points, some thousand at a time and in order, it returns a `Jet` of
        shape (n, ndim), or points and their Jacobian, shapes (n, ndim) and (n, ndim,
        P). If the scale of the loss has to be estimated, the function is called twice
        for each block; if some Jacobian is not finite, everything is done again.
    point_jacobian : array_like, shape (..., ndim, P), or None
        Derivatives of the points by P parameters, as ``warp.jacobian`` returns them.
        None if `points` is a `Jet` or a function.
    reference : array_like, shape (...) or (..., C)
        The values that the samples should have.
    weights : array_like, shape (...) or (..., C), optional
        Of the residuals, 0 or more; a mask is one, too.
    loss : str or Loss
        "squared", "huber", "cauchy", "tukey", "geman_mcclure", "robust", or one with
        its own scale and tuning: ``pa.Huber(scale=3)``. A scale that is not given is
        estimated, as 1.4826 times the median absolute residual: give it where costs of
        different parameters are to be compared.
    gain, bias : float or array_like, shape (C,)
        The brightness of the samples, for all channels or each.
    brightness : {"none", "gain_bias"}
        With "gain_bias" the gain and bias of each channel are unknowns, too: after the
        P parameters come gain and bias of the first channel, of the second, and so on.
    threads : int, optional
        By default as many as for other samples. The result is the same bit for bit.

    Returns
    -------
    Linearization
        ``hessian``, ``gradient``, ``cost`` and the `step` that they ask for.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    Sums are taken in float64, in an order that depends on neither threads nor blocks.

    An outlier that Tukey's loss gives no influence may count in `cost`, `weight` and
    `count` although its Jacobian is not finite: nothing else shows it.

    Of several channels, S = sum of w g g' comes first, with the gradients g, and J'SJ
    after it, so that channels cost next to nothing.

    Examples
    --------
    Gauss-Newton finds a shift:

    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:40, 0:60]
    >>> scene = lambda x, y: 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    >>> moving = pa.Sampler(scene(x, y), "bspline3")
    >>> grid = np.stack([x, y], axis=-1)[5:-5, 5:-5]
    >>> reference = scene(grid[..., 0] + 1.5, grid[..., 1] - 0.5)
    >>> by_shift = np.broadcast_to(np.eye(2), (*grid.shape, 2))
    >>> shift = np.zeros(2)
    >>> for _ in range(8):
    ...     shift += pa.linearize(moving, grid + shift, by_shift, reference).step()
    >>> shift.round(3)
    array([ 1.5, -0.5])

    A `Jet` brings its derivatives along. With a function there is no Jacobian of all
    points:

    >>> pixels = grid.reshape(-1, 2)
    >>> def zoomed(params, xy):
    ...     return params[0] * xy + params[1:]
    >>> def blocks(some):
    ...     return zoomed(pa.Jet.seed([1.0, 0.0, 0.0]), pixels[some])
    >>> pa.linearize(moving, blocks, None, reference.ravel()).step().shape
    (3,)
    """
    differentiable(sampler, "linearize")
    block, shape = None, None
    if not callable(points):
        shape, block = given_block(sampler, points, point_jacobian)
    elif point_jacobian is not None:
        raise TypeError(
            "point_jacobian: expected None beside a function, which returns points "
            f"and Jacobian, got {type(point_jacobian).__name__}"
        )
    observed = Observations.read(
        sampler,
        reference,
        weights,
        shape=shape,
        gain=gain,
        bias=bias,
        brightness=brightness,
    )

    def blocks() -> Iterable[PointBlock]:
        if block is not None:
            return [block]
        return made_blocks(sampler, cast("PointFunction", points), len(observed))

    used = as_loss(loss)
    at = _sum(sampler, blocks, observed, used, threads)
    # Looking at all Jacobians beforehand would take long, and one that is not finite
    # shows in the sums.
    if isfinite(at.hessian.trace()):
        return at

    def finite_blocks() -> Iterable[PointBlock]:
        return (block.differentiable() for block in blocks())

    return _sum(sampler, finite_blocks, observed, used, threads)


def _sum(
    sampler: Sampler,
    blocks: Callable[[], Iterable[PointBlock]],
    observed: Observations,
    loss: Loss,
    threads: int | None,
) -> Linearization:
    if loss.scale is None and not isinstance(loss, Squared):
        loss = replace(loss, scale=_estimated_scale(sampler, blocks(), observed))
    scale = loss.scale or 0.0
    hessian = gradient = np.empty(0)
    totals = np.zeros(3)
    weights = observed.weights
    for block in blocks():
        if not gradient.size:
            unknowns = block.jacobian.shape[-1]
            unknowns += 2 * observed.channels if observed.solves_brightness else 0
            hessian, gradient = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
        is_long = threads is not None or len(block.points) > _POINTS_PER_THREAD
        sampler._view.add_equations(
            block.points,
            block.jacobian,
            observed.reference[block.where],
            None if weights is None else weights[block.where],
            observed.gain,
            observed.bias,
            loss.code,
            loss.tuning * scale,
            observed.solves_brightness,
            hessian,
            gradient,
            totals,
            thread_count(threads) if is_long else 1,
        )
    return Linearization(
        hessian=hessian,
        gradient=gradient,
        cost=float(totals[0]) / 2,
        weight=float(totals[1]),
        count=int(totals[2]),
        scale=scale,
    )


def _estimated_scale(
    sampler: Sampler, blocks: Iterable[PointBlock], observed: Observations
) -> float:
    """Estimate the standard deviation of good residuals, like `photalign.align`."""
    found = []
    counts = observed.used
    for block in blocks:
        values, valid = sampler(block.points, return_mask=True)
        values = values.reshape(len(block.points), observed.channels)
        residuals = observed.gain * values + observed.bias
        residuals -= observed.reference[block.where]
        found.append(np.abs(residuals[counts[block.where] & valid[:, np.newaxis]]))
    residuals = np.concatenate(found)
    # Integers are rounded, and a scale of 0 would leave no residual good.
    floor = _ROUNDING if observed.reference.dtype.kind == "u" else _TINY
    if not residuals.size:
        return floor
    middle = residuals.size // 2
    return max(_NORMAL_MAD * float(np.partition(residuals, middle)[middle]), floor)
