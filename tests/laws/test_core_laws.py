"""The core does what the slow oracle does, whatever the machine's instruction set."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS, Estimate, Problem
from photalign import _core
from photalign.losses import Loss
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS
from scenes import views, waves

METHODS = ("forward", "inverse", "esm")
SHAPE = (40, 150)  # more than one tile both ways, and no whole number of vectors
LOSSES: tuple[Loss, ...] = (
    pa.Squared(),
    pa.Huber(scale=4.0),
    pa.Cauchy(scale=3.0),
    pa.Tukey(scale=5.0),
    pa.GemanMcClure(scale=4.0),
)
BRIGHTNESS = ("none", "gain_bias", "normalized")
ONE_LEVEL = pa.Pyramid(levels=1)


def scene_of(kind, rng, *, noise=1.0):
    """Return two noisy views, their true warp, and a start that is a little off."""
    truth = random_warp(kind, SHAPE, 1.0, rng)
    start = random_warp(kind, SHAPE, 0.7, rng)
    return *views(waves(rng), truth, SHAPE, noise=noise, rng=rng), truth, start


def distance(found, matrix):
    """Return how far the corners are apart, px."""
    return corner_error(found, type(found)(matrix), SHAPE)


def assert_one_step_agrees(kind, kernel, method, brightness, loss, rng):
    reference, moving, _, start = scene_of(kind, rng)
    weight = rng.uniform(0.2, 3, SHAPE).astype(np.float32)
    oracle = Problem(
        reference=reference,
        moving=moving,
        kind=kind,
        kernel=kernel,
        method=method,
        gain_bias=brightness != "none",
        weight=weight.astype(np.float64),
        loss=loss,
    )
    begins = [oracle.begin(start.matrix)]
    if brightness != "none" and loss.name != "squared":
        # Outliers may be what makes means and contrasts differ: then both stay.
        begins.append(Estimate(start.matrix))
    found = pa.align(
        reference,
        moving,
        kind,
        init=start,
        kernel=kernel,
        method=method,
        brightness=brightness,
        loss=loss,
        reference_mask=weight,
        pyramid=ONE_LEVEL,
        solver=pa.GaussNewton(max_steps=1, step_tol=1e-9),
    )
    assert [step.accepted for step in found.trace] == [True]
    expected = min(
        map(oracle.stepped, begins), key=lambda step: distance(found.warp, step.matrix)
    )
    assert distance(found.warp, expected.matrix) < 1e-5
    if brightness == "gain_bias":
        assert found.brightness.gain[0] == pytest.approx(expected.gain, abs=1e-6)
        assert found.brightness.bias[0] == pytest.approx(expected.bias, abs=1e-4)


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kernel", TAPS)
def test_one_step_is_the_oracles(kind, method, kernel, rng):
    """Every warp, composition and kernel; loss and brightness model are drawn."""
    brightness, loss = BRIGHTNESS[rng.integers(3)], LOSSES[rng.integers(5)]
    assert_one_step_agrees(kind, kernel, method, brightness, loss, rng)


@pytest.mark.parametrize("brightness", BRIGHTNESS)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_one_step_is_the_oracles_for_every_loss(brightness, loss, rng):
    assert_one_step_agrees(
        "homography", "bspline5_direct", "inverse", brightness, loss, rng
    )


@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
@pytest.mark.parametrize("brightness", ["none", "gain_bias"])
@pytest.mark.parametrize(
    ("kernel", "method"), [("linear", "forward"), ("bspline5_direct", "inverse")]
)
def test_optimum_is_the_oracles(kernel, method, kind, brightness, rng):
    reference, moving, truth, _ = scene_of(kind, rng, noise=0.1)
    oracle = Problem(
        reference=reference,
        moving=moving,
        kind=kind,
        kernel=kernel,
        method=method,
        gain_bias=brightness != "none",
    )
    found = pa.align(
        reference,
        moving,
        kind,
        kernel=kernel,
        method=method,
        brightness=brightness,
        pyramid=ONE_LEVEL,
        solver=pa.GaussNewton(step_tol=1e-6),
    )
    expected = WARPS[kind](oracle.solve(truth.matrix, steps=12).matrix)
    assert corner_error(found.warp, expected, SHAPE) < 2e-4


@pytest.mark.parametrize("kernel", TAPS)
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_reported_numbers_are_the_oracles(kernel, loss, rng):
    reference, moving, _, start = scene_of("affine", rng)
    moving = (moving - 10) / 1.3
    # "auto" might smooth the reference as the warp scales the moving image.
    found = pa.align(
        reference,
        moving,
        init=start,
        method="inverse",
        kernel=kernel,
        loss=loss,
        brightness="gain_bias",
    )
    model = found.brightness
    at = Estimate(found.warp.matrix, model.gain[0], model.bias[0])
    oracle = Problem(
        reference=reference, moving=moving, kernel=kernel, method="inverse"
    )
    residual, value, _ = oracle.compare(at)
    valid = np.isfinite(residual)
    r = residual[valid]
    usable = np.isfinite(oracle.target()[0])
    target = (at.gain * value + at.bias - residual)[valid]
    assert found.cost == pytest.approx(loss(r**2)[0].sum() / 2, rel=1e-4)
    assert found.rms == pytest.approx(np.sqrt((r**2).mean()), rel=1e-4)
    assert found.overlap == pytest.approx(valid.sum() / usable.sum(), abs=1e-9)
    assert found.correlation == pytest.approx(
        np.corrcoef(value[valid], target)[0, 1], abs=1e-5
    )
    assert found.scale == (0 if loss.name == "squared" else loss.scale)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_channels_add_up(channels, rng):
    """One step of a colour image solves the sum of the channels' equations."""
    truth = random_warp("affine", SHAPE, 1.0, rng)
    gray = [views(waves(rng), truth, SHAPE, noise=1, rng=rng) for _ in range(channels)]
    problems = [
        Problem(reference=r, moving=m, kernel="bspline3_direct") for r, m in gray
    ]
    at = Estimate((truth @ random_warp("affine", SHAPE, 0.5, rng)).matrix)
    equations = [problem.normal_equations(at) for problem in problems]
    hessian, gradient = (sum(parts) for parts in zip(*equations, strict=True))
    change = np.eye(3)
    change[:2] -= np.linalg.solve(hessian, gradient).reshape(2, 3)
    shift = np.eye(3)
    shift[:2, 2] = problems[0].center
    expected = at.matrix @ shift @ change @ np.linalg.inv(shift)
    found = pa.align(
        np.stack([r for r, _ in gray], axis=-1),
        np.stack([m for _, m in gray], axis=-1),
        init=at.matrix,
        kernel="bspline3_direct",
        method="forward",
        pyramid=ONE_LEVEL,
        solver=pa.GaussNewton(max_steps=1, step_tol=1e-9),
    )
    assert corner_error(found.warp, pa.Affine(expected), SHAPE) < 1e-5


