"""One known fault each, otherwise correct: the proof that the laws have teeth."""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import dataclass, replace

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


@functools.cache
def faults(technique: str) -> tuple[Fault, ...]:
    found: tuple[Fault, ...] = importlib.import_module(f"{__name__}.{technique}").FAULTS
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
