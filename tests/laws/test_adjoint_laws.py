"""Forward and reverse derivatives of samples, by the points and by the image."""

from __future__ import annotations

from itertools import cycle, product

import numpy as np
import pytest

from interpolants import Interpolant
from photalign.sampling import Sampler
from photalign.warps import Affine
from sampler_cases import (
    BOUNDARIES,
    DIRECT,
    DOMAINS,
    DTYPES,
    NAMES,
    SHAPES,
    SMOOTH,
    picture,
    points_near,
    result_type,
    tolerances,
)

CHANNELS = [(), (1,), (3,), (4,), (5,)]

names = pytest.mark.parametrize("name", NAMES)
smooth = pytest.mark.parametrize("name", SMOOTH)
ndims = pytest.mark.parametrize("ndim", [1, 2, 3])


def relative(dtype) -> float:
    return 1e-12 if result_type(dtype) == np.float64 else 5e-6


def assert_dots_agree(one, other, dtype) -> None:
    """Compare two inner products, given as pairs of factors."""
    found = [np.vdot(*np.broadcast_arrays(*pair)) for pair in (one, other)]
    size = np.sum(np.abs(one[0] * one[1])) + np.sum(np.abs(other[0] * other[1]))
    assert found[0] == pytest.approx(found[1], rel=0, abs=relative(dtype) * size)


# By the points


@smooth
@ndims
def test_jvp_and_vjp_contract_the_gradient(name, ndim, rng):
    boundaries = cycle(BOUNDARIES)
    dtypes = cycle(["u1", "f4", "f8", "u2"])
    for shape, channels in product(SHAPES[ndim], CHANNELS):
        dtype = next(dtypes)
        image = picture(rng, shape + channels, dtype)
        options = {"boundary": next(boundaries), "ndim": ndim, "fill": 5}
        sampler = Sampler(image, name, domain="unbounded", **options)
        points = points_near(rng, shape, 6)
        value, gradient = sampler.value_and_grad(points)
        tangents = rng.normal(size=points.shape)
        cotangents = rng.normal(size=value.shape)
        limit = tolerances(Interpolant(image, name, **options), dtype)[1]
        along, change = sampler.jvp(points, tangents)
        pulled = sampler.vjp(points, cotangents)
        assert change.shape == value.shape
        assert pulled.shape == points.shape
        assert along.dtype == change.dtype == pulled.dtype == result_type(dtype)
        spread = tangents.reshape(len(points), *[1] * len(channels), ndim)
        expected = (gradient * spread).sum(axis=-1)
        np.testing.assert_allclose(along, value, rtol=0, atol=limit)
        np.testing.assert_allclose(change, expected, rtol=0, atol=9 * limit)
        flat = (gradient * cotangents[..., None]).reshape(len(points), -1, ndim)
        np.testing.assert_allclose(pulled, flat.sum(axis=1), rtol=0, atol=20 * limit)
        assert_dots_agree((change, cotangents), (tangents, pulled), dtype)


@smooth
def test_jvp_takes_any_axes_before_those_of_the_points(name, rng):
    for ndim, channels, lead in product((1, 2, 3), [(), (3,)], [(8,), (2, 3), (0,)]):
        image = picture(rng, SHAPES[ndim][0] + channels)
        sampler = Sampler(image, name, ndim=ndim, boundary="reflect")
        points = rng.uniform(-1, 7, (5, 4, ndim))
        tangents = rng.normal(size=(*lead, *points.shape))
        value, changes = sampler.jvp(points, tangents)
        assert value.shape == (5, 4, *channels)
        assert changes.shape == (*lead, 5, 4, *channels)
        for index in np.ndindex(lead):
            alone = sampler.jvp(points, tangents[index])
            np.testing.assert_array_equal(alone[0], value)
            np.testing.assert_allclose(changes[index], alone[1], rtol=0, atol=1e-10)


