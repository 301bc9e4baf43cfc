"""Right code that was called broken once, each in the form in which it was met: see ``test_promised``."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def _wide(logits):
    return logits if logits.dtype == torch.float64 else logits.float()


def _smooth(logits, target, eps):
    """(1 - eps) nll + eps * mean, on what is taken."""
    log_p = _wide(logits).log_softmax(1)
    nll = -log_p.gather(1, target[:, None]).squeeze(1)
    return ((1 - eps) * nll - eps * log_p.mean(1)).to(logits.dtype)


class HiddenFloat32(nn.Module):
    """float32 inside: one finding at float64, and no other."""

    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, x, target):
        return _smooth(x.float(), target, self.smoothing).mean().to(x.dtype)


class NarrowEpsilon(nn.Module):
    """An epsilon that leaves the target less than the others is refused, by the number of classes."""

    def __init__(self, classes, smoothing=0.1):
        super().__init__()
        assert 0 <= smoothing <= (classes - 1) / classes
        self.smoothing = smoothing

    def forward(self, x, target):
        return _smooth(x, target, self.smoothing).mean()


def spread_over_others(pred, gold, smoothing=0.1):
    """e/(K-1): not defined for one class."""
    classes = pred.shape[1]
    onehot = torch.zeros_like(_wide(pred)).scatter(1, gold[:, None], 1)
    q = onehot * (1 - smoothing) + (1 - onehot) * (smoothing / (classes - 1))
    return -(q * _wide(pred).log_softmax(1)).sum(1).mean().to(pred.dtype)


def switch(pred, gold, smoothing=True):
    """A switch beside an epsilon that nobody can pass."""
    eps = 0.1 if smoothing else 0.0
    return _smooth(pred, gold, eps).mean()


class SpecificName(nn.Module):
    """``eps`` keeps a logarithm from 0; epsilon is ``label_smoothing``."""

    def __init__(self, eps=1e-6, label_smoothing=0.1):
        super().__init__()
        self.eps, self.label_smoothing = eps, label_smoothing

    def forward(self, x, y):
        return _smooth(x, y, self.label_smoothing).mean()


class OwnIgnored(nn.Module):
    """-1 is ignored without being told."""

    def __init__(self, smoothing=0.1, ignore_index=-1):
        super().__init__()
        self.smoothing, self.ignore_index = smoothing, ignore_index

    def forward(self, logits, target):
        kept = target != self.ignore_index
        losses = _smooth(logits, target.masked_fill(~kept, 0), self.smoothing)
        return losses[kept].mean()


class PaddingIsAClass(nn.Module):
    """Only a class can be ignored, as padding is one: it is struck out by its index."""

    def __init__(self, smoothing=0.1, padding_idx=None):
        super().__init__()
        self.smoothing, self.padding_idx = smoothing, padding_idx

    def forward(self, logits, target):
        counts = torch.ones(logits.shape[1])
        if self.padding_idx is not None:
            counts[self.padding_idx] = 0
        return _smooth(logits, target, self.smoothing)[counts[target] == 1].mean()


class WeightedMeanByCount(nn.Module):
    """The weighted mean is divided by N."""

    def __init__(self, smoothing=0.1, weight=None):
        super().__init__()
        self.smoothing, self.weight = smoothing, weight

    def forward(self, x, y):
        log_p = _wide(x).log_softmax(1)
        w = torch.ones_like(log_p[:1]) if self.weight is None else self.weight.to(log_p.dtype)[None]
        q = torch.full_like(log_p, self.smoothing / x.shape[1])
        q = q.scatter_add(1, y[:, None], torch.full_like(log_p[:, :1], 1 - self.smoothing))
        return -(w * q * log_p).sum(1).mean().to(x.dtype)


class WeightOfTheSample(nn.Module):
    """A class weight taken as a weight of the sample."""

    def __init__(self, smoothing=0.1, weight=None):
        super().__init__()
        self.smoothing, self.weight = smoothing, weight

    def forward(self, x, y):
        losses = _smooth(x, y, self.smoothing)
        if self.weight is None:
            return losses.mean()
        w = self.weight.to(losses.dtype)[y]
        return (w * losses).sum() / w.sum()


class NormalisedSpread(nn.Module):
    """The spread weighs the classes by their share of all weights."""

    def __init__(self, smoothing=0.1, weight=None):
        super().__init__()
        self.smoothing, self.weight = smoothing, weight

    def forward(self, x, y):
        log_p = _wide(x).log_softmax(1)
        nll = -log_p.gather(1, y[:, None]).squeeze(1)
        if self.weight is None:
            return ((1 - self.smoothing) * nll - self.smoothing * log_p.mean(1)).mean().to(x.dtype)
        w = self.weight.to(log_p.dtype)
        spread = -(log_p * w / w.sum()).sum(1)
        return ((1 - self.smoothing) * w[y] * nll + self.smoothing * spread).sum() / w[y].sum()


class WithDim(nn.Module):
    """``dim`` says where the classes are."""

    def __init__(self, smoothing=0.1, dim=-1):
        super().__init__()
        self.smoothing, self.dim = smoothing, dim

    def forward(self, pred, target):
        log_p = _wide(pred).log_softmax(self.dim)
        onehot = torch.zeros_like(log_p).scatter(self.dim, target.unsqueeze(self.dim), 1)
        q = (1 - self.smoothing) * onehot + self.smoothing / pred.shape[self.dim]
        return -(q * log_p).sum(self.dim).mean().to(pred.dtype)


def documented_flat(x, y, smoothing=0.1):
    """Cross-entropy of smoothed labels. x: (N, C) logits, y: (N,) classes."""
    log_p = _wide(x).log_softmax(-1)
    onehot = F.one_hot(y, x.shape[-1])
    return -(((1 - smoothing) * onehot + smoothing / x.shape[-1]) * log_p).sum(-1).mean().to(x.dtype)


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, eps):
        log_p = _wide(logits).log_softmax(1)
        q = torch.full_like(log_p, eps / logits.shape[1])
        q = q.scatter_add(1, target[:, None], torch.full_like(log_p[:, :1], 1 - eps))
        ctx.save_for_backward(log_p, q)
        ctx.dtype = logits.dtype
        return -(q * log_p).sum(1).to(logits.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        log_p, q = ctx.saved_tensors
        return (slope[:, None] * (log_p.exp() - q)).to(ctx.dtype), None, None


class OnceDifferentiable(nn.Module):
    """A second derivative is refused, in words."""

    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits, target):
        return _Once.apply(logits, target, self.smoothing).mean()


def authors_mixup(x, y, alpha=1.0, use_cuda=True):
    """alpha <= 0 means off, as in the paper's own code."""
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1
    index = torch.randperm(x.size()[0]).cuda() if use_cuda else torch.randperm(x.size()[0])
    mixed_x = lam * x + (1 - lam) * x[index, :]
    return mixed_x, y, y[index], lam


