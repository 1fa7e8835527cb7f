"""What the core tells of a result besides its numbers: grounds for judging it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Grounds"]


class Grounds(NamedTuple):
    """What is known of a match and of its residuals; by default nothing is wrong."""

    unexplained: float = 0.0
    """Share of the texture that is in the residuals, its median over the blocks."""
    correlation: float = 1.0
    fine_correlation: float = 1.0
    """Of the images from cell to cell and within cells, likewise."""
    blocks: float = float("inf")
    """With texture beyond the noise."""
    pooled: float = 1.0
    """Correlation from cell to cell of all blocks that the loss kept, together."""
    growth: float = 0.0
    """Of the residuals from blocks with little texture to those with much, in units
    of the texture's."""
    surplus: float = 1.0
    """Share of their texture that the latter have more than the former."""
    deviation: float = 0.0
    """Largest standard deviation of a mapped point, px; NaN if it is not known."""
    contrast: float = 1.0
    contrast_t: float = 0.0
    """The reference's over the moving image's, and Student's t of the difference."""
    brightness: float = 0.0
    brightness_t: float = 0.0
    """By how many grey levels the reference is brighter, and Student's t of that."""
    residual: float = 0.0
    """Variance of the residuals within blocks."""
    of_means: float = 0.0
    """Variance of the blocks' means, in units of that."""
    blocks_of_residuals: float = 0.0
    """Blocks of which the last six speak."""
    kept: float = 1.0
    """Share of the pixels' weight that the loss left."""
    edges: float = 1.0
    """Mean squared residual where the gradient is, over that of all pixels."""
    pixels_per_degree: float = 1.0
    """Correlated residuals that count as one."""
