"""torchaug: ``torchaug.transforms.MixUp``."""

from __future__ import annotations

from typing import Any

from lawful.impl.contracts import Mixup
from lawful.impl.thirdparty import _torchvision


def _mixup(alpha: float, num_classes: int) -> Any:
    from torchaug.transforms import MixUp

    return MixUp(alpha=alpha, num_classes=num_classes)


ADAPTERS = (
    Mixup(
        "torchaug",
        _mixup,
        features=frozenset({"num_classes"}),
        ranks=(4,),
        library="torchaug",
        imports=_torchvision.LINES,
    ),
)
