"""Pairs of images that match, and pairs that do not, from photographs and from noise.

Scenes are photographs of scikit-image; a view shows a part of one by area sampling. A
pair that matches has a known warp whose corners are off by at most a tenth of the side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data

from photalign import Sampler
from photalign.synthetic import corner_error, cramer_rao, random_warp, view
from photalign.warps import Affine, MatrixWarp, Translation

Image = NDArray[np.uint8]
Gray = NDArray[np.float64]

SCENES = (
    *("astronaut", "camera", "coins", "chelsea", "coffee", "moon", "retina", "rocket"),
    *("hubble_deep_field", "immunohistochemistry", "page", "text", "brick", "grass"),
    *("gravel",),
)
TEXTURES = ("brick", "grass", "gravel")
REPEATING = ("brick", "page", "text")
SIDES = (64, 96, 128, 200)
KINDS = ("translation", "euclidean", "similarity", "affine", "homography")
REACH = 0.1
"""How far the corners are off at most, in units of the side."""
DETERMINED = 0.25
"""A pair matches if the images could tell its warp to so many pixels."""
WRONG = 3.0
"""A warp further off than this, in pixels, is a wrong one."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Two images, what aligns them, and whether anything can."""

    name: str
    reference: Image
    moving: Image
    kind: str
    brightness: str = "none"
    loss: str = "squared"
    truth: MatrixWarp | None = None
    """None if the images do not match."""

    def error(self, warp: MatrixWarp) -> float:
        """Return the RMS error of the corners, px; infinite if nothing is right."""
        if self.truth is None:
            return np.inf
        return corner_error(warp, self.truth, self.reference.shape[:2])


@cache
def scene(name: str) -> Sampler:
    """Return a photograph in gray, ready for `view`."""
    image = np.asarray(getattr(data, name)(), dtype=np.float64)
    gray = image[..., :3] @ [0.299, 0.587, 0.114] if image.ndim == 3 else image
    return Sampler(16 + 0.85 * gray, kernel="bspline3")


def size(photograph: Sampler) -> NDArray[np.float64]:
    """Return width and height."""
    return np.array(photograph.image.shape[1::-1], dtype=np.float64)


def window(
    photograph: Sampler, side: int, rng: np.random.Generator, margin: float = 0.2
) -> Affine:
    """Draw where a square view looks, with room for a moving one."""
    room = size(photograph)
    scale = rng.uniform(1.0, 2.5)
    scale = min(scale, room.min() / ((1 + 2 * margin) * side + 4))
    extent = scale * (side - 1)
    lowest = margin * extent + 2
    corner = rng.uniform(lowest, np.maximum(room - 3 - extent - lowest, lowest + 1e-9))
    return Affine([[scale, 0, corner[0]], [0, scale, corner[1]]])


def motion(kind: str, side: int, rng: np.random.Generator) -> MatrixWarp:
    """Draw a warp whose corners are off by up to the reach."""
    shape = (side, side)
    warp = random_warp(kind, shape, 0.04 * side, rng)
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]]) - 0.0
    farthest = np.linalg.norm(warp(corners) - corners, axis=1).max()
    if farthest > REACH * side:
        return motion(kind, side, rng)
    return warp


def record(
    values: NDArray[np.float64], noise: float, rng: np.random.Generator
) -> Image:
    """Add noise and round."""
    noisy = values + rng.normal(0, noise, values.shape) if noise else values
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def two_views(
    photograph: Sampler, kind: str, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], MatrixWarp] | None:
    """Return reference, moving image and truth, or None if they leave the scene."""
    truth, look = motion(kind, side, rng), window(photograph, side, rng)
    shape = (side, side)
    reference = view(photograph, look, shape)
    moving = view(photograph, look @ truth.inverse(), shape)
    if np.isnan(reference).any() or np.isnan(moving).any():
        return None
    return reference, moving, truth


def settings(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "kind": str(rng.choice(KINDS)),
        "brightness": str(rng.choice(["none", "gain_bias", "normalized"])),
        "loss": str(rng.choice(["squared", "squared", "robust"])),
    }


def matching(
    name: str, rng: np.random.Generator, photograph: Callable[[], Sampler]
) -> Trial:
    """Draw a pair that matches, degraded as the name says."""
    while True:
        trial = _try_matching(name, rng, photograph)
        if trial is not None:
            return trial


