"""Losses that do nothing: what a law holds of these, it holds of anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from lawful.impl.contracts import LabelSmoothing


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
    LabelSmoothing(name, build, features=LabelSmoothing.known_features)
    for name, build in (
        ("zero", _zero),
        ("constant", _constant),
        ("identity", _identity),
        ("raises", _raises),
    )
)
