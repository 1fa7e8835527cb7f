"""photalign and its peers behind one face: a problem in, a warp out, one thread.

Every method gets the same two uint8 images and starts at the identity. Where a method
has no robust loss, brightness model or mask, it goes without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pystackreg import StackReg

import photalign
from benchmarks.problems import Problem
from photalign.warps import Homography, Translation, Warp

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to align two images, and what it can do."""

    name: str
    solve: Callable[[Problem], Any]
    """Gives the matrix that maps reference points to moving points, or raises."""
    kinds: tuple[str, ...] = ("translation", "affine", "homography")
    masks: bool = False
    max_problems: int = 1000
    """A slow method is tried on the first few problems only."""

    def try_on(self, problem: Problem) -> Warp | None:
        """Return the warp, or None if the method gives up or returns nonsense."""
        try:
            matrix = self.solve(problem)
        except (cv2.error, RuntimeError):
            return None
        try:
            return Homography(matrix)
        except ValueError:
            return None


def single_thread() -> None:
    """Keep every peer to one thread."""
    cv2.setNumThreads(1)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def solve_photalign(problem: Problem) -> Matrix:
    """Align with the defaults, told only of brightness, outliers and masks."""
    result = photalign.align(
        problem.pair.reference,
        problem.pair.moving,
        problem.kind,
        brightness=problem.brightness,
        loss=problem.loss,
        moving_mask=problem.moving_mask,
        init=problem.start,
        threads=1,
    )
    return result.warp.matrix


def solve_ecc(problem: Problem) -> NDArray[np.float32]:
    """Maximise the enhanced correlation coefficient at full resolution, by default.

    Like ours, the warp of OpenCV maps template (reference) to input (moving) points
    with the centre of the first pixel at 0. The criteria are its defaults, which it
    wants spelled out where a mask follows.
    """
    _, matrix = cv2.findTransformECC(
        problem.pair.reference,
        problem.pair.moving,
        _start(problem),
        _MOTION[problem.kind],
        _CRITERIA,
        _mask_for_cv2(problem),
    )
    return _square(matrix)


def solve_ecc_multi_scale(problem: Problem, blur: int = 5) -> NDArray[np.float32]:
    """Maximise the enhanced correlation coefficient over OpenCV's own pyramid."""
    parameters = cv2.ECCParameters()
    parameters.motionType = _MOTION[problem.kind]
    parameters.gaussFiltSize = blur
    _, matrix = cv2.findTransformECCMultiScale(
        problem.pair.reference,
        problem.pair.moving,
        _start(problem),
        parameters,
        None,
        _mask_for_cv2(problem),
    )
    return _square(matrix)


def solve_ecc_unblurred(problem: Problem) -> NDArray[np.float32]:
    """Use the pyramid with the blur off: the best of OpenCV that we found."""
    return solve_ecc_multi_scale(problem, blur=1)


def solve_ecc_recipe(problem: Problem) -> NDArray[np.float32]:
    """Use the pyramid by default, and from its result full resolution without blur."""
    start = solve_ecc_multi_scale(problem)
    _, matrix = cv2.findTransformECC(
        problem.pair.reference,
        problem.pair.moving,
        start[: len(_start(problem))].copy(),
        _MOTION[problem.kind],
        _CRITERIA,
        _mask_for_cv2(problem),
        1,
    )
    return _square(matrix)


def solve_pystackreg(problem: Problem) -> Matrix:
    """Register with TurboReg's pyramid of cubic splines."""
    kinds = {"translation": StackReg.TRANSLATION, "affine": StackReg.AFFINE}
    register = StackReg(kinds[problem.kind]).register
    return register(problem.pair.reference, problem.pair.moving)


def solve_simpleitk(problem: Problem) -> Matrix:
    """Minimise mean squares over three levels, as SimpleITK's examples do."""
    fixed = sitk.GetImageFromArray(problem.pair.reference.astype(np.float32))
    moving = sitk.GetImageFromArray(problem.pair.moving.astype(np.float32))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=200
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    if problem.kind == "translation":
        shift = sitk.TranslationTransform(2)
        method.SetInitialTransform(shift, inPlace=True)
        method.Execute(fixed, moving)
        return Translation.from_params(shift.GetOffset()).matrix
    transform = sitk.AffineTransform(2)
    transform.SetCenter([(size - 1) / 2 for size in fixed.GetSize()])
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    linear = np.array(transform.GetMatrix()).reshape(2, 2)
    # SimpleITK maps x to A (x - center) + center + translation.
    center = np.array(transform.GetCenter())
    shift = center + transform.GetTranslation() - linear @ center
    return np.vstack([np.column_stack([linear, shift]), [0, 0, 1]])


def _start(problem: Problem) -> NDArray[np.float32]:
    start = np.eye(3) if problem.start is None else problem.start
    rows = 3 if problem.kind == "homography" else 2
    return start[:rows].astype(np.float32)


def _mask_for_cv2(problem: Problem) -> NDArray[np.uint8] | None:
    mask = problem.moving_mask
    return None if mask is None else mask.astype(np.uint8) * 255


def _square(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return matrix if len(matrix) == 3 else np.vstack([matrix, np.float32([0, 0, 1])])


_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-3)
_MOTION = {
    "translation": cv2.MOTION_TRANSLATION,
    "affine": cv2.MOTION_AFFINE,
    "homography": cv2.MOTION_HOMOGRAPHY,
}

PHOTALIGN = Method(name="photalign", solve=solve_photalign, masks=True)
MULTI_SCALE = Method(name="OpenCV ECC-MS", solve=solve_ecc_multi_scale, masks=True)
PYSTACKREG = Method(
    name="pystackreg", solve=solve_pystackreg, kinds=("translation", "affine")
)
ECC = Method(name="OpenCV ECC", solve=solve_ecc, masks=True)
RECIPE = Method(
    name="OpenCV ECC-MS, then ECC without blur", solve=solve_ecc_recipe, masks=True
)
SIMPLEITK = Method(
    name="SimpleITK",
    solve=solve_simpleitk,
    kinds=("translation", "affine"),
    max_problems=5,
)
METHODS = (
    PHOTALIGN,
    ECC,
    MULTI_SCALE,
    Method(name="OpenCV ECC-MS, no blur", solve=solve_ecc_unblurred, masks=True),
    RECIPE,
    PYSTACKREG,
    SIMPLEITK,
)
