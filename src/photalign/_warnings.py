"""Where the numbers of a result that is `ok` cannot be trusted, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from photalign._grounds import Grounds

if TYPE_CHECKING:
    from photalign.results import Alignment

__all__ = ["warnings_of"]

# Student's t of a difference that is no accident.
SIGNIFICANT = 5.0
# A difference in brightness or contrast matters if it makes up this share of what the
# residuals vary.
SHARE_OF_RESIDUALS = 0.1
# Blocks without which nothing is said about what varies between them.
LEAST_BLOCKS = 9
PIXELS_OF_BLOCK = 256
# By how much means of residuals vary more than the noise lets them.
STRUCTURE = 4.0
# Independent pixels per parameter.
LEAST_PER_PARAMETER = 12
# Mean weight that noise leaves is 0.8 and more.
LEAST_KEPT = 0.5
# Squared residuals on edges over others: aliasing, blur, motion that is not modeled.
LARGEST_ON_EDGES = 2.0
# Of their samples, the noise depends on the position within the pixel.
_NOT_SMOOTHING = ("linear", "catmull_rom", "bspline3", "bspline5")


# Images that correlate so well differ by rounding.
_EQUAL = 1 - 1e-7


def warnings_of(result: Alignment) -> Iterator[str]:
    """Say where the numbers of a result cannot be trusted, and what to do."""
    grounds = result._grounds
    yield from _brightness(result, grounds)
    if result.correlation < _EQUAL:  # else residuals are rounding
        yield from _structure(grounds)
    yield from _edges(result, grounds)
    yield from _method(result)
    yield from _counts(result)
    yield from _rejected(result, grounds)


def _brightness(result: Alignment, s: Grounds) -> Iterator[str]:
    if (
        result.features != "intensity"
        or result.brightness.name != "none"
        or s.blocks_of_residuals < LEAST_BLOCKS
    ):
        return
    differences = []
    if abs(s.contrast_t) > SIGNIFICANT and abs(s.contrast - 1) > 0.02:
        differences.append(f"the reference has {s.contrast:.2f} times the contrast")
    shift = abs(s.brightness_t) > SIGNIFICANT
    if shift and s.brightness**2 > SHARE_OF_RESIDUALS * s.residual:
        differences.append(f"is brighter by {s.brightness:.3g} grey levels")
        if len(differences) == 1:
            differences[0] = "the reference " + differences[0]
    if differences:
        yield (
            f"The images differ in brightness ({' and '.join(differences)}), which "
            'brightness="none" takes for noise: covariance and corner_std are too '
            'small or too large; use brightness="gain_bias".'
        )


def _structure(s: Grounds) -> Iterator[str]:
    expected = s.pixels_per_degree / PIXELS_OF_BLOCK
    if s.blocks_of_residuals >= LEAST_BLOCKS and s.of_means > STRUCTURE * expected:
        yield (
            "The residuals are not noise: they hold structure over more than a few "
            "pixels (another motion, parallax, light that changes within the image, "
            "or noise that was smoothed), so that the covariance is too small; try a "
            'richer warp, brightness="gain_bias", a mask, or loss="robust".'
        )


def _edges(result: Alignment, s: Grounds) -> Iterator[str]:
    if s.edges > LARGEST_ON_EDGES and result.loss == "squared":
        yield (
            "The residuals are larger on edges than elsewhere (aliasing, blur of one "
            "image, or motion that the warp does not follow), which the covariance "
            "takes for noise; smooth both images alike, or try a richer warp."
        )


def _method(result: Alignment) -> Iterator[str]:
    if result.method == "forward" and result.kernel in _NOT_SMOOTHING:
        yield (
            f'method="forward" with kernel="{result.kernel}" is pulled to certain '
            "positions by the noise, up to one or two standard deviations, which the "
            'covariance does not know; use method="auto" or a direct kernel.'
        )


def _counts(result: Alignment) -> Iterator[str]:
    needed = LEAST_PER_PARAMETER * len(result.warp.params)
    if result.effective_pixels < needed:
        yield (
            f"The warp has {len(result.warp.params)} parameters and the images no "
            f"more than {result.effective_pixels:.0f} independent pixels, too few for "
            "the covariance to be certain; use a larger area or a simpler warp."
        )


def _rejected(result: Alignment, s: Grounds) -> Iterator[str]:
    if result.loss != "squared" and s.kept < LEAST_KEPT:
        yield (
            f"The loss left only {s.kept:.0%} of the pixels' weight: most of the image "
            "does not follow the warp; check with the report which part does, or mask "
            "the other."
        )
