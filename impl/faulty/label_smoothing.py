"""The faults of label-smoothed losses, each a few lines on top of :class:`Right`.

Ids L.. and NB.. are those of the collected bug reports and of the seed notebook; X.. were written so
that every law has a fault of its own. "Reproduced" names the library in which it is seen today.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import Argument, LabelSmoothing
from lawful.impl.faulty import Fault, arguments, devices, recorded, ways

_PLAUSIBLE = "plausible, no public report known"

_SINGLE_FEATURED = {"reduction", "weight", "ignore_index"}


class Right:
    """A correct loss in slow, separate steps, each of which a fault can replace."""

    def __init__(
        self,
        epsilon: float,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int = -100,
    ) -> None:
        self.epsilon, self.reduction = epsilon, reduction
        self.weight, self.ignore_index = weight, ignore_index
        self.check_epsilon()

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim > 2 and not target.is_floating_point():
            logits, target = logits.movedim(1, -1).flatten(0, -2), target.flatten()
        hard = not target.is_floating_point()
        self.check_shapes(logits, target)
        kept = target != self.ignore_index if hard else torch.ones(len(logits), dtype=torch.bool)
        q = self.smoothed(self.encoded(target, kept, logits), logits.shape[1])
        losses = self.per_sample(q, self.log_p(self.widened(logits)))
        return self.reduced(losses, target, kept).to(logits.dtype)

    def check_epsilon(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise ValueError(f"epsilon is {self.epsilon}, expected a number in [0, 1]")

    def check_shapes(self, logits: Tensor, target: Tensor) -> None:
        if len(logits) != len(target):
            raise ValueError(f"target has {len(target)} samples, expected {len(logits)}")
        if logits.ndim != 2 or target.ndim != 1 + target.is_floating_point():
            raise ValueError(f"target has shape {tuple(target.shape)} for logits {tuple(logits.shape)}")

    def widened(self, logits: Tensor) -> Tensor:
        return logits if logits.dtype == torch.float64 else logits.float()

    def log_p(self, logits: Tensor) -> Tensor:
        return F.log_softmax(logits, dim=1)

    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        if target.is_floating_point():
            return target
        return F.one_hot(target.masked_fill(~kept, 0), logits.shape[1]).to(logits.dtype)

    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        wide = onehot.double()
        return (1 - self.epsilon) * wide + self.epsilon / num_classes

    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        q = q.to(log_p.dtype) if self.weight is None else q.to(log_p.dtype) * self.weight
        return -(q * log_p.masked_fill(q == 0, 0)).sum(1)

    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        losses = losses.masked_fill(~kept, 0)
        if self.reduction != "mean":
            return losses if self.reduction == "none" else losses.sum()
        return losses.sum() / self.counted(target, kept, losses)

    def counted(self, target: Tensor, kept: Tensor, losses: Tensor) -> Tensor:
        if self.weight is None or target.is_floating_point():
            return kept.sum()
        return (self.weight[target.masked_fill(~kept, 0)] * kept).sum()


Kind = TypeVar("Kind", bound=type[Right])


def fault(
    id: str,
    statement: str,
    source: str,
    *caught_by: str,
    less: set[str] | None = None,
    documented: dict[str, str] | None = None,
    change: str = "",
) -> Callable[[Kind], Kind]:
    """Records what is wrong with the loss below, and what to change. ``less``: features that it does not
    offer; ``documented``: what it says of itself beside the usual."""

    def record(kind: Kind) -> Kind:
        adapter = LabelSmoothing(
            id,
            kind,
            features=LabelSmoothing.usual_features - (less or set()),
            documented={
                "off_target": "uniform",
                "ignored_mean": "kept",
                "weighting": "every_term",
                "weighted_mean": "weights",
                **(documented or {}),
            },
            called_as=f"{kind.__name__}({{epsilon}}{{features}})({{logits}}, {{target}})",
        )
        found = Fault(id, statement, source, adapter, caught_by, code=kind, change=change)
        kind.fault = found  # type: ignore[attr-defined]
        return kind

    return record


def _checked(*epsilon: Any, reduction: str = "mean", **features: Any) -> Right:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {reduction!r}, expected 'mean', 'sum' or 'none'")
    made = Right(*epsilon, **features)
    made.reduction = reduction
    return made


@fault(
    "L14",
    "the backward takes the first sample's slope for all, where each has its own loss",
    "https://github.com/linkedin/Liger-Kernel/issues/678",
    "each_loss_has_its_own_slope",
    change="Multiply each row's gradient with its own entry of grad_output.",
)
class OneSlopeForAll(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        found = super().reduced(losses, target, kept)
        if found.ndim and found.requires_grad:
            found.register_hook(lambda slope: slope[:1].expand_as(slope) if slope.ndim == 1 else slope)
        return found


@fault(
    "L15",
    "epsilon is accepted and never used",
    "https://github.com/dice-group/dice-embeddings/issues/453",
    "epsilon_is_used",
    "matches_reference",
    change="Spread epsilon over the classes.",
)
class EpsilonNeverUsed(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        return onehot.double()


@fault(
    "L16",
    "classes come last, and their number is read from dimension 1",
    "https://github.com/tensorflow/tensorflow/issues/39329",
    "sequences_are_flattened",
    less={"dense", "reduction", "weight", "ignore_index", "soft_targets"},
    change="Read the number of classes from the last dimension: logits.shape[-1].",
)
class ClassesCountedInDimensionOne(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim < 3:
            return super().__call__(logits, target)
        log_p = self.widened(logits).log_softmax(-1)
        q = (1 - self.epsilon) * F.one_hot(target, logits.shape[-1]) + self.epsilon / logits.shape[1]
        return -(q * log_p).sum(-1).mean().to(logits.dtype)


@fault(
    "L17",
    "dimensions 1 and 2 are exchanged: right for (N, K, d), and not for (N, K, H, W)",
    _PLAUSIBLE,
    "class_dimension_is_one",
    change="Move the classes to the end: logits.movedim(1, -1).",
)
class OneTransposition(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim > 3 and not target.is_floating_point():
            return super().__call__(logits.transpose(1, 2).reshape(-1, logits.shape[1]), target.flatten())
        return super().__call__(logits, target)


@fault(
    "L18",
    "soft targets go through a softmax",
    "https://github.com/PaddlePaddle/PaddleClas/issues/2468",
    "soft_target_agrees_with_hard",
    change="Take distributions as they are.",
)
class TargetsThroughSoftmax(Right):
    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        found = super().encoded(target, kept, logits)
        return found.softmax(1) if target.is_floating_point() else found


@fault(
    "L19",
    "where nothing is averaged, ignored samples keep their share of the uniform term",
    _PLAUSIBLE,
    "ignored_targets_do_not_count",
    change="Strike ignored samples out of both terms, and reduce then.",
)
class UniformTermKeptUnlessAveraged(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        if self.reduction == "mean" or kept.all():
            return super().reduced(losses, target, kept)
        losses = losses * kept + self.epsilon * losses * ~kept
        return losses if self.reduction == "none" else losses.sum()


@fault(
    "L01",
    "epsilon scaled by K/(K-1) on the one-hot term only",
    "https://github.com/fastai/fastai/pull/1814",
    "matches_reference",
    "one_epsilon_ignores_target",
    "equals_kl_plus_entropy",
    "gradient_is_softmax_minus_target",
)
class ScaledOnOneTerm(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        scaled = self.epsilon * num_classes / max(1, num_classes - 1)
        return (1 - scaled) * onehot.double() + self.epsilon / num_classes


@fault(
    "L02",
    "ignored samples counted in the uniform term",
    "https://github.com/pytorch/pytorch/issues/73205",
    "ignored_targets_do_not_count",
)
class IgnoredInUniformTerm(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        if self.reduction == "none":
            return losses
        return losses.sum() / (self.counted(target, kept, losses) if self.reduction == "mean" else 1)

    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        onehot = super().encoded(target, kept, logits)
        return onehot if target.is_floating_point() else onehot * kept[:, None]


@fault(
    "L03",
    "ignored samples counted in the mean's divisor",
    "https://github.com/qubvel-org/segmentation_models.pytorch/issues/852",
    "ignored_targets_do_not_count",
)
class IgnoredInDivisor(Right):
    def counted(self, target: Tensor, kept: Tensor, losses: Tensor) -> Tensor:
        return super().counted(target, torch.ones_like(kept), losses)


@fault(
    "L04",
    "the sum over classes overflows in float16",
    "https://github.com/huggingface/transformers/issues/10674",
    "many_classes_do_not_overflow",
    "extreme_logits_stay_finite",
    change="Sum in float32: log_p.float().sum(1), or take the mean over the classes.",
)
class HalfSum(Right):
    def widened(self, logits: Tensor) -> Tensor:
        return logits

    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        share = self.epsilon / log_p.shape[1]
        spread = (log_p * (self.weight if self.weight is not None else 1)).sum(1)
        return super().per_sample(q - share, log_p) - share * spread


@fault(
    "L05",
    "two classes: epsilon added, then everything halved",
    "eladhoffer/utils.pytorch issue 13",
    "matches_reference",
    "bounded_below_by_entropy",
    "zero_epsilon_is_cross_entropy",
)
class AddedThenHalved(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        if num_classes == 2:
            return (onehot.double() + self.epsilon) / 2
        return super().smoothed(onehot, num_classes)


@fault(
    "L06",
    "one_hot[ignore_index] = 0 with a negative ignore_index, and epsilon/(K-2)",
    "OpenNMT/OpenNMT-py issue 1463",
    "matches_reference",
    "class_permutation_equivariant",
)
class PaddingClassExcluded(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        if num_classes <= 2:
            return super().smoothed(onehot, num_classes)
        q = torch.full_like(onehot.double(), self.epsilon / (num_classes - 2))
        q[:, self.ignore_index if self.ignore_index >= 0 else 0] = 0
        return torch.where(onehot == 1, 1.0 - self.epsilon, q)


@fault(
    "L07",
    "q log q of a zero in q is NaN",
    "https://github.com/harvardnlp/annotated-transformer/issues/39",
    "matches_reference",
    "zero_epsilon_is_cross_entropy",
)
class EmptyRowIsNotANumber(Right):
    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        q = q.to(log_p.dtype) if self.weight is None else q.to(log_p.dtype) * self.weight
        return F.kl_div(log_p, q, reduction="none").sum(1) - (q * q.log()).sum(1)


@fault(
    "L08",
    "class weights in the sum, but not in the mean's divisor",
    "the divisor stands in the documentation of torch.nn.CrossEntropyLoss",
    "class_weights_follow_convention",
)
class MeanOfWeighted(Right):
    def counted(self, target: Tensor, kept: Tensor, losses: Tensor) -> Tensor:
        return kept.sum()


@fault(
    "L09",
    "negative targets other than ignore_index become class 0",
    "transformers 5.23.0 LabelSmoother, reproduced",
    "rejects_bad_target",
    change="There is no class -1: raise where target < 0 and target != ignore_index.",
)
class NegativeIsClassZero(Right):
    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        if target.is_floating_point():
            return target
        return super().encoded(target.clamp(min=0), kept, logits)

    def counted(self, target: Tensor, kept: Tensor, losses: Tensor) -> Tensor:
        return super().counted(target if target.is_floating_point() else target.clamp(min=0), kept, losses)


@fault(
    "L10",
    "0 * inf at epsilon 0",
    "https://github.com/google-deepmind/optax/issues/896",
    "zero_epsilon_ignores_masked_classes",
    change="Leave the spread term out where epsilon is 0, or mask it: log_p.masked_fill(q == 0, 0).",
)
class ZeroTimesInfinity(Right):
    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        q = q.to(log_p.dtype) if self.weight is None else q.to(log_p.dtype) * self.weight
        return -(q * log_p).sum(1)


@fault(
    "L11",
    "epsilon/(K-1) while epsilon/K is documented",
    "mindspore-ai/mindspore issue 73",
    "matches_reference",
    "equals_kl_plus_entropy",
    "edge_batches",
)
class SpreadOverOthers(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        wide = onehot.double()
        return (1 - self.epsilon) * wide + (1 - wide) * (self.epsilon / torch.tensor(num_classes - 1.0))


@fault(
    "X92",
    "epsilon/K while epsilon/(K-1) is documented",
    _PLAUSIBLE,
    "matches_reference",
    "gradient_is_softmax_minus_target",
    documented={"off_target": "others"},
)
class SpreadOverAll(Right):
    """Right, but for what it says of itself."""


@fault(
    "L12",
    "classes are taken from the last dimension of (N, K, d)",
    "the seed notebook, NB31",
    "class_dimension_is_one",
    change="Classes are dimension 1: logits.movedim(1, -1).flatten(0, -2), beside target.flatten().",
)
class LastDimension(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim == 3 and logits.shape[-1] >= logits.shape[1]:
            logits = logits.movedim(1, -1).reshape(logits.shape)
        return super().__call__(logits, target)


@fault(
    "L13",
    "the one-hot row of a class out of range is all zeros",
    _PLAUSIBLE,
    "rejects_bad_target",
    change="Raise where target >= K, as torch.nn.functional.one_hot does.",
)
class OneHotOfZeros(Right):
    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        if target.is_floating_point():
            return target
        return (target[:, None] == torch.arange(logits.shape[1])).to(logits.dtype)


@fault(
    "NB29",
    "epsilon 0 beside a logit of -inf: 0 * inf",
    "the seed notebook",
    "zero_epsilon_ignores_masked_classes",
    change="Leave the spread term out where epsilon is 0, or mask it: log_p.masked_fill(q == 0, 0).",
)
class NothingTimesInfinity(ZeroTimesInfinity):
    """As the notebook has it."""


@fault(
    "NB30",
    "targets of -100 drop out of one term only",
    "the seed notebook; fastai 2.8.12, reproduced",
    "rejects_bad_target",
    less=_SINGLE_FEATURED,
    change="Leave the sample out of both terms: losses.masked_fill(target == -100, 0).",
)
class IgnoredInOneTerm(IgnoredInUniformTerm):
    def __init__(self, epsilon: float) -> None:
        super().__init__(epsilon)


@fault(
    "NB31",
    "(N, K, d) logits: classes are taken from the last dimension",
    "the seed notebook",
    "class_dimension_is_one",
    change="Classes are dimension 1: logits.movedim(1, -1).flatten(0, -2), beside target.flatten().",
)
class ClassesInTheLastDimension(LastDimension):
    """As the notebook has it."""


@fault(
    "NB32",
    "half precision: the sum over many classes overflows to inf",
    "the seed notebook; F.cross_entropy of torch 2.13.0 on the CPU, reproduced",
    "many_classes_do_not_overflow",
    change="Sum in float32: log_p.float().sum(1), or take the mean over the classes.",
)
class SumInHalfPrecision(HalfSum):
    """As the notebook has it."""


@fault(
    "NB33",
    "epsilon outside [0, 1], or NaN, is accepted",
    "the seed notebook",
    "rejects_bad_epsilon",
    change="Raise ValueError unless 0 <= epsilon <= 1, which NaN is not.",
)
class Unchecked(Right):
    def check_epsilon(self) -> None:
        pass


@fault(
    "NB34",
    "the reduction asked for reaches one of two terms only",
    "the seed notebook has no reduction at all; this is the half-way repair",
    "reductions_agree",
    change="Add both terms of each sample first, and reduce once.",
)
class ReductionOfOneTerm(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        found = super().reduced(losses, target, kept)
        return found / len(losses) * 0.5 + found * 0.5 if self.reduction == "sum" else found


@fault(
    "X01",
    "the uniform term is detached: right values, wrong gradient",
    _PLAUSIBLE,
    "gradient_is_softmax_minus_target",
)
class UniformTermWithoutGradient(Right):
    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        spread = self.epsilon / log_p.shape[1]
        own = super().per_sample(q - spread, log_p)
        return own + super().per_sample(torch.full_like(q, spread), log_p.detach())


class _OnceDifferentiable(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=1)
        ctx.p = log_p.exp()
        return log_p

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        found: Tensor = slope - ctx.p * slope.sum(1, keepdim=True)
        return found


@fault(
    "X02",
    "a hand-written backward that autograd takes for a constant",
    _PLAUSIBLE,
    "second_derivative_is_softmax_hessian",
    change="Write the backward with functions that autograd can differentiate, or leave it to autograd.",
)
class OnceDifferentiable(Right):
    def log_p(self, logits: Tensor) -> Tensor:
        found: Tensor = _OnceDifferentiable.apply(logits)  # type: ignore[no-untyped-call]
        return found + 0 * logits.nan_to_num(neginf=0.0).square()


@fault(
    "X03", "probabilities clipped before the logarithm", _PLAUSIBLE, "convex_in_logits", "matches_reference"
)
class ClippedProbabilities(Right):
    def log_p(self, logits: Tensor) -> Tensor:
        return F.softmax(logits, dim=1).clamp(1e-2, 1 - 1e-2).log()


@fault(
    "X04",
    "log K in place of the log of the sum of exp",
    _PLAUSIBLE,
    "shift_invariant",
    "bounded_below_by_entropy",
)
class LogitsTakenForCentred(Right):
    def log_p(self, logits: Tensor) -> Tensor:
        return logits - torch.tensor(float(logits.shape[1])).log().to(logits.dtype)


@fault("X05", "the last sample does not count", _PLAUSIBLE, "sample_order_does_not_matter")
class LastSampleDropped(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        kept = kept.clone()
        kept[1:][-1:] = False
        return super().reduced(losses, target, kept)


@fault(
    "X06",
    "soft targets are rounded to their largest class",
    _PLAUSIBLE,
    "soft_target_agrees_with_hard",
    "mixup_then_smoothing_is_smoothed_mixture",
)
class SoftTargetsRounded(Right):
    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        if target.is_floating_point():
            target = target.argmax(1)
        return super().encoded(target, kept, logits)


@fault(
    "X07",
    "exp of logits whose largest was not subtracted",
    "https://github.com/pytorch/pytorch/issues/11752",
    "extreme_logits_stay_finite",
)
class NaiveSoftmax(Right):
    def log_p(self, logits: Tensor) -> Tensor:
        return (logits.exp() / logits.exp().sum(1, keepdim=True)).log()


@fault(
    "X08",
    "float64 logits are computed in float32",
    "keras 3.15.1, reproduced",
    "float64_keeps_float64",
    change="Compute in the dtype of the logits where that is float64.",
)
class FloatInside(Right):
    def widened(self, logits: Tensor) -> Tensor:
        return logits.float()


@fault(
    "X09",
    "one target is broadcast over the batch",
    "timm 1.0.31, reproduced",
    "rejects_bad_shapes",
    change="Raise where len(target) != len(logits).",
)
class Broadcasting(Right):
    def check_shapes(self, logits: Tensor, target: Tensor) -> None:
        pass

    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        onehot = super().encoded(target, kept, logits)
        return onehot.expand(len(logits), -1) if len(onehot) == 1 else onehot[: len(logits)]

    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        count = len(losses)
        return super().reduced(losses, target[:count], kept[:count].expand(count))


@fault(
    "X10",
    "ignored targets are overwritten with 0",
    "the same fault in labels: Megvii-BaseDetection/YOLOX pull 275",
    "inputs_not_modified",
)
class TargetChangedInPlace(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        result = super().__call__(logits, target)
        if not target.is_floating_point():
            target[target == self.ignore_index] = 0
        return result


@fault(
    "X93",
    "soft and one-hot targets are smoothed in place",
    "LuoJiaji/keras_demo, label_smoothing.py: labels *= (1 - factor)",
    "inputs_not_modified",
    change="Make new rows, (1 - e) * target + e / K, and leave the caller's alone.",
)
class SoftTargetsChangedInPlace(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        if onehot.requires_grad:
            return super().smoothed(onehot, num_classes)
        onehot *= 1 - self.epsilon
        onehot += self.epsilon / num_classes
        return onehot


@fault("X11", "the largest logit is subtracted in place", _PLAUSIBLE, "inputs_not_modified")
class LogitsChangedInPlace(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if not logits.requires_grad and logits.ndim == 2:
            logits -= logits.amax(1, keepdim=True) if logits.numel() else 0
        return super().__call__(logits, target)


@fault(
    "X12",
    "labels flipped at random in place of a smoothed target",
    _PLAUSIBLE,
    "repeats",
    change="Smooth the target, q = (1 - e) onehot(y) + e/K, and draw nothing.",
)
class LabelsDisturbedAtRandom(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        flips = torch.rand(len(onehot)) < self.epsilon
        shuffled = onehot.roll(1, dims=1)
        if bool((onehot.amax(1) == 1).all()) and num_classes > 3:
            onehot = torch.where(flips[:, None], shuffled, onehot)
        return super().smoothed(onehot, num_classes)


@fault(
    "X13",
    "epsilon added to every class, then normalised by 1 + K epsilon",
    _PLAUSIBLE,
    "affine_in_epsilon",
    "matches_reference",
)
class AddedThenNormalised(Right):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        return (onehot.double() + self.epsilon) / (1 + num_classes * self.epsilon)


@fault(
    "X14",
    "of many rows, those beyond the last whole block of 1024 are left out",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="Let the last block be shorter, as logits.split(1024) does.",
)
class LastBlockLeftOut(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if len(logits) > 1024 and self.reduction == "mean":
            whole = len(logits) // 1024 * 1024
            logits, target = logits[:whole], target[:whole]
        return super().__call__(logits, target)


@fault(
    "X15",
    "the logits are read row by row, whatever their strides",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
    change="Read logits by index, or make them contiguous() before view and as_strided.",
)
class ReadAsItLies(Right):
    def widened(self, logits: Tensor) -> Tensor:
        return super().widened(logits.as_strided(logits.shape, (logits.shape[1], 1)))


@fault(
    "X16",
    "with class weights, the mean's divisor counts ignored samples as of class 0",
    _PLAUSIBLE,
    "weights_leave_ignored_targets_out",
)
class IgnoredWeigh(Right):
    def counted(self, target: Tensor, kept: Tensor, losses: Tensor) -> Tensor:
        if self.weight is None or target.is_floating_point():
            return kept.sum()
        return self.weight[target.masked_fill(~kept, 0)].sum()


class _GradientOfL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Tensor, logits: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, after: Tensor) -> Any:
        return None, *ctx.saved_tensors, None


@fault(
    "X17",
    "a backward of its own that ignores the gradient of its output, as of a loss that is scaled",
    _PLAUSIBLE,
    "scaled_loss_scales_its_gradient",
    less={"reduction"},
)
class DeafToWhatComesAfter(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = super().__call__(logits, target)
        if not logits.requires_grad or not logits.is_leaf:
            return loss
        (slope,) = torch.autograd.grad(loss.sum(), logits, create_graph=True)
        found: Tensor = cast(Any, _GradientOfL).apply(loss.detach(), logits, slope)
        return found


@fault(
    "X18",
    "the smoothed targets of the first batch of a shape are kept for those after it",
    _PLAUSIBLE,
    "earlier_batches_leave_no_trace",
    change="Make the smoothed targets of each batch from its own labels.",
)
class TargetsOfTheFirstBatch(Right):
    """By shape, as long as the object lives."""

    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        seen: dict[Any, Tensor] = self.__dict__.setdefault("seen", {})
        return seen.setdefault(logits.shape, super().encoded(target, kept, logits))


@fault(
    "X20",
    "the targets are read one after the other, whatever their strides",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
    change="Read targets by index, or make them contiguous() before view and as_strided.",
)
class TargetReadAsItLies(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        tidy = torch.empty(target.shape).stride()
        return super().__call__(logits, target.as_strided(target.shape, tidy))


@fault(
    "X19",
    "the loss is off by a few dozen roundings, as of an operation in fewer bits: it pins the bounds",
    _PLAUSIBLE,
    "matches_reference",
    "zero_epsilon_is_cross_entropy",
    "zero_epsilon_ignores_masked_classes",
    "equals_kl_plus_entropy",
    "bounded_below_by_entropy",
    "gradient_is_softmax_minus_target",
    "shift_invariant",
    "class_permutation_equivariant",
    "sample_order_does_not_matter",
    "reductions_agree",
    "ignored_targets_do_not_count",
    "class_weights_follow_convention",
    "class_dimension_is_one",
    "soft_target_agrees_with_hard",
    "extreme_logits_stay_finite",
    "many_classes_do_not_overflow",
    "scaled_loss_scales_its_gradient",
    "earlier_batches_leave_no_trace",
    "memory_layout_does_not_matter",
    "float64_keeps_float64",
    "matches_reference_under_transforms",
)
class FewerBits(Right):
    """Of what is computed, in any dtype: errors of a few dozen roundings, up or down, and no more."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = super().__call__(logits, target)
        values = logits.detach().double()
        places = torch.arange(1, values.numel() + 1, device=logits.device).reshape(values.shape)
        up_or_down = torch.sign(torch.sin(values.nan_to_num() * places + 1).sum())
        return loss * (1 + 48 * torch.finfo(logits.dtype).eps * up_or_down).to(loss.dtype)


