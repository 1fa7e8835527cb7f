"""What got worse since the baseline: the figures of a run beside recorded ones.

Figures are ratios and counts, never seconds. A figure is known by its task, its method,
what it says, and of how many problems, so that a run of fewer problems is not compared
with one of more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.table import Row

BASELINE = Path(__file__).with_name("baseline.json")
ANYWHERE = "any machine"
OURS = "photalign"

Figures = dict[str, float]
"""Numbers by name."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a figure says, and by how much it may be worse before that counts."""

    higher_is_better: bool
    is_portable: bool = True
    """Whether machines agree about it."""
    absolute: float = 0.0
    relative: float = 0.0

    def limit(self, was: float) -> float:
        """Return the worst that passes."""
        room = max(self.absolute, self.relative * abs(was))
        return was - room if self.higher_is_better else was + room

    def is_worse(self, was: float, now: float) -> bool:
        """Whether it got worse by more than its tolerance."""
        limit = self.limit(was)
        # Recorded figures are rounded.
        slack = 1e-3 * abs(limit)
        if self.higher_is_better:
            return not now >= limit - slack
        return not now <= limit + slack


KINDS = {
    "converged": Kind(higher_is_better=True),
    "error / bound": Kind(higher_is_better=False, absolute=0.01),
    "error": Kind(higher_is_better=False, relative=0.1),
    "x images": Kind(higher_is_better=False, relative=0.1),
    "MB": Kind(higher_is_better=False, relative=0.25),
    "x ours": Kind(higher_is_better=True, is_portable=False, relative=0.25),
    "x peer": Kind(higher_is_better=True, is_portable=False, relative=0.15),
    "x value": Kind(higher_is_better=False, is_portable=False, relative=0.15),
}
"""By column of the table, or by unit where the cost is none of time. README says where
the tolerances come from."""
PEERLESS = ("x value",)
"""Units of ours that are beside no peer, and whose methods do not name us."""


def figures(row: Row) -> Iterator[tuple[str, float]]:
    """What is recorded of a row: kinds and numbers."""
    if not row.method.startswith(OURS):
        # How much slower the peer is.
        if row.times_ours is not None and row.is_steady:
            yield "x ours", row.times_ours
        elif row.unit in PEERLESS and row.cost is not None:
            yield row.unit, row.cost
        return
    if row.converged is not None:
        yield "converged", row.converged[0]
    if row.ratio is not None:
        yield "error / bound", row.ratio
    if row.error is not None:
        yield "error", row.error
    if row.speedup is not None:
        yield "x peer", row.speedup
    if row.unit in KINDS and row.cost is not None:
        yield row.unit, row.cost


def name_of(row: Row, kind: str) -> str:
    """Return what a figure is known by."""
    problems = row.converged[1] if row.converged else row.problems
    of = f" of {problems} problems" if problems else ""
    return f"{row.task} | {row.method} | {kind}{of}"


def kind_of(name: str) -> Kind:
    """Return the kind of a figure from its name."""
    return KINDS[name.rpartition(" | ")[2].partition(" of ")[0]]


def recorded(rows: Sequence[Row]) -> Figures:
    """Return the figures of a run."""
    return {name_of(row, kind): number for row in rows for kind, number in figures(row)}


@dataclass(frozen=True, kw_only=True)
class Worse:
    """A figure that got worse by more than its tolerance."""

    name: str
    was: float
    now: float

    def __str__(self) -> str:
        task, method, kind = self.name.split(" | ")
        limit = kind_of(self.name).limit(self.was)
        return (
            f"{task}, {method}: {kind} was {self.was:.4g}, is {self.now:.4g} "
            f"(tolerance: {limit:.4g})"
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A run beside the baseline."""

    compared: int = 0
    worse: tuple[Worse, ...] = ()
    new: tuple[str, ...] = ()
    """Measured, but not in the baseline."""
    gone: tuple[str, ...] = ()
    """In the baseline of the parts that were run, but not measured."""

    def confirmed(self, again: Comparison) -> Comparison:
        """Leave what got worse in both runs, with the better of its two figures."""
        second = {worse.name: worse for worse in again.worse}
        twice = [
            (first, second[first.name]) for first in self.worse if first.name in second
        ]
        return replace(self, worse=tuple(_better(*pair) for pair in twice))

    def __str__(self) -> str:
        lines = [
            f"compared with the baseline: {self.compared} figures; "
            f"not in it: {len(self.new)}; in it, but not measured: {len(self.gone)}"
        ]
        if self.worse:
            lines += ["worse than the baseline:", *(f"  {w}" for w in self.worse)]
        return "\n".join(lines)


@dataclass(kw_only=True)
class Baseline:
    """Recorded figures, by machine and part."""

    machines: dict[str, dict[str, Figures]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path = BASELINE) -> Baseline:
        """Read what was written; nothing is recorded where there is no file."""
        if not path.exists():
            return cls()
        return cls(machines=json.loads(path.read_text("utf-8")))

    def write(self, path: Path = BASELINE) -> None:
        """Write one figure a line, so that a change shows what it changed."""
        path.write_text(json.dumps(self.machines, indent=1) + "\n", "utf-8")

    def update(self, machine: str, run: Mapping[str, Sequence[Row]]) -> None:
        """Replace the figures of the parts that were run, on this kind of machine."""
        for part, rows in run.items():
            found = {name: float(f"{v:.4g}") for name, v in recorded(rows).items()}
            for place, portable in ((ANYWHERE, True), (machine, False)):
                mine = {n: v for n, v in found.items() if _is_portable(n) == portable}
                parts = self.machines.setdefault(place, {})
                parts.pop(part, None)
                if mine:
                    parts[part] = mine

    def compare(
        self, machine: str | None, run: Mapping[str, Sequence[Row]]
    ) -> Comparison:
        """Compare with such machines; without one, what all machines agree about."""
        known: Figures = {}
        for place in (ANYWHERE, machine):
            for part in run:
                known |= self.machines.get(place or "", {}).get(part, {})
        found = recorded([row for rows in run.values() for row in rows])
        if machine is None:
            found = {name: v for name, v in found.items() if _is_portable(name)}
        both = [name for name in found if name in known]
        return Comparison(
            compared=len(both),
            worse=tuple(
                Worse(name=name, was=known[name], now=found[name])
                for name in both
                if kind_of(name).is_worse(known[name], found[name])
            ),
            new=tuple(name for name in found if name not in known),
            gone=tuple(name for name in known if name not in found),
        )

    def knows(self, machine: str | None) -> bool:
        """Whether anything was recorded on such a machine."""
        return machine in self.machines


def _better(first: Worse, second: Worse) -> Worse:
    highest = kind_of(first.name).higher_is_better
    best = max if highest else min
    return best(first, second, key=lambda worse: worse.now)


def _is_portable(name: str) -> bool:
    return kind_of(name).is_portable
