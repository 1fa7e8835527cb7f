"""Pyramids: how many levels, and that every level means the same warp."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from photalign.brightness import BRIGHTNESS
from photalign.synthetic import corner_error, random_warp
from photalign.warps import WARPS, Euclidean, Translation
from scenes import views, waves

# Odd sizes lose a row or a column on the way up.
SHAPES = pytest.mark.parametrize("shape", [(128, 160), (131, 157), (127, 129)])


@pytest.mark.parametrize(
    ("pyramid", "shapes", "levels"),
    [
        (pa.Pyramid(), [(480, 640)], 5),
        (pa.Pyramid(), [(480, 640), (100, 640)], 3),
        (pa.Pyramid(), [(48, 48, 3)], 2),
        (pa.Pyramid(), [(47, 48)], 1),
        (pa.Pyramid(), [(2, 2)], 1),
        (pa.Pyramid(min_size=8), [(64, 64)], 4),
        (pa.Pyramid(min_size=1000), [(64, 64)], 1),
        (pa.Pyramid(levels=3), [(480, 640)], 3),
        (pa.Pyramid(levels=9), [(64, 64)], 4),
        (pa.Pyramid(levels=1), [(4000, 6000)], 1),
    ],
)
def test_number_of_levels(pyramid, shapes, levels):
    assert pyramid.levels_for(*shapes) == levels


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("levels", [1, 2, 3, 4])
@SHAPES
def test_levels_do_not_move_the_result(kind, levels, shape, rng):
    truth = random_warp(kind, shape, 1.0, rng)
    reference, moving = views(waves(rng), truth, shape)
    found = pa.align(reference, moving, kind, pyramid=pa.Pyramid(levels=levels))
    assert found.ok
    assert found.levels == levels
    assert corner_error(found.warp, truth, shape) < 0.01


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("levels", [2, 3, 4])
@SHAPES
def test_every_level_starts_where_the_coarser_one_ended(kind, levels, shape, rng):
    """With pixel centers kept in place, no level has far to go from the truth."""
    truth = random_warp(kind, shape, 3.0, rng)
    reference, moving = views(waves(rng, shortest=30), truth, shape)
    found = pa.align(
        reference, moving, kind, init=truth, pyramid=pa.Pyramid(levels=levels)
    )
    first = {step.level: step for step in reversed(found.trace)}
    assert set(first) == set(range(levels))
    for level, step in first.items():
        assert step.motion < 0.3 * 2**level


@pytest.mark.parametrize("model", BRIGHTNESS)
def test_coarse_levels_reach_farther(model, rng):
    truth = Translation.from_params([17.0, -12.0])
    texture = waves(rng, shortest=9, longest=14)
    shapes = waves(rng, shortest=50, longest=120)
    reference, moving = views(
        lambda points: 0.6 * texture(points) + 0.4 * shapes(points), truth, (160, 160)
    )
    fine, coarse = (
        pa.align(
            reference,
            moving,
            "translation",
            init="identity",
            brightness=model,
            pyramid=pa.Pyramid(levels=levels),
        )
        for levels in (1, 4)
    )
    assert coarse.ok
    assert corner_error(coarse.warp, truth, (160, 160)) < 0.02
    assert corner_error(fine.warp, truth, (160, 160)) > 1


def test_trace_goes_from_coarse_to_fine(rng):
    reference, moving = views(waves(rng), Translation.from_params([3, 1]), (100, 100))
    found = pa.align(reference, moving, "translation", pyramid=pa.Pyramid(levels=3))
    assert found.ok
    levels = [step.level for step in found.trace]
    assert levels == sorted(levels, reverse=True)
    assert set(levels) == {0, 1, 2}


def test_checkerboard_is_no_trap(rng):
    """The finest pattern there is vanishes on the coarse level, it does not alias."""
    truth = Translation.from_params([6.0, -5.0])
    reference, moving = views(waves(rng, shortest=14), truth, (128, 128))
    checkers = 40 * (np.indices((128, 128)).sum(axis=0) % 2)
    found = pa.align(reference + checkers, moving + checkers[:, ::-1], "translation")
    assert corner_error(found.warp, truth, (128, 128)) < 1


@pytest.mark.parametrize("side", ["reference", "moving", "both"])
@pytest.mark.parametrize("soft", [False, True])
def test_masked_pixels_do_not_leak_into_coarse_levels(side, soft, rng):
    """A bright fixed band would hold the coarse levels back."""
    truth = Euclidean.from_params([0.05, 9.0, -7.0])
    reference, moving = views(waves(rng, shortest=14), truth, (160, 160))
    masks = {}
    for name, image in (("reference", reference), ("moving", moving)):
        if side in (name, "both"):
            image[60:90] = 5000
            mask = np.ones(image.shape, dtype=float if soft else bool)
            mask[60:90] = 0
            masks[f"{name}_mask"] = mask
    found = pa.align(reference, moving, "euclidean", **masks)
    assert found.ok
    assert corner_error(found.warp, truth, (160, 160)) < 0.02


@pytest.mark.parametrize("value", [0, -3, 1.5, "2", None])
def test_min_size_is_a_positive_integer(value):
    with pytest.raises(ValueError, match="min_size: expected a positive integer"):
        pa.Pyramid(min_size=value)


def test_pyramids_are_values():
    assert pa.Pyramid(levels=3) == pa.Pyramid(levels=3, min_size=24)
    assert len({pa.Pyramid(), pa.Pyramid(), pa.Pyramid(levels=2)}) == 2
