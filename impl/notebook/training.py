"""The seed notebook's ``train`` and ``find_lr``, told in our own words, with every defect kept.

Each defect can be switched off alone, so that one can be shown without the crash that hides it:
``train(..., defects=frozenset({"NB16"}))`` has NB16 and no other. What the notebook prints is also returned.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.notebook.defects import DEFECTS

TRAIN_DEFECTS: Mapping[str, str] = {each.id: each.what for each in DEFECTS if each.where == "train"}
FIND_LR_DEFECTS: Mapping[str, str] = {each.id: each.what for each in DEFECTS if each.where == "find_lr"}
ALL = frozenset(TRAIN_DEFECTS) | frozenset(FIND_LR_DEFECTS)


def train(
    model: Any,
    optimizer: Any,
    loss_fn: Any,
    train_loader: Any,
    val_loader: Any,
    mix_loader: Any = None,
    epochs: int = 20,
    device: torch.device | str = "cpu",
    *,
    alpha: float = 0.5,
    batch_size: int | None = None,
    defects: frozenset[str] = ALL,
) -> list[tuple[float, float, float]]:
    """(training loss, validation loss, accuracy) of each epoch.

    ``batch_size`` stands for the notebook's global of that name.
    """
    bad = defects.__contains__
    history = []
    output: Any = None
    for _ in range(epochs):
        training_loss = valid_loss = 0.0
        seen = 0
        model.train()
        for (inputs, targets), (inputs_mix, targets_mix) in _pairs(train_loader, mix_loader, bad("NB13")):
            optimizer.zero_grad()
            inputs, targets = inputs.to(device), targets.to(device)
            inputs_mix, targets_mix = inputs_mix.to(device), targets_mix.to(device)
            if bad("NB12") and mix_loader is None:
                inputs_mix, targets_mix = inputs.flip(0), targets.flip(0)

            law = (torch.distribution if bad("NB01") else torch.distributions).beta.Beta(alpha, alpha)  # type: ignore[attr-defined]
            count = len(inputs)
            if bad("NB02") or bad("NB03"):
                if batch_size is None:
                    raise NameError("name 'batch_size' is not defined")
                count = batch_size
            beta = law.expand((count,)).sample().to(device)
            if bad("NB12") and mix_loader is None:
                beta = torch.cat([beta[: count // 2], 1 - beta[: (count + 1) // 2].flip(0)])
            elif not bad("NB11"):
                beta = torch.maximum(beta, 1 - beta)
            mixup = beta[:, None, None, None] if bad("NB14") else beta.reshape(-1, *[1] * (inputs.ndim - 1))

            inputs_mixed = mixup * inputs + (1 - mixup) * inputs_mix
            targets_mixed = targets_mix
            if bad("NB04"):
                targets_mixed = beta * targets + (1 - beta) * inputs_mix
            elif bad("NB05") or bad("NB08"):
                targets_mixed = (beta * targets + (1 - beta) * targets_mix).round().long()
            output_mixed = model(inputs_mixed)
            if bad("NB06") and output is None:
                raise NameError("name 'output' is not defined")
            judged = output if bad("NB07") and output is not None else output_mixed

            own, other = loss_fn(judged, targets), loss_fn(judged, targets_mixed)
            if bad("NB09"):
                own, other = own.mean(), other.mean()
            loss = (own * beta + other * (1 - beta)).mean()
            loss.backward()
            optimizer.step()
            training_loss += loss.data.item() * inputs.size(0)
            seen += inputs.size(0)
        training_loss /= len(train_loader.dataset) if bad("NB15") else seen

        model.eval()
        num_correct = num_examples = 0
        with torch.set_grad_enabled(bad("NB16")):
            for inputs, targets in val_loader:
                inputs, targets = inputs.to(device), targets.to(device)
                output = model(inputs)
                loss = loss_fn(output, targets)
                if not bad("NB10"):
                    loss = loss.mean()
                valid_loss += loss.data.item() * inputs.size(0)
                share = F.softmax(output) if bad("NB17") else F.softmax(output, dim=1)
                correct = torch.eq(torch.max(share, dim=1)[1], targets).view(-1)
                num_correct += int(correct.sum().item())
                num_examples += correct.shape[0]
        valid_loss /= num_examples
        history.append((training_loss, valid_loss, num_correct / num_examples))
    return history


def _pairs(train_loader: Any, mix_loader: Any, zipped: bool) -> Iterable[Any]:
    if mix_loader is None:
        for inputs, targets in train_loader:
            shuffle = torch.randperm(inputs.size(0))
            yield (inputs, targets), (inputs[shuffle], targets[shuffle])
        return
    if zipped:
        yield from zip(train_loader, mix_loader, strict=False)
        return
    partners = [(x, y) for inputs, targets in mix_loader for x, y in zip(inputs, targets, strict=True)]
    at = 0
    for inputs, targets in train_loader:
        taken = [partners[(at + i) % len(partners)] for i in range(len(inputs))]
        at += len(inputs)
        yield (inputs, targets), (torch.stack([x for x, _ in taken]), torch.stack([y for _, y in taken]))


def find_lr(
    model: Any,
    loss_fn: Any,
    optimizer: Any,
    train_loader: Any,
    init_value: float = 1e-8,
    final_value: float = 10.0,
    device: str = "cpu",
    *,
    defects: frozenset[str] = ALL,
    num_iter: int | None = None,
) -> tuple[list[float], list[float]]:
    """(learning rates, losses). ``num_iter`` is looked at without NB28 only."""
    bad = defects.__contains__
    fixed = bad("NB28") or num_iter is None
    steps = len(train_loader) if fixed else num_iter
    assert steps is not None
    intervals = steps - 1 if bad("NB18") else max(1, steps - 1)
    update_step = (final_value / init_value) ** (1 / intervals)
    groups = optimizer.param_groups[:1] if bad("NB23") else optimizer.param_groups
    saved = None if bad("NB22") else _saved(model, optimizer)
    if not bad("NB26"):
        model.train()
    lr = init_value
    for group in groups:
        group["lr"] = lr
    best_loss: Any = 0.0
    losses: list[float] = []
    log_lrs: list[float] = []
    for batch_num, (inputs, targets) in enumerate(_batches(train_loader, steps), 1):
        optimizer.zero_grad()
        outputs = model(inputs.to(device))
        loss: Tensor = loss_fn(outputs, targets.to(device))
        judged = loss if bad("NB21") else loss.item()
        if not bad("NB19") and not torch.isfinite(loss):
            break
        limit = 4 * best_loss if bad("NB20") else best_loss + 3 * abs(best_loss)
        if batch_num > 1 and judged > limit:
            if not bad("NB27"):
                losses.append(loss.item())
                log_lrs.append(lr)
            break
        if judged < best_loss or batch_num == 1:
            best_loss = judged
        losses.append(loss.item())
        log_lrs.append(lr)
        loss.backward()
        optimizer.step()
        lr *= update_step
        for group in groups:
            group["lr"] = lr
    if saved is not None:
        _restore(model, optimizer, saved)
    if not bad("NB24"):
        log_lrs = [math.log10(lr) for lr in log_lrs]
    if bad("NB25") and len(log_lrs) > 20:
        return log_lrs[10:-5], losses[10:-5]
    return log_lrs, losses


def _batches(loader: Any, steps: int) -> Iterable[Any]:
    taken = 0
    while taken < steps:
        for batch in loader:
            if taken == steps:
                return
            taken += 1
            yield batch


def _saved(model: Any, optimizer: Any) -> Any:
    modes = [module.training for module in model.modules()]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    return copy.deepcopy((model.state_dict(), optimizer.state_dict())), modes, grads


def _restore(model: Any, optimizer: Any, saved: Any) -> None:
    (weights, state), modes, grads = saved
    model.load_state_dict(weights)
    optimizer.load_state_dict(state)
    for module, training in zip(model.modules(), modes, strict=True):
        module.training = training
    for p, grad in zip(model.parameters(), grads, strict=True):
        p.grad = grad
