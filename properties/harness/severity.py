"""The severities in their order, and in words. Their meanings stand in ``impl.contracts``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lawful.impl.contracts import SEVERITIES

ORDER = tuple(SEVERITIES)
"""The worst first."""
_IN_WORDS = {
    "wrong": ("wrong result", "wrong results"),
    "edge": ("problem at the edges of the range", "problems at the edges of the range"),
    "guard": (
        "kind of invalid input accepted without an error",
        "kinds of invalid input accepted without an error",
    ),
}


def at_least(severity: str, other: str) -> bool:
    """Whether a severity is as bad as another, or worse."""
    return ORDER.index(severity) <= ORDER.index(other)


def worst(severities: Iterable[str]) -> str:
    return min(severities, key=ORDER.index)


def counted(severities: Iterable[str]) -> list[str]:
    """How many of each, the worst first: "1 wrong result", "2 problems at the edges of the range"."""
    counts = Counter(severities)
    return [f"{counts[each]} {_IN_WORDS[each][counts[each] > 1]}" for each in ORDER if counts[each]]


def known(severities: Iterable[str]) -> str:
    """How many failures of each severity are known, in short: "2 edge, 1 guard"; empty if there are none."""
    counts = Counter(severities)
    return ", ".join(f"{counts[each]} {each}" for each in ORDER if counts[each])
