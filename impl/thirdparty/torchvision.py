"""torchvision: ``torchvision.transforms.v2.MixUp``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Mixup
from lawful.impl.thirdparty import _known, _torchvision


def _mixup(alpha: float, num_classes: int) -> Any:
    from torchvision.transforms.v2 import MixUp

    return MixUp(alpha=alpha, num_classes=num_classes)


ADAPTERS = (
    Mixup(
        "torchvision",
        _mixup,
        features=frozenset({"num_classes", "soft_targets"}),
        ranks=(4,),
        deviations=(
            _known.infinite_alpha_is_taken(r"took alpha inf and returned", "0.28.0"),
            _known.whole_alpha_is_refused(r"raised NotImplementedError", "0.28.0"),
        ),
        library="torchvision",
        imports=_torchvision.LINES,
    ),
)
