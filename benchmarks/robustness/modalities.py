"""Shadows, exposures, negatives, other modalities: what each cost aligns.

Every method starts at the same place and is told nothing but the cost. Peers are
OpenCV's ECC, which follows a global gain and bias, and mutual information of SimpleITK,
which follows any global function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

import photalign
from benchmarks import modalities, real_pairs
from benchmarks.modalities import ModalPair
from benchmarks.table import Row
from photalign.warps import Affine, Homography, MatrixWarp, Translation

Matrix = NDArray[np.float64]
_CV2_MOTIONS = {
    "translation": cv2.MOTION_TRANSLATION,
    "affine": cv2.MOTION_AFFINE,
    "homography": cv2.MOTION_HOMOGRAPHY,
}


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to align, by name; it may raise."""

    name: str
    solve: Callable[[ModalPair], Matrix]
    most: int = 1000
    """A slow one is tried on the first few pairs."""
    kinds: tuple[str, ...] = tuple(_CV2_MOTIONS)


def _photalign(options: dict[str, Any], pair: ModalPair) -> Matrix:
    found = photalign.align(
        pair.reference,
        pair.moving,
        pair.kind,
        init=pair.start,
        reference_mask=pair.reference_mask,
        moving_mask=pair.moving_mask,
        threads=1,
        **options,
    )
    return found.warp.matrix


def _ecc(is_multi_scale: bool, pair: ModalPair) -> Matrix:
    reference, moving = _gray(pair.reference), _gray(pair.moving)
    rows = 3 if pair.kind == "homography" else 2
    start = pair.start.matrix[:rows].astype(np.float32)
    motion = _CV2_MOTIONS[pair.kind]
    masks = [
        None if mask is None else mask.astype(np.uint8) * 255
        for mask in (pair.reference_mask, pair.moving_mask)
    ]
    if is_multi_scale:
        parameters = cv2.ECCParameters()
        parameters.motionType = motion
        _, matrix = cv2.findTransformECCMultiScale(
            reference, moving, start, parameters, *masks
        )
    else:
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-3)
        _, matrix = cv2.findTransformECC(
            reference, moving, start, motion, criteria, masks[1]
        )
    return matrix if rows == 3 else np.vstack([matrix, [0, 0, 1]])


