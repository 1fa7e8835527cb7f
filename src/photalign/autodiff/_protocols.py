"""How jets meet NumPy, and the operators that are NumPy functions."""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

import numpy as np


class Protocols:
    """What makes NumPy's functions work on jets, or say why they do not."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    _value: Any

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any
    ) -> Any:
        return _ufuncs().apply(ufunc, method, inputs, options)

    def __array_function__(
        self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return _functions().call(func, args, kwargs)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            "Jet: expected an array without derivatives, got a Jet, which would lose "
            "its own; take jet.value on purpose. To put jets together use np.stack or "
            "np.where, to fill in some entries jet[...] = other on a Jet"
        )

    def __float__(self) -> NoReturn:
        raise TypeError(
            "Jet: expected a number without derivatives, got a Jet, which would lose "
            "its own; take jet.value on purpose, and np.sin rather than math.sin"
        )

    __int__ = __complex__ = __float__

    def __format__(self, spec: str) -> str:
        if spec:
            raise TypeError(
                f"Jet: expected a number to format, got a Jet; format jet.value: "
                f"f'{{jet.value:{spec}}}'"
            )
        return str(self)

    def __abs__(self) -> Any:
        return np.absolute(self)

    def __pow__(self, other: Any) -> Any:
        return np.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return np.power(other, self)

    def __mod__(self, other: Any) -> Any:
        return np.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return np.remainder(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return np.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return np.floor_divide(other, self)

    def __divmod__(self, other: Any) -> Any:
        return np.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return np.divmod(other, self)

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)

    # Comparisons are those of the values.

    def __lt__(self, other: Any) -> Any:
        return np.less(self, other)

    def __le__(self, other: Any) -> Any:
        return np.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return np.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return np.greater_equal(self, other)

    def __eq__(self, other: Any) -> Any:
        return np.equal(self, other)

    def __ne__(self, other: Any) -> Any:
        return np.not_equal(self, other)

    def __bool__(self) -> bool:
        return bool(self._value)


# Imported when first needed, so that importing photalign does not wait for them.


@cache
def _ufuncs() -> Any:
    from photalign.autodiff import _ufuncs

    return _ufuncs


@cache
def _functions() -> Any:
    from photalign.autodiff import _functions

    return _functions
