"""Asks one law of one implementation, and says how it came out: a case in, a result out."""

from __future__ import annotations

import contextlib
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import errors, example, given, seed, target
from hypothesis import strategies as st

from lawful.impl.contracts import Deviation
from lawful.properties import twin
from lawful.properties.harness.profiles import Profile, modules_that_fail_passed_over, seed_of
from lawful.properties.harness.questions import generators_kept, questions
from lawful.properties.harness.report import NOT_ALWAYS, Result
from lawful.properties.registry import Law, did_you_mean, find_law, laws_of, to_plain
from lawful.properties.subjects.subject import (
    Answer,
    LawBroken,
    NotAsked,
    Raised,
    Subject,
    Unasked,
    first_line,
    global_state_kept,
)


@dataclass(frozen=True, repr=False)
class Case:
    """One implementation x property x device x dtype."""

    law: Law
    subject: Subject
    skipped: bool = False
    """By request."""
    sampled: bool = False
    """Asked a few random examples only: the device stands in for another, and the CPU is asked them all."""

    def __repr__(self) -> str:
        return self.id

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis prints its arguments for every explicit example: a name will do."""
        printer.text(self.id)

    @property
    def group(self) -> str:
        """The parameter's id: ``timm-cpu-float32``."""
        return f"{self.subject.adapter.name}-{self.subject.device}-{self.subject.dtype}"

    @property
    def id(self) -> str:
        return f"{self.law.id}[{self.group}]"

    @property
    def severity(self) -> str:
        """The law's. What is asked of a feature that nobody promised is whether bad input is refused."""
        if any(feature not in self.subject.features for feature in self.law.needs):
            return "guard"
        return self.law.severity_in(self.subject.dtype)

    def result(self, verdict: str, **details: Any) -> Result:
        subject = self.subject
        where = (subject.adapter.name, self.law.name, subject.device, subject.dtype)
        given = {"technique": self.law.technique, "severity": self.severity, "rests_on": self.law.rests_on}
        return Result(*where, verdict, **{**given, **details})


_SAMPLE = 10
"""On a sampled device, one in so many of a law's examples, and two at least."""


@dataclass
class Record:
    """What one case was asked so far."""

    attempts: int = 0
    completed: int = 0
    unasked: int = 0
    """Examples that are no question for this implementation."""
    failing: tuple[dict[str, Any], list[Answer], BaseException] | None = None
    """Of the last failure, which is the smallest once Hypothesis is done."""


