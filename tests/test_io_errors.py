"""An image file that cannot be read or written says why, and nothing is left behind."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from photalign.io import ImageFileError, read_image, write_image
from pictures import folder_contents, texture
from unprivileged import unprivileged_folder

# --- What cannot be read --------------------------------------------------------------


def assert_unreadable(path: Path, *words: str) -> None:
    with pytest.raises(ImageFileError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected ")
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
def test_unreadable_files_say_why(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert_unreadable(path, "No such file")
    path.touch()
    assert_unreadable(path, "an empty file")
    path.write_bytes(b"These are words, not pixels.")
    assert_unreadable(path, "something else")
    path.unlink()
    path.mkdir()
    assert_unreadable(path, "got none (")


@pytest.mark.parametrize("name", ["a.gif", "a", "png"])
def test_unknown_suffix_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert_unreadable(tmp_path / name, ".png, .jpg, .jpeg, .tif, .tiff, .npy")


def test_wrong_suffix_says_the_right_one(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg", texture((5, 7), "uint8"))
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert_unreadable(tmp_path / "a.png", "got a JPEG file; name it .jpg")


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", "uint16"), (".jpg", "uint8"), (".tif", "float32"), (".npy", "uint8")],
)
def test_truncated_file_is_never_read(tmp_path: Path, suffix: str, dtype: str) -> None:
    path = tmp_path / f"a{suffix}"
    image = texture((20, 30, 3), dtype)
    write_image(path, image)
    whole = path.read_bytes()
    before = read_image(path)
    for size in {*range(1, len(whole), 37), len(whole) - 20}:
        path.write_bytes(whole[:size])
        assert_unreadable(path)
    # The end mark alone may be missing, if all pixels are there.
    path.write_bytes(whole[:-1])
    with contextlib.suppress(ImageFileError):
        np.testing.assert_array_equal(read_image(path), before)


def test_truncated_tiff_with_its_index_in_front(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    image = texture((64, 64), "uint8")
    tifffile.imwrite(path, image, tile=(16, 16), compression="zlib")
    whole = path.read_bytes()
    for size in range(1, len(whole) - 1, 97):
        path.write_bytes(whole[:size])
        assert_unreadable(path)


def test_damaged_png_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_image(path, texture((20, 30, 3), "uint16"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert_unreadable(path, "a damaged one")


def test_file_without_permission() -> None:
    with unprivileged_folder() as folder:
        (folder / "a.png").touch(mode=0o000)
        assert_unreadable(folder / "a.png", "Permission denied")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5), dtype=np.complex128),
        np.zeros(4),
        np.zeros((2, 3, 4, 5)),
        np.array([["a", "b"]]),
        np.zeros((4, 5), dtype=[("x", float)]),
    ],
    ids=lambda a: f"{a.dtype.kind}{a.shape}",
)
def test_npy_that_is_no_image(tmp_path: Path, array: NDArray[Any]) -> None:
    np.save(tmp_path / "a.npy", array)
    assert_unreadable(tmp_path / "a.npy", "real numbers", str(array.shape))


def test_pickles_are_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[print]], dtype=object), allow_pickle=True)
    assert_unreadable(tmp_path / "a.npy", "allow_pickle=False")


# --- What cannot be written -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "image", "reason"),
    [
        ("a.png", np.zeros((4, 5)), r"got float64; \.tif, \.npy would hold it"),
        ("a.png", np.zeros((4, 5), dtype=bool), "got bool"),
        ("a.png", np.zeros((4, 5, 2), dtype=np.uint8), "1 or 3 channels.*got 2"),
        ("a.png", np.zeros((4, 5, 4), dtype=np.uint8), "1 or 3 channels.*got 4"),
        ("a.jpg", np.zeros((4, 5), dtype=np.uint16), r"got uint16; \.png, \.tif"),
        ("a.jpg", np.zeros((4, 5), dtype=np.float32), "got float32"),
        ("a.tif", np.zeros((4, 5), dtype=np.complex64), "real numbers, got complex64$"),
        ("a.tif", np.zeros((2, 3, 4, 5)), r"got shape \(2, 3, 4, 5\)"),
        ("a.npy", np.array([[None]]), "real numbers, got object"),
        ("a.gif", np.zeros((4, 5), dtype=np.uint8), "name that ends in .*got '.gif'"),
    ],
)
def test_format_that_cannot_hold_it_is_refused(
    tmp_path: Path, name: str, image: NDArray[Any], reason: str
) -> None:
    with pytest.raises(ImageFileError, match=reason):
        write_image(tmp_path / name, image)
    assert folder_contents(tmp_path) == set()


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"missing.*No such file"):
        write_image(tmp_path / "missing" / "a.png", texture((5, 7), "uint8"))


def test_read_only_folder_is_named() -> None:
    with unprivileged_folder() as folder:
        locked = folder / "locked"
        locked.mkdir(mode=0o555)
        with pytest.raises(ImageFileError, match=r"locked.*Permission denied"):
            write_image(locked / "a.png", texture((5, 7), "uint8"))
        assert folder_contents(locked) == set()


def test_folders_and_devices_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(ImageFileError, match="got a folder"):
        write_image(tmp_path / "a.png", texture((5, 7), "uint8"))
    (tmp_path / "null.npy").symlink_to(os.devnull)
    with pytest.raises(ImageFileError, match="got a device"):
        write_image(tmp_path / "null.npy", texture((5, 7), "uint8"))
    assert folder_contents(tmp_path) == {"a.png", "null.npy"}


@pytest.mark.parametrize("failure", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_interrupted_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    path = tmp_path / "a.npy"
    write_image(path, texture((5, 7), "uint8"))

    def half(file: io.BufferedWriter, *_: Any, **__: Any) -> None:
        file.write(b"half")
        raise failure

    monkeypatch.setattr(np, "save", half)
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OSError
    with pytest.raises(expected):
        write_image(path, texture((5, 7), "float32"))
    assert folder_contents(tmp_path) == {"a.npy"}
    np.testing.assert_array_equal(read_image(path), texture((5, 7), "uint8"))
