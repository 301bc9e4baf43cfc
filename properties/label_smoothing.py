"""The laws of label-smoothed cross-entropy.

z logits, y target, K classes, N samples, p = softmax(z), e epsilon,
q = (1-e) onehot(y) + e/K, or the detected convention's q.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.special import softmax

from lawful.properties import tolerances
from lawful.properties.arguments import WHEN_BUILT, asks_when_built
from lawful.properties.probes import LAYOUTS
from lawful.properties.registry import ACCELERATORS, FLOATS, SINGLE, draws, law
from lawful.properties.strategies import (
    Batch,
    bad_epsilons,
    batches,
    class_weights,
    epsilons,
    extremes,
    fractions,
    ignore_indices,
    inner_epsilons,
    masked_batches,
    masks,
    one_of,
    permutation,
    permutation_keys,
    pick,
    rarely_many,
    shifts,
)
from lawful.properties.subjects.failures import LawBroken, Raised, Unasked
from lawful.properties.subjects.label_smoothing import Loss
from lawful.properties.subjects.subject import Answer, dtype_name
from lawful.properties.twin import DeviceAssertion
from lawful.properties.ways import AUTOCAST, COMPILED
from lawful.reference import label_smoothing as reference

_SZEGEDY = "Szegedy et al. 2016 (arXiv 1512.00567), section 7"
_TORCH = "documentation of torch.nn.CrossEntropyLoss"
_BESIDE = {
    "ignored samples": "ignore_index",
    "a single sample kept": "ignore_index",
    "class weights": "weight",
    "none": "reduction",
    "sum": "reduction",
    "a slope": "tensors",
    "a second backward": "tensors",
    "a second derivative": "double_backward",
    "epsilon 1": "epsilon_one",
    "torch.func.grad": "tensors",
    "1535 classes": "",
    "33791 classes": "",
}
"""What a large batch is asked with, and the feature that it takes."""
FEATURES_BESIDE = ("nothing", "class weights", "ignored samples", "both")
_CROSS_ENTROPY = "Cover and Thomas, Elements of Information Theory, 2006, chapter 2"


@law(
    "label_smoothing",
    "L at e = 0.1 is not L at e = 0.3",
    why="An epsilon that is accepted and changes nothing trains with plain cross-entropy.",
    source="dice-group/dice-embeddings issue 453",
    needs=("epsilon",),
    severity="wrong",
)
@draws(
    batch=one_of(Batch([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]], [2, 1]), Batch([[0.5, 3.0], [1.0, -2.0]], [0, 0]))
)
def epsilon_is_used(loss: Loss, batch: Batch) -> None:
    few, much = (loss.allowed(epsilon, batch.num_classes) for epsilon in (0.1, 0.3))
    if few == much:
        raise Unasked("it takes one epsilon")
    first, second = (loss(batch.logits, batch.target, epsilon) for epsilon in (few, much))
    if np.isfinite(first.value).all() and np.array_equal(first.value, second.value):
        text = f"epsilon is accepted and changes nothing: the loss at epsilon {much} is that at {few}"
        raise LawBroken(f"loss at epsilon {much}", "another", first.value, second.value, text=text)


@law(
    "label_smoothing",
    "L(z, y) = -sum_k q_k log p_k",
    why="It is the definition, computed in float64 from the same rounded logits.",
    source=_SZEGEDY,
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("epsilon_is_used",),
)
@draws(batch=batches(), epsilon=epsilons())
def matches_reference(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    answer = loss(batch.logits, batch.target, epsilon)
    loss.agree("loss", answer.value, *loss.expected(batch.logits, batch.target, epsilon))


@law(
    "label_smoothing",
    "L at e = 0 is -log p_y",
    why="With epsilon 0 nothing is spread: what is left is plain cross-entropy.",
    source=_SZEGEDY,
    needs=("epsilon_zero",),
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches())
def zero_epsilon_is_cross_entropy(loss: Loss, batch: Batch) -> None:
    answer = loss(batch.logits, batch.target, 0.0)
    loss.agree("loss at epsilon 0", answer.value, *loss.expected(batch.logits, batch.target, 0.0))


@law(
    "label_smoothing",
    "L at e = 0 is -log p_y also where z_k = -inf for k != y",
    why=(
        "With epsilon 0 nothing is spread, so a class that is masked out with -inf costs 0, never 0 * "
        "inf = NaN."
    ),
    source=f"{_SZEGEDY}; 0 log 0 = 0: {_CROSS_ENTROPY}",
    needs=("epsilon_zero",),
    dtypes=FLOATS,
    severity="edge",
    rests_on=("zero_epsilon_is_cross_entropy",),
)
@draws(batch=masked_batches(), logits=rarely_many())
def zero_epsilon_ignores_masked_classes(loss: Loss, batch: Batch, logits: int) -> None:
    again = -(-logits // (batch.size * batch.num_classes))
    z, y = batch.logits * again, batch.target * again
    answer = loss(z, y, 0.0)
    right, bound = loss.expected(z, y, 0.0)
    running = (again - 1) * batch.size * tolerances.UNIT_ROUNDOFF[loss.dtype] * np.abs(right)
    loss.agree("loss at epsilon 0", answer.value, right, bound + running)


@law(
    "label_smoothing",
    "L(z, y) = L(z, y') at e = 1",
    why="With epsilon 1 all mass is spread evenly, so q does not depend on the target.",
    source=_SZEGEDY,
    needs=("epsilon_one",),
    when={"off_target": "uniform"},
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), step=one_of(1, 2, 3))
def one_epsilon_ignores_target(loss: Loss, batch: Batch, step: int) -> None:
    other = [(y + step) % batch.num_classes for y in batch.target]
    first = loss(batch.logits, batch.target, 1.0)
    second = loss(batch.logits, other, 1.0)
    _, bound = loss.expected(batch.logits, batch.target, 1.0)
    loss.agree("loss at epsilon 1 with other targets", second.value, first.value, 2 * bound)


@law(
    "label_smoothing",
    "L at e = 1 is finite also where z_y = -inf, if all of e is spread over the others, where that is said",
    why="With epsilon 1 the target has no weight left: 0 times infinity has to count as 0, never as NaN.",
    source=f"the documentation that the adapter was written from; 0 log 0 = 0: {_CROSS_ENTROPY}",
    needs=("epsilon_one",),
    when={"off_target": "others", "masked_target": "left_out"},
    dtypes=FLOATS,
    severity="edge",
    rests_on=("matches_reference",),
)
@draws(batch=batches())
def one_epsilon_leaves_a_masked_target_out(loss: Loss, batch: Batch) -> None:
    if batch.num_classes < 2:
        raise Unasked("there are no others")
    logits = [
        [-np.inf if k == y else z for k, z in enumerate(row)]
        for row, y in zip(batch.logits, batch.target, strict=True)
    ]
    answer = loss(logits, batch.target, 1.0)
    loss.agree("loss at epsilon 1", answer.value, *loss.expected(logits, batch.target, 1.0))


@law(
    "label_smoothing",
    "L = KL(q, p) + H(q);  without the constant: L = KL(q, p)",
    why="Cross-entropy splits into the divergence that training can remove and the entropy it cannot.",
    source=f"Mueller et al. 2019 (arXiv 1906.02629); {_CROSS_ENTROPY}",
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons())
def equals_kl_plus_entropy(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    answer = loss(batch.logits, batch.target, epsilon)
    q = reference.smoothed_targets(batch.target, batch.num_classes, epsilon, loss.off_target)
    parts = reference.kl_divergence(q, loss.rounded(batch.logits))
    parts = parts + loss.entropy(batch.target, batch.num_classes, epsilon)
    _, bound = loss.expected(batch.logits, batch.target, epsilon)
    loss.agree("loss", answer.value, loss.reduced(parts), bound)


@law(
    "label_smoothing",
    "L_e = (1 - e) L_0 + e L_1",
    why="q is affine in e, and cross-entropy is linear in q (without H(q), once H(q) is added).",
    source=_SZEGEDY,
    needs=("epsilon_zero", "epsilon_one"),
    when={"off_target": ("uniform", "others", "other")},
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=inner_epsilons())
def affine_in_epsilon(loss: Loss, batch: Batch, epsilon: float) -> None:
    ends = [loss(batch.logits, batch.target, end).value for end in (0.0, 1.0)]
    answer = loss(batch.logits, batch.target, epsilon)
    offsets = [_left_out(loss, batch.target, batch.num_classes, share) for share in (0.0, 1.0, epsilon)]
    mixed = (1 - epsilon) * (ends[0] + offsets[0]) + epsilon * (ends[1] + offsets[1])
    bounds = [loss.expected(batch.logits, batch.target, e)[1] for e in (0.0, 1.0, epsilon)]
    loss.agree(f"loss at epsilon {epsilon}", answer.value, mixed - offsets[2], sum(bounds))


@law(
    "label_smoothing",
    "L(z) >= H(q), with equality at z = log q",
    why="KL(q, p) >= 0 and is 0 at p = q alone: a smoothed loss cannot be driven to 0.",
    source=f"Gibbs' inequality, {_CROSS_ENTROPY}",
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=inner_epsilons())
def bounded_below_by_entropy(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    floor = loss.reduced(loss.entropy(batch.target, batch.num_classes, epsilon))
    answer = loss(batch.logits, batch.target, epsilon)
    _, bound = loss.expected(batch.logits, batch.target, epsilon)
    loss.at_least("loss", answer.value, floor - bound)

    q = reference.smoothed_targets(batch.target, batch.num_classes, epsilon, loss.off_target)
    perfect = np.log(q).tolist()
    answer = loss(perfect, batch.target, epsilon)
    right, bound = loss.expected(perfect, batch.target, epsilon)
    rounding_of_log_q = right - floor
    loss.agree("loss at z = log q", answer.value, floor + 0 * right, bound + rounding_of_log_q)


@law(
    "label_smoothing",
    "dL/dz = (p - q)/N for the mean",
    why=(
        "The derivative of log-sum-exp is softmax, so the gradient is softmax - q, and its sum over "
        "classes is 0."
    ),
    source=f"{_SZEGEDY} (the gradient of section 7's loss)",
    needs=("gradient",),
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons())
def gradient_is_softmax_minus_target(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    answer = loss(batch.logits, batch.target, epsilon, with_gradient=True)
    right = loss.expected_gradient(batch.logits, batch.target, epsilon)
    loss.agree("gradient of the logits", answer.gradient, *right)


@law(
    "label_smoothing",
    "d2L/dz2 v = (diag(p) - p p^T) v / N for the mean",
    why="q drops out of the second derivative: what is left is the Hessian of log-sum-exp.",
    source="Boyd and Vandenberghe, Convex Optimization, 2004, section 3.1.5",
    needs=("double_backward",),
    dtypes=("float64",),
    severity="wrong",
    rests_on=(
        "matches_reference",
        "gradient_is_softmax_minus_target",
    ),
)
@draws(batch=batches(), epsilon=epsilons(), key=permutation_keys())
def second_derivative_is_softmax_hessian(loss: Loss, batch: Batch, epsilon: float, key: int) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    direction = np.asarray([permutation(key + i, batch.num_classes) for i in range(batch.size)])
    answer = loss(batch.logits, batch.target, epsilon, along=direction.tolist())
    z = loss.rounded(batch.logits)
    p = softmax(z, axis=1)
    curved = p * (direction - (p * direction).sum(axis=1, keepdims=True))
    share = batch.size if loss.adapter.default_reduction == "mean" else 1
    bound = tolerances.gradient_error(loss.precision, z, p, p) * 2 * batch.num_classes
    loss.agree("second derivative", answer.second, curved / share, bound)


@law(
    "label_smoothing",
    "L(t a + (1-t) b) <= t L(a) + (1-t) L(b)",
    why="Log-sum-exp is convex and the rest is linear in z.",
    source="Boyd and Vandenberghe, Convex Optimization, 2004, section 3.1.5",
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons(), t=fractions(), key=permutation_keys())
def convex_in_logits(loss: Loss, batch: Batch, epsilon: float, t: float, key: int) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    a = np.asarray(batch.logits)
    b = a[:, permutation(key, batch.num_classes)][permutation(key, batch.size)]
    ends = [loss(z.tolist(), batch.target, epsilon).value for z in (a, b)]
    between = (t * a + (1 - t) * b).tolist()
    answer = loss(between, batch.target, epsilon)
    bounds = [loss.expected(z, batch.target, epsilon)[1] for z in (a, b, between)]
    slack = sum(bounds) + 2 * tolerances.UNIT_ROUNDOFF[loss.precision] * np.abs(a).max()
    loss.at_most("loss between a and b", answer.value, t * ends[0] + (1 - t) * ends[1] + slack)


@law(
    "label_smoothing",
    "L(z + c) = L(z)",
    why="Softmax does not see a constant that is added to every logit.",
    source="Goodfellow, Bengio and Courville, Deep Learning, 2016, section 4.1",
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons(), shift=shifts())
def shift_invariant(loss: Loss, batch: Batch, epsilon: float, shift: int) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    eighths = np.clip(batch.logits, -8, 8)
    moved = (eighths + (shift if loss.dtype == "bfloat16" else 4 * shift)).tolist()
    answers = [loss(z, batch.target, epsilon) for z in (eighths.tolist(), moved)]
    bounds = [loss.expected(z, batch.target, epsilon)[1] for z in (eighths, moved)]
    loss.agree("loss of shifted logits", answers[1].value, answers[0].value, sum(bounds))


@law(
    "label_smoothing",
    "L(P z, P y) = L(z, y) for every relabelling P of the classes",
    why="No class is special: names of classes are arbitrary.",
    source=_SZEGEDY,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons(), key=permutation_keys())
def class_permutation_equivariant(loss: Loss, batch: Batch, epsilon: float, key: int) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    order = permutation(key, batch.num_classes)
    logits = [[row[k] for k in order] for row in batch.logits]
    target = [order.index(y) for y in batch.target]
    first = loss(batch.logits, batch.target, epsilon)
    second = loss(logits, target, epsilon)
    _, bound = loss.expected(batch.logits, batch.target, epsilon)
    loss.agree("loss with classes relabelled", second.value, first.value, 2 * bound)


@law(
    "label_smoothing",
    "L(z_s, y_s) = L(z, y) for every order s of the samples; none: permuted alike",
    why="Samples do not see each other.",
    source=_TORCH,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons(), key=permutation_keys())
def sample_order_does_not_matter(loss: Loss, batch: Batch, epsilon: float, key: int) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    order = permutation(key, batch.size)
    first = loss(batch.logits, batch.target, epsilon)
    second = loss([batch.logits[i] for i in order], [batch.target[i] for i in order], epsilon)
    _, bound = loss.expected(batch.logits, batch.target, epsilon)
    per_sample = loss.adapter.default_reduction == "none"
    right = first.value[order] if per_sample else first.value
    bound = bound[order] if per_sample else bound
    loss.agree("loss in another order", second.value, right, 2 * bound)


@law(
    "label_smoothing",
    "mean = sum/N,  sum = sum over none",
    why="The three reductions are one computation; mixup needs `none`.",
    source=_TORCH,
    needs=("reduction",),
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(
    batch=batches(),
    epsilon=epsilons(),
    weight=class_weights(),
    ignored=masks(),
    beside=one_of(*FEATURES_BESIDE),
)
def reductions_agree(
    loss: Loss, batch: Batch, epsilon: float, weight: list[float], ignored: list[bool], beside: str
) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    taken = loss.reductions()
    if len(taken) < 2:
        raise Unasked("it refuses all reductions but one, or knows no other")
    target, features = beside_others(loss, beside, batch.target, ignored, weight[: batch.num_classes])
    if features and taken[:2] == ["none", "sum"]:  # a mean beside them is a convention
        each, total = (loss(batch.logits, target, epsilon, reduction=name, **features) for name in taken[:2])
        _, bound = loss.expected(batch.logits, target, epsilon, reduction="sum", **features)
        loss.agree(f"sum beside {' and '.join(features)}", total.value, each.value.sum(), 2 * bound)
    if "none" not in taken:
        answers = [loss(batch.logits, batch.target, epsilon, reduction=name) for name in taken]
        _, bound = loss.expected(batch.logits, batch.target, epsilon, reduction="sum")
        means = answers[1].value * batch.size
        loss.agree(
            "loss with reduction 'sum', against N times that of 'mean',", answers[0].value, means, 2 * bound
        )
        return
    each = loss(batch.logits, batch.target, epsilon, reduction="none")
    if np.shape(each.value) != (batch.size,):
        raise LawBroken("loss with reduction 'none'", "of shape", (batch.size,), each.value)
    first = loss(batch.logits[:1], batch.target[:1], epsilon, reduction="none")
    _, bound = loss.expected(batch.logits, batch.target, epsilon, reduction="none")
    loss.agree("loss of the first sample, alone", first.value, each.value[:1], 2 * bound[:1])
    for reduction, right in (("sum", each.value.sum()), ("mean", each.value.mean())):
        if reduction not in taken:
            continue
        answer = loss(batch.logits, batch.target, epsilon, reduction=reduction)
        _, bound = loss.expected(batch.logits, batch.target, epsilon, reduction=reduction)
        name = f"loss with reduction {reduction!r}, against that of 'none',"
        loss.agree(name, answer.value, right, 2 * bound)


@law(
    "label_smoothing",
    "d(sum_i c_i L_i)/dz_i = c_i dL_i/dz_i, L_i the loss of sample i",
    why="Mixup and sample weights multiply each loss: a backward that takes one slope for all rows trains "
    "all with the first one's weight.",
    source="linkedin/Liger-Kernel issues 678 and 968",
    needs=("reduction", "gradient", "tensors"),
    severity="wrong",
    rests_on=("matches_reference", "gradient_is_softmax_minus_target", "reductions_agree"),
)
@draws(batch=batches(min_size=2), epsilon=epsilons(), weights=one_of([0.25, 2.0], [1.0, 0.0, 3.0]))
def each_loss_has_its_own_slope(loss: Loss, batch: Batch, epsilon: float, weights: list[float]) -> None:
    if "none" not in loss.reductions():
        raise Unasked("it gives no loss for each sample")
    epsilon = loss.allowed(epsilon, batch.num_classes)
    scale = [weights[i % len(weights)] for i in range(batch.size)]
    answer = loss(batch.logits, batch.target, epsilon, reduction="none", with_gradient=True, scale=scale)
    slope, bound = loss.expected_gradient(batch.logits, batch.target, epsilon, reduction="none")
    of_row = np.asarray(scale)[:, None]
    loss.agree("gradient of weighted losses", answer.gradient, of_row * slope, (of_row + 1) * bound)


@law(
    "label_smoothing",
    "L of (B, T, K), classes last, is L of (B T, K), where it is so at e = 0",
    why="A number of classes that is read from dimension 1 is the length of the sequence there.",
    source="tensorflow/tensorflow issues 39329 and 24397",
    needs=("epsilon_zero", "epsilon"),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=inner_epsilons(), extra=one_of(1, 3))
def sequences_are_flattened(loss: Loss, batch: Batch, epsilon: float, extra: int) -> None:
    if "sequences" in loss.adapter.declines:
        raise Unasked(loss.adapter.declines["sequences"])
    epsilon, length = loss.allowed(epsilon, batch.num_classes), batch.num_classes + extra
    rows = [batch.logits[i % batch.size] for i in range(2 * length)]
    target = [batch.target[i % batch.size] for i in range(2 * length)]
    logits, places = np.reshape(rows, (2, length, -1)), np.reshape(target, (2, length))
    for asked in (0.0, epsilon):
        right, bound = loss.expected(rows, target, asked)
        try:
            answer = loss(logits, places, asked)
        except Raised as error:
            if asked:
                raise
            raise Unasked("it refuses them") from error
        found = np.reshape(answer.value, -1) if np.size(answer.value) == np.size(right) else None
        if not asked:
            if found is None or tolerances.worst_ratio(found, np.reshape(right, -1), 2 * bound) > 1:
                raise Unasked("it takes no sequences with the classes last")
            continue
        seen = answer.see("result.reshape(-1)")
        loss.agree("loss of (B, T, K) logits", seen, np.reshape(right, -1), 2 * bound)


@law(
    "label_smoothing",
    "L and dL/dz are those of the samples kept; dL/dz = 0 at ignored ones",
    why="An ignored sample is absent: from the target term, the spread term and the mean's divisor.",
    source=f"{_TORCH}, ignore_index; pytorch/pytorch issue 73205 (uniform term)",
    needs=("ignore_index",),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(
    batch=batches(),
    epsilon=epsilons(),
    ignored=masks(),
    index=ignore_indices(),
    reduction=one_of("its own", "none", "sum"),
)
def ignored_targets_do_not_count(
    loss: Loss, batch: Batch, epsilon: float, ignored: list[bool], index: int, reduction: str
) -> None:
    epsilon, index = loss.allowed(epsilon, batch.num_classes), loss.ignorable(index)
    struck = pick(ignored, batch.size)
    target = [index if out else y for y, out in zip(batch.target, struck, strict=True)]
    kept = [i for i, y in enumerate(target) if y != index]
    slopes = "gradient" in loss.features
    features: dict[str, Any] = {"ignore_index": index}
    chosen = loss.adapter.default_reduction
    if "reduction" in loss.features and reduction in loss.reductions():
        features["reduction"] = chosen = reduction
    answer = loss(batch.logits, target, epsilon, with_gradient=slopes, **features)
    right, bound = loss.expected(batch.logits, target, epsilon, **features)
    if np.shape(answer.value) != np.shape(right) and chosen != loss.adapter.default_reduction:
        raise Unasked("it leaves ignored samples out of what it gives for each")
    if not kept:
        # what a mean of nothing is, is a convention: where none was detected, the others tell more
        if chosen != "mean" or "all_ignored" in loss.conventions:
            loss.agree("loss of ignored samples alone", answer.value, right, bound)
        return
    if "ignored_index" in loss.conventions:  # NaN is what it would be of the samples kept, too
        loss.agree("loss beside ignored samples", answer.value, right, bound)
    logits = [batch.logits[i] for i in kept]
    alone = loss(logits, [target[i] for i in kept], epsilon, with_gradient=slopes, **features)
    share = len(kept) / batch.size if loss.counts_ignored and chosen == "mean" else 1.0
    value = share * alone.value
    if chosen == "none":
        value = np.zeros(batch.size)
        value[kept] = alone.value
    loss.agree("loss beside ignored samples", answer.value, value, 2 * bound)
    if not slopes:
        return
    slope = np.zeros(answer.gradient.shape)
    slope[kept] = share * alone.gradient
    _, bound = loss.expected_gradient(batch.logits, target, epsilon, **features)
    loss.agree("gradient beside ignored samples", answer.gradient, slope, 2 * bound)


@law(
    "label_smoothing",
    "L_i = -sum_k w_k q_k log p_k, mean = sum_i L_i / sum_i w_{y_i}, or the detected weighting and mean",
    why=(
        "A class weight multiplies the log-probability of its class in every term, or in the target's "
        "term alone, or it multiplies the whole loss of a sample."
    ),
    source=f"{_TORCH}, weight; discussed in pytorch/pytorch issue 104776",
    needs=("weight",),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons(), weight=class_weights())
def class_weights_follow_convention(loss: Loss, batch: Batch, epsilon: float, weight: list[float]) -> None:
    epsilon, weight = loss.allowed(epsilon, batch.num_classes), weight[: batch.num_classes]
    answer = loss(batch.logits, batch.target, epsilon, weight=weight)
    right = loss.expected(batch.logits, batch.target, epsilon, weight=weight)
    loss.agree("weighted loss", answer.value, *right)


@law(
    "label_smoothing",
    "L with class weights is that of the samples kept, beside ignored ones too",
    why="An ignored sample has no weight: neither in the sum nor in what the mean divides by.",
    source=f"{_TORCH}, weight and ignore_index",
    needs=("weight", "ignore_index"),
    when={"ignored_mean": "kept"},
    severity="wrong",
    rests_on=("matches_reference", "ignored_targets_do_not_count", "class_weights_follow_convention"),
)
@draws(batch=batches(), epsilon=epsilons(), ignored=masks(), index=ignore_indices(), weight=class_weights())
def weights_leave_ignored_targets_out(
    loss: Loss, batch: Batch, epsilon: float, ignored: list[bool], index: int, weight: list[float]
) -> None:
    epsilon, index = loss.allowed(epsilon, batch.num_classes), loss.ignorable(index)
    struck = pick(ignored, batch.size)
    target = [index if out else y for y, out in zip(batch.target, struck, strict=True)]
    kept = [i for i, y in enumerate(target) if y != index]
    if not kept:
        raise Unasked("nothing is kept")
    features: dict[str, Any] = {"ignore_index": index, "weight": weight[: batch.num_classes]}
    answer = loss(batch.logits, target, epsilon, **features)
    alone = loss([batch.logits[i] for i in kept], [target[i] for i in kept], epsilon, **features)
    _, bound = loss.expected(batch.logits, target, epsilon, **features)
    value = alone.value
    if loss.adapter.default_reduction == "none":
        value = np.zeros(batch.size)
        value[kept] = alone.value
    loss.agree("weighted loss beside ignored samples", answer.value, value, 2 * bound)


@law(
    "label_smoothing",
    "L of (N, K, d...) is L of its flattening to (N d..., K)",
    why="Dimension 1 holds the classes, whatever follows.",
    source=f"{_TORCH}, shape",
    needs=("dense",),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(
    batch=batches(),
    epsilon=epsilons(),
    depth=one_of(1, 2, 3),
    key=permutation_keys(),
    weight=class_weights(),
    ignored=masks(),
    beside=one_of(*FEATURES_BESIDE),
    rows=one_of(1, 2),
)
def class_dimension_is_one(
    loss: Loss,
    batch: Batch,
    epsilon: float,
    depth: int,
    key: int,
    weight: list[float],
    ignored: list[bool],
    beside: str,
    rows: int,
) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    if rows > 1:
        _images_are_flattened(loss, batch, epsilon, depth, key)
    layers = [permutation(key + d, batch.num_classes) for d in range(depth)]
    logits = np.stack([np.asarray(batch.logits)[:, order] for order in layers], axis=-1)
    flattened = np.moveaxis(logits, 1, -1).reshape(-1, batch.num_classes)
    target = np.stack([np.roll(batch.target, d) for d in range(depth)], axis=-1).reshape(-1).tolist()
    target, features = beside_others(loss, beside, target, ignored, weight[: batch.num_classes])
    places = np.reshape(target, (batch.size, depth))
    slopes = "gradient" in loss.features and "weight" not in features
    answer = loss(logits, places, epsilon, with_gradient=slopes, **features)
    flat = loss(flattened, target, epsilon, with_gradient=slopes, **features)
    right, bound = loss.expected(logits, places, epsilon, **features)
    loss.agree("loss of (N, K, d) logits", answer.value, flat.value.reshape(np.shape(right)), 2 * bound)
    if slopes:
        _, bound = loss.expected_gradient(flattened, target, epsilon, **features)
        right, bound = (np.moveaxis(of.reshape(*places.shape, -1), -1, 1) for of in (flat.gradient, bound))
        loss.agree("gradient of (N, K, d) logits", answer.gradient, right, 2 * bound)


def _images_are_flattened(loss: Loss, batch: Batch, epsilon: float, depth: int, key: int) -> None:
    """Of two rows of pixels, (N, K, 2, d), where (N, K, d) is taken and these are not refused."""
    width = depth + 1
    layers = [permutation(key + d, batch.num_classes) for d in range(2 * width)]
    logits = np.stack([np.asarray(batch.logits)[:, order] for order in layers], axis=-1)
    target = np.stack([np.roll(batch.target, d) for d in range(2 * width)], axis=-1)
    flattened = np.moveaxis(logits, 1, -1).reshape(-1, batch.num_classes)
    right, bound = loss.expected(flattened, target.reshape(-1).tolist(), epsilon)
    shape = (batch.size, 2, width)
    try:
        answer = loss(logits.reshape(batch.size, -1, 2, width), target.reshape(shape), epsilon)
    except Raised:
        return
    if np.size(answer.value) == np.size(right):
        seen = answer.see("result.reshape(-1)")
        loss.agree("loss of (N, K, H, W) logits", seen, np.reshape(right, -1), 2 * bound)


def beside_others(
    loss: Loss, beside: str, target: list[int], ignored: list[bool], weight: list[float]
) -> tuple[list[int], dict[str, Any]]:
    """The target and the features of a call beside others, as far as there are any; some sample is kept."""
    features: dict[str, Any] = {}
    if beside in ("class weights", "both") and "weight" in loss.features:
        features["weight"] = weight
    if beside in ("ignored samples", "both") and "ignore_index" in loss.features:
        index = loss.ignorable(-100)
        struck = [index if out else y for y, out in zip(target, pick(ignored, len(target)), strict=True)]
        if {index} < set(struck):
            return struck, {"ignore_index": index, **features}
    return target, features


@law(
    "label_smoothing",
    "L(z, onehot(y)) = L(z, y)",
    why="A class index is the distribution that has all its mass there.",
    source=f"{_TORCH}, class probabilities",
    needs=("soft_targets",),
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(
    batch=batches(),
    epsilon=epsilons(),
    other=permutation_keys(),
    weight=class_weights(),
    weighs=one_of(False, True),
)
def soft_target_agrees_with_hard(
    loss: Loss, batch: Batch, epsilon: float, other: int, weight: list[float], weighs: bool
) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    hard = np.eye(batch.num_classes)[batch.target]
    partner = hard[permutation(other, batch.size)]
    own = loss(batch.logits, batch.target, epsilon)
    answer = loss(batch.logits, hard.tolist(), epsilon)
    _, bound = loss.expected(batch.logits, hard.tolist(), epsilon)
    loss.agree("loss of one-hot targets", answer.value, own.value, 2 * bound)
    soft = (0.75 * hard + 0.25 * partner).tolist()
    answer = loss(batch.logits, soft, epsilon)
    loss.agree("loss of soft targets", answer.value, *loss.expected(batch.logits, soft, epsilon))
    if not weighs or loss.conventions.get("weighting") != "every_term" or not loss.takes(reduction="none"):
        return
    features: dict[str, Any] = {"weight": weight[: batch.num_classes], "reduction": "none"}
    own = loss(batch.logits, batch.target, epsilon, **features)
    answer = loss(batch.logits, hard.tolist(), epsilon, **features)
    _, bound = loss.expected(batch.logits, batch.target, epsilon, **features)
    loss.agree("weighted loss of one-hot targets", answer.value, own.value, 2 * bound)


@law(
    "label_smoothing",
    "L is finite and right for |z| up to 1e4, in float16 up to 3e4",
    why="The largest logit is subtracted before exp, so nothing overflows.",
    source="Blanchard, Higham and Higham, Accurately computing log-sum-exp and softmax, 2021",
    dtypes=FLOATS,
    severity="edge",
    rests_on=("matches_reference",),
)
@draws(shares=extremes(), epsilon=epsilons())
def extreme_logits_stay_finite(loss: Loss, shares: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, shares.num_classes)
    logits = (np.asarray(shares.logits) * tolerances.LARGEST_LOGIT[loss.dtype]).tolist()
    target = shares.target
    if loss.adapter.default_reduction == "sum":  # of two samples it need not be a float16
        logits, target = logits[:1], target[:1]
    answer = loss(logits, target, epsilon)
    loss.agree("loss of extreme logits", answer.value, *loss.expected(logits, target, epsilon))


@law(
    "label_smoothing",
    "L is finite and right for K up to 50 000 in half precision",
    why="The loss is about log K, 11 at most: only a sum over classes kept in half precision overflows.",
    source="huggingface/transformers issue 10674",
    dtypes=("bfloat16", "float16"),
    severity="edge",
    rests_on=(
        "matches_reference",
        "extreme_logits_stay_finite",
    ),
)
@draws(
    num_classes=one_of(20_000, 50_000),
    epsilon=one_of(0.1, 0.5),
    target=one_of(0, 7),
    top=one_of(0.0, 8.0),
)
def many_classes_do_not_overflow(
    loss: Loss, num_classes: int, epsilon: float, target: int, top: float
) -> None:
    epsilon = loss.allowed(epsilon, num_classes)
    logits = np.zeros((1, num_classes))
    logits[0, 0] = top
    answer = loss(logits, [target], epsilon)
    loss.agree(f"loss over {num_classes} classes", answer.value, *loss.expected(logits, [target], epsilon))


@law(
    "label_smoothing",
    "d(c L)/dz = c dL/dz",
    why="A loss is scaled, weighted and added before backward: its gradient follows what comes after.",
    source="documentation of torch.autograd.Function: backward is given the gradient of the output",
    needs=("gradient", "tensors"),
    dtypes=SINGLE,
    severity="wrong",
    most_examples=12,
    rests_on=("matches_reference", "gradient_is_softmax_minus_target"),
)
@draws(batch=batches(), epsilon=epsilons(), scale=one_of(2.0, -0.5, 1024.0))
def scaled_loss_scales_its_gradient(loss: Loss, batch: Batch, epsilon: float, scale: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    answer = loss(batch.logits, batch.target, epsilon, with_gradient=True, scale=scale)
    right, bound = loss.expected_gradient(batch.logits, batch.target, epsilon)
    loss.agree(f"gradient of {scale} L", answer.gradient, scale * right, 2 * abs(scale) * bound)


@law(
    "label_smoothing",
    "L of a batch does not depend on the batches before it",
    why="A criterion is built once and called for every batch: no call may change what a later one gives.",
    source=_SZEGEDY,
    dtypes=SINGLE,
    most_examples=1,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), earlier=one_of(1, 100))
def earlier_batches_leave_no_trace(loss: Loss, batch: Batch, earlier: int) -> None:
    epsilon = loss.allowed(0.1, batch.num_classes)
    answer = loss(batch.logits, batch.target, epsilon, earlier=earlier)
    right = loss.expected(batch.logits, batch.target, epsilon)
    loss.agree(f"loss after {earlier} other batches", answer.value, *right)


@law(
    "label_smoothing",
    "L and dL/dz of 2^17 logits and more, and of many classes, are what they are of few",
    why="Code for large batches often works block by block, and the last block is shorter than the others.",
    source=_SZEGEDY,
    dtypes=("float32", "bfloat16", "float16"),
    most_examples=1,
    severity="wrong",
    rests_on=(
        "matches_reference",
        "gradient_is_softmax_minus_target",
        "reductions_agree",
        "ignored_targets_do_not_count",
        "class_weights_follow_convention",
        "scaled_loss_scales_its_gradient",
    ),
)
@draws(beside=one_of("nothing", *_BESIDE))
def large_batches_are_no_other(loss: Loss, beside: str) -> None:
    if loss.dtype == "float16" and not _sums_many(loss):
        raise Unasked("it sums in float16, which overflows: one law is about that")
    if _BESIDE.get(beside, "") not in ("", *loss.features):
        raise Unasked(f"it has no {_BESIDE[beside]}")
    larger = {"nothing": (4607, 257), "1535 classes": (100, 1535), "33791 classes": (5, 33791)}
    size, num_classes = larger.get(beside, (767, 257)) if loss.dtype == "float32" else (767, 257)
    wanted = 1.0 if beside == "epsilon 1" else 0.05
    epsilon = loss.allowed(wanted, num_classes)
    logits, target = np.zeros((size, num_classes)), [0] * size
    if num_classes == 257:
        logits[size // 512 * 512 :, 1] = 8.0  # what is left of blocks costs more, and the last class less
        logits[:, -1] = 2.0
    else:
        logits[-1, 1], logits[-1, -1] = 8.0, 4.0
    target[-1] = num_classes - 1
    few = min(num_classes, 257)  # of the classes too: what breaks with many is what is asked
    _alone(loss, logits[-2:, -few:], [0, few - 1], loss.allowed(wanted, few))
    features: dict[str, Any] = {}
    if beside == "ignored samples":
        features["ignore_index"] = loss.ignorable(-100)
        target[1::13] = [features["ignore_index"]] * len(target[1::13])
    elif beside == "a single sample kept":
        features["ignore_index"] = loss.ignorable(-100)
        target[1:] = [features["ignore_index"]] * (size - 1)
    elif beside == "class weights":
        features["weight"] = [0.5 + k % 4 for k in range(num_classes)]
    elif beside in ("none", "sum") and beside in loss.reductions():
        features["reduction"] = beside
    scale, times = 2.0 if beside in ("none", "a slope") else 1.0, 2 if beside == "a second backward" else 1
    # PyTorch's own derivative of many classes is off by a thousand roundings: of their loss alone
    slopes = "gradient" in loss.features and "weight" not in features and num_classes == 257
    if beside == "a second derivative":
        return _curves_as_softmax(loss, logits, target, epsilon)
    if loss.adapter.arrays == "numpy":
        scale = 1.0  # its gradient is a function of its own
    if beside == "torch.func.grad":
        if loss.way("func_grad") == "fails":
            raise Unasked("it does not work under torch.func.grad")
        features["way"] = "func_grad"
    try:
        answer = loss(logits, target, epsilon, with_gradient=slopes, scale=scale, backwards=times, **features)
    except Raised as error:
        if times > 1:
            raise Unasked("its graph is used once, and says so") from error
        if "way" in features and "func_grad" not in loss.adapter.documented:
            raise Unasked("under torch.func.grad it takes no large batch, and says so") from error
        raise
    features.pop("way", None)
    scale *= times
    right, bound = loss.expected(logits, target, epsilon, **features)
    if np.shape(answer.value) != np.shape(right):
        raise Unasked("its reductions have shapes of their own: one law is about that")
    added = max(size, num_classes)  # one after the other: rows, or classes
    running = added * tolerances.UNIT_ROUNDOFF[loss.dtype] * np.abs(right)
    loss.agree(f"loss of {size} samples", answer.value, right, bound + running)
    if slopes:
        right, bound = loss.expected_gradient(logits, target, epsilon, **features)
        shared = 4 * np.sqrt(size) * tolerances.UNIT_ROUNDOFF[loss.precision] * np.abs(right)
        right, bound = scale * right, abs(scale) * (bound + shared)  # of sums over rows, as a random walk's
        loss.agree(f"gradient of {size} samples", answer.gradient, right, bound)


def _alone(loss: Loss, logits: Any, target: list[int], epsilon: float) -> None:
    """What a small batch shows already says nothing of large ones."""
    answer = loss(logits, target, epsilon)
    right, bound = loss.expected(logits, target, epsilon)
    loss.answers.pop()
    alike = np.shape(answer.value) == np.shape(right)
    if not alike or tolerances.worst_ratio(answer.value, right, bound) > 1:
        raise Unasked("it is off in a small batch too: other laws are about that")


def _sums_many(loss: Loss) -> bool:
    """Whether the loss over many classes is a number in half precision."""
    num_classes = 50_000
    try:
        found = loss(np.zeros((1, num_classes)), [0], loss.allowed(0.5, num_classes)).value
    except Raised:
        return False
    finally:
        loss.answers.pop()
    return bool(np.isfinite(found).all())


def _curves_as_softmax(loss: Loss, logits: Any, target: Any, epsilon: float) -> None:
    """The second derivative along the first class."""
    direction = np.zeros(logits.shape)
    direction[:, 0] = len(logits)
    answer = loss(logits, target, epsilon, along=direction)
    p = softmax(logits, axis=1)
    curved = p * (direction - (p * direction).sum(axis=1, keepdims=True))
    share = len(logits) if loss.adapter.default_reduction == "mean" else 1
    bound = len(logits) * tolerances.gradient_error(loss.precision, logits, p, p) * 2 * logits.shape[1]
    loss.agree(f"second derivative of {len(logits)} samples", answer.second, curved / share, bound / share)


@law(
    "label_smoothing",
    "L and dL/dz are the same however z and y lie in memory",
    why="Logits and targets that were permuted, sliced or transposed are like any others.",
    source="documentation of torch.Tensor.view: not every tensor can be viewed as another shape",
    dtypes=SINGLE,
    severity="edge",
    rests_on=("matches_reference", "gradient_is_softmax_minus_target"),
)
@draws(batch=batches(), epsilon=epsilons(), layout=one_of(*LAYOUTS), soft=one_of(False, True))
def memory_layout_does_not_matter(loss: Loss, batch: Batch, epsilon: float, layout: str, soft: bool) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    if soft and "soft_targets" in loss.features:
        hard = np.eye(batch.num_classes)[batch.target]
        rows = (0.75 * hard + 0.25 * np.roll(hard, 1, axis=1)).tolist()
        answer = loss(batch.logits, rows, epsilon, layout=layout)
        right = loss.expected(batch.logits, rows, epsilon)
        loss.agree(f"loss of {layout} tensors of soft targets", answer.value, *right)
    slopes = "gradient" in loss.features
    answer = loss(batch.logits, batch.target, epsilon, with_gradient=slopes, layout=layout)
    right, bound = loss.expected(batch.logits, batch.target, epsilon)
    loss.agree(f"loss of {layout} tensors", answer.value, right, bound)
    if slopes:
        right, bound = loss.expected_gradient(batch.logits, batch.target, epsilon)
        loss.agree(f"gradient of {layout} tensors", answer.gradient, right, bound)


@law(
    "label_smoothing",
    "the error is of float64's size, and so is the result's dtype",
    why="A constant or a step in float32 loses nine digits, silently.",
    source="torch's promotion rules: the documentation of torch.result_type",
    dtypes=("float64",),
    severity="edge",
    rests_on=("matches_reference",),
)
@draws(batch=batches(), epsilon=epsilons())
def float64_keeps_float64(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    answer = loss(batch.logits, batch.target, epsilon)
    loss.same("dtype of the result", answer.dtype, "float64")
    exact = replace(loss, works_in={})
    loss.agree("loss", answer.value, *exact.expected(batch.logits, batch.target, epsilon))


@law(
    "label_smoothing",
    "e < 0, e > 1 and NaN raise",
    why="q would not be a distribution, and the loss would be a plausible number.",
    source=_SZEGEDY,
    needs=("epsilon",),
    dtypes=SINGLE,
    severity="guard",
)
@draws(epsilon=bad_epsilons())
def rejects_bad_epsilon(loss: Loss, epsilon: float) -> None:
    loss.refuses(f"epsilon {epsilon}", lambda: loss([[1.0, 0.0, -1.0]], [0], epsilon), names="epsilon")


@law(
    "label_smoothing",
    "y >= K, and y < 0 unless ignored, raise; -1, -100 and the code's own default may be ignored",
    why=(
        "There is no such class. A row of zeros, or class 0 in its place, gives a wrong loss without a word."
    ),
    source=f"{_TORCH}, shape: 0 <= target < C",
    dtypes=SINGLE,
    devices=("cpu",),
    severity="guard",
)
@draws(batch=batches(), bad=one_of("K", "K+1", -1, -2, -100), place=one_of(0, 1, 2))
def rejects_bad_target(loss: Loss, batch: Batch, bad: object, place: int) -> None:
    wrong = {"K": batch.num_classes, "K+1": batch.num_classes + 1}.get(str(bad), bad)
    target = list(batch.target)
    target[place % batch.size] = wrong  # type: ignore[call-overload]
    unless = []
    if wrong in (-1, -100, loss.adapter.ignored):
        for mean in ("kept", "all"):
            asked = loss.requiring({"ignored_mean": mean})
            unless.append(asked.expected(batch.logits, target, 0.1, ignore_index=wrong))
    loss.refuses(f"target {target}", lambda: loss(batch.logits, target, 0.1), names="target", unless=unless)


@law(
    "label_smoothing",
    "y >= K, and y < 0 unless ignored, raise on any device, where that is said",
    why="On an accelerator such a target is an assertion of the device, after which nothing works there.",
    source="the documentation that the adapter was written from",
    when={"targets_checked": "on_any_device"},
    dtypes=SINGLE,
    devices=("twin",),
    severity="guard",
)
@draws(batch=batches(), bad=one_of("K", -1, "K+1", -2), place=one_of(0, 1, 2))
def rejects_bad_target_on_any_device(loss: Loss, batch: Batch, bad: object, place: int) -> None:
    wrong = {"K": batch.num_classes, "K+1": batch.num_classes + 1}.get(str(bad), bad)
    target = list(batch.target)
    target[place % batch.size] = wrong  # type: ignore[call-overload]
    if wrong == loss.adapter.ignored:
        raise Unasked("it ignores this target without being told")
    epsilon = loss.allowed(0.1, batch.num_classes)
    try:
        loss(batch.logits, target, epsilon)
    except Raised as error:
        if isinstance(error.error, DeviceAssertion):
            raise
        return loss.named(f"target {target}", "target", error)
    raise LawBroken(f"target {target}", "an error, not", "a silent number", target)


@law(
    "label_smoothing",
    "len(y) != N raises; z of shape (N,) and y of shape (N, 1) too, where errors are promised",
    why="Broadcasting would pair samples with targets that are not theirs.",
    source=f"{_TORCH}, shape",
    dtypes=SINGLE,
    severity="guard",
)
@draws(batch=batches(min_size=2), kept=one_of(1, 0), odd=one_of("count", "column", "flat"))
def rejects_bad_shapes(loss: Loss, batch: Batch, kept: int, odd: str) -> None:
    if loss.conventions.get("errors") != "named":
        odd = "count"  # the others may be read as something else, where nobody says that they are looked at
    if odd == "column":
        right, bound = loss.expected(batch.logits, batch.target, loss.allowed(0.1, batch.num_classes))
        alike = [
            (np.reshape(right, shape), bound)
            for shape in {np.shape(right), (batch.size, 1)}
            if np.size(right) == np.prod(shape, dtype=int)
        ]
        column = [[y] for y in batch.target]
        ask = partial(loss, batch.logits, column, loss.allowed(0.1, batch.num_classes))
        return loss.refuses("targets in a column", ask, names="target", unless=alike)
    if odd == "flat":
        flat = [row[0] for row in batch.logits]
        ask = partial(loss, flat, batch.target, loss.allowed(0.1, batch.num_classes))
        return loss.refuses("logits without classes", ask, names="logits target")
    target = batch.target[:kept] if kept else [*batch.target, 0]
    loss.refuses(
        f"{len(target)} targets for {batch.size} samples",
        lambda: loss(batch.logits, target, 0.1),
        names="target",
    )


@law(
    "label_smoothing",
    "len(w) != K raises",
    why="Broadcasting would weigh classes with weights that are not theirs.",
    source=f"{_TORCH}, weight: of size C",
    needs=("weight",),
    dtypes=SINGLE,
    severity="guard",
)
@draws(batch=batches(), off=one_of(1, -1))
def rejects_bad_weight(loss: Loss, batch: Batch, off: int) -> None:
    count = batch.num_classes + off if batch.num_classes > 2 else 3  # one weight is a scale, to some
    weight = [0.5] * count
    epsilon = loss.allowed(0.1, batch.num_classes)
    what = f"{len(weight)} weights for {batch.num_classes} classes"
    loss.refuses(what, partial(loss, batch.logits, batch.target, epsilon, weight=weight), names="weight")


@law("label_smoothing", **WHEN_BUILT)
@draws()
def refuses_when_built(loss: Loss) -> None:
    asks_when_built(loss)


@law(
    "label_smoothing",
    "z, y and w hold the same values after the call",
    why="The caller may use them again, as gradient accumulation and metrics do.",
    source="the same fault in labels: Megvii-BaseDetection/YOLOX pull 275",
    severity="wrong",
)
@draws(batch=batches(), epsilon=epsilons(), soft=one_of(False, True))
def inputs_not_modified(loss: Loss, batch: Batch, epsilon: float, soft: bool) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    features: dict[str, Any] = {}
    if soft and "soft_targets" in loss.features:
        rows = (0.75 * np.eye(batch.num_classes)[batch.target] + 0.25 / batch.num_classes).tolist()
        answer = loss(batch.logits, rows, epsilon, look_after=True)
        loss.same("logits after the call", answer.after["logits"], loss.rounded(batch.logits))
        loss.same("target after the call", answer.after["target"], loss.rounded(rows))
    if "weight" in loss.features:
        features["weight"] = [1.0 + k for k in range(batch.num_classes)]
    if "ignore_index" in loss.features:
        features["ignore_index"] = loss.ignorable(batch.target[0])
    answer = loss(batch.logits, batch.target, epsilon, look_after=True, **features)
    loss.same("logits after the call", answer.after["logits"], loss.rounded(batch.logits))
    loss.same("target after the call", answer.after["target"], np.asarray(batch.target, float))
    if "weight" in features:
        loss.same("weight after the call", answer.after["weight"], loss.rounded(features["weight"]))


@law(
    "label_smoothing",
    "K = 1: L = 0;  N = 0: nothing, an error, or 0/0 (mean) and 0 (sum)",
    why=(
        "With a single class the loss is 0. The mean over no samples is NaN or an error, never a "
        "plausible number."
    ),
    source=f"{_TORCH}; IEEE 754: 0/0 is NaN",
    severity="edge",
    rests_on=("matches_reference",),
)
@draws(empty=one_of(False, True), epsilon=epsilons(), size=one_of(1, 2))
def edge_batches(loss: Loss, empty: bool, epsilon: float, size: int) -> None:
    epsilon = loss.allowed(epsilon, 3 if empty else 1)
    if not empty:
        single = partial(loss, [[1.5]] * size, [0] * size, epsilon)
        nothing = loss.reduced([0.0] * size)
        if loss.off_target == "others":
            if loss.conventions.get("errors") != "named":
                raise Unasked("e/(K-1) is not defined for one class")
            names = "logits off_target num_classes"
            return loss.refuses("one class", single, names=names, unless=[(nothing, 2e-5)])
        loss.agree("loss of one class", single().value, nothing, 2e-5)
        return
    values = {"mean": np.nan, "sum": 0.0, "none": np.zeros(0)}
    right = np.asarray(values[loss.adapter.default_reduction])

    def ask() -> Answer:
        answer = loss(np.zeros((0, 3)), [], epsilon)
        if answer.value.size == 0:
            answer.value = right
        return answer

    loss.refuses("an empty batch", ask, unless=[(right, 0.0)])


@law(
    "label_smoothing",
    "L(z, y) twice gives the same bits",
    why="Nothing in the formula is random, and no state is kept between calls.",
    source=_SZEGEDY,
    devices=("cpu",),
    severity="wrong",
)
@draws(batch=batches(), epsilon=epsilons())
def repeats(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    # under other seeds: a program then draws what was drawn here, and shows the same
    first, *others = (loss(batch.logits, batch.target, epsilon, seed=seed) for seed in range(5))
    for other in others:
        loss.same("loss of a later call", other.value, first.value)


@law(
    "label_smoothing",
    "L is where z and y are",
    why="What is made on the CPU beside them is refused; what comes back there fails in the next step.",
    source="PyTorch's notes on CUDA semantics: operations take tensors of one device",
    dtypes=SINGLE,
    devices=ACCELERATORS,
    needs=("devices",),
    even_if_refused=True,
    severity="edge",
)
@draws(batch=batches(), epsilon=epsilons())
def stays_on_its_device(loss: Loss, batch: Batch, epsilon: float) -> None:
    loss.stays(loss(batch.logits, batch.target, loss.allowed(epsilon, batch.num_classes), with_gradient=True))


@law(
    "label_smoothing",
    "the host waits for the device no more often for N samples than for 2",
    why=(
        "At each wait the CPU stands still until the device has finished: with one wait per sample, a "
        "batch is as slow as N calls."
    ),
    source="documentation of torch.cuda.set_sync_debug_mode; PyTorch's performance tuning guide, avoid "
    "unnecessary CPU-GPU synchronization",
    dtypes=SINGLE,
    devices=("twin",),
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(size=one_of(6, 3, 12))
def waits_for_device(loss: Loss, size: int) -> None:
    epsilon = loss.allowed(0.1, 3)
    few, many = (loss.waited(partial(loss, [[0.0, 1.0, 2.0]] * n, [1] * n, epsilon)) for n in (2, size))
    loss.at_most(f"number of waits for {size} samples", many, few)


_WAYS = (
    "documentation of torch.func, torch.autocast, torch.inference_mode and torch.compile: the same results"
)


@law(
    "label_smoothing",
    "L under vmap, func.grad, autocast, inference mode, deterministic algorithms, and pickled, is L",
    why="PyTorch may call a loss in another way; where it works, the value is the same.",
    source=_WAYS,
    needs=("tensors",),
    dtypes=SINGLE,
    devices=("cpu",),
    most_examples=3,
    severity="wrong",
    rests_on=("matches_reference", "gradient_is_softmax_minus_target"),
)
@draws(batch=batches(), epsilon=epsilons())
def matches_reference_under_transforms(loss: Loss, batch: Batch, epsilon: float) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    _agrees_under(loss.quick_ways(), loss, batch, epsilon)


@law(
    "label_smoothing",
    "L compiled, and exported, is L",
    why="A compiler may reorder what a loss does, not change it.",
    source=_WAYS,
    needs=("tensors",),
    dtypes=SINGLE,
    devices=("cpu",),
    most_examples=1,
    dear=True,
    severity="wrong",
    rests_on=("matches_reference",),
)
@draws(way=one_of(*COMPILED))
def matches_reference_under_compile(loss: Loss, way: str) -> None:
    batch = Batch([[8.0, -8.0, 0.5], [0.0, 0.25, 0.0], [-4.0, 4.0, 1.0]], [0, 2, 1])
    _agrees_under([way], loss, batch, loss.allowed(0.1, 3))


def _agrees_under(ways: list[str], loss: Loss, batch: Batch, epsilon: float) -> None:
    working = [way for way in ways if loss.way(way) != "fails"]
    if not working:
        raise Unasked("it works in none of these ways")
    for way in working:
        judged = replace(loss, works_in={loss.dtype: dtype_name(AUTOCAST)}) if way == "autocast" else loss
        try:
            answer = loss(
                batch.logits, batch.target, epsilon, with_gradient=way == "func_grad", way=loss.tried(way)
            )
        except Raised:
            if way in loss.adapter.documented:
                raise
            continue  # that it does not work for some input is no fault either
        right = judged.expected(batch.logits, batch.target, epsilon)
        loss.agree(f"loss under {way}", answer.value, *right)
        if way == "func_grad":
            slope = loss.expected_gradient(batch.logits, batch.target, epsilon)
            loss.agree("gradient by torch.func.grad", answer.gradient, *slope)


def _left_out(loss: Loss, target: list[int], num_classes: int, epsilon: float) -> object:
    """H(q), reduced, where the convention leaves it out of the loss."""
    if loss.offset != "kl":
        return 0.0
    q = reference.smoothed_targets(target, num_classes, epsilon, loss.off_target)
    return loss.reduced(reference.entropy(q))
