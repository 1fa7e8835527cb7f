"""What samples are compared with: a reference, weights, gain and bias, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from photalign._checks import as_array, choice
from photalign._types import Array, ArrayLike, BoolArray, FloatArray
from photalign.brightness import Brightness
from photalign.sampling import Sampler

# The types that the core reads as they are stored.
_REFERENCES = frozenset(np.dtype(t) for t in ("u1", "u2", "f4", "f8"))
_WEIGHTS = frozenset(np.dtype(t) for t in ("u1", "f4", "f8"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Observations:
    """A reference with its weights, and the brightness of the samples.

    Attributes
    ----------
    shape : tuple of int
        Of the samples without their channels.
    channels : int
        How many a sample has.
    reference : ndarray, shape (N, C)
        C-contiguous; what is not finite is left out.
    weights : ndarray, shape (N, 1) or (N, C), optional
        C-contiguous; 0 where a residual is left out.
    gain, bias : ndarray, shape (C,), float64
        The residual is ``gain * sample + bias - reference``.
    solves_brightness : bool
        Whether gain and bias are unknowns.
    """

    shape: tuple[int, ...]
    channels: int
    reference: Array
    weights: Array | None
    gain: FloatArray
    bias: FloatArray
    solves_brightness: bool

    @classmethod
    def read(
        cls,
        sampler: Sampler,
        reference: ArrayLike,
        weights: ArrayLike | None,
        *,
        shape: tuple[int, ...] | None = None,
        gain: ArrayLike = 1.0,
        bias: ArrayLike = 0.0,
        brightness: str | Brightness = "none",
    ) -> Observations:
        """Check what a user has given; `shape` is that of the points, if known."""
        lead, channels = shape, sampler._channels
        given = as_array(reference, "reference")
        if lead is None:
            lead = given.shape[: given.ndim - len(channels)]
        if given.shape != (*lead, *channels):
            of_points = "..." if shape is None else ", ".join(map(str, lead))
            expected = ", ".join(filter(None, [of_points, *map(str, channels)]))
            raise ValueError(
                f"reference: expected shape ({expected}), that of the samples, "
                f"got {given.shape}"
            )
        n = channels[0] if channels else 1
        return cls(
            shape=lead,
            channels=n,
            reference=_packed(given, _REFERENCES).reshape(-1, n),
            weights=None if weights is None else _weights(weights, lead, channels),
            gain=_per_channel(gain, n, "gain"),
            bias=_per_channel(bias, n, "bias"),
            solves_brightness=_solves(brightness),
        )

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.reference)

    @property
    def used(self) -> BoolArray:
        """Which residuals count if the samples are valid, (N, C)."""
        used: BoolArray = np.isfinite(self.reference)
        return used if self.weights is None else used & (self.weights > 0)


def _packed(array: Array, native: frozenset[np.dtype[np.generic]]) -> Array:
    dtype = array.dtype if array.dtype in native else np.dtype(np.float64)
    if dtype is array.dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    if array.dtype == np.bool_:
        dtype = np.dtype(np.uint8)
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _weights(
    weights: ArrayLike, lead: tuple[int, ...], channels: tuple[int, ...]
) -> Array:
    given = as_array(weights, "weights")
    if given.shape not in (lead, (*lead, *channels)):
        per_channel = f" or {(*lead, *channels)}" if channels else ""
        raise ValueError(
            f"weights: expected shape {lead}{per_channel}, got {given.shape}"
        )
    array = _packed(given, _WEIGHTS)
    if array.dtype.kind == "f" and array.size:
        low, high = array.min(), array.max()
        if not (low >= 0 and high < np.inf):
            raise ValueError(
                "weights: expected finite weights of 0 or more, "
                f"got values from {low} to {high}"
            )
    return array.reshape(-1, 1 if given.shape == lead else channels[0])


def _per_channel(value: ArrayLike, channels: int, name: str) -> FloatArray:
    if type(value) is float and math.isfinite(value):  # what most calls hand in
        return np.full(channels, value)
    given = as_array(value, name)
    if given.shape not in ((), (channels,)) or not np.isfinite(given).all():
        raise ValueError(
            f"{name}: expected a finite number or {channels} of them, one for each "
            f"channel, got {value!r}"
        )
    return np.full(channels, given, dtype=np.float64)


def _solves(brightness: str | Brightness) -> bool:
    name = brightness.name if isinstance(brightness, Brightness) else brightness
    return choice(name, ("none", "gain_bias"), "brightness") == "gain_bias"


def differentiable(sampler: Sampler, what: str) -> None:
    """Check that a sampler is one, and that its kernel has derivatives."""
    if not isinstance(sampler, Sampler):
        kind = type(sampler)
        # There are samplers for JAX and PyTorch, too.
        hidden = ("builtins", "_")
        names = [*kind.__module__.split("."), kind.__name__]
        public = ".".join(name for name in names if not name.startswith(hidden))
        raise TypeError(
            f"sampler: expected a photalign.Sampler, got {public}; "
            "pass pa.Sampler(image)"
        )
    sampler._expect_derivatives(what)
