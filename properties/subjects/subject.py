"""What every subject has: the checks that laws are written with, and a record of what was asked."""

from __future__ import annotations

import abc
import contextlib
import inspect
import io
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.distributions import Distribution

from lawful.impl.arrays import taking_tensors
from lawful.impl.contracts import LEFT_OUT, WAYS, Adapter
from lawful.impl.shown import standing_alone
from lawful.properties import tolerances, twin
from lawful.properties.cuda_as_cpu import CudaAsCpu
from lawful.properties.probes import NeverEnds
from lawful.properties.subjects.failures import (
    Endless,
    LawBroken,
    NoAnswer,
    NotAsked,
    Raised,
    first_line,
    show,
)
from lawful.properties.subjects.program import (
    FILE,
    Call,
    Seen,
    assertion,
    import_lines,
    literal,
    program,
)
from lawful.properties.ways import QUICK, modules_held


@dataclass
class Answer:
    """One call of the implementation: what was asked, and what came back, in float64."""

    asked: Mapping[str, Any]
    """The values of the call, by the name that ``called_as`` gives them."""
    value: Any = None
    """The result as a float64 array; None while the call has not returned."""
    gradient: Any = None
    second: Any = None
    """The second derivative along a direction."""
    dtype: str = ""
    """Of the result."""
    places: str = ""
    """The types of devices on which its tensors are, as :func:`places_of` gives them."""
    after: dict[str, Any] = field(default_factory=dict)
    """What the inputs hold after the call, where the law asked for it."""
    parts: dict[str, Any] = field(default_factory=dict)
    """What else a law looked at of what came back, by what it is: see :meth:`part`."""
    printed: str = ""
    """On stderr, where its technique has something to show there."""
    call: Call = field(default_factory=lambda: Call({}))
    """The lines that asked."""

    def see(self, source: str) -> Seen:
        """The numbers that an expression gives, on the names of the call: ``"mixed.sum(1)"``."""
        return self.call.see(source)

    def part(self, source: str) -> Seen:
        """As :meth:`see`, and kept: two implementations that differ in this do not answer alike."""
        self.parts[source] = found = self.call.see(source)
        return found


