"""Runs a plan in child processes: they understand the targets, and then ask their cases.

A case that is planned always has a row, whatever the code under test does to the process that asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lawful.properties.harness.children import SMOKE_LIMIT, Refused, Talk, Task, Team
from lawful.properties.harness.findings import by_implementation, findings
from lawful.properties.harness.plan import Plan, home_of
from lawful.properties.harness.proof import SECONDS, Ended
from lawful.properties.harness.report import Implementation, Readings, Report, Result


def ask(plan: Plan, workers: str = "auto") -> Report:
    """Every case of the plan, with its verdict. Raises Refused."""
    started = time.monotonic()
    count = number_of(workers)
    with Team() as team:
        understood = _understood(team, plan, count)
        planned: dict[Task, dict[str, Any]] = {}
        on_demand: dict[Task, tuple[str, str, str]] = {}
        examples: dict[Task, int] = {}
        for target, each in understood.items():
            for case_id, row in each["cases"].items():
                seconds, home = each["time_limit"], home_of(target)
                task = Task("ask", (plan, target, case_id), seconds, target, _kin(row), home)
                planned[task], examples[task] = row, each["examples"][row["property"]]
                if case_id in each["on_demand"]:
                    on_demand[task] = (target, row["implementation"], row["property"])
        rows: dict[Task, dict[str, Any]] = {}
        tasks, ended = [task for task in planned if task not in on_demand], False
        while tasks and not ended:
            with progress("testing", len(tasks)) as shown:
                # an accelerator has one child: a device-side assertion ruins the context of its process
                for few, devices in ((count, ("cpu", "twin")), (1, ("cuda", "mps"))):
                    # a law that takes long is asked few examples: begun last, it would be waited for alone
                    chosen = [task for task in tasks if planned[task]["device"] in devices and not ended]
                    chosen.sort(key=lambda task: (not _is_plain(planned[task]), examples[task]))
                    for task, answer in team.work(chosen, few):
                        rows[task] = {**planned[task], **answer.details()}
                        shown(rows[task]["verdict"], rows[task]["property"])
                        if plan.exit_first and rows[task]["verdict"] == "broken":
                            of_it = [
                                Result(**row) for each, row in rows.items() if each.target == task.target
                            ]
                            ended = _fails(team, plan, of_it, task.seconds)
                        if ended:
                            break
            # where a law broke, those on which it rests decide whether it is a finding of its own
            wanted = {
                (task.target, row["implementation"], name)
                for task, row in rows.items()
                if row["verdict"] == "broken"
                for name in row["rests_on"]
            }
            tasks = [task for task, law in on_demand.items() if law in wanted and task not in rows]
        broken = {
            law for task, law in on_demand.items() if task in rows and rows[task]["verdict"] == "broken"
        }
        own = {
            target: [
                *(Result(**required) for required in understood[target]["requirements"]),
                *(
                    Result(**rows[task])
                    for task in planned
                    if task.target == target
                    and task in rows
                    # a law that was asked only to decide about others is told where it does
                    and (task not in on_demand or on_demand[task] in broken)
                ),
            ]
            for target in understood
        }
        talks = [_told(plan, target, own[target], understood[target]["time_limit"]) for target in own]
        readings: dict[str, Readings] = {}
        for number, (told, read) in team.talks(talks, count):
            target = list(own)[number]
            own[target], readings[target] = told, read
        pictures = _pictures(team, plan, understood, count) if plan.pictures else {}
    report = Report(plan.profile, plan.seed, [], fail_on=plan.fail_on, folder=plan.folder)
    report.laws = {name: law for each in understood.values() for name, law in each["laws"].items()}
    report.command = " ".join(["lawful", *sys.argv[1:]])
    report.notes = list(dict.fromkeys(note for each in understood.values() for note in each["notes"]))
    if ended:
        left = sum(task not in rows and task not in on_demand for task in planned)
        report.notes.append(f"stopped at the first finding (-x): {left} tests were not run")
    names = Counter(one["name"] for each in understood.values() for one in each["implementations"])
    for target, each in understood.items():
        for one in each["implementations"]:
            name = one["name"]
            if names[name] > sum(i["name"] == name for i in each["implementations"]):  # of another target too
                name = target if target.endswith(name) else f"{target} {name}"
            pictured = pictures.get((target, one["name"], one["technique"]), {})
            made = Implementation(**{**one, "pictured": pictured}).with_reading(readings[target])
            report.implementations.append(replace(made, name=name))
            for row in own[target]:
                if (row.implementation, row.technique) == (one["name"], one["technique"]):
                    report.results.append(replace(row, implementation=name))
    report.seconds = time.monotonic() - started
    return report


def _is_plain(row: dict[str, Any]) -> bool:
    """Whether a case is of a law that rests on no other: those are the first to say what is wrong."""
    return row["severity"] == "wrong" and not row["rests_on"]


def _fails(team: Team, plan: Plan, rows: list[Result], limit: float) -> bool:
    """Whether rows of one target hold a finding that fails the run, after their programs were run."""
    if not any(each.fails(plan.fail_on) for each in findings(rows)):
        return False
    ((_, found),) = team.talks([_proven(plan, rows, limit)], 1)
    return any(each.fails(plan.fail_on) for each in findings(found))


@dataclass
class Outcome:
    """What came of one target: a report, or why there is none."""

    report: Report | None
    kind: str = ""
    """refused, not understood or died."""
    words: str = ""


def asked_within(plan: Plan, seconds: float) -> Talk[Outcome]:
    """All cases of a plan of one target, by one child after the other, within so many seconds of its own."""
    (target,) = plan.targets
    home, left = home_of(target), seconds
    late = f"no answer within {seconds} s: it was ended"
    answer = yield Task("understand", (plan, target, True), min(left, SMOKE_LIMIT), target, home=home)
    if answer.kind != "done":
        words = {"late": late, "died": f"its process ended with status {answer.value}"}
        kind = "died" if answer.kind in words else answer.kind
        return Outcome(None, kind, words.get(answer.kind, str(answer.value)))
    understood = answer.value
    rows = [Result(**required) for required in understood["requirements"]]
    left -= answer.seconds
    for case_id, row in understood["cases"].items():
        if left <= 0:
            return Outcome(None, "died", late)
        limit = min(left, understood["time_limit"])
        answer = yield Task("ask", (plan, target, case_id), limit, target, home=home)
        left -= answer.seconds
        rows.append(Result(**{**row, **answer.details()}))
    rows, readings = yield from _told(plan, target, rows, understood["time_limit"])
    return Outcome(_report_of(plan, understood, rows, readings))


def _told(plan: Plan, target: str, rows: list[Result], limit: float) -> Talk[tuple[list[Result], Readings]]:
    """The rows of a target after their programs were run, and after it was read; nothing is read of what dies
    of it, or takes too long."""
    rows = yield from _proven(plan, rows, limit)
    answer = yield Task("tell", (plan, target, rows), 2 * SECONDS + limit, target, home=home_of(target))
    told: tuple[list[Result], Readings] = answer.value if answer.kind == "done" else (rows, {})
    return told


def _proven(plan: Plan, rows: list[Result], limit: float) -> Talk[list[Result]]:
    """The rows of a target, after the programs of its findings were run by a child that knows no target.
    ``limit``: seconds of a case, which a program that gives no answer is given too."""
    proving = by_implementation(rows, everything=plan.profile == "deep")
    try:
        row = next(proving)
        while True:
            seconds = limit if row.fails_with == "late" else SECONDS
            given = (row.reproduce, plan.folder, seconds)
            task = Task("prove", given, 2 * SECONDS + limit, home="a program")
            answer = yield task
            failed = Ended(answer.kind, answer.words())
            row = proving.send(answer.value if answer.kind == "done" else failed)
    except StopIteration as end:
        found: list[Result] = end.value
        return found


def _report_of(plan: Plan, understood: dict[str, Any], rows: list[Result], readings: Readings) -> Report:
    """The report on one target."""
    report = Report(plan.profile, plan.seed, [], fail_on=plan.fail_on, folder=plan.folder)
    report.laws = understood["laws"]
    report.notes = understood["notes"]
    report.implementations = [
        Implementation(**each).with_reading(readings) for each in understood["implementations"]
    ]
    report.results = rows
    return report


def _pictures(
    team: Team, plan: Plan, understood: Iterable[str], count: int
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The numbers that a page draws, by target, name and technique; a target that dies of it has none."""
    tasks = [
        Task("picture", (plan, target), SMOKE_LIMIT, target, home=home_of(target)) for target in understood
    ]
    return {
        (task.target, name, technique): numbers
        for task, answer in team.work(tasks, count)
        if answer.kind == "done"
        for name, technique, numbers in answer.value
    }


