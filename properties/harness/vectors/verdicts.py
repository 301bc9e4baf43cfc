"""A report of answers to vectors, as `lawful merge` and the page of verdicts read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lawful.impl.faulty import faults
from lawful.properties import tolerances
from lawful.properties.harness.report import Implementation, Report, Result
from lawful.properties.harness.vectors import numbers
from lawful.properties.harness.vectors.check_answers import wrong
from lawful.properties.registry import Law, find_law


def verdicts(
    vectors: Mapping[str, Any], answers: Mapping[str, Any], implementation: Implementation, command: str
) -> Report:
    """A row for each law in each dtype: of all its vectors that have an answer. No answer: unsupported.

    ``vectors`` is a file of :func:`lawful.properties.harness.vectors.vectors`, ``answers`` one that
    ``check_answers.py`` reads, ``command`` what gave them.
    """
    technique = vectors["technique"]
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for vector in vectors["vectors"]:
        grouped.setdefault((vector["law"], vector["dtype"]), []).append(vector)
    report = Report("vectors", 0, [implementation], command=command)
    for (name, dtype), asked in grouped.items():
        law = find_law(name, technique)
        report.laws[law.id] = _described(law)
        answered = {vector["id"]: vector for vector in asked if vector["id"] in answers}
        report.results.append(_row(law, dtype, answered, answers, implementation.name))
    return report


def _described(law: Law) -> dict[str, str]:
    catches = ", ".join(fault.id for fault in faults(law.technique) if law.name in fault.caught_by)
    told = {name: getattr(law, name) for name in ("formula", "why", "source", "severity")}
    return {**told, "catches": catches}


def _row(
    law: Law,
    dtype: str,
    answered: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, Any],
    implementation: str,
) -> Result:
    failed = next(
        (v for name, v in answered.items() if wrong(answers[name], v["expected"], v["bound"])),
        None,
    )
    message = None if answered else "no vector of it was answered"
    if failed is not None:
        got = answers[failed["id"]]
        message = (
            f"{failed['asks']} is {json.dumps(got)}, expected {json.dumps(failed['expected'])}, allowed "
            f"{json.dumps(failed['bound'])} (vector {failed['id']})"
        )
    ratios = [_ratio(answers[name], vector) for name, vector in answered.items()]
    return Result(
        implementation,
        law.name,
        "cpu",
        dtype,
        "broken" if failed is not None else "holds" if answered else "unsupported",
        len(answered),
        max(ratios, default=None),
        message=message,
        counterexample=None if failed is None else {"vector": failed["id"], **failed["inputs"]},
        technique=law.technique,
        severity=law.severity_in(dtype),
        rests_on=law.rests_on,
    )


def _ratio(answer: Any, vector: Mapping[str, Any]) -> float:
    """error/bound of the entry that is off most; infinity where shapes differ, or there is no number."""
    try:
        return tolerances.worst_ratio(
            *(numbers(each) for each in (answer, vector["expected"], vector["bound"]))
        )
    except (TypeError, ValueError):
        return float("inf") if wrong(answer, vector["expected"], vector["bound"]) else 0.0
