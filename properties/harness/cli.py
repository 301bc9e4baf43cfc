"""The command line. Imports only what draws it: ``lawful --help`` answers at once.

Exit status: 0 if nothing fails at ``--fail-on`` or above; 1 if something does, or nothing could be tested;
2 for a mistake in the command, or a target that cannot be imported or is not understood.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_type_hints

import typer

app = typer.Typer(
    help="Tests implementations of label smoothing, mixup and the LR finder against their formulas. "
    "A first command: lawful check my_losses.py:SmoothCE",
    epilog="Exit status: 0 if nothing fails at --fail-on or above; 1 if something does, or nothing could be "
    "tested; 2 for a mistake in the command, or a target that cannot be imported or is not understood.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Target = Annotated[
    list[str],
    typer.Argument(
        help="package.module:Name, path/to/file.py:Name, or a library that lawful knows, such as timm"
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="package.module:Name, path/to/file.py:Name, or a library "
        "that lawful knows, such as timm. Without "
        "one: the targets under \\[tool.lawful] in ./pyproject.toml",
    ),
]
Technique = Annotated[
    str | None,
    typer.Option(help="label_smoothing, mixup, lr_finder or training. Without it, lawful tries each"),
]
OneTechnique = Annotated[
    str | None, typer.Argument(metavar="[TECHNIQUE]", help="label_smoothing, mixup, lr_finder or training")
]
Device = Annotated[
    str,
    typer.Option(
        metavar="DEVICE,..",
        help="auto: all of this machine; or cpu, cuda (or gpu), mps; "
        "twin: a stand-in for a GPU, in CPU memory",
    ),
]
Dtypes = Annotated[str | None, typer.Option("--dtype", help="some of float64, float32, bfloat16, float16")]
ProfileName = Annotated[str, typer.Option(help="examples for each law: quick 25, standard 100, deep 2000")]
Seed = Annotated[int, typer.Option(help="which examples are drawn: the same seed draws the same ones")]
Only = Annotated[str | None, typer.Option(metavar="LAW,..", help="test these laws alone")]
Require = Annotated[
    str | None,
    typer.Option(metavar="CONVENTION=VALUE,..", help="fail if a convention has another value"),
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="write the report as JSON")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="write the report as a web page, one file")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", help="write a table for a README")]
BadgeFile = Annotated[Path | None, typer.Option("--badge", help="write the JSON that shields.io reads")]
JunitFile = Annotated[Path | None, typer.Option("--junit", help="write JUnit XML, as CI servers read it")]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="text|github",
        help="github: also print annotations, which GitHub shows beside the code",
    ),
]
TimeLimit = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="seconds for one law on one device and dtype. Without it: quick 60, standard 120, deep 1200",
    ),
]
Skip = Annotated[str | None, typer.Option(metavar="LAW,..", help="do not test these laws")]
FailOn = Annotated[
    str,
    typer.Option(
        metavar="wrong|edge|guard",
        help="what makes the exit status 1. wrong: wrong results; edge: also problems at the edges of the "
        "range; guard: also invalid input that is accepted without an error",
    ),
]
KnownFile = Annotated[
    str | None,
    typer.Option(
        "--known",
        metavar="FILE",
        help="TOML file of known failures. Without it: \\[tool.lawful] in ./pyproject.toml",
    ),
]
Database = Annotated[
    str | None,
    typer.Option(
        metavar="redis://..", help="where the deep profile keeps failing examples. Without it: a folder"
    ),
]
Workers = Annotated[str, typer.Option("-n", help="how many processes run tests, or auto")]
ExitFirst = Annotated[
    bool, typer.Option("-x", "--exit-first", help="stop at the first finding that fails the run")
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="print the last line alone")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="print every finding and every test")]


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"lawful {metadata.version('lawful')}")
        raise typer.Exit()


@app.callback()
def lawful(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and exit"),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        from lawful.properties.harness.offering import offered

        found = offered()
        typer.echo(f"{found}; lawful --help shows all commands" if found else context.get_help())


@app.command()
def smoke(target: Target, technique: Technique = None) -> None:
    """Say how lawful would call an implementation, after about five calls. No law is tested."""
    from lawful.impl.contracts import WAYS
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.processes import smoked

    try:
        _check_targets(target)
        understood = smoked(target, technique)
    except Refused as error:
        _refuse(error)
    for each in understood["implementations"]:
        typer.echo(f"{each['name']}: understood as {each['technique']}")
        typer.echo(f"  called as    {each['called_as']}")
        conventions, ways = (
            ", ".join(f"{k}={v}" for k, v in each["conventions"].items() if (k in WAYS) == is_way)
            for is_way in (False, True)
        )
        typer.echo(f"  conventions  {conventions or 'none detected'}")
        if ways:
            typer.echo(f"  by PyTorch   {ways}")
    for note in dict.fromkeys(understood["notes"]):
        typer.echo(note)
    if not understood["implementations"]:
        raise typer.Exit(2)


@dataclass(frozen=True)
class _Asking:
    """The options of ``check`` and ``matrix``, in their order; and which of them were given."""

    technique: Technique = None
    device: Device = "auto"
    dtype: Dtypes = None
    profile: ProfileName = "standard"
    seed: Seed = 0
    only: Only = None
    skip: Skip = None
    require: Require = None
    fail_on: FailOn = "wrong"
    exit_first: ExitFirst = False
    known: KnownFile = None
    json: JsonFile = None
    html: HtmlFile = None
    markdown: MarkdownFile = None
    badge: BadgeFile = None
    junit: JunitFile = None
    format: Format = "text"
    time_limit: TimeLimit = None
    database: Database = None
    n: Workers = "auto"
    quiet: Quiet = False
    verbose: Verbose = False
    given: frozenset[str] = frozenset()

    def within(self, settings: Any) -> _Asking:
        """With what ``pyproject.toml`` says in place of what was not given."""
        said = {
            "profile": settings.profile,
            "fail_on": settings.fail_on,
            "device": ",".join(settings.devices),
            "skip": ",".join(settings.skip),
            "require": ",".join(f"{name}={value}" for name, value in settings.require.items()),
        }
        return replace(self, **{k: v for k, v in said.items() if v and k not in self.given})

    def plan(self, targets: list[str], **more: Any) -> Any:
        """Raises Refused."""
        from lawful.properties.harness.plan import Plan

        return Plan(
            targets,
            technique=self.technique,
            device=self.device,
            dtypes=_split(self.dtype),
            profile=self.profile,
            seed=self.seed,
            only=_split(self.only),
            skip=_split(self.skip),
            require=_pairs(self.require),
            fail_on=self.fail_on,
            exit_first=self.exit_first,
            known=self.known,
            time_limit=self.time_limit,
            database=self.database,
            pictures=bool(self.json or self.html),
            **more,
        )

    def outputs(self) -> _Outputs:
        return _Outputs(self.json, self.html, self.markdown, self.badge, self.junit, self.format)


def _asking(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose last argument is an ``_Asking``, with the options of it as its own."""
    names = [each.name for each in fields(_Asking) if each.name != "given"]

    @functools.wraps(command)
    def called(**given: Any) -> None:
        context = given.pop("context")
        sources = {name: context.get_parameter_source(name) for name in names}
        there = frozenset(name for name, source in sources.items() if source and source.name == "COMMANDLINE")
        asking = _Asking(**{name: given.pop(name) for name in names}, given=there)
        command(**given, asking=asking)

    hints = get_type_hints(command, include_extras=True) | get_type_hints(_Asking, include_extras=True)
    first, *own = [each for each in inspect.signature(command).parameters.values() if each.name != "asking"]
    options = [*(each for n, each in inspect.signature(_Asking).parameters.items() if n in names), *own]
    by_name = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in options]
    parameters = [each.replace(annotation=hints[each.name]) for each in (first, *by_name)]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters.append(inspect.Parameter("context", keyword, annotation=typer.Context))
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called


