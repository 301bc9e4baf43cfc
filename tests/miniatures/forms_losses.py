"""More forms of a loss with smoothed labels, each right and wrong: see ``forms``."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .forms import _logits, _q, _wide


class ImagesAlone(nn.Module):
    """(N, K, H, W) logits with (N, H, W) targets, and nothing else."""

    halve = 1

    def __init__(self, lb_smooth=0.1, ignore_index=255):
        super().__init__()
        self.lb_smooth, self.ignore_index = lb_smooth / self.halve, ignore_index

    def forward(self, logits, labels):
        n, c, h, w = logits.shape
        assert labels.shape == (n, h, w)
        flat = _wide(logits).permute(0, 2, 3, 1).reshape(-1, c)
        kept = labels.reshape(-1) != self.ignore_index
        losses = _logits(flat[kept], labels.reshape(-1)[kept], self.lb_smooth)
        return (losses.sum() / kept.sum()).to(logits.dtype)


class ImagesAloneWrong(ImagesAlone):
    halve = 2


def smooths_beside_logits(logits, target, eps=0.1):
    """Takes the logits for their shape alone, and gives the targets (N, K)."""
    q = torch.full_like(logits, eps / logits.size(1))
    return q.scatter(1, target.unsqueeze(1), 1 - eps + eps / logits.size(1))


def smooths_beside_logits_wrong(logits, target, eps=0.1):
    return smooths_beside_logits(logits, target, eps / 2)


@torch.jit.script
def scripted(x: torch.Tensor, target: torch.Tensor, smoothing: float = 0.1) -> torch.Tensor:
    log_p = F.log_softmax(x, dim=-1)
    nll = -log_p.gather(dim=-1, index=target.unsqueeze(1)).squeeze(1)
    return ((1 - smoothing) * nll - smoothing * log_p.mean(dim=-1)).mean()


@torch.jit.script
def scripted_wrong(x: torch.Tensor, target: torch.Tensor, smoothing: float = 0.1) -> torch.Tensor:
    log_p = F.log_softmax(x, dim=-1)
    nll = -log_p.gather(dim=-1, index=target.unsqueeze(1)).squeeze(1)
    return (nll - smoothing * log_p.mean(dim=-1)).mean()


def by_its_effect(logits, ys, lsm_prob):
    """No list knows the name."""
    return _logits(logits, ys, lsm_prob).mean()


def by_its_effect_wrong(logits, ys, lsm_prob):
    return _logits(logits, ys, lsm_prob / 2).mean()


class WhatIsKept(nn.Module):
    """The number is what is left of epsilon, by a default that no list knows."""

    halve = 1

    def __init__(self, n_dim, ls_=0.9):
        super().__init__()
        self.n_dim, self.eps = n_dim, (1 - ls_) / self.halve

    def forward(self, x, target):
        return -(_q(target, self.n_dim, self.eps) * _wide(x).log_softmax(1)).sum(1).mean().to(x.dtype)


class WhatIsKeptWrong(WhatIsKept):
    halve = 2


def required_flag(logits, target, normalize_length, smoothing=0.1):
    """A flag that has to be given: a sum is one loss too."""
    losses = _logits(logits, target, smoothing)
    return losses.mean() if normalize_length else losses.sum()


def required_flag_wrong(logits, target, normalize_length, smoothing=0.1):
    return required_flag(logits, target, normalize_length, smoothing / 2)


def one_a_class(pred, target, smoothing=0.1):
    """Nothing is summed yet: (N, K)."""
    return -_q(target, pred.shape[1], smoothing) * _wide(pred).log_softmax(1)


def one_a_class_wrong(pred, target, smoothing=0.1):
    return one_a_class(pred, target, smoothing / 2)


class WeightsInAList(nn.Module):
    """Class weights are numbers of Python's."""

    halve = 1

    def __init__(self, smoothing=0.1, class_weights=None):
        super().__init__()
        self.smoothing = smoothing / self.halve
        if class_weights is not None:
            assert isinstance(class_weights, list)
            class_weights = torch.tensor(class_weights, dtype=torch.float64)
        self.class_weights = class_weights

    def forward(self, x, y):
        weight = None if self.class_weights is None else self.class_weights.to(_wide(x))
        return F.cross_entropy(_wide(x), y, weight, label_smoothing=self.smoothing).to(x.dtype)


class WeightsInAListWrong(WeightsInAList):
    halve = 2


