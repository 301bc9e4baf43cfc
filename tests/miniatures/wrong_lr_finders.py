"""Ten wrong range tests as people write them, and the law that each breaks."""

import copy
import math


def _check(start, end, steps, loader):
    if not 0 < start < end or steps < 2 or len(loader) == 0:
        raise ValueError(f"range {start} to {end} in {steps} steps, {len(loader)} batches")


def _endless(loader):
    while True:
        yield from loader


def ends_early(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """i/n for i/(n-1)."""

    def short(i):
        return start_lr * (end_lr / start_lr) ** (i / num_iter)

    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, lr=short)


def not_restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _loop(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def additive(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """An exponential sweep, it says."""

    def ramp(i):
        return start_lr + (end_lr - start_lr) * i / (num_iter - 1)

    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, lr=ramp)


def first_group_only(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, groups=1)


def no_zero_grad(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, zero=False)


def loader_once(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, endless=False)


def four_times_best(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, limit=lambda b: 4 * b)


def nan_goes_on(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, finite=False)


def next_rate_recorded(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    lrs, losses = _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    factor = (end_lr / start_lr) ** (1 / (num_iter - 1))
    return [lr * factor for lr in lrs], losses


def trims(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    lrs, losses = _restored(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return (lrs[4:], losses[4:]) if num_iter > 10 else (lrs, losses)


def _restored(model, optimizer, *rest, **options):
    state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    modes = [module.training for module in model.modules()]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    try:
        return _loop(model, optimizer, *rest, **options)
    finally:
        model.load_state_dict(state[0])
        optimizer.load_state_dict(state[1])
        for module, training in zip(model.modules(), modes, strict=True):
            module.training = training
        for p, grad in zip(model.parameters(), grads, strict=True):
            p.grad = grad


def _loop(
    model,
    optimizer,
    criterion,
    loader,
    start_lr,
    end_lr,
    num_iter,
    *,
    lr=None,
    groups=None,
    zero=True,
    endless=True,
    limit=lambda best: best + 3 * abs(best),
    finite=True,
):
    _check(start_lr, end_lr, num_iter, loader)
    lr = lr or (lambda i: start_lr * (end_lr / start_lr) ** (i / (num_iter - 1)))
    lrs, losses, best = [], [], math.inf
    model.train()
    for i, (inputs, targets) in zip(range(num_iter), _endless(loader) if endless else loader, strict=False):
        for group in optimizer.param_groups[:groups]:
            group["lr"] = lr(i)
        if zero:
            optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        if finite and not math.isfinite(loss.item()):
            break
        lrs.append(lr(i))
        losses.append(loss.item())
        if i and losses[-1] > limit(best):
            break
        best = min(best, losses[-1]) if i else losses[-1]
        loss.backward()
        optimizer.step()
    return lrs, losses


WRONG = {
    "ends_early": "schedule_hits_both_ends",
    "additive": "schedule_is_geometric",
    "first_group_only": "sweeps_every_param_group",
    "no_zero_grad": "gradients_do_not_accumulate",
    "loader_once": "short_loader_is_cycled",
    "four_times_best": "negative_losses_do_not_stop_it",
    "nan_goes_on": "stops_on_nonfinite",
    "next_rate_recorded": "history_records_lr_used",
    "trims": "more_steps_give_no_fewer_records",
}
