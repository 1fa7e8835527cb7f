"""Reading what users hand in: all messages about arrays and choices are here."""

from __future__ import annotations

import numbers
import operator
import os
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The types that alignment reads as they are stored, and the smallest of them that holds
# the numbers of another type exactly.
_NATIVE = frozenset(np.dtype(t) for t in ("u1", "u2", "f4", "f8"))
_HOLDER = {np.dtype(t): np.dtype("f4") for t in ("i1", "i2", "f2")} | {
    np.dtype(t): np.dtype("f8") for t in ("u4", "i4", "u8", "i8")
}
# The types that samplers read as they are stored, in either byte order.
_SAMPLED = frozenset(("u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"))
_INEXACT = 2.0**53  # from here on float64 has gaps between the integers


def as_image(image: ArrayLike, name: str = "image") -> NDArray[Any]:
    """Read an image as rows, columns and channels, without a copy where possible.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, C)
        Of real numbers, in any memory layout.
    name : str
        The argument that an error speaks of.

    Returns
    -------
    ndarray, shape (H, W, C), uint8, uint16, float32 or float64
        A view, unless the type of the numbers had to be changed: to the smallest of
        these four that holds them exactly.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If the shape is not that of an image with at least one pixel, or an integer is
        too large for float64.
    """
    array = as_array(image, name)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"{name}: expected shape (rows, columns) or (rows, columns, channels), "
            f"got {array.shape}"
        )
    _expect_pixels(array.shape, name)
    native = _as_native(array, name)
    return native if native.ndim == 3 else native[:, :, np.newaxis]


def as_lattice(image: ArrayLike, ndim: int, name: str = "image") -> NDArray[Any]:
    """Read a signal, an image or a volume with its channels, as it is stored.

    Parameters
    ----------
    image : array_like, `ndim` axes or one more
        Of real numbers, in any memory layout. One more axis is that of the channels.
    ndim : int
        How many axes hold pixels.
    name : str
        The argument that an error speaks of.

    Returns
    -------
    ndarray, `ndim` + 1 axes
        A view, of uint8 for booleans; only integers of 64 bits are copied, to float64.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If the shape is not that of an image with at least one pixel, or an integer is
        too large for float64.
    """
    array = as_array(image, name)
    check_lattice_shape(array.shape, ndim, name)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    elif array.dtype.newbyteorder("=").str[1:] not in _SAMPLED:
        array = _as_native(array, name)
    return array if array.ndim > ndim else array[..., np.newaxis]


def check_lattice_shape(shape: tuple[int, ...], ndim: int, name: str) -> None:
    """Check that an array can be a signal, an image or a volume with its channels."""
    if len(shape) not in (ndim, ndim + 1):
        axes = ("pixels",), ("rows", "columns"), ("slices", "rows", "columns")
        expected = ", ".join(axes[ndim - 1])
        hint = ""
        if len(shape) in (1, 2, 3, 4):
            hint = f"; for other dimensions pass ndim={min(len(shape), 3)}"
        raise ValueError(
            f"{name}: expected shape ({expected}) or ({expected}, channels), "
            f"got {shape}{hint}"
        )
    _expect_pixels(shape, name)


def _expect_pixels(shape: tuple[int, ...], name: str) -> None:
    if 0 in shape:
        raise ValueError(
            f"{name}: expected at least one pixel and channel, got shape {shape}"
        )


def per_axis(
    value: float | Sequence[float] | NDArray[Any], ndim: int, name: str
) -> tuple[float, ...]:
    """Read a number for every axis, or one for all of them."""
    given = as_array(value, name)
    if given.shape not in ((), (ndim,)) or not np.isfinite(given).all():
        raise ValueError(
            f"{name}: expected a finite number or {ndim} of them, got {value!r}"
        )
    return tuple(float(n) for n in np.broadcast_to(given, (ndim,)))


def rows_and_columns(shape: Sequence[int]) -> tuple[int, int]:
    """Read the first two numbers of an image's shape."""
    message = f"shape: expected rows and columns of 1 or more, got {shape!r}"
    try:
        rows, columns = (int(n) for n in tuple(shape)[:2])
    except (TypeError, ValueError):
        raise ValueError(message) from None
    if rows < 1 or columns < 1:
        raise ValueError(message)
    return rows, columns


def positive_integer(value: object, name: str) -> int:
    """Read an integer of 1 or more; booleans are none."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def positive_number(value: object, name: str) -> float:
    """Read a finite number above 0; booleans are none."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if 0 < number < float("inf"):
            return number
    raise ValueError(f"{name}: expected a positive finite number, got {value!r}")


