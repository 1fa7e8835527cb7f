"""Features: channels that are compared in place of grey levels."""

from __future__ import annotations

from dataclasses import dataclass

from photalign._checks import choice

__all__ = ["FEATURES", "Features", "as_features"]


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the pixels of both images are turned into before they are aligned.

    Differences are taken of the smoothed image, in the frame of the reference, and
    divided by their own size where that exceeds `threshold`; formulas are in
    the documentation, under Mathematics.

    Attributes
    ----------
    name : str
        The word for them.
    code : int
        Their place in the core's list; -1 for the pixels themselves.
    channels : int
        How many channels each image has then; 1 for the pixels, whose channels stay.
    smoothing : float
        Standard deviation of the Gaussian before differences are taken, px of the
        reference; more where an image is noisy.
    threshold : float
        In standard deviations that the image's noise gives a difference.

    Examples
    --------
    >>> from photalign.features import FEATURES
    >>> FEATURES["orientation"].smoothing
    0.7
    """

    name: str
    code: int
    channels: int = 1
    smoothing: float = 0.0
    threshold: float = 0.0

    @property
    def are_pixels(self) -> bool:
        """Whether nothing is done to the pixels."""
        return self.code < 0


FEATURES: dict[str, Features] = {
    features.name: features
    for features in (
        Features(name="intensity", code=-1),
        Features(name="orientation", code=0, channels=2, smoothing=0.7, threshold=4.0),
        Features(
            name="descriptor_fields", code=1, channels=4, smoothing=0.7, threshold=4.0
        ),
        Features(name="census", code=2, channels=4, smoothing=0.7, threshold=4.0),
    )
}


def as_features(features: str) -> Features:
    """Return the features of a name.

    Raises
    ------
    ValueError
        If there are none of that name.
    """
    return FEATURES[choice(features, list(FEATURES), "features")]
