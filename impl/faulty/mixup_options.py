"""The faults of what a mixup offers besides: accuracy, classes of places, values, several inputs, masks.

On top of ``Right`` and ``Pairs`` of ``faulty.mixup``; ids go on from there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import Mixup
from lawful.impl.faulty import Fault, fault, recorded
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


class Wide(Right):
    """Right of everything: dicts of inputs and masks, classes of places, values."""

    def __call__(self, inputs: Any, target: Tensor) -> tuple[Any, Any]:
        parts = inputs if isinstance(inputs, dict) else {"": inputs}
        first = next(iter(parts.values()))
        lam = self.folded(self.lam(len(target), first)).to(first.dtype)
        partner = self.partner(len(target))
        mixed = {name: self.part(name, part, lam, partner) for name, part in parts.items()}
        mixed_target = self.mixed_target(first, target, lam, partner)
        return (mixed if isinstance(inputs, dict) else mixed[""]), mixed_target

    def part(self, name: str, part: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        if part.dtype == torch.bool:
            return self.mask(part, part[partner])
        return self.mixed(part, lam, partner)

    def mask(self, own: Tensor, other: Tensor) -> Tensor:
        return own | other

    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        rows = self.rows(target).to(lam.dtype)
        share = lam.reshape(-1, *[1] * (rows.ndim - 1))
        return self.finished(share * rows + (1 - share) * rows[partner])

    def rows(self, target: Tensor) -> Tensor:
        if target.is_floating_point():
            return target
        return F.one_hot(target, self.num_classes).movedim(-1, 1)

    def finished(self, rows: Tensor) -> Tensor:
        return rows


_PLACES = "classes_of_places_are_mixed_alike"
_VALUES = "values_are_mixed_as_inputs_are"
_SEVERAL = "several_inputs_share_lambda_and_partner"
_MASKS = "masks_are_joined"
_OFFERS = frozenset({"places", "values", "several_inputs", "masks"})

of_wide = functools.partial(fault, Mixup, features=_OFFERS, ranks=(2,))


@of_wide("XM64", "classes of places become the last dimension of the rows", _PLAUSIBLE, _PLACES)
class ClassesLast(Wide):
    def rows(self, target: Tensor) -> Tensor:
        return super().rows(target) if target.ndim < 2 else F.one_hot(target, self.num_classes)


@of_wide(
    "XM65",
    "inputs are mixed, and the classes of places are left as they were",
    "https://github.com/timeseriesAI/tsai/issues/791, of labels",
    _PLACES,
)
class PlacesLeftAlone(Wide):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        of_places = target.ndim > 1 and not target.is_floating_point()
        return super().mixed_target(inputs, target, torch.ones_like(lam) if of_places else lam, partner)


class WidePairs(Wide):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        return target, target[partner], lam


def _lambda_along_the_last_dimension(logits: Tensor, mixed_target: Pair) -> Tensor:
    own, other, lam = mixed_target
    losses = [F.cross_entropy(logits, y, reduction="none") for y in (own, other)]
    share = lam if losses[0].shape[-1:] == lam.shape else lam.reshape(-1, *[1] * (own.ndim - 1))
    return (share * losses[0] + (1 - share) * losses[1]).mean()


_BROADCAST = (
    Fault(
        "XM66",
        "the loss of places is weighed with lambda along the last dimension, where it fits",
        _PLAUSIBLE,
        Mixup("XM66", WidePairs, features=_OFFERS, ranks=(2,), loss=_lambda_along_the_last_dimension),
        (_PLACES,),
    ),
)


@of_wide("XM67", "rows of several labels are divided by their sum, as distributions are", _PLAUSIBLE, _VALUES)
class SeveralLabelsMadeADistribution(Wide):
    def finished(self, rows: Tensor) -> Tensor:
        return rows / rows.sum(1, keepdim=True) if self.num_classes is None and rows.ndim == 2 else rows


@of_wide(
    "XM68",
    "mixed values are put back into whole numbers: of 0 and 1 they are always 0",
    "https://github.com/agaldran/balanced_mixup/issues/1",
    _VALUES,
)
class ValuesCutOff(Wide):
    def finished(self, rows: Tensor) -> Tensor:
        return rows.floor() if self.num_classes is None else rows


@of_wide("XM69", "of several labels the mixture has all that either has, in full", _PLAUSIBLE, _VALUES)
class UnionOfLabels(Wide):
    def mixed_target(self, inputs: Tensor, target: Tensor, lam: Tensor, partner: Tensor) -> Any:
        if self.num_classes is None and target.ndim == 2:
            return torch.maximum(target, target[partner])
        return super().mixed_target(inputs, target, lam, partner)


@of_wide("XM70", "each of several inputs is mixed with partners of its own", _PLAUSIBLE, _SEVERAL)
class PartnersOfItsOwn(Wide):
    def part(self, name: str, part: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return super().part(name, part, lam, self.partner(len(part)) if name == "table" else partner)


@of_wide(
    "XM71",
    "the first of several inputs is mixed, and the others are left as they were",
    f"{_PLAUSIBLE}; of a list https://github.com/fastai/fastai/issues/2112 was an error",
    _SEVERAL,
)
class FirstInputAlone(Wide):
    def part(self, name: str, part: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        return part if name == "table" else super().part(name, part, lam, partner)


@of_wide("XM72", "each of several inputs has a lambda of its own", _PLAUSIBLE, _SEVERAL)
class LambdaOfItsOwn(Wide):
    def part(self, name: str, part: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        own = self.folded(self.lam(len(part), part)).to(lam.dtype)
        return super().part(name, part, own if name == "table" else lam, partner)


@of_wide(
    "XM73",
    "the mask of a mixture is the sample's own: what only the partner has is hidden",
    "https://github.com/SALT-NLP/MixText/issues/26",
    _MASKS,
)
class OwnMask(Wide):
    def mask(self, own: Tensor, other: Tensor) -> Tensor:
        return own


@of_wide("XM74", "the mask of a mixture has what both have: the longer is cut off", _PLAUSIBLE, _MASKS)
class MaskOfBoth(Wide):
    def mask(self, own: Tensor, other: Tensor) -> Tensor:
        return own & other


@of_wide("XM75", "where the partner has nothing, the sample is left as it was", _PLAUSIBLE, _MASKS)
class WholeWhereAlone(Wide):
    def mixed(self, inputs: Tensor, lam: Tensor, partner: Tensor) -> Tensor:
        alone = (inputs[partner] == 0).all(-1, keepdim=True) & (inputs.ndim == 3)
        return torch.where(alone, inputs, super().mixed(inputs, lam, partner))


FAULTS = recorded(globals())