def _as_native(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.dtype in _NATIVE and array.flags.aligned:
        return array
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    # dtypes of both byte orders, aligned or not, compare equal to the native one here.
    dtype = array.dtype.newbyteorder("=")
    holder = _HOLDER.get(dtype, dtype)
    if holder not in _NATIVE:
        raise TypeError(
            f"{name}: expected numbers of at most 64 bits, got dtype {array.dtype}"
        )
    converted = array.astype(holder)
    is_long = dtype.kind in "iu" and dtype.itemsize == 8
    if is_long and (np.abs(converted) >= _INEXACT).any():
        raise ValueError(
            f"{name}: expected integers below 2**53, which float64 holds exactly, "
            f"got values from {array.min()} to {array.max()}"
        )
    return converted


def as_array(value: ArrayLike, name: str) -> NDArray[Any]:
    """Read an array of real numbers of any type and shape."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected an array without a mask, got a masked array; pass its "
            f"data, and ~mask where masks are taken, or NaN: "
            f"{name}.astype(float).filled(np.nan)"
        )
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name}: expected rows of one length, got {value!r}"
        ) from None
    except TypeError as error:
        # Told by its name: JAX is not imported for those who do without it.
        if type(error).__name__ != "TracerArrayConversionError":
            raise
        raise TypeError(
            f"{name}: expected an array, got {type(value).__name__}, which stands for "
            f"one inside jax.jit, jax.grad and their like; use a sampler of "
            f"photalign.autodiff.jax there"
        ) from None
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected an array of real numbers, got dtype {array.dtype}"
        )
    return array


def as_points(
    points: ArrayLike,
    name: str = "points",
    *,
    ndim: int = 2,
    keep_single: bool = False,
    hint: str = "",
) -> NDArray[Any]:
    """Read points as float64.

    Parameters
    ----------
    points : array_like, shape (..., ndim)
        Of real numbers; NaN and infinity are allowed.
    name : str
        The argument that an error speaks of.
    ndim : int
        How many coordinates a point has.
    keep_single : bool
        Whether float32 may stay what it is.
    hint : str
        What else could be done about points with other than `ndim` coordinates.

    Returns
    -------
    ndarray, shape (..., ndim), float64 or float32
        The array itself if it is one of these.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If the last axis is not of length `ndim`.
    """
    array = as_array(points, name)
    if array.dtype != np.float64 and not (keep_single and array.dtype == np.float32):
        array = array.astype(np.float64)
    check_points_shape(array.shape, name, ndim=ndim, hint=hint)
    return array


def check_points_shape(
    shape: tuple[int, ...], name: str = "points", *, ndim: int = 2, hint: str = ""
) -> None:
    """Check that an array holds points on its last axis."""
    if shape and shape[-1] == ndim:
        return
    advice = hint
    if len(shape) == 2 and shape[0] == ndim:
        advice = f"pass {name}.T"
    elif ndim == 1:
        advice = f"pass {name}[..., np.newaxis]"
    advice = f"; {advice}" if advice else ""
    raise ValueError(f"{name}: expected shape (..., {ndim}), got {shape}{advice}")


def check_outputs(
    out: tuple[NDArray[Any], ...],
    shapes: tuple[tuple[int, ...], ...],
    dtype: np.dtype[Any],
    source: NDArray[Any],
) -> tuple[NDArray[Any], ...]:
    """Check arrays that results are to be written into.

    Parameters
    ----------
    out : tuple of ndarray
        The arrays.
    shapes : tuple of tuple of int
        What shape each must have.
    dtype : dtype
        Their type.
    source : ndarray
        What is read while they are written.

    Returns
    -------
    tuple of ndarray
        The same arrays.

    Raises
    ------
    TypeError
        If one is no ndarray.
    ValueError
        If one is not as it must be, or not C-contiguous, aligned and writable, or
        shares memory with the source or another.
    """
    if not isinstance(out, tuple | list) or len(out) != len(shapes):
        raise ValueError(f"out: expected a tuple of {len(shapes)} arrays")
    for array, shape in zip(out, shapes, strict=True):
        if not isinstance(array, np.ndarray):
            raise TypeError(f"out: expected an ndarray, got {type(array).__name__}")
        flags = array.flags
        if (
            array.shape != shape
            or array.dtype != dtype
            or not (flags.c_contiguous and flags.writeable and flags.aligned)
        ):
            layout = "C-contiguous" if flags.c_contiguous else "not C-contiguous"
            access = "writable" if flags.writeable else "read-only"
            raise ValueError(
                f"out: expected a writable, C-contiguous {dtype} array of shape "
                f"{shape}, got a {access}, {layout} {array.dtype} array of shape "
                f"{array.shape}"
            )
    arrays = tuple(out)
    for i, array in enumerate(arrays):
        if any(np.may_share_memory(array, other) for other in (source, *arrays[:i])):
            raise ValueError(
                "out: expected arrays that share no memory with the image or each "
                "other, got some that do"
            )
    return arrays


def as_mask(
    mask: ArrayLike, shape: tuple[int, int], name: str = "mask"
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Read a mask: True, or a weight above 0, means that the pixel is used.

    Parameters
    ----------
    mask : array_like, shape (H, W)
        Booleans, integers (0 or not) or weights.
    shape : (int, int)
        Rows and columns of the image that it belongs to.
    name : str
        The argument that an error speaks of.

    Returns
    -------
    ndarray, shape (H, W)
        Booleans and integers as uint8, in which only 0 means False; weights as
        C-contiguous float32.

    Raises
    ------
    TypeError
        If the elements are not real numbers.
    ValueError
        If the shape is another, or a weight is negative or not finite.
    """
    array = as_array(mask, name)
    if array.shape != tuple(shape):
        raise ValueError(
            f"{name}: expected shape {tuple(shape)}, that of its image, "
            f"got {array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind in "bui":
        return array.astype(np.bool_, copy=False).view(np.uint8)
    weights = np.ascontiguousarray(array, dtype=np.float32)
    if not (np.isfinite(weights).all() and weights.min(initial=0) >= 0):
        raise ValueError(
            f"{name}: expected finite weights of 0 or more, "
            f"got values from {array.min()} to {array.max()}"
        )
    return weights


def boolean(value: object, name: str) -> bool:
    """Read True or False; nothing else is either."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name}: expected True or False, got {value!r}")


def as_number(value: float, name: str) -> float:
    """Read one real number.

    Parameters
    ----------
    value : float
        What the user gave; NaN is a number here.
    name : str
        The argument that an error speaks of.

    Returns
    -------
    float
        The same.

    Raises
    ------
    TypeError
        If it is not a real number.
    """
    if isinstance(value, numbers.Real):
        return float(value)
    raise TypeError(f"{name}: expected a number, got {value!r}")


def finite_number(value: float, name: str) -> float:
    """Read one real number that is neither NaN nor infinite."""
    number = as_number(value, name)
    if not np.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {number}")
    return number


def choice(value: str, known: Collection[str], name: str) -> str:
    """Read one of a closed set of names.

    Parameters
    ----------
    value : str
        What the user wrote.
    known : collection of str
        The names there are.
    name : str
        The argument that an error speaks of.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    ValueError
        If there is no such name; the message lists those there are.

    Examples
    --------
    >>> from photalign._checks import choice
    >>> choice("miror", ["mirror", "nearest"], "boundary")
    Traceback (most recent call last):
    ...
    ValueError: boundary: expected one of mirror, nearest, got 'miror'; did you mean
    'mirror'?
    """
    if isinstance(value, str) and value in known:
        return value
    near = get_close_matches(str(value).lower(), known, n=1)
    raise ValueError(
        f"{name}: expected one of {', '.join(known)}, got {value!r}"
        + (f"; did you mean {near[0]!r}?" if near else "")
    )


def thread_count(
    threads: int | None, name: str = "threads", *, useful: int | None = None
) -> int:
    """Read a number of threads.

    Parameters
    ----------
    threads : int or None
        None means the environment variable PHOTALIGN_THREADS if it is set, else the
        number of processors that this process may use.
    name : str
        The argument that an error speaks of.
    useful : int, optional
        Where `threads` is None, no more than that.

    Returns
    -------
    int
        1 or more.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is less than 1, or PHOTALIGN_THREADS is not such a number.
    """
    if threads is None:
        asked = _threads_of_environment()
        if useful is None:
            return asked or _usable_processors()
        # To ask the system costs as much as some small alignments' arithmetic.
        return 1 if useful <= 1 else min(asked or _usable_processors(), useful)
    count = _as_integer(threads, name)
    if count < 1:
        raise ValueError(f"{name}: expected 1 or more, got {count}")
    return count


def _threads_of_environment() -> int | None:
    setting = os.environ.get("PHOTALIGN_THREADS", "")
    if not setting:
        return None
    if not (setting.isascii() and setting.isdecimal() and int(setting) > 0):
        raise ValueError(
            f"PHOTALIGN_THREADS: expected a number of 1 or more, got {setting!r}"
        )
    return int(setting)


def _as_integer(value: SupportsIndex, name: str) -> int:
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{name}: expected an integer, got {value!r}")


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
