"""The command line. Imports only what draws it: ``lawful --help`` answers at once.

Exit status: 0 nothing broken; 1 something broken, or asked nothing; 2 bad usage, or a target that is
not importable or not understood.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

app = typer.Typer(
    help="Does this mixup, label-smoothed cross-entropy or LR finder obey the laws of the technique?",
    epilog="Exit status: 0 nothing broken; 1 something broken, or nothing asked; "
    "2 bad usage, or a target that is not importable or not understood.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Target = Annotated[
    str,
    typer.Argument(help="package.module:Name, path/to/file.py:Name, or a shipped adapter such as timm"),
]
Technique = Annotated[
    str | None,
    typer.Option(help="label_smoothing, mixup, lr_finder or training; found by trial where left out"),
]
Device = Annotated[str, typer.Option(help="auto (all that are there), cpu, cuda or mps")]
Dtypes = Annotated[str | None, typer.Option("--dtype", help="some of float64,float32,bfloat16,float16")]
ProfileName = Annotated[str, typer.Option(help="quick (25 examples), standard (100) or deep (2000)")]
Seed = Annotated[int, typer.Option(help="another seed asks other examples; the same, the same")]
Only = Annotated[str | None, typer.Option(metavar="PROPERTY,..", help="these properties alone")]
Require = Annotated[
    str | None,
    typer.Option(metavar="CONVENTION=VALUE,..", help="break where a convention is another"),
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="write the report, schema 1")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="write the report as a page")]
TimeLimit = Annotated[
    int | None, typer.Option(min=1, help="seconds for one case, else 60, 120 or 1200 by profile")
]
Workers = Annotated[str, typer.Option("-n", help="processes that ask, or auto")]


@app.command()
def smoke(target: Target, technique: Technique = None) -> None:
    """Can we call it? About five calls, and how they were made."""
    from lawful.properties.harness.processes import Refused, smoked

    try:
        understood = smoked(target, technique)
    except Refused as error:
        _refuse(error)
    for each in understood["implementations"]:
        typer.echo(f"{each['name']}: understood as {each['technique']}")
        typer.echo(f"  called as    {each['called_as']}")
        conventions = ", ".join(f"{k}={v}" for k, v in each["conventions"].items())
        typer.echo(f"  conventions  {conventions or 'none detected'}")
    for note in understood["notes"]:
        typer.echo(note)
    if not understood["implementations"]:
        raise typer.Exit(2)


@app.command()
def check(
    target: Target,
    technique: Technique = None,
    device: Device = "auto",
    dtype: Dtypes = None,
    profile: ProfileName = "standard",
    seed: Seed = 0,
    only: Only = None,
    require: Require = None,
    json: JsonFile = None,
    html: HtmlFile = None,
    time_limit: TimeLimit = None,
    n: Workers = "auto",
) -> None:
    """Put an implementation under the laws: a verdict a law, and the smallest input that breaks one."""
    _ask([target], technique, device, dtype, profile, seed, only, require, json, html, time_limit, n)


@app.command()
def matrix(
    library: Annotated[list[str] | None, typer.Argument(help="shipped adapters; all where left out")] = None,
    technique: Technique = None,
    device: Device = "auto",
    dtype: Dtypes = None,
    profile: ProfileName = "standard",
    seed: Seed = 0,
    only: Only = None,
    require: Require = None,
    json: JsonFile = None,
    html: HtmlFile = None,
    time_limit: TimeLimit = None,
    n: Workers = "auto",
) -> None:
    """Put every shipped adapter whose library is installed under the laws."""
    from lawful.impl.thirdparty import LIBRARIES

    targets = library or list(LIBRARIES)
    _ask(targets, technique, device, dtype, profile, seed, only, require, json, html, time_limit, n)


@app.command(name="list")
def list_laws(technique: Technique = None) -> None:
    """The properties, with their formulas."""
    from lawful.properties.registry import laws_of, written_techniques

    try:
        for name in [technique] if technique else written_techniques():
            typer.echo(name)
            for law in laws_of(name):
                typer.echo(f"  {law.name:38} {law.formula}")
    except KeyError as error:
        _refuse(error.args[0])


@app.command()
def explain(name: Annotated[str, typer.Argument(metavar="PROPERTY")]) -> None:
    """A property's formula, reason and source, and the faults that it catches."""
    from lawful.impl.faulty import faults
    from lawful.properties.registry import find_law

    try:
        law = find_law(name)
    except KeyError as error:
        _refuse(error.args[0])
    lines = [f"law      {law.formula}", f"why      {law.why}", f"source   {law.source}"]
    if law.needs:
        lines.append(f"needs    {', '.join(law.needs)}")
    if law.when:
        lines.append(f"when     {', '.join(f'{k}={v}' for k, v in law.when.items())}")
    lines.append(f"asked in {', '.join(law.dtypes)} on {', '.join(law.devices)}")
    lines.append("catches")
    for fault in faults(law.technique):
        if law.name in fault.caught_by:
            lines.append(f"  {fault.id}  {fault.statement}")
    typer.echo(f"{law.id}\n" + "\n".join(f"  {line}" for line in lines))


def _ask(
    targets: list[str],
    technique: str | None,
    device: str,
    dtype: str | None,
    profile: str,
    seed: int,
    only: str | None,
    require: str | None,
    json: Path | None,
    html: Path | None,
    time_limit: int | None,
    workers: str,
) -> NoReturn:
    from rich.console import Console

    from lawful.properties.harness.plan import Plan
    from lawful.properties.harness.processes import Refused, ask, writable

    try:
        for path in (json, html):
            writable(path)
        if not (workers == "auto" or (workers.isdigit() and int(workers) > 0)):
            raise Refused(f"-n is {workers!r}, expected auto or a whole number from 1")
        plan = Plan(
            targets,
            technique,
            device,
            _split(dtype),
            profile,
            seed,
            _split(only),
            _pairs(require),
            time_limit,
        )
        report = ask(plan, workers)
    except Refused as error:
        _refuse(error)
    console = Console()
    report.print(console if console.is_terminal else Console(width=120))
    if json:
        report.write_json(json)
    if html:
        report.write_html(html)
    if not report.implementations:
        raise typer.Exit(2)
    raise typer.Exit(report.exit_status)


def _split(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text is not None else None


def _pairs(text: str | None) -> dict[str, str]:
    from lawful.properties.harness.processes import Refused

    pairs = {}
    for part in _split(text) or []:
        convention, equals, value = part.partition("=")
        if not equals:
            raise Refused(f"--require has {part!r}, expected CONVENTION=VALUE")
        pairs[convention] = value
    return pairs


def _refuse(error: Any) -> NoReturn:
    typer.echo(f"lawful: {error}", err=True)
    raise typer.Exit(2)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
