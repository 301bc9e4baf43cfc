"""Runs a plan in processes of its own: children that understand the targets, and then ask their cases.

Nothing that the code under test does to its process can take the command line along. On Linux torch is
imported once, by a server from which the children are forked; elsewhere by each child. A child that exits,
hangs or dies costs the case that it was at, and another takes its place. A case that is planned always has a
row.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any

from lawful.properties.harness.plan import Plan
from lawful.properties.harness.report import Implementation, Report, Result

_SMOKE_LIMIT = 120
_PARTING = 2
"""Seconds for a child without a task to leave by itself."""
_PRELOADED = "lawful.properties.harness.preload"


class Refused(Exception):
    """Bad usage, or a target that is not importable or not understood: exit status 2."""


def ask(plan: Plan, workers: str = "auto") -> Report:
    """Every case of the plan, with its verdict. Raises Refused."""
    count = (os.cpu_count() or 1) if workers == "auto" else int(workers)
    with _Team() as team:
        understood = _understood(team, plan, count)
        planned: dict[_Task, dict[str, Any]] = {}
        examples: dict[_Task, int] = {}
        for target, each in understood.items():
            for case_id, row in each["cases"].items():
                task = _Task("ask", (plan, target, case_id), each["time_limit"], target, _kin(row))
                planned[task], examples[task] = row, each["examples"][row["property"]]
        rows: dict[_Task, dict[str, Any]] = {}
        with _progress(len(planned)) as shown:
            # an accelerator has one child: a device-side assertion ruins the context of its process
            for few, devices in ((count, ("cpu", "twin")), (1, ("cuda", "mps"))):
                # a law that takes long is asked few examples: begun last, it would be waited for alone
                tasks = [task for task, row in planned.items() if row["device"] in devices]
                tasks.sort(key=examples.__getitem__)
                for task, answer in team.work(tasks, few):
                    rows[task] = {**planned[task], **answer.details()}
                    shown(rows[task]["verdict"])
        pictures = _pictures(team, plan, understood, count) if plan.pictures else {}
    report = Report(plan.profile, plan.seed, [], fail_on=plan.fail_on)
    report.laws = {name: law for each in understood.values() for name, law in each["laws"].items()}
    report.command = " ".join(["lawful", *sys.argv[1:]])
    report.notes = list(dict.fromkeys(note for each in understood.values() for note in each["notes"]))
    names = Counter(one["name"] for each in understood.values() for one in each["implementations"])
    for target, each in understood.items():
        own = [rows[task] for task in planned if task.target == target]
        for one in each["implementations"]:
            name = one["name"]
            if names[name] > sum(i["name"] == name for i in each["implementations"]):  # of another target too
                name = target if target.endswith(name) else f"{target} {name}"
            pictured = pictures.get((target, one["name"], one["technique"]), {})
            report.implementations.append(Implementation(**{**one, "name": name, "pictured": pictured}))
            for row in (*each["requirements"], *own):
                if (row["implementation"], row["technique"]) == (one["name"], one["technique"]):
                    report.results.append(Result(**{**row, "implementation": name}))
    return report


def _pictures(
    team: _Team, plan: Plan, understood: Iterable[str], count: int
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """The numbers that a page draws, by target, name and technique; a target that dies of it has none."""
    tasks = [_Task("picture", (plan, target), _SMOKE_LIMIT, target) for target in understood]
    return {
        (task.target, name, technique): numbers
        for task, answer in team.work(tasks, count)
        if answer.kind == "done"
        for name, technique, numbers in answer.value
    }


def smoked(targets: list[str], technique: str | None) -> dict[str, list[Any]]:
    """How targets are understood: implementations and notes. Raises Refused."""
    with _Team() as team:
        understood = _understood(
            team, Plan(targets, technique), min(os.cpu_count() or 1, len(targets))
        ).values()
    keys = ("implementations", "notes")
    return {key: [one for each in understood for one in each[key]] for key in keys}


def adapted(target: str, technique: str | None) -> tuple[str, bool]:
    """An adapter's source for a target, and whether it is a draft. Raises Refused."""
    with _Team() as team:
        source, draft = team.first("adapt", target, technique)
    return source, draft


def replayed(file: Path, row: str | None) -> list[tuple[int, dict[str, Any]]]:
    """The stored counterexamples of a report, asked again: their numbers and results. Raises Refused."""
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
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
    with _Team() as team:
        found = team.first("replay", [each for _, each in chosen], seconds=60 + 10 * len(chosen))
    return list(zip([number for number, _ in chosen], found, strict=True))


