"""`residuals`: functions for general least squares, and what SciPy makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad, least_squares

import photalign as pa
from photalign.synthetic import random_warp
from photalign.warps import WARPS
from sampler_cases import picture
from scenes import grid, views, waves

SHAPE = (120, 160)


def radial(params, points):
    """Return points moved along the radius, about a center that is known."""
    offset = points - [80.0, 60.0]
    square = (offset**2).sum(-1, keepdims=True) / 1e4
    return points + offset * (params[0] * square + params[1] * square**2)


def radial_jacobian(params, points):
    offset = points - [80.0, 60.0]
    square = (offset**2).sum(-1, keepdims=True) / 1e4
    return np.stack([offset * square, offset * square**2], axis=-1)


def by_shift(params, points):
    return np.broadcast_to(np.eye(len(params)), (*points.shape, len(params)))


def numeric_jacobian(fun, x, h=1e-6):
    columns = [(fun(x + s) - fun(x - s)) / (2 * h) for s in h * np.eye(len(x))]
    return np.stack(columns, axis=-1)


def inner(image, border=8):
    return np.ascontiguousarray(image[border:-border, border:-border])


@pytest.mark.parametrize("brightness", ["none", "gain_bias"])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("warp", [*WARPS, radial, "by jets"])
def test_jacobian_is_the_derivative_of_the_residuals(warp, channels, brightness, rng):
    scene = np.stack([waves(rng)(grid(SHAPE)) for _ in range(3)], axis=-1)
    moving = pa.Sampler(scene if channels else scene[..., 0], "bspline5")
    points = rng.uniform(20, 95, (6, 9, 2))
    reference = rng.uniform(0, 255, (6, 9, *channels))
    weights = rng.uniform(0, 3, (6, 9)) * (rng.random((6, 9)) < 0.8)
    how = {"weights": weights, "brightness": brightness}
    if warp is radial or warp == "by jets":
        x = np.array([0.1, -0.05])
        how["jacobian"] = radial_jacobian if warp is radial else None
        warp = radial
    else:
        x = random_warp(warp, SHAPE, 4.0, rng).params
    if brightness == "gain_bias":
        x = np.concatenate([x, [1.2, -3.0, 0.7, 9.0, 1.1, 2.0][: 6 if channels else 2]])
    fun, jac = pa.residuals(moving, warp, reference, points, **how)
    found, rows = fun(x), jac(x)
    assert found.shape == (reference.size,)
    assert rows.shape == (reference.size, len(x))
    assert found.dtype == rows.dtype == np.float64
    expected = numeric_jacobian(fun, x)
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(rows / scale, expected / scale, atol=2e-5)
    gone = np.repeat(weights.ravel() == 0, reference.size // 54)
    assert gone.any()
    assert not found[gone].any()
    assert not rows[gone].any()


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("brightness", ["none", "gain_bias"])
def test_they_are_what_linearize_adds_up(channels, brightness, rng):
    moving = pa.Sampler(picture(rng, (*SHAPE, *channels), "u1"), "catmull_rom")
    reference = picture(rng, (*SHAPE, *channels), "f4")
    reference[5:9, 7:80] = np.nan
    weights = rng.uniform(0, 2, reference.shape)
    weights[30:40] = 0
    warp = pa.Homography([[1.02, 0.01, 3], [-0.02, 0.99, -4], [1e-5, 2e-5, 1]])
    gain, bias = 1.3, -7.0
    solved = [gain, bias] * (3 if channels else 1)
    x = [*warp.params, *(solved if brightness == "gain_bias" else [])]
    how = {"weights": weights, "gain": gain, "bias": bias, "brightness": brightness}
    fun, jac = pa.residuals(moving, "homography", reference, **how)
    residual, rows = fun(x), jac(x)
    points = grid(SHAPE)
    jacobian = warp.jacobian(points)
    at = pa.linearize(moving, warp(points), jacobian, reference, **how)
    diagonal = np.sqrt(np.diagonal(at.hessian))
    scale = np.outer(diagonal, diagonal)
    np.testing.assert_allclose(rows.T @ rows / scale, at.hessian / scale, atol=1e-10)
    np.testing.assert_allclose(rows.T @ residual, at.gradient, rtol=1e-8)
    assert residual @ residual / 2 == pytest.approx(at.cost, rel=1e-10)
    assert np.count_nonzero(residual) == at.count


@pytest.mark.parametrize("kind", WARPS)
def test_least_squares_finds_the_truth(kind, rng):
    truth = random_warp(kind, SHAPE, 2.0, rng)
    reference, moving = views(waves(rng), truth, SHAPE, dtype="f8")
    sampler = pa.Sampler(moving, "bspline5")
    points = inner(grid(SHAPE))
    fun, jac = pa.residuals(sampler, WARPS[kind], inner(reference), points)
    start = WARPS[kind].identity().params
    for how in ({"x_scale": "jac"}, {"method": "lm"}, {"loss": "soft_l1"}):
        found = least_squares(fun, start, jac, **{"x_scale": "jac"} | how)
        warp = WARPS[kind].from_params(found.x)
        assert np.abs(warp(points) - truth(points)).max() < 0.01, how


def test_own_warp_and_brightness_are_found(rng):
    truth = np.array([0.05, -0.02])
    scene = waves(rng)
    points = inner(grid(SHAPE), 12)
    sampler = pa.Sampler(scene(grid(SHAPE)), "bspline5")
    reference = 1.3 * scene(radial(truth, points)) - 20
    fun, jac = pa.residuals(
        sampler,
        radial,
        reference,
        points,
        jacobian=radial_jacobian,
        brightness="gain_bias",
    )
    found = least_squares(fun, [0, 0, 1, 0], jac, x_scale="jac", method="lm").x
    np.testing.assert_allclose(found[:2], truth, atol=1e-4)
    np.testing.assert_allclose(found[2:], [1.3, -20], rtol=1e-3)


def test_derivatives_are_made_by_jets_where_none_are_given(rng):
    moving = pa.Sampler(picture(rng, SHAPE), "bspline3")
    reference = picture(rng, SHAPE)
    _, jac = pa.residuals(moving, radial, reference)
    _, expected = pa.residuals(moving, radial, reference, jacobian=radial_jacobian)
    x = [0.03, -0.01]
    np.testing.assert_allclose(jac(x), expected(x), rtol=1e-9, atol=1e-9)
    _, jac = pa.residuals(moving, lambda p, xy: xy + np.cumprod(p), reference)
    with pytest.raises(TypeError, match=r"numpy\.cumprod has no rule for Jet"):
        jac(x)


def test_outliers_are_ignored_by_the_loss_of_scipy(rng):
    truth = pa.Translation.from_params([1.3, -0.6])
    reference, moving = views(waves(rng), truth, SHAPE, dtype="f4")
    reference[20:50, 30:80] = 255
    fun, jac = pa.residuals(pa.Sampler(moving, "bspline3"), "translation", reference)
    plain = least_squares(fun, [0, 0], jac).x
    robust = least_squares(fun, [0, 0], jac, loss="cauchy", f_scale=2.0).x
    assert np.abs(robust - truth.params).max() < 0.01
    assert np.abs(plain - truth.params).max() > 0.05


def test_signals_and_volumes_have_residuals_too(rng):
    for ndim, shape in ((1, (200,)), (3, (20, 24, 28))):
        sampler = pa.Sampler(picture(rng, shape), "bspline3", ndim=ndim)
        shift = rng.uniform(-0.3, 0.3, ndim)
        axes = np.stack(np.indices(shape)[::-1], axis=-1)
        reference = sampler(axes + shift)
        fun, jac = pa.residuals(
            sampler,
            lambda p, xyz: xyz + p,
            reference,
            jacobian=lambda p, xyz: np.broadcast_to(
                np.eye(len(p)), (*xyz.shape, len(p))
            ),
        )
        found = least_squares(fun, np.zeros(ndim), jac).x
        np.testing.assert_allclose(found, shift, atol=1e-6)


def test_pixels_are_in_the_order_of_the_sampler(rng):
    image = picture(rng, (30, 40))
    by_row = pa.Sampler(image, indexing="ij")
    fun, _ = pa.residuals(
        by_row,
        lambda p, rc: rc + p,
        image[2:, 1:],
        jacobian=by_shift,
    )
    assert not fun([2, 1]).any()
    assert fun([1, 2]).any()


def test_points_may_have_more_coordinates_than_the_image(rng):
    """A camera that sees points in space."""
    moving = pa.Sampler(waves(rng)(grid(SHAPE)), "bspline3")
    space = np.concatenate([rng.uniform(-1, 1, (50, 2)), rng.uniform(2, 3, (50, 1))], 1)

    def project(p, xyz):
        return 100 * (xyz[:, :2] + p) / xyz[:, 2:] + [80, 60]

    def jacobian(p, xyz):
        return 100 * np.eye(2) / xyz[:, 2:, None]

    truth = np.array([0.02, -0.03])
    reference = moving(project(truth, space))
    fun, jac = pa.residuals(moving, project, reference, space, jacobian=jacobian)
    assert check_grad(lambda p: fun(p)[0], lambda p: jac(p)[0], [0.0, 0.0]) < 1e-2
    np.testing.assert_allclose(least_squares(fun, [0, 0], jac).x, truth, atol=1e-6)


def test_image_is_sampled_once_for_residuals_and_jacobian(rng):
    calls = []

    def move(params, points):
        calls.append("points")
        return radial(params, points)

    def jacobian(params, points):
        calls.append("jacobian")
        return radial_jacobian(params, points)

    moving = pa.Sampler(picture(rng, SHAPE))
    fun, jac = pa.residuals(moving, move, np.zeros(SHAPE), jacobian=jacobian)
    x = np.array([0.01, 0.0])
    fun(x)
    rows = jac(x)
    assert calls == ["points", "jacobian"]
    x[0] = 0.02  # the same array with other numbers
    assert not np.array_equal(jac(x), rows)
    assert calls == ["points", "jacobian"] * 2
    fun(x)
    assert calls == ["points", "jacobian"] * 2


def test_too_little_overlap_is_nan_and_the_solver_turns_back(rng):
    reference, moving = views(
        waves(rng), pa.Translation.from_params([1.0, 0.5]), SHAPE, dtype="f4"
    )
    sampler = pa.Sampler(moving, "bspline3")
    fun, _ = pa.residuals(sampler, "translation", reference)
    assert np.isfinite(fun([100, 0])).all()
    assert np.isnan(fun([130, 0])).all()
    fun, _ = pa.residuals(sampler, "translation", reference, min_overlap=0.05)
    assert np.isfinite(fun([130, 0])).all()
    fun, jac = pa.residuals(sampler, "translation", reference, min_overlap=0.98)
    found = least_squares(fun, [0, 0], jac, x_scale=1000.0)
    assert np.abs(found.x - [1, 0.5]).max() < 0.02
    # What cannot be a warp shows nothing either.
    fun, jac = pa.residuals(sampler, "affine", reference)
    assert np.isnan(fun(np.zeros(6))).all()
    assert np.isnan(fun(np.full(6, np.nan))).all()
    assert not jac(np.zeros(6)).any()


def test_what_is_invalid_has_no_row_whatever_the_points_do(rng):
    moving = pa.Sampler(picture(rng, SHAPE))
    reference = np.zeros(SHAPE)
    reference[0, :3] = np.nan, np.inf, -np.inf

    def move(params, points):
        moved = points + params
        moved[5] = np.nan
        return moved

    def jacobian(params, points):
        rows = np.broadcast_to(np.eye(2), (len(points), 2, 2)).copy()
        rows[:6] = np.inf
        rows[5] = np.nan
        return rows

    weights = np.ones(SHAPE)
    weights[0, 3:5] = 0
    fun, jac = pa.residuals(moving, move, reference, jacobian=jacobian, weights=weights)
    assert not fun([0.5, 0.5])[:6].any()
    assert not jac([0.5, 0.5])[:6].any()
    assert np.isfinite(jac([0.5, 0.5])).all()


def test_derivative_that_is_not_finite_makes_no_row(rng):
    moving = pa.Sampler(picture(rng, SHAPE))

    def jacobian(params, points):
        rows = np.array(by_shift(params, points))
        rows[7, 0, 0], rows[9, 1, 0] = np.nan, np.inf
        return rows

    move = pa.warp(lambda p, xy: xy + p, [0.0, 0.0]).function
    _, jac = pa.residuals(moving, move, np.zeros(SHAPE), jacobian=jacobian)
    _, expected = pa.residuals(moving, move, np.zeros(SHAPE), jacobian=by_shift)
    rows, expected = jac([0.5, 0.5]), expected([0.5, 0.5])
    assert not rows[[7, 9]].any()
    assert expected[[7, 9]].any()
    others = np.delete(np.arange(len(rows)), [7, 9])
    np.testing.assert_array_equal(rows[others], expected[others])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"sampler": np.zeros((9, 9))}, TypeError, r"pass pa\.Sampler\(image\)"),
        ({"sampler": [1.0]}, TypeError, r"a photalign\.Sampler, got list; pass pa"),
        ({"warp": "afine"}, ValueError, "warp: .*did you mean 'affine'"),
        ({"warp": 3}, TypeError, "warp: expected a name, a class of warps or a func"),
        ({"warp": np.eye(3)}, TypeError, "warp: expected a name"),
        (
            {"jacobian": radial_jacobian},
            TypeError,
            "jacobian: expected None for",
        ),
        ({"reference": np.zeros(9)}, ValueError, "reference: expected 2 axes of pix"),
        (
            {"points": np.zeros((9, 2))},
            ValueError,
            r"reference: expected shape \(9\), that of the samples, got \(20, 30\)",
        ),
        (
            {"points": np.zeros((20, 30, 3))},
            ValueError,
            r"points: expected shape \(\.\.\., 2\)",
        ),
        (
            {"points": 3.0},
            ValueError,
            r"points: expected shape \(\.\.\., K\)",
        ),
        ({"min_overlap": 1.5}, ValueError, "min_overlap: expected a share from 0 to 1"),
        ({"brightness": "normalized"}, ValueError, "brightness: expected one of none"),
    ],
)
def test_misuse_is_explained(change, error, message):
    arguments = {
        "sampler": pa.Sampler(np.zeros((20, 30))),
        "warp": "affine",
        "reference": np.zeros((20, 30)),
    }
    with pytest.raises(error, match=message):
        pa.residuals(**arguments | change)


def test_functions_explain_misuse_as_well():
    sampler, reference = pa.Sampler(np.zeros((20, 30))), np.zeros((20, 30))
    fun, _ = pa.residuals(sampler, "affine", reference)
    with pytest.raises(ValueError, match="params: expected the 6 of affine, got 2"):
        fun([0, 0])
    with pytest.raises(ValueError, match=r"params: .* shape \(P,\), got \(1, 6\)"):
        fun(np.zeros((1, 6)))
    fun, _ = pa.residuals(sampler, "affine", reference, brightness="gain_bias")
    with pytest.raises(ValueError, match=r"params: expected shape \(P,\) with P > 2"):
        fun([0, 0])
    fun, jac = pa.residuals(
        sampler,
        lambda p, xy: xy[:-1],
        reference,
        jacobian=lambda p, xy: np.zeros((len(xy), 2, 3)),
    )
    with pytest.raises(ValueError, match=r"warp: .* returns shape \(600, 2\), got"):
        fun([0.0])
    _, jac = pa.residuals(
        sampler,
        lambda p, xy: xy,
        reference,
        jacobian=lambda p, xy: np.zeros((len(xy), 2, 3)),
    )
    with pytest.raises(ValueError, match=r"jacobian: .* \(600, 2, 1\), got \(600,"):
        jac([0.0])


def test_a_warp_made_of_a_function_is_what_the_function_is(rng):
    image = rng.random((40, 50))
    sampler, reference = pa.Sampler(image, "bspline3"), rng.random((30, 40))
    shift = pa.warp(lambda p, xy: xy + p, [0.0, 0.0])
    x = np.array([1.25, 2.5])
    for made, plain in zip(
        pa.residuals(sampler, shift, reference),
        pa.residuals(sampler, shift.function, reference),
        strict=True,
    ):
        np.testing.assert_allclose(made(x), plain(x), atol=1e-6)
