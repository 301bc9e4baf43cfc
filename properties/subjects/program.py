"""A call as lines of Python: the lines that ask a law are the lines that a program shows.

A :class:`Call` has names with values, and lines that were run on them. :func:`program` writes them down, with
what they use, and ends with the assertion that fails: it stands alone, and shows the failure again.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lawful.impl.shown import FUTURE, Definitions
from lawful.properties import twin

_LONG = 64
"""Numbers that are written out one by one."""
FILE = "<the call that asks>"
"""The file name of lines that are run here: frames of it are ours."""


class Untold(Exception):
    """A law looked at a value that no line gives, so that no program can show it: an error of ours."""


class Seen(np.ndarray):
    """What an expression gave, in float64: a law looks at it, and a program can show where it comes from.

    What is worked out from it has no source of its own: see :meth:`Call.see`.
    """

    source: str | None
    call: Call | None

    def __array_finalize__(self, other: Any) -> None:
        self.source = self.call = None

    @classmethod
    def of(cls, value: Any, source: str, call: Call | None) -> Seen:
        """Without a call, the source is on the names of a program: those of its second call end in _2."""
        seen = np.asarray(value, np.float64).view(cls)
        seen.source, seen.call = source, call
        return seen


class SeenText(str):
    """Words that an expression gave."""

    source: str
    call: Call

    @classmethod
    def of(cls, value: str, source: str, call: Call) -> SeenText:
        seen = cls(value)
        seen.source, seen.call = source, call
        return seen


class Call:
    """Values with names, and the lines that were run on them."""

    def __init__(self, tools: Mapping[str, Any], device: str = "cpu") -> None:
        """``tools``: functions and classes of ours that lines may use, by their names."""
        self.tools, self.device = tools, device
        self.names: dict[str, Any] = {"torch": torch, "numpy": np, "device": device, **tools}
        if device == twin.NAME:  # as a program imports it there
            self.names["twin"] = twin
        self._shown: list[str | Callable[[], list[str]]] = []
        self._raised: set[int] = set()
        """Lines that raised."""
        self._asks: set[int] = set()
        """Lines that call the implementation."""
        self.asking = False
        """Whether what is run now calls it."""
        self._ends_raising = False
        self.counts_waits = False
        """Whether a program counts how often the host waits for the device."""

    def tensor(self, name: str, values: Any, dtype: str, value: torch.Tensor | None = None) -> torch.Tensor:
        """A tensor of these plain values; ``value`` where it is made already."""
        made = torch.tensor(values, dtype=getattr(torch, dtype)) if value is None else value
        self.names[name] = made
        self._shown.append(functools.partial(tensor_lines, name, values, dtype, self.device))
        return made

    def do(self, source: str) -> None:
        """Runs statements. What they raise comes through."""
        self._shown.append(source)
        if self.asking:
            self._asks.add(len(self._shown) - 1)
        try:
            exec(_compiled(source, "exec"), self.names)
        except BaseException as error:
            self._raised.add(len(self._shown) - 1)
            self.names["raised"] = error
            raise

    def use(self, name: str, tool: Any) -> None:
        """One more function that lines may use."""
        self.tools = {**self.tools, name: tool}
        self.names[name] = tool

    def evaluate(self, source: str) -> Any:
        """The value of an expression; it is no line of the program."""
        return eval(_compiled(source, "eval"), self.names)

    def see(self, source: str) -> Seen:
        """The numbers that an expression gives: a tensor's, an array's, a list's or one."""
        return Seen.of(as_float64(self.evaluate(source)), source, self)

    def words(self, source: str) -> SeenText:
        """The words that an expression gives."""
        return SeenText.of(self.evaluate(source), source, self)

    def lines(self) -> list[str]:
        """As a program shows them. A line that raised is tried, but for the one with which it ends."""
        found: list[str] = []
        last = max(self._raised) if self._ends_raising else len(self._shown) - 1
        for number, shown in enumerate(self._shown[: last + 1]):
            own = shown.splitlines() if isinstance(shown, str) else shown()
            if number in self._raised and not (self._ends_raising and number == last):
                own = ["try:", *_inside(own), "except BaseException as error:", "    raised = error"]
            if number in self._asks and self.counts_waits:
                own = ["with twin.looking():", *_inside(own)]
            found += own
        if self.counts_waits:
            found = ["with twin.watched() as seen:", *_inside(found), "count = len(seen.waits)"]
        return found

    @property
    def raised(self) -> bool:
        """Whether some line did."""
        return bool(self._raised)

    def ends_raising(self) -> None:
        """That it raised is the failure: a program ends there."""
        self._ends_raising = bool(self._raised)


