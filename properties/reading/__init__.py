"""What an implementation computes, read from outside; and what is wrong with it, in a sentence.

A reading is checked: parts that do not give the code's own values on fresh inputs are not said. A diagnosis
comes from the reading, or else from the one fault of the catalogue that answers as the code does; or there is
none.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from lawful.impl.faulty import Fault
from lawful.properties.reading import label_smoothing, lr_finder, mixup, training
from lawful.properties.reading.catalogue import answering_alike, known
from lawful.properties.reading.records import REFUSED, Broken, Diagnosis, Looked, Off, Reading
from lawful.properties.registry import find_law, resting
from lawful.properties.subjects.label_smoothing import Loss
from lawful.properties.subjects.lr_finder import Finder
from lawful.properties.subjects.mixup import Mix
from lawful.properties.subjects.subject import Subject, global_state_kept, silence
from lawful.properties.subjects.training import Loop

__all__ = ["Broken", "Diagnosis", "Reading", "diagnose", "diagnose_each", "read"]
_SEVERITIES = ("wrong", "edge", "guard")


def read(subject: Subject) -> Reading | None:
    """What an implementation computes; None where nothing could be read. Asks it a few dozen times."""
    looked = _looked(subject, ())
    return None if looked is None else looked.reading


def diagnose(subject: Subject, broken: Sequence[Broken]) -> Diagnosis | None:
    """Why these laws broke, and what to change; None where neither reading nor catalogue says it for sure."""
    return next((diagnosis for _, diagnosis in diagnose_each(subject, [broken])), None)


def diagnose_each(subject: Subject, broken: Sequence[Sequence[Broken]]) -> Iterator[tuple[int, Diagnosis]]:
    """As :func:`diagnose`, of the laws of several findings, which may have one cause: the number of a finding
    and why it is there, as they are found. What is read comes first: to look among the faults takes long."""
    groups = [[row for row in rows if _law(subject, row.law) is not None] for rows in broken]
    every = tuple(row for rows in groups for row in rows)
    looked = _looked(subject, every) if every else None
    left: dict[int, Off | None] = {}
    for number, rows in enumerate(groups):
        off = _telling(subject, looked, _names(rows)) if rows else None
        if off is not None and not off.vague and _explains(subject, off, _names(rows)):
            yield number, _of(subject, off)
        elif rows:
            left[number] = off
    together = _of_a_fault(subject, [row for number in left for row in groups[number]]) if left else None
    for number, off in left.items():
        found = together or (_of_a_fault(subject, groups[number]) if len(left) > 1 else None)
        if found is not None or off is not None:
            yield number, found or _of(subject, off)  # type: ignore[arg-type]


def _of_a_fault(subject: Subject, rows: Sequence[Broken]) -> Diagnosis | None:
    """What the one fault that answers as the code does is."""
    with contextlib.suppress(*REFUSED, Exception):  # a law may fail on what it was not written for
        fault = answering_alike(subject, rows)
        if fault is not None:
            return Diagnosis(_said(subject, fault, _names(rows)), fault.id, place_of(fault.source))
    return None


def _names(rows: Sequence[Broken]) -> set[str]:
    return {row.law for row in rows}


def _looked(subject: Subject, rows: tuple[Broken, ...]) -> Looked | None:
    """The code may do anything: what cannot be read is not read."""
    kept = list(subject.answers)
    try:
        with global_state_kept(), silence():
            if isinstance(subject, Loss):
                return label_smoothing.look(subject)
            if isinstance(subject, Mix):
                return mixup.look(subject, rows)
            if isinstance(subject, Finder):
                return lr_finder.look(subject, rows)
            if isinstance(subject, Loop):
                return training.look(subject, rows)
    except REFUSED:
        return None
    except Exception:  # of ours, on answers that nobody foresaw
        return None
    finally:
        subject.answers[:] = kept
    return None


def _telling(subject: Subject, looked: Looked | None, names: set[str]) -> Off | None:
    """What is off that explains the worst of these laws, and most of them."""
    if looked is None:
        return None
    worst = min((_severity(subject, name) for name in names), default=0)
    grave = {name for name in names if _severity(subject, name) == worst}
    found = [off for off in looked.off if off.laws & grave]
    return max(
        found, key=lambda off: (not off.vague, len(off.laws & grave), len(off.laws & names)), default=None
    )


def _explains(subject: Subject, off: Off, names: set[str]) -> bool:
    """All that is as grave as the worst of them, but for what rests on the others."""
    worst = min(_severity(subject, name) for name in names)
    explained = resting(subject.technique, *(names & off.laws))
    return all(name in explained or _severity(subject, name) > worst for name in names)


def _law(subject: Subject, name: str) -> Any:
    try:
        return find_law(name, subject.technique)
    except KeyError:
        return None


def _severity(subject: Subject, name: str) -> int:
    return _SEVERITIES.index(find_law(name, subject.technique).severity)


def _of(subject: Subject, off: Off) -> Diagnosis:
    fault = None if off.fault is None else known(subject.technique, off.fault)
    return Diagnosis(f"It {off.text}", off.fault, None if fault is None else place_of(fault.source))


def place_of(source: str) -> str | None:
    """Where a fault was seen: an address, an issue, or a version of a library; None of what is ours alone."""
    parts = [part.removesuffix(", reproduced") for part in source.split("; ") if _PLACE.fullmatch(part)]
    return " and ".join(parts) or None


_PLACE = re.compile(r"https?://\S+|[\w.-]+/[\w.-]+ (issue|pull) \d+|\w+ \d[\d.]*( \w+)?, reproduced")


def _said(subject: Subject, fault: Fault, names: set[str]) -> str:
    """What the fault is, and what its law asks for."""
    name = next((name for name in fault.caught_by if name in names), fault.caught_by[0])
    advice = fault.change or find_law(name, subject.technique).why
    return f"It has a known fault, {fault.id}: {fault.statement}. {advice}"
