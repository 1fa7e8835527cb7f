"""What to try after an alignment that failed, for the very images it failed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from photalign.warps import FunctionWarp

if TYPE_CHECKING:
    from photalign.results import Alignment

__all__ = ["advice_for"]

# A correlation below this is one of bright with dark.
INVERTED = -0.3
# Blocks with texture beyond the noise; images with less are noise, or flat.
LEAST_BLOCKS = 1.0
# Residuals of noise hang together no further than the kernel smooths.
PIXELS_OF_NOISE = 8.0
# So much of the texture agrees where a part of the image matches.
PART = 0.25
# Contrasts that differ by this factor.
CONTRAST = 1.15
# How many times better one direction is determined than the other.
ONE_DIRECTION = 10.0
SMALL_OVERLAP = 0.6
FAR = 0.1  # of the image's side


def advice_for(result: Alignment) -> str:
    """Return a sentence or two; empty for a result that is `ok`."""
    from photalign.results import Status

    advise = {
        Status.STEP_LIMIT: _more_steps,
        Status.TOO_LITTLE_TEXTURE: _more_texture,
        Status.TOO_LITTLE_OVERLAP: _more_overlap,
        Status.NO_DESCENT: _another_way,
        Status.NO_MATCH: _a_match,
        Status.NONFINITE: _finite,
    }.get(result.status)
    return "" if advise is None else advise(result)


def _more_steps(result: Alignment) -> str:
    limit = max((step.iteration for step in result.trace), default=0)
    return (
        f"The steps were still moving the image after {limit} of them on one level: "
        f"pass solver=photalign.LevenbergMarquardt(max_steps={4 * max(limit, 25)}), "
        "or start closer with init=."
    )


def _more_texture(result: Alignment) -> str:
    std = result.corner_std.mean(axis=0)
    if np.isfinite(std).all() and std.max() > ONE_DIRECTION * std.min():
        axis = "xy"[int(std.argmax())]
        return (
            f"The images vary in one direction only and do not tell the motion in "
            f"{axis}: use an area with texture in both directions."
        )
    if _is_flat(result.reference) or _is_flat(result.moving):
        which = "reference" if _is_flat(result.reference) else "moving image"
        return f"The {which} is flat: check that it is the right file and channel."
    if len(result.warp.params) > 2:
        return (
            f"The texture does not determine {len(result.warp.params)} parameters: "
            'use a warp with fewer, such as warp="translation", or a larger area.'
        )
    return (
        "What texture there is varies in one direction only, or is lost in the noise: "
        "use a larger area with texture in both directions."
    )


def _more_overlap(result: Alignment) -> str:
    start = _overlap_of_start(result)
    if start < SMALL_OVERLAP:
        return (
            f"The start shows only {start:.0%} of the reference in the moving image: "
            "check that init= maps points of the reference to points of the moving "
            "image, and that masks are True where pixels are to be used."
        )
    return (
        f"The steps led to where only {result.overlap:.0%} of the reference is left: "
        f"the start is far off or the images do not match. {_elsewhere(result)}, or "
        "try a simpler warp."
    )


def _elsewhere(result: Alignment) -> str:
    """Say where to start instead; what was found by itself has been searched for."""
    if result.initialization == "given":
        return 'Try init="auto"'
    return "Pass a start that you know of, init="


def _another_way(result: Alignment) -> str:
    lighting = _lighting(result)
    if lighting:
        return lighting
    return (
        f"The start is probably too far off. {_elsewhere(result)}, or a simpler warp "
        "first, whose result is the next one's init."
    )


def _a_match(result: Alignment) -> str:
    correlation = min(result.correlation, _correlation_at_start(result))
    if correlation < INVERTED:
        return (
            "Bright parts of one image are dark in the other (correlation "
            f"{correlation:.2f}): if one is a negative, invert it, e.g. pass "
            "255 - moving for 8-bit images."
        )
    grounds = result._grounds
    if grounds.blocks < LEAST_BLOCKS or grounds.pixels_per_degree < PIXELS_OF_NOISE:
        return (
            "The images have hardly any texture beyond their noise: use a larger "
            "area, or average frames or blocks of pixels before aligning."
        )
    lighting = _lighting(result)
    if lighting:
        return lighting
    if result.agreement > PART and result.loss == "squared":
        return (
            f"A part of the image agrees ({result.agreement:.0%} of its texture): if "
            'something hides the rest or moves on its own, use loss="robust" or a '
            "mask; if the motion bends, a richer warp."
        )
    return (
        "If the images show the same scene, the start is too far off: "
        f"{_elsewhere(result).lower()}. If not, this is the right answer."
    )


def _finite(result: Alignment) -> str:
    largest = max(_largest(result.reference), _largest(result.moving))
    if largest > 1e15:
        return (
            f"The pixels are as large as {largest:.1g}: divide both images by a "
            "number that leaves them below 1e15."
        )
    return "Check the start for values that are no points, and the images for NaN."


def _lighting(result: Alignment) -> str:
    """Advise a brightness model if contrasts or means differ much."""
    if result.brightness.name != "none":
        return ""
    reference, moving = (
        np.asarray(image, dtype=np.float64)[np.isfinite(image)]
        for image in (result.reference, result.moving)
    )
    if not (reference.size and moving.size):
        return ""
    ratio = reference.std() / max(moving.std(), 1e-300)
    shift = reference.mean() - moving.mean()
    if 1 / CONTRAST < ratio < CONTRAST and abs(shift) < 0.25 * reference.std():
        return ""
    return (
        f"The reference has {ratio:.2g} times the contrast of the moving image and a "
        f"mean that is {shift:+.3g} grey levels apart, which "
        'brightness="none" does not follow: use brightness="gain_bias".'
    )


def _overlap_of_start(result: Alignment) -> float:
    """Return the share of the reference that the start keeps inside."""
    height, width = result.reference.shape[:2]
    x, y = np.meshgrid(np.linspace(0, width - 1, 16), np.linspace(0, height - 1, 16))
    with np.errstate(all="ignore"):
        mapped = result.initial(np.stack([x, y], axis=-1))
    limits = np.array(result.moving.shape[1::-1]) - 1
    inside = (mapped >= 0) & (mapped <= limits)
    return float((inside[..., 0] & inside[..., 1]).mean())


def _correlation_at_start(result: Alignment) -> float:
    """Return the zero-mean correlation of the first channels where both are valid."""
    from photalign.resampling import resample

    reference, moving = (
        np.asarray(image, dtype=np.float32).reshape(*image.shape[:2], -1)[..., 0]
        for image in (result.reference, result.moving)
    )
    if isinstance(result.initial, FunctionWarp):
        return result.correlation
    seen = resample(moving, result.initial, reference.shape, kernel="linear")
    valid = np.isfinite(seen) & np.isfinite(reference)
    if valid.sum() < 2:
        return 0.0
    a, b = (image[valid].astype(np.float64) for image in (reference, seen))
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0 else 0.0


def _is_flat(image: np.ndarray) -> bool:
    values = image[np.isfinite(image)]
    return bool(values.size == 0 or values.min() == values.max())


def _largest(image: np.ndarray) -> float:
    values = np.abs(image[np.isfinite(image)].astype(np.float64))
    return float(values.max()) if values.size else 0.0
