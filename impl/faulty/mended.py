"""The fix of a fault as a diff: its own lines against those of the right code on which it stands."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from typing import Any

from lawful.impl.faulty import Fault

MOST = 14
"""Lines of a diff that are read at a glance; of a longer one, the place is said."""


def fix(fault: Fault) -> list[str]:
    """Lines that start with ``-`` where they are wrong, ``+`` where they are right, else a blank; of much
    code, where it is; empty where the fault has no code of its own."""
    code = fault.code
    if code is None:
        return []
    found = _of_class(code) if inspect.isclass(code) else [f"- {line}" for line in _lines(code)]
    if len(found) <= MOST:
        return found
    path = inspect.getsourcefile(code) or ""
    return [f"see {'/'.join(path.split('/')[-3:])}, line {inspect.getsourcelines(code)[1]}"]


def _of_class(code: type) -> list[str]:
    while not (own := _own(code)) and code.__bases__ != (object,):
        code = code.__bases__[0]  # a class that adds nothing has its base's fault
    right = code.__mro__[-2]
    found: list[str] = []
    for name, wrong in own.items():
        instead = vars(right).get(name)
        if not inspect.isfunction(wrong):
            found += [f"- {name} = {wrong!r}", *([] if instead is None else [f"+ {name} = {instead!r}"])]
        elif f"super().{name}(" in inspect.getsource(wrong) or instead is None:
            found += _against(
                _lines(wrong), [_lines(wrong)[0], f"    return super().{name}({_given(wrong)})"]
            )
        else:
            found += _against(_lines(wrong), _lines(instead))
    return found


def _own(code: type) -> dict[str, Any]:
    """What stands in a class itself: its methods, and its values."""
    calls = {name: vars(code)[name] for name in ("__init__", "__call__") if name in vars(code)}
    rest = {
        name: value for name, value in vars(code).items() if not name.startswith("__") and name != "fault"
    }
    return {**calls, **rest}


def _given(method: Any) -> str:
    """Its parameters, passed on as they are."""
    parts = []
    for each in list(inspect.signature(method).parameters.values())[1:]:
        stars = "*" if each.kind is each.VAR_POSITIONAL else "**" if each.kind is each.VAR_KEYWORD else ""
        parts.append(f"{stars}{each.name}")
    return ", ".join(parts)


def _against(wrong: list[str], right: list[str]) -> list[str]:
    """Of a run of changed lines, those that go stand before those that come."""
    found: list[str] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, wrong, right, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [f"  {line}" for line in wrong[a:b]]
        else:
            found += [f"- {line}" for line in wrong[a:b]] + [f"+ {line}" for line in right[c:d]]
    return found


def _lines(value: Any) -> list[str]:
    """Of a function's source, without its decorators, its docstring and what is empty."""
    lines = textwrap.dedent(inspect.getsource(value)).rstrip().splitlines()
    while lines and not lines[0].startswith(("def ", "class ")):
        lines.pop(0)
    said = (inspect.getdoc(value) or "").splitlines()
    return [line for line in lines if line.strip() and line.strip().strip('"').strip() not in said]
