"""timm: ``timm.loss.LabelSmoothingCrossEntropy`` and the three modes of ``timm.data.Mixup``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lawful.impl.contracts import Deviation, LabelSmoothing, Mixup
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    from timm.loss import LabelSmoothingCrossEntropy

    return LabelSmoothingCrossEntropy(smoothing=epsilon, **features)


def _batch(alpha: float, num_classes: int) -> Any:
    from timm.data import Mixup

    return Mixup(mixup_alpha=alpha, num_classes=num_classes, label_smoothing=0.0, mode="batch")


def _pair(alpha: float, num_classes: int) -> Any:
    from timm.data import Mixup

    return Mixup(mixup_alpha=alpha, num_classes=num_classes, label_smoothing=0.0, mode="pair")


def _elem(alpha: float, num_classes: int) -> Any:
    from timm.data import Mixup

    return Mixup(mixup_alpha=alpha, num_classes=num_classes, label_smoothing=0.0, mode="elem")


def _soft_target_loss(logits: Any, target: Any) -> Any:
    from timm.loss import SoftTargetCrossEntropy

    return SoftTargetCrossEntropy()(logits, target.to(logits.dtype))


def _mixup_adapter(build: Callable[..., Any], *deviations: Deviation) -> Mixup:
    return Mixup(
        f"timm{build.__name__}",
        build,
        features=frozenset({"num_classes"}),
        documented={"in_place": "true"},
        ranks=(4,),
        loss=_soft_target_loss,
        deviations=(
            Deviation(
                "odd_and_single_batches",
                "an odd batch is refused: drop the last one, or choose the size so that none is odd",
                r"Batch size should be even",
                {"size": 1, "before": 0, "alpha": 1.0, "seed": 0},
                link="https://github.com/huggingface/pytorch-image-models/issues/1304",
                seen_in="1.0.31",
            ),
            _known.infinite_alpha_is_taken(r"took alpha inf and returned .*nan", "1.0.31"),
            *deviations,
        ),
        library="timm",
        imports=_torchvision.LINES,
    )


_TRUNCATES = Deviation(
    "integer_inputs_correct_or_loud",
    "the mixture is written back into the uint8 images, which cuts it off below the point",
    r"mixture of uint8 images, in uint8, is",
    {"size": 2, "alpha": 8.0, "seed": 0},
    seen_in="1.0.31",
)

_BROADCASTS = Deviation(
    "rejects_mismatched_batch",
    "the number of targets is not compared with the number of images: a single one is given to all",
    r"took 1 targets for 2 samples and returned",
    {"size": 2, "off": -1, "alpha": 1.0, "seed": 0},
    seen_in="1.0.31",
)

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
        imports=_torchvision.LINES,
    ),
    _mixup_adapter(
        _batch,
        Deviation(
            "smoothing_commutes_with_mixing",
            "rows of probabilities are taken for a list of N K classes, cut to whole numbers",
            r"mixed target has shape \(4, 2\), expected \(2, 2\)",
            {
                "batch": {"inputs": [[0.0, 1.0], [1.0, 0.0]], "target": [0, 1]},
                "epsilon": 0.1,
                "alpha": 1.0,
                "seed": 0,
            },
            seen_in="1.0.31",
        ),
    ),
    _mixup_adapter(_pair, _TRUNCATES, _BROADCASTS),
    _mixup_adapter(_elem, _TRUNCATES, _BROADCASTS),
)
