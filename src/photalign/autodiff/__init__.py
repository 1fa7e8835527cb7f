"""Automatic differentiation: jets in NumPy, and ways in for the duals of others."""

from photalign.autodiff._derivative import jacobian as jacobian
from photalign.autodiff._duals import register_dual as register_dual
from photalign.autodiff.jet import Jet as Jet
