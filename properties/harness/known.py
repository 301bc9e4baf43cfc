"""Known failures: what a user has declared to be broken, with a reason, in TOML.

    [[tool.lawful.known]]                  # in pyproject.toml, or [[known]] in a file of --known
    target = "my_losses.py:SmoothCE"
    property = "rejects_bad_epsilon"
    reason = "checked by the caller"
    message = "took epsilon"
    dtypes = ["float32"]
    example = '{"epsilon": -0.5}'

Each is a deviation of the user's own: its example is asked first and alone. It fails alike: ``deviates``;
otherwise: ``broken``, drifted; it passes: ``broken``, no longer broken. Either way the run fails.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lawful.impl.contracts import Deviation
from lawful.properties.harness.report import Report, Result
from lawful.properties.harness.understanding.targets import UsageError
from lawful.properties.registry import did_you_mean, laws_of
from lawful.properties.subjects.subject import Subject

_DEFAULT = Path("pyproject.toml")
_KEYS = ("technique", "target", "property", "reason", "message", "dtypes", "devices", "example")


@dataclass(frozen=True)
class Known:
    """A declared failure of one target."""

    target: str
    technique: str | None
    failure: Deviation


def read_known(file: str | None) -> list[Known]:
    """The failures declared in ``file``, or in this folder's ``pyproject.toml``. Raises UsageError."""
    path = Path(file) if file else _DEFAULT
    if not path.is_file():
        if file:
            raise UsageError(f"--known is {file!r}: no such file")
        return []
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    holder = whole.get("tool", {}).get("lawful", {}) if path.name == "pyproject.toml" else whole
    unknown = sorted(set(holder) - {"known"})
    if unknown:
        raise UsageError(f"{path}: " + did_you_mean("setting of lawful", unknown[0], ["known"]))
    return [_known(path, number, entry) for number, entry in enumerate(holder.get("known", []), 1)]


def _known(path: Path, number: int, entry: Mapping[str, Any]) -> Known:
    where = f"{path}: known failure {number}"
    for key in entry:
        if key not in _KEYS:
            raise UsageError(f"{where}: " + did_you_mean("key", key, list(_KEYS)))
    for key in ("target", "property", "example"):
        if not entry.get(key):
            raise UsageError(f"{where}: {key} is missing")
    where += f" ({entry['target']}, {entry['property']})"
    if not str(entry.get("reason", "")).strip():
        raise UsageError(f"{where}: reason is empty, expected a sentence on why this is accepted")
    try:
        example = json.loads(entry["example"])
        re.compile(entry.get("message", ""))
    except (ValueError, TypeError, re.error) as error:
        raise UsageError(f"{where}: {error}") from error
    return Known(
        entry["target"],
        entry.get("technique"),
        Deviation(
            entry["property"].rpartition(".")[2],
            entry["reason"],
            entry.get("message", ""),
            example,
            tuple(entry["dtypes"]) if "dtypes" in entry else None,
            tuple(entry["devices"]) if "devices" in entry else None,
            kind="known failure",
            where=str(path),
        ),
    )


def with_known(subject: Subject, known: Iterable[Known]) -> Subject:
    """The subject with what is declared of it. Raises UsageError for a property that is none."""
    names = {subject.adapter.name, subject.found_as}
    laws = {law.name: law for law in laws_of(subject.technique)}
    mine = []
    for each in known:
        failure = each.failure
        if each.target not in names or (each.technique or subject.technique) != subject.technique:
            continue
        if failure.property not in laws:
            raise UsageError(f"{failure.where}: " + did_you_mean("property", failure.property, list(laws)))
        mine.append(failure)
    for failure in mine:
        try:
            laws[failure.property].decode(failure.example)
        except ValueError as error:
            raise UsageError(f"{failure.where}: {error}") from error
    if not mine:
        return subject
    # the user's own come first: they are asked in place of an adapter's deviation from the same law
    adapter = replace(subject.adapter, deviations=(*mine, *subject.adapter.deviations))
    return replace(subject, adapter=adapter)


def write_known(report: Report, file: str | None) -> tuple[Path, int]:
    """Appends what is broken and not declared yet, with reasons to be filled in. Where, and how many."""
    path = Path(file) if file else _DEFAULT
    heading = "[[tool.lawful.known]]" if path.name == "pyproject.toml" else "[[known]]"
    entries = []
    for implementation in report.implementations:
        for finding in report.findings(implementation):
            rows = [row for row in finding.rows if row.counterexample is not None and not row.stale]
            if finding.verdict == "broken" and rows:
                name = implementation.target or implementation.name
                entries.append(_entry(heading, name, implementation.technique, finding.property, rows))
    with path.open("a", encoding="utf-8") as out:
        out.writelines(entries)
    return path, len(entries)


def _entry(heading: str, target: str, technique: str, law: str, rows: list[Result]) -> str:
    row = rows[0]
    values = {
        "target": target,
        "technique": technique,
        "property": law,
        "reason": "",
        "message": _pattern(row.message or ""),
        "dtypes": sorted({each.dtype for each in rows}),
        "devices": sorted({each.device for each in rows}),
        "example": json.dumps(row.counterexample),
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(["", heading, *lines, ""])


def _pattern(message: str) -> str:
    """A regular expression for the message's words, up to its first number."""
    words = re.match(r"[^0-9\[(]*", message)
    return re.escape((words.group() if words else "").strip())
