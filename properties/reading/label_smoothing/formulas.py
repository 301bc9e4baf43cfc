"""From numbers to a formula: the shortest sum of a few terms in e and K that gives them all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Point = tuple[float, int]
"""(epsilon, number of classes)"""

_TERMS: dict[str, tuple[str, Callable[[float, int], float]]] = {
    "1": ("1", lambda e, k: 1.0),
    "e": (r"\varepsilon", lambda e, k: e),
    "e/K": (r"\frac{\varepsilon}{K}", lambda e, k: e / k),
    "e/(K - 1)": (r"\frac{\varepsilon}{K - 1}", lambda e, k: e / (k - 1)),
    "1/K": (r"\frac{1}{K}", lambda e, k: 1 / k),
    "eK/(K - 1)": (r"\frac{\varepsilon K}{K - 1}", lambda e, k: e * k / (k - 1)),
    "e^2": (r"\varepsilon^2", lambda e, k: e * e),
    "1/(K - 1)": (r"\frac{1}{K - 1}", lambda e, k: 1 / (k - 1)),
    "eK": (r"\varepsilon K", lambda e, k: e * k),
    "e/(K + 1)": (r"\frac{\varepsilon}{K + 1}", lambda e, k: e / (k + 1)),
    "e^2/K": (r"\frac{\varepsilon^2}{K}", lambda e, k: e * e / k),
    "e/K^2": (r"\frac{\varepsilon}{K^2}", lambda e, k: e / k**2),
    "1/K^2": (r"\frac{1}{K^2}", lambda e, k: 1 / k**2),
    "e/(K(K - 1))": (r"\frac{\varepsilon}{K (K - 1)}", lambda e, k: e / (k * (k - 1))),
    "e/(K - 2)": (r"\frac{\varepsilon}{K - 2}", lambda e, k: e / (k - 2) if k > 2 else np.nan),
}
"""By plain text: LaTeX and value. Of formulas that are as short, the one with earlier terms is found."""
_FACTORS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5)
_MOST = 3


@dataclass(frozen=True)
class Formula:
    """A function of e and K that can be written down."""

    text: str
    latex: str
    value: Callable[[float, int], float]

    def gives(self, values: Sequence[float], points: Sequence[Point], tolerance: float) -> bool:
        found = [self.value(*point) for point in points]
        return bool(np.allclose(found, values, rtol=0, atol=tolerance))


def fitted(values: Sequence[float], points: Sequence[Point], tolerance: float) -> Formula | None:
    """The shortest sum of terms, each once, twice or half, that is ``values`` at all ``points``."""
    if len(values) <= _MOST or not np.all(np.isfinite(values)):
        return None
    if np.all(np.abs(values) < tolerance):
        return Formula("0", "0", lambda e, k: 0.0)
    target = np.asarray(values)
    table = {name: np.asarray([value(*p) for p in points]) for name, (_, value) in _TERMS.items()}
    for count in range(1, _MOST + 1):
        factors = np.asarray([*itertools.product(_FACTORS, repeat=count)])
        order = np.argsort(np.abs(np.log2(np.abs(factors))).sum(axis=1), kind="stable")
        factors = factors[order]
        for names in itertools.combinations(_TERMS, count):
            off = np.abs(factors @ np.stack([table[name] for name in names]) - target).max(axis=1)
            if np.any(off < tolerance):
                return _sum(names, factors[int(np.argmax(off < tolerance))])
    return None


def _sum(names: tuple[str, ...], factors: Any) -> Formula:
    terms = sorted(zip(names, factors, strict=True), key=lambda term: (term[1] < 0, names.index(term[0])))
    if dict(terms).get("1", 0) > 0:  # 1 - e + e/K is read as it is thought
        terms.sort(key=lambda term: list(_TERMS).index(term[0]))

    def written(words: Callable[[str], str], times: str) -> str:
        text = ""
        for name, factor in terms:
            size = "" if abs(factor) == 1 else f"{abs(factor):g}{times}"
            sign = ("- " if factor < 0 else "+ ") if text else ("-" if factor < 0 else "")
            text += f" {sign}{size}{words(name)}" if text else f"{sign}{size}{words(name)}"
        return text

    def value(e: float, k: int) -> float:
        return float(sum(factor * _TERMS[name][1](e, k) for name, factor in terms))

    plain = written(lambda name: name, " ")
    return Formula(plain, written(lambda name: _TERMS[name][0], r" \, "), value)
