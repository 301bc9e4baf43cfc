"""Ours: fast PyTorch implementations for the CPU and CUDA, written without a look at the reference."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from lawful.impl.contracts import Adapter, Argument, LabelSmoothing, LRFinder, Swept, Trained, Training
from lawful.impl.contracts import Mixup as MixupAdapter
from lawful.impl.native.curve import METHODS, RangeTest
from lawful.impl.native.label_smoothing import (
    LabelSmoothedCrossEntropy,
    label_smoothed_cross_entropy,
    smoothed_multilabel,
)
from lawful.impl.native.lr_finder import lr_range_test
from lawful.impl.native.mixed_target import MixedTarget, mixup_accuracy, mixup_loss
from lawful.impl.native.mixup import Mixup, mixup
from lawful.impl.native.training import Epoch, evaluate, train

__all__ = [
    "Epoch",
    "LabelSmoothedCrossEntropy",
    "MixedTarget",
    "Mixup",
    "RangeTest",
    "adapters",
    "evaluate",
    "label_smoothed_cross_entropy",
    "lr_range_test",
    "mixup",
    "mixup_accuracy",
    "mixup_loss",
    "smoothed_multilabel",
    "train",
]


_EVERY_WAY = {
    "vmap": "works",
    "autocast": "works",
    "inference_mode": "works",
    "deterministic": "works",
    "pickle": "works",
    "compile": "full",
    "export": "works",
}


_NUMBER = (math.inf,)
_LOSS = {
    "epsilon": Argument(0.1, low=0.0, high=1.0),
    "reduction": Argument("mean", values=("mean", "sum", "none")),
    "off_target": Argument("uniform", values=("uniform", "others")),
    "ignore_index": Argument(-100, whole=True),
    "dim": Argument(1, values=(1, -1)),
    "check_target": Argument(False, values=(False, True)),
}
_MIXUP = {
    "alpha": Argument(0.4, low=0.0, without=_NUMBER),
    "num_classes": Argument(None, low=1, whole=True),
    "targets": Argument(None, values=("soft", "pair", None)),
    "scope": Argument("sample", values=("sample", "batch")),
    "fold": Argument(True, values=(True, False)),
    "inplace": Argument(False, values=(False, True)),
}
_FINDER = {
    "start_lr": Argument(1e-7, low=0.0, without=(0.0, *_NUMBER)),
    "end_lr": Argument(10.0, low=0.0, without=(0.0, *_NUMBER)),
    "num_iter": Argument(100, low=2, whole=True),
    "schedule": Argument("geometric", values=("geometric", "linear")),
    "smoothing": Argument(0.9, low=0.0, high=1.0, without=(1.0,)),
    "divergence": Argument(4.0, low=1.0, without=(1.0,)),
    "groups": Argument("ratio", values=("ratio", "one")),
    "accumulate": Argument(1, low=1, whole=True),
    "clip_grad_norm": Argument(None, low=0.0, without=(0.0,)),
    "sweeps": Argument(1, low=1, whole=True),
    "progress": Argument(None, values=(None, False, True)),
}
_TRAINING = {
    "alpha": Argument(0.4, low=0.0, without=_NUMBER),
    "epochs": Argument(20, low=1, whole=True),
    "progress": Argument(None, values=(None, False, True)),
}


def _without(arguments: dict[str, Argument], *names: str) -> dict[str, Argument]:
    """Those that an adapter leaves to the caller."""
    return {name: argument for name, argument in arguments.items() if name not in names}


def adapters() -> tuple[Adapter, ...]:
    """Adapters of our implementations, with which ``lawful`` tests them."""
    return (
        LabelSmoothing(
            "native",
            _uniform,
            features=LabelSmoothing.known_features,
            documented={
                "off_target": "uniform",
                "ignored_mean": "kept",
                "waits": "0",
                "all_ignored": "nan",
                "multilabel": "outcomes",
                "errors": "named",
                "refused": "when_built",
                **_EVERY_WAY,
                "func_grad": "works",
                "double_backward": "works",
            },
            arguments=_LOSS,
        ),
        LabelSmoothing(
            "native_others",
            _others,
            features=LabelSmoothing.known_features,
            documented={
                "off_target": "others",
                "ignored_mean": "kept",
                "all_ignored": "nan",
                "targets_checked": "on_any_device",
                "multilabel": "classes",
                "masked_target": "left_out",
                "errors": "named",
                "refused": "when_built",
            },
            arguments=_without(_LOSS, "off_target", "check_target"),
        ),
        MixupAdapter(
            "native",
            _soft,
            features=MixupAdapter.known_features,
            documented={
                "lambda": "folded",
                "waits": "0",
                "lambda_scope": "sample",
                "pairing": "permutation",
                "integers": "refused",
                "errors": "named",
                "refused": "when_built",
                **_EVERY_WAY,
            },
            ranks=(4, 2, 3, 1, 5),
            loss=_loss,
            accuracy=mixup_accuracy,
            arguments=_MIXUP,
        ),
        MixupAdapter(
            "native_pair",
            _pair,
            features=MixupAdapter.known_features,
            documented={
                "lambda": "beta",
                "waits": "0",
                "lambda_scope": "batch",
                "pairing": "permutation",
                "integers": "refused",
                "errors": "named",
            },
            ranks=(2, 1, 3, 4, 5),
            loss=_loss,
            accuracy=mixup_accuracy,
            arguments=_without(_MIXUP, "targets", "scope", "fold"),
        ),
        MixupAdapter(
            "native_second",
            _second_batch,
            features=MixupAdapter.known_features - {"generator", "several_inputs", "masks"},
            documented={
                "lambda": "folded",
                "waits": "0",
                "lambda_scope": "sample",
                "pairing": "permutation",
                "integers": "mixed",
                "errors": "named",
            },
            ranks=(2, 1, 3, 4, 5),
            loss=_loss,
            accuracy=mixup_accuracy,
            arguments=_without(_MIXUP, "targets", "scope", "fold", "inplace"),
        ),
        LRFinder(
            "native",
            _lr_finder,
            features=LRFinder.known_features - {"val_loader"},
            documented={
                "smoothing": "none",
                "restores": "automatically",
                "random_state": "restored",
                "batches": "moved",
                "groups": "ratio",
                "no_fall": "none",
                "loader": "iterable",
                "judged": "ema_corrected",
                "waits": "1",
                "suggestion": "steepest",
                "slope": "fitted",
                "errors": "named",
            },
            arguments=_FINDER,
        ),
        LRFinder(
            "native_linear",
            _linear,
            features=LRFinder.known_features,
            documented={
                "smoothing": "none",
                "restores": "automatically",
                "random_state": "restored",
                "suggestion": "steepest",
                "slope": "fitted",
                "batches": "moved",
                "groups": "ratio",
                "no_fall": "none",
                "loader": "iterable",
                "judged": "ema_corrected",
                "errors": "named",
            },
            arguments=_without(_FINDER, "schedule"),
            linear=True,
        ),
        LRFinder(
            "native_accumulate",
            _accumulating,
            features=LRFinder.known_features - {"val_loader", "clip_grad_norm", "sweeps"},
            documented={
                "smoothing": "none",
                "restores": "automatically",
                "random_state": "restored",
                "batches": "moved",
                "groups": "one",
                "no_fall": "none",
                "loader": "iterable",
                "judged": "ema_corrected",
                "suggestion": "steepest",
                "slope": "fitted",
                "errors": "named",
            },
            arguments=_without(_FINDER, "groups", "accumulate"),
        ),
        Training(
            "native",
            _training,
            features=Training.known_features,
            documented={
                "lambda": "folded",
                "mode": "train",
                "batches": "moved",
                "waits": "0",
                "errors": "named",
            },
            arguments=_TRAINING,
        ),
    )


def _uniform(*epsilon: float, multilabel: bool = False, **features: Any) -> Any:
    if multilabel:
        return _of_several("outcomes", *epsilon)
    return LabelSmoothedCrossEntropy(*epsilon, **features)


def _of_several(spread: Any, epsilon: float = 0.1) -> Callable[..., Any]:
    def loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        smoothed = smoothed_multilabel(target, epsilon=epsilon, spread=spread)
        return F.binary_cross_entropy_with_logits(logits, smoothed)

    return loss


def _others(*epsilon: float, multilabel: bool = False, **features: Any) -> Any:
    if multilabel:
        return _of_several("classes", *epsilon)
    return LabelSmoothedCrossEntropy(*epsilon, off_target="others", check_target=True, **features)


def _soft(*options: Any, **features: Any) -> Mixup:
    return Mixup(*options, **features)


def _pair(*options: Any, **features: Any) -> Mixup:
    return Mixup(*options, targets="pair", scope="batch", fold=False, **features)


class _SecondBatch(torch.nn.Module):
    """Partners from a second batch, the same samples in another order; whole numbers are promoted."""

    def __init__(self, *options: Any, **features: Any) -> None:
        super().__init__()
        self.mix = Mixup(*options, promote=torch.float64, **features)

    def forward(self, inputs: torch.Tensor, target: torch.Tensor) -> Any:
        order = torch.randperm(min(len(inputs), len(target)), device=inputs.device)
        return self.mix(inputs, target, second=(inputs[order], target[order]))


def _second_batch(*options: Any, **features: Any) -> _SecondBatch:
    return _SecondBatch(*options, **features)


def _training(*parts: Any, **options: Any) -> Trained:
    history = train(*parts, **options)
    return Trained(
        [epoch.train_loss for epoch in history],
        [epoch.val_loss for epoch in history],
        [epoch.accuracy for epoch in history],
    )


def _lr_finder(*parts: Any, **options: Any) -> Swept:
    return _swept(lr_range_test(*parts, **options))


def _linear(*parts: Any, **options: Any) -> Swept:
    return _swept(lr_range_test(*parts, schedule="linear", **options))


def _swept(test: RangeTest) -> Swept:
    def plot(method: Any = "steepest") -> Any:
        from matplotlib.figure import Figure

        ax = Figure().subplots()
        test.plot(ax, method=method)
        return ax

    return Swept(
        test.lrs,
        test.losses,
        suggest=test.suggest,
        plot=plot,
        spread=test.spread,
        suggest_groups=test.suggest_groups,
        explain=test.explain,
        rules={name: partial(test.suggest, name) for name in METHODS},
        plot_rules=lambda: plot(METHODS),
    )


def _accumulating(model: Any, optimizer: Any, criterion: Any, loader: Any, **options: Any) -> Swept:
    """Two batches a step, which cost the same: the script's loss is one a step."""
    values: list[float] = []

    def each_twice(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if not values:
            loss: torch.Tensor = criterion(output, target)
            values.append(float(loss))
            return loss
        return (output - output.detach()).mean() + values.pop()

    test = lr_range_test(model, optimizer, each_twice, loader, accumulate=2, groups="one", **options)
    return _swept(test)


def _loss(logits: torch.Tensor, mixed_target: torch.Tensor | MixedTarget) -> torch.Tensor:
    return mixup_loss(lambda z, y: F.cross_entropy(z, y, reduction="none"), logits, mixed_target)
