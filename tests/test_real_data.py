"""Real images with known motion, beside the project; skipped where they are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import photalign as pa
from photalign.io import read_image
from photalign.synthetic import corner_error
from photalign.warps import Affine, Euclidean, Homography, Translation

DATA = Path(__file__).parents[2] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the images are not here")
PHOTOMETRIC = pytest.mark.parametrize("model", ["gain_bias", "normalized"])


def shift(x, y):
    return Translation.from_params([x, y])


def rotation(degrees, center):
    """Turn counter-clockwise as seen on the screen, where y goes down."""
    angle = -np.deg2rad(degrees)
    about = Euclidean.from_params([angle, 0, 0])(center)
    return Euclidean.from_params([angle, *(np.asarray(center) - about)])


# Speckle images of mechanics: DICe, DIC Challenge


@pytest.mark.parametrize("pixels", [1, 5])
@pytest.mark.parametrize("kind", ["translation", "affine", "homography"])
@pytest.mark.parametrize("kernel", ["auto", "linear", "bspline3"])
def test_shift_by_whole_pixels(pixels, kind, kernel):
    reference = read_image(DATA / "dice_pixel_shift/ref.tif")
    moving = read_image(DATA / f"dice_pixel_shift/def_{pixels}.tif")
    found = pa.align(reference, moving, kind, kernel=kernel)
    assert found.ok
    assert corner_error(found.warp, shift(pixels, pixels), reference.shape) < 0.01


@pytest.mark.parametrize("degrees", [20, 40])
@pytest.mark.parametrize("off", [0, -4, 4])
def test_rotated_specimen(degrees, off):
    reference = read_image(DATA / "dice_rotation/CG_000.tif")
    moving = read_image(DATA / f"dice_rotation/CG_{degrees:03d}.tif")
    start = rotation(degrees + off, (126, 126))
    found = pa.align(reference, moving, "euclidean", init=start)
    assert found.ok
    assert np.rad2deg(found.warp.params[0]) == pytest.approx(-degrees, abs=0.05)


@PHOTOMETRIC
@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("Sample5-000_X0.00_Y0.00_N2_C75_R10.tif", 0.0),
        ("Sample5-001_X0.10_Y0.10_N2_C100_R20.tif", 0.1),
    ],
)
def test_speckle_of_other_contrast(name, truth, model):
    reference = read_image(DATA / "dic_challenge_5/Sample5_Reference.tif")
    moving = read_image(DATA / "dic_challenge_5" / name)
    found = pa.align(reference, moving, "translation", brightness=model)
    assert found.ok
    np.testing.assert_allclose(found.warp.params, truth, atol=0.02)


# Photographs: graffiti, noise, exposure


@pytest.mark.parametrize(
    ("model", "loss", "off"),
    [
        ("gain_bias", "squared", (0, 0)),
        ("gain_bias", "robust", (20, 0)),
        ("normalized", "huber", (-12, 16)),
        ("normalized", "squared", (20, 0)),
    ],
)
def test_wall_seen_from_two_places(model, loss, off):
    """The truth was measured by hand, to about a pixel."""
    reference = read_image(DATA / "oxford_graf/img1.png")
    moving = read_image(DATA / "oxford_graf/img2.png")
    truth = Homography(np.loadtxt(DATA / "oxford_graf/H1to2p"))
    found = pa.align(
        reference,
        moving,
        "homography",
        init=shift(*off) @ truth,
        brightness=model,
        loss=loss,
    )
    moved = found.warp.corners(reference.shape) - truth.corners(reference.shape)
    assert found.ok
    assert np.linalg.norm(moved, axis=1).max() < 2


@PHOTOMETRIC
@pytest.mark.parametrize("kind", ["translation", "affine"])
def test_strong_noise(kind, model):
    """Noise of 35 grey levels, clipped at 0 and 255, in one of the two images."""
    reference, moving = (
        np.asarray(Image.open(DATA / f"kaze_iguazu/img{n}.pgm")) for n in (1, 3)
    )
    start = shift(3, -2)
    found = pa.align(reference, moving, kind, init=start, brightness=model)
    assert found.ok
    error = corner_error(found.warp, start.identity(), reference.shape)
    assert error < 0.1
    assert error < 5 * np.linalg.norm(found.corner_std, axis=1).max()


def log_exposure(name):
    """Return log intensity, and which pixels are neither blue border nor clipped."""
    image = read_image(DATA / "memorial" / name)
    usable = (image.min(axis=-1) > 4) & (image.max(axis=-1) < 250)
    return np.log1p(image.mean(axis=-1)), usable


@PHOTOMETRIC
@pytest.mark.parametrize(("name", "bar"), [("0063", 0.1), ("0067", 0.15)])
def test_exposures_of_a_church(name, bar, model):
    """Four times the light apart; registered by hand to about 0.1 px."""
    reference, reference_mask = log_exposure("memorial0065.png")
    moving, moving_mask = log_exposure(f"memorial{name}.png")
    found = pa.align(
        reference,
        moving,
        "translation",
        brightness=model,
        loss="robust",
        reference_mask=reference_mask,
        moving_mask=moving_mask,
    )
    assert found.ok
    assert np.linalg.norm(found.warp.params) < bar


def exposure(name):
    """Return an exposure as it was stored, and where no blue frame was painted."""
    image = read_image(DATA / "memorial" / name)
    return image, ~(image == [0, 0, 255]).all(axis=-1)


@pytest.mark.parametrize("options", [{"brightness": "local"}, {"features": "census"}])
@pytest.mark.parametrize(
    "names", [("0063", "0065"), ("0065", "0067"), ("0063", "0067")]
)
def test_exposures_as_they_are(names, options):
    """Up to sixteen times the light, clipped at both ends, from 20 px away."""
    (reference, one), (moving, other) = (exposure(f"memorial{n}.png") for n in names)
    found = pa.align(
        reference,
        moving,
        "translation",
        init=shift(16, -12),
        reference_mask=one,
        moving_mask=other,
        **options,
    )
    assert found.ok
    assert np.linalg.norm(found.warp.params) < 0.4


@pytest.mark.parametrize("features", ["orientation", "descriptor_fields"])
@pytest.mark.parametrize("scan", ["00149v", "00163v", "00458v"])
def test_plates_through_color_filters(scan, features):
    """Blue to green to red to blue leads back; there is no other truth."""
    plates = read_image(DATA / f"prokudin_gorskii/{scan}.jpg")
    height, width = plates.shape[0] // 3, plates.shape[1]
    blue, green, red = (
        plates[k * height + 28 : (k + 1) * height - 28, 32 : width - 32]
        for k in range(3)
    )
    way = Affine.identity()
    for reference, moving in ((blue, green), (green, red), (red, blue)):
        found = pa.align(reference, moving, features=features)
        assert found.ok
        way = found.warp @ way
    assert corner_error(way, Affine.identity(), blue.shape) < 0.5


# Stacks: microscopy, astronomy


@pytest.mark.parametrize("frame", [1, 2, 3, 4])
def test_cells_drift_as_a_peer_says(frame):
    """The peer's frames are its result; how far they were moved is measured here."""
    frames = read_stack(DATA / "pystackreg_pc12/pc12-unreg.tif")
    registered = read_stack(DATA / "pystackreg_pc12/pc12-reg-translation.tif")
    drift = np.zeros(2)
    for k in range(frame):
        step = pa.align(frames[k], frames[k + 1], "translation")
        assert step.ok
        drift += step.warp.params
    peer = pa.align(
        registered[frame],
        frames[frame],
        "translation",
        init=shift(*drift),
        reference_mask=registered[frame] > 0,
    )
    np.testing.assert_allclose(drift, peer.warp.params, atol=0.5)


