"""The sampler inside JAX: batches, loops, pytrees, devices and threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import photalign as pa

jax = pytest.importorskip("jax")
pj = pytest.importorskip("photalign.autodiff.jax")
foreign = pytest.importorskip("photalign.autodiff.jax._foreign")
jnp = jax.numpy

both = pytest.mark.parametrize("implementation", ["auto", "jnp"])
KERNEL = "bspline3"


@pytest.fixture(autouse=True)
def fast_compilation() -> Iterator[None]:
    """Compile in less time."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def close(found: Any, expected: Any, atol: float = 2e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def drawn(
    rng: np.random.Generator, *shape: int, span: tuple[float, float] = (0, 1)
) -> Any:
    return rng.uniform(*span, shape).astype(np.float32)


def equations(jaxpr: Any) -> Any:
    """Visit all equations of a program, those of inner ones as well."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in equation.params.values():
            for each in inner if isinstance(inner, list | tuple) else [inner]:
                if hasattr(each, "jaxpr"):
                    yield from equations(each.jaxpr)


@both
def test_batches_of_points_images_and_both(
    implementation: str, rng: np.random.Generator
) -> None:
    images = drawn(rng, 3, 20, 30, 2)
    points = drawn(rng, 3, 5, 2, span=(1, 18))

    def sampled(image: Any, points: Any) -> Any:
        sampler = pj.Sampler(image, "catmull_rom", implementation=implementation)
        return sampler.value_and_grad(points, return_mask=True)

    samplers = [pa.Sampler(image, "catmull_rom") for image in images]
    for axes, expected in [
        ((None, 0), [samplers[0].value_and_grad(p) for p in points]),
        ((0, None), [s.value_and_grad(points[0]) for s in samplers]),
        ((0, 0), [s.value_and_grad(p) for s, p in zip(samplers, points, strict=True)]),
    ]:
        given = [
            of if axis == 0 else of[0]
            for of, axis in zip((images, points), axes, strict=True)
        ]
        value, gradient, mask = jax.vmap(sampled, axes)(*given)
        close(value, [v for v, _ in expected])
        close(gradient, [g for _, g in expected])
        assert mask.shape == (3, 5)


def test_nested_batches(rng: np.random.Generator) -> None:
    images = drawn(rng, 3, 20, 30)
    points = drawn(rng, 4, 6, 2, span=(1, 18))
    pairs = jax.vmap(
        jax.vmap(lambda image, p: pj.Sampler(image, KERNEL)(p), (None, 0)), (0, None)
    )(images, points)
    close(pairs, [pa.Sampler(image, KERNEL)(points) for image in images])
    last = jax.vmap(lambda p: pj.Sampler(images[0])(p), in_axes=2, out_axes=1)
    close(last(np.moveaxis(points, 0, 2)), pa.Sampler(images[0])(points).T)


def test_patches_of_one_image_share_it_and_its_gradient(
    rng: np.random.Generator,
) -> None:
    image, patches = drawn(rng, 50, 60), drawn(rng, 40, 9, 2, span=(1, 48))

    def cost(image: Any) -> Any:
        values = jax.vmap(pj.Sampler(image))(patches)
        return (values**2).sum()

    program = jax.make_jaxpr(jax.grad(cost))(image)
    largest = max(of.aval.size for e in equations(program.jaxpr) for of in e.outvars)
    assert largest == image.size
    sampler = pa.Sampler(image)
    close(jax.grad(cost)(image), sampler.vjp_image(patches, 2 * sampler(patches)))


@both
def test_gradients_of_a_batch_of_images(
    implementation: str, rng: np.random.Generator
) -> None:
    images, points = drawn(rng, 3, 10, 12), drawn(rng, 3, 7, 2, span=(0, 9))

    def cost(image: Any, points: Any) -> Any:
        sampler = pj.Sampler(image, implementation=implementation)
        return (sampler(points) ** 2).sum()

    found = jax.jit(jax.vmap(jax.grad(cost)))(images, points)
    for image, p, gradient in zip(images, points, found, strict=True):
        sampler = pa.Sampler(image)
        close(gradient, sampler.vjp_image(p, 2 * sampler(p)))


def test_a_value_and_its_derivative_are_one_call_of_the_core() -> None:
    sampler, points = pj.Sampler(np.ones((9, 9)), KERNEL), np.ones((4, 2))
    directions = np.ones((4, 2))
    program = jax.make_jaxpr(lambda p: jax.jvp(sampler, (p,), (directions,)))(points)
    calls = [e for e in equations(program.jaxpr) if "photalign" in e.primitive.name]
    assert [(e.primitive.name, e.params["order"]) for e in calls] == [
        ("photalign_samples", 1)
    ]


def test_loops_and_conditions(rng: np.random.Generator) -> None:
    image = drawn(rng, 30, 40)
    path = drawn(rng, 8, 2, span=(2, 27))

    def total(path: Any) -> Any:
        sampler = pj.Sampler(image, KERNEL)

        def step(carry: Any, point: Any) -> Any:
            value = jax.lax.cond(
                point[0] > 10, sampler, lambda p: 2 * sampler(p), point
            )
            return carry + value, sampler.inside(point)

        return jax.lax.scan(step, jnp.float32(0), path)

    value, inside = total(path)
    core = pa.Sampler(image, KERNEL)
    factor = np.where(path[:, 0] > 10, 1, 2)
    close(value, (factor * core(path)).sum(), 1e-4)
    assert inside.all()
    gradient = jax.jit(jax.grad(lambda path: total(path)[0]))(path)
    close(gradient, factor[:, None] * core.value_and_grad(path)[1], 1e-4)


def test_samplers_are_pytrees(rng: np.random.Generator) -> None:
    images = drawn(rng, 2, 20, 30)
    points = drawn(rng, 6, 2, span=(1, 18))
    sampler = pj.Sampler(images[0], "bspline3_direct", boundary="wrap")
    expected = pa.Sampler(images[0], "bspline3_direct", boundary="wrap")
    close(jax.jit(lambda s, p: s(p))(sampler, points), expected(points))
    leaves, structure = jax.tree.flatten(sampler)
    assert [leaf.shape for leaf in leaves] == [(20, 30)]
    again = jax.tree.unflatten(structure, leaves)
    assert (again.kernel, again.ndim) == ("bspline3_direct", 2)
    assert "bspline3_direct" in repr(again)
    # A gradient by a sampler is a sampler of the gradient by its coefficients.
    gradient = jax.grad(lambda s: s(points).sum())(sampler)
    pulled = expected.vjp_image(points, np.ones(6, np.float32))
    close(gradient.coefficients, pulled)
    stack = jax.vmap(lambda image: pj.Sampler(image, KERNEL))(images)
    found = jax.vmap(lambda s: s(points))(stack)
    close(found, [pa.Sampler(image, KERNEL)(points) for image in images])


def test_samplers_alike_have_the_same_structure() -> None:
    image = np.ones((4, 5))
    structures = [
        jax.tree.structure(pj.Sampler(image, **options))
        for options in ({}, {"fill": float("nan")}, {"fill": np.float64("nan")})
    ]
    assert structures[0] == structures[1] == structures[2]
    assert structures[0] != jax.tree.structure(pj.Sampler(image, fill=0.0))


def test_calls_alike_compile_once() -> None:
    image = np.arange(20.0).reshape(4, 5)
    compiled = [pj._sampler._samples, pj._splines.stored_pixels]
    pj.Sampler(image, KERNEL)(np.ones(2))
    before = [function._cache_size() for function in compiled]
    for _ in range(3):
        pj.Sampler(image, KERNEL)(np.ones(2))
    assert [function._cache_size() for function in compiled] == before


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_results_are_the_same_bits_with_any_number_of_threads(
    threads: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    images = drawn(rng, 3, 40, 50)
    points = drawn(rng, 3, 20000, 2, span=(-1, 41))

    def everything(image: Any, points: Any) -> Any:
        def total(image: Any) -> Any:
            return pj.Sampler(image, KERNEL, fill=0.0)(points).sum()

        sampler = pj.Sampler(image, KERNEL)
        return sampler.value_and_grad(points), jax.grad(total)(image)

    monkeypatch.setenv("PHOTALIGN_THREADS", threads)
    found = jax.jit(jax.vmap(everything))(images, points)
    alone = [jax.jit(everything)(i, p) for i, p in zip(images, points, strict=True)]
    for k, expected in enumerate(alone):
        for ours, theirs in zip(
            jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
        ):
            np.testing.assert_array_equal(ours[k], theirs)
    core = pa.Sampler(images[0], KERNEL).value_and_grad(points[0])
    for ours, theirs in zip(found[0], core, strict=True):
        np.testing.assert_array_equal(ours[0], theirs)


def lowered(implementation: str, platform: str) -> str:
    """Return the program of a value and all its derivatives for a platform."""

    def cost(image: Any, points: Any) -> Any:
        sampler = pj.Sampler(image, "bspline2", implementation=implementation)
        return (sampler(points) ** 2).sum()

    traced = jax.jit(jax.value_and_grad(cost, (0, 1))).trace(
        np.ones((5, 6), np.float32), np.ones((3, 2), np.float32)
    )
    return str(traced.lower(lowering_platforms=(platform,)).as_text())


def test_the_core_is_called_on_the_cpu_only() -> None:
    for target in ("photalign_sample", "photalign_scatter", "photalign_filter"):
        assert target in lowered("auto", "cpu")
    for implementation, platform in [("jnp", "cpu"), ("auto", "cuda"), ("auto", "tpu")]:
        assert "@photalign" not in lowered(implementation, platform)
        assert "custom_call" not in lowered(implementation, platform)


def test_a_jaxlib_that_refuses_the_core_gets_operations_of_jax(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("API version (0.3) is incompatible")

    monkeypatch.setattr(jax.ffi, "register_ffi_target", refuse)
    foreign.is_available.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="does not take the compiled sampler"):
            assert "@photalign" not in lowered("auto", "cpu")
    finally:
        monkeypatch.undo()
        foreign.is_available.cache_clear()
    assert foreign.is_available()


def test_wrong_calls_of_the_core_are_errors_of_xla() -> None:
    assert foreign.is_available()
    shape = jax.ShapeDtypeStruct((1, 4, 4, 1), np.float32)
    right = {
        "degree": np.int64(3),
        "boundary": np.int64(0),
        "is_transposed": np.int64(0),
        "is_absolute": np.int64(0),
        "threads": np.int64(1),
    }
    call = jax.ffi.ffi_call("photalign_filter", shape)
    image = np.ones((1, 4, 4, 1), np.float32)
    np.testing.assert_allclose(call(image, **right), image, rtol=1e-6)
    for wrong in [{"degree": np.int64(4)}, {"degree": np.float64(3.5)}]:
        with pytest.raises(Exception, match="photalign: expected other arguments"):
            jax.block_until_ready(call(image, **{**right, **wrong}))
    with pytest.raises(Exception, match="an attribute is missing"):
        jax.block_until_ready(call(image, degree=np.int64(3)))
    with pytest.raises(Exception, match="photalign: expected other arguments"):
        jax.block_until_ready(call(np.ones((1, 4, 5, 1), np.float32), **right))


@both
@pytest.mark.skipif(not hasattr(jax, "shard_map"), reason="needs a newer JAX")
def test_points_can_be_shared_among_devices(
    implementation: str, rng: np.random.Generator
) -> None:
    image, points = drawn(rng, 20, 30), drawn(rng, 16, 2, span=(1, 18))
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("device",))
    whole, parts = jax.P(), jax.P("device")

    def sampled(image: Any, points: Any) -> Any:
        return pj.Sampler(image, implementation=implementation)(points)

    shared = jax.shard_map(sampled, mesh=mesh, in_specs=(whole, parts), out_specs=parts)
    core = pa.Sampler(image)
    close(jax.jit(shared)(image, points), core(points))
    gradient = jax.jit(jax.grad(lambda image: shared(image, points).sum()))(image)
    close(gradient, core.vjp_image(points, np.ones(16, np.float32)))
