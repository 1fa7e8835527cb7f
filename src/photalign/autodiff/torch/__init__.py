"""Samplers inside PyTorch: reverse and forward mode, to any order, and `vmap`.

Needs PyTorch: ``pip install "photalign[torch]"``.
"""

from photalign.autodiff.torch.sampler import Sampler

__all__ = ["Sampler"]
