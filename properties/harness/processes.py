"""Runs a plan in processes of its own: one that understands the targets, then pytest with workers.

Nothing that the code under test does to its process can take the command line along. What pytest
reports is written to a file, line by line; a case that is planned and never reported is an error.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lawful.properties.harness.plan import Plan
from lawful.properties.harness.report import Implementation, Report, Result

_SMOKE_LIMIT = 120
_RUN_FILE = """\
from lawful.properties.harness.api import battery

globals().update(battery({plan!r}))
"""
_PLUGINS = (
    "xdist",
    "pytest_timeout",
    "_hypothesis_pytestplugin",
    "lawful.properties.harness.plugin",
)


class Refused(Exception):
    """Bad usage, or a target that is not importable or not understood: exit status 2."""


def ask(plan: Plan, workers: str = "auto") -> Report:
    """Every case of the plan, with its verdict. Raises Refused."""
    with tempfile.TemporaryDirectory(prefix="lawful-") as folder:
        place = Path(folder)
        plan.write(place / "plan.json")
        understood = _understand(place)
        report = Report(
            plan.profile,
            plan.seed,
            [Implementation(**each) for each in understood["implementations"]],
            [Result(**row) for row in understood["requirements"]],
            understood["notes"],
            plan.fail_on,
            " ".join(["lawful", *sys.argv[1:]]),
        )
        if not understood["cases"]:
            return report
        with _workers(place, workers, "not accelerator") as process:
            follow(process, place / "results.jsonl", len(understood["cases"]))
        if any(case["device"] not in ("cpu", "twin") for case in understood["cases"].values()):
            with _workers(place, "1", "accelerator") as process:
                follow(process, place / "results.jsonl", len(understood["cases"]))
        rows = _rows(place / "results.jsonl")
        log = (place / "pytest.log").read_text(errors="replace")
    for case_id, planned in understood["cases"].items():
        row = rows.get(case_id)
        if row is None:
            message = f"not asked: the run ended without a word on it\n{log[-2000:]}"
            report.results.append(Result(**{**planned, "message": message}))
            continue
        if row.get("message") == "the process died while this was asked" and (
            row["seconds"] >= 0.9 * understood["time_limit"]
        ):
            row["message"] = f"no answer within {understood['time_limit']} s: it was ended"
        details = {name: value for name, value in row.items() if name != "id"}
        report.results.append(Result(**{**planned, **details}))
    return report


def smoked(targets: list[str], technique: str | None) -> dict[str, Any]:
    """How targets are understood. Raises Refused."""
    with tempfile.TemporaryDirectory(prefix="lawful-") as folder:
        Plan(targets, technique).write(Path(folder) / "plan.json")
        return _understand(Path(folder))


def adapted(target: str, technique: str | None) -> tuple[str, bool]:
    """An adapter's source for a target, and whether it is a draft. Raises Refused."""
    with tempfile.TemporaryDirectory(prefix="lawful-") as folder:
        Plan([target], technique).write(Path(folder) / "plan.json")
        answer = _child("adapting", Path(folder), _SMOKE_LIMIT)
    return answer["source"], answer["draft"]


