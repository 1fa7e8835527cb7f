"""The methods of arrays that jets have, too: each is the NumPy function of its name."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from photalign.autodiff.jet import Jet


class ArrayMethods:
    """What an ndarray offers beside operators."""

    __slots__ = ()

    _value: Any

    def _apply(self, function: Callable[..., Any], *args: Any, **options: Any) -> Jet:
        jet: Jet = function(self, *args, **options)
        return jet

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        shape: tuple[int, ...] = self._value.shape
        return shape

    @property
    def ndim(self) -> int:
        """How many axes the value has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers the value has."""
        return int(np.prod(self.shape, dtype=np.intp))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the value: float64 or float32."""
        dtype: np.dtype[Any] = self._value.dtype
        return dtype

    @property
    def T(self) -> Jet:
        """The jet with its axes reversed."""
        return self._apply(np.transpose)

    def reshape(self, *shape: Any) -> Jet:
        """See `numpy.reshape`; lengths one by one or as a tuple."""
        return self._apply(np.reshape, _one_tuple(shape))

    def transpose(self, *axes: Any) -> Jet:
        """See `numpy.transpose`; axes one by one or as a tuple."""
        return self._apply(np.transpose, _one_tuple(axes) or None)

    def flatten(self) -> Jet:
        """See `numpy.ravel`."""
        return copy(self._apply(np.ravel))

    def copy(self) -> Jet:
        """See `numpy.copy`."""
        return self._apply(np.copy)

    def argmin(self, axis: int | None = None) -> Any:
        """See `numpy.argmin`: of the value."""
        return np.argmin(self._value, axis)

    def argmax(self, axis: int | None = None) -> Any:
        """See `numpy.argmax`: of the value."""
        return np.argmax(self._value, axis)

    def any(self, axis: int | None = None) -> Any:
        """See `numpy.any`: of the value."""
        return np.any(self._value, axis)

    def all(self, axis: int | None = None) -> Any:
        """See `numpy.all`: of the value."""
        return np.all(self._value, axis)

    def item(self, *_: Any) -> NoReturn:
        """Refuse: a number would lose the derivatives."""
        raise TypeError(
            "item: a number would lose the derivatives; take jet.value.item() on "
            "purpose, or jet[0] for a Jet of one number"
        )

    tolist = item

    def ravel(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.ravel`."""
        return self._apply(np.ravel, *args, **options)

    def squeeze(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.squeeze`."""
        return self._apply(np.squeeze, *args, **options)

    def swapaxes(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.swapaxes`."""
        return self._apply(np.swapaxes, *args, **options)

    def diagonal(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.diagonal`."""
        return self._apply(np.diagonal, *args, **options)

    def trace(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.trace`."""
        return self._apply(np.trace, *args, **options)

    def repeat(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.repeat`."""
        return self._apply(np.repeat, *args, **options)

    def take(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.take`."""
        return self._apply(np.take, *args, **options)

    def sum(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.sum`."""
        return self._apply(np.sum, *args, **options)

    def mean(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.mean`."""
        return self._apply(np.mean, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.prod`."""
        return self._apply(np.prod, *args, **options)

    def cumsum(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.cumsum`."""
        return self._apply(np.cumsum, *args, **options)

    def min(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.min`."""
        return self._apply(np.min, *args, **options)

    def max(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.max`."""
        return self._apply(np.max, *args, **options)

    def var(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.var`."""
        return self._apply(np.var, *args, **options)

    def std(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.std`."""
        return self._apply(np.std, *args, **options)

    def clip(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.clip`."""
        return self._apply(np.clip, *args, **options)

    def round(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.round`."""
        return self._apply(np.round, *args, **options)

    def dot(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.dot`."""
        return self._apply(np.dot, *args, **options)


def _one_tuple(given: tuple[Any, ...]) -> Any:
    """Read lengths or axes that come one by one or as a tuple."""
    return given[0] if len(given) == 1 else given
