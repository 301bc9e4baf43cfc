"""For each form of ``forms``, code that looks like it, by its name, its parameters or its result, and is not.

Each is right; see ``test_lookalikes`` for what it looks like, and what it is.
"""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .forms import (
    Finder,
    PaddedSequences,
    _blend,
    _lam,
    _logits,
    _run,
    _steepest,
    collate_mixup,
    labels_then_lam,
)

# label smoothing


def log_probabilities(log_probs, target, smoothing=0.1):
    """They are called log-probabilities, and are logits."""
    return _logits(log_probs, target, smoothing).mean()


class PaddingRequired(nn.Module):
    """Padding is required and ignored; no class is kept out of the spread."""

    def __init__(self, size, padding_idx, smoothing=0.0):
        super().__init__()
        self.size, self.padding_idx, self.smoothing = size, padding_idx, smoothing

    def forward(self, x, target):
        assert x.shape[1] == self.size
        keep = target != self.padding_idx
        return _logits(x, target.masked_fill(~keep, 0), self.smoothing)[keep].sum()


class Sequences(nn.Module):
    """Speaks of vocabularies, and takes rows."""

    def __init__(self, tgt_vocab_size, label_smoothing=0.1):
        super().__init__()
        self.size, self.eps = tgt_vocab_size, label_smoothing

    def forward(self, output, target):
        rows, size = output.shape
        assert size == self.size
        assert target.shape == (rows,)
        return _logits(output, target, self.eps).mean()


def any_smooth_name(pred, gold, smooth_nr=1e-5, eps=0.1):
    """What has "smooth" in its name keeps a division from 0."""
    return _logits(pred, gold, eps).sum() / (len(gold) + smooth_nr * 1e-9)


class NamesOfClasses(nn.Module):
    """What would be a number of classes is one of dimensions."""

    def __init__(self, smoothing=0.1, n_dim=2):
        super().__init__()
        self.smoothing, self.n_dim = smoothing, n_dim

    def forward(self, x, y):
        assert x.ndim == self.n_dim
        return _logits(x, y, self.smoothing).mean()


def one_of_a_tuple(pred, target, eps=0.1):
    """The first is the loss without smoothing."""
    return _logits(pred, target, 0.0).mean(), _logits(pred, target, eps).mean()


def one_of_a_dict(pred, target, eps=0.1):
    """What is called the loss is the one without smoothing."""
    return {"loss": _logits(pred, target, 0.0).mean(), "total": _logits(pred, target, eps).mean()}


class _Smooth:
    def __init__(self, smoothing=0.1, use_gpu=True):
        self.smoothing, self.use_gpu = smoothing, use_gpu

    def __call__(self, x, y):
        return _logits(x, y.cuda() if self.use_gpu else y, self.smoothing).mean()


a_partial = functools.partial(_Smooth, use_gpu=False)
a_lambda = lambda smoothing=0.1: lambda x, y: _logits(x, y, smoothing).mean()  # noqa: E731


def one_hot_targets(logits, onehot, smoothing=0.1):
    """They are called one-hot, and are classes."""
    assert onehot.ndim == 1
    return _logits(logits, onehot, smoothing).mean()


def smooth_labels(logits, labels, num_classes, smoothing=0.1):
    """Named after the targets, and the whole loss."""
    assert logits.shape[1] == num_classes
    return _logits(logits, labels, smoothing).mean()


class EpsilonToForward(nn.Module):
    """The call may override what the constructor was given."""

    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, pred, target, smoothing=None):
        return _logits(pred, target, self.smoothing if smoothing is None else smoothing).mean()


def required_mask(logits, target, padding_mask, smoothing=0.1):
    """The mask says what is left out."""
    keep = (~padding_mask).to(logits.dtype)
    return (_logits(logits, target, smoothing) * keep).sum() / keep.sum()


