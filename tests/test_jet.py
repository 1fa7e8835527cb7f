"""Jets as arrays: seeds, entries, types, kinks, and what they refuse."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
from scipy.special import erf

import photalign as pa

X = np.array([0.5, 1.5, -2.0])


@pytest.fixture
def jet() -> pa.Jet:
    return pa.Jet.seed(X)


def homography(p, xy):
    x, y = xy[..., 0], xy[..., 1]
    w = p[6] * x + p[7] * y + 1
    u, v = p[0] * x + p[1] * y + p[2], p[3] * x + p[4] * y + p[5]
    return np.stack([u / w, v / w], axis=-1)


# Seeds and sparsity


def test_entry_of_a_seed_depends_on_its_parameter_only(jet):
    assert [dict(entry.partials) for entry in jet] == [{0: 1.0}, {1: 1.0}, {2: 1.0}]
    a, b, c = jet
    assert (a.value, b.value, c.value) == tuple(X)
    assert list(jet[1:][0].partials) == [1]
    np.testing.assert_array_equal(jet.jacobian(), np.eye(3))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,), (2, 0)])
def test_seed_of_any_shape_counts_parameters_row_by_row(shape):
    values = np.arange(math.prod(shape), dtype=float).reshape(shape)
    seed = pa.Jet.seed(values)
    assert (seed.shape, seed.n_params) == (shape, values.size)
    np.testing.assert_array_equal(seed.value, values)
    identity = np.eye(values.size).reshape(*shape, values.size)
    np.testing.assert_array_equal(seed.jacobian(), identity)


def test_seed_keeps_float32_and_makes_anything_else_float64():
    for dtype in ("f4", "f8", "f2", "i4", "u1", ">f8"):
        plain = np.array([1, 2], "f4" if dtype == "f4" else "f8")
        seed = pa.Jet.seed(np.array([1, 2], dtype))
        for f in (
            lambda p: p,
            lambda p: p[0],
            lambda p: p * 2,
            lambda p: p[0] * 2.0,
            lambda p: np.sin(p),
            lambda p: 1 / p[1],
            lambda p: np.power(p, 2),
            lambda p: p * np.ones(2, np.int8),
            lambda p: np.hypot(p, np.ones(2, np.uint16)),
        ):
            expected = f(plain).dtype
            assert f(seed).dtype == f(seed).jacobian().dtype == expected


def test_types_of_parameters_and_points_combine_as_in_numpy():
    x = np.linspace(0, 1, 5, dtype=np.float32)
    p = pa.Jet.seed([0.1, 0.2])
    assert (p[0] * x).dtype == (np.float64(0.1) * x).dtype
    assert (p * x[:2]).dtype == np.float64


def test_seed_does_not_look_at_its_argument_again():
    values = X.copy()
    seeds = pa.Jet.seed(values), pa.Jet.seed(values.reshape(3, 1))
    values[:] = 9
    for seed in seeds:
        np.testing.assert_array_equal(seed.value.ravel(), X)


def test_support_is_that_of_the_expression(jet):
    x = np.linspace(0, 1, 7)
    u = jet[0] * x + jet[2]
    assert set(u.partials) == {0, 2}
    assert u.partials[2].shape == ()
    assert u.partials[0] is not x
    np.testing.assert_array_equal(u.partials[0], x)


def test_homography_has_the_jacobian_of_the_warp(rng):
    params = [1.02, 0.01, 3.0, -0.02, 0.97, -4.0, 1e-4, -2e-4]
    warp = pa.Homography.from_params(params)
    points = rng.uniform(0, 200, (30, 40, 2))
    found = homography(pa.Jet.seed(params), points)
    np.testing.assert_allclose(found.value, warp(points), rtol=1e-14)
    np.testing.assert_allclose(found.jacobian(), warp.jacobian(points), rtol=1e-12)
    assert set(found[..., 0].partials) == {0, 1, 2, 6, 7}  # zeros are not stored
    assert set(found[..., 1].partials) == {3, 4, 5, 6, 7}


def test_stack_gives_its_parts_back():
    p = pa.Jet.seed([1.0, 2.0])
    u, v = p[0] * np.ones(4), p[1] * np.ones(4)
    both = np.stack([u, v], axis=-1)
    for part, given in ((both[..., 0], u), (both[..., 1], v), (np.stack([u, v])[1], v)):
        assert np.shares_memory(part.value, given.value)
        assert part.partials.keys() == given.partials.keys()
    assert (both.shape, both.ndim, both.size, len(both)) == ((4, 2), 2, 8, 4)
    np.testing.assert_array_equal(both[2].value, [1, 2])
    assert both[..., :1].shape == (4, 1)
    assert both[..., 1:1].shape == (4, 0)
    np.testing.assert_array_equal(both[..., -1].value, v.value)
    with pytest.raises(IndexError):
        both[..., 2]


# Entries


def test_assignment_changes_this_jet_and_no_other(jet):
    before, other = jet * 1, jet + 0
    jet[1] = 4.0
    jet[2:] = jet[0] * 3
    np.testing.assert_array_equal(jet.value, [0.5, 4, 1.5])
    np.testing.assert_array_equal(jet.jacobian(), [[1, 0, 0], [0, 0, 0], [3, 0, 0]])
    np.testing.assert_array_equal(before.jacobian(), other.jacobian())
    np.testing.assert_array_equal(before.jacobian(), np.eye(3))
    whole = before
    whole += 1
    whole[...] = whole * before
    np.testing.assert_array_equal(whole.value, (X + 1) * X)
    np.testing.assert_array_equal(whole.jacobian(), np.diag(2 * X + 1))


def test_result_can_be_filled_in_part_by_part(jet):
    x = np.linspace(0, 1, 5)
    found = np.zeros_like(jet, shape=(5, 2))
    found[..., 0] = jet[0] * x
    found[:, 1] = jet[1]
    expected = np.stack([jet[0] * x, jet[1] * np.ones(5)], axis=-1)
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.jacobian(), expected.jacobian())


def test_operators_in_place_leave_other_references_alone(jet):
    shared, before = jet, jet * 1
    jet += 1
    jet *= 2
    np.testing.assert_array_equal(shared.jacobian(), before.jacobian())
    np.testing.assert_array_equal(jet.jacobian(), 2 * np.eye(3))


def test_value_and_partials_are_read_only(jet):
    product = jet[0] * X
    for array in (product.value, product.partials[0], jet.value):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(TypeError, match="does not support item assignment"):
        product.partials[1] = X  # type: ignore[index]


def test_copies_and_pickles_are_equal_jets(jet):
    product = np.stack([jet[0] * X, jet[1] * X], axis=-1)
    for make in (copy.copy, copy.deepcopy, lambda j: pickle.loads(pickle.dumps(j))):
        other = make(product)
        np.testing.assert_array_equal(other.value, product.value)
        np.testing.assert_array_equal(other.jacobian(), product.jacobian())
    assert "partials by 0 of 3" in repr(jet[0] * X)


def test_comparisons_and_predicates_are_those_of_the_values(jet):
    for found, expected in [
        (jet > 0, X > 0),
        (jet <= 1.5, X <= 1.5),
        (jet > X, np.zeros(3, bool)),
        (jet == X, np.ones(3, bool)),
        (jet != 0.5, X != 0.5),
        (np.isfinite(jet), np.isfinite(X)),
        (np.signbit(jet), np.signbit(X)),
        (np.argsort(jet), np.argsort(X)),
        (jet.argmax(), X.argmax()),
        (np.any(jet > 1), True),
        (np.shape(jet), (3,)),
        (np.nonzero(jet > 0)[0], [0, 1]),
    ]:
        assert not isinstance(found, pa.Jet)
        np.testing.assert_array_equal(found, expected)
    assert np.allclose(jet, X)
    assert np.array_equal(jet, X)
    assert jet[0] > 0.1
    assert not bool(jet[0] * 0)


def test_rounding_has_the_derivative_0(jet):
    for f in (np.floor, np.ceil, np.trunc, np.rint, np.sign, np.round, np.fix):
        assert not f(jet).jacobian().any()
        np.testing.assert_array_equal(f(jet).value, f(X))
    assert not (jet // 0.4).jacobian().any()


def test_jet_may_be_made_of_partials_at_hand(jet):
    made = pa.Jet(X, {0: [1.0, 2.0, 3.0], 2: 5.0}, n_params=3)
    np.testing.assert_array_equal(made.jacobian()[:, 2], 5)
    np.testing.assert_array_equal((made + jet).jacobian()[:, 1], [0, 1, 0])
    own = jet.with_value(X**2, {k: 2 * X * d for k, d in jet.partials.items()})
    np.testing.assert_array_equal((own + jet).jacobian(), np.diag(2 * X + 1))


# Kinks, infinities and warnings, which are errors here


def test_kinks_have_the_derivatives_that_are_documented():
    zero, one = pa.Jet.seed([0.0, 0.0])
    assert abs(zero).jacobian()[0] == 0
    np.testing.assert_array_equal(np.maximum(zero, one).jacobian(), [0.5, 0.5])
    np.testing.assert_array_equal(np.minimum(zero, 0.0).jacobian(), [0.5, 0])
    np.testing.assert_array_equal(np.clip(zero, 0, 1).jacobian(), [0.5, 0])
    np.testing.assert_array_equal(np.hypot(zero, one).jacobian(), [0, 0])
    np.testing.assert_array_equal(np.arctan2(zero, one).jacobian(), [0, 0])
    np.testing.assert_array_equal(np.arctan2(zero, 0.0).jacobian(), [0, 0])
    both = np.stack([zero, one])
    np.testing.assert_array_equal(np.linalg.norm(both).jacobian(), [0, 0])
    np.testing.assert_array_equal(np.max(both).jacobian(), [0.5, 0.5])
    np.testing.assert_array_equal((zero**0).jacobian(), [0, 0])
    np.testing.assert_array_equal((zero**2).jacobian(), [0, 0])


def test_infinite_slope_leaves_partials_of_0_alone():
    p = pa.Jet.seed([1.0, 2.0])
    x = np.array([0.0, 1.0, 4.0])
    root = np.sqrt(p[0] * x)
    assert root.value[0] == 0
    np.testing.assert_array_equal(root.jacobian()[:, 0], [0, 0.5, 1])
    np.testing.assert_array_equal(np.sqrt(p[1] - 2).jacobian(), [0, np.inf])


def test_numpy_warns_of_values_only():
    p = pa.Jet.seed([1.0, 0.0])
    x = np.array([0.0, 1e-200, 1.0, np.inf, np.nan])
    found = [np.sqrt(p[0] * x), abs(p[0] * x) ** 0.5, p[0] / (1e-200 + x), p[0] * x * x]
    found += [np.arctan2(p[1] + x, p[0] * 0), np.hypot(p[0] * x, 0), np.cbrt(p[0] * x)]
    for jet in found:
        assert np.isfinite(jet.jacobian()[2]).all()  # the others are poisoned by none
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        p[0] / p[1]
    with pytest.warns(RuntimeWarning, match="invalid value"):
        np.log(-p[0])


def test_nan_stays_nan_and_alone():
    p = pa.Jet.seed([2.0, 3.0])
    x = np.array([1.0, np.nan, 2.0])
    found = np.where(np.isnan(x), 0.0, np.exp(p[0] * x) / (p[1] + x))
    assert np.isfinite(found.jacobian()).all()
    assert np.isnan((p[0] * x).value[1])


# What is refused


@pytest.mark.parametrize(
    "misuse",
    [
        lambda jet: np.asarray(jet),
        lambda jet: np.array([jet[0], jet[1]]),
        lambda jet: float(jet[0]),
        lambda jet: int(jet[0]),
        lambda jet: complex(jet[0]),
        lambda jet: math.sin(jet[0]),
        lambda jet: np.zeros((3, 2)).__setitem__((..., 0), jet),
        lambda jet: np.ascontiguousarray(jet),
        lambda jet: jet.item(),
        lambda jet: jet.tolist(),
        lambda jet: jet.astype(int),
        lambda jet: jet[0].astype("?"),
    ],
)
def test_derivatives_are_never_lost_in_silence(misuse, jet):
    with pytest.raises(TypeError, match=r"take jet\.value"):
        misuse(jet)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_whose_operators_mean_something_else_are_refused(jet):
    with pytest.raises(TypeError, match=r"got a matrix; use \.A"):
        np.asmatrix(np.eye(3)) * jet


def test_assignment_of_one_number_to_an_array_says_why_it_failed(jet):
    with pytest.raises(ValueError, match="setting an array element") as caught:
        np.zeros(3)[0] = jet[0]  # NumPy raises that from our error
    assert "take jet.value on purpose" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda jet: np.fft.fft(jet), r"numpy\.fft\.fft has no rule for Jet"),
        (lambda jet: np.linalg.svd(jet[None]), r"numpy\.linalg\.svd has no rule"),
        (lambda jet: np.interp(jet, X, X), r"numpy\.interp has no rule for Jet"),
        (lambda jet: np.gcd(jet, 2), "gcd has no rule for Jet"),
        (lambda jet: np.add.at(jet, [0], 1), r"add\.at has no rule for Jet"),
        (lambda jet: np.sin.at(jet, [0]), r"sin\.at has no rule for Jet"),
        (lambda jet: np.divide.reduce(jet), r"divide\.reduce has no rule for Jet"),
        (lambda jet: np.sin(jet, out=np.zeros(3)), "sin: expected no out="),
        (lambda jet: np.sum(jet, out=np.zeros(())), r"numpy\.sum: expected no out="),
        (lambda jet: X.copy().__iadd__(jet), "add: expected no out="),
        (lambda jet: np.sin(jet, where=X > 0), "sin: expected no where="),
        (lambda jet: np.sin(jet, dtype="f4"), "sin: expected no dtype="),
        (lambda jet: np.sum(jet, initial=1), r"numpy\.sum: expected no other options"),
        (lambda jet: np.sum(jet, 0, float), r"numpy\.sum: expected no other options"),
        (lambda jet: np.take(X, jet), "expected an array without derivatives"),
        (lambda jet: np.roll(jet, jet), "expected no Jet but the first argument"),
        (
            lambda jet: np.stack([jet, jet], dtype="f4"),
            r"numpy\.stack: expected no other arguments with a Jet than arrays, axis; "
            r".*'dtype'",
        ),
        (lambda jet: np.max(jet, initial=0), r"numpy\.max: expected no .*'initial'"),
        (lambda jet: jet.std(mean=0), r"numpy\.std: expected no .*'mean'"),
        (lambda jet: erf(jet), "^erf has no rule for Jet"),
        (lambda jet: f"{jet[0]:.3f}", r"format jet\.value: f'\{jet\.value:\.3f\}'"),
        (lambda jet: pa.Jet(3), r"n_params: .*Jet\.seed\(params\)"),
        (lambda jet: jet.foo, "'Jet' object has no attribute 'foo'"),
        (lambda jet: (jet * 1).foo, "'Jet' object has no attribute 'foo'"),
        (lambda jet: np.linalg.norm(jet, 1), r"got ord=1"),
        (lambda jet: jet * 1j, "expected real numbers beside a Jet"),
        (lambda jet: jet + np.array([object()] * 3), "expected real numbers"),
        (lambda jet: jet + [jet[0]] * 3, r"use np\.stack"),
        (lambda jet: jet + np.ma.masked_array(X), "array without a mask"),
        (lambda jet: X[jet], "expected an array without derivatives"),
        (lambda jet: hash(jet), "unhashable"),
        (lambda jet: jet + "a", "expected real numbers|unsupported"),
    ],
)
def test_what_has_no_rule_is_named(misuse, message, jet):
    with pytest.raises((TypeError, IndexError, AttributeError), match=message):
        misuse(jet)


def test_jets_are_formatted_as_they_are_shown(jet):
    assert f"{jet}" == str(jet) == repr(jet)


def test_jets_nest_one_level(jet):
    with pytest.raises(TypeError, match="jets nest one level"):
        pa.Jet.seed(jet)
    with pytest.raises(TypeError, match="jets nest one level"):
        pa.jacobian(pa.jacobian(np.sin))(X)


def test_jets_of_two_seeds_do_not_mix(jet):
    other = pa.Jet.seed(X)
    for mix in (
        lambda: jet + other,
        lambda: jet * other[0],
        lambda: jet / other,
        lambda: jet - other,
        lambda: np.hypot(jet, other),
        lambda: np.stack([jet, other]),
        lambda: np.where(X > 0, jet, other),
        lambda: jet @ other,
        lambda: jet.__setitem__(0, other[0]),
    ):
        with pytest.raises(ValueError, match=r"one call of Jet\.seed"):
            mix()
    with pytest.raises(ValueError, match="some with 3 and some with 2"):
        jet + pa.Jet.seed([1.0, 2.0])[0]


def test_arguments_of_the_constructor_are_checked():
    for partials, message in [
        ({3: 1.0}, "keys from 0 to 2, got 3"),
        ({"a": 1.0}, "keys from 0 to 2"),
        ({0: [1.0, 2.0]}, r"broadcasts to \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            pa.Jet(X, partials, n_params=3)
    with pytest.raises(ValueError, match="n_params: expected a positive integer"):
        pa.Jet(X, n_params=0)
    with pytest.raises(TypeError, match="real numbers"):
        pa.Jet([1j], n_params=1)
