"""The searches for a start: candidates, refined and compared on small images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from photalign._pair import Pair
from photalign.initialization.candidates import Candidate, Judge
from photalign.initialization.coarse import SmallPairs
from photalign.initialization.fourier_mellin import turns
from photalign.initialization.grid import grid
from photalign.initialization.turned import Shifted, Turning
from photalign.warps import Euclidean, MatrixWarp, Similarity, Translation

SEARCHES = ("phase", "fourier_mellin", "grid")

# Pixels on a side of the images, about: on which all shifts are correlated, spectra
# turned, and candidates refined; the second time with more of them; and of the grid's.
_SHIFTED, _REFINED = 64, 128
_FINER = 2
_GRID = 40
# Peaks to look at: shifts, and turns that spectra agree in, each with its opposite.
_SHIFTS = 3
_TURNS, _MORE_TURNS = 3, 8
# Of the warps from one list, those to refine.
_REFINEMENTS = 3
# A peak so many standard deviations above all other shifts is refined at once.
_OUTSTANDING = 9.0


class Search:
    """Finds candidates for the start of one model."""

    def __init__(self, pair: Pair, model: type[MatrixWarp]) -> None:
        # More than a similarity is not searched for; the optimizer finds the rest.
        self.model = model if model in (Translation, Euclidean) else Similarity
        self._pairs = SmallPairs(pair)

    @cached_property
    def judge(self) -> Judge:
        """What refines and compares candidates."""
        return Judge(self._pairs.pair, self._pairs.at_most(_REFINED))

    def everywhere(self) -> list[Candidate]:
        """Return candidates from all searches, the best first.

        The next search is tried where the ones before it are not convincing.
        """
        found: list[Candidate] = []
        for candidate in self._all():
            found.append(candidate)
            if candidate.is_convincing:
                break
        return _sorted(found)

    def by(self, name: str) -> list[Candidate]:
        """Return candidates from one of `SEARCHES`, the best first."""
        make = {
            "phase": self._phase,
            "fourier_mellin": self._fourier_mellin,
            "grid": self._grid,
        }[name]
        found: list[Candidate] = []
        for factor in (1,) if name == "grid" else (1, _FINER):
            for candidate in make(factor):
                found.append(candidate)
                if candidate.is_convincing:
                    return _sorted(found)
        return _sorted(found)

    def _all(self) -> Iterator[Candidate]:
        if not self._has_texture:
            return
        for factor in (1, _FINER):
            yield from self._phase(factor)
            if self.model is not Translation:
                yield from self._fourier_mellin(factor)
        yield from self._grid(1)

    @property
    def _has_texture(self) -> bool:
        return all(image.detail.any() for image in self.judge.small.images)

    def _phase(self, factor: int) -> Iterator[Candidate]:
        peaks = self._turning(factor).peaks(0.0, 1.0, _SHIFTS)
        yield from self._refined(peaks, "phase")

    def _fourier_mellin(self, factor: int) -> Iterator[Candidate]:
        if self.model is Translation:
            yield from self._phase(factor)
            return
        small = self._pairs.at_most(_REFINED * factor)
        turning = self._turning(factor)
        count = _TURNS if factor == 1 else _MORE_TURNS
        with_scale = self.model is Similarity
        kept = []
        for angle, scale in turns(small, count, with_scale=with_scale):
            for shifted in turning.peaks(angle, scale, 1):
                if shifted.peak.significance > _OUTSTANDING:
                    yield from self._refined([shifted], "fourier_mellin")
                else:
                    kept.append(shifted)
        kept.sort(key=lambda shifted: -shifted.peak.significance)
        yield from self._refined(kept[:_REFINEMENTS], "fourier_mellin")

    def _grid(self, factor: int) -> Iterator[Candidate]:
        found = grid(
            self._pairs,
            _GRID * factor,
            with_rotation=self.model is not Translation,
            with_scale=self.model is Similarity,
        )
        yield from self._refined(found, "grid")

    def _turning(self, factor: int) -> Turning:
        return Turning(self._pairs, self._pairs.at_most(_SHIFTED * factor).level)

    def _refined(self, warps: Iterable[Shifted], source: str) -> Iterator[Candidate]:
        for shifted in warps:
            yield self.judge.refined(self.model(shifted.matrix), source)


def _sorted(found: list[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda candidate: -candidate.significance)
