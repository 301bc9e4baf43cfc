"""The faults of the training loop: the seed notebook's, one at a time, and one more."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lawful.impl.contracts import Argument, Trained, Training
from lawful.impl.faulty import Fault, arguments
from lawful.impl.notebook import train_with
from lawful.impl.notebook.training import TRAIN_DEFECTS


def _mean_of_batches(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The accuracy of an epoch as the mean of its batches' accuracies."""

    def averaged(model: Any, optimizer: Any, loss_fn: Any, train: Any, val: Any, **options: Any) -> Trained:
        trained = build(model, optimizer, loss_fn, train, val, **options)
        shares = [(model(x).argmax(1) == y).float().mean().item() for x, y in val]
        epochs = len(trained.accuracy or ())
        return Trained(trained.train_loss, trained.val_loss, [sum(shares) / len(shares)] * epochs)

    return averaged


def _training_mode_once(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """``model.train()`` stands before the epochs: the first validation switches it off for good."""

    def once(model: Any, *parts: Any, **options: Any) -> Trained:
        model.train()
        switch = model.train
        model.train = lambda mode=True: model if mode else switch(False)
        return build(model, *parts, **options)

    return once


def _loss_of_batches(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The validation loss of an epoch as the mean of its batches' means."""

    def averaged(model: Any, optimizer: Any, loss_fn: Any, train: Any, val: Any, **options: Any) -> Trained:
        trained = build(model, optimizer, loss_fn, train, val, **options)
        means = [loss_fn(model(x), y).mean().item() for x, y in val]
        epochs = len(trained.val_loss or ())
        return Trained(trained.train_loss, [sum(means) / len(means)] * epochs, trained.accuracy)

    return averaged


def _whole_batches_alone(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """A batch of another size than the first one is skipped."""

    def skipping(model: Any, optimizer: Any, loss_fn: Any, train: Any, *rest: Any, **options: Any) -> Trained:
        size = len(next(iter(train))[0])
        return build(model, optimizer, loss_fn, [b for b in train if len(b[0]) == size], *rest, **options)

    return skipping


def _evaluated_in_training_mode(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """``model.eval()`` is left out."""

    def evaluated(model: Any, *parts: Any, **options: Any) -> Trained:
        switch = model.train
        model.train = lambda mode=True: switch(True)
        return build(model, *parts, **options)

    return evaluated


def _gradients_off(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """By a ten-thousandth."""

    def off(model: Any, optimizer: Any, *parts: Any, **options: Any) -> Trained:
        step = optimizer.step

        def scaled() -> None:
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.grad.mul_(1 + 1e-4)
            step()

        optimizer.step = scaled
        return build(model, optimizer, *parts, **options)

    return off


def _history_off(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """Training losses by a ten-thousandth, accuracies by a hundred-thousandth."""

    def off(*parts: Any, **options: Any) -> Trained:
        trained = build(*parts, **options)
        losses = [1.0001 * loss for loss in trained.train_loss or ()]
        return Trained(losses, trained.val_loss, [share + 1e-5 for share in trained.accuracy or ()])

    return off


def _second_loader_left_out(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def alone(*parts: Any, **options: Any) -> Trained:
        return build(*parts, **{**options, "mix_loader": None})

    return alone


def _validation_off(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def off(*parts: Any, **options: Any) -> Trained:
        trained = build(*parts, **options)
        losses = [1.0001 * loss for loss in trained.val_loss or ()]
        return Trained(trained.train_loss, losses, trained.accuracy)

    return off


def _fault(id: str, *caught_by: str, besides: tuple[str, ...] = ()) -> Fault:
    adapter = Training(id, train_with(frozenset({id, *besides})), features=Training.known_features)
    return Fault(id, TRAIN_DEFECTS[id], "the seed notebook", adapter, caught_by)


def _checked(*parts: Any, alpha: float = 0.4, **options: Any) -> Trained:
    if not 0.0 <= alpha < math.inf:
        raise ValueError(f"alpha is {alpha}, expected a finite number from 0")
    trained: Trained = train_with(frozenset())(*parts, alpha=max(alpha, 1e-6), **options)
    return trained


FAULTS = (
    # the last validation output can be learned from only where validation builds a graph
    _fault("NB07", "uses_this_batch_output", besides=("NB16",)),
    _fault("NB08", "step_gradient_matches_mixed_loss"),
    _fault("NB09", "step_gradient_matches_mixed_loss"),
    _fault("NB13", "unequal_loaders_are_safe"),
    # all of the data set is seen, unless zip drops its tail
    _fault("NB15", "epoch_loss_is_sample_weighted", besides=("NB13",)),
    _fault("NB16", "evaluation_changes_nothing"),
    Fault(
        "XT01",
        "the mean of the batches' accuracies is called accuracy",
        "plausible, no public report known",
        Training("XT01", _mean_of_batches(train_with(frozenset())), features=Training.known_features),
        ("accuracy_is_exact",),
    ),
    Fault(
        "XT02",
        "training mode is switched on once, before the epochs, and the first validation ends it",
        "plausible, no public report known",
        Training("XT02", _training_mode_once(train_with(frozenset())), features=Training.known_features),
        ("trains_in_training_mode",),
    ),
    Fault(
        "XT03",
        "the mean of the batches' mean losses is called validation loss",
        "plausible, no public report known",
        Training("XT03", _loss_of_batches(train_with(frozenset())), features=Training.known_features),
        ("accuracy_is_exact",),
    ),
    Fault(
        "XT04",
        "a batch of another size than the first one is skipped",
        "plausible, no public report known",
        Training("XT04", _whole_batches_alone(train_with(frozenset())), features=Training.known_features),
        ("unequal_loaders_are_safe",),
    ),
    Fault(
        "XT05",
        "validation runs in training mode",
        "plausible, no public report known",
        Training(
            "XT05", _evaluated_in_training_mode(train_with(frozenset())), features=Training.known_features
        ),
        ("evaluation_changes_nothing",),
    ),
    Fault(
        "XT06",
        "gradients are off by a ten-thousandth",
        "plausible, no public report known",
        Training("XT06", _gradients_off(train_with(frozenset())), features=Training.known_features),
        ("step_gradient_matches_mixed_loss",),
    ),
    Fault(
        "XT07",
        "training losses are off by a ten-thousandth, and accuracies by a hundred-thousandth",
        "plausible, no public report known",
        Training("XT07", _history_off(train_with(frozenset())), features=Training.known_features),
        ("epoch_loss_is_sample_weighted", "accuracy_is_exact"),
    ),
    Fault(
        "XT08",
        "the validation loss is off by a ten-thousandth",
        "plausible, no public report known",
        Training("XT08", _validation_off(train_with(frozenset())), features=Training.known_features),
        ("accuracy_is_exact",),
    ),
    Fault(
        "XT09",
        "the second loader is taken, and the batch mixed with a shuffle of itself",
        "plausible, no public report known",
        Training("XT09", _second_loader_left_out(train_with(frozenset())), features=Training.known_features),
        ("unequal_loaders_are_safe",),
    ),
    *arguments.faults_of(
        Training("right", _checked, features=Training.known_features),
        "XTA{}",
        "alpha",
        Argument(0.4, low=0.0, without=(math.inf,)),
        0.8,
        0.0,
        -1.0,
    ),
)