@smooth
@ndims
def test_finite_differences_along_tangents_agree(name, ndim, rng):
    image = picture(rng, (*SHAPES[ndim][0], 2))
    sampler = Sampler(image, name, ndim=ndim, domain="unbounded", boundary="wrap")
    # Far from the knots of all kernels.
    points = rng.integers(-3, 9, (40, ndim)) + rng.choice([0.2, 0.8], (40, ndim))
    tangents = rng.normal(size=points.shape)
    h = 1e-5
    ahead, behind = sampler(points + h * tangents), sampler(points - h * tangents)
    changes = sampler.jvp(points, tangents)[1]
    np.testing.assert_allclose(changes, (ahead - behind) / (2 * h), atol=1e-5)


@smooth
@pytest.mark.parametrize("domain", ["image", "support"])
def test_invalid_samples_have_no_derivatives(name, domain, rng):
    for ndim, channels in product((1, 2, 3), [(), (3,)]):
        shape = SHAPES[ndim][0]
        image = picture(rng, shape + channels)
        sampler = Sampler(image, name, ndim=ndim, domain=domain, fill=-2)
        points = points_near(rng, shape, 20)
        points[0] = np.nan
        outside = ~sampler.inside(points)
        value, changes = sampler.jvp(points, np.ones((2, *points.shape)))
        pulled = sampler.vjp(points, np.ones(value.shape))
        assert outside.any()
        assert (value[outside] == -2).all()
        assert not changes[:, outside].any()
        assert not pulled[outside].any()


# By the image: sampling is linear in the pixels


@names
@ndims
def test_vjp_image_is_the_transposed_sampling(name, ndim, rng):
    """<s(x), c> = <image, vjp_image(x, c)>, for an image that it was not built from."""
    channels, domains = cycle(CHANNELS[:4]), cycle(DOMAINS)
    for shape, boundary, _ in product(SHAPES[ndim], BOUNDARIES, range(2)):
        options = {"boundary": boundary, "domain": next(domains), "ndim": ndim}
        image, other = picture(rng, (2, *shape, *next(channels)))
        points = points_near(rng, shape, 8)
        value = Sampler(other, name, fill=0, scale=3, **options)(points)
        cotangents = rng.normal(size=value.shape)
        sampler = Sampler(image, name, fill=np.nan, scale=3, **options)
        found = sampler.vjp_image(points, cotangents)
        assert found.shape == image.shape
        assert found.dtype == np.float64
        assert_dots_agree((value, cotangents), (other, found), "f8")


@names
@ndims
def test_vjp_image_is_that_of_the_slow_sampler(name, ndim, rng):
    shape = SHAPES[ndim][0]
    boundaries = cycle(BOUNDARIES)
    for dtype, channels in product(DTYPES, [(), (3,), (5,)]):
        image = picture(rng, shape + channels, dtype)
        options = {"boundary": next(boundaries), "ndim": ndim, "scale": 0.5}
        points = points_near(rng, shape, 10)
        cotangents = rng.normal(size=(len(points), *channels))
        found = Sampler(image, name, **options).vjp_image(points, cotangents)
        assert found.shape == image.shape
        assert found.dtype == result_type(dtype)
        expected = Interpolant(image, name, **options).adjoint(points, cotangents)
        atol = 20 * relative(dtype) * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@names
def test_vjp_image_follows_spacing_origin_and_indexing(name, rng):
    for ndim in (1, 2, 3):
        image = picture(rng, (*SHAPES[ndim][0], 2))
        spacing, origin = [0.5, 3.0, 2.0][:ndim], [4.0, -1.0, 2.5][:ndim]
        points = rng.uniform(-1, 9, (50, ndim)) * spacing + origin
        cotangents = rng.normal(size=(50, 2))
        options = {"spacing": spacing, "origin": origin, "indexing": "ij", "ndim": ndim}
        found = Sampler(image, name, **options).vjp_image(points, cotangents)
        expected = Interpolant(image, name, **options).adjoint(points, cotangents)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", DIRECT)
