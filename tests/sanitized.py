"""Runs pytest with a core that was built with the sanitizers.

    python tests/sanitized.py BUILD [pytest arguments]

The sanitizers' runtime must be loaded first: set LD_PRELOAD to libasan. The package is
assembled beside the build from links to the sources, since the installed one holds the
ordinary core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def main() -> int:
    build = Path(sys.argv[1]).resolve()
    root = Path(__file__).resolve().parents[1]
    package = build / "site" / "photalign"
    package.mkdir(parents=True, exist_ok=True)
    links = list((root / "src" / "photalign").iterdir()) + list(build.glob("_core*.so"))
    for source in links:
        link = package / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    # An editable install finds its own modules before the path is searched.
    sys.meta_path[:] = [f for f in sys.meta_path if "Redirect" not in type(f).__name__]
    sys.path.insert(0, str(package.parent))
    import photalign._core

    assert Path(photalign._core.__file__).parent == package, photalign._core.__file__
    return pytest.main(["-p", "no:cacheprovider", *sys.argv[2:]])


if __name__ == "__main__":
    sys.exit(main())
