"""More forms of a range test and of training, each right and wrong: see ``forms``."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from .forms import _run, _steepest


def _sweep(model, optimizer, criterion, loader, rates):
    """At these rates, as long as the loader has batches, or the loss does not explode."""
    lrs, losses, best = [], [], math.inf
    model.train()
    for (x, y), lr in zip(loader, rates, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        if not math.isfinite(loss.item()) or loss.item() > best + 3 * abs(best):
            break
        best = min(best, loss.item())
        lrs.append(lr)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return lrs, losses


def _growing(start, factor):
    lr = start
    while True:
        yield lr
        lr *= factor


def _rising(start, step):
    lr = start
    while True:
        yield lr
        lr += step


def find_lr_in_its_own_range(model, train_loader, optimizer, criterion):
    """The range is its own: from 1e-7, a fifth more at each step."""
    return _sweep(model, optimizer, criterion, train_loader, _growing(1e-7, 1.2))


def find_lr_in_its_own_range_wrong(model, train_loader, optimizer, criterion):
    return _sweep(model, optimizer, criterion, train_loader, _rising(1e-7, 1e-3))


def find_lr_without_an_end(model, train_loader, optimizer, criterion, start_lr=1e-7, multiplier=1.1):
    """It goes on as long as the loader does."""
    return _sweep(model, optimizer, criterion, train_loader, _growing(start_lr, multiplier))


def find_lr_without_an_end_wrong(model, train_loader, optimizer, criterion, start_lr=1e-7, multiplier=1.1):
    return _sweep(model, optimizer, criterion, train_loader, _rising(start_lr, 1e-3 * multiplier))


def _tested(model, optimizer, criterion, loader, start_lr=1e-7, end_lr=10.0, num_iter=100, additive=False):
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive)


def hands_the_range_on(model, loader, optimizer, criterion, **kwargs):
    """The range is an option of what it hands them on to."""
    return _tested(model, optimizer, criterion, loader, **kwargs)


def hands_the_range_on_wrong(model, loader, optimizer, criterion, **kwargs):
    return _tested(model, optimizer, criterion, loader, additive=True, **kwargs)


def range_of_a_dict(model, loader, optimizer, criterion, config):
    """Options are read of a dict, with a default for each."""
    start, end = config.get("start_lr", 1e-6), config.get("end_lr", 1)
    return _run(model, optimizer, criterion, loader, start, end, config.get("num_iter", 100))


def range_of_a_dict_wrong(model, loader, optimizer, criterion, config):
    start, end = config.get("start_lr", 1e-6), config.get("end_lr", 1)
    return _run(model, optimizer, criterion, loader, start, end, config.get("num_iter", 100), additive=True)


def required_scheduler(model, loader, optimizer, criterion, scheduler, start_lr, end_lr, num_iterations):
    """None is a scheduler too."""
    if scheduler is not None:
        scheduler.step()
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iterations)


def required_scheduler_wrong(net, loader, optimizer, criterion, scheduler, start_lr, end_lr, num_iterations):
    if scheduler is not None:
        scheduler.step()
    return _run(net, optimizer, criterion, loader, start_lr, end_lr, num_iterations, additive=True)


def rate_to_loss(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A dict, by rate."""
    return dict(zip(*_run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter), strict=True))


def rate_to_loss_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    swept = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive=True)
    return dict(zip(*swept, strict=True))


def arrays_of_one(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Each record is an array, or a tensor, of one number."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return [np.array([lr]) for lr in lrs], [torch.tensor([loss], dtype=torch.float64) for loss in losses]


def arrays_of_one_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive=True)
    return [np.array([lr]) for lr in lrs], [torch.tensor([loss], dtype=torch.float64) for loss in losses]


