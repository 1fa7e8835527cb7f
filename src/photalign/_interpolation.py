"""From pixels and a kernel to the function that the core samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from photalign import _core
from photalign._checks import as_number, choice, finite_number, per_axis
from photalign._types import Array
from photalign.kernels import KERNELS, Kernel

# In the order of the core's enumerations.
BOUNDARIES = ("mirror", "reflect", "nearest", "wrap", "constant")
DOMAINS = ("image", "support", "unbounded")
INDEXINGS = ("xy", "ij")
DTYPES = ("u1", "u2", "f4", "f8", "i1", "i2", "u4", "i4", "f2")

# Integers of 16 bits times this are numbers of 32 bits still.
_LARGEST_SCALE = 1e30
_FILTER_BOUNDARIES = ("mirror", "reflect", "wrap")


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that images of a type are sampled in; it holds their numbers."""
    is_wide = dtype.itemsize == 8 or (dtype.kind in "iu" and dtype.itemsize == 4)
    return np.dtype("f8" if is_wide else "f4")


def dtype_code(dtype: np.dtype[Any]) -> int:
    """Return the place of a type, of either byte order, in the core's list."""
    return DTYPES.index(dtype.newbyteorder("=").str[1:])


def expect_derivatives(kernel: Kernel, what: str) -> None:
    """Raise a ValueError if a kernel has no derivatives."""
    if not kernel.derivatives:
        smooth = ", ".join(k.name for k in KERNELS.values() if k.derivatives)
        raise ValueError(
            f"kernel: expected one with derivatives for {what} ({smooth}), "
            f"got {kernel.name!r}"
        )


