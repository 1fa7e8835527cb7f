"""The methods of arrays that jets have, too: each is the NumPy function of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from photalign.autodiff.jet import Jet


class ArrayMethods:
    """What an ndarray offers beside operators."""

    __slots__ = ()

    _value: Any

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
        return np.transpose(self)  # type: ignore[call-overload, no-any-return]

    def reshape(self, *shape: Any) -> Jet:
        """See `numpy.reshape`; lengths one by one or as a tuple."""
        return np.reshape(self, _one_tuple(shape))  # type: ignore

    def transpose(self, *axes: Any) -> Jet:
        """See `numpy.transpose`; axes one by one or as a tuple."""
        return np.transpose(self, _one_tuple(axes) or None)  # type: ignore

    def flatten(self) -> Jet:
        """See `numpy.ravel`."""
        return np.ravel(self)  # type: ignore

    def copy(self) -> Jet:
        """See `numpy.copy`."""
        return np.copy(self)  # type: ignore

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
        return np.ravel(self, *args, **options)

    def squeeze(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.squeeze`."""
        return np.squeeze(self, *args, **options)

    def swapaxes(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.swapaxes`."""
        return np.swapaxes(self, *args, **options)

    def diagonal(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.diagonal`."""
        return np.diagonal(self, *args, **options)

    def trace(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.trace`."""
        return np.trace(self, *args, **options)

    def repeat(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.repeat`."""
        return np.repeat(self, *args, **options)

    def take(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.take`."""
        return np.take(self, *args, **options)

    def sum(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.sum`."""
        return np.sum(self, *args, **options)

    def mean(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.mean`."""
        return np.mean(self, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.prod`."""
        return np.prod(self, *args, **options)

    def cumsum(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.cumsum`."""
        return np.cumsum(self, *args, **options)

    def cumprod(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.cumprod`."""
        return np.cumprod(self, *args, **options)

    def min(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.min`."""
        return np.min(self, *args, **options)

    def max(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.max`."""
        return np.max(self, *args, **options)

    def var(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.var`."""
        return np.var(self, *args, **options)

    def std(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.std`."""
        return np.std(self, *args, **options)

    def clip(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.clip`."""
        return np.clip(self, *args, **options)

    def round(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.round`."""
        return np.round(self, *args, **options)

    def dot(self, *args: Any, **options: Any) -> Jet:
        """See `numpy.dot`."""
        return np.dot(self, *args, **options)


def _one_tuple(given: tuple[Any, ...]) -> Any:
    """Read lengths or axes that come one by one or as a tuple."""
    return given[0] if len(given) == 1 else given
