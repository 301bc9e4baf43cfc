"""The learning-rate range test in PyTorch: raise the rate geometrically, watch the loss, put all back.

    lr_i = start (end/start)^(i/(n-1))        stop above best + (divergence - 1)|best|

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
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

Method = Literal["steepest", "minimum", "valley"]
_METHODS = ("steepest", "minimum", "valley")


@dataclass(frozen=True)
class RangeTest:
    """What the test saw, an entry for each step whose loss was finite; rates are the first group's."""

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    """Raw, each from before the step at its rate."""
    smoothed: tuple[float, ...]
    stopped_early: bool
    """By a loss that diverged, or was not finite."""
    num_iter: int
    """The steps that were asked for."""

    def suggest(self, method: Method = "steepest", *, skip_start: int = 0, skip_end: int = 0) -> float | None:
        """A learning rate read off the curve; None where the curve does not fall, or is too short.

        steepest: where the slope of the raw loss against log lr, fitted over a quarter of the points, is
        smallest, up to the minimum: noise of single batches averages out. minimum: a tenth of the rate of
        the smallest smoothed loss. valley: half-way along the smoothed loss's longest falling subsequence.
        ``skip_start`` and ``skip_end`` points are left out, unless fewer than 2 would be left.
        """
        if method not in _METHODS:
            raise ValueError(f"method is {method!r}, expected one of {', '.join(map(repr, _METHODS))}")
        kept = slice(skip_start, len(self.lrs) - skip_end)
        if len(self.lrs[kept]) < 2:
            kept = slice(None)
        lrs, losses, smoothed = self.lrs[kept], self.losses[kept], self.smoothed[kept]
        if len(lrs) < 2:
            return None
        if method == "steepest":
            return _steepest(lrs, losses)
        return (_minimum if method == "minimum" else _valley)(lrs, smoothed)

    def plot(self, ax: Any = None, *, method: Method = "steepest") -> Any:
        """The raw and the smoothed loss over the rate, log axis, with the suggestion marked.

        ``ax``: a matplotlib axes; a new figure's where None. Returns the axes.
        """
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
        ax.plot(self.lrs, self.losses, color="0.75", linewidth=1, label="loss")
        ax.plot(self.lrs, self.smoothed, color="tab:blue", linewidth=2, label="smoothed")
        suggestion = self.suggest(method)
        if suggestion is not None:
            height = float(np.interp(math.log(suggestion), np.log(self.lrs), self.smoothed))
            ax.axvline(suggestion, color="tab:red", linewidth=1, linestyle="--")
            ax.plot([suggestion], [height], "o", color="tab:red", label=f"{method}: {suggestion:.2g}")
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        if self.smoothed:
            low, first = min(*self.losses, *self.smoothed), self.smoothed[0]
            room = max(first - low, 0.1 * abs(first), 1e-12)
            ax.set_ylim(low - 0.2 * room, first + 0.6 * room)
        ax.legend()
        return ax

    def __repr__(self) -> str:
        if not self.lrs:
            return f"RangeTest(0 of {self.num_iter} steps, stopped_early={self.stopped_early})"
        suggestion = self.suggest()
        found = "none" if suggestion is None else f"{suggestion:.3g}"
        return (
            f"RangeTest({len(self.lrs)} of {self.num_iter} steps, lr {self.lrs[0]:.3g} to "
            f"{self.lrs[-1]:.3g}, loss {self.losses[0]:.4g} to {self.losses[-1]:.4g}, "
            f"best {min(self.losses):.4g}, stopped_early={self.stopped_early}, steepest {found})"
        )


