"""Where alignments start: searches that find far starts, and cost nothing near ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from skimage.data import camera

import photalign as pa
from outcomes import outcome
from photalign.initialization import auto
from photalign.initialization import turned as turning
from photalign.initialization.search import Search
from photalign.initialization.turned import Turning
from photalign.synthetic import corner_error, pair, random_warp, view
from photalign.warps import WARPS, Affine, Euclidean, Similarity, Translation
from scenes import photograph

SHAPE = (120, 130)
MIDDLE = np.array([64.5, 59.5])


def turned(degrees, scale, shift):
    """Turn and scale about the middle of the image, then shift."""
    angle = np.deg2rad(degrees)
    about = Similarity.from_params([scale, angle, 0, 0])
    x, y = MIDDLE - about(MIDDLE) + shift
    return Similarity.from_params([scale, angle, x, y])


def two_views(truth, *, center=(520, 560), **options):
    return pair(photograph(), truth, SHAPE, center=center, scale=2.4, **options)


def assert_found(found, views, limit=0.3):
    assert found.ok
    assert views.error(found.warp) < limit


# Starts that are near


@pytest.mark.parametrize("kind", WARPS)
def test_near_start_is_not_searched_for(kind, monkeypatch):
    views = two_views(random_warp(kind, SHAPE, 1.5, seed=1), noise=2)
    expected = pa.align(views.reference, views.moving, kind, init="identity")
    monkeypatch.setattr(auto, "Search", None)
    for init in ("auto", None):
        found = pa.align(views.reference, views.moving, kind, init=init)
        assert outcome(found) == outcome(expected)
        assert found.initialization == "identity"


@pytest.mark.parametrize("kind", ["affine", "homography"])
def test_occluded_near_start_is_not_searched_for(kind, monkeypatch):
    """What hides a fifth of the scene has more contrast than all the rest."""
    truth = random_warp(kind, SHAPE, 1.5, seed=1)
    occluder = np.random.default_rng(0).integers(0, 255, (56, 55))
    views = two_views(truth, noise=2, occluder=occluder)
    monkeypatch.setattr(Search, "by", None)
    found = pa.align(views.reference, views.moving, kind, loss="robust")
    assert found.correlation < 0.9
    assert_found(found, views)


@pytest.mark.parametrize("init", ["auto", "identity"])
def test_given_and_identical_starts_are_kept_though_they_fail(init, monkeypatch):
    views = two_views(turned(180, 1, (0, 0)))
    monkeypatch.setattr(auto, "Search", None)
    start = Similarity.from_params([1, 0.1, 0, 0])
    model = start if init == "auto" else "similarity"
    found = pa.align(views.reference, views.moving, model, init=init)
    assert not found.ok
    assert found.initial == (start if init == "auto" else Similarity.identity())
    assert found.initialization == ("given" if init == "auto" else "identity")


def test_start_of_ones_own_is_called_given():
    views = two_views(turned(30, 1, (3, 4)))
    found = pa.align(views.reference, views.moving, "affine", init=views.truth)
    assert found.ok
    assert found.initialization == "given"
    assert found.to_dict()["initialization"] == "given"


# Starts that are far


FAR = [(54.0, -40.0), (3.0, 54.0)]


# Of a third of the image "auto" is not always sure enough.
@pytest.mark.parametrize(
    ("init", "shift"),
    [
        *(("auto", shift) for shift in FAR),
        *((init, shift) for init in ("phase", "grid") for shift in FAR),
        ("phase", (-52.3, 53.7)),
        ("grid", (-52.3, 53.7)),
    ],
)
def test_any_shift_is_found(init, shift):
    """Up to 45 % of the image in both directions, where less than a third is common."""
    views = two_views(Translation.from_params(shift), noise=5, gain=1.1)
    images = views.reference, views.moving
    found = pa.align(*images, "translation", init=init, brightness="gain_bias")
    assert_found(found, views, limit=0.5)
    assert np.abs(found.initial.params - shift).max() < 4


@pytest.mark.parametrize("kind", ["similarity", "affine", "homography"])
@pytest.mark.parametrize(
    ("degrees", "scale", "shift"),
    [
        (180, 1, (5, 3)),
        (-100, 0.55, (10, -8)),
        (160, 1.2, (-20, 9)),
        (10, 0.8, (25, 20)),
    ],
)
def test_any_turn_and_scale_is_found(kind, degrees, scale, shift):
    views = two_views(turned(degrees, scale, shift), noise=2)
    found = pa.align(views.reference, views.moving, kind)
    assert_found(found, views)
    if abs(degrees) > 30:
        assert found.initialization == "fourier_mellin"
    assert type(found.initial) is WARPS[kind]


@pytest.mark.parametrize("init", ["fourier_mellin", "grid"])
def test_named_search_finds_turns(init):
    views = two_views(turned(135, 0.75, (9, -14)), noise=2)
    found = pa.align(views.reference, views.moving, "similarity", init=init)
    assert_found(found, views)
    assert found.initialization == init
    assert corner_error(found.initial, views.truth, SHAPE) < 5


@pytest.mark.parametrize("init", ["auto", "fourier_mellin", "grid"])
def test_euclidean_starts_keep_the_scale(init):
    angle = np.deg2rad(-70)
    about = Euclidean.from_params([angle, 0, 0])
    truth = Euclidean.from_params([angle, *(MIDDLE - about(MIDDLE) + [12, 7])])
    views = two_views(truth, noise=2)
    found = pa.align(views.reference, views.moving, "euclidean", init=init)
    assert_found(found, views)
    assert type(found.initial) is Euclidean


def test_only_part_of_the_scene_need_be_in_both_views():
    """60 % of the reference; the rest of the moving image shows other things."""
    views = two_views(turned(110, 1.05, (44, 10)), noise=2)
    found = pa.align(views.reference, views.moving, "similarity")
    assert_found(found, views)
    assert found.overlap < 0.65


def test_small_image_is_found_in_a_large_one():
    large = camera()
    truth = Translation.from_params([300.25, 160.5])
    small = view(large, truth, (60, 70)).astype("u1")
    found = pa.align(small, large, "translation")
    assert found.ok
    assert corner_error(found.warp, truth, small.shape) < 0.1
    back = pa.align(large, small, "translation", min_overlap=0.01)
    assert back.ok
    assert corner_error(back.warp, truth.inverse(), small.shape) < 0.1


def test_channels_are_searched_together(rng):
    views = two_views(turned(150, 0.9, (5, 5)))
    images = [
        np.stack([image, 255 - image // 2, image // 3], axis=-1)
        for image in (views.reference, views.moving)
    ]
    assert_found(pa.align(*images, "similarity"), views)


@pytest.mark.parametrize("dtype", ["u2", "f4", "f8", ">f4"])
def test_types_of_pixels_do_not_matter(dtype):
    views = two_views(turned(150, 0.9, (5, 5)))
    images = [100.0 * image for image in (views.reference, views.moving)]
    images = [image.astype(dtype) for image in images]
    assert_found(pa.align(*images, "similarity"), views)


def test_large_images_are_searched_before_they_are_aligned():
    """Of more than half a million pixels, the first full attempt is the right one."""
    scene = photograph()
    truth = Translation.from_params([290.0, -170.0])
    reference = view(scene, Translation.from_params([200, 420]), (740, 740))
    moving = view(scene, Translation.from_params([-90, 590]), (740, 740))
    images = [np.nan_to_num(image, nan=16.0) for image in (reference, moving)]
    found = pa.align(*images, "translation")
    assert found.ok
    assert found.initialization == "phase"
    assert np.abs(found.warp.params - truth.params).max() < 0.05
    near = pa.align(images[0], images[0], "translation")
    assert near.ok
    assert near.initialization == "identity"


# What is hidden or disturbed


def test_masked_pixels_have_no_say():
    """What they show would fit a shift of its own."""
    views = two_views(turned(0, 1, (-38, 30)), noise=2)
    reference, moving = views.reference.copy(), views.moving.copy()
    label = np.random.default_rng(3).integers(0, 255, (40, 60))
    reference[60:100, 30:90] = moving[60:100, 30:90] = label
    mask = np.ones(SHAPE, bool)
    mask[60:100, 30:90] = False
    found = pa.align(
        reference, moving, "translation", reference_mask=mask, moving_mask=mask
    )
    assert_found(found, views)
    holes = [np.where(mask, image, np.nan) for image in (reference, moving)]
    assert_found(pa.align(*holes, "translation", init="phase"), views)
    soft = mask * 0.5
    found = pa.align(
        reference, moving, "translation", init="phase", reference_mask=soft,
        moving_mask=soft,
    )  # fmt: skip
    assert_found(found, views)


def test_pattern_of_the_sensor_does_not_hold_the_images_together(rng):
    """Rows and columns of noise stay where they are while the scene moves."""
    truth = Translation.from_params([31.0, -22.0])
    views = two_views(truth)
    bands = 25 * (rng.normal(size=(SHAPE[0], 1)) + rng.normal(size=(1, SHAPE[1])))
    images = [image + bands for image in (views.reference, views.moving)]
    found = pa.align(*images, "translation", init="phase")
    assert np.abs(found.initial.params - truth.params).max() < 2


def test_inverted_images_end_with_a_status():
    views = two_views(turned(90, 1, (0, 0)))
    found = pa.align(views.reference, 255 - views.moving, "similarity")
    assert not found.ok


@pytest.mark.parametrize("init", ["auto", "phase", "fourier_mellin", "grid"])
@pytest.mark.parametrize("kind", ["translation", "euclidean", "affine"])
def test_flat_images_have_no_start_to_find(kind, init):
    flat = np.full(SHAPE, 7, np.uint8)
    found = pa.align(flat, flat, kind, init=init)
    assert not found.ok
    assert found.initialization == "identity"
    assert found.initial == WARPS[kind].identity()


@pytest.mark.parametrize("init", ["auto", "phase", "fourier_mellin", "grid"])
@pytest.mark.parametrize("shape", [(2, 2), (3, 40), (9, 9)])
def test_tiny_images_may_be_searched(shape, init, rng):
    images = rng.integers(0, 255, (2, *shape)).astype("u1")
    assert pa.align(*images, "similarity", init=init).to_json()


@pytest.mark.parametrize("seed", range(3))
def test_other_scene_is_no_match_wherever_it_starts(seed):
    reference = two_views(turned(0, 1, (0, 0)), center=(600, 600)).reference
    other = view(
        photograph("camera"),
        Affine.from_params([2, 0, 60 + 40 * seed, 0, 2, 70]),
        SHAPE,
    ).astype("u1")
    expected = pa.align(reference, other, "similarity", init="identity")
    found = pa.align(reference, other, "similarity")
    assert not found.ok
    assert outcome(found) == outcome(expected)


# Local optima


def test_local_optimum_at_the_identity_is_left():
    """Fringes fit after every period; the rest of the scene tells which is right."""
    y, x = np.mgrid[0:120, 0:400].astype(float)
    places = np.random.default_rng(0).uniform([-50, 0], [400, 120], (90, 2))

    def scene(x, y):
        fringes = np.sin(2 * np.pi * x / 16) * np.cos(2 * np.pi * y / 16)
        stains = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 60) for a, b in places)
        return 100 + 40 * fringes + 50 * stains

    truth = Translation.from_params([48.0, 0.0])
    reference, moving = scene(x, y), scene(x - 48, y)
    stuck = pa.align(reference, moving, "translation", init="identity")
    assert corner_error(stuck.warp, truth, x.shape) > 10
    found = pa.align(reference, moving, "translation")
    assert found.ok
    assert corner_error(found.warp, truth, x.shape) < 0.01


# Functions


def turn(p, xy):
    x, y = xy[:, 0] - 64.5, xy[:, 1] - 59.5
    cosine, sine = np.cos(p[0]), np.sin(p[0])
    moved = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)
    return moved + p[1:] + np.array([64.5, 59.5])


def zoom(p, xy):
    center = np.array([64.5, 59.5])
    return center + np.exp(p[0]) * (xy - center) + p[1:]


@pytest.mark.parametrize("init", ["auto", "fourier_mellin"])
def test_function_takes_what_it_can_of_a_start(init):
    views = two_views(turned(140, 1, (22, -19)), noise=1)
    function = pa.warp(turn, [0.0, 0.0, 0.0])
    assert not pa.align(views.reference, views.moving, function, init="identity").ok
    found = pa.align(views.reference, views.moving, function, init=init)
    assert_found(found, views)
    assert found.initialization == "fourier_mellin"
    assert found.initial.params == pytest.approx([np.deg2rad(140), 22, -19], abs=2)


def test_function_that_cannot_turn_stays_where_it_is():
    views = two_views(turned(180, 1, (0, 0)))
    function = pa.warp(zoom, [0.0, 0.0, 0.0])
    found = pa.align(views.reference, views.moving, function, init="fourier_mellin")
    assert found.initialization == "identity"
    assert found.initial == function


def test_parameters_that_move_pixels_are_a_start(monkeypatch):
    views = two_views(turned(90, 1, (0, 0)))
    monkeypatch.setattr(auto, "Search", None)
    function = pa.warp(zoom, [0.0, 2.0, 0.0])
    assert pa.align(views.reference, views.moving, function).initialization == "given"


# Everything else stays as it is


def test_threads_change_no_bit_of_a_search():
    views = two_views(turned(150, 0.9, (5, 5)), noise=2)
    images = views.reference, views.moving
    alone, together = (
        pa.align(*images, "affine", threads=threads) for threads in (1, 2)
    )
    assert outcome(alone) == outcome(together)


def test_trace_is_that_of_the_attempt_which_is_returned():
    views = two_views(turned(150, 0.9, (5, 5)), noise=2)
    images = views.reference, views.moving
    steps: list[pa.Step] = []
    found = pa.align(*images, "similarity", progress=steps.append)
    again = pa.align(*images, "similarity", init=found.initial)
    assert found.trace == again.trace
    # The attempt from the identity was shown as it happened.
    assert len(steps) > len(found.trace)
    assert tuple(steps[-len(found.trace) :]) == found.trace


def test_interruption_ends_a_search():
    views = two_views(turned(150, 0.9, (5, 5)), noise=2)

    def interrupted(step: pa.Step) -> Iterator[None]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pa.align(views.reference, views.moving, "similarity", progress=interrupted)


def test_small_moving_image_makes_the_grid_no_finer(rng, monkeypatch):
    asked: list[tuple[float, float]] = []

    def no_peaks(self: Turning, angle: float, scale: float, count: int) -> list[object]:
        asked.append((angle, scale))
        return []

    monkeypatch.setattr(Turning, "peaks", no_peaks)
    reference, moving = rng.normal(size=(300, 300)), rng.normal(size=(40, 300))
    pa.align(reference, moving, "similarity", init="grid")
    assert 100 < len(asked) < 1000


def test_too_little_to_overlap_is_not_correlated(rng, monkeypatch):
    monkeypatch.setattr(turning, "masked_correlation", pytest.fail)
    reference, moving = rng.normal(size=(300, 300)), rng.normal(size=(30, 30))
    found = pa.align(reference, moving, "similarity", init="grid")
    assert found.status is pa.Status.TOO_LITTLE_OVERLAP
