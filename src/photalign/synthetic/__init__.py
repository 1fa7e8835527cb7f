"""Two views of a real photograph whose warp, brightness, noise and occluder are known.

A view is what a camera with square pixels would see: every pixel is the mean of the
photograph over the pixel's own area, so a photograph with several times the resolution
of the views gives properly anti-aliased images and a truth that is exact. Tests,
examples and benchmarks measure errors against it, in units of the smallest error that
any unbiased method could reach (`cramer_rao`).
"""

from photalign.synthetic.bounds import Bound as Bound
from photalign.synthetic.bounds import corner_error as corner_error
from photalign.synthetic.bounds import cramer_rao as cramer_rao
from photalign.synthetic.demo import demo_pair as demo_pair
from photalign.synthetic.motions import random_warp as random_warp
from photalign.synthetic.pairs import Pair as Pair
from photalign.synthetic.pairs import pair as pair
from photalign.synthetic.views import view as view
