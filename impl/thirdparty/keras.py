"""keras with the torch backend: ``keras.losses.CategoricalCrossentropy(label_smoothing=)``.

It takes probabilities, so class targets are one-hot encoded with torch first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from lawful.impl.contracts import LabelSmoothing
from lawful.impl.thirdparty import _known

_REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": "none"}


def _label_smoothing(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    if "reduction" in features:
        features["reduction"] = _REDUCTIONS[features["reduction"]]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=epsilon, **features)

    def call(logits: Tensor, target: Tensor) -> Tensor:
        soft = target if target.is_floating_point() else F.one_hot(target, logits.shape[1])
        result: Tensor = loss(soft.to(logits.dtype), logits)
        return result

    return call


ADAPTERS = (
    LabelSmoothing(
        "keras",
        _label_smoothing,
        features=frozenset({"reduction", "soft_targets"}),
        deviations=(
            _known.masked_class_is_nan("3.15.1"),
            _known.any_epsilon_is_taken("3.15.1"),
            _known.float64_is_computed_in_float32(
                "targets and logits are cast to keras.config.floatx(), float32 unless it is set",
                r"dtype of the result is float32",
                "3.15.1",
            ),
        ),
        library="keras",
        imports=(
            "import os\n"
            'os.environ["KERAS_BACKEND"] = "torch"\n'
            "import keras\n"
            "import torch.nn.functional as F\n"
            "def one_hot(target, logits):\n"
            "    soft = target if target.is_floating_point() else F.one_hot(target, logits.shape[1])\n"
            "    return soft.to(logits.dtype)"
        ),
        called_as=(
            "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing={epsilon}"
            "{features})(one_hot({target}, {logits}), {logits})"
        ),
    ),
)
