"""The laws of what a documentation says of arguments: which values they take, and which they have by default.

They are asked of every technique, where an adapter says what the documentation says: ``Adapter.arguments``.
"""

from __future__ import annotations

import functools

from lawful.impl.contracts import LEFT_OUT
from lawful.properties.registry import ANY_TECHNIQUE, SINGLE, Drawn, draws, law
from lawful.properties.strategies import fractions
from lawful.properties.subjects.subject import LawBroken, Raised, Subject

_SOURCE = "the documentation that the adapter was written from"


@law(
    ANY_TECHNIQUE,
    "what is left out is its documented default, and every documented value is taken",
    why="A default that is another than the page says changes every result of those who rely on it.",
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
                raise LawBroken(name, "a", "documented value", value, text=text) from raised
        if argument.default is LEFT_OUT:
            continue
        passed, without = (subject.ordinary(**{name: value}) for value in (argument.default, LEFT_OUT))
        expected = subject.shown_by(passed)
        for what, actual in subject.shown_by(without).items():
            subject.same(f"{what} without {name}, by default {argument.default!r},", actual, expected[what])


@law(
    ANY_TECHNIQUE,
    "an argument's value that is none of the documented ones raises",
    why="A name that is misspelt, or a number out of range, would silently mean something else.",
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
