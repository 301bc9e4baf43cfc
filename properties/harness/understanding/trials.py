"""What came of the forms that were tried, and what that says where none of them fits.

Code that ends in an error of its own lines, however it is called, is a finding. A name that was left out when
it was taken out of its file, a package or a device that is not here, and a kind of argument that we chose are
none.
"""

from __future__ import annotations

import contextlib
import linecache
import re
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lawful.properties.harness.understanding import helpers, source
from lawful.properties.harness.understanding.signature import Callee
from lawful.properties.harness.understanding.source import is_library
from lawful.properties.probes import NeverEnds
from lawful.properties.subjects.failures import NotUnderstood, Raised, first_line

_OURS = Path(__file__).resolve().parents[2]
_MOST_SHOWN = 6


class RaisesOnEveryCall(NotUnderstood):
    """Every form ends in an error of the code's own lines: that is a finding, not an adapter to write."""

    lines: tuple[str, ...] = ()
    """Of a program that calls it in the plainest form: what it imports, ``build``, and the call."""
    fails_with: str = ""
    """The type of the exception with which it ends."""


class NeedsCuda(NotUnderstood):
    """Every form ends where the code asks for CUDA by name, and there is none here."""


class AnotherTechnique(NotUnderstood):
    """It can be called, and is something else, with other laws."""


class NotHere(NotUnderstood):
    """It needs what is not here: a name of another file, a package. No fault of the code, and no form's."""


class NoneFits(NotUnderstood):
    """It was called as the technique is, and nothing fitted: what is said elsewhere is about less."""


@dataclass(frozen=True)
class Failure:
    """Why one form did not fit: an error, or what came back, in words."""

    form: str
    words: str
    error: BaseException | None = None
    file: str = ""
    """Of the last of the author's lines that the error came through, with its number."""
    number: int = 0
    guessed: bool = False
    """Whether something was given that nobody said: the error may be about that."""
    shown: Callable[[], str] = str
    """Source of the call: see ``Trials.of``."""

    @property
    def place(self) -> str:
        return f"{Path(self.file).name}:{self.number}" if self.file else ""

    @property
    def line(self) -> str:
        return linecache.getline(self.file, self.number).strip()

    @property
    def own(self) -> bool:
        """Whether the line itself raises, and not what it calls: but for a module's look for an attribute."""
        frames = traceback.extract_tb(self.error.__traceback__) if self.error else []
        frames = [frame for frame in frames if frame.name != "__getattr__"]
        return bool(frames) and (frames[-1].filename, frames[-1].lineno) == (self.file, self.number)

    @property
    def refuses(self) -> bool:
        """Whether the author raises it on purpose."""
        return self.line.startswith(("raise", "assert"))


