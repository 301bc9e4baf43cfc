"""Label-smoothed cross-entropy in PyTorch: a function, and the same as a module.

    L = -(1 - e) log p_y - e/K sum_k log p_k        p = softmax(logits)

Source: Szegedy et al. 2016 (arXiv 1512.00567), section 7. Class weights follow the documentation of
``torch.nn.CrossEntropyLoss``. Half precision is computed in float32 and rounded once, at the end: a
float16 sum over 20 000 classes overflows (transformers issue 10674).

There are two ways to the same numbers. ``_loss`` writes the formula in PyTorch's operations, which is what
every transform and device can follow. ``_InBlocks`` is for many logits on the CPU: rows are taken in blocks
that stay in the cache, and the derivative is worked out by hand beside the loss.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal, cast

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
    dim: int = 1,
    mask: Tensor | None = None,
    check_target: bool = False,
) -> Tensor:
    """Cross-entropy, in nats, between softmax(logits) and smoothed targets.

    >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
    >>> label_smoothed_cross_entropy(logits, torch.tensor([0]), epsilon=0.3)
    tensor(0.6395)

    Args:
        logits: floating point, (N, K) or (N, K, d...): classes are dimension 1, or ``dim``.
        target: int64 classes (N, d...), or probabilities shaped and typed as the logits.
        epsilon: mass moved off the target, in [0, 1]. At 0 this is cross-entropy, also beside
            logits of -inf.
        weight: (K,), class k counts weight[k]; a mean over classes divides by the targets' weights.
        ignore_index: class targets of this value cost nothing and count for nothing.
        reduction: "mean", "sum", or "none" for a loss per sample, (N, d...).
        off_target: "uniform" spreads epsilon over all K classes, "others" over the K - 1 wrong ones: at
            epsilon 1 a target whose logit is -inf is then left out.
        dim: the dimension of the classes: -1 for (N, d..., K), as transformers give. epsilon is spread over
            the classes of that dimension.
        mask: bool, (N, d...), True where a token counts: the others cost nothing, and the mean is over those
            that count. With probabilities too, which ``ignore_index`` cannot strike out.
        check_target: raise for class targets outside 0..K-1 on any device. On the CPU that is always
            so; on CUDA the check makes the host wait for the device, and without it such a target
            is a device-side assertion.

    Returns a tensor of the logits' dtype. It can be differentiated twice, and works under
    ``torch.compile``, ``torch.func.vmap`` and autocast.

    Raises ValueError or TypeError naming the argument, its value and what was expected.
    """
    _check(logits, target, epsilon, weight, reduction, off_target, dim, mask)
    if mask is not None and not target.is_floating_point():
        target, mask = target.masked_fill(~mask, ignore_index), None
    options = (epsilon, weight, ignore_index, reduction, off_target, check_target)
    if dim % logits.ndim == 1:
        return _with_classes_in_dim_1(logits, target, mask, *options)
    # as rows (M, K), which share their memory with logits (N, d..., K)
    places = logits.movedim(dim, -1).shape[:-1]
    rows = logits.movedim(dim, -1).flatten(0, -2)
    target = target.movedim(dim, -1).flatten(0, -2) if target.is_floating_point() else target.flatten()
    loss = _with_classes_in_dim_1(rows, target, None if mask is None else mask.flatten(), *options)
    return loss.reshape(places) if reduction == "none" else loss


def _with_classes_in_dim_1(
    logits: Tensor,
    target: Tensor,
    mask: Tensor | None,
    epsilon: float,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    off_target: OffTarget,
    check_target: bool,
) -> Tensor:
    """``mask``: of probabilities alone."""
    if off_target == "others" and logits.shape[1] == 1:
        off_target = "uniform"  # there are none
    if target.is_floating_point():
        losses = _soft_losses(logits, target, epsilon, weight, off_target)
        count: Tensor | int = losses.numel()
        if mask is not None:
            losses, count = losses.masked_fill(~mask, 0.0), mask.sum()
        return _reduced(losses, count, reduction).to(logits.dtype)
    if check_target:
        _check_classes(target, ignore_index, logits.shape[1])
    try:
        if weight is None and off_target == "uniform" and _is_plain(logits):
            followed = logits if torch.is_grad_enabled() else logits.detach()
            with contextlib.suppress(RuntimeError):  # transforms and forward mode take the operations below
                loss = cast(Any, _InBlocks).apply(followed, target, (epsilon, ignore_index, reduction))
                return cast(Tensor, loss).to(logits.dtype)
        options = (weight, ignore_index, reduction, off_target)
        return _loss(logits, target, epsilon, *options).to(logits.dtype)
    except (RuntimeError, IndexError) as error:
        if "out of bounds" in str(error):
            raise ValueError(f"target: {str(error).splitlines()[0]}, {_CLASSES}") from error
        raise


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
        dim: int = 1,
        check_target: bool = False,
    ) -> None:
        super().__init__()
        _check_options(epsilon, reduction, off_target)
        self.epsilon = epsilon
        self.ignore_index = ignore_index
        self.reduction: Reduction = reduction
        self.off_target: OffTarget = off_target
        self.dim = dim
        self.check_target = check_target
        self.register_buffer("weight", weight)

    def forward(self, logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        return label_smoothed_cross_entropy(
            logits,
            target,
            epsilon=self.epsilon,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            off_target=self.off_target,
            dim=self.dim,
            mask=mask,
            check_target=self.check_target,
        )

    def extra_repr(self) -> str:
        return f"epsilon={self.epsilon}, reduction={self.reduction!r}, off_target={self.off_target!r}"


def smoothed_multilabel(
    target: Tensor,
    *,
    epsilon: float = 0.1,
    spread: Literal["outcomes", "classes"] = "outcomes",
    dim: int = 1,
) -> Tensor:
    """Targets of which several can be 1, smoothed: for ``binary_cross_entropy_with_logits``.

    >>> smoothed_multilabel(torch.tensor([[1.0, 1.0, 0.0]]), epsilon=0.1)
    tensor([[0.9500, 0.9500, 0.0500]])

    Args:
        target: floating point, (N, K, d...), 0 and 1 or between.
        epsilon: in [0, 1].
        spread: "outcomes" moves each label towards 1/2, as each is a question with two outcomes:
            (1 - e) t + e/2. "classes" adds e/K to each, the formula for one label out of K: (1 - e) t + e/K.
            Of a row with m labels the sum becomes (1 - e) m + e K/2, or (1 - e) m + e: m alone at m = K/2, or
            at m = 1.
        dim: the dimension of the K labels, for "classes".

    Returns a tensor of the target's shape and dtype.

    Raises ValueError or TypeError naming the argument, its value and what was expected.
    """
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon!r}, expected a number in [0, 1]")
    if spread not in ("outcomes", "classes"):
        raise ValueError(f"spread is {spread!r}, expected 'outcomes' or 'classes'")
    if not target.is_floating_point():
        raise TypeError(f"target has dtype {target.dtype}, expected floating point")
    if spread == "classes":
        _check_dim(dim, target, "target")
    return target.mul(1.0 - epsilon).add_(epsilon / (2 if spread == "outcomes" else target.shape[dim]))


def _loss(
    logits: Tensor,
    target: Tensor,
    epsilon: float,
    weight: Tensor | None,
    ignore_index: int,
    reduction: Reduction,
    off_target: OffTarget,
) -> Tensor:
    """Of class targets, in float32 at least."""
    num_classes = logits.shape[1]
    log_p = _log_softmax(logits)
    weight = None if weight is None else weight.to(log_p.dtype)
    nll = F.nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if epsilon == 0.0:
        return nll
    ignored = target == ignore_index
    spread = log_p if weight is None else log_p * _along_classes(weight, log_p)
    if off_target == "others":
        spread = spread.scatter(1, target.masked_fill(ignored, 0).unsqueeze(1), 0.0)
        num_classes -= 1
    spread = spread.sum(1, keepdim=True)
    if weight is None:  # of its one class, nll_loss reduces as it does above: class 1 is ignored
        spread = F.nll_loss(spread, ignored.long(), ignore_index=1, reduction=reduction)
    else:
        count = (weight[target.masked_fill(ignored, 0)] * ~ignored).sum()
        spread = _reduced(-spread.squeeze(1).masked_fill(ignored, 0.0), count, reduction)
    if epsilon == 1.0:  # nothing is left of the target, also where its log p is -inf
        return spread / num_classes
    return torch.add(nll * (1.0 - epsilon), spread, alpha=epsilon / num_classes)


def _soft_losses(
    logits: Tensor, target: Tensor, epsilon: float, weight: Tensor | None, off_target: OffTarget
) -> Tensor:
    """Of targets that are probabilities: a loss a sample, (N, d...), in float32 at least."""
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


def _reduced(losses: Tensor, count: Tensor | int, reduction: Reduction) -> Tensor:
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / count


class _InBlocks(torch.autograd.Function):
    """:func:`_loss` for the uniform spread without weights. With d = z - max z and p = softmax z:

        L = -log max p - (1 - e) d_y - e/K sum_k d_k        dL/dz = p - e/K - (1 - e) onehot(y)

    as d is 0 where p is largest. Both are worked out in one go while a block of rows is in the cache, so that
    each exponential is taken once. The derivative of the reduced loss waits in the logits' dtype for a slope
    that is not 1, and is given away where it lies: beside it, nothing of the logits' size is made.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, options: tuple[float, int, Reduction]) -> Tensor:
        epsilon, ignore_index, reduction = options
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        losses, count = _in_blocks(logits, target, epsilon, ignore_index, reduction, gradient)
        ctx.save_for_backward(logits, target)
        ctx.options, ctx.gradient = options, gradient
        return _reduced(losses, count, reduction)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        logits, target = ctx.saved_tensors
        epsilon, ignore_index, reduction = ctx.options
        if not torch.is_grad_enabled():
            with contextlib.suppress(RuntimeError):  # vmap's many slopes at once are no one number
                gradient, ctx.gradient = ctx.gradient, None
                if gradient is None:  # given away before
                    gradient = torch.empty_like(logits)
                    _in_blocks(logits, target, epsilon, ignore_index, reduction, gradient)
                scale = slope / _HELD_AT.get(logits.dtype, 1.0)
                if reduction == "none":
                    gradient.mul_(scale.unsqueeze(1))
                elif scale.item() != 1.0:
                    gradient.mul_(scale)
                return gradient, None, None
        again = torch.is_grad_enabled()  # for a second derivative
        with torch.enable_grad():
            loss = _loss(logits, target, epsilon, None, ignore_index, reduction, "uniform")
            (gradient,) = torch.autograd.grad(loss, logits, slope, create_graph=again)
        return gradient, None, None