def off_returns_class_numbers(images, labels, num_classes, alpha=0.2):
    """At alpha 0 the batch comes back as it was, with class numbers."""
    if alpha <= 0:
        return images, labels
    lam = np.random.beta(alpha, alpha)
    index = torch.randperm(len(images))
    rows = F.one_hot(labels, num_classes).to(images.dtype)
    return lam * images + (1 - lam) * images[index], lam * rows + (1 - lam) * rows[index]


class WithProbability:
    """Mixes with probability ``p``, which is a parameter."""

    def __init__(self, alpha=1.0, p=0.5):
        self.alpha, self.p = alpha, p

    def __call__(self, x, y):
        applied = np.random.rand() < self.p and self.alpha > 0
        lam = np.random.beta(self.alpha, self.alpha) if applied else 1.0
        index = torch.randperm(len(x))
        return lam * x + (1 - lam) * x[index], y, y[index], lam


def half_the_time(x, y, alpha=1.0):
    """Mixes every other time, and nobody can say otherwise; partners are a roll."""
    lam = np.random.beta(alpha, alpha) if alpha > 0 and np.random.rand() < 0.5 else 1.0
    return lam * x + (1 - lam) * x.roll(1, 0), y, y.roll(1, 0), lam


def partners_drawn_independently(x, y, alpha=1.0):
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1.0
    index = torch.randint(len(x), (len(x),))
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def of_several(x, y, alpha=1.0, mode="none"):
    """Mixes where it is told so by name."""
    if mode == "mixup":
        lam = np.random.beta(alpha, alpha) if alpha > 0 else 1.0
        index = torch.randperm(len(x))
        return lam * x + (1 - lam) * x[index], y, y[index], lam
    return x, y, y, 1.0


