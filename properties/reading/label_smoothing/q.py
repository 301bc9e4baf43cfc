"""The weights q of a label-smoothed loss: a formula in e and K where one is short, else numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import log_softmax

from lawful.properties.reading.label_smoothing.formulas import Formula, Point, fitted
from lawful.properties.reading.label_smoothing.one_row import DONE, Asked, Done, entropy
from lawful.properties.reading.records import REFUSED

Array = Any


@dataclass(frozen=True)
class Named:
    """A pair (q_y, q_k) that has been seen, right or wrong."""

    own: Formula
    other: Formula
    right: str = ""
    """The value of the convention ``off_target``, if it is right."""
    advice: str = ""
    fault: str | None = None


def _named(own: tuple[str, str, Any], other: tuple[str, str, Any], *rest: str, **more: Any) -> Named:
    return Named(Formula(*own), Formula(*other), *rest, **more)


_E, _EK, _EK1 = r"\varepsilon", r"\frac{\varepsilon}{K}", r"\frac{\varepsilon}{K - 1}"
_SPREAD = ("e/K", _EK, lambda e, k: e / k)
NAMED = (
    _named(("1 - e + e/K", rf"1 - {_E} + {_EK}", lambda e, k: 1 - e + e / k), _SPREAD, "uniform"),
    _named(
        ("1 - e", rf"1 - {_E}", lambda e, k: 1 - e), ("e/(K - 1)", _EK1, lambda e, k: e / (k - 1)), "others"
    ),
    _named(
        ("(1 + e/K)/(1 + e)", rf"\frac{{1 + {_E}/K}}{{1 + {_E}}}", lambda e, k: (1 + e / k) / (1 + e)),
        ("(e/K)/(1 + e)", rf"\frac{{{_E}/K}}{{1 + {_E}}}", lambda e, k: e / k / (1 + e)),
        "normalised",
    ),
    _named(
        ("1 - e", rf"1 - {_E}", lambda e, k: 1 - e),
        _SPREAD,
        advice="Label smoothing adds e/K on the target class too: q_y = 1 - e + e/K. Or spread e over the "
        "K - 1 others: q_k = e/(K - 1).",
    ),
    _named(
        (
            "1 - eK/(K - 1) + e/K",
            rf"1 - \frac{{{_E} K}}{{K - 1}} + {_EK}",
            lambda e, k: 1 - e * k / (k - 1) + e / k,
        ),
        _SPREAD,
        advice="e is scaled by K/(K - 1) in the term of the target alone. Use the same e in both terms: "
        "q_y = 1 - e + e/K.",
        fault="L01",
    ),
    _named(
        ("(1 + e)/(1 + eK)", rf"\frac{{1 + {_E}}}{{1 + {_E} K}}", lambda e, k: (1 + e) / (1 + e * k)),
        ("e/(1 + eK)", rf"\frac{{{_E}}}{{1 + {_E} K}}", lambda e, k: e / (1 + e * k)),
        advice="e is added to each class, and all is divided by the new sum. Label smoothing takes e away "
        "from the target first: q = (1 - e) onehot(y) + e/K.",
        fault="X13",
    ),
    _named(
        ("1", "1", lambda e, k: 1.0),
        ("0", "0", lambda e, k: 0.0),
        advice="That is cross-entropy without smoothing, whatever epsilon is: put it into "
        "q = (1 - e) onehot(y) + e/K.",
    ),
    _named(
        ("e + (1 - e)/K", rf"{_E} + \frac{{1 - {_E}}}{{K}}", lambda e, k: e + (1 - e) / k),
        ("(1 - e)/K", rf"\frac{{1 - {_E}}}{{K}}", lambda e, k: (1 - e) / k),
        advice="e and 1 - e are exchanged: q = (1 - e) onehot(y) + e/K.",
    ),
    _named(
        ("e", _E, lambda e, k: e),
        ("(1 - e)/(K - 1)", rf"\frac{{1 - {_E}}}{{K - 1}}", lambda e, k: (1 - e) / (k - 1)),
        advice="e and 1 - e are exchanged: the target has 1 - e, and the K - 1 others share e.",
    ),
    _named(
        (
            "(1 - e)^2 + (2e - e^2)/K",
            rf"(1 - {_E})^2 + \frac{{2 {_E} - {_E}^2}}{{K}}",
            lambda e, k: (1 - e) ** 2 + (2 * e - e * e) / k,
        ),
        (
            "(2e - e^2)/K",
            rf"\frac{{2 {_E} - {_E}^2}}{{K}}",
            lambda e, k: (2 * e - e * e) / k,
        ),
        advice="The targets are smoothed twice. Smooth them once: q = (1 - e) onehot(y) + e/K.",
    ),
)
HALVED = _named(
    ("(1 + e)/2", rf"\frac{{1 + {_E}}}{{2}}", lambda e, k: (1 + e) / 2),
    ("e/2", rf"\frac{{{_E}}}{{2}}", lambda e, k: e / 2),
)


@dataclass
class Q:
    """q as it was read: a pair of formulas, or numbers alone."""

    asked: Asked
    done: Done
    points: list[Point]
    own: list[float]
    other: list[float]
    ranges: list[tuple[float, float]]
    """The least and the largest weight of a wrong class."""
    constants: list[float]
    rows: Array
    """(K, K) at one point: q of each target."""
    at: Point
    own_formula: Formula | None = None
    other_formula: Formula | None = None
    named: Named | None = None
    entropy: bool = False
    """Whether H(q) is left out."""
    reduction: str = ""
    """What is done to the losses of a batch, as it was found; empty where that is something else."""
    scale: float = 1.0
    """A factor of all, as that of another logarithm; the formulas are without it."""
    per_class: bool = False
    """Whether all is divided by K, as by a mean over samples and classes; the formulas are without it."""

    @property
    def formulas(self) -> tuple[Formula, Formula] | None:
        if self.own_formula is None or self.other_formula is None:
            return None
        return self.own_formula, self.other_formula

    def of(self, target: int, epsilon: float, classes: int) -> Array:
        """(K,), by the formulas."""
        assert self.own_formula is not None
        assert self.other_formula is not None
        q = np.full(classes, self.other_formula.value(epsilon, classes))
        q[target] = self.own_formula.value(epsilon, classes)
        return q

    def loss(self, logits: Array, q: Array) -> float:
        """Of one row (K,) and its weights, where log-probabilities are weighed."""
        value = -float(q @ log_softmax(np.asarray(logits, float)))
        return (value - entropy(q) * self.entropy) / self.times(len(q))

    def times(self, classes: int) -> float:
        """By what a weight that was read is multiplied, to be that of the formulas."""
        return classes if self.per_class else 1 / self.scale


def read_q(asked: Asked) -> Q | None:
    loss = asked.loss
    skipped = loss.adapter.ignored

    def target_of(classes: int) -> int:
        return next(y for y in (1, 0, 2) if y != skipped and y < classes)

    done, at = None, (loss.allowed(0.3, 4), 4)
    for each in DONE:
        with contextlib.suppress(*REFUSED):
            if asked.row(each, *at, target_of(4)) is not None:
                done = each
                break
    if done is None:
        return None
    rows = [asked.row(done, *at, y) for y in range(4) if y != skipped]
    if any(row is None for row in rows):
        return None
    matrix = np.stack([row.q for row in rows if row is not None])
    if np.abs(matrix).max() < 10 * asked.tolerance:  # one sample alone shows nothing
        return None
    points, own, other, ranges, constants = [], [], [], [], []
    for epsilon in (0.1, 0.3):
        for classes in (3, 5, 8):
            point = (loss.allowed(epsilon, classes), classes)
            if point in points:
                continue
            y = target_of(classes)
            row = asked.row(done, *point, y)
            if row is None:
                return None
            rest = np.delete(row.q[:classes], y)
            points.append(point)
            own.append(float(row.q[y]))
            other.append(float(np.median(rest)))
            ranges.append((float(rest.min()), float(rest.max())))
            constants.append(row.constant)
    q = Q(
        asked,
        done,
        points,
        own,
        other,
        ranges,
        constants,
        matrix,
        at,
        reduction=loss.adapter.default_reduction,
    )
    _name(q, target_of)
    return q


def _name(q: Q, target_of: Callable[[int], int]) -> None:
    """Formulas, where they give fresh numbers too."""
    if uneven(q) is not None or q.done.name == "sigmoid":
        return
    near = 10 * q.asked.tolerance
    own, other = q.own, q.other
    sums = np.asarray([a + (k - 1) * b for a, b, (_, k) in zip(own, other, q.points, strict=True)])
    sizes = np.asarray([k for _, k in q.points], float)
    if np.allclose(sums * sizes, 1, rtol=0, atol=near * 10):
        q.per_class, own, other = True, list(np.asarray(own) * sizes), list(np.asarray(other) * sizes)
    else:
        scale = float(sums[0])
        even = np.ptp(sums) < near < abs(scale - 1) and abs(scale) > near
        part_own, part_other = [float(x / scale) for x in own], [float(x / scale) for x in other]
        if even and any(each.right and _is(each, part_own, part_other, q.points, near) for each in NAMED):
            q.scale, own, other = scale, part_own, part_other
    for each in NAMED:
        if _is(each, own, other, q.points, near):
            q.named = each
            break
    if q.named is not None:
        found: tuple[Formula | None, Formula | None] = (q.named.own, q.named.other)
    else:
        found = (fitted(own, q.points, near), fitted(other, q.points, near))
    if found[0] is None or found[1] is None:
        q.named = None
        return
    loss = q.asked.loss
    for epsilon, classes in ((0.2, 6), (0.45, 4)):
        point = (loss.allowed(epsilon, classes), classes)
        y = target_of(classes)
        row = q.asked.row(q.done, *point, y)
        times = q.times(classes)
        if row is None:
            return
        fresh = [times * row.q[y], times * row.q[(y + 1) % classes]]
        if not np.allclose(fresh, [each.value(*point) for each in found], rtol=0, atol=near * times):  # type: ignore[union-attr]
            q.named = None
            return
    q.own_formula, q.other_formula = found
    shares = [q.times(k) for _, k in q.points]
    entropies = [entropy(q.of(target_of(p[1]), *p)) / k for p, k in zip(q.points, shares, strict=True)]
    q.entropy = (
        bool(np.allclose(q.constants, np.negative(entropies), rtol=0, atol=near)) and max(entropies) > near
    )


def _is(named: Named, own: list[float], other: list[float], points: list[Point], near: float) -> bool:
    return named.own.gives(own, points, near) and named.other.gives(other, points, near)


def uneven(q: Q) -> tuple[int, float] | None:
    """A class whose weight is not that of the other wrong classes, if there is one, and its weight."""
    rows, near = q.rows, 10 * q.asked.tolerance
    size = rows.shape[1]
    if len(rows) != size:
        return None
    others = rows[~np.eye(size, dtype=bool)]
    if np.ptp(others) < near and np.ptp(np.diag(rows)) < near:
        return None
    usual = float(np.median(others))
    for c in range(size):
        column = np.delete(rows[:, c], c)
        if np.ptp(column) < near and abs(column[0] - usual) > near:
            return c, float(column[0])
    return -1, 0.0
