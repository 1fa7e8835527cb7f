"""What holds for every warp: group laws, derivatives, and round trips."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from photalign.warps import WARPS, Warp

# How far a drawn warp may be from the identity, per parameter: together they
# keep the horizon of a homography, and of a product of three, away from the image.
REACH = {
    **{"tx": 30.0, "ty": 30.0, "m02": 30.0, "m12": 30.0, "angle": 1.0, "scale": 0.5},
    **{"m00": 0.2, "m01": 0.2, "m10": 0.2, "m11": 0.2, "m20": 2e-4, "m21": 2e-4},
}
CLASSES = pytest.mark.parametrize("cls", WARPS.values(), ids=WARPS.keys())
# Exactly the identity, so close to it that rounding shows, and far from it.
SPREADS = pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-4, 1.0])
SEEDS = pytest.mark.parametrize("seed", range(5))
PAIRS = pytest.mark.parametrize(
    ("a", "b"), list(product(WARPS.values(), repeat=2)), ids=lambda cls: cls.name
)


def draw(cls: type[Warp], seed: int, spread: float) -> Warp:
    """Draw a warp `spread` times REACH away from the identity."""
    rng = np.random.default_rng([seed, cls.n_params])
    reach = np.array([REACH[name] for name in cls.param_names])
    offset = spread * reach * rng.uniform(-1, 1, cls.n_params)
    return cls.from_params(cls.identity().params + offset)


def draw_points(seed: int) -> np.ndarray:
    """Points in and around an image of 200 by 200 pixels."""
    return np.random.default_rng(seed).uniform(-20, 220, (50, 2))


def assert_close(actual: np.ndarray, desired: np.ndarray, atol: float = 1e-9) -> None:
    """Check to an absolute tolerance, and that no point was lost as NaN."""
    np.testing.assert_allclose(actual, desired, rtol=0, atol=atol, equal_nan=False)


def differences(function, at: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Central differences of `function`, one column on a new last axis each."""
    columns = [
        (function(at + step) - function(at - step)) / (2 * step.sum())
        for step in np.diag(steps)
    ]
    return np.stack(columns, axis=-1)


@CLASSES
def test_identity_moves_nothing(cls):
    points = draw_points(0)
    np.testing.assert_array_equal(cls.identity()(points), points)
    assert cls.identity().inverse() == cls.identity()


@CLASSES
@SPREADS
@SEEDS
def test_identity_is_neutral(cls, spread, seed):
    warp = draw(cls, seed, spread)
    assert warp @ cls.identity() == warp
    assert cls.identity() @ warp == warp


@CLASSES
@SPREADS
@SEEDS
def test_inverse_undoes(cls, spread, seed):
    warp, points = draw(cls, seed, spread), draw_points(seed)
    assert type(warp.inverse()) is cls
    assert_close(warp.inverse()(warp(points)), points)
    assert_close((warp.inverse() @ warp)(points), points)
    assert_close((warp @ warp.inverse())(points), points)


@PAIRS
@SPREADS
@SEEDS
def test_composition_is_application_in_turn(a, b, spread, seed):
    first, second, points = draw(b, seed, spread), draw(a, seed, spread), draw_points(0)
    both = second @ first
    names = list(WARPS)
    assert names.index(both.name) == max(names.index(a.name), names.index(b.name))
    assert_close(both(points), second(first(points)))


@PAIRS
@SEEDS
def test_composition_is_associative(a, b, seed):
    points = draw_points(seed)
    for c in WARPS.values():
        x, y, z = draw(a, seed, 1.0), draw(b, seed + 10, 1.0), draw(c, seed + 20, 1.0)
        left, right = (x @ y) @ z, x @ (y @ z)
        assert type(left) is type(right)
        assert_close(left(points), right(points))


@CLASSES
@SPREADS
@SEEDS
def test_inverse_of_product_is_product_of_inverses(cls, spread, seed):
    a, b, points = draw(cls, seed, spread), draw(cls, seed + 10, spread), draw_points(1)
    reversed_product = b.inverse() @ a.inverse()
    expected = (a @ b).inverse()(points)
    assert_close(reversed_product(points), expected)


@CLASSES
@SPREADS
@SEEDS
def test_jacobian_is_the_derivative_by_the_parameters(cls, spread, seed):
    warp, points = draw(cls, seed, spread), draw_points(seed)
    jacobian = warp.jacobian(points)
    assert jacobian.shape == (50, 2, cls.n_params)
    largest = np.abs(jacobian).max(axis=(0, 1))
    numeric = differences(
        lambda p: cls.from_params(p)(points), warp.params, 1e-2 / largest
    )
    assert_close(jacobian / largest, numeric / largest, 1e-6)


