"""Signals, images and volumes as functions: values and exact derivatives anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike

from photalign import _core
from photalign._checks import (
    as_array,
    as_lattice,
    as_points,
    check_outputs,
    rows_and_columns,
    thread_count,
)
from photalign._interpolation import Interpolation, expect_derivatives, real_dtype
from photalign._types import Array, ArrayLike, BoolArray
from photalign.autodiff._duals import is_dual
from photalign.autodiff._motions import Motion, motion_of
from photalign.autodiff.jet import Jet
from photalign.resampling import resample as resample
from photalign.warps import MatrixWarp, Warp
from photalign.warps._pixels import mapped_pixels
from photalign.warps.names import as_mapping

# Fewer points are sampled before a second thread is awake.
_POINTS_PER_THREAD = 16384


@dataclass(frozen=True, eq=False)
class Sampler:
    """An image as a function of points, with the function's exact derivatives.

    Value and derivatives come from one pass over the pixels under the kernel, read as
    they are stored: any real type, either byte order, any strides. A sampler looks at
    the image, it does not copy it, unless the kernel is prefiltered or the numbers are
    integers of 64 bits.

    Points are (x, y), the center of the first pixel is (0, 0); see `ndim`, `indexing`,
    `spacing` and `origin` for others.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        Of real numbers. With ``ndim=1`` a signal, shape (N,) or (N, C), with ``ndim=3``
        a volume, shape (D, H, W) or (D, H, W, C). Pixels that are not finite are
        invalid.
    kernel : str
        One of `photalign.kernels.KERNELS`: "nearest", "linear", "catmull_rom",
        "keys6", "bspline2", "bspline3", "bspline5", or a B-spline without its
        prefilter, "bspline2_direct", "bspline3_direct", "bspline5_direct".
    boundary : {"mirror", "reflect", "nearest", "wrap", "constant"}
        What pixels beyond the border are: ``d c b | a b c d | c b a``, or
        ``c b a | a b c d | d c b``, or ``a a a | a b c d | d d d``, or
        ``b c d | a b c d | a b c``, or `cval`.
    domain : {"image", "support", "unbounded"}
        Where samples are valid: from the center of the first pixel to that of the
        last; where besides every pixel that the kernel weighs lies in the image;
        everywhere.
    prefilter : bool
        Whether a B-spline passes through the pixels. False weighs the pixels
        themselves with it, which smooths them, like the kernels named "direct".
    fill : float
        The value of invalid samples; their derivatives are 0.
    cval : float
        The pixels beyond the border if the boundary is "constant".
    ndim : {2, 1, 3}
        How many axes of the image hold pixels.
    scale : float
        Values and derivatives are multiplied by it, as if the pixels had been.
    spacing : float or sequence of float
        Distance between pixels, for all axes or each of them, in the order of the
        points. Not 0; negative where coordinates fall.
    origin : float or sequence of float
        The point at the center of the first pixel.
    indexing : {"xy", "ij"}
        The order of coordinates, and with them of derivatives: x, y, z, or that of the
        axes of the array.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    Samples are float32 for float32, float16, booleans and integers of up to 16 bits,
    else float64.

    Where the derivative of the kernel jumps (linear: at the pixels), it is the one
    towards higher indices; at the upper end of a bounded domain the one towards lower
    ones. Along an axis of one pixel there is no slope.

    Many points are sampled by several threads, ``PHOTALIGN_THREADS`` or as many as the
    CPUs that the process may use; the result is the same bit for bit.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> sampler = pa.Sampler(np.array([[0, 10, 20], [30, 40, 50]], dtype=np.uint8))
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
    scale: float = 1.0
    spacing: float | Sequence[float] = 1.0
    origin: float | Sequence[float] = 0.0
    indexing: str = "xy"
    _pixels: Array = field(init=False, repr=False)
    _view: _core.Sampler = field(init=False, repr=False)
    _interpolation: Interpolation = field(init=False, repr=False)
    _shape: tuple[int, ...] = field(init=False, repr=False)
    _dtype: np.dtype[Any] = field(init=False, repr=False)
    _channels: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the arguments, and prefilter the image if the kernel asks for it."""
        if type(self.ndim) is not int or self.ndim not in (1, 2, 3):
            raise ValueError(f"ndim: expected 1, 2 or 3, got {self.ndim!r}")
        given = as_array(self.image, "image")
        pixels = as_lattice(given, self.ndim)
        interpolation = Interpolation.read(
            kernel=self.kernel,
            boundary=self.boundary,
            domain=self.domain,
            prefilter=self.prefilter,
            fill=self.fill,
            cval=self.cval,
            ndim=self.ndim,
            scale=self.scale,
            spacing=self.spacing,
            origin=self.origin,
            indexing=self.indexing,
        )
        view = interpolation.sampler(pixels, thread_count(None))
        object.__setattr__(self, "_pixels", pixels)
        object.__setattr__(self, "_view", view)
        object.__setattr__(self, "_interpolation", interpolation)
        object.__setattr__(self, "_shape", given.shape)
        object.__setattr__(self, "_dtype", real_dtype(pixels.dtype))
        object.__setattr__(self, "_channels", given.shape[self.ndim :])

    def __getstate__(self) -> dict[str, Any]:
        """Keep what the sampler was made from; the rest is made again."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the sampler again."""
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, points: Jet, *, return_mask: Literal[False] = False
    ) -> Jet: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, points: Jet, *, return_mask: Literal[True]
    ) -> tuple[Jet, BoolArray]: ...
    @overload
    def __call__(
        self,
        points: ArrayLike,
        *,
        out: Array | None = None,
        return_mask: Literal[False] = False,
    ) -> Array: ...
    @overload
    def __call__(
        self,
        points: ArrayLike,
        *,
        out: Array | None = None,
        return_mask: Literal[True],
    ) -> tuple[Array, BoolArray]: ...
    def __call__(
        self,
        points: ArrayLike | Jet,
        *,
        out: Array | None = None,
        return_mask: bool = False,
    ) -> Array | Jet | tuple[Any, ...]:
        """Sample the image.

        Parameters
        ----------
        points : array_like or Jet, shape (..., ndim)
            Where; a point with a NaN is outside. Of a `Jet`, or another array with
            derivatives that `photalign.autodiff.register_dual` knows, the values carry
            derivatives, too.
        out : ndarray, shape (...) or (..., C), float32 or float64, optional
            C-contiguous array for the values.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : ndarray or Jet, shape (...) or (..., C), float32 or float64
            Values, with the channels of a colour image on the last axis.
        mask : ndarray, shape (...), bool
            Only with ``return_mask=True``.
        """
        if type(points) is not np.ndarray and is_dual(points):
            found: Jet | tuple[Any, ...] = self._sample_dual(
                points, 0, out, return_mask
            )
            return found
        results = self._sample(points, 0, None if out is None else (out,), return_mask)
        return results if return_mask else results[0]

    @overload
    def value_and_grad(  # type: ignore[overload-overlap]
        self, points: Jet, *, return_mask: Literal[False] = False
    ) -> tuple[Jet, Jet]: ...
    @overload
    def value_and_grad(  # type: ignore[overload-overlap]
        self, points: Jet, *, return_mask: Literal[True]
    ) -> tuple[Jet, Jet, BoolArray]: ...
    @overload
    def value_and_grad(
        self,
        points: ArrayLike,
        *,
        out: tuple[Array, Array] | None = None,
        return_mask: Literal[False] = False,
    ) -> tuple[Array, Array]: ...
    @overload
    def value_and_grad(
        self,
        points: ArrayLike,
        *,
        out: tuple[Array, Array] | None = None,
        return_mask: Literal[True],
    ) -> tuple[Array, Array, BoolArray]: ...
    def value_and_grad(
        self,
        points: ArrayLike | Jet,
        *,
        out: tuple[Array, Array] | None = None,
        return_mask: bool = False,
    ) -> tuple[Any, ...]:
        """Sample the image and its gradient in one pass.

        Parameters
        ----------
        points : array_like or Jet, shape (..., ndim)
            Where; a point with a NaN is outside. Of a `Jet` values and gradients carry
            derivatives, those of the gradients by the Hessian.
        out : (ndarray, ndarray), optional
            C-contiguous arrays for values and gradients.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : ndarray or Jet, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : ndarray or Jet, shape (..., ndim) or (..., C, ndim), same dtype
            Derivatives of the values by each coordinate, in the order of these.
        mask : ndarray, shape (...), bool
            Only with ``return_mask=True``.

        Raises
        ------
        ValueError
            If the kernel has no derivative ("nearest").
        """
        if type(points) is not np.ndarray and is_dual(points):
            found: tuple[Any, ...] = self._sample_dual(points, 1, out, return_mask)
            return found
        return self._sample(points, 1, out, return_mask)

    @overload
    def value_grad_hess(
        self,
        points: ArrayLike,
        *,
        out: tuple[Array, Array, Array] | None = None,
        return_mask: Literal[False] = False,
    ) -> tuple[Array, Array, Array]: ...
    @overload
    def value_grad_hess(
        self,
        points: ArrayLike,
        *,
        out: tuple[Array, Array, Array] | None = None,
        return_mask: Literal[True],
    ) -> tuple[Array, Array, Array, BoolArray]: ...
    def value_grad_hess(
        self,
        points: ArrayLike,
        *,
        out: tuple[Array, Array, Array] | None = None,
        return_mask: bool = False,
    ) -> tuple[Array, ...]:
        """Sample the image, its gradient and its Hessian in one pass.

        Parameters
        ----------
        points : array_like, shape (..., ndim)
            Where; a point with a NaN is outside.
        out : (ndarray, ndarray, ndarray), optional
            C-contiguous arrays for values, gradients and Hessians.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : ndarray, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : ndarray, shape (..., ndim) or (..., C, ndim), same dtype
            As from `value_and_grad`.
        hessians : ndarray, shape (..., ndim, ndim) or (..., C, ndim, ndim), same dtype
            Second derivatives. They are continuous for "bspline3" and "bspline5"; of
            the linear kernel only the mixed ones are not 0.
        mask : ndarray, shape (...), bool
            Only with ``return_mask=True``.

        Raises
        ------
        ValueError
            If the kernel has no derivative ("nearest").
        """
        return self._sample(points, 2, out, return_mask)

    def inside(self, points: ArrayLike | Jet) -> BoolArray:
        """Tell where samples are valid.

        Parameters
        ----------
        points : array_like or Jet, shape (..., ndim)
            Where.

        Returns
        -------
        ndarray, shape (...), bool
            Whether the point lies in the domain and all pixels under the kernel are
            finite.
        """
        if type(points) is not np.ndarray and is_dual(points):
            points = motion_of(points, self.ndim).together()
        return self._sample(points, 0, None, True)[1]

    @overload
    def jvp(
        self,
        points: ArrayLike,
        tangents: ArrayLike,
        *,
        return_mask: Literal[False] = False,
    ) -> tuple[Array, Array]: ...
    @overload
    def jvp(
        self, points: ArrayLike, tangents: ArrayLike, *, return_mask: Literal[True]
    ) -> tuple[Array, Array, BoolArray]: ...
    def jvp(
        self, points: ArrayLike, tangents: ArrayLike, *, return_mask: bool = False
    ) -> tuple[Array, ...]:
        """Sample the image, and how the values change when the points move.

        The Jacobian-vector product: gradients are contracted as they are found, none
        is stored.

        Parameters
        ----------
        points : array_like, shape (..., ndim)
            Where.
        tangents : array_like, shape (..., ndim) or (P, ..., ndim)
            Motions of the points; further axes before those of the points are for
            several motions, one for each parameter of a warp, say:
            ``np.moveaxis(warp.jacobian(points), -1, 0)``.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : ndarray, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        changes : ndarray, shape of the values, or (P, ...) with it, same dtype
            Derivative of the values along each tangent; 0 where invalid.
        mask : ndarray, shape (...), bool
            Only with ``return_mask=True``.

        Examples
        --------
        >>> import numpy as np
        >>> import photalign as pa
        >>> sampler = pa.Sampler(np.array([[0.0, 10.0], [30.0, 40.0]]))
        >>> sampler.jvp([0.5, 0.5], [[1.0, 0.0], [0.0, 1.0]])
        (array(20.), array([10., 30.]))
        """
        self._expect_derivatives("jvp")
        xy = self._read_points(points)
        given = as_array(tangents, "tangents")
        lead = given.ndim - xy.ndim
        if lead < 0 or given.shape[lead:] != xy.shape:
            is_jacobian = given.shape[: xy.ndim] == xy.shape
            hint = "; pass np.moveaxis(tangents, -1, 0)" if is_jacobian else ""
            raise ValueError(
                f"tangents: expected shape {xy.shape}, that of the points, or more "
                f"axes before it, got {given.shape}{hint}"
            )
        values = np.empty(xy.shape[:-1] + self._channels, self._dtype)
        changes = np.empty(given.shape[:lead] + values.shape, self._dtype)
        flat = _packed(given, self._dtype)
        flat = flat.reshape(_size(given.shape[:lead]), _size(xy.shape[:-1]), self.ndim)
        mask = np.empty(xy.shape[:-1], np.uint8) if return_mask else None
        xy = self._as_rows(xy)
        self._view.push_forward(xy, flat, values, changes, mask, _threads_for(len(xy)))
        return (values, changes) if mask is None else (values, changes, mask.view("?"))

    def vjp(self, points: ArrayLike, cotangents: ArrayLike) -> Array:
        """Pull cotangents of the values back to the points.

        The vector-Jacobian product, the adjoint of `jvp`.

        Parameters
        ----------
        points : array_like, shape (..., ndim)
            Where.
        cotangents : array_like, shape (...) or (..., C)
            Derivatives of something by the values.

        Returns
        -------
        ndarray, shape (..., ndim), float32 or float64
            Its derivatives by the points; 0 where invalid.
        """
        self._expect_derivatives("vjp")
        xy = self._read_points(points)
        given = self._read_cotangents(cotangents, xy)
        pulled = np.empty(xy.shape, self._dtype)
        xy = self._as_rows(xy)
        self._view.pull_back(
            xy,
            _packed(given, self._dtype),
            pulled,
            _threads_for(len(xy)),
        )
        return pulled

    def vjp_image(self, points: ArrayLike, cotangents: ArrayLike) -> Array:
        """Pull cotangents of the values back to the pixels.

        Sampling is linear in the image (but for `cval`); this is its adjoint, which
        puts every cotangent on the pixels under the kernel, by their weights. If the
        kernel is prefiltered, so is the result, transposed.

        Parameters
        ----------
        points : array_like, shape (..., ndim)
            Where. Invalid samples contribute nothing.
        cotangents : array_like, shape (...) or (..., C)
            Derivatives of something by the values.

        Returns
        -------
        ndarray, shape of the image, float32 or float64
            Its derivatives by the pixels. Sums are taken in float64, in the order of
            the points.
        """
        xy = self._read_points(points)
        given = self._read_cotangents(cotangents, xy)
        pad = 2 * self._interpolation.padding
        pixels = tuple(n + pad for n in self._shape[: self.ndim])
        stored = np.zeros((*pixels, _size(self._channels)))
        self._view.scatter(self._as_rows(xy), _packed(given, np.float64), stored)
        known: Array | None = None
        if self._interpolation.kernel.prefilter and self._pixels.dtype.kind == "f":
            known = np.asarray(np.isfinite(self._pixels).all(axis=-1))
        image = self._interpolation.to_pixels(stored, thread_count(None), known)
        return np.ascontiguousarray(image, self._dtype).reshape(self._shape)

    def grid(
        self, *coordinates: ArrayLike, out: tuple[Array, Array] | None = None
    ) -> tuple[Array, Array, BoolArray]:
        """Sample a grid of points, given by its coordinates along each axis.

        Parameters
        ----------
        *coordinates : array_like, shape (N,)
            Of the grid's columns and rows (with ``indexing="ij"`` rows and columns),
            of its points in one dimension, or of its columns, rows and slices in three.
            They need not be in order.
        out : (ndarray, ndarray), optional
            C-contiguous arrays for values and gradients.

        Returns
        -------
        values : ndarray, shape (rows, columns) or (rows, columns, C)
            As from a call of the sampler; a volume's begin with its slices.
        gradients : ndarray, shape (rows, columns, 2) or (rows, columns, C, 2)
            As from `value_and_grad`.
        mask : ndarray, shape (rows, columns), bool
            Where samples are valid.

        Examples
        --------
        >>> import numpy as np
        >>> import photalign as pa
        >>> sampler = pa.Sampler(np.array([[0.0, 10.0], [30.0, 40.0]]))
        >>> sampler.grid([0, 0.5, 1], [0, 0.5])[0]
        array([[ 0.,  5., 10.],
               [15., 20., 25.]])
        """
        self._expect_derivatives("grid")
        if len(coordinates) != self.ndim:
            raise ValueError(
                f"coordinates: expected {self.ndim} arrays, one for each axis, "
                f"got {len(coordinates)}"
            )
        axes = [_coordinates(axis) for axis in coordinates]
        if self.indexing == "ij":
            axes.reverse()
        shape = tuple(len(axis) for axis in reversed(axes))
        values, gradients = self._outputs(shape, 1, out)
        mask = np.empty(shape, np.uint8)
        self._view.sample_grid(axes, values, gradients, mask, thread_count(None))
        return values, gradients, mask.view(np.bool_)

    def warped(
        self,
        warp: Warp | ArrayLike,
        shape: Sequence[int],
        *,
        out: tuple[Array, Array] | None = None,
    ) -> tuple[Array, Array, BoolArray]:
        """Sample the points that a warp maps the pixels of another image to.

        The same as ``value_and_grad(warp(pixels))`` without an array of the points.
        Points that rounding moves out of the image, by 1e-9 px at most, count as on
        its border.

        Parameters
        ----------
        warp : Warp or array_like, shape (3, 3) or (2, 3)
            Maps points (x, y) of the other image to points of this one, as they are
            given to the sampler but always (x, y).
        shape : sequence of int
            Of the other image: its rows and columns, and nothing else is read of it.
        out : (ndarray, ndarray), optional
            C-contiguous arrays for values and gradients.

        Returns
        -------
        values : ndarray, shape (rows, columns) or (rows, columns, C)
            As from a call of the sampler.
        gradients : ndarray, shape (rows, columns, 2) or (rows, columns, C, 2)
            As from `value_and_grad`: by the coordinates of this image.
        mask : ndarray, shape (rows, columns), bool
            Where samples are valid.

        Examples
        --------
        >>> import numpy as np
        >>> import photalign as pa
        >>> sampler = pa.Sampler(np.array([[0.0, 10.0], [30.0, 40.0]]))
        >>> sampler.warped(pa.Translation.from_params([0.5, 0.0]), (2, 1))[0]
        array([[ 5.],
               [35.]])
        """
        self._expect_derivatives("warped")
        if self.ndim != 2:
            raise ValueError(
                f"ndim: expected 2, which is what warps are for, got {self.ndim}"
            )
        mapping = as_mapping(warp)
        rows, columns = rows_and_columns(shape)
        values, gradients = self._outputs((rows, columns), 1, out)
        mask = np.empty((rows, columns), np.uint8)
        if isinstance(mapping, MatrixWarp):
            matrix = np.ascontiguousarray(mapping.matrix)
            self._view.sample_scene(
                matrix, rows, columns, values, gradients, mask, thread_count(None)
            )
        else:
            self._sample_through(mapping, values, gradients, mask)
        return values, gradients, mask.view(np.bool_)

    def _sample_through(
        self, warp: Warp, values: Array, gradients: Array, mask: Array
    ) -> None:
        """Sample where a function maps pixels, a few rows at a time."""
        (x, y), (dx, dy) = self._interpolation.origin, self._interpolation.spacing
        last = x + dx * (self._shape[1] - 1), y + dy * (self._shape[0] - 1)
        for rows, points in mapped_pixels(warp, mask.shape, (x, y), last):
            ordered = points[..., ::-1] if self.indexing == "ij" else points
            self._view.sample(
                self._as_rows(ordered.reshape(-1, 2)),
                values[rows],
                gradients[rows],
                None,
                mask[rows].reshape(-1),
                thread_count(None),
            )

    def _expect_derivatives(self, what: str) -> None:
        expect_derivatives(self._interpolation.kernel, what)

    def _read_points(self, points: ArrayLike) -> Array:
        # What most calls hand in needs no more than a look.
        if (
            type(points) is np.ndarray
            and points.dtype == np.float64
            and points.shape[-1:] == (self.ndim,)
        ):
            return points
        return as_points(
            points,
            ndim=self.ndim,
            keep_single=True,
            hint=f"make the sampler with another ndim than {self.ndim} for others",
        )

    def _as_rows(self, points: Array) -> Array:
        rows = points if points.ndim == 2 else points.reshape(-1, self.ndim)
        point, axis = rows.strides
        size = rows.itemsize
        if point % size or axis % size or not rows.flags.aligned:
            return rows.copy()
        return rows

    def _read_cotangents(self, cotangents: ArrayLike, points: Array) -> Array:
        given = as_array(cotangents, "cotangents")
        expected = points.shape[:-1] + self._channels
        if given.shape != expected:
            raise ValueError(
                f"cotangents: expected shape {expected}, that of the values, "
                f"got {given.shape}"
            )
        return given

    def _sample(
        self,
        points: ArrayLike,
        order: int,
        out: tuple[Array, ...] | None,
        return_mask: bool,
    ) -> tuple[Array, ...]:
        if order:
            self._expect_derivatives("a gradient")
        given = self._read_points(points)
        arrays = self._outputs(given.shape[:-1], order, out)
        mask = np.empty(given.shape[:-1], np.uint8) if return_mask else None
        rows = self._as_rows(given)
        self._view.sample(
            rows,
            arrays[0],
            arrays[1] if order > 0 else None,
            arrays[2] if order > 1 else None,
            mask,
            _threads_for(len(rows)),
        )
        return arrays if mask is None else (*arrays, mask.view(np.bool_))

    def _sample_dual(
        self, points: Any, order: int, out: object, return_mask: bool
    ) -> Any:
        """Sample at points with derivatives; values and perhaps gradients have some."""
        if out is not None:
            raise TypeError(
                f"out: expected none for points with derivatives, which arrays do not "
                f"hold, got {out!r}"
            )
        self._expect_derivatives("points with derivatives")
        motion = motion_of(points, self.ndim)
        found, mask = self._pushed(motion) if order == 0 else self._pushed_twice(motion)
        results = tuple(motion.rebuilt(*pair) for pair in found)
        if return_mask:
            return *results, mask.view(np.bool_)
        return results[0] if order == 0 else results

    def _pushed(self, motion: Motion) -> tuple[list[tuple[Array, Any]], Array]:
        """Return values with their derivatives, contracted as gradients are found."""
        values = np.empty(motion.shape + self._channels, self._dtype)
        changes = np.empty((len(motion.keys), *values.shape), self._dtype)
        mask = np.empty(motion.shape, np.uint8)
        threads = _threads_for(mask.size)

        def pushed(m: Motion) -> bool:
            return self._view.push_partials(
                m.coordinates, m.partials, m.keys, values, changes, mask, threads
            )

        if not pushed(motion):
            pushed(motion.flattened())
        return [(values, changes)], mask

    def _pushed_twice(self, motion: Motion) -> tuple[list[tuple[Array, Any]], Array]:
        """Return values and gradients with their derivatives."""
        points = motion.together()
        *found, mask = self._sample(points, 2, None, True)
        pairs = []
        for result, slopes in pairwise(found):
            changes = motion.contracted(slopes)
            changes[:, ~mask] = 0  # whatever the tangents are there
            pairs.append((result, changes))
        return pairs, mask

    def _outputs(
        self, shape: tuple[int, ...], order: int, out: tuple[Array, ...] | None = None
    ) -> tuple[Array, ...]:
        """Make or check the arrays for values and derivatives."""
        shape += self._channels
        if order == 0:
            shapes: tuple[tuple[int, ...], ...] = (shape,)
        elif order == 1:
            shapes = shape, (*shape, self.ndim)
        else:
            shapes = shape, (*shape, self.ndim), (*shape, self.ndim, self.ndim)
        if out is not None:
            return check_outputs(out, shapes, self._dtype, source=self._pixels)
        return tuple([np.empty(shape, self._dtype) for shape in shapes])


def _threads_for(points: int) -> int:
    return thread_count(None) if points > _POINTS_PER_THREAD else 1


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _packed(array: Array, dtype: DTypeLike) -> Array:
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def _coordinates(values: ArrayLike) -> Array:
    array = as_array(values, "coordinates")
    if array.ndim != 1:
        raise ValueError(
            f"coordinates: expected arrays of shape (N,), got {array.shape}"
        )
    return _packed(array, np.float64)