@dataclass
class Trials:
    """The forms that were tried of one callee, and why each did not fit."""

    callee: Callee
    failures: list[Failure] = field(default_factory=list)
    fitted: bool = False
    """Whether one got as far as a result: what failed besides is then no error of every call."""

    @contextlib.contextmanager
    def of(self, form: object, *, guessed: bool = False, shown: Callable[[], str] = str) -> Iterator[None]:
        """Within, what fails is noted for the form, and the next one can be tried.

        ``shown``: the source of an ordinary call in this form, as a program has it.
        """
        try:
            yield
            self.fitted = True
        except (Exception, SystemExit, NeverEnds) as error:
            raised = error.__cause__.error if isinstance(error.__cause__, Raised) else error
            if isinstance(raised, NotUnderstood):
                self.fitted = True
                self.failures.append(Failure(str(form), str(raised)))
            else:
                place = self._place(raised)
                self.failures.append(Failure(str(form), first_line(raised), raised, *place, guessed, shown))

    @property
    def said(self) -> set[str]:
        return {each.words for each in self.failures}

    def _place(self, error: BaseException) -> tuple[str, int]:
        frames = traceback.extract_tb(error.__traceback__)
        theirs = [frame for frame in frames if self._is_theirs(frame.filename)]
        return (theirs[-1].filename, theirs[-1].lineno or 0) if theirs else ("", 0)

    def _is_theirs(self, file: str) -> bool:
        """Whether a file is the author's: not ours, no library's but the one that is called."""
        if file == self.callee.file:
            return True
        if file.startswith("<") or Path(file).is_relative_to(_OURS):
            return False
        package = Path(self.callee.file).parent
        return Path(file).is_relative_to(package) or not is_library(file)

    def none_fits(self, looked_for: str, unknown: Iterable[str] = ()) -> NotUnderstood:
        """The error to raise: a finding, what is missing here, or what stood in the way and was tried.

        ``unknown``: parameters that have to be given, and of which it is not known what.
        """
        lacking = next(filter(None, map(self._lacking, self.failures)), "")
        if lacking:
            return NotHere(lacking)
        if not self.fitted and (own := self._of_its_own()):
            where = f" at {own.place}" if own.place else ""
            shown = f"\n  {own.line}" if own.line else ""
            raising = RaisesOnEveryCall(f"raises on every call{where}: {own.words}{shown}")
            raising.lines, raising.fails_with = tuple(own.shown().splitlines()), type(own.error).__name__
            return raising
        if any(each.error is not None and needs_cuda(each.error) for each in self.failures):
            return NeedsCuda("it asks for CUDA by name, and there is none here")
        if unknown := ", ".join(unknown):
            looked_for += f"; what to give for {unknown} is not known: nothing, a flag, a number were tried"
        first = [looked_for, *self._in_the_way()] if self.fitted else [*self._in_the_way(), looked_for]
        return NoneFits("\n  ".join([*first, *self._tried()]))

    def _in_the_way(self) -> list[str]:
        """The first thing that did, in the author's words."""
        found = next((each for each in self.failures if each.place), None)
        return [f"{found.words} at {found.place}: {found.line}"] if found else []

    def _tried(self) -> list[str]:
        forms: dict[str, dict[str, None]] = {}
        for each in self.failures:
            words = each.words + (f" ({each.place})" if each.place else "")
            forms.setdefault(words, {})[each.form] = None
        return [f"{_some(list(tried))}: {words}" for words, tried in list(forms.items())[:_MOST_SHOWN]]

    def _lacking(self, failure: Failure) -> str:
        """What is not here, and not the code's fault: a name that was left out, a package."""
        error = failure.error
        where = f" ({failure.place})" if failure.place else ""
        missed = error.name if isinstance(error, NameError) else None
        if missed is not None and (why := self.callee.left_out.get(missed)):
            return f"it needs {missed}{where}, which is not to be had here: {why}"
        if missed is not None and failure.file and source.imports_nothing(failure.file):
            return f"it needs {missed}{where}, and its file imports nothing: it is a part of another one"
        if isinstance(error, ImportError):
            return f"it imports what is not installed here when it is called{where}: {first_line(error)}"
        return ""

    def _of_its_own(self) -> Failure | None:
        """The error of its own lines in which every form ends."""
        plainest = next((each for each in self.failures if each.file or _is_hopeless(each)), None)
        if plainest is None or _is_hopeless(plainest):
            return plainest
        if plainest.guessed or not self._is_fault(plainest):
            return None
        farther = (
            each
            for each in self.failures
            if (each.file, each.words) != (plainest.file, plainest.words)
            and each.file
            and (each.file != plainest.file or each.number > plainest.number)
        )
        return None if any(farther) else plainest

    def _is_fault(self, failure: Failure) -> bool:
        """Whether an error can be no other's doing: raised by the line itself, not on purpose, and not about
        anything that was given, or that another method sets."""
        error = failure.error
        of_its_own = isinstance(error, TypeError | AttributeError | NameError) and failure.own
        if not of_its_own or failure.refuses:
            return False
        text = str(error)
        given = "NoneType" in text or re.search(_GIVEN_OBJECT, text)
        if isinstance(error, TypeError) and re.search(_ITS_OWN_CALL, text) and not given:
            return True
        attribute = re.search(r"object has no attribute '(\w+)'", text)
        if attribute and re.search(rf"\.{attribute[1]}\s*(:[^=]*)?=[^=]", self.callee.text):
            return False
        return re.search(_GIVEN, text) is None


def needs_cuda(error: BaseException) -> bool:
    text = f"{type(error).__name__}: {error}"
    words = r"not compiled with CUDA|No CUDA GPUs|NVIDIA driver|CUDA is not available"
    return re.search(words, text, re.IGNORECASE) is not None


_NO_SUPER = "has no attribute '_modules'"
"""Of a module whose ``__init__`` does not call its base class's."""
_MODULE_LACKS = r"module '[\w.]+' has no attribute"
_OURS_BY_NAME = "|".join(
    n for n, v in vars(helpers).items() if getattr(v, "__module__", "") == helpers.__name__
)
_GIVEN = (
    r"Tensor|ndarray|\b(NoneType|None|list|tuple|dict|str|int|float|bool|zip|SimpleNamespace|DataLoader|SGD|"
    rf"ScriptedModel|Script|{_OURS_BY_NAME}|Linear|Sequential|function|Parameter|torch\.\w+)\b"
)
"""Kinds of things that we give: an error that names one may be about what was given."""
_GIVEN_OBJECT = r"'(DataLoader|SGD|Linear|Sequential|Script\w*|Tensor)' object is not callable"
_ITS_OWN_CALL = r"\w+\(\) (missing \d|got an unexpected|got multiple|takes )|object is not callable"


def _is_hopeless(failure: Failure) -> bool:
    """A name that is nowhere, a module without its beginning: wrong however it is called."""
    lacks = isinstance(failure.error, AttributeError) and re.match(_MODULE_LACKS, str(failure.error))
    unknown = type(failure.error) is NameError and bool(failure.file)
    return unknown or _NO_SUPER in failure.words or (bool(lacks) and failure.own)


def _some(forms: list[str]) -> str:
    more = len(forms) - 2
    return "; ".join(forms[:2]) + (f"; {more} more" if more > 0 else "")
