"""The severities in their order, and in words. Their meanings stand in ``impl.contracts``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lawful.impl.contracts import SEVERITIES

ORDER = tuple(SEVERITIES)
"""The worst first."""
_IN_WORDS = {
    "wrong": ("wrong result", "wrong results"),
    "edge": ("at the edges", "at the edges"),
    "guard": ("bad input taken", "bad inputs taken"),
}


def at_least(severity: str, other: str) -> bool:
    """Whether a severity is as bad as another, or worse."""
    return ORDER.index(severity) <= ORDER.index(other)


def worst(severities: Iterable[str]) -> str:
    return min(severities, key=ORDER.index)


def counted(severities: Iterable[str]) -> list[str]:
    """How many there are of each, the worst first: ["1 wrong result", "2 at the edges"]."""
    counts = Counter(severities)
    return [f"{counts[each]} {_IN_WORDS[each][counts[each] > 1]}" for each in ORDER if counts[each]]
