"""The sampler inside JAX: the same function as `photalign.Sampler`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import photalign as pa
from photalign._interpolation import BOUNDARIES, DOMAINS
from photalign.kernels import KERNELS

jax = pytest.importorskip("jax")
pj = pytest.importorskip("photalign.autodiff.jax")

SMOOTH = [k.name for k in KERNELS.values() if k.derivatives]
CHOICES = [(b, d) for b in BOUNDARIES for d in DOMAINS]


@pytest.fixture(autouse=True)
def doubles() -> Iterator[None]:
    """Let JAX know float64, and compile in less time."""
    options = "jax_enable_x64", "jax_disable_most_optimizations"
    for option in options:
        jax.config.update(option, True)
    yield
    for option in options:
        jax.config.update(option, False)


def points_of(rng: np.random.Generator, *shape: int) -> NDArray[np.float64]:
    """Draw points in an image, in blocks, and on, beyond and far from its border."""
    size = np.array(shape[::-1])
    inner = rng.uniform(np.minimum(4, size / 2), size / 1.2, (192, len(size)))
    around = rng.uniform(-12, size + 11, (150, len(size)))
    corners = [np.zeros(len(size)), size - 1.0, np.nextafter(size - 1.0, np.inf)]
    on_pixels = np.round(rng.uniform(0, size - 1, (20, len(size))))
    nowhere = [np.full(len(size), bad) for bad in (np.nan, np.inf, -1e30)]
    return np.concatenate([inner, around, on_pixels, corners, nowhere])


def assert_same(
    found: tuple[Any, ...], expected: tuple[Any, ...], atol: float = 1e-10
) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


def everything(sampler: Any, points: Any) -> tuple[Any, ...]:
    """Return all that there is, and the mask."""
    if sampler.kernel == "nearest":
        found: tuple[Any, ...] = sampler(points, return_mask=True)
    else:
        found = sampler.value_grad_hess(points, return_mask=True)
    return found


@pytest.mark.parametrize("kernel", KERNELS)
def test_samples_are_those_of_the_core(kernel: str, rng: np.random.Generator) -> None:
    image = rng.random((60, 200, 2))
    points = points_of(rng, 60, 200)
    options = [{"boundary": b, "domain": d, "cval": 0.3} for b, d in CHOICES]

    @jax.jit
    def sampled(image: Any) -> Any:
        samplers = [pj.Sampler(image, kernel, **each) for each in options]
        return [everything(s, points) for s in samplers]

    for each, found in zip(options, sampled(image), strict=True):
        assert_same(found, everything(pa.Sampler(image, kernel, **each), points))


@pytest.mark.parametrize("kernel", KERNELS)
def test_operations_of_jax_do_what_the_core_does(
    kernel: str, rng: np.random.Generator
) -> None:
    image = rng.integers(0, 1000, (40, 130, 2), np.int32)  # in float64, without gaps
    points = points_of(rng, 40, 130)
    sampler = pj.Sampler(image, kernel, scale=1e-3, implementation="jnp")
    found = jax.jit(everything)(sampler, points)
    assert_same(found, everything(pa.Sampler(image, kernel, scale=1e-3), points))


@pytest.mark.parametrize(("boundary", "domain"), CHOICES)
def test_operations_of_jax_know_all_borders(
    boundary: str, domain: str, rng: np.random.Generator
) -> None:
    image = rng.random((9, 70))
    points = points_of(rng, 9, 70)
    options = {"boundary": boundary, "domain": domain, "cval": -2.0}
    for kernel in ("bspline2_direct", "keys6"):
        sampler = pj.Sampler(image, kernel, **options, implementation="jnp")
        core = pa.Sampler(image, kernel, **options)
        found = sampler(points, return_mask=True)
        assert_same(found, core(points, return_mask=True))


@pytest.mark.parametrize("implementation", ["auto", "jnp"])
@pytest.mark.parametrize("shape", [(1,), (30,), (1, 7), (6, 7, 8)])
def test_signals_volumes_and_physical_points(
    shape: tuple[int, ...], implementation: str, rng: np.random.Generator
) -> None:
    ndim = len(shape)
    options = {
        "ndim": ndim,
        "indexing": "ij",
        "spacing": [0.5, -2.0, 3.0][:ndim],
        "origin": [10.0, -3.0, 0.1][:ndim],
        "scale": 0.25,
        "fill": -1.0,
    }
    image = rng.random(shape)
    pixels = points_of(rng, *shape[::-1])
    pixels = np.concatenate([pixels, np.zeros((1, ndim)), [np.array(shape) - 1.0]])
    points = pixels * options["spacing"] + options["origin"]
    ours = pj.Sampler(image, "catmull_rom", **options, implementation=implementation)
    core = pa.Sampler(image, "catmull_rom", **options)
    assert_same(everything(ours, points), everything(core, points), atol=1e-9)


def test_pixels_are_sampled_as_they_are_stored(rng: np.random.Generator) -> None:
    points = points_of(rng, 50, 150)
    drawn = rng.integers(0, 100, (50, 150, 3))
    types = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
    types += [">u2", ">f8"]
    images = [drawn.astype(t) for t in types]
    for image in images:
        ours, core = pj.Sampler(image), pa.Sampler(image)
        found = jax.jit(lambda s: everything(s, points))(ours)
        for mine, theirs in zip(found, everything(core, points), strict=True):
            np.testing.assert_array_equal(mine, theirs, strict=True)
        stored = image.dtype.newbyteorder("=")
        if stored.kind not in "b" and stored.str[1:] not in ("u8", "i8"):
            assert ours.coefficients.dtype == stored


def test_arrays_of_jax_are_read_like_those_of_numpy(rng: np.random.Generator) -> None:
    points = rng.uniform(0, 8, (20, 2))
    drawn = rng.integers(0, 2, (9, 9))
    for dtype in ["bool", "int64", "uint32", "float16", "bfloat16", "int4"]:
        found = pj.Sampler(jax.numpy.asarray(drawn, dtype))(points)
        is_wide = dtype in ("int64", "uint32")
        assert found.dtype == (np.float64 if is_wide else np.float32)
        np.testing.assert_allclose(found, pa.Sampler(drawn)(points), atol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "implementation"),
    [("linear", "auto"), ("linear", "jnp"), ("bspline5", "auto"), ("bspline5", "jnp")],
)
def test_single_precision_where_jax_has_no_other(
    kernel: str, implementation: str, rng: np.random.Generator
) -> None:
    jax.config.update("jax_enable_x64", False)
    image = rng.random((60, 200)).astype("f4")
    points = points_of(rng, 60, 200).astype("f4")
    ours = pj.Sampler(image, kernel, implementation=implementation)
    core = pa.Sampler(image, kernel)
    found, expected = everything(ours, points), everything(core, points)
    assert_same(found, expected, atol=2e-4)
    assert pj.Sampler(image.astype("f8"), kernel).dtype == np.float32
    assert pj.Sampler(np.ones((4, 4), "i4"), kernel).dtype == np.float32


@pytest.mark.parametrize(
    ("boundary", "implementation"),
    [
        *((b, "auto") for b in BOUNDARIES),
        *(("nearest", "jnp"), ("wrap", "jnp")),
    ],
)
def test_splines_pass_gaps_as_those_of_the_core_do(
    boundary: str, implementation: str, rng: np.random.Generator
) -> None:
    image = rng.random((40, 90, 2))
    image[20, 30] = image[5, 6, 1] = np.nan
    image[:, 60] = np.inf
    image[33] = np.nan
    points = points_of(rng, 40, 90)
    options = {"boundary": boundary}
    ours = pj.Sampler(image, "bspline3", implementation=implementation, **options)
    found = ours(points, return_mask=True)
    expected = pa.Sampler(image, "bspline3", **options)(points, return_mask=True)
    assert 20 < expected[1].sum() < len(points) - 20
    assert_same(found, expected)


def test_an_image_without_a_valid_pixel_has_no_valid_sample() -> None:
    sampler = pj.Sampler(np.full((5, 5), np.nan), "bspline3", fill=7.0)
    values, gradients, valid = sampler.value_and_grad([[2.0, 2.0]], return_mask=True)
    assert (values[0], bool(valid[0])) == (7.0, False)
    np.testing.assert_array_equal(gradients, 0)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 4)])
def test_results_have_the_shape_of_the_points(shape: tuple[int, ...]) -> None:
    gray, color = pj.Sampler(np.ones((4, 5))), pj.Sampler(np.ones((4, 5, 3)))
    points = np.ones((*shape, 2))
    found = [of.shape for of in gray.value_grad_hess(points, return_mask=True)]
    assert found == [shape, (*shape, 2), (*shape, 2, 2), shape]
    found = [of.shape for of in color.value_grad_hess(points)]
    assert found == [(*shape, 3), (*shape, 3, 2), (*shape, 3, 2, 2)]
    assert color.inside(points).shape == shape
    assert len(gray.value_and_grad(points, return_mask=True)) == 3


def test_points_of_other_types_are_converted() -> None:
    sampler = pj.Sampler(np.arange(12.0).reshape(3, 4))
    assert sampler([1, 2]) == 9
    assert sampler(np.array([1, 2], "f2")) == 9
    assert sampler(jax.numpy.asarray([1, 2], "bfloat16")) == 9
    assert sampler([[1, 0], [0, 1]]).tolist() == [1, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pj.Sampler(np.ones(5)), "image: expected shape .*pass ndim=1"),
        (lambda: pj.Sampler(jax.numpy.ones(5)), "image: expected shape .*pass ndim=1"),
        (lambda: pj.Sampler(jax.numpy.ones((0, 5))), "image: expected at least one"),
        (lambda: pj.Sampler(np.ones((3, 3)), "cubic"), "kernel: expected one of"),
        (lambda: pj.Sampler(np.ones((3, 3)), ndim=4), "ndim: expected 1, 2 or 3"),
        (
            lambda: pj.Sampler(np.ones((3, 3)), implementation="cuda"),
            "implementation: expected one of auto, jnp",
        ),
        (
            lambda: pj.Sampler(np.ones((3, 3)))(np.ones((2, 9))),
            r"points: expected shape .*; pass points.T",
        ),
        (
            lambda: pj.Sampler(np.ones((3, 3)), "nearest").value_and_grad([0, 0]),
            "kernel: expected one with derivatives for a gradient",
        ),
        (
            lambda: jax.grad(pj.Sampler(np.ones((3, 3)), "nearest"))(np.zeros(2)),
            "kernel: expected one with derivatives for derivatives by points",
        ),
    ],
)
def test_misuse_is_told(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="image: expected an array of real numbers"):
        pj.Sampler(jax.numpy.ones((3, 3), complex))
    with pytest.raises(TypeError, match="points: expected an array of real numbers"):
        pj.Sampler(np.ones((3, 3)))(jax.numpy.ones(2, complex))


def test_the_plain_sampler_says_what_to_use_inside_jax() -> None:
    with pytest.raises(TypeError, match=r"points: .*photalign\.autodiff\.jax"):
        jax.jit(pa.Sampler(np.ones((3, 3))))(np.zeros(2))


def test_without_jax_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.delitem(sys.modules, "photalign.autodiff.jax")
    with pytest.raises(ModuleNotFoundError, match=r"pip install photalign\[jax\]"):
        __import__("photalign.autodiff.jax")


def test_photalign_alone_does_not_import_jax() -> None:
    code = "import sys, photalign, photalign.autodiff; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_linearize_says_whose_sampler_it_wants() -> None:
    with pytest.raises(TypeError, match=r"got photalign\.autodiff\.jax\.Sampler; pass"):
        pa.linearize(pj.Sampler(np.zeros((9, 9))), [[1, 1]], [[[1], [0]]], [0])
