"""The searches for a start: candidates, refined and compared on small images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from photalign._pair import Pair
from photalign.initialization.candidates import Candidate, Judge
from photalign.initialization.coarse import SmallImage, SmallPairs
from photalign.initialization.fourier_mellin import turns
from photalign.initialization.grid import grid
from photalign.initialization.turned import Shifted, Turning
from photalign.warps import Euclidean, MatrixWarp, Similarity, Translation

_Found = tuple[Shifted, str]
"""A warp, and the search that it comes from."""

SEARCHES = ("phase", "fourier_mellin", "grid")

# Images that are smaller show nothing to search for.
_LEAST_SIDE = 8
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


class Searches:
    """The searches of a pair, each made when it is first asked for."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._made: dict[type[MatrixWarp], Search] = {}

    @cached_property
    def _pairs(self) -> SmallPairs:
        return SmallPairs(self._pair)

    def of(self, model: type[MatrixWarp]) -> Search:
        """Return the search for a model; more than a similarity is not searched for."""
        searched = model if model in (Translation, Euclidean) else Similarity
        if searched not in self._made:
            self._made[searched] = Search(self._pairs, searched)
        return self._made[searched]


class Search:
    """Finds candidates for the start of one model; the optimizer finds the rest."""

    def __init__(self, pairs: SmallPairs, model: type[MatrixWarp]) -> None:
        self.model = model
        self._pairs = pairs
        self._found_by: dict[tuple[str, ...], list[Candidate]] = {}

    @cached_property
    def judge(self) -> Judge:
        """What refines and compares candidates."""
        return Judge(self._pairs.pair, self._pairs.at_most(_REFINED))

    def at_identity(self) -> Candidate:
        """Return where the identity leads to, in images small enough to cost little."""
        judge = Judge(self._pairs.pair, self._pairs.at_most(_SHIFTED))
        return judge.refined(self.model.identity(), "identity")

    def by(self, *names: str) -> list[Candidate]:
        """Return candidates from some of `SEARCHES`, the best first.

        What takes longer is tried where nothing before it is convincing.
        """
        if names not in self._found_by:
            self._found_by[names] = self._searched(names)
        return self._found_by[names]

    def _searched(self, names: Sequence[str]) -> list[Candidate]:
        found: list[Candidate] = []
        if all(_can_be_found(image) for image in self.judge.small.images):
            for candidate in self._candidates(names):
                found.append(candidate)
                if candidate.is_convincing:
                    break
        return sorted(found, key=lambda candidate: -candidate.significance)

    def _candidates(self, names: Sequence[str]) -> Iterator[Candidate]:
        for factor in (1, _FINER):
            yield from self._refined_best(self._found(names, factor))
        if "grid" in names:
            for found in self._grid():
                yield self._refined(found, "grid")

    def _refined_best(self, found: Iterable[_Found]) -> Iterator[Candidate]:
        """Refine what is outstanding, and then the best of the rest."""
        rest = []
        for shifted, source in found:
            if shifted.peak.significance > _OUTSTANDING:
                yield self._refined(shifted, source)
            else:
                rest.append((shifted, source))
        rest.sort(key=lambda one: -one[0].peak.significance)
        for shifted, source in rest[:_REFINEMENTS]:
            yield self._refined(shifted, source)

    def _found(self, names: Sequence[str], factor: int) -> Iterator[_Found]:
        """Yield warps that were found on images larger by a factor."""
        level = self._pairs.at_most(_SHIFTED * factor).level
        turning = Turning(self._pairs, level)
        uses_spectra = "fourier_mellin" in names
        if "phase" in names or (uses_spectra and self.model is Translation):
            for shifted in turning.peaks(0.0, 1.0, _SHIFTS):
                yield shifted, "phase"
        if not uses_spectra or self.model is Translation:
            return
        for angle, scale in turns(
            self._pairs.at_most(_REFINED * factor),
            _TURNS if factor == 1 else _MORE_TURNS,
            with_scale=self.model is Similarity,
        ):
            for shifted in turning.peaks(angle, scale, 1):
                yield shifted, "fourier_mellin"

    def _grid(self) -> Iterator[Shifted]:
        return grid(
            self._pairs,
            _GRID,
            with_rotation=self.model is not Translation,
            with_scale=self.model is Similarity,
        )

    def _refined(self, shifted: Shifted, source: str) -> Candidate:
        return self.judge.refined(self.model(shifted.matrix), source)


def _can_be_found(image: SmallImage) -> bool:
    return min(image.shape) >= _LEAST_SIDE and bool(image.detail.any())
