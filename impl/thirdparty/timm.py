"""timm: ``timm.loss.LabelSmoothingCrossEntropy``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import LabelSmoothing
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    _torchvision.make_importable()
    from timm.loss import LabelSmoothingCrossEntropy

    return LabelSmoothingCrossEntropy(smoothing=epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "timm",
        _label_smoothing,
        deviations=(
            _known.masked_class_is_nan("1.0.31"),
            _known.any_epsilon_is_taken("1.0.31"),
            _known.one_target_is_broadcast("1.0.31"),
        ),
        library="timm",
        imports=f"{_torchvision.LINES}from timm.loss import LabelSmoothingCrossEntropy",
        called_as="LabelSmoothingCrossEntropy(smoothing={epsilon}{features})({logits}, {target})",
    ),
)
