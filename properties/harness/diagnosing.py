"""What is said beside the verdicts: what the code computes, and why its findings at ``wrong`` are there.

Both are read by calling the code, which may do anything: what raises, or takes too long, is not said.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from lawful.properties.harness.cases import Case
from lawful.properties.harness.clock import alarm
from lawful.properties.harness.findings import findings
from lawful.properties.harness.report import Readings, Result
from lawful.properties.reading import Broken, diagnose_each, read
from lawful.properties.subjects.failures import NoAnswer, NotAsked
from lawful.properties.subjects.subject import Subject, silence

_SHARE = 0.1
"""Of the time that the laws took, a reading may take this much."""
_LEAST = 2.0
"""Seconds that it may take however fast they were."""
SECONDS = 30.0
"""For the diagnoses of one implementation: what is known by then is said."""


def said(cases: Iterable[Case], rows: list[Result]) -> tuple[list[Result], Readings]:
    """The rows of some implementations, whose findings say why they are there; and what those compute."""
    readings: Readings = {}
    for subject in {id(case.subject.adapter): case.subject for case in cases}.values():
        key = (subject.adapter.name, subject.technique)
        own = [row for row in rows if (row.implementation, row.technique) == key]
        with _trying(subject, max(_LEAST, _SHARE * sum(row.seconds for row in own))):
            reading = read(subject.on("cpu", "float32"))
            if reading is not None and reading.text:
                parts = {"text": reading.text, "formula": reading.formula}
                readings[key] = {**parts, "picture": reading.parts.get("picture")}
        told = iter(diagnosed(subject, own))
        rows = [next(told) if (row.implementation, row.technique) == key else row for row in rows]
    return rows, readings


def diagnosed(subject: Subject, rows: list[Result]) -> list[Result]:
    """The rows of an implementation: the first of each finding at ``wrong`` says why, where that is known."""
    found = [
        each
        for each in findings(rows)
        if each.verdict == "broken" and each.severity == "wrong" and not each.rows[0].stale
    ]
    groups = []
    for each in found:
        resting = [row for row in rows if row.property in each.also and row.severity == "wrong"]
        broken = [row for row in (*each.rows, *resting) if row.verdict == "broken"]
        groups.append(
            [
                Broken(row.property, row.device, row.dtype, row.counterexample, row.message or "")
                for row in broken
            ]
        )
    if not groups:
        return rows
    rows = list(rows)
    with _trying(subject, SECONDS):
        for number, diagnosis in diagnose_each(subject.on("cpu", "float32"), groups):
            row = found[number].rows[0]
            seen = f" Seen in {diagnosis.seen}." if diagnosis.seen else ""
            rows[rows.index(row)] = replace(row, diagnosis=f"{diagnosis.text}{seen}", fault=diagnosis.fault)
    return rows


@contextlib.contextmanager
def _trying(subject: Subject, seconds: float) -> Iterator[None]:
    with (
        contextlib.suppress(Exception, NoAnswer, NotAsked),
        silence(),
        subject.imports,
        alarm(seconds, again=True),
    ):
        yield
