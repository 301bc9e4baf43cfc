"""The report: a data structure first (JSON, schema 2), rendered as a table or a page second.

Imports neither torch nor a property, so that the command line starts at once.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from lawful.properties.harness.findings import Finding

VERDICTS = ("holds", "broken", "deviates", "unsupported", "error")
URGENCY = ("broken", "error", "deviates", "holds", "unsupported")
"""What a page shows first."""
SHORT_DTYPES = {"float64": "f64", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}
NOT_ALWAYS = " (not every time)"
"""The end of a message about code that answers otherwise when it is asked again."""


@dataclass(frozen=True)
class Result:
    """A row: one property of one implementation, on one device and in one dtype."""

    implementation: str
    property: str
    device: str
    dtype: str
    verdict: str
    examples: int = 0
    worst_error: float | None = None
    """The largest error/bound seen; None where nothing was compared with a bound."""
    seconds: float = 0.0
    message: str | None = None
    counterexample: Mapping[str, Any] | None = None
    reproduce: str | None = None
    whole: str | None = None
    """Another program, with all calls that were made, where what went before may play a part."""
    fails_with: str = "AssertionError"
    """The type of the exception with which the program ends."""
    technique: str = ""
    severity: str = "wrong"
    rests_on: tuple[str, ...] = ()
    stale: bool = False
    """A declared deviation or known failure that drifted, or is none any more: it fails any run."""
    conventions: Mapping[str, str] = field(default_factory=dict)
    """Those that were looked at while this was asked."""
    proven: bool | None = None
    """Whether the program was run alone and failed as this says; None where it was not run."""
    ours: bool = False
    """An error of lawful's own: it counts as none against the code."""
    diagnosis: str | None = None
    """Of the first row of a finding at ``wrong``: what the code does, what it should, and what to change."""
    fault: str | None = None
    """The fault of the catalogue that this is."""

    def cause(self) -> str:
        """The message without its numbers: alike where several dtypes break for one reason."""
        text = (self.message or "").removesuffix(NOT_ALWAYS)
        return re.sub(r"[-+]?(\d[\d.]*(e[-+]?\d+)?|inf|nan)|(b?float\d+)", "#", text)


