"""The batches that a loss is asked of, and what they should cost by the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from lawful.properties.reading.label_smoothing.q import Q
from lawful.properties.registry import resting

Array = Any
CLASSES = 4
"""Classes of the batches here."""


def laws(*names: str) -> frozenset[str]:
    return resting("label_smoothing", *names)


def drawn(q: Q, rows: int, seed: int, classes: int = CLASSES, scale: float = 0.5) -> Array:
    return q.asked.loss.rounded(np.random.default_rng(seed).normal(0, scale, (rows, classes)))


def classes_of(q: Q, rows: int) -> list[int]:
    """Classes of ``CLASSES``, other than one that is always ignored."""
    classes = [y for y in (1, 2, 3, 0) if y != q.asked.loss.adapter.ignored]
    return [classes[i % len(classes)] for i in range(rows)]


def epsilon_of(q: Q, classes: int = CLASSES) -> float:
    return q.asked.loss.allowed(0.3, classes)


def singles(q: Q, z: Array, target: list[int], epsilon: float) -> Array:
    """The loss of each row, by the formulas."""
    return np.asarray([q.loss(row, q.of(y, epsilon, len(row))) for row, y in zip(z, target, strict=True)])


def near(q: Q, found: Any, right: Any, times: float = 30.0) -> bool:
    scale = max(1.0, float(np.max(np.abs(right), initial=0.0)))
    close = np.shape(found) == np.shape(right)
    return close and bool(np.allclose(found, right, rtol=0, atol=times * q.asked.tolerance * scale))
