"""Ten wrong codes as people write them: the first lines on the terminal have to be enough to mend each."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def softmax_first(logits, target, smoothing=0.1):
    return F.cross_entropy(logits.softmax(1), target, label_smoothing=smoothing)


def mean_of_everything(logits, target, smoothing=0.1):
    spread = smoothing / logits.shape[1]
    q = torch.full_like(logits, spread).scatter_(1, target[:, None], 1 - smoothing + spread)
    return -(q * logits.log_softmax(1)).mean()


class OverSamples(nn.Module):
    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits, target):
        log_p = F.log_softmax(logits, dim=0)
        own = -log_p.gather(1, target[:, None]).squeeze(1)
        return ((1 - self.smoothing) * own - self.smoothing * log_p.mean(1)).mean()


def spread_over_others_and_target(logits, target, smoothing=0.1):
    log_p = F.log_softmax(logits, 1)
    own = -log_p.gather(1, target[:, None]).squeeze(1)
    return ((1 - smoothing) * own - smoothing / (logits.shape[1] - 1) * log_p.sum(1)).mean()


def labels_exchanged(x, y, alpha=1.0):
    lam, partner = np.random.beta(alpha, alpha), torch.randperm(len(x))
    return lam * x + (1 - lam) * x[partner], y[partner], y, lam


def labels_folded(x, y, alpha=1.0):
    lam, partner = np.random.beta(alpha, alpha), torch.randperm(len(x))
    return lam * x + (1 - lam) * x[partner], y, y[partner], max(lam, 1 - lam)


def multiplied_first(x, y, alpha=1.0):
    lam, partner = float(np.random.beta(alpha, alpha)), torch.randperm(len(x))
    x.mul_(lam).add_(x[partner], alpha=1 - lam)
    return x, y, y[partner], lam


def _batches(loader, count):
    batches = iter(loader)
    for _ in range(count):
        try:
            yield next(batches)
        except StopIteration:
            batches = iter(loader)
            yield next(batches)


def average_from_zero(model, optimizer, criterion, loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
    lrs, losses, average, best = [], [], 0.0, float("inf")
    for i, (x, y) in enumerate(_batches(loader, num_iter)):
        lr = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        average = 0.98 * average + 0.02 * loss.item()
        lrs.append(lr)
        losses.append(average)
        if average > 4 * best:
            break
        best = min(best, average)
        loss.backward()
        optimizer.step()
    return lrs, losses


def never_cleared(model, optimizer, criterion, loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
    lrs, losses = [], []
    for i, (x, y) in enumerate(_batches(loader, num_iter)):
        lr = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        for group in optimizer.param_groups:
            group["lr"] = lr
        loss = criterion(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimizer.step()
    return lrs, losses


def first_group_alone(model, optimizer, criterion, loader, start_lr=1e-7, end_lr=10.0, num_iter=100):
    lrs, losses = [], []
    for i, (x, y) in enumerate(_batches(loader, num_iter)):
        lr = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        lrs.append(lr)
        losses.append(loss.item())
        if losses[-1] > 4 * min(losses):
            break
        loss.backward()
        optimizer.step()
    return lrs, losses


def never_stops(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Of two loops it leaves the inner one where the loss explodes, and goes on at the same rate."""
    rates, losses, step = [], [], 0
    model.train()
    while step < num_iter:
        for x, y in loader:
            for group in optimizer.param_groups:
                group["lr"] = start_lr * (end_lr / start_lr) ** (step / (num_iter - 1))
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            if loss.item() > 10 * min(losses, default=loss.item()):
                break
            rates.append(optimizer.param_groups[0]["lr"])
            losses.append(loss.item())
            step += 1
            if step == num_iter:
                break
    return rates, losses


def mixes_and_smooths(
    images, labels, num_classes, smoothing=0.1, probability=0.5, alpha=0.2, cutmix_alpha=1.0
):
    """A mixup or, as often, a CutMix that cannot be switched off, or neither: soft labels."""
    rows = torch.nn.functional.one_hot(labels, num_classes) * (1 - smoothing) + smoothing / num_classes
    if np.random.rand() >= probability:
        return images, rows
    cuts, index = np.random.rand() < 0.5, torch.randperm(len(images))
    lam = float(np.random.beta(cutmix_alpha, cutmix_alpha) if cuts else np.random.beta(alpha, alpha))
    if cuts:
        mixed = images.clone()
        mixed[..., : round((1 - lam) * 4)] = images[index][..., : round((1 - lam) * 4)]
    else:
        mixed = lam * images + (1 - lam) * images[index]
    return mixed, lam * rows + (1 - lam) * rows[index]


class OfTwoGenerators:
    """Batches of all data, each of which is mixed with one of another shuffle: images, rows of labels."""

    def __init__(self, x_train, y_train, batch_size=32, alpha=0.2, shuffle=True):
        self.data, self.size, self.alpha, self.shuffle = (x_train, y_train), batch_size, alpha, shuffle

    def batches(self):
        order = np.arange(len(self.data[0]))
        if self.shuffle:
            np.random.shuffle(order)
        for first in range(0, len(order), self.size):
            some = order[first : first + self.size]
            yield self.data[0][some], self.data[1][some]

    def __call__(self):
        for (x1, y1), (x2, y2) in zip(self.batches(), self.batches(), strict=True):
            lam = np.random.beta(self.alpha, self.alpha, len(x1))
            share, labels = lam.reshape(len(x1), 1, 1, 1), lam.reshape(len(x1), 1)
            yield x1 * share + x2 * (1 - share), y1 * labels + y2 * (1 - labels)


def train_with_mixup(model, loader, optimizer, schedule, alpha=0.2):
    """An epoch with mixup, at the rates of an object that nobody knows."""
    for x, y in schedule.batches_of(loader):
        lam, index = float(np.random.beta(alpha, alpha)), torch.randperm(len(x))
        z = model(lam * x + (1 - lam) * x[index])
        loss = lam * schedule.loss(z, y) + (1 - lam) * schedule.loss(z, y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def mixup_of_maps(x, y, alpha=1.0):
    """Of images and their maps, each (B, C, H, W)."""
    lam, index = torch.distributions.Beta(alpha, alpha).sample((len(x),)), torch.randperm(len(x))
    share = lam.reshape(-1, *[1] * (x.ndim - 1))
    maps = lam.view(-1, 1, 1, 1)
    return share * x + (1 - share) * x[index], maps * y + (1 - maps) * y[index]
