"""Clocks: what is interrupted is measured again, what is not counts at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from benchmarks import timing


def _clocks(monkeypatch: pytest.MonkeyPatch, *calls: tuple[float, float]) -> list[int]:
    """Let each call take so much of the processor's and of the passing time."""
    done: list[int] = []

    def passing() -> Iterator[float]:
        now = 0.0
        for _, passes in calls:
            yield now
            now += passes
            yield now

    def processor() -> Iterator[float]:
        now = 0.0
        for spends, _ in calls:
            yield now
            now += spends
            yield now

    walls, spent = passing(), processor()
    monkeypatch.setattr(timing, "PASSING", lambda: next(walls))
    monkeypatch.setattr(timing, "CLOCK", lambda: next(spent), raising=False)
    return done


@pytest.mark.parametrize(
    ("calls", "attempt"),
    [
        (((1.0, 1.0), (1.0, 9.0)), 0),
        (((1.0, 4.0), (1.0, 1.0), (1.0, 9.0)), 1),
        (((1.0, 4.0), (1.0, 2.0), *[(1.0, 4.0)] * 6), 1),
    ],
)
def test_the_least_disturbed_call_is_kept(
    monkeypatch: pytest.MonkeyPatch,
    calls: tuple[tuple[float, float], ...],
    attempt: int,
) -> None:
    done = _clocks(monkeypatch, *calls)
    found, spent, share = timing.least_disturbed(
        lambda: done.append(len(done)) or len(done) - 1, timing.CLOCK
    )
    assert (found, spent, share) == (attempt, 1.0, 1.0 / calls[attempt][1])
    assert len(done) == (timing.ATTEMPTS if share < 1 else attempt + 1)
