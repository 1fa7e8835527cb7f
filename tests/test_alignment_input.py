"""Misuse of `align` is refused: the argument, what it takes, and what came."""

from __future__ import annotations

import re

import numpy as np
import pytest

import photalign as pa

SHAPE = (40, 50)
IMAGE = np.random.default_rng(0).normal(100, 20, SHAPE).astype("f4")
COLOUR = np.stack([IMAGE] * 3, axis=-1)


def refuses(error, message, *images, **options):
    with pytest.raises(error, match=f"^{re.escape(message)}") as caught:
        pa.align(*images or (IMAGE, IMAGE), **options)
    # Short enough to be read.
    assert len(str(caught.value)) < 400


IMAGES = {
    "none": (None, TypeError, "expected an array of real numbers"),
    "file name": ("photo.png", TypeError, "expected an array of real numbers"),
    "number": (3.0, ValueError, "expected shape (rows, columns)"),
    "signal": (np.ones(9), ValueError, "expected shape (rows, columns)"),
    "stack": (np.ones((2, 9, 9, 3)), ValueError, "expected shape (rows, columns)"),
    "no rows": (np.ones((0, 9)), ValueError, "expected at least one pixel"),
    "no columns": (np.ones((9, 0)), ValueError, "expected at least one pixel"),
    "no channels": (np.ones((9, 9, 0)), ValueError, "expected at least one pixel"),
    "one pixel": (np.ones((1, 1)), ValueError, "expected at least 2 x 2 pixels"),
    "one row": (np.ones((1, 9)), ValueError, "expected at least 2 x 2 pixels"),
    "one column": (np.ones((9, 1)), ValueError, "expected at least 2 x 2 pixels"),
    "complex": (IMAGE + 0j, TypeError, "expected an array of real numbers"),
    "object": (IMAGE.astype(object), TypeError, "expected an array of real numbers"),
    "text": (np.full(SHAPE, "a"), TypeError, "expected an array of real numbers"),
    "dates": (np.zeros(SHAPE, "M8[s]"), TypeError, "expected an array of real numbers"),
    "fields": (
        np.zeros(SHAPE, [("a", "f4")]),
        TypeError,
        "expected an array of real numbers",
    ),
    "long double": (
        np.ones(SHAPE, np.longdouble),
        TypeError,
        "expected numbers of at most 64 bits",
    ),
    "huge": (np.full(SHAPE, 2**60), ValueError, "expected integers below 2**53"),
    "all NaN": (np.full(SHAPE, np.nan), ValueError, "expected finite pixels, got none"),
    "all inf": (np.full(SHAPE, np.inf), ValueError, "expected finite pixels, got none"),
    "ragged": ([[1, 2], [3]], ValueError, "expected rows of one length"),
}


@pytest.mark.parametrize("case", IMAGES)
def test_what_is_no_image(case):
    value, error, message = IMAGES[case]
    if case == "long double" and np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("long double is double here")
    refuses(error, f"reference: {message}", value, IMAGE)
    refuses(error, f"moving: {message}", IMAGE, value)


def test_masked_arrays_are_not_taken_for_whole_ones():
    masked = np.ma.masked_greater(IMAGE, 110)
    for images in ((masked, IMAGE), (IMAGE, masked)):
        with pytest.raises(TypeError, match="mask"):
            pa.align(*images)


def test_images_of_unlike_channels():
    message = "moving: expected {} channels like reference, got {}"
    refuses(ValueError, message.format(3, 1), COLOUR, IMAGE)
    refuses(ValueError, message.format(1, 3), IMAGE, COLOUR)


@pytest.mark.parametrize("name", ["reference_mask", "moving_mask"])
@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.ones((3, 3)), ValueError, "expected shape (40, 50), that of its image"),
        (np.ones((50, 40)), ValueError, "expected shape (40, 50), that of its image"),
        (np.ones((40, 50, 1)), ValueError, "expected shape (40, 50)"),
        (True, ValueError, "expected shape (40, 50)"),
        (np.zeros(SHAPE), ValueError, "expected pixels to use"),
        (np.zeros(SHAPE, bool), ValueError, "expected pixels to use"),
        (-np.ones(SHAPE), ValueError, "expected finite weights of 0 or more"),
        (np.full(SHAPE, np.nan), ValueError, "expected finite weights of 0 or more"),
        (np.full(SHAPE, np.inf), ValueError, "expected finite weights of 0 or more"),
        (np.ones(SHAPE, complex), TypeError, "expected an array of real numbers"),
        ("mask.png", TypeError, "expected an array of real numbers"),
    ],
)
def test_what_is_no_mask(name, mask, error, message):
    refuses(error, f"{name}: {message}", **{name: mask})