@dataclass
class Subject(abc.ABC):
    """An implementation on one device and in one dtype, in the form that the laws of a technique use."""

    technique: ClassVar[str]
    convention_values: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The conventions that can be detected and required, with their values."""
    by_position: ClassVar[tuple[str, ...]] = ()
    """The names that a contract gives to what ``build`` is passed by position."""
    built_of: ClassVar[tuple[Any, ...]] = ()
    """What that is in an ordinary build."""

    adapter: Adapter
    conventions: Mapping[str, str] = field(default_factory=dict)
    features: frozenset[str] = frozenset()
    refused_dtypes: Mapping[str, str] = field(default_factory=dict)
    """Dtypes in which an ordinary call raises, with the error: it offers them not."""
    refused_devices: dict[str, str] = field(default_factory=dict)
    """Devices on which an ordinary call raises, with the error, for all cases: one law is about that."""
    works_in: Mapping[str, str] = field(default_factory=dict)
    """The dtype of whose size the errors are, where it is not the input's: a hidden downcast. One law
    is about that; the others allow for it, so that one fault has one verdict."""
    device: str = "cpu"
    dtype: str = "float32"
    answers: list[Answer] = field(default_factory=list)
    worst_error: float = 0.0
    """The largest error/bound that any check of this case has seen."""
    certain: bool = True
    """Whether the form in which it is called was settled by values that agree, not by shapes alone."""
    also_like: tuple[str, ...] = ()
    """Techniques that it could be as well, by what came back."""
    also_called: tuple[str, ...] = ()
    """Forms that fit as well as the one in which it is called, where no values could decide."""
    found_as: str = ""
    """What a person named to find it: a target of the command line."""
    cuda_as_cpu: bool = False
    """Whether it asks for CUDA by name, and is given the CPU in its place."""
    names_cuda: bool = False
    """Whether its source names CUDA, and there is none here: the CPU stands in at every build and call."""
    left_out: tuple[str, ...] = ()
    """Names that it refers to, and that could not be taken along where it was taken out of its file: a
    NameError of one of them is no fault of the code."""
    blind: Mapping[str, str] = field(default_factory=dict)
    """What no instrument of ours sees of it, with the reason: laws about that are not asked."""
    found_late: dict[str, str] = field(default_factory=dict)
    """Conventions that were looked at while laws were asked, as that takes a while: shared by all cases."""
    places_seen: set[str] = field(default_factory=set)
    """Devices on which an ordinary call was tried, where that is put off: shared by all cases."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that ``build`` is passed, or not, whatever the call says."""
    imports: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    """Within which the modules that it imports are its own: see ``understanding.imports``."""
    identities: tuple[Any, ...] = ()
    """Its file and its name there: as it was named, and as it is defined. See ``harness.identity``."""
    folders: tuple[str, ...] = ()
    """Where a program finds the modules that it imports."""
    base: str = field(default_factory=os.getcwd)
    """The folder in which a program is run."""

    @classmethod
    @abc.abstractmethod
    def understand(cls, adapter: Adapter) -> Self:
        """Smoke and detection. Raises NotUnderstood."""

    @abc.abstractmethod
    def offers(self, feature: str) -> str | None:
        """Passes an undeclared feature anyway, once. None: it works, or works wrongly, so the law
        decides. Otherwise the error with which it was refused."""

    def refusal(self, call: Callable[[], object]) -> str | None:
        """The error with which a call is refused; None where it works, or works wrongly."""
        try:
            call()
        except LawBroken:
            return None
        except Raised as error:
            return first_line(error.error)
        return None

    def program(self, answers: list[Answer], broken: BaseException, headline: str) -> str:
        """A program that stands alone and shows the failure of these calls again. Raises Untold."""
        calls = [answer.call for answer in answers]
        # what was refused on the way plays no part
        calls = [call for call in calls[:-1] if not call.raised] + calls[-1:]
        if not isinstance(broken, LawBroken) and calls:
            calls[-1].ends_raising()
        asserted = assertion(broken, calls)
        within = _ON_THE_CPU if self.cuda_as_cpu or self.names_cuda else ()
        return program(headline, self.start(), calls, broken, asserted=asserted, within=within)

    def start(self) -> list[str]:
        """The lines of a program that give ``build``, or a comment where nothing can."""
        adapter = self.adapter
        lines = [*import_lines(self.folders, self.base), *adapter.imports.splitlines()]
        if self.cuda_as_cpu or self.names_cuda:
            lines = ["from lawful.properties.cuda_as_cpu import CudaAsCpu", *lines]
        if re.search(r"^(def build\(|build = )", adapter.imports, re.M):
            return lines
        alone = standing_alone(adapter.build)
        if alone is not None:
            name = adapter.build.__name__
            return [*lines, *alone.splitlines(), *([f"build = {name}"] if name != "build" else [])]
        module = sys.modules.get(getattr(adapter.build, "__module__", ""))
        found = [name for name, value in vars(module).items() if value is adapter] if module else []
        if not found or module is None:
            return [*lines, f"# build: that of the adapter {adapter.name!r}, {NO_SOURCE}: put it here"]
        return [*lines, f"from {module.__name__} import {found[0]}", f"build = {found[0]}.build"]

    def calling(self, answer: Answer, **tools: Any) -> Call:
        """The call of an answer, on whose names its lines are run."""
        if self.adapter.arrays == "numpy":
            tools["taking_tensors"] = taking_tensors
        answer.call = Call(tools, self.device)
        answer.call.names["build"] = self.adapter.build
        return answer.call

    def build_source(self, *arguments: str, **features: str) -> str:
        """Source of a build, of the source of its arguments; given ones stand in their place."""
        if self.given:
            given = {name: v if v is LEFT_OUT else literal(v) for name, v in self.given.items()}
            named = {**dict(zip(self.by_position, arguments, strict=False)), **features, **given}
            features = {name: value for name, value in named.items() if value is not LEFT_OUT}
            arguments = arguments[len(self.by_position) :]
        build = "taking_tensors(build)" if self.adapter.arrays == "numpy" else "build"
        inside = [*arguments, *(f"{name}={value}" for name, value in features.items())]
        return f"{build}({', '.join(inside)})"

    def remarks(self) -> list[str]:
        """What to know before the verdicts, in a sentence each."""
        found = []
        if self.also_like:
            names = " or ".join(self.also_like)
            found.append(f"Tested as {self.technique}. It could also be {names}: --technique says which.")
        if self.also_called:
            found.append(
                "No way of calling it gives the reference's values, so the simplest one that works is used. "
                "It could also be called with " + ", or with ".join(self.also_called) + "."
            )
        found += [f"{why}: laws about {what} are not tested." for what, why in self.blind.items()]
        if self.cuda_as_cpu:
            found.append(
                "It asks for CUDA by name, which is not on this machine: it was given the CPU instead."
            )
        return found

    def stays(self, answer: Answer) -> None:
        """All that came back is on the device of what went in."""
        elsewhere = sorted(set(answer.places.split()) - {self.device})
        if elsewhere:
            text = f"a tensor that came back is on {', '.join(elsewhere)}, expected all on {self.device}"
            raise LawBroken(
                "device of a tensor that came back", "exactly", self.device, answer.places, text=text
            )

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Around every call of the implementation: tells its errors from ours."""
        call = self.answers[-1].call if self.answers else None
        stands_in = self.cuda_as_cpu or self.names_cuda
        with _asking(), CudaAsCpu() if stands_in else contextlib.nullcontext():
            if call is None:
                yield
                return
            before, call.asking = call.asking, True
            try:
                yield
            finally:
                call.asking = before

    def build(self, *arguments: Any, **features: Any) -> Any:
        """What the adapter builds, of tensors whatever arrays it takes."""
        if self.given:
            named = {**dict(zip(self.by_position, arguments, strict=False)), **features, **self.given}
            features = {name: value for name, value in named.items() if value is not LEFT_OUT}
            arguments = arguments[len(self.by_position) :]
        if self.adapter.arrays == "numpy":
            return taking_tensors(self.adapter.build)(*arguments, **features)
        return self.adapter.build(*arguments, **features)

    def built(self, **given: Any) -> None:
        """An ordinary build with these arguments; nothing is called yet."""
        self.answers.append(answer := Answer({}))
        asked = replace(self, given=given)
        with self.asking():
            asked.calling(answer).do(f"made = {asked.build_source(*map(literal, self.built_of))}")

    def on(self, device: str, dtype: str) -> Self:
        return replace(self, device=device, dtype=dtype, answers=[], worst_error=0.0)

    def requiring(self, required: Mapping[str, str]) -> Self:
        """The same subject, judged by these conventions in place of the detected ones."""
        return replace(self, conventions={**self.conventions, **required})

    def ordinary(self, **given: Any) -> Answer:
        """An ordinary call with these arguments of ``build``, by their names; LEFT_OUT: not passed."""
        return replace(self, given=given).ordinarily()

    def ordinarily(self) -> Answer:
        """A call on whose result every documented argument has a say, as far as one call can show it."""
        raise NotImplementedError

    def shown_by(self, answer: Answer) -> dict[str, Any]:
        """What an ordinary call has to show, by the words of a message."""
        raise NotImplementedError

    def documented(self, name: str) -> Any:
        """The value of an argument in an ordinary call that leaves it alone, by its documentation."""
        value = self.given.get(name, LEFT_OUT)
        if value is LEFT_OUT and name in self.adapter.arguments:
            return self.adapter.arguments[name].default
        return None if value is LEFT_OUT else value

    @property
    def precision(self) -> str:
        """The dtype whose roundoff is in the bounds."""
        return self.works_in.get(self.dtype, self.dtype)

    def begin(self) -> None:
        self.answers.clear()

    @property
    def not_on_the_twin(self) -> str | None:
        """Why nothing is asked there: the code chooses its device itself, or takes no tensors."""
        if self.adapter.arrays == "numpy":
            return "it takes NumPy arrays, which are on no device"
        return self.adapter.declines.get("twin") or self.adapter.declines.get("devices") or twin.why_absent()

    def asks_for_cuda(self, error: BaseException) -> str | None:
        """How its code names CUDA, so that it goes another way there than on a twin; None if it does not."""
        if self.cuda_as_cpu:
            return "it was given the CPU in its place"
        if twin.asked_for_cuda():
            return "is_cuda"
        if _NEEDS_CUDA.search(str(error)):
            return first_line(getattr(error, "error", error))
        if name := _device_of_its_own(self.adapter):
            return name
        for code in _own_code(self.adapter, error):
            found = _NAMES_CUDA.search(code)
            if found:
                return found.group()
        return None

    def not_its_doing(self, error: BaseException) -> str | None:
        """Why an error is not the code's own: what it imports is not installed, CUDA is not here, or it was
        called in a way that nobody but our own adapter calls it. None where its own lines make it."""
        if isinstance(error, ImportError):
            return f"it imports what is not here: {first_line(error)}"
        if isinstance(error, NameError) and error.name in self.left_out:
            return f"it was taken out of its file, and what it needs could not be: {first_line(error)}"
        if _NEEDS_CUDA.search(f"{type(error).__name__}: {error}"):
            return f"it asks for CUDA, which is not here: {first_line(error)}"
        if not self.adapter.imports or self.adapter.library is not None:
            return None  # written by hand, so a part of what is asked
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if not _passes_on(frame.filename)]
        if own and own[-1].filename.startswith("<the adapter"):
            return f"the way in which it is called here raises, and not its own lines: {first_line(error)}"
        return None

    def waited(self, ask: Callable[[], object]) -> Seen:
        """How often the host waited for the device while this was asked: seen on the twin."""
        with twin.watched() as seen:
            ask()
        call = self.answers[-1].call
        call.counts_waits = True
        call.names["count"] = len(seen.waits)
        return call.see("count")

    def look_at_the_twin(self) -> None:
        """Whether an ordinary call works there, and the convention ``waits``: how often the host waits.

        Looked at when it is first asked for: the first tensor of a twin takes PyTorch a while.
        """
        if "waits" not in self.convention_values or twin.NAME in self.places_seen or self.not_on_the_twin:
            return
        self.places_seen.add(twin.NAME)
        try:
            with silence(), global_state_kept():
                count = int(self.on(twin.NAME, "float32").waits_of_a_call())
        except Raised as error:
            self.refused_devices[twin.NAME] = first_line(error.error)
        except (LawBroken, NotAsked):
            return
        else:
            if not self.cuda_as_cpu:
                self.found_late["waits"] = WAITS[min(count, len(WAITS) - 1)]

    def waits_of_a_call(self) -> Seen:
        """How often the host waits in an ordinary call; in a step, of what takes steps."""
        raise NotImplementedError

    def features_said(self) -> frozenset[str]:
        """Which of what the adapter says of its arrays and arguments is a feature to laws."""
        tensors = {"tensors"} if self.adapter.arrays == "torch" else set()
        devices = set() if "devices" in self.adapter.declines else {"devices"}
        return frozenset(tensors | devices | ({"arguments"} if self.adapter.arguments else set()))

    def looks_at_ways(self, call: Callable[[str], object], ways: Iterable[str]) -> dict[str, str]:
        """The conventions of these ways, by whether ``call`` of the way raises: see ``properties.ways``."""
        found = {}
        for way in ways:
            for value, tried in (
                (("full", "full"), ("breaks", way)) if way == "compile" else (("works", way),)
            ):
                try:
                    with silence(), global_state_kept():
                        call(tried)
                except (Raised, NotAsked):
                    found[way] = "fails"
                    continue
                except LawBroken:
                    pass
                found[way] = value
                break
        return found

    def ways_for(self, made: Any) -> list[str]:
        """Those that cost a call, for what ``build`` made: pickle is for modules."""
        pickles = isinstance(made, torch.nn.Module) or bool(modules_held(made))
        return [way for way in QUICK if way in self.convention_values and (way != "pickle" or pickles)]

    def late(self, name: str) -> str | None:
        """A convention that is not looked at before it is asked for; None where it cannot be."""
        if name in WAYS:
            return self.way(name)
        self.look_at_the_twin()
        return self.found_late.get(name)

    def way(self, name: str) -> str:
        """The convention of a way, looked at now where it was not before."""
        if name not in self.conventions and name not in self.found_late:
            self.found_late |= self.looks_at_ways(self.probed, [name])
        return {**self.found_late, **self.conventions}[name]

    def tried(self, way: str) -> str:
        """How a way is asked: without a graph break where that is what it works in."""
        return "full" if self.way(way) == "full" else way

    def probed(self, way: str) -> object:
        """An ordinary call in one of ``properties.ways``."""
        raise NotImplementedError

    def agree(self, what: str, actual: Any, expected: Any, bound: Any) -> None:
        """|actual - expected| <= bound, entry by entry; NaN agrees with NaN, inf with inf."""
        if np.shape(actual) != np.shape(expected):
            raise LawBroken(what, "of shape", np.shape(expected), actual)
        ratio = tolerances.worst_ratio(actual, expected, bound)
        if not ratio <= 1.0:
            raise LawBroken(what, "about", expected, actual, np.broadcast_to(bound, np.shape(actual)))
        self.worst_error = max(self.worst_error, ratio)

    def at_most(self, what: str, actual: Any, limit: Any) -> None:
        if not np.all(np.asarray(actual) <= np.asarray(limit)):
            raise LawBroken(what, "at most", limit, actual)

    def at_least(self, what: str, actual: Any, limit: Any) -> None:
        if not np.all(np.asarray(actual) >= np.asarray(limit)):
            raise LawBroken(what, "at least", limit, actual)

    def same(self, what: str, actual: Any, expected: Any) -> None:
        """Bit for bit, or equal for what is no array."""
        if _numeric(actual) and np.shape(actual) != np.shape(expected):
            raise LawBroken(what, "of shape", np.shape(expected), actual)
        if not np.array_equal(actual, expected, equal_nan=_numeric(actual)):
            raise LawBroken(what, "exactly", expected, actual)

    def refuses(self, what: str, call: Callable[[], Answer], *, names: str = "", unless: Any = ()) -> None:
        """``what`` is refused with an error, or the result is right: one of ``unless``, with its bound.

        ``names``: what the error names, where the code's documentation says that errors do."""
        try:
            answer = call()
        except Raised as error:
            self.named(what, names, error)
            return
        for right, bound in unless:
            alike = np.shape(answer.value) == np.shape(right)
            if alike and tolerances.worst_ratio(answer.value, right, bound) <= 1.0:
                return
        text = f"took {what} and returned {show(answer.value)}; an error was expected"
        raise LawBroken(what, "an error, not", "a silent number", answer.value, text=text)

    def named(self, what: str, names: str, raised: Raised) -> None:
        """The error is a ValueError or TypeError with one of the words ``names``, where that is said."""
        if self.conventions.get("errors") != "named" or not names:
            return
        alone = "|".join(map(re.escape, names.split()))
        error = raised.error
        if not isinstance(error, ValueError | TypeError) or not re.search(rf"\b({alone})\b", str(error)):
            wanted = " or ".join(names.split())
            text = (
                f"{what} raised {first_line(error)}; expected a ValueError or TypeError that names {wanted}"
            )
            call, right = self.answers[-1].call, f"error that names {wanted}"
            call.use("re", re)
            pattern = rf"\b({alone})\b"
            check = f"isinstance(raised, (ValueError, TypeError)) and re.search({pattern!r}, str(raised))"
            raise LawBroken(f"error for {what}", "an", right, str(error), text=text, check=(check, call))


