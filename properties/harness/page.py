"""The page of verdicts: one file, no network. What it shows is prepared here, ``report.html.jinja`` draws it.

Everything comes from a report's JSON, so that a stored report makes the same page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lawful.impl.contracts import SEVERITIES, WAYS
from lawful.properties.harness import severity, summary, words
from lawful.properties.harness.latex import mathml_of
from lawful.properties.harness.mathml import mathml
from lawful.properties.harness.pictures import picture, picture_of_a_reading
from lawful.properties.harness.report import SHORT_DTYPES, URGENCY

SYMBOLS = {"holds": "✓", "broken": "✗", "deviates": "≠", "unsupported": "–", "error": "!"}
MEANINGS = {
    "holds": "no input that was tried breaks the law",
    "broken": "an input breaks the law",
    "deviates": "an input breaks the law, and somebody has written down why that is accepted",
    "unsupported": "the code does not have the feature, and raises an error where it is asked for",
    "error": "the test was stopped by an error of lawful, or by a process that died",
}
TITLES = {
    "label_smoothing": "Label smoothing",
    "mixup": "Mixup",
    "lr_finder": "LR finder",
    "training": "Training",
}

_SMOOTHED = r"L = -\sum_k q_k \, \log p_k, \quad q_y = {}, \quad q_{{k \ne y}} = {}"
_MIXED = r"\lambda_i {0}_i + (1 - \lambda_i) \, {0}_{{\pi(i)}}"
_ASKED_FOR = {
    "label_smoothing": _SMOOTHED.format(r"1 - \varepsilon + \frac{\varepsilon}{K}", r"\frac{\varepsilon}{K}"),
    "label_smoothing, others": _SMOOTHED.format(r"1 - \varepsilon", r"\frac{\varepsilon}{K - 1}"),
    "mixup": rf"x'_i = {_MIXED.format('x')}, \quad q_i = {_MIXED.format('y')}",
    "lr_finder": r"\mathrm{lr}_i = \mathrm{start} "
    r"\left(\frac{\mathrm{end}}{\mathrm{start}}\right)^{\frac{i}{n - 1}}",
    "lr_finder, linear": r"\mathrm{lr}_i = \mathrm{start} "
    r"+ (\mathrm{end} - \mathrm{start}) \, \frac{i}{n - 1}",
    "training": r"\frac{1}{N} \sum_i \lambda_i \, \mathrm{CE}(z_i, y_i) "
    r"+ (1 - \lambda_i) \, \mathrm{CE}(z_i, y_{\pi(i)})",
}
"""What a technique, or a convention of it, asks for: it stands beside what is computed."""


def page(info: Mapping[str, Any], fragment: bool = False, site: str = "") -> str:
    """HTML of a report's JSON, schema 2; a fragment for a notebook, whose styles reach nothing beside it.

    ``site``: the address of the site, to which the names of laws lead. Without one they lead to what the
    page itself says of the law.
    """
    import jinja2

    template = (Path(__file__).parent / "report.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(**view(info, site), fragment=fragment)


def folded(info: Mapping[str, Any]) -> str:
    """For a notebook: the lines of the terminal, where each finding unfolds its program, the pictures, and
    the page to unfold."""
    found = summary.told(info)
    failing = [one for one in found if one.fails]
    parts = []
    for each in info["implementations"]:
        lines = [summary.header(each), *summary.remarks(each)]
        parts += [f"<div><strong>{escape(lines[0])}</strong></div>", *map(_line, lines[1:])]
        for one in failing:
            if one.implementation is each:
                head, *more = one.lines(numbered=False)
                program = one.row.get("reproduce") or "no program can show this"
                inside = "".join(_line(line.strip()) for line in more)
                parts.append(
                    f'<div class="broken">{escape(head)}</div>{inside}<details><summary>a program that shows '
                    f"it</summary><pre>{escape(program)}</pre></details>"
                )
        parts.append(picture(each["name"], each.get("pictured") or {}))
    parts += map(_line, summary.ending(info, hints=False))
    whole = page(info, fragment=True)
    return (
        f'<div class="lawful">{"".join(parts)}<details><summary>every test</summary>{whole}</details></div>'
    )


def _line(text: str) -> str:
    return f"<div>{escape(text)}</div>"


def view(info: Mapping[str, Any], site: str = "") -> dict[str, Any]:
    names = Counter(each["name"] for each in info["implementations"])
    reference = f"{site}/reference/laws.html#" if site else "#law/"
    addresses = {law: f"{reference}{law}" for law in info.get("laws", {})}
    shown = [_implementation(info, each, names, addresses) for each in info["implementations"]]
    _told_apart(shown)
    for each in shown:
        _told_apart(each["findings"])
    techniques = list(dict.fromkeys(each["technique"] for each in shown))
    return {
        "info": info,
        "site": site,
        "heading": heading(info["implementations"]),
        "verdict": summary.last_line(info, hints=False),
        "laws": [] if site else [_law(name, law) for name, law in info.get("laws", {}).items()],
        "sentences": sentences(info["implementations"]),
        "implementations": shown,
        "grids": [
            _grid(technique, [each for each in shown if each["technique"] == technique], addresses)
            for technique in techniques
        ],
        "titles": {technique: TITLES.get(technique, technique) for technique in techniques},
        "ways": [_ways(technique, shown) for technique in techniques],
        "libraries": list(dict.fromkeys(each["library"] for each in shown)),
        "severities": SEVERITIES,
        "verdicts": MEANINGS,
        "symbols": SYMBOLS,
        "words": words.VERDICTS,
        "headings": words.HEADINGS,
    }


def heading(implementations: Sequence[Mapping[str, Any]]) -> str:
    """What the page is: "SmoothCE, tested against the laws of label smoothing"."""
    names = list(dict.fromkeys(each["name"] for each in implementations))
    techniques = list(dict.fromkeys(each["technique"] for each in implementations))
    what = names[0] if len(names) == 1 else f"{len(implementations)} implementations"
    laws = [words.TECHNIQUES.get(each, each) for each in techniques]
    named = " and ".join(filter(None, (", ".join(laws[:-1]), *laws[-1:])))
    return f"{what}, tested against the laws of {named}"


def _law(name: str, law: Mapping[str, str]) -> dict[str, str]:
    technique, _, short = name.partition(".")
    return {
        **law,
        "id": name,
        "technique": technique,
        "name": short,
        "formula": mathml(law["formula"]),
        "source": linked(law["source"]),
    }


def _told_apart(shown: list[dict[str, Any]]) -> None:
    """An address is one thing's alone: a law with two causes has two findings, and files may share a name."""
    seen: Counter[str] = Counter()
    for each in shown:
        first = each["id"]
        seen[first] += 1
        if seen[first] > 1:
            each["id"] += f".{seen[first]}"
            for finding in each.get("findings", ()):
                finding["id"] = finding["id"].replace(first, each["id"], 1)


