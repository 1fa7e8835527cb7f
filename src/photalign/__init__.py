"""Direct (photometric) image alignment.

Finds the warp that makes two images agree by minimizing the difference of their
pixel values (Lucas and Kanade, 1981, and everything that came after it).
"""

from photalign.alignment import align as align
from photalign.autodiff import Jet as Jet
from photalign.autodiff import jacobian as jacobian
from photalign.brightness import GainBias as GainBias
from photalign.brightness import Local as Local
from photalign.brightness import Normalized as Normalized
from photalign.brightness import Plain as Plain
from photalign.gradients import image_gradients as image_gradients
from photalign.least_squares import residuals as residuals
from photalign.linearization import Linearization as Linearization
from photalign.linearization import linearize as linearize
from photalign.losses import Cauchy as Cauchy
from photalign.losses import GemanMcClure as GemanMcClure
from photalign.losses import Huber as Huber
from photalign.losses import Squared as Squared
from photalign.losses import Tukey as Tukey
from photalign.pyramids import Pyramid as Pyramid
from photalign.resampling import resample as resample
from photalign.results import Alignment as Alignment
from photalign.results import AlignmentError as AlignmentError
from photalign.results import Rival as Rival
from photalign.results import Status as Status
from photalign.results import Step as Step
from photalign.sampling import Sampler as Sampler
from photalign.solvers import GaussNewton as GaussNewton
from photalign.solvers import LevenbergMarquardt as LevenbergMarquardt
from photalign.warps import Affine as Affine
from photalign.warps import Euclidean as Euclidean
from photalign.warps import Homography as Homography
from photalign.warps import Similarity as Similarity
from photalign.warps import Translation as Translation
from photalign.warps import Warp as Warp
from photalign.warps import warp as warp

__version__ = "0.1.0"
