"""Images as functions of points that JAX can transform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, overload

import jax
import numpy as np

from photalign._checks import choice
from photalign._interpolation import Interpolation, expect_derivatives, real_dtype
from photalign.autodiff.jax._primitives import Function, samples_p
from photalign.autodiff.jax._reading import as_pixels, as_points
from photalign.autodiff.jax._splines import stored_pixels

IMPLEMENTATIONS = ("auto", "jnp")


@jax.tree_util.register_pytree_node_class
class Sampler:
    """An image as a function of points that JAX can transform.

    The same function as `photalign.Sampler`, with the same exact derivatives, under
    ``jit``, ``vmap``, ``grad``, ``jacfwd``, ``jacrev``, ``hessian``, ``jvp``, ``vjp``
    and ``scan``: by the points, and by the image if its pixels are floats. Value and
    derivative come from one pass. Derivatives of any order exist.

    On the CPU the compiled core is called from within XLA; elsewhere operations of JAX
    do the same. A sampler is a pytree, whose one leaf is `coefficients`: it can be
    handed to transformed functions, and made inside them.

    Parameters
    ----------
    image : array_like or jax.Array, shape (H, W) or (H, W, C)
        Of real numbers. With ``ndim=1`` a signal, shape (N,) or (N, C), with ``ndim=3``
        a volume, shape (D, H, W) or (D, H, W, C). Pixels that are not finite are
        invalid.
    kernel : str
        One of `photalign.kernels.KERNELS`: "nearest", "linear", "catmull_rom",
        "keys6", "bspline2", "bspline3", "bspline5", or a B-spline without its
        prefilter, "bspline2_direct", "bspline3_direct", "bspline5_direct".
    boundary : {"mirror", "reflect", "nearest", "wrap", "constant"}
        What pixels beyond the border are, see `photalign.Sampler`.
    domain : {"image", "support", "unbounded"}
        Where samples are valid, see `photalign.Sampler`.
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
    implementation : {"auto", "jnp"}
        "jnp" takes the operations of JAX on the CPU, too, for `jax.export`, say.

    Attributes
    ----------
    coefficients : jax.Array
        What the kernel weighs: the pixels as they are stored, or the coefficients of
        the spline through them. The leaf of the pytree.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Notes
    -----
    Samples are float32 for floats and integers of up to 16 bits and float32, else
    float64. Without ``jax_enable_x64`` there is no float64: such images and points
    become float32.

    Derivatives are one-sided where those of the kernel jump, see `photalign.Sampler`,
    to the same side in forward and reverse mode.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from photalign.autodiff import jax as pj
    >>> sampler = pj.Sampler(jnp.array([[0.0, 10.0, 20.0], [30.0, 40.0, 50.0]]))
    >>> jax.grad(sampler)(jnp.array([0.5, 0.0]))
    Array([10., 30.], dtype=float32)
    >>> @jax.jit
    ... def cost(image, points):
    ...     return (pj.Sampler(image)(points) ** 2).sum() / 2
    >>> jax.grad(cost)(jnp.ones((2, 3)), jnp.array([[0.5, 0.5], [2.0, 1.0]]))
    Array([[0.25, 0.25, 0.  ],
           [0.25, 0.25, 1.  ]], dtype=float32)
    """

    coefficients: jax.Array

    def __init__(
        self,
        image: Any,
        kernel: str = "linear",
        *,
        boundary: str = "mirror",
        domain: str = "image",
        prefilter: bool = True,
        fill: float = np.nan,
        cval: float = 0.0,
        ndim: int = 2,
        scale: float = 1.0,
        spacing: float | Sequence[float] = 1.0,
        origin: float | Sequence[float] = 0.0,
        indexing: str = "xy",
        implementation: str = "auto",
    ) -> None:
        if type(ndim) is not int or ndim not in (1, 2, 3):
            raise ValueError(f"ndim: expected 1, 2 or 3, got {ndim!r}")
        pixels = as_pixels(image, ndim)
        interpolation = Interpolation.read(
            kernel=kernel,
            boundary=boundary,
            domain=domain,
            prefilter=prefilter,
            fill=fill,
            cval=cval,
            ndim=ndim,
            scale=scale,
            spacing=spacing,
            origin=origin,
            indexing=indexing,
        )
        if np.isnan(interpolation.fill):
            # One NaN is not another, but this one is itself: functions must compare.
            interpolation = replace(interpolation, fill=np.nan)
        self._function = Function(
            interpolation, choice(implementation, IMPLEMENTATIONS, "implementation")
        )
        self._has_channels = pixels.ndim > ndim
        channels = pixels if self._has_channels else pixels[..., np.newaxis]
        stored = stored_pixels(self._function, channels)
        self.coefficients = stored if self._has_channels else stored[..., 0]

    def tree_flatten(self) -> tuple[tuple[Any], tuple[Function, bool]]:
        """Take the sampler apart: what is traced, and what is not."""
        return (self.coefficients,), (self._function, self._has_channels)

    @classmethod
    def tree_unflatten(
        cls, fixed: tuple[Function, bool], leaves: Sequence[Any]
    ) -> Sampler:
        """Put a sampler together again, of whatever JAX puts in place of its leaf."""
        sampler = cls.__new__(cls)
        (sampler.coefficients,) = leaves
        sampler._function, sampler._has_channels = fixed
        return sampler

    def __repr__(self) -> str:
        interpolation = self._function.interpolation
        shape = getattr(self.coefficients, "shape", self.coefficients)
        return (
            f"Sampler(<{shape}>, {self.kernel!r}, boundary={interpolation.boundary!r}, "
            f"domain={interpolation.domain!r}, ndim={self.ndim})"
        )

    @property
    def kernel(self) -> str:
        """The kernel's name."""
        return self._function.interpolation.kernel.name

    @property
    def ndim(self) -> int:
        """How many axes of the image hold pixels."""
        return len(self._function.interpolation.spacing)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of samples: float32 or float64."""
        return real_dtype(np.dtype(self.coefficients.dtype))

    @overload
    def __call__(
        self, points: Any, *, return_mask: Literal[False] = False
    ) -> jax.Array: ...
    @overload
    def __call__(
        self, points: Any, *, return_mask: Literal[True]
    ) -> tuple[jax.Array, jax.Array]: ...
    def __call__(
        self, points: Any, *, return_mask: bool = False
    ) -> jax.Array | tuple[jax.Array, ...]:
        """Sample the image.

        Parameters
        ----------
        points : array_like or jax.Array, shape (..., ndim)
            Where; a point with a NaN is outside.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : jax.Array, shape (...) or (..., C), float32 or float64
            Values, with the channels of a colour image on the last axis.
        mask : jax.Array, shape (...), bool
            Only with ``return_mask=True``.
        """
        values, mask = self._sample(points, 0)
        return (values, mask) if return_mask else values

    def value_and_grad(
        self, points: Any, *, return_mask: bool = False
    ) -> tuple[jax.Array, ...]:
        """Sample the image and its gradient in one pass.

        Parameters
        ----------
        points : array_like or jax.Array, shape (..., ndim)
            Where; a point with a NaN is outside.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : jax.Array, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : jax.Array, shape (..., ndim) or (..., C, ndim), same dtype
            Derivatives of the values by each coordinate, in the order of these.
        mask : jax.Array, shape (...), bool
            Only with ``return_mask=True``.

        Raises
        ------
        ValueError
            If the kernel has no derivative ("nearest").
        """
        found = self._sample(points, 1)
        return found if return_mask else found[:-1]

    def value_grad_hess(
        self, points: Any, *, return_mask: bool = False
    ) -> tuple[jax.Array, ...]:
        """Sample the image, its gradient and its Hessian in one pass.

        Parameters
        ----------
        points : array_like or jax.Array, shape (..., ndim)
            Where; a point with a NaN is outside.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : jax.Array, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : jax.Array, shape (..., ndim) or (..., C, ndim), same dtype
            As from `value_and_grad`.
        hessians : jax.Array, shape (..., ndim, ndim) or (..., C, ndim, ndim)
            Second derivatives, same dtype.
        mask : jax.Array, shape (...), bool
            Only with ``return_mask=True``.

        Raises
        ------
        ValueError
            If the kernel has no derivative ("nearest").
        """
        found = self._sample(points, 2)
        return found if return_mask else found[:-1]

    def inside(self, points: Any) -> jax.Array:
        """Tell where samples are valid.

        Parameters
        ----------
        points : array_like or jax.Array, shape (..., ndim)
            Where.

        Returns
        -------
        jax.Array, shape (...), bool
            Whether the point lies in the domain and all pixels under the kernel are
            finite.
        """
        return self._sample(points, 0)[1]

    def _sample(self, points: Any, order: int) -> tuple[jax.Array, ...]:
        if order:
            expect_derivatives(self._function.interpolation.kernel, "a gradient")
        points = as_points(points, self.ndim)
        found: tuple[jax.Array, ...] = _samples(
            self._function, self._has_channels, order, self.coefficients, points
        )
        return found


@partial(jax.jit, static_argnums=(0, 1, 2), inline=True)
def _samples(
    function: Function, has_channels: bool, order: int, stored: Any, points: Any
) -> tuple[jax.Array, ...]:
    """Return values, derivatives and the mask, in the shapes that users know."""
    *lead, ndim = points.shape
    if not has_channels:
        stored = stored[..., np.newaxis]
    *tensors, mask = samples_p.bind(
        stored[np.newaxis],
        points.reshape(1, -1, ndim),
        function=function,
        order=order,
    )
    channels = stored.shape[-1:] if has_channels else ()
    shaped = [
        tensor.reshape(*lead, *channels, *(ndim,) * k)
        for k, tensor in enumerate(tensors)
    ]
    return (*shaped, mask.reshape(lead))
