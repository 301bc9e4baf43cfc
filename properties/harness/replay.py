"""Stored counterexamples asked again, in a process of their own.

``python -m lawful.properties.harness.replay ROWS ANSWER``: rows of a JSON report, each with its target.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lawful.properties.harness.cases import Case, LawTest
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.harness.understanding.targets import UsageError, find
from lawful.properties.registry import find_law
from lawful.properties.subjects.subject import LawBroken, NotUnderstood, Raised, Subject, silence


def main() -> None:
    rows, answer = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    subjects: dict[tuple[str, str], list[Subject]] = {}
    asked = []
    try:
        for row in rows:
            key = (row["target"] or row["implementation"], row["technique"])
            if key not in subjects:
                subjects[key] = find(*key).subjects
            asked.append(_asked(row, subjects[key]))
    except UsageError as error:
        answer.write_text(json.dumps({"usage": str(error)}))
    except NotUnderstood as error:
        answer.write_text(json.dumps({"not_understood": str(error)}))
    else:
        answer.write_text(json.dumps({"rows": asked}))


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


if __name__ == "__main__":
    main()
