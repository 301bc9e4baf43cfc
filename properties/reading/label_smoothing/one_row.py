"""The loss of one sample, taken apart: what is done to its logits z, and the weight q_k of each class in it.

    L(z) = -sum_k q_k f_k(z) + c

is linear in q and c, so that a few more values than there are classes give them, for each f that is tried;
values that were not used say whether it is that f.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax, softmax

from lawful.properties.subjects.label_smoothing import Loss

Array = Any
_SPARE = 3
"""Values that no fit uses."""


@dataclass(frozen=True)
class Done:
    """What is done to logits before they are weighed."""

    name: str
    words: str
    """After "computes": empty for what is right."""
    f: Callable[[Array], Array]
    """(M, K) to (M, F)"""
    latex: str = r"\log p_k"


def _powers() -> Iterator[Done]:
    for temperature in (
        0.05,
        0.07,
        0.1,
        0.2,
        0.25,
        0.5,
        2.0,
        3.0,
        4.0,
        5.0,
        8.0,
        10.0,
        16.0,
        20.0,
        30.0,
        64.0,
    ):
        t = temperature
        name, words = f"temperature {t:g}", f"the log-softmax of z/{t:g}"
        latex = rf"\log \operatorname{{softmax}}(z / {t:g})_k"
        yield Done(name, words, lambda z, t=t: log_softmax(z / t, axis=1), latex)  # type: ignore[misc]
    for digits in range(12, 2, -1):
        small = 10.0**-digits
        name, words = f"log(p + 1e-{digits})", f"log(p + 1e-{digits}) of the softmax p"
        latex = rf"\log(p_k + 10^{{-{digits}}})"
        yield Done(name, words, lambda z, s=small: np.log(softmax(z, axis=1) + s), latex)  # type: ignore[misc]


DONE = (
    Done("log_softmax", "", lambda z: log_softmax(z, axis=1)),
    Done("none", "the logits themselves, without a softmax", lambda z: z, "z_k"),
    Done(
        "softmax twice",
        "a softmax of the softmax",
        lambda z: log_softmax(softmax(z, axis=1), axis=1),
        r"\log \operatorname{softmax}(p)_k",
    ),
    Done("softmax", "the softmax without its logarithm", lambda z: softmax(z, axis=1), "p_k"),
    Done(
        "softmax of sigmoid",
        "the log-softmax of the sigmoid",
        lambda z: log_softmax(1 / (1 + np.exp(-z)), axis=1),
        r"\log \operatorname{softmax}(\sigma(z))_k",
    ),
    *_powers(),
    Done(
        "sigmoid",
        "a sigmoid for each class, and no softmax",
        lambda z: np.concatenate([log_expit(z), log_expit(-z)], axis=1),
        r"\log \sigma(z_k)",
    ),
)
"""In the order in which they are tried."""


@dataclass(frozen=True)
class Row:
    """What the loss of one sample consists of."""

    q: Array
    """(F,), one weight for each f_k"""
    constant: float


@dataclass
class Asked:
    """The loss, asked of single rows on the CPU in the widest dtype that it takes."""

    loss: Loss
    tolerance: float
    """Of a weight that was read."""
    seen: dict[Any, tuple[Array, Array]] = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Loss) -> Asked:
        wide = "float64" not in subject.refused_dtypes
        asked = subject.on("cpu", "float64" if wide else "float32")
        exact = wide and "float64" not in subject.works_in
        return cls(asked, 1e-8 if exact else 3e-6)

    def value(self, logits: Array, target: Any, epsilon: float, **more: Any) -> Any:
        """What comes back, (N,) or a number."""
        return self.loss(np.asarray(logits).tolist(), target, epsilon, **more).value

    def values(self, logits: Array, target: int, epsilon: float, **more: Any) -> Array:
        """(M,) of rows (M, K) of one class."""
        if self.loss.adapter.default_reduction == "none":
            return np.asarray(self.value(logits, [target] * len(logits), epsilon, **more))
        rows = [float(np.sum(self.value(row[None], [target], epsilon, **more))) for row in logits]
        return np.asarray(rows)

    def drawn(self, epsilon: float, classes: int, target: int) -> tuple[Array, Array]:
        """Rows of moderate logits, and their values: more of them than a sigmoid has weights."""
        key = (epsilon, classes, target)
        if key not in self.seen:
            rng = np.random.default_rng(classes)
            z = self.loss.rounded(rng.normal(0, 0.5, (2 * classes + 1 + _SPARE, classes)))
            self.seen[key] = z, self.values(z, target, epsilon)
        return self.seen[key]

    def row(self, done: Done, epsilon: float, classes: int, target: int) -> Row | None:
        """None where L is no such sum."""
        z, values = self.drawn(epsilon, classes, target)
        return solved(done, z, values, self.tolerance)


def solved(done: Done, z: Array, values: Array, tolerance: float) -> Row | None:
    """q and c of values (M,) at rows (M, K); None where the last ones, which it does not use, disagree."""
    if not np.all(np.isfinite(values)):
        return None
    features = done.f(z)
    table = np.concatenate([-features, np.ones((len(z), 1))], axis=1)
    used = table.shape[1]
    if len(z) - _SPARE < used:
        return None
    (*q, constant), *_ = np.linalg.lstsq(table[:-_SPARE], values[:-_SPARE], rcond=None)
    scale = max(1.0, float(np.abs(values).max()))
    if np.abs(table @ np.asarray([*q, constant]) - values).max() > tolerance * scale:
        return None
    if done.name == "none" and abs(np.sum(q)) < tolerance:
        return None
    return Row(np.asarray(q), float(constant))


def entropy(q: Array) -> float:
    return float(-(q * np.log(q, where=q > 0, out=np.zeros_like(q))).sum())
