"""What is looked for in the words of a range test, and in the legend of its plot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

NUMBER = r"\d+\.?\d*(?:[eE][+-]?\d+)?"


def says(words: str, values: Iterable[float]) -> float:
    """1 where some number in the words is one of the values, but for 1 %."""
    known = [float(value) for value in values]
    numbers = [float(each) for each in re.findall(NUMBER, words)]
    return float(any(abs(n - v) <= 0.01 * abs(v) for n in numbers for v in known))


def without(words: str, value: float) -> str:
    """The words without the numbers that are this one, but for 1 %."""
    return re.sub(NUMBER, lambda n: "" if abs(float(n[0]) - value) <= 0.01 * abs(value) else n[0], words)


def tells_why(words: str) -> float:
    """1 where words say that nothing is suggested, and more than that."""
    none = re.search(r"\b(none|no|not)\b", words, re.IGNORECASE)
    return float(none is not None and len(words.split()) > 5)


def legend_of(axes: Any) -> str:
    """The words of a plot's legend."""
    legend = axes.get_legend()
    return "" if legend is None else " ".join(text.get_text() for text in legend.get_texts())
