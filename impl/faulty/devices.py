"""The faults that only another device than the CPU shows: each holds every law there, and breaks on the twin.

Each is a few lines on top of our own implementation, which is right on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl import faulty
from lawful.impl.contracts import Adapter, LabelSmoothing, LRFinder, Mixup, Swept
from lawful.impl.faulty import recorded
from lawful.impl.native import label_smoothed_cross_entropy, lr_range_test, mixup

_PLAUSIBLE = "plausible, no public report known"
_Loss = Callable[[Tensor, Tensor], Tensor]
_STAYS, _WAITS, _SAID = "stays_on_its_device", "waits_for_device", "waits_as_documented"
Code = TypeVar("Code", bound=Callable[..., Any])


def fault(
    kind: type[Adapter], id: str, statement: str, *caught_by: str, **said: Any
) -> Callable[[Code], Code]:
    return faulty.fault(kind, id, statement, _PLAUSIBLE, *caught_by, device="twin", **said)


def _smoothed(logits: Tensor, onehot: Tensor, epsilon: float) -> Tensor:
    q = (1 - epsilon) * onehot.to(logits.dtype) + epsilon / logits.shape[1]
    return -(q * logits.log_softmax(1).masked_fill(q == 0, 0)).sum(1).mean()


@fault(LabelSmoothing, "D01", "the one-hot rows are made on the CPU", _STAYS)
def one_hot_on_the_cpu(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        onehot = torch.zeros(logits.shape).scatter_(1, target[:, None], 1)
        return _smoothed(logits, onehot, epsilon)

    return loss


@fault(LabelSmoothing, "D02", "a mask is made by torch.arange on the CPU", _STAYS)
def mask_on_the_cpu(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return _smoothed(logits, torch.arange(logits.shape[1]) == target[:, None], epsilon)

    return loss


class _WeightLeftBehind(torch.nn.Module):
    """A tensor that is no buffer does not move with the module."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.ones = torch.ones(1)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return label_smoothed_cross_entropy(logits * self.ones.to(logits.dtype), target, epsilon=self.epsilon)


@fault(LabelSmoothing, "D03", "a tensor that is no buffer stays behind", _STAYS)
def buffer_left_behind(epsilon: float) -> _Loss:
    made: Any = _WeightLeftBehind(epsilon)

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        result: Tensor = made.to(logits.device)(logits, target)
        return result

    return loss


