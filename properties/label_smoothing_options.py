"""The laws of what a label-smoothed loss offers besides: classes in any dimension, masks, several labels.

z logits, y target, K classes, e epsilon, as in ``properties.label_smoothing``; t several labels, 0 or 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lawful.properties import tolerances
from lawful.properties.label_smoothing import FEATURES_BESIDE, beside_others
from lawful.properties.registry import draws, law
from lawful.properties.strategies import (
    Batch,
    batches,
    class_weights,
    epsilons,
    masks,
    one_of,
    permutation,
    permutation_keys,
    pick,
)
from lawful.properties.subjects.label_smoothing import Loss
from lawful.reference import label_smoothing as reference


@law(
    "label_smoothing",
    "L of (N, d..., K) with dim = -1, or of another dim, is L of its flattening to (N d..., K)",
    why="e is spread over the classes of the dimension that holds them. Divided by another one's size it is "
    "too much or too little, and the shapes fit.",
    source="fastai/fastai pull 3189; tensorflow/tensorflow issues 24397 and 127249, pull 36990",
    needs=("dim",),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(
    batch=batches(),
    epsilon=epsilons(),
    depth=one_of(2, 1, 3, 0),
    dim=one_of(-1, 1),
    soft=one_of(False, True),
    key=permutation_keys(),
    weight=class_weights(),
    ignored=masks(),
    beside=one_of(*FEATURES_BESIDE),
)
def classes_are_in_the_dimension_asked(
    loss: Loss,
    batch: Batch,
    epsilon: float,
    depth: int,
    dim: int,
    soft: bool,
    key: int,
    weight: list[float],
    ignored: list[bool],
    beside: str,
) -> None:
    """``depth`` 0: logits (N, K)."""
    epsilon = loss.allowed(epsilon, batch.num_classes)
    layers = [permutation(key + d, batch.num_classes) for d in range(max(1, depth))]
    logits = np.stack([np.asarray(batch.logits)[:, order] for order in layers], axis=1)
    target = np.stack([np.roll(batch.target, d) for d in range(len(layers))], axis=1)
    classes = target.reshape(-1).tolist()
    classes, features = beside_others(loss, beside, classes, ignored, weight[: batch.num_classes])
    places: Any = np.reshape(classes, target.shape)
    if not depth:
        logits, places, target = logits[:, 0], places[:, 0], target[:, 0]
    if soft and "soft_targets" in loss.features:
        shares = 0.75 * np.eye(batch.num_classes)[target] + 0.25 / batch.num_classes
        places, features = np.moveaxis(shares, -1, dim), {}
    logits = np.moveaxis(logits, -1, dim)
    slopes = "gradient" in loss.features and "weight" not in features
    answer = loss(logits, places, epsilon, dim=dim, with_gradient=slopes, **features)
    right, bound = loss.expected(logits, places, epsilon, dim=dim, **features)
    loss.agree(f"loss with classes in dimension {dim}", answer.value, right, bound)
    if slopes:
        slope, bound = loss.expected_gradient(logits, places, epsilon, dim=dim, **features)
        loss.agree(f"gradient with classes in dimension {dim}", answer.gradient, slope, bound)


@law(
    "label_smoothing",
    "L with a mask m is sum_i m_i L_i / sum_i m_i, of distributions too; dL/dz = 0 where m_i = 0",
    why=(
        "A padded token does not count: not in the target's term, not in the spread term, not in what "
        "the mean divides by."
    ),
    source="eladhoffer/utils.pytorch issue 4; kaiyinzhou/BERT-NER issue 3",
    needs=("mask",),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons(), kept=masks(), depth=one_of(1, 2), soft=one_of(False, True))
def masked_tokens_do_not_count(
    loss: Loss, batch: Batch, epsilon: float, kept: list[bool], depth: int, soft: bool
) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    count = batch.size * depth
    mask = pick(kept, count) if any(pick(kept, count)) else [True] * count
    logits = np.stack([np.roll(batch.logits, d, axis=0) for d in range(depth)], axis=-1)
    target: Any = np.stack([np.roll(batch.target, d) for d in range(depth)], axis=-1)
    places: Any = np.reshape(mask, target.shape)
    if depth == 1:
        logits, target, places = logits[..., 0], target[..., 0], places[..., 0]
    if soft and "soft_targets" in loss.features:
        hard = np.moveaxis(np.eye(batch.num_classes)[target], -1, 1)
        target = 0.75 * hard + 0.25 * np.roll(hard, 1, axis=1)
    slopes = "gradient" in loss.features
    answer = loss(logits, target, epsilon, mask=places.tolist(), with_gradient=slopes)
    of_kept = loss.requiring({"ignored_mean": "kept"})
    right = of_kept.expected(logits, target, epsilon, mask=places)
    loss.agree("loss of the tokens kept", answer.value, *right)
    if slopes:
        right = of_kept.expected_gradient(logits, target, epsilon, mask=places)
        loss.agree("gradient of the tokens kept", answer.gradient, *right)


@law(
    "label_smoothing",
    "of several labels L = mean_ik BCE(z_ik, (1 - e) t_ik + e/2), or with e/K: as is documented",
    why="Each label has two outcomes, or is one of K: e goes to those, and its constant shrinks with e.",
    source="open-mmlab/mmaction2 issue 1639; documentation of tf.keras.losses.binary_crossentropy, "
    "label_smoothing; TimDettmers/ConvE issue 55",
    needs=("multilabel",),
    when={"multilabel": ("outcomes", "classes")},
    severity="wrong",
)
@draws(batch=batches(), epsilon=epsilons(), labels=masks())
def several_labels_are_each_smoothed(loss: Loss, batch: Batch, epsilon: float, labels: list[bool]) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    shape = (batch.size, batch.num_classes)
    target = np.reshape(pick(labels, batch.size * batch.num_classes), shape).astype(float)
    z = loss.rounded(batch.logits)
    slopes = "gradient" in loss.features
    answer = loss(batch.logits, target.tolist(), epsilon, multilabel=True, with_gradient=slopes)
    spread: Any = loss.conventions["multilabel"]
    smoothed = reference.smoothed_multilabel(target, epsilon, spread)
    losses, errors = reference.binary_cross_entropy(smoothed, z), tolerances.binary_error(loss.precision, z)
    slope, slope_error = 1 / (1 + np.exp(-z)) - smoothed, 8 * tolerances.UNIT_ROUNDOFF[loss.precision]
    if loss.adapter.default_reduction == "none":
        loss.agree("loss of several labels", answer.value, losses, errors)
    else:
        count = losses.size if loss.adapter.default_reduction == "mean" else 1
        bound = tolerances.reduced_error(loss.precision, errors.ravel(), losses, count)
        loss.agree("loss of several labels", answer.value, losses.sum() / count, bound)
        slope, slope_error = slope / count, slope_error / count
    if slopes:
        loss.agree("gradient of several labels", answer.gradient, slope, slope_error)
