"""Starts that are far: how often they are found, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

import photalign
from benchmarks import far, far_peers
from benchmarks.far import FarPair
from benchmarks.scenes import photograph
from benchmarks.table import Row
from benchmarks.timing import Timing, in_turn
from photalign.synthetic import pair, random_warp
from photalign.warps import Similarity, Translation, Warp

FOUND = 0.5
"""A start is found if the RMS corner error ends below this, px."""
FOUND_BY_SHIFT = 1.0
"""The same for peers that end at whole pixels."""
FOUND_COARSELY = 10.0
"""The same for what is meant to be refined."""
MORE_PROBLEMS = 4
"""Of those that are held to a percentage, so many times as many are tried."""
LEAST_SIMILARITIES, LEAST_TRANSLATIONS = 0.98, 0.99
MAX_RATIO = 3.0
"""Of the time that one megapixel takes from a start far away, over a known one."""
MAX_NEAR = 1.02
"""Of the time that a near start takes with the search at hand, over that without."""

Solver = Callable[[FarPair], Warp]


def rows(count: int) -> Iterator[Row]:
    """Measure all of it; the number of problems is a multiple of `count`."""
    yield from _similarities(count)
    yield from _translations(count)
    yield from _textures(count)
    yield _other_scenes(count)
    yield from _megapixel(count)
    yield from _near(count)


def _similarities(count: int) -> Iterator[Row]:
    task = "any rotation, scale 0.5 to 2, 60 % visible"
    pairs = list(far.similarities(MORE_PROBLEMS * count))
    solve = partial(_ours, kind="similarity")
    yield _row(task, 'photalign, init="auto"', pairs, solve, LEAST_SIMILARITIES)
    pairs = pairs[:count]
    for init in ("fourier_mellin", "grid", "identity"):
        solve = partial(_ours, kind="similarity", init=init)
        yield _row(task, f'photalign, init="{init}"', pairs, solve)
    recipe = "scikit-image's log-polar recipe"
    peer = _peer(far_peers.skimage_log_polar)
    yield _row(task, recipe, pairs, peer, limit=FOUND_COARSELY)
    peer = _peer(far_peers.skimage_log_polar_and_ecc)
    yield _row(task, f"{recipe}, then OpenCV ECC-MS", pairs, peer)


def _translations(count: int) -> Iterator[Row]:
    task = "shift up to 45 %, 10 % gain, noise 5"
    pairs = list(far.translations(MORE_PROBLEMS * count))
    for init in ("auto", "phase", "identity"):
        solve = partial(_ours, kind="translation", init=init, brightness="gain_bias")
        least = LEAST_TRANSLATIONS if init == "auto" else None
        yield _row(task, f'photalign, init="{init}"', pairs, solve, least)
    peers = {
        "scikit-image, phase correlation": far_peers.skimage_phase,
        "scikit-image, masked correlation": far_peers.skimage_masked,
        "OpenCV, phaseCorrelate": far_peers.opencv_phase,
    }
    for name, solve_peer in peers.items():
        peer = _peer(solve_peer)
        yield _row(task, name, pairs[:count], peer, limit=FOUND_BY_SHIFT)


def _textures(count: int) -> Iterator[Row]:
    """Photographs that repeat themselves have no goal; some have no answer."""
    pairs = list(far.similarities(count, names=far.TEXTURES))
    task = "the same of gravel, brick and grass"
    for init in ("auto", "identity"):
        solve = partial(_ours, kind="similarity", init=init)
        yield _row(task, f'photalign, init="{init}"', pairs, solve)


def _other_scenes(count: int) -> Row:
    """Pair views of different photographs; all of them should be refused."""
    pairs = list(far.similarities(count))
    tried = refused = 0
    for first, second in zip(pairs, pairs[3:] + pairs[:3], strict=True):
        for kind in ("translation", "affine"):
            found = photalign.align(first.reference, second.moving, kind, threads=1)
            tried, refused = tried + 1, refused + (not found.ok)
    return Row(
        task="views of different scenes",
        method='photalign, init="auto", refused',
        converged=(refused, tried),
        target="all",
        met=refused == tried,
    )


def _megapixel(count: int) -> Iterator[Row]:
    scene, side = photograph("retina"), 1000
    starts = {
        "1 MP, shifted by 300 and -200 px": Translation.from_params([300, -200]),
        "1 MP, turned by 170 degrees": _about_middle(side, 170, 1.0, (-30, 80)),
        "1 MP, turned by -60 degrees, scale 0.9": _about_middle(
            side, -60, 0.9, (40, 25)
        ),
    }
    for task, truth in starts.items():
        is_shift = isinstance(truth, Translation)
        views = pair(
            scene,
            truth,
            (side, side),
            center=(600, 790) if is_shift else (705, 705),
            scale=0.75,
            noise=2,
        )
        align = partial(
            photalign.align, views.reference, views.moving, "similarity", threads=1
        )
        found = align()
        calls = {
            "known": partial(align, init=found.initial),
            "far": align,
        }
        times = {
            name: Timing.of(taken) * 1e3
            for name, taken in in_turn(calls, repeats=max(5, count // 3)).items()
        }
        ratio = times["far"].median / times["known"].median
        solved = views.error(found.warp) < FOUND
        yield _timed(task, "photalign, known start", times["known"], 1.0)
        yield _timed(
            task,
            f'photalign, init="auto" ({found.initialization})',
            times["far"],
            ratio,
            target=f"{MAX_RATIO:g} x,",
            met=ratio <= MAX_RATIO and solved,
        )


def _near(count: int) -> Iterator[Row]:
    """A near start needs no search, and should not pay for one."""
    scene = photograph("retina")
    for side, scale in ((200, 4.0), (1000, 1.2)):
        shape = (side, side)
        truth = random_warp("affine", shape, 0.02 * side, 3)
        views = pair(scene, truth, shape, center=(705, 705), scale=scale, noise=2)
        align = partial(
            photalign.align, views.reference, views.moving, "affine", threads=1
        )
        calls = {"identity": partial(align, init="identity"), "auto": align}
        repeats = 20 * count if side == 200 else count
        times = {
            name: Timing.of(taken) * 1e3
            for name, taken in in_turn(calls, repeats=repeats).items()
        }
        ratio = times["auto"].median / times["identity"].median
        task = f"near start, {side} x {side}"
        yield _timed(task, 'photalign, init="identity"', times["identity"], 1.0)
        judged = side == 200
        yield _timed(
            task,
            'photalign, init="auto"',
            times["auto"],
            ratio,
            target=f"{MAX_NEAR:g} x," if judged else "",
            met=ratio <= MAX_NEAR if judged else None,
        )


def _timed(
    task: str,
    method: str,
    timing: Timing,
    ratio: float,
    target: str = "",
    met: bool | None = None,
) -> Row:
    return Row(
        task=task,
        method=method,
        cost=timing.median,
        unit="ms",
        quartiles=timing.quartiles,
        times_ours=ratio,
        is_steady=False,
        target=target,
        met=met,
    )


def _row(
    task: str,
    method: str,
    pairs: Sequence[FarPair],
    solve: Solver,
    least: float | None = None,
    limit: float = FOUND,
) -> Row:
    errors = np.array([views.error(solve(views)) for views in pairs])
    found = errors < limit
    solved = int(found.sum())
    return Row(
        task=task,
        method=method if limit == FOUND else f"{method}, within {limit:g} px",
        converged=(solved, len(pairs)),
        error=float(np.sqrt(np.mean(errors[found] ** 2))) if solved else None,
        target="" if least is None else f"{least:.0%} found,",
        met=None if least is None else solved >= least * len(pairs),
    )


def _ours(
    views: FarPair, kind: str, init: str = "auto", brightness: str = "none"
) -> Warp:
    found = photalign.align(
        views.reference,
        views.moving,
        kind,
        init=init,
        brightness=brightness,
        threads=1,
    )
    return found.warp


def _peer(solve: Callable[..., Warp]) -> Solver:
    return lambda views: solve(views.reference, views.moving)


def _about_middle(
    side: int, degrees: float, scale: float, shift: tuple[float, float]
) -> Similarity:
    turn = Similarity.from_params([scale, np.deg2rad(degrees), 0, 0])
    middle = np.full(2, (side - 1) / 2)
    return Similarity.from_params([*turn.params[:2], *(middle - turn(middle) + shift)])
