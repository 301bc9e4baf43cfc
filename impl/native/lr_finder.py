"""The learning-rate range test in PyTorch: raise the rate geometrically, watch the loss, put all back.

    lr_i = start (end/start)^(i/(n-1))        stop above best + (divergence - 1)|best|
    lr_i = start + (end - start) i/(n-1),     where the schedule is linear

Source: Smith 2015 (arXiv 1506.01186), section 3.3. The loss that is judged, and read for a suggestion, is a
bias-corrected moving average of the raw one.

A step waits for the device once, to read the loss (a GradScaler reads its own infinities besides).
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from lawful.impl.native.curve import RangeTest


def lr_range_test(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Any, Any], Tensor] | None,
    loader: Iterable[Any],
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_iter: int = 100,
    schedule: Literal["geometric", "linear"] = "geometric",
    smoothing: float = 0.9,
    divergence: float = 4.0,
    groups: Literal["ratio", "one"] = "ratio",
    accumulate: int = 1,
    clip_grad_norm: float | None = None,
    val_loader: Iterable[Any] | None = None,
    sweeps: int = 1,
    compute_loss: Callable[[nn.Module, Any], Tensor] | None = None,
    scaler: torch.amp.GradScaler | None = None,
    autocast: torch.dtype | None = None,
    progress: bool | None = None,
) -> RangeTest:
    """Takes ``num_iter`` training steps at rising learning rates, and puts everything back.

    >>> model = nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> batch = (torch.ones(4, 1), torch.zeros(4, 1))
    >>> test = lr_range_test(model, optimizer, nn.MSELoss(), [batch], end_lr=1.0, num_iter=50)
    >>> len(test.lrs), optimizer.param_groups[0]["lr"]
    (50, 0.1)

    Args:
        model: trained in training mode, on the device that it is on.
        optimizer: over the model's parameters.
        criterion: ``criterion(model(inputs), targets)`` gives a scalar, for batches (inputs, targets).
        loader: gives batches, and is started again where it ends; it needs no length. Not an iterator: it
            could not be started again.
        start_lr, end_lr: the first and the last rate, 0 < start_lr < end_lr.
        num_iter: optimizer steps, at least 2.
        schedule: "geometric" has one ratio between neighbours, "linear" one difference.
        smoothing: of the moving average, in [0, 1); 0 judges the raw loss.
        divergence: stop above best + (divergence - 1)|best|; infinity never does. Above 1.
        groups: "ratio" keeps the ratios of the groups' rates to the first one's, "one" gives all the same.
        accumulate: batches a step; the loss is their mean.
        clip_grad_norm: the norm that all gradients together have at most, as in the training that follows;
            above 0. They are unscaled before.
        val_loader: the loss that is recorded and judged is that of this whole set, after each step: a mean
            over its samples, in evaluation mode. A step costs as much more. Not an iterator either.
        sweeps: tests that each begin with the same weights, and go on drawing batches; the mean of their
            losses is given, with its spread.
        compute_loss: ``compute_loss(model, batch)`` for other batches or models of several inputs, in
            place of ``criterion``. A validation batch counts as the length of the first tensor in it.
        scaler, autocast: mixed precision: a GradScaler, and the dtype to run the model in.
        progress: a progress bar on stderr; by default where that is a terminal.

    Whatever happens, an error or an interrupt from the keyboard too, parameters, buffers, ``.grad``, modes,
    optimizer, scaler, random states and the loaders' generators are afterwards what they were before,
    bit for bit. What is put back is kept meanwhile: one copy of parameters, buffers and optimizer state.

    Raises ValueError or TypeError naming the argument, its value and what was expected, before anything
    is touched.
    """
    _check(start_lr, end_lr, num_iter, smoothing, divergence, groups, accumulate)
    _check_besides(schedule, clip_grad_norm, sweeps)
    if (criterion is None) == (compute_loss is None):
        raise TypeError("criterion and compute_loss: expected exactly one of them")
    _check_loader(loader, "loader")
    if val_loader is not None:
        _check_loader(val_loader, "val_loader")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    rates = _rates(start_lr, end_lr, num_iter, schedule)

    def loss_of(batch: Any) -> Tensor:
        with nullcontext() if autocast is None else torch.autocast(device.type, autocast):
            return _loss(model, criterion, compute_loss, batch)

    def step(batches: Iterator[Any]) -> Iterator[Tensor]:
        """The loss of a step, before it is taken."""
        optimizer.zero_grad()
        losses = []
        for _ in range(accumulate):
            loss = loss_of(_moved(next(batches), device))
            losses.append(loss if accumulate == 1 else loss / accumulate)
            (losses[-1] if scaler is None else scaler.scale(losses[-1])).backward()
        yield losses[0] if accumulate == 1 else torch.stack(losses).sum()
        if clip_grad_norm is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), clip_grad_norm)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()

    def sweep(ratios: list[float], advance: Callable[[], None]) -> tuple[_Judge, bool]:
        """The losses of one sweep, and whether one of them stopped it."""
        judge, batches = _Judge(smoothing, divergence), _cycled(loader)
        model.train()
        for lr in rates:
            for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
                _set_lr(group, lr * ratio)
            taken = step(batches)
            loss = next(taken)
            if val_loader is not None:
                next(taken, None)
                loss = _validation_loss(model, loss_of, val_loader, device)
            value = loss.item()
            if not math.isfinite(value) or judge.diverged(value):
                return judge, True
            next(taken, None)
            advance()
        return judge, False

    with (
        _restored(model, optimizer, (loader, val_loader), scaler) as begin_again,
        _bar(sweeps * num_iter, progress) as bar,
    ):
        ratios = _ratios(optimizer, groups)
        swept = []
        for count in range(sweeps):
            if count:
                begin_again()
            swept.append(sweep(ratios, bar))
    stopped = any(early for _, early in swept)
    losses, spread = _mean([judge.losses for judge, _ in swept])
    judge = _Judge(smoothing, math.inf)
    for loss in losses:
        judge.diverged(loss)
    lrs = rates[: len(losses)]
    return RangeTest(lrs, losses, tuple(judge.smoothed), stopped, num_iter, spread, tuple(ratios))


def _rates(start_lr: float, end_lr: float, num_iter: int, schedule: str) -> tuple[float, ...]:
    parts = [i / (num_iter - 1) for i in range(num_iter)]
    if schedule == "linear":
        return tuple(start_lr + (end_lr - start_lr) * part for part in parts)
    return tuple(start_lr * (end_lr / start_lr) ** part for part in parts)


def _mean(sweeps: list[list[float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of the steps that all sweeps took, and the standard deviation, where there are several."""
    if len(sweeps) == 1:
        return tuple(sweeps[0]), ()
    rows = np.asarray([losses[: min(map(len, sweeps))] for losses in sweeps])
    return tuple(rows.mean(axis=0).tolist()), tuple(rows.std(axis=0, ddof=1).tolist())


