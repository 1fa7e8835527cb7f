"""
The compiled core of photalign; its functions expect arguments that were checked.
"""

from collections.abc import Callable
from typing import Annotated

import numpy
from numpy.typing import NDArray


class Sampler:
    """An image as a function of points."""

    def __init__(self, image: Annotated[NDArray, dict(device='cpu', writable=False)], kernel: int, boundary: int, domain: int, pad: int, cval: float, fill: float) -> None: ...

    def sample(self, points: Annotated[NDArray[numpy.float64], dict(shape=(None, None), device='cpu', writable=False)], values: Annotated[NDArray, dict(order='C', device='cpu')], gradients: Annotated[NDArray, dict(order='C', device='cpu')] | None, valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """Write values, and gradients and validity unless None, at points."""

    def resample(self, matrix: Annotated[NDArray[numpy.float64], dict(shape=(3, 3), order='C', device='cpu', writable=False)], image: Annotated[NDArray, dict(order='C', device='cpu')], valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """Write the image seen through a homography."""

def prefilter(image: Annotated[NDArray, dict(order='C', device='cpu')], degree: int, threads: int) -> None:
    """Replace pixels by B-spline coefficients, mirrored at the border."""

def prefilter_padding(degree: int) -> int:
    """Pixels after which the prefilter has forgotten what was before."""

def align(reference: Annotated[NDArray, dict(device='cpu', writable=False)], moving: Annotated[NDArray, dict(device='cpu', writable=False)], reference_weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, moving_weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, reference_coefficients: Annotated[NDArray, dict(device='cpu', writable=False)] | None, moving_coefficients: Annotated[NDArray, dict(device='cpu', writable=False)] | None, start: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], warp: int, kernel: int, last_kernel: int, composition: int, coarse_composition: int, brightness: int, loss: int, loss_scale: float, tuning: float, levels: int, max_steps: int, step_tol: float, damping: float, min_overlap: float, threads: int, on_step: Callable | None) -> dict:
    """Align two images; enumerations are numbers, weights have one channel."""

def loss(kind: int, threshold: float, squares: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)]) -> NDArray[numpy.float64]:
    """
    Loss, weight and slope of the influence at squared residuals, shape (n, 3).
    """

def variant() -> str:
    """The instruction set in use."""

def available_variants() -> list[str]:
    """
    The instruction sets that this build holds and this machine runs, widest last.
    """

def use_variant(name: str) -> bool:
    """Choose an instruction set; false if there is none of this name."""