@app.command()
@_asking
def check(
    target: Targets = None,
    *,
    write_known: Annotated[
        bool,
        typer.Option("--write-known", help="add what fails now to the known failures"),
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="why that is accepted: the reason that --write-known writes")
    ] = "",
    asking: _Asking,
) -> None:
    """Test an implementation against the laws of its technique. Shows the smallest input that breaks one."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.offering import offered
    from lawful.properties.harness.settings import read_settings

    try:
        settings = read_settings()
    except Refused as error:
        _refuse(error)
    targets = target or settings.targets
    if not targets:
        found = offered() or "nothing in this folder looks like a loss, a mixup or an LR finder"
        _refuse(f"no target, and none in [tool.lawful] of pyproject.toml. {found}")
    _ask(targets, asking.within(settings), write_known, reason, said_in=settings.place)


@app.command()
@_asking
def matrix(
    library: Annotated[
        list[str] | None,
        typer.Argument(
            help="libraries that lawful knows. Without one: torch, torchvision, timm and eight more"
        ),
    ] = None,
    *,
    asking: _Asking,
) -> None:
    """Test the libraries that lawful knows, and print a line for each."""
    from lawful.impl.thirdparty import LIBRARIES

    _ask(library or list(LIBRARIES), asking, in_lines=True)


@app.command()
def adapt(
    target: Annotated[str, typer.Argument(help="package.module:Name or path/to/file.py:Name")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="the file to write. Without it, the adapter is printed"),
    ] = None,
    technique: Technique = None,
) -> None:
    """Write an adapter: how lawful calls an implementation. If it cannot call it: a draft, and exit 2."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.processes import adapted, writable

    try:
        writable(output)
        _check_targets([target])
        source, draft = adapted(target, technique)
    except Refused as error:
        _refuse(error)
    if output is None:
        typer.echo(source, nl=False)
    else:
        output.write_text(source, encoding="utf-8")
        typer.echo(f"{'a draft' if draft else 'the adapter'} is in {output}: lawful check {output}:adapter")
    if draft:
        raise typer.Exit(2)


