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
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lawful.impl.contracts import HALF, WAYS
from lawful.impl.contracts import SEVERITIES as SEVERITY_MEANINGS

if TYPE_CHECKING:
    from rich.console import Console

SEVERITIES = tuple(SEVERITY_MEANINGS)
"""The worst first."""
_IN_WORDS = {
    "wrong": ("wrong result", "wrong results"),
    "edge": ("at the edges", "at the edges"),
    "guard": ("bad input taken", "bad inputs taken"),
}
VERDICTS = ("holds", "broken", "deviates", "unsupported", "error")
_MARKS = {
    "holds": "green",
    "broken": "bold red",
    "deviates": "yellow",
    "unsupported": "dim",
    "error": "magenta",
}

URGENCY = ("broken", "error", "deviates", "holds", "unsupported")
"""What a page shows first."""
SHORT_DTYPES = {"float64": "f64", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}
NOT_ALWAYS = " (not every time that it was asked)"
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
    technique: str = ""
    severity: str = "wrong"
    rests_on: tuple[str, ...] = ()
    stale: bool = False
    """A declared deviation or known failure that drifted, or is none any more: it fails any run."""
    conventions: Mapping[str, str] = field(default_factory=dict)
    """Those that were looked at while this was asked."""

    def cause(self) -> str:
        """The message without its numbers: alike where several dtypes break for one reason."""
        text = (self.message or "").removesuffix(NOT_ALWAYS)
        return re.sub(r"[-+]?(\d[\d.]*(e[-+]?\d+)?|inf|nan)|(b?float\d+)", "#", text)


@dataclass(frozen=True)
class Finding:
    """One cause: the cases that show it, and what broke only because they did."""

    property: str
    verdict: str
    severity: str
    rows: tuple[Result, ...]
    also: tuple[str, ...] = ()
    """Laws that rest on this one and broke with it."""

    def fails(self, fail_on: str) -> bool:
        severe = SEVERITIES.index(self.severity) <= SEVERITIES.index(fail_on)
        return self.verdict == "broken" and (severe or any(row.stale for row in self.rows))


def findings(rows: Iterable[Result]) -> list[Finding]:
    """What is broken or deviates in the rows of one implementation, the most severe first."""
    rows = list(rows)
    kept = [row for row in rows if row.verdict in ("broken", "deviates")]
    by_case = {(row.property, row.device, row.dtype): row for row in kept}
    asked = {(row.property, row.device, row.dtype) for row in rows if row.verdict != "unsupported"}
    anywhere = {row.property: row for row in reversed(kept)}

    def root(row: Result) -> Result:
        for name in row.rests_on:
            case = (name, row.device, row.dtype)
            # what it rests on may not be asked in this dtype: what it says elsewhere goes for it
            below = by_case.get(case) if case in asked else anywhere.get(name)
            if below is not None and not row.stale:
                return root(below)
        return row

    wider = {(row.property, row.verdict): row.cause() for row in reversed(kept) if row.dtype not in HALF}

    def cause(row: Result) -> str:
        """A wrong number in half precision is another side of one in a wider dtype; an error is not."""
        if row.dtype in HALF and not (row.message or "").startswith("raised"):
            return wider.get((row.property, row.verdict), row.cause())
        return row.cause()

    groups: dict[tuple[str, str, str], list[Result]] = {}
    also: dict[tuple[str, str, str], dict[str, None]] = {}
    for row in kept:
        first = root(row)
        key = (first.property, first.verdict, cause(first))
        if first is row:
            groups.setdefault(key, []).append(row)
        else:
            also.setdefault(key, {})[row.property] = None
    found = [
        Finding(
            name,
            verdict,
            min((row.severity for row in group), key=SEVERITIES.index),
            tuple(group),
            tuple(also.get((name, verdict, words), ())),
        )
        for (name, verdict, words), group in groups.items()
    ]
    return sorted(found, key=lambda each: (URGENCY.index(each.verdict), SEVERITIES.index(each.severity)))