def _in_blocks(
    logits: Tensor,
    target: Tensor,
    epsilon: float,
    ignore_index: int,
    reduction: Reduction,
    gradient: Tensor | None,
) -> tuple[Tensor, int]:
    """A loss a sample, and how many count; the reduced loss's dL/dz is written into ``gradient``."""
    ignored = target == ignore_index
    count = target.numel() - int(ignored.sum())
    classes = target.masked_fill(ignored, 0).unsqueeze(1)
    slope = _HELD_AT.get(logits.dtype, 1.0) / (max(count, 1) if reduction == "mean" else 1)
    losses = torch.empty(classes.shape, dtype=_working_dtype(logits))
    room = None
    for rows in _blocks(logits):
        into = None if gradient is None else gradient[rows]
        if into is not None and into.dtype == losses.dtype:
            d = into
        else:
            room = torch.empty_like(logits[rows], dtype=losses.dtype) if room is None else room
            d = room[: len(classes[rows])]
        losses[rows] = _block(logits[rows], classes[rows], epsilon, d)
        if into is not None:
            _to_derivative(d, classes[rows], epsilon, slope)
            if into is not d:
                into.copy_(d)
    losses = losses.squeeze(1)
    if count < target.numel():
        losses.masked_fill_(ignored, 0.0)
        if gradient is not None:
            gradient.masked_fill_(ignored.unsqueeze(1), 0.0)
    return losses, count


