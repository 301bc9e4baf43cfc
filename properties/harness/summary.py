"""What a person reads first of a report: the answer, and the reason. Plain lines, for the terminal, Python,
pytest and the notebook alike.

All is made from a report's JSON, so that a stored report reads as it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lawful.properties.harness import severity, words

Info = Mapping[str, Any]
_INDENT = " " * 6


@dataclass(frozen=True)
class Told:
    """A finding, or a test that could not be run, as it is told."""

    number: int
    """Of ``lawful show``; 0 where there is nothing to show."""
    heading: str
    message: str
    implementation: Info
    row: Info
    """The first of its rows."""
    fails: bool
    """Whether it makes the run fail."""
    known: bool = False
    severity: str = "wrong"
    diagnosis: str | None = None
    """What the code computes and what to change, in a sentence."""
    more: int = 0
    """Other tests that fail for the same reason."""

    @property
    def short(self) -> str:
        """What is wrong, without what kind of a finding it is."""
        return self.diagnosis or words.said(self.message)

    @property
    def reason(self) -> str:
        """In one line: what is wrong."""
        return self.diagnosis or f"{self.heading.partition(':')[0]}: {self.short}"

    def lines(self, numbered: bool) -> list[str]:
        """``numbered``: the head says what ``lawful show`` calls it."""
        label = "FAIL" if self.fails else "known" if self.known else "note"
        shown = f"   (lawful show {self.number})" if numbered and self.number else ""
        found = [f"{label:6}{self.heading}{shown}"]
        if self.diagnosis:
            found.append(f"{_INDENT}{self.diagnosis}")
        given = words.example(self.row.get("counterexample"))
        said = words.said(self.message).replace("\n", f"\n{_INDENT}").removeprefix("raises on every call ")
        found.append(f"{_INDENT}{given + ': ' if given else ''}{said}")
        if self.more:
            tests = words.counted(self.more, "more test fails", "more tests fail")
            found.append(f"{_INDENT}{tests} for the same reason")
        return found


def fails(info: Info, finding: Info, rows: Iterable[Info]) -> bool:
    """Whether a finding, whose rows these are, makes the run fail."""
    severe = severity.at_least(finding["severity"], info.get("fail_on", "wrong"))
    return finding["verdict"] == "broken" and (severe or any(row["stale"] for row in rows))


def told(info: Info) -> list[Told]:
    """All that is told of a report: first what makes the run fail, last what is known."""
    found = [one for each in info["implementations"] for one in _of(info, each)]
    found.sort(key=lambda one: (one.known, not one.fails))
    numbers = iter(range(1, len(found) + 1))
    return [
        one if one.row["verdict"] == "error" else Told(**{**vars(one), "number": next(numbers)})
        for one in found
    ]


def _of(info: Info, each: Info) -> Iterable[Told]:
    for finding in each["findings"]:
        own = rows_of(each, finding)
        also = [
            row
            for row in each["results"]
            if row["property"] in finding["also"] and row["verdict"] == finding["verdict"]
        ]
        yield Told(
            0,
            _heading(finding, own[0]),
            finding["message"] or "",
            each,
            own[0],
            fails(info, finding, own),
            known=finding["verdict"] == "deviates",
            severity=finding["severity"],
            diagnosis=finding.get("diagnosis"),
            more=len(own) + len(also) - 1,
        )
    errors: dict[str, list[Info]] = {}
    for row in each["results"]:
        if row["verdict"] == "error":
            errors.setdefault(row["message"] or "", []).append(row)
    for message, rows in errors.items():
        first = rows[0]
        heading = f"could not be tested: {first['property']} ({first['device']}, {first['dtype']})"
        ours = all(row["ours"] for row in rows)
        yield Told(0, heading, message, each, first, fails=not ours, more=len(rows) - 1)


def rows_of(implementation: Info, finding: Info) -> list[Info]:
    """The results that show a finding, the one that is told first."""
    cases = finding["cases"]
    found = [
        row
        for row in implementation["results"]
        if row["property"] == finding["property"] and f"{row['device']}-{row['dtype']}" in cases
    ]
    return sorted(found, key=lambda row: cases.index(f"{row['device']}-{row['dtype']}"))


def _heading(finding: Info, row: Info) -> str:
    name = finding["property"]
    if name.startswith("require "):
        return f"required: {name.removeprefix('require ')}"
    if name == "runs":
        return "raises an error on every call"
    if row["stale"]:
        return f"a known failure has changed: {name}"
    return f"{words.HEADINGS[finding['severity']]}: {name}"


def header(each: Info) -> str:
    """Which implementation this is about, how it was called, and where it is defined."""
    version = f" {each['version']}" if each["version"] else ""
    technique = words.TECHNIQUES.get(each["technique"], each["technique"])
    place = f"   {each['defined_at']}" if each.get("defined_at") else ""
    called = each["called_as"].partition("  (offers")[0]
    return f"{each['name']}{version}  {technique}{', called as ' if called else ''}{called}{place}"


def remarks(each: Info) -> list[str]:
    """What to know before the verdict: that little was tested, and what the subject says of itself."""
    counts = each["counts"]
    tested = counts["holds"] + counts["broken"] + counts["deviates"]
    found = list(each.get("remarks", ()))
    if counts["unsupported"] > tested:
        found.insert(
            0,
            f"Most was not tested: {counts['unsupported']} tests are of what it does not offer, "
            f"{tested} were run.",
        )
    return found


def problems(found: Iterable[Told]) -> str:
    """How many there are of each kind: "1 wrong result, 2 problems at the edges of the range"."""
    counted = [one for one in found if one.number]
    required = [one for one in counted if one.row["property"].startswith("require ")]
    stale = [one for one in counted if one.row["stale"]]
    others = [one.severity for one in counted if one not in required and one not in stale]
    parts = severity.counted(others)
    if stale:
        parts.append(words.counted(len(stale), "known failure has changed", "known failures have changed"))
    if required:
        parts.append(words.counted(len(required), "requirement is not met", "requirements are not met"))
    return ", ".join(parts)


def passed(info: Info) -> bool:
    """Whether the exit status is 0."""
    return not any(one.fails for one in told(info)) and _tested(info) > 0


def _tested(info: Info) -> int:
    counts = _counts(info)
    return counts["holds"] + counts["broken"] + counts["deviates"]


def _counts(info: Info) -> Counter[str]:
    return Counter(row["verdict"] for each in info["implementations"] for row in each["results"])


def seconds(info: Info) -> str:
    taken = info.get("seconds")
    if taken is None:
        taken = sum(row["seconds"] for each in info["implementations"] for row in each["results"])
    return f"{taken:.0f} s" if taken >= 2 else f"{taken:.1f} s"


def not_failing(info: Info) -> str:
    """What was found and does not make the run fail."""
    return problems(one for one in told(info) if not one.fails and not one.known)


def verdict(info: Info) -> str:
    """PASS or FAIL, and how many there are of what."""
    found, counts = told(info), _counts(info)
    if not _tested(info):
        return f"FAIL: nothing was tested ({_asked(counts, found)})."
    tests = words.counted(sum(counts.values()), "test", "tests")
    within = f"in {tests} ({_asked(counts, found)}), {seconds(info)}."
    if failing := failing_words(info):
        return f"FAIL: {failing} {within}"
    return f"PASS: {CLEAN[info.get('fail_on', 'wrong')]} {within}"


def failing_words(info: Info) -> str:
    """How much of what makes the run fail: empty where nothing does."""
    if not _tested(info):
        return "nothing was tested"
    failing = [one for one in told(info) if one.fails]
    errors = sum(1 + one.more for one in failing if not one.number)
    not_run = f"{words.counted(errors, 'test', 'tests')} could not be run" if errors else ""
    return ", ".join(filter(None, (problems(failing), not_run)))


CLEAN = {
    "wrong": "no wrong results",
    "edge": "no wrong results and no problems at the edges of the range",
    "guard": "no wrong results, no problems at the edges and no invalid input accepted without an error",
}
"""By ``fail_on``: what a run that passes has not found."""


def _asked(counts: Counter[str], found: list[Told]) -> str:
    """How many tests came out how. What fails below the threshold of the run is no failure of the run, and
    what fails for the same reason as a known failure is known."""
    own = [one for one in found if one.number and not one.known]
    below = min(sum(1 + one.more for one in own if not one.fails), counts["broken"])
    known = counts["broken"] - sum(1 + one.more for one in own) if any(one.known for one in found) else 0
    known = max(0, known)
    shown = {
        "pass": counts["holds"],
        "fail": counts["broken"] - below - known,
        "not failing the run": below,
        words.VERDICTS["deviates"]: counts["deviates"] + known,
        **{words.VERDICTS[each]: counts[each] for each in ("unsupported", "error")},
    }
    return ", ".join(f"{count} {word}" for word, count in shown.items() if count) or "0 tests"


def last_line(info: Info, hints: bool = True) -> str:
    """The verdict, and what to do next. ``hints``: where that is not done already."""
    failing = [one for one in told(info) if one.fails and one.number]
    if passed(info):
        more = not_failing(info)
        hint = ("  (-v shows them)" if more else "   -v shows every test") if hints else ""
        return f"{verdict(info)}{f' {more}' if more else ''}{hint}"
    if not hints:
        return verdict(info)
    shows = "prints a program that shows it" if len(failing) == 1 else "prints a program for the first"
    show = f"   lawful show {failing[0].number} {shows};" if failing else ""
    return f"{verdict(info)}{show}   -v every test"


def lines(info: Info) -> list[str]:
    """The short form: a name, what makes the run fail, and the verdict."""
    found = told(info)
    failing = [one for one in found if one.fails]
    shown: list[str] = []
    for each in info["implementations"]:
        shown += [header(each), *remarks(each), ""]
        for one in failing:
            if one.implementation is each:
                shown += [*one.lines(numbered=len(failing) > 1), ""]
    return [*shown, *ending(info)]


def ending(info: Info, hints: bool = True) -> list[str]:
    """What was not tested at all, what does not fail the run, and the verdict."""
    more = not_failing(info) if not passed(info) else ""
    return [
        *info["notes"],
        *([f"not failing the run: {more}{'  (-v shows them)' if hints else ''}"] if more else []),
        last_line(info, hints),
    ]
