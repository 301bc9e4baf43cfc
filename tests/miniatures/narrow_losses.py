"""Losses that do not take all that we could ask, each beside one that is wrong where it does."""

import torch
import torch.nn.functional as F
from torch import nn


def _spread(logits, target, smoothing, share):
    q = torch.full_like(logits, share * smoothing).scatter(1, target[:, None], 1 - smoothing)
    return -(q * F.log_softmax(logits, dim=1)).sum(1)


class MoreThanTwoClasses(nn.Module):
    """Its formula divides by K - 2: by the classes but the target's and that of a padding."""

    def __init__(self, num_classes, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing
        self.share = 1 / (num_classes - 2) * (num_classes - 2) / (num_classes - 1)

    def forward(self, logits, target):
        return _spread(logits, target, self.smoothing, self.share).mean()


class MoreThanTwoClassesWrong(MoreThanTwoClasses):
    """The shares of the others do not add up to the smoothing."""

    def __init__(self, num_classes, smoothing=0.1):
        super().__init__(num_classes, smoothing)
        self.share = 1 / (num_classes - 2) / 2


class SampleWeights(nn.Module):
    """What it calls weight is one for each sample."""

    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits, target, weight=None):
        losses = F.cross_entropy(logits, target, label_smoothing=self.smoothing, reduction="none")
        return losses.mean() if weight is None else (losses * weight).mean()


def sample_weights(logits, target, smoothing=0.1, weight=None):
    losses = F.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
    return losses.mean() if weight is None else (losses * weight).mean()


def sample_weights_wrong(logits, target, smoothing=0.1, weight=None):
    return sample_weights(logits, target, smoothing, weight) + smoothing


def class_weights_wrong(logits, target, smoothing=0.1, weight=None):
    """Of classes, and the mean is over samples whose weights were squared."""
    if weight is not None:
        weight = weight * weight
    return F.cross_entropy(logits, target, weight=weight, label_smoothing=smoothing)


class IgnoresItsOwn(nn.Module):
    """What is ignored is a label of an image's border, 255: a negative one is refused."""

    def __init__(self, smoothing=0.1, ignore_index=255):
        super().__init__()
        if ignore_index < 0:
            raise ValueError(f"ignore_index is {ignore_index}, expected a byte")
        self.smoothing, self.ignore_index = smoothing, ignore_index

    def kept(self, losses, target):
        return losses[target != self.ignore_index]

    def forward(self, logits, target):
        known = target.where(target != self.ignore_index, 0)
        losses = F.cross_entropy(logits, known, label_smoothing=self.smoothing, reduction="none")
        return self.kept(losses, target).mean()


class IgnoresItsOwnWrong(IgnoresItsOwn):
    """Which counts all the same."""

    def kept(self, losses, target):
        return losses


class MeanOrSum(nn.Module):
    """Whatever else its reduction is called, it is the mean."""

    def __init__(self, smoothing=0.1, reduction="mean"):
        super().__init__()
        self.smoothing, self.reduction = smoothing, reduction

    def total(self, losses):
        return losses.sum()

    def forward(self, logits, target):
        losses = F.cross_entropy(logits, target, label_smoothing=self.smoothing, reduction="none")
        return self.total(losses) if self.reduction == "sum" else losses.mean()


class MeanOrSumWrong(MeanOrSum):
    """The sum is that of half of the samples."""

    def total(self, losses):
        return losses.sum() / 2


class ReductionWithoutEffect(MeanOrSum):
    """A mean, whatever is asked."""

    def total(self, losses):
        return losses.mean()
