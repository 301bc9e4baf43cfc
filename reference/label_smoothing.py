r"""Label-smoothed cross-entropy, in the order in which one would write it on a blackboard.

With logits z, classes 1..K, target class y, smoothing epsilon e and p = softmax(z):

    q = (1 - e) onehot(y) + e / K                  smoothed_targets
    L = -sum_k q_k log p_k                         cross_entropy
    dL/dz = p - q                                  gradient
    L = KL(q, p) + H(q)                            kl_divergence, entropy
    t' = (1 - e) t + e / 2,  of several labels     smoothed_multilabel, binary_cross_entropy

Sources: C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016
(arXiv 1512.00567), section 7; R. Mueller, S. Kornblith, G. Hinton, "When Does Label Smoothing
Help?", 2019 (arXiv 1906.02629).

Two choices are left open by the papers' followers, and both are offered here:

* ``off_target="uniform"`` spreads e over all K classes (Szegedy et al.), ``"others"`` over the
  K - 1 wrong ones, so that the right class keeps exactly 1 - e;
* ``offset="cross_entropy"`` is L above, ``"kl"`` leaves out the constant H(q), so that a perfect
  prediction costs 0.

Everything is float64. 0 log 0 is 0, so a logit of -inf is exact: it costs nothing where q is 0,
and infinity where it is not.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, log_softmax

Array = NDArray[np.float64]
OffTarget = Literal["uniform", "others", "normalised"]
Offset = Literal["cross_entropy", "kl"]
Reduction = Literal["mean", "sum", "none"]


def smoothed_targets(
    target: ArrayLike, num_classes: int, epsilon: float, off_target: OffTarget = "uniform"
) -> Array:
    """q, the distribution that the model is asked for.

    ``target``: class indices (N,), or distributions (N, K). Returns (N, K), rows summing to 1.

    uniform: q = (1 - e) t + e / K                 (Szegedy et al. 2016, section 7)
    others:  q = (1 - e) t + e (1 - t) / (K - 1)   (the mass e goes to the wrong classes alone)
    normalised: q = (t + e / K) / (1 + e)          (mass e is added, and the sum made 1 again)

    With a single class both are 1: there is nowhere for the mass to go.

    >>> smoothed_targets([1], 4, 0.2).round(3)
    array([[0.05, 0.85, 0.05, 0.05]])
    >>> smoothed_targets([1], 3, 0.2, off_target="others")
    array([[0.1, 0.8, 0.1]])

    Raises ValueError for an epsilon outside [0, 1] and for classes outside 0..K-1.
    """
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon!r}, expected a number in [0, 1]")
    t = np.asarray(target)
    if t.ndim == 1:
        if t.size and (t.min() < 0 or t.max() >= num_classes):
            raise ValueError(f"target is {t.tolist()}, expected classes in 0..{num_classes - 1}")
        t = (t[:, None] == np.arange(num_classes)).astype(float)
    if num_classes == 1:
        return np.ones(t.shape)
    if off_target == "normalised":
        return (t + epsilon / num_classes) / (1 + epsilon)
    if off_target == "others":
        return (1 - epsilon) * t + epsilon * (1 - t) / (num_classes - 1)
    return (1 - epsilon) * t + epsilon / num_classes


def cross_entropy(q: ArrayLike, logits: ArrayLike) -> Array:
    """-sum_k q_k log softmax(z)_k, a value per row. ``q``, ``logits``: (N, K). Returns (N,), in nats.

    >>> cross_entropy([[1.0, 0.0]], [[0.0, -np.inf]])
    array([0.])
    """
    q, z = np.asarray(q, float), np.asarray(logits, float)
    return _sum(_times(q, -log_softmax(z, axis=-1)))


def entropy(q: ArrayLike) -> Array:
    """H(q) = -sum_k q_k log q_k, a value per row. ``q``: (N, K). Returns (N,), in nats."""
    return _sum(entr(np.asarray(q, float)))


def kl_divergence(q: ArrayLike, logits: ArrayLike) -> Array:
    """KL(q, softmax(z)) = sum_k q_k log(q_k / p_k), a value per row. Returns (N,), in nats."""
    q, z = np.asarray(q, float), np.asarray(logits, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(q) - log_softmax(z, axis=-1)
    return _sum(_times(q, log_ratio))


def smoothed_loss(
    logits: ArrayLike,
    target: ArrayLike,
    epsilon: float,
    *,
    off_target: OffTarget = "uniform",
    offset: Offset = "cross_entropy",
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
    ignored_mean: Literal["kept", "all"] = "kept",
    all_ignored: Literal["nan", "zero"] = "nan",
    dim: int = 1,
    mask: ArrayLike | None = None,
    weighting: Literal["every_term", "target_term", "normalised_spread", "sample"] = "every_term",
    weighted_mean: Literal["weights", "count"] = "weights",
) -> Array:
    """The label-smoothed loss, with the options that implementations have.

    ``logits`` (N, K, d...), ``target`` (N, d...) of classes or (N, K, d...) of distributions.
    Returns (N, d...) for ``reduction="none"``, else a scalar.

    ``dim``: the dimension of the classes, so that (N, d..., K) is taken with -1. e is spread over the
    classes of that dimension: over K, never over d.

    >>> float(smoothed_loss([[[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]], [[0, 1]], 0.3, dim=-1).round(4))
    0.6395

    ``weight`` (K,): class k counts w_k in q, so L = -sum_k w_k q_k log p_k, and a mean over class
    indices divides by sum_i w_{y_i}, over distributions by N (the documentation of
    ``torch.nn.CrossEntropyLoss``). Other implementations weigh otherwise, each by its own right:

    target_term        the term of the target alone: (1 - e) w_y (-log p_y) + e/K sum_k -log p_k (fastai)
    normalised_spread  the spread by w / sum w:      (1 - e) w_y (-log p_y) + e sum_k w_k/W (-log p_k)
    sample             the whole loss of a sample by w_y

    and with ``weighted_mean="count"`` a mean divides by N whatever the weights are.

    ``ignore_index``: samples of that class cost 0; the mean divides by the samples kept, or by all of
    them with ``ignored_mean="all"``. Nothing kept: 0/0, or 0 with ``all_ignored="zero"``.

    ``mask`` (N, d...): True where a token counts. Of m_i in {0, 1}, L = sum_i m_i L_i / sum_i m_i, of
    distributions too; with class weights m_i w_{y_i} in place of m_i. Of classes that is the same as ignoring
    the others:

    >>> z, kept = [[2.0, 0.0], [5.0, 1.0]], [True, False]
    >>> float(smoothed_loss(z, [0, 1], 0.1, mask=kept) - smoothed_loss(z, [0, -9], 0.1, ignore_index=-9))
    0.0
    """
    logits, target = np.asarray(logits, float), np.asarray(target)
    if target.shape == logits.shape and np.issubdtype(target.dtype, np.floating):
        target = np.moveaxis(target, dim, 1)
    elif mask is not None:
        ignore_index = -1 if ignore_index is None else ignore_index
        target, mask = np.where(mask, target, ignore_index), None
    logits = np.moveaxis(logits, dim, 1)
    if weight is not None and weighting != "every_term":
        shared: dict[str, Any] = {"ignore_index": ignore_index, "weighted_mean": weighted_mean}
        w = np.asarray(weight, float)
        if weighting == "sample":
            own: dict[str, Any] = {"off_target": off_target, "offset": offset, "ignore_index": ignore_index}
            losses = smoothed_loss(logits, target, epsilon, **own, reduction="none")
            scaled = _weight_of_each(w, target, ignore_index) * losses
            return _reduced(scaled, _weight_of_each(w, target, ignore_index), reduction, weighted_mean)
        of_target = smoothed_loss(logits, target, 0.0, weight=w, reduction=reduction, **shared)
        spread: Any = {} if weighting == "target_term" else {"weight": w / w.sum() * len(w)}
        divided_alike = reduction == "mean" and weighting == "normalised_spread"
        if divided_alike and weighted_mean == "weights":
            total = smoothed_loss(logits, target, 1.0, reduction="sum", ignore_index=ignore_index, **spread)
            of_spread = total / _weight_of_each(w, target, ignore_index).sum()
        else:
            shared["weighted_mean"] = "count"
            of_spread = smoothed_loss(logits, target, 1.0, reduction=reduction, **spread, **shared)
        return np.asarray((1 - epsilon) * of_target + epsilon * of_spread)
    losses, divisor, shape = _per_sample(
        logits, target, epsilon, off_target, offset, weight, ignore_index, mask
    )
    if reduction == "none":
        return losses.reshape(shape)
    if reduction == "sum":
        return np.asarray(losses.sum())
    if weighted_mean == "count":
        divisor = (divisor != 0).astype(float)
    if ignored_mean == "all":
        divisor = np.ones_like(divisor)
    if divisor.sum() == 0 and all_ignored == "zero":
        return np.asarray(0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(losses.sum() / divisor.sum())


def smoothed_multilabel(
    target: ArrayLike, epsilon: float, spread: Literal["outcomes", "classes"] = "outcomes"
) -> Array:
    """Targets of which several can be 1, moved away from 0 and 1. ``target`` (N, K), in [0, 1].

    Each label is a question of its own, with two outcomes; so Szegedy's formula is used with K = 2:

    outcomes: t' = (1 - e) t + e/2     of a row with m labels the sum is (1 - e) m + e K/2
    classes:  t' = (1 - e) t + e/K     of a row with m labels the sum is (1 - e) m + e

    Neither keeps the sum m of a row, but the second for m = 1: it is the formula for one label out of K.

    >>> smoothed_multilabel([[1, 1, 0]], 0.1).round(3)
    array([[0.95, 0.95, 0.05]])
    >>> smoothed_multilabel([[1, 1, 0]], 0.1, "classes").round(3)
    array([[0.933, 0.933, 0.033]])

    Raises ValueError for an epsilon outside [0, 1].
    """
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon!r}, expected a number in [0, 1]")
    t = np.asarray(target, float)
    moved: Array = (1 - epsilon) * t + epsilon / (2 if spread == "outcomes" else t.shape[1])
    return moved


def binary_cross_entropy(target: ArrayLike, logits: ArrayLike) -> Array:
    """-t log s - (1 - t) log(1 - s), s = 1/(1 + exp(-z)), a value for each label. ``target``, ``logits``:
    (N, K). Returns (N, K), in nats.

    >>> binary_cross_entropy([[1.0, 0.5]], [[0.0, 0.0]]).round(4)
    array([[0.6931, 0.6931]])
    """
    t, z = np.asarray(target, float), np.asarray(logits, float)
    return np.asarray(_times(t, np.logaddexp(0, -z)) + _times(1 - t, np.logaddexp(0, z)))


def gradient(
    logits: ArrayLike,
    target: ArrayLike,
    epsilon: float,
    *,
    off_target: OffTarget = "uniform",
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
    ignored_mean: Literal["kept", "all"] = "kept",
    dim: int = 1,
    mask: ArrayLike | None = None,
) -> Array:
    """dL/dz = p - q for a sample, over N for the mean, 0 for an ignored one. Shape of ``logits``.

    Arguments are those of :func:`smoothed_loss`. The gradient of ``reduction="none"`` is that of its sum.
    """
    z, t = np.moveaxis(np.asarray(logits, float), dim, -1), np.asarray(target)
    rows = z.reshape(-1, z.shape[-1])
    kept = np.ones(len(rows), bool) if mask is None else np.asarray(mask, bool).reshape(-1)
    if t.shape == np.shape(logits) and np.issubdtype(t.dtype, np.floating):
        t = np.moveaxis(t, dim, -1).reshape(rows.shape)
    else:
        t = t.reshape(-1)
        kept = kept if ignore_index is None else kept & (t != ignore_index)
        t = np.where(kept, t, 0)
    q = smoothed_targets(t, rows.shape[1], epsilon, off_target)
    slope: Array = (np.exp(log_softmax(rows, axis=1)) - q) * kept[:, None]
    if reduction == "mean":
        slope = slope / max(1, len(rows) if ignored_mean == "all" else kept.sum())
    return np.moveaxis(slope.reshape(z.shape), -1, dim)


def _per_sample(
    logits: ArrayLike,
    target: ArrayLike,
    epsilon: float,
    off_target: OffTarget,
    offset: Offset,
    weight: ArrayLike | None,
    ignore_index: int | None,
    mask: ArrayLike | None,
) -> tuple[Array, Array, tuple[int, ...]]:
    """Losses (M,), their weights in a mean (M,), and the shape (N, d...) with M entries."""
    z, t = np.asarray(logits, float), np.asarray(target)
    rows, num_classes = _rows(z), z.shape[1]
    shape = (z.shape[0], *z.shape[2:])
    w = np.ones(num_classes) if weight is None else np.asarray(weight, float)
    if t.shape == z.shape and np.issubdtype(t.dtype, np.floating):
        divisor = np.ones(len(rows)) if mask is None else np.asarray(mask, float).reshape(-1)
        q = smoothed_targets(_rows(t), num_classes, epsilon, off_target) * divisor[:, None]
    else:
        if t.shape != shape:
            raise ValueError(f"target has shape {t.shape}, expected {shape} or {z.shape}")
        kept = np.ones(t.size, bool) if ignore_index is None else t.reshape(-1) != ignore_index
        classes = np.where(kept, t.reshape(-1), 0).astype(int)
        q = smoothed_targets(classes, num_classes, epsilon, off_target) * kept[:, None]
        divisor = w[classes] * kept
    losses = cross_entropy(w * q, rows)
    return (losses - entropy(q) if offset == "kl" else losses), divisor, shape


def _weight_of_each(weight: Array, target: ArrayLike, ignore_index: int | None) -> Array:
    """w_{y_i} of each sample, 0 for an ignored one."""
    t = np.asarray(target)
    kept = np.ones(t.shape, bool) if ignore_index is None else t != ignore_index
    return np.where(kept, weight[np.where(kept, t, 0)], 0.0)


def _reduced(losses: Array, weights: Array, reduction: Reduction, weighted_mean: str) -> Array:
    if reduction == "none":
        return losses
    divisor = weights.sum() if weighted_mean == "weights" else (weights != 0).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(losses.sum() / (1 if reduction == "sum" else divisor))


def _rows(z: NDArray[np.generic]) -> Array:
    """(N, K, d...) as (N d..., K): classes are dimension 1."""
    return np.moveaxis(z, 1, -1).reshape(-1, z.shape[1]).astype(float)


def _sum(values: Array) -> Array:
    """Over classes, the last dimension."""
    return np.asarray(values.sum(axis=-1))


def _times(weights: Array, values: Array) -> Array:
    """weights * values, where a weight of 0 makes 0 even of infinity."""
    with np.errstate(invalid="ignore"):
        return np.where(weights == 0, 0.0, weights * values)
