"""MMPreTrain: ``LabelSmoothLoss`` and the batch augmentation ``Mixup``, which takes one-hot targets."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from lawful.impl.contracts import LabelSmoothing, Mixup


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    from mmpretrain.models.losses import LabelSmoothLoss

    return lambda logits, target: LabelSmoothLoss(epsilon, logits.shape[1], **features)(logits, target)


def _mixup(alpha: float, num_classes: int) -> Any:
    from mmpretrain.models.utils.batch_augments import Mixup as TheirMixup

    augment = TheirMixup(alpha)

    def mix(inputs: Any, target: Any) -> Any:
        rows = target if target.is_floating_point() else F.one_hot(target, num_classes)
        return augment(inputs, rows)

    return mix


ADAPTERS = (
    LabelSmoothing("mmpretrain", _label_smoothing, features=frozenset({"reduction"}), library="mmpretrain"),
    Mixup("mmpretrain", _mixup, features=frozenset({"num_classes", "soft_targets"}), library="mmpretrain"),
)
