"""For each form of ``forms_finders``, code that looks like it, and is something else: see ``lookalikes``."""

from types import SimpleNamespace

import numpy as np
import torch.nn.functional as F
from torch import nn

from .forms import _run, _steepest
from .forms_finders import _epoch, _growing, _sweep


def find_lr_in_its_own_range(model, train_loader, optimizer, criterion, final_value=10.0):
    """Its start is its own, and its end is not."""
    factor = (final_value / 1e-7) ** (1 / (len(train_loader) - 1))
    return _sweep(model, optimizer, criterion, train_loader, _growing(1e-7, factor))


def find_lr_without_an_end(model, train_loader, optimizer, criterion, start_lr=1e-7, upper=1.0):
    """The end has another name."""
    factor = (upper / start_lr) ** (1 / (len(train_loader) - 1))
    return _sweep(model, optimizer, criterion, train_loader, _growing(start_lr, factor))


def hands_the_range_on(model, loader, optimizer, criterion, start_lr, end_lr, num_iter, **kwargs):
    """What else it is given it hands on to nobody."""
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def range_of_a_dict(model, loader, optimizer, criterion, start_lr, end_lr, num_iter, config=None):
    """The dict may be left out."""
    assert config is None
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def required_scheduler(model, loader, optimizer, criterion, start_lr, end_lr, num_iterations, scheduler=None):
    """It may be left out."""
    assert scheduler is None
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iterations)


def rate_to_loss(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A dict, by the step."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return {"rate_to_loss": dict(enumerate(losses)), "rates": lrs}


def arrays_of_one(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """One array each, of all records."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return [np.array(lrs), np.array(losses)]


def suggestion_first(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """What comes first is the least loss."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return min(losses), lrs, losses


def suggests_when_asked(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """It has been asked already: the suggestion is a number."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return SimpleNamespace(lrs=lrs, losses=losses, suggestion=_steepest(lrs, losses))


def pairs_of_records(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """A list of both."""
    return [*_run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)]


def loss_of_an_epoch(model, loader, criterion, optimizer, epochs=1):
    """As many epochs as it is told, and the last one's loss."""
    for _ in range(epochs):
        loss, _ = _epoch(model, loader, criterion, optimizer)
    return loss


def loss_and_accuracy(model, train_loader, optimizer, loss_fn, epoch):
    """``epoch`` is how many of them."""
    history = [_epoch(model, train_loader, loss_fn, optimizer) for _ in range(epoch)]
    return {"loss": [loss for loss, _ in history], "accuracy": [right for _, right in history]}


def record_of_each_epoch(model, train_loader, optimizer, loss_fn, epochs):
    """A record for each epoch, under the epoch's number."""
    history = [_epoch(model, train_loader, loss_fn, optimizer) for _ in range(epochs)]
    return {"loss": {i: loss for i, (loss, _) in enumerate(history)}}


def batches_are_dicts(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """What has these keys is a record of its own, and no batch."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    seen = {"image": len(lrs), "label": len(losses), "all": num_iter}
    assert seen["image"] == seen["label"] <= seen["all"]
    return lrs, losses


def one_of_several_loaders(model, optimizer, criterion, data_loaders, start_lr, end_lr, num_iter):
    """One loader, whatever its name."""
    return _run(model, optimizer, criterion, data_loaders, start_lr, end_lr, num_iter)


def epochs_of_dicts(model, train_loader, optimizer, criterion):
    """A dict of numbers back, and none in."""
    loss, accuracy = _epoch(model, train_loader, criterion, optimizer)
    return {"loss": loss, "label_accuracy": accuracy}


def makes_its_loader(model, optimizer, criterion, train_data, start_lr, end_lr, num_iter):
    """Batches, though it is called data."""
    return _run(model, optimizer, criterion, train_data, start_lr, end_lr, num_iter)


def logits_in_an_output(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """It takes what is a tensor too."""

    def forward(x):
        output = model(x)
        return output.logits if hasattr(output, "logits") else output

    model.train()
    lrs, losses = _run(_Called(model, forward), optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return lrs, losses


class _Called:
    def __init__(self, inner, forward):
        self.inner, self.forward = inner, forward

    def train(self):
        self.inner.train()

    def __call__(self, x):
        return self.forward(x)


def find_lr_of_its_loss(model, optimizer, criterion, dataloader, start_lr, end_lr):
    """A loss is passed: a record of it is no output of the model."""
    steps = len(dataloader)
    lrs, losses = _run(model, optimizer, criterion, dataloader, start_lr, end_lr, steps)
    records = [SimpleNamespace(lr=lr, loss=loss) for lr, loss in zip(lrs, losses, strict=True)]
    return [each.lr for each in records], [each.loss for each in records]


def epoch_of_a_model_with_its_loss(model, train_loader, optimizer, criterion):
    """One epoch, whose result is a dict with a loss."""
    outputs = dict(zip(("loss", "accuracy"), _epoch(model, train_loader, criterion, optimizer), strict=True))
    return outputs["loss"]


def tells_a_writer(model, optimizer, criterion, loader, start_lr, end_lr, num_iter, writer=None):
    """A logger may be left out."""
    lrs, losses = _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    if writer is not None:
        writer.add_scalar("steps", len(lrs))
    return lrs, losses


def with_a_test_dataloader(model, train_dataloader, optimizer, loss_fn, epochs, test_every=1):
    """A number that is named after a test."""
    history = []
    for epoch in range(epochs):
        assert test_every > epoch - epochs
        history.append(_epoch(model, train_dataloader, loss_fn, optimizer)[0])
    return {"train_loss": history}


def batches_of_three(model, train_loader, optimizer, criterion):
    """What a loop gives to three names is no batch: it comes after the epoch."""
    loss, accuracy = _epoch(model, train_loader, criterion, optimizer)
    for images, labels, _paths in [(loss, accuracy, "")]:
        assert images >= 0 <= labels
    return {"loss": loss}


def epoch_of_its_own_loss(model, optimizer, data_loader, criterion):
    """It is given one, and makes another for people to look at."""
    loss, _ = _epoch(model, data_loader, criterion, optimizer)
    return {"loss": loss, "kind": str(nn.CrossEntropyLoss())}


def find_lr_of_its_own_loss(model, optimizer, loader, start_lr, end_lr, num_iter, criterion=F.cross_entropy):
    """Another one may be given."""
    return _run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)


def several_outputs(model, optimizer, criterion, iterator, start_lr, end_lr, num_iter):
    """It looks at what the model gives before it takes it apart."""

    def forward(x):
        output = model(x)
        if isinstance(output, tuple):
            output, _ = output
        return output

    return _run(forward_of(model, forward), optimizer, criterion, iterator, start_lr, end_lr, num_iter)


def forward_of(model, forward):
    """The model, called so."""
    forward.train = model.train
    return forward


def epochs_of_phases(model, dataloaders, criterion, optimizer, num_epochs):
    """One loader, and a history by phase."""
    history = {"train": [], "val": []}
    for _ in range(num_epochs):
        loss, accuracy = _epoch(model, dataloaders, criterion, optimizer)
        for phase in ["train", "val"]:
            history[phase].append(loss if phase == "train" else accuracy)
    return {"train_loss": history["train"]}


def epochs_of_its_own(model, train_loader, loss_fn, optimizer, epochs):
    """It is given both."""
    return {"train_loss": [_epoch(model, train_loader, loss_fn, optimizer)[0] for _ in range(epochs)]}
