"""Problems whose starts are far away: views of photographs, turned, scaled, shifted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scenes import photograph
from photalign.synthetic import corner_error, view
from photalign.warps import Affine, MatrixWarp, Similarity, Translation, Warp

PHOTOGRAPHS = (
    *("retina", "hubble_deep_field", "astronaut", "camera", "rocket"),
    *("stereo_motorcycle", "moon", "immunohistochemistry"),
)
TEXTURES = ("gravel", "brick", "grass")
"""Photographs that repeat themselves."""

LEAST_VISIBLE = 0.6
"""Share of the reference that the moving image shows, at least."""
LARGEST_SHIFT = 0.45
"""In both directions, of the side of the image."""

_ROOM = {"similarity": 2.9, "translation": 1.55}
"""How many references fit into a photograph side by side."""


@dataclass(frozen=True, kw_only=True)
class FarPair:
    """Two views of a photograph; the rest of the moving one shows other parts."""

    reference: NDArray[np.uint8]
    moving: NDArray[np.uint8]
    truth: MatrixWarp

    def error(self, found: Warp) -> float:
        """RMS distance of the corners, px."""
        return corner_error(found, self.truth, self.reference.shape)


def similarities(
    count: int, names: Sequence[str] = PHOTOGRAPHS, side: int = 160, noise: float = 2.0
) -> Iterator[FarPair]:
    """Draw any rotation, scales from 0.5 to 2, and shifts that leave enough visible.

    A moving image that is scaled up is larger, so that it can show the reference.
    """
    for seed in range(count):
        rng = np.random.default_rng([7, seed])
        name = names[seed % len(names)]
        while True:
            scale = 2 ** rng.uniform(-1, 1)
            other = round(side * max(1.0, scale))
            truth = _similarity(scale, rng, side, other)
            if visible(truth, side, other) < LEAST_VISIBLE:
                continue
            made = _views(name, "similarity", truth, (side, other), rng)
            if made is not None:
                break
        yield _recorded(made, truth, 1.0, noise, rng)


def translations(
    count: int, names: Sequence[str] = PHOTOGRAPHS, side: int = 200
) -> Iterator[FarPair]:
    """Draw shifts up to 45 % of the image along x and y, 10 % gain and noise of 5."""
    for seed in range(count):
        rng = np.random.default_rng([8, seed])
        shift = rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2) * side
        truth = Translation.from_params(shift)
        name = names[seed % len(names)]
        made = _views(name, "translation", truth, (side, side), rng)
        assert made is not None
        yield _recorded(made, truth, 1.1, 5.0, rng)


def visible(truth: MatrixWarp, side: int, other: int) -> float:
    """Return the share of the reference that the moving image shows."""
    line = np.linspace(0, side - 1, 40)
    points = truth(np.stack(np.meshgrid(line, line), axis=-1))
    return float(((points >= 0) & (points <= other - 1)).all(axis=-1).mean())


def _similarity(
    scale: float, rng: np.random.Generator, side: int, other: int
) -> Similarity:
    turn = Similarity.from_params([scale, rng.uniform(-np.pi, np.pi), 0, 0])
    middle, end = np.full(2, (side - 1) / 2), np.full(2, (other - 1) / 2)
    shift = end + rng.uniform(-0.6, 0.6, 2) * side * scale - turn(middle)
    return Similarity.from_params([*turn.params[:2], *shift])


def _views(
    name: str,
    kind: str,
    truth: MatrixWarp,
    sides: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Render both views at a random place, None if they fit nowhere."""
    scene = photograph(name)
    height, width = scene.image.shape[:2]  # type: ignore[union-attr]
    scale = min(height, width) / (sides[0] * _ROOM[kind])
    for _ in range(20 if kind == "similarity" else 2000):
        corner = rng.uniform(0, 1, 2) * (width, height) - scale * sides[0] / 2
        first = Affine([[scale, 0, corner[0]], [0, scale, corner[1]]])
        windows = first, first @ truth.inverse()
        ends = np.concatenate(
            [w.corners((n, n)) for w, n in zip(windows, sides, strict=True)]
        )
        limits = np.array([width, height]) - 1 - scale
        if (ends >= scale).all() and (ends <= limits).all():
            reference, moving = (
                view(scene, w, (n, n)) for w, n in zip(windows, sides, strict=True)
            )
            return reference, moving
    return None


def _recorded(
    views: tuple[NDArray[Any], NDArray[Any]],
    truth: MatrixWarp,
    gain: float,
    noise: float,
    rng: np.random.Generator,
) -> FarPair:
    reference, moving = (
        np.rint(clean / factor + rng.normal(0, noise, clean.shape)).clip(0, 255)
        for clean, factor in zip(views, (1.0, gain), strict=True)
    )
    return FarPair(
        reference=reference.astype(np.uint8),
        moving=moving.astype(np.uint8),
        truth=truth,
    )
