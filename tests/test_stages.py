"""Where the core says that the time of a call went."""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa

SHAPE = (120, 400)


def _views(channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]

    def scene(x: np.ndarray) -> np.ndarray:
        image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
        return np.stack([image] * channels, axis=-1).astype(np.uint8)

    return scene(x), scene(x - 1.5)


def test_stages_take_no_more_than_the_call() -> None:
    result = pa.align(*_views(), "translation")
    seconds = [spent for spent, _ in result._stages.values()]
    assert min(seconds) >= 0
    assert 0 < sum(seconds) < result.seconds


@pytest.mark.parametrize("channels", [1, 3])
def test_a_step_at_full_resolution_compares_every_pixel(channels: int) -> None:
    result = pa.align(
        *_views(channels),
        "translation",
        kernel="linear",
        solver=pa.GaussNewton(max_steps=1, step_tol=1e-9),
        pyramid=pa.Pyramid(levels=1),
    )
    _, compared = result._stages["finest steps"]
    per_pass = SHAPE[0] * SHAPE[1] * channels
    # Where the step begins and where it ends.
    assert (result.iterations, compared) == (1, 2 * per_pass)
    assert result._stages["coarse levels"] == (0, 0)


def test_coarse_levels_have_a_stage_of_their_own() -> None:
    stages = pa.align(*_views(), "translation", pyramid=pa.Pyramid(levels=3))._stages
    seconds, compared = stages["coarse levels"]
    assert seconds > 0
    assert compared > 0


def test_stages_stay_out_of_what_is_shown_and_written() -> None:
    result = pa.align(*_views(), "translation")
    assert "stages" not in repr(result) + result.to_json()
