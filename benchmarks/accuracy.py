"""How often the methods find the warp, and how close they come to the bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks import problems
from benchmarks.peers import METHODS, PHOTALIGN, Method
from benchmarks.problems import Problem
from benchmarks.table import Row

CONVERGED = 0.5
"""A problem is solved if the RMS corner error is below this, in pixels."""
MAX_RATIO = 1.5

TASKS: dict[str, Callable[[str, int], Iterator[Problem]]] = {
    "accuracy": problems.plain,
    "gain 1.2, bias 15": problems.brighter,
    "occluder of 20 %": problems.occluded,
    "masked band of 80 px": problems.masked,
}


def rows(count: int) -> Iterator[Row]:
    """Try every method on every task that it can take."""
    for task, make in TASKS.items():
        for kind in ("affine", "homography"):
            given = list(make(kind, count))
            for method in METHODS:
                if kind in method.kinds and (method.masks or task == "accuracy"):
                    yield _row(f"{task}, {kind}", method, given)


def _row(task: str, method: Method, given: Sequence[Problem]) -> Row:
    tried = given[: method.max_problems]
    errors = np.array([_error(method, problem) for problem in tried])
    bounds = np.array([problem.bound for problem in tried])
    solved = errors < CONVERGED
    squares = (errors[solved] / bounds[solved]) ** 2
    ratio = float(np.sqrt(squares.mean())) if solved.any() else None
    ours = method is PHOTALIGN
    return Row(
        task=task,
        method=method.name,
        converged=(int(solved.sum()), len(tried)),
        ratio=ratio,
        target=f"all, {MAX_RATIO}," if ours else "",
        met=bool(solved.all() and squares.mean() <= MAX_RATIO**2) if ours else None,
    )


def _error(method: Method, problem: Problem) -> float:
    """RMS corner error in pixels; infinite if there is no result."""
    estimate = method.try_on(problem)
    error = np.inf if estimate is None else problem.pair.error(estimate)
    return np.inf if np.isnan(error) else error