def _block(logits: Tensor, classes: Tensor, epsilon: float, d: Tensor) -> Tensor:
    """Losses of a few rows, shaped as ``classes``. ``d`` is room for its name, and holds p in the end."""
    wide = logits if logits.dtype == d.dtype else d.copy_(logits)
    torch.sub(wide, wide.amax(1, keepdim=True), out=d)
    losses = torch.zeros(classes.shape, dtype=d.dtype)
    if epsilon < 1.0:  # of -inf there may be 0 parts
        losses.sub_(d.gather(1, classes), alpha=1.0 - epsilon)
    if epsilon > 0.0:
        losses.sub_(d.sum(1, keepdim=True), alpha=epsilon / d.shape[1])
    p = torch.softmax(d, 1, out=d)
    return losses.sub_(p.amax(1, keepdim=True).log_())


def _to_derivative(p: Tensor, classes: Tensor, epsilon: float, slope: float) -> None:
    """Makes dL/dz of p, in place."""
    torch.add(torch.tensor(-slope * epsilon / p.shape[1], dtype=p.dtype), p, alpha=slope, out=p)
    p.scatter_add_(1, classes, torch.full(classes.shape, slope * (epsilon - 1.0), dtype=p.dtype))


_IN_BLOCKS_FROM = 2**17
"""Logits: of fewer, the single operations take as long."""
_BLOCK = 2**19
_HELD_AT = {torch.float16: 2.0**15}
"""What a waiting derivative, at most 1, is multiplied by: float16 has nothing below 6e-8."""


