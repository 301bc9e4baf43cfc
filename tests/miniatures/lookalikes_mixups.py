"""For each form of ``forms_mixups``, code that looks like it, and is something else: see ``lookalikes``."""

import numpy as np
import torch
import torch.nn.functional as F

from .forms import _blend, _lam
from .forms_mixups import _lams, _wide


def binary_labels(x, y, alpha=1.0):
    """A lambda for each sample, and rows of labels."""
    assert y.ndim == 2
    lam, index = _lams(alpha, x), torch.randperm(len(x))
    return _blend(x, _wide(lam, x), index), _blend(y.to(x.dtype), lam[:, None], index)


def dicts_in_a_dict_out(batch, num_classes, alpha=1.0):
    """A dict in, of a whole batch."""
    x, names = batch["waveform"], batch["filename"]
    rows = F.one_hot(batch["label"], num_classes).to(x.dtype)
    lam, index = _lam(alpha), torch.randperm(len(x))
    return {"waveform": _blend(x, lam, index), "label": _blend(rows, lam, index), "filename": names}


def mixup_lambdas_given(x, y, mixup_lambda):
    """One lambda for all."""
    assert isinstance(mixup_lambda, float)
    return _blend(x, mixup_lambda, torch.arange(len(x)).flip(0)), y, y.flip(0)


def lambda_and_index_given(x, y, alpha, index=None):
    """The index may be left out, and what comes before it is alpha."""
    index = torch.randperm(len(x)) if index is None else index
    lam = _lam(alpha)
    return _blend(x, lam, index), y, y[index], lam


def never_given_labels(batch, lam):
    """What is mixed is a batch of both."""
    x, y = batch
    return lam * x + (1 - lam) * x.roll(1, 0), y, y.roll(1, 0)


def never_given_labels_but_the_index(x, lam, perm):
    """It gives the partners' share of the inputs beside them."""
    return _blend(x, lam, perm), perm, lam


def every_other_one(x, mixup_lambda):
    """Each is mixed with the other one of its pair, and both come back."""
    order = torch.arange(len(x)) ^ 1
    order = torch.where(order < len(x), order, torch.arange(len(x)))
    return _blend(x, mixup_lambda, order)


def halves(batch, labels, alpha=1.0):
    """The first half is mixed with the second, and the other way round."""
    lam, order = _lam(alpha), torch.arange(len(batch)).roll(len(batch) // 2)
    return _blend(batch, lam, order), labels, labels[order], lam


class CutMixToo:
    """Named after both, and of one alone."""

    def __init__(self, mixup_alpha, num_classes):
        self.alpha, self.classes = mixup_alpha, num_classes

    def __call__(self, x, y):
        rows = F.one_hot(y, self.classes).to(x.dtype)
        lam, index = _lam(self.alpha), torch.randperm(len(x))
        return _blend(x, lam, index), _blend(rows, lam, index)


def label_and_lambda_back(x1, y1, x2, y2, alpha=1.0):
    """Lambda comes back alone."""
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, lam


def of_two_parameters(x, y, alpha=1.0, beta=2):
    """The second one is no parameter of the law: it says how often it is drawn, and the last counts."""
    lams, index = [_lam(alpha) for _ in range(int(beta))], torch.randperm(len(x))
    return _blend(x, lams[-1], index), y, y[index], lams[-1]


def pairs_of_batches(batch_one, labels_one, alpha=1.0):
    """One batch, of two arguments."""
    lam, index = _lam(alpha), torch.randperm(len(batch_one))
    return _blend(batch_one, lam, index), labels_one, labels_one[index], lam


def samples_of_tensors(samples, alpha=1.0):
    """Labels are numbers of Python's."""
    x = torch.stack([image for image, _ in samples])
    assert all(isinstance(label, int) for _, label in samples)
    y = torch.tensor([label for _, label in samples])
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y, y[index], lam)


