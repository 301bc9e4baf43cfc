"""Label-smoothed cross-entropy in PyTorch: a function, and the same as a module.

    L = -(1 - e) log p_y - e/K sum_k log p_k        p = softmax(logits)

Source: Szegedy et al. 2016 (arXiv 1512.00567), section 7. Class weights follow the documentation of
``torch.nn.CrossEntropyLoss``. Half precision is computed in float32 and rounded once, at the end: a
float16 sum over 20 000 classes overflows (transformers issue 10674).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Reduction = Literal["mean", "sum", "none"]
OffTarget = Literal["uniform", "others"]

_HALF = (torch.float16, torch.bfloat16)
_CLASSES = "expected classes in 0..K-1, or ignore_index"


def label_smoothed_cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    epsilon: float = 0.1,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    off_target: OffTarget = "uniform",
    check_target: bool = False,
) -> Tensor:
    """Cross-entropy, in nats, between softmax(logits) and smoothed targets.

    >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
    >>> label_smoothed_cross_entropy(logits, torch.tensor([0]), epsilon=0.3)
    tensor(0.6395)

    Args:
        logits: floating point, (N, K) or (N, K, d...): classes are dimension 1.
        target: int64 classes (N, d...), or probabilities shaped and typed as the logits.
        epsilon: mass moved off the target, in [0, 1]. At 0 this is cross-entropy, also beside
            logits of -inf.
        weight: (K,), class k counts weight[k]; a mean over classes divides by the targets' weights.
        ignore_index: class targets of this value cost nothing and count for nothing.
        reduction: "mean", "sum", or "none" for a loss per sample, (N, d...).
        off_target: "uniform" spreads epsilon over all K classes, "others" over the K - 1 wrong ones.
        check_target: raise for class targets outside 0..K-1 on any device. On the CPU that is always
            so; on CUDA the check makes the host wait for the device, and without it such a target
            is a device-side assertion.

    Returns a tensor of the logits' dtype. It can be differentiated twice, and works under
    ``torch.compile``, ``torch.func.vmap`` and autocast.

    Raises ValueError or TypeError naming the argument, its value and what was expected.
    """
    _check(logits, target, epsilon, weight, reduction, off_target)
    num_classes = logits.shape[1]
    log_p = F.log_softmax(logits, dim=1, dtype=torch.float32 if logits.dtype in _HALF else logits.dtype)
    if weight is not None:
        weight = weight.to(log_p.dtype).reshape(1, -1, *[1] * (logits.ndim - 2)).expand_as(log_p)

    if target.is_floating_point():
        q = _smoothed(target.to(log_p.dtype), epsilon, num_classes, off_target)
        losses = -_zero_safe_product(q if weight is None else q * weight, log_p).sum(1)
        count = torch.ones_like(losses)
    else:
        ignored = target == ignore_index
        classes = target.masked_fill(ignored, 0).unsqueeze(1)
        if check_target:
            _check_classes(classes, num_classes)
        nll = -_gather(log_p, classes)
        count = torch.ones_like(nll) if weight is None else _gather(weight, classes)
        losses = torch.zeros_like(nll)
        if epsilon < 1.0:
            losses = (1.0 - epsilon) * count * nll
        if epsilon > 0.0:
            weighted = log_p if weight is None else log_p * weight
            if off_target == "others" and num_classes > 1:
                others = weighted.scatter(1, classes, 0.0).sum(1)
                losses = losses - epsilon / (num_classes - 1) * others
            else:
                losses = losses - epsilon / num_classes * weighted.sum(1)
        losses = losses.masked_fill(ignored, 0.0)
        count = count.masked_fill(ignored, 0.0)

    if reduction == "none":
        return losses.to(logits.dtype)
    if reduction == "sum":
        return losses.sum().to(logits.dtype)
    return (losses.sum() / count.sum()).to(logits.dtype)


class LabelSmoothedCrossEntropy(nn.Module):
    """:func:`label_smoothed_cross_entropy` as a module; ``weight`` is a buffer and moves with it.

    >>> criterion = LabelSmoothedCrossEntropy(epsilon=0.1)
    >>> criterion(torch.zeros(2, 5), torch.tensor([0, 3]))
    tensor(1.6094)
    """

    weight: Tensor | None

    def __init__(
        self,
        epsilon: float = 0.1,
        *,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        off_target: OffTarget = "uniform",
        check_target: bool = False,
    ) -> None:
        super().__init__()
        _check_options(epsilon, reduction, off_target)
        self.epsilon = epsilon
        self.ignore_index = ignore_index
        self.reduction: Reduction = reduction
        self.off_target: OffTarget = off_target
        self.check_target = check_target
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return label_smoothed_cross_entropy(
            logits,
            target,
            epsilon=self.epsilon,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            off_target=self.off_target,
            check_target=self.check_target,
        )

    def extra_repr(self) -> str:
        return f"epsilon={self.epsilon}, reduction={self.reduction!r}, off_target={self.off_target!r}"


def _smoothed(target: Tensor, epsilon: float, num_classes: int, off_target: OffTarget) -> Tensor:
    if off_target == "others" and num_classes > 1:
        return (1.0 - epsilon) * target + epsilon * (1.0 - target) / (num_classes - 1)
    return (1.0 - epsilon) * target + epsilon / num_classes


def _zero_safe_product(q: Tensor, log_p: Tensor) -> Tensor:
    """q * log_p, and 0 where q is 0, also beside log 0 = -inf; so is its gradient."""
    absent = q == 0
    return q * log_p.masked_fill(absent, 0.0)


def _gather(values: Tensor, classes: Tensor) -> Tensor:
    """values of the target classes, (N, d...). On the CPU ``gather`` itself refuses other classes."""
    try:
        return values.gather(1, classes).squeeze(1)
    except (RuntimeError, IndexError) as error:
        if "out of bounds" in str(error):
            raise ValueError(f"target: {str(error).splitlines()[0]}, {_CLASSES}") from error
        raise


def _check_classes(classes: Tensor, num_classes: int) -> None:
    if classes.numel():
        low, high = (int(bound) for bound in torch.aminmax(classes))
        if low < 0 or high >= num_classes:
            raise ValueError(f"target has classes from {low} to {high}, {_CLASSES}")


def _check(
    logits: Tensor,
    target: Tensor,
    epsilon: float,
    weight: Tensor | None,
    reduction: str,
    off_target: str,
) -> None:
    _check_options(epsilon, reduction, off_target)
    if logits.ndim < 2 or not logits.is_floating_point() or logits.shape[1] == 0:
        raise ValueError(
            f"logits has shape {tuple(logits.shape)} and dtype {logits.dtype}, "
            "expected floating point (N, K) or (N, K, d...) with K >= 1"
        )
    of_classes = (logits.shape[0], *logits.shape[2:])
    if target.is_floating_point():
        expected, right = f"{tuple(logits.shape)} for probabilities", target.shape == logits.shape
    else:
        expected, right = f"{of_classes} for classes", tuple(target.shape) == of_classes
    if not right:
        raise ValueError(f"target has shape {tuple(target.shape)}, expected {expected}")
    if not target.is_floating_point() and target.dtype != torch.int64:
        raise TypeError(f"target has dtype {target.dtype}, expected torch.int64 or probabilities")
    if weight is not None and weight.shape != logits.shape[1:2]:
        raise ValueError(f"weight has shape {tuple(weight.shape)}, expected ({logits.shape[1]},)")


def _check_options(epsilon: float, reduction: str, off_target: str) -> None:
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon!r}, expected a number in [0, 1]")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {reduction!r}, expected 'mean', 'sum' or 'none'")
    if off_target not in ("uniform", "others"):
        raise ValueError(f"off_target is {off_target!r}, expected 'uniform' or 'others'")
