"""Samplers of arrays of any type, any layout and any origin."""

from __future__ import annotations

from itertools import cycle, islice, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guarded_memory import guarded
from interpolants import Interpolant
from photalign.kernels import KERNELS
from photalign.sampling import Sampler
from photalign.warps import Affine
from sampler_cases import (
    BOUNDARIES,
    DIRECT,
    DTYPES,
    INSTRUCTION_SETS,
    NAMES,
    SMOOTH,
    assert_samples,
    everything,
    instruction_set,
    picture,
    points_near,
    tolerances,
)

names = pytest.mark.parametrize("name", NAMES)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def records(image):
    """Return the image as a field of packed records: odd strides and addresses."""
    packed = np.zeros(
        image.shape, [("tag", "u1"), ("value", image.dtype), ("end", "V3")]
    )
    packed["value"] = image
    return packed["value"]


LAYOUTS = {
    "as it is": lambda image: image,
    "upside down": lambda image: image[::-1],
    "mirrored": lambda image: image[:, ::-1],
    "backwards": lambda image: image[::-1, ::-1, ::-1],
    "channels reversed": lambda image: image[..., ::-1],
    "every other": lambda image: image[::2, 1::2],
    "some channels": lambda image: np.repeat(image, 2, axis=2)[..., ::2],
    "transposed": lambda image: image.transpose(1, 0, 2),
    "Fortran": np.asfortranarray,
    "planar": lambda image: np.moveaxis(
        np.ascontiguousarray(np.moveaxis(image, -1, 0)), 0, -1
    ),
    "big-endian": lambda image: image.astype(image.dtype.newbyteorder(">")),
    "one value everywhere": lambda image: np.broadcast_to(image[:1, :1], image.shape),
    "records": records,
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


def assert_same_samples(image, plain, name, points, **options):
    slow = Interpolant(plain, name, **options)
    found = everything(Sampler(image, name, **options), points)
    expected = everything(Sampler(plain, name, **options), points)
    assert [array.dtype for array in found] == [array.dtype for array in expected]
    for one, other, atol in zip(
        found[:-1], expected[:-1], tolerances(slow, plain.dtype), strict=False
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=atol)
    np.testing.assert_array_equal(found[-1], expected[-1])


@pytest.mark.parametrize("layout", LAYOUTS)
@dtypes
def test_memory_layout_does_not_matter(layout, dtype, rng):
    some_names = cycle(rng.permutation(NAMES).tolist())
    for channels in (1, 3, 4, 5):
        image = LAYOUTS[layout](picture(rng, (24, 28, channels), dtype))
        image.flags.writeable = False
        plain = image.astype(image.dtype.newbyteorder("="), order="C")
        points = points_near(rng, image.shape[:2], 20)
        for name in islice(some_names, 3):
            assert_same_samples(image, plain, name, points, domain="unbounded")
        # The same array as a volume and, a row of it, as a signal.
        for name in islice(some_names, 1):
            volume = points_near(rng, image.shape, 10)
            assert_same_samples(image, plain, name, volume, ndim=3)
            signal = points_near(rng, image.shape[:1], 10)
            assert_same_samples(image[:, 3], plain[:, 3], name, signal, ndim=1)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_view_of_any_array_is_sampled_as_what_it_shows(data):
    ndim = data.draw(st.integers(1, 3))
    axes = ndim + data.draw(st.integers(0, 1))
    slices = [
        slice(data.draw(st.integers(0, 3)), None, data.draw(st.sampled_from([1, 2, 3])))
        for _ in range(axes)
    ]
    flips = tuple(
        slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in slices
    )
    shape = [data.draw(st.integers(1, 8)) + part.start for part in slices]
    order = data.draw(st.permutations(range(axes)))
    dtype = data.draw(st.sampled_from([">", "<"])) + data.draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    whole = picture(rng, shape, np.dtype(dtype).newbyteorder("="))
    image = whole.astype(dtype)[tuple(slices)][flips].transpose(order)
    options = {
        "boundary": data.draw(st.sampled_from(BOUNDARIES)),
        "domain": data.draw(st.sampled_from(["image", "unbounded"])),
        "cval": 1.0,
        "ndim": ndim,
    }
    name = data.draw(st.sampled_from(NAMES))
    points = points_near(rng, image.shape[:ndim], 5)
    slow = Interpolant(image, name, **options)
    *found, mask = everything(Sampler(image, name, **options), points)
    assert_samples(found, slow(points), tolerances(slow, image.dtype), mask=mask)


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
    for order in "<>":
        image = np.array([[low, high], [high, low]]).astype(kind.newbyteorder(order))
        for name in ("nearest", "linear"):
            value = Sampler(image, name)([[0, 0], [1, 0]])
            assert value.dtype == result
            assert value.tolist() == [low, high]


@pytest.mark.parametrize("name", DIRECT)
@dtypes
def test_image_is_not_copied(name, dtype, rng):
    """What is written into it is seen, in any layout and byte order."""
    for layout in LAYOUTS:
        image = LAYOUTS[layout](picture(rng, (9, 10, 3), dtype))
        if not image.flags.writeable:
            continue
        sampler = Sampler(image, name)
        for height in (0, 1, 0):
            image[...] = height
            np.testing.assert_allclose(sampler([3, 2]), height, rtol=1e-6)


def test_image_outlives_its_name(rng):
    image = rng.normal(size=(300, 300))
    expected = image[7, 8]
    sampler = Sampler(image)
    del image
    np.ones((300, 300))
    assert sampler([8, 7]) == expected


@dtypes
def test_memory_mapped_file_is_read_in_place(dtype, tmp_path, rng):
    for order in "<>":
        image = picture(rng, (30, 40), dtype).astype(
            np.dtype(dtype).newbyteorder(order)
        )
        (tmp_path / "image").write_bytes(b"abc" + image.tobytes())
        mapped = np.memmap(tmp_path / "image", image.dtype, "r", 3, image.shape)
        points = points_near(rng, image.shape, 10)
        for name in NAMES:
            plain = image.astype(dtype)
            assert_same_samples(mapped, plain, name, points, boundary="reflect")


# The image ends where the memory ends: reading on would crash.


# Views whose first or last pixel stays that of the memory, or both.
VIEWS = {
    "whole": (lambda image: image, [True, False]),
    "backwards": (lambda image: image[::-1, ::-1], [True, False]),
    "upside down": (lambda image: image[::-1], [True, False]),
    "transposed": (lambda image: image.swapaxes(0, 1), [True, False]),
    "last columns": (lambda image: image[:, 3:], [True]),
    "first columns": (lambda image: image[:, :-3], [False]),
    "every other, the last": (lambda image: image[:, 1::2], [True]),
    "every other, the first": (lambda image: image[:, :-1:2], [False]),
    "last channels": (lambda image: image[..., 1:], [True]),
    "first channels": (lambda image: image[..., :-1], [False]),
}


def check_reading(image, name, rng, ndim=2):
    """Sample everywhere, in all ways; a footprint may not be read beyond its ends."""
    with instruction_set(str(rng.choice(INSTRUCTION_SETS))):
        read_everywhere(image, name, rng, ndim)


def read_everywhere(image, name, rng, ndim):
    shape = image.shape[:ndim]
    points = points_near(rng, shape, 12)
    options = {"boundary": "wrap", "domain": "unbounded", "ndim": ndim}
    plain = image.copy()
    assert_same_samples(image, plain, name, points, ndim=ndim)
    assert_same_samples(image, plain, name, points, **options)
    if not KERNELS[name].derivatives:
        return
    sampler = Sampler(image, name, ndim=ndim)
    values = sampler.value_and_grad(points)[0]
    sampler.jvp(points, np.ones_like(points))
    sampler.vjp(points, np.ones_like(values))
    sampler.grid(*[np.arange(-2, n + 2, 0.5) for n in shape[::-1]])
    sampler.grid(*[np.arange(n) for n in shape[::-1]])
    if ndim == 2:
        sampler.warped(Affine([[0.9, 0.05, 0], [-0.05, 1, 0.3]]), shape)


@names
@dtypes
def test_nothing_outside_the_image_is_read(name, dtype, rng):
    for channels, at_end in product([1, 2, 3, 4, 5], [True, False]):
        image = picture(rng, (7, 9, channels), dtype)
        check_reading(guarded(image, at_end=at_end), name, rng)
        gray = guarded(image[..., 0].copy(), at_end=at_end)
        check_reading(gray, name, rng)


@names
def test_nothing_outside_a_view_is_read(name, rng):
    dtypes = cycle(
        rng.permutation([order + dtype for dtype in DTYPES for order in "<>"])
    )
    for cut, ends in VIEWS.values():
        for channels, at_end, _ in product([2, 3, 4], ends, range(3)):
            dtype = np.dtype(next(dtypes))
            image = picture(rng, (7, 10, channels), dtype.newbyteorder("="))
            image = image.astype(dtype)
            check_reading(cut(guarded(image, at_end=at_end)), name, rng)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("ndim", [1, 3])
def test_nothing_outside_a_signal_or_a_volume_is_read(name, ndim, rng):
    flips = cycle([1, -1, 1])
    for dtype, channels, at_end in product(DTYPES, [(), (3,)], [True, False]):
        image = picture(rng, (7, 5, 6)[:ndim] + channels, dtype)
        copy = guarded(image, at_end=at_end)[:: next(flips)]
        check_reading(copy, name, rng, ndim)


def test_stride_of_the_only_channel_is_not_trusted(rng):
    """NumPy keeps what the stride was before there was one channel."""
    planes = rng.integers(0, 256, (3, 7, 9)).astype(np.uint8)
    image = guarded(planes, at_end=True)[2:3].transpose(1, 2, 0)
    assert image.strides[2] != 1
    for name in DIRECT:
        points = rng.uniform(0, [8, 6], (50, 2))
        expected = Sampler(image.copy(), name)(points)
        np.testing.assert_array_equal(Sampler(image, name)(points), expected)


def at_odd_address(array):
    return np.frombuffer(b"x" + array.tobytes(), array.dtype, offset=1).reshape(
        array.shape
    )


def test_arguments_at_odd_addresses_are_read_like_others(rng):
    sampler = Sampler(rng.normal(size=(8, 9)), "catmull_rom")
    points, weights = rng.uniform(0, 7, (20, 2)), rng.normal(size=20)
    odd = at_odd_address(points)
    assert not odd.flags.aligned
    for found, expected in [
        (sampler(odd), sampler(points)),
        (sampler.jvp(odd, odd)[1], sampler.jvp(points, points)[1]),
        (sampler.vjp(odd, at_odd_address(weights)), sampler.vjp(points, weights)),
        (sampler.vjp_image(odd, weights), sampler.vjp_image(points, weights)),
        (sampler.grid(*odd.T)[0], sampler.grid(*points.T)[0]),
    ]:
        np.testing.assert_array_equal(found, expected)