@pytest.fixture
def all_variants():
    """Return a function that computes something with every instruction set."""
    before = _core.variant()

    def with_each(compute):
        found = []
        for name in _core.available_variants():
            assert _core.use_variant(name)
            found.append(compute())
        return found

    yield with_each
    _core.use_variant(before)


@pytest.mark.parametrize("kernel", TAPS)
@pytest.mark.parametrize("kind", WARPS)
def test_instruction_sets_agree(kind, kernel, all_variants, rng):
    """To 1e-4 px where rounding decides when to stop; to 1e-3 in the uncertainty."""
    reference, moving, *_ = scene_of(kind, rng)
    options = {"kernel": kernel, "loss": "tukey", "brightness": "gain_bias"}
    found = all_variants(lambda: pa.align(reference, moving, kind, **options))
    for other in found[1:]:
        assert other.status == found[0].status
        assert corner_error(other.warp, found[0].warp, SHAPE) < 1e-4
        np.testing.assert_allclose(other.corner_std, found[0].corner_std, rtol=1e-3)
        np.testing.assert_allclose(other.cost, found[0].cost, rtol=1e-4)


def test_unknown_instruction_set_is_refused():
    before = _core.variant()
    assert not _core.use_variant("abacus")
    assert _core.variant() == before


def test_baseline_is_always_there():
    assert _core.available_variants()[0] == "baseline"
