"""Align two images."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from photalign._checks import (
    as_array,
    as_image,
    as_mask,
    as_number,
    choice,
    thread_count,
)
from photalign._pair import METHODS, PIXELS_PER_THREAD, Pair
from photalign._start import Start
from photalign._types import Array, ArrayLike
from photalign.brightness import Brightness, as_brightness
from photalign.features import Features, as_features
from photalign.initialization import Searches
from photalign.kernels import ALIGNMENT_KERNELS, Kernel
from photalign.losses import Loss, as_loss
from photalign.model_choice import align_with_choice
from photalign.pyramids import Pyramid
from photalign.results import Alignment, Step
from photalign.solvers import LevenbergMarquardt, Solver
from photalign.warps import Homography, Warp

__all__ = ["align"]

# Their last steps take a gradient of the reference as sharp as the noise allows.
_DIRECT = ("bspline3_direct", "bspline5_direct")

_KERNELS = ("auto", *ALIGNMENT_KERNELS)
_METHODS = ("auto", *METHODS)
_SOLVER = LevenbergMarquardt()
_PYRAMID = Pyramid()


def align(
    reference: ArrayLike,
    moving: ArrayLike,
    warp: str | type[Warp] | Warp = "affine",
    *,
    init: str | ArrayLike | Warp | None = "auto",
    method: str = "auto",
    kernel: str = "auto",
    loss: str | Loss = "squared",
    brightness: str | Brightness = "none",
    features: str = "intensity",
    solver: Solver | None = None,
    pyramid: Pyramid | None = None,
    pixels: float | None = None,
    reference_mask: ArrayLike | None = None,
    moving_mask: ArrayLike | None = None,
    min_overlap: float = 0.25,
    threads: int | None = None,
    progress: Callable[[Step], None] | None = None,
) -> Alignment:
    """Find the warp under which the moving image agrees with the reference.

    Minimizes the loss of ``gain * moving(warp(x)) + bias - reference(x)`` over
    the pixels x of the reference, from coarse to fine. Pixels that are NaN,
    masked or outside weigh nothing, nor do samples whose footprint touches one.

    Parameters
    ----------
    reference, moving : array_like, shape (H, W) or (H, W, C), any real dtype
        The images; sizes may differ, channel counts may not. Never rescaled.
    warp : str, class or Warp
        "translation", "euclidean", "similarity", "affine" or "homography", or "auto",
        the simplest of these that says all that the images tell, see
        `Alignment.rivals`; a warp is model and start in one, also one that
        `photalign.warp` made of a function.
    init : str, Warp or array_like, shape (3, 3) or (2, 3)
        The start, reference to moving, px; of a function its parameters, shape (P,). Or
        how to find one: "identity", or a search: "phase" for any shift,
        "fourier_mellin" for any rotation and scales from 0.5 to 2 as well, "grid" for
        the same where spectra do not tell. "auto" begins at the identity and searches
        if that fails; a `warp` that is itself a start is one. None is "auto".
    method : {"auto", "forward", "inverse", "esm"}
        Whose gradient the step is computed from: the moving image's, the
        reference's, or the mean of both. "auto" is ESM on the coarse levels and
        inverse on the two finest, which has the least bias under noise. With a direct
        B-spline its last equations take a gradient of the reference that is as sharp
        as the noise allows, and a reference smoothed as widely as the warp makes the
        moving image.
    kernel : str
        Kernel of the finest level: "auto", "linear", "catmull_rom", "bspline3",
        "bspline3_direct", "bspline5" or "bspline5_direct". "auto" is
        "bspline3_direct", or "bspline5_direct", which has less bias, where the corners
        are certain to 0.002 px, the scales of both images agree, and residuals are
        noise rather than aliasing. The coarse levels are always linear.
    loss : str or Loss
        "squared", "huber", "cauchy", "tukey", "geman_mcclure", or "robust" for
        occlusions.
    brightness : str or Brightness
        "none", "gain_bias" (per channel), "normalized" correlation, or "local"
        normalization (`Local`) for light that changes within the images.
    features : str
        What is compared: "intensity", or for images whose grey levels have little to do
        with each other "orientation" (of the gradient, up to its sign), "census"
        (comparisons with neighbors) or "descriptor_fields" (parts of the gradient).
        Numbers of channels may then differ, and `brightness` is "none" or "local".
    solver : LevenbergMarquardt or GaussNewton, optional
        Limits of the loop.
    pyramid : Pyramid, optional
        Levels, automatic by default.
    pixels : float or int, optional
        How many of the reference's pixels to use at full resolution: a share in
        (0, 1], or an integer for about so many. The most informative blocks of 32 x 8
        are chosen, one at least, among those that the coarser levels take into the
        moving image. What that costs in precision is in the covariance; overlap, cost,
        rms and correlation are those of the chosen pixels. All by default.
    reference_mask, moving_mask : array_like, shape (H, W), bool or float, optional
        Pixels to use, or weights; 0 and False mean that a pixel is invalid.
    min_overlap : float
        Least share of the reference's valid pixels that must be valid in the
        moving image, 0 to 1.
    threads : int, optional
        By default ``PHOTALIGN_THREADS`` or the CPUs that the process may use, and
        one for small images. The result is the same bit for bit.
    progress : callable, optional
        Called with every `Step` as it happens.

    Returns
    -------
    Alignment
        With a status instead of an exception where the images cannot be
        aligned; never worse than the start, which is `initial`, but for what a
        simpler model chosen by "auto" gives up.

    Raises
    ------
    ValueError, TypeError
        If an argument is not as described.

    References
    ----------
    S. Baker and I. Matthews, "Lucas-Kanade 20 years on: a unifying framework", IJCV
    56(3), 2004.

    S. Benhimane and E. Malis, "Real-time image-based tracking of planes using
    efficient second-order minimization", IROS 2004.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:120, 0:160]
    >>> def scene(x, y):
    ...     return 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y) + 0.2 * x
    >>> result = pa.align(scene(x, y), scene(x - 2.5, y + 1.25), "translation")
    >>> result.ok, result.warp.params.round(2)
    (True, array([ 2.5 , -1.25]))
    """
    started = time.perf_counter()
    is_open = isinstance(warp, str) and warp == "auto"
    start = Start.read(Homography if is_open else warp, init)
    reference = as_array(reference, "reference")
    moving = as_array(moving, "moving")
    views = as_image(reference, "reference"), as_image(moving, "moving")
    compared = as_features(features)
    model = _compatible(as_brightness(brightness), compared)
    _check_images(*views, compared)
    masks = (
        _as_weight(reference_mask, views[0], "reference"),
        _as_weight(moving_mask, views[1], "moving"),
    )
    sampling, last_sampling = _chosen_kernels(kernel)
    fine, coarse = _compositions(method, sampling)
    if not 0 < as_number(min_overlap, "min_overlap") <= 1:
        raise ValueError(
            f"min_overlap: expected a share in (0, 1], got {min_overlap!r}"
        )
    if progress is not None and not callable(progress):
        raise TypeError(f"progress: expected a callable, got {progress!r}")
    pair = Pair(
        reference=reference,
        moving=moving,
        reference_mask=None if reference_mask is None else np.asarray(reference_mask),
        moving_mask=None if moving_mask is None else np.asarray(moving_mask),
        views=views,
        weights=masks,
        kernel=sampling,
        last_kernel=last_sampling,
        fine=fine,
        coarse=coarse,
        has_instrument=method == "auto" and sampling.name in _DIRECT,
        brightness=model,
        features=compared,
        loss=as_loss(loss),
        solver=_checked(solver, _SOLVER, Solver, "solver"),
        levels=_checked(pyramid, _PYRAMID, Pyramid, "pyramid").levels_for(
            *(view.shape for view in views)
        ),
        pixels=_pixel_count(pixels, views[0].shape),
        min_overlap=min_overlap,
        threads=thread_count(threads, useful=views[0].size // PIXELS_PER_THREAD),
        progress=progress,
        started=started,
    )
    searches = Searches(pair)
    if is_open:
        found = align_with_choice(
            pair,
            lambda model: start.of_model(model, views[0].shape).align(pair, searches),
        )
    else:
        found = start.align(pair, searches)
    # Attempts that led nowhere took their time, too.
    return found.with_fields(seconds=time.perf_counter() - started)


def _compatible(brightness: Brightness, features: Features) -> Brightness:
    """Refuse to match the brightness of what has none."""
    if features.are_pixels or brightness.name in ("none", "local"):
        return brightness
    raise ValueError(
        f"brightness: expected 'none' or 'local' with features={features.name!r}, "
        f"which hardly depend on gain and bias, got {brightness.name!r}"
    )


def _check_images(reference: Array, moving: Array, features: Features) -> None:
    """Refuse pairs that no warp can align, views of shape (H, W, C)."""
    for name, image in (("reference", reference), ("moving", moving)):
        height, width = image.shape[:2]
        if height < 2 or width < 2:
            raise ValueError(
                f"{name}: expected at least 2 x 2 pixels, got {width} x {height}"
            )
    if reference.shape[2] != moving.shape[2] and features.are_pixels:
        raise ValueError(
            f"moving: expected {reference.shape[2]} channels like reference, "
            f"got {moving.shape[2]}; features='orientation' compares any"
        )


def _as_weight(mask: ArrayLike | None, image: Array, name: str) -> Array | None:
    """Return the weights of an image's pixels; refuse an image with none to use."""
    weight = None
    if mask is not None:
        weight = as_mask(mask, image.shape[:2], f"{name}_mask")
        if not weight.any():
            raise ValueError(
                f"{name}_mask: expected pixels to use (True or > 0), got none"
            )
    if image.dtype.kind == "f" and not _any_finite(image):
        raise ValueError(f"{name}: expected finite pixels, got none")
    return None if weight is None else weight[..., np.newaxis]