def writable(path: Path | None) -> None:
    """Before anything is asked: can the report be written? Raises Refused."""
    if path is None:
        return
    try:
        existed = path.exists()
        with path.open("a", encoding="utf-8"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise Refused(f"the report {path} cannot be written: {error.strerror}") from error


@dataclass(frozen=True, eq=False)
class _Task:
    """Something for a child to do: a name of ``worker`` with arguments, and for how long at most."""

    name: str
    arguments: tuple[Any, ...]
    seconds: float
    target: str = ""
    """Best done by a child that has understood it already."""
    kin: str = ""
    """Best done by the child that did others of its kind: what they have in common it has ready."""


def _kin(row: dict[str, Any]) -> str:
    """A law's questions are drawn once a child; and the first tensor of a stand-in takes a while."""
    return str(row["device"] if row["device"] == "twin" else row["property"])


@dataclass(frozen=True)
class _Answer:
    kind: str
    """done, refused, late or died."""
    value: Any = None
    seconds: float = 0.0

    def details(self) -> dict[str, Any]:
        """Of a case's row."""
        if self.kind == "done":
            found: dict[str, Any] = self.value
            return found
        return {"verdict": "error", "seconds": round(self.seconds, 1), "message": self.words()}

    def words(self) -> str:
        if self.kind == "late":
            return f"no answer within {self.value} s: it was ended"
        if self.kind == "died":
            return f"the process died while this was asked (status {self.value})"
        return str(self.value)


class _Child:
    """A process of ``worker``, and what it is at."""

    def __init__(self, log: Path) -> None:
        context: Any = multiprocessing.get_context(_start_method())
        self.line, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, os.getcwd(), log))
        with _one_thread():
            if _start_method() == "forkserver":
                _prepare(context)
            self.process.start()
        theirs.close()
        self.knows: set[str] = set()
        self.kin: tuple[str, str] = ("", "")
        """Target and kin of its task, or of its last."""
        self.task: _Task | None = None
        self.started = 0.0

    def begin(self, task: _Task) -> None:
        self.task, self.started = task, time.monotonic()
        self.kin = (task.target, task.kin)
        with contextlib.suppress(OSError):  # it is dead, which its answer will say
            self.line.send((task.name, task.arguments))

    def answer(self, ready: list[Any]) -> _Answer | None:
        """What it said, or that it died or is late; None while it is busy."""
        assert self.task is not None
        seconds = time.monotonic() - self.started
        if self.line in ready or self.process.sentinel in ready:
            with contextlib.suppress(EOFError, OSError):
                if self.line.poll():
                    kind, value = self.line.recv()
                    self.knows.add(self.task.target)
                    return _Answer(kind, value, seconds)
            self.end()
            return _Answer("died", self.process.exitcode, seconds)
        if seconds >= self.task.seconds:
            self.end()
            return _Answer("late", self.task.seconds, seconds)
        return None

    def dismiss(self) -> None:
        """Lets it go in peace where it has nothing to do: what it holds of the system it gives back."""
        if self.task is None:
            self.line.close()

    def end(self) -> None:
        """With whatever it started, but for what left its group; on Windows, without groups, it alone."""
        if self.task is None:
            self.process.join(_PARTING)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid or 0, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.join()
        self.line.close()