_ON_THE_CPU = (
    "# there is no CUDA here, so lawful gives the CPU in its place; where there is one, it shows the same",
    "with CudaAsCpu():",
)


def compared(answers: list[Answer], broken: BaseException) -> list[Answer]:
    """Those whose values a law compared: the last one, and whatever else the error refers to."""
    values: list[Any] = [getattr(broken, name, None) for name in ("actual", "expected")]
    if any(getattr(value, "source", None) and value.call is None for value in values):  # of several calls
        return answers
    check = getattr(broken, "check", None)
    calls = [getattr(value, "call", None) for value in values] + [check[1] if check else None]
    if not any(calls):
        return answers[-1:]
    return [answer for answer in answers if any(answer.call is call for call in calls)]


def places_of(*values: Any) -> str:
    """The types of the devices on which tensors are, within whatever holds them: "cpu twin". A scalar is at
    home on the CPU too."""
    found, left = set(), list(values)
    while left:
        each = left.pop()
        if isinstance(each, torch.Tensor):
            found |= {each.device.type} if each.dim() or each.device.type != "cpu" else set()
        elif isinstance(each, dict):
            left += each.values()
        elif isinstance(each, tuple | list):
            left += each
    return " ".join(sorted(found))


NO_SOURCE = "which has no source that stands alone"
"""Of a build in a program, which can be run with that build alone."""
ERRORS = ("named", "any")
"""Values of the convention ``errors``: whether they name the argument."""
REFUSED = ("when_built", "when_called")
"""Values of the convention ``refused``: when arguments are looked at."""
BATCHES = ("moved", "as_given")
"""Values of the convention ``batches``: whether they are moved to where the model is."""
LATE = ("waits", *WAYS)
"""Conventions that are not looked at before they are asked for."""
WAITS = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "more")
"""Values of the convention ``waits``."""
_NEEDS_CUDA = re.compile(r"not compiled with CUDA|No CUDA GPUs|NVIDIA driver|CUDA is not available", re.I)
_NAMES_CUDA = re.compile(r"""torch\.cuda\.is_available|\.cuda\(|\bis_cuda\b|["']cuda\b""")


