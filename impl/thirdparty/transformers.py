"""transformers: ``transformers.trainer_pt_utils.LabelSmoother``, which takes a model's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from lawful.impl.contracts import Deviation, LabelSmoothing
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Callable[[Tensor, Tensor], Tensor]:
    from transformers.trainer_pt_utils import LabelSmoother

    smoother = LabelSmoother(epsilon=epsilon, **features)
    return lambda logits, target: smoother((logits,), target)


ADAPTERS = (
    LabelSmoothing(
        "transformers",
        _label_smoothing,
        features=frozenset({"ignore_index"}),
        deviations=(
            _known.masked_class_is_nan("5.23.0"),
            _known.any_epsilon_is_taken("5.23.0"),
            _known.one_target_is_broadcast("5.23.0"),
            _known.float64_is_computed_in_float32(
                "the sum over classes is taken in float32, whatever the logits are",
                r"^loss is .*off by",
                "5.23.0",
            ),
            Deviation(
                "extreme_logits_stay_finite",
                "the sum over the batch is kept in float16, whose largest number is 65504",
                r"loss of extreme logits is inf",
                {
                    "shares": {
                        "logits": [[1.0, -1.0, -1.0], [0.0, -1.0, 1.0]],
                        "target": [1, 0],
                    },
                    "epsilon": 0.1,
                },
                dtypes=("float16",),
                devices=("cpu", "twin"),
                link="https://github.com/pytorch/pytorch/issues/85791",
                seen_in="5.23.0",
            ),
            Deviation(
                "rejects_bad_target",
                "negative targets are clamped to 0, so -1 counts as class 0",
                r"took target \[-1, 1\] and returned",
                {
                    "batch": {"logits": [[0.0, 1.0], [3.0, -2.0]], "target": [1, 1]},
                    "bad": -1,
                    "place": 0,
                },
                seen_in="5.23.0",
            ),
        ),
        library="transformers",
        imports=_torchvision.LINES,
    ),
)
