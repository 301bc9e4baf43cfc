"""One known fault each, otherwise correct: the proof that the laws have teeth."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lawful.impl.contracts import Adapter


@dataclass(frozen=True)
class Fault:
    """A known way of being wrong."""

    id: str
    statement: str
    source: str
    adapter: Adapter
    caught_by: tuple[str, ...]
    """The properties that must catch it; others may."""
    device: str = "cpu"
    """Where it shows: ``twin`` for what a CPU cannot show."""
    code: Any = None
    """The class or function that is wrong, on which this record stands; None where another one makes it."""
    change: str = ""
    """What the technique asks for, and what to change, in a sentence or two."""


@functools.cache
def faults(technique: str) -> tuple[Fault, ...]:
    """Those of the technique, and those of what it offers besides."""
    found: tuple[Fault, ...] = ()
    for name in (technique, f"{technique}_options"):
        if importlib.util.find_spec(f"{__name__}.{name}"):
            found += importlib.import_module(f"{__name__}.{name}").FAULTS
    return tuple(_importable(technique, fault) for fault in found)


def _importable(technique: str, fault: Fault) -> Fault:
    """With lines for a program that needs the fault, where its source cannot stand alone."""
    build = fault.adapter.build
    alone = inspect.isclass(build) or (inspect.isfunction(build) and not build.__closure__)
    if fault.adapter.imports or (alone and "." not in build.__qualname__):
        return fault
    chosen = f"next(fault for fault in faults({technique!r}) if fault.id == {fault.id!r})"
    lines = f"from lawful.impl.faulty import faults\nbuild = {chosen}.adapter.build\n"
    return replace(fault, adapter=replace(fault.adapter, imports=lines))


Code = TypeVar("Code", bound=Callable[..., Any])


def fault(
    kind: type[Adapter],
    id: str,
    statement: str,
    source: str,
    *caught_by: str,
    device: str = "cpu",
    change: str = "",
    **said: Any,
) -> Callable[[Code], Code]:
    """Records what is wrong with the class or function below, which an adapter of ``kind`` builds; ``said``:
    what else that adapter says."""

    def record(code: Code) -> Code:
        adapter = kind(id, code, **said)
        found = Fault(id, statement, source, adapter, caught_by, device, code, change)
        code.fault = found  # type: ignore[attr-defined]
        return code

    return record


def recorded(namespace: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The faults of a module, in the order in which they stand there: the records of its classes and
    functions, and the tuples of records that something else makes."""
    found: list[Fault] = []
    for value in namespace.values():
        own = getattr(value, "__dict__", {}).get("fault")  # and not that of a base
        if isinstance(own, Fault) and own.code is value:
            found.append(own)
        elif isinstance(value, tuple) and value and all(isinstance(each, Fault) for each in value):
            found += value
    return tuple(found)
