"""The other side of ``processes``: a child that does what it is told, one thing after another.

Children are forked from a server that has imported this module, and torch with it, once. What a child is
told may be somebody else's code: it can exit, hang or die, and takes nothing else along.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from lawful.properties import twin
from lawful.properties.harness.api import check_required, convention_values, find_all, plan_report, profile_of
from lawful.properties.harness.cases import Case
from lawful.properties.harness.children import Limits
from lawful.properties.harness.diagnosing import said
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.plan import Plan
from lawful.properties.harness.profiles import Profile
from lawful.properties.harness.proof import run_apart
from lawful.properties.harness.replay import replayed
from lawful.properties.harness.report import Readings, Result
from lawful.properties.harness.understanding.adapt import adapted
from lawful.properties.harness.understanding.targets import UsageError
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import silence

twin.registered()  # once, for all that are forked


def serve(tasks: Connection, folder: str, log: Path, limits: Limits | None = None) -> None:
    """Until the other end is closed: a name and arguments in, ("done", answer) or ("refused", why) out."""
    if hasattr(os, "setsid"):  # a group of its own, which is ended with it: Windows has none
        os.setsid()
    if limits:
        _limit(limits)
        os.chdir(folder)
    with log.open("a", encoding="utf-8") as said:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.path.insert(0, folder)
    torch.set_num_threads(1)
    while True:
        try:
            name, arguments = tasks.recv()
        except EOFError:
            return
        try:
            answer: tuple[str, Any] = ("done", _WORK[name](*arguments))
        except UsageError as error:
            answer = ("refused", str(error))
        except NotUnderstood as error:
            answer = ("not understood", f"not understood\n{error}")
        tasks.send(answer)


def _limit(limits: Limits) -> None:
    """Before anything of a target is imported, and as far as the system can: macOS refuses a limit of memory,
    and Windows has none of these."""
    os.environ["MPLBACKEND"] = "Agg"
    try:
        import resource
    except ImportError:
        return
    for limit, most in (
        (resource.RLIMIT_AS, limits.memory * 2**20),
        (resource.RLIMIT_FSIZE, limits.largest_file * 2**20),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


_MANY = 100
"""More than any law has whose examples take long."""
_planned: dict[str, tuple[Plan, dict[str, Case], dict[str, tuple[LawTest, Any]]]] = {}
"""By target: the cases that were understood here, and the laws as tests."""


def understand(plan: Plan, target: str, unknown: bool = False) -> dict[str, Any]:
    """Can the target be called, and which cases will be asked of it? ``unknown``: nobody has looked at it."""
    plan = replace(plan, targets=[target])
    found = find_all(plan, unknown)
    report, cases = plan_report(plan, found)
    _planned[target] = (plan, {case.id: case for case in cases}, {})
    return {
        "implementations": [asdict(each) for each in report.implementations],
        "requirements": [asdict(row) for row in report.results],
        "notes": report.notes,
        "conventions": convention_values(found.subjects),
        "time_limit": profile_of(plan).time_limit,
        "laws": report.laws,
        "cases": {case.id: asdict(case.result("error")) for case in cases},
        "on_demand": [case.id for case in cases if case.on_demand],
        "examples": {case.law.name: case.law.most_examples or _MANY for case in cases},
    }


def picture(plan: Plan, target: str) -> list[tuple[str, str, dict[str, Any]]]:
    """The numbers that a page draws, by name and technique of an implementation."""
    from lawful.properties.pictured import pictured

    if target not in _planned:
        understand(plan, target)
    subjects = {id(case.subject.adapter): case.subject for case in _planned[target][1].values()}
    with silence():
        return [(each.adapter.name, each.technique, pictured(each)) for each in subjects.values()]


def ask(plan: Plan, target: str, case_id: str) -> dict[str, Any]:
    """One case's result; its target is understood first where that was done elsewhere."""
    if target not in _planned:
        understand(plan, target)
    plan, cases, tests = _planned[target]
    case = cases[case_id]
    if case.law.id not in tests:
        profile = profile_of(plan)
        test = LawTest(case.law, profile, plan.seed, example_limit=_example_limit(profile))
        tests[case.law.id] = (test, test.function())
    test, function = tests[case.law.id]
    with silence():
        return asdict(test.run(case, function))


def tell(plan: Plan, target: str, rows: list[Result]) -> tuple[list[Result], Readings]:
    """The rows of a target, whose findings say why they are there; and what its implementations compute."""
    if target not in _planned:
        understand(plan, target)
    return said(_planned[target][1].values(), rows)


def _example_limit(profile: Profile) -> float | None:
    """Half of a case's time: what gives no answer is found with the example that it was asked."""
    return profile.time_limit / 2 if hasattr(signal, "setitimer") else None


_WORK: dict[str, Callable[..., Any]] = {
    "prove": run_apart,
    "understand": understand,
    "require": check_required,
    "picture": picture,
    "ask": ask,
    "tell": tell,
    "adapt": adapted,
    "replay": replayed,
}