@app.command()
def scan(
    path: Annotated[list[Path], typer.Argument(help="files and folders")],
    list_only: Annotated[
        bool, typer.Option("--list", help="list the candidates without executing anything")
    ] = False,
    technique: Technique = None,
    profile: ProfileName = "quick",
    seed: Seed = 0,
    fail_on: FailOn = "wrong",
    json: JsonFile = None,
    time_limit: Annotated[int, typer.Option(min=1, help="seconds for one candidate")] = 120,
    memory_limit: Annotated[int, typer.Option(min=512, help="MiB of address space for one candidate")] = 8192,
    n: Workers = "auto",
    tx: Annotated[
        list[str] | None, typer.Option(help="other hosts or interpreters, as pytest-xdist's --tx; repeatable")
    ] = None,
    rsyncdir: Annotated[
        list[Path] | None, typer.Option(help="folders to copy there first, as pytest-xdist's --rsyncdir")
    ] = None,
) -> None:
    """Find what looks like one of the techniques in a repository, and test each. This executes its code."""
    import json as json_module
    import sys

    from lawful.impl.contracts import SEVERITIES, TECHNIQUES
    from lawful.properties.harness.children import Limits, Refused, unlimited
    from lawful.properties.harness.processes import number_of, progress, writable
    from lawful.properties.harness.profiles import PROFILES
    from lawful.properties.harness.scan import Scan, found_in, scan_all

    try:
        writable(json)
        number_of(n)
        for each in path:
            if not each.exists():
                raise Refused(f"no file or folder {each}")
        for name, value, known in (
            ("--fail-on", fail_on, SEVERITIES),
            ("--technique", technique, (None, *TECHNIQUES)),
            ("--profile", profile, PROFILES),
        ):
            if value not in known:
                raise Refused(f"{name} is {value!r}, expected {', '.join(filter(None, known))}")
    except Refused as error:
        _refuse(error)
    found, notes = found_in(path)
    found = [candidate for candidate in found if technique in (None, candidate.technique)]
    if list_only or not found:
        for candidate in found:
            where = f"{candidate.path}:{candidate.line}"
            typer.echo(f"{where}  {candidate.name}  {candidate.technique}")
        for note in notes:
            typer.echo(note)
        typer.echo(f"{len(found)} candidates" + ("" if list_only else ": nothing was tested"))
        raise typer.Exit(0 if list_only else 2)
    typer.echo(
        f"{len(found)} candidates. This imports and runs their code, each in a process of its own with "
        f"{time_limit} s and {memory_limit} MiB; --list runs nothing.",
        err=True,
    )
    with progress("examining", len(found)) as done:
        rows = scan_all(
            found,
            profile=profile,
            seed=seed,
            seconds=time_limit,
            limits=Limits(memory_limit),
            workers=n,
            tx=tx or (),
            rsyncdir=rsyncdir or (),
            shown=done,
        )
    result = Scan(found, rows, fail_on, [*notes, *unlimited()])
    _print_scan(result)
    if json:
        text = result.to_json(" ".join(["lawful", *sys.argv[1:]]), profile, seed)
        json.write_text(json_module.dumps(text, indent=1) + "\n", encoding="utf-8")
    raise typer.Exit(result.exit_status)


