"""Jets have the values of arrays, and the derivatives that differences tend to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import photalign as pa
from derivatives import assert_exact
from photalign.autodiff import _functions, _slopes, _ufuncs

# Where each function is to be tried, away from kinks and poles.
RANGES: dict[np.ufunc, tuple[float, float]] = {
    np.sqrt: (0.2, 3),
    np.cbrt: (0.2, 3),
    np.reciprocal: (0.2, 3),
    np.log: (0.2, 3),
    np.log2: (0.2, 3),
    np.log10: (0.2, 3),
    np.log1p: (-0.7, 3),
    np.tan: (-1.2, 1.2),
    np.arcsin: (-0.8, 0.8),
    np.arccos: (-0.8, 0.8),
    np.arccosh: (1.2, 3),
    np.arctanh: (-0.8, 0.8),
    np.power: (0.3, 2),
    np.float_power: (0.3, 2),
    np.true_divide: (0.3, 2),
}
UNARY = sorted(
    {*_slopes.UNARY, np.negative, np.positive}, key=lambda f: (f.__name__, id(f))
)
BINARY = sorted(
    {*_slopes.BINARY, np.add, np.subtract, np.multiply, np.true_divide},
    key=lambda f: f.__name__,
)

unary = pytest.mark.parametrize("ufunc", UNARY, ids=lambda f: f.__name__)
binary = pytest.mark.parametrize("ufunc", BINARY, ids=lambda f: f.__name__)


def drawn(rng, ufunc, shape):
    """Return numbers in the range of a function, none within 0.01 of an integer."""
    x = rng.uniform(*RANGES.get(ufunc, (-2.5, 2.5)), shape)
    return np.where(np.abs(x - np.round(x)) < 0.02, x + 0.05, x)


def test_every_ufunc_is_tested_here():
    tested = {*UNARY, *BINARY, *_slopes.COMPOSED, *_slopes.PRODUCTS}
    plain = {*_slopes.OF_VALUES, *_slopes.STEPS}
    assert set(_ufuncs._OPERATORS) <= tested
    assert not tested & plain


@unary
def test_derivative_of_unary_ufunc(ufunc, rng):
    x = drawn(rng, ufunc, (2, 3))
    assert_exact(ufunc, x)
    assert_exact(lambda p: ufunc(p[0]), x[0])  # of a single number
    m = rng.normal(size=(6, 6))
    b = np.linalg.solve(m, x.ravel())
    assert_exact(lambda p: ufunc(np.reshape(m @ p, (3, 2))), b)  # by the chain rule


@binary
def test_derivative_of_binary_ufunc(ufunc, rng):
    a, b = drawn(rng, ufunc, (3, 1)), drawn(rng, ufunc, 4)
    both = np.concatenate([a.ravel(), b])
    assert_exact(lambda p: ufunc(p[:3].reshape(3, 1), p[3:]), both)
    assert_exact(lambda p: ufunc(p.reshape(3, 1), b), a.ravel())
    assert_exact(lambda p: ufunc(a, p), b)
    assert_exact(lambda p: ufunc(p[0], p[1]), both[2:4])
    assert_exact(lambda p: ufunc(p[1], b), both[:2])
    assert_exact(lambda p: ufunc(1.3, p[1]), both[2:4])
    assert_exact(lambda p: ufunc(p, 1), both[:3])


OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "%": lambda a, b: a % b,
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kind", ["ndarray", "float", "int", "list", "float64", "u1"])
def test_operators_take_plain_numbers_on_both_sides(name, kind, rng):
    operate = OPERATORS[name]
    plain = {
        "ndarray": rng.uniform(0.5, 2, 3),
        "float": 1.7,
        "int": 2,
        "list": [0.7, 1.2, 1.9],
        "float64": np.float64(0.9),
        "u1": np.array([1, 2, 3], np.uint8),
    }[kind]
    x = np.array([1.15, 1.35, 1.85])
    assert_exact(lambda p: operate(p, np.asarray(plain)), x)
    assert_exact(lambda p: operate(np.asarray(plain), p), x)
    for jet, value in (
        (operate(pa.Jet.seed(x), plain), operate(x, plain)),
        (operate(plain, pa.Jet.seed(x)), operate(plain, x)),
    ):
        np.testing.assert_array_equal(jet.value, value)


M = np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.7], [-0.6, 0.2, 1.1]])
CUBE = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.3
OTHER = np.sin(np.arange(24.0)).reshape(2, 3, 4)

# Of an array of shape (2, 3, 4).
FUNCTIONS: dict[str, Any] = {
    "reshape": lambda x: np.reshape(x, (4, -1)),
    "reshape method": lambda x: x.reshape(4, 6),
    "ravel": lambda x: np.ravel(x),
    "ravel F": lambda x: x.ravel("F"),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: np.transpose(x, (1, 0, 2)),
    "transpose method": lambda x: x.transpose(2, 0, 1),
    "T": lambda x: x.T,
    "moveaxis": lambda x: np.moveaxis(x, 0, -1),
    "rollaxis": lambda x: np.rollaxis(x, 2),
    "swapaxes": lambda x: np.swapaxes(x, 0, 2),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "squeeze": lambda x: np.squeeze(x[:1]),
    "broadcast_to": lambda x: np.broadcast_to(x[0], (5, 3, 4)),
    "broadcast_arrays": lambda x: np.broadcast_arrays(x, np.zeros((5, 1, 1, 1)))[0],
    "flip": lambda x: np.flip(x, 1),
    "fliplr": lambda x: np.fliplr(x),
    "flipud": lambda x: np.flipud(x),
    "rot90": lambda x: np.rot90(x),
    "roll": lambda x: np.roll(x, 2, axis=1),
    "take": lambda x: np.take(x, [2, 0, 2], axis=2),
    "take_along_axis": lambda x: np.take_along_axis(x, np.ones((2, 3, 1), int), 2),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "tile": lambda x: np.tile(x, (2, 1, 1)),
    "diagonal": lambda x: np.diagonal(x, 1, 1, 2),
    "copy": lambda x: np.copy(x),
    "index": lambda x: x[1, ::-1, 2:],
    "ellipsis": lambda x: x[..., 0],
    "newaxis": lambda x: x[:, None, 0],
    "mask": lambda x: x[CUBE > 0],
    "fancy": lambda x: x[[0, 1, 1], [2, 0, 0]],
    "split": lambda x: np.split(x, 3, axis=1)[2],
    "array_split": lambda x: np.array_split(x, 3, axis=2)[0],
    "hsplit": lambda x: np.hsplit(x, 3)[1],
    "vsplit": lambda x: np.vsplit(x, 2)[1],
    "dsplit": lambda x: np.dsplit(x, 2)[1],
    "atleast_1d": lambda x: np.atleast_1d(x[0, 0, 0]),
    "atleast_2d": lambda x: np.atleast_2d(x[0, 0]),
    "atleast_3d": lambda x: np.atleast_3d(x[0]),
    "sum": lambda x: np.sum(x),
    "sum axis": lambda x: x.sum(axis=(0, 2), keepdims=True),
    "add.reduce": lambda x: np.add.reduce(x),
    "mean": lambda x: np.mean(x, axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=2),
    "diff": lambda x: np.diff(x, axis=2),
    "trace": lambda x: np.trace(x, axis1=1, axis2=2),
    "diag": lambda x: np.diag(x[0, 0]),
    "tril": lambda x: np.tril(x),
    "triu": lambda x: np.triu(x, 1),
    "prod": lambda x: np.prod(x, axis=1),
    "prod all": lambda x: np.prod(x[0, :2]),
    "prod axes": lambda x: np.prod(x, axis=(0, -1), keepdims=True),
    "max": lambda x: np.max(x, axis=1),
    "min": lambda x: x.min(),
    "sort": lambda x: np.sort(x[:, ::-1], axis=1),
    "var": lambda x: np.var(x, axis=2, ddof=1),
    "std": lambda x: x.std(),
    "clip": lambda x: np.clip(x, -0.55, 0.75),
    "clip method": lambda x: x.clip(-0.55, None),
    "where": lambda x: np.where(CUBE > 0.1, x, 2 * x[:1]),
    "where plain": lambda x: np.where(CUBE > 0.1, OTHER, x),
    "nan_to_num": lambda x: np.nan_to_num(x),
    "stack": lambda x: np.stack([x[0], OTHER[1], 2 * x[1]], axis=1),
    "stack last": lambda x: np.stack([x[0], OTHER[1]], axis=-1)[..., 0],
    "concatenate": lambda x: np.concatenate([x, OTHER, x], axis=1),
    "vstack": lambda x: np.vstack([x[0, 0], OTHER[0, 1]]),
    "vstack 2": lambda x: np.vstack([x[0], OTHER[0, :1]]),
    "hstack": lambda x: np.hstack([x[0, 0], OTHER[0, 1, :2]]),
    "dstack": lambda x: np.dstack([x[0], OTHER[0]]),
    "column_stack": lambda x: np.column_stack([x[0, 0], x[0, 1], OTHER[0, 1]]),
    "column_stack 2": lambda x: np.column_stack([x[0], OTHER[0]]),
    "matmul": lambda x: x @ OTHER.transpose(0, 2, 1),
    "rmatmul": lambda x: OTHER.transpose(0, 2, 1) @ x,
    "matmul both": lambda x: x @ np.swapaxes(x, 1, 2),
    "matmul vector": lambda x: x @ x[0, 1],
    "dot": lambda x: np.dot(x, OTHER[0].T),
    "dot vector": lambda x: x[0, 0].dot(x[1, 2]),
    "vdot": lambda x: np.vdot(x, OTHER),
    "inner": lambda x: np.inner(x[0], x[1]),
    "outer": lambda x: np.outer(x[0], OTHER[0, 1]),
    "kron": lambda x: np.kron(x[0, :2, :2], M),
    "tensordot": lambda x: np.tensordot(x, OTHER, axes=([0, 2], [0, 2])),
    "einsum": lambda x: np.einsum("ijk,ilk,j->il", x, OTHER, x[0, :, 1]),
    "einsum lists": lambda x: np.einsum(x, [0, 1, 2], OTHER, [0, 1, 2], [0]),
    "multiply.outer": lambda x: np.multiply.outer(x[0, 0], OTHER[0, 1]),
    "cross": lambda x: np.cross(x[..., :3], OTHER[..., 1:]),
    "norm": lambda x: np.linalg.norm(x, axis=-1),
    "norm all": lambda x: np.linalg.norm(x.ravel()),
    "norm matrix": lambda x: np.linalg.norm(x[0], keepdims=True),
    "norm matrices": lambda x: np.linalg.norm(x, axis=(0, 2)),
    "inv": lambda x: np.linalg.inv(M + 0.1 * x[..., :3]),
    "solve": lambda x: np.linalg.solve(M + 0.1 * x[..., :3], x[..., 3:]),
    "solve vector": lambda x: np.linalg.solve(M + 0.1 * x[0, :, :3], OTHER[0, :, 0]),
    "solve right": lambda x: np.linalg.solve(M, x),
    "det": lambda x: np.linalg.det(M + x[..., :3]),
    "zeros_like": lambda x: np.zeros_like(x) + x,
    "ones_like": lambda x: np.ones_like(x) * x,
    "full_like": lambda x: np.full_like(x, x[0, 0, 1]),
    "divmod": lambda x: divmod(x, 0.37)[1],
    "modf": lambda x: np.modf(x)[0],
    "maximum.reduce": lambda x: np.maximum.reduce(x),
}
if hasattr(np, "matvec"):
    FUNCTIONS |= {
        "vecdot": lambda x: np.vecdot(x, OTHER),
        "matvec": lambda x: np.matvec(x, OTHER[:, 1]),
        "vecmat": lambda x: np.vecmat(x[:, :, 1], OTHER),
    }
if hasattr(np, "matrix_transpose"):
    FUNCTIONS["matrix_transpose"] = lambda x: np.matrix_transpose(x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivative_of_function(name):
    assert_exact(FUNCTIONS[name], CUBE)


def test_every_function_with_a_rule_is_tested_here():
    names = {function.__name__ for function in _functions.RULES}
    values = {function.__name__ for function in _functions._OF_VALUES}
    same = {"amax", "amin", "around", "round", "fix", "empty_like", "stack"}
    tested = {name.split()[0] for name in FUNCTIONS} | same
    assert names - values - tested == set()


@pytest.mark.parametrize("name", ["reshape", "transpose", "index", "sum axis", "stack"])
def test_partial_of_a_constant_shift_is_right_after(name):
    moved = FUNCTIONS[name]

    def shifted(p):
        return moved(p[0] + p[1] * CUBE)

    assert_exact(shifted, [0.3, 1.2])


# Random expressions, beside complex steps


LEAVES = ["p[0]", "p[1]", "p[2]", "x", "y", "0.7", "2"]
CALLS = ["np.sin({})", "np.cos({})", "np.exp(0.1 * {})", "np.tanh({})", "np.square({})"]
CALLS += ["np.sqrt(3 + {0} * {0})", "(-{})", "np.arctan({})", "np.log(2 + {0} ** 2)"]
PAIRS = ["({} + {})", "({} - {})", "({} * {})", "({0} / (2 + {1} * {1}))"]
PAIRS += ["({0} * np.cos({1}))"]


def expressions():
    def larger(smaller):
        call = st.builds(str.format, st.sampled_from(CALLS), smaller)
        pair = st.builds(str.format, st.sampled_from(PAIRS), smaller, smaller)
        return call | pair

    return st.recursive(st.sampled_from(LEAVES), larger, max_leaves=12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(expressions(), expressions())
def test_random_expressions_agree_with_complex_steps(first, second):
    code = compile(f"np.stack(np.broadcast_arrays(x + {first}, {second}))", "", "eval")
    names = {"np": np, "x": np.linspace(-1, 1, 5), "y": np.array([[0.5], [-0.8]])}

    def f(p):
        return eval(code, names | {"p": p})

    at = np.array([0.4, -0.9, 1.3])
    found, h = f(pa.Jet.seed(at)), 1e-30
    expected = np.stack([f(at + 1j * h * unit).imag / h for unit in np.eye(3)], axis=-1)
    if not isinstance(found, pa.Jet):
        np.testing.assert_array_equal(expected, 0)
        return
    np.testing.assert_allclose(found.value, f(at), rtol=1e-13)
    scale = np.abs(expected).max(initial=1)
    np.testing.assert_allclose(found.jacobian(), expected, rtol=0, atol=1e-12 * scale)