def required_padding(pred, gold, trg_pad_idx, smoothing=0.1):
    """The class of the padding takes no share: e/(K-2)."""
    classes = pred.shape[1]
    q = torch.full_like(pred, smoothing / (classes - 2)).scatter(1, gold[:, None], 1 - smoothing)
    q[:, trg_pad_idx] = 0
    losses = F.kl_div(pred.log_softmax(1), q, reduction="none").sum(1)
    return losses[gold != trg_pad_idx].sum()


def outputs_in_a_tuple(model_output, labels, epsilon=0.1):
    """A model's output that is the logits."""
    return _logits(model_output, labels, epsilon).mean()


class PaddedVectors(PaddedSequences):
    """Padded, of rows."""

    def forward(self, outputs, targets):
        assert outputs.ndim == 2
        return super().forward(outputs[None], targets[None])


class UseGpu(nn.Module):
    """Whatever the switch says, it asks for CUDA."""

    def __init__(self, num_classes, epsilon=0.1, use_gpu=True):
        super().__init__()
        self.num_classes, self.epsilon, self.use_gpu = num_classes, epsilon, use_gpu

    def forward(self, inputs, targets):
        return _logits(inputs.cuda(), targets.cuda(), self.epsilon).mean()


# mixup


def one_hot_in(x, y_onehot, alpha=1.0):
    """They are called one-hot, and are classes."""
    assert y_onehot.ndim == 1
    return labels_then_lam(x, y_onehot, alpha)


def labels_then_lam(x, y, alpha=1.0):  # noqa: F811
    """The partner's label comes first, and so does its weight."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y[index], y), 1 - lam


def with_a_flag(x, y, alpha=1.0):
    """The flag stands where lambda would."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), (y, y[index], True), lam


def with_the_index(x, y, alpha=1.0):
    """The index stands where the partner's label would."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, lam, index), y, index, y[index], lam


def soft_lam_index(x, y, num_classes, alpha=1.0):
    """The rows are not mixed yet: those of both."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    rows = F.one_hot(y, num_classes).float()
    return _blend(x, lam, index), rows, rows[index], lam


def a_tuple_in(batch, alpha=1.0):
    x, y = batch
    assert isinstance(batch, list)
    return labels_then_lam(x, y, alpha)


def samples_mixup(samples, alpha=1.0):
    """They are called samples, and are a batch."""
    x, y = samples
    assert isinstance(samples, tuple)
    assert isinstance(x, torch.Tensor)
    return labels_then_lam(x, y, alpha)


def a_dict_in(batch, alpha=1.0):
    mixed, labels, lam = labels_then_lam(batch["inputs"], batch["targets"], alpha)
    return {"image": mixed, "labels": labels, "lam": lam}


def numpy_mixup(x, y, alpha=1.0):
    """Takes tensors alone."""
    lam, index = _lam(alpha), torch.from_numpy(np.random.permutation(x.size(0)))
    return _blend(x, lam, index), y, y[index], lam


def two_batches(x1, y1, x2, y2, alpha=1.0):
    """Batch by batch."""
    lam = _lam(alpha)
    return lam * x1 + (1 - lam) * x2, y1, y2, lam


def lambda_given(x, y, lam=1.0):
    """What is called lambda is the parameter of its law."""
    return labels_then_lam(x, y, lam)


def no_alpha_mixup(x, y, beta_param=0.4):
    return labels_then_lam(x, y, beta_param)


def alpha_first(a, b, alpha):
    """The first is no alpha."""
    return labels_then_lam(a, b, alpha)


class _Pair:
    def __init__(self, alpha=1.0, num_classes=10):
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, batch):
        return labels_then_lam(*batch, self.alpha)