class _Team:
    """Children that share out tasks. Ended with the ``with``, whatever they are at."""

    def __init__(self) -> None:
        self._children: list[_Child] = []
        self._folder = tempfile.TemporaryDirectory(prefix="lawful-")
        self._log = Path(self._folder.name) / "said"

    def __enter__(self) -> _Team:
        return self

    def __exit__(self, *error: object) -> None:
        for child in self._children:
            child.dismiss()
        for child in self._children:
            child.end()
        self._folder.cleanup()

    def work(self, tasks: Iterable[_Task], count: int) -> Iterator[tuple[_Task, _Answer]]:
        """Answers as they come in. A child that died or was late is replaced."""
        waiting: dict[tuple[str, str], list[_Task]] = {}
        for task in tasks:
            waiting.setdefault((task.target, task.kin), []).append(task)
        busy: list[_Child] = []
        while True:
            while len(busy) < count and waiting:
                child = next((each for each in self._children if each.task is None), None)
                if child is None:
                    child = _Child(self._log)
                    self._children.append(child)
                key = self._best(child, waiting, {each.kin for each in busy})
                child.begin(waiting[key].pop(0))
                if not waiting[key]:
                    del waiting[key]
                busy.append(child)
            if not busy:
                return
            left = min(each.started + each.task.seconds for each in busy if each.task) - time.monotonic()
            lines = [part for each in busy for part in (each.line, each.process.sentinel)]
            ready = connection.wait(lines, max(0.0, left))
            for child in list(busy):
                answer = child.answer(ready)
                if answer is not None:
                    done, child.task = child.task, None
                    assert done is not None
                    busy.remove(child)
                    if answer.kind in ("died", "late"):
                        self._children.remove(child)
                    if answer.kind == "died" and child.knows - {done.target}:
                        # libraries may die of each other: it is asked again where no other was loaded
                        fresh = _Child(self._log)
                        self._children.append(fresh)
                        fresh.begin(done)
                        busy.append(fresh)
                        continue
                    yield done, answer

    def _best(
        self,
        child: _Child,
        waiting: dict[tuple[str, str], list[_Task]],
        taken: set[tuple[str, str]],
    ) -> tuple[str, str]:
        """Target and kin: what the child is at; else of a target that it has understood, what no other child
        is at; else of the target that most is left of for each child that has understood it."""
        if child.kin in waiting:
            return child.kin
        left: Counter[str] = Counter()
        for (target, _), tasks in waiting.items():
            left[target] += len(tasks)
        others = Counter(target for each in self._children for target in each.knows)
        known = [target for target in left if target in child.knows]
        target = known[0] if known else max(left, key=lambda each: left[each] / (1 + others[each]))
        own = [key for key in waiting if key[0] == target]
        return next((key for key in own if key not in taken), own[0])

    def first(self, name: str, *arguments: Any, seconds: float = _SMOKE_LIMIT) -> Any:
        """One answer. Raises Refused."""
        ((task, answer),) = self.work([_Task(name, arguments, seconds)], 1)
        return self.granted(task, answer)

    def granted(self, task: _Task, answer: _Answer) -> Any:
        """The answer's value. Raises Refused where there is none."""
        if answer.kind == "refused":
            raise Refused(answer.value)
        if answer.kind == "late":
            raise Refused(f"not understood: no answer to a few calls within {task.seconds} s")
        if answer.kind == "died":
            said = (
                self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                or ["nothing was said"]
            )[-1]
            raise Refused(
                f"not understood: its process ended with status {answer.value} during import or the first "
                f"calls ({said})"
            )
        return answer.value


def _understood(team: _Team, plan: Plan, count: int) -> dict[str, dict[str, Any]]:
    """By target, in the plan's order. Nothing is asked before all are understood. Raises Refused.

    Where there are fewer targets than children, several understand the same: all are to ask about it.
    """
    each = max(1, count // max(1, len(plan.targets)))
    tasks = [_Task("understand", (plan, target), _SMOKE_LIMIT, target) for target in plan.targets * each]
    found = {task.target: team.granted(task, answer) for task, answer in team.work(tasks, count)}
    if plan.require:
        known = {name: values for each in found.values() for name, values in each["conventions"].items()}
        team.first("require", plan.require, known)
    return {target: found[target] for target in plan.targets}


def _start_method() -> str:
    """Children are forked where that is safe. macOS may start threads in a process that has imported torch,
    and Windows cannot fork: a child begins afresh there, and imports torch itself."""
    can_fork = "forkserver" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return "forkserver" if can_fork else "spawn"


def _prepare(context: Any) -> None:
    """The server that has imported torch once, if it is not there yet."""
    from multiprocessing import forkserver  # Windows has no such module

    context.set_forkserver_preload(["__main__", _PRELOADED])
    forkserver.ensure_running()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """What is started within computes with one thread: there is a child for each core."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _serve(line: Any, folder: str, log: Path) -> None:
    from lawful.properties.harness.worker import serve

    serve(line, folder, log)


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """To be called with each verdict as it comes in: a bar, where somebody is looking."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda verdict: None
        return
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[broken]}"))
    seen: Counter[str] = Counter()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("asking", total=total, broken="")

        def shown(verdict: str) -> None:
            seen[verdict] += 1
            bar.update(task, advance=1, broken=f"{seen['broken']} broken" if seen["broken"] else "")

        yield shown
