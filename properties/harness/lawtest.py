"""Asks one law of one implementation, and says how it came out: a case in, a result out.

Where a law breaks, the first gate is here: only what breaks on ordinary input, and by more than rounding, is
``wrong``. Hypothesis goes on to look for such an example, and the smallest of those is shown.
"""

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
from lawful.properties.harness.cases import Case, why_unsupported
from lawful.properties.harness.clock import alarm
from lawful.properties.harness.profiles import Profile, modules_that_fail_passed_over, seed_of
from lawful.properties.harness.questions import generators_kept, questions
from lawful.properties.harness.report import NOT_ALWAYS, Result
from lawful.properties.ordinary import ORDINARY, loud, material, matters
from lawful.properties.registry import Law, to_plain
from lawful.properties.subjects.failures import (
    Endless,
    LawBroken,
    NotAsked,
    OutOfSight,
    Raised,
    Unasked,
    first_line,
)
from lawful.properties.subjects.program import Untold
from lawful.properties.subjects.subject import Answer, compared, global_state_kept

_SAMPLE = 10
"""On a sampled device, one in so many of a law's examples, and two at least."""
_LOOK_ON = 1_000_003
"""Added to the seed where other examples are looked for, as those asked are no ordinary ones."""
Failure = tuple[dict[str, Any], list[Answer], BaseException]
"""What was drawn, the calls, and the error."""


@dataclass
class Record:
    """What one case was asked so far."""

    attempts: int = 0
    completed: int = 0
    unasked: int = 0
    """Examples that are no question for this implementation."""
    hidden: str = ""
    """Why an instrument of ours did not see what the law is about, or why an error is not the code's own."""
    failing: Failure | None = None
    """Of the last failure, which is the smallest once Hypothesis is done."""
    immaterial: Failure | None = None
    """Of the last failure that does not matter, where only those that do are looked for."""


