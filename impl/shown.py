"""An adapter's call as source that stands alone: what a snippet shows is what ran, told once.

A ``build`` function is shown as it is written, under the imports and constants that it uses.
"""

from __future__ import annotations

import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType
from typing import Any

_PLAIN = (int, float, str, bool, tuple, list, dict, type(None))


def standing_alone(function: Callable[..., Any]) -> str | None:
    """Source that defines the function anew; None where that cannot be: a closure, a lambda, no source."""
    if not inspect.isfunction(function) or function.__closure__ or function.__name__ == "<lambda>":
        return None
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return None
    lines: list[str] = []
    for name in dict.fromkeys(_names(function.__code__)):
        if name in vars(builtins) or name == function.__name__ or name not in function.__globals__:
            continue
        line = _defining(name, function.__globals__[name])
        if line is None:
            return None
        lines.append(line)
    annotations = "from __future__ import annotations\n" if "->" in source or ": " in source else ""
    return annotations + "\n".join([*lines, source.rstrip()])


def _names(code: CodeType) -> Iterator[str]:
    """The globals that a function's code may refer to, nested functions too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _defining(name: str, value: Any) -> str | None:
    """A line or more that give a name its value."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
    if isinstance(value, _PLAIN):
        return f"{name} = {value!r}"
    module, qualified = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module is None or qualified is None or "." in qualified:
        return None
    return f"from {module} import {qualified}" + (f" as {name}" if qualified != name else "")
