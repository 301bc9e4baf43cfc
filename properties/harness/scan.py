"""``lawful scan``: every candidate of a folder, each in a process of its own, spread over pytest-xdist.

Somebody else's code may do anything, so a candidate has limits of memory and time, a temporary folder to
stand in and no standard input; whatever it starts is ended with it. It costs its own row, and nothing else.
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
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lawful.impl.contracts import SEVERITIES
from lawful.properties.harness.report import Report
from lawful.properties.harness.understanding.candidates import Candidate, candidates

_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__", "build", "dist", ".tox", "site-packages"}
_RUN_FILE = """\
from lawful.properties.harness.scan import scan_test

test_candidate = scan_test({questions!r})
"""
_ENV = "//env:PYTEST_DISABLE_PLUGIN_AUTOLOAD=1//env:OMP_NUM_THREADS=1"
"""Of a worker on another host, in execnet's words: other plugins there are not loaded either."""
_MARK = "LAWFUL_SCAN"
_EXAMINE = (sys.executable, "-m", "lawful.properties.harness.examine")


@dataclass(frozen=True)
class Limits:
    """Of one candidate."""

    seconds: int = 120
    memory: int = 8192
    """MiB of address space; torch alone maps 3 GiB or so."""


@dataclass
class Scan:
    """What came of a scan: a row a candidate."""

    candidates: list[Candidate]
    rows: list[dict[str, Any]] = field(default_factory=list)
    fail_on: str = "wrong"
    notes: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """1 where a candidate breaks a law at ``fail_on`` or above, or raises on every call."""
        order = list(SEVERITIES)
        failing = order[: order.index(self.fail_on) + 1]
        fails = (
            row["status"] == "raises" or set(row.get("severities", ())) & set(failing) for row in self.rows
        )
        return int(any(fails))

    def to_json(self, command: str, profile: str, seed: int) -> dict[str, Any]:
        report = Report(profile, seed, [], notes=self.notes, fail_on=self.fail_on, command=command)
        asked = [row["implementation"] for row in self.rows if "implementation" in row]
        rows = [{k: v for k, v in row.items() if k != "implementation"} for row in self.rows]
        return {**report.to_json(), "implementations": asked, "candidates": rows}


def found_in(paths: Iterable[Path]) -> tuple[list[Candidate], list[str]]:
    """Candidates of files and folders, by reading alone, and what could not be read."""
    found: list[Candidate] = []
    notes = []
    for path in paths:
        for file in _files(path):
            try:
                found += candidates(file)
            except (SyntaxError, ValueError, OSError, RecursionError) as error:
                notes.append(f"{file}: not read: {type(error).__name__}")
    return found, notes


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if name not in _SKIPPED and not name.startswith("."))
        yield from (Path(folder) / name for name in sorted(files) if name.endswith(".py"))


def scan(
    chosen: list[Candidate],
    *,
    profile: str = "quick",
    seed: int = 0,
    limits: Limits | None = None,
    workers: str = "auto",
    tx: Iterable[str] = (),
    rsyncdir: Iterable[Path] = (),
    follow: Callable[[subprocess.Popen[bytes], Path, int], None] | None = None,
) -> list[dict[str, Any]]:
    """A row for each candidate, in their order. ``tx`` and ``rsyncdir`` as for pytest-xdist."""
    limits, tx = limits or Limits(), list(tx)
    synced = [Path(folder).resolve() for folder in rsyncdir]
    questions = [
        {
            **{k: str(v) if isinstance(v, Path) else v for k, v in asdict(each).items()},
            "path": _portable(each.path.resolve(), synced),
            "profile": profile,
            "seed": seed,
            **asdict(limits),
        }
        for each in chosen
    ]
    elsewhere = any(not spec.startswith("popen") for spec in tx)
    spread = [option for spec in tx for option in ("--tx", spec if spec.startswith("popen") else spec + _ENV)]
    rows, told = _run(dict(enumerate(questions)), spread, synced, elsewhere, workers, follow)
    lost = {
        index: {**questions[index], "path": str(each.path.resolve())}
        for index, each in enumerate(chosen)
        if index not in rows
    }
    if lost and spread:  # a host that dies, or is not there, ends xdist's run: what it had is asked here
        here, told = _run(lost, [], [], False, workers, follow)
        note = "asked here: the host that had it gave no answer"
        rows |= {index: {**row, "notes": [*row.get("notes", ()), note]} for index, row in here.items()}
    unheard = {"status": "not asked", "words": f"the run ended without a word on it\n{told[-1500:]}"}
    return [
        {
            "path": str(each.path),
            "line": each.line,
            "name": each.name,
            "technique": each.technique,
            **{k: v for k, v in rows.get(index, unheard).items() if k not in ("index", "id")},
        }
        for index, each in enumerate(chosen)
    ]