def _print_scan(result: Any) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("where", "name", "technique", "verdict"):
        table.add_column(heading, overflow="fold")
    for row in result.rows:
        status = (
            row["words"] if row["status"] == "asked" else f"{row['status']}: {row['words'].splitlines()[0]}"
        )
        notes = "".join(f"\n({note})" for note in row.get("notes", ()))
        table.add_row(f"{row['path']}:{row['line']}", row["name"], row["technique"], escape(status + notes))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
    for note in result.notes:
        typer.echo(note)
    counts = Counter(row["status"] for row in result.rows)
    kinds = {"asked": "tested"}
    told = ", ".join(f"{n} {kinds.get(status, status)}" for status, n in counts.items())
    typer.echo(f"{len(result.rows)} candidates: {told}")


@app.command()
def replay(
    report: Annotated[Path, typer.Argument(help="a JSON report of check or matrix")],
    row: Annotated[
        str | None, typer.Argument(help="a law, or the number of a counterexample in the list")
    ] = None,
) -> None:
    """Try the inputs that broke a law in a report once more. Exit 1 if one still does."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.processes import replayed
    from lawful.properties.harness.words import VERDICTS

    try:
        rows = replayed(report, row)
    except Refused as error:
        _refuse(error)
    for number, each in rows:
        verdict = VERDICTS[each["verdict"]]
        typer.echo(f"{number:4}  {verdict:12} {each['property']} ({each['device']}, {each['dtype']})")
        typer.echo(f"      {each['message']}")
    raise typer.Exit(1 if any(each["verdict"] == "broken" for _, each in rows) else 0)


@app.command()
def show(
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="the number of a finding. Without it, all are listed")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Argument(metavar="[REPORT]", help="a JSON report. Without it, the last run in this folder"),
    ] = None,
) -> None:
    """Print a program that shows finding N: of the last run in this folder, or of a report."""
    from lawful.properties.harness import last, summary
    from lawful.properties.harness.children import Refused

    file = report or last.place(".")
    try:
        if report is None and not file.exists():
            raise Refused("there was no run in this folder yet: lawful check TARGET, or lawful show N REPORT")
        found = [one for one in summary.told(_stored(file)) if one.number]
        if number is None:
            for one in found:
                typer.echo(f"{one.number:3}  {one.implementation['name']}: {one.heading}: {one.short}")
            return
        chosen = next((one for one in found if one.number == number), None)
        if chosen is None:
            there = f"1 to {len(found)}" if found else "none, as nothing failed"
            raise Refused(f"there is no finding {number}; the report has {there}")
    except Refused as error:
        _refuse(error)
    where = chosen.implementation.get("defined_at") or chosen.implementation["name"]
    typer.echo(f"# {where}: {chosen.reason}")
    program = chosen.row["reproduce"]
    if not program:
        typer.echo(f"lawful: no program can show this: {chosen.message}", err=True)
        raise typer.Exit(1)
    typer.echo(program, nl=False)


@app.command()
def report(
    file: Annotated[Path, typer.Argument(metavar="REPORT", help="a JSON report of check or matrix")],
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    badge: BadgeFile = None,
    junit: JunitFile = None,
    format: Format = "text",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print a stored report, and write it in other formats. Nothing is tested again."""
    _retell(_Outputs(None, html, markdown, badge, junit, format), lambda: _stored(file), quiet, verbose)


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="JSON reports of check or matrix")],
    json: JsonFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    badge: BadgeFile = None,
    junit: JunitFile = None,
    format: Format = "text",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Join several reports into one, for instance those of several environments. Nothing is tested again."""
    from lawful.properties.harness.outputs import merged

    outputs = _Outputs(json, html, markdown, badge, junit, format)
    _retell(outputs, lambda: merged([_stored(file) for file in files]), quiet, verbose)


def _retell(outputs: _Outputs, read: Callable[[], dict[str, Any]], quiet: bool, verbose: bool) -> None:
    """Prints a report as the run that made it did, and writes it as asked."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.terminal import show, show_matrix

    try:
        outputs.check()
        info = read()
    except (Refused, ValueError) as error:
        _refuse(error)
    if len(info["implementations"]) > 1 and not (quiet or verbose):
        show_matrix(info, _console())
    else:
        show(info, _console(), quiet=quiet, verbose=verbose)
    outputs.write(info)