@pytest.mark.parametrize(
    ("init", "error", "message"),
    [
        (np.eye(2), ValueError, "expected shape (3, 3)"),
        (np.eye(4), ValueError, "expected shape (3, 3)"),
        ([1, 2, 3], ValueError, "expected shape (3, 3)"),
        (3, ValueError, "expected shape (3, 3)"),
        (np.ones((3, 3)), ValueError, "expected an invertible matrix"),
        (np.zeros((3, 3)), ValueError, "expected an"),
        (np.diag([1, 1, 0]), ValueError, "expected an"),
        (np.full((3, 3), np.nan), ValueError, "expected finite numbers"),
        (np.full((3, 3), np.inf), ValueError, "expected finite numbers"),
        (np.eye(3) * 1j, TypeError, "expected real numbers"),
        ([[1, 0], [0]], ValueError, "expected"),
        (
            "start.txt",
            ValueError,
            'expected "auto", "identity", "phase", "fourier_mellin", "grid", a warp or '
            "a matrix, got 'start.txt'",
        ),
        ([[2, 0, 0], [0, 1, 0]], ValueError, "expected [[a, -b, tx], [b, a, ty]"),
        (pa.Affine([[2, 0, 0], [0, 1, 0]]), ValueError, "expected [[a, -b, tx]"),
    ],
)
def test_what_is_no_start(init, error, message):
    refuses(error, f"init: {message}", warp="similarity", init=init)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"warp": "afine"}, ValueError, "warp: expected one of translation, euclidean"),
        ({"warp": ""}, ValueError, "warp: expected one of translation, euclidean"),
        ({"warp": None}, TypeError, "warp: expected"),
        ({"warp": int}, TypeError, "warp: expected"),
        ({"method": "esn"}, ValueError, "method: expected one of auto, forward"),
        ({"method": None}, ValueError, "method: expected one of auto, forward"),
        ({"kernel": "bspline4"}, ValueError, "kernel: expected one of auto, linear"),
        ({"kernel": 3}, ValueError, "kernel: expected one of auto, linear"),
        ({"loss": "tuckey"}, ValueError, "loss: expected one of squared, huber"),
        ({"loss": pa.Huber}, ValueError, "loss: expected one of squared, huber"),
        ({"brightness": "gain"}, ValueError, "brightness: expected one of none"),
        ({"brightness": None}, ValueError, "brightness: expected one of none"),
        ({"solver": "newton"}, TypeError, "solver: expected LevenbergMarquardt("),
        ({"solver": pa.GaussNewton}, TypeError, "solver: expected Levenberg"),
        ({"pyramid": 3}, TypeError, "pyramid: expected Pyramid("),
        ({"min_overlap": 0}, ValueError, "min_overlap: expected a share in (0, 1]"),
        ({"min_overlap": 1.5}, ValueError, "min_overlap: expected a share in (0, 1]"),
        ({"min_overlap": np.nan}, ValueError, "min_overlap: expected a share"),
        ({"min_overlap": "most"}, TypeError, "min_overlap: expected"),
        ({"threads": 0}, ValueError, "threads: expected 1 or more, got 0"),
        ({"threads": -2}, ValueError, "threads: expected 1 or more, got -2"),
        ({"threads": 1.5}, TypeError, "threads: expected an integer, got 1.5"),
        ({"threads": True}, TypeError, "threads: expected an integer, got True"),
        ({"progress": 3}, TypeError, "progress: expected a callable, got 3"),
    ],
)
def test_unknown_choices(options, error, message):
    refuses(error, message, **options)


@pytest.mark.parametrize(
    ("options", "nearest"),
    [
        ({"warp": "afine"}, "affine"),
        ({"warp": "Homography"}, "homography"),
        ({"method": "esn"}, "esm"),
        ({"kernel": "bspline3direct"}, "bspline3_direct"),
        ({"loss": "cauchi"}, "cauchy"),
        ({"brightness": "normalised"}, "normalized"),
    ],
)
def test_nearest_choice_is_named(options, nearest):
    with pytest.raises(ValueError, match=f"; did you mean '{nearest}'\\?$"):
        pa.align(IMAGE, IMAGE, **options)


def test_options_are_named():
    with pytest.raises(TypeError, match="positional"):
        pa.align(IMAGE, IMAGE, "affine", np.eye(3))
    with pytest.raises(TypeError, match="unexpected keyword"):
        pa.align(IMAGE, IMAGE, mask=np.ones(SHAPE))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pa.GaussNewton(max_steps=0), "max_steps: expected a positive integer"),
        (lambda: pa.GaussNewton(max_steps=1.5), "max_steps: expected a positive int"),
        (lambda: pa.GaussNewton(max_steps=True), "max_steps: expected a positive int"),
        (lambda: pa.GaussNewton(step_tol=0), "step_tol: expected a positive finite"),
        (lambda: pa.GaussNewton(step_tol=np.nan), "step_tol: expected a positive"),
        (lambda: pa.GaussNewton(step_tol="1"), "step_tol: expected a positive finite"),
        (lambda: pa.LevenbergMarquardt(damping=-1), "damping: expected a positive"),
        (lambda: pa.LevenbergMarquardt(damping=0), "damping: expected a positive"),
        (lambda: pa.Pyramid(levels=0), "levels: expected a positive integer"),
        (lambda: pa.Pyramid(levels=2.0), "levels: expected a positive integer"),
        (lambda: pa.Pyramid(levels=True), "levels: expected a positive integer"),
        (lambda: pa.Pyramid(min_size=0), "min_size: expected a positive integer"),
        (lambda: pa.Huber(scale=True), "scale: expected a positive finite number"),
    ],
)
def test_limits_make_sense(make, message):
    with pytest.raises((ValueError, TypeError), match=f"^{message}"):
        make()


def test_numbers_of_numpy_are_numbers():
    assert pa.GaussNewton(max_steps=np.int64(3)).max_steps == 3
    assert pa.Pyramid(levels=np.int32(2)).levels_for((200, 200)) == 2
    assert pa.Tukey(scale=np.float32(2)).scale == 2
    assert pa.align(IMAGE, IMAGE, threads=np.int8(1), min_overlap=np.float32(0.5)).ok


def test_images_may_differ_in_size_and_type():
    moving = np.pad(IMAGE, ((3, 9), (5, 2))).astype("f8")
    mask = np.pad(np.ones(SHAPE, dtype=bool), ((3, 9), (5, 2)))
    found = pa.align(
        IMAGE, moving, "translation", moving_mask=mask, init=[[1, 0, 4], [0, 1, 4]]
    )
    assert found.ok
    np.testing.assert_allclose(found.warp.params, [5, 3], atol=1e-3)
