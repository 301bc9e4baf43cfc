"""Ours by its other doors and in its other options, for ``make mutants`` and the tests.

``lawful matrix`` asks ours as most people call it; what is here gives the same numbers on another way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from lawful.impl import native
from lawful.impl.contracts import Adapter, LabelSmoothing, LRFinder, Swept, Trained, Training
from lawful.impl.contracts import Mixup as MixupAdapter

_NAMED = {"errors": "named"}


def adapters() -> tuple[Adapter, ...]:
    """Each holds what its plainer sister holds."""
    plain = {(each.technique, each.name): each for each in native.adapters()}
    said = {technique: plain[technique, "native"].arguments for technique, _ in plain}
    folded = {"lambda": "folded", "lambda_scope": "sample", "pairing": "permutation", **_NAMED}
    folded["integers"] = "refused"
    swept = {
        "smoothing": "none",
        "restores": "automatically",
        "random_state": "restored",
        "batches": "moved",
        "groups": "ratio",
        "no_fall": "none",
        "loader": "iterable",
        "judged": "ema_corrected",
        **_NAMED,
    }
    without = MixupAdapter.usual_features - {"eval_mode"}
    of_targets = frozenset({"places", "values"})
    return (
        LabelSmoothing(
            "native_function",
            _loss_function,
            features=LabelSmoothing.known_features - {"multilabel"},
            documented={
                "off_target": "uniform",
                "ignored_mean": "kept",
                "all_ignored": "nan",
                "waits": "0",
                **_NAMED,
            },
            arguments=said["label_smoothing"],
        ),
        MixupAdapter(
            "native_function",
            _mixup_function,
            features=MixupAdapter.known_features - {"eval_mode"},
            documented=folded,
            loss=_summed,
            accuracy=_share_of_right,
            arguments=said["mixup"],
        ),
        MixupAdapter(
            "native_collate",
            _collated,
            features=MixupAdapter.known_features - {"several_inputs", "masks"},
            documented=folded,
            ranks=(3, 2, 1, 4, 5),
            loss=_one_by_one,
            accuracy=_mean_of_right,
        ),
        MixupAdapter(
            "native_in_place", _in_place, features=without | of_targets, documented=folded, loss=_summed
        ),
        MixupAdapter(
            "native_in_place_second",
            lambda alpha, num_classes: _in_place(alpha, num_classes, beside_another=True),
            features=(without | of_targets) - {"generator"},
            documented=folded,
            loss=_summed,
            accuracy=_share_of_right,
        ),
        MixupAdapter(
            "native_pair_second",
            _second_pair,
            features=(without | of_targets) - {"generator", "num_classes"},
            documented={"lambda": "beta", "lambda_scope": "batch", "pairing": "permutation", **_NAMED},
            loss=_one_by_one,
            accuracy=_mean_of_right,
        ),
        LRFinder(
            "native_minimum",
            _suggesting("minimum", compute_loss=True),
            features=LRFinder.known_features - {"several_rules"},
            documented={**swept, "suggestion": "minimum"},
        ),
        LRFinder(
            "native_valley",
            _suggesting("valley", mixed_precision=True),
            features=LRFinder.known_features - {"several_rules"},
            declines={"twin": "autocast has no kernels there"},
            documented={**swept, "suggestion": "valley"},
        ),
        Training(
            "native_on_a_device",
            _on_a_device,
            features=Training.known_features,
            documented={"lambda": "folded", "mode": "train", "batches": "moved", "waits": "0", **_NAMED},
            arguments=said["training"],
        ),
    )


def _loss_function(*epsilon: float, **features: Any) -> Callable[..., Any]:
    if epsilon:
        features["epsilon"] = epsilon[0]
    return lambda logits, target, **more: native.label_smoothed_cross_entropy(
        logits, target, **features, **more
    )


def _mixup_function(*given: Any, **features: Any) -> Callable[..., Any]:
    features = {**dict(zip(("alpha", "num_classes"), given, strict=False)), **features}
    return lambda inputs, target: native.mixup(inputs, target, **features)


class _Collated(torch.nn.Module):
    """Samples one by one, as a DataLoader hands them over."""

    def __init__(self, *options: Any, **features: Any) -> None:
        super().__init__()
        self.mix = native.Mixup(*options, **features)

    def forward(self, inputs: torch.Tensor, target: torch.Tensor) -> Any:
        if len(inputs) != len(target):
            raise ValueError(f"target has {len(target)} samples, expected {len(inputs)}")
        return self.mix.collate(list(zip(inputs, target, strict=True)))


def _collated(*options: Any, **features: Any) -> _Collated:
    return _Collated(*options, **features)


def _in_place(
    alpha: float, num_classes: int, *, beside_another: bool = False, **features: Any
) -> Callable[..., Any]:
    """``beside_another``: partners are a second batch, the same samples in another order."""
    mix = native.Mixup(alpha, num_classes, inplace=True, promote=torch.float32, **features)

    def of_a_copy(inputs: torch.Tensor, target: torch.Tensor) -> Any:
        own, second = inputs.clone(), None
        if beside_another:
            order = torch.randperm(min(len(inputs), len(target)))
            second = (inputs[order], target[order])
        mixed, mixed_target = mix(own, target, second)
        if alpha and mixed.data_ptr() != own.data_ptr():
            raise AssertionError("inplace is True, and the mixture lies elsewhere")
        return mixed, mixed_target

    return of_a_copy


def _second_pair(alpha: float, num_classes: int) -> Callable[..., Any]:
    def mixed_with_a_shuffle(inputs: torch.Tensor, target: torch.Tensor) -> Any:
        order = torch.randperm(min(len(inputs), len(target)))
        options: dict[str, Any] = {"alpha": alpha, "scope": "batch", "fold": False}
        mixed, mixed_target = native.mixup(inputs, target, second=(inputs[order], target[order]), **options)
        if isinstance(mixed_target, torch.Tensor) != target.is_floating_point():
            raise AssertionError(f"targets of {target.dtype} give a {type(mixed_target).__name__}")
        return mixed, mixed_target

    return mixed_with_a_shuffle


def _summed(logits: torch.Tensor, mixed_target: Any) -> torch.Tensor:
    losses = native.mixup_loss(_per_sample, logits, mixed_target, reduction="sum")
    return losses * logits.shape[1] / logits.numel()


def _one_by_one(logits: torch.Tensor, mixed_target: Any) -> torch.Tensor:
    return native.mixup_loss(_per_sample, logits, mixed_target, reduction="none").mean()


def _share_of_right(logits: torch.Tensor, mixed_target: Any) -> torch.Tensor:
    return native.mixup_accuracy(logits, mixed_target, reduction="sum") / len(logits)


def _mean_of_right(logits: torch.Tensor, mixed_target: Any) -> torch.Tensor:
    return native.mixup_accuracy(logits, mixed_target, reduction="none").mean()


def _per_sample(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, target, reduction="none")


class _Dicts:
    """The loader's batches as dicts."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        for inputs, target in self.loader:
            yield {"inputs": [inputs], "target": target}

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