@app.command()
def issue(
    target: Annotated[str, typer.Argument(help="as for check")],
    law: Annotated[str, typer.Argument(metavar="LAW", help="the law that it breaks")],
    technique: Technique = None,
    device: Device = "cpu",
) -> None:
    """Test one law, and print a bug report for the authors of the code, as Markdown. Nothing is sent."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.outputs import issue as written
    from lawful.properties.harness.plan import Plan
    from lawful.properties.harness.processes import ask

    try:
        report = ask(Plan([target], technique=technique, device=device, only=[law], fail_on="guard"))
    except Refused as error:
        _refuse(error)
    text = written(report.to_json())
    if not text:
        from lawful.properties.harness.summary import verdict

        typer.echo(f"{target} does not break {law}: {verdict(report.to_json())}", err=True)
        raise typer.Exit(1)
    typer.echo(text, nl=False)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="a JSON report")],
    new: Annotated[Path, typer.Argument(help="a later one")],
) -> None:
    """Print what changed between two reports. Exit 1 if a law that passed fails, or could not be tested."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.outputs import changes, versions
    from lawful.properties.harness.words import VERDICTS

    try:
        before, after = _stored(old), _stored(new)
    except Refused as error:
        _refuse(error)
    for line in versions(before, after):
        typer.echo(line)
    found = changes(before, after)
    for name, law, was, now in found:
        before_word, now_word = VERDICTS.get(was, "not there"), VERDICTS.get(now, "not there")
        typer.echo(f"{name}  {law}: {before_word} -> {now_word}")
    if not found:
        typer.echo("nothing changed")
    worse = [each for each in found if each[2] == "holds" and each[3] in ("broken", "error")]
    raise typer.Exit(1 if worse else 0)


