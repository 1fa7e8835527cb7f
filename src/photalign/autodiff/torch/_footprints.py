"""The pixels under the kernel at points, and their weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from photalign._interpolation import Interpolation
from photalign.autodiff._polynomials import weight_polynomials
from photalign.autodiff.torch._axis import NO_PIXEL, Axis

_SINGLE = frozenset(
    (
        *(torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16),
        *(torch.float16, torch.bfloat16, torch.float32),
    )
)


@dataclass(frozen=True, kw_only=True)
class Footprints:
    """Where the kernel lies at points of shape (*B, N, ndim).

    Attributes
    ----------
    index : tuple of Tensor
        Of the pixels under it in what is stored, (*B, *S, C): together (*B, N, *taps),
        with the taps in the order of the array's axes.
    absent : Tensor or None, shape (*B, N, *taps), bool
        Where there is no pixel, but the boundary's constant.
    inside : Tensor, shape (*B, N), bool
        Whether the point lies in the domain.
    """

    index: tuple[Tensor, ...]
    absent: Tensor | None
    inside: Tensor
    _axes: list[Axis]
    _fractions: list[Tensor]
    _interpolation: Interpolation

    @classmethod
    def of(
        cls, points: Tensor, shape: Sequence[int], interpolation: Interpolation
    ) -> Footprints:
        """Find them in images of a shape (*B, *S, C)."""
        ndim = points.shape[-1]
        lead = len(shape) - ndim - 1
        axes = [Axis.of(n, interpolation) for n in reversed(shape[lead:-1])]
        origin, spacing = interpolation.origin, interpolation.spacing
        is_physical = any(origin) or any(s != 1 for s in spacing)
        coordinates = list(points.to(finest(points.device)).unbind(-1))
        if interpolation.is_reversed:
            coordinates.reverse()
        cells, fractions, insides = [], [], []
        for axis, x, start, step in zip(
            axes, coordinates, origin, spacing, strict=True
        ):
            at = axis.position(x, start, step) if is_physical else x
            cell, t, inside = axis.locate(at)
            cells.append(axis.stored(cell))
            fractions.append(t)
            insides.append(inside)
        # x is the first coordinate, and the last axis.
        along = [
            cell.unflatten(-1, _at_axis(ndim - 1 - a, ndim))
            for a, cell in enumerate(cells)
        ][::-1]
        absent = None
        if interpolation.boundary == "constant":
            absent = torch.zeros((), dtype=torch.bool, device=points.device)
            for index in along:
                absent = absent | (index == NO_PIXEL)
            along = [index.clamp(min=0) for index in along]
        batch = [
            torch.arange(n, device=points.device).reshape(
                *_at_axis(b, lead, n), *(1,) * (1 + ndim)
            )
            for b, n in enumerate(shape[:lead])
        ]
        inside = insides[0]
        for other in insides[1:]:
            inside = inside & other
        return cls(
            index=(*batch, *along),
            absent=absent,
            inside=inside,
            _axes=axes,
            _fractions=fractions,
            _interpolation=interpolation,
        )

    def weights(self, order: int, dtype: torch.dtype) -> list[list[Tensor]]:
        """Return weights and derivatives up to an order, for the axes x, y, z.

        Each of shape (*B, N, taps).
        """
        found = []
        kernel, spacing = self._interpolation.kernel, self._interpolation.spacing
        for axis, fraction, step in zip(
            self._axes, self._fractions, spacing, strict=True
        ):
            t = fraction.to(dtype)[..., None]
            along = []
            for j in range(order + 1):
                table = torch.from_numpy(weight_polynomials(kernel, j) / step**j)
                table = table.to(t)
                value = table[:, -1].expand(*t.shape[:-1], axis.taps)
                for power in range(table.shape[1] - 2, -1, -1):
                    value = value * t + table[:, power]
                if j > 0 and axis.is_flat:
                    value = torch.zeros_like(value)
                along.append(value)
            found.append(along)
        return found


def orders_by_axis(
    order: int, interpolation: Interpolation
) -> Iterator[tuple[int, ...]]:
    """Yield, for all derivatives of an order, how often each of x, y, z occurs."""
    ndim = len(interpolation.origin)
    axes = range(ndim)[:: -1 if interpolation.is_reversed else 1]
    for by in product(axes, repeat=order):
        yield tuple(by.count(axis) for axis in range(ndim))


def finest(device: torch.device) -> torch.dtype:
    """Return float64, or float32 where a device has no such numbers."""
    return torch.float32 if device.type == "mps" else torch.float64


def real_dtype(pixels: Tensor) -> torch.dtype:
    """Return the type that pixels are sampled in."""
    return torch.float32 if pixels.dtype in _SINGLE else torch.float64


def _at_axis(axis: int, ndim: int, size: int = -1) -> tuple[int, ...]:
    """Return a shape that is 1 along all axes but one."""
    return tuple(size if a == axis else 1 for a in range(ndim))
