"""``lawful scan``: every candidate of a folder, as ``lawful check`` asks it, each in a child of its own.

Somebody else's code may do anything, so a candidate has limits of memory and time, a temporary folder to
stand in and no standard input; whatever it starts is ended with the run. It costs its own row alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lawful.properties.harness.children import Limits, Team
from lawful.properties.harness.elsewhere import rows_of
from lawful.properties.harness.findings import severity_words
from lawful.properties.harness.offering import SKIPPED
from lawful.properties.harness.plan import Plan
from lawful.properties.harness.processes import Outcome, asked_within, number_of
from lawful.properties.harness.report import Report
from lawful.properties.harness.severity import at_least
from lawful.properties.harness.understanding.candidates import Candidate, candidates


@dataclass
class Scan:
    """What came of a scan: a row a candidate."""

    candidates: list[Candidate]
    rows: list[dict[str, Any]] = field(default_factory=list)
    fail_on: str = "wrong"
    notes: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """1 where a candidate breaks a law at ``fail_on`` or above, raises on every call, died or was not
        asked, or where nothing was asked at all; 2 where there is nothing to ask that is understood."""
        fails = (
            row["status"] in ("raises", "died", "not asked")
            or any(at_least(each, self.fail_on) for each in row.get("severities", ()))
            for row in self.rows
        )
        asked = any(row["status"] in ("asked", "raises") for row in self.rows)
        return int(any(fails)) or (0 if asked or not self.rows else 2)

    def to_json(self, command: str, profile: str, seed: int) -> dict[str, Any]:
        report = Report(profile, seed, [], notes=self.notes, fail_on=self.fail_on, command=command)
        asked = [row for row in self.rows if "implementation" in row]
        report.laws = {name: law for row in asked for name, law in row["laws"].items()}
        names = Counter(row["implementation"]["name"] for row in asked)
        told = [
            # of several files: told apart by where they are
            {**each, "name": f"{row['path']}:{each['name']}" if names[each["name"]] > 1 else each["name"]}
            for row in asked
            for each in [row["implementation"]]
        ]
        rows = [{k: v for k, v in row.items() if k not in ("implementation", "laws")} for row in self.rows]
        return {**report.to_json(), "implementations": told, "candidates": rows}


def found_in(paths: Iterable[Path]) -> tuple[list[Candidate], list[str]]:
    """Candidates of files and folders, by reading alone, and what could not be read."""
    found: list[Candidate] = []
    notes = []
    for path in paths:
        for file in _files(path):
            try:
                found += candidates(file)
            except (SyntaxError, ValueError, OSError, RecursionError) as error:
                notes.append(f"{file}: not read: {type(error).__name__}")
    return found, notes


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if name not in SKIPPED and not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(files) if name.endswith((".py", ".ipynb")))


def scan(
    chosen: list[Candidate],
    *,
    profile: str = "quick",
    seed: int = 0,
    seconds: int = 120,
    limits: Limits | None = None,
    workers: str = "auto",
    shown: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """A row for each candidate, in their order. ``seconds``: for one candidate; ``shown`` is called when one
    is done."""
    plans = [
        Plan([f"{each.path.resolve()}:{each.name}"], technique=each.technique, profile=profile, seed=seed)
        for each in chosen
    ]
    rows: dict[int, dict[str, Any]] = {}
    with Team(limits or Limits()) as team:
        for index, outcome in team.talks([asked_within(plan, seconds) for plan in plans], number_of(workers)):
            rows[index] = row_of(outcome)
            shown()
    return [named(each, rows[index]) for index, each in enumerate(chosen)]


def scan_all(
    chosen: list[Candidate],
    *,
    profile: str,
    seed: int,
    seconds: int,
    limits: Limits,
    workers: str,
    tx: Iterable[str] = (),
    rsyncdir: Iterable[Path] = (),
    shown: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """As :func:`scan`; on other hosts first, where ``tx`` or ``rsyncdir`` name some."""
    options: dict[str, Any] = {"profile": profile, "seed": seed, "seconds": seconds, "limits": limits}
    there: dict[tuple[Path, str], dict[str, Any]] = {}
    if tx or rsyncdir:
        told = ["--profile", profile, "--seed", str(seed), "--time-limit", str(seconds)]
        told += ["--memory-limit", str(limits.memory)]
        files = list(dict.fromkeys(each.path for each in chosen))
        for file, rows in rows_of(files, told, tx, rsyncdir).items():
            there |= {(file, row["name"]): row for row in rows}
    left = [each for each in chosen if (each.path, each.name) not in there]
    for each, row in zip(left, scan(left, workers=workers, shown=shown, **options), strict=True):
        note = ["asked here: the host that had it gave no answer"] if tx or rsyncdir else []
        there[each.path, each.name] = {**row, "notes": [*row["notes"], *note]}
    return [named(each, there[each.path, each.name]) for each in chosen]


def named(candidate: Candidate, row: dict[str, Any]) -> dict[str, Any]:
    where = {"path": str(candidate.path), "line": candidate.line}
    return {**row, **where, "name": candidate.name, "technique": candidate.technique}


def row_of(outcome: Outcome) -> dict[str, Any]:
    """``status``, ``words``, ``notes``, and the report's JSON where laws were asked."""
    if outcome.report is None:
        kind = {"refused": "does not import"}.get(outcome.kind, outcome.kind)
        words = outcome.words.split("\nWrite an adapter")[0].removeprefix("not understood\n")
        return {"status": kind, "words": words, "notes": []}
    report = outcome.report
    raising = next((row for row in report.results if row.property == "runs" and not row.ours), None)
    if raising is not None:
        return {"status": "raises", "words": raising.message, "notes": report.notes}
    found = report.findings()
    return {
        "status": "asked",
        "words": severity_words(found),
        "notes": [note for note in report.notes if note.startswith("taken out")],
        "severities": [each.severity for each in found if each.verdict == "broken"],
        "called_as": report.implementations[0].called_as,
        "implementation": report.to_json()["implementations"][0],
        "laws": report.laws,
    }
