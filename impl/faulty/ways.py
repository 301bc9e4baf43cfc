"""The faults that an ordinary call does not show: right when called, wrong compiled, pickled or in a mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import LabelSmoothing, Mixup
from lawful.impl.faulty import Fault
from lawful.impl.native import LabelSmoothedCrossEntropy, label_smoothed_cross_entropy, mixup

_PLAUSIBLE = "plausible, no public report known"
_Loss = Callable[[Tensor, Tensor], Tensor]


class PickledWithoutEpsilon(LabelSmoothedCrossEntropy):
    """What comes back from a pickle has the default."""

    def __getstate__(self) -> Any:
        return {**self.__dict__, "epsilon": 0.1}


def plain_without_gradients(epsilon: float) -> _Loss:
    """Taken for an evaluation, whose loss would not be smoothed."""

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        smoothing = epsilon if torch.is_grad_enabled() else 0.0
        return label_smoothed_cross_entropy(logits, target, epsilon=smoothing)

    return loss


def another_spread_compiled(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            onehot = F.one_hot(target, logits.shape[1]).to(logits.dtype)
            q = onehot * (1 - epsilon) + (1 - onehot) * epsilon / (logits.shape[1] - 1)
            return -(q * logits.log_softmax(1)).sum(1).mean()
        return label_smoothed_cross_entropy(logits, target, epsilon=epsilon)

    return loss


def labels_alone_without_gradients(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)
        return (mixed if torch.is_grad_enabled() else inputs), soft

    return mix


def two_lambdas_compiled(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)
        if torch.compiler.is_compiling():
            soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)[1]
        return mixed, soft

    return mix


def _fault(name: str, statement: str, adapter: Any, *caught_by: str) -> Fault:
    return Fault(name, statement, _PLAUSIBLE, adapter, caught_by)


LABEL_SMOOTHING = (
    _fault(
        "W01",
        "a pickle forgets epsilon",
        LabelSmoothing("W01", PickledWithoutEpsilon),
        "matches_reference_under_transforms",
    ),
    _fault(
        "W02",
        "not smoothed where no gradient is asked for",
        LabelSmoothing("W02", plain_without_gradients),
        "matches_reference_under_transforms",
    ),
    _fault(
        "W03",
        "the spread is another where it is compiled",
        LabelSmoothing("W03", another_spread_compiled),
        "matches_reference_under_compile",
    ),
)
MIXUP = (
    _fault(
        "W11",
        "targets alone are mixed where no gradient is asked for",
        Mixup("W11", labels_alone_without_gradients),
        "mixes_alike_under_transforms",
    ),
    _fault(
        "W12",
        "targets have a lambda of their own where it is compiled",
        Mixup("W12", two_lambdas_compiled),
        "mixes_alike_under_compile",
    ),
)