def suggestion_first(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """(suggestion, rates, losses)."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return _steepest(lrs, losses), lrs, losses


def suggestion_first_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return lrs[-1], lrs, losses


@dataclass(frozen=True)
class _Tested:
    lrs: tuple
    losses: tuple

    def suggest(self):
        return _steepest(self.lrs, self.losses)


class _TestedWrong(_Tested):
    def suggest(self):
        return self.lrs[-1]


def suggests_when_asked(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """An object, whose ``suggest()`` gives a rate."""
    return _Tested(*map(tuple, _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)))


def suggests_when_asked_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _TestedWrong(*map(tuple, _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)))


def pairs_of_records(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A list of (rate, loss)."""
    return list(zip(*_run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter), strict=True))


def pairs_of_records_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return list(zip(lrs[1:] + lrs[:1], losses, strict=True))


def _epoch(model, loader, criterion, optimizer, weighs=True):
    model.train()
    total, right, seen, batches = 0.0, 0, 0, 0
    for x, y in loader:
        optimizer.zero_grad()
        z = model(x)
        loss = criterion(z, y)
        loss.backward()
        optimizer.step()
        total += loss.item() * (len(x) if weighs else 1)
        right, seen, batches = right + (z.argmax(1) == y).sum().item(), seen + len(x), batches + 1
    return total / (seen if weighs else batches), right / seen


def loss_of_an_epoch(model, loader, criterion, optimizer, device):
    """One epoch, and its loss."""
    return _epoch(model.to(device), loader, criterion, optimizer)[0]


def loss_of_an_epoch_wrong(model, loader, criterion, optimizer, device):
    return _epoch(model.to(device), loader, criterion, optimizer, weighs=False)[0]


def loss_and_accuracy(model, train_loader, optimizer, loss_fn, epoch):
    """One epoch, by its number: its loss and its accuracy."""
    assert epoch >= 0
    return _epoch(model, train_loader, loss_fn, optimizer)


def loss_and_accuracy_wrong(model, train_loader, optimizer, loss_fn, epoch):
    assert epoch >= 0
    return _epoch(model, train_loader, loss_fn, optimizer, weighs=False)


def record_of_each_epoch(model, train_loader, optimizer, loss_fn, epochs):
    """A record for each epoch, by name."""
    history = [_epoch(model, train_loader, loss_fn, optimizer) for _ in range(epochs)]
    return [{"epoch": i, "loss": loss, "accuracy": right} for i, (loss, right) in enumerate(history)]


def record_of_each_epoch_wrong(model, train_loader, optimizer, loss_fn, epochs):
    history = [_epoch(model, train_loader, loss_fn, optimizer, weighs=False) for _ in range(epochs)]
    return [{"epoch": i, "loss": loss, "accuracy": right} for i, (loss, right) in enumerate(history)]


class _Pairs:
    """A loader of dicts, as pairs."""

    def __init__(self, loader, weights=None):
        self.loader = loader

    def __iter__(self):
        return ((batch["image"], batch["label"]) for batch in self.loader)

    def __len__(self):
        return len(self.loader)


def batches_are_dicts(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """The keys of a batch are its own."""
    return _run(model, optimizer, criterion, _Pairs(loader), start_lr, end_lr, num_iter)


def batches_are_dicts_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    return _run(model, optimizer, criterion, _Pairs(loader), start_lr, end_lr, num_iter, additive=True)


def one_of_several_loaders(model, optimizer, criterion, data_loaders, start_lr, end_lr, num_iter):
    """A dict of loaders, of which it takes one."""
    return _run(model, optimizer, criterion, data_loaders["train"], start_lr, end_lr, num_iter)


def one_of_several_loaders_wrong(model, optimizer, criterion, data_loaders, start_lr, end_lr, num_iter):
    return _run(model, optimizer, criterion, data_loaders["train"], start_lr, end_lr, num_iter, additive=True)


def epochs_of_dicts(model, train_loader, optimizer, criterion):
    """One epoch, of batches that are dicts."""
    return _epoch(model, _Pairs(train_loader), criterion, optimizer)[0]


def epochs_of_dicts_wrong(model, train_loader, optimizer, criterion):
    return _epoch(model, _Pairs(train_loader), criterion, optimizer, weighs=False)[0]


def makes_its_loader(model, optimizer, criterion, train_data, batch_size, start_lr, end_lr, num_iter):
    """A data set, of which it makes the loader."""
    loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def makes_its_loader_wrong(model, optimizer, criterion, train_data, batch_size, start_lr, end_lr, num_iter):
    loader = DataLoader(train_data, batch_size=batch_size, shuffle=True)
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive=True)