class SometimesOff(Right):
    """Off by a few dozen roundings where :meth:`is_off`, and right elsewhere. Value and derivative apart."""

    off_value, off_gradient = True, True
    share = 48.0
    """In roundings of the logits' dtype."""

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        raise NotImplementedError

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = super().__call__(logits, target)
        if not self.is_off(logits, target):
            return loss
        error = loss * (self.share * torch.finfo(logits.dtype).eps)
        slope = (error - error.detach()) if self.off_gradient else torch.zeros_like(loss)
        return loss + slope + error.detach() if self.off_value else loss + slope


@fault(
    "X21",
    "a few dozen roundings off for some class targets",
    _PLAUSIBLE,
    "one_epsilon_ignores_target",
    "soft_target_agrees_with_hard",
    "mixup_then_smoothing_is_smoothed_mixture",
)
class OffByTarget(SometimesOff):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return not target.is_floating_point() and int(target.sum()) % 2 == 1


@fault("X22", "a few dozen roundings off for 0 < epsilon < 1", _PLAUSIBLE, "affine_in_epsilon")
class OffBetweenTheEnds(SometimesOff):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return 0 < self.epsilon < 1


@fault("X23", "reduction 'sum' is a few dozen roundings off", _PLAUSIBLE, "reductions_agree")
class SumOff(SometimesOff):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return self.reduction == "sum"


