"""Alignments from a start that is near, or from one that is searched for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from photalign._pair import Pair
from photalign.initialization.candidates import Candidate
from photalign.initialization.functions import fitted
from photalign.initialization.search import SEARCHES, Search, Searches
from photalign.results import Alignment, Status
from photalign.warps import FunctionWarp, MatrixWarp, Similarity

# Images that correlate so well under a warp need no other one.
_AGREEING = 0.95
# Details that correlate so well do, too: less is left of them by occlusions and noise,
# much less by a local optimum.
_MATCHING = 0.5
# Images of more pixels are first tried on small ones, since an attempt that fails takes
# several times as long as one that does not.
_MANY_PIXELS = 1 << 19
# Images that match with this probability do so where they are.
_MATCHED = 0.9
# One of many starts may match by chance; it has to be surer than one that was given.
_SURE = 0.8
# A candidate replaces a result that converged if it is so much more significant.
_CLEARLY = 1.2
_ATTEMPTS = 2


def align_from_anywhere(
    pair: Pair,
    identity: MatrixWarp | FunctionWarp,
    searches: Searches,
) -> Alignment:
    """Align from the identity, and if that does not lead to the truth from elsewhere.

    Parameters
    ----------
    pair : Pair
        The images.
    identity : MatrixWarp or FunctionWarp
        The identity in the model.
    searches : Searches
        Of the pair; what was found for another model is not searched for again.

    Returns
    -------
    Alignment
        That from the identity, unless one from elsewhere is `ok` and better.
    """
    is_large = min(view[..., 0].size for view in pair.views) > _MANY_PIXELS
    first = None if is_large else pair.solve(identity, "identity")
    if first is not None and (_is_trusted(first) if first.ok else _is_open(first)):
        return first
    search = _search(searches, identity)
    here = _at_identity(search, first)
    if here is not None and here.correlation >= _MATCHING:
        first = first or pair.solve(identity, "identity")
        if first.ok:
            return first
    # A result that converged is not doubted so much that the grid is worth its time.
    names = SEARCHES[:2] if first is not None and first.ok else SEARCHES
    for start, source in _other_starts(pair, identity, search.by(*names), here):
        other = pair.solve(start, source)
        is_found = other.ok and other.confidence > _SURE
        if is_found and (
            first is None or not first.ok or _is_better(search, other, here)
        ):
            return other
    return first or pair.solve(identity, "identity")


def align_by(
    pair: Pair,
    identity: MatrixWarp | FunctionWarp,
    search: str,
    searches: Searches,
) -> Alignment:
    """Align from the best start that one search finds, or else from the identity.

    Parameters
    ----------
    pair : Pair
        The images.
    identity : MatrixWarp or FunctionWarp
        The identity in the model.
    search : {"phase", "fourier_mellin", "grid"}
        Which one.
    searches : Searches
        Of the pair.
    """
    for candidate in _search(searches, identity).by(search)[:1]:
        start = _start_at(candidate, pair, identity)
        if start is not None and candidate.significance > 0:
            return pair.solve(start, search)
    return pair.solve(identity, "identity")


def _search(searches: Searches, identity: MatrixWarp | FunctionWarp) -> Search:
    if isinstance(identity, FunctionWarp):
        return searches.of(Similarity)
    return searches.of(type(identity))


def _is_trusted(result: Alignment) -> bool:
    return result.correlation >= _AGREEING or isinstance(result.warp, FunctionWarp)


def _is_open(result: Alignment) -> bool:
    """Tell whether images match, and only parameters of the warp are left open.

    Of many starts one would end where the noise happens to determine them.
    """
    is_undetermined = result.status is Status.TOO_LITTLE_TEXTURE
    return is_undetermined and result.confidence > _MATCHED


def _at_identity(search: Search, first: Alignment | None) -> Candidate | None:
    """Return where the identity leads to in the small images, if anywhere."""
    if first is None:
        return search.at_identity()
    if first.ok and isinstance(first.warp, MatrixWarp):
        return search.judge.judged(first.warp, "identity")
    return None


def _other_starts(
    pair: Pair,
    identity: MatrixWarp | FunctionWarp,
    found: list[Candidate],
    here: Candidate | None,
) -> Iterator[tuple[MatrixWarp | FunctionWarp, str]]:
    """Yield the best candidates that are far from each other."""
    seen: list[Candidate] = []
    least = 0.0 if here is None else _CLEARLY * here.significance
    for candidate in found:
        if len(seen) == _ATTEMPTS or candidate.significance < least:
            return
        if not candidate.is_plausible:
            return
        if any(_are_near(candidate, other, pair) for other in seen):
            continue
        seen.append(candidate)
        start = _start_at(candidate, pair, identity)
        if start is not None:
            yield start, candidate.source


def _start_at(
    candidate: Candidate, pair: Pair, identity: MatrixWarp | FunctionWarp
) -> MatrixWarp | FunctionWarp | None:
    """Return a candidate as a start of the model, None if the model cannot hold it."""
    if isinstance(identity, FunctionWarp):
        return fitted(identity, candidate.warp, pair.views[0].shape)
    return type(identity)(candidate.warp.matrix)


def _are_near(one: Candidate, other: Candidate, pair: Pair) -> bool:
    shape = pair.views[0].shape
    moved = one.warp.corners(shape) - other.warp.corners(shape)
    return bool(np.abs(moved).max() < 0.05 * max(shape[:2]))


def _is_better(search: Search, other: Alignment, here: Candidate | None) -> bool:
    if here is None or not isinstance(other.warp, MatrixWarp):
        return here is None
    there = search.judge.judged(other.warp, other.initialization)
    return bool(there.significance > here.significance)
