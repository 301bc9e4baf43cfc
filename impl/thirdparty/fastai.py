"""fastai: ``fastai.losses.LabelSmoothingCrossEntropy``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    _torchvision.make_importable()
    from fastai.losses import LabelSmoothingCrossEntropy

    return LabelSmoothingCrossEntropy(eps=epsilon, **features)


ADAPTERS = (
    LabelSmoothing(
        "fastai",
        _label_smoothing,
        features=frozenset({"reduction", "weight", "dense"}),
        deviations=(
            _known.masked_class_is_nan("2.8.12"),
            *_known.half_sum_overflows("2.8.12"),
            _known.any_epsilon_is_taken("2.8.12"),
            Deviation(
                "rejects_bad_target",
                "a target of -100 leaves the one-hot term (nll_loss ignores it), not the uniform one",
                r"result for target \[-100, 0\] is",
                {
                    "batch": {"logits": [[0.0, 0.0], [0.0, 0.125]], "target": [0, 0]},
                    "bad": -100,
                    "place": 0,
                },
                link="https://github.com/pytorch/pytorch/issues/73205",
                seen_in="2.8.12",
            ),
        ),
        library="fastai",
        imports=f"{_torchvision.LINES}from fastai.losses import LabelSmoothingCrossEntropy",
        called_as="LabelSmoothingCrossEntropy(eps={epsilon}{features})({logits}, {target})",
    ),
)
