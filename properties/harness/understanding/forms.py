"""A form: one way to build, call and read somebody's code, as the few lines of Python that do it.

What is inferred is source code, told once: it is executed to ask the laws, shown in the snippets that
reproduce a failure, and written down by ``lawful adapt``.
"""

from __future__ import annotations

import contextlib
import linecache
import re
import traceback
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from lawful.properties.harness.understanding.signature import Callee
from lawful.properties.subjects.failures import NotUnderstood, first_line

OWN_FAULTS = (NameError, UnboundLocalError, ModuleNotFoundError)
"""Errors that no way of calling brings about or avoids, where they come from the code's own lines."""


class RaisesOnEveryCall(NotUnderstood):
    """Every form ends in an error of the code's own lines: that is a finding, not an adapter to write."""

    technique = ""


class NeedsCuda(NotUnderstood):
    """Every form ends where the code asks for CUDA by name, and there is none here."""


@dataclass
class Trials:
    """What came of the forms that were tried, for the words to say where none fits."""

    callee: Callee
    failures: dict[str, BaseException | str] = field(default_factory=dict)
    """By form, the first one."""
    said: set[str] = field(default_factory=set)
    """In words, all of them."""

    @contextlib.contextmanager
    def of(self, form: object) -> Iterator[None]:
        """Within, what fails is noted for the form, and the next one can be tried."""
        try:
            yield
        except NotUnderstood as error:
            self.failures.setdefault(str(form), str(error))
            self.said.add(str(error))
        except (Exception, SystemExit) as error:
            self.failures.setdefault(str(form), error)

    def none_fits(self, looked_for: str) -> NotUnderstood:
        """The error to raise: a finding, a need of CUDA, or what was tried and what came of it."""
        errors = [error for error in self.failures.values() if isinstance(error, BaseException)]
        if errors and len(errors) == len(self.failures):
            own = [error for error in errors if _is_own_fault(error, self.callee)]
            # a name that is nowhere, or a module without its beginning, is wrong however it is called
            if len(own) == len(errors) or (own and own[0] is errors[0] and _is_hopeless(own[0])):
                return RaisesOnEveryCall(f"raises on every call: {first_line(own[0])}{_where(own[0])}")
            if any(needs_cuda(error) for error in errors):
                return NeedsCuda("it asks for CUDA by name, and there is none here")
        lines = dict.fromkeys(
            f"{form}: {first_line(error) if isinstance(error, BaseException) else error}"
            for form, error in self.failures.items()
        )
        return NotUnderstood("\n  ".join([looked_for, *list(lines)[:6]]))


def needs_cuda(error: BaseException) -> bool:
    text = f"{type(error).__name__}: {error}"
    return bool(
        re.search(r"not compiled with CUDA|No CUDA GPUs|NVIDIA driver|CUDA is not available", text, re.I)
    )


_NO_SUPER = "has no attribute '_modules'"
"""Of a module whose ``__init__`` does not call its base class's."""


def _is_hopeless(error: BaseException) -> bool:
    return type(error) is NameError or _NO_SUPER in str(error)


def _is_own_fault(error: BaseException, callee: Callee) -> bool:
    if _NO_SUPER in str(error):
        return True
    module_lacks = isinstance(error, AttributeError) and "module '" in str(error)
    if not isinstance(error, OWN_FAULTS) and not module_lacks:
        return False
    frames = traceback.extract_tb(error.__traceback__)
    ours = {_SOURCE_NAME}
    return bool(frames) and frames[-1].filename not in ours


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" (line {frames[-1].lineno})" if frames else ""


_SOURCE_NAME = "<the adapter that was inferred>"


def executed(source: str, callee: Callee) -> dict[str, Any]:
    """The names that the source defines, beside the code that it calls."""
    names: dict[str, Any] = {"torch": torch, "numpy": np, "np": np, "types": types, callee.root: callee.value}
    linecache.cache[_SOURCE_NAME] = (len(source), None, source.splitlines(True), _SOURCE_NAME)
    exec(compile(source, _SOURCE_NAME, "exec"), names)
    return names


def arguments(named: Mapping[str, str], order: Iterable[str] = ()) -> str:
    """Source of a call's arguments: those in ``order`` by position, the others by name."""
    by_position = [named[name] for name in order]
    by_name = [f"{name}={value}" for name, value in named.items() if name not in set(order)]
    return ", ".join([*by_position, *by_name])


def apart(callee: str, *names: str) -> Iterator[str]:
    """An adapter's own names, with an underscore where the callee has one: a loss may be called ``loss``."""
    return (f"{name}_" if name == callee else name for name in names)


def indented(lines: Iterable[str], by: int = 1) -> Iterator[str]:
    return ("    " * by + line for line in lines)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, int | float) or getattr(value, "ndim", None) == 0


def parts(value: Any, path: str = "", above: tuple[int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every leaf of nested tuples, lists, dicts and objects, with the source that picks it.

    ``above``: the identities of what holds it. What holds itself is a leaf, and so is what is too deep.
    """
    if id(value) in above or len(above) > _DEEPEST:
        yield path, None
        return
    inside: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        inside = [(f"{path}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, tuple | list):
        if value and isinstance(value, list) and all(_is_scalar(item) for item in value):
            yield path, value
            return
        inside = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    elif hasattr(value, "__dict__") and not isinstance(value, torch.Tensor) and not callable(value):
        inside = [(f"{path}.{name}", item) for name, item in vars(value).items()]
    else:
        yield path, value
    for place, item in inside:
        yield from parts(item, place, (*above, id(value)))


_DEEPEST = 5
"""Levels of a result that are looked into."""
