"""What the core tells of a result besides its numbers: grounds for warnings and advice."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Evidence", "Symptoms"]


class Evidence(NamedTuple):
    """What the blocks of the image say of the match; see docs/mathematics.md."""

    unexplained: float
    correlation: float
    fine_correlation: float
    blocks: float
    deviation: float
    """Largest standard deviation of a mapped point, px; NaN if it is not known."""


class Symptoms(NamedTuple):
    """What makes numbers doubtful though the images match."""

    contrast: float
    contrast_t: float
    brightness: float
    brightness_t: float
    """Of the reference beyond the moving image, with Student's t of both."""
    residual: float
    """Variance within blocks."""
    of_means: float
    """Variance of the blocks' means, in units of that."""
    count: float
    """Blocks."""
    kept: float
    """Share of the pixels' weight that the loss left."""
    edges: float
    """Mean squared residual where the gradient is, over that of all pixels."""
