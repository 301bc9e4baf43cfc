"""What goes beside logits and classes: ignored samples, class weights, targets that are distributions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.special import log_softmax

from lawful.properties.reading.label_smoothing.one_row import Asked
from lawful.properties.reading.label_smoothing.q import Q
from lawful.properties.reading.label_smoothing.samples import (
    CLASSES,
    classes_of,
    drawn,
    epsilon_of,
    laws,
    near,
)
from lawful.properties.reading.records import Notes, Off
from lawful.reference import label_smoothing as reference

Array = Any


def ignored(q: Q, notes: Notes) -> None:
    """What an ignored sample leaves behind in the sum, and in what the mean divides by."""
    loss = q.asked.loss
    if "ignore_index" not in loss.features and loss.adapter.ignored is None:
        return
    epsilon = epsilon_of(q)
    if "ignore_index" in loss.features:
        index = 3 if loss.conventions.get("ignored_index") == "in_range" else -100
        more: dict[str, Any] = {"ignore_index": index}
    else:
        assert loss.adapter.ignored is not None
        index, more = loss.adapter.ignored, {}
    kept_classes = [y for y in (1, 2, 0) if y != index]
    reduction = q.reduction
    asked = []
    for seed, left_out in ((21, (0, 1, 0, 0, 1)), (22, (1, 0, 0, 1, 1, 0))):
        mask = np.asarray(left_out, bool)
        z = drawn(q, len(mask), seed)
        target = [index if left else kept_classes[i % len(kept_classes)] for i, left in enumerate(mask)]
        asked.append((z, target, mask, q.asked.value(z, target, epsilon, **more)))
    assert q.formulas is not None
    other = q.formulas[1].value(epsilon, CLASSES)

    def remains(z: Array, kind: str) -> float:
        log_p = log_softmax(z)
        if kind == "nothing":
            return 0.0
        if kind == "uniform":
            return float(-other * log_p.sum())
        if kind == "others":
            return float(-other * np.delete(log_p, 0).sum())
        return q.loss(z, q.of(int(kind), epsilon, CLASSES))

    found = []
    kinds = ["nothing", "uniform", "others", "0", str(CLASSES - 1)]
    for kind, counts in itertools.product(kinds, ("kept", "all")):
        fits = True
        for z, target, mask, value in asked:
            losses = np.asarray(
                [
                    remains(row, kind) if left else q.loss(row, q.of(y, epsilon, CLASSES))
                    for row, y, left in zip(z, target, mask, strict=True)
                ]
            )
            size = int((~mask).sum()) if counts == "kept" else len(mask)
            right = losses if reduction == "none" else losses.sum() / (size if reduction == "mean" else 1)
            if reduction == "none" and np.shape(value) == (int((~mask).sum()),):
                right = losses[~mask]
            fits &= near(q, value, right)
        if fits:
            found.append((kind, counts))
    if reduction != "mean":
        found = found[:1]
    if len(found) != 1:
        notes.parts["ignored"] = "other"
        notes.words.append("ignored samples counted in another way")
        text = "counts ignored samples, which belong neither in the sum nor in the mean's divisor."
        notes.off.append(Off(text, laws("ignored_targets_do_not_count"), vague=True))
        return
    kind, counts = found[0]
    notes.parts["ignored"] = {"in the sum": kind, "divisor": counts}
    every = laws("ignored_targets_do_not_count") | {
        "reductions_agree",
        "class_dimension_is_one",
        "rejects_bad_target",
    }
    if kind == "nothing":
        said = (
            "left out"
            if counts == "kept" or reduction != "mean"
            else "left out of the sum, the mean over all"
        )
        notes.words.append(f"ignored samples {said}")
        if counts == "all" and reduction == "mean" and loss.adapter.documented.get("ignored_mean") == "kept":
            text = (
                "divides the mean by all N samples, ignored ones too: the more padding, the smaller the "
                "loss. Divide by the samples that are kept: losses.sum() / (target != ignore_index).sum()."
            )
            notes.off.append(Off(text, every, "L03"))
        return
    words = {
        "uniform": "in the uniform term, -e/K sum_k log p_k",
        "others": "in the term that is spread over the other classes",
    }.get(kind, f"as samples of class {kind}")
    notes.words.append(f"ignored samples count {words}")
    text = (
        f"counts ignored samples {words}: padding trains the model. Leave the whole sample out, after both "
        "terms are added: losses.masked_fill(target == ignore_index, 0)."
    )
    divides = " The mean divides by all samples, too." if counts == "all" and reduction == "mean" else ""
    notes.off.append(Off(text + divides, every, "L02" if kind == "uniform" and counts == "kept" else None))


def weights(q: Q, notes: Notes) -> None:
    """Where class weights enter, and what a weighted mean divides by."""
    loss = q.asked.loss
    if "weight" not in loss.features:
        return
    w = np.asarray([1.0, 2.0, 4.0, 0.5])
    epsilon, reduction = epsilon_of(q), q.reduction
    has_ignored = "ignore_index" in loss.features and loss.conventions.get("ignored_index") != "in_range"

    def of(seed: int, masked: bool) -> tuple[Array, list[int], Array, Any]:
        mask = np.asarray([False, True, False, False, True] if masked else [False] * 5)
        z, target = drawn(q, 5, seed), classes_of(q, 5)
        target = [-100 if left else y for left, y in zip(mask, target, strict=True)]
        more: dict[str, Any] = {"ignore_index": -100} if masked else {}
        return z, target, mask, q.asked.value(z, target, epsilon, weight=w.tolist(), **more)

    found = [
        name
        for name in itertools.product(_WEIGHINGS, _DIVISORS if reduction == "mean" else ("N",))
        if all(near(q, case[3], _weighed(q, w, *case[:3], *name)) for case in (of(31, False), of(32, False)))
    ]
    every = laws("class_weights_follow_convention")
    if len(found) != 1:
        notes.parts["weights"] = "other"
        notes.words.append("class weights in another way")
        notes.off.append(
            Off(
                "weighs classes in a way that is no convention: L = -sum_k w_k q_k log p_k.",
                every,
                vague=True,
            )
        )
        return
    weighing, divides = found[0]
    notes.parts["weights"] = {"weighing": weighing, "divisor": divides if reduction == "mean" else ""}
    by = f", mean over {_DIVIDES[divides]}" if reduction == "mean" else ""
    notes.words.append(f"class weights {_WEIGHINGS[weighing]}{by}")
    if weighing == "none":
        text = (
            "ignores the class weights. They multiply the terms of their classes: L = -sum_k w_k q_k log p_k."
        )
        notes.off.append(Off(text, every))
        return
    documented = loss.adapter.documented
    if divides == "N" and reduction == "mean" and documented.get("weighted_mean") == "weights":
        text = (
            "divides the weighted mean by N. It is documented as torch's, which divides by the weights of "
            "the targets: losses.sum() / weight[target].sum()."
        )
        notes.off.append(Off(text, every, "L08"))
        return
    if divides == "all weights":
        text = (
            "divides the mean by the sum of all class weights. It is over the samples: weight[target].sum()."
        )
        notes.off.append(Off(text, every))
    if not has_ignored or reduction != "mean" or divides != "weights":
        return
    case = of(33, True)
    if near(q, case[3], _weighed(q, w, *case[:3], weighing, "weights")):
        return
    if near(q, case[3], _weighed(q, w, *case[:3], weighing, "weights, class 0 for ignored")):
        notes.words.append("where ignored samples weigh as class 0")
        text = (
            "adds the weight of class 0 to the mean's divisor for each ignored sample, as their target was "
            "replaced by 0. Mask the weights too: (weight[target] * kept).sum()."
        )
        notes.off.append(Off(text, laws("weights_leave_ignored_targets_out"), "X16"))


_WEIGHINGS: Mapping[str, str] = {
    "every_term": "in every term",
    "target_term": "in the target's term alone",
    "normalised_spread": "in the target's term, and divided by their sum in the spread",
    "sample": "by the target's class, for the whole sample",
    "none": "ignored",
}


_DIVIDES: Mapping[str, str] = {
    "weights": "the weights of the targets",
    "N": "N",
    "all weights": "the sum of all class weights",
    "q weights": "sum_k w_k q_k of the samples",
    "weights, class 0 for ignored": "the weights of the targets, class 0 for ignored ones",
}


_DIVISORS = ("weights", "N", "all weights", "q weights")


def _weighed(q: Q, w: Array, z: Array, target: list[int], mask: Array, weighing: str, divides: str) -> Any:
    """Of a batch with class weights, under one hypothesis."""
    epsilon = epsilon_of(q)
    kept = [(row, y) for row, y, left in zip(z, target, mask, strict=True) if not left]
    if q.named is not None and q.named.right and weighing != "none" and divides in ("weights", "N"):
        options: dict[str, Any] = {
            "off_target": q.named.right,
            "weighting": weighing,
            "weighted_mean": "weights" if divides == "weights" else "count",
            "reduction": q.reduction,
            "weight": w,
            "offset": "kl" if q.entropy else "cross_entropy",
        }
        rows, classes = np.asarray([row for row, _ in kept]), [y for _, y in kept]
        if q.reduction != "none":
            return reference.smoothed_loss(rows, classes, epsilon, **options)
        losses = np.zeros(len(z))
        losses[~mask] = reference.smoothed_loss(rows, classes, epsilon, **options)
        return losses
    sums, counts = [], []
    for row, y, left in zip(z, target, mask, strict=True):
        own = q.of(max(y, 0), epsilon, CLASSES)
        weight = w * own if weighing == "every_term" else w[max(y, 0)] * own if weighing == "sample" else own
        sums.append(0.0 if left else float(-weight @ log_softmax(row)))
        usual = {"N": 1.0, "q weights": float(w @ own)}.get(divides, float(w[max(y, 0)]))
        counts.append(usual if not left else float(w[0]) if divides.endswith("ignored") else 0.0)
    if q.reduction == "none":
        return np.asarray(sums)
    divisor = float(w.sum()) if divides == "all weights" else float(np.sum(counts))
    return np.sum(sums) / (divisor if q.reduction == "mean" else 1)


def _smooth(spread: Any, epsilon: float, targets: Array) -> Array:
    return reference.smoothed_targets(targets, CLASSES, epsilon, spread)


def soft(q: Q, notes: Notes) -> None:
    """Targets that are distributions."""
    loss = q.asked.loss
    if "soft_targets" not in loss.features or q.named is None or not q.named.right or q.entropy:
        return
    epsilon = epsilon_of(q)
    t = np.asarray([[0.5, 0.25, 0.25, 0.0], [0.125, 0.125, 0.625, 0.125]])
    z = drawn(q, 2, 41)
    smooth = partial(_smooth, q.named.right, epsilon)
    hard = np.eye(CLASSES)[t.argmax(axis=1)]
    tries = {
        "smoothed": smooth(t),
        "as they are": t,
        "hardened": smooth(hard),
        "smoothed twice": smooth(smooth(t)),
    }
    w = np.asarray([1.0, 2.0, 4.0, 0.5])

    def value(rows: Array) -> Any:
        losses = -(rows * log_softmax(z, axis=1)).sum(axis=1) / q.times(CLASSES)
        kind = q.reduction
        return losses if kind == "none" else losses.sum() if kind == "sum" else losses.mean()

    found = q.asked.value(z, t.tolist(), epsilon)
    fits = [name for name, rows in tries.items() if near(q, found, value(rows))]
    every = laws("soft_target_agrees_with_hard", "mixup_then_smoothing_is_smoothed_mixture")
    notes.parts["soft targets"] = fits[0] if len(fits) == 1 else "other"
    if len(fits) != 1:
        notes.off.append(
            Off("treats targets that are distributions in another way than classes.", every, vague=True)
        )
        return
    notes.words.append(f"soft targets {fits[0]}")
    if fits[0] == "hardened":
        text = (
            "takes the largest class of a target that is a distribution, and forgets the rest. Smooth it as "
            "it is: q = (1 - e) t + e/K."
        )
        notes.off.append(Off(text, every, "X06"))
        return
    if fits[0] != "smoothed":
        verb, end = ("does not smooth", "") if fits[0] == "as they are" else ("smooths", " twice")
        text = f"{verb} targets that are distributions{end}: q = (1 - e) t + e/K for each, as for classes."
        notes.off.append(Off(text, every))
        return
    if "weight" in loss.features:
        weighed = q.asked.value(z, t.tolist(), epsilon, weight=w.tolist())
        if not near(q, weighed, value(w * smooth(t))) and near(q, weighed, value(smooth(t))):
            notes.words[-1] += ", and not weighed"
            text = (
                "leaves class weights out where targets are distributions. They multiply the terms of their "
                "classes there too: -sum_k w_k q_k log p_k."
            )
            notes.off.append(Off(text, every, "X41"))


def overwritten(asked: Asked, notes: Notes) -> None:
    """The caller's tensors after a call."""
    loss, epsilon = asked.loss, asked.loss.allowed(0.3, CLASSES)
    z = loss.rounded(np.random.default_rng(61).normal(0, 1, (3, CLASSES)))
    features = loss.features
    index = 3 if loss.conventions.get("ignored_index") == "in_range" else -100
    more: dict[str, Any] = {"ignore_index": index} if "ignore_index" in features else {}
    target = [1, index if more else 2, 0]
    if loss.adapter.ignored in target:
        return
    w = [1.0, 2.0, 4.0, 0.5]
    more |= {"weight": w} if "weight" in features else {}
    after = loss(z.tolist(), target, epsilon, look_after=True, **more).after
    before = {"logits": z, "target": np.asarray(target, float), "weight": loss.rounded(w)}
    for name, value in after.items():
        if np.array_equal(value, before[name]):
            continue
        notes.parts.setdefault("overwritten", []).append(name)
        notes.words.append(f"overwrites the caller's {name}")
        how, known = _how(name, before[name], value, index if "ignore_index" in more else None)
        text = (
            f"changes the caller's {name} in place{how}. The caller may use them again: work on a copy, with "
            "no operation that ends in _ and no assignment to a part."
        )
        notes.off.append(Off(text, frozenset({"inputs_not_modified"}), known))


def _how(name: str, before: Array, after: Array, index: int | None) -> tuple[str, str | None]:
    if name == "target" and index is not None:
        changed = before != after
        if np.array_equal(changed, before == index) and np.all(after[changed] == 0):
            return ": ignored ones become 0", "X10"
    if name == "logits" and np.allclose(after, before - before.max(axis=1, keepdims=True), atol=1e-6):
        return ": the largest is subtracted", "X11"
    if name == "weight" and np.allclose(after, before / before.sum(), atol=1e-6):
        return ": they are divided by their sum", "X33"
    return "", None
