"""Where one row is not what its formula says: its gradient, the ends of epsilon, and sure predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax

from lawful.properties.reading.label_smoothing.formulas import fitted
from lawful.properties.reading.label_smoothing.q import HALVED, Q
from lawful.properties.reading.label_smoothing.samples import (
    CLASSES,
    classes_of,
    drawn,
    epsilon_of,
    laws,
    near,
    singles,
)
from lawful.properties.reading.records import Notes, Off

Array = Any


def gradient(q: Q, notes: Notes) -> None:
    """Whether it is the derivative of the value, and whether it follows what comes after."""
    if "gradient" not in q.asked.loss.features:
        return
    own: list[float] = []
    other: list[float] = []
    sums: list[float] = []
    proper = True
    for epsilon, classes in q.points:
        target = next(y for y in (1, 0) if y != q.asked.loss.adapter.ignored)
        z = drawn(q, 1, 7 * classes, classes)
        slope = q.asked.loss(z.tolist(), [target], epsilon, with_gradient=True).gradient[0]
        slope = slope * q.times(classes)
        p, right = softmax(z[0]), q.of(target, epsilon, classes)
        proper &= near(q, slope, right.sum() * p - right)
        table = np.zeros((classes, 3))
        table[:, 0] = p
        table[target, 1] = table[np.arange(classes) != target, 2] = -1
        fit, *_ = np.linalg.lstsq(table, slope, rcond=None)
        if not near(q, table @ fit, slope):
            sums.append(np.nan)
            continue
        for each, value in zip((sums, own, other), fit, strict=True):
            each.append(float(value))
    every = laws("gradient_is_softmax_minus_target")
    notes.parts["gradient"] = "that of the value"
    if not proper:
        _say_slope(q, notes, own, other, sums, every)
        return
    z, targets, epsilon = drawn(q, 3, 3), classes_of(q, 3), epsilon_of(q)
    plain, scaled = (
        q.asked.loss(z.tolist(), targets, epsilon, with_gradient=True, scale=scale).gradient
        for scale in (1.0, 3.0)
    )
    if not near(q, scaled, 3 * plain) and near(q, scaled, plain):
        notes.parts["gradient"] = "that of the value, whatever multiplies it"
        notes.words.append("a gradient that ignores what comes after the loss")
        text = (
            "gives 3 L the gradient of L: its own backward ignores the gradient of its output, so that a "
            "loss that is scaled, weighted or added trains as if it were not. Multiply by what backward is "
            "passed."
        )
        notes.off.append(Off(text, laws("scaled_loss_scales_its_gradient"), "X17"))


def _say_slope(
    q: Q, notes: Notes, own: list[float], other: list[float], sums: list[float], every: frozenset[str]
) -> None:
    near = 30 * q.asked.tolerance
    if np.any(np.isnan(sums)):
        notes.parts["gradient"] = "another"
        notes.words.append("a gradient that is not the derivative of the value")
        notes.off.append(
            Off(
                "has a gradient that is not the derivative of its value: p - q for each row.",
                every,
                vague=True,
            )
        )
        return
    if np.abs([*own, *other, *sums]).max() < near:
        notes.parts["gradient"] = "0"
        notes.words.append("no gradient")
        text = (
            "has a gradient of 0: the loss is cut off from the logits, as by detach(), item() or no_grad()."
        )
        notes.off.append(Off(text, every))
        return
    assert q.formulas is not None
    found = [fitted(each, q.points, near) for each in (own, other, sums)]
    if found[0] is None or found[1] is None or found[2] is None:
        notes.parts["gradient"] = "another"
        notes.words.append("a gradient that is not the derivative of the value")
        notes.off.append(
            Off(
                "has a gradient that is not the derivative of its value: p - q for each row.",
                every,
                vague=True,
            )
        )
        return
    a, b, s = (each.text for each in found if each is not None)
    notes.parts["gradient"] = {"own": a, "other": b, "p": s}
    notes.words.append(f"a gradient of ({s}) p less {a} for the target, {b} for the others")
    right = [each.text for each in q.formulas]
    if (a, b, s) == ("1 - e", "0", "1 - e") and right == ["1 - e + e/K", "e/K"]:
        text = (
            "has the gradient of the target's term alone, (1 - e)(p - onehot(y)): the uniform term is "
            "detached, and nothing is learnt from it. Differentiate both terms: the gradient is p - q."
        )
        notes.off.append(Off(text, every, "X01"))
        return
    text = (
        f"has a gradient that is not the derivative of its value: ({s}) p less {a} on the target and {b} on "
        f"the others, where q_y = {right[0]} and q_k = {right[1]} give p - q. A part of the loss is "
        "detached, or its own backward is wrong."
    )
    notes.off.append(Off(text, every))


def ends(q: Q, notes: Notes) -> None:
    """epsilon 0 and 1."""
    loss = q.asked.loss
    z, target = drawn(q, 1, 11), classes_of(q, 1)
    for feature, epsilon in (("epsilon_zero", 0.0), ("epsilon_one", 1.0)):
        if feature not in loss.features or loss.allowed(epsilon, CLASSES) != epsilon:
            continue
        value = float(np.sum(q.asked.value(z, target, epsilon)))
        right = singles(q, z, target, epsilon)[0]
        if near(q, value, right):
            continue
        notes.parts[f"at {epsilon:g}"] = str(value)
        notes.words.append(f"{value:.4g} at e = {epsilon:g}")
        law = "zero_epsilon_is_cross_entropy" if epsilon == 0 else "one_epsilon_ignores_target"
        if not np.isfinite(value):
            text = (
                f"is {value} at e = {epsilon:g}, with finite logits. q has zeros there, and 0 log 0 has to "
                "count as 0: use torch.xlogy(q, q), or leave out what q makes 0."
            )
            notes.off.append(Off(text, laws(law, "matches_reference"), "L07" if epsilon == 0 else None))
            continue
        text = f"gives {value:.4g} at e = {epsilon:g}, where its own formula gives {right:.4g}."
        notes.off.append(Off(text, laws(law, "matches_reference"), vague=True))


def two_classes(q: Q, notes: Notes) -> None:
    """Some treat two classes apart."""
    points = []
    for wanted in (0.1, 0.3):
        epsilon = q.asked.loss.allowed(wanted, 2)
        target = 1 if q.asked.loss.adapter.ignored != 1 else 0
        row = q.asked.row(q.done, epsilon, 2, target)
        if row is None:
            return
        times = q.times(2)
        points.append((epsilon, times * row.q[target], times * row.q[1 - target]))
    assert q.formulas is not None
    near = 30 * q.asked.tolerance

    def are(own: Any, other: Any) -> bool:
        return all(abs(own(e, 2) - a) < near and abs(other(e, 2) - b) < near for e, a, b in points)

    if are(q.formulas[0].value, q.formulas[1].value):
        return
    e, a, b = points[0]
    notes.parts["q of two classes"] = {"epsilon": e, "own": round(a, 6), "other": round(b, 6)}
    if are(HALVED.own.value, HALVED.other.value):
        notes.words.append("for two classes q_y = (1 + e)/2, q_k = e/2")
        text = (
            "computes q_y = (1 + e)/2 and q_k = e/2 where there are two classes: e is added, and all is "
            "halved, so that they sum to 1/2 + e. Take e away from the target first: q_y = 1 - e + e/2, q_k "
            "= e/2."
        )
        notes.off.insert(0, Off(text, laws("matches_reference", "zero_epsilon_is_cross_entropy"), "L05"))
        return
    notes.words.append(f"for two classes q = ({a:.4g}, {b:.4g}) at e = {e:g}")
    right = q.formulas[0].value(e, 2), q.formulas[1].value(e, 2)
    text = (
        f"computes q_y = {a:.4g} and q_k = {b:.4g} where there are two classes (e = {e:g}); for more classes "
        f"its formula gives {right[0]:.4g} and {right[1]:.4g}. Use one formula for any number of classes."
    )
    notes.off.append(Off(text, laws("matches_reference")))


def extremes(q: Q, notes: Notes) -> None:
    """Sure predictions: probabilities that are clamped show there."""
    epsilon, target = epsilon_of(q), classes_of(q, 1)
    wide = [drawn(q, 1, seed, scale=8.0) for seed in range(6)]
    values = [float(np.sum(q.asked.value(z, target, epsilon))) for z in wide]
    right = [singles(q, z, target, epsilon)[0] for z in wide]
    if near(q, values, right):
        return
    far = np.zeros((1, CLASSES))
    own = target[0]
    weights = q.of(own, epsilon, CLASSES)
    another = (own + 1) % CLASSES
    far[0, another] = 60.0  # p of the others is e^-60, that of this one 1
    rest = 1 - weights[another] if weights.sum() > 0.999 else weights.sum() - weights[another]
    low = float(np.exp(-np.sum(q.asked.value(far, target, epsilon)) / rest))
    far = np.zeros((1, CLASSES))
    far[0, own] = 60.0
    sure = float(np.sum(q.asked.value(far, target, epsilon)))
    tail = (weights.sum() - weights[own]) * -np.log(max(low, np.exp(-60.0)))
    high = float(np.exp(-(sure - tail) / weights[own])) if weights[own] else 1.0
    low, high = (0.0 if low < 1e-20 else low), min(1.0, high)

    def clamped(z: Array) -> float:
        p = softmax(z[0]).clip(low, high)
        return float(-(weights * np.log(p)).sum())

    for _ in range(20):  # each end is read beside the other
        far[0, own], far[0, another] = 0.0, 60.0
        top = weights[another] * -np.log(high)
        low_again = np.exp(-(float(np.sum(q.asked.value(far, target, epsilon))) - top) / rest)
        low = float(low_again) if low_again > 1e-20 else 0.0
        far[0, own], far[0, another] = 60.0, 0.0
        tail = (weights.sum() - weights[own]) * -np.log(max(low, np.exp(-60.0)))
        high = min(1.0, float(np.exp(-(sure - tail) / weights[own])))
    every = laws("matches_reference", "extreme_logits_stay_finite", "convex_in_logits", "edge_batches")
    fits = not q.entropy and q.times(CLASSES) == 1 and near(q, values, [clamped(z) for z in wide], 1000.0)
    if fits and (low > 1e-20 or high < 1 - 1e-12):
        ends = f"[{low:.3g}, {high:.6g}]" if low > 0 else f"at most {high:.6g}"
        notes.parts["clamp"] = [low, high]
        notes.words.append(f"probabilities clamped to {ends}")
        harm = (
            f"a class that is less likely than {low:.3g} costs no more, and gets no gradient"
            if low > 0
            else f"a prediction that is surer than {high:.6g} costs no less, and gets no gradient"
        )
        text = (
            f"clamps the probabilities to {ends} before the logarithm: {harm}. Leave the clamp out: "
            "torch.log_softmax(z, dim=1) is finite for finite logits."
        )
        known = {(0.01, 0.99): "X03", (0.0, 0.999): "X34"}
        notes.off.append(Off(text, every, known.get((round(low, 6), round(high, 6)))))
        return
    worst = int(np.argmax(np.abs(np.nan_to_num(np.subtract(values, right), nan=np.inf))))
    notes.words.append(f"{values[worst]:.4g} for logits about 8, where the formula gives {right[worst]:.4g}")
    text = (
        f"gives {values[worst]:.4g} for {wide[worst][0].round(3).tolist()}, where its own formula gives "
        f"{right[worst]:.4g}."
    )
    notes.off.append(Off(text, every, vague=True))


def overflow(q: Q, notes: Notes) -> None:
    """exp of a large logit, or the logarithm of a probability that is 0."""
    epsilon, target = epsilon_of(q), classes_of(q, 1)
    single = (
        q.asked.loss.on("cpu", "float32") if "float32" not in q.asked.loss.refused_dtypes else q.asked.loss
    )

    def finite(top: float, bottom: float) -> bool:
        row = np.full(CLASSES, bottom)
        row[0] = top
        return bool(np.all(np.isfinite(single([row.tolist()], target, epsilon).value)))

    if finite(200.0, 0.0):
        return
    every = laws("extreme_logits_stay_finite", "gradient_is_softmax_minus_target")
    if not finite(200.0, 200.0):
        notes.parts["overflow"] = "exp"
        notes.words.append("exp of the logits as they are")
        text = (
            "takes exp of the logits as they are, which overflows in float32 beyond 88. Subtract the "
            "largest first, as torch.log_softmax(z, dim=1) does."
        )
        notes.off.append(Off(text, every, "X07"))
        return
    notes.parts["overflow"] = "log of 0"
    notes.words.append("the logarithm of a softmax that may be 0")
    text = (
        "takes the logarithm of a softmax: a probability below 1e-45 is 0 in float32, and its logarithm "
        "-inf. Use torch.log_softmax(z, dim=1)."
    )
    notes.off.append(Off(text, every))
