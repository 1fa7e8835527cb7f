"""Automatic differentiation: jets in NumPy, and ways in for the duals of others."""

from photalign.autodiff._derivative import jacobian as jacobian
from photalign.autodiff.jet import Jet as Jet
