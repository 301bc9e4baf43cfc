"""Holocron (on the registry: pylocron): ``holocron.utils.data.Mixup``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Mixup
from lawful.impl.thirdparty import _known, _torchvision


def _mixup(alpha: float, num_classes: int) -> Any:
    from holocron.utils.data import Mixup as TheirMixup

    return TheirMixup(num_classes, alpha)


ADAPTERS = (
    Mixup(
        "holocron",
        _mixup,
        features=frozenset({"num_classes", "soft_targets"}),
        deviations=(_known.mixed_in_place("0.3.0"),),
        library="pylocron",
        imports=_torchvision.LINES,
    ),
)
