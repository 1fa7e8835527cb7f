"""Sampling at points with derivatives: jets, and the duals of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import photalign as pa
from photalign.autodiff import _duals

Y, X = np.mgrid[0:120, 0:400]
IMAGE = 100 + 50 * np.sin(0.05 * X) * np.cos(0.07 * Y)


@pytest.fixture
def sampler() -> pa.Sampler:
    return pa.Sampler(IMAGE, "bspline3")


@pytest.fixture
def points(rng) -> Any:
    return rng.uniform([-20, -20], [420, 140], (300, 2))


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Forget what a test registers."""
    monkeypatch.setattr(_duals, "_REGISTERED", {})


def shifted(points):
    p = pa.Jet.seed([0.5, -0.25])
    return points + p


def test_function_of_a_warp_and_an_image_is_differentiated_whole(sampler, points):
    def residual(p):
        x, y = points[..., 0], points[..., 1]
        turned = np.stack([x + p[0] - p[2] * y, y + p[1] + p[2] * x], axis=-1)
        return np.where(sampler.inside(turned), 1.1 * sampler(turned) - 90.0, 0.0)

    at = np.array([0.3, -0.2, 0.01])
    found, h = pa.jacobian(residual)(at), 1e-6
    for k, unit in enumerate(np.eye(3)):
        ahead, behind = residual(at + h * unit), residual(at - h * unit)
        np.testing.assert_allclose(found[:, k], (ahead - behind) / (2 * h), atol=1e-3)


def test_partials_of_all_layouts_give_the_same(sampler, points):
    expected = sampler(shifted(points)).jacobian()
    x, y = points[:, 0], points[:, 1]
    a, b = pa.Jet.seed([0.5, -0.25])
    ones = np.ones_like(x)
    ones32, backwards = ones.astype("f4"), np.ones(2 * len(x))[::-2]
    field = np.zeros(len(x), dtype=[("a", "u1"), ("x", "f8")])
    field["x"] = 1
    spread = np.broadcast_to(1.0, x.shape)
    swapped = ones.astype(">f8")
    for factor in (1, ones, ones32, backwards, field["x"], spread, swapped, 1.0 * ones):
        shifts = a * factor, b * factor
        jet = np.stack([x + shifts[0], y + shifts[1]], axis=-1)
        np.testing.assert_allclose(sampler(jet).jacobian(), expected, atol=1e-12)
    whole = shifted(points)
    whole[0] = whole[0]  # no stack any more
    np.testing.assert_array_equal(sampler(whole).jacobian(), expected)
    across = np.stack([x + a, y + b])
    np.testing.assert_array_equal(sampler(across.T).jacobian(), expected)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (7, 5), (2, 3, 4)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_shapes_follow_the_points(shape, channels, rng):
    sampler = pa.Sampler(rng.normal(size=(20, 30, *channels)))
    jet = shifted(rng.uniform(2, 18, (*shape, 2)))
    value, mask = sampler(jet, return_mask=True)
    assert (value.shape, mask.shape) == (shape + channels, shape)
    assert value.jacobian().shape == (*shape, *channels, 2)
    value, gradient = sampler.value_and_grad(jet)
    assert gradient.shape == (*shape, *channels, 2)
    assert gradient.jacobian().shape == (*shape, *channels, 2, 2)


def test_types_follow_sampler_and_points(points):
    for dtype, expected in [("u1", "f4"), ("f4", "f4"), ("f8", "f8")]:
        sampler = pa.Sampler(IMAGE.astype(dtype))
        for kind in ("f4", "f8"):
            jet = shifted(points).astype(kind)
            found = sampler(jet)
            assert found.dtype == found.jacobian().dtype == expected
            np.testing.assert_array_equal(found.value, sampler(jet.value))


def test_threads_do_not_change_samples_of_jets(sampler, monkeypatch, rng):
    jet = shifted(rng.uniform(0, 119, (40000, 2)))
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("PHOTALIGN_THREADS", threads)
        found.append(sampler(jet))
    np.testing.assert_array_equal(found[0].value, found[1].value)
    np.testing.assert_array_equal(found[0].jacobian(), found[1].jacobian())


def test_invalid_samples_have_no_derivatives_whatever_those_of_the_points():
    sampler = pa.Sampler(IMAGE, fill=-1)
    p = pa.Jet.seed([0.0, 0.0])
    x = np.array([5.0, np.nan, np.inf, 1e9])
    with np.errstate(all="ignore"):
        jet = np.stack([x + p[0] * x, p[1] * x**2 + 3.0], axis=-1)
    for found in (sampler(jet), *sampler.value_and_grad(jet)):
        assert np.isfinite(found.jacobian()).all()
        assert not found.jacobian()[1:].any()
    np.testing.assert_array_equal(sampler(jet).value[1:], -1)
    np.testing.assert_array_equal(sampler.inside(jet), [True, False, False, False])


