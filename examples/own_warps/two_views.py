"""Two views of one photograph with a known warp between them, and what came of it.

Shared by the examples beside it. Each is a program of its own:
``python radial_distortion.py --report radial.html``.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import ArrayLike, NDArray

import photalign as pa
from photalign.synthetic import view


def two_views(
    photograph: ArrayLike,
    truth: pa.Warp,
    shape: tuple[int, int],
    *,
    scale: float = 2.0,
    noise: float = 3.0,
    seed: int = 0,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render ``moving(u) = scene(place(u))``, ``reference(x) = moving(truth(x))``.

    `place` puts the moving image in the middle of the photograph, ``scale`` of whose
    pixels make one of the view. The warp is never inverted, so that it may be any.

    Parameters
    ----------
    photograph : array_like, shape (H, W) or (H, W, C)
    truth : Warp
        Maps points of the reference to points of the moving image, px.
    shape : (int, int)
        Rows and columns of both views.
    scale : float
        Pixels of the photograph per pixel of a view.
    noise : float
        Standard deviation of the noise of both views, in grey levels.
    seed : int
        Of the noise.

    Returns
    -------
    reference, moving : ndarray of uint8, shape ``shape`` or ``shape + (C,)``
    """
    pixels = np.asarray(photograph, np.float64)
    size, middle = np.array(pixels.shape[1::-1]), np.array(shape[::-1])
    corner = (size - 1 - scale * (middle - 1)) / 2
    place = pa.Affine([[scale, 0, corner[0]], [0, scale, corner[1]]])
    # Noise must not leave the range of uint8.
    scene = pa.Sampler(16 + 0.85 * pixels, "bspline3")
    seen = pa.warp(lambda p, xy: place(truth.with_params(p)(xy)), truth.params)
    rng = np.random.default_rng(seed)
    clean = view(scene, seen, shape), view(scene, place, shape)
    reference, moving = (
        np.rint(image + rng.normal(0, noise, image.shape)).astype(np.uint8)
        for image in clean
    )
    return reference, moving


def conclude(result: pa.Alignment, truth: pa.Warp) -> None:
    """Print the parameters beside the true ones; write a report if that was asked for.

    Parameters
    ----------
    result : Alignment
    truth : Warp
        The warp with the true parameters.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", help="the HTML page to write")
    options = parser.parse_args()
    found, deviations = result.warp, np.sqrt(np.diag(result.covariance))
    print(f"{result.status.name} after {result.iterations} steps")
    columns = zip(
        found.param_names, found.params, deviations, truth.params, strict=True
    )
    for name, value, deviation, true in columns:
        print(f"{name:>10} = {value:10.6f} +- {deviation:.6f}, in truth {true:.6f}")
    if options.report:
        result.report(options.report, truth=truth)
        print(f"wrote {options.report}")