@dataclass
class LawTest:
    """A law as a Hypothesis test that takes a case: what pytest collects, and what ``check`` calls."""

    law: Law
    profile: Profile
    seed: int
    record: Record = field(default_factory=Record)
    fail_on: str = "wrong"
    """What is less severe is expected to fail, where this is a test of somebody's suite."""

    def function(self) -> Callable[[Case], None]:
        """A genuine Hypothesis test with one argument, ``case``, left for pytest to fill."""

        def body(case: Case, **drawn: Any) -> None:
            drawn.pop("attempt")
            self.ask(case, drawn)

        strategies = {name: drawn.strategy for name, drawn in self.law.drawn.items()}
        test: Any = given(attempt=st.builds(self._attempted), **strategies)(body)
        for arguments in reversed(self.law.boundary_examples()):
            test = example(attempt=None, **arguments)(test)
        test = self.profile.settings(self.law.most_examples)(test)
        if self.profile.repeatable:  # a seed of our own would switch the database off
            test = seed(seed_of(self.law.id, self.seed))(test)
        test.__name__ = test.__qualname__ = self.law.id
        test.law_test = self
        test.__test__ = True
        found: Callable[[Case], None] = test
        return found

    def run(self, case: Case, function: Callable[[Case], None] | None = None) -> Result:
        """Asks the case. Never raises, but for an interrupt from the keyboard."""
        if case.sampled:
            sample = replace(self.profile, examples=max(2, self.profile.examples // _SAMPLE), boundary=False)
            return LawTest(self.law, sample, self.seed).run(replace(case, sampled=False))
        started = time.perf_counter()
        self.record = Record()
        case.subject.worst_error = 0.0
        function = function or self.function()
        with global_state_kept(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                details = self._verdict(case, function)
            except NotAsked as error:
                details = {"verdict": "error", "message": str(error)}
        details.setdefault("examples", self.record.completed)
        worst = case.subject.worst_error if self.record.completed else None
        return case.result(
            details.pop("verdict"),
            **{"worst_error": worst, **details},
            conventions=dict(case.subject.found_late),
            seconds=round(time.perf_counter() - started, 4),
        )

    def _verdict(self, case: Case, function: Callable[[Case], None]) -> dict[str, Any]:
        reason, prefix = why_unsupported(case)
        if self.law.dear and not self.profile.asks_dear and not reason:
            reason = "not asked in the quick profile: it takes seconds to begin"
        if reason:
            return {"verdict": "unsupported", "message": reason}
        for deviation in case.subject.adapter.deviations:
            if deviation.covers(self.law.name, case.subject.device, case.subject.dtype):
                return self._replay(case, deviation)
        try:
            if self._holds_of_all(case):
                return self._asked_enough()
            seen = self.record.failing
            if seen is not None and not self.profile.shrinks:
                raise seen[2]
            self.record, case.subject.worst_error = Record(), 0.0
            with contextlib.nullcontext() if self.profile.repeatable else modules_that_fail_passed_over():
                function(case)
            if seen is not None:
                self.record.failing = seen
                return self._broken(case, prefix, NOT_ALWAYS)
        except errors.Unsatisfiable:
            return {"verdict": "error", "message": "asked nothing: no example could be drawn"}
        except errors.Flaky as error:
            if self.record.failing is None:
                return {"verdict": "error", "message": first_line(error)}
            return self._broken(case, prefix, NOT_ALWAYS)
        except (LawBroken, Raised) as error:
            if case.subject.device == twin.NAME and (how := case.subject.asks_for_cuda(error)):
                return {"verdict": "unsupported", "message": f"asks for CUDA by name ({how}): no twin for it"}
            self._shrink(case)
            return self._broken(case, prefix)
        except Exception as error:
            return {"verdict": "error", "message": f"the law itself failed: {first_line(error)}"}
        return self._asked_enough()

    def _holds_of_all(self, case: Case) -> bool:
        """Whether it holds of all questions, asked one by one; if not so, or not sure, Hypothesis asks."""
        if not self.profile.repeatable:
            return False
        try:
            asked, self.record.attempts = questions(self.law, self.profile, self.seed)
            with generators_kept() as restart:
                for drawn in asked:
                    restart()
                    self.ask(case, drawn)
        except Exception:
            return False
        return True

    def _asked_enough(self) -> dict[str, Any]:
        """It holds, unless there was next to nothing to ask."""
        if self.record.unasked and not self.record.completed:
            return {"verdict": "unsupported", "message": "no question for it: it defines no answer there"}
        explicit = len(self.law.boundary_examples()) if self.profile.boundary else 0
        completed = self.record.completed + self.record.unasked - explicit
        if 2 * completed < self.record.attempts:
            return {
                "verdict": "error",
                "message": f"asked nothing: of {self.record.attempts} examples drawn "
                f"{completed} were completed",
            }
        return {"verdict": "holds"}

    def resting_on(self, case: Case) -> str | None:
        """Of the laws that this one rests on, the first that breaks for the same case too."""
        for name in self.law.rests_on:
            below = replace(case, law=find_law(name, self.law.technique))
            if below.subject.dtype in below.law.dtypes:
                result = LawTest(below.law, self.profile, self.seed).run(below)
                if result.verdict in ("broken", "deviates"):
                    return name
        return None

    def _shrink(self, case: Case) -> None:
        """An example of the boundary phase is not always minimal: the random phase may find a smaller one."""
        if self.record.attempts or not self.law.drawn or self.law.most_examples is not None:
            return
        if not self.profile.shrinks:
            return
        found = self.record.failing
        assert found is not None
        test = LawTest(self.law, replace(self.profile, boundary=False), self.seed)
        with contextlib.suppress(LawBroken, Raised, errors.HypothesisException):
            test.function()(case)
        smaller = test.record.failing
        if smaller is not None and _size(smaller[0]) < _size(found[0]):
            self.record.failing = smaller

    def _replay(self, case: Case, deviation: Deviation) -> dict[str, Any]:
        """The stored counterexample, first and alone."""
        try:
            self.ask(case, self.law.decode(deviation.example))
        except (LawBroken, Raised) as error:
            if re.search(deviation.message, str(error)):
                details = self._broken(case, "")
                link = f" ({deviation.link})" if deviation.link else ""
                return {
                    **details,
                    "verdict": "deviates",
                    "message": f"{deviation.reason}{link}; {error}",
                }
            details = self._broken(case, "drifted: ")
            expected = f"; the {deviation.kind} expects a failure like {deviation.message!r}"
            return {**details, "stale": True, "message": details["message"] + expected}
        return {
            "verdict": "broken",
            "stale": True,
            "message": f"{deviation.no_longer()}: the stored counterexample passes; "
            f"remove the {deviation.kind} from {deviation.where}",
            "counterexample": dict(deviation.example),
        }

    def ask(self, case: Case, drawn: dict[str, Any]) -> None:
        """One example. Raises LawBroken or Raised where the law does not hold of it."""
        subject = case.subject
        subject.begin()
        with global_state_kept(), twin.watched():
            try:
                self.law.body(subject, **drawn)
            except Unasked:
                self.record.unasked += 1
                return
            except (LawBroken, Raised) as error:
                self.record.failing = (drawn, list(subject.answers), error)
                raise
        self.record.completed += 1
        if not self.profile.repeatable:
            target(subject.worst_error)

    def _broken(self, case: Case, prefix: str, suffix: str = "") -> dict[str, Any]:
        assert self.record.failing is not None
        drawn, answers, error = self.record.failing
        ratio = getattr(error, "ratio", None)
        return {
            "verdict": "broken",
            **({} if ratio is None else {"worst_error": ratio}),
            "message": f"{prefix}{error}{suffix}",
            "counterexample": {name: to_plain(value) for name, value in drawn.items()},
            "reproduce": case.subject.snippet(answers, error, f"{self.law.id}: {self.law.formula}"),
        }

    def _attempted(self) -> None:
        self.record.attempts += 1


def _size(drawn: dict[str, Any]) -> tuple[int, str]:
    text = str({name: to_plain(value) for name, value in drawn.items()})
    return len(text), text


def why_unsupported(case: Case) -> tuple[str | None, str]:
    """The reason why a law is not asked, or what to say first where it breaks.

    An absent feature is passed anyway. Refused, it is unsupported; taken, its laws are asked.
    """
    subject, law = case.subject, case.law
    if case.skipped:
        return "skipped by request", ""
    if subject.dtype in subject.refused_dtypes and not law.even_if_refused:
        return f"refuses {subject.dtype}: {subject.refused_dtypes[subject.dtype]}", ""
    if subject.device != "cpu" and subject.adapter.arrays == "numpy":
        return "it takes NumPy arrays, which are on no device", ""
    if subject.device == twin.NAME:
        if reason := subject.not_on_the_twin:
            return f"not asked on the twin: {reason}", ""
        subject.look_at_the_twin()
    if subject.device in subject.refused_devices and not law.even_if_refused:
        return f"refuses {subject.device}: {subject.refused_devices[subject.device]}", ""
    for convention, value in law.when.items():
        allowed = (value,) if isinstance(value, str) else value
        if subject.conventions.get(convention) not in allowed:
            return f"a law only where {convention} is {' or '.join(allowed)}", ""
    prefix = ""
    for feature in law.needs:
        if feature not in subject.features:
            if feature in subject.adapter.declines:
                return f"no {feature}: {subject.adapter.declines[feature]}", ""
            refusal = subject.offers(feature)
            if refusal:
                return f"no {feature}, refused with {refusal}", ""
            prefix = f"accepted and ignored: {feature}; "
    return None, prefix


def cases(
    subject: Subject,
    *,
    devices: list[str],
    dtypes: list[str] | None = None,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    sampled: tuple[str, ...] = (),
) -> list[Case]:
    """Every case of an implementation, in a fixed order. On a ``sampled`` device in float32 alone, unless
    dtypes are asked for, and a few examples.

    Raises ValueError for a deviation that names no property or can match no case.
    """
    check_deviations(subject)
    return [
        Case(
            law,
            subject.on(device, dtype),
            skipped=bool({law.name, law.id} & set(skip or ())),
            sampled=device in sampled,
        )
        for law in laws_of(subject.technique)
        if only is None or law.name in only or law.id in only
        for device in devices
        if device in law.devices
        for dtype in law.dtypes
        if (dtypes is None or dtype in dtypes)
        if device not in sampled or _is_sampled(law, dtype)
    ]


def _is_sampled(law: Law, dtype: str) -> bool:
    """In float32; and of what takes thousands of draws, or whole tests, only what is about devices."""
    return dtype == "float32" and (law.most_examples is None or "cpu" not in law.devices)


def check_deviations(subject: Subject) -> None:
    laws = {law.name: law for law in laws_of(subject.technique)}
    for deviation in subject.adapter.deviations:
        where = f"adapter {subject.adapter.name!r}: deviation"
        law = laws.get(deviation.property)
        if law is None:
            raise ValueError(f"{where}: {did_you_mean('property', deviation.property, list(laws))}")
        if not any(
            deviation.covers(law.name, device, dtype) for device in law.devices for dtype in law.dtypes
        ):
            raise ValueError(
                f"{where} from {law.name} matches no case: it has dtypes={deviation.dtypes} and "
                f"devices={deviation.devices}, the law is asked in {law.dtypes} on {law.devices}"
            )
        law.decode(deviation.example)
        re.compile(deviation.message)
