"""Alignment sees the numbers of an image, not how they are stored."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS
from outcomes import outcome
from photalign.synthetic import corner_error
from photalign.warps import Affine
from scenes import SHAPE, as_dtype, views, waves

# How the values 10 to 230 are brought into the range of a type: (value - shift) * gain.
RANGES = {
    "?": (120.0, 0.01),
    "u1": (0.0, 1.0),
    "i1": (120.0, 1.0),
    "u2": (-65000 / 250, 125.0),
    "i2": (120.0, 200.0),
    "u4": (0.0, 1e7),
    "i4": (120.0, 1e7),
    "u8": (0.0, 1e12),
    "i8": (120.0, 1e12),
    "f2": (0.0, 1.0),
    "f4": (0.0, 1.0),
    "f8": (120.0, 1.0),
}
TRUTH = Affine([[1.01, -0.02, 1.7], [0.015, 0.99, -1.1]])


def pair_of(dtype, rng, channels=()):
    shift, gain = RANGES[np.dtype(dtype).str[1:].replace("b1", "?")]
    images = views(waves(rng), TRUTH, dtype="f8")
    scaled = ((image - shift) * gain for image in images)
    if np.dtype(dtype).kind == "b":
        scaled = (image > 0 for image in scaled)
    stored = [as_dtype(image, dtype) for image in scaled]
    return [np.stack([s] * channels, axis=-1) for s in stored] if channels else stored


@pytest.mark.parametrize("kernel", TAPS)
@pytest.mark.parametrize("dtype", RANGES)
def test_numbers_are_what_counts_and_not_their_type(dtype, kernel, rng):
    reference, moving = pair_of(dtype, rng)
    found = pa.align(reference, moving, kernel=kernel)
    double = pa.align(reference.astype("f8"), moving.astype("f8"), kernel=kernel)
    assert found.ok
    assert corner_error(found.warp, double.warp, SHAPE) < 1e-3
    assert corner_error(found.warp, TRUTH, SHAPE) < (0.2 if dtype == "?" else 0.02)


@pytest.mark.parametrize("dtype", [d for d in RANGES if d not in ("?", "u1", "i1")])
@pytest.mark.parametrize("order", [">", "<"])
def test_byte_order_does_not_matter(order, dtype, rng):
    reference, moving = pair_of(dtype, rng)
    swapped = [image.astype(order + dtype) for image in (reference, moving)]
    assert outcome(pa.align(*swapped)) == outcome(pa.align(reference, moving))


def unaligned(image):
    """Return a copy that starts one byte past where its type may start."""
    room = np.empty(image.nbytes + 1, dtype=np.uint8)
    copy = room[1:].view(image.dtype).reshape(image.shape)
    copy[...] = image
    return copy


def read_only(image):
    copy = image.copy()
    copy.setflags(write=False)
    return copy


def spread(image):
    """Return a view with gaps between the pixels, which hold other numbers."""
    room = np.full([2 * n + 3 for n in image.shape], 77, dtype=image.dtype)
    view = room[tuple(slice(1, 1 + 2 * n, 2) for n in image.shape)]
    view[...] = image
    return view


LAYOUTS = {
    "columns_first": np.asfortranarray,
    "rows_backwards": lambda image: np.ascontiguousarray(image[::-1])[::-1],
    "columns_backwards": lambda image: np.ascontiguousarray(image[:, ::-1])[:, ::-1],
    "spread": spread,
    "read_only": read_only,
    "unaligned": unaligned,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "i2"])
@pytest.mark.parametrize("channels", [(), 3])
def test_memory_layout_does_not_matter(layout, dtype, channels, rng):
    reference, moving = pair_of(dtype, rng, channels)
    stored = [LAYOUTS[layout](image) for image in (reference, moving)]
    for kernel in ("bspline5_direct", "bspline3"):
        expected = pa.align(reference, moving, kernel=kernel)
        assert outcome(pa.align(*stored, kernel=kernel)) == outcome(expected)


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_planar_colour_is_a_view_too(dtype, rng):
    reference, moving = pair_of(dtype, rng, 3)
    planes = [
        np.ascontiguousarray(np.moveaxis(image, -1, 0)) for image in (reference, moving)
    ]
    found = pa.align(*(np.moveaxis(image, 0, -1) for image in planes))
    assert outcome(found) == outcome(pa.align(reference, moving))


def test_one_channel_is_gray(rng):
    reference, moving = pair_of("u1", rng)
    found = pa.align(reference[..., None], moving[..., None])
    assert outcome(found) == outcome(pa.align(reference, moving))


def test_lists_are_images(rng):
    reference, moving = pair_of("i8", rng)
    found = pa.align(reference.tolist(), moving.tolist())
    assert outcome(found) == outcome(pa.align(reference, moving))


def test_broadcast_images_are_images(rng):
    """Strides of 0: the same row again and again."""
    row = pair_of("f4", rng)[0][:1]
    flat = np.broadcast_to(row, SHAPE)
    assert not pa.align(flat, flat.copy() + 1).ok


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "i2", ">f4"])
def test_images_are_left_alone(dtype, rng):
    reference, moving = pair_of(dtype, rng)
    before = reference.tobytes(), moving.tobytes()
    for kernel in TAPS:
        pa.align(reference, moving, kernel=kernel, brightness="gain_bias")
    assert (reference.tobytes(), moving.tobytes()) == before


@pytest.mark.parametrize("dtype", ["u1", "f4"])
@pytest.mark.parametrize("kernel", TAPS)
def test_nothing_beyond_the_image_is_read(dtype, kernel, rng):
    """The surroundings of a cut-out change; the result does not."""
    images = pair_of(dtype, rng)
    results = []
    for surroundings in (0, 255):
        rooms = [np.full([n + 40 for n in SHAPE], surroundings, dtype=dtype)] * 2
        cuts = [room.copy()[20:-20, 20:-20] for room in rooms]
        for cut, image in zip(cuts, images, strict=True):
            cut[...] = image
        results.append(outcome(pa.align(*cuts, kernel=kernel)))
    assert results[0] == results[1]
