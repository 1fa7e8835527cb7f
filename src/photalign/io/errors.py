"""The two ways in which a file can be unusable."""

from __future__ import annotations


class ImageFileError(OSError):
    """A file cannot be read, or cannot be written as asked.

    The message names the file, what was expected of it, and what is wrong.
    """


class UnsupportedImage(Exception):
    """A sound file holds something else than one gray or color image.

    A format raises it with ``expected X, got Y``; `read_image` puts the name in front.
    """
