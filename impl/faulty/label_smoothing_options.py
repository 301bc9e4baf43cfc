"""The faults of what a label-smoothed loss offers besides: classes in any dimension, masks, several labels.

On top of a right one of each; ids go on from ``faulty.label_smoothing``.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import LabelSmoothing
from lawful.impl.faulty import fault, recorded

_PLAUSIBLE = "plausible, no public report known"

_DIM = "classes_are_in_the_dimension_asked"
_MASK = "masked_tokens_do_not_count"
_LABELS = "several_labels_are_each_smoothed"
_OFFERS = frozenset({"dim", "mask", "soft_targets", "ignore_index", "weight"})

of_loss = functools.partial(fault, LabelSmoothing, features=_OFFERS)


class Right:
    """Correct, in slow, separate steps, each of which a fault can replace."""

    def __init__(
        self,
        epsilon: float,
        dim: int = 1,
        ignore_index: int = -100,
        weight: Tensor | None = None,
    ) -> None:
        self.epsilon, self.dim, self.ignore_index, self.weight = epsilon, dim, ignore_index, weight

    def __call__(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        soft = target.is_floating_point()
        kept = torch.ones(()).bool() if soft else target != self.ignore_index
        mask = torch.ones(()).bool() if mask is None else mask
        log_p = self.log_p(logits if logits.dtype == torch.float64 else logits.float())
        num_classes = log_p.shape[-1]
        rows = target.movedim(self.dim, -1) if soft else F.one_hot(target * kept, num_classes)
        q = (1 - self.epsilon) * rows.double() + self.epsilon / self.counted_classes(logits)
        weight = torch.ones(num_classes) if self.weight is None else self.weight
        losses = self.masked(-(q * weight * log_p.masked_fill(q == 0, 0)), mask)
        counts = torch.ones(losses.shape) if soft else weight.double()[target * kept]
        return ((losses * kept).sum() / self.divisor(counts * kept, mask)).to(logits.dtype)

    def log_p(self, logits: Tensor) -> Tensor:
        """Classes last."""
        return logits.log_softmax(self.dim).movedim(self.dim, -1)

    def counted_classes(self, logits: Tensor) -> int:
        return logits.shape[self.dim]

    def masked(self, terms: Tensor, mask: Tensor) -> Tensor:
        return terms.sum(-1) * mask

    def divisor(self, counts: Tensor, mask: Tensor) -> Tensor:
        return (counts * mask).sum()


@of_loss(
    "X80",
    "epsilon is divided by the size of dimension 1, whatever dim is",
    "https://github.com/tensorflow/tensorflow/issues/24397; "
    "https://github.com/tensorflow/tensorflow/pull/36990",
    _DIM,
)
class ClassesCountedInDimensionOne(Right):
    def counted_classes(self, logits: Tensor) -> int:
        return logits.shape[1]


@of_loss(
    "X81",
    "epsilon is divided by the size of the last dimension, whatever dim is",
    "https://github.com/tensorflow/tensorflow/issues/127249; "
    "https://github.com/keras-team/keras/issues/23451",
    _DIM,
)
class ClassesCountedInTheLastDimension(Right):
    def counted_classes(self, logits: Tensor) -> int:
        return logits.shape[-1]


@of_loss(
    "X82",
    "dim is accepted, and the softmax is over the last dimension",
    "https://github.com/fastai/fastai/pull/3189",
    _DIM,
)
class SoftmaxOverTheLastDimension(Right):
    def log_p(self, logits: Tensor) -> Tensor:
        return logits.log_softmax(-1).movedim(self.dim, -1)


@of_loss(
    "X83",
    "the mean is over all tokens, padded ones too",
    "https://github.com/eladhoffer/utils.pytorch/issues/4; https://github.com/kaiyinzhou/BERT-NER/issues/3",
    _MASK,
)
class MeanOverAllTokens(Right):
    def divisor(self, counts: Tensor, mask: Tensor) -> Tensor:
        return counts.sum()


@of_loss("X84", "the mask is read the other way round", _PLAUSIBLE, _MASK)
class MaskTurnedRound(Right):
    def __call__(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().__call__(logits, target, None if mask is None or mask.all() else ~mask)


@of_loss(
    "X85",
    "the mask strikes out the target's term, and the spread counts at padded tokens",
    "as ignored targets in https://github.com/pytorch/pytorch/issues/73205",
    _MASK,
)
class SpreadOfPaddedTokens(Right):
    def masked(self, terms: Tensor, mask: Tensor) -> Tensor:
        most = terms.detach().amin(-1, keepdim=True)
        return torch.where(mask, terms.sum(-1), (terms - terms.detach() + most).sum(-1))


@of_loss("X86", "a mask is accepted, and struck out of nothing", _PLAUSIBLE, _MASK)
class MaskLeftOut(Right):
    def __call__(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().__call__(logits, target)


@of_loss("X87", "the gradient reaches padded tokens", _PLAUSIBLE, _MASK)
class SlopeAtPaddedTokens(Right):
    def masked(self, terms: Tensor, mask: Tensor) -> Tensor:
        losses = terms.sum(-1)
        return losses * mask + (losses - losses.detach()) * ~mask


class OfSeveral:
    """The right binary cross-entropy of smoothed labels, where ``multilabel``."""

    def __init__(self, epsilon: float, multilabel: bool = False) -> None:
        self.epsilon, self.multilabel = epsilon, multilabel

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if not self.multilabel:
            return F.cross_entropy(logits, target, label_smoothing=self.epsilon)
        return F.binary_cross_entropy_with_logits(logits, self.smoothed(target))

    def smoothed(self, target: Tensor) -> Tensor:
        return (1 - self.epsilon) * target + self.epsilon / 2


of_labels = functools.partial(fault, LabelSmoothing, features=frozenset({"multilabel"}))
_OUTCOMES, _CLASSES = {"multilabel": "outcomes"}, {"multilabel": "classes"}


@of_labels(
    "X88",
    "several labels: (1 - e) t + 1/K, a constant that does not shrink with e",
    "https://github.com/TimDettmers/ConvE/issues/55; "
    "https://github.com/dice-group/dice-embeddings/issues/433",
    _LABELS,
    documented=_CLASSES,
)
class ConstantDoesNotShrink(OfSeveral):
    def smoothed(self, target: Tensor) -> Tensor:
        return (1 - self.epsilon) * target + 1 / target.shape[1]


@of_labels(
    "X89",
    "several labels: documented to move each towards 1/2, and moved by e/K as one label out of K",
    "https://github.com/open-mmlab/mmaction2/issues/1639",
    _LABELS,
    documented=_OUTCOMES,
)
class AsOneOfThem(OfSeveral):
    def smoothed(self, target: Tensor) -> Tensor:
        return (1 - self.epsilon) * target + self.epsilon / target.shape[1]


@of_labels(
    "X90",
    "several labels: the smoothed row is divided by its sum, as a distribution",
    _PLAUSIBLE,
    _LABELS,
    documented=_CLASSES,
)
class MadeADistribution(AsOneOfThem):
    def smoothed(self, target: Tensor) -> Tensor:
        smoothed = super().smoothed(target)
        return smoothed / smoothed.sum(1, keepdim=True).clamp(min=1)


@of_labels(
    "X91", "several labels: only the positive ones are moved", _PLAUSIBLE, _LABELS, documented=_OUTCOMES
)
class PositiveOnesAlone(OfSeveral):
    def smoothed(self, target: Tensor) -> Tensor:
        return (1 - self.epsilon / 2) * target


FAULTS = recorded(globals())
