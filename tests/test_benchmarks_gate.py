"""The gate of the benchmarks: it says what got worse, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from benchmarks.gate import ANYWHERE, KINDS, Baseline, Comparison, recorded
from benchmarks.table import Row

HERE = "this processor, avx2"


def _accuracy(**changes: Any) -> Row:
    given = {"converged": (50, 50), "ratio": 1.13} | changes
    return Row(task="accuracy, affine", method="photalign", **given)


def _speed(times_ours: float, **changes: Any) -> Row:
    return Row(
        task="whole call",
        method="OpenCV",
        times_ours=times_ours,
        problems=50,
        **changes,
    )


def _memory(multiple: float) -> Row:
    return Row(task="memory", method="photalign", cost=multiple, unit="x images")


def _against(*now: Row, was: tuple[Row, ...], machine: str = HERE) -> Comparison:
    baseline = Baseline()
    baseline.update(HERE, {"part": was})
    return baseline.compare(machine, {"part": now})


BEFORE = (_accuracy(), _speed(4.0), _memory(1.5))


def test_a_run_is_no_worse_than_itself() -> None:
    found = _against(*BEFORE, was=BEFORE)
    assert (found.compared, found.worse, found.new, found.gone) == (4, (), (), ())


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (_accuracy(converged=(49, 50)), "converged"),
        (_accuracy(ratio=1.16), "error / bound"),
        (_speed(2.9), "x ours"),
        (_memory(1.7), "x images"),
    ],
)
def test_what_got_worse_is_named_with_both_figures(now: Row, kind: str) -> None:
    (worse,) = _against(now, was=BEFORE).worse
    assert f" | {kind}" in worse.name
    assert f"was {worse.was:.4g}, is {worse.now:.4g}" in str(worse)
    assert str(worse) in str(_against(now, was=BEFORE))


@pytest.mark.parametrize(
    "now",
    [_accuracy(ratio=1.14), _accuracy(ratio=0.9), _speed(3.2), _speed(9.0)],
)
def test_better_figures_and_noise_pass(now: Row) -> None:
    assert not _against(now, was=BEFORE).worse


def test_a_figure_that_is_not_a_number_is_worse() -> None:
    assert _against(_accuracy(ratio=float("nan")), was=BEFORE).worse


def test_speed_is_not_compared_with_another_kind_of_machine() -> None:
    now = (_accuracy(ratio=1.3), _speed(1.0))
    found = _against(*now, was=BEFORE, machine="that processor, avx512")
    assert [worse.name.rpartition(" | ")[2] for worse in found.worse] == [
        "error / bound of 50 problems"
    ]
    assert found.new == ("whole call | OpenCV | x ours of 50 problems",)


def test_without_a_machine_nothing_of_time_is_compared() -> None:
    baseline = Baseline()
    baseline.update(HERE, {"part": BEFORE})
    now = (_accuracy(ratio=1.3), _speed(1.0), _memory(1.5))
    found = baseline.compare(None, {"part": now})
    assert (found.compared, len(found.worse), found.new, found.gone) == (3, 1, (), ())


def test_other_problems_are_not_compared() -> None:
    quick = (_accuracy(converged=(9, 10), ratio=2.0), _memory(1.5))
    found = _against(*quick, was=BEFORE)
    assert (found.compared, found.worse) == (1, ())
    assert len(found.gone) == 3


def test_a_method_that_is_no_longer_measured_is_missed() -> None:
    assert _against(_accuracy(), was=BEFORE).gone == (
        "memory | photalign | x images",
        "whole call | OpenCV | x ours of 50 problems",
    )


def test_only_parts_that_were_run_are_compared_and_replaced() -> None:
    baseline = Baseline()
    baseline.update(HERE, {"accuracy": [_accuracy()], "memory": [_memory(1.5)]})
    baseline.update(HERE, {"memory": [_memory(1.2)]})
    found = baseline.compare(HERE, {"accuracy": [_accuracy()]})
    assert (found.compared, found.gone) == (1 + 1, ())
    assert list(baseline.machines[ANYWHERE]["memory"].values()) == [1.2]


def test_machines_are_recorded_side_by_side() -> None:
    baseline = Baseline()
    baseline.update(HERE, {"part": [_speed(4.0)]})
    baseline.update("another", {"part": [_speed(8.0)]})
    assert not baseline.compare(HERE, {"part": [_speed(4.0)]}).worse
    assert baseline.compare("another", {"part": [_speed(4.0)]}).worse
    assert baseline.knows(HERE)
    assert not baseline.knows("a third")


def test_only_what_is_worse_in_both_runs_is_confirmed() -> None:
    first = _against(_accuracy(converged=(49, 50)), _speed(1.0), was=BEFORE)
    second = _against(_accuracy(converged=(49, 50)), _speed(4.0), was=BEFORE)
    (worse,) = first.confirmed(second).worse
    assert worse.name == "accuracy, affine | photalign | converged of 50 problems"


def test_of_two_runs_the_better_figure_is_told() -> None:
    runs = [_against(_speed(speed), was=BEFORE) for speed in (1.0, 2.0)]
    for first, second in (runs, runs[::-1]):
        (worse,) = first.confirmed(second).worse
        assert worse.now == 2.0


def test_what_is_written_is_read_again_one_figure_a_line(tmp_path: Path) -> None:
    baseline = Baseline()
    baseline.update(HERE, {"part": BEFORE})
    baseline.write(tmp_path / "baseline.json")
    assert Baseline.read(tmp_path / "baseline.json") == baseline
    text = (tmp_path / "baseline.json").read_text("utf-8")
    assert text.count(" | converged") == text.count('| converged of 50 problems": 50')
    assert max(line.count(" | ") for line in text.splitlines()) == 2
    assert Baseline.read(tmp_path / "none.json") == Baseline()


def test_rounding_of_the_record_is_not_a_change() -> None:
    for number in (1.00049, 1.23456789, 0.0123449):
        assert not _against(_memory(number), was=(_memory(number),)).worse


def test_peers_are_recorded_by_speed_alone() -> None:
    peer = Row(task="accuracy", method="OpenCV", converged=(3, 50), ratio=8.0)
    assert not recorded([peer])


def test_what_is_timed_unsteadily_is_not_recorded() -> None:
    assert not recorded([_speed(4.0, is_steady=False)])


def test_seconds_are_not_recorded() -> None:
    ours = Row(task="whole call", method="photalign", cost=1.4, unit="ms", times_ours=1)
    assert not recorded([ours])


def test_the_committed_baseline_is_of_known_kinds() -> None:
    for parts in Baseline.read().machines.values():
        for figures in parts.values():
            assert {
                name.rpartition(" | ")[2].partition(" of ")[0] for name in figures
            } <= set(KINDS)
