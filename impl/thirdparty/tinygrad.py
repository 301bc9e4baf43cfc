"""tinygrad: ``cross_entropy`` and ``sparse_categorical_crossentropy`` of tensors, smoothed."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing


class _Loss:
    method = "cross_entropy"

    def __init__(self, epsilon: float, **options: Any):
        self.options = {"label_smoothing": epsilon, **options}

    def of(self, logits: Any, target: Any) -> Any:
        from tinygrad import Tensor

        return getattr(logits, self.method)(Tensor(target), **self.options)

    def __call__(self, logits: Any, target: Any) -> Any:
        from tinygrad import Tensor

        return self.of(Tensor(logits), target).numpy()

    def gradient(self, logits: Any, target: Any) -> Any:
        from tinygrad import Tensor

        z = Tensor(logits)
        (found,) = self.of(z, target).sum().gradient(z)
        return found.numpy()


class _Sparse(_Loss):
    method = "sparse_categorical_crossentropy"


def _cross_entropy(epsilon: float, **features: Any) -> Any:
    return _Loss(epsilon, **features)


def _sparse(epsilon: float, **features: Any) -> Any:
    return _Sparse(epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "tinygrad",
        _cross_entropy,
        features=frozenset({"reduction", "soft_targets", "dense"}),
        library="tinygrad",
        arrays="numpy",
    ),
    LabelSmoothing(
        "tinygrad_sparse",
        _sparse,
        features=frozenset({"reduction", "ignore_index"}),
        library="tinygrad",
        arrays="numpy",
        deviations=(
            Deviation(
                "ignored_targets_do_not_count",
                "-1, the default, stands for nothing to ignore, also where it is passed: a target of -1 "
                "then counts in the mean, and its spread term in the sum",
                r"loss beside ignored samples is 0\.34657\d*, expected about 0\.69314",
                {
                    "batch": {"logits": [[0.0, 0.0], [0.0, 0.0]], "target": [0, 0]},
                    "epsilon": 0.0,
                    "ignored": [False, True],
                    "index": -1,
                },
                seen_in="0.14.0",
            ),
        ),
    ),
)
