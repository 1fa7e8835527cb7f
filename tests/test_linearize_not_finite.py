"""`linearize` where the Jacobian of a point is not finite: the point does not count."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from photalign.losses import LOSSES
from sampler_cases import picture

N = 20000
WRONG = np.arange(3, N, 701)


def case(rng, *, dtype="f8", channels=(), **how):
    image = picture(rng, (120, 400, *channels))
    sampler = pa.Sampler(image, "catmull_rom", **how)
    points = rng.uniform(-3, (402, 122), (N, 2)).astype(dtype)
    jacobian = rng.normal(size=(N, 2, 5)).astype(dtype)
    return sampler, points, jacobian, picture(rng, (N, *channels))


def assert_same(found, expected):
    np.testing.assert_allclose(found.hessian, expected.hessian, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-9, atol=1e-7)
    assert found.count == expected.count
    assert found.weight == expected.weight
    assert found.cost == pytest.approx(expected.cost, rel=1e-12)
    assert found.scale == pytest.approx(expected.scale, rel=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", [*LOSSES, "robust", pa.Huber(scale=9.0)])
def test_point_does_not_count(loss, bad, rng):
    sampler, points, jacobian, reference = case(rng)
    weights = np.ones(N)
    weights[WRONG] = 0
    how = {"loss": loss, "brightness": "gain_bias"}
    expected = pa.linearize(
        sampler, points, jacobian, reference, weights=weights, **how
    )
    jacobian[WRONG, WRONG % 2, WRONG % 5] = bad
    assert_same(pa.linearize(sampler, points, jacobian, reference, **how), expected)
    assert np.isfinite(expected.step()).all()


@pytest.mark.parametrize("domain", ["image", "unbounded"])
@pytest.mark.parametrize("channels", [(), (3,), (5,)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_point_does_not_count_in_any_form_of_input(dtype, channels, domain, rng):
    given = case(rng, dtype=dtype, channels=channels, domain=domain)
    sampler, points, jacobian, reference = given
    weights = np.ones(N)
    weights[WRONG] = 0
    expected = pa.linearize(*given, weights=weights)
    jacobian[WRONG, 0] = np.nan
    before = points.copy()

    def block(some):
        return points[some], jacobian[some]

    def jets(some):
        return pa.Jet.seed(np.zeros(5)).with_value(
            points[some].astype(float),
            {k: jacobian[some, :, k].astype(float) for k in range(5)},
        )

    for points_and_jacobian in ((points, jacobian), (block, None), (jets, None)):
        assert_same(pa.linearize(sampler, *points_and_jacobian, reference), expected)
    np.testing.assert_array_equal(points, before)


def test_no_point_counts_if_no_jacobian_is_finite(rng):
    sampler, points, jacobian, reference = case(rng)
    at = pa.linearize(sampler, points, np.full_like(jacobian, np.nan), reference)
    assert (at.count, at.weight, at.cost) == (0, 0, 0)
    assert not at.hessian.any()
    assert np.isnan(at.step()).all()


def test_finite_jacobians_whose_sum_overflows_count(rng):
    sampler, points, jacobian, reference = case(rng)
    count = pa.linearize(sampler, points, jacobian, reference).count
    jacobian[:2, 0, 0] = 1e308
    at = pa.linearize(sampler, points, jacobian, reference)
    assert at.count == count
