"""How asking a law can end: the law does not hold, the code raised, or there was no question."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lawful.properties import tolerances


class NotUnderstood(Exception):
    """We do not know how to call the target: says what was tried, what came back, and what to do."""

    technique = ""
    """The one that it may be, or that was meant."""


class Raised(Exception):
    """The implementation raised on an input that it should take."""

    def __init__(self, error: BaseException, text: str = ""):
        self.error = error
        super().__init__(
            text or (str(error) if isinstance(error, Endless) else f"raised {first_line(error)}")
        )

    @property
    def fails_with(self) -> str:
        """How a program ends that shows it: the name of the error's type."""
        return "late" if isinstance(self.error, Endless) else type(self.error).__name__


class NoAnswer(BaseException):
    """Time is up: raised into whatever the code is at, past its own handlers."""


class Endless(Exception):
    """What became of that: a call that gives no answer."""


class NotAsked(BaseException):
    """The case could not be asked, and Hypothesis must not try again: no verdict on the code."""


class Unasked(Exception):
    """What was drawn is no question for this implementation: it defines no answer. Counted as discarded."""


class OutOfSight(Exception):
    """An instrument of ours did not see what the law is about: no verdict on the code, but the reason why."""


class LawBroken(AssertionError):
    """A law does not hold: what was looked at, what was expected, and what came.

    Of arrays, the entry is shown that is off most against its bound. ``text`` says it in other words.
    """

    at: tuple[int, ...] | None = None
    """The place of that entry."""
    slight: str = ""
    """Why this is less than a wrong result, whatever its size; empty where that depends on the size."""
    ratio: float | None = None
    """error/bound of that entry, where a bound was asked."""

    def __init__(
        self,
        what: str,
        relation: str,
        expected: Any,
        actual: Any,
        bound: Any = None,
        *,
        text: str = "",
        check: Any = None,
    ):
        """``check``: an expression that is true where the law holds, and the call on whose names it looks;
        for a program, where the relation alone cannot be asserted."""
        self.what, self.relation = what, relation
        self.expected, self.actual, self.bound = expected, actual, bound
        self.check = check
        super().__init__(text or self._says())

    def _says(self) -> str:
        numbers = all(np.issubdtype(np.asarray(v).dtype, np.number) for v in (self.actual, self.expected))
        if not numbers or self.relation not in _WORST:
            wanted = str(self.expected) if self.relation == "of shape" else show(self.expected)
            return f"{self.what} is {show(self.actual)}, expected {self.relation} {wanted}"
        actual, expected = np.asarray(self.actual, float), np.asarray(self.expected, float)
        if actual.shape != np.broadcast_shapes(actual.shape, expected.shape) or not actual.size:
            shown = show(self.expected)
            return f"{self.what} is {show(self.actual)}, expected {self.relation} {shown}"
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


A_GRAPH = "it costs memory, and changes no number"
"""Why a graph of what is only looked at is slight."""


@contextlib.contextmanager
def slightly(why: str) -> Iterator[None]:
    """What breaks within is less than a wrong result, and why."""
    try:
        yield
    except LawBroken as broken:
        broken.slight = why
        raise


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


def first_line(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def show(value: Any) -> str:
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.number):
        return str(value)
    with np.printoptions(precision=6, threshold=12, edgeitems=2, linewidth=200):
        return f"{float(array):.7g}" if array.ndim == 0 else str(array).replace("\n", "")
