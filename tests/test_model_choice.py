"""The choice of the model."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import numpy as np
import pytest

import photalign as pa
from photalign.synthetic import Pair, pair, random_warp
from photalign.warps import WARPS
from scenes import photograph

SHAPE = (160, 180)
SCHEMA = json.loads(
    resources.files("photalign.cli").joinpath("alignment.schema.json").read_text()
)


def rendered(kind: str, seed: int, **settings: Any) -> Pair:
    truth = random_warp(kind, SHAPE, 5.0, seed)
    settings = {"noise": 2.0, **settings}
    center = (700.0, 690.0)
    return pair(
        photograph(), truth, SHAPE, center=center, scale=4, seed=seed, **settings
    )


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("seed", range(3))
def test_the_model_that_made_the_images_is_chosen(kind: str, seed: int) -> None:
    views = rendered(kind, seed)
    found = pa.align(views.reference, views.moving, "auto")
    assert found.ok
    assert found.warp.name == kind
    assert views.error(found.warp) < 0.1
    assert [rival.warp for rival in found.rivals] == list(WARPS)
    assert [rival.warp for rival in found.rivals if rival.is_chosen] == [kind]


def test_the_result_is_that_of_the_chosen_model() -> None:
    views = rendered("similarity", 5)
    chosen = pa.align(views.reference, views.moving, "auto")
    alone = pa.align(views.reference, views.moving, "similarity")
    corners = np.array([[0, 0], [179, 0], [179, 159], [0, 159]])
    assert chosen.warp(corners) == pytest.approx(alone.warp(corners), abs=2e-3)
    assert chosen.corner_std == pytest.approx(alone.corner_std, rel=0.02)


def test_a_difference_below_the_noise_needs_no_parameter() -> None:
    # A hundredth of a pixel at the corners, in noise of 12 grey levels.
    truth = pa.Affine([[1 + 1e-4, 0, 3.25], [0, 1 - 1e-4, -2.5]])
    views = pair(
        photograph(), truth, SHAPE, center=(700, 690), scale=4, noise=12, seed=1
    )
    found = pa.align(views.reference, views.moving, "auto")
    assert found.ok
    assert found.warp.name == "translation"


def test_differences_of_a_tenth_of_a_pixel_are_seen_where_there_is_no_noise() -> None:
    truth = pa.Affine([[1 + 2e-3, 0, 3.25], [0, 1 - 2e-3, -2.5]])
    views = pair(
        photograph(), truth, SHAPE, center=(700, 690), scale=4, noise=0.3, seed=1
    )
    found = pa.align(views.reference, views.moving, "auto")
    assert found.warp.name == "affine"


@pytest.mark.parametrize("seed", range(6))
def test_what_the_images_do_not_determine_is_left_out(seed: int) -> None:
    # A round spot far from the border says nothing of turns and next to nothing of
    # perspective; what the noise says of them is not to be believed.
    y, x = np.mgrid[0:96, 0:96]
    rng = np.random.default_rng(seed)

    def spot(dx: float, dy: float) -> np.ndarray:
        image = 100 + 80 * np.exp(-((x - 48 - dx) ** 2 + (y - 48 - dy) ** 2) / 40)
        return (image + rng.normal(0, 2, image.shape)).astype(np.float32)

    reference, moving = spot(0, 0), spot(1.25, -0.5)
    found = pa.align(reference, moving, "auto")
    assert found.ok
    assert found.warp.name == "translation"
    assert found.warp.params == pytest.approx([1.25, -0.5], abs=0.1)
    turned = pa.align(reference, moving, "euclidean", init="identity")
    assert turned.status is pa.Status.TOO_LITTLE_TEXTURE


def test_brightness_loss_and_masks_are_those_of_the_call() -> None:
    views = rendered("euclidean", 2, gain=1.2, bias=10)
    mask = np.ones(SHAPE, bool)
    mask[:40, :60] = False
    moving = views.moving.copy()
    found = pa.align(
        views.reference,
        moving,
        "auto",
        brightness="gain_bias",
        loss="robust",
        reference_mask=mask,
    )
    assert found.ok
    assert found.warp.name == "euclidean"
    assert found.brightness.gain == pytest.approx([1.2], abs=0.03)
    assert found.reference_mask is not None


def test_a_start_of_any_model_is_taken() -> None:
    views = rendered("translation", 4)
    near = pa.Homography([[1, 0.001, 6], [0, 1, -4], [1e-5, 0, 1]])
    two_rows = np.array([[1, 0.001, 6], [0, 1, -4]])
    for start in (near, near.matrix, two_rows, pa.Translation.identity()):
        found = pa.align(views.reference, views.moving, "auto", init=start)
        assert found.warp.name == "translation"
        assert found.ok


def test_a_mirror_image_is_affine() -> None:
    image = rendered("translation", 3).reference
    mirrored = np.ascontiguousarray(image[:, ::-1])
    start = np.array([[-1, 0, SHAPE[1] - 1.0], [0, 1, 0], [0, 0, 1]])
    found = pa.align(image, mirrored, "auto", init=start)
    assert found.ok
    assert found.warp.name == "affine"
    assert found.initial == pa.Homography(start)


def test_images_that_do_not_match_fail_with_every_model() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(100, 30, (2, 64, 64))
    found = pa.align(one, other, "auto", init=np.eye(3))
    assert not found.ok
    assert found.warp.name == "homography"
    assert [rival.warp for rival in found.rivals] == list(WARPS)
    assert not any(rival.is_chosen for rival in found.rivals)
    assert all(rival.status is not pa.Status.CONVERGED for rival in found.rivals)


def test_rivals_are_in_the_json() -> None:
    views = rendered("affine", 1)
    found = pa.align(views.reference, views.moving, "auto")
    document = found.to_dict()
    jsonschema.validate(document, SCHEMA)
    assert [rival["warp"] for rival in document["rivals"]] == list(WARPS)
    alone = pa.align(views.reference, views.moving, "affine")
    assert alone.rivals == ()
    assert alone.to_dict()["rivals"] == []


def test_two_threads_choose_what_one_does() -> None:
    views = rendered("similarity", 7)
    one = pa.align(views.reference, views.moving, "auto", threads=1)
    two = pa.align(views.reference, views.moving, "auto", threads=2)
    assert one.rivals == two.rivals
    assert one.warp == two.warp


def test_it_is_told_how_the_start_was_found() -> None:
    views = rendered("translation", 1)
    found = pa.align(views.reference, views.moving, "auto")
    assert found.ok
    assert found.initialization == "identity"
    assert found.initial == pa.Homography.identity()
    searched = pa.align(views.reference, views.moving, "auto", init="phase")
    assert searched.ok
    assert searched.initialization == "phase"
    given = pa.align(views.reference, views.moving, "auto", init=np.eye(3))
    assert given.initialization == "given"
