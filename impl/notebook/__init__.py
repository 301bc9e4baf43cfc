"""The seed notebook's code in our own words, every defect kept. Do not use it: compare with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lawful.impl.contracts import Adapter, LabelSmoothing, LRFinder, Swept, Trained, Training
from lawful.impl.notebook.label_smoothing import LabelSmoothingCrossEntropyLoss
from lawful.impl.notebook.training import find_lr, train

ENDING = frozenset({"NB01", "NB02", "NB03", "NB04", "NB06", "NB10", "NB14"})
"""Those that end the notebook's ``train`` with an error, or hide what comes after: the adapter is without."""


def adapters() -> tuple[Adapter, ...]:
    """``lawful check notebook``: what the laws say of it."""
    return (
        LabelSmoothing(
            "notebook",
            _label_smoothing,
        ),
        LRFinder(
            "notebook",
            _lr_finder,
        ),
        Training(
            "notebook",
            _train,
            features=frozenset({"mix_loader", "shuffle"}),
        ),
    )


def _label_smoothing(epsilon: float, **features: Any) -> LabelSmoothingCrossEntropyLoss:
    return LabelSmoothingCrossEntropyLoss(epsilon, **features)


def _lr_finder(
    model: Any, optimizer: Any, criterion: Any, loader: Any, *, start_lr: float, end_lr: float, num_iter: int
) -> Swept:
    return Swept(*find_lr(model, criterion, optimizer, loader, start_lr, end_lr))


def _train(*parts: Any, **options: Any) -> Trained:
    from lawful.impl.notebook import ENDING
    from lawful.impl.notebook.training import ALL

    history = train(*parts, **_there(parts[0], options), defects=ALL - ENDING)
    return Trained(*([*column] for column in zip(*history, strict=True)))


def _there(model: Any, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "device": next(model.parameters()).device}


def train_with(defects: frozenset[str]) -> Callable[..., Trained]:
    """The notebook's ``train`` with these defects alone, as an adapter builds it."""

    def build(*parts: Any, **options: Any) -> Trained:
        history = train(*parts, **_there(parts[0], options), defects=defects)
        return Trained(*([*column] for column in zip(*history, strict=True)))

    return build
