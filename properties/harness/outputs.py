"""What a report is written as, beside the page: for a README, a badge, a CI server, and GitHub's annotations.

All are made from a report's JSON.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lawful.properties.harness import severity
from lawful.properties.harness.page import by_law

Info = Mapping[str, Any]


def markdown(info: Info) -> str:
    """A table for a README: a row an implementation; below it, why what is wrong is wrong."""
    lines = [
        "| implementation | technique | laws | known deviations | broken |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in info["implementations"]:
        verdicts = list(by_law(each["results"]).values())
        named = {
            verdict: ", ".join(f"`{f['property']}`" for f in each["findings"] if f["verdict"] == verdict)
            for verdict in ("deviates", "broken")
        }
        version = f" {each['version']}" if each["version"] else ""
        lines.append(
            f"| {each['name']}{version} | {each['technique']} | {verdicts.count('holds')} hold "
            f"| {named['deviates'] or 'none'} | {named['broken'] or 'none'} |"
        )
    told = [
        f"- `{each['name']}`, `{finding['property']}`: {finding['diagnosis']}"
        for each in info["implementations"]
        for finding in each["findings"]
        if finding.get("diagnosis")
    ]
    return "\n".join([*lines, *(["", *told] if told else [])]) + "\n"


def badge(info: Info) -> dict[str, Any]:
    """The JSON that shields.io reads from an address ("endpoint badge")."""
    broken = [
        f["severity"]
        for each in info["implementations"]
        for f in each["findings"]
        if f["verdict"] == "broken"
    ]
    holds = sum(v == "holds" for each in info["implementations"] for v in by_law(each["results"]).values())
    worst = severity.worst(broken) if broken else None
    colours = {"wrong": "red", "edge": "orange", "guard": "yellow", None: "brightgreen"}
    words = f"{len(broken)} broken, {holds} hold" if broken else f"{holds} laws hold"
    if not holds and not broken:
        words, worst = "nothing asked", "wrong"
    return {"schemaVersion": 1, "label": "lawful", "message": words, "color": colours[worst]}


def junit(info: Info) -> str:
    """A test case a row, as CI servers read it. What is below ``fail_on`` is skipped, with its reason."""
    failing = [each for each in severity.ORDER if severity.at_least(each, info.get("fail_on", "wrong"))]
    root = ElementTree.Element("testsuites", name="lawful")
    for each in info["implementations"]:
        rows = each["results"]
        roots = {
            f["property"] for f in each["findings"] if f["verdict"] == "broken" and f["severity"] in failing
        }
        suite = ElementTree.SubElement(root, "testsuite", name=f"{each['name']}.{each['technique']}")
        counts = {"tests": len(rows), "failures": 0, "errors": 0, "skipped": 0}
        for row in rows:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{each['name']}.{each['technique']}",
                name=f"{row['property']}[{row['device']}-{row['dtype']}]",
                time=f"{row['seconds']:.3f}",
            )
            kind = _junit_kind(row, roots)
            if kind:
                counts[{"failure": "failures", "error": "errors", "skipped": "skipped"}[kind]] += 1
                words = row["message"] or row["verdict"]
                if kind == "failure":
                    words = _with_diagnosis(words, _finding_of(each, row))
                inside = ElementTree.SubElement(case, kind, message=_one_line(words))
                if kind == "failure":
                    inside.text = row["reproduce"] or ""
        for name, count in counts.items():
            suite.set(name, str(count))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _junit_kind(row: Mapping[str, Any], roots: set[str]) -> str:
    if row["verdict"] == "error":
        return "error"
    if row["stale"] or (row["verdict"] == "broken" and row["finding"] in roots):
        return "failure"
    return "" if row["verdict"] == "holds" else "skipped"


def github(info: Info) -> Iterator[str]:
    """GitHub's workflow commands: a line for each finding that is broken, in the file that was named."""
    failing = [each for each in severity.ORDER if severity.at_least(each, info.get("fail_on", "wrong"))]
    for each in info["implementations"]:
        place, _, _ = (each.get("target") or "").replace("::", ":").rpartition(":")
        file = f" file={_escaped(place)}," if place.endswith(".py") else " "
        for finding in each["findings"]:
            if finding["verdict"] == "broken":
                level = "error" if finding["severity"] in failing else "warning"
                title = _escaped(f"{each['name']}: {finding['property']} ({finding['severity']})")
                words = _with_diagnosis(finding["message"] or "", finding)
                yield f"::{level}{file}title={title}::{_escaped(words, data=True)}"


def _finding_of(each: Info, row: Info) -> Info:
    """The finding whose case a row is."""
    case = f"{row['device']}-{row['dtype']}"
    own = (f for f in each["findings"] if f["property"] == row["finding"] and case in f["cases"])
    return next(own, {})


def _with_diagnosis(words: str, finding: Info) -> str:
    """What was seen, after why it is so where that is known."""
    diagnosis = finding.get("diagnosis")
    return f"{diagnosis} Seen: {words}" if diagnosis else words


def _escaped(text: str, data: bool = False) -> str:
    for plain, code in (
        ("%", "%25"),
        ("\r", "%0D"),
        ("\n", "%0A"),
        *(() if data else ((":", "%3A"), (",", "%2C"))),
    ):
        text = text.replace(plain, code)
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def issue(info: Info) -> str:
    """Markdown to paste where the code's authors read: each finding, with the program that shows it."""
    parts = []
    for each in info["implementations"]:
        version = f" {each['version']}" if each["version"] else ""
        for finding in each["findings"]:
            law = info["laws"].get(f"{each['technique']}.{finding['property']}", {})
            shown: Any = next((row for row in each["results"] if row["property"] == finding["property"]), {})
            parts += [
                f"# {each['name']}{version}: {finding['message']}",
                *([finding["diagnosis"]] if finding.get("diagnosis") else []),
                f"**Expected**, of any {each['technique'].replace('_', ' ')}: {law.get('formula', '')}. "
                f"{law.get('why', '')} (Source: {law.get('source', 'unknown')}.)",
                f"**Found** in {', '.join(finding['cases'])}: {finding['message']}. It was called as "
                f"`{each['called_as'].split('  (offers')[0]}`.",
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
