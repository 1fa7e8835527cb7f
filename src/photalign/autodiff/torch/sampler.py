"""Images as functions that PyTorch differentiates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, Literal, overload

import torch
from torch import Tensor

from photalign._interpolation import Interpolation
from photalign._types import ArrayLike
from photalign.autodiff.torch._functions import Gather
from photalign.autodiff.torch._operation import is_plain
from photalign.autodiff.torch._prefilter import stored
from photalign.autodiff.torch._read import read_image, read_points
from photalign.autodiff.torch._rule import Rule


@dataclass(frozen=True, eq=False)
class Sampler:
    """An image as a function of points, differentiable by these and by the pixels.

    The sampler of `photalign.Sampler` inside PyTorch: the same kernels, boundaries,
    domains and one-sided derivatives. Reverse mode, forward mode, both in any order and
    nested, and `torch.func.vmap`. Tensors in the memory of the CPU are sampled by the
    core, in place and as they are stored; others by operations of PyTorch.

    Points are (x, y) in pixels, the center of the first pixel is (0, 0). There are no
    normalized coordinates.

    Parameters
    ----------
    image : Tensor, shape (H, W), (H, W, C) or, with ``channel_axis=0``, (C, H, W)
        Of real numbers; strides may be any. With ``ndim=1`` a signal, with ``ndim=3`` a
        volume. Pixels that are not finite are invalid.
    kernel : str
        One of `photalign.kernels.KERNELS`.
    boundary : {"mirror", "reflect", "nearest", "wrap", "constant"}
        What pixels beyond the border are.
    domain : {"image", "support", "unbounded"}
        Where samples are valid.
    prefilter : bool
        Whether a B-spline passes through the pixels.
    fill : float
        The value of invalid samples; their derivatives are 0, by everything.
    cval : float
        The pixels beyond the border if the boundary is "constant".
    ndim : {2, 1, 3}
        How many axes of the image hold pixels.
    scale : float
        Values and derivatives are multiplied by it, as if the pixels had been.
    spacing : float or sequence of float
        Distance between pixels, for all axes or each of them, in the order of the
        points.
    origin : float or sequence of float
        The point at the center of the first pixel.
    indexing : {"xy", "ij"}
        The order of coordinates, and with them of derivatives.
    channel_axis : int
        Which axis of the image is that of the channels, if it has one more than `ndim`.
        Samples have theirs at the end in any case.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    See Also
    --------
    photalign.Sampler : The same for NumPy, with all that is to say about the options.

    Notes
    -----
    Samples are float64 for images of float64 and of integers of 32 or 64 bits, else
    float32.

    A prefiltered kernel computes its coefficients when the sampler is made. If the
    image is learned, make the sampler in each step; other kernels look at the image as
    it is.

    A batch of images, each with points of its own, is a job for `torch.func.vmap`.

    Examples
    --------
    >>> import torch
    >>> from photalign.autodiff import torch as pt
    >>> sampler = pt.Sampler(torch.tensor([[0.0, 10.0, 20.0], [30.0, 40.0, 50.0]]))
    >>> points = torch.tensor([[0.5, 0.0], [2.0, 0.5]], requires_grad=True)
    >>> sampler(points).sum().backward()
    >>> points.grad
    tensor([[10., 30.],
            [10., 30.]])
    >>> torch.func.jacfwd(sampler)(torch.tensor([0.5, 0.0]))
    tensor([10., 30.])
    """

    image: Tensor = field(repr=False)
    kernel: str = "linear"
    _: KW_ONLY
    boundary: str = "mirror"
    domain: str = "image"
    prefilter: bool = True
    fill: float = torch.nan
    cval: float = 0.0
    ndim: int = 2
    scale: float = 1.0
    spacing: float | Sequence[float] = 1.0
    origin: float | Sequence[float] = 0.0
    indexing: str = "xy"
    channel_axis: int = -1
    _stored: Tensor = field(init=False, repr=False)
    _rule: Rule = field(init=False, repr=False)
    _version: int | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the arguments, and prefilter the image if the kernel asks for it."""
        if type(self.ndim) is not int or self.ndim not in (1, 2, 3):
            raise ValueError(f"ndim: expected 1, 2 or 3, got {self.ndim!r}")
        pixels = read_image(self.image, self.ndim, self.channel_axis)
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
        is_compiling = torch.compiler.is_compiling()
        prepare = _prepare_outside_graph if is_compiling else _prepare
        coefficients, rule = prepare(pixels, Rule(interpolation))
        object.__setattr__(self, "_stored", coefficients)
        object.__setattr__(self, "_rule", rule)
        is_filtered = interpolation.kernel.prefilter and self.image.requires_grad
        version = self.image._version if is_filtered else None
        object.__setattr__(self, "_version", version)

    def __getstate__(self) -> dict[str, Any]:
        """Keep what the sampler was made from; the rest is made again."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the sampler again."""
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    @overload
    def __call__(
        self, points: Tensor | ArrayLike, *, return_mask: Literal[False] = False
    ) -> Tensor: ...
    @overload
    def __call__(
        self, points: Tensor | ArrayLike, *, return_mask: Literal[True]
    ) -> tuple[Tensor, Tensor]: ...
    def __call__(
        self, points: Tensor | ArrayLike, *, return_mask: bool = False
    ) -> Tensor | tuple[Tensor, ...]:
        """Sample the image.

        Parameters
        ----------
        points : Tensor, shape (..., ndim), or array_like
            Where; a point with a NaN is outside.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : Tensor, shape (...) or (..., C), float32 or float64
            Values, with the channels of a color image on the last axis.
        mask : Tensor, shape (...), bool
            Only with ``return_mask=True``.
        """
        values, mask = self._sample(points, 0)
        return (values, mask) if return_mask else values

    def value_and_grad(
        self, points: Tensor | ArrayLike, *, return_mask: bool = False
    ) -> tuple[Tensor, ...]:
        """Sample the image and its gradient in one pass.

        Both are differentiable in turn.

        Parameters
        ----------
        points : Tensor, shape (..., ndim), or array_like
            Where; a point with a NaN is outside.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : Tensor, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : Tensor, shape (..., ndim) or (..., C, ndim), same dtype
            Derivatives of the values by each coordinate, in the order of these.
        mask : Tensor, shape (...), bool
            Only with ``return_mask=True``.

        Raises
        ------
        ValueError
            If the kernel has no derivative ("nearest").
        """
        *results, mask = self._sample(points, 1)
        return (*results, mask) if return_mask else tuple(results)

    def value_grad_hess(
        self, points: Tensor | ArrayLike, *, return_mask: bool = False
    ) -> tuple[Tensor, ...]:
        """Sample the image, its gradient and its Hessian in one pass.

        All are differentiable in turn.

        Parameters
        ----------
        points : Tensor, shape (..., ndim), or array_like
            Where; a point with a NaN is outside.
        return_mask : bool
            Whether to return as well where samples are valid.

        Returns
        -------
        values : Tensor, shape (...) or (..., C), float32 or float64
            As from a call of the sampler.
        gradients : Tensor, shape (..., ndim) or (..., C, ndim), same dtype
            As from `value_and_grad`.
        hessians : Tensor, shape (..., ndim, ndim) or (..., C, ndim, ndim), same dtype
            Second derivatives.
        mask : Tensor, shape (...), bool
            Only with ``return_mask=True``.

        Raises
        ------
        ValueError
            If the kernel has no derivative ("nearest").
        """
        *results, mask = self._sample(points, 2)
        return (*results, mask) if return_mask else tuple(results)

    def inside(self, points: Tensor | ArrayLike) -> Tensor:
        """Tell where samples are valid.

        Parameters
        ----------
        points : Tensor, shape (..., ndim), or array_like
            Where.

        Returns
        -------
        Tensor, shape (...), bool
            Whether the point lies in the domain and all pixels under the kernel are
            finite.
        """
        return self._sample(points, 0)[-1]

    def _sample(self, points: Tensor | ArrayLike, order: int) -> tuple[Tensor, ...]:
        if self._version is not None and self._version != self.image._version:
            raise ValueError(
                "image: expected the pixels that the sampler was made of, got changed "
                "ones; make the sampler again after each change, since "
                f"{self.kernel!r} is prefiltered"
            )
        where = read_points(points, self.ndim, self._stored.device)
        if torch.compiler.is_compiling():
            results = _apply_outside_graph(
                self._stored, where, self._rule, order, False
            )
        elif is_plain(self._stored, where):
            results = self._rule.gather(self._stored, where, order)
        else:
            ahead = order == 0 and self._rule.looks_ahead(self._stored, where)
            results = Gather.apply(self._stored, where, self._rule, order, ahead)
            if ahead:
                results = results[0], results[-1]
        if self.image.ndim > self.ndim:
            return results
        axis = where.ndim - 1  # of the channels, which a gray image has none of
        *derivatives, mask = results
        return (*(d.squeeze(axis) for d in derivatives), mask)


def _prepare(pixels: Tensor, rule: Rule) -> tuple[Tensor, Rule]:
    coefficients = stored(pixels, rule)
    return coefficients, rule.look(coefficients)


# Compiled code calls the core, but cannot look into it.
_apply_outside_graph = torch.compiler.disable(Gather.apply)
_prepare_outside_graph = torch.compiler.disable(_prepare)
