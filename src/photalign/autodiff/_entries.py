"""Entries of jets that are assigned, and jets that have none of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from photalign._types import Array
from photalign.autodiff._partials import Partials, full
from photalign.autodiff._protocols import Protocols
from photalign.autodiff._seeds import Seed, common_seed


def marked(part: Any, whole: Any) -> Any:
    """Mark a jet made of another if, as arrays, it would be a view of that."""
    if np.may_share_memory(part._value, whole._value):
        part._is_view = True
    return part


def expect_own(jet: Any) -> None:
    """Check that assigning entries would change no other jet if these were arrays.

    Views of jets do not write through, and a difference to NumPy must not be silent.
    """
    # Few jets are, so the others go without the mark.
    if getattr(jet, "_is_view", False):
        raise TypeError(
            "Jet: expected a jet of its own to assign entries of, got a view of "
            "another, which would not change; index that one once, a[1, 2] = x in "
            "place of a[1][2] = x, or take jet.copy()"
        )


def replaced(jet: Any, key: Any, entries: Any) -> tuple[Array, Partials, Seed]:
    """Return value, partials and seed of a jet after an assignment."""
    seed = jet._seed
    their: Partials = {}
    if isinstance(entries, Protocols):
        given: Any = entries
        seed = common_seed(seed, given._seed)
        entries, their = given._value, given._partials
    value = np.array(jet._value)
    value[key] = entries
    partials = {}
    for k in jet._partials.keys() | their.keys():
        partial = np.array(full(jet._partials.get(k, 0.0), value.shape))
        partial[key] = their.get(k, 0.0)
        partials[k] = partial
    return value, partials, seed