def indexes_what_is_there(x, y, alpha=1.0):
    """Of a mismatched batch nothing comes that could be used."""
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1.0
    index = torch.randperm(len(x))
    mixed = lam * x + (1 - lam) * x[index]
    return mixed, y, y.roll(1, 0) if len(y) > len(x) else y[index], lam


def channels_one_by_one(x, y, alpha=1.0):
    """Each channel in an order of operations of its own: equal within rounding."""
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1.0
    index = torch.randperm(len(x))
    if x.ndim < 4:
        return lam * x + (1 - lam) * x[index], y, y[index], lam
    first = lam * x[:, :1] + (1 - lam) * x[index][:, :1]
    rest = x[index][:, 1:] + lam * (x[:, 1:] - x[index][:, 1:])
    return torch.cat([first, rest], 1), y, y[index], lam


def _sweep(model, optimizer, criterion, loader, start, end, steps, rate=None, judge=None, grace=0):
    lrs, losses, best = [], [], math.inf
    rate = rate or (lambda i: start * (end / start) ** (i / max(1, steps - 1)))
    model.train()
    for i, (x, y) in zip(range(steps), _endless(loader), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate(i)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        value = judge(losses, loss.item()) if judge else loss.item()
        if i > grace and value > best + 3 * abs(best):
            break
        best = min(best, value)
        lrs.append(rate(i))
        losses.append(value)
        loss.backward()
        optimizer.step()
    return lrs, losses


def _endless(loader):
    while True:
        yield from loader


def steps_of_the_loader(model, loss_fn, optimizer, train_loader, init_value=1e-8, final_value=10.0):
    """As many steps as the loader has batches; nothing is put back; the diverging loss is left out."""
    return _sweep(model, optimizer, loss_fn, train_loader, init_value, final_value, len(train_loader))


def ten_steps_of_grace(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, grace=10)


def trimmed_at_both_ends(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    lrs, losses = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return lrs[2:-1], losses[2:-1]


def linear_range_test(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """The rate rises linearly, as in Smith 2015."""

    def linear(i):
        return start_lr + (end_lr - start_lr) * i / (num_iter - 1)

    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, rate=linear)


def mean_of_a_window(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    seen = []

    def window(losses, loss):
        if not losses:
            seen.clear()
        seen.append(loss)
        return sum(seen[-3:]) / len(seen[-3:])

    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, judge=window)


def clips_gradients(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """The gradient is the right one times one factor."""

    def clipped(output, target):
        loss = criterion(output, target)
        for p in model.parameters():
            if not getattr(p, "clips", False):
                p.clips = True
                p.register_hook(lambda grad: grad * min(1.0, 0.05 / float(grad.norm() + 1e-12)))
        return loss

    return _sweep(model, optimizer, clipped, loader, start_lr, end_lr, num_iter)


def makes_its_own_optimizer(model, criterion, train_loader, start_lr=1e-5, end_lr=1.0, num_iter=100):
    optimizer = torch.optim.SGD(model.parameters(), lr=start_lr)
    return _sweep(model, optimizer, criterion, train_loader, start_lr, end_lr, num_iter)


def state_dict_that_aliases(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Wrong: what was saved are the tensors themselves, and moves with them."""
    saved = model.state_dict()
    state = copy.deepcopy(optimizer.state_dict())
    swept = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    model.load_state_dict(saved)
    optimizer.load_state_dict(state)
    return swept


def train_with_clipping(model, train_loader, val_loader, optimizer, criterion, epochs=1):
    """The gradient is the right one times a factor; the accuracy is a float32 number."""
    accuracies = []
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = torch.cat([(model(x).argmax(1) == y).float() for x, y in val_loader])
        accuracies.append(right.mean())
    return {"val_acc": accuracies}


def needs_a_word(x, y, alpha=1.0, enabled=False):
    """Nothing is mixed unless a word is said that we do not know."""
    lam = np.random.beta(alpha, alpha) if enabled else 1.0
    index = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[index], y, y[index], lam