def test_jet_that_depends_on_nothing_gives_one_that_does_not_either(sampler):
    jet = np.zeros_like(pa.Jet.seed([1.0, 2.0])) + 3.0
    for found in (sampler(jet), *sampler.value_and_grad(jet)):
        assert isinstance(found, pa.Jet)
        assert not found.partials
    assert sampler(jet).value == sampler([3.0, 3.0])


def test_misuse_of_jets_is_refused(sampler, points):
    jet = shifted(points)
    with pytest.raises(ValueError, match=r"points: expected shape \(\.\.\., 2\)"):
        sampler(jet[..., :1])
    with pytest.raises(TypeError, match="out: expected none"):
        sampler(jet, out=np.zeros(300))
    with pytest.raises(ValueError, match="kernel: expected one with derivatives"):
        pa.Sampler(IMAGE, "nearest")(jet)
    for call in (
        lambda: sampler.value_grad_hess(jet),
        lambda: sampler.jvp(jet, points),
        lambda: sampler.jvp(points, jet),
        lambda: sampler.vjp(jet, np.ones(300)),
        lambda: sampler.vjp_image(jet, np.ones(300)),
        lambda: sampler.grid(jet[:, 0], [1.0]),
        lambda: pa.Homography.identity()(jet),
        lambda: pa.Sampler(jet),
    ):
        with pytest.raises(TypeError, match="expected an array without derivatives"):
            call()


# Duals of others


@dataclass
class Dense:
    """A dual with derivatives on the first axis."""

    real: Any
    dual: Any


class Derived(Dense):
    """Another class of such duals."""


@dataclass
class Sparse:
    """A dual with derivatives by name."""

    real: Any
    by: dict[str, Any]


def register_dense() -> None:
    pa.autodiff.register_dual(
        Dense,
        value=lambda points: points.real,
        partials=lambda points: points.dual,
        rebuild=lambda points, value, partials: type(points)(value, partials),
    )


@pytest.mark.parametrize("kind", [Dense, Derived])
def test_dense_duals_are_sampled_like_jets(kind, sampler, points):
    register_dense()
    jet = shifted(points)
    dual = kind(jet.value, np.moveaxis(jet.jacobian(), -1, 0))
    found, mask = sampler(dual, return_mask=True)
    assert type(found) is kind
    np.testing.assert_array_equal(mask, sampler.inside(dual))
    for one, other in zip(
        (found, *sampler.value_and_grad(dual)),
        (sampler(jet), *sampler.value_and_grad(jet)),
        strict=True,
    ):
        np.testing.assert_array_equal(one.real, other.value)
        np.testing.assert_allclose(
            np.moveaxis(one.dual, 0, -1), other.jacobian(), atol=1e-12
        )


def test_sparse_duals_get_their_keys_back(sampler, points):
    pa.autodiff.register_dual(
        Sparse,
        value=lambda points: points.real,
        partials=lambda points: points.by,
        rebuild=lambda points, value, partials: Sparse(value, partials),
    )
    found = sampler(Sparse(points, {"x": [1.0, 0.0], "zoom": points}))
    gradient = sampler.value_and_grad(points)[1]
    assert list(found.by) == ["x", "zoom"]
    np.testing.assert_allclose(found.by["x"], gradient[:, 0], atol=1e-12)
    zoomed = (gradient * points).sum(-1)
    np.testing.assert_allclose(found.by["zoom"], zoomed, atol=1e-9)
    with pytest.raises(ValueError, match=r"partials\['x'\]: expected a shape that"):
        sampler(Sparse(points, {"x": np.ones(7)}))


def test_functions_that_do_not_fit_are_told(sampler, points):
    with pytest.raises(TypeError, match="points: expected an array of real numbers"):
        sampler(Dense(points, points))  # not registered
    register_dense()
    with pytest.raises(ValueError, match=r"partials: expected shape \(P, 300, 2\)"):
        sampler(Dense(points, points))
    with pytest.raises(ValueError, match=r"points: expected shape \(\.\.\., 2\)"):
        sampler(Dense(points[:, :1], points))
    for cls in (pa.Jet, np.ndarray, 3):
        with pytest.raises(TypeError, match="cls: expected a class of dual numbers"):
            pa.autodiff.register_dual(cls, value=len, partials=len, rebuild=len)
    with pytest.raises(TypeError, match="rebuild: expected a function, got None"):
        pa.autodiff.register_dual(Dense, value=len, partials=len, rebuild=None)