def _blocks(logits: Tensor) -> Iterator[slice]:
    """Rows whose logits stay in a cache of a few MB."""
    step = max(1, _BLOCK * len(logits) // logits.numel())
    return (slice(first, first + step) for first in range(0, len(logits), step))


def _is_plain(logits: Tensor) -> bool:
    """Whether blocks pay, and nothing follows the single operations: no compiler and no subclass."""
    return (
        logits.numel() >= _IN_BLOCKS_FROM
        and logits.device.type == "cpu"
        and type(logits) in (Tensor, nn.Parameter)
        and not torch.compiler.is_compiling()
    )


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
    dim: int,
    mask: Tensor | None,
) -> None:
    _check_options(epsilon, reduction, off_target)
    if logits.ndim < 2 or not logits.is_floating_point():
        raise ValueError(
            f"logits has shape {tuple(logits.shape)} and dtype {logits.dtype}, "
            "expected floating point (N, K) or (N, K, d...)"
        )
    _check_dim(dim, logits, "logits")
    num_classes, at = logits.shape[dim], dim % logits.ndim
    if num_classes == 0:
        raise ValueError(f"logits has shape {tuple(logits.shape)}, expected a class at least in dim {dim}")
    of_classes = (*logits.shape[:at], *logits.shape[at + 1 :])
    if target.is_floating_point():
        expected, right = f"{tuple(logits.shape)} for probabilities", target.shape == logits.shape
    else:
        expected, right = f"{of_classes} for classes", tuple(target.shape) == of_classes
    if not right:
        raise ValueError(f"target has shape {tuple(target.shape)}, expected {expected}")
    if not target.is_floating_point() and target.dtype != torch.int64:
        raise TypeError(f"target has dtype {target.dtype}, expected torch.int64 or probabilities")
    if weight is not None and weight.shape != (num_classes,):
        raise ValueError(f"weight has shape {tuple(weight.shape)}, expected ({num_classes},)")
    if mask is not None and (mask.dtype != torch.bool or mask.shape != of_classes):
        raise ValueError(
            f"mask has shape {tuple(mask.shape)} and dtype {mask.dtype}, expected {of_classes} and torch.bool"
        )


def _check_dim(dim: int, tensor: Tensor, name: str) -> None:
    if not isinstance(dim, int) or not -tensor.ndim <= dim < tensor.ndim:
        raise ValueError(f"dim is {dim!r}, expected a dimension of {name}, of shape {tuple(tensor.shape)}")


def _check_options(epsilon: float, reduction: str, off_target: str) -> None:
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"epsilon is {epsilon!r}, expected a number in [0, 1]")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {reduction!r}, expected 'mean', 'sum' or 'none'")
    if off_target not in ("uniform", "others"):
        raise ValueError(f"off_target is {off_target!r}, expected 'uniform' or 'others'")
