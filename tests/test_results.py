"""What an alignment returns: consistent, printable, storable, and the user's own."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest

import photalign as pa
from photalign import Status
from photalign.brightness import BRIGHTNESS
from photalign.losses import LOSSES
from photalign.results import STATUS_OF_CORE
from photalign.synthetic import random_warp
from photalign.warps import WARPS, Translation, Warp
from scenes import SHAPE, views, waves

KINDS = pytest.mark.parametrize("kind", WARPS)
SHIFT = Translation.from_params([2.0, -1.0])


def aligned(rng, kind="affine", **options):
    truth = random_warp(kind, SHAPE, 1.5, rng)
    images = views(waves(rng), truth, noise=2, rng=rng, dtype="u1")
    return pa.align(*images, kind, **options)


@pytest.fixture
def failed(rng):
    reference, moving = views(waves(rng), SHIFT)
    return pa.align(reference, moving, init=[[1, 0, 900], [0, 1, 0]])


@KINDS
def test_shapes_and_types(kind, rng):
    found = aligned(rng, kind, brightness="gain_bias")
    parameters = WARPS[kind].n_params
    assert type(found.warp) is WARPS[kind]
    assert found.covariance.shape == (parameters, parameters)
    assert found.corner_std.shape == (4, 2)
    assert found.covariance.dtype == found.corner_std.dtype == np.float64
    for name in ("cost", "rms", "correlation", "overlap", "scale", "seconds"):
        assert type(getattr(found, name)) is float, name
    assert type(found.iterations) is type(found.levels) is int
    assert isinstance(found.trace, tuple)
    assert isinstance(found.brightness, pa.GainBias)


@KINDS
def test_covariance_is_one(kind, rng):
    found = aligned(rng, kind)
    np.testing.assert_array_equal(found.covariance, found.covariance.T)
    assert (np.linalg.eigvalsh(correlations(found.covariance)) > 0).all()
    jacobian = found.warp.jacobian(WARPS[kind].identity().corners(SHAPE))
    moved = jacobian @ found.covariance @ np.swapaxes(jacobian, 1, 2)
    variance = np.diagonal(moved, axis1=1, axis2=2)
    np.testing.assert_allclose(found.corner_std, np.sqrt(variance), rtol=1e-6)


def correlations(covariance):
    size = np.sqrt(np.diag(covariance))
    return covariance / np.outer(size, size)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("model", BRIGHTNESS)
def test_numbers_are_in_their_ranges(loss, model, rng):
    found = aligned(rng, loss=loss, brightness=model)
    assert found.ok
    assert 0 < found.overlap <= 1
    assert 0.9 < found.correlation <= 1
    assert 0 < found.cost <= found.rms**2 * found.reference.size / 2
    assert found.seconds > 0
    assert (found.scale == 0) == (loss == "squared")
    if loss != "squared":
        # The noise of the difference, smoothed; in units of the local contrast.
        least, most = (0.02, 0.5) if model == "local" else (1, 4)
        assert least < found.scale < most


def test_trace_tells_every_step(rng):
    seen = []
    found = aligned(rng, loss="tukey", progress=seen.append)
    assert found.trace == tuple(seen)
    assert found.iterations == len(found.trace)
    for step in found.trace:
        assert step.iteration >= 1
        assert 0 <= step.level < found.levels
        assert 0 < step.overlap <= 1
        assert step.motion >= 0
        assert step.cost > 0
        assert step.scale > 0
    assert found.trace[-1].scale == pytest.approx(found.scale, rel=0.05)


def test_what_was_used_is_recorded(rng):
    truth = random_warp("affine", SHAPE, 1.5, rng)
    reference, moving = views(waves(rng), truth)
    start = random_warp("affine", SHAPE, 0.5, rng)
    found = pa.align(
        reference,
        moving,
        init=start,
        method="esm",
        kernel="bspline3",
        loss=pa.Huber(scale=3.0),
        brightness="normalized",
        pyramid=pa.Pyramid(levels=2),
    )
    assert found.reference is reference
    assert found.moving is moving
    assert found.reference_mask is found.moving_mask is None
    assert found.initial == start
    assert (found.method, found.kernel, found.loss) == ("esm", "bspline3", "huber")
    assert found.scale == 3
    assert found.levels == 2
    assert found.brightness.name == "normalized"


def test_automatic_choices_are_recorded_by_their_names(rng):
    found = aligned(rng)
    assert found.method == "inverse"
    assert found.kernel in ("bspline3_direct", "bspline5_direct")
    assert found.loss == "squared"
    assert found.initial == pa.Affine.identity()


@KINDS
@pytest.mark.parametrize("model", BRIGHTNESS)
def test_dictionary_survives_json(kind, model, rng):
    found = aligned(rng, kind, brightness=model)
    stored = json.loads(found.to_json())
    assert stored == found.to_dict()
    assert stored["schema"] == "photalign.alignment/1"
    assert Warp.from_dict(stored["warp"]) == found.warp
    assert Warp.from_dict(stored["initial"]) == found.initial
    assert Status[stored["status"]] is found.status
    assert stored["message"] == found.status.value
    assert stored["params"] == found.warp.params.tolist()
    assert len(stored["param_names"]) == len(stored["params"])
    np.testing.assert_array_equal(stored["covariance"], found.covariance)
    np.testing.assert_array_equal(stored["corner_std"], found.corner_std)
    assert stored["brightness"]["model"] == model
    assert stored["reference_shape"] == list(SHAPE)


def test_unknown_numbers_are_null_in_json(failed):
    stored = json.loads(failed.to_json())
    assert stored["ok"] is False
    assert stored["covariance"][0][0] is None
    assert stored["corner_std"][0][0] is None


def test_failure_raises_only_on_request(failed, rng):
    assert not failed.ok
    with pytest.raises(pa.AlignmentError) as caught:
        failed.raise_if_failed()
    assert caught.value.result is failed
    expected = f"{failed.status.name}: {failed.status.value} {failed.advice}"
    assert str(caught.value) == expected
    found = aligned(rng)
    assert found.raise_if_failed() is found


def test_print_is_one_line(failed, rng):
    for result in (aligned(rng, "homography"), failed):
        text = repr(result)
        assert text.startswith(f"Alignment({result.status.name}, ")
        assert "\n" not in text
        assert len(text) < 250
    assert "uncertain" in repr(failed)


def test_results_do_not_change(rng):
    found = aligned(rng)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.cost = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.trace[0].cost = 0


def test_results_can_be_stored_and_copied(rng):
    found = aligned(rng, brightness="gain_bias", loss="tukey")
    for twin in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert twin.to_dict() == found.to_dict()
        assert twin.trace == found.trace
        np.testing.assert_array_equal(twin.reference, found.reference)


def test_trace_is_made_once_and_goes_along(rng):
    """It is made of numbers when it is first asked for, before or after a copy."""
    found = aligned(rng)
    early = copy.copy(found), pickle.loads(pickle.dumps(found))
    assert found.trace is found.trace
    assert [type(value) for value in dataclasses.astuple(found.trace[0])] == [
        *(int, int, float, float, float, float, bool, float, float)
    ]
    changed = dataclasses.replace(found, cost=0.0)
    for twin in (*early, changed):
        assert twin.trace == found.trace
    assert (changed.cost, changed.rms) == (0.0, found.rms)


def test_every_status_is_a_sentence_and_in_the_order_of_the_core():
    assert set(STATUS_OF_CORE) == set(Status)
    for status in Status:
        assert status.value[0].isupper()
        assert status.value.endswith(".")
    # Failures say what to try.
    for status in set(Status) - {Status.CONVERGED}:
        assert ";" in status.value


def test_result_registers_the_moving_image(rng):
    found = aligned(rng, "homography")
    registered, valid = pa.resample(
        found.moving, found.warp, found.reference.shape, return_mask=True
    )
    difference = registered[valid].astype(float) - found.reference[valid]
    assert difference.std() < 5
    assert valid.mean() == pytest.approx(found.overlap, abs=0.1)


def test_other_values_are_told_of_anew(rng: np.random.Generator) -> None:
    image = rng.normal(100, 20, (40, 50))
    found = pa.align(image, image, "translation")
    assert found.ok
    assert found.advice == ""
    failed = found.with_fields(status=pa.Status.STEP_LIMIT)
    assert "max_steps" in failed.advice
    assert failed.warnings == ()
