"""A training loop with mixup and label smoothing, done right: the notebook's ``train`` without its defects.

An epoch mixes every batch with a second loader's, or with a shuffle of itself; the loss is weighted by each
sample's lambda, then averaged; the epoch's loss is averaged over samples, not over batches. Sources: Zhang
et al. 2018 (arXiv 1710.09412) for mixup, Szegedy et al. 2016 (arXiv 1512.00567) for smoothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lawful.impl.native.mixed_target import mixup_loss
from lawful.impl.native.mixup import mixup

LossFn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Epoch:
    """The results of an epoch. Losses are means over samples, in the unit of the loss function."""

    train_loss: float
    val_loss: float
    accuracy: float
    """Of the validation set, in [0, 1]; exact: right samples over samples."""


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_fn: LossFn,
    train_loader: Iterable[Any],
    val_loader: Iterable[Any],
    *,
    mix_loader: Iterable[Any] | None = None,
    alpha: float = 0.4,
    epochs: int = 20,
    device: torch.device | str | None = None,
    scheduler: Any = None,
    generator: torch.Generator | None = None,
    progress: bool | None = None,
) -> list[Epoch]:
    """Trains with mixup and evaluates after every epoch.

    Args:
        model: gives logits (N, K) for inputs (N, ...); moved to ``device``.
        optimizer: over the model's parameters.
        loss_fn: ``loss_fn(logits, target)`` gives a loss for each sample, (N,): say a
            ``LabelSmoothedCrossEntropy(reduction="none")``. Training weights it by lambda; evaluation
            averages it.
        train_loader, val_loader: give (inputs (N, ...), target (N,)), targets int64 classes.
        mix_loader: gives the partners; started again where it ends, and cut to the batch at hand. Without
            it a batch is mixed with a shuffle of itself.
        alpha: of Beta(alpha, alpha); 0 mixes nothing.
        epochs: at least 1.
        device: by default the model's own.
        scheduler: its ``step()`` is called after every optimizer step.
        generator: for lambdas and shuffles, on ``device``.
        progress: a line on stderr that follows the epochs; by default where that is a terminal.

    Returns a history, one :class:`Epoch` each.

    Raises ValueError for bad arguments, for an empty loader, and for a ``loss_fn`` that reduces.
    """
    if not 0.0 <= alpha < float("inf"):
        raise ValueError(f"alpha is {alpha!r}, expected a finite number from 0")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs!r}, expected at least 1")
    place = torch.device(device) if device is not None else _device_of(model)
    model.to(place)
    history: list[Epoch] = []
    with _line(epochs, progress) as show:
        for _ in range(epochs):
            train_loss = _train_epoch(
                model, optimizer, loss_fn, train_loader, mix_loader, alpha, place, scheduler, generator
            )
            val_loss, accuracy = evaluate(model, loss_fn, val_loader, device=place)
            history.append(Epoch(train_loss, val_loss, accuracy))
            show(history)
    return history


def evaluate(
    model: nn.Module,
    loss_fn: LossFn,
    loader: Iterable[Any],
    *,
    device: torch.device | str | None = None,
) -> tuple[float, float]:
    """(mean loss over samples, accuracy in [0, 1]), in evaluation mode and without a graph.

    Batches are moved to ``device``, by default the model's own; the model is not. The modules' modes are put
    back. Raises ValueError for an empty loader, and for a ``loss_fn`` that reduces.
    """
    place = torch.device(device) if device is not None else _device_of(model)
    modes = [(module, module.training) for module in model.modules()]
    total = torch.zeros((), dtype=torch.float64, device="cpu" if place.type == "mps" else place)
    right, seen = torch.zeros((), dtype=torch.int64, device=place), 0
    model.eval()
    try:
        with torch.no_grad():
            for inputs, target in loader:
                inputs, target = _to(place, inputs, target)
                logits = model(inputs)
                total += _per_sample(loss_fn(logits, target), len(target)).sum().to(total)
                right += (logits.argmax(1) == target).sum()
                seen += len(target)
    finally:
        for module, training in modes:
            module.training = training
    if not seen:
        raise ValueError("val_loader is empty, expected at least one sample")
    return float(total) / seen, int(right) / seen


def _train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_fn: LossFn,
    train_loader: Iterable[Any],
    mix_loader: Iterable[Any] | None,
    alpha: float,
    place: torch.device,
    scheduler: Any,
    generator: torch.Generator | None,
) -> float:
    partners = None if mix_loader is None else _samples(mix_loader, place)
    total = torch.zeros((), dtype=torch.float64, device="cpu" if place.type == "mps" else place)
    seen = 0
    model.train()
    for inputs, target in train_loader:
        inputs, target = _to(place, inputs, target)
        second = None if partners is None else partners(len(target))
        mixed, mixed_target = mixup(
            inputs, target, alpha=alpha, targets="pair", second=second, generator=generator
        )
        optimizer.zero_grad()
        loss = mixup_loss(loss_fn, model(mixed), mixed_target)
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total += loss.detach().to(total) * len(target)
        seen += len(target)
    if not seen:
        raise ValueError("train_loader is empty, expected at least one sample")
    return float(total) / seen


def _samples(loader: Iterable[Any], place: torch.device) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Takes as many samples as asked from a loader of whatever batch size, which is started again where it
    ends: no loader's tail is dropped, and unequal batches do not meet."""

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            empty = True
            for inputs, target in loader:
                empty = False
                yield _to(place, inputs, target)
            if empty:
                raise ValueError("mix_loader is empty, expected at least one sample")

    source = batches()
    kept: list[tuple[Tensor, Tensor]] = []

    def take(size: int) -> tuple[Tensor, Tensor]:
        while sum(len(target) for _, target in kept) < size:
            kept.append(next(source))
        inputs, target = (torch.cat(parts) for parts in zip(*kept, strict=True))
        kept[:] = [(inputs[size:], target[size:])]
        return inputs[:size], target[:size]

    return take


def _per_sample(losses: Tensor, size: int) -> Tensor:
    if losses.ndim == 0 or len(losses) != size:
        raise ValueError(
            f"loss_fn gave shape {tuple(losses.shape)}, expected a loss for each of {size} samples: give it "
            "reduction='none'"
        )
    return losses


def _to(place: torch.device, inputs: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return inputs.to(place, non_blocking=True), target.to(place, non_blocking=True)


def _device_of(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


@contextlib.contextmanager
def _line(epochs: int, progress: bool | None) -> Iterator[Callable[[list[Epoch]], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not (console.is_terminal if progress is None else progress):
        yield lambda history: None
        return
    columns = (TextColumn("epochs"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[last]}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("epochs", total=epochs, last="")

        def show(history: list[Epoch]) -> None:
            e = history[-1]
            text = f"train {e.train_loss:.4f}  val {e.val_loss:.4f}  accuracy {e.accuracy:.4f}"
            bar.update(task, advance=1, last=text)

        yield show
