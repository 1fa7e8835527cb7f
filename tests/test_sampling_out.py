"""Results in arrays that are given, and masks beside them."""

from __future__ import annotations

import numpy as np
import pytest

from photalign.sampling import Sampler
from sampler_cases import NAMES, SMOOTH, picture, points_near, result_type

METHODS = ["__call__", "value_and_grad", "value_grad_hess"]

methods = pytest.mark.parametrize("method", METHODS)


def run(sampler, method, points, **options):
    """Call a method; its arrays as a tuple in any case."""
    found = getattr(sampler, method)(points, **options)
    return found if isinstance(found, tuple) else (found,)


def given(method, arrays):
    """Return arrays in the form that `out` has: one, or a tuple."""
    return arrays[0] if method == "__call__" else tuple(arrays)


@methods
@pytest.mark.parametrize("dtype", ["u1", "f4", "u4", "f8"])
def test_results_are_written_into_the_arrays_given(method, dtype, rng):
    for name in NAMES if method == "__call__" else SMOOTH:
        for ndim, channels in [(1, ()), (2, ()), (2, (1,)), (2, (3,)), (3, (4,))]:
            shape = (7, 8, 6)[:ndim]
            image = picture(rng, shape + channels, dtype)
            sampler = Sampler(image, name, ndim=ndim, fill=-1)
            for points in (
                points_near(rng, shape, 8),
                rng.uniform(0, 5, (3, 4, ndim)),
                rng.uniform(0, 5, ndim),
                np.empty((0, ndim)),
            ):
                expected = run(sampler, method, points)
                arrays = [np.full_like(array, 99) for array in expected]
                assert all(array.dtype == result_type(dtype) for array in arrays)
                out = given(method, arrays)
                found = run(sampler, method, points, out=out, return_mask=True)
                assert len(found) == len(arrays) + 1
                for one, other, same in zip(found, arrays, expected, strict=False):
                    assert one is other
                    np.testing.assert_array_equal(one, same)
                np.testing.assert_array_equal(found[-1], sampler.inside(points))
                assert found[-1].shape == points.shape[:-1]
                assert found[-1].dtype == np.bool_


@methods
def test_masks_come_last_and_only_if_asked_for(method, rng):
    sampler = Sampler(picture(rng, (7, 8, 3)), fill=0)
    points = points_near(rng, (7, 8))
    without = run(sampler, method, points)
    found = run(sampler, method, points, return_mask=True)
    assert len(found) == len(without) + 1
    for one, other in zip(found, without, strict=False):
        np.testing.assert_array_equal(one, other)
    outside = ~found[-1]
    assert outside.any()
    assert not any(array[outside].any() for array in found[:-1])


def frozen(array):
    array.flags.writeable = False
    return array


SPOILED = {
    "one too many": lambda a: np.full((len(a) + 1, *a.shape[1:]), 7, a.dtype),
    "one too few": lambda a: a[:-1],
    "one axis more": lambda a: a[..., None],
    "of another type": lambda a: a.astype("f4" if a.dtype == "f8" else "f8"),
    "of integers": lambda a: a.astype("i4"),
    "of the other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "with gaps": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1],
    "in Fortran's order": lambda a: np.asfortranarray(np.stack([a, a], -1))[..., 0],
    "read-only": lambda a: frozen(a.copy()),
    "a list": lambda a: a.tolist(),
    "a number": lambda a: 3.0,
}


@methods
@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("dtype", ["u1", "f8"])
def test_out_of_the_wrong_kind_is_refused_and_left_alone(method, spoiled, dtype, rng):
    sampler = Sampler(picture(rng, (7, 8, 3), dtype))
    points = rng.uniform(0, 6, (5, 2))
    right = [np.full_like(array, 7) for array in run(sampler, method, points)]
    for k in range(len(right)):
        arrays = list(right)
        arrays[k] = SPOILED[spoiled](right[k].copy())
        is_array = isinstance(arrays[k], np.ndarray)
        error = ValueError if is_array else (TypeError, ValueError)
        with pytest.raises(error, match=r"^out: expected "):
            run(sampler, method, points, out=given(method, arrays))
        left = arrays if is_array else right
        assert all((array == 7).all() for array in left)


@pytest.mark.parametrize("method", METHODS[1:])
def test_out_of_the_wrong_number_of_arrays_is_refused(method, rng):
    sampler = Sampler(picture(rng, (7, 8)))
    points = rng.uniform(0, 6, (5, 2))
    right = [np.full_like(array, 7) for array in run(sampler, method, points)]
    for out in (right[0], tuple(right[:-1]), (*right, right[0]), ()):
        with pytest.raises(ValueError, match=r"^out: expected "):
            run(sampler, method, points, out=out)
    assert all((array == 7).all() for array in right)


def test_wrong_points_leave_out_alone():
    sampler = Sampler(np.ones((4, 4)))
    out = np.full(5, 7.0)
    with pytest.raises(ValueError, match=r"^points: expected"):
        sampler(np.ones((5, 3)), out=out)
    assert (out == 7).all()


def test_outputs_that_share_memory_are_refused(rng):
    image = rng.normal(size=(9, 9))
    sampler = Sampler(image)
    points = rng.uniform(0, 8, (9, 9, 2))
    room = np.empty((9, 9, 3))
    before = image.copy()
    with pytest.raises(ValueError, match="out: expected arrays that share no memory"):
        sampler(points, out=image)
    np.testing.assert_array_equal(image, before)
    values, gradients = room.reshape(-1)[:81].reshape(9, 9), room.reshape(-1)[81:]
    sampler.value_and_grad(points, out=(values, gradients.reshape(9, 9, 2)))
    gradients = room.reshape(-1)[1:163].reshape(9, 9, 2)
    with pytest.raises(ValueError, match="out: expected arrays that share no memory"):
        sampler.value_and_grad(points, out=(values, gradients))