@dataclass(frozen=True, kw_only=True)
class Interpolation:
    """All that makes a function of pixels, checked.

    Numbers for each axis are in the order x, y, z.
    """

    kernel: Kernel
    boundary: str = "mirror"
    domain: str = "image"
    fill: float = np.nan
    cval: float = 0.0
    scale: float = 1.0
    origin: tuple[float, ...] = (0.0, 0.0)
    spacing: tuple[float, ...] = (1.0, 1.0)
    is_reversed: bool = False

    @classmethod
    def read(
        cls,
        *,
        kernel: str,
        boundary: str,
        domain: str,
        prefilter: bool,
        fill: float,
        cval: float,
        ndim: int,
        scale: float,
        spacing: float | Sequence[float],
        origin: float | Sequence[float],
        indexing: str,
    ) -> Interpolation:
        """Check what a user has said."""
        known = KERNELS[choice(kernel, KERNELS, "kernel")]
        steps = per_axis(spacing, ndim, "spacing")
        if 0 in steps:
            raise ValueError(f"spacing: expected numbers other than 0, got {spacing!r}")
        start = per_axis(origin, ndim, "origin")
        if not isinstance(prefilter, bool | np.bool_):
            raise TypeError(f"prefilter: expected True or False, got {prefilter!r}")
        factor = finite_number(scale, "scale")
        if abs(factor) > _LARGEST_SCALE:
            raise ValueError(
                f"scale: expected a number of at most {_LARGEST_SCALE}, got {scale!r}"
            )
        is_reversed = choice(indexing, INDEXINGS, "indexing") == "ij"
        return cls(
            kernel=known if prefilter else known.direct,
            boundary=choice(boundary, BOUNDARIES, "boundary"),
            domain=choice(domain, DOMAINS, "domain"),
            fill=as_number(fill, "fill"),
            cval=finite_number(cval, "cval"),
            scale=factor,
            origin=start[::-1] if is_reversed else start,
            spacing=steps[::-1] if is_reversed else steps,
            is_reversed=is_reversed,
        )

    @property
    def padding(self) -> int:
        """Pixels stored on each side beside those of the image.

        A boundary that the prefilter does not know is stored, so far out that the
        filter does not feel the end of it.
        """
        if not self.kernel.prefilter or self.boundary in _FILTER_BOUNDARIES:
            return 0
        return _core.prefilter_padding(self.kernel.taps - 1)

    @property
    def filter_boundary(self) -> str:
        """What the prefilter takes the stored pixels to go on like."""
        return "mirror" if self.padding else self.boundary

    def sampler(self, pixels: Array, threads: int) -> _core.Sampler:
        """Make the core's sampler of an image with a channel axis."""
        return self.view(self.to_stored(pixels, threads))

    def to_stored(self, pixels: Array, threads: int) -> Array:
        """Return what is sampled: the pixels, or a spline's coefficients for them."""
        if not self.kernel.prefilter:
            return pixels
        if self.padding:
            pixels = _padded(pixels, self.padding, self.boundary, self.cval)
        return spline_coefficients(
            pixels, None, self.kernel, threads, self.filter_boundary
        )

    def view(self, stored: Array) -> _core.Sampler:
        """Make the core's sampler of what is stored."""
        return _core.Sampler(
            stored,
            stored.__array_interface__["data"][0],
            dtype_code(stored.dtype),
            not stored.dtype.isnative,
            stored.shape,
            stored.strides,
            *self._choices,
        )

    @cached_property
    def _choices(self) -> tuple[Any, ...]:
        """What the core is told of it."""
        return (
            self.kernel.code,
            BOUNDARIES.index(self.boundary),
            DOMAINS.index(self.domain),
            self.padding,
            self.cval,
            self.fill,
            self.scale,
            self.origin,
            self.spacing,
            self.is_reversed,
        )

    def to_pixels(
        self, stored: Array, threads: int, known: Array | None = None
    ) -> Array:
        """Apply the adjoint of the prefilter: from what is stored to pixels.

        Parameters
        ----------
        stored : ndarray, float64
            Cotangents of what is stored, with a channel axis; overwritten.
        threads : int
            How many to use.
        known : ndarray, shape of the pixels without C, bool, optional
            Which pixels were finite; the others were filled from their neighbors.

        Returns
        -------
        ndarray, float64
            Cotangents of the pixels.
        """
        if not self.kernel.prefilter:
            return stored
        ndim = stored.ndim - 1
        _core.prefilter_adjoint(
            stored,
            self.kernel.taps - 1,
            ndim,
            BOUNDARIES.index(self.filter_boundary),
            threads,
        )
        pad = self.padding
        if known is not None and not known.all():
            # Beyond the border there are copies of pixels, or a number that is known.
            edge = (
                {"mode": "edge"}
                if self.boundary == "nearest"
                else {"constant_values": True}
            )
            flags = np.pad(known, pad, **edge) if pad else np.ascontiguousarray(known)
            _core.fill_adjoint(stored, flags.view(np.uint8), ndim, threads)
        if not pad:
            return stored
        for axis in range(ndim):
            along = np.moveaxis(stored, axis, 0)
            inner = along[pad:-pad]
            if self.boundary == "nearest":
                inner[0] += along[:pad].sum(axis=0)
                inner[-1] += along[-pad:].sum(axis=0)
            stored = np.moveaxis(inner, 0, axis)
        return stored


def spline_coefficients(
    pixels: Array,
    mask: Array | None,
    kernel: Kernel,
    threads: int,
    boundary: str = "mirror",
) -> Array:
    """Compute the B-spline that passes through the pixels.

    Parameters
    ----------
    pixels : ndarray, shape (N, C), (H, W, C) or (D, H, W, C)
        The image. NaN pixels are invalid.
    mask : ndarray, shape of the pixels without C, or with 1 for it, optional
        0 where a pixel is invalid.
    kernel : Kernel
        A prefiltered one.
    threads : int
        How many to use.
    boundary : {"mirror", "reflect", "wrap"}
        How the image and with it the spline continues.

    Returns
    -------
    ndarray, shape of the pixels, float32 or float64
        Coefficients; NaN where invalid pixels have a weight of more than 0.001.
    """
    coefficients = pixels.astype(real_dtype(pixels.dtype), order="C")
    if mask is not None:
        coefficients[mask.reshape(pixels.shape[:-1]) == 0] = np.nan
    _core.prefilter(
        coefficients,
        kernel.taps - 1,
        pixels.ndim - 1,
        BOUNDARIES.index(boundary),
        threads,
    )
    return coefficients


def _padded(pixels: Array, pad: int, boundary: str, cval: float) -> Array:
    widths = ((pad, pad),) * (pixels.ndim - 1) + ((0, 0),)
    if boundary == "nearest":
        return np.pad(pixels, widths, mode="edge")
    # The constant need not be a number that the pixels' type holds.
    return np.pad(pixels.astype(real_dtype(pixels.dtype)), widths, constant_values=cval)
