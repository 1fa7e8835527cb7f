"""What every image file format answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One image file format.

    Attributes
    ----------
    name : str
        As people call it.
    suffixes : tuple of str
        Lower case, with the dot; the usual one first.
    signatures : tuple of bytes
        A file of this format begins with one of them.
    dtypes : tuple of str or None
        Names of the array types that it stores exactly; None for all real numbers.
    channels : tuple of int or None
        Numbers of channels that it stores; None for any.
    lossless : bool
        Whether the values read back are the values written.
    read : callable
        The image in an open binary file, or `UnsupportedImage`, or whatever exception
        the decoder has for damaged data.
    write : callable
        Puts an image of a suitable type into a new file.
    """

    name: str
    suffixes: tuple[str, ...]
    signatures: tuple[bytes, ...]
    dtypes: tuple[str, ...] | None = None
    channels: tuple[int, ...] | None = None
    lossless: bool = True
    read: Callable[[BinaryIO], Image]
    write: Callable[[BinaryIO, Image], None]

    def refusal(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str | None:
        """Say why an image cannot be stored, or None if it can.

        Parameters
        ----------
        dtype : dtype
            Of the image.
        shape : tuple of int
            Of the image: (rows, columns) or (rows, columns, channels).

        Returns
        -------
        str or None
            A text of the form ``expected X, got Y``.
        """
        if len(shape) not in (2, 3):
            return f"expected (rows, columns[, channels]), got shape {shape}"
        if dtype.kind not in "biuf":
            return f"expected real numbers, got {dtype}"
        if self.dtypes is not None and dtype.name not in self.dtypes:
            known = ", ".join(self.dtypes)
            return f"expected an image that {self.name} holds ({known}), got {dtype}"
        n_channels = shape[2] if len(shape) == 3 else 1
        if self.channels is not None and n_channels not in self.channels:
            known = " or ".join(str(n) for n in self.channels)
            return f"expected {known} channels, as {self.name} holds, got {n_channels}"
        return None
