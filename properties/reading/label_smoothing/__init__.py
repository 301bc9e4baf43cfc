"""What a label-smoothed loss computes: what is done to the logits, q in e and K, and what a batch adds."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from scipy.special import log_softmax

from lawful.properties.reading.label_smoothing import batches, options, slopes
from lawful.properties.reading.label_smoothing.formulas import fitted
from lawful.properties.reading.label_smoothing.one_row import Asked
from lawful.properties.reading.label_smoothing.q import NAMED, Named, Q, read_q, uneven
from lawful.properties.reading.records import REFUSED, Looked, Notes, Off, Reading
from lawful.properties.registry import resting
from lawful.properties.subjects.label_smoothing import Loss

Array = Any
ON_Q = resting("label_smoothing", "matches_reference")
"""Laws that break with q."""
_RULE = "Label smoothing asks for q = (1 - e) onehot(y) + e/K"


def look(subject: Loss) -> Looked | None:
    """The reading of a loss, and what is off in it; None where nothing could be read."""
    asked = Asked.of(subject)
    q = read_q(asked)
    if q is None:
        return _at_random(asked) or _over_the_samples(asked)
    notes = Notes()
    _say_logits(q, notes)
    _say_q(q, notes) if q.formulas is not None else _say_numbers(q, notes)
    if q.formulas is not None and q.done.name == "log_softmax":
        for part in _PARTS:
            with contextlib.suppress(*REFUSED):
                part(q, notes)
            if not q.reduction:  # what is reduced otherwise hides what comes after
                break
    with contextlib.suppress(*REFUSED):
        options.overwritten(asked, notes)
    right = not notes.off if q.formulas is not None else False if notes.off else None
    text = "; ".join(notes.words)
    return Looked(Reading("label_smoothing", text, _latex(q, notes), notes.parts, right), tuple(notes.off))


def _say_logits(q: Q, notes: Notes) -> None:
    notes.parts["logits"] = q.done.name
    if q.done.words:
        notes.words.append(q.done.words)
        notes.off.append(_wrong_logits(q))


def _wrong_logits(q: Q) -> Off:
    if q.done.name == "none":
        near = 10 * q.asked.tolerance
        sums = [a + (k - 1) * b for a, b, (_, k) in zip(q.own, q.other, q.points, strict=True)]
        logs = [total * np.log(k) for total, (_, k) in zip(sums, q.points, strict=True)]
        if np.allclose(logs, q.constants, rtol=0, atol=near):
            return Off(
                "takes log K in place of the logarithm of sum_k exp(z_k): log p_k = z_k - log K, which is "
                "right for logits of 0 alone. Use torch.log_softmax(z, dim=1).",
                ON_Q,
                "X04",
            )
        return Off(
            "weighs the logits themselves: -sum_k q_k z_k, without a softmax. Use torch.log_softmax(z, "
            "dim=1) in place of z.",
            ON_Q,
        )
    if q.done.name == "softmax twice":
        return Off(
            "takes a softmax of the softmax: probabilities go where logits should. Leave the first softmax "
            "out.",
            ON_Q,
        )
    if q.done.name == "softmax":
        return Off(
            "leaves the logarithm out: -sum_k q_k p_k. The loss is -sum_k q_k log p_k: use "
            "torch.log_softmax(z, dim=1).",
            ON_Q,
        )
    if q.done.name == "sigmoid":
        return Off(
            "takes a sigmoid of each class, as for labels that do not exclude each other. Of classes that "
            "do, the probabilities sum to 1: use torch.log_softmax(z, dim=1).",
            ON_Q,
        )
    return Off(f"computes {q.done.words}. The loss is of torch.log_softmax(z, dim=1).", ON_Q)


def _say_q(q: Q, notes: Notes) -> None:
    assert q.formulas is not None
    own, other = q.formulas
    point = (q.asked.loss.allowed(0.1, 3), 3)
    total = [own.value(e, k) + (k - 1) * other.value(e, k) for e, k in q.points]
    near = 10 * q.asked.tolerance
    formula = fitted(total, q.points, near)
    one = np.allclose(total, 1, rtol=0, atol=near)
    said = (
        "1"
        if one
        else formula.text
        if formula
        else f"{total[0]:.4g} at e = {q.points[0][0]:g}, K = {q.points[0][1]}"
    )
    notes.parts["q"] = {"own": own.text, "other": other.text, "sum": said, "convention": ""}
    _picture(notes, *point, q.of(0, *point), 0)
    notes.words.append(f"q_y = {own.text}, q_k = {other.text} (sum {said})")
    if q.entropy:
        notes.words[-1] += ", less the entropy of q"
    elif q.done.name == "log_softmax" and max(map(abs, q.constants)) > near:
        _say_constant(q, notes)
    if q.asked.loss.adapter.fixed_epsilon is not None:
        notes.words[-1] += f", e = {point[0]:g}"
    if q.scale != 1:
        _say_scale(q, notes)
    if q.named is not None and q.named.right:
        notes.parts["q"]["convention"] = q.named.right
        _say_promise(q, q.named, notes)
        return
    sums = f": they sum to {said}" if said != "1" else ""
    advice = q.named.advice if q.named else f"{_RULE}: q_y = 1 - e + e/K, q_k = e/K."
    text = f"computes q_y = {own.text} and q_k = {other.text}{sums}. {advice}"
    always, times = _epsilon_of_its_own(q), _share_of_epsilon(q)
    if always is not None:
        text = f"smooths with e = {always:.4g}, whatever epsilon is. Put the epsilon that is passed into q."
    elif times is not None:
        text = (
            f"smooths with {times:.4g} of epsilon: q_y = {own.text} and q_k = {other.text}. Put epsilon "
            "itself into q."
        )
    notes.off.insert(0, Off(text, ON_Q, q.named.fault if q.named else None))


def _picture(notes: Notes, epsilon: float, classes: int, row: Array, target: int) -> None:
    """Bars of q beside those of the right q."""
    notes.parts["picture"] = {
        "classes": classes,
        "epsilon": epsilon,
        "target": target,
        "q": [round(float(x), 6) for x in row],
        "right": [round(float(x), 6) for x in _right(epsilon, classes, target)],
    }


def _right(epsilon: float, classes: int, target: int) -> Array:
    q = np.full(classes, epsilon / classes)
    q[target] += 1 - epsilon
    return q


def _say_constant(q: Q, notes: Notes) -> None:
    constant = fitted(q.constants, q.points, 10 * q.asked.tolerance)
    (e, k), shown = q.points[0], f"{q.constants[0]:.4g}"
    notes.words[-1] += (
        f", and a constant of {constant.text if constant else f'{shown} at e = {e:g}, K = {k}'}"
    )
    notes.off.append(
        Off(
            f"adds a constant of {shown} (e = {e:g}, K = {k}). Cross-entropy is -sum_k q_k log p_k alone, or "
            "that less the entropy of q: leave the constant out.",
            ON_Q,
        )
    )


def _say_scale(q: Q, notes: Notes) -> None:
    base = next((b for b in (2, 10) if abs(q.scale - 1 / np.log(b)) < 1e-4), None)
    notes.words[-1] += f", times {q.scale:.5g}"
    text = (
        f"takes logarithms to base {base}: {q.scale:.5g} times the loss in nats. Use torch.log_softmax, "
        "whose logarithm is natural."
        if base
        else f"gives {q.scale:.5g} times the loss. Leave the factor out: it changes the size of every step."
    )
    notes.off.append(Off(text, ON_Q))


def _epsilon_of_its_own(q: Q) -> float | None:
    """The e of a right q that does not move with the epsilon that is passed."""
    if q.asked.loss.adapter.fixed_epsilon is not None or len({e for e, _ in q.points}) < 2:
        return None
    near = 100 * q.asked.tolerance
    found = [k * b for b, (_, k) in zip(q.other, q.points, strict=True)]
    sums = [a + (k - 1) * b for a, b, (_, k) in zip(q.own, q.other, q.points, strict=True)]
    even = np.ptp(found) < near and np.allclose(sums, 1, rtol=0, atol=near)
    return float(found[0]) if even and found[0] > near else None


def _share_of_epsilon(q: Q) -> float | None:
    """c, where q is a right one of c e."""
    sums = [a + (k - 1) * b for a, b, (_, k) in zip(q.own, q.other, q.points, strict=True)]
    near = 100 * q.asked.tolerance
    if not np.allclose(sums, 1, rtol=0, atol=near):
        return None
    for over in (0, 1):  # all classes, or the others
        found = [(k - over) * b / e for b, (e, k) in zip(q.other, q.points, strict=True) if e > 0]
        if found and np.ptp(found) < 10 * near < abs(found[0]):
            return float(found[0])
    return None


def _say_promise(q: Q, named: Named, notes: Notes) -> None:
    """A right q that is another than the documented one."""
    said = q.asked.loss.adapter.documented.get("off_target")
    forms = {each.right: each for each in NAMED if each.right}
    if said in (None, named.right) or said not in forms:
        return
    asked = forms[said]
    text = (
        f"computes q_y = {named.own.text} and q_k = {named.other.text}, and is documented to compute q_y = "
        f"{asked.own.text} and q_k = {asked.other.text}. Both sum to 1: change the code, or the "
        "documentation."
    )
    known = "L11" if (named.right, said) == ("others", "uniform") else None
    notes.off.insert(0, Off(text, ON_Q, known))


def _say_numbers(q: Q, notes: Notes) -> None:
    """No formula: the numbers beside the right ones, and nothing guessed."""
    epsilon, classes = q.at
    target = 0 if len(q.rows) == classes else 1
    row, right = q.rows[0][:classes], _right(epsilon, classes, target)
    _picture(notes, epsilon, classes, row, target)
    shown = f"q = {_listed(row)} at e = {epsilon:g}, K = {classes}, y = {target}"
    notes.words.append(f"{shown}, where {_listed(right)} is usual")
    if q.done.words:
        return
    odd = uneven(q)
    if odd is not None and odd[0] >= 0:
        near = 10 * q.asked.tolerance
        usual = float(np.median(q.rows[:, :classes][~np.eye(classes, dtype=bool)]))
        others = [high if odd[1] < usual else low for low, high in q.ranges]
        own, other = (fitted(values, q.points, near) for values in (q.own, others))
        share = "nothing" if abs(odd[1]) < near else f"{odd[1]:.4g}"
        rest = f"q_k = {other.text}" if other else f"{usual:.4g}"
        text = (
            f"gives class {odd[0]} {share} where it is not the target, and the other wrong classes {rest} (e "
            f"= {epsilon:g}, K = {classes}). No class is special: each has q_k = e/K, but one that is told "
            "to be ignored."
        )
        left_out = share == "nothing" and own is not None and other is not None
        known = "L06" if left_out and (own.text, other.text) == ("1 - e", "e/(K - 2)") else None  # type: ignore[union-attr]
        notes.off.append(Off(text, ON_Q, known))
        return
    text = f"computes {shown}. {_RULE}: {_listed(right)}."
    notes.off.append(Off(text, ON_Q, vague=True))


def _listed(values: Array) -> str:
    return "[" + ", ".join(f"{round(float(x), 9) + 0.0:.4g}" for x in values) + "]"


def _latex(q: Q, notes: Notes) -> str:
    less = r" - H(q)" if q.entropy else ""
    of = r"(z_k - \log K)" if any(each.fault == "X04" for each in notes.off) else q.done.latex
    sum_of = rf"L = -\sum_k q_k \, {of}{less}"
    if q.formulas is None:
        return sum_of
    own, other = q.formulas
    return rf"{sum_of}, \quad q_y = {own.latex}, \quad q_{{k \ne y}} = {other.latex}"


def _at_random(asked: Asked) -> Looked | None:
    """Another loss each time that the same batch is passed."""
    epsilon, rng = asked.loss.allowed(0.3, 5), np.random.default_rng(6)
    logits, target = rng.normal(0, 1, (8, 5)), [y % 5 for y in range(8)]
    values = [float(np.sum(asked.value(logits, target, epsilon))) for _ in range(6)]
    if np.ptp(values) < 100 * asked.tolerance:
        return None
    reading = Reading("label_smoothing", "another loss each time", "", {"repeats": False}, False)
    text = (
        f"gives other losses for the same batch: {min(values):.4g} to {max(values):.4g} in 6 calls. Nothing "
        "in q = (1 - e) onehot(y) + e/K is random: draw nothing in the loss."
    )
    return Looked(reading, (Off(text, ON_Q | {"repeats"}),))


def _over_the_samples(asked: Asked) -> Looked | None:
    """A softmax over the samples: of one sample nothing is left."""
    epsilon = asked.loss.allowed(0.3, 4)
    rng = np.random.default_rng(4)
    logits, target = asked.loss.rounded(rng.normal(0, 1, (3, 4))), [1, 2, 1]
    with contextlib.suppress(*REFUSED):
        value = float(np.sum(asked.value(logits, target, epsilon)))
        q = np.stack([_right(epsilon, 4, y) for y in target])
        whole = float(-(q * log_softmax(logits, axis=0)).sum())
        if min(abs(whole - value), abs(whole / 3 - value)) < 100 * asked.tolerance:
            reading = Reading(
                "label_smoothing",
                "the log-softmax over the samples; q_y = 1 - e + e/K, q_k = e/K (sum 1)",
                r"L = -\sum_i \sum_k q_{ik} \log \operatorname{softmax}_i(z)_{ik}",
                {"logits": "softmax over the samples"},
                False,
            )
            text = "takes the softmax over the samples, dimension 0. The classes are dimension 1: dim=1."
            return Looked(reading, (Off(text, ON_Q),))
    return None


_PARTS = (
    batches.divisor,
    slopes.two_classes,
    slopes.gradient,
    slopes.ends,
    slopes.extremes,
    slopes.overflow,
    batches.reductions,
    options.ignored,
    options.weights,
    options.soft,
    batches.dense,
)
"""What is asked where q is a formula, and log-probabilities are weighed."""
