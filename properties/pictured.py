"""What is seen of an implementation where people would rather look than read: a few numbers a technique.

They are pictures, no verdicts: the laws judge.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lawful.properties import tolerances
from lawful.properties.subjects.failures import LawBroken, NotAsked, Raised
from lawful.properties.subjects.label_smoothing import Loss
from lawful.properties.subjects.lr_finder import Finder
from lawful.properties.subjects.mixup import Mix
from lawful.properties.subjects.subject import Subject

CLASSES = (2, 10, 100, 1_000, 10_000)
DTYPES = ("float64", "float32", "bfloat16", "float16")
ALPHA, LAMBDAS = 0.4, 600
START, END, STEPS = 1e-5, 1.0, 30


def pictured(subject: Subject) -> dict[str, Any]:
    """``error``: by dtype, error over bound at each of ``CLASSES``; ``lambdas``; or the ``rates`` of a sweep.

    Empty where the code refuses what is asked.
    """
    try:
        if isinstance(subject, Loss):
            return {"classes": list(CLASSES), "error": _errors(subject)}
        if isinstance(subject, Mix):
            looks = subject.on("cpu", "float32").stream(2, ALPHA, 0, LAMBDAS).value
            alpha = ALPHA if subject.adapter.takes_alpha else None
            return {"alpha": alpha, "lambdas": [round(float(lam), 4) for lam in looks[:, 0, 0]]}
        if isinstance(subject, Finder):
            sweep = subject.on("cpu", "float32")([1.0] * STEPS, rates=[START, END])
            return {"start": START, "end": END, "rates": [float(rate) for rate in sweep.used]}
    except (Raised, NotAsked, LawBroken):
        pass
    return {}


def _errors(subject: Loss) -> dict[str, list[float | None]]:
    """Of the loss of four rows of N(0, 4) logits, at epsilon 0.1."""
    found: dict[str, list[float | None]] = {}
    for dtype in DTYPES:
        if dtype in subject.refused_dtypes:
            continue
        asked = subject.on("cpu", dtype)
        found[dtype] = [_error(asked, classes) for classes in CLASSES]
    return found


def _error(asked: Loss, classes: int) -> float | None:
    """The largest error over its bound; None where there is no number to show."""
    rng = np.random.default_rng(classes)
    logits, target = rng.normal(0, 2, (4, classes)), rng.integers(classes, size=4).tolist()
    epsilon = asked.allowed(0.1, classes)
    try:
        value = asked(logits, target, epsilon).value
    except (Raised, NotAsked, LawBroken):
        return None
    right, bound = asked.expected(logits, target, epsilon)
    ratio = tolerances.worst_ratio(value, right, bound)
    return float(f"{ratio:.3g}") if np.isfinite(ratio) else None
