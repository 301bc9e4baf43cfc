"""What is done to the losses of a batch: the mean's divisor, the reductions, more dimensions."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from scipy.special import log_softmax

from lawful.properties.reading.label_smoothing.q import Q
from lawful.properties.reading.label_smoothing.samples import (
    CLASSES,
    classes_of,
    drawn,
    epsilon_of,
    laws,
    near,
    singles,
)
from lawful.properties.reading.records import REFUSED, Notes, Off

Array = Any


def divisor(q: Q, notes: Notes) -> None:
    """What a mean divides by."""
    loss, epsilon = q.asked.loss, epsilon_of(q)
    reduction = loss.adapter.default_reduction
    over = "N K numbers" if q.per_class else "N"
    if q.per_class:
        how = "F.kl_div(..., reduction='batchmean')" if q.entropy else "-(q * log_p).sum(1).mean()"
        text = (
            "takes the mean over all N K products q_k log p_k: the loss is K times too small, and its size "
            f"depends on K. Sum over the classes, then take the mean over the samples: {how}."
        )
        notes.off.insert(0, Off(text, laws("matches_reference")))
    divisors, found = [], {}
    for rows in (3, 5):
        z, target = drawn(q, rows, rows), classes_of(q, rows)
        value, losses = q.asked.value(z, target, epsilon), singles(q, z, target, epsilon)
        kinds = {
            "mean": losses.mean(),
            "sum": losses.sum(),
            "none": losses,
            "all but the last": losses[:-1].mean(),
            "all but the first": losses[1:].mean(),
        }
        found[rows] = {name for name, right in kinds.items() if near(q, value, right)}
        divisors.append(float(losses.sum() / np.sum(value)) if np.sum(value) else np.nan)
    kinds_found = found[3] & found[5]
    kind = next(iter(kinds_found)) if len(kinds_found) == 1 else "other"
    notes.parts["reduction"] = kind
    q.reduction = kind if kind in ("mean", "sum", "none") else ""
    if kind == reduction:
        words = {"mean": f"mean over {over}", "sum": "sum over the samples", "none": "a loss for each sample"}
        notes.words.append(words[kind])
        return
    if kind.startswith("all but"):
        end = kind.rsplit(" ", 1)[1]
        notes.words.append(f"mean over {kind} sample")
        text = f"leaves the {end} sample of each batch out. The mean is over all N samples."
        notes.off.append(Off(text, laws("matches_reference"), "X05" if end == "last" else None))
        return
    if kind == "other":
        guesses = {
            "N - 1": (2, 4),
            "N + 1": (4, 6),
            "N K": (3 * CLASSES, 5 * CLASSES),
            "N^2": (9, 25),
            "2 N": (6, 10),
        }
        named = [name for name, right in guesses.items() if np.allclose(divisors, right, rtol=1e-3)]
        said = named[0] if named else f"{divisors[0]:.4g} for 3 samples and {divisors[1]:.4g} for 5"
        notes.words.append(f"sum divided by {said}")
        text = f"divides the sum over the samples by {said}. A mean over N samples divides by N."
        notes.off.append(Off(text, laws("matches_reference"), vague=not named))
        return
    words = {"mean": "mean over N", "sum": "sum over the samples", "none": "a loss for each sample"}
    notes.words.append(words[kind])
    argument = loss.adapter.arguments.get("reduction")
    documented = argument is not None and argument.default == reduction
    text = (
        f"gives the {words[kind]}, where {'its documentation says' if documented else 'it is called for'} "
        f"{words[reduction]}."
    )
    known = "XA1" if documented and (kind, reduction) == ("sum", "mean") else None
    every = laws("matches_reference", "reductions_agree", "arguments_are_as_documented")
    notes.off.append(Off(text, every, known))


def reductions(q: Q, notes: Notes) -> None:
    """Whether 'none', 'sum' and 'mean' are one computation."""
    if "reduction" not in q.asked.loss.features:
        return
    z, target, epsilon = drawn(q, 3, 5), classes_of(q, 3), epsilon_of(q)
    losses = singles(q, z, target, epsilon)
    found = {}
    for name, right in (("none", losses), ("sum", losses.sum()), ("mean", losses.mean())):
        with contextlib.suppress(*REFUSED):
            value = q.asked.value(z, target, epsilon, reduction=name)
            found[name] = "right" if near(q, value, right) else np.asarray(value)
    wrong = {name: value for name, value in found.items() if not isinstance(value, str)}
    notes.parts["reductions"] = {name: "other" if name in wrong else "right" for name in found}
    every = laws("reductions_agree")
    for name, value in wrong.items():
        ratio = float(np.sum(value) / losses.sum())
        if name == "mean" and notes.parts.get("reduction") != "mean":
            continue
        same = (
            "the mean" if near(q, value, losses.mean()) else "the sum" if near(q, value, losses.sum()) else ""
        )
        if same:
            text = f"gives {same} for reduction={name!r}. The three reductions are one computation."
            notes.words.append(f"{same} for reduction {name!r}")
            notes.off.append(Off(text, every))
        elif np.size(value) == 1:
            notes.words.append(f"{ratio:.4g} times the sum of the losses for reduction {name!r}")
            found_sum, whole = float(np.sum(value)), losses.sum()
            text = f"gives {found_sum:.6g} for reduction={name!r}, where the losses sum to {whole:.6g}."
            notes.off.append(Off(text, every, vague=True))


def dense(q: Q, notes: Notes) -> None:
    """Logits of more dimensions: (N, K, d)."""
    loss = q.asked.loss
    if "dense" not in loss.features:
        return
    epsilon, kind = epsilon_of(q), q.reduction
    n, d = 2, 3
    z = loss.rounded(np.random.default_rng(51).normal(0, 0.5, (n, CLASSES, d)))
    classes = classes_of(q, n * d)
    target = np.asarray(classes).reshape(n, d)
    every = laws("class_dimension_is_one")

    def reduced(losses: Array) -> Any:
        return losses if kind == "none" else losses.sum() if kind == "sum" else losses.mean()

    flat = np.moveaxis(z, 1, -1).reshape(-1, CLASSES)
    right = singles(q, flat, classes, epsilon).reshape(n, d)
    value = q.asked.value(z, target.tolist(), epsilon)
    if not near(q, value, reduced(right)):
        weights_ = np.stack([q.of(y, epsilon, CLASSES) for y in classes]).reshape(n, d, CLASSES)
        last = -(np.moveaxis(weights_, -1, 1) * log_softmax(z, axis=-1)).sum(axis=1)
        notes.parts["dense"] = "other"
        if near(q, value, reduced(last)):
            notes.words.append("of (N, K, d) a softmax over the last dimension")
            text = (
                "takes the softmax of (N, K, d) logits over the last dimension, which are places. Classes "
                "are dimension 1: dim=1 in place of dim=-1."
            )
            notes.off.append(Off(text, every))
            return
        notes.off.append(
            Off("gives (N, K, d) logits another loss than their (N d, K) rows.", every, vague=True)
        )
        return
    notes.parts["dense"] = "as rows"
    w = np.asarray([1.0, 2.0, 4.0, 0.5])
    if "weight" in loss.features:
        flat_value = q.asked.value(flat, classes, epsilon, weight=w.tolist())
        deep = q.asked.value(z, target.tolist(), epsilon, weight=w.tolist())
        plain = near(q, np.reshape(deep, np.shape(value)), value)
        if not near(q, np.reshape(deep, np.shape(flat_value)), flat_value) and plain:
            notes.words.append("of (N, K, d) without class weights")
            text = (
                "leaves class weights out where logits are (N, K, d). A place is a sample: weigh it as one."
            )
            notes.off.append(Off(text, every, "X47"))
    if "ignore_index" in loss.features and kind == "mean" and loss.conventions.get("ignored_index") == "any":
        hidden = list(classes)
        hidden[1] = hidden[4] = -100
        rows = q.asked.value(flat, hidden, epsilon, ignore_index=-100)
        deep = q.asked.value(z, np.reshape(hidden, (n, d)).tolist(), epsilon, ignore_index=-100)
        share = (n * d - 2) / (n * d)
        if not near(q, deep, rows) and near(q, deep, rows * share):
            notes.words.append("of (N, K, d) a mean over ignored places too")
            text = (
                "divides the mean of (N, K, d) logits by all places, ignored ones too. Divide by those that "
                "are kept, as for (N, K)."
            )
            notes.off.append(Off(text, every, "X57"))
