"""PaddlePaddle: ``paddle.nn.functional.cross_entropy(label_smoothing=)``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing


class _Loss:
    def __init__(self, epsilon: float, **options: Any):
        self.options = {"label_smoothing": epsilon, **options}

    def of(self, logits: Any, target: Any) -> Any:
        import paddle

        options = dict(self.options)
        if "weight" in options:
            options["weight"] = paddle.to_tensor(options["weight"])
        soft = target.ndim == logits.ndim
        return paddle.nn.functional.cross_entropy(
            logits, paddle.to_tensor(target), soft_label=soft, **options
        )

    def __call__(self, logits: Any, target: Any) -> Any:
        import paddle

        return self.of(paddle.to_tensor(logits), target).numpy()

    def gradient(self, logits: Any, target: Any) -> Any:
        import paddle

        z = paddle.to_tensor(logits, stop_gradient=False)
        (found,) = paddle.grad(self.of(z, target).sum(), z)
        return found.numpy()


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    return _Loss(epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "paddle",
        _label_smoothing,
        features=frozenset({"reduction", "soft_targets"}),
        declines={
            "weight": "a sample weighs what its smoothed target weighs, as its documentation says: a "
            "convention that no other library has"
        },
        deviations=(
            Deviation(
                "reductions_agree",
                "with smoothing, reduction='none' keeps a class dimension, (N, 1); without it, it gives (N,)",
                r"loss with reduction 'none' is \[\[0\.69\d*\]\], expected of shape \(1,\)",
                {"batch": {"logits": [[0.0, 0.0]], "target": [0]}, "epsilon": 0.1},
                seen_in="3.3.1",
            ),
        ),
        library="paddlepaddle",
        arrays="numpy",
    ),
)
