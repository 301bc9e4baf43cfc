"""Implementations that do nothing: what a law holds of these, it holds of anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import LabelSmoothing, LRFinder, Mixup, Swept


def _zero(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda logits, target: (0 * logits).sum()


def _constant(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda logits, target: (0 * logits).sum() + 1


def _identity(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """Gives back what it got."""
    return lambda logits, target: logits


def _raises(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(logits: Tensor, target: Tensor) -> Tensor:
        raise NotImplementedError("this loss does nothing but raise")

    return loss


LABEL_SMOOTHING = tuple(
    LabelSmoothing(name, build, features=LabelSmoothing.usual_features)
    for name, build in (
        ("zero", _zero),
        ("constant", _constant),
        ("identity", _identity),
        ("raises", _raises),
    )
)


def _unmixed(alpha: float, num_classes: int, **features: Any) -> Callable[[Tensor, Tensor], Any]:
    """The batch as it was: the most plausible of all that do nothing."""
    return lambda inputs, target: (inputs, F.one_hot(target, num_classes).to(inputs.dtype))


def _zeros(alpha: float, num_classes: int, **features: Any) -> Callable[[Tensor, Tensor], Any]:
    return lambda inputs, target: (0 * inputs, torch.zeros(len(inputs), num_classes, dtype=inputs.dtype))


def _constants(alpha: float, num_classes: int, **features: Any) -> Callable[[Tensor, Tensor], Any]:
    even = 1 / num_classes
    return lambda inputs, target: (
        torch.full_like(inputs, 0.5),
        torch.full((len(inputs), num_classes), even, dtype=inputs.dtype),
    )


def _raises_always(alpha: float, num_classes: int, **features: Any) -> Callable[[Tensor, Tensor], Any]:
    def mix(inputs: Tensor, target: Tensor) -> Any:
        raise NotImplementedError("this mixup does nothing but raise")

    return mix


MIXUP = tuple(
    Mixup(name, build, features=Mixup.usual_features - {"eval_mode"}, ranks=(2, 1, 3, 4, 5))
    for name, build in (
        ("identity", _unmixed),
        ("zero", _zeros),
        ("constant", _constants),
        ("raises", _raises_always),
    )
)


def _no_steps(*parts: Any, start_lr: float, end_lr: float, num_iter: int) -> Swept:
    """A curve that nothing was measured for: the schedule, and a loss of 1 at each rate."""
    ratio = (end_lr / start_lr) ** (1 / (num_iter - 1))
    return Swept([start_lr * ratio**i for i in range(num_iter)], [1.0] * num_iter)


def _no_curve(*parts: Any, start_lr: float, end_lr: float, num_iter: int) -> Swept:
    return Swept([], [])


def _no_test(*parts: Any, start_lr: float, end_lr: float, num_iter: int) -> Swept:
    raise NotImplementedError("this range test does nothing but raise")


LR_FINDER = tuple(
    LRFinder(name, build)
    for name, build in (("no_steps", _no_steps), ("no_curve", _no_curve), ("raises", _no_test))
)
