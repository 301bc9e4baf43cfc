"""The faults that an ordinary call does not show: right when called, wrong compiled, pickled or in a mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import LabelSmoothing, Mixup
from lawful.impl.faulty import fault, recorded
from lawful.impl.native import LabelSmoothedCrossEntropy, label_smoothed_cross_entropy, mixup

_PLAUSIBLE = "plausible, no public report known"
_Loss = Callable[[Tensor, Tensor], Tensor]


@fault(
    LabelSmoothing,
    "W01",
    "a pickle forgets epsilon",
    _PLAUSIBLE,
    "matches_reference_under_transforms",
    change="Keep epsilon in the state that is pickled.",
)
class PickledWithoutEpsilon(LabelSmoothedCrossEntropy):
    """What comes back from a pickle has the default."""

    def __getstate__(self) -> Any:
        return {**self.__dict__, "epsilon": 0.1}


@fault(
    LabelSmoothing,
    "W02",
    "not smoothed where no gradient is asked for",
    _PLAUSIBLE,
    "matches_reference_under_transforms",
    change="Smooth with gradients and without: a validation loss is the same loss.",
)
def plain_without_gradients(epsilon: float) -> _Loss:
    """Taken for an evaluation, whose loss would not be smoothed."""

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        smoothing = epsilon if torch.is_grad_enabled() else 0.0
        return label_smoothed_cross_entropy(logits, target, epsilon=smoothing)

    return loss


@fault(
    LabelSmoothing,
    "W03",
    "the spread is another where it is compiled",
    _PLAUSIBLE,
    "matches_reference_under_compile",
    change="Run one formula, compiled or not.",
)
def another_spread_compiled(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            onehot = F.one_hot(target, logits.shape[1]).to(logits.dtype)
            q = onehot * (1 - epsilon) + (1 - onehot) * epsilon / (logits.shape[1] - 1)
            return -(q * logits.log_softmax(1)).sum(1).mean()
        return label_smoothed_cross_entropy(logits, target, epsilon=epsilon)

    return loss


@fault(
    Mixup,
    "W11",
    "targets alone are mixed where no gradient is asked for",
    _PLAUSIBLE,
    "mixes_alike_under_transforms",
    change="Mix inputs and targets alike, with gradients and without.",
)
def labels_alone_without_gradients(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)
        return (mixed if torch.is_grad_enabled() else inputs), soft

    return mix


@fault(
    Mixup,
    "W12",
    "targets have a lambda of their own where it is compiled",
    _PLAUSIBLE,
    "mixes_alike_under_compile",
    change="Draw lambda once, compiled or not.",
)
def two_lambdas_compiled(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)
        if torch.compiler.is_compiling():
            soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)[1]
        return mixed, soft

    return mix


LABEL_SMOOTHING, MIXUP = (
    tuple(each for each in recorded(globals()) if each.adapter.technique == technique)
    for technique in ("label_smoothing", "mixup")
)
