"""torch: ``torch.nn.functional.cross_entropy(label_smoothing=)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import Argument, LabelSmoothing
from lawful.impl.thirdparty import _known


def _label_smoothing(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda logits, target: F.cross_entropy(logits, target, label_smoothing=epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "torch",
        _label_smoothing,
        features=LabelSmoothing.usual_features,
        deviations=(
            *_known.half_sum_overflows("2.13.0"),
            _known.any_epsilon_is_taken("2.13.0"),
        ),
        library="torch",
        arguments={
            "reduction": Argument("mean", values=("mean", "sum", "none")),
            "ignore_index": Argument(-100, whole=True),
        },
    ),
)
