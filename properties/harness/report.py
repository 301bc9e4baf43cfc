"""The report: a data structure first (JSON, schema 1), rendered as a table or a page second.

Imports neither torch nor a property, so that the command line starts at once.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

VERDICTS = ("holds", "broken", "deviates", "unsupported", "error")
_MARKS = {
    "holds": "green",
    "broken": "bold red",
    "deviates": "yellow",
    "unsupported": "dim",
    "error": "magenta",
}


_URGENCY = ("broken", "error", "deviates", "holds", "unsupported")
"""What a page shows first."""
_SHORT_DTYPES = {"float64": "f64", "float32": "f32", "bfloat16": "bf16", "float16": "f16"}


@dataclass(frozen=True)
class Result:
    """A row: one property of one implementation, on one device and in one dtype."""

    implementation: str
    property: str
    device: str
    dtype: str
    verdict: str
    examples: int = 0
    worst_error: float | None = None
    """The largest error/bound seen; None where nothing was compared with a bound."""
    seconds: float = 0.0
    message: str | None = None
    counterexample: Mapping[str, Any] | None = None
    reproduce: str | None = None
    technique: str = ""


@dataclass(frozen=True)
class Implementation:
    """What is known of an implementation before its laws are asked."""

    name: str
    technique: str
    version: str | None
    called_as: str
    conventions: Mapping[str, str]


@dataclass
class Report:
    """Verdicts on some implementations; prints as a table."""

    profile: str
    seed: int
    implementations: list[Implementation]
    results: list[Result] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was not asked at all, and why: libraries that are absent, devices that are not there."""

    def of(self, implementation: Implementation) -> list[Result]:
        key = (implementation.name, implementation.technique)
        return [row for row in self.results if (row.implementation, row.technique) == key]

    def counts(self, results: Iterable[Result] | None = None) -> dict[str, int]:
        rows = self.results if results is None else list(results)
        return {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}

    @property
    def exit_status(self) -> int:
        """0 nothing broken; 1 something broken, not asked, or nothing asked at all."""
        counts = self.counts()
        asked = counts["holds"] + counts["broken"] + counts["deviates"]
        return 1 if counts["broken"] or counts["error"] or not asked else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "lawful": _version("lawful"),
            "torch": _version("torch"),
            "python": platform.python_version(),
            "profile": self.profile,
            "seed": self.seed,
            "implementations": [
                {
                    **asdict(implementation),
                    "counts": self.counts(self.of(implementation)),
                    "results": [
                        _finite(_without(asdict(row), "implementation", "technique"))
                        for row in self.of(implementation)
                    ],
                }
                for implementation in self.implementations
            ],
        }

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n")

    def write_html(self, path: Path) -> None:
        path.write_text(self.to_html())

    def to_html(self) -> str:
        import jinja2

        template = (Path(__file__).parent / "report.html.jinja").read_text()
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        info = self.to_json()
        for each in info["implementations"]:
            each["results"].sort(key=lambda row: _URGENCY.index(row["verdict"]))
        return environment.from_string(template).render(report=self, info=info)

    def print(self, console: Console) -> None:
        for implementation in self.implementations:
            self._print_one(console, implementation)
        for note in self.notes:
            console.print(f"[dim]{_plain(note)}[/dim]", highlight=False)
        console.print(self.summary(), highlight=False)

    def summary(self) -> str:
        counts = self.counts()
        asked = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        seconds = sum(row.seconds for row in self.results)
        return f"{len(self.results)} cases: {asked}; {seconds:.1f} s of asking"

    def _print_one(self, console: Console, implementation: Implementation) -> None:
        from rich.table import Table

        rows = self.of(implementation)
        counts = self.counts(rows)
        asked = len(rows) - counts["unsupported"] - counts["error"]
        version = f" {implementation.version}" if implementation.version else ""
        console.print(
            f"\n[bold]{_plain(implementation.name)}{version}[/bold]  {implementation.technique}",
            highlight=False,
        )
        if counts["unsupported"] > asked:
            console.print(
                f"[yellow]Most of it was not asked: {counts['unsupported']} cases unsupported, "
                f"{asked} asked.[/yellow]"
            )
        console.print(f"called as  {_plain(implementation.called_as)}", highlight=False)
        conventions = ", ".join(f"{k}={v}" for k, v in implementation.conventions.items())
        console.print(f"conventions  {conventions or 'none detected'}", highlight=False)
        table = Table(box=None, pad_edge=False)
        for heading in ("property", "verdict", "device", "dtypes", "error/bound", "examples"):
            table.add_column(heading, no_wrap=heading == "property")
        for (name, verdict, device), group in _grouped(rows).items():
            worst = [row.worst_error for row in group if row.worst_error is not None]
            table.add_row(
                name,
                f"[{_MARKS[verdict]}]{verdict}[/]",
                device,
                " ".join(_SHORT_DTYPES.get(row.dtype, row.dtype) for row in group),
                f"{max(worst):.2g}" if worst and max(worst) > 0 else "",
                str(sum(row.examples for row in group) or ""),
            )
        console.print(table)
        for (_, verdict, _), group in _grouped(rows).items():
            if verdict in ("broken", "deviates", "error"):
                _print_finding(console, group, with_snippet=len(self.implementations) == 1)

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(width=120, no_color=True)
        with console.capture() as captured:
            self.print(console)
        return captured.get()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.to_html()


def _print_finding(console: Console, group: list[Result], with_snippet: bool) -> None:
    """What is not as it should be. Snippets where one implementation is looked at; else in --json."""
    row = group[0]
    lines = [row.message or ""]
    if row.counterexample is not None:
        values = ", ".join(f"{name}={value}" for name, value in row.counterexample.items())
        lines.append(f"smallest counterexample: {values}")
    if row.reproduce and (with_snippet or row.verdict == "broken"):
        lines += ["reproduce without lawful:", ""]
        lines += [f"    {line}" for line in row.reproduce.splitlines()]
    dtypes = ", ".join(r.dtype for r in group)
    console.print(
        f"\n[{_MARKS[row.verdict]}]{row.verdict}[/] {_plain(row.property)} ({dtypes})",
        highlight=False,
    )
    for line in lines:
        console.print(f"  {_plain(line)}", highlight=False, soft_wrap=True)


def _grouped(rows: list[Result]) -> dict[tuple[str, str, str], list[Result]]:
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for row in rows:
        groups.setdefault((row.property, row.verdict, row.device), []).append(row)
    return groups


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _finite(value: Any) -> Any:
    """JSON has no inf and no NaN: they are written as strings."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