def _stored(file: Path) -> dict[str, Any]:
    """A report's JSON. Raises Refused."""
    import json

    from lawful.properties.harness.children import Refused

    try:
        info: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        known = info["schema"] == 2 and all("results" in each for each in info["implementations"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{file} is no JSON report of lawful: {type(error).__name__}: {error}") from error
    if not known:
        raise Refused(f"{file} is a report of schema {info['schema']}, expected 2")
    return info


@app.command()
def conventions(only: OneTechnique = None, technique: Technique = None) -> None:
    """List the choices on which good implementations differ, and their values, for --require."""
    from lawful.properties.registry import laws_of, written_techniques
    from lawful.properties.subjects import subject_class

    try:
        for name in [named] if (named := only or technique) else written_techniques():
            laws_of(name)
            typer.echo(name)
            for convention, values in subject_class(name).convention_values.items():
                typer.echo(f"  {convention:18} {' | '.join(values)}")
    except KeyError as error:
        _refuse(error.args[0])


@app.command(name="list")
def list_laws(only: OneTechnique = None, technique: Technique = None) -> None:
    """List the laws and their formulas."""
    from lawful.properties.registry import laws_of, written_techniques

    try:
        for name in [named] if (named := only or technique) else written_techniques():
            laws = laws_of(name)
            typer.echo(name)
            for law in laws:
                typer.echo(f"  {law.severity:5}  {law.name:38} {law.formula}")
    except KeyError as error:
        _refuse(error.args[0])


@app.command()
def study(
    technique: Annotated[str, typer.Argument(help="label_smoothing, mixup, lr_finder or training")],
) -> None:
    """Print the formulas of a technique, and where to read on."""
    import ast
    import importlib.util
    import re

    from lawful.impl.contracts import TECHNIQUES
    from lawful.properties.harness.children import Refused

    if technique not in TECHNIQUES:
        _refuse(Refused(f"technique is {technique!r}, expected {', '.join(TECHNIQUES)}"))
    name = "properties.training" if technique == "training" else f"reference.{technique}"
    spec = importlib.util.find_spec(f"lawful.{name}")
    assert spec is not None
    source = Path(str(spec.origin)).read_text(encoding="utf-8")
    text = ast.get_docstring(ast.parse(source)) or ""
    text = re.sub(r"(``?)([^`]+)\1", r"\2", text)  # without the marks of Markdown
    typer.echo(re.sub(r"(?<!\w)(\*\*?)(\w[^*]*?)\1(?!\w)", r"\2", text))
    typer.echo("")
    chapter = Path(str(spec.origin)).parents[1] / "docs" / f"{technique}.md"
    if chapter.exists():  # in a checkout, and not where only the package is installed
        typer.echo(f"with figures   {chapter}; make docs builds the site")
    typer.echo(f"as code        {spec.origin}")
    typer.echo(f"its laws       lawful list {technique}")
    typer.echo(f"test your own  lawful check FILE.py:NAME --technique {technique}")


@app.command()
def vectors(
    technique: Annotated[str, typer.Option(help="label_smoothing, mixup or lr_finder")],
    output: Annotated[Path, typer.Option("-o", "--output", help="the folder to write to")],
) -> None:
    """Write inputs and right results as JSON, to test code in any language."""
    import torch

    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.vectors import write

    torch.set_num_threads(1)
    try:
        count = write(technique, output)
    except ValueError as error:
        _refuse(error)
    except OSError as error:
        _refuse(Refused(f"cannot write to {output}: {error.strerror}"))
    typer.echo(f"{count} vectors in {output / technique}.json; beside them schema.json and check_answers.py")


@app.command()
def explain(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="a law, a convention (or CONVENTION=VALUE), a fault such as L02"),
    ],
) -> None:
    """Explain a law, a convention or a fault: its formula, the reason, the source, whether to care."""
    from lawful.impl.faulty import faults, mended
    from lawful.properties.harness.conventions import CONVENTIONS, conventions_named, explained
    from lawful.properties.registry import find_law, laws_named, written_techniques

    known = [(technique, fault) for technique in written_techniques() for fault in faults(technique)]
    chosen = [(technique, fault) for technique, fault in known if name.lower() == fault.id.lower()]
    for technique, fault in chosen:
        typer.echo(f"{technique} fault {fault.id}")
        typer.echo(f"  what      {fault.statement}")
        typer.echo(f"  source    {fault.source}")
        typer.echo(f"  caught by {', '.join(fault.caught_by)}")
        typer.echo(f"  asked for {find_law(fault.caught_by[0], technique).formula}")
        typer.echo(f"  because   {find_law(fault.caught_by[0], technique).why}")
        if fault.change:
            typer.echo(f"  change    {fault.change}")
        for number, line in enumerate(mended.fix(fault)):
            typer.echo(f"  {'the lines' if not number else '':9} {line}")
    if chosen:
        return
    convention, equals, value = name.partition("=")
    if found := conventions_named(convention):
        for each in found:
            if equals and value not in each.values:
                _refuse(f"{convention} has no value {value!r}; there are {', '.join(each.values)}")
            typer.echo("\n".join(explained(each, value if equals else None)))
        return
    try:
        laws = laws_named(name)
    except KeyError as error:
        close = difflib.get_close_matches(convention, [each.name for each in CONVENTIONS], 1, cutoff=0.75)
        meant = f", or did you mean the convention {close[0]!r}?" if close else ""
        _refuse(error.args[0] + meant)
    for law in laws:
        typer.echo("\n".join(_explained(law, faults(law.technique))))


