"""What is in an image file comes out of it, whoever wrote it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from photalign.io import ImageFileError, read_image, read_mask, write_image
from pictures import folder_contents, texture

SHAPES = [(5, 7), (5, 7, 3)]


def pillow_file(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


# --- Reading what was written ---------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *((".png", dtype) for dtype in ("uint8", "uint16")),
        *(
            (suffix, dtype)
            for suffix in (".tif", ".npy")
            for dtype in (
                *("uint8", "uint16", "uint32", "int8", "int16", "int32", "int64"),
                *("float16", "float32", "float64"),
            )
        ),
    ],
)
def test_written_image_is_read_back_unchanged(
    tmp_path: Path, suffix: str, dtype: str, shape: tuple[int, ...]
) -> None:
    image = texture(shape, dtype)
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.dtype == image.dtype
    np.testing.assert_array_equal(back, image)
    assert folder_contents(tmp_path) == {f"a{suffix}"}


@pytest.mark.parametrize("channels", [2, 4, 5])
@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_any_number_of_channels_survives(
    tmp_path: Path, suffix: str, channels: int
) -> None:
    image = texture((5, 7, channels), "uint16")
    write_image(tmp_path / f"a{suffix}", image)
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), image)


def test_a_single_channel_is_written_as_gray(tmp_path: Path) -> None:
    image = texture((5, 7, 1), "uint8")
    write_image(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image[..., 0])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_memory_layout_does_not_matter(tmp_path: Path, suffix: str) -> None:
    image = texture((12, 14, 3), "uint16").astype(">u2")[::-2, ::2]
    image.flags.writeable = False
    write_image(tmp_path / f"a{suffix}", image)
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), image)


def test_jpeg_is_close_and_its_colors_are_not_blurred(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    image[:, 8:] = (255, 0, 0)
    write_image(tmp_path / "a.JPG", image)
    back = read_image(tmp_path / "a.JPG")
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).max() < 12


def test_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_image(tmp_path / "a.png", texture((5, 7), "uint8"))
    modes = {(tmp_path / name).stat().st_mode for name in ("plain", "a.png")}
    assert len(modes) == 1


def test_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "target.png")
    write_image(link, texture((5, 7), "uint8"))
    assert link.is_symlink()
    np.testing.assert_array_equal(
        read_image(tmp_path / "target.png"), texture((5, 7), "uint8")
    )


# --- Files of other programs ----------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_pictures_are_turned_upright(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    # Four flat quadrants of unlike brightness survive JPEG.
    seen = np.kron(np.array([[10, 90], [170, 250]]), np.ones((16, 24))).astype("uint8")
    # What the camera stores is what one sees, turned the other way.
    stored = {
        1: seen,
        2: seen[:, ::-1],
        3: seen[::-1, ::-1],
        4: seen[::-1],
        5: seen.T,
        6: np.rot90(seen, 1),
        7: seen[::-1, ::-1].T,
        8: np.rot90(seen, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"exif": exif} if suffix == ".jpg" else {}
    if suffix == ".tif":
        options = {"tiffinfo": {274: orientation}}
    path = pillow_file(
        tmp_path / f"a{suffix}",
        Image.fromarray(np.ascontiguousarray(stored)),
        **options,
    )
    back = read_image(path)
    assert back.shape == seen.shape
    assert np.abs(back.astype(int) - seen).max() < 6


def test_palettes_become_colors(tmp_path: Path) -> None:
    colors = texture((5, 7, 3), "uint8")
    palette = Image.fromarray(colors).quantize(200)
    expected = np.array(palette.convert("RGB"))
    for suffix in (".png", ".tif"):
        back = read_image(pillow_file(tmp_path / f"a{suffix}", palette))
        # TIFF stores the colors of a palette with 16 bits.
        scale = {"uint8": 1, "uint16": 256}[back.dtype.name]
        np.testing.assert_array_equal(back // scale, expected)


def png_of_depth(depth: int, width: int, rows: list[bytes]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, len(rows), depth, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def test_few_bits_are_spread_over_eight(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_of_depth(2, 4, [b"\x1b"]))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), [[0, 85, 170, 255]])


def test_cmyk_stays_four_channels(tmp_path: Path) -> None:
    image = Image.fromarray(texture((16, 16, 3), "uint8")).convert("CMYK")
    path = pillow_file(tmp_path / "a.jpg", image)
    assert read_image(path).shape == (16, 16, 4)


def test_no_image_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pillow takes large files for attacks.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for suffix in (".jpg", ".png", ".tif"):
        write_image(tmp_path / f"a{suffix}", texture((16, 16), "uint8"))
        assert read_image(tmp_path / f"a{suffix}").shape == (16, 16)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_opaque_alpha_is_dropped(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(texture((5, 7, 3), "uint8")).convert(mode[:-1])
    path = pillow_file(tmp_path / f"a{suffix}", image.convert(mode))
    np.testing.assert_array_equal(read_image(path), np.array(image))


def test_transparent_pixels_are_refused_and_counted(tmp_path: Path) -> None:
    colors = texture((5, 7, 4), "uint8")
    colors[..., 3] = 255
    colors[0, :3, 3] = 0
    path = pillow_file(tmp_path / "a.png", Image.fromarray(colors))
    with pytest.raises(ImageFileError, match=r"a\.png: .* got 3 transparent ones"):
        read_image(path)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_compressed_tiff(tmp_path: Path, compression: str, dtype: str) -> None:
    image = texture((40, 50), dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        image,
        compression=compression,
        predictor=compression != "packbits",
        tile=(16, 16),
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "minisblack", "planarconfig": "separate"},
        {"imagej": True, "metadata": {"axes": "CYX"}},
        {"ome": True, "metadata": {"axes": "CYX"}},
    ],
)
def test_channels_come_last_however_they_are_stored(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    image = texture((20, 30, 5), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(image, -1, 0), **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


def test_small_copies_in_a_tiff_do_not_count(tmp_path: Path) -> None:
    image = texture((40, 50), "uint16")
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(image, metadata=None)
        tiff.write(image[::4, ::4], subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


@pytest.mark.parametrize(
    ("shape", "options", "count"),
    [
        ((4, 20, 30), {"photometric": "minisblack"}, 4),
        ((4, 20, 30), {"imagej": True, "metadata": {"axes": "TYX"}}, 4),
        ((2, 20, 30, 3), {"photometric": "rgb"}, 2),
        ((16, 20, 30), {"volumetric": True, "tile": (16, 16, 16)}, 16),
    ],
)
def test_several_pages_are_refused_and_counted(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], count: int
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", texture(shape, "uint8"), **options)
    with pytest.raises(ImageFileError, match=f"expected one image, got {count};"):
        read_image(tmp_path / "a.tif")


def test_image_libraries_are_loaded_when_needed() -> None:
    slow = {"PIL", "tifffile", "imagecodecs"}
    code = f"import photalign.io, sys; sys.exit(len({slow} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- Masks ----------------------------------------------------------------------------


@pytest.mark.parametrize("used", [1, 255])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_mask_is_what_is_not_zero(
    tmp_path: Path, used: int, channels: tuple[int, ...]
) -> None:
    image = np.zeros((5, 7, *channels), dtype=np.uint8)
    image[2, 3] = used
    write_image(tmp_path / "m.png", image)
    mask = read_mask(tmp_path / "m.png")
    assert mask.dtype == np.bool_
    assert np.argwhere(mask).tolist() == [[2, 3]]


def test_float_mask_is_weights(tmp_path: Path) -> None:
    weights = np.linspace(0, 1, 35).reshape(5, 7)
    write_image(tmp_path / "m.npy", weights)
    np.testing.assert_array_equal(read_mask(tmp_path / "m.npy"), weights)


def test_jpeg_is_no_mask(tmp_path: Path) -> None:
    write_image(tmp_path / "m.jpg", texture((5, 7), "uint8"))
    with pytest.raises(ImageFileError, match="without losses, got JPEG"):
        read_mask(tmp_path / "m.jpg")
