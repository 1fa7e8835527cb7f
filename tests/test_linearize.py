"""`linearize`: normal equations against dense NumPy, and what is left out of them."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

import photalign as pa
from photalign.losses import LOSSES
from sampler_cases import (
    BOUNDARIES,
    INSTRUCTION_SETS,
    SMOOTH,
    instruction_set,
    picture,
    points_near,
)
from scenes import grid, views, waves

SHAPES = {1: (400,), 2: (120, 400), 3: (20, 30, 40)}
TOTALS = ("cost", "weight", "count", "scale")


@dataclass(frozen=True)
class Dense:
    """The same with the Jacobian in memory, sums by NumPy."""

    hessian: np.ndarray
    gradient: np.ndarray
    cost: float
    weight: float
    count: int
    residual: np.ndarray


def dense(
    sampler,
    points,
    jacobian,
    reference,
    *,
    weights=None,
    loss=None,
    gain=1.0,
    bias=0.0,
    brightness="none",
):
    value, gradient, valid = sampler.value_and_grad(points, return_mask=True)
    n, parameters = valid.size, jacobian.shape[-1]
    channels = value.shape[valid.ndim] if value.ndim > valid.ndim else 1
    value = value.reshape(n, channels).astype(float)
    gradient = gradient.reshape(n, channels, points.shape[-1]).astype(float)
    target = np.asarray(reference, float).reshape(value.shape)
    given = np.ones(n) if weights is None else np.asarray(weights, float)
    per_channel = given.size == value.size
    given = given.reshape(value.shape if per_channel else (n, 1))
    given = np.broadcast_to(given, value.shape)
    used = valid.reshape(n, 1) & np.isfinite(target) & (given > 0)
    gain, bias = np.broadcast_to(gain, value.shape[1]), np.asarray(bias)
    r = np.where(used, gain * value + bias - target, 0)
    motion = np.asarray(jacobian, float).reshape(n, points.shape[-1], parameters)
    moved = np.where(used.any(1)[:, None, None], motion, 0)
    slope = np.where(used[..., None], gain[:, None] * gradient, 0)
    rows = np.einsum("nca,nap->ncp", slope, moved)
    if brightness == "gain_bias":
        columns = np.zeros((*value.shape, 2 * value.shape[1]))
        for c in range(value.shape[1]):
            columns[:, c, 2 * c] = np.where(used, value, 0)[:, c]
            columns[:, c, 2 * c + 1] = 1
        rows = np.concatenate([rows, columns], axis=-1)
    rho, weight = (loss or pa.Squared())(r**2)
    given = np.where(used, given, 0)
    rows, r, w = rows.reshape(-1, rows.shape[-1]), r.ravel(), (given * weight).ravel()
    return Dense(
        hessian=rows.T @ (w[:, None] * rows),
        gradient=rows.T @ (w * r),
        cost=float((given * rho).sum()) / 2,
        weight=float(given.sum()),
        count=int(used.sum()),
        residual=np.abs(r[used.ravel()]),
    )


def assert_agree(found, expected, rtol=1e-10):
    """Compare to so much of what the sums' terms can amount to."""
    diagonal = np.sqrt(np.diagonal(expected.hessian))
    size = np.outer(diagonal, diagonal)
    assert found.hessian.shape == expected.hessian.shape
    assert (np.abs(found.hessian - expected.hessian) <= rtol * size).all()
    np.testing.assert_array_equal(found.hessian, found.hessian.T)
    reach = diagonal * np.sqrt((expected.residual**2).sum() * 1e3)
    assert (np.abs(found.gradient - expected.gradient) <= rtol * reach).all()
    np.testing.assert_allclose(found.cost, expected.cost, rtol=rtol)
    np.testing.assert_allclose(found.weight, expected.weight, rtol=rtol)
    assert found.count == expected.count


