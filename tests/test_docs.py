"""The prose: its examples run, and it names what there is."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from photalign._interpolation import BOUNDARIES, DOMAINS
from photalign.alignment import METHODS
from photalign.autodiff import _duals
from photalign.brightness import BRIGHTNESS
from photalign.cli.app import app
from photalign.features import FEATURES
from photalign.kernels import ALIGNMENT_KERNELS, KERNELS
from photalign.losses import LOSSES
from photalign.results import Status
from photalign.sampling import Sampler
from photalign.warps import WARPS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
EXAMPLE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_python(code: str, page: Path, line: int, names: dict[str, Any]) -> None:
    """Run a block so that a traceback shows the page and its line."""
    tree = ast.parse("\n" * line + code, page)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for module in node.names:
                if find_spec(module.name.partition(".")[0]) is None:
                    pytest.skip(f"{page.name} needs {module.name}")
    exec(compile(tree, page, "exec"), names)


def run_session(text: str, page: Path, line: int, names: dict[str, Any]) -> None:
    """Run a block of a Python session and compare what it shows."""
    session = doctest.DocTestParser().get_doctest(
        text, names, page.name, str(page), line
    )
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(session, out=report.append, clear_globs=False)
    assert runner.failures == 0, "".join(report)
    names.update(session.globs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Classes that a page registers would keep all that it made until the end.
    monkeypatch.setattr(_duals, "_REGISTERED", dict(_duals._REGISTERED))
    names: dict[str, Any] = {"__name__": page.stem}
    text = page.read_text("utf-8")
    if "photalign.synthetic" in text:
        pytest.importorskip("skimage")
    try:
        for block in EXAMPLE.finditer(text):
            run = run_python if block[1] == "python" else run_session
            run(block[2], page, text.count("\n", 0, block.start(2)), names)
    finally:
        if "jax" in sys.modules:  # what a page sets is not for others
            sys.modules["jax"].config.update("jax_enable_x64", False)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_warp_in_c_is_the_warp_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "own-warps.md").read_text("utf-8")
    blocks = re.findall(r"^```(c|sh|py|python)\n(.*?)^```$", page, re.M | re.S)
    (source,) = (text for kind, text in blocks if kind == "c")
    (build,) = (text for _, text in blocks if text.startswith("cc "))
    (call,) = (text for kind, text in blocks if kind == "py")
    Path("radial.c").write_text(source)
    subprocess.run(build, shell=True, check=True)
    names: dict[str, Any] = {}
    exec(next(text for kind, text in blocks if kind == "python") + call, names)
    in_c, in_python = (
        names[name].with_params([0.06, 1.5, -0.7]) for name in ("in_c", "start")
    )
    points = [[3.0, 5.0], [150.0, 20.0], [79.5, 59.5]]
    for method in ("__call__", "jacobian"):
        expected = getattr(in_python, method)(points)
        np.testing.assert_allclose(getattr(in_c, method)(points), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "name",
    [
        *(*WARPS, "auto", *METHODS, *LOSSES, "robust", *BRIGHTNESS, *FEATURES),
        *ALIGNMENT_KERNELS,
    ],
)
def test_advice_covers_every_choice(name: str) -> None:
    assert f'`"{name}"`' in (DOCS / "how-to-choose.md").read_text("utf-8")


@pytest.mark.parametrize("name", KERNELS)
def test_page_of_kernels_has_row_section_and_plot(name: str) -> None:
    kernel, text = KERNELS[name], (DOCS / "kernels.md").read_text("utf-8")
    row = [
        *(f'`"{name}"`', kernel.taps),
        f"C{kernel.continuity}" if kernel.continuity >= 0 else "jumps",
        # The order of approximation is the first degree that is not reproduced.
        *(kernel.reproduces, kernel.reproduces + 1, kernel.derivatives),
        "yes" if kernel.prefilter else "no",
    ]
    assert f"| {' | '.join(map(str, row))} |" in text
    assert re.search(rf"^##+ {name}$", text, re.MULTILINE)
    assert f"](images/kernels/{name}.svg)" in text


def test_every_kernel_is_plotted_and_nothing_else() -> None:
    drawn = {path.stem: path for path in (DOCS / "images" / "kernels").iterdir()}
    assert set(drawn) == set(KERNELS)
    for path in drawn.values():
        text = path.read_text("utf-8")
        assert "</svg>" in text
        assert "<dc:date>" not in text  # the same each time it is drawn


@pytest.mark.parametrize("name", [*BOUNDARIES, *DOMAINS])
def test_guide_to_sampling_covers_every_choice(name: str) -> None:
    assert f'| `"{name}"`' in (DOCS / "sampling.md").read_text("utf-8")


@pytest.mark.parametrize("name", inspect.signature(Sampler).parameters)
def test_guide_to_sampling_covers_every_option(name: str) -> None:
    text = (DOCS / "sampling.md").read_text("utf-8")
    assert re.search(rf"`{name}[`=]", text) or name == "image"


CALLS = [name for name, _ in inspect.getmembers(Sampler, inspect.isfunction)]


@pytest.mark.parametrize("name", [name for name in CALLS if name[0] != "_"])
def test_guide_to_sampling_covers_every_call(name: str) -> None:
    assert f"`s.{name}(" in (DOCS / "sampling.md").read_text("utf-8")


@pytest.mark.parametrize("status", [s for s in Status if s is not Status.CONVERGED])
def test_advice_covers_every_failure(status: Status) -> None:
    assert f"| `{status.name}` |" in (DOCS / "how-to-choose.md").read_text("utf-8")


def test_every_option_is_described() -> None:
    command = typer.main.get_command(app)
    described = (DOCS / "command-line.md").read_text("utf-8")
    commands = [command, *command.commands.values()]  # type: ignore[attr-defined]
    names = {name for c in commands for p in c.params for name in p.opts}
    for option in (name for name in names if name.startswith("-")):
        assert re.search(rf"(?<![\w-]){option}\b", described), option


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_and_named_files_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    linked = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    named = re.findall(r"`((?:core|bindings|src|tests|tools|docs)/[^`*]*)`", text)
    for path in {*linked, *named}:
        assert (ROOT / path).exists(), path
