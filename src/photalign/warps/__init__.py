"""Warps: frozen maps from reference points to moving points.

Each class contains the one before it: translation, euclidean, similarity,
affine, homography (Hartley and Zisserman, Multiple View Geometry, 2004, 2.4: a
hierarchy of transformations). One file each; `matrix` is what they share.
`function` holds those that a user writes, `base` is what all warps share.
"""

from photalign.warps.affine import Affine
from photalign.warps.base import Warp
from photalign.warps.euclidean import Euclidean
from photalign.warps.function import FunctionWarp, warp
from photalign.warps.homography import Homography
from photalign.warps.matrix import MatrixWarp
from photalign.warps.names import WARPS, as_warp
from photalign.warps.similarity import Similarity
from photalign.warps.translation import Translation

__all__ = [
    "WARPS",
    "Affine",
    "Euclidean",
    "FunctionWarp",
    "Homography",
    "MatrixWarp",
    "Similarity",
    "Translation",
    "Warp",
    "as_warp",
    "warp",
]
