"""
The compiled core of photalign; its functions expect arguments that were checked.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy
from numpy.typing import NDArray


def prefilter(image: Annotated[NDArray, dict(order='C', device='cpu')], degree: int, ndim: int, boundary: int, threads: int) -> None:
    """
    Replace pixels by B-spline coefficients: `ndim` axes, then the channels.
    """

def prefilter_adjoint(image: Annotated[NDArray, dict(order='C', device='cpu')], degree: int, ndim: int, boundary: int, threads: int) -> None:
    """Apply the transpose of the prefilter in place."""

def fill_adjoint(image: Annotated[NDArray, dict(order='C', device='cpu')], known: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu', writable=False)], ndim: int, threads: int) -> None:
    """Apply in place the transpose of filling the pixels that are not known."""

def prefilter_padding(degree: int) -> int:
    """Pixels after which the prefilter has forgotten what was before."""

def contract(gradients: Annotated[NDArray, dict(order='C', device='cpu', writable=False)], cotangents: Annotated[NDArray, dict(order='C', device='cpu', writable=False)], valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu', writable=False)], pulled: Annotated[NDArray, dict(order='C', device='cpu')]) -> None:
    """
    Write the cotangents of points that cotangents of values make, by known gradients.
    """

class Sampler:
    """An image as a function of points."""

    def __init__(self, owner: object, address: int, dtype: int, is_swapped: bool, shape: Sequence[int], strides: Sequence[int], kernel: int, boundary: int, domain: int, pad: int, cval: float, fill: float, scale: float, origin: Sequence[float], spacing: Sequence[float], is_reversed: bool) -> None: ...

    def sample(self, points: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], values: Annotated[NDArray, dict(order='C', device='cpu')], gradients: Annotated[NDArray, dict(order='C', device='cpu')] | None, hessians: Annotated[NDArray, dict(order='C', device='cpu')] | None, valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """Write values, and what else is not None, at points."""

    def sample_scene(self, matrix: Annotated[NDArray[numpy.float64], dict(shape=(3, 3), order='C', device='cpu', writable=False)], height: int, width: int, values: Annotated[NDArray, dict(order='C', device='cpu')], gradients: Annotated[NDArray, dict(order='C', device='cpu')] | None, valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """Write values, and what else is not None, through a homography."""

    def sample_grid(self, coordinates: Sequence[Annotated[NDArray[numpy.float64], dict(shape=(None,), order='C', device='cpu', writable=False)]], values: Annotated[NDArray, dict(order='C', device='cpu')], gradients: Annotated[NDArray, dict(order='C', device='cpu')], valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """
        Write values, gradients and validity on a grid, given by its coordinates.
        """

    def resample(self, matrix: Annotated[NDArray[numpy.float64], dict(shape=(3, 3), order='C', device='cpu', writable=False)], image: Annotated[NDArray, dict(order='C', device='cpu')], dtype: int, valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """Write the image seen through a homography."""

    def push_forward(self, points: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], tangents: Annotated[NDArray, dict(order='C', device='cpu', writable=False)], values: Annotated[NDArray, dict(order='C', device='cpu')], changes: Annotated[NDArray, dict(order='C', device='cpu')], valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> None:
        """Write values and their changes along tangents, (tangent, point, axis)."""

    def push_partials(self, coordinates: list, partials: list, keys: list, values: Annotated[NDArray, dict(order='C', device='cpu')], changes: Annotated[NDArray, dict(order='C', device='cpu')], valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu')] | None, threads: int) -> bool:
        """
        Write values and their changes by partials of the coordinates; tell if they fitted.
        """

    def pull_back(self, points: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], cotangents: Annotated[NDArray, dict(order='C', device='cpu', writable=False)], pulled: Annotated[NDArray, dict(order='C', device='cpu')], threads: int) -> None:
        """Write the cotangents of points that cotangents of values make."""

    def add_equations(self, points: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], jacobian: Annotated[NDArray, dict(device='cpu', writable=False)], reference: Annotated[NDArray, dict(order='C', device='cpu', writable=False)], weights: Annotated[NDArray, dict(order='C', device='cpu', writable=False)] | None, gain: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], bias: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], loss: int, threshold: float, solves_brightness: bool, hessian: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu')], gradient: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu')], totals: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu')], threads: int) -> None:
        """Add the normal equations of residuals."""

    def scatter(self, points: Annotated[NDArray, dict(shape=(None, None), device='cpu', writable=False)], cotangents: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], image: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu')], valid: Annotated[NDArray[numpy.uint8], dict(order='C', device='cpu', writable=False)] | None = None) -> None:
        """
        Add the cotangents of values to the pixels that the values were made of.
        """

class PointWarp:
    """A warp that is a function."""

    def map(self, params: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], points: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], mapped: Annotated[NDArray[numpy.float64], dict(order='C')], jacobian: Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), order='C')] | None) -> None:
        """Map points (n, 2) and differentiate, (P, 2, n)."""

class PythonWarp(PointWarp):
    """One written in Python."""

    def __init__(self, evaluate: Callable, parameters: int) -> None: ...

class CompiledWarp(PointWarp):
    """One in machine code, in a capsule."""

    def __init__(self, capsule: object, parameters: int, with_data: bool) -> None: ...

class Tape:
    """A function as the list of its operations."""

    def __init__(self, parameters: int, constants: Sequence[float], shared: Annotated[NDArray[numpy.int32], dict(shape=(None, 7), order='C', device='cpu', writable=False)], each: Annotated[NDArray[numpy.int32], dict(shape=(None, 7), order='C', device='cpu', writable=False)], outputs: Sequence[int]) -> None: ...

class TapedWarp(PointWarp):
    """One recorded as tapes."""

    def __init__(self, values: Tape, derivatives: Tape) -> None: ...

def operation_names() -> list[str]:
    """Operations of tapes, in their order."""

def align(reference: Annotated[NDArray, dict(device='cpu', writable=False)], moving: Annotated[NDArray, dict(device='cpu', writable=False)], reference_weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, moving_weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, reference_coefficients: Annotated[NDArray, dict(device='cpu', writable=False)] | None, moving_coefficients: Annotated[NDArray, dict(device='cpu', writable=False)] | None, start: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)], warp: int, function: PointWarp | None, kernel: int, last_kernel: int, composition: int, coarse_composition: int, has_instrument: bool, brightness: int, loss: int, loss_scale: float, tuning: float, levels: int, pixels: int, max_steps: int, step_tol: float, damping: float, min_overlap: float, threads: int, on_step: Callable | None) -> dict:
    """Align two images; enumerations are numbers, weights have one channel."""

STAGES: tuple = ...

def pyramid(image: Annotated[NDArray, dict(device='cpu', writable=False)], weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, offset: float, levels: int, threads: int) -> list:
    """
    Levels 1 and up of an image as planes, each with its soft weights or None.
    """

def loss(kind: int, threshold: float, squares: Annotated[NDArray[numpy.float64], dict(order='C', device='cpu', writable=False)]) -> NDArray[numpy.float64]:
    """
    Loss, weight and slope of the influence at squared residuals, shape (n, 3).
    """

def xla_handlers() -> dict:
    """Functions for XLA on the CPU, by the names of their targets."""

def features(image: Annotated[NDArray, dict(device='cpu', writable=False)], weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, kind: int, frame: Annotated[NDArray[numpy.float64], dict(shape=(2, 2), order='C', writable=False)], smoothing: float, threshold: float, threads: int) -> Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), writable=False)]:
    """
    Features of an image in another frame, shape (height, width, channels).
    """

def normalize_locally(image: Annotated[NDArray, dict(device='cpu', writable=False)], weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, window: float, floor: float, threads: int) -> Annotated[NDArray[numpy.float32], dict(shape=(None, None, None), writable=False)]:
    """
    An image without its local mean, in units of its local standard deviation.
    """

def noise_level(image: Annotated[NDArray, dict(device='cpu', writable=False)], weight: Annotated[NDArray, dict(device='cpu', writable=False)] | None, channel: int) -> float:
    """Standard deviation of the noise of a channel, told from the image."""

def variant() -> str:
    """The instruction set in use."""

def available_variants() -> list[str]:
    """
    The instruction sets that this build holds and this machine runs, widest last.
    """

def use_variant(name: str) -> bool:
    """Choose an instruction set; false if there is none of this name."""
