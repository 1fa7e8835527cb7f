"""What an alignment returns: the warp, how it ended, and how sure it is."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np

from photalign import _core
from photalign._advice import advice_for
from photalign._grounds import Grounds
from photalign._types import Array, FloatArray
from photalign._warnings import warnings_of
from photalign.brightness import Brightness
from photalign.warps import Warp

__all__ = ["Alignment", "AlignmentError", "Rival", "Status", "Step"]


class Status(enum.Enum):
    """How an alignment ended; the value of a member is a sentence.

    Examples
    --------
    >>> import photalign as pa
    >>> pa.Status.CONVERGED.value
    'The steps became smaller than the tolerance.'
    """

    CONVERGED = "The steps became smaller than the tolerance."
    STEP_LIMIT = (
        "The limit of steps was reached first; raise max_steps, or start closer."
    )
    TOO_LITTLE_TEXTURE = (
        "The images do not determine the warp: they are flat or vary in one direction "
        "only, or parameters of the warp do the same or nothing; use a warp with fewer "
        "parameters or a larger area."
    )
    TOO_LITTLE_OVERLAP = (
        "Too few pixels of the reference are valid in the moving image; start closer, "
        "check the masks, or lower min_overlap."
    )
    NO_DESCENT = (
        "No step lowered the cost any more, though it asked for a large motion; start "
        "closer, or try another method, loss or brightness model."
    )
    NO_MATCH = (
        "The images do not agree in detail under the warp that was found; check that "
        "they show the same scene, or start closer."
    )
    NONFINITE = "The cost is not a finite number; check the images and the start."


# The order of the core's enumeration.
STATUS_OF_CORE = (
    Status.CONVERGED,
    Status.STEP_LIMIT,
    Status.TOO_LITTLE_TEXTURE,
    Status.TOO_LITTLE_OVERLAP,
    Status.NO_DESCENT,
    Status.NO_MATCH,
    Status.NONFINITE,
)


class AlignmentError(RuntimeError):
    """Raised by `Alignment.raise_if_failed`.

    Attributes
    ----------
    result : Alignment
        The alignment that failed.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> flat = np.zeros((32, 32))
    >>> try:
    ...     pa.align(flat, flat).raise_if_failed()
    ... except pa.AlignmentError as error:
    ...     error.result.status.name
    'TOO_LITTLE_TEXTURE'
    """

    def __init__(self, result: Alignment) -> None:
        message = f"{result.status.name}: {result.status.value} {result.advice}"
        super().__init__(message.rstrip())
        self.result = result


@dataclass(frozen=True)
class Step:
    """One step of the optimizer.

    Attributes
    ----------
    level : int
        Level of the pyramid, 0 for full resolution.
    iteration : int
        Number of the step on its level, from 1. It begins anew where another kernel
        or fewer levels are tried.
    cost : float
        Mean of rho / 2 over the valid pixels that were selected, after the step if
        it was accepted, in grey levels squared. A step so short that nothing is
        left to do is not looked at any more, and has the cost before it.
    motion : float
        Largest motion of a corner of the reference, px at full resolution.
    damping : float
        Damping of the step, relative to the Hessian's diagonal.
    overlap : float
        Share of the reference's valid pixels that are valid in the moving image.
    accepted : bool
        Whether the step was taken.
    scale : float
        Scale of the loss, in grey levels; 0 for the squared loss.
    selected : float
        Share of the level's pixels that the step was computed from. The first steps
        at full resolution, and those on large coarse levels, take thin bands of the
        image. Costs compare only between equal shares.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:80, 0:100]
    >>> image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    >>> last = pa.align(image, np.roll(image, 1, 1), "translation").trace[-1]
    >>> last.level, last.accepted, last.motion < 1e-3
    (0, True, True)
    """

    level: int
    iteration: int
    cost: float
    motion: float
    damping: float
    overlap: float
    accepted: bool
    scale: float
    selected: float = 1.0


def _step(row: Sequence[float]) -> Step:
    level, iteration, cost, motion, damping, overlap, accepted, scale, selected = row
    return Step(
        level=int(level),
        iteration=int(iteration),
        cost=cost,
        motion=motion,
        damping=damping,
        overlap=overlap,
        accepted=bool(accepted),
        scale=scale,
        selected=selected,
    )


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A model that ``warp="auto"`` weighed.

    Attributes
    ----------
    warp : str
        Name of the model.
    status : Status
        How its alignment ended; that of the richest model for those that were compared
        with it without being aligned.
    corner_distance : float
        Largest distance of a corner of the reference from where the richest model takes
        it, px.
    misfit : float
        Squared distance of all corners from there, in units of their covariance.
    criterion : float
        The misfit, and the logarithm of the number of pixels for each parameter
        (Schwarz, 1978). The least is chosen.
    is_chosen : bool
        Whether it is the model of the result.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:80, 0:100]
    >>> image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    >>> found = pa.align(image, np.roll(image, 1, 1), "auto")
    >>> [rival.warp for rival in found.rivals if rival.is_chosen]
    ['translation']
    """

    warp: str
    status: Status
    corner_distance: float = math.nan
    misfit: float = math.nan
    criterion: float = math.nan
    is_chosen: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {
            "warp": self.warp,
            "status": self.status.name,
            "corner_distance": _numbers(self.corner_distance),
            "misfit": _numbers(self.misfit),
            "criterion": _numbers(self.criterion),
            "is_chosen": self.is_chosen,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """The result of `photalign.align`.

    Attributes
    ----------
    warp : Warp
        Maps points of the reference to points of the moving image.
    status : Status
        How the alignment ended.
    covariance : ndarray, shape (P, P), float64
        Of ``warp.params``, brightness marginalized; NaN if it cannot be had.
    corner_std : ndarray, shape (4, 2), float64
        Standard deviation in x and y of the mapped corners (0, 0), (W - 1, 0),
        (W - 1, H - 1), (0, H - 1) of the reference, px.
    cost : float
        Half the sum of rho over the valid pixels, in grey levels squared.
    rms : float
        Root mean square of the residuals, in grey levels; of features and with `Local`
        in their own units, as are `cost`, `correlation` and `scale`.
    correlation : float
        Zero-mean normalized correlation of the overlapping pixels, -1 to 1.
    overlap : float
        Share of the reference's valid pixels that are valid in the moving image.
    agreement : float
        Share of the texture, 0 to 1, that lies in blocks of 16 x 16 pixels in which
        the images agree: less than half of what varies there is left in the
        residuals, and the loss did not reject it.
    confidence : float
        Probability, 0 to 1, that the images match under this warp, from how they
        agree in detail; `ok` asks for more than 0.4.
    effective_pixels : float
        Valid pixels, neighbors that share their noise counted as less.
    iterations : int
        Steps on all levels.
    brightness : Brightness
        The brightness model with its gain and bias.
    trace : tuple of Step
        Every step, from the coarsest level to the finest.
    initial : Warp
        The start.
    initialization : str
        How the start was found: "identity", "given", or by the search "phase",
        "fourier_mellin" or "grid".
    method, kernel, loss : str
        What was used on the finest level.
    features : str
        What was compared: "intensity", or the name of what the images were turned into.
    scale : float
        Scale of the loss, in grey levels; 0 for the squared loss.
    levels : int
        Levels of the pyramid.
    seconds : float
        Time that the call took, s.
    reference, moving : ndarray
        The images as they were given.
    reference_mask, moving_mask : ndarray or None
        The masks as they were given.
    rivals : tuple of Rival
        The models that ``warp="auto"`` weighed, from the simplest; else empty.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:80, 0:100]
    >>> image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y)
    >>> found = pa.align(image, np.roll(image, 1, 1), "translation")
    >>> found.ok, found.status.name, found.warp.params[0].round(3)
    (True, 'CONVERGED', np.float64(1.0))
    """

    warp: Warp
    status: Status
    covariance: FloatArray
    corner_std: FloatArray
    cost: float
    rms: float
    correlation: float
    overlap: float
    agreement: float = 1.0
    confidence: float = 1.0
    effective_pixels: float = np.inf
    iterations: int
    brightness: Brightness
    trace: tuple[Step, ...] = field(repr=False)
    initial: Warp = field(repr=False)
    initialization: str = "given"
    method: str
    kernel: str
    loss: str
    scale: float
    levels: int
    seconds: float
    reference: Array = field(repr=False)
    moving: Array = field(repr=False)
    reference_mask: Array | None = field(default=None, repr=False)
    moving_mask: Array | None = field(default=None, repr=False)
    rivals: tuple[Rival, ...] = field(default=(), repr=False)
    features: str = "intensity"
    _grounds: Grounds = field(default=Grounds(), repr=False)

    @classmethod
    def of_core(cls, steps: FloatArray, **fields: Any) -> Alignment:
        """Return the result with the steps as rows of numbers, which may never be read.

        Parameters
        ----------
        steps : ndarray, shape (N, 8), float64
            The fields of a `Step` in each row.
        **fields
            All other attributes.
        """
        result = object.__new__(cls)
        result.__dict__.update(fields, _steps=steps)
        return result

    def with_fields(self, **fields: Any) -> Alignment:
        """Return the same with other values of some attributes."""
        result = object.__new__(type(self))
        result.__dict__.update(self.__dict__)
        # What was told of the old values.
        for told in ("warnings", "advice"):
            result.__dict__.pop(told, None)
        result.__dict__.update(fields)
        return result

    @property
    def _stages(self) -> dict[str, tuple[float, int]]:
        """What the core spent on each stage of its work: seconds, and pixels.

        Pixels are those that were compared, every channel counted. `seconds` has in
        addition what Python did.
        """
        spent = self.__dict__["_stage_numbers"].tolist()
        return {
            stage: (seconds, int(pixels))
            for stage, (seconds, pixels) in zip(_core.STAGES, spent, strict=True)
        }

    def __repr__(self) -> str:
        """One line: how it ended, the warp, and how sure it is."""
        std = np.max(self.corner_std)
        sure = f"corners within {std:.2g} px" if np.isfinite(std) else "uncertain"
        return (
            f"Alignment({self.status.name}, {self.warp!r}, {sure}, "
            f"correlation={self.correlation:.4f}, overlap={self.overlap:.0%})"
        )

    @property
    def ok(self) -> bool:
        """Whether the alignment converged."""
        return self.status is Status.CONVERGED

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Where the numbers cannot be trusted, above all the covariance.

        A tuple of str, a sentence each, with what to do; empty if nothing is wrong or
        if the alignment failed, of which `advice` speaks.
        """
        return tuple(warnings_of(self)) if self.ok else ()

    @cached_property
    def advice(self) -> str:
        """What to try after a failure; "" if the alignment is `ok`."""
        return advice_for(self)

    def raise_if_failed(self) -> Alignment:
        """Return the alignment itself if it is `ok`.

        Raises
        ------
        AlignmentError
            If it is not; the error carries the result.
        """
        if not self.ok:
            raise AlignmentError(self)
        return self

    def report(self, path: str | PathLike[str], *, truth: Warp | None = None) -> None:
        """Write one self-contained HTML page about this alignment.

        Parameters
        ----------
        path : str or path
            The file to write; replaced only by a complete new one.
        truth : Warp, optional
            The true warp, to be shown beside the estimate.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from photalign.report import write_report

        write_report(self, path, truth=truth)

    def to_dict(self) -> dict[str, Any]:
        """Return the result without the images, ready for JSON.

        Returns
        -------
        dict
            With a "schema" entry, "photalign.alignment/1". Numbers that are not
            finite are None.
        """
        return {
            "schema": "photalign.alignment/1",
            "status": self.status.name,
            "message": self.status.value,
            "ok": self.ok,
            "warp": self.warp.to_dict(),
            "params": _numbers(self.warp.params),
            "param_names": list(self.warp.param_names),
            "covariance": _numbers(self.covariance),
            "corner_std": _numbers(self.corner_std),
            "cost": _numbers(self.cost),
            "rms": _numbers(self.rms),
            "correlation": _numbers(self.correlation),
            "overlap": _numbers(self.overlap),
            "agreement": _numbers(self.agreement),
            "confidence": _numbers(self.confidence),
            "effective_pixels": _numbers(self.effective_pixels),
            "warnings": list(self.warnings),
            "advice": self.advice,
            "iterations": self.iterations,
            "brightness": {
                "model": self.brightness.name,
                "gain": _numbers(self.brightness.gain),
                "bias": _numbers(self.brightness.bias),
            },
            "method": self.method,
            "kernel": self.kernel,
            "loss": self.loss,
            "features": self.features,
            "scale": _numbers(self.scale),
            "levels": self.levels,
            "seconds": self.seconds,
            "initial": self.initial.to_dict(),
            "rivals": [rival.to_dict() for rival in self.rivals],
            "initialization": self.initialization,
            "reference_shape": list(self.reference.shape),
            "moving_shape": list(self.moving.shape),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False)


class _Trace:
    """Steps of numbers, made when they are first asked for.

    Whatever an alignment's own dictionary has goes before.
    """

    def __get__(
        self, result: Alignment | None, owner: type[Alignment]
    ) -> tuple[Step, ...] | _Trace:
        if result is None:
            return self
        values = result.__dict__
        values["trace"] = trace = tuple(map(_step, values["_steps"].tolist()))
        return trace


Alignment.trace = _Trace()  # type: ignore[assignment]


def _numbers(value: Any) -> Any:
    """Return lists and floats of numbers, None for what JSON cannot hold."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim:
        return [_numbers(item) for item in array]
    return float(array) if np.isfinite(array) else None
