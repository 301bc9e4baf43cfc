"""The fault of the catalogue that answers as the code does: on the failing examples, and on fresh ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lawful.impl.faulty import Fault, faults
from lawful.properties import probes, twin
from lawful.properties.reading.likeness import alike
from lawful.properties.reading.records import Broken
from lawful.properties.registry import Law, find_law
from lawful.properties.subjects.failures import LawBroken, NotAsked, Raised, Unasked, first_line
from lawful.properties.subjects.subject import Answer, Subject, global_state_kept, silence

_MORE = 6
"""Examples of a law beside those at its edges."""
_REMEMBERED = ("refusals", "taken", "found_late", "places_seen")
"""What a subject knows of its implementation from calls that laws need not make again."""
_LARGE = ("large_batches_are_no_other", "many_classes_do_not_overflow")
"""Laws of which an example is dear: asked last."""
Case = tuple[Law, str, str, Mapping[str, Any]]
"""A law, device, dtype and example."""


def answering_alike(subject: Subject, broken: Sequence[Broken]) -> Fault | None:
    """The one fault of those that break the same laws that answers as the code does; None where none does, or
    several that are not one code."""
    rows = [row for row in broken if row.counterexample is not None]
    cases = [case for row in rows if (case := _case(subject, row)) is not None]
    known = {law.name for law, *_ in cases}
    device = {row.device for row in rows}
    every = [fault for fault in faults(subject.technique) if fault.device in {"cpu", *device}]
    code = _Asked(subject)
    named = [fault for fault in every if known & set(fault.caught_by)]
    found = _alone(code, named, cases)
    if found is None and not known & set(_LARGE):  # a fault may break more laws than those it is known by
        found = _alone(code, [fault for fault in every if fault not in named], cases)
    return found


def _alone(code: _Asked, found: list[Fault], cases: list[Case]) -> Fault | None:
    """The one of these faults that answers as the code does."""
    found = _left(code, found, _spread(cases))
    known = {law.name for law, *_ in cases}
    asked: set[str] = set()
    for turn in range(2):  # the laws that broke, and then those that these faults break
        names = {name for fault in found for name in fault.caught_by} if turn else known
        fresh = sorted(_fresh(code.subject, names - asked, cases), key=_dear)
        found = _left(code, found, fresh) if found else found
        asked |= {law.name for law, *_ in fresh}
    found = [fault for fault in found if _shows(asked & set(fault.caught_by), code.broke)]
    return found[0] if len({code_of(fault) for fault in found}) == 1 else None


def _shows(laws: set[str], broke: set[str]) -> bool:
    """Whether most of the laws that a fault breaks broke: under other conventions it may be another thing."""
    return 2 * len(laws & broke) >= len(laws)


def _dear(case: Case) -> bool:
    return case[0].name in _LARGE


def _case(subject: Subject, row: Broken) -> Case | None:
    try:
        law = find_law(row.law, subject.technique)
        return law, row.device, row.dtype, law.decode(row.counterexample or {})
    except (KeyError, ValueError):
        return None


def _spread(cases: list[Case]) -> list[Case]:
    """Each law once, in the first dtype that broke it."""
    seen: dict[str, Case] = {}
    for case in cases:
        seen.setdefault(case[0].name, case)
    return sorted(seen.values(), key=_dear)


def _left(code: _Asked, found: list[Fault], cases: list[Case]) -> list[Fault]:
    for case in cases:
        if not found:
            break
        answered = code.ask(case)
        found = [fault for fault in found if alike(answered, _standing_in(fault, code.subject).ask(case))]
    return found


def code_of(fault: Fault) -> Any:
    """What a fault runs: a class that adds nothing to its base is its base."""
    code = fault.code
    while isinstance(code, type) and not {n for n in vars(code) if n not in _NOTHING}:
        code = code.__bases__[0]
    return fault.id if code is None else code


_NOTHING = ("__module__", "__doc__", "fault", "__firstlineno__", "__static_attributes__")


def _fresh(subject: Subject, names: set[str], cases: list[Case]) -> Iterator[Case]:
    """Examples of the laws that these faults break, in dtypes that the code takes."""
    dtypes = {law.name: dtype for law, _, dtype, _ in reversed(cases)}
    devices = {law.name: device for law, device, _, _ in reversed(cases)}
    for name in sorted(names):
        law = find_law(name, subject.technique)
        if law.dear or not _is_asked(law, subject):
            continue
        usual = next(
            (d for d in ("float32", *law.dtypes) if d in law.dtypes and d not in subject.refused_dtypes), None
        )
        dtype = dtypes.get(name, usual)
        if dtype is not None:
            for example in examples_of(law):
                yield law, devices.get(name, "cpu"), dtype, example


def _is_asked(law: Law, subject: Subject) -> bool:
    """Whether its features are there, and its conventions."""
    conventions = {name: (value,) if isinstance(value, str) else value for name, value in law.when.items()}
    fits = all(subject.conventions.get(name) in values for name, values in conventions.items())
    return fits and set(law.needs) <= subject.features


def examples_of(law: Law) -> list[dict[str, Any]]:
    """Those at its edges, and the edges of its arguments put together in other ways."""
    found = law.boundary_examples()
    edges = {name: each.boundary for name, each in law.drawn.items() if each.boundary}
    more = _MORE if law.most_examples is None else 0
    for turn in range(1, more + 1):
        places = {name: turn * (place + 2) for place, name in enumerate(edges)}
        found.append({name: edge[places[name] % len(edge)] for name, edge in edges.items()})
    return found or [{}]


@dataclasses.dataclass
class Answered:
    """How an example of a law came out."""

    outcome: tuple[str, str]
    """``holds``, ``broken`` and of what, ``raised`` and what, or ``not asked``."""
    answers: list[Answer]


class _Asked:
    """An implementation, asked examples of laws."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.broke: set[str] = set()
        """The laws that broke of some example."""

    def ask(self, case: Case) -> Answered:
        before = self._remembered()
        answered = self._ask(case)
        if self._remembered() != before:  # calls were made that are not made again
            answered = self._ask(case)
        if answered.outcome[0] in ("broken", "raised"):
            self.broke.add(case[0].name)
        return answered

    def _remembered(self) -> int:
        return sum(len(getattr(self.subject, name, ())) for name in _REMEMBERED)

    def _ask(self, case: Case) -> Answered:
        law, device, dtype, example = case
        subject = self.subject.on(device, dtype)
        with global_state_kept(), silence(), probes.seeded(0), twin.watched():
            try:
                law.body(subject, **example)
                outcome = ("holds", "")
            except LawBroken as error:
                outcome = ("broken", error.what)
            except Raised as error:
                outcome = ("raised", first_line(error.error))
            except (NotAsked, Unasked) as error:
                outcome = ("not asked", str(error))
            except Exception as error:  # of the law, on answers that it was not written for
                outcome = ("failed", first_line(error))
        return Answered(outcome, list(subject.answers))


def _standing_in(fault: Fault, subject: Subject) -> _Asked:
    """The fault in the place of the code: asked what that is asked, under its conventions."""
    build = fault.adapter.build
    reduction = getattr(subject.adapter, "default_reduction", "mean")
    if reduction != "mean" and "reduction" in fault.adapter.features:

        def reducing(*given: Any, **features: Any) -> Any:
            return fault.adapter.build(*given, **{"reduction": reduction, **features})

        build = reducing
    changes: dict[str, Any] = {
        "name": fault.id,
        "build": build,
        "arrays": "torch",
        "called_as": "",
        "deviations": (),
    }
    for name in ("loss", "accuracy"):
        if getattr(subject.adapter, name, None) is not None:
            changes[name] = getattr(fault.adapter, name, None)
    stand_in = replace(subject, adapter=replace(subject.adapter, **changes), answers=[])
    for name in _REMEMBERED:
        if hasattr(stand_in, name):
            setattr(stand_in, name, type(getattr(stand_in, name))(getattr(subject, name)))
    return _Asked(stand_in)


def known(technique: str, fault: str) -> Fault | None:
    """A fault by its id."""
    return next((each for each in faults(technique) if each.id == fault), None)
