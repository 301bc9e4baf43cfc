"""thinc: ``thinc.api.CategoricalCrossentropy(label_smoothing=)``, of probabilities.

Its gradient is with respect to the logits, as the softmax before it hands gradients through.
"""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing


class _Loss:
    def __init__(self, epsilon: float):
        self.epsilon = epsilon

    def asked(self, name: str, logits: Any, target: Any) -> Any:
        import numpy as np
        from thinc.api import CategoricalCrossentropy

        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = shares / shares.sum(axis=1, keepdims=True)
        return getattr(CategoricalCrossentropy(label_smoothing=self.epsilon), name)(shares, target)

    def __call__(self, logits: Any, target: Any) -> Any:
        return self.asked("get_loss", logits, target)

    def gradient(self, logits: Any, target: Any) -> Any:
        return self.asked("get_grad", logits, target)


def _label_smoothing(epsilon: float) -> Any:
    return _Loss(epsilon)


ADAPTERS = (
    LabelSmoothing(
        "thinc",
        _label_smoothing,
        documented={"off_target": "others"},
        deviations=(
            Deviation(
                "matches_reference",
                "the loss is the squared length of the gradient, and no cross-entropy; the gradient is one",
                r"^loss is 0\.5, expected about 0\.693147",
                {"batch": {"logits": [[0.0, 0.0]], "target": [0]}, "epsilon": 0.0},
                link="https://github.com/explosion/thinc/pull/647",
                seen_in="8.3.14",
            ),
        ),
        library="thinc",
        arrays="numpy",
    ),
)
