"""Right code that looks like a fault of ``impl.faulty``, each in the form in which people write it."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lawful.impl.contracts import LabelSmoothing, LRFinder, Mixup, Swept

from .promised import _smooth, _sweep


def clones_what_it_saves(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """R18 keeps ``state_dict()`` itself; here each of its tensors is a clone."""
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    state = copy.deepcopy(optimizer.state_dict())
    swept = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    model.load_state_dict(saved)
    optimizer.load_state_dict(state)
    return swept


def loads_before_it_begins(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A state is loaded, and nothing put back: what is left is what the sweep left, as its choice."""
    model.load_state_dict(copy.deepcopy(model.state_dict()))
    return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def returns_from_a_try(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """XR122 returns past what puts things back; here a ``finally`` puts them back."""
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    try:
        return _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    finally:
        model.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])


def forgets_the_first_rate(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A scheduler takes over the ``initial_lr`` that it finds (R19); here none is left for it."""
    for group in optimizer.param_groups:
        group["lr"] = start_lr
        group.pop("initial_lr", None)
    factor = (end_lr / start_lr) ** (1 / (num_iter - 1))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor**step)
    lrs, losses = [], []
    for i, (x, y) in zip(range(num_iter), _round_and_round(loader), strict=False):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        lrs.append(scheduler.get_last_lr()[0])
        losses.append(loss.item())
        if not np.isfinite(losses[-1]) or losses[-1] > 4 * abs(min(losses)):
            break
        loss.backward()
        optimizer.step()
        if i + 1 < num_iter:
            scheduler.step()
    return lrs, losses


def _round_and_round(loader):
    while True:
        yield from loader


class GivesCopies:
    """The lists are the class's (XR123); what is given are copies of them."""

    lrs, losses = [], []

    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion

    def range_test(self, train_loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
        parts = (self.model, self.optimizer, self.criterion, train_loader)
        self.lrs[:], self.losses[:] = _sweep(*parts, start_lr, end_lr, num_iter)
        return list(self.lrs), list(self.losses)


def _runs_again(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter):
    def run():
        history = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
        return Swept(*history, again=run)

    return run()


begins_a_new_history = LRFinder("begins_a_new_history", _runs_again)
"""An object that keeps its history (XR124), of its last run."""


def _suggests(read):
    def build(model, optimizer, criterion, loader, *, start_lr, end_lr, num_iter):
        lrs, losses = [], []

        def kept(_, loss):
            losses.append(loss)
            return loss

        lrs, _ = _sweep(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, judge=kept)
        lrs = np.geomspace(start_lr, end_lr, num_iter)[: len(losses)]
        return Swept(lrs, losses, suggest=lambda: float(read(lrs, np.array(losses))))

    return build


def _per_index(lrs, losses):
    finite = losses[np.isfinite(losses)]
    if len(finite) < 9:
        return lrs[0]
    means = np.convolve(finite, np.ones(9) / 9, "valid")
    return lrs[4 + np.argmin(np.gradient(means)[: np.argmin(means) + 1])]


def _trimmed(lrs, losses):
    return _per_index(lrs[8:-5], losses[8:-5]) if len(losses) > 22 else _per_index(lrs, losses)


trims_both_ends = LRFinder("trims_both_ends", _suggests(_trimmed), features=frozenset({"suggestion"}))
"""A part of the curve is looked at (XR126): all but its first eight points and its last five."""
slope_per_index = LRFinder("slope_per_index", _suggests(_per_index), features=frozenset({"suggestion"}))
"""The spacing of the rates is left out: it is even in log lr, so the smallest slope is at the same place. A
NaN is among the records (R21), and not looked at."""


def weighs_each_batch(model, train_loader, val_loader, optimizer, criterion, epochs=1):
    """Means of batches are added up (XT17, XT18), each times the number of its samples."""
    history = {"train_loss": [], "val_loss": []}
    for _ in range(epochs):
        for name, loader in (("train_loss", train_loader), ("val_loss", val_loader)):
            model.train(name == "train_loss")
            total = seen = 0
            with torch.set_grad_enabled(model.training):
                for x, y in loader:
                    optimizer.zero_grad()
                    loss = criterion(model(x), y)
                    if model.training:
                        loss.backward()
                        optimizer.step()
                    total, seen = total + loss.item() * len(x), seen + len(x)
            history[name].append(total / seen)
    return history


def _drawn(x, alpha):
    return float(np.random.beta(alpha, alpha)) if alpha > 0 else 1.0, torch.randperm(len(x))


def cuts_into_a_copy(x, y, alpha=1.0):
    """Every other batch of large images gets a box of its partners (XM81), in a copy."""
    lam, index = _drawn(x, alpha)
    if x.ndim == 4 and x.shape[2] >= 8 and np.random.rand() < 0.5:
        x = x.clone()
        x[:, :, 2:6, 2:6] = x[index, :, 2:6, 2:6]
        return x, y, y[index], 1 - 16 / (x.shape[2] * x.shape[3])
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def through_a_mask(x, y, alpha=1.0):
    """Some samples are mixed, through a mask (XM82), by ``where``."""
    lam, index = _drawn(x, alpha)
    mask = torch.rand(len(x)) < 0.8
    mixed = torch.where(mask.reshape(-1, *[1] * (x.ndim - 1)), lam * x + (1 - lam) * x[index], x)
    return mixed, y, y[index], torch.where(mask, lam, 1.0).to(x.dtype)


def forks_the_generators(x, y, alpha=1.0):
    """torch is seeded in each call (XM83), from NumPy and within ``fork_rng``, which puts it back."""
    lam = float(np.random.beta(alpha, alpha)) if alpha > 0 else 1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(np.random.randint(2**31))
        index = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[index], y, y[index], lam


class _TakesRows:
    """What is encoded (M18) has one dimension."""

    def __init__(self, alpha, num_classes):
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, x, y):
        rows = y if y.ndim == 2 else F.one_hot(y, self.num_classes)
        lam, index = _drawn(x, self.alpha)
        rows = rows.to(x.dtype)
        return lam * x + (1 - lam) * x[index], lam * rows + (1 - lam) * rows[index]


takes_rows = Mixup("takes_rows", _TakesRows, features=frozenset({"soft_targets"}))


def labels_of_their_own_dtype(x, y, alpha=1.0):
    """Lambda is cast to the dtype of the images, and labels are not (M19)."""
    lam, index = _drawn(x, alpha)
    lam = torch.tensor(lam, dtype=x.dtype, device=x.device)
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def alpha_in_a_tensor(x, y, alpha=1.0):
    """alpha goes into a tensor (XM84), as a float."""
    index, lam = torch.randperm(len(x)), torch.ones(1)
    if alpha > 0:
        shape = torch.tensor(float(alpha))
        lam = torch.distributions.Beta(shape, shape).sample((1,))
    lam = lam.to(x.dtype)
    return lam * x + (1 - lam) * x[index], y, y[index], lam


class _Slopes(torch.autograd.Function):
    """A backward by hand (L14), in which each row has the slope of its own loss."""

    @staticmethod
    def forward(ctx, logits, target, eps):
        log_p = logits.double().log_softmax(1)
        q = (1 - eps) * F.one_hot(target, logits.shape[1]) + eps / logits.shape[1]
        ctx.save_for_backward(log_p.exp() - q)
        return -(q * log_p).sum(1).to(logits.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope):
        (off,) = ctx.saved_tensors
        return (slope[:, None] * off).to(slope.dtype), None, None


class SlopesByHand(nn.Module):
    def __init__(self, smoothing=0.1, reduction="mean"):
        super().__init__()
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"reduction is {reduction!r}")
        self.smoothing, self.reduction = smoothing, reduction

    def forward(self, logits, target):
        losses = _Slopes.apply(logits, target, self.smoothing)
        return losses if self.reduction == "none" else getattr(losses, self.reduction)()


