"""How often the methods find the warp, and how close they come to the bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import problems
from benchmarks.peers import METHODS, PHOTALIGN, Method
from benchmarks.problems import Problem
from benchmarks.table import Row

CONVERGED = 0.5
"""A problem is solved if the RMS corner error is below this, in pixels."""
POOLED = "accuracy, affine and homography"
MAX_RATIOS = {POOLED: 1.15, "accuracy, translation": 1.3}
"""Error in units of the bound, for tasks that are held to more than `MAX_RATIO`."""
MAX_RATIO = 1.5
MORE_PROBLEMS = 4
"""The accuracy that is held to the most is measured on so many times the problems."""

TASKS: dict[str, Callable[[str, int], Iterator[Problem]]] = {
    "gain 1.2, bias 15": problems.brighter,
    "occluder of 20 %": problems.occluded,
    "masked band of 80 px": problems.masked,
}


def rows(count: int) -> Iterator[Row]:
    """Try every method on every task that it can take."""
    yield from _plain(MORE_PROBLEMS * count)
    for task, make in TASKS.items():
        for kind in ("affine", "homography"):
            given = list(make(kind, count))
            for method in METHODS:
                if method.masks:
                    yield _row(f"{task}, {kind}", method, _tried(method, given))


def _plain(count: int) -> Iterator[Row]:
    """Nothing but motion and noise, each kind of warp, then two of them as one."""
    pooled: dict[str, list[Trial]] = {}
    for kind in ("translation", "affine", "homography"):
        given = list(problems.plain(kind, count))
        for method in METHODS:
            if kind not in method.kinds:
                continue
            trials = _tried(method, given)
            if kind != "translation":
                pooled.setdefault(method.name, []).extend(trials)
            yield _row(f"accuracy, {kind}", method, trials)
    for method in METHODS:
        if {"affine", "homography"} <= set(method.kinds):
            yield _row(POOLED, method, pooled[method.name])


@dataclass(frozen=True)
class Trial:
    """What a method did on a problem, in pixels."""

    error: float
    """RMS corner error; infinite if there is no result."""
    bound: float


def _tried(method: Method, given: Sequence[Problem]) -> list[Trial]:
    tried = given[: method.max_problems]
    return [Trial(_error(method, problem), problem.bound) for problem in tried]


def _row(task: str, method: Method, trials: Sequence[Trial]) -> Row:
    solved = [trial for trial in trials if trial.error < CONVERGED]
    squares = [(trial.error / trial.bound) ** 2 for trial in solved]
    ratio = float(np.sqrt(np.mean(squares))) if solved else None
    most = MAX_RATIOS.get(task, MAX_RATIO)
    ours = method is PHOTALIGN
    met = len(solved) == len(trials) and ratio is not None and ratio <= most
    return Row(
        task=task,
        method=method.name,
        converged=(len(solved), len(trials)),
        ratio=ratio,
        target=f"all, {most}," if ours else "",
        met=met if ours else None,
    )


def _error(method: Method, problem: Problem) -> float:
    estimate = method.try_on(problem)
    error = np.inf if estimate is None else problem.pair.error(estimate)
    return np.inf if np.isnan(error) else error
