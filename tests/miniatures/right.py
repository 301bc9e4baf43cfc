"""Right losses in the styles that people write."""

import torch
import torch.nn.functional as F
from torch import nn


def _checked(eps):
    if not 0 <= eps <= 1:
        raise ValueError(f"eps is {eps}")
    return eps


def _right(logits, target, eps, reduction="mean", **options):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    loss = F.cross_entropy(wide, target, label_smoothing=eps, reduction=reduction, **options)
    return loss.to(logits.dtype)


class ByEpsilon(nn.Module):
    def __init__(self, epsilon=0.1):
        super().__init__()
        self.epsilon = _checked(epsilon)

    def forward(self, logits, target):
        return _right(logits, target, self.epsilon)


class BySmoothing(nn.Module):
    def __init__(self, smoothing=0.1, reduction="mean"):
        super().__init__()
        self.smoothing, self.reduction = _checked(smoothing), reduction

    def forward(self, pred, labels):
        return _right(pred, labels, self.smoothing, self.reduction)


class WithClasses:
    def __init__(self, num_classes, eps):
        self.num_classes, self.eps = num_classes, _checked(eps)

    def __call__(self, logits, target):
        assert logits.shape[1] == self.num_classes
        return _right(logits, target, self.eps)


class ClassesThenAlpha(nn.Module):
    def __init__(self, classes, alpha=0.1, weight=None):
        super().__init__()
        self.alpha, self.weight = _checked(alpha), weight

    def forward(self, x, y):
        if len(x) != len(y):
            raise ValueError("x and y differ in length")
        weight = None if self.weight is None else self.weight.to(x.dtype).float()
        if x.dtype == torch.float64 and weight is not None:
            weight = weight.double()
        return _right(x, y, self.alpha, weight=weight)


class PerSample:
    def __init__(self, label_smoothing=0.1):
        self.eps = _checked(label_smoothing)

    def __call__(self, logits, target):
        return _right(logits, target, self.eps, "none")


class Summed:
    def __init__(self, smooth_factor=0.1):
        self.eps = _checked(smooth_factor)

    def __call__(self, logits, target):
        return _right(logits, target, self.eps, "sum")


class Ignoring(nn.Module):
    def __init__(self, eps=0.1, padding_idx=-100):
        super().__init__()
        self.eps, self.padding_idx = _checked(eps), padding_idx

    def forward(self, logits, target):
        return _right(logits, target, self.eps, ignore_index=self.padding_idx)


def function(logits, target, eps=0.1):
    return _right(logits, target, _checked(eps))


def target_first(target, logits, smoothing=0.1):
    return _right(logits, target, _checked(smoothing))


def factory(epsilon):
    _checked(epsilon)
    return lambda logits, target: _right(logits, target, epsilon)


def off_target_others(logits, target, eps=0.1):
    """The K - 1 wrong classes share eps: another convention, not a fault."""
    _checked(eps)
    if logits.ndim != 2 or len(logits) != len(target):
        raise ValueError("expected (N, K) and (N,)")
    wide = logits if logits.dtype == torch.float64 else logits.float()
    classes = logits.shape[1]
    onehot = F.one_hot(target, classes).to(wide.dtype)
    q = onehot if classes == 1 else (1 - eps) * onehot + eps / (classes - 1) * (1 - onehot)
    log_p = wide.log_softmax(1)
    return -(q * log_p.masked_fill(q == 0, 0)).sum(1).mean().to(logits.dtype)


def kl(logits, target, eps=0.1):
    """Without the constant H(q): another convention, not a fault."""
    _checked(eps)
    if logits.ndim != 2 or len(logits) != len(target):
        raise ValueError("expected (N, K) and (N,)")
    wide = logits if logits.dtype == torch.float64 else logits.float()
    onehot = F.one_hot(target, logits.shape[1]).to(wide.dtype)
    q = (1 - eps) * onehot + eps / logits.shape[1]
    log_p = wide.log_softmax(1).masked_fill(q == 0, 0)
    return (torch.xlogy(q, q) - q * log_p).sum(1).mean().to(logits.dtype)


RIGHT = [
    "ByEpsilon",
    "BySmoothing",
    "WithClasses",
    "ClassesThenAlpha",
    "PerSample",
    "Summed",
    "Ignoring",
    "function",
    "target_first",
    "factory",
    "off_target_others",
    "kl",
]