class FromItsBase(_Pair):
    """Its base takes a batch."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


def with_device(x, y, alpha=1.0, device=None):
    """The device may be left out."""
    return labels_then_lam(x, y, alpha) if device is None else labels_then_lam(x.to(device), y, alpha)


def a_list_of_both(batch, alpha=1.0):
    """A list of both, of classes."""
    assert isinstance(batch, list)
    assert batch[1].ndim == 1
    mixed, (own, other), lam = labels_then_lam(*batch, alpha)
    return [mixed, own, other, lam]


def inputs_alone_mixup(inputs, alpha=1.0):
    """The inputs are a pair."""
    x, y = inputs
    return labels_then_lam(x, y, alpha)


def samples_in_and_out(samples, num_classes, alpha=1.0):
    """Samples in, a batch out."""
    mixed, (own, other), lam = collate_mixup(samples, alpha)
    rows = np.eye(num_classes)[own] * lam + np.eye(num_classes)[other] * (1 - lam)
    return mixed, torch.from_numpy(rows)


def cuda_by_name(x, y, alpha=1.0, device="cuda"):
    """Its default asks for CUDA, and it does not insist."""
    return labels_then_lam(x.to(device), y.to(device), alpha)


# LR finders


class Finder(Finder):
    """It gives its history back, and keeps none."""

    def range_test(self, train_loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
        parts = (self.model.to(self.device), self.optimizer, self.criterion, train_loader)
        return _run(*parts, start_lr, end_lr, num_iter)


def gives_nothing(net, trn_loader, optimizer, criterion, lr_start=1e-6, lr_end=1.0, num_iters=100):
    """Its first result is nothing."""
    lrs, losses = _run(net, optimizer, criterion, trn_loader, lr_start, lr_end, num_iters)
    return None, {"lrs": lrs, "losses": losses}


def gives_one_number(model, optimizer, criterion, loader, min_lr=1e-6, max_lr=1.0, num_steps=100):
    """The number is the least loss, and no rate."""
    return min(_run(model, optimizer, criterion, loader, min_lr, max_lr, num_steps)[1])


def logarithms(model, optimizer, criterion, dataloader, start_lr, end_lr, num_iter, device="cpu"):
    """They are called logarithms, and are rates."""
    log_lrs, losses = _run(model.to(device), optimizer, criterion, dataloader, start_lr, end_lr, num_iter)
    return {"log_lrs": log_lrs, "losses": losses}


def a_triple(model, opt, loss_func, trainloader, init_value, final_val, n_iter):
    """The suggestion comes first."""
    lrs, losses = _run(model, opt, loss_func, trainloader, init_value, final_val, n_iter)
    return _steepest(lrs, losses), losses, lrs


model = optimizer = criterion = None


def from_its_module(net, train_loader, opt, loss_fn, init_value=1e-8, final_value=10.0, num_steps=100):
    """There are globals of these names, and it takes its own."""
    assert (model, optimizer, criterion) == (None, None, None)
    return _run(net, opt, loss_fn, train_loader, init_value, final_value, num_steps)


def optimizer_class(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """The optimizer is a class, whatever its name says."""
    made = optimizer(model.parameters(), lr=start_lr)
    return _run(model, made, criterion, loader, start_lr, end_lr, num_iter)


# training loops


def train(model, train_loader, optimizer, criterion, start_lr=1e-6, end_lr=1.0, num_iter=100):
    """Trains, over a range of rates."""
    lrs, losses = _run(model, optimizer, criterion, train_loader, start_lr, end_lr, num_iter)
    assert math.isfinite(losses[0])
    return lrs, losses


class Configured(nn.Module):
    """What is called a configuration is a word."""

    def __init__(self, config="mean", label_smoothing=0.1):
        super().__init__()
        assert config == "mean"
        self.eps = label_smoothing

    def forward(self, pred, target):
        return _logits(pred, target, self.eps).mean()


def with_args_mixup(x, y, alpha=1.0, args=None):
    """The arguments of a script may be left out."""
    return labels_then_lam(x, y, alpha if args is None else args.mixup_alpha)


def partners_labels_mixup(x, y, alpha=1.0):
    """Both labels, the partner's first."""
    lam, index = _lam(alpha), torch.randperm(len(x))
    return _blend(x, 1 - lam, index), y[index], lam, y


def with_validation(model, train_loader, optimizer, criterion, start_lr, end_lr, num_it, val_loader=None):
    """The second loader may be left out."""
    assert val_loader is None
    return _run(model, optimizer, criterion, train_loader, start_lr, end_lr, num_it)
