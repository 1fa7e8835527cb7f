"""Candidates for the start: refined on small images, and told apart there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from photalign._pair import Pair
from photalign._types import FloatArray
from photalign.brightness import Normalized
from photalign.features import FEATURES
from photalign.initialization._detail import evened, local_detail, without_bands
from photalign.initialization.coarse import SmallPair
from photalign.kernels import ALIGNMENT_KERNELS
from photalign.losses import Huber, Squared
from photalign.pyramids import Pyramid
from photalign.solvers import LevenbergMarquardt
from photalign.warps import MatrixWarp

_KERNEL = ALIGNMENT_KERNELS["linear"]
_SOLVER = LevenbergMarquardt(max_steps=12, step_tol=0.05)
_PYRAMID = Pyramid()

_CONVINCING = 0.7
_CERTAIN, _PLAUSIBLE = 15.0, 8.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """A warp that may be near the truth."""

    warp: MatrixWarp
    """Between the images at full resolution."""
    source: str
    """The search that it comes from."""
    correlation: float
    """Of details, over the overlap, -1 to 1."""
    overlap: float
    """Share of the reference's valid pixels."""
    significance: float
    """Fisher's transform of the correlation times the root of the pixels it is of."""

    @property
    def is_convincing(self) -> bool:
        """Whether there is no need to look for a better one."""
        return self.correlation >= _CONVINCING and self.significance >= _CERTAIN

    @property
    def is_plausible(self) -> bool:
        """Whether it is more than chance."""
        return self.significance >= _PLAUSIBLE


class Judge:
    """Refines warps on the images of one level, and compares them there."""

    def __init__(self, pair: Pair, small: SmallPair) -> None:
        self.small = small
        self._min_overlap = pair.min_overlap
        self._pair = replace(
            pair,
            views=(small.reference.view, small.moving.view),
            weights=(small.reference.soft_weight, small.moving.soft_weight),
            kernel=_KERNEL,
            last_kernel=_KERNEL,
            fine="esm",
            coarse="esm",
            has_instrument=False,
            brightness=Normalized(),
            features=FEATURES["intensity"],
            loss=pair.loss if isinstance(pair.loss, Squared) else Huber(),
            solver=_SOLVER,
            levels=_PYRAMID.levels_for(*(i.shape for i in small.images)),
            pixels=0,
            min_overlap=0.8 * pair.min_overlap,
            threads=1,
            progress=None,
        )

    def refined(self, start: MatrixWarp, source: str) -> Candidate:
        """Return what the optimizer makes of a start, or the start if it is better.

        Parameters
        ----------
        start : MatrixWarp
            Between the images at full resolution; its class is the model.
        source : str
            The search that it comes from.
        """
        begin = type(start)(self.small.warp_at_level(start.matrix))
        found = self._pair.solve(begin, source).warp
        assert isinstance(found, MatrixWarp)
        warp = type(found)(self.small.warp_at_full(found.matrix))
        candidate = self.judged(warp, source)
        if candidate.is_convincing:
            return candidate
        # Bands and glints draw the optimizer; the score does not see them.
        unmoved = self.judged(start, source)
        return max(candidate, unmoved, key=lambda one: one.significance)

    def judged(self, warp: MatrixWarp, source: str) -> Candidate:
        """Return a warp with what speaks for it in the small images.

        Parameters
        ----------
        warp : MatrixWarp
            Between the images at full resolution.
        source : str
            The search that it comes from.
        """
        reference = self.small.reference
        matrix = self.small.warp_at_level(warp.matrix)
        seen = self.small.moving.seen_through(matrix, reference.shape)
        weight = reference.weight * seen.weight
        total = float(weight.sum())
        share = total / max(float(reference.weight.sum()), 1.0)
        first, second = (
            evened(without_bands(local_detail(image.pixels, weight), weight), weight)
            for image in (reference, seen)
        )
        correlation = _correlation(first, second, weight)
        enough = share >= 0.8 * self._min_overlap
        return Candidate(
            warp=warp,
            source=source,
            correlation=correlation,
            overlap=share,
            significance=float(np.arctanh(correlation) * np.sqrt(total))
            if enough
            else 0.0,
        )


def _correlation(first: FloatArray, second: FloatArray, weight: FloatArray) -> float:
    total = float(weight.sum())
    if total <= 0:
        return 0.0
    first, second = (
        values - float((values * weight).sum()) / total for values in (first, second)
    )
    products = [
        float((weight * a * b).sum())
        for a, b in ((first, second), (first, first), (second, second))
    ]
    spread = float(np.sqrt(products[1] * products[2]))
    return float(np.clip(products[0] / spread, -0.999, 0.999)) if spread > 0 else 0.0