def _any_finite(image: Array) -> bool:
    # A row usually answers; only an image without a finite pixel is read whole.
    return any(np.isfinite(row).any() for row in image)


def _pixel_count(pixels: float | None, shape: tuple[int, ...]) -> int:
    """Return about how many pixels to use, 0 for all."""
    if pixels is None:
        return 0
    total = shape[0] * shape[1]
    number = as_number(pixels, "pixels")
    is_count = isinstance(pixels, int | np.integer) and number > 1
    if isinstance(pixels, bool | np.bool_) or not (0 < number <= 1 or is_count):
        raise ValueError(
            f"pixels: expected a share in (0, 1] or an integer count, got {pixels!r}"
        )
    wanted = int(number) if is_count else max(1, round(number * total))
    return wanted if wanted < total else 0


_T = TypeVar("_T")


def _checked(value: _T | None, default: _T, cls: type[_T], name: str) -> _T:
    if value is None:
        return default
    if not isinstance(value, cls):
        raise TypeError(f"{name}: expected {default!r} or the like, got {value!r}")
    return value


def _chosen_kernels(kernel: str) -> tuple[Kernel, Kernel]:
    """Return the kernel of the finest level, and that where little noise is left."""
    known = choice(kernel, _KERNELS, "kernel")
    if known == "auto":
        return (
            ALIGNMENT_KERNELS["bspline3_direct"],
            ALIGNMENT_KERNELS["bspline5_direct"],
        )
    return ALIGNMENT_KERNELS[known], ALIGNMENT_KERNELS[known]


def _compositions(method: str, kernel: Kernel) -> tuple[str, str]:
    """Return the compositions of the finest level and of the coarser ones.

    ESM has the wider basin. On the finest level the reference's gradient, whose
    noise is not that of the sample, has the least bias; with the linear kernel,
    which does not smooth the noise, the mean of both gradients has.
    """
    known = choice(method, _METHODS, "method")
    if known != "auto":
        return known, known
    return ("esm" if kernel.taps == 2 else "inverse"), "esm"
