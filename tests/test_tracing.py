"""Functions that are traced do what they did, and those that cannot be still do."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import photalign as pa
from photalign import _core
from photalign.synthetic import pair, random_warp
from photalign.warps import tracing
from photalign.warps.tracing._graph import Graph
from traced_warps import WARPS, cylinder, evaluated, homography, radial

IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0]


def some_points(count=700, seed=0):
    """Points of an image of 120 x 400 and around it, half of them pixels."""
    points = np.random.default_rng(seed).uniform((-60, -30), (460, 150), (count, 2))
    points[::2] = np.rint(points[::2])
    return points


def scene(x, y):
    return 100 + 40 * np.sin(0.11 * x) * np.cos(0.09 * y) + 0.2 * x + 10 * np.sin(y / 7)


def turn(p, xy):
    x, y = xy.T
    c, s = np.cos(p[0]), np.sin(p[0])
    return np.stack([c * x - s * y + p[1], s * x + c * y + p[2]], axis=-1)


@pytest.fixture
def every_variant():
    """Runs a function with each instruction set."""
    before = _core.variant()

    def each(call):
        found = []
        for name in _core.available_variants():
            assert _core.use_variant(name)
            found.append(call())
        return found

    yield each
    _core.use_variant(before)


@pytest.mark.parametrize(("function", "p0"), WARPS)
class TestOrdinaryWarp:
    def test_is_traced(self, function, p0):
        assert pa.warp(function, p0).is_traced

    def test_has_the_values_of_the_function(self, function, p0):
        points = some_points()
        mapped = pa.warp(function, p0)(points)
        assert_allclose(
            mapped, function(np.array(p0, float), points), rtol=1e-12, atol=1e-10
        )

    def test_has_the_derivatives_of_the_jet(self, function, p0):
        points = some_points()
        traced = pa.warp(function, p0).jacobian(points)
        by_jets = pa.warp(function, p0, trace=False).jacobian(points)
        largest = np.nanmax(np.abs(by_jets), axis=(0, 1), initial=1e-9)
        assert_allclose(traced / largest, by_jets / largest, atol=1e-6)

    def test_is_the_same_for_any_instruction_set(self, function, p0, every_variant):
        warp, points = pa.warp(function, p0), some_points(301)
        first, *others = every_variant(lambda: evaluated(warp.compiled, p0, points))
        for other in others:
            assert_array_equal(other[0], first[0])
            assert_array_equal(other[1], first[1])

    def test_does_not_mind_how_many_points_there_are(self, function, p0):
        warp, points = pa.warp(function, p0), some_points(520)
        whole, whole_jacobian = evaluated(warp.compiled, p0, points)
        for count in (0, 1, 7, 8, 9, 63, 64, 65, 257, 519):
            part, jacobian = evaluated(warp.compiled, p0, points[:count])
            assert_array_equal(part, whole[:count])
            assert_array_equal(jacobian, whole_jacobian[..., :count])

    def test_maps_alike_with_and_without_derivatives(self, function, p0):
        warp, points = pa.warp(function, p0), some_points()
        assert_array_equal(warp(points), evaluated(warp.compiled, p0, points)[0])


def by_sampler(p, xy):
    field = pa.Sampler(np.arange(20_000.0).reshape(100, 200) / 1e4, boundary="mirror")
    return xy + p[0] * np.stack([field(xy), field(xy)], axis=-1)


def by_mask(p, xy):
    return xy + p[0] * (xy[:, :1][xy[:, 0] >= -1e9])


def by_assignment(p, xy):
    shift = np.zeros_like(p[0] * xy)
    shift[np.asarray(xy[:, 0] > 50)] = 1.0
    return p[0] * xy + shift


def by_branch(p, xy):
    return xy + p[0] if p[0] < 5 else xy


def by_mean(p, xy):
    return xy + p[0] + 0 * np.mean(np.asarray(xy))


def by_median(p, xy):
    return xy * p[0] + np.sort(np.stack([p[0], p[0]]))[0]


def by_loop(p, xy):
    while not np.all(p * 0 == 0):
        p = p / 2
    return xy + p[0]


UNTRACEABLE = [by_sampler, by_mask, by_assignment, by_branch, by_mean, by_median]


@pytest.mark.parametrize("function", [*UNTRACEABLE, by_loop])
def test_what_cannot_be_traced_runs_as_it_is(function):
    warp = pa.warp(function, [0.5])
    assert not warp.is_traced
    points = some_points(100)
    assert_allclose(warp(points), function(np.array([0.5]), points))
    assert warp.jacobian(points).shape == (100, 2, 1)


def test_functions_of_numbers_still_say_that_they_cannot_be_differentiated():
    warp = pa.warp(lambda p, xy: xy * math.exp(p[0]), [0.0])
    assert not warp.is_traced
    with pytest.raises(TypeError, match="Jet"):
        warp.jacobian([[1.0, 2.0]])


def test_points_that_are_treated_differently_are_not_recorded():
    for function in (
        lambda p, xy: xy + p[0] * np.arange(len(xy))[:, None],
        lambda p, xy: xy + p[0] * xy[:1],
        lambda p, xy: xy + p[0] * xy.mean(axis=0),
        lambda p, xy: xy[::-1] + p[0],
        lambda p, xy: xy + p[0] / len(xy),
    ):
        assert not pa.warp(function, [1.0]).is_traced


def test_functions_that_change_are_not_recorded():
    rng = np.random.default_rng(0)
    assert not pa.warp(lambda p, xy: xy + p[0] * rng.uniform(), [1.0]).is_traced
    # It knows with what it is called.
    known = (np.ndarray, pa.Jet)

    def suspicious(p, xy):
        return xy + p[0] * (1.0 if isinstance(p, known) else 1.0 + 1e-9)

    assert not pa.warp(suspicious, [1.0]).is_traced


def test_derivatives_that_the_jet_does_not_confirm_are_not_used(monkeypatch):
    from photalign.autodiff import _slopes

    assert pa.warp(lambda p, xy: xy + np.sin(p[0] * xy), [0.01]).is_traced
    slope = dict.__getitem__(_slopes.UNARY, np.sin)

    def wrong(x, y):
        factor = 1.0 if isinstance(x, np.ndarray | np.generic) else 1.00001
        return factor * slope(x, y)

    monkeypatch.setitem(_slopes.UNARY, np.sin, wrong)
    assert not pa.warp(lambda p, xy: xy + np.sin(p[0] * xy), [0.01]).is_traced


def test_a_function_is_called_a_few_times_and_nothing_is_said():
    calls = []

    def warp(p, xy):
        calls.append(type(xy))
        return xy / (p[0] * (xy[:, :1] - 50)) + np.log(p[1] * xy)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="ignore"):
            pa.warp(warp, [1.0, 1.0], trace=False)
        before = len(calls)
        tracing.trace(warp, np.array([1.0, 1.0]))
    assert len(calls) - before <= 8


@pytest.mark.parametrize(
    "options",
    [{"trace": False}, {"jacobian": lambda p, xy: np.ones((len(xy), 2, 1))}],
)
def test_tracing_is_left_out_on_wish_and_where_there_are_derivatives(options):
    assert not pa.warp(lambda p, xy: xy + p[0], [1.0], **options).is_traced


def test_trace_is_true_or_false():
    with pytest.raises(TypeError, match="trace: expected True or False, got 'no'"):
        pa.warp(homography, IDENTITY, trace="no")


def test_warps_are_traced_again_when_they_are_unpickled():
    copy = pickle.loads(pickle.dumps(pa.warp(homography, IDENTITY)))
    assert copy.is_traced
    assert copy == pa.warp(homography, IDENTITY)
    assert not pickle.loads(
        pickle.dumps(pa.warp(homography, IDENTITY, trace=False))
    ).is_traced


def test_other_parameters_share_the_record():
    warp = pa.warp(radial, [0.0, 0.0, 0.0])
    other = warp.with_params([0.1, 0.0, 0.0])
    assert other.is_traced
    assert other.compiled is warp.compiled


def test_what_is_computed_alike_is_computed_once():
    graph = Graph()
    x, p = graph.coordinate(0, 0), graph.parameter(0)
    assert graph.apply(np.add, x, p) == graph.apply(np.add, p, x)
    assert graph.apply(np.sin, x) == graph.apply(np.sin, x)
    assert not graph.varies[graph.apply(np.exp, p)]
    number = graph.apply(np.exp, graph.constant(1.0))
    assert graph.constants[number] == np.exp(1.0)


class TestAlign:
    def test_ends_where_it_does_without_a_record(self):
        rng = np.random.default_rng(3)
        truth = random_warp("homography", (120, 160), 3.0, rng)
        y, x = np.mgrid[0:400, 0:500]
        views = pair(
            pa.Sampler(scene(x, y), kernel="bspline3"),
            truth,
            (120, 160),
            center=(250, 200),
            scale=2.0,
            noise=1.0,
            seed=4,
        )
        ends = []
        for trace in (True, False):
            warp = pa.warp(homography, IDENTITY, trace=trace)
            result = pa.align(views.reference, views.moving, warp, threads=1)
            assert result.ok
            ends.append(result)
        corners = [[0, 0], [159, 0], [0, 119], [159, 119]]
        assert_allclose(ends[0].warp(corners), ends[1].warp(corners), atol=1e-6)
        assert ends[0].status == ends[1].status
        assert_allclose(ends[0].covariance, ends[1].covariance, rtol=1e-3)

    def test_fails_as_it_does_without_a_record(self):
        y, x = np.mgrid[0:120, 0:160]
        flat, picture = np.full((120, 160), 7.0), scene(x, y)
        for moving, start in ((flat, [0, 0, 0]), (picture, [0, 0, 500.0])):
            results = [
                pa.align(picture, moving, pa.warp(cylinder, start, trace=trace))
                for trace in (True, False)
            ]
            assert not results[0].ok
            assert results[0].status == results[1].status

    @pytest.mark.parametrize("brightness", ["none", "gain_bias"])
    @pytest.mark.parametrize(
        ("kind", "function", "p0"),
        [
            ("translation", lambda p, xy: xy + p, [0, 0]),
            ("euclidean", turn, [0, 0, 0]),
            (
                "affine",
                lambda p, xy: xy @ p[:4].reshape(2, 2).T + p[4:],
                [1, 0, 0, 1, 0, 0],
            ),
            ("homography", homography, IDENTITY),
        ],
    )
    def test_ends_as_the_built_in_warp_does(self, kind, function, p0, brightness):
        y, x = np.mgrid[0:150, 0:200]
        rng = np.random.default_rng(6)
        reference, moving = (
            image + rng.normal(size=image.shape)
            for image in (scene(x, y), scene(x + 1.3, y - 0.8))
        )
        models = kind, pa.warp(function, p0)
        known, found = (
            pa.align(reference, moving, model, brightness=brightness, method="forward")
            for model in models
        )
        assert known.ok
        assert found.status == known.status
        corners = [[0, 0], [199, 0], [0, 149], [199, 149]]
        assert_allclose(found.warp(corners), known.warp(corners), atol=2e-3)
        assert_allclose(found.corner_std, known.corner_std, rtol=2e-3)

    def test_takes_images_that_are_narrower_than_a_vector(self):
        y, x = np.mgrid[0:200, 0:300]
        picture = scene(x, y)
        result = pa.align(
            picture[2:190, 100:105],
            picture,
            pa.warp(lambda p, xy: xy + p, [99.5, 1.6]),
            pyramid=pa.Pyramid(levels=1),
        )
        assert_allclose(result.warp.params, [100, 2], atol=1e-3)

    def test_is_the_same_with_any_number_of_threads(self):
        y, x = np.mgrid[0:200, 0:300]
        reference, moving = scene(x, y), scene(1.01 * x + 1, 0.99 * y - 2)
        one, three = (
            pa.align(reference, moving, pa.warp(homography, IDENTITY), threads=n)
            for n in (1, 3)
        )
        assert_array_equal(one.warp.params, three.warp.params)
        assert one.cost == three.cost


@pytest.mark.parametrize(
    ("shared", "each", "outputs"),
    [
        ([], [[0, 0, 0, 0, 0, 0, 0]], [1, 2]),  # writes a uniform
        ([], [[999, 1, 0, 0, 0, 0, 0]], [1, 2]),
        ([[0, 1, 9, 0, 0, 0, 0]], [], [1, 2]),
        ([], [], [1, 7]),
        ([], [], [-1, 2]),
        ([], [], [1, 2, 3]),
    ],
)
def test_the_core_refuses_instructions_that_are_none(shared, each, outputs):
    rows = [np.array(part, np.int32).reshape(-1, 7) for part in (shared, each)]
    with pytest.raises(ValueError, match="tape: expected"):
        _core.Tape(1, [], *rows, outputs)