def _passes_on(file: str) -> bool:
    """Whether lines of a file say nothing of whose doing an error is: ours, PyTorch's and Python's."""
    return file == FILE or file.startswith(_OURS) or bool(_LIBRARY.search(file))


_OURS = str(Path(__file__).parents[1])
_LIBRARY = re.compile(r"[/\\](torch|numpy)[/\\]|[/\\]python3\.\d+[/\\](?!site-packages)|^<frozen")


def _device_of_its_own(adapter: Adapter) -> str | None:
    """The name of a global device that what the adapter calls goes to: CUDA, where there is one."""
    for called in vars_of(adapter.build).values():
        members = vars(called).values() if inspect.isclass(called) else [called]
        for function in filter(inspect.isfunction, members):
            for name, value in vars_of(function).items():
                if isinstance(value, torch.device):
                    return name
    return None


def _own_code(adapter: Adapter, error: BaseException) -> Iterator[str]:
    """Source of what the adapter calls, and of the files that its error came through."""
    called = [value for value in vars_of(adapter.build).values() if callable(value)]
    for value in called:
        module = getattr(value, "__module__", None) or ""
        if module.split(".")[0] not in ("lawful", "torch", "builtins", "numpy"):
            with contextlib.suppress(OSError, TypeError):
                yield inspect.getsource(value)
    raised = getattr(error, "error", error)
    for frame in traceback.extract_tb(raised.__traceback__):
        yield frame.line or ""


