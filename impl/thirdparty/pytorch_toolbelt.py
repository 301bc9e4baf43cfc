"""pytorch-toolbelt: ``pytorch_toolbelt.losses.SoftCrossEntropyLoss``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing
from lawful.impl.thirdparty import _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    from pytorch_toolbelt.losses import SoftCrossEntropyLoss

    return SoftCrossEntropyLoss(smooth_factor=epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "pytorch_toolbelt",
        _label_smoothing,
        features=frozenset({"reduction", "ignore_index", "dense"}),
        deviations=(
            Deviation(
                "reductions_agree",
                "reduction='none' keeps the class dimension, (N, 1), so that a factor per sample "
                "broadcasts to (N, N)",
                r"loss with reduction 'none' is \[\[0\.69\d*\]\], expected of shape \(1,\)",
                {"batch": {"logits": [[0.0, 0.0]], "target": [0]}, "epsilon": 0.1},
                seen_in="0.8.0",
            ),
        ),
        library="pytorch-toolbelt",
        imports=_torchvision.LINES,
    ),
)
