"""The command line as a program: progress, interruption, pipes, terminals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import photalign
from command import ALL_OUTPUTS, PAIR, Folder, folder
from photalign.cli.progress import progress_bar
from photalign.results import Alignment, Step

__all__ = ["folder"]

# --- Progress -------------------------------------------------------------------------


def a_step(level: int, iteration: int) -> Step:
    return Step(
        level=level,
        iteration=iteration,
        cost=1.0,
        motion=0.1,
        damping=0.0,
        overlap=1.0,
        accepted=True,
        scale=0.0,
    )


def wait_for(text: str, capture: pytest.CaptureFixture[str]) -> str:
    err = ""
    deadline = time.monotonic() + 20
    while text not in err and time.monotonic() < deadline:
        time.sleep(0.01)
        err += capture.readouterr().err
    return err


def test_bar_appears_after_a_while(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("photalign.cli.progress._PATIENCE", 0.2)
    with progress_bar(quiet=False) as show:
        assert "reading" in wait_for("reading", capsys)
        show(a_step(3, 1))
        show(a_step(2, 7))
        assert "level 2, step 7" in wait_for("level 2, step 7", capsys)
        show("writing")
        assert "writing" in wait_for("writing", capsys)


@pytest.mark.parametrize("quiet", [False, True])
def test_bar_is_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if quiet:
        monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("photalign.cli.progress._PATIENCE", 0.0)
    with progress_bar(quiet=quiet) as show:
        show(a_step(0, 1))
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_bar_is_not_drawn_for_what_is_quick(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar(quiet=False) as show:
        show(a_step(0, 1))
    assert capsys.readouterr().err == ""


# --- Interruption ---------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["align", "resample"])
def test_interrupt_leaves_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(photalign, moment, interrupted)
    before = folder.contents()
    run = folder.run(*PAIR, *ALL_OUTPUTS)
    assert run.code == 130
    assert run.err == "interrupted: nothing was written\n"
    assert folder.contents() == before


@pytest.mark.parametrize("problem", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_outputs_appear_together_or_not_at_all(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, problem: BaseException
) -> None:
    Path("out.png").write_text("old")
    before = folder.contents()

    def half(self: Alignment, path: Path, **_: Any) -> None:
        path.write_text("half")
        raise problem

    monkeypatch.setattr(Alignment, "report", half)
    run = folder.run(*PAIR, *ALL_OUTPUTS)
    assert run.code == (1 if isinstance(problem, OSError) else 130)
    assert len(run.err.splitlines()) == 1
    assert folder.contents() == before


# --- As a program ---------------------------------------------------------------------


PROGRAM = (sys.executable, "-m", "photalign")


def test_runs_as_a_module(folder: Folder) -> None:
    done = subprocess.run(
        [*PROGRAM, *PAIR, "--json", "-"], capture_output=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["ok"] is True


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX pipes")
def test_reader_that_leaves_is_no_error(folder: Folder) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, *PAIR, "--json", "-", "-q"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_terminal_of_another_encoding(folder: Folder) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "100"}
    done = subprocess.run([*PROGRAM, *PAIR], capture_output=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Converged" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_on_a_terminal(folder: Folder) -> None:
    import pty

    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "60"}
    with subprocess.Popen(
        [*PROGRAM, *PAIR], stdout=theirs, stderr=theirs, env=env
    ) as running:
        os.close(theirs)
        out = b""
        # Linux reports the end as an error.
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 4096):
                out += chunk
    os.close(ours)
    assert running.returncode == 0
    assert b"\x1b[1;32mConverged" in out
    lines = re.sub(rb"\x1b\[[\d;]*m", b"", out).decode().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 60
