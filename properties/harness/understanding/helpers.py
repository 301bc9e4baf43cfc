"""What an adapter needs besides the code that it calls: real functions, shown in it as they stand here."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from lawful.impl.shown import FUTURE, standing_alone


def one_class_at_a_time(
    mix: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    inputs: torch.Tensor,
    target: torch.Tensor,
    num_classes: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixes labels of 0 and 1, (N,), as rows (N, K): class by class, from the same random numbers."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    columns = []
    for number in range(num_classes):
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        own = inputs if number == num_classes - 1 else inputs.clone()
        mixed, labels = mix(own, (target == number).to(inputs.dtype))
        columns.append(labels)
    return mixed, torch.stack(columns, 1)


def stacked(samples: Any) -> list[torch.Tensor]:
    """A list of samples as a batch: each of their parts, (N, ...)."""
    return [torch.stack([torch.as_tensor(each) for each in part]) for part in zip(*samples, strict=True)]


class Batches:
    """A loader whose batches are made of inputs and labels: a dict of them, say, or the inputs alone."""

    def __init__(self, loader: Any, made: Callable[[Any, Any], Any]) -> None:
        self.loader, self.made = loader, made

    def __iter__(self) -> Any:
        return (self.made(*batch) for batch in self.loader)

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # of a copy that is not made yet
            raise AttributeError(name)
        return getattr(self.loader, name)


class Output(dict[str, Any]):
    """What a model gives that is no tensor: read by key, or as attributes."""

    __getattr__ = dict.__getitem__


class Answering(torch.nn.Module):
    """A model whose output holds its logits under a name, or its loss if ``loss_fn`` is given."""

    def __init__(self, model: torch.nn.Module, name: str = "", loss_fn: Any = None) -> None:
        super().__init__()
        self.model, self.name, self.loss_fn = model, name, loss_fn
        self.training = model.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        inputs, *more = *args, *kwargs.values()
        output = self.model(inputs)
        if self.loss_fn is not None:
            output = self.loss_fn(output, more[-1] if more else inputs)
        return Output({self.name: output}) if self.name else output


class GivingSeveral(torch.nn.Module):
    """A model that gives its logits, and something beside them."""

    def __init__(self, model: torch.nn.Module, count: int) -> None:
        super().__init__()
        self.model, self.count = model, count
        self.training = model.training

    def forward(self, *args: Any) -> Any:
        logits = self.model(args[0])
        return (logits, *[logits.detach()] * (self.count - 1))


class Recorded(torch.nn.Module):
    """A model that keeps what it is given: the gradient of its logits tells the targets of a mean loss."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes, self.weight = num_classes, torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.inputs = inputs.detach().clone()
        self.logits = torch.zeros(len(inputs), self.num_classes, dtype=inputs.dtype, requires_grad=True)
        return self.logits + 0 * self.weight

    def mixture(self, result: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Mixed inputs, and soft targets (N, K): dL/dz = (softmax(z) - q) / N. ``result``: the loss, or what
        holds it, unless its gradient has been taken."""
        if self.logits.grad is None:
            held = result.values() if isinstance(result, dict) else result
            held = [result] if isinstance(result, torch.Tensor) else held
            loss = next(each for each in held if isinstance(each, torch.Tensor) and each.ndim == 0)
            loss.backward()
        assert self.logits.grad is not None
        target = 1 / self.num_classes - len(self.inputs) * self.logits.grad
        return self.inputs, target.where(target.abs() > 1e-5, 0.0)  # of what is 0, rounding is left


class Silent:
    """A logger that takes all that it is told."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class CrossEntropyIs:
    """Within, what takes PyTorch's cross-entropy, as a function or as a module, gets this loss; so does what
    takes its second half, of log-probabilities."""

    def __init__(self, loss_fn: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        functional: Any = torch.nn.functional
        self.loss_fn, self.functional = loss_fn, functional
        self.own = functional.cross_entropy, functional.nll_loss

    def __enter__(self) -> None:
        self.functional.cross_entropy = self.functional.nll_loss = self.loss

    def __exit__(self, *raised: Any) -> None:
        self.functional.cross_entropy, self.functional.nll_loss = self.own

    def loss(self, input: torch.Tensor, target: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        self.__exit__()
        try:
            return self.loss_fn(input, target)
        finally:
            self.__enter__()


class OptimizerIs:
    """Within, what makes one of PyTorch's usual optimizers gets this one."""

    def __init__(self, optimizer: Any) -> None:
        names = ("SGD", "Adam", "AdamW", "RMSprop")
        self.optimizer, self.own = optimizer, {name: getattr(torch.optim, name) for name in names}

    def __enter__(self) -> None:
        for name in self.own:
            setattr(torch.optim, name, lambda *args, **kwargs: self.optimizer)

    def __exit__(self, *raised: Any) -> None:
        for name, own in self.own.items():
            setattr(torch.optim, name, own)


def beside(text: str, known: Iterable[Callable[..., Any]]) -> str:
    """The source of an adapter, and before it those of the helpers that it calls."""
    used = (helper for helper in known if f"{helper.__name__}(" in text)
    return "\n".join([*map(source_of, used), text])


def source_of(helper: Callable[..., Any]) -> str:
    """Source that stands alone, for an adapter: without annotations, which would need more imports."""
    text = standing_alone(helper)
    assert text is not None
    tree = ast.parse(text.removeprefix(f"{FUTURE}\n"))
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.unparse(tree)
