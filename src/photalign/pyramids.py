"""The pyramid: from coarse to fine."""

from __future__ import annotations

from dataclasses import dataclass

from photalign._checks import positive_integer

__all__ = ["Pyramid"]


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """Levels of half the resolution each, aligned from the coarsest to the finest.

    Parameters
    ----------
    levels : int, optional
        How many, the full resolution included. By default as many as keep the
        shorter side of either image at `min_size` pixels or more.
    min_size : int
        Shortest side of the coarsest level, in pixels of that level.

    Raises
    ------
    ValueError
        If `levels` or `min_size` is not a positive integer.

    Examples
    --------
    >>> import photalign as pa
    >>> pa.Pyramid().levels_for((480, 640), (480, 640))
    5
    """

    levels: int | None = None
    min_size: int = 24

    def __post_init__(self) -> None:
        if self.levels is not None:
            positive_integer(self.levels, "levels")
        positive_integer(self.min_size, "min_size")

    def levels_for(self, *shapes: tuple[int, ...]) -> int:
        """Return the number of levels for images of these shapes.

        Parameters
        ----------
        *shapes : tuple of int, (rows, columns, ...)
            Shapes of the images, in pixels.

        Returns
        -------
        int
            Levels, at least 1; never so many that a side has under 8 pixels.
        """
        side = min(min(shape[:2]) for shape in shapes)
        smallest = self.min_size if self.levels is None else 8
        levels = 1
        while side // 2 >= smallest and (self.levels is None or levels < self.levels):
            side //= 2
            levels += 1
        return levels
