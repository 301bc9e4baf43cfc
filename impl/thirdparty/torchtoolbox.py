"""torchtoolbox: ``LabelSmoothingLoss``, ``mixup_data`` and ``mixup_criterion``."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from lawful.impl.contracts import LabelSmoothing, Mixup
from lawful.impl.thirdparty import _torchvision


def _label_smoothing(epsilon: float) -> Any:
    from torchtoolbox.nn import LabelSmoothingLoss

    return lambda logits, target: LabelSmoothingLoss(logits.shape[1], epsilon)(logits, target)


def _mixup(alpha: float, num_classes: int) -> Any:
    from torchtoolbox.tools import mixup_data

    return lambda inputs, target: mixup_data(inputs, target, alpha)


def _mixup_loss(logits: Any, mixed_target: Any) -> Any:
    from torchtoolbox.tools import mixup_criterion

    return mixup_criterion(F.cross_entropy, logits, *mixed_target)


ADAPTERS = (
    LabelSmoothing("torchtoolbox", _label_smoothing, library="torchtoolbox", imports=_torchvision.LINES),
    Mixup("torchtoolbox", _mixup, loss=_mixup_loss, library="torchtoolbox", imports=_torchvision.LINES),
)
