"""What a report is written as, beside the page: for a README, a badge, a CI server, and GitHub's annotations.

All are made from a report's JSON.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lawful.properties.harness import severity, summary, words
from lawful.properties.harness.page import by_law

Info = Mapping[str, Any]


def markdown(info: Info) -> str:
    """A table for a README: a row an implementation; below it, why what is wrong is wrong. ``problems`` are
    those that do not fail the run."""
    lines = [
        "| implementation | technique | result | known failures | problems |",
        "| --- | --- | --- | --- | --- |",
    ]
    found = summary.told(info)
    for each in info["implementations"]:
        own = [one for one in found if one.implementation is each]
        failing = [one for one in own if one.fails]
        passing = list(by_law(each["results"]).values()).count("holds")
        result = f"fail: {_named(failing)}" if failing else f"pass: {passing} laws"
        version = f" {each['version']}" if each["version"] else ""
        known = _named(one for one in own if one.known)
        problems = _named(one for one in own if one.number and not one.known and not one.fails)
        technique = words.TECHNIQUES[each["technique"]]
        lines.append(f"| {each['name']}{version} | {technique} | {result} | {known} | {problems} |")
    why = [
        f"- `{one.implementation['name']}`, `{one.row['property']}`: {one.diagnosis}"
        for one in found
        if one.diagnosis
    ]
    return "\n".join([*lines, *(["", *why] if why else [])]) + "\n"


def _named(found: Iterable[summary.Told]) -> str:
    return ", ".join(dict.fromkeys(f"`{one.row['property']}`" for one in found)) or "none"


def badge(info: Info) -> dict[str, Any]:
    """The JSON that shields.io reads from an address ("endpoint badge")."""
    failing = [one for one in summary.told(info) if one.fails]
    passing = sum(v == "holds" for each in info["implementations"] for v in by_law(each["results"]).values())
    colours = {"wrong": "red", "edge": "orange", "guard": "yellow"}
    if summary.passed(info):
        laws = words.counted(passing, "law", "laws")
        return _badge(f"passing: {summary.CLEAN[info.get('fail_on', 'wrong')]} in {laws}", "brightgreen")
    worst = severity.worst(one.severity for one in failing) if failing else "wrong"
    return _badge(f"failing: {summary.failing_words(info)}", colours[worst])


def _badge(message: str, colour: str) -> dict[str, Any]:
    return {"schemaVersion": 1, "label": "lawful", "message": message, "color": colour}


def junit(info: Info) -> str:
    """A test case a row, as CI servers read it.

    What fails the run is a failure. What fails below the threshold of the run passes, and says so in its
    output. What is known, or not offered, is skipped with its reason.
    """
    root = ElementTree.Element("testsuites", name="lawful")
    found = summary.told(info)
    for each in info["implementations"]:
        name = f"{each['name']}.{each['technique']}"
        suite = ElementTree.SubElement(root, "testsuite", name=name)
        counts = {"tests": len(each["results"]), "failures": 0, "errors": 0, "skipped": 0}
        own = [one for one in found if one.implementation is each]
        for row in each["results"]:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=name,
                name=f"{row['property']}[{row['device']}-{row['dtype']}]",
                time=f"{row['seconds']:.3f}",
            )
            kind = _junit_kind(row, own)
            if kind == "system-out":
                ElementTree.SubElement(case, kind).text = _xml(f"not failing the run: {row['message']}")
            elif kind:
                counts[{"failure": "failures", "error": "errors", "skipped": "skipped"}[kind]] += 1
                said = f"{words.VERDICTS[row['verdict']]}: {words.said(row['message'] or '')}"
                if kind == "failure":
                    said = _with_diagnosis(said, _finding_of(each, row).get("diagnosis"))
                inside = ElementTree.SubElement(case, kind, message=_xml(" ".join(said.split())))
                if kind == "failure":
                    inside.text = _xml(row["reproduce"] or "")
        for title, count in counts.items():
            suite.set(title, str(count))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _junit_kind(row: Info, found: list[summary.Told]) -> str:
    """ "failure", "error", "skipped", "system-out" for what fails below the threshold, or nothing."""
    if row["verdict"] == "error":
        return "skipped" if row["ours"] else "error"
    if row["verdict"] != "broken":
        return "" if row["verdict"] == "holds" else "skipped"
    failing = {one.row["property"] for one in found if one.fails}
    return "failure" if row["stale"] or row["finding"] in failing else "system-out"


def _xml(text: str) -> str:
    """With the characters that XML cannot hold written as Python writes them: \\x1b."""
    return "".join(each if each in "\t\n\r" or _is_xml(each) else repr(each)[1:-1] for each in text)


def _is_xml(character: str) -> bool:
    code = ord(character)
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def github(info: Info) -> Iterator[str]:
    """GitHub's workflow commands: a line for each finding, at the definition of what was tested."""
    for one in summary.told(info):
        if one.known or not one.number:
            continue
        file, _, line = (one.implementation.get("defined_at") or "").rpartition(":")
        if not file:
            place = (one.implementation.get("target") or "").replace("::", ":").rpartition(":")[0]
            file, line = (place, "1") if place.endswith(".py") else ("", "")
        where = f" file={_escaped(file)},line={line}," if file else " "
        title = _escaped(f"{one.implementation['name']}: {one.heading}")
        level = "error" if one.fails else "warning"
        said = _escaped(_with_diagnosis(words.said(one.message), one.diagnosis), data=True)
        yield f"::{level}{where}title={title}::{said}"


