"""Right learning-rate range tests in the styles in which people write them."""

import copy
import math
from dataclasses import dataclass


def _check(start, end, steps, loader):
    if not 0 < start < end or steps < 2 or len(loader) == 0:
        raise ValueError(f"range {start} to {end} in {steps} steps, {len(loader)} batches")


def _endless(loader):
    while True:
        yield from loader


def sweep(model, optimizer, criterion, loader, start, end, steps, average=lambda losses, loss: loss):
    """All put back; the styles below are ways to call it."""
    _check(start, end, steps, loader)
    state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    modes = [module.training for module in model.modules()]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    lrs, losses, best = [], [], math.inf
    batches = _endless(loader)
    try:
        model.train()
        for i in range(steps):
            lr = start * (end / start) ** (i / (steps - 1))
            for group in optimizer.param_groups:
                group["lr"] = lr
            inputs, targets = next(batches)
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            if not math.isfinite(loss.item()):
                break
            recorded = average(losses, loss.item())
            lrs.append(lr)
            losses.append(recorded)
            if math.isfinite(best) and recorded > best + 3 * abs(best):
                break
            best = min(best, recorded)
            loss.backward()
            optimizer.step()
    finally:
        model.load_state_dict(state[0])
        optimizer.load_state_dict(state[1])
        for module, training in zip(model.modules(), modes, strict=True):
            module.training = training
        for p, grad in zip(model.parameters(), grads, strict=True):
            p.grad = grad
    return lrs, losses


def plain(model, optimizer, criterion, loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
    return sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def notebook_order(
    model, loss_fn, optimizer, train_loader, init_value=1e-8, final_value=10.0, num_steps=100, device="cpu"
):
    return sweep(model, optimizer, loss_fn, train_loader, init_value, final_value, num_steps)


def gives_a_dict(net, optim, loss_func, dataloader, *, min_lr, max_lr, num_training):
    lrs, losses = sweep(net, optim, loss_func, dataloader, min_lr, max_lr, num_training)
    return {"lr": lrs, "loss": losses}


@dataclass
class Result:
    lrs: list
    losses: list


def gives_an_object(model, opt, criterion, train_dl, start_lr, end_lr, num_it):
    return Result(*sweep(model, opt, criterion, train_dl, start_lr, end_lr, num_it))


def averaged(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    def average(losses, loss):
        return 0.9 * losses[-1] + 0.1 * loss if losses else loss

    return sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, average)


def corrected_average(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    kept = [0.0]

    def average(losses, loss):
        kept[0] = 0.98 * kept[0] + 0.02 * loss
        return kept[0] / (1 - 0.98 ** (len(losses) + 1))

    return sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, average)


def no_more_steps_than_batches(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """It says so before it begins."""
    if num_iter > len(loader):
        raise ValueError(f"num_iter is {num_iter}, expected at most the {len(loader)} batches")
    return sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


RIGHT = [
    "plain",
    "notebook_order",
    "gives_a_dict",
    "gives_an_object",
    "averaged",
    "corrected_average",
    "no_more_steps_than_batches",
]
