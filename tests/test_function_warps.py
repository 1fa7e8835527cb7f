"""Warps that users write: the same optimizer and results as for built-in ones."""

from __future__ import annotations

import copy
import gc
import json
import pickle
import weakref

import numpy as np
import pytest

import photalign as pa
from functions import BUILT_IN, compiled, has_compiler, homography, translation, waving
from oracles import pixel_centers
from outcomes import outcome
from photalign.losses import LOSSES
from photalign.synthetic import corner_error
from photalign.warps import WARPS, FunctionWarp, Homography, Translation
from sampler_cases import INSTRUCTION_SETS, instruction_set
from scenes import views, waves

SHAPE = (120, 160)
EXACT = pa.LevenbergMarquardt(step_tol=1e-8, max_steps=100)
CLOSE = pa.LevenbergMarquardt(step_tol=1e-5)
SMALL = {
    "translation": [1.3, -0.8],
    "euclidean": [0.02, 1.0, -0.5],
    "similarity": [1.02, 0.015, -1.0, 0.5],
    "affine": [1.01, 0.01, -0.5, -0.012, 0.99, 0.7],
    "homography": [1.01, 0.01, -0.5, -0.012, 0.99, 0.7, 2e-5, -3e-5],
}
needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C compiler")


def pair(rng, kind="homography", noise=1.0, shape=SHAPE):
    """Return two views that differ by a small warp of a kind, and some noise."""
    truth = WARPS[kind].from_params(SMALL[kind])
    reference, moving = views(waves(rng), truth, shape, dtype="f4")
    return [
        (image + rng.normal(scale=noise, size=image.shape)).astype("f4")
        for image in (reference, moving)
    ]


def own(kind, **options):
    """Return a built-in warp's function, from the identity."""
    return pa.warp(BUILT_IN[kind], WARPS[kind].identity().params, **options)


def assert_same(found, expected, tolerance=1e-6, std=1e-3):
    """The same to `tolerance` px, and as certain."""
    assert found.status is expected.status
    error = corner_error(found.warp, expected.warp, expected.reference.shape)
    assert error < tolerance
    np.testing.assert_allclose(found.corner_std, expected.corner_std, rtol=std)
    np.testing.assert_allclose(found.rms, expected.rms, rtol=1e-5)
    np.testing.assert_allclose(found.overlap, expected.overlap, rtol=1e-9)


def assert_same_covariance(found, expected):
    """The same to a thousandth of the standard deviations."""
    std = np.sqrt(np.diag(expected.covariance))
    difference = (found.covariance - expected.covariance) / np.outer(std, std)
    assert np.abs(difference).max() < 1e-3


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("method", ["forward", "inverse", "esm"])
def test_finds_what_the_built_in_warp_finds(kind, method, rng):
    images = pair(rng, kind)
    options = {"method": method, "kernel": "bspline3_direct", "solver": EXACT}
    expected = pa.align(*images, kind, **options)
    found = pa.align(*images, own(kind), **options)
    assert expected.ok
    assert_same(found, expected)
    assert_same_covariance(found, expected)


