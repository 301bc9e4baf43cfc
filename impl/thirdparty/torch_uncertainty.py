"""torch-uncertainty: ``torch_uncertainty.transforms.Mixup``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Mixup
from lawful.impl.thirdparty import _torchvision


def _mixup(alpha: float, num_classes: int) -> Any:
    from torch_uncertainty.transforms import Mixup as TheirMixup

    return TheirMixup(alpha=alpha, num_classes=num_classes)


ADAPTERS = (
    Mixup(
        "torch_uncertainty",
        _mixup,
        features=frozenset({"num_classes"}),
        library="torch-uncertainty",
        imports=_torchvision.LINES,
    ),
)
