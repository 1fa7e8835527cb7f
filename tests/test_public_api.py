"""The names that other people's code relies on, and that each is documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import photalign as pa
import photalign.autodiff
import photalign.io
import photalign.synthetic
from photalign.brightness import BRIGHTNESS
from photalign.features import FEATURES
from photalign.kernels import ALIGNMENT_KERNELS, KERNELS
from photalign.losses import LOSSES
from photalign.warps import WARPS

NAMES = {
    *("align", "Alignment", "AlignmentError", "Status", "Step", "Rival"),
    *("Sampler", "resample", "image_gradients"),
    *("linearize", "Linearization", "residuals"),
    *("Warp", "Translation", "Euclidean", "Similarity", "Affine", "Homography"),
    *("warp", "Jet", "jacobian"),
    *("Squared", "Huber", "Cauchy", "Tukey", "GemanMcClure"),
    *("Plain", "GainBias", "Normalized", "Local"),
    *("GaussNewton", "LevenbergMarquardt", "Pyramid"),
}
RESULT = {
    *("warp", "status", "ok", "covariance", "corner_std", "cost", "rms", "correlation"),
    *("overlap", "iterations", "brightness", "trace", "report", "raise_if_failed"),
}
SIGNATURES = {
    pa.align: [
        *("reference", "moving", "warp", "*", "init", "method", "kernel", "loss"),
        *("brightness", "features", "solver", "pyramid", "pixels", "reference_mask"),
        "moving_mask",
        *("min_overlap", "threads", "progress"),
    ],
    pa.Sampler: [
        *("image", "kernel", "*", "boundary", "domain", "prefilter", "fill", "cval"),
        *("ndim", "scale", "spacing", "origin", "indexing"),
    ],
    pa.resample: [
        *("image", "warp", "shape", "*", "kernel", "fill", "return_mask", "threads")
    ],
    pa.warp: [
        *("function", "p0", "*", "jacobian", "backend", "param_names", "name", "trace"),
    ],
    pa.image_gradients: ["image", "method", "*", "boundary"],
    pa.linearize: [
        *("sampler", "points", "point_jacobian", "reference", "*", "weights", "loss"),
        *("gain", "bias", "brightness", "threads"),
    ],
    pa.residuals: [
        *("sampler", "warp", "reference", "points", "*", "jacobian", "weights"),
        *("gain", "bias", "brightness", "min_overlap"),
    ],
}


def public(module):
    """Return the functions and classes that a module offers."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
    }


DOCUMENTED = {
    f"{module.__name__}.{name}": value
    for module in (pa, photalign.autodiff, photalign.io, photalign.synthetic)
    for name, value in public(module).items()
}


def test_names_are_there_and_no_others():
    assert set(public(pa)) == NAMES


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__name__)
def test_arguments_have_their_names_and_order(function):
    parameters = inspect.signature(function).parameters.values()
    names = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in names:
            names.append("*")
        names.append(parameter.name)
    assert names == SIGNATURES[function]


def test_results_have_their_names():
    assert set(dir(pa.Alignment)) | set(pa.Alignment.__dataclass_fields__) >= RESULT


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_has_an_example(name):
    text = inspect.getdoc(getattr(pa, name)) or ""
    assert re.search(r"^Examples\n-{8}$", text, re.MULTILINE), "no Examples section"
    assert ">>> " in text


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_argument_is_documented(name):
    value = DOCUMENTED[name]
    text = inspect.getdoc(value) or ""
    if inspect.isfunction(value):
        for parameter in inspect.signature(value).parameters:
            assert re.search(rf"^(.*, )?\*{{0,2}}{parameter}(,.*)? : ", text, re.M)


def test_choices_are_those_of_the_design():
    assert list(WARPS) == [
        *("translation", "euclidean", "similarity", "affine", "homography")
    ]
    assert list(LOSSES) == ["squared", "huber", "cauchy", "tukey", "geman_mcclure"]
    splines = {"bspline2", "bspline3", "bspline5"}
    direct = {f"{name}_direct" for name in splines}
    others = {"nearest", "linear", "catmull_rom", "keys6"}
    assert set(KERNELS) == others | splines | direct
    assert set(ALIGNMENT_KERNELS) == set(KERNELS) - {
        *("nearest", "keys6", "bspline2", "bspline2_direct")
    }


@pytest.mark.parametrize(
    "choice", [*WARPS, *LOSSES, "robust", *ALIGNMENT_KERNELS, *BRIGHTNESS, *FEATURES]
)
def test_docstring_of_align_names_every_choice(choice):
    assert f'"{choice}"' in (inspect.getdoc(pa.align) or "")


def test_example_of_the_design_runs():
    y, x = np.mgrid[0:80, 0:96]
    reference = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    moving = 100 + 50 * np.sin(0.2 * (x - 1.5)) * np.cos(0.15 * (y + 0.5))
    result = pa.align(
        reference,
        moving,
        "homography",
        init=np.eye(3),
        brightness="gain_bias",
        loss="tukey",
        method="auto",
        kernel="auto",
        solver=pa.LevenbergMarquardt(max_steps=50, step_tol=1e-3),
        pyramid=pa.Pyramid(levels=4),
        reference_mask=np.ones(reference.shape, dtype=bool),
        moving_mask=np.ones(moving.shape, dtype=bool),
        threads=None,
    )
    assert result.ok, result.status.value
    registered = pa.resample(moving, result.warp, shape=reference.shape)
    assert np.nanmean(np.abs(registered - reference)) < 0.2


def test_version_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", pa.__version__)


HEAVY = ("matplotlib", "scipy", "skimage", "PIL", "tifffile", "typer", "rich", "jinja2")


def test_import_brings_numpy_only():
    program = f"import sys, photalign; print(set({HEAVY}) & set(sys.modules) or '')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