def same_bits(one, other):
    return (
        one.hessian.tobytes() == other.hessian.tobytes()
        and one.gradient.tobytes() == other.gradient.tobytes()
        and all(getattr(one, name) == getattr(other, name) for name in TOTALS)
    )


@dataclass(frozen=True)
class Problem:
    sampler: pa.Sampler
    points: np.ndarray
    jacobian: np.ndarray
    reference: np.ndarray

    @property
    def arguments(self):
        return self.sampler, self.points, self.jacobian, self.reference


def problem(
    rng, *, n=150, parameters=8, channels=(), ndim=2, dtype="f8", reference="f8", **how
):
    """Return points of which most lie inside, in whole blocks, and some do not."""
    shape = SHAPES[ndim]
    sampler = pa.Sampler(picture(rng, shape + channels, dtype), ndim=ndim, **how)
    size = np.array(shape[::-1])
    some = points_near(rng, shape, n // 10)[: n // 4]
    points = np.concatenate([rng.uniform(8, size - 9, (n - len(some), ndim)), some])
    points = points.reshape(-1, ndim)[:n]
    jacobian = rng.normal(size=(n, ndim, parameters))
    values = picture(rng, (n, *channels), reference)
    return Problem(sampler, points, jacobian, values)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", SMOOTH)
def test_is_what_dense_numpy_gives_for_all_kernels_and_boundaries(
    kernel, boundary, rng
):
    for domain in ("image", "unbounded"):
        case = problem(rng, kernel=kernel, boundary=boundary, domain=domain)
        assert_agree(pa.linearize(*case.arguments), dense(*case.arguments))


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (7,)])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_is_what_dense_numpy_gives_for_all_dimensions_and_channels(ndim, channels, rng):
    for brightness in ("none", "gain_bias"):
        case = problem(rng, ndim=ndim, channels=channels, n=333)
        how = {"brightness": brightness, "gain": 1.3, "bias": -4.0}
        found = pa.linearize(*case.arguments, **how)
        assert_agree(found, dense(*case.arguments, **how))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "i2", "?", ">f4"])
@pytest.mark.parametrize("reference", ["u1", "u2", "f4", "f8", "i4", "?", ">f8"])
def test_pixels_and_reference_may_be_of_any_type(dtype, reference, rng):
    case = problem(rng, dtype=dtype, reference=reference, channels=(3,))
    assert_agree(pa.linearize(*case.arguments), dense(*case.arguments))


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
@pytest.mark.parametrize("parameters", range(1, 21))
def test_any_number_of_parameters(parameters, isa, rng):
    with instruction_set(isa):
        for channels in ((), (3,)):
            for brightness in ("none", "gain_bias"):
                case = problem(rng, parameters=parameters, channels=channels)
                found = pa.linearize(*case.arguments, brightness=brightness)
                assert_agree(found, dense(*case.arguments, brightness=brightness))


@pytest.mark.parametrize("parameters", [57, 260])
def test_many_parameters(parameters, rng):
    case = problem(rng, n=700, parameters=parameters)
    assert_agree(pa.linearize(*case.arguments), dense(*case.arguments))


@pytest.mark.parametrize("channels", [(), (3,), (70,)])
def test_any_number_of_points(channels, rng):
    for n in (0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 200):
        case = problem(rng, n=n, parameters=6, channels=channels)
        assert_agree(pa.linearize(*case.arguments), dense(*case.arguments))


def test_more_points_than_one_run_holds(rng):
    case = problem(rng, n=70001, parameters=5)
    assert_agree(pa.linearize(*case.arguments), dense(*case.arguments))


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_weigh_residuals(name, isa, rng):
    with instruction_set(isa):
        for channels in ((), (3,)):
            case = problem(rng, channels=channels, n=211)
            for scale in (1.0, 40.0, 1e4):
                loss = LOSSES[name](scale=scale)
                found = pa.linearize(*case.arguments, loss=loss)
                expected = dense(*case.arguments, loss=loss)
                assert_agree(found, expected, rtol=1e-9)
                assert found.scale == scale