def _validation_loss(
    model: nn.Module, loss_of: Callable[[Any], Tensor], loader: Iterable[Any], device: torch.device
) -> Tensor:
    """The mean over the samples of the whole set, in evaluation mode; the model is in training mode after."""
    total, count = torch.zeros((), device=device), 0
    model.eval()
    with torch.no_grad():
        for batch in loader:
            size = _size(batch)
            total = total + loss_of(_moved(batch, device)).detach() * size
            count += size
    model.train()
    if not count:
        raise ValueError("val_loader is empty, expected at least one sample")
    return total / count


def _size(batch: Any) -> int:
    """The length of the first tensor in a batch; 1 where there is none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else 1
    parts = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, tuple | list) else ()
    return next((_size(part) for part in parts if isinstance(part, Tensor | dict | tuple | list)), 1)


class _Judge:
    """Follows the losses, raw and smoothed, and says when they have diverged."""

    def __init__(self, smoothing: float, divergence: float) -> None:
        self.smoothing, self.divergence = smoothing, divergence
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._best = math.inf

    def diverged(self, loss: float) -> bool:
        n, beta = len(self.losses), self.smoothing
        before = self.smoothed[-1] if n else loss
        # the corrected average, so that equal losses average to themselves, to the bit
        latest = loss + (before - loss) * beta * (1 - beta**n) / (1 - beta ** (n + 1))
        self.losses.append(loss)
        self.smoothed.append(latest)
        limit = math.inf
        if math.isfinite(self._best) and math.isfinite(self.divergence):
            limit = self._best + (self.divergence - 1) * abs(self._best)
        self._best = min(self._best, latest)
        return latest > limit


def _loss(
    model: nn.Module,
    criterion: Callable[[Any, Any], Tensor] | None,
    compute_loss: Callable[[nn.Module, Any], Tensor] | None,
    batch: Any,
) -> Tensor:
    if compute_loss is not None:
        loss = compute_loss(model, batch)
    else:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            got = type(batch).__name__
            raise TypeError(f"loader gave a {got}, expected (inputs, targets); see compute_loss")
        assert criterion is not None
        loss = criterion(model(batch[0]), batch[1])
    if loss.numel() != 1:
        raise ValueError(f"the loss has shape {tuple(loss.shape)}, expected a scalar")
    return loss.reshape(()) if loss.ndim else loss


@contextlib.contextmanager
def _restored(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loaders: tuple[Any, Any],
    scaler: torch.amp.GradScaler | None,
) -> Iterator[Callable[[], None]]:
    """Everything is put back, in place, so that whoever holds a reference sees it too. What is given puts
    back what a sweep trains, and leaves random states where they are."""
    tensors = [(t, t.detach().clone()) for t in itertools.chain(model.parameters(), model.buffers())]
    grads = [(p, p.grad) for p in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    state = {p: copy.deepcopy(kept) for p, kept in optimizer.state.items()}
    groups = [
        {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    scaling = None if scaler is None else copy.deepcopy(scaler.state_dict())
    generators = [(g, g.get_state()) for loader in loaders for g in _generators(loader)]
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []

    def put_back(state: dict[Any, Any]) -> None:
        with torch.no_grad():
            for tensor, before in tensors:
                tensor.copy_(before)
        # The gradients of before stay untouched: a sweep accumulates into tensors of its own.
        for p in model.parameters():
            p.grad = None
        optimizer.state.clear()
        optimizer.state.update(state)
        for group, before_group in zip(optimizer.param_groups, groups, strict=True):
            for name in [name for name in group if name != "params" and name not in before_group]:
                del group[name]
            for name, value in before_group.items():
                if isinstance(group.get(name), Tensor) and isinstance(value, Tensor):
                    group[name].copy_(value)
                else:
                    group[name] = value
        if scaler is not None and scaling:
            scaler.load_state_dict(scaling)

    def begin_again() -> None:
        put_back({p: copy.deepcopy(kept) for p, kept in state.items()})

    with torch.random.fork_rng(devices):
        for p in model.parameters():
            p.grad = None
        try:
            yield begin_again
        finally:
            put_back(state)
            for p, grad in grads:
                p.grad = grad
            for module, training in modes:
                module.training = training
            for generator, before_state in generators:
                generator.set_state(before_state)
            random.setstate(python)
            np.random.set_state(numpy)


def _generators(loader: Any) -> list[torch.Generator]:
    """Of a DataLoader and its samplers: where its next epoch's order comes from."""
    sampler = getattr(loader, "sampler", None)
    batch_sampler = getattr(loader, "batch_sampler", None)
    holders = (loader, sampler, batch_sampler, getattr(batch_sampler, "sampler", None))
    found = (getattr(holder, "generator", None) for holder in holders)
    return list({id(g): g for g in found if isinstance(g, torch.Generator)}.values())


