"""Forward-mode dual numbers: arrays that carry their derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from photalign._checks import positive_integer
from photalign._types import Array
from photalign.autodiff._entries import expect_own, marked, replaced
from photalign.autodiff._methods import ArrayMethods
from photalign.autodiff._partials import (
    Number,
    Partials,
    added,
    dense,
    full,
    negated,
    scaled,
    subtracted,
)
from photalign.autodiff._protocols import Protocols
from photalign.autodiff._ratios import inverse_of, ratio_partials
from photalign.autodiff._reading import as_real, is_plain, read_only
from photalign.autodiff._seeds import Seed, common_seed, open_seed

_ndarray = np.ndarray


class Jet(Protocols, ArrayMethods):
    """An array with its derivatives by some parameters.

    NumPy functions of jets return jets: the value that they would return of plain
    arrays, and its exact derivatives by the chain rule. A function that has no rule
    raises TypeError; derivatives are never lost in silence.

    Derivatives are sparse. A jet has a *partial* for those parameters only that it
    depends on, and a partial is no larger than it must be: that of a parameter by
    itself is the number 1, whatever is added to it. That makes a homography more than
    three times as fast as with dense derivatives.

    Parameters
    ----------
    value : array_like, shape (...)
        Real numbers; float32 remains what it is, others become float64.
    partials : mapping of int to array_like, optional
        Derivatives by the parameters that the value depends on, of shapes that
        broadcast to that of the value. The arrays are not copied.
    n_params : int
        How many parameters there are.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    Where a function has a kink, its derivative is: of `abs` at 0 it is 0; of `minimum`,
    `maximum` and `clip` where two arguments agree it is the mean of both; of `hypot`,
    `norm` and `arctan2` at the origin it is 0; of `floor`, `round` and `sign` it is 0
    everywhere.
    An infinite derivative, that of `sqrt` at 0, leaves partials alone that are 0.

    A jet keeps references to arrays that it was multiplied with, they are partials.
    Do not change them in place before you have read the derivatives.

    A jet never changes with another, in contrast to views of arrays. ``b[2] = 1`` and
    ``b[2:4] *= 2`` change `b`; after ``c = b[2:4]``, ``c *= 2`` makes a new jet and
    leaves `b` alone. Where NumPy would change another array as well, as by ``c[0] = 1``
    or ``b[2:4][0] = 1``, assigning entries raises TypeError; take ``c.copy()`` first.

    Jets nest one level: there are no jets of jets.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> angle, zoom = pa.Jet.seed([0.0, 2.0])
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> u = zoom * np.cos(angle) * x - 1
    >>> u.value
    array([1., 3., 5.])
    >>> u.partials[1]  # by the zoom
    array([1., 2., 3.])
    >>> np.stack([u, zoom * np.sin(angle) * x]).jacobian().shape
    (2, 3, 2)
    >>> np.fft.fft(u)
    Traceback (most recent call last):
    ...
    TypeError: numpy.fft.fft has no rule for Jet; ...
    """

    __slots__ = ("_is_view", "_memo", "_partials", "_seed", "_value")

    _value: Number
    _partials: Partials
    _seed: Seed
    _memo: tuple[Number, Partials, dict[int, Any]] | None
    _is_view: bool  # of which see `expect_own`

    def __init__(
        self,
        value: ArrayLike,
        partials: Mapping[int, ArrayLike] | None = None,
        *,
        n_params: int | None = None,
    ) -> None:
        if n_params is None:
            raise TypeError(
                "n_params: expected how many parameters there are, got none; "
                "Jet.seed(params) makes jets of parameters"
            )
        self._value = np.array(as_real(value, "value"))[()]
        self._seed = open_seed(positive_integer(n_params, "n_params"))
        self._partials = {}
        self._memo = None
        for k, partial in (partials or {}).items():
            self._partials[self._expect_param(k)] = self._expect_partial(k, partial)

    def _expect_param(self, k: object) -> int:
        if not isinstance(k, int | np.integer) or not 0 <= k < self.n_params:
            raise ValueError(
                f"partials: expected keys from 0 to {self.n_params - 1}, got {k!r}"
            )
        return int(k)

    def _expect_partial(self, k: object, partial: ArrayLike) -> Array:
        array = as_real(partial, f"partials[{k}]")
        try:
            np.broadcast_to(array, self.shape)
        except ValueError:
            raise ValueError(
                f"partials[{k}]: expected a shape that broadcasts to {self.shape}, "
                f"that of the value, got {array.shape}"
            ) from None
        return array

    @staticmethod
    def seed(params: ArrayLike) -> Jet:
        """Make jets of parameters: each has the derivative 1 by itself.

        Parameters
        ----------
        params : array_like, shape (P,)
            Real numbers; float32 remains what it is, others become float64. Arrays of
            other shapes hold parameters too, numbered row by row.

        Returns
        -------
        Jet, shape (P,)
            Its entries, ``jet[0]``, ``a, b = jet``, depend on one parameter each.

        Raises
        ------
        TypeError
            If the parameters are jets already: these nest one level.

        Examples
        --------
        >>> import photalign as pa
        >>> p = pa.Jet.seed([3.0, 4.0])
        >>> dict(p[1].partials)
        {1: array(1.)}
        """
        if isinstance(params, Jet):
            raise TypeError(
                "params: expected plain numbers, got a Jet; jets nest one level, there "
                "are no derivatives of derivatives"
            )
        seeded: Jet = _stacks().seeded(as_real(params, "params"))
        return seeded

    @property
    def value(self) -> Array:
        """The array itself; shape (...), a read-only view."""
        return read_only(np.asarray(self._value))

    @property
    def partials(self) -> Mapping[int, Array]:
        """Derivatives by parameter, of shapes that broadcast to the value's; read-only.

        Without an entry the derivative is 0.
        """
        return MappingProxyType(
            {k: read_only(np.asarray(v)) for k, v in self._partials.items()}
        )

    @property
    def n_params(self) -> int:
        """How many parameters there are, used or not."""
        return self._seed.n_params

    def jacobian(self) -> Array:
        """Return the derivatives by all parameters.

        Returns
        -------
        ndarray, shape (..., P), float64 or float32
            0 for parameters without a partial.

        Examples
        --------
        >>> import photalign as pa
        >>> x, y = pa.Jet.seed([3.0, 4.0])
        >>> (x * x).jacobian()
        array([6., 0.])
        """
        return dense(self._partials, self.shape, self.n_params, self.dtype)

    def with_value(self, value: ArrayLike, partials: Mapping[int, ArrayLike]) -> Jet:
        """Make a jet of the same parameters: the result of a function of one's own.

        Parameters
        ----------
        value : array_like, shape (...)
            The function's value.
        partials : mapping of int to array_like
            Derivatives by parameter, of shapes that broadcast to that of the value.

        Returns
        -------
        Jet, shape (...)
            With these, to be combined with jets of the same `seed`.

        Examples
        --------
        >>> import numpy as np
        >>> import photalign as pa
        >>> def sinc(x):
        ...     slope = np.cos(x.value) / x.value - np.sin(x.value) / x.value**2
        ...     return x.with_value(
        ...         np.sin(x.value) / x.value,
        ...         {k: slope * d for k, d in x.partials.items()},
        ...     )
        >>> sinc(pa.Jet.seed([0.5])).jacobian().round(4)
        array([[-0.1625]])
        """
        jet = Jet(value, partials, n_params=self.n_params)
        jet._seed = self._seed
        return jet

    def astype(self, dtype: DTypeLike) -> Jet:
        """Convert value and partials to float32 or float64."""
        kind = np.dtype(dtype)
        if kind not in (np.float32, np.float64):
            raise TypeError(
                f"dtype: expected float32 or float64, got {kind}, which holds no "
                f"derivatives; take jet.value.astype on purpose"
            )
        partials = {k: np.asarray(v, kind) for k, v in self._partials.items()}
        return make(np.asarray(self._value, kind), partials, self._seed)

    def __repr__(self) -> str:
        """Show the value, and which parameters it depends on."""
        by = ", ".join(map(str, sorted(self._partials))) or "none"
        return f"Jet({self.value!r}, partials by {by} of {self.n_params})"

    # Arithmetic. What is not handled here goes the way of all ufuncs.

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Jet):
            seed = self._seed
            if other._seed is not seed:
                seed = common_seed(seed, other._seed)
            value, partials = self._value + other._value, self._partials
            return make(value, added(partials, other._partials), seed)
        if is_plain(other):
            return make(self._value + other, self._partials, self._seed)
        return np.add(self, other)

    def __radd__(self, other: Any) -> Any:
        if is_plain(other):
            return make(other + self._value, self._partials, self._seed)
        return np.add(other, self)

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Jet):
            return make(
                self._value - other._value,
                subtracted(self._partials, other._partials),
                common_seed(self._seed, other._seed),
            )
        if is_plain(other):
            return make(self._value - other, self._partials, self._seed)
        return np.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        if is_plain(other):
            return make(other - self._value, negated(self._partials), self._seed)
        return np.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        # The most frequent case first: a parameter times coordinates.
        if type(other) is _ndarray and other.dtype.kind == "f":
            return make(self._value * other, scaled(self._partials, other), self._seed)
        if is_plain(other):
            return make(self._value * other, scaled(self._partials, other), self._seed)
        if isinstance(other, Jet):
            one, two = self._value, other._value
            return make(
                one * two,
                added(scaled(self._partials, two), scaled(other._partials, one)),
                common_seed(self._seed, other._seed),
            )
        return np.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        if is_plain(other):
            return make(other * self._value, scaled(self._partials, other), self._seed)
        return np.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Jet):
            seed = common_seed(self._seed, other._seed)
            ratio = self._value / other._value
            return make(ratio, ratio_partials(self._partials, ratio, other), seed)
        if is_plain(other):
            ratio = self._value / other
            return make(ratio, scaled(self._partials, inverse_of(other)), self._seed)
        return np.true_divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        if is_plain(other):
            ratio = other / self._value
            return make(ratio, ratio_partials({}, ratio, self), self._seed)
        return np.true_divide(other, self)

    def __neg__(self) -> Jet:
        return make(-self._value, negated(self._partials), self._seed)

    def __pos__(self) -> Jet:
        return self.__copy__()

    # Entries.

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Jet]:
        for k in range(len(self)):
            yield self[k]

    def __getitem__(self, key: Any) -> Jet:
        shape = self.shape
        partials = {
            k: v if type(v) is float else full(v, shape)[key]
            for k, v in self._partials.items()
        }
        part: Jet = marked(make(self._value[key], partials, self._seed), self)
        return part

    def __setitem__(self, key: Any, entries: Any) -> None:
        expect_own(self)
        self._value, self._partials, self._seed = replaced(self, key, entries)
        self._memo = None

    def __reduce__(self) -> Any:
        return _remake, (self._value, self._partials, self.n_params)

    def __copy__(self) -> Jet:
        return make(self._value, self._partials, self._seed)

    def __deepcopy__(self, _: Any) -> Jet:
        return self.copy()


_new = Jet.__new__


def make(value: Number, partials: Partials, seed: Seed) -> Jet:
    """Make a jet of parts that are known to fit."""
    jet = _new(Jet)
    jet._value = value
    jet._partials = partials
    jet._seed = seed
    jet._memo = None
    return jet


def _remake(value: Number, partials: Partials, n_params: int) -> Jet:
    return make(value, partials, open_seed(n_params))


@cache
def _stacks() -> Any:
    # That module is made of this one.
    from photalign.autodiff import _stack

    return _stack