def _mutual_information(pair: ModalPair) -> Matrix:
    """Mattes' over three levels, as SimpleITK's examples do."""
    fixed, moving = (
        sitk.GetImageFromArray(_gray(image).astype(np.float32))
        for image in (pair.reference, pair.moving)
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    is_shift = pair.kind == "translation"
    transform = sitk.TranslationTransform(2) if is_shift else sitk.AffineTransform(2)
    if not is_shift:
        transform.SetMatrix(pair.start.matrix[:2, :2].ravel().tolist())
    getattr(transform, "SetOffset" if is_shift else "SetTranslation")(
        pair.start.matrix[:2, 2].tolist()
    )
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    origin, *axes = (
        np.array(transform.TransformPoint(p)) for p in ((0, 0), (1, 0), (0, 1))
    )
    linear = np.column_stack([axis - origin for axis in axes])
    return np.vstack([np.column_stack([linear, origin]), [0, 0, 1]])


def _gray(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    gray = image.mean(axis=-1) if image.ndim == 3 else image
    return np.clip(np.rint(gray), 0, 255).astype(np.uint8)


COSTS: dict[str, dict[str, Any]] = {
    "none": {"brightness": "none"},
    "gain_bias": {"brightness": "gain_bias"},
    "local": {"brightness": "local"},
    "orientation": {"features": "orientation"},
    "descriptor_fields": {"features": "descriptor_fields"},
    "census": {"features": "census"},
}
METHODS = (
    *(
        Method(name=f"photalign, {name}", solve=partial(_photalign, options))
        for name, options in COSTS.items()
    ),
    Method(name="OpenCV ECC", solve=partial(_ecc, False)),
    Method(name="OpenCV ECC-MS", solve=partial(_ecc, True)),
    Method(
        name="SimpleITK, mutual information",
        solve=_mutual_information,
        most=4,
        kinds=("translation", "affine"),
    ),
)
# What is asked of one cost in each task, and of how many pairs.
GOALS = {
    "shadow and vignetting": ("local", 1.0),
    "exposures, 5 stops apart": ("local", 1.0),
    "negative": ("orientation", 1.0),
    "folded brightness": ("orientation", 0.95),
    "color plates, rendered": ("local", 0.8),
    "exposures of a church": ("local", 1.0),
    "wall from other places": ("local", 1.0),
    "noise of 35 grey levels": ("gain_bias", 1.0),
    "speckle of another contrast": ("gain_bias", 1.0),
    "color plates, B-G-R-B": ("local", 1.0),
}


def rows(count: int) -> Iterator[Row]:
    """Rendered pairs, then real ones where they are present."""
    changes = {
        "shadow and vignetting": modalities.shadow,
        "exposures, 5 stops apart": modalities.exposures,
        "negative": modalities.inverted,
        "folded brightness": modalities.folded,
        "color plates, rendered": modalities.plates,
    }
    for task, change in changes.items():
        yield from _rows(
            task, list(modalities.synthetic(change, max(7, count * 2 // 5)))
        )
    if not real_pairs.DATA.is_dir():
        return
    starts = max(1, count // 25)
    for task, pairs in {
        "exposures of a church": real_pairs.exposures,
        "wall from other places": real_pairs.wall,
        "noise of 35 grey levels": real_pairs.noise,
        "speckle of another contrast": real_pairs.speckle,
    }.items():
        yield from _rows(task, list(pairs(starts)))
    yield from _loops("color plates, B-G-R-B")


def _rows(task: str, pairs: Sequence[ModalPair]) -> Iterator[Row]:
    for method in METHODS:
        if pairs[0].kind in method.kinds:
            errors = [_error(method, pair) for pair in pairs[: method.most]]
            solved = [error for error in errors if error < pairs[0].within]
            yield _row(task, method.name, solved, len(errors))


def _error(method: Method, pair: ModalPair) -> float:
    try:
        error = pair.error(Homography(method.solve(pair)))
    except (cv2.error, RuntimeError, ValueError):
        return np.inf
    return np.inf if np.isnan(error) else error


def _row(task: str, name: str, solved: Sequence[float], tried: int) -> Row:
    cost, share = GOALS[task]
    is_asked = name == f"photalign, {cost}"
    return Row(
        task=task,
        method=name,
        converged=(len(solved), tried),
        error=float(np.sqrt(np.mean(np.square(solved)))) if solved else None,
        target=f"{share:.0%}" if is_asked else "",
        met=len(solved) >= share * tried if is_asked else None,
    )


def _loops(task: str) -> Iterator[Row]:
    """Blue to green to red to blue should lead back; there is no other truth."""
    scans = list(real_pairs.plates())
    for method in METHODS:
        errors = [_loop(method, plates) for plates in scans]
        solved = [error for error in errors if error < 0.5]
        yield _row(task, method.name, solved, len(errors))


def _loop(method: Method, plates: Sequence[NDArray[np.generic]]) -> float:
    way: MatrixWarp = Affine.identity()
    blue, green, red = plates
    for reference, moving in ((blue, green), (green, red), (red, blue)):
        pair = ModalPair(
            reference=reference,
            moving=moving,
            kind="affine",
            truth=Translation.identity(),
            start=Affine.identity(),
        )
        try:
            way = Affine(method.solve(pair)) @ way
        except (cv2.error, RuntimeError, ValueError):
            return np.inf
    loop = ModalPair(
        reference=blue, moving=blue, kind="affine", truth=Affine.identity(), start=way
    )
    return loop.error(way)