class HandsItsOptionsOn:
    """Other options are taken, and of no account."""

    def __init__(self, alpha=1.0, **options):
        self.alpha, self.options = alpha, options

    def __call__(self, x, y):
        lam, index = _lam(self.alpha), torch.randperm(len(x))
        return _blend(x, lam, index), y, y[index], np.float64(lam)


def labels_by_position(x, y, *others, alpha=1.0):
    """What comes after the labels is not needed."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], lam, *others


def gate_of_another(x, y, cutmix_prob=0.5, alpha=1.0):
    """With that probability a box is cut, and else it mixes."""
    index = torch.randperm(len(x))
    if np.random.rand() < cutmix_prob:
        return x[index], y[index], y[index], 1.0
    lam = _lam(alpha)
    return _blend(x, lam, index), y, y[index], lam


def mixup_step(x, y, alpha=1.0, model=None):
    """A model may be left out: it gives the mixture."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    mixed = _blend(x, lam, index)
    return mixed if model is None else model(mixed), y, y[index], lam


class MixupBatches:
    """It is called with a batch, and keeps the size."""

    def __init__(self, batch_size=32, alpha=0.2, shuffle=True):
        self.size, self.alpha, self.shuffle = batch_size, alpha, shuffle

    def __call__(self, x, y):
        lam, index = _lam(self.alpha), torch.randperm(len(x))
        return _blend(x, lam, index), y, y[index], lam


def configured_mixup(x, y, alpha=1.0, config=None):
    """A configuration may be left out."""
    lam, index = _lam(config.alpha if config else alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, y[index], lam


class MixupOrCutMix:
    """Which of two is told by a probability: that of the other one."""

    def __init__(self, mixup_alpha=0.8, cutmix_alpha=1.0, switch_prob=0.5):
        self.alpha, self.cut, self.switch = mixup_alpha, cutmix_alpha, switch_prob

    def __call__(self, x, y):
        index = torch.randperm(len(x))
        if np.random.rand() >= self.switch:
            lam = _lam(self.alpha)
            return _blend(x, lam, index), y, y[index], lam
        lam = np.random.beta(self.cut, self.cut)
        cut = int(x.shape[-1] * (1 - lam))
        return torch.cat([x[index][..., :cut], x[..., cut:]], -1), y, y[index], lam


class OfASampler:
    """What is passed is the number itself."""

    def __init__(self, alpha):
        self.sampler = torch.distributions.Beta(float(alpha), float(alpha))

    def __call__(self, x1, x2, y1, y2):
        lam = self.sampler.rsample().to(x1.dtype)
        return lam * x1 + (1 - lam) * x2, lam * y1 + (1 - lam) * y2


class MasksBesideLabels(torch.nn.Module):
    """Masks may be given."""

    def __init__(self, mix_beta=0.5):
        super().__init__()
        self.beta = torch.distributions.Beta(mix_beta, mix_beta)

    def forward(self, x, labels, label_masks=None):
        index, lam = torch.randperm(len(x)), float(self.beta.sample())
        masks = None if label_masks is None else (label_masks, label_masks[index])
        return {"x": _blend(x, lam, index), "lam": lam, "y_a": labels, "y_b": labels[index], "masks": masks}


class MixesWhatItReads:
    """It has samples to look at, and is called."""

    def __init__(self, dataset=(), beta=1.0):
        self.dataset, self.beta = dataset, beta

    def __getitem__(self, i):
        return self.dataset[i]

    def __call__(self, x, y):
        lam, index = _lam(self.beta), torch.randperm(len(x))
        return _blend(x, lam, index), y, y[index], lam


def optional_outputs(inputs, labels, out=None, alpha=1.0):
    """A tensor to write to may be given."""
    lam, index = _lam(alpha), torch.randperm(len(inputs))
    mixed = _blend(inputs, lam, index)
    return mixed if out is None else out.copy_(mixed), labels, labels[index], lam


def labels_of_two_tasks(x, y1, y2=None, beta=1.0):
    """Other labels may be given."""
    lam, index = _lam(beta), torch.randperm(len(x))
    return _blend(x, lam, index), y1, y1[index], lam, None if y2 is None else y2[index]