def _suggesting(
    method: Any, *, compute_loss: bool = False, mixed_precision: bool = False
) -> Callable[..., Swept]:
    def build(model: Any, optimizer: Any, criterion: Any, loader: Any, **options: Any) -> Swept:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=3)
        scaling = scaler.state_dict()
        if mixed_precision:
            options |= {"scaler": scaler, "autocast": torch.bfloat16}
        given, batches = criterion, loader
        if compute_loss:
            options.setdefault("smoothing", 0.0)
            options["compute_loss"] = lambda model, b: criterion(model(b["inputs"][0]), b["target"])
            given, batches = None, _Dicts(loader)
            if "val_loader" in options:
                options["val_loader"] = _Dicts(options["val_loader"])
        test = native.lr_range_test(model, optimizer, given, batches, **options)
        ended = len(test.lrs) == test.num_iter
        if not test.stopped_early and not ended:
            raise AssertionError(f"not stopped early, and {len(test.lrs)} of {test.num_iter} steps")
        if test.stopped_early and ended and test.smoothed[-1] < max(test.smoothed):
            raise AssertionError(
                f"stopped early after {test.num_iter} steps of which the last is not the worst"
            )
        if scaler.state_dict() != scaling:
            raise AssertionError(f"the scaler was {scaling}, and is {scaler.state_dict()}")

        def plot() -> Any:
            from matplotlib import pyplot

            ax = test.plot(method=method)
            pyplot.close(ax.figure)
            return ax

        def suggest() -> float | None:
            repr(test)
            with contextlib.suppress(ValueError):
                raise AssertionError(f"a rule of no name suggests {test.suggest('steep')}")  # type: ignore[arg-type]
            ends = slice(2, -3)
            inner = replace(test, lrs=test.lrs[ends], losses=test.losses[ends], smoothed=test.smoothed[ends])
            if len(inner.lrs) < 2:
                inner = test  # unless fewer than 2 would be left
            skipping = test.suggest(method, skip_start=2, skip_end=3)
            if skipping != inner.suggest(method):
                raise AssertionError(
                    f"with skip_start=2, skip_end=3 it is {skipping}, of those {inner.suggest(method)}"
                )
            return test.suggest(method)

        return Swept(
            test.lrs,
            test.losses,
            suggest=suggest,
            plot=plot,
            spread=test.spread,
            suggest_groups=lambda: test.suggest_groups(method),
            explain=lambda: test.explain(method),
        )

    return build


def _on_a_device(
    model: Any, optimizer: Any, loss_fn: Any, train_loader: Any, val_loader: Any, **options: Any
) -> Trained:
    """On a device that is named; evaluated by itself, as the learning rate is 0; with a generator."""
    place = next(model.parameters()).device
    loss, accuracy = native.evaluate(model, loss_fn, val_loader, device=place)
    again = native.evaluate(model, loss_fn, val_loader)
    if again != (loss, accuracy):
        raise AssertionError(f"evaluated again it is {again}, before {(loss, accuracy)}")
    if place.type == "cpu":
        options["generator"] = torch.Generator().manual_seed(int(torch.randint(2**31, (1,))))
    history = native.train(model, optimizer, loss_fn, train_loader, val_loader, device=place, **options)
    losses = [epoch.train_loss for epoch in history]
    return Trained(losses, [loss] * len(losses), [accuracy] * len(losses))