def vars_of(function: Any) -> dict[str, Any]:
    """The globals that a function names, and what its closure holds."""
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    named = {n: function.__globals__[n] for n in _names_in(code) if n in function.__globals__}
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    return named | {name: cell.cell_contents for name, cell in cells}


def _names_in(code: Any) -> Iterator[str]:
    """Also those of the functions inside."""
    yield from code.co_names
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _names_in(constant)


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    try:
        with twin.looking():
            yield
    except Exception as error:
        raise Raised(error) from error
    except (KeyboardInterrupt, GeneratorExit, NotAsked):
        raise
    except NeverEnds as error:
        raise Raised(error, str(error)) from error
    except NoAnswer as error:
        raise Raised(Endless(f"gave {error}")) from error
    except SystemExit as error:
        raise NotAsked(f"called sys.exit({error.code!r})") from error
    except BaseException as error:
        raise NotAsked(f"stopped during the test: {first_line(error)}") from error


@contextlib.contextmanager
def global_state_kept() -> Iterator[None]:
    """Puts back what somebody else's code, or its import, may leave changed in torch, so that no verdict
    depends on what else was asked in the same process. (NumPy's and random's generators are kept by
    Hypothesis.)"""
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    generator, threads = torch.get_rng_state(), torch.get_num_threads()
    validates = Distribution._validate_args
    # torch.compile switches it off for the whole process, and Beta(-1, -1) is then no error
    Distribution.set_default_validate_args(__debug__)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(grad)
        torch.set_rng_state(generator)
        Distribution.set_default_validate_args(validates)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextlib.contextmanager
