"""Right mixups in the styles in which people write them."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def _checked(x, y, alpha):
    if not 0 <= alpha < float("inf"):
        raise ValueError(f"alpha is {alpha}")
    if len(x) != len(y) or not x.is_floating_point():
        raise ValueError("expected as many targets as floating-point inputs")


def _shares(alpha, size):
    return torch.tensor(np.random.beta(alpha, alpha, size)) if alpha > 0 else torch.ones(size)


def _over(lam, x):
    return lam.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def mixup_data(x, y, alpha=1.0, use_cuda=True):
    """One lambda a batch, four values, in the manner of the paper's own code."""
    _checked(x, y, alpha)
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1
    index = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def vector_lam(x, y, alpha=1.0):
    _checked(x, y, alpha)
    lam, index = _shares(alpha, len(x)), torch.randperm(len(x))
    share = _over(lam, x)
    return share * x + (1 - share) * x[index], y, y[index], lam


def nested_triple(inputs, targets, mixup_alpha):
    mixed, own, other, lam = vector_lam(inputs, targets, mixup_alpha)
    return mixed, (own, other, lam)


def folded(x, y, alpha=1.0):
    _checked(x, y, alpha)
    lam, index = _shares(alpha, len(x)), torch.randperm(len(x))
    lam = torch.maximum(lam, 1 - lam)
    share = _over(lam, x)
    return share * x + (1 - share) * x[index], (y, y[index], lam)


def soft(x, y, alpha, num_classes):
    mixed, own, other, lam = vector_lam(x, y, alpha)
    rows = [F.one_hot(labels, num_classes).double() for labels in (own, other)]
    return mixed, lam[:, None] * rows[0] + (1 - lam[:, None]) * rows[1]


def target_first(labels, images, alpha=0.4):
    mixed, own, other, lam = vector_lam(images, labels, alpha)
    return mixed, (own, other, lam)


class WithClasses:
    def __init__(self, alpha, num_classes):
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, x, y):
        return soft(x, y, self.alpha, self.num_classes)


class AsModule(nn.Module):
    """torch's generator alone; flips for partners."""

    def __init__(self, alpha=0.2, n_classes=10):
        super().__init__()
        self.law = torch.distributions.Beta(alpha, alpha, validate_args=True) if alpha else None
        self.finite = alpha < float("inf")
        self.n_classes = n_classes

    def forward(self, x, y):
        _checked(x, y, 1.0 if self.finite else float("inf"))
        lam = self.law.sample().double() if self.law else torch.tensor(1.0)
        rows = F.one_hot(y, self.n_classes).double()
        share = lam.to(x.dtype)
        return share * x + (1 - share) * x.flip(0), lam * rows + (1 - lam) * rows.flip(0)


class AlphaOnly:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def __call__(self, x, y):
        mixed, own, other, lam = mixup_data(x, y, self.alpha)
        return mixed, (own, other, torch.tensor(lam))


def with_generator(x, y, alpha=1.0, generator=None):
    _checked(x, y, alpha)
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    lam = torch.tensor(rng.beta(alpha, alpha, len(x)) if alpha > 0 else np.ones(len(x)))
    index = torch.randperm(len(x), generator=generator)
    share = _over(lam, x)
    return share * x + (1 - share) * x[index], (y, y[index], lam)


RIGHT = [
    "mixup_data",
    "vector_lam",
    "nested_triple",
    "folded",
    "soft",
    "target_first",
    "WithClasses",
    "AsModule",
    "AlphaOnly",
    "with_generator",
]
