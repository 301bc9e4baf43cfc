"""Stored counterexamples asked again."""

from __future__ import annotations

from typing import Any

from lawful.properties.harness.cases import Case
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.harness.understanding.targets import find
from lawful.properties.registry import find_law
from lawful.properties.subjects.failures import LawBroken, Raised
from lawful.properties.subjects.subject import Subject, silence


def replayed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a JSON report, each with its target, with what came of them now."""
    subjects: dict[tuple[str, str], list[Subject]] = {}
    asked = []
    for row in rows:
        key = (row["target"] or row["implementation"], row["technique"])
        if key not in subjects:
            subjects[key] = find(*key).subjects
        asked.append(_asked(row, subjects[key]))
    return asked


def _asked(row: dict[str, Any], subjects: list[Subject]) -> dict[str, Any]:
    subject = next((s for s in subjects if s.adapter.name == row["implementation"]), None)
    if subject is None:
        return {**row, "verdict": "error", "message": f"no implementation {row['implementation']} any more"}
    try:
        law = find_law(row["property"], row["technique"])
        example = law.decode(row["counterexample"])
    except (KeyError, ValueError) as error:
        return {**row, "verdict": "error", "message": str(error.args[0])}
    test = LawTest(law, PROFILES["quick"], 0)
    try:
        with silence():
            test.ask(Case(law, subject.on(row["device"], row["dtype"])), example)
    except (LawBroken, Raised) as error:
        return {**row, "verdict": "broken", "message": str(error)}
    return {**row, "verdict": "holds", "message": "the stored counterexample passes"}
