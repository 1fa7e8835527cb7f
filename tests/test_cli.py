"""The command line: what it prints and writes when all goes well, or nearly."""

from __future__ import annotations

import inspect
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import photalign
from command import ALL_OUTPUTS, PAIR, SHIFT, Folder, folder, spy_on_align, write_views
from photalign.alignment import METHODS
from photalign.brightness import BRIGHTNESS
from photalign.io import read_image, write_image
from photalign.kernels import ALIGNMENT_KERNELS
from photalign.losses import LOSSES
from photalign.results import Status
from photalign.warps import WARPS

__all__ = ["folder"]


def test_two_images_are_aligned(folder: Folder) -> None:
    before = folder.contents()
    run = folder.run(*PAIR, *ALL_OUTPUTS)
    assert (run.code, run.err) == (0, "")
    assert set(folder.contents()) - set(before) == {"out.png", "out.html", "out.json"}
    found = json.loads(Path("out.json").read_text("utf-8"))
    np.testing.assert_allclose(found["params"], SHIFT, atol=0.02)
    reference, registered = read_image("ref.png"), read_image("out.png")
    assert registered.shape == reference.shape
    inside = np.s_[8:-8, 8:-8]
    error = registered[inside].astype(int) - reference[inside]
    assert np.abs(error).max() <= 4


def test_summary_tells_parameters_uncertainty_and_figures(folder: Folder) -> None:
    out = folder.run(*PAIR).out
    assert out.startswith("Converged\n")
    assert Status.CONVERGED.value in out
    for name, value in zip(("tx", "ty"), SHIFT, strict=True):
        row = re.search(rf"^{name} +(-?[\d.]+) +± ?[\d.]+ +px ", out, re.M)
        assert row is not None
        assert float(row[1]) == pytest.approx(value, abs=0.02)
    for name in ("corner uncertainty", "correlation", "overlap", "time"):
        assert re.search(rf"^{name} ", out, re.M)


@pytest.mark.parametrize(
    ("dtype", "suffix"), [("uint8", ".png"), ("uint16", ".tif"), ("float32", ".npy")]
)
def test_output_has_the_type_of_mov_and_the_shape_of_ref(
    folder: Folder, dtype: str, suffix: str
) -> None:
    write_views(dtype, suffix)
    ref, mov, out = (name + suffix for name in ("ref", "mov", "out"))
    run = folder.run("align", ref, mov, "-o", out, "--quiet")
    assert (run.code, run.out, run.err) == (0, "", "")
    assert read_image(out).dtype == dtype
    assert read_image(out).shape == (64, 80)


def test_json_follows_its_schema(folder: Folder) -> None:
    run = folder.run(*PAIR, "--json", "-")
    result = json.loads(run.out)
    schema = json.loads(
        resources.files("photalign.cli").joinpath("alignment.schema.json").read_text()
    )
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(result, schema)
    assert set(result) == set(schema["properties"]) == set(schema["required"])
    statuses = schema["properties"]["status"]["enum"]
    assert statuses == [status.name for status in Status]
    assert schema["$defs"]["matrix_warp"]["properties"]["warp"]["enum"] == list(WARPS)
    # The summary makes way for the result.
    assert run.err.startswith("Converged\n")


def test_failed_alignment_writes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy_on_align(monkeypatch, status=Status.STEP_LIMIT)
    before = folder.contents()
    run = folder.run(*PAIR, *ALL_OUTPUTS)
    assert run.code == 2
    assert run.err == f"not converged: {Status.STEP_LIMIT.value}\n"
    assert "step limit" in run.out.splitlines()[0]
    assert folder.contents() == before
    assert folder.run(*PAIR, "--json", "-", "-q").out == ""


