"""Reading images, points, masks, choices and threads."""

from __future__ import annotations

import os

import numpy as np
import pytest

from photalign._checks import (
    as_image,
    as_mask,
    as_number,
    as_points,
    choice,
    thread_count,
)

NO_NUMBERS = "^(image|points|mask): expected an array of real numbers"


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_native_images_are_views(dtype, shape):
    image = np.ones((8, 10, *shape[2:]), dtype)[::-2, ::2]
    view = as_image(image)
    assert np.shares_memory(view, image)
    assert view.shape == (4, 5, shape[2] if len(shape) == 3 else 1)
    assert view.dtype == image.dtype


def test_booleans_are_viewed_as_bytes():
    image = np.eye(3, dtype=bool)
    view = as_image(image)
    assert view.dtype == np.uint8
    assert np.shares_memory(view, image)


@pytest.mark.parametrize(
    ("dtype", "holder"),
    [
        (">u2", "u2"),
        (">f8", "f8"),
        ("i1", "f4"),
        (">i2", "f4"),
        ("f2", "f4"),
        ("u4", "f8"),
        ("i8", "f8"),
    ],
)
def test_other_types_go_to_the_smallest_that_holds_them(dtype, holder):
    image = np.array([[1, 2], [3, 100]]).astype(dtype)
    assert as_image(image).dtype == np.dtype(holder)
    np.testing.assert_array_equal(as_image(image)[..., 0], image)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (
            np.ones((2, 2), complex),
            TypeError,
            NO_NUMBERS,
        ),
        (np.array([[None]]), TypeError, NO_NUMBERS),
        ("photo.png", TypeError, NO_NUMBERS),
        (None, TypeError, NO_NUMBERS),
        (
            np.ones((2, 2), "M8[s]"),
            TypeError,
            NO_NUMBERS,
        ),
        (np.ones((2, 2), np.longdouble), TypeError, "of at most 64 bits"),
        ([[1, 2], [3]], ValueError, "image: expected rows of one length"),
        (3.0, ValueError, r"image: expected shape \(rows, columns\)"),
        (np.ones(5), ValueError, r"got \(5,\)"),
        (np.ones((2, 2, 2, 2)), ValueError, r"got \(2, 2, 2, 2\)"),
        (np.ones((0, 5)), ValueError, "at least one pixel"),
        (np.ones((5, 5, 0)), ValueError, "at least one pixel"),
        ([[2**53 + 1]], ValueError, r"below 2\*\*53"),
        ([[-(2**60)]], ValueError, r"below 2\*\*53"),
        (np.full((1, 1), 2**64 - 1, np.uint64), ValueError, r"below 2\*\*53"),
    ],
)
def test_what_is_no_image_is_refused(image, error, message):
    if getattr(image, "dtype", None) == np.longdouble and np.finfo("g").bits == 64:
        pytest.skip("long double is double here")
    with pytest.raises(error, match=message):
        as_image(image)


def test_messages_speak_of_the_argument():
    with pytest.raises(ValueError, match=r"^moving: "):
        as_image(np.ones(3), "moving")


def test_points_of_float64_are_not_copied():
    points = np.ones((4, 5, 2))
    assert as_points(points) is points
    assert as_points([[1, 2]]).dtype == np.float64
    assert as_points(np.ones((0, 2), np.float32)).shape == (0, 2)


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        (np.ones((2, 100)), ValueError, r"points: .*got \(2, 100\); pass points.T"),
        (
            np.ones((3, 100)),
            ValueError,
            r"\(\.\.\., 2\), got \(3, 100\)$",
        ),
        (1.0, ValueError, r"got \(\)"),
        ([[1, 2], [3]], ValueError, "points: expected rows of one length"),
        (["a", "b"], TypeError, NO_NUMBERS),
        (np.ones(2, complex), TypeError, NO_NUMBERS),
    ],
)
def test_what_are_no_points_is_refused(points, error, message):
    with pytest.raises(error, match=message):
        as_points(points)


def test_masks():
    mask = np.eye(3, dtype=bool)
    assert np.shares_memory(as_mask(mask, (3, 3)), mask)
    assert as_mask(mask, (3, 3)).dtype == np.uint8
    wide = as_mask(np.array([[256, 0]]), (1, 2))
    assert wide.dtype == np.uint8
    assert wide.tolist() == [[1, 0]]
    weights = as_mask(np.array([[0.25], [3.0]])[::-1], (2, 1))
    assert weights.dtype == np.float32
    assert weights.flags.c_contiguous
    assert weights.tolist() == [[3.0], [0.25]]


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.ones((3, 2), bool), ValueError, r"expected shape \(2, 3\).*got \(3, 2\)"),
        (np.ones((2, 3, 1), bool), ValueError, "mask: expected shape"),
        (np.full((2, 3), -0.1), ValueError, "weights of 0 or more"),
        (np.full((2, 3), np.nan), ValueError, "finite weights"),
        (np.full((2, 3), np.inf), ValueError, "finite weights"),
        (
            np.ones((2, 3), complex),
            TypeError,
            NO_NUMBERS,
        ),
    ],
)
def test_what_is_no_mask_is_refused(mask, error, message):
    with pytest.raises(error, match=message):
        as_mask(mask, (2, 3))


def test_choices():
    known = ["linear", "catmull_rom"]
    assert choice("linear", known, "kernel") == "linear"
    with pytest.raises(ValueError, match="got 'Linear'; did you mean 'linear'"):
        choice("Linear", known, "kernel")
    with pytest.raises(ValueError, match=r"linear, catmull_rom, got 'xyz'$"):
        choice("xyz", known, "kernel")
    with pytest.raises(ValueError, match=r"got 3$"):
        choice(3, known, "kernel")
    with pytest.raises(ValueError, match="got \\['linear'\\]"):
        choice(["linear"], known, "kernel")


def test_numbers():
    assert as_number(np.float32(0.5), "fill") == 0.5
    assert np.isnan(as_number(np.nan, "fill"))
    for value in (None, "1", 1j, [1.0]):
        with pytest.raises(TypeError, match="fill: expected a number"):
            as_number(value, "fill")


def test_threads(monkeypatch):
    monkeypatch.delenv("PHOTALIGN_THREADS", raising=False)
    usable = thread_count(None)
    assert 1 <= usable <= (os.cpu_count() or 1)
    assert thread_count(np.int64(3)) == 3
    monkeypatch.setenv("PHOTALIGN_THREADS", "7")
    assert thread_count(None) == 7
    assert thread_count(2) == 2
    monkeypatch.setenv("PHOTALIGN_THREADS", "")
    assert thread_count(None) == usable


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_threads_respect_the_affinity_of_the_process(monkeypatch):
    monkeypatch.delenv("PHOTALIGN_THREADS", raising=False)
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert thread_count(None) == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("threads", [0, -1])
def test_too_few_threads_are_refused(threads):
    with pytest.raises(ValueError, match=f"threads: expected 1 or more, got {threads}"):
        thread_count(threads)


@pytest.mark.parametrize("threads", [1.0, "2", True])
def test_threads_must_be_an_integer(threads):
    with pytest.raises(TypeError, match="threads: expected an integer"):
        thread_count(threads)


@pytest.mark.parametrize("setting", ["0", "-2", "two", "1.5", "²"])
def test_bad_setting_of_threads_is_refused(setting, monkeypatch):
    monkeypatch.setenv("PHOTALIGN_THREADS", setting)
    with pytest.raises(ValueError, match="PHOTALIGN_THREADS: expected a number"):
        thread_count(None)
