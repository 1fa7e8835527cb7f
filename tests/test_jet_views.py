"""Entries of jets that are assigned: they change this jet, or it is an error."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import photalign as pa

X = np.arange(1.0, 7.0)

VIEWS = {
    "slice": lambda a: a[2:4],
    "row": lambda a: a.reshape(2, 3)[1],
    "column": lambda a: a.reshape(2, 3)[:, 1],
    "ellipsis": lambda a: a[...],
    "new axis": lambda a: a[np.newaxis],
    "iteration": lambda a: next(iter(a.reshape(2, 3))),
    "reshape": lambda a: a.reshape(2, 3),
    "ravel": lambda a: np.ravel(a),
    "transpose": lambda a: a.reshape(2, 3).T,
    "moveaxis": lambda a: np.moveaxis(a.reshape(2, 3), 0, 1),
    "squeeze": lambda a: np.squeeze(a[np.newaxis]),
    "flip": lambda a: np.flip(a),
    "split": lambda a: np.split(a, 2)[1],
    "atleast_2d": lambda a: np.atleast_2d(a),
}
COPIES = {
    "list of numbers": lambda a: a[[1, 2]],
    "mask": lambda a: a[X > 2],
    "copy": lambda a: a[2:4].copy(),
    "copy.copy": lambda a: copy.copy(a[2:4]),
    "copy.deepcopy": lambda a: copy.deepcopy(a[2:4]),
    "flatten": lambda a: a.flatten(),
    "plus": lambda a: +a,
    "product": lambda a: a * 1.0,
    "take": lambda a: np.take(a, [0, 1]),
    "repeat": lambda a: np.repeat(a, 2),
    "stack": lambda a: np.stack([a, a]),
    "concatenate": lambda a: np.concatenate([a, a]),
    "astype": lambda a: a.astype("f8"),
    "zeros_like": lambda a: np.zeros_like(a),
}


def jets():
    """Return one whose entries are apart, and one that is whole."""
    return pa.Jet.seed(X), pa.Jet.seed(X) * 1.0


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_entries_cannot_be_assigned_where_numpy_would_change_another(view):
    plain = X.copy()
    view(plain)[...] = 0
    assert not np.array_equal(plain, X)
    for jet in jets():
        with pytest.raises(TypeError, match=r"got a view of another.*jet\.copy\(\)"):
            view(jet)[...] = 0
        np.testing.assert_array_equal(jet.value, X)


@pytest.mark.parametrize("own", COPIES.values(), ids=COPIES)
def test_entries_can_be_assigned_where_numpy_changes_no_other(own):
    for jet in jets():
        changed = own(jet)
        changed[0] = 9.0
        assert (changed[0].value == 9).all()
        assert not changed.jacobian()[0].any()
        np.testing.assert_array_equal(jet.value, X)
        np.testing.assert_array_equal(jet.jacobian(), np.eye(6))


def test_operators_in_place_on_an_indexed_jet_change_its_entries():
    for jet in jets():
        jet[2:4] *= 2
        jet[0] += jet[1]
        np.testing.assert_array_equal(jet.value, [3, 2, 6, 8, 5, 6])
        np.testing.assert_array_equal(jet.jacobian()[0], [1, 1, 0, 0, 0, 0])


def test_unpacked_parameters_can_be_added_to_in_place():
    p = pa.Jet.seed([1.0, 2.0])
    a, b = p
    a += 1
    b *= a
    assert (a.value, b.value) == (2, 4)
    np.testing.assert_array_equal(b.jacobian(), [2, 2])
    np.testing.assert_array_equal(p.value, [1, 2])


def test_what_was_stacked_may_change_without_the_stack():
    p = pa.Jet.seed([1.0, 2.0])
    u, v = p[0] * np.ones(3), p[1] * np.ones(3)
    both = np.stack([u, v], axis=-1)
    u[0] = 7.0
    np.testing.assert_array_equal(both.value, [[1, 2]] * 3)
    both[0, 1] = 8.0
    np.testing.assert_array_equal(v.value, [2, 2, 2])
    np.testing.assert_array_equal(u.value, [7, 1, 1])