def library_of(implementation: Mapping[str, Any]) -> str:
    """What was named on the command line, where that is a shipped adapter; else its own name."""
    target = implementation.get("target") or ""
    return target if re.fullmatch(r"\w+", target) else implementation["name"]


def sentences(implementations: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What came of each library, in words: ("timm 1.0.31", "37 laws pass, 6 known failures, ...").

    The only place where the results of a library are counted: the page, ``lawful matrix`` and the cells
    count alike. Of what is known, README counts the same laws by ``severity.known``.
    """
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for each in implementations:
        grouped.setdefault(library_of(each), []).append(each)
    found = []
    for library, group in grouped.items():
        version = next((each["version"] for each in group if each["version"]), None)
        verdicts = [verdict for each in group for verdict in by_law(each["results"]).values()]
        known = known_failures(group)
        new = summary.problems(one for one in summary.told({"implementations": group}) if not one.known)
        parts = [words.counted(verdicts.count("holds"), "law passes", "laws pass")]
        if known:
            counted = words.counted(len(known), "known failure", "known failures")
            parts.append(f"{counted} ({severity.known(known.values())})")
        parts.append(new or ("no other problem" if known else "no problem found"))
        if verdicts.count("error"):
            parts.append(f"{verdicts.count('error')} could not be tested")
        found.append((f"{library} {version}" if version else library, ", ".join(parts)))
    return found


def known_failures(implementations: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """The severity of each law, by technique and name, that is known to fail in one of these."""
    found: dict[tuple[str, str], str] = {}
    for each in implementations:
        for row in each["results"]:
            if row["verdict"] == "deviates":
                key = (each["technique"], row["property"])
                found[key] = severity.worst((found.get(key, row["severity"]), row["severity"]))
    return found


def by_law(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The most urgent verdict of each law."""
    found: dict[str, str] = {}
    for row in rows:
        before = found.get(row["property"], "unsupported")
        found[row["property"]] = min(before, row["verdict"], key=URGENCY.index)
    return found


def _implementation(
    info: Mapping[str, Any], each: Mapping[str, Any], names: Counter[str], addresses: Mapping[str, str]
) -> dict[str, Any]:
    # two techniques of one name are told apart by the technique
    own = each["name"] if names[each["name"]] == 1 else f"{each['name']}.{each['technique']}"
    place = re.sub(r"[^\w.:-]+", "_", own)
    laws = info.get("laws", {})
    findings = [_finding(laws, each, finding, place) for finding in each["findings"]]
    for finding in findings:
        finding["reference"] = addresses.get(f"{each['technique']}.{finding['property']}", "")
    groups: dict[str, list[dict[str, Any]]] = {"holds": [], "unsupported": [], "error": []}
    for name, verdict in by_law(each["results"]).items():
        if verdict in groups:
            rows = [row for row in each["results"] if row["property"] == name]
            reference = addresses.get(f"{each['technique']}.{name}", "")
            groups[verdict].append({**_quiet(rows), "property": name, "reference": reference})
    return {
        **each,
        "id": place,
        "library": library_of(each),
        "findings": findings,
        "groups": groups,
        "reading": _reading(each),
        "words": sentences([{**each, "target": ""}])[0][1],
        "ways": {k: v for k, v in each["conventions"].items() if k in WAYS},
        "choices": {k: v for k, v in each["conventions"].items() if k not in WAYS},
        "picture": _pictures(each),
    }


def _pictures(each: Mapping[str, Any]) -> str:
    """What is seen of it; and of what is wrong, what was read of it beside what is right."""
    numbers = each.get("pictured") or {}
    wrong = any(f["verdict"] == "broken" and f["severity"] == "wrong" for f in each["findings"])
    read = picture_of_a_reading(each["name"], numbers.get("reading") or {}) if wrong else ""
    seen = "" if "rates" in numbers and read else picture(each["name"], numbers)
    return seen + read  # of a schedule, both would be one picture


def _reading(each: Mapping[str, Any]) -> dict[str, str]:
    """What it computes, in a formula and in words, and the formula that is asked for."""
    reading = each.get("reading") or {}
    keys = [*(f"{each['technique']}, {value}" for value in each["conventions"].values()), each["technique"]]
    asked = next((_ASKED_FOR[key] for key in keys if key in _ASKED_FOR), "")
    return {
        "text": reading.get("text", ""),
        "formula": _formula(reading.get("formula", "")),
        "asked": _formula(asked) if reading.get("formula") else "",
    }


def _formula(latex: str) -> str:
    """MathML that a narrow page breaks where LaTeX has a wide space."""
    return "".join(mathml_of(part) for part in latex.split(r"\quad")) if latex else ""


def _finding(
    laws: Mapping[str, Any], each: Mapping[str, Any], finding: Mapping[str, Any], place: str
) -> dict[str, Any]:
    rows = [row for row in each["results"] if row["property"] == finding["property"]]
    cases = set(finding["cases"])
    own = [row for row in rows if f"{row['device']}-{row['dtype']}" in cases]
    law = laws.get(f"{each['technique']}.{finding['property']}", {})
    first = own[0] if own else {}
    return {
        **finding,
        "id": f"{place}/{finding['property']}",
        "chips": [_chip(row) for row in rows],
        "message": linked(finding["message"] or ""),
        "diagnosis": linked(finding.get("diagnosis") or ""),
        "formula": mathml(law["formula"]) if law else "",
        "why": law.get("why", ""),
        "source": linked(law.get("source", "")),
        "catches": law.get("catches", ""),
        "counterexample": first.get("counterexample"),
        "reproduce": first.get("reproduce"),
    }


def _quiet(rows: list[Any]) -> dict[str, Any]:
    worst = [row["worst_error"] for row in rows if isinstance(row["worst_error"], float | int)]
    return {
        "severity": severity.worst(row["severity"] for row in rows),
        "chips": [_chip(row) for row in rows],
        "examples": sum(row["examples"] for row in rows),
        "worst": f"{max(worst):.2g}" if worst and max(worst) > 0 else "",
        "messages": list(dict.fromkeys(row["message"] for row in rows if row["message"])),
    }


def _chip(row: Mapping[str, Any]) -> dict[str, str]:
    device = "" if row["device"] == "cpu" else f"{row['device']} "
    return {"text": f"{device}{SHORT_DTYPES.get(row['dtype'], row['dtype'])}", "verdict": row["verdict"]}


def _grid(technique: str, shown: list[dict[str, Any]], addresses: Mapping[str, str]) -> dict[str, Any]:
    """Laws are rows in the order of their severity, implementations columns."""
    worst: dict[str, str] = {}
    for each in shown:
        for row in each["results"]:
            name = row["property"]
            worst[name] = severity.worst((worst.get(name, row["severity"]), row["severity"]))
    verdicts = {each["id"]: by_law(each["results"]) for each in shown}
    order = sorted(worst, key=lambda name: severity.ORDER.index(worst[name]))
    rows = []
    for name in order:
        cells = [_cell(each, name, verdicts[each["id"]].get(name)) for each in shown]
        address = addresses.get(f"{technique}.{name}", "")
        rows.append({"property": name, "severity": worst[name], "cells": cells, "reference": address})
    return {"technique": technique, "title": TITLES.get(technique, technique), "columns": shown, "rows": rows}


def _cell(each: Mapping[str, Any], name: str, verdict: str | None) -> dict[str, Any]:
    if verdict is None:
        return {"verdict": "", "symbol": "", "word": "", "href": "", "where": ""}
    own = next((f for f in each["findings"] if f["property"] == name), None)
    # what fails only because another law does is shown there
    finding = own or next((f for f in each["findings"] if name in f["also"]), None)
    where = [_chip(row) for row in each["results"] if row["property"] == name]
    some = [chip["text"] for chip in where if chip["verdict"] == verdict]
    split = verdict in ("broken", "deviates") and len(some) < sum(
        c["verdict"] != "unsupported" for c in where
    )
    return {
        "verdict": verdict,
        "symbol": SYMBOLS[verdict],
        "word": words.VERDICTS[verdict] + (" too" if verdict == "broken" and not own else ""),
        "href": f"#{finding['id']}" if finding and verdict in ("broken", "deviates") else "",
        "where": " ".join(dict.fromkeys(some)) if split else "",
    }


def _ways(technique: str, shown: list[dict[str, Any]]) -> dict[str, Any]:
    own = [each for each in shown if each["technique"] == technique]
    names = [way for way in WAYS if any(way in each["ways"] for each in own)]
    rows = [(each["name"], [each["ways"].get(way, "") for way in names]) for each in own]
    return {"technique": technique, "names": names, "rows": rows}


_SITES = (
    (r"https?://[^\s,;)]*[^\s,;).]", lambda found: found[0]),
    (
        r"\b([\w.-]+/[\w.-]+) (?:issues?|pull) (\d+)",
        lambda found: f"https://github.com/{found[1]}/issues/{found[2]}",
    ),
    (
        r"\btorch\.nn\.(?:functional\.\w+|[A-Z]\w+)(?![.\w])",
        lambda found: f"https://docs.pytorch.org/docs/stable/generated/{found[0]}.html",
    ),
    (r"\barXiv[: ](\d{4}\.\d{4,5})", lambda found: f"https://arxiv.org/abs/{found[1]}"),
)


def linked(text: str) -> str:
    """HTML of a source, in which addresses, issues and papers are links."""
    spots = sorted(
        (
            (found.start(), found.end(), address(found))
            for pattern, address in _SITES
            for found in re.finditer(pattern, text)
        ),
    )
    parts, last = [], 0
    for start, end, address in spots:
        if start >= last:
            parts += [escape(text[last:start]), f'<a href="{escape(address)}">{escape(text[start:end])}</a>']
            last = end
    return "".join([*parts, escape(text[last:])])
