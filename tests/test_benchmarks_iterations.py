"""The time of an iteration stays right whatever the optimizer does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from benchmarks import iterations

import photalign

LINEAR = iterations.ITERATIONS[0]
ISA = iterations.instruction_sets()[-1]
PIXELS = iterations.SIZE**2


def _spending(monkeypatch: pytest.MonkeyPatch, seconds: float, pixels: int) -> None:
    stages = {"finest steps": (seconds, pixels), "solving": (0.0, 0)}
    monkeypatch.setattr(
        photalign, "align", lambda *_, **__: SimpleNamespace(_stages=stages)
    )
    monkeypatch.setattr(iterations, "least_disturbed", lambda call: (call(), 1.0, 0.5))


@pytest.mark.parametrize("passes", [1, 2.25, 9])
def test_time_is_that_of_the_pixels_that_were_compared(
    monkeypatch: pytest.MonkeyPatch, passes: float
) -> None:
    _spending(monkeypatch, 1e-3 * passes, int(PIXELS * passes))
    # Half of the time that passed was the call's.
    expected = pytest.approx(0.5e-3 / PIXELS)
    assert iterations.seconds_per_pixel((), LINEAR, ISA) == expected


def test_less_than_one_pass_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _spending(monkeypatch, 1e-3, PIXELS - 1)
    with pytest.raises(RuntimeError, match="pixels or more compared"):
        iterations.seconds_per_pixel((), LINEAR, ISA)


def test_images_that_agree_at_once_are_measured() -> None:
    same, _ = iterations.image_pair("uint8")
    assert iterations.seconds_per_pixel((same, same), LINEAR, ISA) > 0


def test_an_instruction_set_that_is_not_there_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="isa: expected one of"),
        iterations.instructions("abacus"),
    ):
        pass
