"""Pairs of views with everything known about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from photalign.sampling import Sampler
from photalign.synthetic.bounds import Bound, corner_error, cramer_rao
from photalign.synthetic.views import pixel_grid, scene_sampler, view
from photalign.warps import Affine, MatrixWarp, Warp


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two views of one photograph, and everything that is known about them.

    Up to noise and rounding ``gain * moving(truth(x)) + bias = reference(x)`` wherever
    the moving image shows the scene and not the occluder.

    Attributes
    ----------
    reference, moving : ndarray, shape (H, W) or (H, W, C)
        The two images as a camera would store them.
    truth : MatrixWarp
        Maps reference points to moving points.
    gain, bias : float
        What ``align(..., brightness="gain_bias")`` estimates; bias in grey levels.
    noise : float
        Standard deviation of the Gaussian noise in each image, in grey levels.
    occluder_mask : ndarray, shape (H, W), bool
        True where the occluder hides the scene in the moving image.
    clean : ndarray, shape (H, W) or (H, W, C), float64
        The reference before noise and rounding.
    """

    reference: NDArray[Any] = field(repr=False)
    moving: NDArray[Any] = field(repr=False)
    truth: MatrixWarp
    gain: float
    bias: float
    noise: float
    occluder_mask: NDArray[np.bool_] = field(repr=False)
    clean: NDArray[np.float64] = field(repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of either image."""
        rows, columns = self.reference.shape[:2]
        return rows, columns

    def error(self, estimate: Warp) -> float:
        """RMS distance between the true and the estimated corners, in pixels.

        Parameters
        ----------
        estimate : Warp
            Maps reference points to moving points.

        Returns
        -------
        float
            See `corner_error`.
        """
        return corner_error(estimate, self.truth, self.shape)

    def bound(
        self,
        *,
        brightness: Literal["none", "gain_bias", "normalized"] = "none",
        moving_mask: NDArray[np.bool_] | None = None,
    ) -> Bound:
        """Cramer-Rao bound for one who knows where the occluder is.

        Parameters
        ----------
        brightness : {"none", "gain_bias", "normalized"}
            The brightness model that is estimated together with the warp.
        moving_mask : ndarray, shape (H, W), bool, optional
            True = the pixel of the moving image may be used.

        Returns
        -------
        Bound
            See `cramer_rao`.
        """
        usable = ~self.occluder_mask
        if moving_mask is not None:
            usable &= moving_mask
        # Rounding adds the variance of an error that is uniform over one grey level.
        rounding = 1 / 12 if self.reference.dtype.kind in "iu" else 0.0
        sigma = float(np.sqrt(self.noise**2 + rounding))
        return cramer_rao(
            self.clean,
            self.truth,
            self.moving.shape[:2],
            sigma,
            self.gain * sigma,
            mask=_at_nearest(usable, self.truth(pixel_grid(self.shape))),
            brightness=brightness,
        )


def pair(
    photograph: ArrayLike | Sampler,
    truth: MatrixWarp,
    shape: tuple[int, int],
    *,
    center: tuple[float, float],
    scale: float = 4.0,
    noise: float = 0.0,
    gain: float = 1.0,
    bias: float = 0.0,
    occluder: ArrayLike | None = None,
    dtype: DTypeLike = np.uint8,
    seed: int | np.random.Generator = 0,
) -> Pair:
    """Photograph one scene twice.

    Parameters
    ----------
    photograph : array_like, shape (H, W) or (H, W, C), or Sampler
        The scene, as gray or colour images are given to `view`.
    truth : MatrixWarp
        Maps reference points to moving points.
    shape : (int, int)
        Rows and columns of both views.
    center : (float, float)
        The point (x, y) of the photograph in the middle of the reference.
    scale : float
        Pixels of the photograph per pixel of the reference; from 3 on, area sampling
        leaves little aliasing.
    noise : float
        Standard deviation of the Gaussian noise added to both views, in grey levels.
    gain, bias : float
        The moving view shows ``(scene - bias) / gain``.
    occluder : array_like, shape (h, w) or (h, w, C), optional
        An image that hides the scene at a random place of the moving view.
    dtype : dtype
        Of both views; integers are rounded and saturated.
    seed : int or numpy.random.Generator
        Of the noise and of the place of the occluder.

    Returns
    -------
    Pair
        The views and their truth.

    Raises
    ------
    TypeError
        If the truth is a function.
    ValueError
        If a view reaches outside the photograph, the occluder does not fit into the
        moving view, or noise, gain or scale make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from photalign.synthetic import pair
    >>> from photalign.warps import Translation
    >>> photograph = np.random.default_rng(0).uniform(0, 255, (300, 400))
    >>> shift = Translation.from_params([1.5, 0])
    >>> views = pair(photograph, shift, (60, 80), center=(200, 150), noise=2)
    >>> views.moving.shape, views.moving.dtype
    ((60, 80), dtype('uint8'))
    """
    for name, value, sensible in [
        ("scale", scale, scale > 0),
        ("noise", noise, noise >= 0),
        ("gain", gain, gain > 0),
    ]:
        if not (sensible and np.isfinite(value)):
            raise ValueError(f"{name}: expected a positive number, got {value}")
    if not isinstance(truth, MatrixWarp):
        raise TypeError(
            f"truth: expected a warp with a matrix, got {truth!r}; `view` takes any"
        )
    rng = np.random.default_rng(seed)
    reference, scene_in_moving = _render(photograph, truth, shape, center, scale)
    moving = (scene_in_moving - bias) / gain
    mask = np.zeros(shape, dtype=np.bool_)
    if occluder is not None:
        patch = np.asarray(occluder, dtype=np.float64)
        place = _random_place(patch, moving, rng)
        moving[place] = patch
        mask[place] = True
    return Pair(
        reference=_record(reference, noise, np.dtype(dtype), rng),
        moving=_record(moving, noise, np.dtype(dtype), rng),
        truth=truth,
        gain=float(gain),
        bias=float(bias),
        noise=float(noise),
        occluder_mask=mask,
        clean=reference,
    )


def _render(
    photograph: ArrayLike | Sampler,
    truth: MatrixWarp,
    shape: tuple[int, int],
    center: tuple[float, float],
    scale: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Render the scene as both views show it, without noise."""
    scene = scene_sampler(photograph)
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
    x, y = np.asarray(center) - scale * middle
    window = Affine([[scale, 0, x], [0, scale, y]])
    reference = view(scene, window, shape)
    moving = view(scene, window @ truth.inverse(), shape)
    outside = np.isnan(reference).sum() + np.isnan(moving).sum()
    if outside:
        raise ValueError(
            f"photograph: expected one that covers both views, got {outside} pixels "
            "without a scene; choose a smaller shape, scale or motion"
        )
    return reference, moving


def _random_place(
    patch: NDArray[np.float64], image: NDArray[np.float64], rng: np.random.Generator
) -> tuple[slice, slice]:
    room = np.subtract(image.shape[:2], patch.shape[:2])
    if patch.shape[2:] != image.shape[2:] or (room < 0).any():
        raise ValueError(
            f"occluder: expected an image that fits into {image.shape}, "
            f"got shape {patch.shape}"
        )
    row, column = rng.integers(room + 1)
    return (
        slice(row, row + patch.shape[0]),
        slice(column, column + patch.shape[1]),
    )


def _record(
    values: NDArray[np.float64],
    noise: float,
    dtype: np.dtype[Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Add noise, and round as a camera does."""
    noisy = values + rng.normal(0, noise, values.shape)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        noisy = np.rint(noisy).clip(limits.min, limits.max)
    return noisy.astype(dtype)


def _at_nearest(
    mask: NDArray[np.bool_], points: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Look up a mask at the pixels nearest to the points."""
    limits = np.array(mask.shape[::-1]) - 1
    x, y = np.moveaxis(np.rint(points).clip(0, limits).astype(np.intp), -1, 0)
    found: NDArray[np.bool_] = mask[y, x]
    return found