def _try_matching(
    name: str, rng: np.random.Generator, photograph: Callable[[], Sampler]
) -> Trial | None:
    """Return None if the views leave the scene, or do not determine the warp."""
    chosen = settings(rng)
    side = int(rng.choice(SIDES))
    noise = float(rng.uniform(4, 10) if name == "noise" else rng.uniform(0.5, 4))
    if name == "occluder":
        chosen["loss"] = "robust"
    if name == "gain":
        chosen["brightness"] = str(rng.choice(["gain_bias", "normalized"]))
    found = two_views(photograph(), chosen["kind"], side, rng)
    if found is None:
        return None
    reference, moving, truth = found
    clean = gaussian_filter(reference, 1.0) if name == "blur" else reference
    reference, moving = degraded(name, reference, moving, noise, rng)
    model = "none" if chosen["brightness"] == "none" else "gain_bias"
    sigma = float(np.hypot(noise, 0.3))
    try:
        bound = cramer_rao(clean, truth, clean.shape, sigma, sigma, brightness=model)
    except ValueError:
        return None
    if not bound.corner_rms < DETERMINED:
        return None
    white = 0.3 if name == "smooth noise" else noise
    return Trial(
        name=name,
        reference=record(reference, white, rng),
        moving=record(moving, white, rng),
        truth=truth,
        **chosen,
    )


def degraded(
    name: str, reference: Gray, moving: Gray, noise: float, rng: np.random.Generator
) -> tuple[Gray, Gray]:
    """Return the views with what the name says, but for white noise."""
    side = len(reference)
    if name == "gain":
        moving = (moving - rng.uniform(-20, 20)) / rng.uniform(0.7, 1.4)
    elif name == "blur":
        sigma = rng.uniform(0.7, 1.5)
        if rng.random() < 0.5:
            moving = gaussian_filter(moving, sigma)
        else:
            reference = gaussian_filter(reference, sigma)
    elif name == "occluder":
        width = int(np.sqrt(rng.uniform(0.1, 0.2)) * side)
        x, y = rng.integers(0, side - width, 2)
        moving[y : y + width, x : x + width] = gravel_view(width, rng)
    elif name == "smooth noise":
        width = rng.uniform(0.7, 2.0)
        reference = reference + smooth_noise(reference.shape, width, noise, rng)
        moving = moving + smooth_noise(moving.shape, width, noise, rng)
    return reference, moving


