"""Images as functions: values and exact derivatives between the pixels."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from photalign import _core
from photalign._checks import as_image, as_number, as_points, choice, thread_count
from photalign._interpolation import core_sampler
from photalign._types import Array, ArrayLike, BoolArray
from photalign.kernels import KERNELS
from photalign.resampling import resample as resample

# Fewer points are sampled before a second thread is awake.
_POINTS_PER_THREAD = 16384


@dataclass(frozen=True, eq=False)
class Sampler:
    """An image as a function of points (x, y), with the function's exact gradient.

    Value and gradient come from one pass over the pixels under the kernel, read as
    they are stored. The center of the first pixel is (0, 0). A sampler looks at the
    image, it does not copy it, unless the numbers are of a type other than uint8,
    uint16, float32 and float64, or the kernel is prefiltered.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        A gray or colour image of real numbers, in any memory layout. NaN pixels are
        invalid.
    kernel : {"linear", "catmull_rom", "bspline3", "bspline5"}
        See `photalign.kernels`.
    boundary : {"mirror", "nearest", "constant"}
        What pixels beyond the border are: ``d c b | a b c d | c b a``, or
        ``a a a | a b c d | d d d``, or `cval`. SciPy calls them "mirror", "nearest"
        and "grid-constant".
    domain : {"image", "support", "unbounded"}
        Where samples are valid: from the first to the last pixel's center; where
        besides every pixel that the kernel weighs lies in the image; everywhere.
    prefilter : bool
        Whether a B-spline passes through the pixels. False weighs the pixels
        themselves with it, which smooths them.
    fill : float
        The value of invalid samples; their gradient is 0.
    cval : float
        The pixels beyond the border if the boundary is "constant".
    ndim : int
        Dimension of the points; 2.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    Many points are sampled by several threads, ``PHOTALIGN_THREADS`` or as many as the
    CPUs that the process may use; the result is the same bit for bit.

    Samples are float32 for float32 images and integers of up to 16 bits, else float64.
    The slope of the linear kernel jumps at the pixels: there it is the one to the
    right or below, in the last column or row the one to the left or above.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.sampling import Sampler
    >>> sampler = Sampler(np.array([[0, 10, 20], [30, 40, 50]], dtype=np.uint8))
    >>> value, gradient = sampler.value_and_grad([[0.5, 0.0], [2.0, 0.5], [9.0, 0.0]])
    >>> value
    array([ 5., 35., nan], dtype=float32)
    >>> gradient
    array([[10., 30.],
           [10., 30.],
           [ 0.,  0.]], dtype=float32)
    """

    image: ArrayLike = field(repr=False)
    kernel: str = "linear"
    _: KW_ONLY
    boundary: str = "mirror"
    domain: str = "image"
    prefilter: bool = True
    fill: float = np.nan
    cval: float = 0.0
    ndim: int = 2
    _view: _core.Sampler = field(init=False, repr=False)
    _dtype: np.dtype[Any] = field(init=False, repr=False)
    _channels: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the arguments, and prefilter the image if the kernel asks for it."""
        if self.ndim != 2:
            raise ValueError(f"ndim: expected 2, got {self.ndim!r}")
        pixels = as_image(self.image)
        kernel = KERNELS[choice(self.kernel, KERNELS, "kernel")]
        cval = as_number(self.cval, "cval")
        if not np.isfinite(cval):
            raise ValueError(f"cval: expected a finite number, got {cval}")
        view = core_sampler(
            pixels,
            kernel if self.prefilter else kernel.direct,
            boundary=self.boundary,
            domain=self.domain,
            fill=as_number(self.fill, "fill"),
            cval=cval,
            threads=thread_count(None),
        )
        is_double = pixels.dtype == np.float64
        object.__setattr__(self, "_view", view)
        object.__setattr__(self, "_dtype", np.dtype("f8" if is_double else "f4"))
        object.__setattr__(self, "_channels", np.shape(self.image)[2:])

    def __call__(self, points: ArrayLike) -> Array:
        """Sample the image.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px; one with a NaN is outside.

        Returns
        -------
        ndarray, shape (...) or (..., C), float32 or float64
            Values, with the channels of a colour image on the last axis.
        """
        xy = as_points(points)
        values = np.empty(xy.shape[:-1] + self._channels, self._dtype)
        self._sample(xy, values, None, None)
        return values

    def value_and_grad(self, points: ArrayLike) -> tuple[Array, Array]:
        """Sample the image and its gradient in one pass.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px; one with a NaN is outside.

        Returns
        -------
        values : ndarray, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : ndarray, shape (..., 2) or (..., C, 2), same dtype
            Derivatives of the values by x and by y, per px.
        """
        xy = as_points(points)
        values = np.empty(xy.shape[:-1] + self._channels, self._dtype)
        gradients = np.empty((*values.shape, 2), self._dtype)
        self._sample(xy, values, gradients, None)
        return values, gradients

    def inside(self, points: ArrayLike) -> BoolArray:
        """Tell where samples are valid.

        Parameters
        ----------
        points : array_like, shape (..., 2)
            Points (x, y), px.

        Returns
        -------
        ndarray, shape (...), bool
            Whether the point lies in the domain and no pixel under the kernel is NaN.
        """
        xy = as_points(points)
        values = np.empty(xy.shape[:-1] + self._channels, self._dtype)
        valid = np.empty(xy.shape[:-1], np.uint8)
        self._sample(xy, values, None, valid)
        return valid.view(np.bool_)

    def _sample(
        self, xy: Array, values: Array, gradients: Array | None, valid: Array | None
    ) -> None:
        if xy.ndim != 2:
            xy = xy.reshape(-1, 2)
        threads = thread_count(None) if len(xy) > _POINTS_PER_THREAD else 1
        self._view.sample(xy, values, gradients, valid, threads)
