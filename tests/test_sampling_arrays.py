"""Samplers of arrays of any type, any layout and any origin."""

from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np
import pytest

from photalign.kernels import KERNELS
from photalign.sampling import Sampler


@pytest.fixture
def rng():
    return np.random.default_rng(11)


LAYOUTS = {
    "as it is": lambda image: image,
    "upside down": lambda image: image[::-1],
    "mirrored": lambda image: image[:, ::-1],
    "channels reversed": lambda image: image[..., ::-1],
    "every other": lambda image: image[::2, 1::2],
    "transposed": lambda image: image.transpose(1, 0, 2),
    "planar": lambda image: np.moveaxis(
        np.ascontiguousarray(np.moveaxis(image, -1, 0)), 0, -1
    ),
    "big-endian": lambda image: image.astype(image.dtype.newbyteorder(">")),
    "one value everywhere": lambda image: np.broadcast_to(image[:1, :1], image.shape),
    "odd strides": lambda image: np.ndarray(
        image.shape,
        image.dtype,
        buffer=np.pad(image, ((0, 0), (0, 0), (0, 3))).tobytes(),
        strides=np.pad(image, ((0, 0), (0, 0), (0, 3))).strides,
    ),
    "unaligned": lambda image: np.frombuffer(
        b"x" + image.tobytes(), image.dtype, offset=1
    ).reshape(image.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kernel", ["linear", "catmull_rom", "bspline3"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_memory_layout_does_not_matter(layout, kernel, dtype, channels, rng):
    image = rng.integers(0, 256, (24, 28, channels)).astype(dtype)
    image = LAYOUTS[layout](image)
    image.flags.writeable = False
    plain = image.astype(image.dtype.newbyteorder("="), order="C")
    points = rng.uniform(0, 11, (100, 2))
    found = Sampler(image, kernel).value_and_grad(points)
    expected = Sampler(plain, kernel).value_and_grad(points)
    atol = 1e-3 if found[0].dtype == np.float32 else 1e-11
    np.testing.assert_allclose(found[0], expected[0], atol=atol)
    np.testing.assert_allclose(found[1], expected[1], atol=atol)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        ("bool", "f4"),
        ("i1", "f4"),
        ("i2", "f4"),
        ("f2", "f4"),
        ("u4", "f8"),
        ("i4", "f8"),
        ("u8", "f8"),
        ("i8", "f8"),
    ],
)
def test_other_numbers_are_neither_rounded_nor_clipped(dtype, result):
    kind = np.dtype(dtype)
    limits = np.iinfo(kind) if kind.kind in "iu" else None
    low = 0 if limits is None else max(limits.min, 1 - 2**53)
    high = 1 if limits is None else min(limits.max, 2**53 - 1)
    image = np.array([[low, high], [high, low]]).astype(kind)
    value = Sampler(image)([[0, 0], [1, 0]])
    assert value.dtype == result
    assert value.tolist() == [low, high]


def test_image_is_not_copied(rng):
    image = rng.integers(0, 256, (5, 6), np.uint8)
    sampler = Sampler(image)
    image[2, 3] = 77
    assert sampler([3, 2]) == 77


def test_image_outlives_its_name(rng):
    image = rng.normal(size=(300, 300))
    expected = image[7, 8]
    sampler = Sampler(image)
    del image
    np.ones((300, 300))
    assert sampler([8, 7]) == expected


def test_memory_mapped_file_is_read_in_place(tmp_path, rng):
    image = rng.integers(0, 65536, (30, 40)).astype(np.uint16)
    image.tofile(tmp_path / "image")
    mapped = np.memmap(tmp_path / "image", np.uint16, "r", shape=(30, 40))
    points = rng.uniform(0, 29, (50, 2))
    np.testing.assert_array_equal(Sampler(mapped)(points), Sampler(image)(points))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("at_end", [True, False])
def test_nothing_outside_the_image_is_read(kernel, dtype, channels, at_end, rng):
    """The image ends where the memory ends: reading on would crash."""
    page = mmap.PAGESIZE
    height, width = 7, 9
    size = height * width * channels * np.dtype(dtype).itemsize
    pages = -(-size // page)
    region = mmap.mmap(-1, (pages + 2) * page)
    memory = np.frombuffer(region, np.uint8)
    start = page + (pages * page - size if at_end else 0)
    image = memory[start : start + size].view(dtype).reshape(height, width, channels)
    image[:] = rng.integers(0, 256, image.shape)
    protect(memory[:page])
    protect(memory[(pages + 1) * page :])
    points = np.concatenate([rng.uniform(0, [8, 6], (500, 2)), [[8, 6], [0, 0]]])
    found = Sampler(image, kernel, prefilter=False).value_and_grad(points)
    expected = Sampler(image.copy(), kernel, prefilter=False).value_and_grad(points)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def protect(page):
    if os.name != "posix":
        pytest.skip("needs mprotect")
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.c_void_p(page.ctypes.data)
    assert libc.mprotect(address, ctypes.c_size_t(page.size), 0) == 0
