"""What a person reads: one finding a cause, with the cases and the laws that break with it.

Findings are computed here alone, for every way in which laws are asked. One that accuses has a program, and
the program is run before it counts: see ``proof``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace

from lawful.impl.contracts import HALF
from lawful.properties.harness import severity
from lawful.properties.harness.proof import Ended
from lawful.properties.harness.report import URGENCY, Result


@dataclass(frozen=True)
class Finding:
    """One cause: the cases that show it, and what broke only because they did."""

    property: str
    verdict: str
    severity: str
    rows: tuple[Result, ...]
    also: tuple[str, ...] = ()
    """Laws that rest on this one and broke with it."""
    diagnosis: str | None = None
    """Why it is there and what to change, in a sentence or two; None where that is not known for sure."""
    fault: str | None = None
    """The fault of the catalogue that it comes from, by its id."""

    def fails(self, fail_on: str) -> bool:
        severe = severity.at_least(self.severity, fail_on)
        return self.verdict == "broken" and (severe or any(row.stale for row in self.rows))


def findings(rows: Iterable[Result]) -> list[Finding]:
    """What is broken or deviates in the rows of one implementation, the most severe first."""
    rows = list(rows)
    kept = [row for row in rows if row.verdict in ("broken", "deviates")]
    by_case = {(row.property, row.device, row.dtype): row for row in kept}
    asked = {(row.property, row.device, row.dtype) for row in rows if row.verdict != "unsupported"}
    anywhere = {row.property: row for row in reversed(kept)}

    def below(row: Result) -> Result | None:
        for name in row.rests_on:
            case = (name, row.device, row.dtype)
            # what it rests on may not be asked in this dtype: what it says elsewhere goes for it
            found = by_case.get(case) if case in asked else anywhere.get(name)
            if found is None or row.stale:
                continue
            # what goes wrong at the edges alone is no reason for what goes wrong on ordinary input
            if found.verdict != "broken" or severity.at_least(found.severity, row.severity):
                return found
        return None

    # one error, whichever law it ends, is one cause: the most severe law tells it
    raising: dict[str, Result] = {}
    for row in sorted(kept, key=lambda row: severity.ORDER.index(row.severity)):
        by_itself = row.verdict == "broken" and not row.stale and below(row) is None
        if by_itself and (row.message or "").startswith(("raised ", "does not end")):
            raising.setdefault(row.cause(), row)

    def root(row: Result) -> Result:
        if (found := below(row)) is not None:
            return root(found)
        first = raising.get(row.cause(), row)
        return row if row.verdict != "broken" or row.stale or first.property == row.property else first

    wider = {(row.property, row.verdict): row.cause() for row in reversed(kept) if row.dtype not in HALF}
    here = {(row.property, row.verdict): row.cause() for row in reversed(kept) if row.device == "cpu"}

    def cause(row: Result) -> str:
        """A wrong number in half precision is another side of one in a wider dtype; an error is not. What is
        wrong on the CPU is not about the stand-in."""
        if row.device == "twin" and (row.property, row.verdict) in here:
            return here[row.property, row.verdict]
        if row.dtype in HALF and not (row.message or "").startswith("raised"):
            return wider.get((row.property, row.verdict), row.cause())
        return row.cause()

    groups: dict[tuple[str, str, str], list[Result]] = {}
    also: dict[tuple[str, str, str], dict[str, None]] = {}
    for row in kept:
        first = root(row)
        key = (first.property, first.verdict, cause(first))
        if first is row:
            groups.setdefault(key, []).append(row)
        else:
            also.setdefault(key, {})[row.property] = None
    found = [
        Finding(
            name,
            verdict,
            severity.worst(row.severity for row in group),
            tuple(group),
            tuple(also.get((name, verdict, words), ())),
            group[0].diagnosis,
            group[0].fault,
        )
        for (name, verdict, words), group in groups.items()
    ]
    return sorted(found, key=lambda each: (URGENCY.index(each.verdict), severity.ORDER.index(each.severity)))


def severity_words(found: Iterable[Finding]) -> str:
    """What was found, in words: "1 wrong result, 2 problems at the edges of the range"."""
    parts = severity.counted(each.severity for each in found if each.verdict == "broken")
    return ", ".join(parts) or "no problem found"


def proving(rows: list[Result], everything: bool = False) -> Generator[Result, Ended, list[Result]]:
    """The rows after the programs of their findings at ``wrong``, or of all, were run.

    It gives one row after the other whose program is to be run alone, and is told how that ended. A finding
    that no program shows again is an error of ours.
    """
    rows = list(rows)
    while True:
        waiting = (
            row
            for finding in findings(rows)
            if finding.verdict == "broken" and (everything or finding.severity == "wrong")
            for row in finding.rows[:1]
            if row.proven is None and (row.counterexample or row.reproduce) is not None and not row.stale
        )
        row = next(waiting, None)
        if row is None:
            return rows
        ended = (yield row) if row.reproduce else Ended(words="no program can be told")
        why, place = ended.why_not(row.fails_with), rows.index(row)
        if why is None:
            rows[place] = replace(row, proven=True, whole=None)
        elif row.whole:  # what went before plays a part
            rows[place] = replace(row, reproduce=row.whole, whole=None)
        else:
            rows[place] = _ours(row, why)


def by_implementation(rows: list[Result], everything: bool = False) -> Generator[Result, Ended, list[Result]]:
    """As :func:`proving`, of the rows of several implementations; their order stays."""
    names = list(dict.fromkeys((row.implementation, row.technique) for row in rows))
    found: dict[tuple[str, ...], Result] = {}
    for name in names:
        own = [row for row in rows if (row.implementation, row.technique) == name]
        for row in (yield from proving(own, everything)):
            found[*name, row.property, row.device, row.dtype] = row
    return [found[r.implementation, r.technique, r.property, r.device, r.dtype] for r in rows]


def proven(rows: list[Result], run: Callable[[Result], Ended], everything: bool = False) -> list[Result]:
    """As :func:`proving`, with what runs the program of a row."""
    asked = by_implementation(rows, everything)
    try:
        row = next(asked)
        while True:
            row = asked.send(run(row))
    except StopIteration as end:
        found: list[Result] = end.value
        return found


def _ours(row: Result, why: str) -> Result:
    message = f"not counted: lawful found this, but its own program does not show it again, as {why}"
    return replace(row, verdict="error", ours=True, proven=False, message=f"{message}: {row.message}")