def _explained(law: Any, faults: Any) -> list[str]:
    from lawful.impl.contracts import SEVERITIES

    lines = [
        f"law      {law.formula}",
        f"why      {law.why}",
        f"source   {law.source}",
        f"severity {law.severity}: {SEVERITIES[law.severity]}",
    ]
    if law.rests_on:
        lines.append(f"rests on {', '.join(law.rests_on)}")
    if law.needs:
        lines.append(f"needs    {', '.join(law.needs)}")
    if law.when:
        values = (f"{k}={v if isinstance(v, str) else '|'.join(v)}" for k, v in law.when.items())
        lines.append(f"when     {', '.join(values)}")
    lines.append(f"asked in {', '.join(law.dtypes)} on {', '.join(law.devices)}")
    if law.technique != "training":
        lines.append(f"formulas reference/{law.technique}.py")
    lines.append("catches")
    lines += [f"  {fault.id}  {fault.statement}" for fault in faults if law.name in fault.caught_by]
    lines.append(f"more     lawful study {law.technique}; the chapter docs/{law.technique}.md")
    return [law.id, *(f"  {line}" for line in lines)]


@dataclass(frozen=True)
class _Outputs:
    """Where a report is written, beside the terminal."""

    json: Path | None = None
    html: Path | None = None
    markdown: Path | None = None
    badge: Path | None = None
    junit: Path | None = None
    format: str = "text"

    def check(self) -> None:
        """Before anything is asked. Raises Refused."""
        from lawful.properties.harness.children import Refused
        from lawful.properties.harness.processes import writable

        for path in (self.json, self.html, self.markdown, self.badge, self.junit):
            writable(path)
        if self.format not in ("text", "github"):
            raise Refused(f"--format is {self.format!r}, expected text or github")

    def write(self, info: dict[str, Any]) -> None:
        from json import dumps

        from lawful.properties.harness import outputs

        if self.json:
            self.json.write_text(dumps(info, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        if self.html:
            from lawful.properties.harness.page import page

            self.html.write_text(page(info), encoding="utf-8")
            typer.echo(f"the page is {self.html}", err=True)
        for kind in ("markdown", "badge", "junit"):
            if path := getattr(self, kind):
                outputs.write(info, path, kind)
        if self.format == "github":
            for line in outputs.github(info):
                typer.echo(line)


def _ask(
    targets: list[str],
    asking: _Asking,
    write_known: bool = False,
    reason: str = "",
    *,
    in_lines: bool = False,
    said_in: str = "",
) -> NoReturn:
    """``in_lines``: a line a library comes first. ``said_in``: where options stand that were not given."""
    from lawful.properties.harness import last, terminal
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.processes import ask

    outputs = asking.outputs()
    try:
        outputs.check()
        _check_targets(targets)
        places = {} if "skip" in asking.given or not said_in else {"skip": f"{said_in} skip"}
        plan = asking.plan(targets, writes_known=write_known, said_in=places)
        report = ask(plan, asking.n)
    except Refused as error:
        _refuse(error)
    info = report.to_json()
    last.keep(info, plan.folder)
    if in_lines and not (asking.quiet or asking.verbose):
        terminal.show_matrix(info, _console())
    else:
        terminal.show(info, _console(), quiet=asking.quiet, verbose=asking.verbose)
    outputs.write(info)
    if write_known:
        from lawful.properties.harness.known import write_known as write

        path, count = write(report, plan.known, reason)
        then = "" if reason else "; fill in the reason of each"
        typer.echo(f"{count} known failures added to {path}{then}")
    if not report.implementations:
        raise typer.Exit(2)
    raise typer.Exit(report.exit_status)


def _check_targets(targets: list[str]) -> None:
    """Raises Refused where one names a folder, or a file that is no Python."""
    from lawful.properties.harness.children import Refused
    from lawful.properties.harness.offering import why_no_target

    for target in targets:
        if why := why_no_target(target):
            raise Refused(why)


def _console() -> Any:
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=120)


def _split(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text is not None else None


def _pairs(text: str | None) -> dict[str, str]:
    from lawful.properties.harness.children import Refused

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
