"""One step is the oracle's however the samples lie in the moving image.

Samples of neighboring pixels are read in other ways where they lie side by side, in
few columns, over several rows, or anywhere, and at the edges. There are no weights
here, since pixels without have a way of their own.
"""

from __future__ import annotations

import numpy as np
import pytest

import photalign as pa
from oracles import TAPS, Estimate, Problem
from photalign import _core
from photalign.synthetic import corner_error
from photalign.warps import WARPS
from scenes import views, waves

SHAPE = (96, 170)
METHODS = ("forward", "inverse", "esm")


def about_center(linear, shift=(0.37, -0.61), perspective=(0.0, 0.0)):
    """Return the matrix that maps the center to itself, but for a shift."""
    center = np.eye(3)
    center[:2, 2] = (SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = shift
    matrix[2, :2] = perspective
    return center @ matrix @ np.linalg.inv(center)


def turned(degrees, scale=1.0):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return scale * np.array([[cos, -sin], [sin, cos]])


LAYOUTS = {
    "on the pixels": about_center(np.eye(2), shift=(3, -2)),
    "side by side": about_center(np.eye(2)),
    "over two rows": about_center(turned(2)),
    "over three rows": about_center(turned(8)),
    "over four rows": about_center(turned(-11)),
    "over many rows": about_center(turned(45)),
    "down a column": about_center(turned(90)),
    "upside down": about_center(turned(180)),
    "mirrored": about_center(np.diag([-1.0173, 0.9921])),
    "close together": about_center(turned(3, 0.4)),
    "far apart": about_center(turned(-3, 1.8)),
    "mostly outside": about_center(turned(1), shift=(90, 40)),
    "in perspective": about_center(turned(2), perspective=(2e-4, -3e-4)),
    "in strong perspective": about_center(turned(5), perspective=(4e-3, 2e-3)),
}


def scene(matrix, rng):
    """Return two noisy views of which the moving one is a little off `matrix`."""
    off = np.eye(3)
    off[:2, 2] = 0.3, -0.2
    truth = pa.Homography(matrix @ off)
    return views(waves(rng), truth, SHAPE, noise=1.0, rng=rng)


@pytest.fixture(params=_core.available_variants())
def variant(request):
    before = _core.variant()
    assert _core.use_variant(request.param)
    yield request.param
    _core.use_variant(before)


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("kernel", TAPS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_step_is_the_oracles(layout, kernel, rng):
    matrix = LAYOUTS[layout]
    kind = "homography" if "perspective" in layout else "affine"
    method = METHODS[rng.integers(3)]
    reference, moving = scene(matrix, rng)
    oracle = Problem(
        reference=reference, moving=moving, kind=kind, kernel=kernel, method=method
    )
    expected = oracle.stepped(oracle.begin(matrix))
    found = pa.align(
        reference,
        moving,
        kind,
        init=matrix,
        kernel=kernel,
        method=method,
        min_overlap=0.02,
        pyramid=pa.Pyramid(levels=1),
        solver=pa.GaussNewton(max_steps=1, step_tol=1e-9),
    )
    assert [step.accepted for step in found.trace] == [True]
    assert corner_error(found.warp, WARPS[kind](expected.matrix), SHAPE) < 2e-5


@pytest.mark.usefixtures("variant")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pixel_that_is_no_number_takes_its_footprint_away(layout, rng):
    """And nothing else: the overlap is that of the oracle, which adds up all taps."""
    reference, moving = scene(LAYOUTS[layout], rng)
    for image in reference, moving:
        image[rng.integers(SHAPE[0], size=9), rng.integers(SHAPE[1], size=9)] = np.nan
    found = pa.align(
        reference,
        moving,
        "homography",
        init=LAYOUTS[layout],
        kernel="bspline3_direct",
        min_overlap=0.02,
        pyramid=pa.Pyramid(levels=1),
        solver=pa.GaussNewton(max_steps=1, step_tol=1e-9),
    )
    oracle = Problem(reference=reference, moving=moving, kernel="bspline3_direct")
    residual, *_ = oracle.compare(Estimate(found.warp.matrix))
    usable = np.isfinite(oracle.target()[0]).sum()
    assert found.overlap == pytest.approx(
        np.isfinite(residual).sum() / usable, abs=1e-9
    )
