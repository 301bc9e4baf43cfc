"""Whether the program of a finding, run alone in a process of its own, fails as the finding says.

A finding whose program does not fail is none: the accusation is ours to mend. As a program, this is the
process from which those of ``check`` in Python are forked: ``python -m lawful.properties.harness.proof``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

SECONDS = 60
"""For one program."""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    error: str = ""
    """The name of the exception's type; empty where it came to its end."""
    words: str = ""

    def why_not(self, error: str) -> str | None:
        """Why this is no proof of a failure with an exception of this type; None where it is one."""
        if not self.error:
            return "it ends without an error"
        if self.error != error:
            return f"it ends with {self.error} ({self.words}), not with {error}"
        return None


def run_apart(program: str, folder: str, seconds: float = SECONDS) -> Ended:
    """Runs a program in ``folder``, in a fork of this process where that can be, else in a new one.

    This process has to be one that has imported nothing of a target.
    """
    if not hasattr(os, "fork"):
        return _in_a_new_process(program, folder, seconds)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        with contextlib.suppress(BaseException):
            ended = _run(program, folder)
            os.write(theirs, pickle.dumps(ended)[:_PIPE])
        os._exit(0)
    os.close(theirs)
    told = b""
    try:
        if select.select([ours], [], [], seconds)[0]:
            told = os.read(ours, _PIPE)
        else:
            return Ended("late", f"no end within {seconds:g} s")
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if not told:
        return Ended("died", f"its process ended with status {os.waitstatus_to_exitcode(status)}")
    found: Ended = pickle.loads(told)
    return found


class Prover:
    """A process that has imported torch, and nothing of a target: programs are run in forks of it.

    It is started when it is first needed, and ends with this one.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def prove(self, program: str, folder: str) -> Ended:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", __name__]
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, start_new_session=True
            )
            atexit.register(self.close)
        asked, answered = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answered is not None
        try:
            pickle.dump((program, folder), asked)
            asked.flush()
            ended: Ended = pickle.load(answered)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            return Ended("died", f"nothing came of it: {type(error).__name__}")
        return ended

    def close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._process = None


def run_here(program: str, build: object) -> Ended:
    """Runs a program whose ``build``, or what that calls, has no source that stands alone: in this process,
    with that build and the names that it sees."""
    from lawful.properties.harness.understanding.imports import Imports  # which a prover has no need of

    module = ModuleType("__main__")
    seen = getattr(build, "__globals__", {})
    vars(module).update({name: value for name, value in seen.items() if not name.startswith("__")})
    vars(module)["build"] = build
    with Imports():
        return _ended(program, module)


def serve() -> None:
    """Runs what it is told on its standard input, one program after the other."""
    import torch

    from lawful.properties import twin

    torch.set_num_threads(1)
    twin.registered()
    asked, answered = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    while True:
        try:
            program, folder = pickle.load(asked)
        except EOFError:
            return
        if "torch.optim" in program:  # what a first step imports takes longer than most programs
            torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1).step()
        pickle.dump(run_apart(program, folder), answered)
        answered.flush()


_PIPE = 2**15
"""Bytes that a pipe takes at once."""


def _run(program: str, folder: str) -> Ended:
    from lawful.impl.thirdparty import make_torchvision_importable

    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "Agg"
    make_torchvision_importable()
    module = sys.modules["__main__"] = ModuleType("__main__")  # what it defines can be pickled by name
    return _ended(program, module)


def _ended(program: str, module: ModuleType) -> Ended:
    with tempfile.TemporaryDirectory(prefix="lawful-program-") as place:
        file = Path(place) / "program.py"
        file.write_text(program, encoding="utf-8")  # so that the source of what it defines is found
        try:
            exec(compile(program, str(file), "exec"), vars(module))
        except BaseException as error:
            words = (str(error).strip().splitlines() or [""])[0]
            return Ended(type(error).__name__, words[:300])
    return Ended()


def _in_a_new_process(program: str, folder: str, seconds: float) -> Ended:
    with tempfile.TemporaryDirectory(prefix="lawful-program-") as place:
        file = Path(place) / "program.py"
        file.write_text(program, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, str(file)],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ended("late", f"no end within {seconds:g} s")
    if done.returncode == 0:
        return Ended()
    last = (done.stderr.strip().splitlines() or [""])[-1]
    kind, _, words = last.partition(": ")
    return Ended(kind.rpartition(".")[2], words[:300])


if __name__ == "__main__":
    # under its own name, as what it answers with has to be the class of those who ask
    from lawful.properties.harness import proof

    proof.serve()
