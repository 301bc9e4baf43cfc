"""MONAI: ``monai.transforms.MixUp`` and ``monai.optimizers.LearningRateFinder``.

The transform is for one batch size and draws from a NumPy generator of its own, seeded here from
Python's as one would who wants runs to repeat. It mixes label maps: classes go in as maps of one pixel.
"""

from __future__ import annotations

import random
from typing import Any

import torch.nn.functional as F

from lawful.impl.contracts import LRFinder, Mixup, Swept


def _mixup(alpha: float, num_classes: int) -> Any:
    from monai.transforms import MixUp

    seed, made = random.getrandbits(31), {}

    def mix(inputs: Any, target: Any) -> Any:
        size = len(inputs)
        if size not in made:
            made[size] = MixUp(size, alpha).set_random_state(seed)
        rows = target if target.is_floating_point() else F.one_hot(target, num_classes).to(inputs.dtype)
        mixed, maps = made[size](inputs, rows[:, :, None, None])
        return mixed, maps[:, :, 0, 0]

    return mix


def _lr_finder(
    model: Any, optimizer: Any, criterion: Any, loader: Any, *, start_lr: float, end_lr: float, num_iter: int
) -> Swept:
    from monai.optimizers import LearningRateFinder

    finder = LearningRateFinder(model, optimizer, criterion, verbose=False)
    finder.range_test(loader, start_lr=start_lr, end_lr=end_lr, num_iter=num_iter)
    history = finder.history
    return Swept(history["lr"], history["loss"], suggest=lambda: finder.get_steepest_gradient()[0])


ADAPTERS = (
    Mixup(
        "monai", _mixup, features=frozenset({"num_classes", "soft_targets"}), ranks=(4, 5), library="monai"
    ),
    LRFinder("monai", _lr_finder, features=frozenset({"suggestion"}), least_steps=2, library="monai"),
)
