"""fastai: ``LabelSmoothingCrossEntropy``, the callback ``MixUp``, and ``Learner.lr_find``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import torch

from lawful.impl.contracts import Deviation, LabelSmoothing, LRFinder, Mixup, Swept
from lawful.impl.thirdparty import _known, _torchvision


def _label_smoothing(epsilon: float, **features: Any) -> Any:
    from fastai.losses import LabelSmoothingCrossEntropy

    return LabelSmoothingCrossEntropy(eps=epsilon, **features)


def _callback(alpha: float) -> Any:
    """MixUp on a Learner that is about to see a training batch."""
    from fastai.callback.mixup import MixUp
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.losses import CrossEntropyLossFlat

    callback = MixUp(alpha)
    learner = Learner(DataLoaders([], []), torch.nn.Identity(), CrossEntropyLossFlat(), cbs=callback)
    learner.training = True
    callback.before_train()
    return callback


def _mixup(alpha: float, num_classes: int) -> Callable[[Any, Any], Any]:
    callback = _callback(alpha)

    def mix(inputs: Any, target: Any) -> Any:
        callback.learn.xb, callback.learn.yb = (inputs,), (target,)
        callback.before_batch()
        return callback.learn.xb[0], (target, callback.yb1[0], callback.lam)

    return mix


def _mixup_loss(logits: Any, mixed_target: Any) -> Any:
    callback = _callback(1.0)
    own, other, callback.lam = mixed_target
    callback.yb1 = (other,)
    return callback.lf(logits, own)


def _lr_finder(
    model: Any, optimizer: Any, criterion: Any, loader: Any, *, start_lr: float, end_lr: float, num_iter: int
) -> Swept:
    import fastai.callback.schedule  # noqa: F401 (it gives Learner its lr_find)
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    loaders = DataLoaders(loader, loader, device=next(model.parameters()).device)
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(
            loaders,
            model,
            criterion,
            opt_func=lambda params, **options: OptimWrapper(opt=optimizer),
            lr=optimizer.param_groups[0]["lr"],
            path=folder,
        )
        found = learner.lr_find(start_lr=start_lr, end_lr=end_lr, num_it=num_iter, show_plot=False)
    recorder = learner.recorder
    return Swept(lrs=recorder.lrs, losses=recorder.losses, suggest=lambda: found.valley)


ADAPTERS = (
    LabelSmoothing(
        "fastai",
        _label_smoothing,
        features=frozenset({"reduction", "weight", "dense"}),
        deviations=(
            _known.masked_class_is_nan("2.8.12"),
            *_known.half_sum_overflows("2.8.12"),
            _known.any_epsilon_is_taken("2.8.12"),
            Deviation(
                "rejects_bad_target",
                "a target of -100 leaves the one-hot term (nll_loss ignores it), not the uniform one",
                r"took target \[-100, 0\] and returned",
                {
                    "batch": {"logits": [[0.0, 0.0], [0.0, 0.125]], "target": [0, 0]},
                    "bad": -100,
                    "place": 0,
                },
                link="https://github.com/pytorch/pytorch/issues/73205",
                seen_in="2.8.12",
            ),
        ),
        library="fastai",
        imports=_torchvision.LINES,
    ),
    Mixup(
        "fastai",
        _mixup,
        ranks=(4, 2, 1, 3, 5),
        declines={
            "twin": "fastai makes its own kind of tensor of each, which a tensor of the twin cannot become"
        },
        deviations=(
            Deviation(
                "odd_and_single_batches",
                "squeeze() drops the batch axis of a batch of one, whose lambda is then a scalar",
                r"IndexError: Dimension out of range",
                {"size": 1, "before": 0, "alpha": 1.0, "seed": 0},
                link="https://github.com/DBD-research-group/BirdSet/pull/274",
                seen_in="2.8.12",
            ),
            Deviation(
                "dtype_and_device_kept",
                "lambda is float32, and torch.lerp takes no weight of another dtype than the images'",
                r"for `weight` but got dtype float",
                {"size": 2, "alpha": 1.0, "seed": 0},
                dtypes=("float64", "bfloat16", "float16"),
                seen_in="2.8.12",
            ),
            _known.infinite_alpha_is_taken(r"took alpha inf and returned", "2.8.12"),
            _known.whole_alpha_is_refused(r"raised NotImplementedError", "2.8.12"),
        ),
        loss=_mixup_loss,
        library="fastai",
        imports=_torchvision.LINES,
    ),
    LRFinder(
        "fastai",
        _lr_finder,
        features=frozenset({"suggestion"}),
        documented={"smoothing": "ema_corrected", "suggestion": "valley"},
        deviations=(
            Deviation(
                "schedule_hits_both_ends",
                "step i of n runs at i/n of the range: the end is never reached",
                r"first and last rate is",
                {"losses": [1.0] * 6, "span": [1e-5, 1.0]},
                seen_in="2.8.12",
            ),
            Deviation(
                "gradients_of_before_do_not_count",
                "zero_grad comes after the step: a gradient left from before counts in the first step",
                r"gradients is 3\.125 at \[0\]",
                {"losses": [1.0] * 6},
                seen_in="2.8.12",
            ),
            Deviation(
                "restores_optimizer",
                "the learner sets one learning rate for all groups, and puts that back",
                r"what is not as it was before is optimizer",
                {"losses": [1.0] * 6, "groups": 2},
                seen_in="2.8.12",
            ),
            Deviation(
                "rejects_bad_range",
                "a negative start is not refused before the first step",
                r"before start < 0 is refused is 1",
                {"bad": "start < 0"},
                seen_in="2.8.12",
            ),
            Deviation(
                "one_batch_or_step_is_no_crash",
                "one step leaves no loss between the trimmed ends to suggest from",
                r"raised IndexError",
                {"single": "step"},
                seen_in="2.8.12",
            ),
            _known.negative_losses_stop_it(r"raised IndexError", "2.8.12"),
            _known.nan_never_stops_it("2.8.12"),
            _known.mode_or_gradients_are_left(r"is mode, grads, expected", "2.8.12"),
            _known.not_restored_after_an_error("2.8.12"),
        ),
        declines={"twin": "fastai's default_device chooses among the accelerators that it knows by name"},
        library="fastai",
        imports=_torchvision.LINES,
    ),
)