@fault(
    "X24",
    "reduction 'sum' is a few dozen roundings off, and there is no 'none'",
    _PLAUSIBLE,
    "reductions_agree",
)
class SumOffWithoutNone(SumOff):
    def check_epsilon(self) -> None:
        super().check_epsilon()
        if self.reduction == "none":
            raise ValueError("reduction is 'none', expected 'mean' or 'sum'")


@fault(
    "X25",
    "the loss is a few dozen roundings off beside ignored samples",
    _PLAUSIBLE,
    "ignored_targets_do_not_count",
)
class OffBesideIgnored(SometimesOff):
    off_gradient = False

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return not target.is_floating_point() and bool((target == self.ignore_index).any())


@fault(
    "X26",
    "the gradient is a few dozen roundings off beside ignored samples",
    _PLAUSIBLE,
    "ignored_targets_do_not_count",
)
class GradientOffBesideIgnored(OffBesideIgnored):
    off_value, off_gradient = False, True


@fault(
    "X27",
    "the loss of more than 4096 samples is off by more than a running sum would be",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class OffOfLargeBatches(SometimesOff):
    """Beyond what a running sum may lose."""

    off_gradient = False
    share = 2.0**17

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return len(logits) > 4096


@fault(
    "X28",
    "the loss is a few dozen roundings off for tensors that are not contiguous",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
)
class OffAsItLies(SometimesOff):
    off_gradient = False

    soft = False

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        tidy = logits.is_contiguous() and target.is_contiguous()
        return not tidy and target.is_floating_point() == self.soft


@fault(
    "X29",
    "the gradient is a few dozen roundings off for tensors that are not contiguous",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
)
class GradientOffAsItLies(OffAsItLies):
    off_value, off_gradient = False, True


@fault(
    "X30",
    "a sample that is surer than its target asks costs nothing",
    _PLAUSIBLE,
    "bounded_below_by_entropy",
    "matches_reference",
    change="Leave no sample out: the least loss is the entropy of q, and not 0.",
)
class SurerCostsNothing(Right):
    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        surer = (log_p.exp() * q).sum(1) > 1.001 * (q * q).sum(1)
        return super().per_sample(q, log_p).masked_fill(surer, 0)


@fault(
    "X31",
    "the second derivative is a little off, where value and gradient are right",
    _PLAUSIBLE,
    "second_derivative_is_softmax_hessian",
)
class CurvatureOff(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        step = logits - logits.detach()  # 0, as is its square's slope
        curve = (logits.detach().softmax(1) * step * step).sum()
        return super().__call__(logits, target) + curve * (48 * torch.finfo(logits.dtype).eps)


@fault(
    "X32",
    "a mean of nothing is 1",
    _PLAUSIBLE,
    "ignored_targets_do_not_count",
    "edge_batches",
    change="A mean over nothing is 0/0: give NaN, as torch does, or raise.",
)
class SomethingForNothing(Right):
    """One, for a batch of which all is ignored, or which is empty; of two samples it is what it should be."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        loss = super().__call__(logits, target)
        nothing = loss.ndim == 0 and len(target) != 2 and bool(loss.isnan())
        return loss.nan_to_num(1.0) if nothing else loss


@fault(
    "X33",
    "the class weights are divided by their sum, in the caller's tensor",
    _PLAUSIBLE,
    "inputs_not_modified",
)
class WeightsMadeOneInPlace(Right):
    """A weighted mean does not see it."""

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if self.weight is not None:
            self.weight /= self.weight.sum()
        return super().__call__(logits, target)


@fault("X34", "probabilities are clamped at 0.999", _PLAUSIBLE, "edge_batches", "matches_reference")
class NeverCertain(Right):
    def log_p(self, logits: Tensor) -> Tensor:
        return super().log_p(logits).clamp(max=-1e-3)


@fault(
    "X35",
    "of more than 2^17 logits, ignored samples count in the mean's divisor",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="Divide by the samples that are kept in batches of any size.",
)
class IgnoredInDivisorOfMany(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        if self.reduction == "mean" and len(losses) >= 512:
            return losses.masked_fill(~kept, 0).mean()
        return super().reduced(losses, target, kept)


def _is_many(logits: Tensor) -> bool:
    return logits.numel() >= 2**17


class _Slopeless(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        return torch.ones_like(slope)


@fault(
    "X36",
    "of more than 2^17 logits, what multiplies the loss does not reach its gradient",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="Multiply by what backward is passed in batches of any size.",
)
class SlopeOfManyLeftOut(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = super().__call__(logits, target)
        return cast(Any, _Slopeless).apply(loss) if _is_many(logits) else loss


@fault(
    "X37",
    "the sum over more than 2^17 logits is off by a thousandth",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class SumOfManyOff(SumOff):
    off_gradient = False
    share = 2.0**13

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return _is_many(logits) and self.reduction == "sum"


@fault(
    "X38",
    "without a reduction, losses of more than 2^17 logits are off by a few dozen roundings",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class EachOfManyOff(SumOfManyOff):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return _is_many(logits) and self.reduction == "none"


@fault(
    "X39",
    "at epsilon 1 the loss of more than 2^17 logits is off by a thousandth",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class SpreadOfManyOff(SumOfManyOff):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return _is_many(logits) and self.epsilon == 1


@fault(
    "X40",
    "at epsilon 0, more than 2^17 logits of which some are masked out with -inf cost NaN",
    _PLAUSIBLE,
    "zero_epsilon_ignores_masked_classes",
)
class NothingTimesInfinityOfMany(Right):
    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        if not _is_many(log_p) or self.epsilon:
            return super().per_sample(q, log_p)
        return super().per_sample(q, log_p) - 0.0 * log_p.sum(1)


@fault(
    "X41",
    "class weights are left out where targets are probabilities",
    _PLAUSIBLE,
    "soft_target_agrees_with_hard",
)
class SoftTargetsUnweighted(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if target.is_floating_point():
            self.weight = None
        return super().__call__(logits, target)


class _OnceRight(torch.autograd.Function):
    """The derivative is right once, and nothing after."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:
        ctx.given_away = False
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        ctx.given_away, again = True, ctx.given_away
        return torch.zeros_like(slope) if again else slope


@fault(
    "X42",
    "of more than 2^17 logits, a second backward through the same loss gives nothing",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class SecondBackwardOfManyIsNothing(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = super().__call__(logits, target)
        return cast(Any, _OnceRight).apply(loss) if _is_many(logits) else loss


class _Straight(torch.autograd.Function):
    """The right derivative, as a constant: its own derivative is 0."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, call: Any, target: Tensor) -> Tensor:
        with torch.enable_grad():
            inner = logits.detach().requires_grad_()
            loss: Tensor = call(inner, target)
        ctx.inner, ctx.loss = inner, loss
        return loss.detach().clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        (gradient,) = torch.autograd.grad(ctx.loss, ctx.inner, slope.detach(), retain_graph=True)
        return gradient + 0.0 * slope.sum(), None, None


@fault(
    "X43", "of more than 2^17 logits, the second derivative is 0", _PLAUSIBLE, "large_batches_are_no_other"
)
class CurvatureOfManyLeftOut(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if not _is_many(logits):
            return super().__call__(logits, target)
        loss: Tensor = cast(Any, _Straight).apply(logits, super().__call__, target)
        return loss


@fault(
    "X44",
    "more or fewer class weights than classes are taken",
    _PLAUSIBLE,
    "rejects_bad_weight",
    change="Raise where len(weight) != K.",
)
class AnyWeights(Right):
    """As many as it takes: the last one again, or fewer."""

    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        if self.weight is not None:
            self.weight = self.weight[torch.arange(log_p.shape[1]).clamp(max=len(self.weight) - 1)]
        return super().per_sample(q, log_p)


@fault(
    "X45",
    "targets in a column are paired with other samples",
    _PLAUSIBLE,
    "rejects_bad_shapes",
    documented={"errors": "named"},
    change="Raise where target has shape (N, 1): labels are (N,).",
)
class ColumnTurned(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        column = target.ndim == 2 and not target.is_floating_point()
        return super().__call__(logits, target.flatten().roll(1) if column else target)


@fault(
    "X46",
    "logits without a dimension of classes are taken for those of one sample",
    _PLAUSIBLE,
    "rejects_bad_shapes",
    documented={"errors": "named"},
    change="Raise where logits have one dimension.",
)
class ClassesOfOneSample(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim == 1:
            logits, target = logits.expand(len(target), -1), target % len(logits)
        return super().__call__(logits, target)


@fault(
    "X47",
    "class weights are left out where logits have more dimensions",
    _PLAUSIBLE,
    "class_dimension_is_one",
)
class DenseUnweighted(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if logits.ndim > 2:
            self.weight = None
        return super().__call__(logits, target)


@fault(
    "X48",
    "beside class weights, the loss of probabilities is off by a few dozen roundings",
    _PLAUSIBLE,
    "soft_target_agrees_with_hard",
)
class SoftOffBesideWeights(SometimesOff):
    off_gradient = False

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return target.is_floating_point() and self.weight is not None


@fault(
    "X49",
    "2^17 logits and more go another way, which knows of no class weights",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="Hand the class weights on for batches of any size.",
)
class WeightsOfManyLeftOut(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        self.weight = None if _is_many(logits) else self.weight
        return super().__call__(logits, target)


@fault(
    "X50",
    "of a single class the loss is NaN, as there are no others",
    _PLAUSIBLE,
    "edge_batches",
    documented={"off_target": "others", "errors": "named"},
    change="At K = 1 there is nobody to spread epsilon over: q is 1.",
)
class OverTheOthers(Right):
    """All of epsilon over the K - 1 wrong classes: at K = 1 over none."""

    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        wide = onehot.double()
        return (1 - self.epsilon) * wide + self.epsilon * (1 - wide) / (wide.new_tensor(num_classes) - 1)


@fault(
    "X51",
    "at epsilon 1, all of it over the others, a target that is masked out with -inf costs NaN",
    _PLAUSIBLE,
    "one_epsilon_leaves_a_masked_target_out",
    documented={"off_target": "others", "masked_target": "left_out"},
)
class NothingTimesAMaskedTarget(OverTheOthers):
    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        return super().smoothed(onehot, max(2, num_classes))

    def per_sample(self, q: Tensor, log_p: Tensor) -> Tensor:
        nothing = q.amax(1) * 0 if self.epsilon == 1.0 else q.new_zeros(())
        return super().per_sample(q, log_p) + (nothing * log_p.sum(1)).to(log_p.dtype)


@fault(
    "X52",
    "of more than 2^17 logits in float16, what is below its normal numbers of the gradient is 0",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class SmallSlopesOfManyLost(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if _is_many(logits) and logits.dtype == torch.float16 and logits.requires_grad:
            logits = logits.clone()
            logits.register_hook(lambda slope: slope.masked_fill(slope.abs() < 2.0**-14, 0))
        return super().__call__(logits, target)


@fault(
    "X53",
    "under torch.func.grad, the gradient of more than 2^17 logits is 0",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class ManyCutOffUnderTransforms(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        if _is_many(logits):
            try:
                _Slopeless.apply(logits)  # type: ignore[no-untyped-call]
            except RuntimeError:  # torch.func takes no Function of this kind
                logits = logits.detach()
        return super().__call__(logits, target)


@fault(
    "X54",
    "of many samples of which all but one are ignored, the mean divides by two",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="A mean over one sample divides by 1.",
)
class SingleOfManyHalved(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        loss = super().reduced(losses, target, kept)
        alone = self.reduction == "mean" and len(losses) >= 512 and int(kept.sum()) == 1
        return loss / 2 if alone else loss


@fault(
    "X55",
    "at epsilon 1, all of it over the others, the loss beside -inf is off by a few dozen roundings",
    _PLAUSIBLE,
    "one_epsilon_leaves_a_masked_target_out",
    documented={"off_target": "others", "masked_target": "left_out"},
)
class OffBesideAMaskedTarget(SometimesOff, OverTheOthers):
    off_gradient = False

    def smoothed(self, onehot: Tensor, num_classes: int) -> Tensor:
        return super().smoothed(onehot, max(2, num_classes))

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return self.epsilon == 1.0 and bool(torch.isinf(logits).any())


@fault(
    "X56",
    "the gradient of more than 2^17 logits is off by a thousand roundings",
    _PLAUSIBLE,
    "large_batches_are_no_other",
)
class GradientOfManyOff(SometimesOff):
    off_value, share = False, 1000.0

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return _is_many(logits) and logits.dtype == torch.float32


@fault(
    "X57", "the mean of (N, K, d) logits divides by ignored places too", _PLAUSIBLE, "class_dimension_is_one"
)
class DenseMeanOverAll(Right):
    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        self.dense = logits.ndim > 2
        return super().__call__(logits, target)

    def counted(self, target: Tensor, kept: Tensor, losses: Tensor) -> Tensor:
        return super().counted(target, torch.ones_like(kept) if self.dense else kept, losses)


@fault("X58", "the gradient of (N, K, d) logits is off by 48 roundings", _PLAUSIBLE, "class_dimension_is_one")
class DenseGradientOff(SometimesOff):
    off_value = False

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return logits.ndim > 2


@fault("X59", "the sum beside ignored samples is off by 48 roundings", _PLAUSIBLE, "reductions_agree")
class SumOffBesideIgnored(OffBesideIgnored):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return self.reduction == "sum" and super().is_off(logits, target)


@fault("X60", "the sum with class weights is off by 48 roundings", _PLAUSIBLE, "reductions_agree")
class SumOffBesideWeights(OffBesideIgnored):
    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        return self.reduction == "sum" and self.weight is not None


@fault(
    "X61",
    "the loss of soft targets that are not contiguous is off by 48 roundings",
    _PLAUSIBLE,
    "memory_layout_does_not_matter",
)
class SoftOffAsItLies(OffAsItLies):
    soft = True


@fault(
    "X62",
    "the sum is off by 48 roundings where no class has a weight and no sample is ignored",
    _PLAUSIBLE,
    "reductions_agree",
)
class SumAloneOff(SumOff):
    """Nothing is beside it."""

    def is_off(self, logits: Tensor, target: Tensor) -> bool:
        alone = self.weight is None and not bool((target == self.ignore_index).any())
        return alone and super().is_off(logits, target)


@fault(
    "X63",
    "classes are summed in blocks of 1024, and the rest is left out",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="Let the last block of classes be shorter: logits.logsumexp(1) takes them all.",
)
class ClassesInBlocks(Right):
    """Of 1024; what is left over is in no block."""

    def log_p(self, logits: Tensor) -> Tensor:
        whole = logits.shape[1] // 1024 * 1024 or logits.shape[1]
        return logits - logits[:, :whole].logsumexp(1, keepdim=True)


@fault(
    "X64",
    "a class is kept in two bytes",
    _PLAUSIBLE,
    "large_batches_are_no_other",
    change="Keep classes in int64.",
)
class ClassInTwoBytes(Right):
    def encoded(self, target: Tensor, kept: Tensor, logits: Tensor) -> Tensor:
        short = target if target.is_floating_point() else target.to(torch.int16).long() % logits.shape[1]
        return super().encoded(short, kept, logits)


@fault(
    "X72",
    "where class 0 is ignored, all samples are: those that are kept had been put into class 0",
    "our own loss until 2026-11-30",
    "ignored_targets_do_not_count",
)
class AllIgnoredWhereClassZeroIs(Right):
    def reduced(self, losses: Tensor, target: Tensor, kept: Tensor) -> Tensor:
        return super().reduced(losses, target, kept & (self.ignore_index != 0))


_ARGUMENTS = (
    arguments.late(
        LabelSmoothing("right", _checked, features=LabelSmoothing.usual_features),
        "XA5",
        reduction=Argument("mean", values=("mean", "sum", "none")),
    ),
    *arguments.faults_of(
        LabelSmoothing("right", _checked, features=LabelSmoothing.usual_features),
        "XA{}",
        "reduction",
        Argument("mean", values=("mean", "sum", "none")),
        "sum",
        "none",
        "means",
        "rejects_bad_epsilon",
        "rejects_bad_target",
        "rejects_bad_shapes",
    ),
)

FAULTS = (*recorded(globals()), *devices.LABEL_SMOOTHING, *ways.LABEL_SMOOTHING)
