"""Results of alignments as plain values."""

from __future__ import annotations

from typing import Any

from photalign.results import Alignment


def outcome(found: Alignment) -> tuple[Any, ...]:
    """Return everything that was computed, to compare bit for bit."""
    brightness = found.brightness.gain.tobytes(), found.brightness.bias.tobytes()
    numbers = found.cost, found.rms, found.correlation, found.overlap, found.scale
    covariance = found.covariance.tobytes(), found.corner_std.tobytes()
    return found.status, found.warp, *covariance, *brightness, *numbers, found.trace
