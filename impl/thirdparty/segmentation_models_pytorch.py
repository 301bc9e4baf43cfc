"""segmentation-models-pytorch: ``segmentation_models_pytorch.losses.SoftCrossEntropyLoss``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    from segmentation_models_pytorch.losses import SoftCrossEntropyLoss

    return SoftCrossEntropyLoss(smooth_factor=epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "segmentation_models_pytorch",
        _label_smoothing,
        features=frozenset({"reduction", "ignore_index", "dense"}),
        deviations=(
            _known.masked_class_is_nan("0.6.0"),
            *_known.half_sum_overflows("0.6.0"),
            _known.any_epsilon_is_taken("0.6.0"),
            _known.one_target_is_broadcast("0.6.0"),
            Deviation(
                "reductions_agree",
                "reduction='none' keeps the class dimension, (N, 1), so that a factor per sample "
                "broadcasts to (N, N)",
                r"loss with reduction 'none' is \[\[0\.69\d*\]\], expected of shape \(1,\)",
                {"batch": {"logits": [[0.0, 0.0]], "target": [0]}, "epsilon": 0.1},
                seen_in="0.6.0",
            ),
        ),
        library="segmentation-models-pytorch",
        imports=_torchvision.LINES,
    ),
)
