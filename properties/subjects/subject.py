"""What every subject has: the checks that laws are written with, and a record of what was asked."""

from __future__ import annotations

import abc
import contextlib
import inspect
import io
import logging
import re
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.distributions import Distribution

from lawful.impl.contracts import LEFT_OUT, WAYS, Adapter
from lawful.properties import tolerances, twin
from lawful.properties.cuda_as_cpu import CudaAsCpu
from lawful.properties.ways import QUICK, modules_held


class NotUnderstood(Exception):
    """We do not know how to call the target: says what was tried, what came back, and what to do."""


class Raised(Exception):
    """The implementation raised on an input that it should take."""

    def __init__(self, error: BaseException):
        self.error = error
        super().__init__(f"raised {first_line(error)}")


class NotAsked(BaseException):
    """The case could not be asked, and Hypothesis must not try again: no verdict on the code."""


class Unasked(Exception):
    """What was drawn is no question for this implementation: it defines no answer. Counted as discarded."""


class LawBroken(AssertionError):
    """A law does not hold: what was looked at, what was expected, and what came.

    Of arrays, the entry is shown that is off most against its bound. ``text`` says it in other words.
    """

    at: tuple[int, ...] | None = None
    """The place of that entry."""
    ratio: float | None = None
    """error/bound of that entry, where a bound was asked."""

    def __init__(
        self, what: str, relation: str, expected: Any, actual: Any, bound: Any = None, *, text: str = ""
    ):
        self.what, self.relation = what, relation
        self.expected, self.actual, self.bound = expected, actual, bound
        super().__init__(text or self._says())

    def _says(self) -> str:
        numbers = all(np.issubdtype(np.asarray(v).dtype, np.number) for v in (self.actual, self.expected))
        if not numbers or self.relation not in _WORST:
            wanted = str(self.expected) if self.relation == "of shape" else _show(self.expected)
            return f"{self.what} is {_show(self.actual)}, expected {self.relation} {wanted}"
        actual, expected = np.asarray(self.actual, float), np.asarray(self.expected, float)
        if actual.shape != np.broadcast_shapes(actual.shape, expected.shape) or not actual.size:
            shown = _show(self.expected)
            return f"{self.what} is {_show(self.actual)}, expected {self.relation} {shown}"
        expected = np.broadcast_to(expected, actual.shape)
        bound = np.broadcast_to(np.asarray(0.0 if self.bound is None else self.bound, float), actual.shape)
        worst = np.argmax(_WORST[self.relation](actual, expected, bound))
        self.at = at = tuple(map(int, np.unravel_index(worst, actual.shape)))
        got, right = _apart(float(actual[at]), float(expected[at]))
        place = f" at [{', '.join(map(str, at))}]" if actual.ndim else ""
        text = f"{self.what} is {got}{place}, expected {self.relation} {right}"
        if self.relation == "about":
            off = abs(float(actual[at]) - float(expected[at]))
            self.ratio = float(tolerances.worst_ratio(actual, expected, bound))
            if np.isfinite(off):
                text += f" (off by {off:.2g}, allowed {float(bound[at]):.2g})"
        return text


def _excess(actual: Any, expected: Any, bound: Any) -> Any:
    """error/bound by entry, NaN and infinity being the worst."""
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = np.where(same, -1.0, np.abs(actual - expected) / bound)
    return np.where(np.isnan(ratio), np.inf, ratio)


def _beyond(difference: Any) -> Any:
    return np.where(np.isnan(difference), np.inf, difference)


_WORST: dict[str, Callable[[Any, Any, Any], Any]] = {
    "about": _excess,
    "exactly": lambda actual, expected, bound: _excess(actual, expected, np.ones(np.shape(actual))),
    "at most": lambda actual, expected, bound: _beyond(actual - expected),
    "at least": lambda actual, expected, bound: _beyond(expected - actual),
}
"""By relation, how far each entry is off: the largest is shown."""