@pytest.mark.parametrize("kind", ["mask", "integers", "f4", "f8", "per channel"])
def test_weights_of_all_kinds(kind, rng):
    for channels in ((), (3,)):
        case = problem(rng, channels=channels, n=211)
        weights = {
            "mask": rng.random(211) < 0.5,
            "integers": rng.integers(0, 3, 211),
            "f4": rng.uniform(0, 2, 211).astype("f4"),
            "f8": rng.uniform(0, 2, 211) * (rng.random(211) < 0.7),
            "per channel": rng.uniform(0, 2, (211, *channels)),
        }[kind]
        for brightness in ("none", "gain_bias"):
            how = {"weights": weights, "brightness": brightness}
            how["loss"] = pa.Huber(scale=60.0)
            found = pa.linearize(*case.arguments, **how)
            assert_agree(found, dense(*case.arguments, **how))


def test_gain_and_bias_of_each_channel(rng):
    case = problem(rng, channels=(3,))
    how = {"gain": [0.5, 1.5, -2.0], "bias": [1.0, 20.0, -3.0]}
    for brightness in ("none", "gain_bias"):
        found = pa.linearize(*case.arguments, **how, brightness=brightness)
        assert_agree(found, dense(*case.arguments, **how, brightness=brightness))


@pytest.mark.parametrize("fill", [np.nan, 0.0, 1e9])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_what_is_invalid_contributes_nothing(channels, fill, rng):
    """Neither points outside nor a reference that is not finite, whatever J is."""
    case = problem(rng, channels=channels, n=300, fill=fill)
    inside = case.sampler.inside(case.points)
    reference = case.reference.copy()
    reference[:5] = [[np.nan], [np.inf], [-np.inf], [np.nan], [np.nan]][
        : 5 if channels else 0
    ] or [np.nan, np.inf, -np.inf, np.nan, np.nan]
    weights = np.ones(300)
    weights[10:20] = 0
    jacobian = case.jacobian.copy()
    good = inside.copy()
    good[:5] = good[10:20] = False
    jacobian[~good] = np.nan
    assert 0 < good.sum() < inside.sum() < 300
    for brightness in ("none", "gain_bias"):
        found = pa.linearize(
            case.sampler,
            case.points,
            jacobian,
            reference,
            weights=weights,
            brightness=brightness,
        )
        rest = (a[good] for a in (case.points, case.jacobian, case.reference))
        assert_agree(found, dense(case.sampler, *rest, brightness=brightness))


def test_channel_that_is_nan_is_left_out_alone(rng):
    case = problem(rng, channels=(3,))
    case.reference[::3, 1] = np.nan
    found = pa.linearize(*case.arguments, brightness="gain_bias")
    assert_agree(found, dense(*case.arguments, brightness="gain_bias"))


