"""One candidate, understood and asked, in a process of its own with limits of memory and time.

``python -m lawful.properties.harness.examine QUESTION ANSWER`` stands in a temporary folder; what it answers
is a row of ``lawful scan``. The limits are set before anything of the candidate is imported.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

_LARGEST_FILE = 16 * 2**20


def main() -> None:
    question, answer = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2])
    _limit(question)
    answer.write_text(json.dumps(examined(question)), encoding="utf-8")


def _limit(question: dict[str, Any]) -> None:
    """As far as the system can: macOS refuses a limit of memory, and Windows has none of these."""
    try:
        import resource
    except ImportError:
        return
    memory, seconds = question["memory"] * 2**20, question["seconds"]
    for limit, value, most in (
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_CPU, 2 * seconds, 2 * seconds + 5),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE, _LARGEST_FILE),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, most))


def examined(question: dict[str, Any]) -> dict[str, Any]:
    """``status``, ``words``, and the report's JSON where laws were asked."""
    from lawful.properties.harness import preload  # noqa: F401, I001
    import torch

    from lawful.properties.harness.understanding.targets import NotUnderstood, UsageError, understood

    torch.set_num_threads(1)
    path, name, technique = Path(question["path"]), question["name"], question["technique"]
    notes: list[str] = []
    try:
        found = _definition(path, name, notes)
        subjects = understood(found, f"{path}:{name}", technique)
    except UsageError as error:
        return {"status": "does not import", "words": _first(error), "notes": notes}
    except NotUnderstood as error:
        why = str(error).split("\nWrite an adapter")[0]
        return {"status": "not understood", "words": why, "notes": notes}
    if subjects.raising and notes:  # what it misses may be what was left out
        words = f"{notes[0]}; {subjects.raising[0].message}"
        return {"status": "does not import", "words": words, "notes": []}
    if subjects.raising:
        return {"status": "raises", "words": subjects.raising[0].message, "notes": notes}
    return _asked(question, subjects.subjects[0], notes)


def _asked(question: dict[str, Any], subject: Any, notes: list[str]) -> dict[str, Any]:
    from lawful.properties.harness.api import check_subject
    from lawful.properties.harness.report import severity_words

    report = check_subject(subject, profile=question["profile"], seed=question["seed"])
    found = report.findings()
    return {
        "status": "asked",
        "words": severity_words(found),
        "notes": notes,
        "severities": [each.severity for each in found if each.verdict == "broken"],
        "called_as": report.implementations[0].called_as,
        "implementation": report.to_json()["implementations"][0],
    }


def _definition(path: Path, name: str, notes: list[str]) -> Any:
    """Imported where that is possible; else taken out of its file with what it refers to."""
    from lawful.properties.harness.understanding.extract import works_at_import
    from lawful.properties.harness.understanding.targets import UsageError, alone, definition

    why: Exception = UsageError("its file does more than define when it is imported")
    if not works_at_import(path):
        try:
            return definition(f"{path}:{name}")
        except UsageError as error:
            why = error
    return alone(path, name, why, notes, Path.cwd())


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


if __name__ == "__main__":
    main()
