"""How others find a far start: phase correlation, plain and of log-polar spectra."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import difference_of_gaussians, window
from skimage.registration import phase_cross_correlation
from skimage.transform import SimilarityTransform, warp, warp_polar

from photalign.warps import Affine, Similarity, Translation, Warp

Image = NDArray[np.uint8]


def opencv_phase(reference: Image, moving: Image) -> Translation:
    """Correlate phases with a Hanning window, as OpenCV's manual has it."""
    images = [np.float32(image) for image in (reference, moving)]
    hanning = cv2.createHanningWindow(reference.shape[::-1], cv2.CV_32F)
    shift, _ = cv2.phaseCorrelate(*images, hanning)
    return Translation.from_params(shift)


def skimage_phase(reference: Image, moving: Image) -> Translation:
    """Correlate phases, to a hundredth of a pixel."""
    shift, *_ = phase_cross_correlation(reference, moving, upsample_factor=100)
    return Translation.from_params([-shift[1], -shift[0]])


def skimage_masked(reference: Image, moving: Image) -> Translation:
    """Correlate by Padfield's method, which knows that images end, to whole pixels."""
    masks = np.ones(reference.shape, bool), np.ones(moving.shape, bool)
    shift, *_ = phase_cross_correlation(
        reference,
        moving,
        reference_mask=masks[0],
        moving_mask=masks[1],
        overlap_ratio=0.2,
    )
    return Translation.from_params([-shift[1], -shift[0]])


def skimage_log_polar(reference: Image, moving: Image) -> Similarity:
    """Follow scikit-image's example of rotation and scale, then correlate phases.

    The half turn that spectra leave open is decided by the better correlation.
    """
    side = max(*reference.shape, *moving.shape)
    images = [_padded(image, side) for image in (reference, moving)]
    radius = side // 8
    polar = [_polar(image, radius) for image in images]
    shift, *_ = phase_cross_correlation(*polar, upsample_factor=10, normalization=None)
    # Its rotations are counter-clockwise on the screen.
    angle = -np.deg2rad(360 / side * shift[0])
    scale = np.exp(shift[1] / (side / np.log(radius)))
    tries = [_shifted(*images, turn, float(scale)) for turn in (angle, angle + np.pi)]
    return max(tries, key=lambda one: one[0])[1]


def skimage_log_polar_and_ecc(reference: Image, moving: Image) -> Warp:
    """Start OpenCV's pyramid of ECC at what the recipe finds."""
    start = skimage_log_polar(reference, moving)
    parameters = cv2.ECCParameters()
    parameters.motionType = cv2.MOTION_AFFINE
    try:
        _, matrix = cv2.findTransformECCMultiScale(
            reference, moving, start.matrix[:2].astype(np.float32), parameters
        )
        return Affine(matrix)
    except (cv2.error, ValueError):
        return start


def _padded(image: Image, side: int) -> NDArray[np.float64]:
    padded = np.full((side, side), float(image.mean()))
    padded[: image.shape[0], : image.shape[1]] = image
    return padded


def _polar(image: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    filtered = difference_of_gaussians(image, 5, 20) * window("hann", image.shape)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(filtered)))
    polar = warp_polar(
        spectrum, radius=radius, output_shape=image.shape, scaling="log", order=0
    )
    half: NDArray[np.float64] = polar[: image.shape[0] // 2]
    return half


def _shifted(
    reference: NDArray[Any], moving: NDArray[Any], angle: float, scale: float
) -> tuple[float, Similarity]:
    turn = SimilarityTransform(scale=scale, rotation=angle)
    seen = warp(moving, turn, cval=float(moving.mean()))
    shift, *_ = phase_cross_correlation(reference, seen)
    back = SimilarityTransform(translation=(-shift[1], -shift[0]))
    both = back + turn
    aligned = warp(moving, both, cval=float(moving.mean()))
    covariance = np.cov(aligned.ravel(), reference.ravel())
    spread = float(np.sqrt(covariance[0, 0] * covariance[1, 1]))
    correlation = float(covariance[0, 1]) / max(spread, 1e-9)
    return correlation, Similarity(both.params)
