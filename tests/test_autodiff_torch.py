"""The sampler inside PyTorch beside that of NumPy: same samples, same derivatives."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import photalign as pa
from photalign.kernels import KERNELS
from sampler_cases import BOUNDARIES, DOMAINS, NAMES, SMOOTH, picture, points_near

torch = pytest.importorskip("torch")
from photalign.autodiff import torch as pt  # noqa: E402
from photalign.autodiff.torch import _tensor_pass  # noqa: E402

# The core has its own tests of domains.
CHECKED = [("image", "core"), *((domain, "operations") for domain in DOMAINS)]
SHAPES = [(13, 21), (1, 7)]
DTYPES = ["?", "u1", "i1", "u2", "i2", "f2", "f4", "u4", "i4", "i8", "f8"]


def everything(sampler: Any, points: Any) -> tuple[Any, ...]:
    if KERNELS[sampler.kernel].derivatives:
        return sampler.value_grad_hess(points, return_mask=True)
    return sampler(points, return_mask=True)


def assert_same(found: Any, expected: Any, magnitude: float, rtol: float = 1e-10):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert str(ours.dtype).removeprefix("torch.") == theirs.dtype.name
        atol = rtol * magnitude
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=atol)


# Agreement


@pytest.mark.parametrize(("domain", "backend"), CHECKED, indirect=["backend"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", NAMES)
def test_samples_and_derivatives_are_those_of_numpy(
    kernel: str, boundary: str, domain: str, backend: str, rng: np.random.Generator
) -> None:
    options = {"boundary": boundary, "domain": domain, "fill": -7.0, "cval": 3.0}
    for shape in SHAPES:
        image = picture(rng, (*shape, 2))
        points = np.append(points_near(rng, shape, 30), [[np.nan, 0], [0, np.inf]], 0)
        expected = everything(pa.Sampler(image, kernel, **options), points)
        sampler = pt.Sampler(torch.from_numpy(image), kernel, **options)
        found = everything(sampler, torch.from_numpy(points))
        assert_same(found, expected, 16 * np.abs(image).max())


@pytest.mark.parametrize("kernel", ["linear", "bspline2", "bspline5_direct"])
@pytest.mark.parametrize("ndim", [1, 3])
def test_signals_and_volumes_in_physical_coordinates_of_either_order(
    ndim: int, kernel: str, backend: str, rng: np.random.Generator
) -> None:
    shape = (11, 12, 13)[:ndim]
    image = picture(rng, shape)
    options: dict[str, Any] = {
        "ndim": ndim,
        "spacing": [0.1, -2.0, 3.0][:ndim],
        "origin": [0.3, 20.0, -1.0][:ndim],
        "scale": 0.5,
        "indexing": "ij",
    }
    pixels = points_near(rng, shape)
    # The first coordinate is that along the first axis of the array.
    points = pixels[:, ::-1] * options["spacing"] + options["origin"]
    expected = everything(pa.Sampler(image, kernel, **options), points)
    found = everything(pt.Sampler(torch.from_numpy(image), kernel, **options), points)
    assert found[-1].any()
    assert not found[-1].all()
    assert_same(found, expected, 100 * 16 * np.abs(image).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_of_pixels_is_sampled_as_numpy_does(
    dtype: str, backend: str, rng: np.random.Generator
) -> None:
    image = picture(rng, (30, 40, 3), "i4" if dtype == "i8" else dtype).astype(dtype)
    points = points_near(rng, (30, 40))
    expected = everything(pa.Sampler(image, "catmull_rom"), points)
    found = everything(pt.Sampler(torch.from_numpy(image), "catmull_rom"), points)
    rtol = 1e-10 if expected[0].dtype == np.float64 else 4e-6
    assert_same(found, expected, 16 * np.abs(image.astype(float)).max(), rtol)


def test_bfloat16_is_read_as_the_numbers_that_it_holds(backend: str) -> None:
    image = torch.linspace(0, 1, 20).reshape(4, 5).to(torch.bfloat16)
    found = pt.Sampler(image)([1.5, 2.5])
    assert torch.equal(found, pt.Sampler(image.float())([1.5, 2.5]))


def test_float32_points_are_located_as_in_numpy(
    backend: str, rng: np.random.Generator
) -> None:
    image = picture(rng, (120, 400, 3), "u1")
    points = rng.uniform(-5, 405, (7, 100, 2)).astype(np.float32)
    expected = pa.Sampler(image, "bspline3").value_and_grad(points, return_mask=True)
    sampler = pt.Sampler(torch.from_numpy(image), "bspline3")
    found = sampler.value_and_grad(torch.from_numpy(points), return_mask=True)
    assert_same(found, expected, 255, 4e-6)


def test_pixels_that_are_not_finite_make_the_same_samples_invalid(
    backend: str, rng: np.random.Generator
) -> None:
    image = picture(rng, (30, 40, 2))
    image[10, 12, 1], image[20, 30, 0] = np.nan, np.inf
    points = rng.uniform(0, 29, (500, 2))
    for kernel in ("linear", "catmull_rom", "bspline3"):
        expected = everything(pa.Sampler(image, kernel), points)
        found = everything(pt.Sampler(torch.from_numpy(image), kernel), points)
        assert not found[-1].all()
        assert_same(found, expected, 16 * np.abs(image[np.isfinite(image)]).max())


def test_many_points_are_sampled_in_several_runs(
    backend: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    image, points = picture(rng, (20, 30, 2)), rng.uniform(0, 19, (3, 50, 2))
    weights = torch.from_numpy(rng.normal(size=(3, 50, 2)))

    def both() -> tuple[Any, Any]:
        pixels = torch.from_numpy(image).requires_grad_()
        values = pt.Sampler(pixels, "keys6")(points)
        return values, torch.autograd.grad(values, pixels, weights)[0]

    whole = both()
    monkeypatch.setattr(_tensor_pass, "_AT_ONCE", 500)
    for ours, theirs in zip(both(), whole, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", ["linear", "bspline3", "bspline5", "keys6"])
def test_derivatives_by_the_pixels_are_those_of_numpy(
    kernel: str, boundary: str, backend: str, rng: np.random.Generator
) -> None:
    image = picture(rng, (17, 21, 2))
    points = points_near(rng, (17, 21), 30)
    sampler = pa.Sampler(image, kernel, boundary=boundary, cval=2.0)
    cotangents = rng.normal(size=(len(points), 2))
    expected = sampler.vjp_image(points, cotangents)
    pixels = torch.from_numpy(image).requires_grad_()
    values = pt.Sampler(pixels, kernel, boundary=boundary, cval=2.0)(points)
    (found,) = torch.autograd.grad(values, pixels, torch.from_numpy(cotangents))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


# Layouts


def test_channels_may_come_first_and_are_not_copied(
    backend: str, rng: np.random.Generator
) -> None:
    image = torch.from_numpy(picture(rng, (3, 30, 40), "f4"))
    points = rng.uniform(0, 29, (20, 2))
    first = pt.Sampler(image, channel_axis=0)
    last = pt.Sampler(image.permute(1, 2, 0).contiguous())
    assert torch.equal(first(points), last(points))
    image.zero_()
    assert not first(points).any()


def test_strides_may_be_any(backend: str, rng: np.random.Generator) -> None:
    image = torch.from_numpy(picture(rng, (30, 40, 3)))
    points = rng.uniform(0, 9, (20, 2))
    for view in (
        image[::2, 1::3],
        image.transpose(0, 1),
        image[:1].expand(12, 40, 3),
        image[..., :1].expand(30, 40, 5),
        image[..., 1],
    ):
        expected = pa.Sampler(view.contiguous().numpy(), "catmull_rom")(points)
        assert_same([pt.Sampler(view, "catmull_rom")(points)], [expected], 400)


def test_points_may_be_expanded_and_transposed(backend: str) -> None:
    sampler = pt.Sampler(torch.arange(20.0).reshape(4, 5))
    one = torch.tensor([1.5, 2.0]).expand(3, 4, 2)
    assert torch.equal(sampler(one), torch.full((3, 4), 11.5))
    rows = torch.tensor([[1.5, 0.5], [2.0, 1.0]])
    assert torch.equal(sampler(rows.T), torch.tensor([11.5, 5.5]))


@pytest.mark.parametrize("lead", [(), (0,), (3,), (2, 0, 3), (2, 1, 3)])
def test_shapes_are_those_of_the_points(lead: tuple[int, ...], backend: str) -> None:
    for channels in ((), (1,), (3,)):
        sampler = pt.Sampler(torch.zeros(5, 6, *channels))
        points = torch.zeros(*lead, 2, requires_grad=True)
        value, gradient, hessian, mask = sampler.value_grad_hess(
            points, return_mask=True
        )
        assert value.shape == lead + channels
        assert gradient.shape == lead + channels + (2,)
        assert hessian.shape == lead + channels + (2, 2)
        assert mask.shape == lead == sampler.inside(points).shape
        assert mask.dtype == torch.bool
        assert torch.autograd.grad(value.sum(), points)[0].shape == (*lead, 2)


def test_a_sampler_can_be_pickled(rng: np.random.Generator) -> None:
    image = torch.from_numpy(picture(rng, (9, 12)))
    sampler = pt.Sampler(image, "bspline3", boundary="wrap", fill=0.5)
    again = pickle.loads(pickle.dumps(sampler))
    assert torch.equal(again([[3.2, 4.1], [99, 0]]), sampler([[3.2, 4.1], [99, 0]]))


def test_threads_change_nothing_and_are_no_more_than_those_of_torch(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = pt.Sampler(torch.from_numpy(picture(rng, (120, 400), "f4")))
    points = torch.from_numpy(rng.uniform(0, 119, (40000, 2)))
    monkeypatch.setenv("PHOTALIGN_THREADS", "3")
    several = sampler.value_and_grad(points)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = sampler.value_and_grad(points)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    for ours, theirs in zip(several, alone, strict=True):
        assert torch.equal(ours, theirs)


# Misuse


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: pt.Sampler(np.zeros((3, 4))), TypeError, "pass torch.from_numpy"),
        (lambda t: pt.Sampler(t.to(torch.complex64)), TypeError, "real numbers"),
        (lambda t: pt.Sampler(t[None, None]), ValueError, "use torch.func.vmap"),
        (lambda t: pt.Sampler(t[:0]), ValueError, "at least one pixel"),
        (lambda t: pt.Sampler(t, ndim=4), ValueError, "ndim: expected 1, 2 or 3"),
        (lambda t: pt.Sampler(t, "cubic"), ValueError, "kernel: expected one of"),
        (lambda t: pt.Sampler(t, channel_axis=3), ValueError, "from -3 to 2, got 3"),
        (lambda t: pt.Sampler(t)(t.T), ValueError, r"expected shape \(\.\.\., 2\)"),
        (lambda t: pt.Sampler(t)(t[:2]), ValueError, "pass points.mT"),
        (lambda t: pt.Sampler(t)(torch.zeros(2, dtype=torch.cfloat)), TypeError, "rea"),
        (lambda t: pt.Sampler(t)(torch.zeros(2, device="meta")), ValueError, "got one"),
        (
            lambda t: pt.Sampler(t, "nearest").value_and_grad([0, 0]),
            ValueError,
            "deriv",
        ),
        (lambda t: pt.Sampler((t + 2.0**60).long()), ValueError, "below 2"),
    ],
)
def test_misuse_is_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(torch.zeros(3, 4))


def test_a_kernel_without_derivatives_refuses_those_by_points_only(
    backend: str,
) -> None:
    image = torch.rand(5, 6, requires_grad=True)
    points = torch.tensor([[1.2, 3.4]], requires_grad=True)
    pt.Sampler(image, "nearest")(points.detach()).sum().backward()
    assert image.grad[3, 1] == 1
    assert image.grad.sum() == 1
    with pytest.raises(ValueError, match=r"pass points\.detach\(\)"):
        pt.Sampler(image, "nearest")(points).sum().backward()


@pytest.mark.parametrize("kernel", SMOOTH)
def test_a_changed_image_is_noticed_where_coefficients_are_kept(kernel: str) -> None:
    image = torch.zeros(5, 6, requires_grad=True)
    sampler = pt.Sampler(image, kernel)
    with torch.no_grad():
        image += 1
    if KERNELS[kernel].prefilter:
        with pytest.raises(ValueError, match="make the sampler again"):
            sampler([2.0, 2.0])
    else:
        assert sampler([2.0, 2.0]).item() == pytest.approx(1)
