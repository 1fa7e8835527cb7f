"""The page: gathers figures, tables and words, and fills the template."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from photalign.report.figures.colors import css_gradient
from photalign.report.figures.cost_plot import cost_plot
from photalign.report.figures.grid import grid_spacing, warp_grid
from photalign.report.figures.histogram import color_limit, histogram
from photalign.report.figures.pictures import (
    difference_uri,
    photo_uri,
    shrink,
    shrink_factor,
    tone_window,
)
from photalign.report.numbers import UNKNOWN, percent, significant
from photalign.report.summary import (
    headline,
    key_figures,
    numbers,
    sentence,
    settings,
    unit,
)
from photalign.report.tables import (
    corner_rows,
    of_one_model,
    parameter_rows,
    rival_rows,
)
from photalign.warps import MatrixWarp

if TYPE_CHECKING:
    from photalign.report.comparison import Comparison
    from photalign.results import Alignment
    from photalign.warps import Warp

_SMALL = 400  # px; smaller images are enlarged, and shown pixel by pixel


def render(result: Alignment, comparison: Comparison, truth: Warp | None = None) -> str:
    """Return the whole report as one HTML document that needs nothing else.

    Parameters
    ----------
    result : Alignment
    comparison : Comparison
        Images and differences of `result` on the pixels of the reference.
    truth : Warp or None
        The warp that should have been found, where it is known.

    Returns
    -------
    str
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    script = _text("page.js")
    limit = color_limit(comparison.before, comparison.after)
    drawings = _drawings(result, comparison, limit, truth)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text("page.html.jinja")).render(
        style=Markup(_text("page.css")),
        script=Markup(script),
        script_hash=_hash(script),
        **{name: Markup(drawing) for name, drawing in drawings.items()},
        **_words(result, truth),
        **_pictures(comparison, limit),
        **_shares(comparison, limit),
    )


def _words(result: Alignment, truth: Warp | None) -> dict[str, Any]:
    """Return words and tables, by their names in the template."""
    return {
        "ok": result.ok,
        "headline": headline(result),
        "status": result.status.value,
        "sentence": sentence(result),
        "advice": result.advice,
        "warnings": result.warnings,
        "key_figures": key_figures(result, truth),
        "numbers": numbers(result),
        "unit": unit(result),
        "settings": settings(result),
        "brightness": (
            result.brightness.name
            if result.features == "intensity"
            else result.features
        ),
        "parameters": parameter_rows(result, truth),
        "corners": corner_rows(result, truth),
        "rivals": rival_rows(result),
        "has_truth": truth is not None,
        "has_parameter_truth": truth is not None and of_one_model(truth, result.warp),
        **_exact(result.warp),
        "spacing": significant(grid_spacing(result.reference.shape)),
        "channels": 1 if result.reference.ndim == 2 else result.reference.shape[2],
    }


def _exact(warp: Warp) -> dict[str, str]:
    """Return what to copy from the page: a matrix, or a function's parameters."""
    if isinstance(warp, MatrixWarp):
        rows = json.dumps(warp.matrix.tolist()).replace("],", "],\n")
        return {"exact": rows, "exact_name": "matrix from reference to moving image"}
    return {
        "exact": json.dumps(warp.params.tolist()),
        "exact_name": f"parameters of {warp.name}",
    }


def _drawings(
    result: Alignment, comparison: Comparison, limit: float, truth: Warp | None
) -> dict[str, str]:
    """Return the drawings as SVG, by their names in the template."""
    moving = result.moving
    picture = photo_uri(
        shrink(moving, shrink_factor(moving.shape)), tone_window(moving)
    )
    return {
        "grid": warp_grid(
            picture,
            moving.shape,
            result.reference.shape,
            result.warp,
            result.initial,
            truth,
        ),
        "histogram": histogram(comparison.before, comparison.after, limit),
        "gradient": css_gradient(),
        "cost": cost_plot(result.trace, unit(result)),
    }


def _pictures(comparison: Comparison, limit: float) -> dict[str, Any]:
    """Return the pictures and how they are shown, by their names in the template."""
    reference = comparison.reference
    factor = shrink_factor(reference.shape)
    window = tone_window(reference)
    return {
        "width": reference.shape[1],
        "height": reference.shape[0],
        "factor": factor,
        "pixels": max(reference.shape[:2]) < _SMALL,
        "window": None
        if reference.dtype == np.uint8
        else tuple(significant(v, 4) for v in window),
        "reference": photo_uri(shrink(reference, factor), window),
        "registered": photo_uri(shrink(comparison.registered, factor), window),
        "before": difference_uri(shrink(comparison.before, factor), limit),
        "after": difference_uri(shrink(comparison.after, factor), limit),
    }


def _shares(comparison: Comparison, limit: float) -> dict[str, str]:
    """Return what the differences amount to, by name in the template."""
    words = {"limit": significant(limit)}
    for name in ("before", "after"):
        difference = getattr(comparison, name)
        size = np.abs(difference[np.isfinite(difference)])
        some = size.size > 0
        words[f"half_{name}"] = significant(np.median(size), 2) if some else UNKNOWN
        words[f"beyond_{name}"] = percent(np.mean(size > limit)) if some else UNKNOWN
    return words


def _hash(script: str) -> str:
    """Return the source that lets the page's own script run, and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode()


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