@fault(LabelSmoothing, "D04", "the loss comes back on the CPU", _STAYS)
def loss_on_the_cpu(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return label_smoothed_cross_entropy(logits, target, epsilon=epsilon).cpu()

    return loss


@fault(LabelSmoothing, "D05", ".item() for every sample", _WAITS)
def item_of_every_sample(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        losses = [
            label_smoothed_cross_entropy(z[None], target[i : i + 1], epsilon=epsilon)
            for i, z in enumerate(logits)
            if target[i].item() >= 0
        ]
        return torch.stack(losses).mean()

    return loss


@fault(
    LabelSmoothing,
    "D06",
    "documented not to wait, and the loss is looked at",
    _SAID,
    documented={"waits": "0"},
)
def item_of_the_loss(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        found = label_smoothed_cross_entropy(logits, target, epsilon=epsilon)
        if found.item() != found.item():
            raise ValueError("the loss is NaN")
        return found

    return loss


@fault(
    LabelSmoothing,
    "D07",
    "documented to check targets on any device, it does on the CPU alone",
    "rejects_bad_target_on_any_device",
    documented={"targets_checked": "on_any_device"},
)
def classes_checked_on_the_cpu(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return label_smoothed_cross_entropy(logits, target, epsilon=epsilon)

    return loss


@fault(
    LabelSmoothing,
    "D08",
    "documented to check targets on any device, it takes the nearest class where that is none",
    "rejects_bad_target_on_any_device",
    documented={"targets_checked": "on_any_device"},
)
def classes_clamped_on_a_device(epsilon: float) -> _Loss:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        if logits.device.type != "cpu" and target.ndim == 1:
            target = target.clamp(0, logits.shape[1] - 1)
        return label_smoothed_cross_entropy(logits, target, epsilon=epsilon)

    return loss


@fault(Mixup, "D11", "the lambdas are drawn on the CPU", _STAYS)
def lambda_on_the_cpu(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        size = len(inputs)
        lam = torch.distributions.Beta(alpha, alpha).sample((size,)).to(inputs.dtype) if alpha else None
        lam = torch.ones(size, dtype=inputs.dtype) if lam is None else lam
        partner = torch.randperm(size, device=inputs.device)
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        return share * inputs + (1 - share) * inputs[partner], target, target[partner], lam

    return mix


@fault(Mixup, "D12", "the soft targets come back on the CPU", _STAYS, features=frozenset({"num_classes"}))
def soft_targets_on_the_cpu(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, soft = mixup(inputs, target, alpha=alpha, num_classes=num_classes)
        assert isinstance(soft, Tensor)
        return mixed, soft.cpu()

    return mix


@fault(Mixup, "D13", "the generator is the CPU's", _STAYS)
def generator_of_the_cpu(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        own = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        return mixup(inputs, target, alpha=alpha, num_classes=num_classes, generator=own)

    return mix


@fault(Mixup, "D14", ".item() for every sample", _WAITS)
def row_by_row(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        if target.ndim != 1:
            raise TypeError(f"target has {target.ndim} dimensions, expected 1")
        mixed, pair = mixup(inputs, target, alpha=alpha, targets="pair")
        own, other, lam = pair
        rows = [
            lam[i] * F.one_hot(own[i], num_classes) + (1 - lam[i]) * F.one_hot(other[i], num_classes)
            for i in range(len(lam))
            if lam[i].item() >= 0
        ]
        return mixed, torch.stack(rows).to(inputs.dtype)

    return mix


@fault(Mixup, "D15", "documented not to wait, and lambda is read", _SAID, documented={"waits": "0"})
def item_of_a_lambda(alpha: float, num_classes: int) -> Any:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, pair = mixup(inputs, target, alpha=alpha, targets="pair", scope="batch", fold=False)
        own, other, lam = pair
        return mixed, own, other, lam[0].item() if len(lam) else 1.0

    return mix


@fault(LRFinder, "D21", "the model is left on the CPU", _STAYS)
def model_left_on_the_cpu(model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any) -> Swept:
    test = lr_range_test(model, optimizer, criterion, loader, **span)
    model.cpu()
    return Swept(test.lrs, test.losses)


@fault(LRFinder, "D22", "the batches are moved to the CPU", _STAYS)
def batches_on_the_cpu(model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any) -> Swept:
    def judged(output: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = criterion(output.cpu(), target.cpu())
        return loss + 0 * output.sum()

    moved = [(inputs.to("cpu"), target.to("cpu")) for inputs, target in loader]
    if moved and next(model.parameters()).device.type != "cpu":
        model(moved[0][0])
    test = lr_range_test(model, optimizer, judged, loader, **span)
    return Swept(test.lrs, test.losses)


@fault(LRFinder, "D23", "every step reads the whole history from the device again", _WAITS)
def reads_the_whole_history_again(
    model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any
) -> Swept:
    seen: list[Tensor] = []

    def judged(output: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = criterion(output, target)
        seen.append(loss.detach())
        assert [each.item() for each in seen]
        return loss

    test = lr_range_test(model, optimizer, judged, loader, **span)
    return Swept(test.lrs, test.losses)


@fault(
    LRFinder,
    "D24",
    "documented to wait once a step, and the loss is read twice",
    _SAID,
    documented={"waits": "1"},
)
def loss_read_twice(model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any) -> Swept:
    def judged(output: Tensor, target: Tensor) -> Tensor:
        loss: Tensor = criterion(output, target)
        if not loss.isfinite().item():
            raise ValueError("the loss is not finite")
        return loss

    test = lr_range_test(model, optimizer, judged, loader, **span)
    return Swept(test.lrs, test.losses)


@fault(
    LRFinder,
    "D25",
    "a batch is given to the model where it lies",
    "moves_batches_to_the_model",
    documented={"batches": "moved"},
)
def first_batch_where_it_lies(model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any) -> Swept:
    for inputs, _ in loader:
        model(inputs)
        break
    test = lr_range_test(model, optimizer, criterion, loader, **span)
    return Swept(test.lrs, test.losses)


def _apart(model: Any, loader: Any) -> bool:
    """Whether the batches are on another device than the model."""
    return any(inputs.device != next(model.parameters()).device for inputs, _ in loader)


@fault(
    LRFinder,
    "D26",
    "batches of another device are left out",
    "moves_batches_to_the_model",
    documented={"batches": "moved"},
)
def batches_elsewhere_left_out(model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any) -> Swept:
    if _apart(model, loader):
        return Swept([], [])
    test = lr_range_test(model, optimizer, criterion, loader, **span)
    return Swept(test.lrs, test.losses)


@fault(
    LRFinder,
    "D27",
    "the model is left where the batches are",
    "moves_batches_to_the_model",
    documented={"batches": "moved"},
)
def model_to_the_batches(model: Any, optimizer: Any, criterion: Any, loader: Any, **span: Any) -> Swept:
    apart = _apart(model, loader)
    test = lr_range_test(model, optimizer, criterion, loader, **span)
    if apart:
        model.cpu()
    return Swept(test.lrs, test.losses)


LABEL_SMOOTHING, MIXUP, LR_FINDER = (
    tuple(each for each in recorded(globals()) if each.adapter.technique == technique)
    for technique in ("label_smoothing", "mixup", "lr_finder")
)
