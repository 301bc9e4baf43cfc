"""The ways to ask from Python: ``check`` in a notebook, ``conformance`` in a suite."""

from __future__ import annotations

import contextlib
import keyword
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from lawful.impl.contracts import SEVERITIES, Adapter
from lawful.impl.faulty import faults
from lawful.impl.shown import FUTURE, Definitions, in_one_line
from lawful.properties import twin
from lawful.properties.harness.cases import Case, cases
from lawful.properties.harness.diagnosing import diagnosed, said
from lawful.properties.harness.findings import Finding, findings, proven
from lawful.properties.harness.identity import defined, import_root
from lawful.properties.harness.known import read_known, unmatched, with_known
from lawful.properties.harness.lawtest import LawTest
from lawful.properties.harness.plan import Plan
from lawful.properties.harness.profiles import PROFILES, Profile, database_of
from lawful.properties.harness.proof import Ended, Prover, run_here
from lawful.properties.harness.report import Implementation, Report, Result
from lawful.properties.harness.understanding import understand_target
from lawful.properties.harness.understanding.signature import defined_as
from lawful.properties.harness.understanding.targets import Found, Raising, UsageError, find, raising_of
from lawful.properties.harness.understanding.trials import RaisesOnEveryCall
from lawful.properties.registry import DEVICES, did_you_mean, find_law, written_techniques
from lawful.properties.subjects import subject_class
from lawful.properties.subjects.program import import_lines
from lawful.properties.subjects.subject import LATE, NO_SOURCE, Subject, silence
from lawful.properties.tolerances import UNIT_ROUNDOFF

Target = Any


def check(
    target: Target,
    *,
    technique: str | None = None,
    profile: str = "quick",
    seed: int = 0,
    device: str = "auto",
    dtypes: list[str] | None = None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    require: Mapping[str, str] | None = None,
    fail_on: str = "wrong",
    known: str | None = None,
) -> Report:
    """Tests an implementation against the laws in this process, and returns a report that can be printed.

    ``target``: a class or function, an adapter of ``lawful.impl.contracts``, or text as on the
    command line. The other arguments are those of ``lawful check``; ``known`` names a file of known
    failures (by default those in the ``pyproject.toml`` of this folder). If the code hangs or kills its
    process, this process hangs or dies too; ``lawful check`` runs it in another one.

    >>> from lawful.impl.native import LabelSmoothedCrossEntropy
    >>> report = check(LabelSmoothedCrossEntropy, only=["shift_invariant"])
    >>> report.counts()["broken"]
    0

    Raises UsageError for an argument with a wrong value, and NotUnderstood if we cannot call the target.
    """
    named = [target] if isinstance(target, str) else [getattr(target, "__name__", "")]
    plan = Plan(
        named,
        technique=technique,
        device=device,
        dtypes=dtypes,
        profile=profile,
        seed=seed,
        only=only,
        require=dict(require or {}),
        skip=skip,
        known=known,
        fail_on=fail_on,
    )
    return _asked(plan, _found(target, technique, plan.require))


def check_subject(subject: Subject, *, profile: str, seed: int) -> Report:
    """As :func:`check`, for code that is understood already, on the CPU."""
    plan = Plan([], technique=subject.technique, device="cpu", profile=profile, seed=seed)
    return _asked(plan, Found([subject]))


def _asked(plan: Plan, found: Found) -> Report:
    started = time.monotonic()
    report, planned = plan_report(plan, found)
    rows, readings = said(planned, Asked(planned, plan).rows(planned))
    # a law that was asked only to decide about others is told where it does
    on_demand = {(case.subject.adapter.name, case.law.name) for case in planned if case.on_demand}
    on_demand -= {(row.implementation, row.property) for row in rows if row.verdict == "broken"}
    rows = [row for row in rows if (row.implementation, row.property) not in on_demand]
    report.results = [*_proven(report.results, plan, {}), *rows]
    report.implementations = [each.with_reading(readings) for each in report.implementations]
    report.seconds = time.monotonic() - started
    return report


_PROVER = Prover()