def _inside(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


@functools.lru_cache(8192)
def _compiled(source: str, mode: str) -> Any:
    return compile(source, FILE, mode)


def as_float64(value: Any) -> Any:
    """A tensor's, an array's, a list's or one number in float64, on the CPU."""
    if isinstance(value, torch.Tensor):
        value = value.detach().to("cpu", torch.float64).numpy()
    return np.array(value, np.float64)


def program(
    headline: str,
    start: Iterable[str],
    calls: list[Call],
    broken: BaseException,
    *,
    asserted: list[str],
    within: Iterable[str] = (),
) -> str:
    """The text: what is imported and defined, the lines of each call, and the assertion.

    ``start``: lines that give ``build``. ``asserted``: see :func:`assertion`. ``within``: a line that opens
    the block in which it calls, and what comes before.
    """
    told = [line for line in start if line.strip() not in ("", "import torch", FUTURE)]
    bodies = [_renamed(call.lines(), f"_{i}" if len(calls) > 1 else "") for i, call in enumerate(calls, 1)]
    body = [line for lines in bodies for line in lines]
    tools = {name: value for call in calls for name, value in call.tools.items()}
    used = [name for name in dict.fromkeys(_names("\n".join([*body, *asserted]))) if name in tools]
    defined = Definitions()
    for name in used:
        if name not in _bound("\n".join(told)):
            defined.add(name, tools[name])
    parts = [f"# {headline}", FUTURE, "import torch", *told, *defined.lines]
    if "numpy" in _names("\n".join([*body, *asserted])) and "import numpy" not in parts:
        parts.append("import numpy")
    devices = {call.device for call in calls}
    if devices - {"cpu"}:
        parts += _place(devices.pop())
    last = [*body, *asserted]
    return "\n".join([*parts, "", *within, *(_inside(last) if within else last)]) + "\n"


def _place(device: str) -> list[str]:
    """What makes a device's name; the twin is lawful's, and a GPU shows the same."""
    if device != twin.NAME:
        return [f'device = "{device}"']
    return [
        '# lawful\'s stand-in accelerator; on a machine with a GPU, device = "cuda" shows it without lawful',
        "from lawful.properties import twin",
        "twin.registered()",
        'device = "twin"',
    ]


def import_lines(folders: Iterable[str], base: str) -> list[str]:
    """Lines that let a program, run in ``base``, import what is in these folders."""
    shown = []
    for folder in folders:
        place = Path(folder or base)
        inside = place.is_relative_to(base) if place.is_absolute() else True
        shown.append(os.path.relpath(place, base) if inside else str(place))
    shown = list(dict.fromkeys(shown))
    return ["import sys", f"sys.path[:0] = {shown!r}"] if shown else []


_RELATIONS = ("about", "exactly", "at most", "at least", "another", "of shape", "an error, not")


def assertion(broken: Any, calls: list[Call]) -> list[str]:
    """The lines that fail; none where the last call itself raises. Raises Untold."""
    if getattr(broken, "relation", None) is None:
        return []
    number = {id(call): f"_{i}" if len(calls) > 1 else "" for i, call in enumerate(calls, 1)}

    def told(value: Any) -> str | None:
        source, call = getattr(value, "source", None), getattr(value, "call", None)
        if source is None or call is None:
            return source
        if id(call) not in number:
            return None
        return " ".join(_renamed([source], number[id(call)], calls))

    if broken.check is not None:
        source, call = broken.check
        (text,) = _renamed([source], number[id(call)], calls)
        return [f"assert {text}, {str(broken)!r}"]
    if broken.relation == "an error, not":
        return [f"raise AssertionError({str(broken)!r})"]
    relation, actual, expected, bound = broken.relation, broken.actual, broken.expected, broken.bound
    got = told(actual)
    if got is None or relation not in _RELATIONS:
        raise Untold(f"{broken.what} is a value that no line gives")
    if isinstance(actual, str):
        return [f"found = {got}", f"assert found == {str(expected)!r}, found"]
    if relation == "another":
        return [f"assert not torch.equal({got}, {told(expected)}), 'the same'"]
    if relation == "of shape":
        return [f"found = {got}", f"assert tuple(found.shape) == {tuple(expected)}, found.shape"]
    wanted = told(expected)
    got = f"torch.as_tensor({got}).detach().double().cpu()"
    wanted = wanted and f"torch.as_tensor({wanted}).detach().double().cpu()"
    if broken.at is not None and np.size(actual) > _LONG:  # the entry that is off most will do
        place = f"[{', '.join(map(str, broken.at))}]"
        whole = np.shape(expected) == np.shape(actual)
        got, wanted = got + place, wanted + place if wanted and whole else None
        expected, bound = (
            None if each is None else np.broadcast_to(each, np.shape(actual))[broken.at]
            for each in (expected, bound)
        )
    plain = literal(np.asarray(expected, float).tolist())
    lines = [f"got = {got}", f"expected = {wanted or f'torch.tensor({plain}, dtype=torch.float64)'}"]
    condition = {
        "about": "(got == expected) | (got.isnan() & expected.isnan()) | ((got - expected).abs() <= bound)",
        "exactly": "(got == expected) | (got.isnan() & expected.isnan())",
        "at most": "got <= expected",
        "at least": "got >= expected",
    }[relation]
    if relation == "about":
        shown = np.asarray(bound, float)
        same = shown.size and np.ptp(shown) == 0
        limit = float(shown.flat[0]) if same else shown.tolist()
        lines.append(f"bound = torch.tensor({literal(limit)}, dtype=torch.float64)")
    return [*lines, f"right = {condition}", 'assert right.all(), f"expected {expected}, got {got}"']


def _renamed(lines: list[str], suffix: str, calls: list[Call] | None = None) -> list[str]:
    """With ``suffix`` on the names that lines of a call give values to."""
    if not suffix:
        return lines
    text = "\n".join(lines)
    own = _bound("\n".join(line for call in calls for line in call.lines())) if calls else _bound(text)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in own:
            node.id += suffix
    return ast.unparse(tree).splitlines()


def _bound(text: str) -> set[str]:
    """The names that a program's own lines give values to, outside of what they define."""
    found: set[str] = set()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found.add(statement.name)
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            if isinstance(node, ast.alias):
                found.add(node.asname or node.name.partition(".")[0])
    return found


def _names(text: str) -> list[str]:
    return [node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]


def tensor_lines(name: str, values: Any, dtype: str, device: str) -> list[str]:
    """``name = torch.tensor(...)``; a long, mostly constant one as ``torch.full`` and what is otherwise:
    columns, runs of a column, and single entries."""
    array = np.asarray(values)
    place = f"dtype=torch.{dtype}" + (", device=device" if device != "cpu" else "")
    if array.size <= _LONG or not array.size:
        if array.size == 0:
            return [f"{name} = torch.empty({tuple(array.shape)}, {place})"]
        return [f"{name} = torch.tensor({literal(array.tolist())}, {place})"]
    common = Counter(array.ravel().tolist()).most_common(1)[0][0]
    lines = [f"{name} = torch.full({tuple(array.shape)}, {literal(common)}, {place})"]
    columns = array.reshape(len(array), -1) if array.ndim <= 2 else np.zeros((0, 0))
    for column in np.flatnonzero((columns != common).any(0)) if array.ndim <= 2 else ():
        for first, last, value in _runs(columns[:, column]):
            if value != common:
                rows = "" if (first, last) == (0, len(array)) else f"{first}:{last}"
                rows = str(first) if last == first + 1 else rows or ":"
                place_text = f"{rows}, {column}" if array.ndim == 2 else rows
                lines.append(f"{name}[{place_text}] = {literal(value)}")
        if len(lines) > _LONG:
            break
    if len(lines) > _LONG or array.ndim > 2:
        return [f"{name} = torch.tensor({literal(array.tolist())}, {place})"]
    return lines


def _runs(column: Any) -> list[tuple[int, int, Any]]:
    """First, last + 1 and value of each stretch of equal values."""
    same = (column[1:] == column[:-1]) | ((column[1:] != column[1:]) & (column[:-1] != column[:-1]))
    ends = [0, *(np.flatnonzero(~same) + 1).tolist(), len(column)]
    return [(a, b, column[a].item()) for a, b in itertools.pairwise(ends)]


def literal(value: Any) -> str:
    """A value as Python source; floats that have no literal as ``float("nan")``."""
    if isinstance(value, list | tuple):
        inside = ", ".join(literal(item) for item in value)
        return f"[{inside}]"
    if isinstance(value, np.ndarray):
        return literal(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return re.sub(r"^np\.\w+\((.*)\)$", r"\1", repr(value))