def lr_range_test(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Any, Any], Tensor] | None,
    loader: Iterable[Any],
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_iter: int = 100,
    smoothing: float = 0.9,
    divergence: float = 4.0,
    groups: Literal["ratio", "one"] = "ratio",
    accumulate: int = 1,
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
        smoothing: of the moving average, in [0, 1); 0 judges the raw loss.
        divergence: stop above best + (divergence - 1)|best|; infinity never does. Above 1.
        groups: "ratio" keeps the ratios of the groups' rates to the first one's, "one" gives all the same.
        accumulate: batches a step; the loss is their mean.
        compute_loss: ``compute_loss(model, batch)`` for other batches or models of several inputs, in
            place of ``criterion``.
        scaler, autocast: mixed precision: a GradScaler, and the dtype to run the model in.
        progress: a progress bar on stderr; by default where that is a terminal.

    Whatever happens, an error or an interrupt from the keyboard too, parameters, buffers, ``.grad``, modes,
    optimizer, scaler, random states and the loader's generators are afterwards what they were before,
    bit for bit. What is put back is kept meanwhile: one copy of parameters, buffers and optimizer state.

    Raises ValueError or TypeError naming the argument, its value and what was expected, before anything
    is touched.
    """
    _check(start_lr, end_lr, num_iter, smoothing, divergence, groups, accumulate)
    if (criterion is None) == (compute_loss is None):
        raise TypeError("criterion and compute_loss: expected exactly one of them")
    _check_loader(loader)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    judge = _Judge(smoothing, divergence)
    lrs: list[float] = []
    stopped = False
    with _restored(model, optimizer, loader, scaler), _bar(num_iter, progress) as advance:
        batches = _cycled(loader)
        model.train()
        ratios = _ratios(optimizer, groups)
        for i in range(num_iter):
            lr = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
            for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
                _set_lr(group, lr * ratio)
            optimizer.zero_grad()
            losses = []
            for _ in range(accumulate):
                batch = _moved(next(batches), device)
                with nullcontext() if autocast is None else torch.autocast(device.type, autocast):
                    loss = _loss(model, criterion, compute_loss, batch)
                    losses.append(loss if accumulate == 1 else loss / accumulate)
                (losses[-1] if scaler is None else scaler.scale(losses[-1])).backward()
            value = (losses[0] if accumulate == 1 else torch.stack(losses).sum()).item()
            if not math.isfinite(value):
                stopped = True
                break
            lrs.append(lr)
            if judge.diverged(value):
                stopped = True
                break
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
                scaler.update()
            advance()
    return RangeTest(tuple(lrs), tuple(judge.losses), tuple(judge.smoothed), stopped, num_iter)


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


def _steepest(lrs: tuple[float, ...], losses: tuple[float, ...]) -> float | None:
    """Least-squares slopes against log lr over windows of a quarter of the points, 3 at least.

    The middle of the window that falls most, of those that end before the smallest mean of a window or
    reach it. A diverged tail rises, and is never chosen.
    """
    x, y = np.log(lrs), np.asarray(losses)
    width = min(len(x), max(3, len(x) // 4))
    windows = np.lib.stride_tricks.sliding_window_view
    xs, ys = windows(x, width), windows(y, width)
    off = xs - xs.mean(axis=1, keepdims=True)
    rises = ys - ys[:, :1]  # a flat window falls by 0, to the bit
    slopes = (off * rises).sum(axis=1) / (off * off).sum(axis=1)
    falling = slopes[: int(ys.sum(axis=1).argmin()) + 1]
    found = int(falling.argmin())
    return lrs[found + width // 2] if falling[found] < 0 else None


def _minimum(lrs: tuple[float, ...], losses: tuple[float, ...]) -> float | None:
    smallest = losses.index(min(losses))
    return lrs[smallest] / 10 if smallest else None


def _valley(lrs: tuple[float, ...], losses: tuple[float, ...]) -> float | None:
    """Half-way between the ends of the longest falling subsequence: one noisy point does not end it."""
    y = np.asarray(losses)
    lengths, starts = np.ones(len(y), int), np.arange(len(y))
    for i in range(1, len(y)):
        above = np.flatnonzero(y[:i] > y[i])
        if len(above):
            longest = above[lengths[above] == lengths[above].max()]
            lengths[i], starts[i] = lengths[longest[0]] + 1, starts[longest].max()
    last = int(lengths.argmax())
    return lrs[(int(starts[last]) + last + 1) // 2] if lengths[last] > 1 else None


@contextlib.contextmanager
def _restored(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: Iterable[Any],
    scaler: torch.amp.GradScaler | None,
) -> Iterator[None]:
    """Everything is put back, in place, so that whoever holds a reference sees it too."""
    tensors = [(t, t.detach().clone()) for t in itertools.chain(model.parameters(), model.buffers())]
    grads = [(p, p.grad) for p in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    state = {p: copy.deepcopy(kept) for p, kept in optimizer.state.items()}
    groups = [
        {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    scaling = None if scaler is None else copy.deepcopy(scaler.state_dict())
    generators = [(generator, generator.get_state()) for generator in _generators(loader)]
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        # The gradients of before stay untouched: the test accumulates into tensors of its own.
        for p in model.parameters():
            p.grad = None
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, before in tensors:
                    tensor.copy_(before)
            for p, grad in grads:
                p.grad = grad
            for module, training in modes:
                module.training = training
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


def _check_loader(loader: Any) -> None:
    if isinstance(loader, Iterator):
        raise TypeError(
            f"loader is a {type(loader).__name__}, an iterator that cannot be started again: expected a "
            "DataLoader, a list of batches, or what else gives a new iterator each time"
        )
    with contextlib.suppress(TypeError):  # one of a stream has no length
        if len(loader) == 0:
            raise ValueError("loader is empty, expected at least one batch")


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
