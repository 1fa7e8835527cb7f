"""Jets side by side, put together when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from photalign._types import Array
from photalign.autodiff._entries import expect_own, replaced
from photalign.autodiff._partials import ONE, Number, Partials
from photalign.autodiff._seeds import Seed
from photalign.autodiff.jet import Jet, make


class Stack(Jet):
    """A jet whose entries along an axis are jets, all of one shape.

    One array for all would hold zeros wherever an entry does not depend on what
    another does. So entries stay apart as long as possible: they can be had back, and
    a sampler takes the coordinates of points one by one.
    """

    __slots__ = ("_axis", "_components", "_whole")

    _axis: int
    _components: Sequence[Jet]
    _whole: Jet | None

    @property
    def components(self) -> Sequence[Jet] | None:
        """The entries along the axis, unless some were changed."""
        return self._components or None

    @property
    def axis(self) -> int:
        """The axis, 0 or more."""
        return self._axis

    def _together(self) -> Jet:
        if self._whole is None:
            self._whole = _joined(self._components, self._axis, self._seed)
        return self._whole

    @property
    def _value(self) -> Number:
        return self._together()._value

    @property
    def _partials(self) -> Partials:  # type: ignore[override]
        return self._together()._partials

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        if self._whole is not None:
            return self._whole.shape
        shape = self._components[0].shape
        return (*shape[: self._axis], len(self._components), *shape[self._axis :])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Jet:
        if type(key) is int and self._axis == 0 and self._components:
            return self._components[key]
        if self._components:
            at = self._along_axis(key)
            if isinstance(at, slice):
                some = self._components[at]
                if some:
                    part = stacked(some, self._axis, self._seed)
                    part._is_view = True
                    return part
            elif at is not None:
                return self._components[at]
        return super().__getitem__(key)

    def _along_axis(self, key: Any) -> int | slice | None:
        """Return what a key picks along the axis, if it takes all of the others."""
        kind = type(key)
        if kind is int or kind is slice:
            return key if self._axis == 0 else None
        if kind is tuple and len(key) == 2 and key[0] is Ellipsis:
            is_last = self._axis == len(self.shape) - 1
            return key[1] if is_last and type(key[1]) in (int, slice) else None
        return None

    def __iter__(self) -> Iterator[Jet]:
        if self._axis == 0 and self._components:
            return iter(self._components)
        return super().__iter__()

    def __setitem__(self, key: Any, entries: Any) -> None:
        expect_own(self)
        self._whole = make(*replaced(self, key, entries))
        self._seed, self._components = self._whole._seed, ()
        self._memo = None

    def __copy__(self) -> Jet:
        if self._components:
            return stacked(self._components, self._axis, self._seed)
        return self._together().__copy__()


# To users it is a jet, in messages of Python too.
Stack.__name__ = Stack.__qualname__ = "Jet"


def stacked(components: Sequence[Jet], axis: int, seed: Seed) -> Stack:
    """Put jets of one shape, that nobody else has, side by side.

    The new axis is 0 or more.
    """
    for component in components:
        component._is_view = True
    stack = Stack.__new__(Stack)
    stack._axis = axis
    stack._components = components
    stack._seed = seed
    stack._memo = stack._whole = None
    return stack


def seeded(params: Array) -> Jet:
    """Make a jet of parameters by which derivatives are to be taken."""
    seed = Seed(params.size)
    if params.ndim == 1 and params.size:
        jets = [make(p, {k: ONE}, seed) for k, p in enumerate(params)]
        return stacked(jets, 0, seed)
    if params.ndim == 0:
        return make(params[()], {0: ONE}, seed)
    identity = np.eye(params.size, dtype=params.dtype)
    partials = {k: row.reshape(params.shape) for k, row in enumerate(identity)}
    return make(params.copy(), partials, seed)


def _joined(components: Sequence[Jet], axis: int, seed: Seed) -> Jet:
    value = np.stack([jet._value for jet in components], axis=axis)
    partials: Partials = {}
    for i, jet in enumerate(components):
        for k, partial in jet._partials.items():
            if k not in partials:
                partials[k] = np.zeros_like(value)
            np.moveaxis(partials[k], axis, 0)[i] = partial
    return make(value, partials, seed)