def read_stack(path):
    tifffile = pytest.importorskip("tifffile")
    return tifffile.imread(path)


def read_fits(path):
    """Read the pixels of a simple FITS file: big-endian, with an offset of 2^15."""
    raw = path.read_bytes()
    cards = [raw[i : i + 80].decode("latin-1") for i in range(0, len(raw), 80)]
    end = next(i for i, card in enumerate(cards) if card.split() == ["END"])
    fields = dict(card.split("/")[0].split("=") for card in cards[:end] if "= " in card)
    header = {name.strip(): value.strip() for name, value in fields.items()}
    shape = int(header["NAXIS2"]), int(header["NAXIS1"])
    start = -(-(end + 1) * 80 // 2880) * 2880
    pixels = np.frombuffer(raw, ">i2", shape[0] * shape[1], start).reshape(shape)
    return pixels + float(header["BZERO"])


def without_bands(image):
    """Clip hot pixels, and subtract the medians of rows and columns."""
    clipped = np.clip(image, *np.percentile(image, [0.5, 99.8]))
    clipped -= np.median(clipped, axis=1, keepdims=True)
    return clipped - np.median(clipped, axis=0, keepdims=True)


@PHOTOMETRIC
def test_stars_over_fixed_pattern_noise(model):
    """The pattern stays where it is while the stars drift; smoothing lets them win."""
    ndimage = pytest.importorskip("scipy.ndimage")
    frames = [
        ndimage.gaussian_filter(without_bands(read_fits(path)), 4)
        for path in sorted((DATA / "m13_fits").glob("*.fits"))
    ]
    found = pa.align(*frames, "translation", init=shift(-24, 4), brightness=model)
    assert found.ok
    assert corner_error(found.warp, shift(-24.6, 3.8), frames[0].shape) < 1


@pytest.mark.parametrize(
    ("angle_deg", "shift"),
    [(0.0, (50.0, 0.0)), (0.0, (0.0, -50.0)), (10.0, (20.0, 0.0))],
)
def test_capture_range_that_the_readme_states(angle_deg, shift):
    """A tenth of a photograph's side, or a turn of ten degrees, needs no start."""
    image = skimage.data.camera()
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    truth = pa.Euclidean([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])
    moving = pa.resample(image, truth.inverse())
    mask = pa.resample(np.ones(image.shape, bool), truth.inverse())
    found = pa.align(image, moving, "euclidean", moving_mask=mask)
    assert found.ok
    assert (
        np.abs(found.warp.corners(image.shape) - truth.corners(image.shape)).max() < 0.1
    )


# Starts that are searched for


@pytest.mark.parametrize("init", ["auto", "phase", "grid"])
@pytest.mark.parametrize("kind", ["translation", "similarity", "affine"])
def test_sectors_with_masks_are_far_apart(kind, init):
    """By scikit-image, whose test this is, they are 75 px apart in both directions."""
    reference, moving = (
        read_image(DATA / f"skimage_masked_shift/{name}X75Y75.png")
        for name in ("Original", "Transformed")
    )
    found = pa.align(
        reference,
        moving,
        kind,
        init=init,
        reference_mask=reference != 0,
        moving_mask=moving != 0,
    )
    assert found.ok
    assert corner_error(found.warp, shift(75, -75), reference.shape) < 0.01


@pytest.mark.parametrize("init", ["phase", "grid"])
def test_raw_stars_are_found_behind_their_pattern(init):
    """As they come from the camera, bands and hot pixels fit best at no shift."""
    frames = [read_fits(path) for path in sorted((DATA / "m13_fits").glob("*.fits"))]
    found = pa.align(*frames, "translation", init=init)
    assert found.initialization == init
    assert corner_error(found.initial, shift(-24.6, 3.8), frames[0].shape) < 6


@pytest.mark.parametrize("degrees", [20, 40])
def test_rotated_specimen_needs_no_start(degrees):
    reference = read_image(DATA / "dice_rotation/CG_000.tif")
    moving = read_image(DATA / f"dice_rotation/CG_{degrees:03d}.tif")
    found = pa.align(reference, moving, "euclidean")
    assert found.ok
    assert np.rad2deg(found.warp.params[0]) == pytest.approx(-degrees, abs=0.05)
