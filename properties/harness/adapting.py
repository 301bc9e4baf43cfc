"""``python -m lawful.properties.harness.adapting PLAN ANSWER``: an adapter's source, in its own process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lawful.properties.harness.plan import Plan
from lawful.properties.harness.understanding.adapt import adapter_source, draft_source
from lawful.properties.harness.understanding.targets import (
    NotUnderstood,
    UsageError,
    definition,
    understood,
)


def main() -> None:
    plan, answer = Plan.read(Path(sys.argv[1])), Path(sys.argv[2])
    target = plan.targets[0]
    try:
        found = definition(target)
        try:
            subjects = understood(found, target, plan.technique)
        except NotUnderstood as error:
            name, module = found.name, found.module.__name__
            text = draft_source(found.value, name, module, plan.technique, error)
            answer.write_text(json.dumps({"source": text, "draft": True}))
            return
        if subjects.raising:
            answer.write_text(json.dumps({"not_understood": subjects.raising[0].message}))
            return
        answer.write_text(json.dumps({"source": adapter_source(subjects.subjects[0]), "draft": False}))
    except UsageError as error:
        answer.write_text(json.dumps({"usage": str(error)}))


if __name__ == "__main__":
    main()