def _apart(actual: float, expected: float) -> tuple[str, str]:
    """Both with as many digits as it takes to see that they differ, 6 at least.

    >>> _apart(0.69314718, 0.69314719)
    ('0.69314718', '0.69314719')
    """
    for digits in range(6, 18):
        got, right = (f"{value:.{digits}g}" for value in (actual, expected))
        if got != right:
            break
    return got, right


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
    places: tuple[str, ...] = ()
    """The types of devices on which its tensors are. A scalar is at home on the CPU too."""
    after: dict[str, Any] = field(default_factory=dict)
    """What the inputs hold after the call, where the law asked for it."""
    printed: str = ""
    """On stderr, where its technique has something to show there."""
    derived: list[tuple[str, Any]] = field(default_factory=list)
    """What a law computed from the answer: an expression for a snippet, and its value."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of ``build``, by name, besides: see ``Subject.ordinary``."""

    def derive(self, expression: str, value: Any) -> Any:
        """The value, after noting the expression that gives it, say ``"{value}.sum(1)"``."""
        self.derived.append((expression, value))
        return value


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
    found_late: dict[str, str] = field(default_factory=dict)
    """Conventions that were looked at while laws were asked, as that takes a while: shared by all cases."""
    places_seen: set[str] = field(default_factory=set)
    """Devices on which an ordinary call was tried, where that is put off: shared by all cases."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that ``build`` is passed, or not, whatever the call says."""
    imports: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    """Within which the modules that it imports are its own: see ``understanding.imports``."""

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

    @abc.abstractmethod
    def snippet(self, answers: list[Answer], broken: BaseException, headline: str) -> str:
        """A stand-alone program, without ``lawful``, that shows the failure of these calls again."""

    def remarks(self) -> list[str]:
        """What to know before the verdicts, in a sentence each."""
        found = []
        if self.also_like:
            names = " or ".join(self.also_like)
            found.append(
                f"Taken for {self.technique}; it could be {names} as well: say which with --technique."
            )
        if self.also_called:
            found.append(
                "No form gives the reference's values, so it is asked in the plainest that fits; it could "
                "as well be called with " + ", or with ".join(self.also_called) + "."
            )
        if self.cuda_as_cpu:
            found.append(
                "It asks for CUDA by name, and there is none here: it was given the CPU in its place."
            )
        return found

    def look_at_places(self, answer: Answer, *tensors: Any) -> None:
        found = [each for each in tensors if isinstance(each, torch.Tensor)]
        answer.places = tuple(
            sorted({each.device.type for each in found if each.dim() or each.device.type != "cpu"})
        )

    def stays(self, answer: Answer) -> None:
        """All that came back is on the device of what went in."""
        elsewhere = ", ".join(place for place in answer.places if place != self.device) or "nowhere else"
        self.same("device of a tensor that came back", elsewhere, "nowhere else")

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Around every call of the implementation: tells its errors from ours."""
        with _asking(), CudaAsCpu() if self.cuda_as_cpu else contextlib.nullcontext():
            yield

    def build(self, *arguments: Any, **features: Any) -> Any:
        """What the adapter builds, of tensors whatever arrays it takes."""
        if self.given:
            named = {**dict(zip(self.by_position, arguments, strict=False)), **features, **self.given}
            features = {name: value for name, value in named.items() if value is not LEFT_OUT}
            arguments = arguments[len(self.by_position) :]
        if self.adapter.arrays == "numpy":
            from lawful.impl.arrays import taking_tensors

            return taking_tensors(self.adapter.build)(*arguments, **features)
        return self.adapter.build(*arguments, **features)

    def built(self, **given: Any) -> Any:
        """What an ordinary build gives with these arguments; nothing is called yet."""
        with self.asking():
            return replace(self, given=given).build(*self.built_of)

    def on(self, device: str, dtype: str) -> Self:
        return replace(self, device=device, dtype=dtype, answers=[], worst_error=0.0)

    def requiring(self, required: Mapping[str, str]) -> Self:
        """The same subject, judged by these conventions in place of the detected ones."""
        return replace(self, conventions={**self.conventions, **required})

    def ordinary(self, **given: Any) -> Answer:
        """An ordinary call with these arguments of ``build``, by their names; LEFT_OUT: not passed."""
        try:
            return replace(self, given=given).ordinarily()
        finally:
            self.answers[-1].given = given

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

    @property
    def shown_device(self) -> str:
        """The device that a snippet names: the twin stands in for CUDA."""
        return "cuda" if self.device == twin.NAME else self.device

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

    def waited(self, call: Callable[[], object]) -> int:
        """How often the host waited for the device while this was asked: seen on the twin."""
        with twin.watched() as seen:
            call()
        return len(seen.waits)

    def look_at_the_twin(self) -> None:
        """Whether an ordinary call works there, and the convention ``waits``: how often the host waits.

        Looked at when it is first asked for: the first tensor of a twin takes PyTorch a while.
        """
        if "waits" not in self.convention_values or twin.NAME in self.places_seen or self.not_on_the_twin:
            return
        self.places_seen.add(twin.NAME)
        try:
            with silence(), global_state_kept():
                count = self.on(twin.NAME, "float32").waits_of_a_call()
        except Raised as error:
            self.refused_devices[twin.NAME] = first_line(error.error)
        except (LawBroken, NotAsked):
            return
        else:
            if not self.cuda_as_cpu:
                self.found_late["waits"] = WAITS[min(count, len(WAITS) - 1)]

    def waits_of_a_call(self) -> int:
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
        text = f"took {what} and returned {_show(answer.value)}; an error was expected"
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
            raise LawBroken(f"error for {what}", "an", f"error that names {wanted}", str(error), text=text)


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
    except SystemExit as error:
        raise NotAsked(f"called sys.exit({error.code!r})") from error
    except BaseException as error:
        raise NotAsked(f"stopped while it was asked: {first_line(error)}") from error


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
    """Keeps what somebody else's code prints, logs and warns of out of our output. Gives what it prints on
    stderr."""
    before = logging.root.manager.disable
    if before < logging.CRITICAL:  # each change goes through every logger that there is
        logging.disable(logging.CRITICAL)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()) as printed,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield printed
    finally:
        if logging.root.manager.disable != before:
            logging.disable(before)


def torch_dtype(name: str) -> torch.dtype:
    found: torch.dtype = getattr(torch, name)
    return found


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def to_float64(tensor: torch.Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float64).numpy()


def first_line(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def _numeric(value: Any) -> bool:
    return np.issubdtype(np.asarray(value).dtype, np.floating)


def _show(value: Any) -> str:
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.number):
        return str(value)
    with np.printoptions(precision=6, threshold=12, edgeitems=2, linewidth=200):
        return f"{float(array):.7g}" if array.ndim == 0 else str(array).replace("\n", "")
