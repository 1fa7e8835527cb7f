"""The linear map from pixels to samples, its derivatives and its adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from photalign._interpolation import Interpolation
from photalign.autodiff.torch import _core_pass, _tensor_pass
from photalign.autodiff.torch._core_image import CoreImage, images_of
from photalign.autodiff.torch._operation import is_old_batch, transforms_are_active

CORE_DEVICES = frozenset(("cpu",))
"""The devices whose memory the core reads; on others PyTorch computes by itself."""


@dataclass(frozen=True, eq=False)
class Rule:
    r"""How tensors are sampled, by the core or by operations of PyTorch.

    What is stored are pixels or coefficients, shape (\*B, \*S, C): images of the same
    shape S with C channels, on any further axes B. Points have the shape
    (\*B, \*N, ndim): N of them for each image.

    Attributes
    ----------
    interpolation : Interpolation
        What makes a function of pixels.
    known : CoreImage or None
        A look at what will most often be sampled.
    """

    interpolation: Interpolation
    known: CoreImage | None = None

    @property
    def ndim(self) -> int:
        """How many axes of an image hold pixels."""
        return len(self.interpolation.origin)

    @cached_property
    def linear(self) -> Rule:
        """The same for changes of the pixels, which leave constants out."""
        return Rule(replace(self.interpolation, cval=0.0, fill=0.0))

    def look(self, stored: Tensor) -> Rule:
        """Return the same, prepared to sample one tensor again and again."""
        is_memory = not transforms_are_active() and self.runs_in_core(stored)
        return Rule(
            self.interpolation,
            CoreImage.of(stored, self.interpolation) if is_memory else None,
        )

    def gather(self, stored: Tensor, points: Tensor, order: int) -> tuple[Tensor, ...]:
        """Sample values and derivatives.

        Parameters
        ----------
        stored : Tensor, shape (*B, *S, C)
            What is sampled.
        points : Tensor, shape (*B, *N, ndim), float32 or float64
            Where.
        order : int
            Of the highest derivatives.

        Returns
        -------
        *derivatives : Tensor, shape (*B, *N, C), (*B, *N, C, ndim), ...
            Values, gradients, Hessians and so on, each with one axis more.
        mask : Tensor, shape (*B, *N), bool
            Where they are valid.

        Raises
        ------
        ValueError
            If the kernel has no derivatives and they are asked for.
        """
        kernel = self.interpolation.kernel
        if order > 0 and not kernel.derivatives:
            raise ValueError(
                "kernel: expected one with derivatives by the points, got "
                f"{kernel.name!r}; pass points.detach() if they are not wanted"
            )
        if order <= _core_pass.MOST_ORDERS and self.runs_in_core(stored):
            images, lead = self._images(stored)
            return _core_pass.gather(images, points, lead, order)
        return _tensor_pass.gather(stored, points, self.interpolation, order)

    def contract(
        self, gradients: Tensor, mask: Tensor, cotangents: Tensor, dtype: torch.dtype
    ) -> Tensor:
        """Pull cotangents of values back to the points, by gradients at hand.

        Parameters
        ----------
        gradients : Tensor, shape (*B, *N, C, ndim), float32 or float64
            From `gather`, by the core.
        mask : Tensor, shape (*B, *N), bool
            Where they are valid.
        cotangents : Tensor, shape (*B, *N, C)
            Of the values.
        dtype : dtype
            That of the points.

        Returns
        -------
        Tensor, shape (*B, *N, ndim)
            Cotangents of the points; 0 where invalid.
        """
        return _core_pass.contract(gradients, mask, cotangents, dtype)

    def looks_ahead(self, stored: Tensor, points: Tensor) -> bool:
        """Tell whether to take gradients along with values, for reverse mode to use."""
        return (
            points.requires_grad
            and torch.is_grad_enabled()
            and not transforms_are_active()
            and bool(self.interpolation.kernel.derivatives)
            and self.runs_in_core(stored)
        )

    def scatter(
        self,
        points: Tensor,
        mask: Tensor,
        shape: Sequence[int],
        cotangents: Sequence[Tensor | None],
    ) -> Tensor:
        """Put cotangents of values and derivatives on the pixels: the adjoint.

        Parameters
        ----------
        points : Tensor, shape (*B, *N, ndim), float32 or float64
            Where.
        mask : Tensor, shape (*B, *N), bool
            What is not valid counts nothing.
        shape : sequence of int
            (*B, *S, C), that of what is stored.
        cotangents : sequence of Tensor, or None where they are 0
            Of values, gradients, Hessians and so on, in their shapes.

        Returns
        -------
        Tensor, shape (*B, *S, C)
            Sums in float64, where the device has it.
        """
        values, *derivatives = cotangents
        if values is not None and self.runs_in_core(values):
            found = _core_pass.scatter(points, mask, self.interpolation, shape, values)
            if all(c is None for c in derivatives):
                return found
            cotangents = None, *derivatives
            return found + _tensor_pass.scatter(
                points, mask, self.interpolation, shape, cotangents
            )
        return _tensor_pass.scatter(points, mask, self.interpolation, shape, cotangents)

    def runs_in_core(self, tensor: Tensor) -> bool:
        """Tell whether the core reads a tensor."""
        return tensor.device.type in CORE_DEVICES and not is_old_batch(tensor)

    def _images(self, stored: Tensor) -> tuple[list[CoreImage], int]:
        """Return the images of a batch, and how many axes it has."""
        if self.known is not None and self.known.shows(stored):
            return [self.known], 0
        lead = stored.ndim - self.ndim - 1
        each = images_of(tuple(stored.shape[:lead]))
        return [CoreImage.of(stored[i], self.interpolation) for i in each], lead
