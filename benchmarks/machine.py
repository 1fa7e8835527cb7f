"""What the machine can do at best: moving bytes, and computing with two threads."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import numpy as np

from benchmarks.timing import in_turn
from photalign import _core


def kind_of_machine() -> str:
    """Return what decides about ratios of times: processor and instruction set."""
    family = " ".join(processor(key) for key in ("vendor_id", "cpu family", "model"))
    return f"{family}, {_core.variant()}"


def processor(key: str) -> str:
    """Return what Linux says of the processor: "model name" and the like."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return "unknown"


def copy_bandwidth(size: int, repeats: int) -> list[float]:
    """Bytes per second that a copy of so many bytes reads and writes."""
    source = np.ones(size // 8)
    target = np.empty_like(source)
    times = in_turn({"copy": lambda: np.copyto(target, source)}, repeats)
    return [2 * size / taken for taken in times["copy"]]


class Arithmetic:
    """NumPy at work within the caches, which needs neither memory nor the GIL."""

    def __init__(self, rounds: int = 400) -> None:
        self.rounds = rounds

    def __call__(self) -> None:
        """Do one load."""
        angles = np.linspace(0, 1, 2**14)
        result = np.empty_like(angles)
        for _ in range(self.rounds):
            np.exp(angles, out=result)

    def twice_at_once(self) -> None:
        """Do two loads, in two threads."""
        threads = [Thread(target=self) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