def smoked(targets: list[str], technique: str | None) -> dict[str, list[Any]]:
    """How targets are understood: implementations and notes. Raises Refused."""
    with Team() as team:
        understood = _understood(
            team, Plan(targets, technique=technique), min(os.cpu_count() or 1, len(targets))
        ).values()
    keys = ("implementations", "notes")
    return {key: [one for each in understood for one in each[key]] for key in keys}


def adapted(target: str, technique: str | None) -> tuple[str, bool]:
    """An adapter's source for a target, and whether it is a draft. Raises Refused."""
    with Team() as team:
        source, draft = team.first("adapt", target, technique, home=home_of(target))
    return source, draft


def replayed(file: Path, row: str | None) -> list[tuple[int, dict[str, Any]]]:
    """The stored counterexamples of a report, asked again: their numbers and results. Raises Refused."""
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        implementations = report["implementations"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{file} is no JSON report of lawful: {type(error).__name__}: {error}") from error
    rows = [
        {
            **result,
            "implementation": each["name"],
            "technique": each["technique"],
            "target": each.get("target"),
        }
        for each in implementations
        for result in each["results"]
        if result.get("counterexample") is not None
    ]
    chosen = [
        (number, each)
        for number, each in enumerate(rows, 1)
        if row is None or row in (str(number), each["property"])
    ]
    if not chosen:
        known = ", ".join(dict.fromkeys(each["property"] for each in rows)) or "none"
        asked = f"row {row!r}" if row else "a counterexample"
        raise Refused(f"{file} has no {asked}; it has counterexamples of: {known}")
    by_target: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number, each in chosen:
        by_target.setdefault(each["target"] or each["implementation"], []).append((number, each))
    found: list[tuple[int, dict[str, Any]]] = []
    with Team() as team:
        for target, numbered in by_target.items():
            given = [each for _, each in numbered]
            seconds = 60 + 10 * len(given)
            answers = team.first("replay", given, seconds=seconds, home=home_of(target))
            found += zip([number for number, _ in numbered], answers, strict=True)
    return sorted(found, key=lambda each: each[0])


def writable(path: Path | None) -> None:
    """Before anything is asked: can the report be written? Raises Refused."""
    if path is None:
        return
    try:
        existed = path.exists()
        with path.open("a", encoding="utf-8"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise Refused(f"the report {path} cannot be written: {error.strerror}") from error


def _kin(row: dict[str, Any]) -> str:
    """A law's questions are drawn once a child; and the first tensor of a stand-in takes a while."""
    return str(row["device"] if row["device"] == "twin" else row["property"])


def _understood(team: Team, plan: Plan, count: int) -> dict[str, dict[str, Any]]:
    """By target, in the plan's order. Nothing is asked before all are understood. Raises Refused.

    Where there are fewer targets than children, several understand the same: all are to ask about it.
    """
    each = max(1, count // max(1, len(plan.targets)))
    tasks = [
        Task("understand", (plan, target), SMOKE_LIMIT, target, home=home_of(target))
        for target in plan.targets * each
    ]
    found = {task.target: team.granted(task, answer) for task, answer in team.work(tasks, count)}
    if plan.require:
        known = {name: values for each in found.values() for name, values in each["conventions"].items()}
        team.first("require", plan.require, known)
    return {target: found[target] for target in plan.targets}


def number_of(workers: str) -> int:
    """Of ``-n``: how many children ask. Raises Refused."""
    if workers == "auto":
        return os.cpu_count() or 1
    if not workers.isdigit() or int(workers) < 1:
        raise Refused(f"-n is {workers!r}, expected auto or a whole number from 1")
    return int(workers)


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[..., None]]:
    """To be called with each verdict, or without, as it comes in: a bar, where somebody is looking."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda verdict="", law="": None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[broken]}"))
    seen: Counter[str] = Counter()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total, broken="")

        failing: dict[str, None] = {}

        def shown(verdict: str = "", law: str = "") -> None:
            seen[verdict] += 1
            if verdict == "broken" and law:
                failing[law] = None
            some = ", ".join([*failing][:2])
            words = f"{seen['broken']} fail: {some}" if some else f"{seen['broken']} fail"
            bar.update(task, advance=1, broken=words if seen["broken"] else "")

        yield shown
