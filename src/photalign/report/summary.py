"""What the alignment came to, in plain words and in a few figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photalign.brightness import Local
from photalign.report.numbers import UNKNOWN, duration, fixed, percent, significant
from photalign.report.tables import corner_errors
from photalign.warps import MatrixWarp

if TYPE_CHECKING:
    from photalign.brightness import Brightness
    from photalign.results import Alignment
    from photalign.warps import Warp

_EFFECTIVE = "neighbors that share their noise counted as less"
_COST_NOTE = "half the loss, summed over the valid pixels"


# How a start was found.
_FOUND = {
    "identity": "",
    "given": "given",
    "phase": "found by correlating all shifts",
    "fourier_mellin": "found by the spectra's turn and scale",
    "grid": "found by trying a grid of turns, scales and shifts",
}


@dataclass(frozen=True)
class Entry:
    """A named number or choice, with a word on what it means."""

    name: str
    value: str
    note: str = ""


def headline(result: Alignment) -> str:
    """Return the status in a few words.

    Examples
    --------
    >>> from types import SimpleNamespace as Result
    >>> from enum import Enum
    >>> Outcome = Enum("Outcome", ["CONVERGED", "TOO_LITTLE_OVERLAP"])
    >>> headline(Result(ok=False, status=Outcome.TOO_LITTLE_OVERLAP))
    'Not converged: too little overlap'
    """
    status = result.status.name.lower().replace("_", " ")
    return status.capitalize() if result.ok else f"Not converged: {status}"


def sentence(result: Alignment) -> str:
    """Return what is known about the warp, in one or two sentences."""
    if not result.ok:
        return "What follows shows the best warp that was found. Do not rely on it."
    is_known = isinstance(result.warp, MatrixWarp)
    name = result.warp.name if is_known else f"warp {result.warp.name}"
    found = (
        f"The {name} maps {percent(result.overlap)} of the reference "
        "onto the moving image."
    )
    worst = float(result.corner_std.max())
    if not np.isfinite(worst):
        return f"{found} How well its corners are known could not be told."
    return (
        f"{found} Its least certain corner is known to ±{significant(worst, 2)} px "
        "in x or y (one standard deviation)."
    )


def key_figures(result: Alignment, truth: Warp | None = None) -> list[Entry]:
    """Return the figures that a reader looks for first."""
    worst = float(result.corner_std.max())
    uncertainty = f"±{significant(worst, 2)} px" if np.isfinite(worst) else UNKNOWN
    figures = [
        Entry("Corner uncertainty", uncertainty, "worst corner, x or y, 1\u00a0σ"),
        Entry("Correlation", fixed(result.correlation, 4), "1: alike up to brightness"),
        Entry("Residual", significant(result.rms), f"{unit(result)}, rms"),
        Entry("Overlap", percent(result.overlap), "of the reference"),
        Entry("Confidence", percent(result.confidence), "that the images match"),
        Entry("Time", duration(result.seconds), f"{result.iterations} iterations"),
    ]
    errors = corner_errors(result, truth)
    if not errors:
        return figures
    worst_error = f"{significant(max(errors), 2)} px"
    return [Entry("Corner error", worst_error, "worst corner"), *figures]


def numbers(result: Alignment) -> list[Entry]:
    """Return every remaining number of the result."""
    return [
        Entry("Residual, rms", f"{significant(result.rms, 4)} {unit(result)}"),
        Entry("Cost", f"{significant(result.cost, 4)} ({unit(result)})²", _COST_NOTE),
        Entry("Correlation", fixed(result.correlation, 6)),
        Entry("Overlap", percent(result.overlap, 2)),
        Entry("Agreement", percent(result.agreement), "of the texture, in detail"),
        Entry("Confidence", percent(result.confidence, 2), "that the images match"),
        Entry("Effective pixels", _count(result.effective_pixels), _EFFECTIVE),
        *_brightness(result.brightness),
        Entry("Iterations", str(result.iterations)),
        Entry("Time", duration(result.seconds)),
    ]


def settings(result: Alignment) -> list[Entry]:
    """Return the images and the options that led to the result."""
    return [
        Entry("Reference", _image(result.reference), _masked(result.reference_mask)),
        Entry("Moving image", _image(result.moving), _masked(result.moving_mask)),
        Entry(
            "Warp",
            f"{result.warp.name}, {result.warp.n_params} parameters",
            _chosen(result),
        ),
        Entry("Start", _start(result.initial), _FOUND[result.initialization]),
        Entry("Method", result.method),
        Entry("Kernel", result.kernel),
        Entry("Loss", result.loss, _scale(result)),
        Entry("Brightness", result.brightness.name, _window(result.brightness)),
        Entry("Compared", result.features),
        Entry("Pyramid", f"{result.levels} levels"),
        *_pixels(result),
    ]


def _chosen(result: Alignment) -> str:
    return f"chosen of {len(result.rivals)} models" if result.rivals else ""


def _count(number: float) -> str:
    return f"{number:.0f}" if np.isfinite(number) else UNKNOWN


def _brightness(brightness: Brightness) -> list[Entry]:
    if brightness.name in ("none", "local"):
        return []
    bias = f"{_per_channel(brightness.bias)} grey levels"
    return [
        Entry("Gain", _per_channel(brightness.gain), "times the moving image"),
        Entry("Bias", bias, "added to it"),
    ]


def _per_channel(values: NDArray[np.float64]) -> str:
    return ", ".join(significant(float(v), 5) for v in values)


def _image(image: NDArray[Any]) -> str:
    rows, columns, *channels = image.shape
    each = f" × {channels[0]} channels" if channels else ""
    return f"{columns} × {rows} px{each}, {image.dtype}"


def _masked(mask: NDArray[Any] | None) -> str:
    if mask is None:
        return ""
    return f"mask keeps {percent(float(np.mean(mask > 0)))}"


def unit(result: Alignment) -> str:
    """Return what residuals are measured in."""
    if result.features != "intensity":
        return "units of the features"
    if result.brightness.name == "local":
        return "local standard deviations"
    return "grey levels"


def _scale(result: Alignment) -> str:
    """Return the scale of a loss in words; the squared loss has none, given as 0."""
    scale = result.scale
    return f"scale {significant(scale)} {unit(result)}" if scale > 0 else ""


def _window(brightness: Brightness) -> str:
    if not isinstance(brightness, Local):
        return ""
    return f"window of {significant(brightness.window)} px"


def _start(initial: Warp) -> str:
    if not isinstance(initial, MatrixWarp):
        return ", ".join(significant(float(p), 6) for p in initial.params)
    if np.array_equal(initial.matrix, np.eye(3)):
        return "identity"
    rows = ("  ".join(significant(v, 6) for v in row) for row in initial.matrix)
    return "; ".join(rows)


def _pixels(result: Alignment) -> list[Entry]:
    """Say so where not all pixels were used at full resolution."""
    share = result.trace[-1].selected if result.trace else 1.0
    if share == 1:
        return []
    return [
        Entry("Pixels", f"the most informative {share:.1%}; the figures are theirs")
    ]