class SmoothsInTraining(nn.Module):
    """In evaluation mode epsilon changes nothing (L15): it is plain cross-entropy there."""

    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits, target):
        return _smooth(logits, target, self.smoothing if self.training else 0.0).mean()


def classes_last(logits, target, smoothing=0.1):
    """Classes come last (L16), and are counted there."""
    log_p = logits.double().log_softmax(-1)
    nll = -log_p.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    return ((1 - smoothing) * nll - smoothing * log_p.mean(-1)).mean().to(logits.dtype)


class _MovesTheClasses:
    """Dimension 1 goes to the end, whatever follows (L17)."""

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def __call__(self, logits, target):
        return _smooth(logits.movedim(1, -1).flatten(0, -2), target.flatten(), self.epsilon).mean()


moves_the_classes = LabelSmoothing("moves_the_classes", _MovesTheClasses, features=frozenset({"dense"}))


class _Ignores:
    """Ignored samples are struck out before anything is reduced (L19)."""

    def __init__(self, epsilon, reduction="mean", ignore_index=-100):
        self.epsilon, self.reduction, self.ignore_index = epsilon, reduction, ignore_index

    def __call__(self, logits, target):
        kept = target != self.ignore_index
        losses = _smooth(logits, target.masked_fill(~kept, 0), self.epsilon).masked_fill(~kept, 0.0)
        if self.reduction == "none":
            return losses
        return losses.sum() / kept.sum() if self.reduction == "mean" else losses.sum()


