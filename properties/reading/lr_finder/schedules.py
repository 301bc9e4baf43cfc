"""The schedule of a range test as a formula, from the rates that the optimizer saw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
_START, _END = r"\mathrm{start}", r"\mathrm{end}"


@dataclass(frozen=True)
class Schedule:
    """Rates as start (end/start)^r, or start + (end - start) r, with r of step i of n."""

    text: str
    latex: str
    share: Callable[[Array, int], Array]
    """r at steps i (m,), of n that were asked for"""
    linear: bool = False
    advice: str = ""
    fault: str | None = None

    @property
    def right(self) -> bool:
        return not self.advice

    @property
    def formula(self) -> str:
        if self.linear:
            return rf"\mathrm{{lr}}_i = {_START} + ({_END} - {_START}) \, {self.latex}"
        return rf"\mathrm{{lr}}_i = {_START} \left(\frac{{{_END}}}{{{_START}}}\right)^{{{self.latex}}}"

    @property
    def words(self) -> str:
        return f"start + (end - start) {self.text}" if self.linear else f"start (end/start)^({self.text})"

    def rates(self, steps: int, n: int, start: float, end: float) -> Array:
        share = np.asarray(self.share(np.arange(steps), n), float)
        if self.linear:
            return start + (end - start) * share
        return start * (end / start) ** share


def _frac(top: str, bottom: str) -> str:
    return rf"\frac{{{top}}}{{{bottom}}}"


_RIGHT = "The rates go from start to end in n steps: start (end/start)^(i/(n - 1))."
_LINEAR = "Nine tenths of the steps are in the last decade: the ramp is linear"
SCHEDULES = (
    Schedule("i/(n - 1)", _frac("i", "n - 1"), lambda i, n: i / (n - 1)),
    Schedule(
        "i/n",
        _frac("i", "n"),
        lambda i, n: i / n,
        advice=f"The end is never reached. Divide by n - 1. {_RIGHT}",
        fault="R02",
    ),
    Schedule(
        "(i + 1)/n",
        _frac("i + 1", "n"),
        lambda i, n: (i + 1) / n,
        advice=f"The start is never used: the rate is raised before the first step. {_RIGHT}",
    ),
    Schedule(
        "(i + 1)/n, and 0 at i = 0",
        r"[i > 0] \, " + _frac("i + 1", "n"),
        lambda i, n: np.where(i > 0, (i + 1) / n, 0.0),
        advice=f"The first step is twice as wide as the others: i = 0 is treated apart. {_RIGHT}",
        fault="R01",
    ),
    Schedule(
        "min(i + 1, n)/n",
        _frac(r"\min(i + 1, n)", "n"),
        lambda i, n: np.minimum(i + 1, n) / n,
        advice=f"The start is never used, and the end twice. {_RIGHT}",
        fault="R03",
    ),
    Schedule(
        "(n - 1 - i)/(n - 1)",
        _frac("n - 1 - i", "n - 1"),
        lambda i, n: (n - 1 - i) / (n - 1),
        advice=f"The rates fall from the end to the start. {_RIGHT}",
        fault="XR21",
    ),
    Schedule(
        "min(i, 1)/(n - 1)",
        _frac(r"\min(i, 1)", "n - 1"),
        lambda i, n: np.minimum(i, 1) / (n - 1),
        advice=f"The rate stays where it is after the second step. Multiply it in every step. {_RIGHT}",
        fault="R07",
    ),
    Schedule(
        "0",
        "0",
        lambda i, n: 0.0 * i,
        advice=f"The rate never changes: it does not reach the optimizer's groups. {_RIGHT}",
    ),
    *(
        Schedule(
            f"{top}/{bottom}",
            _frac(top, bottom),
            lambda i, n, a=a, b=b: (i + a) / (n + b),  # type: ignore[misc]
            advice=f"It begins at i = 0, and ends at i = n - 1. {_RIGHT}",
        )
        for top, a in (("i", 0), ("(i + 1)", 1), ("(i - 1)", -1))
        for bottom, b in (("(n - 1)", -1), ("n", 0), ("(n + 1)", 1), ("(n - 2)", -2))
        if (a, b) not in ((0, -1), (0, 0), (1, 0))
    ),
    Schedule(
        "i/(n - 1)",
        _frac("i", "n - 1"),
        lambda i, n: i / (n - 1),
        linear=True,
        advice=f"{_LINEAR}. {_RIGHT}",
        fault="R17",
    ),
    Schedule(
        "i/n",
        _frac("i", "n"),
        lambda i, n: i / n,
        linear=True,
        advice=f"{_LINEAR}, and ends before the end. {_RIGHT}",
    ),
    Schedule(
        "(i + 1)/n",
        _frac("i + 1", "n"),
        lambda i, n: (i + 1) / n,
        linear=True,
        advice=f"{_LINEAR}, and skips the start. {_RIGHT}",
    ),
)
"""In the order in which they are tried."""


def schedule_of(
    seen: list[tuple[Array, int, float, float]], relative: float, begins: int = 0
) -> Schedule | None:
    """The first that gives all rates from step ``begins`` on, of (rates, n, start, end) each."""
    for each in SCHEDULES:
        if all(
            np.allclose(rates[begins:], each.rates(len(rates), n, start, end)[begins:], rtol=relative, atol=0)
            for rates, n, start, end in seen
        ):
            return each
    return None
