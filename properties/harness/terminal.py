"""A report on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lawful.impl.contracts import WAYS
from lawful.properties.harness import severity
from lawful.properties.harness.findings import Finding, findings, severity_words
from lawful.properties.harness.report import SHORT_DTYPES, VERDICTS, Implementation, Report, Result

if TYPE_CHECKING:
    from rich.console import Console

_MARKS = {
    "holds": "green",
    "broken": "bold red",
    "deviates": "yellow",
    "unsupported": "dim",
    "error": "magenta",
}


def show(report: Report, console: Console) -> None:
    for implementation in report.implementations:
        _print_one(report, console, implementation)
    for technique in dict.fromkeys(each.technique for each in report.implementations):
        _print_ways(report, console, technique)
    for note in report.notes:
        console.print(f"[dim]{_plain(note)}[/dim]", highlight=False)
    console.print(summary(report), highlight=False)


def summary(report: Report) -> str:
    counts = report.counts()
    asked = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    seconds = sum(row.seconds for row in report.results)
    words = severity_words(report.findings())
    if counts["broken"] and words == "nothing broken":
        words = "what is broken rests on known deviations"
    return f"{len(report.results)} cases: {asked}; {words}; {seconds:.1f} s of asking"


def _print_ways(report: Report, console: Console, technique: str) -> None:
    """Beside each other, where there are several."""
    from rich.table import Table

    names, rows = report.ways(technique)
    if len(rows) < 2 or not names:
        return
    console.print(f"\n[bold]{technique}: what works under what[/bold]", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("", *names):
        table.add_column(heading.replace("_", " "))
    short = {"works": "yes", "fails": "[dim]no[/]", "": "-"}
    for name, values in rows:
        table.add_row(_plain(name), *(short.get(value, value) for value in values))
    console.print(table)


def _print_one(report: Report, console: Console, implementation: Implementation) -> None:
    from rich.table import Table

    rows = report.of(implementation)
    counts = report.counts(rows)
    asked = len(rows) - counts["unsupported"] - counts["error"]
    version = f" {implementation.version}" if implementation.version else ""
    found = findings(rows)
    console.print(
        f"\n[bold]{_plain(implementation.name)}{version}[/bold]  {implementation.technique}: "
        f"{severity_words(found)}",
        highlight=False,
    )
    if counts["unsupported"] > asked:
        console.print(
            f"[yellow]Most of it was not asked: {counts['unsupported']} cases unsupported, "
            f"{asked} asked.[/yellow]"
        )
    for remark in implementation.remarks:
        console.print(f"[yellow]{_plain(remark)}[/yellow]", highlight=False)
    if implementation.reading:
        console.print(f"computes  {_plain(implementation.reading['text'])}", highlight=False, soft_wrap=True)
    console.print(f"called as  {_plain(implementation.called_as)}", highlight=False)
    known = report.conventions(implementation)
    conventions = ", ".join(f"{k}={v}" for k, v in known.items() if k not in WAYS)
    console.print(f"conventions  {conventions or 'none detected'}", highlight=False)
    if ways := ", ".join(f"{k}={v}" for k, v in known.items() if k in WAYS):
        console.print(f"called by PyTorch  {ways}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("property", "severity", "verdict", "device", "dtypes", "error/bound", "examples"):
        table.add_column(heading, no_wrap=heading == "property")
    for (name, verdict, device), group in _grouped(rows).items():
        worst = [row.worst_error for row in group if row.worst_error is not None]
        table.add_row(
            name,
            group[0].severity,
            f"[{_MARKS[verdict]}]{verdict}[/]",
            device,
            " ".join(SHORT_DTYPES.get(row.dtype, row.dtype) for row in group),
            f"{max(worst):.2g}" if worst and max(worst) > 0 else "",
            str(sum(row.examples for row in group) or ""),
        )
    console.print(table)
    for finding in found:
        _print_finding(console, finding, with_snippet=len(report.implementations) == 1)
    for row in rows:
        if row.verdict == "error":
            mark = f"[{_MARKS['error']}]error[/] {_plain(row.property)} ({row.device}, {row.dtype})"
            console.print(f"\n{mark}\n  {_plain(row.message or '')}", highlight=False, soft_wrap=True)


def _print_finding(console: Console, finding: Finding, with_snippet: bool) -> None:
    """What is not as it should be. Snippets where one implementation is looked at; else in --json."""
    row = finding.rows[0]
    lines = [*([finding.diagnosis] if finding.diagnosis else []), row.message or ""]
    if row.counterexample is not None:
        values = ", ".join(f"{name}={value}" for name, value in row.counterexample.items())
        lines.append(f"smallest counterexample: {values}")
    if finding.also:
        lines.append(f"also, resting on it: {', '.join(finding.also)}")
    if row.reproduce and (with_snippet or row.verdict == "broken"):
        lines += ["reproduce without lawful:", ""]
        lines += [f"    {line}" for line in row.reproduce.splitlines()]
    devices = {each.device for each in finding.rows} - {"cpu"}
    where = ", ".join(
        f"{each.device} {each.dtype}" if devices else each.dtype for each in finding.rows if each.dtype
    )
    console.print(
        f"\n[{_MARKS[row.verdict]}]{row.verdict}[/] {_plain(row.property)} "
        f"({', '.join(filter(None, (finding.severity, where)))})",
        highlight=False,
    )
    for line in lines:
        console.print(f"  {_plain(line)}", highlight=False, soft_wrap=True)


def _grouped(rows: list[Result]) -> dict[tuple[str, str, str], list[Result]]:
    """Rows that differ in their dtype alone, the laws of the worst severity first."""
    order = sorted(rows, key=lambda row: severity.ORDER.index(_by_property(rows, row.property)))
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for row in order:
        groups.setdefault((row.property, row.verdict, row.device), []).append(row)
    return groups


def _by_property(rows: list[Result], name: str) -> str:
    """The worst severity of a law in any dtype."""
    return min((row.severity for row in rows if row.property == name), key=severity.ORDER.index)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