def _cycled(loader: Iterable[Any]) -> Iterator[Any]:
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("loader is empty, expected at least one batch")


def _moved(batch: Any, device: torch.device) -> Any:
    """Tensors inside lists, tuples and dicts, on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return type(batch)({name: _moved(value, device) for name, value in batch.items()})
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(_moved(value, device) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(_moved(value, device) for value in batch)
    return batch


def _ratios(optimizer: torch.optim.Optimizer, groups: str) -> list[float]:
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    if groups == "one" or rates[0] == 0:
        return [1.0] * len(rates)
    return [rate / rates[0] for rate in rates]


def _set_lr(group: dict[str, Any], lr: float) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr


@contextlib.contextmanager
def _bar(total: int, progress: bool | None) -> Iterator[Callable[[], None]]:
    if not (sys.stderr.isatty() if progress is None else progress):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=console.is_terminal) as bar:
        task = bar.add_task("learning rates", total=total)
        yield lambda: bar.advance(task)


def _check_loader(loader: Any, name: str) -> None:
    if isinstance(loader, Iterator):
        raise TypeError(
            f"{name} is a {type(loader).__name__}, an iterator that cannot be started again: expected a "
            "DataLoader, a list of batches, or what else gives a new iterator each time"
        )
    with contextlib.suppress(TypeError):  # one of a stream has no length
        if len(loader) == 0:
            raise ValueError(f"{name} is empty, expected at least one batch")


def _check(
    start_lr: float,
    end_lr: float,
    num_iter: int,
    smoothing: float,
    divergence: float,
    groups: str,
    accumulate: int,
) -> None:
    if not 0.0 < start_lr < math.inf:
        raise ValueError(f"start_lr is {start_lr!r}, expected a finite number above 0")
    if not start_lr < end_lr < math.inf:
        raise ValueError(f"end_lr is {end_lr!r}, expected a finite number above start_lr, {start_lr!r}")
    if num_iter < 2:
        raise ValueError(f"num_iter is {num_iter!r}, expected at least 2")
    if not 0.0 <= smoothing < 1.0:
        raise ValueError(f"smoothing is {smoothing!r}, expected a number in [0, 1)")
    if not divergence > 1.0:
        raise ValueError(f"divergence is {divergence!r}, expected a number above 1")
    if groups not in ("ratio", "one"):
        raise ValueError(f"groups is {groups!r}, expected 'ratio' or 'one'")
    if accumulate < 1:
        raise ValueError(f"accumulate is {accumulate!r}, expected at least 1")


def _check_besides(schedule: str, clip_grad_norm: float | None, sweeps: int) -> None:
    if schedule not in ("geometric", "linear"):
        raise ValueError(f"schedule is {schedule!r}, expected 'geometric' or 'linear'")
    if clip_grad_norm is not None and not clip_grad_norm > 0.0:
        raise ValueError(f"clip_grad_norm is {clip_grad_norm!r}, expected None or a number above 0")
    if sweeps < 1:
        raise ValueError(f"sweeps is {sweeps!r}, expected at least 1")
