"""TensorFlow: ``tf.compat.v1.losses.softmax_cross_entropy``, its own loss with ``label_smoothing``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import LabelSmoothing

_REDUCTIONS = {"mean": "weighted_sum_by_nonzero_weights", "sum": "weighted_sum", "none": "none"}


class _Loss:
    def __init__(self, epsilon: float, reduction: str):
        self.epsilon, self.reduction = epsilon, reduction

    def of(self, logits: Any, target: Any) -> Any:
        import tensorflow as tf

        rows = target if target.ndim == 2 else tf.one_hot(target, logits.shape[1], dtype=logits.dtype)
        return tf.compat.v1.losses.softmax_cross_entropy(
            rows, logits, label_smoothing=self.epsilon, reduction=_REDUCTIONS[self.reduction]
        )

    def __call__(self, logits: Any, target: Any) -> Any:
        import tensorflow as tf

        return self.of(tf.constant(logits), target).numpy()

    def gradient(self, logits: Any, target: Any) -> Any:
        import tensorflow as tf

        z = tf.constant(logits)
        with tf.GradientTape() as tape:
            tape.watch(z)
            total = tf.reduce_sum(self.of(z, target))
        return tape.gradient(total, z).numpy()


def _label_smoothing(epsilon: float, *, reduction: str = "mean") -> Any:
    return _Loss(epsilon, reduction)


ADAPTERS = (
    LabelSmoothing(
        "tensorflow",
        _label_smoothing,
        features=frozenset({"reduction", "soft_targets"}),
        library="tensorflow-cpu",
        arrays="numpy",
    ),
)
