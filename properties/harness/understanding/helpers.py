"""What an adapter needs besides the code that it calls: real functions, shown in it as they stand here."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable
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


class Dicts:
    """A loader whose batches are dicts of inputs and labels."""

    def __init__(self, loader: Any, inputs: str, labels: str) -> None:
        self.loader, self.names = loader, (inputs, labels)

    def __iter__(self) -> Any:
        return (dict(zip(self.names, batch, strict=True)) for batch in self.loader)

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        if name == "loader":  # of a copy that is not made yet
            raise AttributeError(name)
        return getattr(self.loader, name)


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
