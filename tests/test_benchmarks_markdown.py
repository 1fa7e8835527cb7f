"""Figures in pages: they go where the page says, and nothing else changes."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.markdown import BLOCK, LAYOUTS, with_figures
from benchmarks.runs import Run, environment
from benchmarks.table import Row

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
PARTS = {
    "accuracy": [
        Row(task="affine", method="photalign", converged=(50, 50), ratio=1.13),
        Row(task="affine", method="OpenCV", converged=(43, 50), ratio=7.4),
        Row(task="homography", method="photalign", converged=(50, 50), ratio=1.19),
    ],
    "speed": [
        Row(
            task="whole call",
            method="photalign",
            cost=812.0,
            unit="us",
            quartiles=(800.0, 900.0),
            times_ours=1,
            target="0.5,",
            met=False,
        ),
        Row(task="whole call", method="OpenCV", cost=4060.0, unit="us", times_ours=5),
        Row(task="import", method="photalign", cost=0.1, unit="s", met=True),
    ],
}
RUN = Run(environment=environment(), count=50, parts=PARTS)


def _page(comment: str) -> str:
    return f"before\n\n{comment}\nold\n<!-- end -->\n\nafter\n"


def _lines(comment: str) -> list[str]:
    made = with_figures(_page(comment), RUN)
    lines = made.splitlines()
    assert lines[:4] == ["before", "", comment, ""]
    assert lines[-4:] == ["", "<!-- end -->", "", "after"]
    return lines[4:-4]


def test_list_is_the_table_without_empty_columns() -> None:
    assert _lines("<!-- list: speed | whole -->") == [
        "| method | cost | quartiles | x ours | target |",
        "| --- | --- | --- | --- | --- |",
        "| photalign | 812 µs | 800 to 900 | 1 | 0.5, missed |",
        "| OpenCV | 4060 µs |  | 5 |  |",
    ]


def test_matrix_has_tasks_by_methods_and_gaps_where_nothing_was_measured() -> None:
    assert _lines("<!-- matrix: accuracy -->") == [
        "|  | photalign | OpenCV |",
        "| --- | --- | --- |",
        "| affine | 50/50, 1.13 | 43/50, 7.40 |",
        "| homography | 50/50, 1.19 |  |",
    ]


def test_beside_has_a_line_for_each_task() -> None:
    assert _lines("<!-- beside: speed | whole -->")[2:] == [
        "| whole call | 812 µs (800 to 900) | 0.5, missed | OpenCV, × 5 |"
    ]


def test_missed_targets_are_listed_and_others_not() -> None:
    lines = _lines("<!-- missed: speed -->")
    assert lines[2:] == ["| whole call | photalign | 812 µs (800 to 900) | 0.5 |"]
    assert _lines("<!-- missed: accuracy -->") == ["All targets were met."]


def test_machine_is_named_with_the_day_and_versions() -> None:
    (line,) = _lines("<!-- machine: speed -->")
    assert line.startswith("20")
    assert "numpy" in line


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole.json", []
    RUN.write(whole)
    assert Run.read([whole]) == RUN
    for part, rows in PARTS.items():
        halves.append(tmp_path / f"{part}.json")
        replace(RUN, parts={part: rows}).write(halves[-1])
    assert Run.read(halves) == RUN


def test_runs_of_different_machines_are_not_put_together(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.json", "other.json")]
    for path in paths:
        kind = {"kind of machine": path.stem}
        replace(RUN, environment=RUN.environment | kind).write(path)
    with pytest.raises(ValueError, match="figures: expected those of one machine"):
        Run.read(paths)


def test_parts_that_were_not_run_stay_as_they_are() -> None:
    page = _page("<!-- list: memory -->")
    assert with_figures(page, RUN) == page


def test_filling_a_page_twice_is_filling_it_once() -> None:
    once = with_figures(_page("<!-- matrix: accuracy -->"), RUN)
    assert with_figures(once, RUN) == once


def test_tasks_that_were_not_measured_are_said_to_be_missing() -> None:
    assert _lines("<!-- list: speed | nothing -->") == ["Not measured."]


def test_a_layout_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of"):
        with_figures(_page("<!-- chart: speed -->"), RUN)


def test_blocks_of_the_page_name_layouts_and_parts() -> None:
    pytest.importorskip("pystackreg")
    main = importlib.import_module("benchmarks.__main__")
    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) == PAGE.read_text("utf-8").count("<!-- end -->")
    for _, layout, part, *_ in blocks:
        assert layout in {*LAYOUTS, "machine"}
        assert part in main.PARTS
