"""How a law is declared and found.

A law is a plain function: the subject first, then named arguments that Hypothesis draws.

    @law("label_smoothing", "L(z + c) = L(z)", why="...", source="...")
    @draws(batch=batches(), epsilon=epsilons(), shift=shifts())
    def shift_invariant(loss, batch, epsilon, shift): ...

The same body serves Hypothesis, the replay of a stored counterexample, and a notebook.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import SearchStrategy

from lawful.impl.contracts import HALF, SEVERITIES, TECHNIQUES

FLOATS = ("float64", "float32", "bfloat16", "float16")
WIDE_FLOATS = ("float64", "float32")
SINGLE = ("float32",)
DEVICES = ("cpu", "twin", "cuda", "mps")
ACCELERATORS = DEVICES[1:]

ANY_TECHNIQUE = "any"
"""In place of a technique: a law of each of them."""
_MOST_BOUNDARY_EXAMPLES = 12
_MOST_OF_A_DEAR_LAW = 6


@dataclass(frozen=True)
class Drawn:
    """What Hypothesis draws for an argument, and the values at the edges, which are asked first."""

    strategy: SearchStrategy[Any]
    boundary: tuple[Any, ...]


@dataclass(frozen=True)
class Law:
    """One property. ``body(subject, **drawn)`` raises LawBroken where it does not hold."""

    technique: str
    name: str
    formula: str
    why: str
    source: str
    body: Callable[..., None]
    drawn: Mapping[str, Drawn]
    severity: str = "wrong"
    rests_on: tuple[str, ...] = ()
    """Laws of the technique, as severe at least: where one of them broke too, this is no other finding."""
    needs: tuple[str, ...] = ()
    """Features without which the law cannot be asked."""
    sees: tuple[str, ...] = ()
    """What an instrument of ours has to see: the scripted losses, say. See ``Subject.blind``."""
    when: Mapping[str, str | tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Conventions, with a value or some, under which it is a law."""
    dtypes: tuple[str, ...] = WIDE_FLOATS
    devices: tuple[str, ...] = DEVICES
    even_if_refused: bool = False
    """Asked also in dtypes that an ordinary call refuses: the law is that it does not."""
    most_examples: int | None = None
    """Fewer than the profile's, for a law of which one example is thousands of draws."""
    dear: bool = False
    """Not asked in the quick profile: it takes seconds to begin."""

    @property
    def id(self) -> str:
        return f"{self.technique}.{self.name}"

    def severity_in(self, dtype: str) -> str:
        """Half precision is an end of the range: what is wrong there alone is an edge."""
        return "edge" if self.severity == "wrong" and dtype in HALF else self.severity

    def boundary_examples(self) -> list[dict[str, Any]]:
        """Every edge of every argument at least once, the lists turning against each other."""
        sizes = [len(drawn.boundary) for drawn in self.drawn.values()]
        if not sizes:
            return []
        most = _MOST_BOUNDARY_EXAMPLES if self.most_examples is None else _MOST_OF_A_DEAR_LAW
        count = max(max(sizes), min(math.lcm(*sizes), most))
        return [
            {name: drawn.boundary[i % len(drawn.boundary)] for name, drawn in self.drawn.items()}
            for i in range(count)
        ]

    def decode(self, example: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments from their plain values: numbers, strings, lists and dicts.

        An argument that is missing is the first of its edges: an example outlives what a law learns to vary.
        Raises ValueError where a name is none of the law's.
        """
        if not set(example) <= set(self.drawn):
            raise ValueError(f"example for {self.id} has {sorted(example)}, expected {sorted(self.drawn)}")
        hints = typing.get_type_hints(self.body)
        first = {name: drawn.boundary[0] for name, drawn in self.drawn.items() if drawn.boundary}
        return first | {name: from_plain(value, hints.get(name)) for name, value in example.items()}


def draws(**drawn: Drawn) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Says what Hypothesis draws for each argument of a law."""

    def attach(body: Callable[..., None]) -> Callable[..., None]:
        parameters = list(inspect.signature(body).parameters)[1:]
        if sorted(parameters) != sorted(drawn):
            raise TypeError(f"{body.__name__} takes {parameters}, @draws gives {list(drawn)}")
        body.drawn = drawn  # type: ignore[attr-defined]
        return body

    return attach


def law(
    technique: str,
    formula: str,
    *,
    why: str,
    source: str,
    severity: str,
    rests_on: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    sees: tuple[str, ...] = (),
    when: Mapping[str, str | tuple[str, ...]] | None = None,
    dtypes: tuple[str, ...] = WIDE_FLOATS,
    devices: tuple[str, ...] = DEVICES,
    even_if_refused: bool = False,
    most_examples: int | None = None,
    dear: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declares a function to be a law; the function stays a function, with its ``law`` attached."""

    if severity not in SEVERITIES:
        raise ValueError(f"severity is {severity!r}, expected one of {', '.join(SEVERITIES)}")

    def attach(body: Callable[..., None]) -> Callable[..., None]:
        body.law = Law(  # type: ignore[attr-defined]
            technique,
            body.__name__,
            formula,
            why,
            source,
            body,
            getattr(body, "drawn", {}),
            severity,
            rests_on,
            needs,
            sees,
            when or {},
            dtypes,
            devices,
            even_if_refused,
            most_examples,
            dear,
        )
        return body

    return attach


def laws_of(technique: str) -> list[Law]:
    """The laws of a technique in the order in which they are written."""
    return [
        _as_law_of(technique, body.law)
        for module in _modules(technique)
        for body in vars(module).values()
        if inspect.isfunction(body)
        and hasattr(body, "law")
        and body.law.technique in (technique, ANY_TECHNIQUE)
    ]


def resting(technique: str, *names: str) -> frozenset[str]:
    """The laws of these names, and those that rest on them."""
    found, laws = set(names), laws_of(technique)
    while more := {law.name for law in laws if found & set(law.rests_on)} - found:
        found |= more
    return frozenset(found)


_of_any: dict[tuple[str, int], Law] = {}


def _as_law_of(technique: str, law: Law) -> Law:
    """A law of any technique, as the one of this: the same object each time."""
    if law.technique == technique:
        return law
    return _of_any.setdefault((technique, id(law)), dataclasses.replace(law, technique=technique))


def all_laws() -> list[Law]:
    return [law for technique in written_techniques() for law in laws_of(technique)]


def written_techniques() -> list[str]:
    return [technique for technique in TECHNIQUES if importlib.util.find_spec(_name(technique))]


def laws_named(name: str) -> list[Law]:
    """The laws of every technique that has one of this name or id. Raises KeyError with a did-you-mean."""
    found = [law for law in all_laws() if name in (law.name, law.id)]
    return found or [find_law(name)]


def find_law(name: str, technique: str | None = None) -> Law:
    """The law of an id, with or without its technique. Raises KeyError with a did-you-mean."""
    laws = laws_of(technique) if technique else all_laws()
    found = [law for law in laws if name in (law.name, law.id)]
    if found:
        return found[0]
    raise KeyError(
        did_you_mean("property", name, [n for law in laws for n in (law.name, law.id)])
        + "; `lawful list` shows all"
    )


RETIRED: dict[str, str] = {}
"""Names of laws that are gone, and what to ask instead. No law is given such a name again."""


def did_you_mean(kind: str, name: str, known: list[str]) -> str:
    """That nothing has this name: with the one that took its place, or with one that is close."""
    if kind == "property" and (instead := RETIRED.get(name.rpartition(".")[2])):
        return f"no property {name!r} any more: {instead}"
    close = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    if close:
        return f"no {kind} {name!r}, did you mean {close[0]!r}?"
    return f"no {kind} {name!r}" + (f"; there are {', '.join(known)}" if len(known) <= _FEW else "")


_FEW = 20
"""Names that a person reads."""


def no_name(name: str, place: str, known: list[str]) -> str:
    """That a file or a class has nothing of this name: with one that is close."""
    close = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    return f"{place} has no {name!r}" + (f"; did you mean {close[0]}?" if close else "")


def to_plain(value: Any) -> Any:
    """A drawn value as numbers, strings, lists and dicts; non-finite floats as strings (JSON has none)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def from_plain(value: Any, hint: Any = None) -> Any:
    """The reverse of :func:`to_plain`; dicts become the dataclass that the argument is annotated with."""
    if isinstance(value, Mapping) and dataclasses.is_dataclass(hint):
        return hint(**{k: from_plain(v) for k, v in value.items()})  # type: ignore[operator]
    if isinstance(value, list | tuple):
        return [from_plain(item) for item in value]
    if value in ("nan", "inf", "-inf"):
        return float(value)
    return value


def _modules(technique: str) -> Iterator[Any]:
    if technique not in TECHNIQUES:
        raise KeyError(did_you_mean("technique", technique, list(TECHNIQUES)))
    for name in (technique, f"{technique}_options", "composition", "arguments"):
        if importlib.util.find_spec(_name(name)):
            yield importlib.import_module(_name(name))


def _name(technique: str) -> str:
    return f"lawful.properties.{technique}"
