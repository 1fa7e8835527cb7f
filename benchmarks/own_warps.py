"""Time of alignments by a user's warp, beside built-in ones and OpenCV's."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import LowLevelCallable

import photalign
from benchmarks import problems
from benchmarks.peers import Method, solve_ecc
from benchmarks.problems import Problem
from benchmarks.table import Row
from benchmarks.timing import Timing, in_turn
from photalign.warps import FunctionWarp

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
POINTS = 40_000

TRACED = "NumPy"
IN_PYTHON = "NumPy, trace=False"
COMPILED = 'compiled callback, "forward"'
BUILT_IN = "built-in"
FORWARD = 'built-in, "forward"'
ECC = "OpenCV ECC"
MAX_OF_ECC = 1.0
MAX_OF_FORWARD = 3.0
MAX_NS = {"values": 1.5, "values and derivatives": 5.0}

SOURCE = """
#include <stdint.h>

void homography(double *restrict p, intptr_t n, double *restrict xy,
                double *restrict mapped, double *restrict jacobian) {
  for (intptr_t i = 0; i < n; ++i) {
    const double x = xy[2 * i], y = xy[2 * i + 1];
    const double inverse = 1 / (p[6] * x + p[7] * y + 1);
    const double u = (p[0] * x + p[1] * y + p[2]) * inverse;
    const double v = (p[3] * x + p[4] * y + p[5]) * inverse;
    const double a = x * inverse, b = y * inverse;
    const double by[2][8] = {{a, b, inverse, 0, 0, 0, -u * a, -u * b},
                             {0, 0, 0, a, b, inverse, -v * a, -v * b}};
    mapped[2 * i] = u;
    mapped[2 * i + 1] = v;
    for (int k = 0; k < 8; ++k) {
      jacobian[16 * i + k] = by[0][k];
      jacobian[16 * i + 8 + k] = by[1][k];
    }
  }
}
"""


def homography(p: NDArray[np.float64], xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points as a user would write it."""
    x, y = xy[..., 0], xy[..., 1]
    depth = p[6] * x + p[7] * y + 1
    u = (p[0] * x + p[1] * y + p[2]) / depth
    v = (p[3] * x + p[4] * y + p[5]) / depth
    return np.stack([u, v], axis=-1)


def rows(count: int) -> Iterator[Row]:
    """Measure everything, with ``count`` problems or repetitions."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _whole_calls(count, _compiled(Path(folder)))
    yield from _evaluations(count)
    yield from _tracing(count)


def _compiled(folder: Path) -> FunctionWarp | None:
    """Return the warp in C, if there is a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "homography.c", folder / "homography.so"
    source.write_text(SOURCE)
    options = ("-O3", "-march=native", "-shared", "-fPIC")
    subprocess.run([compiler, *options, str(source), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).homography
    doubles = ctypes.POINTER(ctypes.c_double)
    function.argtypes = [doubles, ctypes.c_ssize_t, doubles, doubles, doubles]
    function.restype = None
    return photalign.warp(LowLevelCallable(function), IDENTITY)


def _whole_calls(count: int, compiled: FunctionWarp | None) -> Iterator[Row]:
    """The median over the problems of the accuracy task, three calls for each."""
    in_numpy, slow = (
        photalign.warp(homography, IDENTITY, trace=trace) for trace in (True, False)
    )
    models: dict[str, tuple[FunctionWarp | str, str]] = {
        TRACED: (in_numpy, "auto"),
        IN_PYTHON: (slow, "auto"),
        BUILT_IN: ("homography", "auto"),
        FORWARD: ("homography", "forward"),
    }
    if compiled is not None:
        models[COMPILED] = (compiled, "forward")
    times: dict[str, list[float]] = {name: [] for name in (*models, ECC)}
    for problem in problems.plain("homography", count):
        calls: dict[str, Callable[[], object]] = {
            name: partial(_align, problem, *model) for name, model in models.items()
        }
        calls[ECC] = partial(Method(name=ECC, solve=solve_ecc).try_on, problem)
        for name, taken in in_turn(calls, repeats=3).items():
            times[name].append(float(np.median(taken)))
    medians = {name: Timing.of(taken).median for name, taken in times.items()}
    limits = {
        TRACED: (f"{MAX_OF_ECC:g} x ECC,", MAX_OF_ECC * medians[ECC]),
        COMPILED: (
            f"{MAX_OF_FORWARD:g} x {FORWARD},",
            MAX_OF_FORWARD * medians[FORWARD],
        ),
    }
    for name, taken in times.items():
        timing = Timing.of(taken) * 1e3
        target, limit = limits.get(name, ("", None))
        yield Row(
            task="whole call, own homography",
            method=name,
            cost=timing.median,
            unit="ms",
            quartiles=timing.quartiles,
            times_ours=medians[name] / medians[TRACED],
            target=target,
            met=None if limit is None else medians[name] <= limit,
        )


def _align(problem: Problem, model: FunctionWarp | str, method: str) -> object:
    return photalign.align(
        problem.pair.reference, problem.pair.moving, model, method=method, threads=1
    )


def _evaluations(count: int) -> Iterator[Row]:
    """A homography of 8 parameters at many points, without an image."""
    points = np.random.default_rng(0).uniform(0, 200, (POINTS, 2))
    mapped = np.empty_like(points)
    planes = np.empty((len(IDENTITY), 2, POINTS), np.float32)
    params = np.array(IDENTITY)
    warps = {
        name: photalign.warp(homography, IDENTITY, trace=trace).compiled
        for name, trace in ((TRACED, True), (IN_PYTHON, False))
    }
    for task, jacobian in (("values", None), ("values and derivatives", planes)):
        calls = {
            name: partial(warp.map, params, points, mapped, jacobian)
            for name, warp in warps.items()
        }
        times = in_turn(calls, repeats=count)
        ours = Timing.of(times[TRACED]).median
        for name, taken in times.items():
            timing = Timing.of(taken) * (1e9 / POINTS)
            limit = MAX_NS[task] if name == TRACED else None
            yield Row(
                task=f"own homography, {task}",
                method=name,
                cost=timing.median,
                unit="ns/point",
                quartiles=timing.quartiles,
                times_ours=Timing.of(taken).median / ours,
                target=f"{limit:g}," if limit else "",
                met=timing.median <= limit if limit else None,
            )


def _tracing(count: int) -> Iterator[Row]:
    """What is spent once, when the warp is made: the record, and its comparison."""
    calls = {
        f"photalign.warp, {name}": partial(
            photalign.warp, homography, IDENTITY, trace=trace
        )
        for name, trace in ((TRACED, True), (IN_PYTHON, False))
    }
    for name, taken in in_turn(calls, repeats=count).items():
        timing = Timing.of(taken) * 1e3
        yield Row(
            task="making the warp",
            method=name,
            cost=timing.median,
            unit="ms",
            quartiles=timing.quartiles,
        )
