"""Catalyst: ``catalyst.utils.mixup_batch``, of inputs and one-hot targets."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from lawful.impl.contracts import Mixup


def _mixup(alpha: float, num_classes: int) -> Any:
    from catalyst.utils import mixup_batch

    def mix(inputs: Any, target: Any) -> Any:
        rows = target if target.is_floating_point() else F.one_hot(target, num_classes).to(inputs.dtype)
        mixed, labels = mixup_batch([inputs, rows], alpha)
        return mixed, labels

    return mix


ADAPTERS = (
    Mixup("catalyst", _mixup, features=frozenset({"num_classes", "soft_targets"}), library="catalyst"),
)
