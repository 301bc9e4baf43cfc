"""torchbearer: the callbacks ``Mixup`` and ``LabelSmoothingRegularisation``, asked as a Trial asks them.

The smoothed targets go to F.cross_entropy, as torchbearer has no loss of its own for them.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from lawful.impl.contracts import LabelSmoothing, Mixup


def _label_smoothing(epsilon: float) -> Any:
    import torchbearer
    from torchbearer.callbacks import LabelSmoothingRegularisation

    def loss(logits: Any, target: Any) -> Any:
        state = {torchbearer.TARGET: target}
        LabelSmoothingRegularisation(epsilon, logits.shape[1]).on_sample(state)
        return F.cross_entropy(logits, state[torchbearer.TARGET].to(logits.dtype))

    return loss


def _mixup(alpha: float, num_classes: int) -> Any:
    import torchbearer
    from torchbearer.callbacks import Mixup as Callback

    callback = Callback(alpha)

    def mix(inputs: Any, target: Any) -> Any:
        state = {torchbearer.X: inputs, torchbearer.Y_TRUE: target}
        callback.on_sample(state)
        return state[torchbearer.X], (*state[torchbearer.Y_TRUE], state[torchbearer.MIXUP_LAMBDA])

    return mix


def _mixup_loss(logits: Any, mixed_target: Any) -> Any:
    import torchbearer
    from torchbearer.callbacks import Mixup as Callback

    own, other, lam = mixed_target
    state = {torchbearer.Y_PRED: logits, torchbearer.Y_TRUE: (own, other), torchbearer.MIXUP_LAMBDA: lam}
    return Callback.mixup_loss({**state, torchbearer.DATA: torchbearer.TRAIN_DATA})


ADAPTERS = (
    LabelSmoothing("torchbearer", _label_smoothing, library="torchbearer"),
    Mixup("torchbearer", _mixup, loss=_mixup_loss, library="torchbearer"),
)