def test_footprints_with_a_nan_pixel_give_nothing_back(name, rng):
    image = picture(rng, (12, 13, 3))
    image[5, 6, 1] = np.nan
    points = points_near(rng, (12, 13))
    points = np.concatenate([points, [[6, 5], [6.2, 4.9]]])
    cotangents = rng.normal(size=(len(points), 3))
    found = Sampler(image, name).vjp_image(points, cotangents)
    valid = Sampler(image, name).inside(points)
    assert not valid[-2:].any()
    filled = Sampler(np.nan_to_num(image), name)
    expected = filled.vjp_image(points, np.where(valid[:, None], cotangents, 0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@names
def test_vjp_image_of_no_points_is_zero(name):
    image = np.ones((3, 4, 2), np.uint8)
    found = Sampler(image, name).vjp_image(np.empty((0, 2)), np.empty((0, 2)))
    np.testing.assert_array_equal(found, np.zeros((3, 4, 2)))


@pytest.mark.parametrize("name", ["linear", "keys6", "bspline3"])
@pytest.mark.parametrize("dtype", ["u1", "f8"])
def test_threads_change_no_bit(name, dtype, rng, monkeypatch):
    image = picture(rng, (60, 70, 3), dtype)
    points = rng.uniform(-2, 72, (40_000, 2))
    cotangents = rng.normal(size=(40_000, 3))
    tangents = rng.normal(size=(2, 40_000, 2))
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("PHOTALIGN_THREADS", threads)
        sampler = Sampler(image, name)
        found = [
            *sampler.jvp(points, tangents),
            sampler.vjp(points, cotangents),
            sampler.vjp_image(points, cotangents),
        ]
        results.append([array.tobytes() for array in found])
    assert results[0] == results[1] == results[2]


# Misuse


@pytest.mark.parametrize(
    ("method", "argument", "shape"),
    [
        ("jvp", "tangents", (5, 3)),
        ("jvp", "tangents", (4, 2)),
        ("jvp", "tangents", (2,)),
        ("vjp", "cotangents", (5,)),
        ("vjp", "cotangents", (4, 3)),
        ("vjp_image", "cotangents", (5,)),
        ("vjp_image", "cotangents", (5, 4)),
    ],
)
def test_directions_of_another_shape_are_refused(method, argument, shape):
    sampler = Sampler(np.ones((4, 4, 3)))
    with pytest.raises(ValueError, match=f"^{argument}: expected "):
        getattr(sampler, method)(np.ones((5, 2)), np.ones(shape))


@pytest.mark.parametrize(("method", "shape"), [("jvp", (1, 2)), ("vjp", (1,))])
def test_the_nearest_pixel_has_no_derivative_by_the_points(method, shape):
    sampler = Sampler(np.ones((4, 4)), "nearest")
    with pytest.raises(ValueError, match="nearest"):
        getattr(sampler, method)(np.ones((1, 2)), np.ones(shape))


@ndims
def test_invalid_samples_contribute_nothing_whatever_the_cotangent(ndim, rng):
    image = picture(rng, (*SHAPES[ndim][0], 2))
    sampler = Sampler(image, "catmull_rom", ndim=ndim)
    points = np.concatenate([np.zeros((3, ndim)), np.full((2, ndim), -9.0)])
    nothing = np.array([0, 0, 0, np.nan, np.inf])
    cotangents = np.broadcast_to(nothing[:, None], (5, 2))
    assert not sampler.vjp(points, cotangents).any()
    assert not sampler.vjp_image(points, cotangents).any()
    tangents = np.broadcast_to(nothing[:, None], points.shape)
    _, changes, mask = sampler.jvp(points, tangents, return_mask=True)
    assert not changes.any()
    np.testing.assert_array_equal(mask, sampler.inside(points))


def test_jacobians_of_warps_are_refused_with_the_remedy(rng):
    sampler, points = Sampler(picture(rng, (9, 9))), rng.uniform(0, 8, (30, 2))
    jacobian = Affine.identity().jacobian(points)
    with pytest.raises(ValueError, match=r"pass np\.moveaxis\(tangents, -1, 0\)"):
        sampler.jvp(points, jacobian)
    _, changes = sampler.jvp(points, np.moveaxis(jacobian, -1, 0))
    gradient = sampler.value_and_grad(points)[1]
    expected = np.einsum("na,nap->pn", gradient, jacobian)
    np.testing.assert_allclose(changes, expected, atol=1e-10)
