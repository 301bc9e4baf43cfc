"""The smoke, in a process of its own: can the targets be called, and which cases will be asked?

``python -m lawful.properties.harness.smoke PLAN ANSWER`` writes the answer as JSON. Whatever
the target's code does to this process, the command line lives on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from lawful.properties.harness.api import find_all, plan_report, profile_of
from lawful.properties.harness.plan import Plan
from lawful.properties.harness.understanding.targets import UsageError
from lawful.properties.subjects.subject import NotUnderstood


def main() -> None:
    plan, answer = Plan.read(Path(sys.argv[1])), Path(sys.argv[2])
    try:
        report, planned = plan_report(plan, find_all(plan))
    except UsageError as error:
        answer.write_text(json.dumps({"usage": str(error)}))
        return
    except NotUnderstood as error:
        answer.write_text(json.dumps({"not_understood": str(error)}))
        return
    answer.write_text(
        json.dumps(
            {
                "implementations": [asdict(each) for each in report.implementations],
                "requirements": [asdict(row) for row in report.results],
                "notes": report.notes,
                "time_limit": profile_of(plan).time_limit,
                "cases": {case.id: asdict(case.result("error")) for case in planned},
            }
        )
    )


if __name__ == "__main__":
    main()
