"""The vectors of label-smoothed cross-entropy: what its laws ask of ours, with what the reference gives.

The faults beside a question are those of ``impl/faulty`` that its law catches, asked it as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from lawful.impl import native
from lawful.impl.contracts import LabelSmoothing
from lawful.impl.faulty import faults
from lawful.properties import tolerances
from lawful.properties.harness.vectors import Question, examples, small
from lawful.properties.registry import WIDE_FLOATS, Law
from lawful.properties.subjects.failures import LawBroken, Raised, Unasked
from lawful.properties.subjects.label_smoothing import Loss
from lawful.properties.subjects.subject import Answer, silence
from lawful.reference import label_smoothing as reference

ASKS = {
    "loss": "the smoothed loss of logits (N, K), or (N, K, d...), or of another dim, where classes are in "
    "dimension dim (1 where none is given); of target, classes, or distributions of the logits' shape; with "
    "the reduction; weight (K,) of classes, ignore_index and mask (true: counts) where they are given",
    "gradient": "the gradient with respect to the logits, of the same loss, or of its sum where there is no "
    "reduction; in the logits' shape",
    "multilabel_loss": "the mean binary cross-entropy of logits (N, K) with the labels target (N, K), moved "
    "to (1 - epsilon) target + epsilon/2, or + epsilon/K where the convention multilabel is classes",
}

LAWS = (
    "matches_reference",
    "zero_epsilon_is_cross_entropy",
    "zero_epsilon_ignores_masked_classes",
    "one_epsilon_ignores_target",
    "one_epsilon_leaves_a_masked_target_out",
    "affine_in_epsilon",
    "bounded_below_by_entropy",
    "gradient_is_softmax_minus_target",
    "shift_invariant",
    "class_permutation_equivariant",
    "sample_order_does_not_matter",
    "reductions_agree",
    "ignored_targets_do_not_count",
    "class_weights_follow_convention",
    "weights_leave_ignored_targets_out",
    "class_dimension_is_one",
    "soft_target_agrees_with_hard",
    "extreme_logits_stay_finite",
    "classes_are_in_the_dimension_asked",
    "masked_tokens_do_not_count",
    "several_labels_are_each_smoothed",
    "mixup_then_smoothing_is_smoothed_mixture",
)
"""Those whose questions are all in the numbers: none of memory, devices, earlier calls or errors."""
_IN_HALF = ("matches_reference", "gradient_is_softmax_minus_target", "extreme_logits_stay_finite")
_ORDINARY: Mapping[str, Any] = {
    "along": None,
    "way": None,
    "layout": None,
    "scale": 1.0,
    "backwards": 1,
    "earlier": 0,
}
"""What a call has besides that a vector does not say."""


def questions() -> Iterator[Question]:
    for adapter in native.adapters():
        if isinstance(adapter, LabelSmoothing):
            subject = Loss.understand(adapter)
            for law, example in examples("label_smoothing", *LAWS):
                for dtype in law.dtypes if law.name in _IN_HALF else WIDE_FLOATS:
                    yield from _asked(subject.on("cpu", dtype), law, example)


def _asked(loss: Loss, law: Law, example: Mapping[str, Any]) -> Iterator[Question]:
    """The calls of a law, in a convention under which it is one."""
    if any(loss.conventions.get(name) not in _values(value) for name, value in law.when.items()):
        return
    with contextlib.suppress(Unasked):
        law.body(loss, **example)
    for answer in loss.answers:
        if small(answer.asked["logits"]) and all(answer.asked[k] == v for k, v in _ORDINARY.items()):
            yield from _of_a_call(loss, law, answer)


def _of_a_call(loss: Loss, law: Law, answer: Answer) -> Iterator[Question]:
    features = dict(answer.asked["features"])
    logits, target, epsilon = (answer.asked[name] for name in ("logits", "target", "epsilon"))

    def answers(what: str) -> dict[str, Any]:
        return {name: getattr(each, what) for name, each in _of_faults(loss, law, answer.asked)}

    inputs = {"logits": loss.rounded(logits), "target": np.asarray(target), "epsilon": epsilon}
    if inputs["target"].dtype.kind == "f":
        inputs["target"] = loss.rounded(target)
    if features.pop("multilabel", False):
        yield _of_several(loss, law, inputs, partial(answers, "value"))
        return
    if "weight" in features:
        features["weight"] = loss.rounded(features["weight"])
    inputs |= {"reduction": "mean", **features}
    convention = {"off_target": loss.off_target, "offset": loss.offset}
    if {"ignore_index", "mask"} & set(features):
        convention |= {"ignored_mean": "kept", "all_ignored": "nan"}
    if "weight" in features:
        convention |= {"weighting": "every_term", "weighted_mean": "weights"}
    right = loss.expected(logits, target, epsilon, **features)
    yield Question(law, "loss", inputs, *right, partial(answers, "value"), loss.dtype, convention)
    if answer.asked["with_gradient"]:
        right = loss.expected_gradient(logits, target, epsilon, **features)
        yield Question(law, "gradient", inputs, *right, partial(answers, "gradient"), loss.dtype, convention)


def _of_several(loss: Loss, law: Law, inputs: dict[str, Any], answers: Any) -> Question:
    spread: Any = loss.conventions["multilabel"]
    moved = reference.smoothed_multilabel(inputs["target"], inputs["epsilon"], spread)
    losses = reference.binary_cross_entropy(moved, inputs["logits"])
    errors = tolerances.binary_error(loss.dtype, inputs["logits"]).ravel()
    bound = tolerances.reduced_error(loss.dtype, errors, losses, losses.size)
    convention = {"multilabel": spread}
    return Question(law, "multilabel_loss", inputs, losses.mean(), bound, answers, loss.dtype, convention)


def _of_faults(loss: Loss, law: Law, asked: Mapping[str, Any]) -> Iterator[tuple[str, Answer]]:
    """What the faults that the law catches answer, of those that document the same convention."""
    choice = "multilabel" if "multilabel" in asked["features"] else "off_target"
    call = {name: value for name, value in asked.items() if name not in ("features", *_ORDINARY)}
    for fault in faults("label_smoothing"):
        said = {"off_target": "uniform", **fault.adapter.documented}.get(choice)
        if law.name not in fault.caught_by or said != loss.conventions[choice]:
            continue
        assert isinstance(fault.adapter, LabelSmoothing)
        with contextlib.suppress(LawBroken, Raised), silence():
            yield fault.id, Loss(fault.adapter, dtype=loss.dtype)(**call, **asked["features"])


def _values(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
