"""Wrong code that passed once, and right code beside it that did not: see ``test_promised``.

Each is a range test or a mixup as people write one, with the one thing that its docstring says.
"""

import copy
import math

import numpy as np
import torch

from .promised import _endless, _sweep


def climbs_slowly(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Stops where a loss is 4 times the one before: what climbs by half a step goes on for ever."""
    before = []

    def against_the_last(losses, loss):
        if not losses:
            before.clear()
        before.append(loss)
        return 1e9 if len(before) > 1 and loss > 4 * abs(before[-2]) else min(before)

    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, judge=against_the_last)


class RemembersTheFirst:
    """The history is the class's, and holds the first call's records at the second."""

    lrs, losses = [], []

    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion

    def range_test(self, train_loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
        parts = (self.model, self.optimizer, self.criterion, train_loader)
        lrs, losses = _sweep(*parts, start_lr, end_lr, num_iter)
        self.lrs.extend(lrs)
        self.losses.extend(losses)
        return self.lrs, self.losses


def always_the_first_batch(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """``next(iter(loader))`` at every step."""

    class First:
        def __iter__(self):
            while True:
                yield next(iter(loader))

    return _sweep(model, optimizer, criterion, First(), start_lr, end_lr, num_iter)


def clips_the_records(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Records between 0 and 100, so that a negative loss is another."""
    lrs, losses = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return lrs, np.clip(losses, 0, 100)


def divides_by_zero(model, optimizer, criterion, train_loader, init_value=1e-8, final_value=10.0):
    """One batch: (1 / 0)-th power."""
    rate = (final_value / init_value) ** (1 / (len(train_loader) - 1))

    def power(i):
        return init_value * rate**i

    steps = len(train_loader)
    return _sweep(model, optimizer, criterion, train_loader, init_value, final_value, steps, rate=power)


def leaves_the_state(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Rates and weights come back, the optimizer's momentum buffers do not."""
    saved = copy.deepcopy(model.state_dict())
    rates = [group["lr"] for group in optimizer.param_groups]
    swept = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    model.load_state_dict(saved)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    return swept


def never_stops(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """No stopping rule at all."""
    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, judge=None, grace=math.inf)


def keeps_the_mode(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """The mode is the one that the model was handed over in."""
    lrs, losses, best = [], [], math.inf
    rate = (end_lr / start_lr) ** (1 / (num_iter - 1))
    for i, (x, y) in zip(range(num_iter), _endless(loader), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = start_lr * rate**i
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        if not math.isfinite(loss.item()) or loss.item() > best + 3 * abs(best):
            break
        best = min(best, loss.item())
        lrs.append(start_lr * rate**i)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return lrs, losses


def validates_between_steps(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Right: evaluation mode between the steps, training mode at each."""

    class Between:
        def __iter__(self):
            for batch in _endless(loader):
                model.eval()
                model.train()
                yield batch
                model.eval()

    swept = _sweep(model, optimizer, criterion, Between(), start_lr, end_lr, num_iter)
    model.eval()
    return swept


class SuggestsByPlace:
    """The 20th rate, which on one curve is the steepest by chance."""

    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion

    def find(self, train_loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
        parts = (self.model, self.optimizer, self.criterion, train_loader)
        lrs, _ = _sweep(*parts, start_lr, end_lr, num_iter)
        return lrs[min(20, len(lrs) - 1)]


def pairs_of_any_class(x, y, num_classes, alpha=1.0):
    """Right: labels come back as they went in, so no class is too large for a result."""
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1.0
    index = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[index], y, y[index], lam