def test_failed_alignment_is_written_on_request(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy_on_align(monkeypatch, status=Status.NO_MATCH)
    run = folder.run(*PAIR, *ALL_OUTPUTS, "--write-failed", "--quiet")
    assert (run.code, run.out) == (2, "")
    assert json.loads(Path("out.json").read_text("utf-8"))["status"] == "NO_MATCH"
    assert Path("out.png").exists()
    assert Path("out.html").exists()


def test_what_is_unknown_is_called_unknown(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    nan = np.nan
    unknown: dict[str, Any] = {
        "status": Status.NONFINITE,
        "covariance": np.full((2, 2), nan),
        "corner_std": np.full((4, 2), nan),
        **dict.fromkeys(("cost", "rms", "correlation", "overlap"), nan),
    }
    spy_on_align(monkeypatch, **unknown)
    run = folder.run(*PAIR, *ALL_OUTPUTS, "--write-failed")
    assert run.code == 2
    assert re.search(r"^tx +[-\d.]+ +unknown +px ", run.out, re.M)
    assert re.search(r"^corner uncertainty +unknown", run.out, re.M)
    assert json.loads(Path("out.json").read_text("utf-8"))["covariance"][0][0] is None


def test_older_outputs_are_replaced(folder: Folder) -> None:
    for name in ("out.png", "out.html", "out.json"):
        Path(name).write_text("old")
    assert folder.run(*PAIR, *ALL_OUTPUTS).code == 0
    for name in ("out.png", "out.html", "out.json"):
        assert Path(name).stat().st_size > 100


def test_options_reach_align(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spy_on_align(monkeypatch)
    mask = np.zeros((64, 80), dtype=np.uint8)
    mask[:, 10:] = 255
    write_image("mask.png", mask)
    weights = np.full((70, 90), 0.5)
    write_image("weights.npy", weights)
    words = (
        *("--warp", "euclidean", "--loss", "huber", "--brightness", "gain_bias"),
        *("--method", "forward", "--kernel", "linear", "--levels", "2"),
        *("--max-steps", "7", "--pixels", "0.5"),
        *("--reference-mask", "mask.png", "--moving-mask", "weights.npy"),
        *("--threads", "1"),
    )
    assert folder.run("align", "ref.png", "mov.png", *words).code != 1
    np.testing.assert_array_equal(seen.pop("reference_mask"), mask > 0)
    np.testing.assert_array_equal(seen.pop("moving_mask"), weights)
    assert seen == {
        "warp": "euclidean",
        "init": "auto",
        "loss": "huber",
        "brightness": "gain_bias",
        "method": "forward",
        "kernel": "linear",
        "solver": photalign.LevenbergMarquardt(max_steps=7),
        "pyramid": photalign.Pyramid(levels=2),
        "pixels": 0.5,
        "threads": 1,
    }


def test_defaults_are_those_of_the_library(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(photalign.align).parameters.items()
    }
    seen = spy_on_align(monkeypatch)
    assert folder.run("align", "ref.png", "mov.png").code == 0
    assert seen == {name: defaults[name] for name in seen}


@pytest.mark.parametrize("form", ["result.json", "rows.txt", "rows.csv", "rows.npy"])
def test_every_form_of_start(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    matrix = np.array([[1, 0, 1.25], [0, 1, -2.5], [0, 0, 1]])
    if form == "result.json":
        Path(form).write_text(json.dumps({"warp": {"matrix": matrix.tolist()}}))
    elif form == "rows.npy":
        np.save(form, matrix)
    else:
        delimiter = "," if form == "rows.csv" else " "
        np.savetxt(form, matrix, delimiter=delimiter)
    seen = spy_on_align(monkeypatch)
    assert folder.run(*PAIR, "--init", form).code == 0
    np.testing.assert_array_equal(seen["init"], matrix)


def test_result_is_a_start(folder: Folder) -> None:
    assert folder.run(*PAIR, "--json", "first.json").code == 0
    run = folder.run(*PAIR, "--init", "first.json", "--json", "-")
    assert run.code == 0
    first = json.loads(Path("first.json").read_text("utf-8"))
    assert json.loads(run.out)["initial"] == first["warp"]


def test_version(folder: Folder) -> None:
    run = folder.run("--version")
    assert (run.code, run.out) == (0, f"photalign {photalign.__version__}\n")


def test_help_lists_the_names_that_the_library_knows(folder: Folder) -> None:
    run = folder.run("align", "--help")
    assert run.code == 0
    text = " ".join(re.sub("[│╭╮╰╯─]", " ", run.out).split())
    assert f"{', '.join(list(WARPS)[:-1])} or homography" in text
    for name in (*LOSSES, *BRIGHTNESS, *METHODS, *ALIGNMENT_KERNELS):
        assert name in text


def test_asking_for_nothing_shows_help(folder: Folder) -> None:
    run = folder.run()
    assert run.code == 1
    assert "Usage: photalign" in run.out


def test_plain_words_where_nobody_watches(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in folder.run(*PAIR).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;32mConverged" in folder.run(*PAIR).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "[32m" not in folder.run(*PAIR).out
