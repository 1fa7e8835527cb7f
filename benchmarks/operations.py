"""What one pass over the images has to do per pixel, counted from its formulas.

These are the formulas of docs/mathematics.md for an affine warp, the squared loss, and
no masks, in the shortest way to write them that we know; a shorter one would lower the
floor. A multiplication counts once with the addition that follows it. What lies in
registers between two steps moves no bytes. A tile's borders count for nothing, nor does
what checks that pixels are inside. The steps, for a kernel of n taps:

- convert: integers are widened and made floats; offsets are left to the last constant.
- place: u and v are linear in x, each in two parts that keep its digits. The whole part
  of each is cut off, made a float again, and taken away.
- weigh: the weights of the taps on both axes, common factors left to the end.
- sample: n rows of n taps, each looked up in the two vectors of its row, then the rows;
  for the gradient n rows more by the derivative's weights and two sums of the rows. The
  linear kernel has differences of taps in place of weights.
- reference: its stencil down the columns and along the row, whose halves are alike.
- compare: the difference of the two values.
- sum: with G the gradient and r the residual, of each of the products of G and G the
  sums by 1, x and x², of those of G and r by 1 and x, and of r². The linear map that
  turns the moving image's gradient into the reference's frame is put on the sums; only
  for the mean of both gradients (ESM) must it be put on the pixels.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

FLOAT = 4


@dataclass(frozen=True, kw_only=True)
class Count:
    """Operations on floats, and bytes, for one pixel of one channel."""

    multiplications: float = 0
    """With the addition that follows or without."""
    others: float = 0
    """Additions and conversions."""
    lookups: float = 0
    """Taps that are picked from the vectors of a row."""
    cached: float = 0
    """Bytes between registers and the nearest cache."""
    images: float = 0
    """Bytes of the images themselves."""

    def __add__(self, other: Count) -> Count:
        sums = [a + b for a, b in zip(astuple(self), astuple(other), strict=True)]
        return Count(**dict(zip([f.name for f in fields(self)], sums, strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.operations:g} op, {self.multiplications:g} fma, "
            f"{self.lookups:g} lookups, {self.cached:g} + {self.images:g} B"
        )

    @property
    def operations(self) -> float:
        """All of them."""
        return self.multiplications + self.others + self.lookups


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """How many taps it has, and what a pass does for it."""

    taps: int
    weights: Count
    """Of the value, on both axes."""
    derivatives: Count
    """Of the gradient, on both axes, beyond those of the value."""
    value: Count
    """The reference's, from its stencil."""
    slopes: Count
    """The reference's gradient beyond that."""


KERNELS = {
    "linear": Kernel(
        taps=2,
        weights=Count(),
        derivatives=Count(),
        value=Count(cached=FLOAT),
        # Differences of neighbors, whose half is put on the sums.
        slopes=Count(others=2, cached=4 * FLOAT),
    ),
    "bspline3_direct": Kernel(
        taps=4,
        # s = 1 - t; t² and t³, s² and s³; (3 t - 6) t² + 4 and the same of s. One
        # factor of 1/36 on the value.
        weights=Count(multiplications=2 * (4 + 4) + 1, others=2),
        # (3 t - 4) t and the same of s; one factor for each of two derivatives.
        derivatives=Count(multiplications=2 * 4 + 2),
        # [1 4 1] twice: the sum of the outer ones, then four times the middle.
        value=Count(multiplications=2, others=2, cached=3 * FLOAT),
        # [-1 0 1] down, then [1 4 1]; [-1 0 1] along what [1 4 1] left.
        slopes=Count(multiplications=1, others=3),
    ),
    "bspline5_direct": Kernel(
        taps=6,
        # t², t⁴ and t⁵; 5 steps of Horner's scheme in t, 3 in t²; so for s = 1 - t.
        weights=Count(multiplications=4 * (3 + 5 + 3) + 1, others=2),
        # 4 and 3 steps.
        derivatives=Count(multiplications=4 * (4 + 3) + 2),
        # [1 26 66 26 1] twice: two sums, then two products.
        value=Count(multiplications=4, others=4, cached=5 * FLOAT),
        # [-1 -10 0 10 1] down, then the former; the same along.
        slopes=Count(multiplications=1 + 2 + 1, others=2 + 2 + 2),
    ),
}


def count_of(kernel: str, method: str, itemsize: int) -> Count:
    """Count one pass: value and gradients for the method, and the sums of a step."""
    k = KERNELS[kernel]
    total = _convert(itemsize) + _place()
    total += _sample(k, gradient=method != "inverse") + k.value
    if method != "forward":
        total += k.slopes
    if method == "esm":
        total += Count(multiplications=4)
    return total + Count(others=1) + _sum()


def _convert(itemsize: int) -> Count:
    if itemsize == FLOAT:  # used where they are
        return Count(images=2 * itemsize)
    return Count(others=2 * 2, cached=2 * FLOAT, images=2 * itemsize)


def _place() -> Count:
    line = Count(multiplications=2, others=1)
    cell = Count(others=3)
    return line + line + cell + cell


def _sample(k: Kernel, gradient: bool) -> Count:
    n = k.taps
    taps = Count(lookups=n * n, cached=2 * n * FLOAT)
    if n == 2:
        # a = p + t (q - p) in both rows, then a + s (b - a), which has the difference
        # by y; the difference by x is made of the rows' differences.
        value = taps + Count(multiplications=3, others=3)
        return value + Count(multiplications=1, others=1) if gradient else value
    value = taps + k.weights + Count(multiplications=n * n + n)
    if not gradient:
        return value
    return value + k.derivatives + Count(multiplications=n * n + 2 * n)


def _sum() -> Count:
    by_gradient = Count(multiplications=3 * (1 + 2), others=3)
    by_residual = Count(multiplications=2 * (1 + 1), others=2)
    # r², x and x².
    return by_gradient + by_residual + Count(multiplications=2, others=1)
