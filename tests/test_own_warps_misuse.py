"""What goes wrong in warps of one's own is said in words."""

from __future__ import annotations

import _thread
import pickle
import threading
import time

import numpy as np
import pytest

import photalign as pa
from photalign.synthetic import pair
from photalign.warps import FunctionWarp
from scenes import grid, waves

SHAPE = (120, 130)  # tiles that end in a few columns


def shift(p, xy):
    return xy + p


@pytest.fixture
def images(rng):
    scene, points = waves(rng), grid(SHAPE)
    return scene(points), scene(points - [1.5, -0.5])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda p, xy: np.stack([xy[:, 0], xy[:, 1]]), r"axis=-1\) has it"),
        (lambda p, xy: np.column_stack([xy, xy[:, 0]]), r"got shape \(4, 3\)"),
        (lambda p, xy: None, r"got shape \(\)"),
        (lambda p, xy: p, r"got shape \(2,\)"),
    ],
)
def test_what_is_not_points_is_refused_at_once(function, expected):
    with pytest.raises(ValueError, match=f"^function: expected points .*{expected}"):
        pa.warp(function, [0.0, 0.0])


def test_a_point_must_not_depend_on_the_others_of_its_block(images):
    centered = pa.warp(lambda p, xy: xy - xy.mean(axis=0) + p, [0.0, 0.0])
    with pytest.raises(
        ValueError, match=r"^function: expected a point to go to one pl"
    ):
        pa.align(*images, centered)


def test_derivatives_of_another_function_are_refused(images):
    def twice(p, xy):
        return np.broadcast_to(2 * np.eye(2), (len(xy), 2, 2))

    with pytest.raises(ValueError, match=r"^warp: .* got 2 for d x / d p0 .* give 1;"):
        pa.align(*images, pa.warp(shift, [0.0, 0.0], jacobian=twice))


def test_nothing_to_see_is_an_outcome(images):
    for nowhere in (np.nan, np.inf):
        found = pa.align(
            *images, pa.warp(lambda p, xy, n=nowhere: xy + p + n, [0.0, 0.0])
        )
        assert found.status is pa.Status.TOO_LITTLE_OVERLAP


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda p, xy: xy + 0 * p[0], 1),  # no effect
        (lambda p, xy: xy + p[:2] + p[2:], 4),  # two alike
    ],
)
def test_parameters_that_cannot_be_told_apart_are_an_outcome(images, function, count):
    found = pa.align(*images, pa.warp(function, np.zeros(count)))
    assert found.status is pa.Status.TOO_LITTLE_TEXTURE
    assert np.array_equal(found.warp.params, np.zeros(count))


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_function_raises_comes_out(images, threads):
    def fails(p, xy):
        if len(xy) > 1000:
            raise LookupError("not in the table")
        return xy + p

    with pytest.raises(LookupError, match="not in the table"):
        pa.align(*images, pa.warp(fails, [0.0, 0.0], trace=False), threads=threads)


def test_a_class_that_is_no_model_is_refused(images):
    for cls in (pa.Warp, FunctionWarp):
        with pytest.raises(
            TypeError, match=r"such as Affine, got .*Warp; photalign.warp"
        ):
            pa.align(*images, cls)


def test_points_that_meet_only_away_from_the_start_are_found_out(images):
    """A zoom of 0 about the mean of a block moves nothing, wherever the mean is."""

    def zoom(p, xy):
        mean = xy.mean(axis=0)
        return (xy - mean) * (1 + p[0]) + mean + p[1:3]

    with pytest.raises(
        ValueError, match="function: expected a point to go to one place"
    ):
        pa.align(*images, pa.warp(zoom, [0.0, 0.0, 0.0]))


def test_a_function_of_another_system_is_told_what_to_pass(images):
    def foreign(p, xy):
        if isinstance(p, pa.Jet):
            raise TypeError("not an array of mine")
        return xy + p

    with pytest.raises(TypeError, match="not an array of mine") as caught:
        pa.align(*images, pa.warp(foreign, [0.0, 0.0]))
    assert 'backend="jax"' in caught.value.__notes__[0]


def test_interrupt_ends_an_alignment_soon(images):
    """As Ctrl-C does, in the middle of a function."""
    started = threading.Event()

    def slow(p, xy):
        if len(xy) > 1000:
            started.set()
            time.sleep(0.05)
        return xy + p

    def interrupt():
        if started.wait(10):
            _thread.interrupt_main()

    helper = threading.Thread(target=interrupt)
    helper.start()
    since = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        pa.align(*images, pa.warp(slow, [0.0, 0.0], trace=False))
    assert time.perf_counter() - since < 2
    helper.join()


def test_a_function_may_align_on_its_way(images):
    def nested(p, xy):
        if len(xy) > 1000:
            assert pa.align(*images, "translation").ok
        return xy + p

    few = pa.LevenbergMarquardt(max_steps=2)
    found = pa.align(*images, pa.warp(nested, [1.4, -0.4], trace=False), solver=few)
    np.testing.assert_allclose(found.warp.params, [1.5, -0.5], atol=0.05)


def test_a_warp_cannot_be_changed():
    warp = pa.warp(shift, [0.0, 0.0])
    with pytest.raises(AttributeError, match=r"^n_params: a warp cannot be changed"):
        warp.n_params = 1
    with pytest.raises(ValueError, match="read-only"):
        warp.params[0] = 1
    assert pickle.loads(pickle.dumps(warp.with_params([1, 2]))) == warp.with_params(
        [1, 2]
    )


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        (
            {"param_names": ["tx"]},
            ValueError,
            "param_names: expected 2 different names",
        ),
        ({"param_names": [1, 2]}, TypeError, "param_names: expected strings"),
        ({"name": 3}, TypeError, "name: expected a string, got 3"),
        ({"backend": "cupy"}, ValueError, "backend: expected one of numpy, jax, torch"),
        ({"jacobian": 3}, TypeError, "jacobian: expected a callable, got 3"),
    ],
)
def test_options_are_checked(options, error, expected):
    with pytest.raises(error, match=f"^{expected}"):
        pa.warp(shift, [0.0, 0.0], **options)


def test_functions_and_matrices_are_not_mixed_up(images):
    own = pa.warp(shift, [0.0, 0.0])
    with pytest.raises(
        TypeError, match=r"^warp: .*photalign.warp\(function, p0\) makes"
    ):
        pa.align(*images, shift)
    with pytest.raises(TypeError, match=r"^init: expected a matrix or a warp with one"):
        pa.align(*images, "affine", init=own)
    with pytest.raises(TypeError, match=r"^init: expected the 2 parameters of shift"):
        pa.align(*images, own, init=pa.Translation.identity())
    with pytest.raises(TypeError, match=r"^truth: expected a warp with a matrix"):
        pair(images[0], own, (20, 20), center=(60, 60))


def test_columns_that_fill_no_vector_have_a_footprint(images):
    """A tile of two columns was taken to reach everywhere, and split without end."""
    found = pa.align(*images, pa.warp(shift, [0.0, 0.0]))
    expected = pa.align(*images, "translation")
    np.testing.assert_allclose(found.warp.params, expected.warp.params, atol=1e-3)
