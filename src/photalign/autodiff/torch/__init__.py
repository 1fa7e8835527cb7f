"""Samplers inside PyTorch: reverse and forward mode, to any order, and `vmap`."""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "photalign.autodiff.torch: expected PyTorch to be installed; pip install "
        '"photalign[torch]"',
        name="torch",
    ) from error

from photalign.autodiff.torch.sampler import Sampler

__all__ = ["Sampler"]
