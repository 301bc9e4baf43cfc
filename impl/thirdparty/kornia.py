"""kornia: ``kornia.augmentation.RandomMixUpV2``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from lawful.impl.contracts import Deviation, Mixup


def _mixup(alpha: float, num_classes: int) -> Callable[[Tensor, Tensor], Any]:
    """There is nothing to pass alpha to. Its third column is the partner's share."""
    from kornia.augmentation import RandomMixUpV2

    augmentation = RandomMixUpV2(data_keys=["input", "class"])

    def mix(inputs: Tensor, target: Tensor) -> Any:
        mixed, labels = augmentation(inputs, target)
        return mixed, (labels[:, 0].long(), labels[:, 1].long(), 1 - labels[:, 2])

    return mix


ADAPTERS = (
    Mixup(
        "kornia",
        _mixup,
        takes_alpha=False,
        ranks=(4,),
        deviations=(
            Deviation(
                "lambda_follows_beta",
                "lambda is uniform between the ends of lambda_val, and there is no alpha; the paper that it "
                "names draws from Beta(alpha, alpha)",
                r"share of lambdas up to .* at alpha 0\.1 \(Beta, ",
                {"alpha": 0.1, "seed": 0},
                seen_in="0.9.0",
            ),
        ),
        library="kornia",
    ),
)
