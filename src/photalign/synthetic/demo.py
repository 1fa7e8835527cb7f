"""The pair of photographs that the demonstration aligns."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from photalign.synthetic.motions import random_warp
from photalign.synthetic.pairs import Pair, pair
from photalign.synthetic.views import view
from photalign.warps import Affine


def demo_pair() -> Pair:
    """Photograph a retina twice, the second time with a cat in the way.

    Two colour images of 400 x 300 pixels, related by a homography that moves the
    corners by about 8 pixels, with gain 1.15, bias 8 and noise of 2 grey levels. The
    cat covers 9 % of the moving image. Both photographs come with scikit-image.

    Returns
    -------
    Pair
        The same at every call.

    Raises
    ------
    ImportError
        If scikit-image is not installed.

    Examples
    --------
    >>> from photalign.synthetic import demo_pair
    >>> views = demo_pair()
    >>> views.reference.shape, views.truth.name, views.gain, views.bias
    ((300, 400, 3), 'homography', 1.15, 8.0)
    """
    try:
        data = import_module("skimage.data")
    except ImportError as error:
        raise ImportError(
            "demo_pair: expected scikit-image, whose photographs it takes, got none; "
            "pip install 'photalign[demo]'"
        ) from error
    shape = (300, 400)
    # A little less contrast: neither noise nor gain must leave the range of uint8.
    retina = 16 + 0.85 * data.retina().astype(np.float64)
    cat = view(data.chelsea(), Affine([[2.4, 0, 105], [0, 2.4, 10]]), (100, 108))
    return pair(
        retina,
        random_warp("homography", shape, corner_sigma=8, seed=1),
        shape,
        center=(705, 705),
        scale=3,
        noise=2,
        gain=1.15,
        bias=8,
        occluder=cat,
    )
