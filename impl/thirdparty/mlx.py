"""MLX: ``mlx.nn.losses.cross_entropy(label_smoothing=)``, in its CPU build."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import LabelSmoothing


class _Loss:
    def __init__(self, epsilon: float, reduction: str):
        self.options = {"label_smoothing": epsilon, "reduction": reduction}

    def of(self, logits: Any, target: Any) -> Any:
        from mlx import nn

        return nn.losses.cross_entropy(logits, target, **self.options)

    def __call__(self, logits: Any, target: Any) -> Any:
        return self._array(self.of(self._own(logits), self._own(target)))

    def gradient(self, logits: Any, target: Any) -> Any:
        import mlx.core as mx

        labels = self._own(target)
        return self._array(mx.grad(lambda z: self.of(z, labels).sum())(self._own(logits)))

    def _own(self, array: Any) -> Any:
        import mlx.core as mx

        return mx.array(array)

    def _array(self, value: Any) -> Any:
        import numpy as np

        return np.array(value)


def _label_smoothing(epsilon: float, *, reduction: str = "none") -> Any:
    return _Loss(epsilon, reduction)


ADAPTERS = (
    LabelSmoothing(
        "mlx",
        _label_smoothing,
        features=frozenset({"reduction", "soft_targets"}),
        default_reduction="none",
        library="mlx",
        arrays="numpy",
    ),
)