def test_layout_of_the_jacobian_does_not_matter(rng):
    case = problem(rng, n=500, parameters=6)
    expected = pa.linearize(*case.arguments)
    jacobian = case.jacobian
    planar = np.moveaxis(np.ascontiguousarray(np.moveaxis(jacobian, -1, 0)), 0, -1)
    backwards = np.ascontiguousarray(jacobian[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    part = np.full((500, 3, 11), np.nan)
    part[:, 1:, 2:8] = jacobian
    unaligned = np.zeros(jacobian.nbytes + 1, "u1")[1:].view("f8")
    unaligned = unaligned.reshape(jacobian.shape)
    unaligned[...] = jacobian
    swapped = jacobian.astype(">f8")
    for other in (planar, backwards, part[:, 1:, 2:8], unaligned, swapped):
        found = pa.linearize(case.sampler, case.points, other, case.reference)
        assert same_bits(found, expected)


def test_jacobian_may_be_of_one_point_for_all(rng):
    case = problem(rng, n=500)
    one = np.broadcast_to(case.jacobian[0], case.jacobian.shape)
    found = pa.linearize(case.sampler, case.points, one, case.reference)
    assert_agree(found, dense(case.sampler, case.points, one, case.reference))


@pytest.mark.parametrize("dtype", ["f4", "i4", "f2"])
def test_jacobian_of_other_types_is_converted(dtype, rng):
    case = problem(rng, n=300, dtype="u1")
    jacobian = (10 * case.jacobian).astype(dtype)
    planar = np.moveaxis(np.ascontiguousarray(np.moveaxis(jacobian, -1, 0)), 0, -1)
    expected = dense(case.sampler, case.points, jacobian.astype(float), case.reference)
    for given in (jacobian, planar):
        found = pa.linearize(case.sampler, case.points, given, case.reference)
        assert_agree(found, expected)


def test_points_may_be_float32_and_of_any_shape_and_strides(rng):
    case = problem(rng, n=240, channels=(3,))
    expected = pa.linearize(*case.arguments)
    points = np.asfortranarray(case.points).reshape(4, 6, 10, 2)
    jacobian = case.jacobian.reshape(4, 6, 10, 2, 8)
    reference = np.asfortranarray(case.reference).reshape(4, 6, 10, 3)
    found = pa.linearize(case.sampler, points, jacobian, reference)
    assert same_bits(found, expected)
    single = case.points.astype("f4")
    found = pa.linearize(case.sampler, single, case.jacobian, case.reference)
    rest = case.jacobian, case.reference
    assert_agree(found, dense(case.sampler, single, *rest))


def test_derivatives_follow_the_order_of_the_points(rng):
    case = problem(rng, n=200)
    expected = pa.linearize(*case.arguments)
    swapped = pa.Sampler(case.sampler.image, indexing="ij")
    points, jacobian = case.points[:, ::-1], case.jacobian[:, ::-1]
    found = pa.linearize(swapped, points, jacobian, case.reference)
    assert_agree(found, dense(*case.arguments))
    np.testing.assert_allclose(found.gradient, expected.gradient, rtol=1e-12)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_threads_and_blocks_change_no_bit(channels, rng):
    n = 40000
    case = problem(rng, n=n, channels=channels, dtype="u1", parameters=7)
    options = {"loss": "tukey", "brightness": "gain_bias", "weights": rng.random(n)}
    seen = []

    def block(some):
        seen.append(some)
        return case.points[some], case.jacobian[some]

    results = [
        pa.linearize(*case.arguments, **options, threads=threads)
        for threads in (1, 2, 3, 16, None)
    ]
    results += [
        pa.linearize(case.sampler, block, None, case.reference, **options, threads=n)
        for n in (1, 2, None)
    ]
    assert all(same_bits(one, results[0]) for one in results)
    assert len(seen) == 3 * 2 * 5  # once for the scale, once for the sums
    sizes = [some.stop - some.start for some in seen[:5]]
    assert sum(sizes) == n
    assert [some.start for some in seen[:5]] == np.cumsum([0, *sizes[:-1]]).tolist()


def test_jacobian_of_all_points_is_never_there(rng):
    """One problem of 640 x 480 pixels and 8 parameters, with a loss."""
    sampler = pa.Sampler(picture(rng, (480, 640), "u1"))
    warp = pa.Homography([[1.01, 0.01, 2], [-0.02, 0.99, 3], [1e-5, 2e-5, 1]])
    points = grid((480, 640)).reshape(-1, 2)
    reference = picture(rng, len(points), "u1")

    def block(some):
        return warp(points[some]), warp.jacobian(points[some])

    tracemalloc.start()
    try:
        pa.linearize(sampler, block, None, reference, loss=pa.Huber(scale=3.0))
        fixed = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        pa.linearize(sampler, block, None, reference, loss="huber")
        estimated = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fixed < 8e6 < len(points) * 2 * 8 * 8 / 4
    assert estimated < 16e6


def test_calls_from_many_threads_do_not_disturb_each_other(rng):
    cases = [problem(rng, n=30000, channels=(3,)) for _ in range(4)]
    expected = [pa.linearize(*case.arguments, loss="huber") for case in cases]
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(
                lambda case: pa.linearize(*case.arguments, loss="huber"), cases * 2
            )
        )
    assert all(map(same_bits, found, expected * 2))


def projected(params, xy):
    x, y = xy[..., 0], xy[..., 1]
    depth = params[6] * x + params[7] * y + 1
    u = (params[0] * x + params[1] * y + params[2]) / depth
    v = (params[3] * x + params[4] * y + params[5]) / depth
    return np.stack([u, v], axis=-1)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_jets_bring_their_derivatives_along(channels, rng):
    sampler = pa.Sampler(picture(rng, (120, 400, *channels)), "bspline3")
    points = grid((100, 90)) + np.array([3.0, 2.0])
    reference = picture(rng, (100, 90, *channels))
    warp = pa.Homography([[1.01, 0.01, 2], [-0.02, 0.99, 3], [1e-4, 2e-4, 1]])
    params = warp.matrix.ravel()[:8]
    jet = projected(pa.Jet.seed(params), points)
    found = pa.linearize(sampler, jet, None, reference, loss="huber")
    by_entry = np.zeros((*points.shape, 8))
    x, y = points[..., 0], points[..., 1]
    depth = params[6] * x + params[7] * y + 1
    for axis in range(2):
        by_entry[..., axis, 3 * axis : 3 * axis + 3] = (
            np.stack([x, y, np.ones_like(x)], axis=-1) / depth[..., None]
        )
        by_entry[..., axis, 6:] = (
            -(points * warp(points)[..., axis, None]) / depth[..., None]
        )
    arguments = sampler, warp(points), by_entry, reference
    loss = pa.Huber(scale=found.scale)
    assert_agree(found, dense(*arguments, loss=loss), rtol=1e-9)
    rows = points.reshape(-1, 2)

    def block(some):
        return projected(pa.Jet.seed(params), rows[some])

    by_blocks = pa.linearize(sampler, block, None, reference, loss="huber")
    assert same_bits(by_blocks, found)


def test_jet_of_points_that_do_not_depend_on_all_parameters(rng):
    case = problem(rng, n=200)
    shift = pa.Jet.seed(np.zeros(5))
    points = case.points + np.stack([shift[1], shift[3]])
    jacobian = np.zeros((200, 2, 5))
    jacobian[:, 0, 1] = jacobian[:, 1, 3] = 1
    found = pa.linearize(case.sampler, points, None, case.reference)
    expected = pa.linearize(case.sampler, case.points, jacobian, case.reference)
    assert same_bits(found, expected)
    with pytest.raises(TypeError, match="point_jacobian: expected None beside a Jet"):
        pa.linearize(case.sampler, points, jacobian, case.reference)


def test_function_is_called_for_no_points_and_for_a_grid(rng):
    case = problem(rng, n=240)

    def block(some):
        return case.points[some], case.jacobian[some]

    empty = pa.linearize(case.sampler, block, None, [])
    assert empty.gradient.shape == (8,)
    assert empty.count == 0
    found = pa.linearize(case.sampler, block, None, case.reference.reshape(12, 20))
    assert same_bits(found, pa.linearize(*case.arguments))


@pytest.mark.parametrize("name", [*LOSSES, "robust"])
def test_scale_is_estimated_from_the_median(name, rng):
    case = problem(rng, n=301, channels=(3,))
    found = pa.linearize(*case.arguments, loss=name)
    if name == "squared":
        assert found.scale == 0
        return
    residual = np.sort(dense(*case.arguments).residual)
    scale = 1.4826 * residual[residual.size // 2]
    assert found.scale == pytest.approx(scale, rel=1e-12)
    loss = pa.Tukey(tuning=3.4) if name == "robust" else LOSSES[name]()
    given = type(loss)(scale=found.scale, tuning=loss.tuning)
    assert same_bits(found, pa.linearize(*case.arguments, loss=given))


def test_scale_is_not_0_where_everything_fits():
    sampler = pa.Sampler(np.arange(400, dtype="u1").reshape(20, 20))
    points = grid((20, 20)).reshape(-1, 2)
    by_shift = np.broadcast_to(np.eye(2), (400, 2, 2))
    exact = sampler(points)
    integers = pa.linearize(sampler, points, by_shift, exact.astype("u1"), loss="huber")
    assert integers.scale == 0.1
    floats = pa.linearize(sampler, points, by_shift, exact, loss="huber")
    assert 0 < floats.scale < 1e-20
    nothing = pa.linearize(sampler, points - 99, by_shift, exact, loss="huber")
    assert (nothing.cost, nothing.count) == (0, 0)


# What follows from it


def test_hessian_and_gradient_are_those_of_the_cost(rng):
    """The gradient by finite differences of the cost."""
    scene = waves(rng)
    reference, moving = views(scene, pa.Translation.identity(), (120, 160), dtype="f8")
    sampler = pa.Sampler(moving, "bspline5")
    points = grid((120, 160))[10:-10, 10:-10]
    target = reference[10:-10, 10:-10]
    at = np.array([1.02, 0.01, 1.2, -0.02, 1.01, -0.7])

    def cost(params, loss):
        warp = pa.Affine.from_params(params)
        jacobian = warp.jacobian(points)
        return pa.linearize(sampler, warp(points), jacobian, target, loss=loss)

    for name in LOSSES:
        loss = LOSSES[name](scale=3.0)
        found = cost(at, loss)
        for k, h in enumerate([1e-7, 1e-7, 1e-5, 1e-7, 1e-7, 1e-5]):
            ends = [cost(at + s * h * np.eye(6)[k], loss).cost for s in (1, -1)]
            slope = (ends[0] - ends[1]) / (2 * h)
            assert slope == pytest.approx(found.gradient[k], rel=1e-5)


@pytest.mark.parametrize("kind", ["translation", "affine"])
def test_step_is_that_of_align(kind, rng):
    """One forward Gauss-Newton step from the identity, on one level."""
    truth = pa.Translation.from_params([0.4, -0.3])
    reference, moving = views(waves(rng), truth, (120, 160), dtype="f4")
    found = pa.align(
        reference,
        moving,
        kind,
        method="forward",
        kernel="bspline3_direct",
        pyramid=pa.Pyramid(levels=1),
        solver=pa.GaussNewton(max_steps=1),
    )
    sampler = pa.Sampler(moving, "bspline3_direct", domain="support")
    # The fused loop samples the reference by the same kernel.
    template = pa.Sampler(reference, "bspline3_direct", domain="support")
    points = grid(reference.shape)
    warp = type(found.warp).identity()
    at = pa.linearize(sampler, points, warp.jacobian(points), template(points))
    expected = warp.params + at.step()
    np.testing.assert_allclose(found.warp.params, expected, rtol=1e-3, atol=2e-5)


def test_gauss_newton_finds_warp_and_brightness(rng):
    truth = pa.Affine.from_params([1.01, 0.02, 1.5, -0.015, 0.99, -0.8])
    reference, moving = views(waves(rng), truth, (120, 160), dtype="f8")
    target = 1.25 * reference - 30
    points = grid(reference.shape)[8:-8, 8:-8]
    sampler = pa.Sampler(moving, "bspline5")
    params, gain, bias = pa.Affine.identity().params, 1.0, 0.0
    for _ in range(15):
        warp = pa.Affine.from_params(params)
        at = pa.linearize(
            sampler,
            warp(points),
            warp.jacobian(points),
            target[8:-8, 8:-8],
            gain=gain,
            bias=bias,
            brightness="gain_bias",
        )
        step = at.step()
        params = params + step[:6]
        gain, bias = gain + step[6], bias + step[7]
    np.testing.assert_allclose(params, truth.params, atol=2e-4)
    assert gain == pytest.approx(1.25, abs=1e-3)
    assert bias == pytest.approx(-30, abs=0.1)


def test_step_solves_the_damped_equations(rng):
    case = problem(rng, n=400, parameters=6)
    at = pa.linearize(*case.arguments)
    for damping in (0, 1e-3, 10.0):
        damped = at.hessian + damping * np.diag(np.diag(at.hessian))
        expected = np.linalg.solve(damped, -at.gradient)
        np.testing.assert_allclose(at.step(damping), expected, rtol=1e-9)


def test_step_does_not_depend_on_units(rng):
    case = problem(rng, n=400, parameters=6)
    units = 10.0 ** np.array([-9, -5, 0, 3, 6, 9])
    at = pa.linearize(*case.arguments)
    other = pa.linearize(
        case.sampler, case.points, case.jacobian * units, case.reference
    )
    np.testing.assert_allclose(other.step() * units, at.step(), rtol=1e-9)


def test_step_is_nan_where_nothing_determines_it(rng):
    case = problem(rng, n=100, parameters=3)
    twice = case.jacobian[..., [0, 0, 1]]
    outside = case.points - 1e4
    none = np.zeros_like(case.jacobian)
    for points, jacobian in (
        (case.points, twice),
        (outside, case.jacobian),
        (case.points, none),
    ):
        at = pa.linearize(case.sampler, points, jacobian, case.reference)
        assert np.isnan(at.step()).all()
        assert at.step().shape == (3,)
    # Damping chooses among the steps that are as good.
    at = pa.linearize(case.sampler, case.points, twice, case.reference)
    assert np.isfinite(at.step(1e-3)).all()


def test_terms_add_up(rng):
    case = problem(rng, n=400, parameters=6)
    whole = pa.linearize(*case.arguments)
    first, second = (
        pa.linearize(case.sampler, *(a[half] for a in case.arguments[1:]))
        for half in (slice(150), slice(150, None))
    )
    both = first + second
    np.testing.assert_allclose(both.hessian, whole.hessian, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(both.gradient, whole.gradient, rtol=1e-10, atol=1e-6)
    assert both.cost == pytest.approx(whole.cost)
    assert (both.count, both.weight) == (whole.count, whole.weight)
    robust = pa.linearize(*case.arguments, loss="huber")
    assert np.isnan((first + robust).scale)
    assert (robust + robust).scale == robust.scale


def test_sum_adds_terms_up_without_a_start(rng):
    terms = [pa.linearize(*problem(rng).arguments) for _ in range(3)]
    assert same_bits(sum(terms), terms[0] + terms[1] + terms[2])
    for other in (1, 0.0, None):
        with pytest.raises(TypeError, match="unsupported operand"):
            other + terms[0]


def test_terms_of_other_unknowns_do_not_add_up(rng):
    one, other = (pa.linearize(*problem(rng, parameters=n).arguments) for n in (3, 4))
    with pytest.raises(ValueError, match="other: expected 3 unknowns, got 4"):
        one + other
    with pytest.raises(TypeError):
        one + 1


# Misuse


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sampler": np.zeros((3, 3))}, TypeError, r"pass pa\.Sampler\(image\)"),
        ({"points": np.zeros((2, 10))}, ValueError, r"points: .*pass points\.T"),
        (
            {"point_jacobian": None},
            TypeError,
            "point_jacobian: expected an array beside points, got None",
        ),
        (
            {"point_jacobian": np.zeros((4, 10, 2))},
            ValueError,
            r"point_jacobian: expected shape \(10, 2, P\).*got \(4, 10, 2\); pass "
            r"np\.moveaxis\(point_jacobian, 0, -1\)",
        ),
        ({"point_jacobian": np.zeros((10, 2))}, ValueError, r"\(10, 2, P\).*\(10, 2\)"),
        ({"point_jacobian": np.zeros((10, 2, 0))}, ValueError, "one or more param"),
        (
            {"reference": np.zeros((10, 3))},
            ValueError,
            r"reference: expected shape \(10\), that of the samples, got \(10, 3\)",
        ),
        ({"reference": ["a"] * 10}, TypeError, "reference: expected an array of real"),
        ({"weights": np.zeros(9)}, ValueError, r"weights: expected shape \(10,\), got"),
        ({"weights": -np.ones(10)}, ValueError, r"weights: .*0 or more, got values"),
        ({"weights": np.full(10, np.nan)}, ValueError, "weights: expected finite"),
        ({"weights": np.full(10, np.inf)}, ValueError, "weights: expected finite"),
        ({"loss": "hubert"}, ValueError, "loss: .*did you mean 'huber'"),
        ({"gain": [1.0, 2.0]}, ValueError, "gain: expected a finite number or 1 of"),
        ({"bias": np.nan}, ValueError, "bias: expected a finite number"),
        ({"bias": "3"}, TypeError, "bias: expected an array of real numbers"),
        (
            {"brightness": "normalized"},
            ValueError,
            "brightness: expected one of none, gain_bias, got 'normalized'",
        ),
        ({"threads": 0}, ValueError, "threads: expected 1 or more, got 0"),
    ],
)
def test_misuse_is_explained(change, error, message):
    arguments = {
        "sampler": pa.Sampler(np.zeros((30, 30))),
        "points": np.zeros((10, 2)),
        "point_jacobian": np.zeros((10, 2, 4)),
        "reference": np.zeros(10),
    }
    with pytest.raises(error, match=message):
        pa.linearize(**arguments | change)


def test_kernel_without_derivatives_is_refused():
    sampler = pa.Sampler(np.zeros((3, 3)), "nearest")
    with pytest.raises(ValueError, match="kernel: expected one with derivatives for l"):
        pa.linearize(sampler, [[1, 1]], [[[1], [0]]], [0])


@pytest.mark.parametrize(
    ("block", "error", "message"),
    [
        (
            lambda some: np.zeros((10, 2)),
            TypeError,
            "returns a Jet or points and their",
        ),
        (
            lambda some: (np.zeros((9, 2)), np.zeros((9, 2, 4))),
            ValueError,
            "points: expected 10 points from the function",
        ),
        (
            lambda some: (np.zeros((10, 2)), np.zeros((10, 4))),
            ValueError,
            "point_jacobian: expected shape",
        ),
    ],
)
def test_function_that_returns_something_else_is_refused(block, error, message):
    sampler = pa.Sampler(np.zeros((30, 30)))
    with pytest.raises(error, match=message):
        pa.linearize(sampler, block, None, np.zeros(10))
    with pytest.raises(TypeError, match="point_jacobian: expected None beside"):
        pa.linearize(sampler, block, np.zeros((10, 2, 4)), np.zeros(10))


def test_number_of_parameters_must_not_change_between_blocks():
    def block(some):
        n = some.stop - some.start
        return np.zeros((n, 2)), np.zeros((n, 2, 3 if some.start else 2))

    sampler = pa.Sampler(np.zeros((30, 30)))
    with pytest.raises(
        ValueError, match="points: expected 2 parameters in every block"
    ):
        pa.linearize(sampler, block, None, np.zeros(20000))


@pytest.mark.parametrize("damping", [-1, np.nan, np.inf])
def test_damping_must_be_a_share(damping):
    sampler = pa.Sampler(np.zeros((3, 3)))
    at = pa.linearize(sampler, [[1, 1]], [[[1], [0]]], [0])
    with pytest.raises(ValueError, match="damping: expected a finite number of 0"):
        at.step(damping)
