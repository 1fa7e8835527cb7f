"""Brightness models: how the values of the two images may differ.

The residual is ``gain * moving(warp(x)) + bias - reference(x)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from photalign._checks import choice, finite_number
from photalign._types import FloatArray

__all__ = ["BRIGHTNESS", "Brightness", "GainBias", "Local", "Normalized", "Plain"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Brightness:
    """What all brightness models share; use one of the subclasses.

    Attributes
    ----------
    gain : ndarray, shape (C,), float64
        Factor on the moving image, per channel.
    bias : ndarray, shape (C,), float64
        Added to the moving image, per channel, in grey levels.
    """

    gain: FloatArray = field(default_factory=lambda: np.ones(1))
    bias: FloatArray = field(default_factory=lambda: np.zeros(1))

    name: ClassVar[str]
    code: ClassVar[int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plain(Brightness):
    """The images have the same brightness: gain 1, bias 0.

    Examples
    --------
    >>> import photalign as pa
    >>> pa.Plain().gain, pa.Plain().bias
    (array([1.]), array([0.]))
    """

    name: ClassVar[str] = "none"
    code: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class GainBias(Brightness):
    """A gain and a bias per channel, solved together with the warp.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:80, 0:100]
    >>> image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y) + 0.2 * x
    >>> found = pa.align(image, (image - 15) / 1.2, brightness=pa.GainBias())
    >>> found.brightness.gain.round(3), found.brightness.bias.round(2)
    (array([1.2]), array([15.]))
    """

    name: ClassVar[str] = "gain_bias"
    code: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalized(Brightness):
    """Zero-mean normalized correlation, per channel.

    The step is that of the normalized residual's true gradient (Evangelidis and
    Psarakis, 2008, eq. 9): what a gain or a bias can change is projected out of
    it. Gain and bias of the result give the moving image the mean and the contrast
    of the reference; `GainBias` ends on the same warp and on the gain and bias of
    least squares, which noise in the moving image makes too small.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:80, 0:100]
    >>> image = 100 + 50 * np.sin(0.2 * x) * np.cos(0.15 * y) + 0.2 * x
    >>> found = pa.align(image, image / 2, brightness="normalized")
    >>> round(found.correlation, 3), found.brightness.gain.round(3)
    (1.0, array([2.]))
    """

    name: ClassVar[str] = "normalized"
    code: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Local(Brightness):
    """Local normalization, for light that changes within the images.

    From each image its local mean is subtracted, and the rest is divided by its local
    standard deviation, once and before the search: shadows, vignetting and exposures
    with clipped ends agree then as far as light changes little within the window.
    Noise, estimated from the image, keeps flat areas flat. The cost is
    that of Woodford's ("Least squares normalized cross correlation",
    arXiv:1810.04320, 2018) with the window fixed to each image; residuals are in
    units of local standard deviations. Gain and bias are 1 and 0.

    Parameters
    ----------
    window : float
        Standard deviation of the Gaussian window, px of the reference at full
        resolution; 1 or more. Small windows follow sharper shadows, large ones keep
        more of what varies slowly, and hear less of the noise.

    Raises
    ------
    ValueError
        If `window` is not a number of 1 or more.

    Examples
    --------
    >>> import numpy as np
    >>> import photalign as pa
    >>> y, x = np.mgrid[0:80, 0:100]
    >>> image = 100 + 50 * np.sin(0.4 * x) * np.cos(0.35 * y)
    >>> shaded = np.roll(image, 2, 1) * np.exp(-(((x - 50) / 40) ** 2))
    >>> found = pa.align(image, shaded, "translation", brightness="local")
    >>> found.ok, found.warp.params.round(1)
    (True, array([2., 0.]))
    """

    window: float = 4.0

    name: ClassVar[str] = "local"
    code: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if isinstance(self.window, bool) or finite_number(self.window, "window") < 1:
            raise ValueError(
                f"window: expected a number of 1 or more, got {self.window!r}"
            )


BRIGHTNESS: dict[str, type[Brightness]] = {
    cls.name: cls for cls in (Plain, GainBias, Normalized, Local)
}


def as_brightness(brightness: str | Brightness) -> Brightness:
    """Return the brightness model given by name or as a value.

    Raises
    ------
    ValueError
        If there is no brightness model of that name.
    """
    if isinstance(brightness, Brightness):
        return brightness
    return BRIGHTNESS[choice(brightness, list(BRIGHTNESS), "brightness")]()
