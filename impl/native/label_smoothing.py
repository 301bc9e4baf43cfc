"""Label-smoothed cross-entropy in PyTorch: a function, and the same as a module.

    L = -(1 - e) log p_y - e/K sum_k log p_k        p = softmax(logits)

Source: Szegedy et al. 2016 (arXiv 1512.00567), section 7. Class weights follow the documentation of
``torch.nn.CrossEntropyLoss``. Half precision is computed in float32 and rounded once, at the end: a
float16 sum over 20 000 classes overflows (transformers issue 10674).

There are two ways to the same numbers. ``_losses`` writes the formula in PyTorch's operations, which is what
every transform and device can follow. ``_InBlocks`` is for many classes on the CPU: rows are taken in blocks
that stay in the cache, log p is never written down, and the derivative is worked out by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import forward_ad

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
    if off_target == "others" and logits.shape[1] == 1:
        off_target = "uniform"  # there are none
    if target.is_floating_point():
        losses = _soft_losses(logits, target, epsilon, weight, off_target)
    else:
        if check_target:
            _check_classes(target, ignore_index, logits.shape[1])
        try:
            if weight is None and off_target == "uniform" and _is_plain(logits):
                ignored = target == ignore_index
                losses = _InBlocks.apply(logits, target.masked_fill(ignored, 0), epsilon)
                losses = losses.masked_fill(ignored, 0.0)
            else:
                losses = _losses(logits, target, epsilon, weight, ignore_index, off_target)
        except (RuntimeError, IndexError) as error:
            if "out of bounds" in str(error):
                raise ValueError(f"target: {str(error).splitlines()[0]}, {_CLASSES}") from error
            raise
    if reduction == "none":
        return losses.to(logits.dtype)
    total = losses.sum()
    if reduction == "mean":
        total = total / _count(losses, target, weight, ignore_index)
    return total.to(logits.dtype)


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


def _losses(
    logits: Tensor,
    target: Tensor,
    epsilon: float,
    weight: Tensor | None,
    ignore_index: int,
    off_target: OffTarget,
) -> Tensor:
    """A loss a sample, (N, d...), in float32 at least; 0 where the target is ignored."""
    num_classes = logits.shape[1]
    log_p = _log_softmax(logits)
    weight = None if weight is None else weight.to(log_p.dtype)
    nll = F.nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction="none")
    if epsilon == 0.0:
        return nll
    ignored = target == ignore_index
    spread = log_p if weight is None else log_p * _along_classes(weight, log_p)
    if off_target == "others":
        spread = spread.scatter(1, target.masked_fill(ignored, 0).unsqueeze(1), 0.0)
        num_classes -= 1
    spread = spread.sum(1).masked_fill(ignored, 0.0)
    if epsilon == 1.0:  # nothing is left of the target, also where its log p is -inf
        return spread * (-1.0 / num_classes)
    return torch.sub(nll * (1.0 - epsilon), spread, alpha=epsilon / num_classes)


def _soft_losses(
    logits: Tensor, target: Tensor, epsilon: float, weight: Tensor | None, off_target: OffTarget
) -> Tensor:
    """The same for targets that are probabilities."""
    num_classes = logits.shape[1]
    log_p = _log_softmax(logits)
    q = target.to(log_p.dtype)
    if off_target == "others":
        q = (1.0 - epsilon) * q + epsilon * (1.0 - q) / (num_classes - 1)
    else:
        q = (1.0 - epsilon) * q + epsilon / num_classes
    absent = q == 0  # q log p is 0 there, also beside log 0 = -inf; so is its gradient
    if weight is not None:
        q = q * _along_classes(weight.to(log_p.dtype), log_p)
    return -(q * log_p.masked_fill(absent, 0.0)).sum(1)


def _count(losses: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor | int:
    """What a mean divides by: samples that are not ignored, or the weights of their targets."""
    if target.is_floating_point():
        return losses.numel()
    kept = target != ignore_index
    if weight is None:
        return kept.sum()
    return (weight.to(losses.dtype)[target.masked_fill(~kept, 0)] * kept).sum()


class _InBlocks(torch.autograd.Function):
    """:func:`_losses` by blocks of rows, for class targets and the uniform spread without weights.

        L = log S - (1 - e) x_y - e/K sum_k x_k          x = z - max z      S = sum_k exp x_k
        dL/dz_k = exp(x_k)/S - e/K - (1 - e) [k = y]

    No term of L is negative: nothing cancels. Beside the gradient, nothing of the logits' size is made.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, classes: Tensor, epsilon: float) -> Tensor:
        dtype = _working_dtype(logits)
        classes = classes.unsqueeze(1)
        top, total, losses = (torch.empty(classes.shape, dtype=dtype) for _ in range(3))
        for rows, x in _blocks(logits):
            loss = losses[rows]
            torch.amax(x.copy_(logits[rows]), 1, keepdim=True, out=top[rows])
            x.sub_(top[rows])
            at_target, spread = x.gather(1, classes[rows]), x.sum(1, keepdim=True)
            torch.sum(x.exp_(), 1, keepdim=True, out=total[rows])
            torch.log(total[rows], out=loss)
            if epsilon < 1.0:
                loss.sub_(at_target, alpha=1.0 - epsilon)
            if epsilon > 0.0:
                loss.sub_(spread, alpha=epsilon / logits.shape[1])
        ctx.save_for_backward(logits, classes, top, total)
        ctx.epsilon = epsilon
        return losses.squeeze(1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        logits, classes, top, total = ctx.saved_tensors
        if torch.is_grad_enabled() or _is_batched(slope):  # a second derivative, or many slopes at once
            again = torch.is_grad_enabled()
            with torch.enable_grad():
                losses = _losses(logits, classes.squeeze(1), ctx.epsilon, None, -1, "uniform")
                (gradient,) = torch.autograd.grad(losses, logits, slope, create_graph=again)
            return gradient, None, None
        slope = slope.unsqueeze(1)
        off, on, scale = slope * (-ctx.epsilon / logits.shape[1]), slope * (ctx.epsilon - 1.0), slope / total
        gradient = torch.empty_like(logits)
        for rows, x in _blocks(logits, gradient):
            torch.sub(logits[rows], top[rows], out=x)
            torch.addcmul(off[rows], x.exp_(), scale[rows], out=x)
            x.scatter_add_(1, classes[rows], on[rows])
            if x.dtype != gradient.dtype:
                gradient[rows] = x
        return gradient, None, None


_IN_BLOCKS_FROM = 2**15
"""Logits: below, the operations of PyTorch are faster than the blocks' bookkeeping."""
_BLOCK = 2**18
"""Logits: with a float32 copy they stay in a cache of a few MB."""


def _blocks(logits: Tensor, into: Tensor | None = None) -> Iterator[tuple[slice, Tensor]]:
    """Rows, and room for as much of their logits: in ``into`` itself where its dtype serves."""
    dtype, step = _working_dtype(logits), max(1, _BLOCK * len(logits) // logits.numel())
    room = None if into is not None and into.dtype == dtype else torch.empty_like(logits[:step], dtype=dtype)
    for first in range(0, len(logits), step):
        rows = slice(first, min(first + step, len(logits)))
        yield rows, into[rows] if room is None else room[: rows.stop - first]


def _is_plain(logits: Tensor) -> bool:
    """Whether blocks pay, and nothing follows the single operations: no compiler, transform or subclass."""
    return (
        logits.numel() >= _IN_BLOCKS_FROM
        and logits.device.type == "cpu"
        and type(logits) in (Tensor, nn.Parameter)
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and forward_ad._current_level < 0
    )


def _is_batched(slope: Tensor) -> bool:
    """By vmap, or by ``is_grads_batched``."""
    kinds = torch._C._functorch
    return kinds.is_batchedtensor(slope) or kinds.is_legacy_batchedtensor(slope)


def _log_softmax(logits: Tensor) -> Tensor:
    return F.log_softmax(logits, dim=1, dtype=_working_dtype(logits))


def _working_dtype(logits: Tensor) -> torch.dtype:
    return torch.float32 if logits.dtype in _HALF else logits.dtype


def _along_classes(weight: Tensor, logits: Tensor) -> Tensor:
    return weight.reshape(-1, *[1] * (logits.ndim - 2))


def _check_classes(target: Tensor, ignore_index: int, num_classes: int) -> None:
    if target.numel():
        low, high = (int(bound) for bound in torch.aminmax(target.masked_fill(target == ignore_index, 0)))
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