def _finding_of(each: Info, row: Info) -> Info:
    """The finding whose case a row is."""
    case = f"{row['device']}-{row['dtype']}"
    own = (f for f in each["findings"] if f["property"] == row["finding"] and case in f["cases"])
    return next(own, {})


def _with_diagnosis(said: str, diagnosis: str | None) -> str:
    """What was seen, after why it is so where that is known."""
    return f"{diagnosis} Seen: {said}" if diagnosis else said


def _escaped(text: str, data: bool = False) -> str:
    for plain, code in (
        ("%", "%25"),
        ("\r", "%0D"),
        ("\n", "%0A"),
        *(() if data else ((":", "%3A"), (",", "%2C"))),
    ):
        text = text.replace(plain, code)
    return text


def issue(info: Info) -> str:
    """Markdown to paste where the code's authors read: each finding, with the program that shows it."""
    parts = []
    for each in info["implementations"]:
        version = f" {each['version']}" if each["version"] else ""
        for finding in each["findings"]:
            law = info["laws"].get(f"{each['technique']}.{finding['property']}", {})
            shown: Any = next((row for row in each["results"] if row["property"] == finding["property"]), {})
            called = each["called_as"].split("  (offers")[0]
            parts += [
                f"# {each['name']}{version}: {finding['message']}",
                *([finding["diagnosis"]] if finding.get("diagnosis") else []),
                f"**Expected**, of any {each['technique'].replace('_', ' ')}: {law.get('formula', '')}. "
                f"{law.get('why', '')} (Source: {law.get('source', 'unknown')}.)",
                f"**Found** in {', '.join(finding['cases'])}: {finding['message']}."
                + (f" It was called as `{called}`." if called else ""),
                "This program shows it, without another library:",
                f"```python\n{(shown.get('reproduce') or '').rstrip()}\n```",
                f"Versions: torch {info['torch']}, Python {info['python']}, {info['host']}; found by lawful "
                f"{info['lawful']}, law `{each['technique']}.{finding['property']}`, severity "
                f"{finding['severity']}.",
            ]
    return "\n\n".join(parts) + ("\n" if parts else "")


def changes(old: Info, new: Info) -> list[tuple[str, str, str, str]]:
    """What a newer report says otherwise: implementation, law, the verdict before and after, "" for none."""

    def verdicts(info: Info) -> dict[tuple[str, str], str]:
        return {
            (f"{each.get('identity') or each['name']}.{each['technique']}", name): verdict
            for each in info["implementations"]
            for name, verdict in by_law(each["results"]).items()
        }

    before, after = verdicts(old), verdicts(new)
    return [
        (*key, before.get(key, ""), after.get(key, ""))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def versions(old: Info, new: Info) -> list[str]:
    """Implementations of another version, as "timm 1.0.30 -> 1.0.31"."""
    known = {(each["name"], each["technique"]): each["version"] for each in old["implementations"]}
    found = [
        f"{each['name']} {before or 'without a version'} -> {each['version'] or 'without a version'}"
        for each in new["implementations"]
        if (before := known.get((each["name"], each["technique"]), each["version"])) != each["version"]
    ]
    return list(dict.fromkeys(found))


def merged(infos: list[dict[str, Any]]) -> dict[str, Any]:
    """Several reports as one, which may be of several environments: its head is the first one's.

    Raises ValueError where two of them hold the same implementation.
    """
    first, *others = infos
    seen = {(each.get("identity") or each["name"], each["technique"]): 1 for each in first["implementations"]}
    commands = dict.fromkeys(info["command"] for info in infos)
    together: dict[str, Any] = {**first, "command": " && ".join(commands)}
    for part in ("implementations", "notes"):
        together[part] = list(first[part])
    together["laws"] = {**first["laws"]}
    for number, info in enumerate(others, 2):
        for each in info["implementations"]:
            key = (each.get("identity") or each["name"], each["technique"])
            if key in seen:
                raise ValueError(f"{' '.join(key)} is in report {seen[key]} and in report {number}")
            seen[key] = number
        together["implementations"] += info["implementations"]
        together["notes"] += [note for note in info["notes"] if note not in together["notes"]]
        together["laws"] |= info["laws"]
        for name in ("lawful", "torch", "python", "host", "profile", "seed"):
            if info[name] != first[name]:
                note = f"{name} is {info[name]} in report {number}, and {first[name]} in the first"
                together["notes"].append(note)
    return together


def write(info: Info, path: Path, kind: str) -> None:
    texts = {
        "markdown": lambda: markdown(info),
        "badge": lambda: json.dumps(badge(info)) + "\n",
        "junit": lambda: junit(info),
    }
    path.write_text(texts[kind](), encoding="utf-8")
