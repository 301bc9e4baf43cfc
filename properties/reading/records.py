"""What a reading and a diagnosis are, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lawful.properties.subjects.failures import LawBroken, NotAsked, Raised, Unasked

REFUSED = (Raised, LawBroken, NotAsked, Unasked)
"""What code may do in place of an answer."""


@dataclass(frozen=True)
class Reading:
    """What an implementation computes, read from outside."""

    technique: str
    text: str
    """One line in plain words: ``q_y = 1 - e + e/K, q_k = e/K (sum 1), mean over N``."""
    formula: str
    """LaTeX without dollar signs, of the part that is a formula; empty where none is."""
    parts: Mapping[str, Any]
    """What was read, as numbers, names and lists; ``picture`` holds what a picture of it needs."""
    right: bool | None
    """Whether a right implementation reads so, under some convention; None where that cannot be said."""


@dataclass(frozen=True)
class Broken:
    """A law that broke in one case."""

    law: str
    device: str = "cpu"
    dtype: str = "float32"
    counterexample: Mapping[str, Any] | None = None
    """The law's drawn arguments as plain values."""
    message: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, and what to change."""

    text: str
    """What the code computes, what the technique asks for, and the change in words."""
    fault: str | None = None
    """The id of the fault of the catalogue that it comes from, or that the reading is."""
    seen: str | None = None
    """Where that fault was seen, if it was."""


@dataclass(frozen=True)
class Off:
    """One way in which what was read is not what the technique asks for."""

    text: str
    laws: frozenset[str]
    """Those that break because of it."""
    fault: str | None = None
    """The fault of the catalogue that this is."""
    vague: bool = False
    """Whether it says what comes out, and not what is done: a fault that answers alike says more."""


@dataclass(frozen=True)
class Looked:
    """A reading, and what is off in it: the most telling first."""

    reading: Reading
    off: tuple[Off, ...] = field(default=())


@dataclass
class Notes:
    """What is said of an implementation, part after part."""

    words: list[str] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    off: list[Off] = field(default_factory=list)

    def say(
        self, words: str, text: str, laws: frozenset[str], fault: str | None = None, *, vague: bool = False
    ) -> None:
        """What is read, in a few words, and what is off in it."""
        if words:
            self.words.append(words)
        self.off.append(Off(text, laws, fault, vague))
