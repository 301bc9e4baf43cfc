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

import ast
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lawful.impl.contracts import Deviation
from lawful.properties.harness.cases import Case
from lawful.properties.harness.identity import Identity, named
from lawful.properties.harness.report import Report, Result
from lawful.properties.harness.settings import KEYS
from lawful.properties.harness.understanding.targets import UsageError
from lawful.properties.registry import did_you_mean, laws_of
from lawful.properties.subjects.subject import Subject

_DEFAULT = Path("pyproject.toml")
_KEYS = ("technique", "target", "property", "reason", "message", "dtypes", "devices", "example")


NO_REASON = "no reason given"


@dataclass(frozen=True)
class Known:
    """A declared failure of one target."""

    target: str
    technique: str | None
    failure: Deviation
    where: str
    """The file, and which entry of it this is."""

    @property
    def identity(self) -> Identity:
        return named(self.target, str(Path(self.failure.where).resolve().parent))

    def is_of(self, subject: Subject) -> bool:
        names = {subject.adapter.name, subject.found_as}
        return self.target in names or self.identity in subject.identities


def unmatched(
    known: Iterable[Known], subjects: list[Subject], planned: list[Case], *, narrowed: bool
) -> list[str]:
    """In a sentence each: entries that could have matched something in this run, and did not; and those of
    its targets that give no reason. ``narrowed``: some laws are left out on purpose."""
    notes = []
    files = {identity.file for subject in subjects for identity in subject.identities if identity.file}
    for each in known:
        file, name = each.identity.file, each.identity.name
        own = [subject for subject in subjects if each.is_of(subject)]
        if not own and file.endswith(".py") and not Path(file).is_file():
            notes.append(f"{each.where}: there is no file {file}")
        elif not own and file in files and not _defines(Path(file), name):
            notes.append(f"{each.where}: {Path(file).name} has no {name!r}")
        elif own and not any((each.technique or s.technique) == s.technique for s in own):
            notes.append(
                f"{each.where}: it is declared for {each.technique}, and asked as {own[0].technique}"
            )
        elif own and not narrowed and not any(_covers(each, case) for case in planned):
            notes.append(f"{each.where}: no test of this run is on the dtypes and devices that it names")
        if own and each.failure.reason == NO_REASON:
            notes.append(f"{each.where}: reason is empty, expected a sentence on why this is accepted")
    return notes


def _covers(known: Known, case: Case) -> bool:
    subject = case.subject
    return known.is_of(subject) and known.failure.covers(case.law.name, subject.device, subject.dtype)


def _defines(path: Path, name: str) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    root = name.partition(".")[0]
    found = {getattr(node, "name", None) for node in tree.body}
    found |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    found |= {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return root in found


def read_known(file: str | None, may_be_new: bool = False) -> list[Known]:
    """The failures declared in ``file``, or in this folder's ``pyproject.toml``. Raises UsageError.

    ``may_be_new``: whether the file is written afterwards, and need not be there yet.
    """
    path = Path(file) if file else _DEFAULT
    if not path.is_file():
        if file and not may_be_new:
            raise UsageError(f"--known is {file!r}: no such file")
        return []
    try:
        whole = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    holder = whole.get("tool", {}).get("lawful", {}) if path.name == "pyproject.toml" else whole
    keys = KEYS if path.name == "pyproject.toml" else ("known",)
    unknown = sorted(set(holder) - set(keys))
    if unknown:
        raise UsageError(f"{path}: " + did_you_mean("key of lawful", unknown[0], list(keys)))
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
            str(entry.get("reason", "")).strip() or NO_REASON,
            entry.get("message", ""),
            example,
            tuple(entry["dtypes"]) if "dtypes" in entry else None,
            tuple(entry["devices"]) if "devices" in entry else None,
            kind="known failure",
            where=str(path),
        ),
        where,
    )


def with_known(subject: Subject, known: Iterable[Known]) -> Subject:
    """The subject with what is declared of it. Raises UsageError for a property that is none."""
    laws = {law.name: law for law in laws_of(subject.technique)}
    mine = []
    for each in known:
        failure = each.failure
        if not each.is_of(subject) or (each.technique or subject.technique) != subject.technique:
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


def write_known(report: Report, file: str | None, reason: str = "") -> tuple[Path, int]:
    """Appends what is broken and not declared yet, with this reason, or one to be filled in. Where, and how
    many."""
    path = Path(file) if file else _DEFAULT
    heading = "[[tool.lawful.known]]" if path.name == "pyproject.toml" else "[[known]]"
    entries = []
    for implementation in report.implementations:
        for finding in report.findings(implementation):
            rows = [row for row in finding.rows if row.counterexample is not None and not row.stale]
            if finding.verdict == "broken" and rows:
                name = named(implementation.identity, report.folder).shown(str(path.resolve().parent))
                technique = implementation.technique
                entries.append(_entry(heading, name, technique, finding.property, rows, reason))
    with path.open("a", encoding="utf-8") as out:
        out.writelines(entries)
    return path, len(entries)


def _entry(heading: str, target: str, technique: str, law: str, rows: list[Result], reason: str) -> str:
    row = rows[0]
    values = {
        "target": target,
        "technique": technique,
        "property": law,
        "reason": reason,
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
