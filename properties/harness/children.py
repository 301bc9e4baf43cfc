"""Child processes that do tasks of ``worker``: somebody else's code runs there, and takes nothing along.

On Linux torch is imported once, by a server from which the children are forked; elsewhere by each child. A
child that exits, hangs or dies costs the task that it was at, and another takes its place. Modules that one
target has imported are never seen by another: a child that has imported a user's target does tasks of that
place alone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
SMOKE_LIMIT = 120
"""Seconds for what comes before the laws."""
_PARTING = 2
"""Seconds for a child without a task to leave by itself."""
_MOST_IDLE = 8
"""Children that are kept for what they have imported."""
_PRELOADED = "lawful.properties.harness.preload"
_MARK = "LAWFUL_RUN"
"""In the environment of whatever a run starts, so that it can be ended with it."""
_mark = uuid.uuid4().hex


class Refused(Exception):
    """Bad usage, or a target that is not importable or not understood: exit status 2."""

    def __init__(self, why: str, kind: str = "refused") -> None:
        super().__init__(why)
        self.kind = kind


@dataclass(frozen=True)
class Limits:
    """Of a child that runs code which nobody has looked at; it stands in a temporary folder then."""

    memory: int = 8192
    """MiB of address space; torch alone maps 3 GiB or so."""
    largest_file: int = 16
    """MiB."""


@dataclass(frozen=True, eq=False)
class Task:
    """Something for a child to do: a name of ``worker`` with arguments, and for how long at most."""

    name: str
    arguments: tuple[Any, ...]
    seconds: float
    target: str = ""
    """Best done by a child that has understood it already."""
    kin: str = ""
    """Best done by the child that did others of its kind: what they have in common it has ready."""
    home: str = ""
    """Where its modules are imported from: see :func:`plan.home_of`. Done by a child of no other home."""


@dataclass(frozen=True)
class Answer:
    kind: str
    """done, refused, not understood, late or died."""
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
            return f"the process died during this test (status {self.value})"
        return str(self.value)


class Child:
    """A process of ``worker``, and what it is at."""

    def __init__(self, log: Path, home: str, limits: Limits | None) -> None:
        context: Any = multiprocessing.get_context(start_method())
        self.line, theirs = context.Pipe()
        self._stand = tempfile.TemporaryDirectory(prefix="lawful-stand-") if limits else None
        place = self._stand.name if self._stand else os.getcwd()
        self.process = context.Process(target=_serve, args=(theirs, place, log, limits))
        with _given():
            if start_method() == "forkserver":
                _prepare(context)
            self.process.start()
        theirs.close()
        self.home = home
        self.knows: set[str] = set()
        self.kin: tuple[str, str] = ("", "")
        """Target and kin of its task, or of its last."""
        self.task: Task | None = None
        self.started = 0.0

    def begin(self, task: Task) -> None:
        self.task, self.started = task, time.monotonic()
        self.kin = (task.target, task.kin)
        with contextlib.suppress(OSError):  # it is dead, which its answer will say
            self.line.send((task.name, task.arguments))

    def answer(self, ready: list[Any]) -> Answer | None:
        """What it said, or that it died or is late; None while it is busy."""
        assert self.task is not None
        seconds = time.monotonic() - self.started
        if self.line in ready or self.process.sentinel in ready:
            with contextlib.suppress(EOFError, OSError):
                if self.line.poll():
                    kind, value = self.line.recv()
                    self.knows.add(self.task.target)
                    return Answer(kind, value, seconds)
            self.end()
            return Answer("died", self.process.exitcode, seconds)
        if seconds >= self.task.seconds:
            self.end()
            return Answer("late", self.task.seconds, seconds)
        return None

    def dismiss(self) -> None:
        """Lets it go in peace where it has nothing to do: what it holds of the system it gives back."""
        if self.task is None:
            self.line.close()

    def end(self) -> None:
        """With what it started in its group (on Windows it alone); what left the group ends with the run."""
        if self.task is None:
            self.process.join(_PARTING)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid or 0, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.join()
        self.line.close()
        if self._stand:
            self._stand.cleanup()


More = Callable[[Task, Answer], Iterable[Task]]
"""What is to be done next, after an answer."""
Talk = Generator[Task, Answer, T]
"""One task after the other, each known when the one before is answered; and what came of it."""


class Team:
    """Children that share out tasks. Ended with the ``with``, whatever they are at."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._children: list[Child] = []
        self._servers: set[int] = set()
        """Processes from which children were forked: known, so that they are not ended as strays."""
        self._folder = tempfile.TemporaryDirectory(prefix="lawful-")
        self._log = Path(self._folder.name) / "said"

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *error: object) -> None:
        for child in self._children:
            child.dismiss()
        for child in self._children:
            child.end()
        if self._limits:
            _end_strays(self._servers)
        self._folder.cleanup()

    def work(
        self, tasks: Iterable[Task], count: int, more: More | None = None
    ) -> Iterator[tuple[Task, Answer]]:
        """Answers as they come in. A child that died or was late is replaced."""
        waiting: dict[tuple[str, str], deque[Task]] = {}

        def add(tasks: Iterable[Task]) -> None:
            for task in tasks:
                waiting.setdefault((task.target, task.kin), deque()).append(task)

        add(tasks)
        busy: list[Child] = []
        while True:
            while len(busy) < count and waiting:
                child, key = self._next(waiting, {each.kin for each in busy})
                child.begin(waiting[key].popleft())
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
                        fresh = self._new(done.home)
                        fresh.begin(done)
                        busy.append(fresh)
                        continue
                    if more is not None:
                        add(more(done, answer))
                    yield done, answer

    def talks(self, talks: Iterable[Talk[T]], count: int) -> Iterator[tuple[int, T]]:
        """What came of each, with its number, as they end; ``count`` of them at a time."""
        open_talks = dict(enumerate(talks))
        ended: dict[int, T] = {}
        asked: dict[Task, int] = {}

        def go_on(number: int, answer: Answer | None) -> Iterator[Task]:
            try:
                task = next(open_talks[number]) if answer is None else open_talks[number].send(answer)
            except StopIteration as end:
                ended[number] = end.value
                return
            asked[task] = number
            yield task

        first = [task for number in open_talks for task in go_on(number, None)]
        for task, _ in self.work(first, count, lambda task, answer: go_on(asked[task], answer)):
            if asked[task] in ended:
                yield asked[task], ended.pop(asked[task])
        yield from ended.items()

    def _next(
        self, waiting: dict[tuple[str, str], deque[Task]], taken: set[tuple[str, str]]
    ) -> tuple[Child, tuple[str, str]]:
        """A child that has nothing to do, and what it does next: of its own home, or it is a new one."""
        homes = {key: tasks[0].home for key, tasks in waiting.items()}
        idle = [each for each in self._children if each.task is None]
        for child in idle:
            own = {key: tasks for key, tasks in waiting.items() if homes[key] == child.home}
            if own:
                return child, self._best(child, own, taken)
        for child in idle[: max(0, len(idle) - _MOST_IDLE)]:
            self._children.remove(child)
            child.dismiss()
            child.end()
        first = next(iter(homes.values()))
        child = self._new(first)
        return child, self._best(child, {k: t for k, t in waiting.items() if homes[k] == first}, taken)

    def _new(self, home: str) -> Child:
        child = Child(self._log, home, self._limits)
        self._children.append(child)
        self._servers.add(_parent(child.process.pid))
        return child

    def _best(
        self,
        child: Child,
        waiting: dict[tuple[str, str], Any],
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

    def first(self, name: str, *arguments: Any, seconds: float = SMOKE_LIMIT, home: str = "") -> Any:
        """One answer. Raises Refused."""
        ((task, answer),) = self.work([Task(name, arguments, seconds, home=home)], 1)
        return self.granted(task, answer)

    def granted(self, task: Task, answer: Answer) -> Any:
        """The answer's value. Raises Refused where there is none."""
        if answer.kind in ("refused", "not understood"):
            raise Refused(answer.value, answer.kind)
        if answer.kind == "late":
            raise Refused(f"not understood: no answer to a few calls within {task.seconds} s", "died")
        if answer.kind == "died":
            said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Refused(
                f"not understood: its process ended with status {answer.value} during import or the first "
                f"calls ({said[-1] if said else 'nothing was said'})",
                "died",
            )
        return answer.value


def start_method() -> str:
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
def _given() -> Iterator[None]:
    """What is started within bears the run's mark, and computes with one thread: there is a child a core."""
    if start_method() == "forkserver":
        # before the mark is set: it is no stray. What a child leaves behind that is ended for its time, it
        # removes, which is no news for people
        with _environment({"PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker"}):
            resource_tracker.ensure_running()
    with _environment({"OMP_NUM_THREADS": "1", _MARK: _mark}):
        yield


@contextlib.contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def unlimited() -> list[str]:
    """What a candidate can do on this system that it cannot do on Linux, in a sentence."""
    systems = {
        "win32": "on Windows nothing limits a candidate's memory, time and files but the clock, and what it "
        "starts is not ended with it",
        "darwin": "on macOS nothing limits a candidate's memory, and what leaves its process group is not "
        "ended with it",
    }
    return [systems[sys.platform]] if sys.platform in systems else []


def _serve(line: Any, folder: str, log: Path, limits: Limits | None) -> None:
    from lawful.properties.harness.worker import serve

    serve(line, folder, log, limits)


def _end_strays(servers: set[int]) -> None:
    """Ends what children have started and what left their groups: known by what it has inherited."""
    wanted = f"{_MARK}={_mark}".encode()
    for _ in range(20):
        left = [pid for pid in _processes() if pid not in servers and wanted in _inherited(pid)]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _processes() -> list[int]:
    """On Linux; elsewhere the group is all that can be ended."""
    place = Path("/proc")
    return [int(entry.name) for entry in place.iterdir() if entry.name.isdigit()] if place.is_dir() else []


def _stat(pid: int | None) -> list[str]:
    """State, parent and more of a process, as Linux tells them; else nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int | None) -> int:
    return int((_stat(pid) or ["", "0"])[1])


def _inherited(pid: int) -> bytes:
    try:
        return b"" if _stat(pid)[:1] == ["Z"] else Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
