"""Peak memory of aligning two images of 20 megapixels, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from benchmarks.table import Row

SIZE = (5472, 3648)
"""Columns and rows, as OpenCV wants them."""
MAX_RATIO = 4.0


def rows(peers: bool) -> Iterator[Row]:
    """Measure photalign and, if asked, OpenCV."""
    with tempfile.TemporaryDirectory() as folder:
        paths = _write_images(Path(folder))
        for method in ["photalign", "OpenCV ECC-MS"][: 2 if peers else 1]:
            child = [sys.executable, "-m", "benchmarks.one_alignment", method, *paths]
            done = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
            cost = float(done.stdout)
            ours = method == "photalign"
            yield Row(
                task="memory for two 20-megapixel images",
                method=method,
                cost=cost,
                unit="x images",
                target=f"{MAX_RATIO:g}," if ours else "",
                met=cost < MAX_RATIO if ours else None,
            )


def _write_images(folder: Path) -> list[str]:
    photograph = cv2.resize(data.retina()[300:1100, 100:1300, 1], SIZE)
    motion = np.array([[1.001, 0.002, 6.0], [-0.002, 0.999, -4.0]])
    paths = []
    for name, image in [
        ("reference.npy", photograph),
        ("moving.npy", cv2.warpAffine(photograph, motion, SIZE)),
    ]:
        noise = np.random.default_rng(len(paths)).integers(0, 8, image.shape, np.uint8)
        np.save(folder / name, cv2.add(image, noise))
        paths.append(str(folder / name))
    return paths
