"""The demonstration: truth beside estimate, and files to look at."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from command import Folder, folder
from photalign.io import read_image

__all__ = ["folder"]

FILES = {"reference.png", "moving.png", "registered.png", "report.html", "result.json"}


def test_demo_shows_truth_beside_estimate(folder: Folder) -> None:
    pytest.importorskip("skimage")
    from photalign.synthetic import demo_pair

    run = folder.run("demo", "--output-dir", "shown")
    assert (run.code, run.err) == (0, "")
    assert {path.name for path in Path("shown").iterdir()} == FILES
    views = demo_pair()
    number = r" +([-\d.]+)"
    row = re.search(rf"^m02{number}{number} +± ?([\d.]+){number} ", run.out, re.M)
    assert row is not None
    truth, estimate, std, error = map(float, row.groups())
    assert truth == pytest.approx(views.truth.params[2], abs=std)
    assert (estimate - truth) / std == pytest.approx(error, abs=0.2)
    assert abs(error) < 4
    assert re.search(r"^gain +1\.15 +1\.1[45]", run.out, re.M)
    assert re.search(r"^time +[\d.]+ m?s ", run.out, re.M)
    assert json.loads(Path("shown/result.json").read_text("utf-8"))["ok"] is True
    assert read_image("shown/registered.png").shape == views.reference.shape
    assert "Truth" in Path("shown/report.html").read_text("utf-8")


def test_demo_replaces_an_older_one(folder: Folder) -> None:
    pytest.importorskip("skimage")
    Path("photalign-demo").mkdir()
    Path("photalign-demo/report.html").write_text("old")
    assert folder.run("demo").code == 0
    assert Path("photalign-demo/report.html").stat().st_size > 1000


def test_demo_needs_scikit_image(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("skimage", "skimage.data"):
        monkeypatch.setitem(sys.modules, name, None)
    before = folder.contents()
    run = folder.run("demo")
    assert (run.code, run.out) == (1, "")
    assert "pip install 'photalign[demo]'" in run.err
    assert len(run.err.splitlines()) == 1
    assert folder.contents() == before


@pytest.mark.parametrize("place", ["missing/shown", "ref.png", "ref.png/shown"])
def test_demo_has_nowhere_to_write(folder: Folder, place: str) -> None:
    before = folder.contents()
    run = folder.run("demo", "--output-dir", place)
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith(f"error: {place}")
    assert "expected a folder" in run.err
    assert folder.contents() == before