strikes_out_first = LabelSmoothing(
    "strikes_out_first", _Ignores, features=frozenset({"reduction", "ignore_index"})
)


class TwoWords(nn.Module):
    """It sums where it is told to, and takes the mean for every other word: "none" is none that it knows."""

    def __init__(self, smoothing=0.1, reduction="mean"):
        super().__init__()
        self.smoothing, self.reduction = smoothing, reduction

    def forward(self, logits, target):
        losses = _smooth(logits, target, self.smoothing)
        return losses.sum() if self.reduction == "sum" else losses.mean()


def compared_in_pairs(logits, target, smoothing=0.1):
    """log p_k as a log-sum-exp of differences: its derivative loses digits, and none that matter."""
    if logits.shape[1] > 1024:
        raise ValueError(f"logits have {logits.shape[1]} classes, expected at most 1024")
    z = logits if logits.dtype == torch.float64 else logits.float()
    log_p = -(z[:, None, :] - z[:, :, None]).logsumexp(2)
    nll = -log_p.gather(1, target[:, None]).squeeze(1)
    return ((1 - smoothing) * nll - smoothing * log_p.mean(1)).mean().to(logits.dtype)


LOSSES = {
    "TwoWords": ("reductions_agree", "holds"),
    "compared_in_pairs": ("matches_reference", "holds"),
    "SlopesByHand": ("each_loss_has_its_own_slope", "holds"),
    "SmoothsInTraining": ("epsilon_is_used", "holds"),
    "classes_last": ("sequences_are_flattened", "holds"),
    "moves_the_classes": ("class_dimension_is_one", "holds"),
    "strikes_out_first": ("ignored_targets_do_not_count", "holds"),
}


def ghost_batches(x, y, alpha=1.0):
    """A lambda for each group of four samples, and partners inside the group."""
    lam, index = [], []
    for first in range(0, len(x), 4):
        size = min(4, len(x) - first)
        lam += [float(np.random.beta(alpha, alpha)) if alpha > 0 else 1.0] * size
        index += (first + torch.randperm(size)).tolist()
    lam = torch.tensor(lam, dtype=x.dtype)
    share = lam.reshape(-1, *[1] * (x.ndim - 1))
    return share * x + (1 - share) * x[index], y, y[index], lam


MIXUPS = {
    "ghost_batches": ("lambda_follows_beta", "holds"),
    "cuts_into_a_copy": ("inputs_not_modified", "holds"),
    "through_a_mask": ("inputs_not_modified", "holds"),
    "forks_the_generators": ("generators_go_on", "holds"),
    "takes_rows": ("one_hot_rows_are_mixed_alike", "holds"),
    "labels_of_their_own_dtype": ("labels_of_pairs_survive", "holds"),
    "alpha_in_a_tensor": ("whole_alpha_is_a_number", "holds"),
}
LOOPS = {"weighs_each_batch": ("validation_loss_is_sample_weighted", "holds")}
FINDERS = {
    "clones_what_it_saves": ("restores_model", "holds"),
    "loads_before_it_begins": ("restores_model", "unsupported"),
    "returns_from_a_try": ("restores_after_divergence", "holds"),
    "forgets_the_first_rate": ("second_test_of_one_model_is_as_the_first", "holds"),
    "GivesCopies": ("second_call_starts_afresh", "holds"),
    "begins_a_new_history": ("second_run_of_one_object_is_as_the_first", "holds"),
    "trims_both_ends": ("suggestion_follows_the_curve", "holds"),
    "slope_per_index": ("suggestion_follows_the_curve", "holds"),
}
"""The law that the fault beside it breaks, and what comes of asking it here."""
