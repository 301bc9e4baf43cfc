"""The faults of what a mixup offers besides: the accuracy of a mixed batch.

On top of ``Right`` and ``Pairs`` of ``faulty.mixup``; ids go on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor

from lawful.impl.contracts import Mixup
from lawful.impl.faulty import Fault, recorded
from lawful.impl.faulty.mixup import Pair, Pairs, Right

_PLAUSIBLE = "plausible, no public report known"

Code = TypeVar("Code", bound=Callable[..., Any])


def of_accuracy(id: str, statement: str, source: str, *, of: type[Right] = Pairs) -> Callable[[Code], Code]:
    """Records what is wrong with the accuracy below, which goes with the right mixup ``of``."""

    def record(code: Code) -> Code:
        adapter = Mixup(id, of, features=frozenset({"num_classes"}), ranks=(2,), accuracy=code)
        caught_by = ("accuracy_weighs_both_targets",)
        code.fault = Fault(id, statement, source, adapter, caught_by, code=code)  # type: ignore[attr-defined]
        return code

    return record


@of_accuracy(
    "XM58",
    "the accuracy of a mixed batch is counted in whole numbers: it is 0",
    "https://github.com/facebookresearch/mixup-cifar10/pull/7",
)
def _whole_hits(output: Tensor, mixed_target: Pair) -> Tensor:
    """As PyTorch 0.4.1 multiplied a number and a tensor of whole numbers: the share is cut off first."""
    own, other, lam = mixed_target
    predicted = output.argmax(1)
    hits = lam.long() * (own == predicted) + (1 - lam).long() * (other == predicted)
    return hits.sum() / len(output)


@of_accuracy(
    "XM59",
    "the accuracy of a mixed batch looks at the sample's own class alone",
    "https://github.com/tugstugi/pytorch-speech-commands/issues/5; "
    "https://github.com/vikasverma1077/manifold_mixup/issues/9",
)
def _own_class_alone(output: Tensor, mixed_target: Pair) -> Tensor:
    return (output.argmax(1) == mixed_target[0]).double().mean()


@of_accuracy("XM60", "the accuracy of a mixed batch looks at the heavier class alone", _PLAUSIBLE, of=Right)
def _heavier_class(output: Tensor, mixed_target: Tensor) -> Tensor:
    return (output.argmax(1) == mixed_target.argmax(1)).double().mean()


@of_accuracy(
    "XM61",
    "hits are counted over the batch, and weighted with a mean lambda",
    f"{_PLAUSIBLE}; of the loss it is https://github.com/fastai/fastai/issues/2286",
)
def _shares_of_the_batch(output: Tensor, mixed_target: Pair) -> Tensor:
    own, other, lam = mixed_target
    hits = [(output.argmax(1) == y).double().mean() for y in (own, other)]
    return (lam.double() * hits[0] + (1 - lam.double()) * hits[1]).mean()


@of_accuracy("XM62", "either class of a mixed sample counts in full", _PLAUSIBLE)
def _either_class(output: Tensor, mixed_target: Pair) -> Tensor:
    own, other, _ = mixed_target
    predicted = output.argmax(1)
    return ((own == predicted) | (other == predicted)).double().mean()


@of_accuracy("XM63", "the accuracy of a mixed batch is off by 1e-4", _PLAUSIBLE, of=Right)
def _accuracy_off(output: Tensor, mixed_target: Tensor) -> Tensor:
    mass = mixed_target.gather(1, output.argmax(1, keepdim=True))
    return mass.double().mean() + 1e-4


FAULTS = recorded(globals())