def severity_words(found: Iterable[Finding]) -> str:
    """What is broken, in words: "1 wrong result; 2 at the edges; 3 bad inputs taken"."""
    counts = Counter(each.severity for each in found if each.verdict == "broken")
    parts = [f"{counts[s]} {_IN_WORDS[s][counts[s] > 1]}" for s in SEVERITIES if counts[s]]
    return "; ".join(parts) or "nothing broken"


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
    remarks: tuple[str, ...] = ()
    """What to know before the verdicts, in a sentence each."""
    pictured: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that a page draws: see ``properties.pictured``."""


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
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def of(self, implementation: Implementation) -> list[Result]:
        key = (implementation.name, implementation.technique)
        return [row for row in self.results if (row.implementation, row.technique) == key]

    def conventions(self, implementation: Implementation) -> dict[str, str]:
        """Those of before, and those that were looked at while laws were asked."""
        late = {name: value for row in self.of(implementation) for name, value in row.conventions.items()}
        own = implementation.conventions
        return {**own, **late, **own}  # what is found late comes last

    def ways(self, technique: str) -> tuple[list[str], list[tuple[str, list[str]]]]:
        """Which implementation works under what: the ways' names, and by implementation their values."""
        found = {
            each.name: self.conventions(each) for each in self.implementations if each.technique == technique
        }
        names = [way for way in WAYS if any(way in values for values in found.values())]
        return names, [(name, [values.get(way, "") for way in names]) for name, values in found.items()]

    def findings(self, implementation: Implementation | None = None) -> list[Finding]:
        """Of one implementation, or of all."""
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
        return 1 if failing or counts["error"] or not asked else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 2,
            "lawful": _version("lawful"),
            "torch": _version("torch"),
            "python": platform.python_version(),
            "host": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "started": self.started,
            "command": self.command,
            "profile": self.profile,
            "seed": self.seed,
            "fail_on": self.fail_on,
            "notes": self.notes,
            "laws": self.laws,
            "implementations": [self._implementation_json(each) for each in self.implementations],
        }

    def _implementation_json(self, implementation: Implementation) -> dict[str, Any]:
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
                    "cases": [f"{row.device}-{row.dtype}" for row in each.rows],
                    "also": list(each.also),
                }
                for each in found
            ],
            "results": [
                {
                    **_finite(_without(asdict(row), "implementation", "technique")),
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

    def print(self, console: Console) -> None:
        for implementation in self.implementations:
            self._print_one(console, implementation)
        for technique in dict.fromkeys(each.technique for each in self.implementations):
            self._print_ways(console, technique)
        for note in self.notes:
            console.print(f"[dim]{_plain(note)}[/dim]", highlight=False)
        console.print(self.summary(), highlight=False)

    def summary(self) -> str:
        counts = self.counts()
        asked = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        seconds = sum(row.seconds for row in self.results)
        words = severity_words(self.findings())
        if counts["broken"] and words == "nothing broken":
            words = "what is broken rests on known deviations"
        return f"{len(self.results)} cases: {asked}; {words}; {seconds:.1f} s of asking"

    def _print_ways(self, console: Console, technique: str) -> None:
        """Beside each other, where there are several."""
        from rich.table import Table

        names, rows = self.ways(technique)
        if len(rows) < 2 or not names:
            return
        console.print(f"\n[bold]{technique}: what works under what[/bold]", highlight=False)
        table = Table(box=None, pad_edge=False)
        for heading in ("", *names):
            table.add_column(heading.replace("_", " "))
        short = {"works": "yes", "fails": "[dim]no[/]", "": "-"}
        for name, values in rows:
            table.add_row(_plain(name), *(short.get(value, value) for value in values))
        console.print(table)

    def _print_one(self, console: Console, implementation: Implementation) -> None:
        from rich.table import Table

        rows = self.of(implementation)
        counts = self.counts(rows)
        asked = len(rows) - counts["unsupported"] - counts["error"]
        version = f" {implementation.version}" if implementation.version else ""
        found = findings(rows)
        console.print(
            f"\n[bold]{_plain(implementation.name)}{version}[/bold]  {implementation.technique}: "
            f"{severity_words(found)}",
            highlight=False,
        )
        if counts["unsupported"] > asked:
            console.print(
                f"[yellow]Most of it was not asked: {counts['unsupported']} cases unsupported, "
                f"{asked} asked.[/yellow]"
            )
        for remark in implementation.remarks:
            console.print(f"[yellow]{_plain(remark)}[/yellow]", highlight=False)
        console.print(f"called as  {_plain(implementation.called_as)}", highlight=False)
        known = self.conventions(implementation)
        conventions = ", ".join(f"{k}={v}" for k, v in known.items() if k not in WAYS)
        console.print(f"conventions  {conventions or 'none detected'}", highlight=False)
        if ways := ", ".join(f"{k}={v}" for k, v in known.items() if k in WAYS):
            console.print(f"called by PyTorch  {ways}", highlight=False)
        table = Table(box=None, pad_edge=False)
        for heading in ("property", "severity", "verdict", "device", "dtypes", "error/bound", "examples"):
            table.add_column(heading, no_wrap=heading == "property")
        for (name, verdict, device), group in _grouped(rows).items():
            worst = [row.worst_error for row in group if row.worst_error is not None]
            table.add_row(
                name,
                group[0].severity,
                f"[{_MARKS[verdict]}]{verdict}[/]",
                device,
                " ".join(SHORT_DTYPES.get(row.dtype, row.dtype) for row in group),
                f"{max(worst):.2g}" if worst and max(worst) > 0 else "",
                str(sum(row.examples for row in group) or ""),
            )
        console.print(table)
        for finding in found:
            _print_finding(console, finding, with_snippet=len(self.implementations) == 1)
        for row in rows:
            if row.verdict == "error":
                mark = f"[{_MARKS['error']}]error[/] {_plain(row.property)} ({row.device}, {row.dtype})"
                console.print(f"\n{mark}\n  {_plain(row.message or '')}", highlight=False, soft_wrap=True)

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(width=120, no_color=True)
        with console.capture() as captured:
            self.print(console)
        return captured.get()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """A fragment for a notebook, whose styles reach nothing beside it."""
        return self.to_html(fragment=True)


def _print_finding(console: Console, finding: Finding, with_snippet: bool) -> None:
    """What is not as it should be. Snippets where one implementation is looked at; else in --json."""
    row = finding.rows[0]
    lines = [row.message or ""]
    if row.counterexample is not None:
        values = ", ".join(f"{name}={value}" for name, value in row.counterexample.items())
        lines.append(f"smallest counterexample: {values}")
    if finding.also:
        lines.append(f"also, resting on it: {', '.join(finding.also)}")
    if row.reproduce and (with_snippet or row.verdict == "broken"):
        lines += ["reproduce without lawful:", ""]
        lines += [f"    {line}" for line in row.reproduce.splitlines()]
    devices = {each.device for each in finding.rows} - {"cpu"}
    where = ", ".join(
        f"{each.device} {each.dtype}" if devices else each.dtype for each in finding.rows if each.dtype
    )
    console.print(
        f"\n[{_MARKS[row.verdict]}]{row.verdict}[/] {_plain(row.property)} "
        f"({', '.join(filter(None, (finding.severity, where)))})",
        highlight=False,
    )
    for line in lines:
        console.print(f"  {_plain(line)}", highlight=False, soft_wrap=True)


def _grouped(rows: list[Result]) -> dict[tuple[str, str, str], list[Result]]:
    """Rows that differ in their dtype alone, the laws of the worst severity first."""
    order = sorted(rows, key=lambda row: SEVERITIES.index(_by_property(rows, row.property)))
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for row in order:
        groups.setdefault((row.property, row.verdict, row.device), []).append(row)
    return groups


def _by_property(rows: list[Result], name: str) -> str:
    """The worst severity of a law in any dtype."""
    return min((row.severity for row in rows if row.property == name), key=SEVERITIES.index)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


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