def _with_logits(model):
    """Of an output that holds more than logits."""
    return lambda x: model(x).logits


def logits_in_an_output(model, optimizer, criterion, loader, start_lr, end_lr):
    """As models of a hub give them."""
    steps = len(loader)
    rates = np.geomspace(start_lr, end_lr, steps).tolist()
    model.train()
    return _at(_with_logits(model), optimizer, criterion, loader, rates)


def logits_in_an_output_wrong(model, optimizer, criterion, loader, start_lr, end_lr):
    n = len(loader)
    rates = [start_lr + (end_lr - start_lr) * i / (n - 1) for i in range(n)]
    model.train()
    return _at(_with_logits(model), optimizer, criterion, loader, rates)


def _at(forward, optimizer, criterion, loader, rates):
    losses = []
    for (x, y), lr in zip(loader, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = criterion(forward(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return rates, losses


def _at_these_rates(model, optimizer, loader, rates):
    """Of a model that gives its loss."""
    losses = []
    model.train()
    for batch, lr in zip(loader, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        outputs = model(**batch)
        loss = outputs.loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return rates, losses


def find_lr_of_its_loss(model, optimizer, dataloader, start_lr, end_lr):
    """The model gives its loss, of batches that are dicts."""
    rates = np.geomspace(start_lr, end_lr, len(dataloader)).tolist()
    return _at_these_rates(model, optimizer, dataloader, rates)


def find_lr_of_its_loss_wrong(model, optimizer, dataloader, start_lr, end_lr):
    n = len(dataloader)
    rates = [start_lr + (end_lr - start_lr) * i / (n - 1) for i in range(n)]
    return _at_these_rates(model, optimizer, dataloader, rates)


def epoch_of_a_model_with_its_loss(model, train_loader, optimizer, weighs=True):
    """One epoch; the model gives its loss."""
    total, seen = 0.0, 0
    model.train()
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        outputs = model(inputs, labels=labels)
        loss = outputs["loss"]
        loss.backward()
        optimizer.step()
        total += loss.item() * (len(inputs) if weighs else 1)
        seen += len(inputs) if weighs else 1
    return total / seen


def epoch_of_a_model_with_its_loss_wrong(model, train_loader, optimizer):
    return epoch_of_a_model_with_its_loss(model, train_loader, optimizer, weighs=False)


def tells_a_writer(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, writer):
    """A logger has to be given, that is told each record."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    for step, (lr, loss) in enumerate(zip(lrs, losses, strict=True)):
        writer.add_scalar("lr", lr, step)
        writer.add_scalar("loss", loss, step)
    return lrs, losses


def tells_a_writer_wrong(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, writer):
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive=True)
    writer.add_scalar("steps", len(lrs))
    return lrs, losses


def with_a_test_dataloader(model, train_dataloader, test_dataloader, optimizer, loss_fn, epochs):
    """Epochs, and a test after each: the loader has one of many names."""
    history = {"train_loss": [], "test_loss": []}
    for _ in range(epochs):
        history["train_loss"].append(_epoch(model, train_dataloader, loss_fn, optimizer)[0])
        model.eval()
        with torch.no_grad():
            losses = [(loss_fn(model(x), y).item(), len(x)) for x, y in test_dataloader]
        history["test_loss"].append(sum(loss * n for loss, n in losses) / sum(n for _, n in losses))
    return history


def with_a_test_dataloader_wrong(model, train_dataloader, test_dataloader, optimizer, loss_fn, epochs):
    history = {"train_loss": [], "test_loss": []}
    for _ in range(epochs):
        history["train_loss"].append(_epoch(model, train_dataloader, loss_fn, optimizer, weighs=False)[0])
        history["test_loss"].append(len(test_dataloader))
    return history


def batches_of_three(model, train_loader, optimizer, criterion, weighs=True):
    """An epoch, in which batches have names of files beside inputs and labels."""
    model.train()
    total, seen, batches = 0.0, 0, 0
    for batch, labels, _paths in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(batch), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * (len(batch) if weighs else 1)
        seen, batches = seen + len(batch), batches + 1
    return total / (seen if weighs else batches)


def batches_of_three_wrong(model, train_loader, optimizer, criterion):
    return batches_of_three(model, train_loader, optimizer, criterion, weighs=False)


def epoch_of_its_own_loss(model, optimizer, data_loader, weighs=True):
    """It makes its cross-entropy itself."""
    return _epoch(model, data_loader, nn.CrossEntropyLoss(), optimizer, weighs)[0]


def epoch_of_its_own_loss_wrong(model, optimizer, data_loader):
    loss_function = nn.CrossEntropyLoss()
    return _epoch(model, data_loader, loss_function, optimizer, weighs=False)[0]


def find_lr_of_its_own_loss(model, optimizer, loader, start_lr, end_lr, num_iter):
    """It calls PyTorch's function."""
    return _run(model, optimizer, lambda z, y: F.cross_entropy(z, y), loader, start_lr, end_lr, num_iter)


def find_lr_of_its_own_loss_wrong(model, optimizer, loader, start_lr, end_lr, num_iter):
    def criterion(z, y):
        return F.cross_entropy(z, y)

    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, additive=True)


def _first_of(model):
    """Of a model that gives something beside its logits."""

    def forward(x):
        y_pred, _ = model(x)
        return y_pred

    forward.train = model.train
    return forward


def several_outputs(model, optimizer, criterion, iterator, start_lr, end_lr, num_iter):
    """Its model gives two things."""
    return _run(_first_of(model), optimizer, criterion, iterator, start_lr, end_lr, num_iter)


def several_outputs_wrong(model, optimizer, criterion, iterator, start_lr, end_lr, num_iter):
    return _run(_first_of(model), optimizer, criterion, iterator, start_lr, end_lr, num_iter, additive=True)


def epochs_of_phases(model, dataloaders, dataset_sizes, criterion, updater, num_epochs, weighs=True):
    """A loop over two phases, each of which has its loader, and so many samples."""
    history = {"train_loss": [], "val_loss": []}
    for _ in range(num_epochs):
        for phase in ["train", "val"]:
            model.train(phase == "train")
            total = 0.0
            for x, y in dataloaders[phase]:
                updater.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    loss = criterion(model(x), y)
                    if phase == "train":
                        loss.backward()
                        updater.step()
                total += loss.item() * (len(x) if weighs else 1)
            seen = dataset_sizes[phase] if weighs else len(dataloaders[phase])
            history[f"{phase}_loss"].append(total / seen)
    return history


def epochs_of_phases_wrong(model, dataloaders, dataset_sizes, criterion, updater, num_epochs):
    return epochs_of_phases(model, dataloaders, dataset_sizes, criterion, updater, num_epochs, weighs=False)


def epochs_of_its_own(model, train_loader, epochs, lr=0.001, weighs=True):
    """It makes its loss and its optimizer itself."""
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=lr), nn.CrossEntropyLoss()
    return {
        "train_loss": [_epoch(model, train_loader, criterion, optimizer, weighs)[0] for _ in range(epochs)]
    }


def epochs_of_its_own_wrong(model, train_loader, epochs, lr=0.001):
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=lr), nn.CrossEntropyLoss()
    return {
        "train_loss": [_epoch(model, train_loader, criterion, optimizer, False)[0] for _ in range(epochs)]
    }
