"""Fit the confidence of an alignment to pairs that match and pairs that do not.

    python -m tools.fit_confidence [PAIRS] [FOLDER...]

prints the coefficients of `confidence_of` in core/src/agreement.cpp, and how often
they are wrong on pairs that they were not fitted to. Photographs are those of
scikit-image, and gray or color PNG files of the folders. The core has to be compiled
with a `confident` of -1 in core/src/align.cpp, or what it refuses is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks import honesty_pairs
from benchmarks.honesty_pairs import Trial
from numpy.typing import NDArray

import photalign
from photalign import Sampler, Status
from photalign.io import read_image
from photalign.warps import Translation

Floats = NDArray[np.float64]

SIDES = (24, 32, 48, 64, 96, 128, 200, 64, 96, 128, 200)
TRIES = 4
"""Starts for each pair that does not match, or that is too far off."""
RIGHT, WRONG = 1.5, 3.0
WEIGHT_OF_FAR = 4.0
"""What matches in half of the image is rare here, and what a search looks for."""
RIDGE = 1e-3


def features(found: photalign.Alignment) -> list[float]:
    """Return what the confidence is made of; see agreement.cpp."""
    grounds = found._grounds
    deviation = grounds.deviation / max(found.reference.shape[:2])
    certain = np.clip(deviation, 3e-4, 0.1) if np.isfinite(deviation) else 0.1
    few = 8 / (8.1 + grounds.blocks)
    unexplained = np.log(grounds.unexplained + 0.003)
    return [
        unexplained,
        grounds.correlation,
        grounds.fine_correlation,
        np.log(grounds.blocks + 0.1),
        np.log(np.clip(found.overlap, 1e-3, 0.9)),
        np.log(certain),
        few * unexplained,
        few * grounds.correlation,
        few * grounds.fine_correlation,
        few,
    ]


def examples(trials: Iterator[Trial], seed: int) -> tuple[Floats, Floats, Floats]:
    """Return features, whether the warp is right, and weights."""
    rng = np.random.default_rng(seed)
    rows, right, weights = [], [], []
    for trial in trials:
        side = trial.reference.shape[0]
        can_match = trial.truth is not None and trial.name != "far"
        for k in range(1 if can_match else TRIES):
            start = rng.uniform(-0.3, 0.3, 2) * side if k else np.zeros(2)
            found = photalign.align(
                trial.reference,
                trial.moving,
                trial.kind,
                init=Translation.from_params(start),
                brightness=trial.brightness,
                loss=trial.loss,
            )
            error = trial.error(found.warp)
            is_open = RIGHT <= error < WRONG or (
                trial.name == "inverted" and error < WRONG
            )
            is_candidate = found.status is Status.CONVERGED and found.correlation > 0
            if is_candidate and not is_open:
                rows.append(features(found))
                right.append(error < RIGHT)
                far = trial.name == "far" and error < RIGHT
                weights.append(WEIGHT_OF_FAR if far else 1.0)
    return np.array(rows), np.array(right, dtype=float), np.array(weights)


def fit(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return slopes and offset of a logistic regression, by Newton's method."""
    middle, size = x.mean(axis=0), x.std(axis=0)
    scaled = np.column_stack([(x - middle) / size, np.ones(len(x))])
    penalty = RIDGE * len(x) * np.append(np.ones(x.shape[1]), 0)
    found = np.zeros(scaled.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-scaled @ found))
        gradient = scaled.T @ (weights * (y - p)) - penalty * found
        curvature = scaled.T @ (scaled * (weights * p * (1 - p))[:, None])
        found += np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
    slopes = found[:-1] / size
    return slopes, float(found[-1] - slopes @ middle)


def photographs(folders: list[str]) -> list[Sampler] | None:
    """Return scenes of the files in the folders, or None for scikit-image's."""
    scenes = []
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.png")):
            image = np.asarray(read_image(path), dtype=np.float64)
            gray = image[..., :3].mean(axis=-1) if image.ndim == 3 else image
            if min(gray.shape) >= 230:
                scenes.append(Sampler(16 + 0.85 * gray, kernel="bspline3"))
    return scenes or None


def main(pairs: int, folders: list[str]) -> None:
    """Fit to two draws of pairs, each judged by the other."""
    honesty_pairs.SIDES = SIDES
    draws = [
        examples(honesty_pairs.trials(pairs, seed, scenes), seed)
        for seed, scenes in ((41, None), (42, photographs(folders)))
    ]
    for fitted, judged in (draws, draws[::-1]):
        slopes, offset = fit(*fitted)
        x, y, _ = judged
        p = 1 / (1 + np.exp(-(x @ slopes + offset)))
        for threshold in (0.6, 0.75, 0.9):
            refused = np.sum((p <= threshold) & (y > 0))
            wrong = np.sum((p > threshold) & (y == 0))
            print(
                f"above {threshold}: {refused} of {int(y.sum())} right ones refused, "
                f"{wrong} of {int(len(y) - y.sum())} wrong ones taken"
            )
    slopes, offset = fit(*(np.concatenate(parts) for parts in zip(*draws, strict=True)))
    print(np.round(slopes, 3), round(offset, 3))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000, sys.argv[2:])
