"""Small images: levels of the pyramid in one channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from photalign import _core
from photalign._interpolation import Interpolation, dtype_code
from photalign._pair import Pair
from photalign._types import Array, FloatArray
from photalign.initialization._detail import local_detail, without_bands
from photalign.kernels import KERNELS
from photalign.warps import Similarity

# No image is made so small that a side has fewer pixels; it would show too little.
_LEAST_SIDE = 24
# Of an image with more pixels on a side, not all are looked at: levels of what is left
# still are means of many.
_ENOUGH = 768
_LINEAR = Interpolation(kernel=KERNELS["linear"])


@dataclass(frozen=True, eq=False)
class SmallImage:
    """An image of one channel."""

    pixels: Array
    """float32, shape (H, W), NaN where invalid."""
    weight: Array
    """float32, shape (H, W), 0 to 1, 0 where invalid."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.pixels.shape
        return rows, columns

    @property
    def view(self) -> Array:
        """The pixels as the core takes them, shape (H, W, 1)."""
        return self.pixels[..., np.newaxis]

    @property
    def soft_weight(self) -> Array | None:
        """The weights if they say more than NaN does, shape (H, W, 1)."""
        return self.weight[..., np.newaxis] if self._is_soft else None

    @cached_property
    def detail(self) -> Array:
        """The pixels without their local mean, and without bands; 0 where invalid."""
        return without_bands(local_detail(self.pixels, self.weight), self.weight)

    def seen_through(self, matrix: FloatArray, shape: tuple[int, int]) -> SmallImage:
        """Return the image whose pixel x shows this one at ``matrix @ x``."""
        pixels = _resampled(self.pixels, matrix, shape)
        weight = np.isfinite(pixels).astype(np.float32)
        if self._is_soft:
            weight *= np.nan_to_num(_resampled(self.weight, matrix, shape))
        return SmallImage(pixels, weight)

    @cached_property
    def _is_soft(self) -> bool:
        return bool(((self.weight > 0) & (self.weight < 1)).any())


@dataclass(frozen=True, eq=False)
class SmallPair:
    """Both images on one level of their pyramids."""

    reference: SmallImage
    moving: SmallImage
    level: int
    stride: int = 1
    """Of the pixels that level 0 was made of."""

    @property
    def images(self) -> tuple[SmallImage, SmallImage]:
        """Reference and moving image."""
        return self.reference, self.moving

    @cached_property
    def to_full(self) -> FloatArray:
        """Points of the level to points of the images, shape (3, 3)."""
        factor = self.stride * 2.0**self.level
        offset = (factor - self.stride) / 2
        return np.array([[factor, 0, offset], [0, factor, offset], [0, 0, 1]])

    def warp_at_full(self, matrix: FloatArray) -> FloatArray:
        """Return a warp between the images, from one between the small ones."""
        warp: FloatArray = self.to_full @ matrix @ np.linalg.inv(self.to_full)
        return warp

    def warp_at_level(self, matrix: FloatArray) -> FloatArray:
        """Return a warp between the small images, from one between the images."""
        warp: FloatArray = np.linalg.inv(self.to_full) @ matrix @ self.to_full
        return warp


class SmallPairs:
    """Both images on all levels, made when they are asked for."""

    def __init__(self, pair: Pair) -> None:
        self.pair = _comparable(pair)
        self._made: dict[int, SmallPair] = {}
        sides = [max(view.shape[:2]) for view in pair.views]
        # Of two images of different sizes, in between.
        side = float(np.prod(sides)) ** 0.5
        self._stride = 1
        while side >= 2 * self._stride * _ENOUGH:
            self._stride *= 2
        step = slice(None, None, self._stride)
        self._views = [view[step, step] for view in pair.views]
        self._weights = [w if w is None else w[step, step] for w in pair.weights]
        self._side = side / self._stride
        self._shortest = min(min(view.shape[:2]) for view in self._views)

    def at_most(self, side: int) -> SmallPair:
        """Return the images with sides of at most so many pixels.

        They are larger where one of them would become too small to be recognized.
        """
        level = 0
        while (
            self._side / 2**level > side
            and self._shortest >> (level + 1) >= _LEAST_SIDE
        ):
            level += 1
        return self.at(level)

    def at(self, level: int) -> SmallPair:
        """Return a level of what the pyramids are made of, 0 for that itself."""
        if level not in self._made:
            reference, moving = (
                _one_channel(self._views[i], self._weights[i])
                if level == 0
                else _mean_of_planes(*self._pyramids[i][level - 1])
                for i in range(2)
            )
            self._made[level] = SmallPair(reference, moving, level, self._stride)
        return self._made[level]

    @property
    def coarsest(self) -> int:
        """The last level of the pyramids."""
        return len(self._pyramids[0])

    @cached_property
    def _pyramids(self) -> list[list[tuple[Array, Array | None]]]:
        """Planes and soft weights of the levels from 1, for each image."""
        levels = max(2, (self._shortest // 4).bit_length())
        return [
            _core.pyramid(view, weight, _typical_value(view), levels, self.pair.threads)
            for view, weight in zip(self._views, self._weights, strict=True)
        ]


def _comparable(pair: Pair) -> Pair:
    """Return the pair with pixels that neither its lighting nor turns change."""
    prepared = pair.prepared(Similarity.identity())
    if pair.features.are_pixels:
        return prepared
    reference, moving = (
        np.linalg.norm(view, axis=-1, keepdims=True) for view in prepared.views
    )
    return replace(prepared, views=(reference, moving))


def _one_channel(view: Array, weight: Array | None) -> SmallImage:
    # As in the core, what float32 cannot hold is invalid.
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = (
            view.astype(np.float32)
            if view.dtype.itemsize <= 2
            else (view - _typical_value(view)).astype(np.float32)
        )
    planes = np.moveaxis(shifted, -1, 0)
    if weight is None:
        return _mean_of_planes(planes, None)
    pixels = np.where(weight[..., 0] > 0, planes, np.float32(np.nan))
    is_soft = weight.dtype.kind == "f"
    return _mean_of_planes(pixels, np.moveaxis(weight, -1, 0) if is_soft else None)


def _mean_of_planes(planes: Array, weight: Array | None) -> SmallImage:
    """Return the mean of planes (C, H, W), whose invalid pixels are NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = planes[0] if len(planes) == 1 else planes.mean(axis=0)
    valid = np.isfinite(pixels)
    # Contrast is not compared, and squares of any pixels should fit float32.
    largest = float(np.max(np.abs(pixels), initial=0, where=valid))
    scale = np.float32(1 / largest if largest > 1e-30 else 0)
    scaled = np.full(pixels.shape, np.nan, np.float32)
    np.multiply(pixels, scale, out=scaled, where=valid)
    share = valid.astype(np.float32)
    if weight is not None:
        share *= (weight[0] / max(float(weight[0].max(initial=0)), 1e-30)).astype("f4")
    return SmallImage(scaled, share)


def _resampled(values: Array, matrix: FloatArray, shape: tuple[int, int]) -> Array:
    result = np.empty((*shape, 1), np.float32)
    view = _LINEAR.sampler(values[..., np.newaxis], 1)
    code = dtype_code(result.dtype)
    view.resample(np.ascontiguousarray(matrix), result, code, None, 1)
    return result[..., 0]


def _typical_value(view: Array) -> float:
    """Return about the mean of an image, so that float32 holds what differs from it."""
    rows, columns = (max(1, length // 16) for length in view.shape[:2])
    some = view[::rows, ::columns].astype(np.float64)
    finite = some[np.isfinite(some)]
    return float(finite.mean()) if finite.size else 0.0