@pytest.mark.parametrize("kernel", ["linear", "catmull_rom", "bspline3", "bspline5"])
def test_with_any_kernel(kernel, rng):
    images = pair(rng, noise=0.2)
    options = {"kernel": kernel, "method": "inverse", "solver": EXACT}
    if kernel == "linear":
        options["method"] = "esm"
    expected = pa.align(*images, "homography", **options)
    assert_same(pa.align(*images, own("homography"), **options), expected, 1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("brightness", ["none", "gain_bias", "normalized"])
def test_with_any_loss_and_brightness(loss, brightness, rng):
    reference, moving = pair(rng, "affine")
    if brightness != "none":
        moving = (moving - 20) / 1.2
    options = {"loss": loss, "brightness": brightness, "solver": CLOSE}
    options["kernel"] = "bspline3_direct"
    expected = pa.align(reference, moving, "affine", **options)
    found = pa.align(reference, moving, own("affine"), **options)
    # The loss's scale is settled to 2 %, from wherever the way down came.
    assert_same(found, expected, 1e-4, std=5e-3)
    np.testing.assert_allclose(found.brightness.gain, expected.brightness.gain, 1e-5)


def test_with_masks_nan_and_colors(rng):
    reference, moving = (np.stack([i, 255 - i, i], -1) for i in pair(rng, "affine"))
    reference[10:20, 30:40] = np.nan
    mask = np.ones(SHAPE, dtype="f4")
    mask[:, :20] = 0.3
    mask[50:] = 0
    options = {"moving_mask": mask, "kernel": "bspline3_direct", "solver": EXACT}
    expected = pa.align(reference, moving, "affine", **options)
    assert expected.ok
    assert_same(pa.align(reference, moving, own("affine"), **options), expected)


def test_with_integers_as_they_are_stored(rng):
    images = [np.clip(np.rint(image), 0, 255).astype("u1") for image in pair(rng)]
    options = {"kernel": "bspline3_direct", "solver": EXACT}
    expected = pa.align(*images, "homography", **options)
    assert_same(pa.align(*images, own("homography"), **options), expected)


def test_a_given_jacobian_does_what_jets_do(rng):
    images = pair(rng)
    exact = own(
        "homography", jacobian=lambda p, xy: Homography.from_params(p).jacobian(xy)
    )
    found = pa.align(*images, exact, solver=EXACT)
    assert_same(found, pa.align(*images, own("homography"), solver=EXACT))


def test_a_function_in_jax_does_what_jets_do(rng):
    jnp = pytest.importorskip("jax.numpy")

    def homography_in_jax(p, xy):
        x, y = xy[:, 0], xy[:, 1]
        w = p[6] * x + p[7] * y + 1
        rows = p[0] * x + p[1] * y + p[2], p[3] * x + p[4] * y + p[5]
        return jnp.stack(rows, axis=-1) / w[:, None]

    images = pair(rng)
    warp = pa.warp(homography_in_jax, own("homography").params, backend="jax")
    found = pa.align(*images, warp, solver=EXACT)
    assert_same(found, pa.align(*images, own("homography"), solver=EXACT))


def test_a_function_in_torch_does_what_jets_do(rng):
    torch = pytest.importorskip("torch")

    def affine_in_torch(p, xy):
        return xy @ p.reshape(2, 3)[:, :2].T + torch.stack([p[2], p[5]])

    images = pair(rng, "affine")
    warp = pa.warp(affine_in_torch, own("affine").params, backend="torch")
    found = pa.align(*images, warp, solver=EXACT)
    assert_same(found, pa.align(*images, own("affine"), solver=EXACT))


@needs_compiler
def test_a_compiled_function_does_what_jets_do(rng, tmp_path):
    images = pair(rng)
    function = compiled(tmp_path, "homography")
    found = pa.align(*images, pa.warp(function, own("homography").params), solver=EXACT)
    assert_same(found, pa.align(*images, own("homography"), solver=EXACT))


@needs_compiler
def test_a_compiled_function_gets_its_data(tmp_path):
    function = compiled(tmp_path, "shifted", data=10.0)
    shift = pa.warp(function, [0.5, -2.0])
    assert shift([1.0, 2.0]).tolist() == [6.0, -18.0]
    assert shift.jacobian([1.0, 2.0]).tolist() == [[10.0, 0.0], [0.0, 10.0]]


@needs_compiler
def test_a_compiled_function_of_another_signature_is_refused(tmp_path):
    from scipy import LowLevelCallable

    function = compiled(tmp_path, "homography").function
    with pytest.raises(TypeError, match=r"function of ctypes; pass LowLevelCallable"):
        pa.warp(function, [0.0])
    with pytest.raises(ValueError, match="backend: expected the default with a Low"):
        pa.warp(LowLevelCallable(function), [0.0], backend="jax")
    signature = "void (double *, long, double *, double *, double *, void *)"
    with pytest.raises(
        ValueError, match="function: expected a LowLevelCallable with use"
    ):
        pa.warp(LowLevelCallable(function, signature=signature), [0.0])
    with pytest.raises(ValueError, match="function: expected a LowLevelCallable of"):
        pa.warp(LowLevelCallable(function, signature="double (double)"), [0.0])


def test_images_that_tell_nothing():
    flat = np.full(SHAPE, 100, "u1")
    for kind in WARPS:
        found = pa.align(flat, flat, own(kind))
        assert found.status is pa.Status.TOO_LITTLE_TEXTURE
        assert found.warp == own(kind)


@pytest.mark.parametrize("start", [[500.0, 0.0], [np.sqrt(2) * 60, 0.0]])
def test_images_that_hardly_overlap(start, rng):
    images = pair(rng, "translation")
    expected = pa.align(*images, Translation.from_params(start))
    found = pa.align(*images, own("translation"), init=start)
    assert found.status is expected.status
    assert not found.ok


def test_images_that_do_not_match(rng):
    images = [
        views(waves(rng), Translation.identity(), dtype="f4")[0] for _ in range(2)
    ]
    found = pa.align(*images, own("affine"))
    assert not found.ok
    assert not pa.align(*images, "affine").ok


def test_parameters_that_do_the_same_are_too_many(rng):
    def twice(p, xy):
        return xy + p[:2] + p[2:]

    found = pa.align(*pair(rng, "translation"), pa.warp(twice, np.zeros(4)))
    assert found.status is pa.Status.TOO_LITTLE_TEXTURE


def test_a_parameter_without_effect_is_one_too_many(rng):
    idle = pa.warp(lambda p, xy: xy + p[:2] + 0 * p[2], np.zeros(3))
    found = pa.align(*pair(rng, "translation"), idle)
    assert found.status is pa.Status.TOO_LITTLE_TEXTURE


def test_parameters_of_any_size(rng):
    """Steps are damped in pixels, whatever the user's units are."""
    images = pair(rng, "affine")
    scale = np.array([1e-6, 1e3, 1e8, 1.0, 1e-3, 1e5])
    scaled = pa.warp(
        lambda p, xy: BUILT_IN["affine"](p * scale, xy),
        WARPS["affine"].identity().params / scale,
    )
    found = pa.align(*images, scaled, solver=EXACT)
    expected = pa.align(*images, own("affine"), solver=EXACT)
    np.testing.assert_allclose(
        found.warp.params * scale, expected.warp.params, atol=1e-6
    )


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_finds_the_same(threads, rng):
    images = pair(rng, shape=(200, 260))
    one = pa.align(*images, own("homography"), threads=1)
    assert one.ok
    assert outcome(one) == outcome(
        pa.align(*images, own("homography"), threads=threads)
    )


def test_rows_may_turn_around(rng):
    """Neighbors that change places are sampled where they are."""
    shape = (150, 300)
    wave = waves(rng, shortest=15)
    points = pixel_centers(shape)
    truth = np.array([2.0, 1.5])
    moving = wave(points).astype("f4")
    reference = wave(waving(truth, points)).astype("f4")
    found = pa.align(
        reference, moving, pa.warp(waving, truth * 0.9), kernel="bspline5",
        pyramid=pa.Pyramid(levels=1), method="forward",
    )  # fmt: skip
    assert found.ok
    np.testing.assert_allclose(found.warp.params, truth, atol=2e-3)
    values, valid = pa.Sampler(moving, "bspline5", domain="support")(
        found.warp(points), return_mask=True
    )
    inside = valid & np.isfinite(values)
    expected = np.sqrt(np.mean((values - reference)[inside] ** 2))
    assert abs(found.rms - expected) < 0.1 * expected + 1e-3


def test_points_that_go_nowhere_are_outside(rng):
    """Half of the image is mapped to NaN, and the rest tells the shift."""

    def half(p, xy):
        return np.where(xy[..., :1] < 50, xy + p, np.nan)

    images = pair(rng, "translation")
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :50] = True
    found = pa.align(*images, pa.warp(half, [0.0, 0.0]), solver=EXACT)
    expected = pa.align(*images, own("translation"), solver=EXACT, reference_mask=mask)
    assert found.ok
    np.testing.assert_allclose(found.warp.params, expected.warp.params, atol=0.02)
    assert found.overlap == pytest.approx(50 / SHAPE[1], abs=0.02)


