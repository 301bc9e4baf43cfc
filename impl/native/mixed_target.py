"""What becomes of a mixed target: its loss and its accuracy.

    L_i   = lam_i L(z_i, a_i) + (1 - lam_i) L(z_i, b_i)
    acc_i = lam_i [k_i = a_i] + (1 - lam_i) [k_i = b_i]        k_i = argmax_k z_ik

Source: Zhang et al. 2018 (arXiv 1710.09412), equation 1. Of the accuracy: facebookresearch/mixup-cifar10,
train.py, in shares and not in whole numbers (its pull request 7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Reduction = Literal["mean", "sum", "none"]


class MixedTarget(NamedTuple):
    """The targets of a mixed batch: ``lam[i]`` is the share of the sample's own target, ``target_a[i]``, and
    ``1 - lam[i]`` the share of its partner's, ``target_b[i]``."""

    target_a: Tensor
    """Classes or values, (N, ...)."""
    target_b: Tensor
    lam: Tensor
    """(N,)"""


def mixup_loss(
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    output: Tensor,
    mixed_target: Tensor | MixedTarget,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """The loss of a mixed batch: weighted by each sample's lambda first, reduced after.

    ``loss_fn(output, target)`` gives a loss for each sample, (N,), or for each of its places too, (N, d...):
    say reduction="none". It is called with soft targets once, with a :class:`MixedTarget` for both targets.
    Returns a scalar, or what ``loss_fn`` gives. The mean is over all places, those too that ``loss_fn``
    ignores: to leave them out take the sum, and divide.

    A pair and soft targets give the same where the loss is linear in its target, as cross-entropies are. A
    squared error is not: of a pair it is the mean of two errors, of mixed values the error of the mixture.

    >>> loss_fn = torch.nn.CrossEntropyLoss(reduction="none")
    >>> mixed = MixedTarget(torch.tensor([0]), torch.tensor([1]), torch.tensor([0.75]))
    >>> mixup_loss(loss_fn, torch.zeros(1, 2), mixed)
    tensor(0.6931)

    Raises ValueError where ``loss_fn`` reduces: the lambdas would weight a mean.
    """
    if isinstance(mixed_target, tuple):
        own = loss_fn(output, mixed_target[0])
        other = loss_fn(output, mixed_target[1])
        _check_per_sample(own, output)
        losses = torch.lerp(other, own, _along(mixed_target[2].to(own.dtype), own))
    else:
        losses = loss_fn(output, mixed_target)
        _check_per_sample(losses, output)
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction is {reduction!r}, expected 'mean', 'sum' or 'none'")
    return losses.mean() if reduction == "mean" else losses.sum()


def mixup_accuracy(
    output: Tensor, mixed_target: Tensor | MixedTarget, *, reduction: Reduction = "mean"
) -> Tensor:
    """How much of a mixed batch is predicted right: lambda where the sample's class is predicted, the rest
    where its partner's is. That is the mass which the mixed target gives to the predicted class.

    A model that sees only mixtures cannot reach 1: of a row of two classes lambda is the most. To learn how
    good the model is, look at the accuracy of a validation set, which is not mixed.

    >>> mixed = MixedTarget(torch.tensor([1, 0]), torch.tensor([0, 1]), torch.tensor([0.75, 0.75]))
    >>> mixup_accuracy(torch.tensor([[0.0, 2.0], [0.0, 2.0]]), mixed)
    tensor(0.5000)

    Args:
        output: logits or probabilities, (N, K) or (N, K, d...): the largest entry of dimension 1 is the
            prediction.
        mixed_target: what :func:`mixup` gave, of classes or distributions, as rows or as a pair.
        reduction: "mean"; "sum", to be divided by the samples of an epoch whose batches differ in size; or
            "none", (N, d...).

    Returns float32, or float64 where lambda or the rows are float64: never whole numbers. Nothing waits for
    the device.

    Raises ValueError naming the argument, its value and what was expected.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is {reduction!r}, expected 'mean', 'sum' or 'none'")
    if isinstance(mixed_target, tuple):
        own, other, lam = mixed_target
        _check_target(own, output, "mixed_target[0]")
        _check_target(other, output, "mixed_target[1]")
        predicted, lam = output.argmax(1), _wide(lam)
        own, other = _mass(own, predicted), _mass(other, predicted)
        masses = torch.lerp(other.to(lam.dtype), own.to(lam.dtype), _along(lam, own))
    else:
        _check_target(mixed_target, output, "mixed_target")
        masses = _wide(_mass(mixed_target, output.argmax(1)))
    if reduction == "none":
        return masses
    return masses.mean() if reduction == "mean" else masses.sum()


def _mass(target: Tensor, predicted: Tensor) -> Tensor:
    """What a target gives to the predicted classes: classes 0 or 1, distributions their entry there."""
    if not target.is_floating_point():
        return target == predicted
    return target.gather(1, predicted.unsqueeze(1)).squeeze(1)


def _check_target(target: Tensor, output: Tensor, name: str) -> None:
    rows = target.is_floating_point()
    if output.ndim < 2 or target.shape != (output.shape if rows else output.shape[:1] + output.shape[2:]):
        raise ValueError(
            f"{name} has shape {tuple(target.shape)} and output {tuple(output.shape)}, expected output "
            "(N, K), and classes (N,) or floating-point rows (N, K)"
        )


def _wide(shares: Tensor) -> Tensor:
    return shares.to(torch.promote_types(shares.dtype, torch.float32))


def _along(lam: Tensor, losses: Tensor) -> Tensor:
    """Lambda belongs to the sample: it is the same in all that follows the first dimension."""
    return lam.reshape(-1, *[1] * (losses.ndim - 1))


def _check_per_sample(losses: Tensor, output: Tensor) -> None:
    if losses.ndim == 0 or len(losses) != len(output):
        raise ValueError(
            f"loss_fn gave shape {tuple(losses.shape)}, expected a loss for each of {len(output)} "
            "samples: give it reduction='none'"
        )
