"""The kernels that images are sampled with, as frozen values by name."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A sampling kernel; its weights are in the core.

    Attributes
    ----------
    name : str
        The word for it.
    code : int
        Its place in the core's list.
    taps : int
        Pixels under it along each axis.
    continuity : int
        How many derivatives of the sampled function are continuous; -1 if the function
        itself is not.
    reproduces : int
        Polynomials up to this degree are sampled exactly.
    derivatives : int
        The highest order of derivatives that samplers offer. Those above `continuity`
        jump from cell to cell.
    prefilter : bool
        Whether the pixels are replaced by B-spline coefficients first, so that the
        sampled function passes through the pixels.

    Examples
    --------
    >>> import photalign as pa
    >>> pa.kernels.KERNELS["bspline3"].taps, pa.kernels.KERNELS["bspline3"].continuity
    (4, 2)
    """

    name: str
    code: int
    taps: int
    continuity: int
    reproduces: int
    derivatives: int = 2
    prefilter: bool = False

    @property
    def direct(self) -> Kernel:
        """The same kernel on the pixels themselves.

        A B-spline without its prefilter smooths the image and reproduces nothing
        beyond straight lines.
        """
        if not self.prefilter:
            return self
        return replace(self, name=f"{self.name}_direct", reproduces=1, prefilter=False)


NEAREST = Kernel(
    name="nearest", code=4, taps=1, continuity=-1, reproduces=0, derivatives=0
)
LINEAR = Kernel(name="linear", code=0, taps=2, continuity=0, reproduces=1)
CATMULL_ROM = Kernel(name="catmull_rom", code=1, taps=4, continuity=1, reproduces=2)
KEYS6 = Kernel(name="keys6", code=5, taps=6, continuity=1, reproduces=3)
BSPLINE2 = Kernel(
    name="bspline2", code=6, taps=3, continuity=1, reproduces=2, prefilter=True
)
BSPLINE3 = Kernel(
    name="bspline3", code=2, taps=4, continuity=2, reproduces=3, prefilter=True
)
BSPLINE5 = Kernel(
    name="bspline5", code=3, taps=6, continuity=4, reproduces=5, prefilter=True
)

_SPLINES = (BSPLINE2, BSPLINE3, BSPLINE5)

KERNELS = {
    k.name: k
    for k in (
        *(NEAREST, LINEAR, CATMULL_ROM, KEYS6),
        *_SPLINES,
        *(spline.direct for spline in _SPLINES),
    )
}
"""The kernels of samplers, by name."""

ALIGNMENT_KERNELS = {
    k.name: k
    for k in (
        *(LINEAR, CATMULL_ROM, BSPLINE3, BSPLINE5),
        *(BSPLINE3.direct, BSPLINE5.direct),
    )
}
"""The kernels of alignment."""
