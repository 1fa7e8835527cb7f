"""What the vector unit and the memory can do at best, measured by a C++ program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
FLAGS = {
    "baseline": [],
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
"""The core's own, by instruction set."""
COMMON = ("-std=gnu++20", "-O3", "-Wno-psabi", "-fno-math-errno", "-fno-trapping-math")


@cache
def ceilings(isa: str) -> dict[str, float]:
    """Return operations and bytes per second on one thread, by what limits them.

    "multiply-add", "mixed" (additions beside multiplications) and "lookup" are
    operations on one float each, "L1", "L2" and "memory" bytes that are read.
    """
    found = shutil.which(os.environ.get("CXX", "c++"))
    if found is None:
        raise FileNotFoundError("no C++ compiler")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "ceilings"
        include = f"-I{HERE.parent / 'core' / 'include'}"
        source = str(HERE / "ceilings.cpp")
        given = [*COMMON, *FLAGS[isa], f"-DPHOTALIGN_ISA={isa}", include, source]
        subprocess.run([found, *given, "-o", str(program)], check=True)
        done = subprocess.run([program], check=True, capture_output=True, text=True)
    lines = (line.rpartition(" ") for line in done.stdout.splitlines())
    return {name: float(rate) * 1e9 for name, _, rate in lines}