def _proven(rows: list[Result], plan: Plan, builds: Mapping[str, Any]) -> list[Result]:
    """After the programs of their findings were run. ``builds``: of implementations, by name."""

    def run(row: Result) -> Ended:
        assert row.reproduce is not None
        if NO_SOURCE in row.reproduce:
            with silence():
                return run_here(row.reproduce, builds[row.implementation])
        return _PROVER.prove(row.reproduce, plan.folder)

    return proven(rows, run, everything=plan.profile == "deep")


@dataclass
class Asked:
    """The cases of a target, each asked once, when its result is wanted: by ``check``, or by a test."""

    planned: list[Case]
    plan: Plan
    _results: dict[str, Result] = field(default_factory=dict)
    """By case id."""
    _tests: dict[str, tuple[LawTest, Callable[[Case], None]]] = field(default_factory=dict)

    def result(self, case: Case, function: Callable[[Case], None] | None = None) -> Result:
        """``function``: the law's Hypothesis test, where there is one."""
        if case.id not in self._results:
            if case.law.id not in self._tests:
                test = LawTest(case.law, PROFILES[self.plan.profile], self.plan.seed)
                self._tests[case.law.id] = (test, test.function())
            test, own = self._tests[case.law.id]
            if function is not None:
                test, own = function.law_test, function  # type: ignore[attr-defined]
            with silence():
                self._results[case.id] = test.run(case, own)
        return self._results[case.id]

    def rows(self, cases: Iterable[Case]) -> list[Result]:
        """Their results, after the programs of their findings were run."""
        cases = self._with_what_decides(list(cases))
        builds = {case.subject.adapter.name: case.subject.adapter.build for case in cases}
        rows = _proven([self.result(case) for case in cases], self.plan, builds)
        self._results |= {case.id: row for case, row in zip(cases, rows, strict=True)}
        return rows

    def _with_what_decides(self, cases: list[Case]) -> list[Case]:
        """These; and on demand, where one of them broke, the cases of the laws on which it rests."""
        chosen = [case for case in cases if not case.on_demand]
        while True:
            asked = {(case.subject.adapter.name, case.law.id) for case in chosen}
            wanted = {
                (case.subject.adapter.name, f"{case.law.technique}.{name}")
                for case in chosen
                if self.result(case).verdict == "broken"
                for name in case.law.rests_on
            }
            more = [
                case
                for case in self.planned
                if case.on_demand and (case.subject.adapter.name, case.law.id) in wanted - asked
            ]
            if not more:
                return chosen
            chosen += more

    def left_out(self, law: str) -> bool:
        """Whether a law is no test of its own, but asked only to decide about others."""
        return any(case.on_demand for case in self.planned if case.law.name == law)

    def finding(self, case: Case) -> tuple[Result, Finding | None]:
        """The result of a case, and the finding to which it belongs: what decides about it is asked too."""
        self.result(case)
        laws, left = set(), [case.law.name]
        while left:
            name = left.pop()
            if name not in laws:
                laws.add(name)
                left += find_law(name, case.law.technique).rests_on
        own = self._with_what_decides(
            [
                each
                for each in self.planned
                if each.law.name in laws and each.subject.adapter is case.subject.adapter
            ]
        )
        rows = self.rows(own)
        row = self._results[case.id]
        mine = self._of(case, row, rows)
        decides = mine is not None and (mine.rows[0] is row or self.left_out(mine.property))
        if mine is not None and decides and mine.diagnosis is None:
            rows = diagnosed(case.subject, rows)
            self._results |= {each.id: told for each, told in zip(own, rows, strict=True)}
            row = self._results[case.id]
            mine = self._of(case, row, rows)
        return row, mine

    def _of(self, case: Case, row: Result, rows: list[Result]) -> Finding | None:
        found = findings(rows)
        return next((each for each in found if row in each.rows or case.law.name in each.also), None)


