"""Align two .npy images and print the memory it took: the child of `memory`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

import photalign


def main(method: str, *paths: str) -> None:
    """Print the peak of memory beyond the loaded images, in units of their size."""
    reference, moving = (np.load(path) for path in paths)
    before = kilobytes("VmRSS")
    if method == "photalign":
        photalign.align(reference, moving, "affine").raise_if_failed()
    else:
        start = np.eye(2, 3, dtype=np.float32)
        cv2.findTransformECCMultiScale(reference, moving, start)
    taken = (kilobytes("VmHWM") - before) * 1024
    print(taken / (reference.nbytes + moving.nbytes))


def kilobytes(name: str) -> int:
    """Read a figure of this process, as Linux keeps it: VmRSS now, VmHWM at its peak.

    The peak that ``getrusage`` gives is no use here: a child starts with its parent's.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise OSError(f"/proc/self/status: expected a line {name}, got none")


if __name__ == "__main__":
    main(*sys.argv[1:])
