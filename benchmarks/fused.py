"""What it costs to sample gradient images in place of a fused sampler.

Three claims of people who align images: gradient images take long to make, triple the
data that sampling reads, and are not the derivative of the sampled values, so that
Gauss-Newton needs more steps. Each is measured, the last on exact problems.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

import photalign
from benchmarks.table import Row
from benchmarks.timing import Timing, in_turn, photalign_threads

Floats = NDArray[np.float64]
Slopes = Callable[[Floats], tuple[Floats, Floats]]
"""From points to values and derivatives by x."""

SIZE = 1024
ONE_CALL = "photalign, one call for 2048 points"
FUSED = "photalign, value_and_grad"

SIGMAS = (0.6, 1.0, 1.5)
TRUTHS = (-0.45, -0.3, -0.15, 0.05, 0.15, 0.3, 0.45)
STARTS = (-1.6, -0.8, -0.4, 0.4, 0.8, 1.6)
"""Seven textures, each with its own shift, six starts away from it: 42 problems."""
TOLERANCE = 1e-4
MAX_STEPS = 50
MAX_ERROR = 0.5


def rows(count: int) -> Iterator[Row]:
    """Measure everything on one thread, with ``count`` repetitions of each timing."""
    with photalign_threads(1):
        image = np.random.default_rng(1).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        yield from _making(image, count)
        yield from _memory(image)
        for task, points in _points().items():
            yield from _sampling(task, image, points, count)
        for sigma in SIGMAS:
            yield from _convergence(sigma)


# Making gradient images


def _making(image: NDArray[np.uint8], repeats: int) -> Iterator[Row]:
    """The time of both gradient images, and how many calls of the sampler that is."""
    sampler = photalign.Sampler(image)
    points = np.random.default_rng(2).uniform(0, SIZE - 1, (2048, 2))
    times = in_turn(
        {
            ONE_CALL: lambda: sampler.value_and_grad(points),
            "gradient images, cv2.Sobel, float32": lambda: _sobel(image),
            "gradient images, photalign": lambda: photalign.image_gradients(image),
            "gradient images, np.gradient": lambda: np.gradient(image, axis=(0, 1)),
        },
        repeats,
    )
    yield from _timing_rows("gradients of 1024² RGB uint8", ONE_CALL, times, 1e3, "ms")


def _sobel(image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    return [cv2.Sobel(image, cv2.CV_32F, 1, 0), cv2.Sobel(image, cv2.CV_32F, 0, 1)]


def _timing_rows(
    task: str, ours: str, times: dict[str, list[float]], factor: float, unit: str
) -> Iterator[Row]:
    timings = {name: Timing.of(taken) * factor for name, taken in times.items()}
    for name, timing in timings.items():
        yield Row(
            task=task,
            method=name,
            cost=timing.median,
            unit=unit,
            quartiles=timing.quartiles,
            times_ours=timing.median / timings[ours].median,
        )


# Holding and sampling them


def _memory(image: NDArray[np.uint8]) -> Iterator[Row]:
    gradients = photalign.image_gradients(image)
    sizes = {
        "the image": image.nbytes,
        "the image and two of float32": image.nbytes + gradients.nbytes,
    }
    for method, size in sizes.items():
        yield Row(
            task="memory, 1024² RGB uint8",
            method=method,
            cost=size / 1e6,
            unit="MB",
            times_ours=size / image.nbytes,
        )


def _points() -> dict[str, Floats]:
    """2048 random points, which stay in the caches, a million, and all pixels."""
    uniform = np.random.default_rng(3).uniform
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    tilt = photalign.Affine([[0.95, 0.03, 11.3], [-0.02, 0.96, 25.7]])
    return {
        "2048 random points": uniform(0, SIZE - 1, (2048, 2)),
        "1024² random points": uniform(0, SIZE - 1, (SIZE * SIZE, 2)),
        "1024² pixels, tilted": tilt(np.stack([x, y], axis=-1)).reshape(-1, 2),
    }


def _sampling(
    task: str, image: NDArray[np.uint8], points: Floats, repeats: int
) -> Iterator[Row]:
    """Value and gradient of all points: fused, and from gradient images.

    The images are float32, the maps of OpenCV are made beforehand.
    """
    value = image.astype(np.float32)
    by_x, by_y = np.moveaxis(photalign.image_gradients(image), -1, 0).copy()
    fused = photalign.Sampler(image)
    three = [photalign.Sampler(part) for part in (value, by_x, by_y)]
    nine = photalign.Sampler(np.concatenate([value, by_x, by_y], axis=-1))
    # OpenCV takes no map with a side of 2¹⁵ or more.
    shape = (-1, min(len(points), SIZE))
    maps = [axis.reshape(shape) for axis in np.float32(points).T]
    times = in_turn(
        {
            FUSED: lambda: fused.value_and_grad(points),
            "photalign, three images": lambda: [s(points) for s in three],
            "photalign, one image of 9 channels": lambda: nine(points),
            "cv2.remap, three images": lambda: [
                cv2.remap(part, *maps, cv2.INTER_LINEAR) for part in (value, by_x, by_y)
            ],
        },
        repeats,
    )
    is_short = len(points) < SIZE * SIZE
    scale = (1e6, "us") if is_short else (1e3, "ms")
    yield from _timing_rows(f"{task}, RGB, linear", FUSED, times, *scale)


# Converging with them


def _convergence(sigma: float) -> Iterator[Row]:
    """Gauss-Newton steps to the shift of a window, by whose derivative they go."""
    ends: dict[str, list[tuple[int, float]]] = {}
    for seed, truth in enumerate(TRUTHS):
        texture = _texture(sigma, seed)
        moving, reference = _shifted(texture, 0.0), _shifted(texture, truth)
        for method, slopes in _methods(moving).items():
            for start in STARTS:
                steps, shift = _align(slopes, reference, truth + start)
                ends.setdefault(method, []).append((steps, abs(shift - truth)))
    for method, found in ends.items():
        solved = [end for end in found if end[0] <= MAX_STEPS and end[1] < MAX_ERROR]
        steps, errors = np.array(solved).T
        yield Row(
            task=f"Gauss-Newton, texture of {sigma:g} px",
            method=method,
            converged=(len(solved), len(found)),
            error=float(np.sqrt((errors**2).mean())),
            cost=float(steps.mean()),
            unit="steps",
        )


def _texture(sigma: float, seed: int) -> NDArray[np.complex128]:
    """The spectrum of 64 x 64 pixels of white noise, blurred by so many pixels."""
    noise = np.random.default_rng(seed).normal(size=(64, 64))
    frequency = np.fft.fftfreq(64)
    squared = frequency[:, np.newaxis] ** 2 + frequency**2
    return np.fft.fft2(noise) * np.exp(-2 * (np.pi * sigma) ** 2 * squared)


def _shifted(spectrum: NDArray[np.complex128], shift: float) -> Floats:
    """The image whose pixel x is that of the texture at x + shift, exactly."""
    phase = np.exp(2j * np.pi * np.fft.fftfreq(64) * shift)
    phase[32] = phase[32].real  # at this frequency an image holds the real part only
    return np.fft.ifft2(spectrum * phase).real


def _methods(moving: Floats) -> dict[str, Slopes]:
    """Values of linear and cubic samplers with derivatives of all kinds."""
    methods: dict[str, Slopes] = {
        f"{kernel}, own derivative": partial(_own, photalign.Sampler(moving, kernel))
        for kernel in ("linear", "bspline3")
    }
    for kernel, kinds in (
        ("linear", ("central", "sobel", "scharr", "bspline")),
        ("bspline3", ("central",)),
    ):
        sampler = photalign.Sampler(moving, kernel)
        for kind in kinds:
            by_x = photalign.image_gradients(moving, kind)[..., 0]
            methods[f"{kernel}, {kind} gradient image"] = partial(
                _filtered, sampler, photalign.Sampler(by_x)
            )
    return methods


def _own(sampler: photalign.Sampler, points: Floats) -> tuple[Floats, Floats]:
    values, gradients = sampler.value_and_grad(points)
    return values, gradients[..., 0]


def _filtered(
    sampler: photalign.Sampler, gradient_image: photalign.Sampler, points: Floats
) -> tuple[Floats, Floats]:
    return sampler(points), gradient_image(points)


def _align(slopes: Slopes, reference: Floats, start: float) -> tuple[int, float]:
    """Shift a window of 32 x 32 pixels; more than ``MAX_STEPS`` if it does not end."""
    y, x = np.mgrid[16:48, 16:48]
    shift = start
    for steps in range(1, MAX_STEPS + 1):
        values, slope = slopes(np.stack([x + shift, y], axis=-1))
        residual = values - reference[16:48, 16:48]
        step = -float((slope * residual).sum() / (slope * slope).sum())
        shift += step
        if abs(step) < TOLERANCE:
            return steps, shift
        if abs(shift) > 8:
            break
    return MAX_STEPS + 1, shift
