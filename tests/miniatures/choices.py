"""Right code whose author made a choice that a law once took for a fault: seen in public code."""

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from .forms import _run


class MatrixForOtherWords(torch.nn.Module):
    """It knows two words for a reduction; what is left of another word is no promise."""

    def __init__(self, epsilon=0.1, reduction="mean"):
        super().__init__()
        self.epsilon, self.reduction = epsilon, reduction

    def forward(self, logits, target):
        q = F.one_hot(target, logits.shape[1]) * (1 - self.epsilon) + self.epsilon / logits.shape[1]
        losses = -q * logits.log_softmax(1)
        if self.reduction == "mean":
            return losses.sum(1).mean()
        if self.reduction == "sum":
            losses = losses.sum()
        return losses


def smooth_one_hot(labels, classes, smoothing=0.0):
    """It takes one-hot rows, and says nothing of soft ones."""
    rows = torch.full((len(labels), classes), smoothing / (classes - 1), dtype=labels.dtype)
    return rows.scatter_(1, torch.argmax(labels, 1, keepdim=True), 1 - smoothing)


def stops_at_twice_the_first(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Doubled is diverged, by its own measure."""
    first, rates, losses = None, [], []
    batches = iter(loader)
    for i in range(num_iter):
        for group in optimizer.param_groups:
            group["lr"] = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        try:
            x, y = next(batches)
        except StopIteration:
            batches = iter(loader)
            x, y = next(batches)
        model.train()
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        first = loss.item() if first is None else first
        if not loss.item() <= 2 * first:
            break
        rates.append(optimizer.param_groups[0]["lr"])
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return rates, losses


def both_ends_of_every_interval(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """n intervals have n + 1 ends, and a step is taken at each."""
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter + 1)


def saves_its_curve(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """It draws what it measured, as most range tests do."""
    rates, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    plt.figure()
    plt.plot(rates, losses)
    plt.xscale("log")
    plt.tight_layout()
    plt.savefig("curve.png")
    return rates, losses


def in_its_own_tensor(x, y, alpha=1.0):
    """In place on the inputs alone, and given back: as timm's is."""
    lam, index = float(np.random.beta(alpha, alpha)), torch.randperm(len(x))
    x.copy_(lam * x + (1 - lam) * x[index])
    return x, y, y[index], lam


def ends_with_its_loader(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """One pass at most: who wants more steps passes more data."""
    rates, losses = [], []
    model.train()
    for i, (x, y) in enumerate(loader):
        if i == num_iter or not np.isfinite(losses[-1:]).all() or max(losses[-1:], default=0.0) > 100:
            break
        for group in optimizer.param_groups:
            group["lr"] = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return rates, losses


class FlattensWithItsClasses(torch.nn.Module):
    """It flattens sequences, of as many classes as it was told."""

    def __init__(self, classes, smoothing=0.1, ignore_index=-100):
        super().__init__()
        self.classes, self.smoothing, self.ignored = classes, smoothing, ignore_index

    def forward(self, pred, target):
        pred, target = pred.view(-1, pred.size(-1)), target.view(-1)
        kept = target != self.ignored
        if kept.any():
            pred, target = pred[kept], target[kept]
        q = torch.full_like(pred, self.smoothing / (self.classes - 1))
        q.scatter_(1, target.unsqueeze(1), 1 - self.smoothing)
        return -(q * pred.log_softmax(-1)).sum() / max(1, target.numel())


def some_validation_batches(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, val_loader=None):
    """It judges ten batches of the other loader at each step, going round."""
    rates, losses = [], []
    others = (batch for _ in iter(int, 1) for batch in val_loader or ())
    batches = (batch for _ in iter(int, 1) for batch in loader)
    for i in range(num_iter):
        lr = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        model.train()
        x, y = next(batches)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        if val_loader is not None:
            model.eval()
            with torch.no_grad():
                ten = [next(others) for _ in range(10)]
                loss = torch.stack([criterion(model(x), y) for x, y in ten]).mean()
        rates.append(lr)
        losses.append(loss.item())
        if not np.isfinite(losses[-1]) or losses[-1] > 4 * min(losses):
            break
    return rates, losses


def judges_its_own_batches(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """After each step it looks at a batch of the same loader: no gradient comes of it."""
    rates, losses = [], []
    batches = (batch for _ in iter(int, 1) for batch in loader)
    for i in range(num_iter):
        lr = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        model.train()
        optimizer.zero_grad()
        x, y = next(batches)
        criterion(model(x), y).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            x, y = next(batches)
            losses.append(criterion(model(x), y).item())
        rates.append(lr)
    return rates, losses


def epoch_that_keeps_a_graph(model, train_loader, val_loader, optimizer, loss_fn):
    """Nothing is learned from the validation set; it only takes more memory than it needs."""
    history = {"train_loss": [], "val_loss": []}
    for loader, phase in ((train_loader, "train_loss"), (val_loader, "val_loss")):
        model.train(phase == "train_loss")
        total, seen = 0.0, 0
        for x, y in loader:
            loss = loss_fn(model(x), y)
            if phase == "train_loss":
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total, seen = total + loss.item() * len(x), seen + len(x)
        history[phase].append(total / seen)
    return history


class IgnoresAClassAlone(torch.nn.Module):
    """Only a class can be ignored, and two samples have to be left: all else is an error."""

    def __init__(self, alpha=0.1, ignore_index=-100, reduction="mean"):
        super().__init__()
        self.alpha, self.ignore_index, self.reduction = alpha, ignore_index, reduction

    def forward(self, logits, target):
        if self.ignore_index >= 0:
            kept = torch.nonzero(target != self.ignore_index).squeeze()
            logits, target = logits[kept, :], target[kept]
        log_p = logits.log_softmax(-1)
        own = -log_p.gather(-1, target.unsqueeze(1)).squeeze(1)
        losses = (1 - self.alpha) * own - self.alpha * log_p.mean(-1)
        return {"mean": losses.mean, "sum": losses.sum}.get(self.reduction, lambda: losses)()


def puts_back_the_model(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """It restores the weights alone. ``optimizer``: who calls it makes a new one."""
    saved = {name: value.clone() for name, value in model.state_dict().items()}
    rates, losses = [], []
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: start_lr / optimizer.param_groups[0]["initial_lr"] * (end_lr / start_lr) ** (i / num_iter),
    )
    model.train()
    for _, (x, y) in zip(range(num_iter), loader, strict=False):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        losses.append(loss.item())
        schedule.step()
    model.load_state_dict(saved)
    return rates, losses


def pads_where_asked(logits, target, IGNORE_ID, smoothing=0.1, ignore_padding=False):
    """Padding counts, unless it is said that it does not."""
    q = F.one_hot(target, logits.shape[1]) * (1 - smoothing) + smoothing / logits.shape[1]
    losses = -(q * logits.log_softmax(1)).sum(1)
    if ignore_padding:
        losses = losses.masked_select(target.ne(IGNORE_ID))
    return losses.sum()


CHOICES = {
    "pads_where_asked": "ignored_targets_do_not_count",
    "puts_back_the_model": "restores_optimizer",
    "IgnoresAClassAlone": "reductions_agree",
    "judges_its_own_batches": "gradients_do_not_accumulate",
    "epoch_that_keeps_a_graph": "evaluation_changes_nothing",
    "FlattensWithItsClasses": "sequences_are_flattened",
    "some_validation_batches": "validation_loss_is_of_the_whole_set",
    "MatrixForOtherWords": "reductions_agree",
    "smooth_one_hot": "soft_target_agrees_with_hard",
    "stops_at_twice_the_first": "does_not_stop_early",
    "both_ends_of_every_interval": "takes_the_steps_asked",
    "ends_with_its_loader": "takes_the_steps_asked",
    "in_its_own_tensor": "inputs_not_modified",
}
"""And the law."""