def conformance(
    target: Target,
    *,
    technique: str | None = None,
    profile: str = "standard",
    seed: int = 0,
    device: str = "auto",
    dtypes: list[str] | None = None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    require: Mapping[str, str] | None = None,
    fail_on: str = "wrong",
    known: str | None = None,
) -> type:
    """A test class for your own suite. A law is one Hypothesis test, with a case for each device and dtype.

        TestSmoothCE = conformance(SmoothCE, technique="label_smoothing")

    Arguments and errors as for :func:`check`.
    """
    named = [target] if isinstance(target, str) else [getattr(target, "__name__", "")]
    plan = Plan(
        named,
        technique=technique,
        device=device,
        dtypes=dtypes,
        profile=profile,
        seed=seed,
        only=only,
        require=dict(require or {}),
        skip=skip,
        known=known,
        fail_on=fail_on,
    )
    report, planned = plan_report(plan, _found(target, technique, plan.require))
    members: dict[str, Any] = {
        f"test_{function.law_test.law.name}": staticmethod(function)
        for function in _tests(planned, plan, fail_on)
    }
    for row in report.results:
        members[f"test_{row.property.replace(' ', '_').replace('=', '_')}"] = staticmethod(
            _requirement_test(row)
        )
    name = report.implementations[0].name if report.implementations else "Nothing"
    return type(f"Test{name}", (), {"__test__": True, "__doc__": f"Laws for {name}.", **members})


def profile_of(plan: Plan) -> Profile:
    profile = PROFILES[plan.profile]
    return replace(profile, time_limit=plan.time_limit or profile.time_limit, database=plan.database)


def find_all(plan: Plan, unknown: bool = False) -> Found:
    twin.registered()
    everything = Found()
    for target in plan.targets:
        found = find(target, plan.technique, unknown)
        found.subjects = [replace(subject, base=plan.folder) for subject in found.subjects]
        everything.subjects += found.subjects
        everything.notes += found.notes
        everything.raising += found.raising
    return everything


def plan_report(plan: Plan, found: Found) -> tuple[Report, list[Case]]:
    """What will be asked: the report with its requirements answered, and the cases.

    Raises UsageError.
    """
    for option, names in (("only", plan.only or []), ("skip", plan.skip or [])):
        for name in names:
            try:
                find_law(name, plan.technique)
            except KeyError as error:
                place = f"{plan.said_in[option]}: " if option in plan.said_in else ""
                raise UsageError(f"{place}{error.args[0]}") from error
    for dtype in plan.dtypes or []:
        if dtype not in UNIT_ROUNDOFF:
            raise UsageError(did_you_mean("dtype", dtype, list(UNIT_ROUNDOFF)))
    if plan.profile not in PROFILES:
        raise UsageError(did_you_mean("profile", plan.profile, list(PROFILES)))
    if plan.database is not None:
        if PROFILES[plan.profile].repeatable:
            raise UsageError(f"database is {plan.database!r}, which the deep profile alone keeps examples in")
        try:
            database_of(plan.database)
        except ValueError as error:
            raise UsageError(str(error)) from error
    if plan.fail_on not in SEVERITIES:
        raise UsageError(did_you_mean("severity", plan.fail_on, list(SEVERITIES)))
    devices, notes = available_devices(plan.device)
    known = read_known(plan.known, plan.writes_known)
    report = Report(plan.profile, plan.seed, [], notes=[*found.notes, *notes], fail_on=plan.fail_on)
    planned: list[Case] = []
    for raising in found.raising:
        report.implementations.append(
            Implementation(raising.name, raising.technique, None, "", {}, target=raising.found_as)
        )
        report.results.append(_raising_row(raising, plan.folder))
    for subject in found.subjects:
        subject = with_known(subject, known)
        adapter = subject.adapter
        report.implementations.append(
            Implementation(
                adapter.name,
                adapter.technique,
                adapter.version(),
                called_as(subject),
                dict(subject.conventions),
                target=subject.found_as,
                identity=subject.identities[0].shown(plan.folder) if subject.identities else adapter.name,
                defined_at=next(
                    filter(None, (i.place(plan.folder) for i in reversed(subject.identities))), ""
                ),
                remarks=tuple(subject.remarks()),
            )
        )
        required = {k: v for k, v in plan.require.items() if k in subject.convention_values}
        for late in set(LATE) & required.keys():
            if (value := subject.late(late)) is not None:
                subject.conventions = {**subject.conventions, late: value}
        report.results += requirement_rows(subject, required)
        try:
            planned += cases(
                subject.requiring(required),
                devices=devices,
                dtypes=plan.dtypes,
                sampled=("twin",) if plan.device == "auto" else (),
                only=plan.only,
                skip=plan.skip,
                deciding=True,
            )
        except ValueError as error:
            raise UsageError(str(error)) from error
    report.notes += unmatched(known, found.subjects, planned, narrowed=bool(plan.only or plan.skip))
    report.laws = {
        law.id: {
            "formula": law.formula,
            "why": law.why,
            "source": law.source,
            "severity": law.severity,
            "catches": ", ".join(f.id for f in faults(law.technique) if law.name in f.caught_by),
        }
        for law in {case.law.id: case.law for case in planned}.values()
    }
    return report, planned