def _run(
    questions: dict[int, dict[str, Any]],
    spread: list[str],
    synced: list[Path],
    elsewhere: bool,
    workers: str,
    follow: Callable[[subprocess.Popen[bytes], Path, int], None] | None,
) -> tuple[dict[int, dict[str, Any]], str]:
    """Rows by number, as far as they came, and what pytest said."""
    with tempfile.TemporaryDirectory(prefix="lawful-scan-") as folder:
        place = Path(folder)
        (place / "test_scan.py").write_text(_RUN_FILE.format(questions=questions), encoding="utf-8")
        (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        results = place / "results.jsonl"
        results.touch()
        command = [sys.executable, "-m", "pytest", str(place / "test_scan.py"), "-q", "--tb=line"]
        command += ["-c", str(place / "pytest.ini"), "--rootdir", str(place), "-p", "no:cacheprovider"]
        command += ["-p", "xdist", "-p", "lawful.properties.harness.plugin"]
        for each in (*synced, *([place] if synced or elsewhere else [])):
            spread = [*spread, "--rsyncdir", str(each)]  # the run's own file has to get there too
        count = str(os.cpu_count() or 1) if workers == "auto" else workers
        command += ["--dist", "load", *spread] if spread else ["-n", count]
        command += ["--max-worker-restart", str(len(questions)), "--lawful-results", str(results)]
        with (place / "pytest.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=_environment()
            )
            try:
                if follow is not None:
                    follow(process, results, len(questions))
                process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
        told = (place / "pytest.log").read_text(encoding="utf-8", errors="replace")
        rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return {row["index"]: row for row in rows if "index" in row}, told


def follow(process: subprocess.Popen[bytes], results: Path, total: int) -> None:
    """Waits, with a progress bar where somebody is looking."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        process.wait()
        return
    columns = (TextColumn("examining"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("examining", total=total)
        while process.poll() is None:
            progress.update(task, completed=results.read_text(encoding="utf-8").count("\n"))
            time.sleep(0.2)


def _portable(path: Path, synced: list[Path]) -> str:
    """Relative to the folder that holds a synced folder, as xdist lays it out on the other side."""
    for folder in synced:
        if path.is_relative_to(folder):
            return str(Path(folder.name) / path.relative_to(folder))
    return str(path)


def scan_test(questions: dict[int, dict[str, Any]]) -> Any:
    """The test function that pytest collects: a case for each question, which never fails."""
    import pytest

    @pytest.mark.parametrize("index", list(questions))
    def test_candidate(index: int, record_property: Callable[[str, object], None]) -> None:
        row = asked_apart(questions[index])
        record_property("lawful_scan", json.dumps({**row, "index": index}))

    return test_candidate


def asked_apart(question: dict[str, Any]) -> dict[str, Any]:
    """The row of one candidate, from a process of its own, with all that it started ended after it."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="lawful-candidate-") as folder:
        place = Path(folder)
        question = {**question, "path": str(Path(question["path"]).absolute())}
        (place / "question.json").write_text(json.dumps(question), encoding="utf-8")
        answer = place / "answer.json"
        stand = place / "stand"
        stand.mkdir()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "lawful.properties.harness.examine",
                str(place / "question.json"),
                str(answer),
            ],
            cwd=stand,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**_environment(), _MARK: mark, "MPLBACKEND": "Agg"},
        )
        words = ""
        try:
            process.wait(question["seconds"])
        except subprocess.TimeoutExpired:
            words = f"no answer within {question['seconds']} s: it was ended"
        finally:
            _end(process, mark)
        if not words:
            with contextlib.suppress(OSError, ValueError):
                row: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
                return row
            words = f"its process ended with status {process.returncode}"
        return {"status": "died", "words": words, "notes": []}


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """The candidate's process, its group, and whatever left the group: known by what it inherited."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    process.wait()
    wanted = f"{_MARK}={mark}".encode()
    for _ in range(20):
        left = [pid for pid in _processes() if wanted in _inherited(pid)]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def unlimited() -> list[str]:
    """What a candidate can do on this system that it cannot do on Linux, in a sentence."""
    systems = {
        "win32": "on Windows nothing limits a candidate's memory, time and files but the clock, and what it "
        "starts is not ended with it",
        "darwin": "on macOS nothing limits a candidate's memory, and what leaves its process group is not "
        "ended with it",
    }
    return [systems[sys.platform]] if sys.platform in systems else []


def _processes() -> list[int]:
    """On Linux; elsewhere the group is all that can be ended."""
    place = Path("/proc")
    return [int(entry.name) for entry in place.iterdir() if entry.name.isdigit()] if place.is_dir() else []


def _inherited(pid: int) -> bytes:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        return b"" if state == "Z" else Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