def replayed(file: Path, row: str | None) -> list[tuple[int, dict[str, Any]]]:
    """The stored counterexamples of a report, asked again: their numbers and results. Raises Refused."""
    try:
        report = json.loads(file.read_text())
        implementations = report["implementations"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{file} is no JSON report of lawful: {type(error).__name__}: {error}") from error
    rows = [
        {
            **result,
            "implementation": each["name"],
            "technique": each["technique"],
            "target": each.get("target"),
        }
        for each in implementations
        for result in each["results"]
        if result.get("counterexample") is not None
    ]
    chosen = [
        (number, each)
        for number, each in enumerate(rows, 1)
        if row is None or row in (str(number), each["property"])
    ]
    if not chosen:
        known = ", ".join(dict.fromkeys(each["property"] for each in rows)) or "none"
        asked = f"row {row!r}" if row else "a counterexample"
        raise Refused(f"{file} has no {asked}; it has counterexamples of: {known}")
    with tempfile.TemporaryDirectory(prefix="lawful-") as folder:
        place = Path(folder)
        (place / "plan.json").write_text(json.dumps([each for _, each in chosen]))
        found = _child("replay", place, 60 + 10 * len(chosen))
    return list(zip([number for number, _ in chosen], found["rows"], strict=True))


def writable(path: Path | None) -> None:
    """Before anything is asked: can the report be written? Raises Refused."""
    if path is None:
        return
    try:
        existed = path.exists()
        with path.open("a"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise Refused(f"the report {path} cannot be written: {error.strerror}") from error


def _understand(place: Path) -> dict[str, Any]:
    return _child("smoke", place, _SMOKE_LIMIT)


def _child(module: str, place: Path, limit: int) -> dict[str, Any]:
    """What a module of ours answers to ``plan.json``, in a process of its own. Raises Refused."""
    answer = place / "answer.json"
    command = [sys.executable, "-m", f"lawful.properties.harness.{module}"]
    try:
        done = subprocess.run(
            [*command, str(place / "plan.json"), str(answer)],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"not understood: no answer to a few calls within {limit} s") from error
    if not answer.exists():
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        raise Refused(
            f"not understood: its process ended with status {done.returncode} during import or the "
            f"first calls ({said})"
        )
    understood: dict[str, Any] = json.loads(answer.read_text())
    if "usage" in understood:
        raise Refused(understood["usage"])
    if "not_understood" in understood:
        raise Refused(f"not understood\n{understood['not_understood']}")
    return understood


@contextlib.contextmanager
def _workers(place: Path, workers: str, marked: str) -> Iterator[subprocess.Popen[bytes]]:
    """pytest over the plan's cases that are ``marked``, ended with all its workers on an error.

    Accelerators get a run of one worker: a device-side assertion ruins the context of the process.
    (xdist's ``loadgroup`` would keep them apart in one run, but does not survive a worker that dies.)
    """
    (place / "test_run.py").write_text(_RUN_FILE.format(plan=str(place / "plan.json")))
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "results.jsonl").touch()
    command = [sys.executable, "-m", "pytest", str(place / "test_run.py"), "-q"]
    command += ["-c", str(place / "pytest.ini"), "--rootdir", str(place)]
    command += ["--import-mode=importlib", "-p", "no:cacheprovider", "--tb=line"]
    for plugin in _PLUGINS:
        command += ["-p", plugin]
    count = workers if workers != "auto" else str(os.cpu_count() or 1)
    command += ["-n", count, "-m", marked, "--max-worker-restart", "100000"]
    command += ["--timeout-method", "thread", "--lawful-results", str(place / "results.jsonl")]
    with (place / "pytest.log").open("w") as log:
        process = subprocess.Popen(
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _rows(results: Path) -> dict[str, dict[str, Any]]:
    """By case, as pytest reported them."""
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    return {row["id"]: row for row in rows}


def follow(process: subprocess.Popen[bytes], results: Path, total: int) -> None:
    """Waits, with a progress bar where somebody is looking."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        process.wait()
        return
    columns = (
        TextColumn("asking"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[broken]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("asking", total=total, broken="")
        _poll(process, lambda: _advance(progress, task, results))


def _poll(process: subprocess.Popen[bytes], look: Callable[[], None]) -> None:
    while process.poll() is None:
        look()
        time.sleep(0.2)


def _advance(progress: Any, task: Any, results: Path) -> None:
    text = results.read_text()
    broken = text.count('"verdict": "broken"')
    progress.update(task, completed=text.count("\n"), broken=f"{broken} broken" if broken else "")


def _environment() -> dict[str, str]:
    """The caller's, without other pytest options and plugins, and with its folder to import from."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    path = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))
    return {
        **kept,
        "PYTHONPATH": path,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "OMP_NUM_THREADS": "1",
    }
