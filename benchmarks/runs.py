"""What a run measured, by part, and on what; kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import machine, python_version
from typing import Any

from benchmarks.machine import kind_of_machine, processor
from benchmarks.table import Row
from photalign import _core

PACKAGES = (
    *("photalign", "numpy", "scipy", "opencv-python-headless", "pystackreg"),
    *("SimpleITK", "jax", "torch"),
)
PLAIN = ("date", "cpu", "machine", "instructions")
"""What needs no name beside it."""


def environment() -> dict[str, str]:
    """The day, the machine and the versions that figures of now belong to."""
    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": processor("model name"),
        "machine": machine(),
        "instructions": _core.variant(),
        "kind of machine": kind_of_machine(),
        "python": python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


@dataclass(frozen=True, kw_only=True)
class Run:
    """Rows by part."""

    environment: dict[str, str]
    count: int
    """Problems of each kind, and repetitions of each timing."""
    parts: dict[str, list[Row]]

    @property
    def kind_of_machine(self) -> str:
        """Where times can be compared."""
        return self.environment["kind of machine"]

    @property
    def title(self) -> str:
        """The day, the machine, and the versions of what is installed."""
        return ", ".join(
            text if name in PLAIN else f"{name} {text}"
            for name, text in self.environment.items()
            if name != "kind of machine" and text != "absent"
        )

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        parts = {
            part: [asdict(row) for row in rows] for part, rows in self.parts.items()
        }
        head = {"environment": self.environment, "count": self.count}
        content = head | {"parts": parts}
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Run:
        """Read what was written, the parts of several files together."""
        contents = [json.loads(path.read_text("utf-8")) for path in paths]
        kinds = {
            (content["environment"]["kind of machine"], content["count"])
            for content in contents
        }
        if len(kinds) != 1:
            raise ValueError(f"figures: expected those of one machine, got {kinds}")
        return cls(
            environment=contents[-1]["environment"],
            count=contents[-1]["count"],
            parts={
                part: [_row(fields) for fields in rows]
                for content in contents
                for part, rows in content["parts"].items()
            },
        )


def _row(fields: dict[str, Any]) -> Row:
    """Return a row from its fields; JSON knows lists only."""
    return Row(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
    )
