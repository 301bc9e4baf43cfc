"""Error bounds, derived: unit roundoff x number of roundings x size of the terms.

Every bound is against the float64 reference on the *same rounded* inputs, and allows an
implementation to do each of its steps in the dtype of the logits. Two tests keep them honest: no
correct implementation exceeds them, and the worst correct one comes within a factor of 100.

Notation: u unit roundoff, A = max |z| of a row, K classes, D = ceil(log2 K) + 1 the depth of a
summation over classes (torch sums in a tree or in float32; a running sum in half precision would
lose small terms, and is a fault).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
"""Half the distance from 1 to the next number: the largest relative error of one rounding."""

SMALLEST = {
    "float64": 2.0**-1074,
    "float32": 2.0**-149,
    "float16": 2.0**-24,
    "bfloat16": 2.0**-133,
}
"""The smallest positive number: what is below it is lost whole."""

LARGEST_LOGIT = {"float64": 1e4, "float32": 1e4, "bfloat16": 1e4, "float16": 3e4}
"""How far the logits of ``extreme_logits_stay_finite`` go; twice 3e4 is still a float16."""


def row_error(dtype: str, logits: ArrayLike) -> Array:
    """Bound for the smoothed loss of each row. ``logits`` (N, K), rounded. Returns (N,).

    log p_k = z_k - m - log sum exp(z - m):  z - m is off by 2A u, so each exp by a factor
    1 + (2A + 1) u; the sum adds D u, its logarithm and the last subtraction (2A + log K) u.
    Together |log p| is off by (4A + D + 2 + 2A + log K) u.
    sum_k q_k log p_k: q adds 2 roundings, the product 1, the sum D, each relative to at most
    2A + log K; combining target and spread term, and rounding to the dtype, 2 more.
    """
    z = np.asarray(logits, float)
    finite = np.where(np.isfinite(z), np.abs(z), 0.0)
    largest = finite.max(axis=1, initial=0.0)
    terms = 2 * largest + math.log(z.shape[1])
    depth = _depth(z.shape[1])
    error: Array = UNIT_ROUNDOFF[dtype] * (4 * largest + depth + 2 + terms + (depth + 5) * terms)
    return error + SMALLEST[dtype]


def reduced_error(dtype: str, errors: Array, losses: ArrayLike, divisor: float = 1.0) -> float:
    """Bound for sum(losses) / divisor, from the bounds of the losses.

    The sum adds D roundings relative to sum |loss|, division and rounding to the dtype 2 more.
    """
    total = float(np.abs(np.asarray(losses, float)).sum())
    added = UNIT_ROUNDOFF[dtype] * (_depth(max(1, len(errors))) + 3) * total
    return (float(errors.sum()) + added) / divisor if divisor else math.inf


def gradient_error(dtype: str, logits: ArrayLike, p: Array, q: Array) -> Array:
    """Bound for each entry of p - q. ``logits``, ``p``, ``q``: (N, K). Returns (N, K).

    p = exp(log p), so log p's absolute error of (6A + D + 2 + log K) u is relative in p. The way
    back multiplies by a sum over q (D roundings) and by 1/N, and p - q takes 2 more of each term.
    """
    z = np.abs(np.where(np.isfinite(logits), logits, 0.0)).max(axis=1, keepdims=True, initial=0.0)
    depth = _depth(p.shape[1])
    in_p = 6 * z + 2 * depth + 8 + math.log(p.shape[1])
    error: Array = UNIT_ROUNDOFF[dtype] * (in_p * p + (depth + 4) * q) + 4 * SMALLEST[dtype]
    return error


def binary_error(dtype: str, logits: ArrayLike) -> Array:
    """Bound for the binary cross-entropy of each label. ``logits`` (N, K), rounded. Returns (N, K).

    (1 - t') z + max(-z, 0) + log(1 + exp(-|z|)): t' takes 3 roundings, its product with z and the sum 2 more,
    each of |z| at most; the logarithm is at most log 2 and takes 3, and the result is rounded once.
    """
    size = np.abs(np.asarray(logits, float))
    error: Array = UNIT_ROUNDOFF[dtype] * (8 * size + 4)
    return error + SMALLEST[dtype]


def mix_error(dtype: str, x: ArrayLike, partner: ArrayLike) -> Array:
    """Bound for each entry of lam x + (1 - lam) partner, for lam read off an identity batch.

    lam and 1 - lam are rounded (2 each, as read off and as used), each product and the sum add 1: 6 u of
    |x| + |partner|. ``x``, ``partner``: (N, ...), rounded. Returns (N, ...).
    """
    size = np.abs(np.asarray(x, float)) + np.abs(np.asarray(partner, float))
    error: Array = 6 * UNIT_ROUNDOFF[dtype] * size
    return error + 2 * SMALLEST[dtype]


def _depth(count: int) -> int:
    return math.ceil(math.log2(count)) + 1 if count > 1 else 1


def worst_ratio(actual: Any, expected: Any, bound: Any) -> float:
    """The largest |actual - expected| / bound; infinities and NaN agree with themselves alone."""
    actual, expected, bound = np.broadcast_arrays(
        np.asarray(actual, float), np.asarray(expected, float), np.asarray(bound, float)
    )
    if not actual.size:
        return 0.0
    same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(same, 0.0, np.abs(actual - expected) / bound)
    return float(np.where(np.isnan(ratio), math.inf, ratio).max())