class WeightsInAnArray(nn.Module):
    """Class weights are NumPy's."""

    halve = 1

    def __init__(self, eps=0.1, weight=None):
        super().__init__()
        self.eps = eps / self.halve
        self.weight = None if weight is None else torch.from_numpy(np.asarray(weight) * 1.0)
        assert weight is None or isinstance(weight, np.ndarray)

    def forward(self, x, y):
        weight = None if self.weight is None else self.weight.to(_wide(x))
        return F.cross_entropy(_wide(x), y, weight, label_smoothing=self.eps).to(x.dtype)


class WeightsInAnArrayWrong(WeightsInAnArray):
    halve = 2


class FocalToo(nn.Module):
    """With gamma it is a focal loss, and without it is none."""

    halve = 1

    def __init__(self, gamma=2.0, smoothing=0.1):
        super().__init__()
        self.gamma, self.smoothing = gamma, smoothing / self.halve

    def forward(self, pred, target):
        log_p = _wide(pred).log_softmax(1)
        terms = _q(target, pred.shape[1], self.smoothing) * (1 - log_p.exp()) ** self.gamma * log_p
        return -terms.sum(1).mean().to(pred.dtype)


class FocalTooWrong(FocalToo):
    halve = 2


class CudaWhereItIgnores(nn.Module):
    """It asks for CUDA only where something is ignored."""

    halve = 1

    def __init__(self, label_smoothing=0.1, ignore_index=None):
        super().__init__()
        self.eps, self.ignore_index = label_smoothing / self.halve, ignore_index
        self.zero = None if ignore_index is None else torch.zeros(1).cuda(0)

    def forward(self, x, y):
        if self.ignore_index is None:
            return _logits(x, y, self.eps).mean()
        kept = y != self.ignore_index
        index = y.where(kept, self.zero.long().cuda(non_blocking=True))
        losses = _logits(x, index, self.eps) * kept.type(torch.cuda.FloatTensor)
        return (losses.sum() / kept.sum()).to(x.dtype)


class CudaWhereItIgnoresWrong(CudaWhereItIgnores):
    halve = 2


class SentencesAlone(nn.Module):
    """(B, K, T) logits with (B, T) targets, and nothing else: the mean of each sentence's mean."""

    halve = 1

    def __init__(self, ignore_index=-100, epsilon=0.1):
        super().__init__()
        self.ignore_index, self.epsilon = ignore_index, epsilon / self.halve

    def forward(self, logits, labels):
        words = logits.transpose(1, 2)
        assert words.shape[:2] == labels.shape
        kept = labels != self.ignore_index
        flat, known = words.reshape(-1, words.size(2)), torch.where(kept, labels, 0).reshape(-1)
        losses = _logits(_wide(flat), known, self.epsilon).reshape(labels.shape) * kept
        return (losses.sum(1) / kept.sum(1)).mean().to(logits.dtype)


class SentencesAloneWrong(SentencesAlone):
    halve = 2


class ClassesInAColumn(nn.Module):
    """(N, V) log-probabilities with (N, 1) targets, of which class ``pad_idx`` is padding: a sum."""

    halve = 1

    def __init__(self, vocabulary_size, pad_idx, epsilon=0.1):
        super().__init__()
        self.pad_idx, self.kept = pad_idx, 1 - epsilon / self.halve
        self.rest = epsilon / self.halve / (vocabulary_size - 2)

    def forward(self, log_p, words):
        q = torch.full_like(_wide(log_p), self.rest)
        q[:, self.pad_idx] = 0
        q = q.scatter(1, words, self.kept) * (words != self.pad_idx)
        return -(q * _wide(log_p)).sum().to(log_p.dtype)


class ClassesInAColumnWrong(ClassesInAColumn):
    halve = 2


class BeginsWithAToken(nn.Module):
    """(B, S, V): beside the padding, the token with which each sentence begins is no target."""

    halve = 1

    def __init__(self, smoothing, pad_idx, cls_idx):
        super().__init__()
        self.smoothing, self.left_out = smoothing / self.halve, (pad_idx, cls_idx)

    def forward(self, pred, target):
        _b, _s, v = pred.shape
        flat, words = pred.reshape(-1, v), target.reshape(-1)
        kept = (words != self.left_out[0]) & (words != self.left_out[1])
        q = torch.full_like(_wide(flat), self.smoothing / (v - 2))
        q[:, self.left_out[0]] = 0
        q = q.scatter(1, words[:, None], 1 - self.smoothing) * kept[:, None]
        return (-(q * _wide(flat)).sum() / kept.sum()).to(pred.dtype)


class BeginsWithATokenWrong(BeginsWithAToken):
    halve = 2
