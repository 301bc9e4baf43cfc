"""A report on the terminal: the verdict alone, in short, or with every test in a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lawful.impl.contracts import WAYS
from lawful.properties.harness import severity, summary, words
from lawful.properties.harness.report import SHORT_DTYPES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Info = Mapping[str, Any]
_COLOURS = {
    "holds": "green",
    "broken": "bold red",
    "deviates": "yellow",
    "unsupported": "dim",
    "error": "magenta",
}
_LABELS = {"FAIL": "bold red", "PASS": "bold green", "known": "yellow", "note": "yellow"}


def show(info: Info, console: Console, *, quiet: bool = False, verbose: bool = False) -> None:
    """``quiet``: the last line alone. ``verbose``: every finding, and after them every test."""
    if quiet:
        _print(console, [summary.last_line(info)])
    elif not verbose:
        _print(console, summary.lines(info))
    else:
        found = summary.told(info)
        for each in info["implementations"]:
            _print(console, _findings(each, found))
            console.print(_table(each["results"]))
            console.print()
        for technique in dict.fromkeys(each["technique"] for each in info["implementations"]):
            _print_ways(console, technique, info["implementations"])
        _print(console, summary.ending(info, hints=False))


def show_matrix(info: Info, console: Console) -> None:
    """A line a library, and then what is new: what is no known failure of it."""
    from lawful.properties.harness.page import sentences

    found = summary.told(info)
    rows = sentences(info["implementations"])
    widest = max((len(name) for name, _ in rows), default=0)
    _print(console, [f"{name:{widest}}  {said}" for name, said in rows])
    new = [one for one in found if one.fails or (not one.known and one.row["verdict"] == "broken")]
    for one in new:
        console.print()
        console.print(one.implementation["name"], markup=False, highlight=False)
        _print(console, one.lines(numbered=True))
    _print(console, ["", *summary.ending(info)])


def _print(console: Console, lines: list[str]) -> None:
    from rich.text import Text

    for line in lines:
        text = Text(line)
        label = re.match(r"FAIL|PASS|known(?= )|note(?= )", line)
        if label:
            text.stylize(_LABELS[label.group()], 0, label.end())
        console.print(text, soft_wrap=True)


def _findings(each: Info, found: list[summary.Told]) -> list[str]:
    """All of one implementation, and how it is called and read."""
    choices = ", ".join(f"{k}={v}" for k, v in each["conventions"].items() if k not in WAYS)
    ways = ", ".join(f"{k}={v}" for k, v in each["conventions"].items() if k in WAYS)
    offers = each["called_as"].partition("  (offers ")[2].rstrip(")")
    lines = [summary.header(each), *summary.remarks(each)]
    lines += [f"computes           {each['reading']['text']}"] if each.get("reading") else []
    lines += [f"offers             {offers}"] if offers else []
    lines += [f"conventions        {choices or 'none detected'}"]
    lines += [f"called by PyTorch  {ways}"] if ways else []
    for one in found:
        if one.implementation is each:
            lines += ["", *one.lines(numbered=True)]
    return [*lines, ""]


def _table(rows: list[Info]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("law", "if it fails", "result", "device", "dtypes", "error/bound", "examples"):
        table.add_column(heading, no_wrap=heading == "law")
    for (name, verdict, device), group in _grouped(rows).items():
        worst = [float(row["worst_error"]) for row in group if row["worst_error"] is not None]
        table.add_row(
            name,
            group[0]["severity"],
            f"[{_COLOURS[verdict]}]{words.VERDICTS[verdict]}[/]",
            device,
            " ".join(SHORT_DTYPES.get(str(row["dtype"]), str(row["dtype"])) for row in group),
            f"{max(worst):.2g}" if worst and max(worst) > 0 else "",
            str(sum(row["examples"] for row in group) or ""),
        )
    return table


def _grouped(rows: list[Info]) -> dict[tuple[str, str, str], list[Info]]:
    """Rows that differ in their dtype alone, the laws of the worst severity first."""
    worst: dict[str, str] = {}
    for row in rows:
        name, found = str(row["property"]), str(row["severity"])
        worst[name] = severity.worst((worst.get(name, found), found))
    groups: dict[tuple[str, str, str], list[Info]] = {}
    for row in sorted(rows, key=lambda row: severity.ORDER.index(worst[row["property"]])):
        groups.setdefault((row["property"], row["verdict"], row["device"]), []).append(row)
    return groups


def _print_ways(console: Console, technique: str, implementations: list[Info]) -> None:
    """In which ways PyTorch can call them, beside each other, where there are several."""
    from rich.table import Table

    own = [each for each in implementations if each["technique"] == technique]
    names = [way for way in WAYS if any(way in each["conventions"] for each in own)]
    if len(own) < 2 or not names:
        return
    _print(console, [f"{words.TECHNIQUES[technique]}: what works under what"])
    table = Table(box=None, pad_edge=False)
    for heading in ("", *names):
        table.add_column(heading.replace("_", " "))
    short = {"works": "yes", "fails": "[dim]no[/]", "": "-"}
    for each in own:
        values = [each["conventions"].get(name, "") for name in names]
        table.add_row(each["name"], *(short.get(value, value) for value in values))
    console.print(table)
    console.print()