@dataclass(frozen=True)
class Implementation:
    """What is known of an implementation before its laws are asked."""

    name: str
    technique: str
    version: str | None
    called_as: str
    conventions: Mapping[str, str]
    target: str = ""
    """What was named to find it, as on the command line; empty where an object was given."""
    identity: str = ""
    """Its file and its name there, the same in whichever way it was named; the name of what is shipped."""
    defined_at: str = ""
    """file:line of its definition, as an editor opens it; empty where that is not known."""
    remarks: tuple[str, ...] = ()
    """What to know before the verdicts, in a sentence each."""
    pictured: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that a page draws: see ``properties.pictured``."""
    reading: Mapping[str, str] | None = None
    """What it computes, read from outside: ``text``, and ``formula`` in LaTeX; None where nothing is read."""

    def with_reading(self, readings: Readings) -> Implementation:
        """As it is, but for what was read of it, if anything was."""
        found = readings.get((self.name, self.technique))
        if found is None:
            return self
        reading, picture = {name: found[name] for name in ("text", "formula")}, found["picture"]
        pictured = {**self.pictured, **({"reading": picture} if picture else {})}
        return replace(self, reading=reading, pictured=pictured)


Readings = dict[tuple[str, str], dict[str, Any]]
"""By name and technique of an implementation: ``text``, ``formula`` and ``picture`` of what it computes."""


@dataclass
class Report:
    """Verdicts on some implementations; prints as a table."""

    profile: str
    seed: int
    implementations: list[Implementation]
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was not asked at all, and why: libraries that are absent, devices that are not there."""
    fail_on: str = "wrong"
    """The least severity at which a broken law makes ``exit_status`` 1."""
    laws: dict[str, dict[str, str]] = field(default_factory=dict)
    """By id, of the laws that were asked: formula, why, source and severity."""
    command: str = ""
    folder: str = field(default_factory=os.getcwd)
    """Where the programs of the findings are run."""
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    seconds: float = 0.0
    """From its beginning to its end."""

    def of(self, implementation: Implementation) -> list[Result]:
        key = (implementation.name, implementation.technique)
        return [row for row in self.results if (row.implementation, row.technique) == key]

    def conventions(self, implementation: Implementation) -> dict[str, str]:
        """Those of before, and those that were looked at while laws were asked."""
        late = {name: value for row in self.of(implementation) for name, value in row.conventions.items()}
        own = implementation.conventions
        return {**own, **late, **own}  # what is found late comes last

    def findings(self, implementation: Implementation | None = None) -> list[Finding]:
        """Of one implementation, or of all."""
        from lawful.properties.harness.findings import findings

        chosen = self.implementations if implementation is None else [implementation]
        return [finding for each in chosen for finding in findings(self.of(each))]

    def counts(self, results: Iterable[Result] | None = None) -> dict[str, int]:
        rows = self.results if results is None else list(results)
        return {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}

    @property
    def exit_status(self) -> int:
        """0 nothing broken at ``fail_on`` or above; 1 something is, was not asked, or nothing was at all."""
        counts = self.counts()
        asked = counts["holds"] + counts["broken"] + counts["deviates"]
        failing = any(finding.fails(self.fail_on) for finding in self.findings())
        errors = any(row.verdict == "error" and not row.ours for row in self.results)
        return 1 if failing or errors or not asked else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 2,
            "lawful": _version("lawful"),
            "torch": _version("torch"),
            "python": platform.python_version(),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "started": self.started,
            "seconds": round(self.seconds, 1),
            "command": self.command,
            "folder": self.folder,
            "profile": self.profile,
            "seed": self.seed,
            "fail_on": self.fail_on,
            "notes": self.notes,
            "laws": self.laws,
            "implementations": [self._implementation_json(each) for each in self.implementations],
        }

    def _implementation_json(self, implementation: Implementation) -> dict[str, Any]:
        from lawful.properties.harness.findings import findings

        rows = self.of(implementation)
        found = findings(rows)
        return {
            **asdict(implementation),
            "conventions": self.conventions(implementation),
            "counts": self.counts(rows),
            "findings": [
                {
                    "property": each.property,
                    "verdict": each.verdict,
                    "severity": each.severity,
                    "message": each.rows[0].message,
                    "diagnosis": each.diagnosis,
                    "fault": each.fault,
                    "cases": [f"{row.device}-{row.dtype}" for row in each.rows],
                    "also": list(each.also),
                }
                for each in found
            ],
            "results": [
                {
                    **_finite(_without(asdict(row), *_NOT_OF_A_ROW)),
                    "finding": next((each.property for each in found if row in each.rows), None)
                    or next((each.property for each in found if row.property in each.also), None),
                }
                for row in rows
            ],
        }

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def write_html(self, path: Path) -> None:
        path.write_text(self.to_html(), encoding="utf-8")

    def to_html(self, fragment: bool = False) -> str:
        from lawful.properties.harness.page import page

        return page(self.to_json(), fragment)

    def print(self, console: Console, *, quiet: bool = False, verbose: bool = False) -> None:
        """``quiet``: the last line alone; ``verbose``: every finding and every test."""
        from lawful.properties.harness.terminal import show

        show(self.to_json(), console, quiet=quiet, verbose=verbose)

    def __str__(self) -> str:
        from lawful.properties.harness.summary import lines

        return "\n".join(lines(self.to_json()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """A fragment for a notebook, whose styles reach nothing beside it: in short, the rest to unfold."""
        from lawful.properties.harness.page import folded

        return folded(self.to_json())


_NOT_OF_A_ROW = ("implementation", "technique", "whole", "diagnosis", "fault")
"""Of a row, what its implementation or its finding holds, or nobody needs any more."""


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _finite(value: Any) -> Any:
    """JSON has no inf and no NaN: they are written as strings."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
