"""Fit the confidence of an alignment to pairs that match and pairs that do not.

    python -m tools.fit_confidence [MATCHES] [FOLDER...]

prints the coefficients of `confidence_of` in core/src/agreement.cpp, and how often
they are wrong on pairs that they were not fitted to. Photographs are those of
scikit-image, and gray or color PNG files of the folders. The core has to be compiled
with a `confident` and a `least_agreement` of -1 in core/src/align.cpp, or what these
refuse is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks import honesty_pairs
from benchmarks.honesty_pairs import (
    MATCHING,
    OTHERS,
    SCENES,
    Trial,
    matching,
    other,
    scene,
    under_strong_noise,
)
from numpy.typing import NDArray

import photalign
from photalign import Sampler, Status
from photalign._grounds import Grounds
from photalign.io import read_image
from photalign.synthetic import corner_error
from photalign.warps import MatrixWarp, Translation

Floats = NDArray[np.float64]

SIDES = (24, 32, 48, 64, 96, 128, 200, 64, 96, 128, 200, 240)
TRIES = 4
"""Starts for each pair that does not match, or that is too far off."""
TRIES_OF_MATCHING = 2
OTHERS_PER_MATCH = 4
HIDDEN = 0.4
"""Share of the pairs that are also aligned behind strong noise."""
RIGHT, WRONG = 1.5, 3.0
SAME = 0.05
"""Results less than this apart, in pixels, are one."""
UNCERTAIN = 5.0
"""Standard deviation of a mapped point, px, with which no result is ok."""
WEIGHT_OF_FAR = 4.0
"""What matches in half of the image is rare here, and what a search looks for."""
WEIGHT_OF_WRONG = 2.0
"""A wrong result that is ok does more harm than a right one that is refused."""
WEIGHT_OF_HIDDEN = 0.25
UNTEXTURED = 300
"""Examples of images that show nothing, which are none of a match."""
RIDGE = 1e-3
IDENTITY = Translation.from_params([0, 0])
NO_PHOTOGRAPHS = ("depth", "invalid", "occlusions")


def features(found: photalign.Alignment) -> list[float]:
    """Return what the confidence is made of; see agreement.cpp."""
    grounds = found._grounds
    deviation = grounds.deviation / max(found.reference.shape[:2])
    return _features(grounds, found.correlation, found.overlap, deviation)


def _features(
    grounds: Grounds, correlation: float, overlap: float, deviation: float
) -> list[float]:
    certain = np.clip(deviation, 3e-4, 0.1) if np.isfinite(deviation) else 0.1
    few = 8 / (8.1 + grounds.blocks)
    unexplained = np.log(grounds.unexplained + 0.003)
    return [
        unexplained,
        unexplained**2,
        grounds.fine_correlation,
        np.log(grounds.blocks + 0.1),
        few,
        few * unexplained,
        few * grounds.fine_correlation,
        grounds.unexplained * np.log(grounds.growth + 0.03),
        grounds.unexplained * grounds.surplus,
        _fisher(max(correlation, grounds.pooled)),
        np.log(np.clip(overlap, 1e-3, 0.9)),
        np.log(certain),
    ]


def _fisher(correlation: float) -> float:
    return float(np.arctanh(np.clip(correlation, -0.98, 0.98)))


NOTHING_SEEN = Grounds(
    unexplained=1, correlation=0, fine_correlation=0, blocks=0, growth=1, surplus=0
)


def draw(
    matches: int, seed: int, photographs: list[Sampler] | None
) -> Iterator[tuple[Trial, bool]]:
    """Yield pairs, and whether strong noise was put over them."""
    rng = np.random.default_rng(seed)
    kinds = (*MATCHING, "smooth noise")

    def photograph() -> Sampler:
        if photographs is not None:
            return photographs[rng.integers(len(photographs))]
        return scene(str(rng.choice(SCENES)))

    for i in range(matches):
        pairs = [
            other(OTHERS[(OTHERS_PER_MATCH * i + k) % len(OTHERS)], rng, photograph)
            for k in range(OTHERS_PER_MATCH)
        ]
        pairs.append(matching(kinds[i % len(kinds)], rng, photograph))
        for pair in pairs:
            yield pair, False
            if rng.random() < HIDDEN:
                yield under_strong_noise(pair, rng), True


def examples(
    trials: Iterator[tuple[Trial, bool]], seed: int
) -> tuple[Floats, Floats, Floats]:
    """Return features, whether the warp is right, and weights."""
    rng = np.random.default_rng(seed)
    rows, right, weights = [], [], []
    for trial, hidden in trials:
        for found in results(trial, rng):
            error = trial.error(found.warp)
            is_open = RIGHT <= error < WRONG or (
                trial.name == "inverted" and error < WRONG
            )
            # A pattern of the sensor does match where it is.
            stays = (
                hidden and corner_error(found.warp, IDENTITY, trial.reference.shape) < 4
            )
            if is_open or (stays and not error < RIGHT):
                continue
            is_right = error < RIGHT
            rows.append(features(found))
            right.append(is_right)
            weight = WEIGHT_OF_HIDDEN if hidden else 1.0
            if not is_right:
                weight *= WEIGHT_OF_WRONG
            elif trial.name == "far":
                weight *= WEIGHT_OF_FAR
            weights.append(weight)
    return np.array(rows), np.array(right, dtype=float), np.array(weights)


def results(trial: Trial, rng: np.random.Generator) -> Iterator[photalign.Alignment]:
    """Yield where different starts end, if they end with a correlation and certain."""
    shape = trial.reference.shape
    can_match = trial.truth is not None and trial.name != "far"
    seen: list[MatrixWarp] = []
    for k in range(TRIES_OF_MATCHING if can_match else TRIES):
        start = rng.uniform(-0.3, 0.3, 2) * shape[0] if k else np.zeros(2)
        found = photalign.align(
            trial.reference,
            trial.moving,
            trial.kind,
            init=Translation.from_params(start),
            brightness=trial.brightness,
            loss=trial.loss,
        )
        if found.status is not Status.CONVERGED or not found.correlation > 0:
            continue
        assert isinstance(found.warp, MatrixWarp)
        if not found._grounds.deviation < UNCERTAIN or any(
            corner_error(found.warp, warp, shape) < SAME for warp in seen
        ):
            continue
        seen.append(found.warp)
        yield found


def with_nothing_seen(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, ...]:
    """Add images that match as a whole and show no detail: these are no match."""
    right = x[y > 0]
    chosen = right[:: max(1, len(right) // UNTEXTURED)].copy()
    blind = np.array(_features(NOTHING_SEEN, 0.0, 1.0, 0.0))
    whole = blind.size - 3
    chosen[:, :whole] = blind[:whole]
    return (
        np.concatenate([x, chosen]),
        np.concatenate([y, np.zeros(len(chosen))]),
        np.concatenate([weights, np.ones(len(chosen))]),
    )


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
    """Return one scene of each folder with pictures, or None for scikit-image's.

    Pictures in one folder often show the same scene, and would match.
    """
    scenes, seen = [], set()
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.png")):
            if path.parent in seen or path.parent.name in NO_PHOTOGRAPHS:
                continue
            image = np.asarray(read_image(path), dtype=np.float64)
            gray = image[..., :3].mean(axis=-1) if image.ndim == 3 else image
            if min(gray.shape) >= 230:
                seen.add(path.parent)
                scenes.append(Sampler(16 + 0.85 * gray, kernel="bspline3"))
    return scenes or None


def main(matches: int, folders: list[str]) -> None:
    """Fit to two draws of pairs, each judged by the other."""
    honesty_pairs.SIDES = SIDES
    draws = [
        examples(draw(matches, seed, scenes), seed)
        for seed, scenes in ((41, None), (42, photographs(folders)))
    ]
    for fitted, judged in (draws, draws[::-1]):
        slopes, offset = fit(*with_nothing_seen(*fitted))
        x, y, weights = judged
        p = 1 / (1 + np.exp(-(x @ slopes + offset)))
        hidden = np.isin(weights, np.array([1, WEIGHT_OF_WRONG]) * WEIGHT_OF_HIDDEN)
        for name, chosen in (("plain", ~hidden), ("strong noise", hidden)):
            for threshold in (0.45, 0.6, 0.75, 0.9):
                refused = np.sum((p <= threshold) & (y > 0) & chosen)
                wrong = np.sum((p > threshold) & (y == 0) & chosen)
                print(
                    f"{name}, above {threshold}: {refused} of "
                    f"{np.sum((y > 0) & chosen)} right ones refused, "
                    f"{wrong} of {np.sum((y == 0) & chosen)} wrong ones taken"
                )
    both = (np.concatenate(parts) for parts in zip(*draws, strict=True))
    slopes, offset = fit(*with_nothing_seen(*both))
    print(np.round(slopes, 3), round(offset, 3))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1600, sys.argv[2:])
