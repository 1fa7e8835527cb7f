"""Samples at jets: the chain rule, for all kernels, boundaries, channels and points."""

from __future__ import annotations

from itertools import cycle, product

import numpy as np
import pytest

import photalign as pa
from photalign.sampling import Sampler
from sampler_cases import (
    BOUNDARIES,
    DOMAINS,
    SHAPES,
    SMOOTH,
    picture,
    points_near,
    result_type,
)

smooth = pytest.mark.parametrize("name", SMOOTH)
CHANNELS = [(), (1,), (2,), (3,), (4,), (5,)]


def tolerance(dtype) -> float:
    return 1e-10 if result_type(dtype) == np.float64 else 2e-5


def moved(p, points):
    """Return jets at points: each coordinate depends on parameters in its own way."""
    ndim = points.shape[-1]
    parts = [points[..., a] + 0 * points[..., 0] for a in range(ndim)]
    jets = [part + (p[a] - p.value[a]) for a, part in enumerate(parts)]
    jets[0] = jets[0] + (p[3] - p.value[3]) * parts[-1]
    jets[-1] = jets[-1] + np.sin(p[4] - p.value[4]) * parts[0] ** 2 / 7
    return np.stack(jets, axis=-1)


def expected_of(sampler, jet):
    """Return values, derivatives and mask by the Jacobian of the points."""
    values, gradients, mask = sampler.value_and_grad(jet.value, return_mask=True)
    by_params = jet.jacobian().astype(np.float64)
    extra = (np.newaxis,) * (gradients.ndim - jet.ndim)
    chained = (
        gradients[..., np.newaxis] * by_params[(..., *extra, slice(None), slice(None))]
    )
    derivatives = chained.sum(axis=-2)
    derivatives[~mask] = 0
    return values, derivatives, mask


def assert_samples(jet, values, derivatives, dtype) -> None:
    np.testing.assert_array_equal(jet.value, values)
    assert jet.dtype == values.dtype
    scale = max(1.0, float(np.abs(derivatives).max(initial=0)))
    np.testing.assert_allclose(
        jet.jacobian(), derivatives, rtol=0, atol=tolerance(dtype) * scale
    )


@smooth
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_samples_of_jets_follow_the_chain_rule(name, ndim, rng):
    kinds = cycle(product(DOMAINS, ["f8", "u1", "f4"], ["xy", "ij"]))
    p = pa.Jet.seed(rng.normal(size=6))
    for shape, channels, boundary in product(SHAPES[ndim], CHANNELS, BOUNDARIES):
        domain, dtype, indexing = next(kinds)
        sampler = Sampler(
            picture(rng, shape + channels, dtype),
            name,
            boundary=boundary,
            domain=domain,
            ndim=ndim,
            fill=3,
            indexing=indexing,
        )
        points = points_near(rng, shape, 4)
        points = points[:, ::-1] if indexing == "ij" else points
        jet = moved(p, points)
        found, mask = sampler(jet, return_mask=True)
        values, derivatives, valid = expected_of(sampler, jet)
        np.testing.assert_array_equal(mask, valid)
        assert_samples(found, values, derivatives, dtype)


@smooth
@pytest.mark.parametrize("channels", [(), (3,)])
def test_blocks_inside_and_around_a_large_image(name, channels, rng):
    image = picture(rng, (120, 400, *channels))
    sampler = Sampler(image, name)
    inner = rng.uniform(10, 109, (600, 2)) * [3, 1]
    around = points_near(rng, (120, 400), 40)
    around[::7, 1] = np.nan
    p = pa.Jet.seed(rng.normal(size=5))
    for points in (np.concatenate([inner, around]), inner.reshape(20, 30, 2)):
        jet = moved(p, points)
        found = sampler(jet)
        assert_samples(found, *expected_of(sampler, jet)[:2], "f8")
        assert set(found.partials) == {0, 1, 3, 4}
        tangents = np.moveaxis(jet.jacobian(), -1, 0)
        _, changes = sampler.jvp(jet.value, np.nan_to_num(tangents))
        np.testing.assert_allclose(
            found.jacobian(), np.moveaxis(changes, 0, -1), rtol=0, atol=1e-9
        )


@smooth
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_gradients_at_jets_change_by_the_hessian(name, ndim, rng):
    p = pa.Jet.seed(rng.normal(size=6))
    shape = SHAPES[ndim][0]
    for channels in [(), (3,)]:
        sampler = Sampler(picture(rng, shape + channels), name, ndim=ndim)
        jet = moved(p, points_near(rng, shape, 10))
        value, gradient, mask = sampler.value_and_grad(jet, return_mask=True)
        values, derivatives, _ = expected_of(sampler, jet)
        assert_samples(value, values, derivatives, "f8")
        _, gradients, hessians, valid = sampler.value_grad_hess(
            jet.value, return_mask=True
        )
        np.testing.assert_array_equal(mask, valid)
        by_params = jet.jacobian()
        subscripts = "ncab,nbp->ncap" if channels else "nab,nbp->nap"
        twice = np.einsum(subscripts, hessians, np.nan_to_num(by_params))
        twice[~valid] = 0
        assert_samples(gradient, gradients, twice, "f8")