def smooth_noise(
    shape: tuple[int, ...], width: float, sigma: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw noise that was blurred, of a standard deviation of ``sigma``."""
    noise = rng.normal(size=shape)
    if width:
        noise = gaussian_filter(noise, width, mode="wrap")
    return noise * (sigma / noise.std())


def under_strong_noise(trial: Trial, rng: np.random.Generator) -> Trial:
    """Hide a pair behind noise as strong as its detail, or twice as strong.

    It is white, or smooth, or both images are smoothed with it, or part of it is a
    pattern of the sensor that both images have in common.
    """
    images = [image.astype(np.float64) for image in (trial.reference, trial.moving)]
    kind = str(rng.choice(STRONG_NOISE))
    detail = max(float((images[0] - gaussian_filter(images[0], 4)).std()), 1.0)
    shape, sigma = images[0].shape, detail * rng.uniform(0.5, 2)
    width, blur = rng.uniform(0.7, 4), rng.uniform(1, 4)
    pattern_width, contrast = rng.choice([0, 1, 2, 4]), rng.uniform(0.3, 1)
    pattern = smooth_noise(shape, pattern_width, detail * contrast, rng)

    def hidden(image: Gray) -> Image:
        if kind == "white":
            image = image + rng.normal(0, sigma, shape)
        elif kind == "smooth":
            image = image + smooth_noise(shape, width, sigma, rng)
        elif kind == "smoothed":
            noise = rng.normal(0, 2 * sigma * blur, shape)
            image = gaussian_filter(image + noise, blur)
        else:
            image = image + pattern + rng.normal(0, sigma / 2, shape)
        return record(128 + 0.8 * (image - 128), 0, rng)

    reference, moving = (hidden(image) for image in images)
    return replace(trial, reference=reference, moving=moving)


def gravel_view(width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    gravel = scene("gravel")
    return view(gravel, window(gravel, width, rng), (width, width))


def crop(
    photograph: Sampler, side: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    return view(photograph, window(photograph, side, rng, 0.02), (side, side))


def disjoint(
    photograph: Sampler, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return views of two parts of a photograph that have nothing in common."""
    room = size(photograph)
    scale = min(
        rng.uniform(1, 2.5), room.max() / (2.1 * side + 8), room.min() / (side + 8)
    )
    extent = scale * (side - 1)
    while True:
        corners = rng.uniform(2, room - 3 - extent, (2, 2))
        if np.abs(corners[0] - corners[1]).max() > extent:
            break
    first, second = (
        view(photograph, Affine([[scale, 0, x], [0, scale, y]]), (side, side))
        for x, y in corners
    )
    return first, second


def smooth_field(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a sky: a slope and a few wide clouds."""
    y, x = np.mgrid[0:side, 0:side] / side
    wide = gaussian_filter(
        rng.normal(size=(2 * side, 2 * side)), side * rng.uniform(0.1, 0.4)
    )
    wide = wide[side // 2 : side // 2 + side, side // 2 : side // 2 + side]
    wide = wide / max(float(np.ptp(wide)), 1e-9)
    a, b = rng.normal(0, 40, 2)
    return (
        128 + a * (x - 0.5) + b * (y - 0.5) + rng.uniform(0, 80) * (wide - wide.mean())
    )


def other(
    name: str, rng: np.random.Generator, photograph: Callable[[], Sampler]
) -> Trial:
    """Draw a pair that does not match, of the kind that the name says."""
    chosen = settings(rng)
    side = int(rng.choice(SIDES))
    noise = float(rng.uniform(0, 5))
    truth: MatrixWarp | None = None
    if name in ("mirrored", "inverted", "far"):
        reference, moving, truth = changed(name, side, rng, photograph)
    else:
        reference, moving = strangers(name, side, rng, photograph)
    return Trial(
        name=name,
        reference=record(reference, noise, rng),
        moving=record(moving, noise, rng),
        truth=truth,
        **chosen,
    )


def strangers(
    name: str, side: int, rng: np.random.Generator, photograph: Callable[[], Sampler]
) -> tuple[Gray, Gray]:
    """Draw two images that have nothing in common."""
    if name == "two photographs":
        one, two = photograph(), photograph()
        while two is one:
            two = photograph()
        return crop(one, side, rng), crop(two, side, rng)
    if name == "two parts":
        return disjoint(photograph(), side, rng)
    if name in ("one texture", "repeating"):
        names = TEXTURES if name == "one texture" else REPEATING
        return disjoint(scene(str(rng.choice(names))), side, rng)
    if name == "sky":
        return smooth_field(side, rng), smooth_field(side, rng)
    width = rng.choice([0.0, 0.0, 0.7, 1.5, 3.0])
    one, two = (128 + smooth_noise((side, side), width, 30, rng) for _ in range(2))
    return (crop(photograph(), side, rng) if rng.random() < 0.3 else one), two


def changed(
    name: str, side: int, rng: np.random.Generator, photograph: Callable[[], Sampler]
) -> tuple[Gray, Gray, MatrixWarp | None]:
    """Draw two views of one scene that no warp aligns, or none that is near."""
    while True:
        if name == "far":
            found = far_views(photograph(), side, rng)
        else:
            found = two_views(photograph(), "translation", side, rng)
        if found is not None:
            break
    reference, moving, truth = found
    if name == "mirrored":
        return reference, moving[:, ::-1], None
    if name == "inverted":  # a negative gain finds it
        return reference, 255 - moving, truth
    return reference, moving, truth


def far_views(
    photograph: Sampler, side: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], MatrixWarp] | None:
    """Return views a quarter to a half of their side apart."""
    angle = rng.uniform(0, 2 * np.pi)
    length = rng.uniform(0.25, 0.5) * side
    truth = Translation.from_params([length * np.cos(angle), length * np.sin(angle)])
    look = window(photograph, side, rng)
    reference = view(photograph, look, (side, side))
    moving = view(photograph, look @ truth.inverse(), (side, side))
    if np.isnan(reference).any() or np.isnan(moving).any():
        return None
    return reference, moving, truth


STRONG_NOISE = ("white", "smooth", "smoothed", "pattern")
MATCHING = ("plain", "noise", "gain", "blur", "occluder")
OTHERS = (
    *("two photographs", "two parts", "one texture", "repeating"),
    *("mirrored", "inverted", "two noises", "sky", "far"),
)


def trials(
    count: int,
    seed: int = 0,
    photographs: list[Sampler] | None = None,
    matching_names: tuple[str, ...] = MATCHING,
) -> Iterator[Trial]:
    """Draw so many pairs, every other one of which does not match."""
    rng = np.random.default_rng(seed)

    def photograph() -> Sampler:
        if photographs is not None:
            return photographs[rng.integers(len(photographs))]
        return scene(str(rng.choice(SCENES)))

    for i in range(count):
        is_match = i % 2 == 0
        names, draw = (matching_names, matching) if is_match else (OTHERS, other)
        yield draw(names[i // 2 % len(names)], rng, photograph)
