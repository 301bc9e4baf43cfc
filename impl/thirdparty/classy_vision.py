"""Classy Vision: ``LabelSmoothingCrossEntropyLoss`` and ``MixupTransform``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing, Mixup
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    from classy_vision.losses import LabelSmoothingCrossEntropyLoss

    return LabelSmoothingCrossEntropyLoss(smoothing_param=epsilon, **features)


def _mixup(alpha: float, num_classes: int) -> Any:
    from classy_vision.dataset.transforms.mixup import MixupTransform

    transform = MixupTransform(alpha, num_classes)

    def mix(inputs: Any, target: Any) -> Any:
        sample = transform({"input": inputs, "target": target})
        return sample["input"], sample["target"]

    return mix


ADAPTERS = (
    LabelSmoothing(
        "classy_vision",
        _label_smoothing,
        features=frozenset({"reduction", "ignore_index"}),
        deviations=(
            Deviation(
                "ignored_targets_do_not_count",
                "an ignored sample has no one-hot target left, and the smoothing makes it a uniform one, "
                "which counts",
                r"beside ignored samples is ",
                {
                    "batch": {"logits": [[0.0, 0.0], [0.0, 0.0]], "target": [0, 0]},
                    "epsilon": 0.1,
                    "ignored": [False, True],
                    "index": -100,
                },
                seen_in="0.7.0",
            ),
        ),
        library="classy-vision",
        imports=_torchvision.LINES,
    ),
    Mixup(
        "classy_vision",
        _mixup,
        features=frozenset({"num_classes"}),
        ranks=(4,),
        deviations=(_known.mixed_in_place("0.7.0"),),
        library="classy-vision",
        imports=_torchvision.LINES,
    ),
)
