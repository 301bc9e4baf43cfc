"""One known fault each, otherwise correct: the proof that the laws have teeth."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

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


def faults(technique: str) -> tuple[Fault, ...]:
    found: tuple[Fault, ...] = importlib.import_module(f"{__name__}.{technique}").FAULTS
    return found