def _raising_row(raising: Raising, base: str) -> Result:
    """Of code that ends in an error of its own on every call: broken, with the program of one call."""
    told = [line for line in raising.lines if line not in ("import torch", FUTURE)]
    start = [f"# {raising.message.splitlines()[0]}", FUTURE, *import_lines(raising.folders, base)]
    return Result(
        raising.name,
        "runs",
        "cpu",
        "float32",
        "broken",
        examples=1,
        technique=raising.technique,
        message=raising.message,
        reproduce="\n".join([*start, "import torch", *told]) + "\n",
        fails_with=raising.fails_with,
    )


def available_devices(wanted: str) -> tuple[list[str], list[str]]:
    """The devices to ask on, and a note on those that are not there. ``wanted``: auto, or some with commas.
    Raises UsageError."""
    names = ["cuda" if name == "gpu" else name for name in re.split(r"\s*,\s*", wanted.strip())]
    for name in names:
        if name not in ("auto", *DEVICES):
            raise UsageError(did_you_mean("device", name, ["auto", *DEVICES]))
    there = {
        "cpu": True,
        "twin": bool({"auto", "twin"} & set(names)) and twin.known_absence() is None,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if "auto" in names:
        absent = [name for name, here in there.items() if not here]
        notes = [f"not tested: {', '.join(absent)} (not on this machine)"] if absent else []
        if twin.known_absence():
            notes.append(f"the stand-in accelerator, twin, is not there: {twin.known_absence()}")
        return [name for name, here in there.items() if here], notes
    notes = []
    if "twin" in names and twin.known_absence():
        notes.append(f"not tested: twin, the stand-in accelerator ({twin.known_absence()})")
    for name in names:
        if not there[name] and name != "twin":
            raise UsageError(
                f"device is {name!r}, which torch {torch.__version__} does not see here; "
                "--device auto asks on what is there"
            )
    return [name for name in there if name in names and there[name]], notes


def requirement_rows(subject: Subject, required: Mapping[str, str]) -> list[Result]:
    rows = []
    for convention, value in required.items():
        detected = subject.conventions.get(convention, "not detected")
        met = detected == value
        rows.append(
            Result(
                subject.adapter.name,
                f"require {convention}={value}",
                "cpu",
                "float32",
                "holds" if met else "broken",
                examples=1,
                technique=subject.technique,
                message=None if met else f"{convention} is {detected}, and {value} is required",
            )
        )
    return rows


def called_as(subject: Subject) -> str:
    """One line that says how the implementation is called."""
    text = (
        subject.adapter.shown_as
        or subject.adapter.called_as
        or in_one_line(subject.adapter.build)
        or f"{subject.adapter.name}, through its adapter"
    )
    text = re.sub(r"\{(\w+)\}", r"\1", text.replace("{features}", ""))
    named = sorted(subject.features & set(subject.adapter.features))
    return text + (f"  (offers {', '.join(named)})" if named else "")


def _found(target: Target, technique: str | None, required: Mapping[str, str]) -> Found:
    twin.why_absent()  # here, and not when it is first asked: this process may have gone backward
    if isinstance(target, str):
        found = find(target, technique)
    elif not isinstance(target, Adapter) and not callable(target):
        raise UsageError(f"target is {target!r}, expected a class, a function or an adapter")
    else:
        name, module = defined_as(target)
        name = _identifier(name)
        try:
            with silence():
                subject = understand_target(target, name, module, technique)
            found = Found([_placed(subject, target, name, module)])
        except RaisesOnEveryCall as error:
            folder = import_root(module)
            found = Found(raising=[raising_of(error, name, "", (folder,) if folder else ())])
    check_required(required, convention_values(found.subjects))
    return found


def _placed(subject: Subject, target: Target, name: str, module: str) -> Subject:
    """With what a program needs to find it: the folder of its module, or its definition."""
    identity, folder = defined(target), import_root(module)
    adapter, line = subject.adapter, f"from {module} import {name}"
    if module == "__main__" and line in adapter.imports:  # a script, or a notebook's cell
        defining = Definitions()
        with contextlib.suppress(TypeError):
            defining.add(name, target)
            adapter = replace(adapter, imports=adapter.imports.replace(line, "\n".join(defining.lines)))
    return replace(
        subject,
        adapter=adapter,
        identities=(identity,) if identity else (),
        folders=(folder,) if folder else (),
    )


def _identifier(name: str) -> str:
    """A name that source can use: a lambda has none of its own."""
    plain = re.sub(r"\W", "", name) or "target"
    return f"{plain}_" if keyword.iskeyword(plain) else plain


def _tests(planned: list[Case], plan: Plan, fail_on: str) -> list[Any]:
    profile, asked = PROFILES[plan.profile], Asked(planned, plan)
    by_law: dict[str, list[Case]] = {}
    for case in planned:
        if case.on_demand:
            continue
        by_law.setdefault(case.law.id, []).append(case)
    import pytest

    tests = []
    for group in by_law.values():
        function: Any = LawTest(group[0].law, profile, plan.seed, fail_on=fail_on).function()
        function.asked = asked
        parameters = [pytest.param(case, id=case.group, marks=_marks(case, profile)) for case in group]
        tests.append(pytest.mark.parametrize("case", parameters)(function))
    return tests


def _marks(case: Case, profile: Profile) -> list[Any]:
    """A time limit; and one worker a device, as a device-side assertion ruins the CUDA context."""
    import pytest

    marks = [pytest.mark.timeout(profile.time_limit)]
    if case.subject.device not in ("cpu", twin.NAME):
        marks += [pytest.mark.accelerator, pytest.mark.xdist_group(case.subject.device)]
    return marks


def _requirement_test(row: Result) -> Callable[[], None]:
    def test() -> None:
        if row.verdict != "holds":
            import pytest

            pytest.fail(row.message or "", pytrace=False)

    return test


def convention_values(subjects: Iterable[Subject]) -> dict[str, tuple[str, ...]]:
    """The conventions of the techniques of these subjects, with their values."""
    return {name: values for each in subjects for name, values in each.convention_values.items()}


def check_required(required: Mapping[str, str], known: Mapping[str, tuple[str, ...]]) -> None:
    """Raises UsageError for a requirement that names no convention, or no value of it."""
    for convention, value in required.items() if known else ():
        if convention not in known:
            raise UsageError(_no_convention(convention, known))
        if value not in known[convention]:
            raise UsageError(
                f"{convention} is required to be {value!r}, expected {' or '.join(known[convention])}"
            )


def _no_convention(name: str, known: Mapping[str, tuple[str, ...]]) -> str:
    """That there is no such convention, and of which it is a value, if of any."""
    holders = [
        (technique, convention)
        for technique in written_techniques()
        for convention, values in subject_class(technique).convention_values.items()
        if name in values
    ]
    if not holders:
        return f"{did_you_mean('convention', name, list(known))}; `lawful conventions` lists all"
    technique, convention = next((each for each in holders if each[1] in known), holders[0])
    return f"no convention {name!r}: it is a value of {convention} of {technique}, as in {convention}={name}"
