"""Run the command line inside the test process, in a folder with two images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import photalign
from photalign.cli import main
from photalign.io import write_image
from photalign.results import Alignment

PAIR = ("align", "ref.png", "mov.png", "--warp", "translation")
SHIFT = (1.5, -2.25)
ALL_OUTPUTS = ("-o", "out.png", "--report", "out.html", "--json", "out.json")


def scene(shape: tuple[int, int], shift: tuple[float, float]) -> NDArray[np.float64]:
    """Return a smooth picture, 0 to 255, whose things lie `shift` farther."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    x, y = x - shift[0], y - shift[1]
    waves = np.sin(x / 3 + 1) * np.cos(y / 4) + np.sin((x + 2 * y) / 7) + np.cos(y / 9)
    picture: NDArray[np.float64] = 127 + 40 * waves
    return picture


def write_views(dtype: str = "uint8", suffix: str = ".png") -> None:
    """Write ``ref`` and ``mov`` into the current folder; they differ in size."""
    for name, shape, shift in (
        ("ref", (64, 80), (0.0, 0.0)),
        ("mov", (70, 90), SHIFT),
    ):
        write_image(name + suffix, np.rint(scene(shape, shift)).astype(dtype))


def spy_on_align(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, Any]:
    """Return what `align` will be called with; `changes` are made to its result."""
    seen: dict[str, Any] = {}
    align = photalign.align

    def spy(
        reference: Any, moving: Any, warp: str, *, progress: Any, **options: Any
    ) -> Alignment:
        seen.update(options, warp=warp)
        found = align(reference, moving, warp, progress=progress, **options)
        return replace(found, **changes)

    monkeypatch.setattr(photalign, "align", spy)
    return seen


@dataclass(frozen=True)
class Run:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Folder:
    """A folder in which commands are run, and what is in it."""

    path: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str) -> Run:
        """Run a command as a shell would."""
        self.capture.readouterr()
        code = main(words)
        return Run(code, *self.capture.readouterr())

    def contents(self) -> dict[str, bytes]:
        """Return the names and bytes of all files, also hidden ones."""
        files = (p for p in self.path.rglob("*") if p.is_file())
        return {str(p.relative_to(self.path)): p.read_bytes() for p in files}


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Folder:
    """Give the current folder, with ``ref.png`` and ``mov.png`` in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    write_views()
    return Folder(tmp_path, capsys)