@dataclass
class LawTest:
    """A law as a Hypothesis test that takes a case: what pytest collects, and what ``check`` calls."""

    law: Law
    profile: Profile
    seed: int
    record: Record = field(default_factory=Record)
    fail_on: str = "wrong"
    """What is less severe is expected to fail, where this is a test of somebody's suite."""
    mattering: bool = False
    """Whether only what matters is a failure: see ``properties.ordinary``."""
    example_limit: float | None = None
    """Seconds for one example, where this process may use the alarm clock."""

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
            return replace(self, profile=sample, record=Record()).run(replace(case, sampled=False))
        started = time.perf_counter()
        self.record = Record()
        case.subject.worst_error = 0.0
        function = function or self.function()
        with case.subject.imports, global_state_kept(), warnings.catch_warnings():
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
            found = self._looked_through(case)
            if found == "holds":
                return self._asked_enough()
            if found == "endless":
                return self._broken(case, prefix)
            return self._smallest(case, function, found, prefix)
        except errors.Unsatisfiable:
            return {"verdict": "error", "message": "asked nothing: no example could be drawn"}
        except Exception as error:
            return {"verdict": "error", "message": f"the law itself failed: {first_line(error)}"}

    def _looked_through(self, case: Case) -> str:
        """All questions, asked one by one: the law "holds", or "breaks" where it does not matter, or some
        failure "matters"; "endless" where there was no answer. "unsure": Hypothesis is to ask."""
        if not self.profile.repeatable:
            return "unsure"
        found = "holds"
        asked, self.record.attempts = questions(self.law, self.profile, self.seed)
        with generators_kept() as restart:
            for drawn in asked:
                restart()
                try:
                    self.ask(case, drawn)
                except (LawBroken, Raised) as error:
                    if isinstance(getattr(error, "error", None), Endless):
                        return "endless"
                    if self._matters(case, error):
                        return "matters"
                    found = "breaks"
        return found

    def _smallest(
        self, case: Case, function: Callable[[Case], None], found: str, prefix: str
    ) -> dict[str, Any]:
        """The smallest example that breaks the law: of those that matter, if there is one."""
        wrong, seen, asking = case.severity == "wrong", self.record.failing, self
        if found == "breaks" and wrong and self.law.drawn:
            asking = replace(self, seed=self.seed + _LOOK_ON, profile=replace(self.profile, boundary=False))
            asking.record, asking.mattering = Record(), True
            others = asking.function()
            if asking._fails(case, others):
                found, seen, function = "matters", asking.record.failing, others
            else:
                asking = self
        demoted = wrong and found == "breaks"
        if not self.profile.shrinks and seen is not None:
            self.record.failing = seen
            return self._told(case, prefix, demoted)
        asking.mattering = wrong and not demoted
        asking.record, case.subject.worst_error = Record(), 0.0
        fails = asking._fails(case, function)
        self.record, self.mattering = asking.record, False
        if not fails and found == "unsure" and self.record.immaterial is not None:
            self.record.failing, demoted, fails = self.record.immaterial, True, True
        if fails:
            self._shrink(case, wrong and not demoted)
            return self._told(case, prefix, demoted)
        if seen is not None:
            self.record.failing = seen
            return self._told(case, prefix, demoted, NOT_ALWAYS)
        return self._asked_enough()

    def _fails(self, case: Case, function: Callable[[Case], None]) -> bool:
        """Whether Hypothesis finds an example; it is in the record then."""
        try:
            with contextlib.nullcontext() if self.profile.repeatable else modules_that_fail_passed_over():
                function(case)
        except (LawBroken, Raised):
            return True
        except errors.Flaky:
            return self.record.failing is not None
        return False

    def _told(self, case: Case, prefix: str, demoted: bool, suffix: str = "") -> dict[str, Any]:
        assert self.record.failing is not None
        error = self.record.failing[2]
        if case.subject.device == twin.NAME and (how := case.subject.asks_for_cuda(error)):
            return {"verdict": "unsupported", "message": f"asks for CUDA by name ({how}): no twin for it"}
        if prefix and isinstance(error, Raised):  # it was not ignored, but refused
            feature = next(name for name in self.law.needs if name not in case.subject.features)
            return {"verdict": "unsupported", "message": f"no {feature}, refused: {error}"}
        details = self._broken(case, prefix, suffix)
        if demoted:
            still = self._still(case, error)
            details |= {"severity": "edge", "message": f"{details['message']}; {still}"}
        return details

    def _still(self, case: Case, error: BaseException) -> str:
        """What is right all the same, where no example is both ordinary and far off."""
        ordinary = ORDINARY[self.law.technique]
        if isinstance(error, LawBroken) and error.slight:
            return error.slight
        assert self.record.failing is not None
        if loud([answer.asked for answer in self.record.failing[1] if answer.asked], error):
            return "it raises where a single sample counts, and holds on ordinary batches"
        if material(error, case.subject.precision, ordinary.by_entry):
            return f"it holds on ordinary input: {ordinary.words}"
        return f"right to 3 digits on ordinary input: {ordinary.words}"

    def _matters(self, case: Case, error: BaseException) -> bool:
        """Whether a failure counts as it is; what is less than wrong is an edge, or bad input, anyhow."""
        if case.severity != "wrong":
            return True
        subject = case.subject
        asked = [answer.asked for answer in subject.answers if answer.asked]
        return matters(self.law.technique, subject.precision, asked, error)

    def _asked_enough(self) -> dict[str, Any]:
        """It holds, unless there was next to nothing to ask."""
        if self.record.unasked and not self.record.completed:
            why = self.record.hidden or "no question for it: it defines no answer there"
            return {"verdict": "unsupported", "message": why}
        explicit = len(self.law.boundary_examples()) if self.profile.boundary else 0
        completed = self.record.completed + self.record.unasked - explicit
        if 2 * completed < self.record.attempts:
            return {
                "verdict": "error",
                "message": f"asked nothing: of {self.record.attempts} examples drawn "
                f"{completed} were completed",
            }
        return {"verdict": "holds"}

    def _shrink(self, case: Case, mattering: bool) -> None:
        """An example of the boundary phase is not always minimal: the random phase may find a smaller one."""
        if self.record.attempts or not self.law.drawn or self.law.most_examples is not None:
            return
        found = self.record.failing
        assert found is not None
        test = replace(
            self, profile=replace(self.profile, boundary=False), record=Record(), mattering=mattering
        )
        with contextlib.suppress(errors.HypothesisException):
            test._fails(case, test.function())
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
                with alarm(self.example_limit):
                    self.law.body(subject, **drawn)
            except Unasked:
                self.record.unasked += 1
                return
            except OutOfSight as hidden:
                self.record.unasked += 1
                self.record.hidden = str(hidden)
                return
            except (LawBroken, Raised) as error:
                if isinstance(error, Raised) and (why := subject.not_its_doing(error.error)):
                    self.record.unasked += 1
                    self.record.hidden = why
                    return
                failure = (drawn, list(subject.answers), error)
                if self.mattering and not self._matters(case, error):
                    self.record.immaterial = failure
                    return
                self.record.failing = failure
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
            **self._programs(case, answers, error),
            "fails_with": error.fails_with if isinstance(error, Raised) else "AssertionError",
        }

    def _programs(self, case: Case, answers: list[Answer], error: BaseException) -> dict[str, str | None]:
        """A program of the calls that were compared, and one of all calls where that is another. None where
        none can be told: then nothing is proven."""
        headline = f"{self.law.id}: {self.law.formula}"
        try:
            whole = case.subject.program(answers, error, headline)
            short = case.subject.program(compared(answers, error), error, headline)
        except (Untold, TypeError, SyntaxError):
            return {"reproduce": None}
        return {"reproduce": short, "whole": whole if whole != short else None}

    def _attempted(self) -> None:
        self.record.attempts += 1


def _size(drawn: dict[str, Any]) -> tuple[int, str]:
    text = str({name: to_plain(value) for name, value in drawn.items()})
    return len(text), text
