"""Real pairs of images with known motion, where they lie beside the project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.modalities import ModalPair, off_by
from photalign.io import read_image
from photalign.warps import Affine, Homography, MatrixWarp, Translation

DATA = Path(__file__).parents[2] / "shared" / "data"
_IDENTITY = Translation.identity()


def exposures(count: int) -> Iterator[ModalPair]:
    """Three exposures of a church, two and four stops apart, registered by hand."""
    images = {n: read_image(DATA / f"memorial/memorial00{n}.png") for n in (63, 65, 67)}
    # A blue frame was painted around them.
    masks = {n: ~(image == [0, 0, 255]).all(axis=-1) for n, image in images.items()}
    for seed in range(count):
        for one, other in ((65, 63), (65, 67), (63, 67), (67, 63)):
            yield ModalPair(
                reference=images[one],
                moving=images[other],
                kind="translation",
                truth=_IDENTITY,
                start=_start(images[one], _IDENTITY, (5, 20)[seed % 2], seed),
                reference_mask=masks[one],
                moving_mask=masks[other],
            )


def wall(count: int) -> Iterator[ModalPair]:
    """A painted wall from four places; the published homographies are a pixel exact."""
    reference = read_image(DATA / "oxford_graf/img1.png")
    for seed in range(count):
        for other in (2, 3, 4):
            truth = Homography(np.loadtxt(DATA / f"oxford_graf/H1to{other}p"))
            yield ModalPair(
                reference=reference,
                moving=read_image(DATA / f"oxford_graf/img{other}.png"),
                kind="homography",
                truth=truth,
                start=off_by(truth, reference.shape, 20, "homography", seed),
                within=1.5,
            )


def noise(count: int) -> Iterator[ModalPair]:
    """One photograph, in the other image under noise of 35 grey levels."""
    from PIL import Image

    reference, moving = (
        np.asarray(Image.open(DATA / f"kaze_iguazu/img{n}.pgm")) for n in (1, 3)
    )
    for seed in range(count):
        yield ModalPair(
            reference=reference,
            moving=moving,
            kind="affine",
            truth=Affine.identity(),
            start=off_by(_IDENTITY, reference.shape, 20, "affine", seed),
        )


def speckle(count: int) -> Iterator[ModalPair]:
    """Speckle of another contrast, shifted by a tenth of a pixel."""
    folder = DATA / "dic_challenge_5"
    reference = read_image(folder / "Sample5_Reference.tif")
    moving = read_image(folder / "Sample5-001_X0.10_Y0.10_N2_C100_R20.tif")
    truth = Translation.from_params([0.1, 0.1])
    for seed in range(count):
        yield ModalPair(
            reference=reference,
            moving=moving,
            kind="affine",
            truth=Affine(truth.matrix),
            start=off_by(truth, reference.shape, 10, "affine", seed),
        )


def plates() -> Iterator[list[NDArray[np.generic]]]:
    """Glass plates of one scene through blue, green and red filters."""
    for path in sorted((DATA / "prokudin_gorskii").glob("*.jpg")):
        scan = read_image(path)
        height, width = scan.shape[0] // 3, scan.shape[1]
        # Frames of the plates are not the scene.
        rows, columns = height // 12, width // 12
        yield [
            scan[k * height + rows : (k + 1) * height - rows, columns:-columns]
            for k in range(3)
        ]


def _start(
    image: NDArray[np.generic], truth: MatrixWarp, distance: float, seed: int
) -> MatrixWarp:
    return off_by(truth, image.shape, distance, "translation", seed)
