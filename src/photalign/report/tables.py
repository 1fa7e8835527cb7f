"""Rows of the tables: every number with its uncertainty and its unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from photalign.report.numbers import (
    UNKNOWN,
    Measured,
    alike,
    fixed,
    measured,
    significant,
    ten_to,
)
from photalign.warps import WARPS, MatrixWarp

if TYPE_CHECKING:
    from photalign.results import Alignment, Rival
    from photalign.warps import Warp

# Meaning and unit of the parameters of the built-in warps.
_MEANINGS = {
    "tx": ("shift to the right", "px"),
    "ty": ("shift down", "px"),
    "angle": ("rotation, clockwise as seen", "rad"),
    "scale": ("magnification", ""),
    "m00": ("x per x", ""),
    "m01": ("x per y", ""),
    "m02": ("shift to the right", "px"),
    "m10": ("y per x", ""),
    "m11": ("y per y", ""),
    "m12": ("shift down", "px"),
    "m20": ("perspective along x", "px⁻¹"),
    "m21": ("perspective along y", "px⁻¹"),
}
_CORNERS = ("top left", "top right", "bottom right", "bottom left")


@dataclass(frozen=True, kw_only=True)
class ParameterRow:
    """One parameter of the warp; the last two are empty where no truth is given."""

    symbol: str
    meaning: str
    value: str
    std: str
    unit: str
    truth: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class CornerRow:
    """One corner of the reference and where the warp puts it, in pixels."""

    number: int
    name: str
    x: str
    x_std: str
    y: str
    y_std: str
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class RivalRow:
    """One model that was weighed; distances in pixels."""

    name: str
    parameters: str
    distance: str
    misfit: str
    criterion: str
    verdict: str


def parameter_rows(result: Alignment, truth: Warp | None) -> list[ParameterRow]:
    """Return one row per parameter of the warp.

    Parameters
    ----------
    result : Alignment
    truth : Warp or None
        Its parameters are shown if they are those of the warp found.

    Returns
    -------
    list of ParameterRow
    """
    warp = result.warp
    stds = np.sqrt(np.diag(result.covariance))
    true: list[float | None] = [None] * warp.n_params
    if truth is not None and of_one_model(truth, warp):
        true = truth.params.tolist()
    known = _MEANINGS if isinstance(warp, MatrixWarp) else {}
    return [
        _parameter_row(name, float(value), float(std), t, *known.get(name, ("", "")))
        for name, value, std, t in zip(
            warp.param_names, warp.params, stds, true, strict=True
        )
    ]


def corner_rows(result: Alignment, truth: Warp | None) -> list[CornerRow]:
    """Return one row per corner of the reference.

    Parameters
    ----------
    result : Alignment
    truth : Warp or None
        If given, each row states how far the corner lies from its true place.

    Returns
    -------
    list of CornerRow
    """
    found = result.warp.corners(result.reference.shape)
    errors = alike(corner_errors(result, truth))
    rows = []
    for k, name in enumerate(_CORNERS):
        x, y = (
            _position(float(v), float(s))
            for v, s in zip(found[k], result.corner_std[k], strict=True)
        )
        row = CornerRow(
            number=k + 1,
            name=name,
            x=x.value,
            x_std=x.std,
            y=y.value,
            y_std=y.std,
            error=errors[k] if errors else "",
        )
        rows.append(row)
    return rows


def corner_errors(result: Alignment, truth: Warp | None) -> list[float]:
    """Return the distance of each corner from its true place in px, none if unknown."""
    if truth is None:
        return []
    shape = result.reference.shape
    offsets = result.warp.corners(shape) - truth.corners(shape)
    return [float(d) for d in np.hypot(*offsets.T)]


def _position(value: float, std: float) -> Measured:
    if math.isfinite(std):
        return measured(value, std, power=0)
    return Measured(value=fixed(value, 3), std=UNKNOWN)


def of_one_model(warp: Warp, other: Warp) -> bool:
    """Tell whether two warps have the same parameters."""
    return type(warp) is type(other) and warp.param_names == other.param_names


def _parameter_row(
    name: str, value: float, std: float, truth: float | None, meaning: str, unit: str
) -> ParameterRow:
    shown = measured(value, std)
    scale = f"{ten_to(shown.power)} " if shown.power else ""
    row = ParameterRow(
        symbol=name,
        meaning=meaning,
        value=shown.value,
        std=shown.std,
        unit=(scale + unit).strip(),
    )
    if truth is None:
        return row
    return replace(
        row,
        truth=measured(truth, std, shown.power).value,
        error=f"{fixed((value - truth) / std, 1)} σ" if std > 0 else UNKNOWN,
    )


def rival_rows(result: Alignment) -> list[RivalRow]:
    """Return one row per model that was weighed, from the simplest; none if none was.

    The criterion is relative to that of the model that was chosen.
    """
    least = min((r.criterion for r in result.rivals), default=math.nan)
    return [
        RivalRow(
            name=rival.warp,
            parameters=str(WARPS[rival.warp].n_params),
            distance=_or_unknown(rival.corner_distance, significant),
            misfit=_or_unknown(rival.misfit, significant),
            criterion=_or_unknown(rival.criterion - least, significant),
            verdict=_verdict(rival),
        )
        for rival in result.rivals
    ]


def _verdict(rival: Rival) -> str:
    if rival.is_chosen:
        return "chosen"
    if rival.status.name != "CONVERGED":
        return rival.status.name.lower().replace("_", " ")
    return ""


def _or_unknown(value: float, text: Callable[[float], str]) -> str:
    return text(value) if math.isfinite(value) else UNKNOWN
