"""The laws of what a documentation says, of any technique: an adapter says what that is.

``Adapter.arguments``: which values arguments take, and which they have by default. ``documented["waits"]``:
how often the host waits for the device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lawful.impl.contracts import LEFT_OUT
from lawful.properties.registry import ANY_TECHNIQUE, SINGLE, Drawn, draws, law
from lawful.properties.strategies import fractions
from lawful.properties.subjects.failures import LawBroken, Raised, Unasked
from lawful.properties.subjects.subject import WAITS, Answer, Subject

_SOURCE = "the documentation that the adapter was written from"


@law(
    ANY_TECHNIQUE,
    "what is left out is its documented default, and every documented value is taken",
    why="A default that differs from the documentation changes the results of everybody who relies on it.",
    source=_SOURCE,
    needs=("arguments",),
    dtypes=SINGLE,
    devices=("cpu",),
    severity="edge",
    most_examples=1,
)
@draws(part=Drawn(fractions().strategy, (0.5,)))
def arguments_are_as_documented(subject: Subject, part: float) -> None:
    for name, argument in subject.adapter.arguments.items():
        for value in argument.documented(part):
            try:
                subject.ordinary(**{name: value})
            except Raised as raised:
                text = f"{name}={value!r} {raised}; its documentation says that it is taken"
                raise Raised(raised.error, text) from raised
        if argument.default is LEFT_OUT:
            continue
        passed, without = (subject.ordinary(**{name: value}) for value in (argument.default, LEFT_OUT))
        expected = subject.shown_by(passed)
        for what, actual in subject.shown_by(without).items():
            subject.same(f"{what} without {name}, by default {argument.default!r},", actual, expected[what])


@law(
    ANY_TECHNIQUE,
    "an argument's value that is none of the documented ones raises",
    why="A misspelt name, or a number out of range, would mean something else without a word.",
    source=_SOURCE,
    needs=("arguments",),
    dtypes=SINGLE,
    devices=("cpu",),
    severity="guard",
)
@draws()
def rejects_undocumented_values(subject: Subject) -> None:
    for name, argument in subject.adapter.arguments.items():
        for value in argument.undocumented():
            asked = functools.partial(subject.ordinary, **{name: value})
            subject.refuses(f"{name}={value!r}", asked, names=name)


WHEN_BUILT: dict[str, Any] = {
    "formula": "a value that is none of the documented ones raises when it is given, where that is said",
    "why": "An option with a wrong value that is accepted when the object is built raises only at the "
    "first batch, far from the line with the mistake.",
    "source": _SOURCE,
    "needs": ("arguments",),
    "when": {"refused": "when_built"},
    "dtypes": SINGLE,
    "devices": ("cpu",),
    "severity": "guard",
    "rests_on": ("rejects_undocumented_values",),
}
"""Of the laws ``refuses_when_built``: of the techniques in which something is built and then called."""


def asks_when_built(subject: Subject) -> None:
    """Every value that the documentation does not know is refused there."""
    for name, argument in subject.adapter.arguments.items():
        for value in argument.undocumented():
            try:
                subject.built(**{name: value})
            except Raised:
                subject.answers.pop()
                continue
            text = f"{name}={value!r} is taken when it is built; an error was expected there, and not later"
            raise LawBroken(f"{name}={value!r}", "an error, not", "an object", value, text=text)


PROGRESS: dict[str, Any] = {
    "formula": "progress=True shows a line on stderr up to its end; without it a file or a pipe stays empty",
    "why": "A progress bar that nobody asked for fills the log; without one that was asked for, an "
    "hour's work shows nothing.",
    "source": _SOURCE,
    "needs": ("arguments",),
    "devices": ("cpu",),
    "severity": "edge",
}
"""Of the laws ``shows_progress``: of the techniques that take a while."""


def shows_progress(subject: Subject, ask: Callable[..., Answer], steps: int) -> None:
    """``ask(progress)`` is a call of so many steps."""
    argument = subject.adapter.arguments.get("progress")
    if argument is None:
        raise Unasked("says nothing of progress")
    answer = ask(True)
    shown = answer.printed
    if f"{steps}/{steps}" not in shown and "100%" not in shown:
        wanted = f"line that comes to {steps}/{steps} or 100%"
        check = (f"'{steps}/{steps}' in printed.getvalue() or '100%' in printed.getvalue()", answer.call)
        raise LawBroken("progress that is shown", "a", wanted, shown, check=check)
    for value in (False, argument.default):
        if value is not True:
            subject.same(f"what progress={value} shows in a pipe", ask(value).printed, "")


@law(
    ANY_TECHNIQUE,
    "the host waits for the device no more often than is documented: in a call; in a step, where there are",
    why=(
        "At each wait the CPU stands still until the device has finished. If the documentation "
        "promises that there is none, people build fast loops on that."
    ),
    source=f"{_SOURCE}; documentation of torch.cuda.set_sync_debug_mode",
    when={"waits": WAITS[:-1]},
    dtypes=SINGLE,
    devices=("twin",),
    severity="edge",
)
@draws()
def waits_as_documented(subject: Subject) -> None:
    said = int(subject.conventions["waits"])
    subject.at_most("number of waits", subject.waits_of_a_call(), said)
