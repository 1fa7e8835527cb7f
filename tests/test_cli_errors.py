"""Misuse of the command line: one line that says what to do, and nothing written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command import ALL_OUTPUTS, PAIR, Folder, folder, write_views
from photalign.io import write_image
from unprivileged import unprivileged_folder

__all__ = ["folder"]


def assert_misuse(folder: Folder, words: tuple[str, ...], *expected: str) -> None:
    """Check that a command is refused in one line, and that no file changes."""
    before = folder.contents()
    run = folder.run(*words)
    assert run.code == 1
    assert run.out == ""
    assert run.err.startswith("error: ")
    assert len(run.err.splitlines()) == 1
    for text in expected:
        assert text in run.err
    assert folder.contents() == before


# --- Words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("align",), ("REF",)),
        (("align", "ref.png"), ("MOV",)),
        (("align", "a.png", "b.png", "c.png"), ("c.png",)),
        (("algin", "ref.png", "mov.png"), ("'algin'", "'align'")),
        ((*PAIR, "--wrap", "affine"), ("--wrap", "--warp")),
        ((*PAIR, "-o"), ("-o", "requires an argument")),
        (
            (*PAIR, "--threads", "two"),
            ("--threads: expected a whole number, got 'two'",),
        ),
        ((*PAIR, "--levels", "1.5"), ("expected a whole number, got '1.5'",)),
        ((*PAIR, "--threads", "0"), ("threads: expected", "got 0")),
        ((*PAIR, "--levels", "-1"), ("levels: expected", "got -1")),
        ((*PAIR, "--pixels", "many"), ("expected a share such as 0.2 or a count",)),
        ((*PAIR, "--pixels", "1.5"), ("pixels: expected a share", "got 1.5")),
        ((*PAIR, "--report", "report.txt"), ("report: expected", ".html")),
        (("demo", "now"), ("now",)),
    ],
)
def test_misspelled_commands(
    folder: Folder, words: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert_misuse(folder, words, *expected)


@pytest.mark.parametrize(
    ("option", "given", "nearest"),
    [
        ("warp", "homografy", "homography"),
        ("loss", "hubert", "huber"),
        ("brightness", "gain-bias", "gain_bias"),
        ("method", "foreward", "forward"),
        ("kernel", "liniar", "linear"),
    ],
)
def test_unknown_name_lists_the_known_and_the_nearest(
    folder: Folder, option: str, given: str, nearest: str
) -> None:
    words = (*PAIR, f"--{option}", given, *ALL_OUTPUTS)
    expected = f"{option}: expected one of ", f"got {given!r}; did you mean {nearest!r}"
    assert_misuse(folder, words, *expected)


# --- Input files ----------------------------------------------------------------------


def spoil(kind: str) -> str:
    """Put a file of no use into the current folder; return its name."""
    path = Path("bad.png")
    if kind == "empty":
        path.touch()
    elif kind == "truncated":
        path.write_bytes(Path("ref.png").read_bytes()[:-100])
    elif kind == "text":
        path.write_text("These are words.")
    elif kind == "folder":
        path.mkdir()
    elif kind == "suffix":
        path = Path("bad.gif")
        path.touch()
    return path.name


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "No such file"),
        ("empty", "an empty file"),
        ("truncated", "a damaged one"),
        ("text", "something else"),
        ("folder", "got none ("),
        ("suffix", ".png, .jpg"),
    ],
)
@pytest.mark.parametrize("role", ["ref", "mov", "--reference-mask", "--moving-mask"])
def test_unreadable_image(folder: Folder, role: str, kind: str, reason: str) -> None:
    name = spoil(kind)
    words = {"ref": ("align", name, "mov.png"), "mov": ("align", "ref.png", name)}.get(
        role, (*PAIR, role, name)
    )
    assert_misuse(folder, (*words, *ALL_OUTPUTS), f"error: {name}: expected", reason)


def test_truncated_tiff_is_reported_once(folder: Folder) -> None:
    write_image("cut.tif", np.zeros((40, 50), dtype=np.uint8))
    Path("cut.tif").write_bytes(Path("cut.tif").read_bytes()[:8])
    assert_misuse(folder, ("align", "cut.tif", "mov.png"), "cut.tif: expected")


def test_forbidden_image(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with unprivileged_folder() as home:
        monkeypatch.chdir(home)
        write_views()
        Path("ref.png").chmod(0o000)
        run = folder.run(*PAIR, *ALL_OUTPUTS)
        assert (run.code, run.out) == (1, "")
        assert run.err.startswith("error: ref.png: expected")
        assert "Permission denied" in run.err
        assert {p.name for p in home.iterdir()} == {"ref.png", "mov.png"}


def bad_image(kind: str) -> Any:
    """Return an array that is no image to align."""
    image = np.random.default_rng(0).uniform(0, 255, (40, 50))
    return {
        "one row": image[:1],
        "one column": image[:, :1],
        "no rows": image[:0],
        "color": np.stack([image] * 3, axis=-1),
        "complex": image + 1j,
        "object": image.astype(object),
        "text": image.astype(str),
        "only NaN": np.full_like(image, np.nan),
        "one line": image[0],
        "stack": image[None, None],
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("one row", "one column", "no rows", "color", "complex"),
        *("object", "text", "only NaN", "one line", "stack"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_arrays_that_are_no_images(folder: Folder, kind: str, place: int) -> None:
    np.save("bad.npy", bad_image(kind), allow_pickle=True)
    pair = ["ref.png", "mov.png"]
    pair[place] = "bad.npy"
    assert_misuse(folder, ("align", *pair, *ALL_OUTPUTS[2:]), ": expected ")


def test_pages_are_counted(folder: Folder) -> None:
    import tifffile

    stack = np.zeros((3, 40, 50), dtype=np.uint8)
    tifffile.imwrite("stack.tif", stack, photometric="minisblack")
    words = ("align", "stack.tif", "mov.png", *ALL_OUTPUTS)
    assert_misuse(folder, words, "stack.tif: expected one image, got 3")


@pytest.mark.parametrize("role", ["--reference-mask", "--moving-mask"])
@pytest.mark.parametrize("kind", ["shape", "all masked", "negative", "NaN", "jpeg"])
def test_masks_of_no_use(folder: Folder, role: str, kind: str) -> None:
    shape = (64, 80) if role == "--reference-mask" else (70, 90)
    name = "mask.npy"
    mask: Any = np.ones(shape)
    if kind == "shape":
        mask = np.ones((7, 9))
    elif kind == "all masked":
        mask = np.zeros(shape, dtype=np.uint8)
    elif kind == "negative":
        mask[3, 4] = -1
    elif kind == "NaN":
        mask[3, 4] = np.nan
    else:
        name, mask = "mask.jpg", np.zeros(shape, dtype=np.uint8)
    write_image(name, mask)
    assert_misuse(folder, (*PAIR, role, name, *ALL_OUTPUTS), ": expected ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.txt", None),
        ("empty.txt", ""),
        ("words.txt", "one two three"),
        ("ragged.txt", "1 0 0\n0 1\n0 0 1"),
        ("shape.txt", "1 0\n0 1"),
        ("singular.txt", "1 0 0\n0 0 0\n0 0 1"),
        ("nan.txt", "1 0 nan\n0 1 0\n0 0 1"),
        ("turned.txt", "0 -1 0\n1 0 0\n0 0 1"),
        ("image.txt", b"\x89PNG\r\n"),
        ("cut.json", '{"warp": {"mat'),
        ("other.json", '{"matrix": [1]}'),
        ("list.json", "[1, 2]"),
        ("null.json", '{"warp": {"matrix": null}}'),
        ("text.npy", "1 0 0"),
        ("empty.npy", ""),
    ],
)
def test_starts_of_no_use(
    folder: Folder, name: str, content: str | bytes | None
) -> None:
    if isinstance(content, bytes):
        Path(name).write_bytes(content)
    elif content is not None:
        Path(name).write_text(content)
    assert_misuse(folder, (*PAIR, "--init", name, *ALL_OUTPUTS), ": expected ")


# --- Output files ---------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-o", "--report", "--json"])
def test_output_folder_is_missing(folder: Folder, option: str) -> None:
    words = (*PAIR, *ALL_OUTPUTS, option, "missing/out.png")
    assert_misuse(folder, words, "missing/out.png: expected a folder", "No such file")


@pytest.mark.parametrize("option", ["-o", "--report", "--json"])
def test_output_folder_is_read_only(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    with unprivileged_folder() as home:
        monkeypatch.chdir(home)
        write_views()
        home.chmod(0o555)
        words = (*PAIR, option, "out.png")
        here = replace(folder, path=home)
        assert_misuse(here, words, "out.png: expected a folder", "Permission denied")


@pytest.mark.parametrize("option", ["-o", "--report", "--json"])
def test_output_is_a_folder(folder: Folder, option: str) -> None:
    Path("taken.png").mkdir()
    assert_misuse(folder, (*PAIR, option, "taken.png"), "got a folder")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("-o", "mov.png"), "mov.png"),
        (("-o", "./ref.png"), "ref.png"),
        (("-o", "out.png", "--report", "out.png"), "out.png"),
        (("--reference-mask", "m.png", "-o", "m.png"), "m.png"),
        (("--init", "s.json", "--json", "s.json"), "s.json"),
    ],
)
def test_no_file_is_used_twice(
    folder: Folder, words: tuple[str, ...], name: str
) -> None:
    assert_misuse(folder, (*PAIR, *words), f"{name}: expected a file of its own")


@pytest.mark.parametrize(
    ("dtype", "name", "reason"),
    [
        ("float32", "out.png", "got float32"),
        ("uint16", "out.jpg", "got uint16"),
        ("uint8", "out.gif", "got '.gif'"),
        ("uint8", "out", "got none of them"),
    ],
)
def test_format_cannot_hold_the_result(
    folder: Folder, dtype: str, name: str, reason: str
) -> None:
    write_views(dtype, ".npy")
    words = ("align", "ref.npy", "mov.npy", "-o", name, "--json", "out.json")
    assert_misuse(folder, words, f"{name}: expected", reason)


def test_misuse_is_found_before_the_work(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        pytest.fail("the images were aligned")

    monkeypatch.setattr("photalign.align", never)
    for words in (
        ("-o", "missing/out.png"),
        ("-o", "out.gif"),
        ("--init", "missing.txt"),
        ("--moving-mask", "missing.png"),
    ):
        assert_misuse(folder, (*PAIR, *words))
