"""For each form of ``forms_losses``, code that looks like it, and is something else: see ``lookalikes``."""

import torch
import torch.nn.functional as F
from torch import nn

from .forms import _logits, _q, _wide


class ImagesAlone(nn.Module):
    """It speaks of images, and takes rows."""

    def __init__(self, lb_smooth=0.1):
        super().__init__()
        self.lb_smooth = lb_smooth

    def forward(self, logits, labels):
        n, _c = logits.shape
        assert labels.shape == (n,)
        return _logits(logits, labels, self.lb_smooth).mean()


def smooths_beside_logits(logits, target, eps=0.1):
    """It gives (N, K), of the terms of a loss."""
    return -_q(target, logits.shape[1], eps) * _wide(logits).log_softmax(1)


def scripted(logits, target, smoothing=0.1):
    """It has a schema, and is not scripted."""
    return _logits(logits, target, smoothing).mean()


scripted.schema = "smoothing: float"


def by_its_effect(logits, ys, share_prob=0.5):
    """The number is no epsilon: it is there for the caller, and changes nothing."""
    return _logits(logits, ys, 0.1).mean()


class WhatIsKept(nn.Module):
    """The number is epsilon itself."""

    def __init__(self, n_dim, ls_=0.1):
        super().__init__()
        self.n_dim, self.ls_ = n_dim, ls_

    def forward(self, x, target):
        assert x.shape[1] == self.n_dim
        return _logits(x, target, self.ls_).mean()


def required_flag(logits, target, smoothing=0.1, normalize_length=True):
    """The flag may be left out."""
    losses = _logits(logits, target, smoothing)
    return losses.mean() if normalize_length else losses.sum()


def one_a_class(pred, target, smoothing=0.1):
    """One a sample, in a row of its own."""
    return _logits(pred, target, smoothing)[None]


class WeightsInAList(nn.Module):
    """They may be a list, and are as well a tensor."""

    def __init__(self, smoothing=0.1, class_weights=None):
        super().__init__()
        self.smoothing = smoothing
        self.class_weights = None if class_weights is None else torch.as_tensor(class_weights)

    def forward(self, x, y):
        weight = None if self.class_weights is None else self.class_weights.to(_wide(x))
        return F.cross_entropy(_wide(x), y, weight, label_smoothing=self.smoothing).to(x.dtype)


class WeightsInAnArray(WeightsInAList):
    """Named after a weight, by which the whole loss is multiplied."""

    def __init__(self, eps=0.1, loss_weight=1.0):
        super().__init__(eps)
        self.loss_weight = loss_weight

    def forward(self, x, y):
        return self.loss_weight * super().forward(x, y)


class FocalToo(nn.Module):
    """What is called gamma is epsilon's other name, and the only number there is."""

    def __init__(self, smoothing=0.1, gamma=0.0):
        super().__init__()
        self.smoothing, self.gamma = smoothing, gamma

    def forward(self, pred, target):
        assert self.gamma == 0
        return _logits(pred, target, self.smoothing).mean()


class CudaWhereItIgnores(nn.Module):
    """It asks for CUDA where there is CUDA."""

    def __init__(self, label_smoothing=0.1):
        super().__init__()
        self.eps = label_smoothing
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def forward(self, x, y):
        return _logits(x.to(self.device), y.to(self.device), self.eps).mean()


class SentencesAlone(nn.Module):
    """It speaks of sentences, and takes words: (N, K)."""

    def __init__(self, epsilon=0.1):
        super().__init__()
        self.epsilon = epsilon

    def forward(self, logits, labels):
        words = logits.transpose(0, 1)
        assert words.shape[1:] == labels.shape
        return _logits(words.transpose(0, 1), labels, self.epsilon).mean()


class ClassesInAColumn(nn.Module):
    """It makes the column itself."""

    def __init__(self, vocabulary_size, pad_idx, epsilon=0.1):
        super().__init__()
        self.pad_idx, self.kept = pad_idx, 1 - epsilon
        self.rest = epsilon / (vocabulary_size - 2)

    def forward(self, log_p, words):
        q = torch.full_like(_wide(log_p), self.rest)
        q[:, self.pad_idx] = 0
        q = q.scatter(1, words[:, None], self.kept) * (words != self.pad_idx)[:, None]
        return -(q * _wide(log_p)).sum().to(log_p.dtype)


class BeginsWithAToken(nn.Module):
    """The token has a number of its own, and is not asked for."""

    def __init__(self, smoothing, cls_idx=0):
        super().__init__()
        self.smoothing, self.cls_idx = smoothing, cls_idx

    def forward(self, pred, target):
        assert pred.ndim == 2 == target.ndim + 1
        return _logits(pred, target, self.smoothing).mean()
