"""Arrays that end where the memory ends: reading on would crash."""

from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np
import pytest


def protect(page):
    if os.name != "posix":
        pytest.skip("needs mprotect")
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.c_void_p(page.ctypes.data)
    assert libc.mprotect(address, ctypes.c_size_t(page.size), 0) == 0


def guarded(image, *, at_end):
    """Return a copy of a C-contiguous array that touches memory which nobody may read.

    It ends at the end of its pages, or begins where they begin.
    """
    page = mmap.PAGESIZE
    pages = -(-image.nbytes // page)
    memory = np.frombuffer(mmap.mmap(-1, (pages + 2) * page), np.uint8)
    start = page + (pages * page - image.nbytes if at_end else 0)
    copy = memory[start : start + image.nbytes].view(image.dtype).reshape(image.shape)
    copy[...] = image
    protect(memory[:page])
    protect(memory[(pages + 1) * page :])
    return copy