def silence() -> Iterator[io.StringIO]:
    """Keeps what somebody else's code prints, logs and warns of out of our output, and its figures from being
    drawn. Gives what it prints on stderr."""
    before = logging.root.manager.disable
    if before < logging.CRITICAL:  # each change goes through every logger that there is
        logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()) as printed,
            warnings.catch_warnings(),
            _undrawn(),
        ):
            warnings.simplefilter("ignore")
            yield printed
    finally:
        if logging.root.manager.disable != before:
            logging.disable(before)


@contextlib.contextmanager
def _undrawn() -> Iterator[None]:
    """Within, matplotlib draws and writes no figure: nobody looks at it, and it takes longer than the test
    that makes it. What is read of a figure is there; those that were opened within are closed."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    before = set(pyplot.get_fignums()) if pyplot is not None else set()
    kept = {} if pyplot is None else {name: getattr(pyplot.Figure, name) for name in _DRAWING}
    for name in kept:
        setattr(pyplot.Figure, name, _nothing)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(pyplot.Figure, name, method)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if hasattr(pyplot, "get_fignums"):
            for number in set(pyplot.get_fignums()) - before:
                pyplot.close(number)


_DRAWING = ("savefig", "tight_layout", "draw")


def _nothing(*_: Any, **__: Any) -> None:
    """In the place of what is not done."""


def torch_dtype(name: str) -> torch.dtype:
    found: torch.dtype = getattr(torch, name)
    return found


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def to_float64(tensor: torch.Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float64).numpy()


def _numeric(value: Any) -> bool:
    return np.issubdtype(np.asarray(value).dtype, np.floating)