def test_resamples_like_the_built_in_warp(rng):
    reference, moving = pair(rng)
    warp = Homography.from_params(SMALL["homography"])
    function = own("homography").with_params(warp.params)
    for image in (
        moving,
        np.clip(moving, 0, 255).astype("u1"),
        moving[..., None] * [1, 2],
    ):
        expected, valid = pa.resample(image, warp, (90, 70), return_mask=True)
        found, inside = pa.resample(image, function, (90, 70), return_mask=True)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(inside, valid)
        np.testing.assert_allclose(
            found, expected, atol=1 if found.dtype == "u1" else 1e-3
        )
    for indexing in ("xy", "ij"):
        sampler = pa.Sampler(reference, "bspline3", indexing=indexing)
        expected, found = (sampler.warped(w, (90, 70)) for w in (warp, function))
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-3)


def test_the_border_is_inside_in_spite_of_rounding():
    image = np.arange(12.0).reshape(3, 4)
    third = pa.warp(lambda p, xy: (xy * 0.1 + p) * 10, [0.0])
    _, valid = pa.resample(image, third, return_mask=True)
    assert valid.all()


def test_report_and_json(rng, tmp_path):
    reference, moving = pair(rng, "affine")
    named = own(
        "affine", param_names=["a", "b", "tx", "d", "e", "ty"], name="my affine"
    )
    found = pa.align(reference, moving, named)
    found.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "The warp my affine maps" in page
    assert "parameters of my affine" in page
    stored = json.loads(found.to_json())
    assert stored["warp"] == {"warp": "my affine", "params": found.warp.params.tolist()}
    assert stored["param_names"] == ["a", "b", "tx", "d", "e", "ty"]
    with pytest.raises(
        ValueError, match=r"photalign.warp\(function, data\['params'\]\)"
    ):
        pa.Warp.from_dict(stored["warp"])