@CLASSES
@SPREADS
@SEEDS
def test_point_jacobian_is_the_derivative_by_the_point(cls, spread, seed):
    warp, points = draw(cls, seed, spread), draw_points(seed)
    jacobian = warp.point_jacobian(points)
    assert jacobian.shape == (50, 2, 2)
    numeric = differences(warp, points, np.array([1e-2, 1e-2]))
    assert_close(jacobian, numeric, 1e-6)


@PAIRS
@SEEDS
def test_point_jacobians_follow_the_chain_rule(a, b, seed):
    outer, inner, points = draw(a, seed, 1.0), draw(b, seed, 1.0), draw_points(seed)
    chained = outer.point_jacobian(inner(points)) @ inner.point_jacobian(points)
    jacobian = (outer @ inner).point_jacobian(points)
    assert_close(jacobian, chained)


@CLASSES
@SPREADS
@SEEDS
def test_params_make_the_same_warp_again(cls, spread, seed):
    warp = draw(cls, seed, spread)
    again = cls.from_params(warp.params)
    assert warp.params.shape == (cls.n_params,)
    np.testing.assert_allclose(again.params, warp.params, rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(again.matrix, warp.matrix, rtol=1e-15, atol=1e-15)


@CLASSES
def test_params_are_smooth_at_the_identity(cls):
    step = 1e-12
    moved = cls.from_params(cls.identity().params + step)
    difference = moved.params - cls.identity().params
    assert_close(difference, step, 1e-15)


@CLASSES
@SPREADS
@SEEDS
def test_copies_are_equal_to_the_last_bit(cls, spread, seed):
    warp = draw(cls, seed, spread).inverse()
    text = json.dumps(warp.to_dict(), allow_nan=False)
    for again in (
        cls(warp.matrix),
        cls(warp.matrix.tolist()),
        Warp.from_dict(json.loads(text)),
        cls.from_dict(warp.to_dict()),
        pickle.loads(pickle.dumps(warp)),
        copy.deepcopy(warp),
    ):
        assert type(again) is cls
        assert again == warp
        assert hash(again) == hash(warp)
        assert repr(again) == repr(warp)


@CLASSES
@SEEDS
def test_any_shape_of_points_is_mapped_alike(cls, seed):
    warp, points = draw(cls, seed, 1.0), draw_points(seed)
    for shape in ((2,), (0, 2), (5, 10, 2)):
        some = np.resize(points, shape)
        flat = some.reshape(-1, 2)
        for function in (warp, warp.jacobian, warp.point_jacobian):
            result = function(some)
            assert result.dtype == np.float64
            assert result.shape[: len(shape)] == shape
            np.testing.assert_allclose(
                result.reshape(function(flat).shape), function(flat), rtol=1e-14
            )


@CLASSES
@SEEDS
def test_results_belong_to_the_caller(cls, seed):
    warp, points = draw(cls, seed, 1.0), draw_points(seed)
    before = warp(points)
    for owned in (
        *(warp(points), warp.params),
        *(warp.jacobian(points), warp.point_jacobian(points)),
    ):
        owned[...] = 0
    np.testing.assert_array_equal(warp(points), before)
    np.testing.assert_array_equal(points, draw_points(seed))


@CLASSES
@SEEDS
def test_a_matrix_known_to_float32_is_moved_onto_the_model(cls, seed):
    warp = draw(cls, seed, 1.0)
    again = cls(warp.matrix.astype(np.float32))
    np.testing.assert_allclose(again.matrix, warp.matrix, rtol=1e-6, atol=1e-7)
    # A member to float64 rounding: the constructor leaves it alone.
    assert cls(again.matrix) == again


@CLASSES
@SEEDS
def test_each_model_contains_those_before_it(cls, seed):
    warp, points = draw(cls, seed, 1.0), draw_points(seed)
    for other in WARPS.values():
        if other.n_params >= cls.n_params:
            assert_close(other(warp.matrix)(points), warp(points))
        else:
            with pytest.raises(ValueError, match="matrix: expected"):
                other(warp.matrix)


@CLASSES
@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    matrix=st.sampled_from([(2, 3), (3, 3)]).flatmap(
        lambda shape: arrays(
            float, shape, elements=st.floats() | st.sampled_from([0.0, 1.0, 1e-9])
        )
    )
)
def test_any_matrix_makes_a_warp_or_a_clear_error(cls, matrix):
    try:
        warp = cls(matrix)
        inverse = warp.inverse()
    except ValueError as refusal:
        message = str(refusal)
    else:
        assert np.isfinite(warp.params).all()
        assert Warp.from_dict(inverse.to_dict()) == inverse
        return
    assert message.startswith(("matrix: expected", "homography: expected"))
