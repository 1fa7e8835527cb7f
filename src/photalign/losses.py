"""Loss functions: how much a residual may pull.

The cost of a residual r is ``rho(r**2) / 2`` with rho(0) = 0 and rho'(0) = 1, and
its weight is rho'(r**2). Formulas and derivatives are in one place, the core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from photalign import _core
from photalign._checks import choice, positive_number
from photalign._types import ArrayLike, FloatArray

__all__ = [
    "LOSSES",
    "Cauchy",
    "GemanMcClure",
    "Huber",
    "Loss",
    "Squared",
    "Tukey",
    "as_loss",
]


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What all losses share; use one of the subclasses.

    Parameters
    ----------
    scale : float, optional
        Standard deviation of the residuals of good pixels, in grey levels. By
        default it is estimated. `align` takes the standard deviation of those near
        0, whatever the others are, `linearize` 1.4826 times the median absolute one.
    tuning : float
        Threshold of the loss in units of `scale`. The defaults give 95 %
        efficiency on normally distributed residuals.

    Raises
    ------
    ValueError
        If `scale` or `tuning` is not a positive finite number.
    """

    scale: float | None = None
    tuning: float = 1.0

    name: ClassVar[str]
    code: ClassVar[int]

    def __post_init__(self) -> None:
        if self.scale is not None:
            positive_number(self.scale, "scale")
        positive_number(self.tuning, "tuning")

    def __call__(self, square: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Value and weight of squared residuals, with a scale of 1 if none is set.

        Parameters
        ----------
        square : array_like, shape (...), float64
            Squared residuals, in grey levels squared.

        Returns
        -------
        rho : ndarray, shape (...), float64
            The loss.
        weight : ndarray, shape (...), float64
            Its derivative by the squared residual.

        Examples
        --------
        >>> import photalign as pa
        >>> rho, weight = pa.Huber(scale=1.0, tuning=2.0)([1.0, 16.0])
        >>> rho, weight
        (array([ 1., 12.]), array([1. , 0.5]))
        """
        s = np.asarray(square, dtype=np.float64)
        threshold = self.tuning * (1.0 if self.scale is None else self.scale)
        values = _core.loss(self.code, threshold, np.ascontiguousarray(s).ravel())
        return values[:, 0].reshape(s.shape), values[:, 1].reshape(s.shape)


@dataclass(frozen=True, kw_only=True)
class Squared(Loss):
    """Least squares: the best there is for normal noise, and none for outliers.

    Examples
    --------
    >>> import photalign as pa
    >>> rho, weight = pa.Squared()([0.0, 4.0])
    >>> rho, weight
    (array([0., 4.]), array([1., 1.]))
    """

    name: ClassVar[str] = "squared"
    code: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True)
class Huber(Loss):
    """Linear beyond the threshold: bounded influence, one minimum (Huber, 1964).

    Examples
    --------
    >>> import photalign as pa
    >>> pa.Huber(scale=2.0)
    Huber(scale=2.0, tuning=1.345)
    """

    tuning: float = 1.345

    name: ClassVar[str] = "huber"
    code: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class Cauchy(Loss):
    """Grows like the logarithm: the influence of an outlier falls off slowly.

    Examples
    --------
    >>> import photalign as pa
    >>> rho, weight = pa.Cauchy(tuning=1.0)([0.0, 1.0, 99.0])
    >>> weight
    array([1.  , 0.5 , 0.01])
    """

    tuning: float = 2.3849

    name: ClassVar[str] = "cauchy"
    code: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class Tukey(Loss):
    """The biweight: outliers have no influence at all (Beaton and Tukey, 1974).

    Examples
    --------
    >>> import photalign as pa
    >>> rho, weight = pa.Tukey(tuning=2.0)([0.0, 2.0, 5.0])
    >>> weight
    array([1.  , 0.25, 0.  ])
    """

    tuning: float = 4.6851

    name: ClassVar[str] = "tukey"
    code: ClassVar[int] = 3


@dataclass(frozen=True, kw_only=True)
class GemanMcClure(Loss):
    """Saturates smoothly at the squared threshold (Geman and McClure, 1987).

    Examples
    --------
    >>> import photalign as pa
    >>> rho, weight = pa.GemanMcClure(tuning=1.0)([0.0, 1.0])
    >>> rho, weight
    (array([0. , 0.5]), array([1.  , 0.25]))
    """

    tuning: float = 3.787

    name: ClassVar[str] = "geman_mcclure"
    code: ClassVar[int] = 4


LOSSES: dict[str, type[Loss]] = {
    cls.name: cls for cls in (Squared, Huber, Cauchy, Tukey, GemanMcClure)
}


_PRESETS: dict[str, Loss] = {name: cls() for name, cls in LOSSES.items()}
_PRESETS["robust"] = Tukey(tuning=3.4)


def as_loss(loss: str | Loss) -> Loss:
    """Return the loss that a name stands for.

    "robust" is the preset for occlusions: Tukey's with a threshold of 3.4 standard
    deviations, low enough that few pixels of an occluder pass for good ones. Where
    nothing is occluded it costs less than a tenth of the precision.

    Raises
    ------
    ValueError
        If there is no loss of that name.
    """
    if isinstance(loss, Loss):
        return loss
    return _PRESETS[choice(loss, _PRESETS, "loss")]