def test_is_a_value():
    warp = pa.warp(homography, Homography.identity().params)
    assert warp == pa.warp(homography, Homography.identity().params)
    assert warp != warp.with_params(SMALL["homography"])
    assert warp != Homography.identity()
    assert hash(warp) == hash(pickle.loads(pickle.dumps(warp)))
    for twin in (pickle.loads(pickle.dumps(warp)), copy.deepcopy(warp)):
        assert twin == warp
        assert twin([[1.0, 2.0]]).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match="read-only"):
        warp.params[0] = 2
    with pytest.raises(AttributeError, match=r"homography.* has no matrix"):
        _ = warp.matrix


def test_is_forgotten_with_its_function():
    def function(p, xy):
        return xy + p

    function.warp = pa.warp(function, [0.0, 0.0])
    seen = weakref.ref(function)
    del function
    gc.collect()
    assert seen() is None


def test_starts_where_it_is_told(rng):
    images = pair(rng, "affine")
    start = [1.0, 0.0, 1.0, 0.0, 1.0, -1.0]
    for init in (start, own("affine").with_params(start)):
        found = pa.align(*images, own("affine"), init=init)
        assert found.initial.params.tolist() == start
        assert found.ok
    with pytest.raises(ValueError, match=r"init: expected shape \(6,\)"):
        pa.align(*images, own("affine"), init=np.eye(3))
    with pytest.raises(TypeError, match="init: expected the 6 parameters of affine"):
        pa.align(*images, own("affine"), init=Homography.identity())


WRONG = {
    "callable": (3, [0.0], {}, TypeError, "function: expected a callable, got 3"),
    "p0": (translation, 0.0, {}, ValueError, r"p0: expected shape \(P,\)"),
    "empty": (translation, [], {}, ValueError, "p0: expected"),
    "shape": (
        lambda p, xy: xy.T,
        [0.0],
        {},
        ValueError,
        r"function: expected points of",
    ),
    "text": (
        lambda p, xy: xy.astype(str),
        [0.0],
        {},
        TypeError,
        "expected real numbers",
    ),
    "names": (
        translation,
        [0.0, 0.0],
        {"param_names": ["a"]},
        ValueError,
        "param_names",
    ),
    "backend": (
        translation,
        [0.0],
        {"backend": "jacks"},
        ValueError,
        "backend: expected",
    ),
    "jacobian": (
        translation,
        [0.0],
        {"jacobian": 1},
        TypeError,
        "jacobian: expected a",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_warp_is_refused(case):
    function, p0, options, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        pa.warp(function, p0, **options)


def test_wrong_derivatives_are_refused(rng):
    images = pair(rng, "translation")
    wrong = pa.warp(
        translation, [0.0, 0.0], jacobian=lambda p, xy: np.ones((len(xy), 2, 2))
    )
    with pytest.raises(
        ValueError, match=r"got 1 for d y / d p0 at point \(0, 0\).* give 0"
    ):
        pa.align(*images, wrong)
    shape = pa.warp(translation, [0.0, 0.0], jacobian=lambda p, xy: np.eye(2))
    with pytest.raises(
        ValueError, match=r"jacobian: expected shape \(9, 2, 2\), that is"
    ):
        pa.align(*images, shape)


def test_what_a_function_raises_comes_out(rng):
    def moody(p, xy):
        if len(xy) > 1000:
            raise RuntimeError("not today")
        return xy + p

    for threads in (1, 2):
        with pytest.raises(RuntimeError, match="not today"):
            pa.align(
                *pair(rng, "translation"),
                pa.warp(moody, [0.0, 0.0], trace=False),
                threads=threads,
            )


def test_progress_and_trace(rng):
    steps = []
    found = pa.align(*pair(rng, "affine"), own("affine"), progress=steps.append)
    assert tuple(steps) == found.trace
    assert isinstance(found.warp, FunctionWarp)


def test_point_jacobian():
    warp = pa.warp(homography, SMALL["homography"])
    points = np.array([[0.0, 0.0], [30.0, 50.0]])
    expected = Homography.from_params(SMALL["homography"]).point_jacobian(points)
    np.testing.assert_allclose(warp.point_jacobian(points), expected, atol=1e-8)


@pytest.mark.parametrize("method", ["forward", "esm"])
def test_every_instruction_set_finds_the_same(method, rng):
    images = pair(rng)
    options = {"method": method, "brightness": "gain_bias", "solver": EXACT}
    expected = pa.align(*images, own("homography"), **options)
    for name in INSTRUCTION_SETS:
        with instruction_set(name):
            found = pa.align(*images, own("homography"), **options)
        assert_same(found, expected)
        assert_same_covariance(found, expected)


def test_motion_is_seen_wherever_it_is(rng):
    """A wave that leaves corners, middles of sides and the center where they are."""
    shape = (120, 241)
    scene, points = waves(rng, shortest=15), pixel_centers(shape)

    def bulge(p, xy):
        wave = np.sin(2 * np.pi * xy[:, 0] / (shape[1] - 1))
        return np.stack([xy[:, 0] + p[0] * wave, xy[:, 1]], axis=-1)

    flat = points.reshape(-1, 2)
    reference = scene(bulge([6.0], flat)).reshape(shape).astype("f4")
    found = pa.align(
        reference,
        scene(points).astype("f4"),
        pa.warp(bulge, [0.0]),
        pyramid=pa.Pyramid(levels=1),
    )
    assert found.ok
    assert found.warp.params[0] == pytest.approx(6, abs=0.01)


def test_corners_that_go_nowhere_say_nothing(rng):
    """Seen through a round hole: nothing is known of the corners, all of the shift."""
    shape = (120, 121)
    middle = np.array([60.0, 59.5])

    def hole(p, xy):
        inside = np.hypot(*(xy - middle).T)[:, np.newaxis] < 55
        return np.where(inside, xy + p, np.nan)

    images = pair(rng, "translation", shape=shape)
    found = pa.align(*images, pa.warp(hole, [0.0, 0.0]))
    assert found.ok
    np.testing.assert_allclose(found.warp.params, SMALL["translation"], atol=0.05)
    assert np.isnan(found.corner_std).all()
    assert np.isfinite(found.covariance).all()
    assert json.loads(found.to_json())["corner_std"] == [[None, None]] * 4


def test_a_traceback_keeps_no_memory_of_the_core(rng):
    """Its arrays are gone when the alignment is."""

    def fails(p, xy):
        if len(xy) > 1000:
            raise LookupError
        return xy + p

    with pytest.raises(LookupError) as caught:
        pa.align(*pair(rng, "translation"), pa.warp(fails, [0.0, 0.0], trace=False))
    seen = [entry.frame.f_locals for entry in caught.traceback]
    assert not any(names.keys() & {"mapped", "jacobian", "plane"} for names in seen)
