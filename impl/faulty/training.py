"""The faults of the training loop: the seed notebook's, one at a time, and one more."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from lawful.impl.contracts import Argument, Trained, Training
from lawful.impl.faulty import Fault, arguments, recorded
from lawful.impl.notebook import train_with
from lawful.impl.notebook.training import TRAIN_DEFECTS

_PLAUSIBLE = "plausible, no public report known"
Way = TypeVar("Way", bound=Callable[[Callable[..., Trained]], Callable[..., Trained]])


def _loop(*defects: str) -> Callable[..., Trained]:
    """The notebook's ``train`` with these defects alone, a scheduler, and refusals of what it cannot do."""
    build = train_with(frozenset(defects))

    def looped(
        model: Any, optimizer: Any, loss_fn: Any, train: Any, val: Any, scheduler: Any = None, **options: Any
    ) -> Trained:
        for name, loader in {"train": train, "val": val, "mix": options.get("mix_loader")}.items():
            if loader is not None and len(loader) == 0:
                raise ValueError(f"{name}_loader is empty, expected at least one batch")

        def each(logits: Any, target: Any) -> Any:
            losses = loss_fn(logits, target)
            if losses.ndim == 0:
                raise ValueError("loss_fn gave a scalar, expected a loss for each sample")
            return losses

        step = optimizer.step

        def and_schedule() -> None:
            step()
            scheduler.step()

        if scheduler is not None:
            optimizer.step = and_schedule
        return build(model, optimizer, each, train, val, **options)

    return looped


def _progressing(*parts: Any, progress: bool | None = None, **options: Any) -> Trained:
    if progress:
        print(f"{options['epochs']}/{options['epochs']}", file=sys.stderr)
    return _loop()(*parts, **options)


def _checked(*parts: Any, alpha: float = 0.4, **options: Any) -> Trained:
    if not 0.0 <= alpha < math.inf:
        raise ValueError(f"alpha is {alpha}, expected a finite number from 0")
    trained: Trained = _loop()(*parts, alpha=max(alpha, 1e-6), **options)
    return trained


def fault(
    id: str, statement: str, *caught_by: str, device: str = "cpu", change: str = "", **documented: str
) -> Callable[[Way], Way]:
    """Records what is wrong with the loop that the function below makes of a right one. ``documented``: what
    it says of itself."""

    def record(way: Way) -> Way:
        adapter = Training(id, way(_loop()), features=Training.known_features, documented=documented)
        found = Fault(id, statement, _PLAUSIBLE, adapter, caught_by, device, way, change)
        way.fault = found  # type: ignore[attr-defined]
        return way

    return record


def _of_the_notebook(id: str, *caught_by: str, besides: tuple[str, ...] = ()) -> Fault:
    """Switched on in the notebook's own loop."""
    adapter = Training(id, _loop(id, *besides), features=Training.known_features)
    return Fault(id, TRAIN_DEFECTS[id], "the seed notebook", adapter, caught_by)


_NOTEBOOK = (
    # the last validation output can be learned from only where validation builds a graph
    _of_the_notebook("NB07", "uses_this_batch_output", besides=("NB16",)),
    _of_the_notebook("NB08", "step_gradient_matches_mixed_loss"),
    _of_the_notebook("NB09", "step_gradient_matches_mixed_loss"),
    _of_the_notebook("NB13", "unequal_loaders_are_safe"),
    # all of the data set is seen, unless zip drops its tail
    _of_the_notebook("NB15", "epoch_loss_is_sample_weighted", besides=("NB13",)),
    _of_the_notebook("NB16", "evaluation_changes_nothing"),
)


@fault("XT01", "the mean of the batches' accuracies is called accuracy", "accuracy_is_exact")
def _mean_of_batches(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The accuracy of an epoch as the mean of its batches' accuracies."""

    def averaged(model: Any, optimizer: Any, loss_fn: Any, train: Any, val: Any, **options: Any) -> Trained:
        trained = build(model, optimizer, loss_fn, train, val, **options)
        shares = [(model(x).argmax(1) == y).float().mean().item() for x, y in val]
        epochs = len(trained.accuracy or ())
        return Trained(trained.train_loss, trained.val_loss, [sum(shares) / len(shares)] * epochs)

    return averaged


@fault(
    "XT02",
    "training mode is switched on once, before the epochs, and the first validation ends it",
    "trains_in_training_mode",
)
def _training_mode_once(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """``model.train()`` stands before the epochs: the first validation switches it off for good."""

    def once(model: Any, *parts: Any, **options: Any) -> Trained:
        model.train()
        switch = model.train
        model.train = lambda mode=True: model if mode else switch(False)
        return build(model, *parts, **options)

    return once


@fault(
    "XT03",
    "the mean of the batches' mean losses is called validation loss",
    "validation_loss_is_sample_weighted",
    change="Add up loss.item() * len(x), and divide by the number of samples.",
)
def _loss_of_batches(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The validation loss of an epoch as the mean of its batches' means."""

    def averaged(model: Any, optimizer: Any, loss_fn: Any, train: Any, val: Any, **options: Any) -> Trained:
        trained = build(model, optimizer, loss_fn, train, val, **options)
        with torch.no_grad():
            means = [loss_fn(model(x), y).mean().item() for x, y in val]
        epochs = len(trained.val_loss or ())
        return Trained(trained.train_loss, [sum(means) / len(means)] * epochs, trained.accuracy)

    return averaged


@fault(
    "XT17",
    "the mean of the batches' mean losses is called training loss",
    "epoch_loss_is_sample_weighted",
    change="Add up loss.item() * len(x), and divide by the number of samples.",
)
def _training_loss_of_batches(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The training losses of the epochs as means of their batches' means; nothing else is kept."""

    def averaged(model: Any, optimizer: Any, loss_fn: Any, *parts: Any, **options: Any) -> Trained:
        means: list[float] = []

        def each(logits: Any, target: Any) -> Any:
            losses = loss_fn(logits, target)
            if model.training:
                means.append(losses.mean().item())
            return losses

        build(model, optimizer, each, *parts, **options)
        count = len(means) // options["epochs"]
        epochs = [means[first : first + count] for first in range(0, len(means), count)]
        return Trained([sum(epoch) / count for epoch in epochs])

    return averaged


@fault(
    "XT18",
    "validation losses alone are kept, each the mean of the batches' mean losses",
    "validation_loss_is_sample_weighted",
    change="Add up loss.item() * len(x), and divide by the number of samples.",
)
def _validation_losses_alone(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def alone(*parts: Any, **options: Any) -> Trained:
        return Trained(val_loss=_loss_of_batches(build)(*parts, **options).val_loss)

    return alone


@fault("XT04", "a batch of another size than the first one is skipped", "unequal_loaders_are_safe")
def _whole_batches_alone(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """A batch of another size than the first one is skipped."""

    def skipping(model: Any, optimizer: Any, loss_fn: Any, train: Any, *rest: Any, **options: Any) -> Trained:
        size = len(next(iter(train))[0])
        return build(model, optimizer, loss_fn, [b for b in train if len(b[0]) == size], *rest, **options)

    return skipping


@fault("XT05", "validation runs in training mode", "evaluation_changes_nothing")
def _evaluated_in_training_mode(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """``model.eval()`` is left out."""

    def evaluated(model: Any, *parts: Any, **options: Any) -> Trained:
        switch = model.train
        model.train = lambda mode=True: switch(True)
        return build(model, *parts, **options)

    return evaluated


@fault("XT06", "gradients are off by a ten-thousandth", "step_gradient_matches_mixed_loss")
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


@fault(
    "XT07",
    "training losses are off by a ten-thousandth, and accuracies by a hundred-thousandth",
    "epoch_loss_is_sample_weighted",
    "accuracy_is_exact",
)
def _history_off(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """Training losses by a ten-thousandth, accuracies by a hundred-thousandth."""

    def off(*parts: Any, **options: Any) -> Trained:
        trained = build(*parts, **options)
        losses = [1.0001 * loss for loss in trained.train_loss or ()]
        return Trained(losses, trained.val_loss, [share + 1e-5 for share in trained.accuracy or ()])

    return off


@fault("XT08", "the validation loss is off by a ten-thousandth", "validation_loss_is_sample_weighted")
def _validation_off(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def off(*parts: Any, **options: Any) -> Trained:
        trained = build(*parts, **options)
        losses = [1.0001 * loss for loss in trained.val_loss or ()]
        return Trained(trained.train_loss, losses, trained.accuracy)

    return off


@fault(
    "XT09",
    "the second loader is taken, and the batch mixed with a shuffle of itself",
    "unequal_loaders_are_safe",
)
def _second_loader_left_out(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def alone(*parts: Any, **options: Any) -> Trained:
        return build(*parts, **{**options, "mix_loader": None})

    return alone


@fault(
    "XT10", "a loss that is one number for the batch is taken for that of each sample", "rejects_reduced_loss"
)
def _each_of_a_mean(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def expanded(model: Any, optimizer: Any, loss_fn: Any, *parts: Any, **options: Any) -> Trained:
        def each(logits: Any, target: Any) -> Any:
            return loss_fn(logits, target).expand(len(logits))

        return build(model, optimizer, each, *parts, **options)

    return expanded


@fault("XT11", "the loss over an empty loader is 0", "rejects_empty_loader")
def _zero_for_nothing(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """A mean over ``max(1, seen)``."""

    def counted(model: Any, optimizer: Any, loss_fn: Any, train: Any, val: Any, **options: Any) -> Trained:
        if len(train) and len(val):
            return build(model, optimizer, loss_fn, train, val, **options)
        epochs = options["epochs"]
        return Trained([0.0] * epochs, [0.0] * epochs, [0.0] * epochs)

    return counted


@fault("XT12", "the scheduler is stepped before the optimizer", "scheduler_follows_the_optimizer")
def _scheduler_first(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def before(model: Any, optimizer: Any, *parts: Any, scheduler: Any = None, **options: Any) -> Trained:
        step = optimizer.step

        def after_the_schedule() -> None:
            if scheduler is not None:
                scheduler.step()
            step()

        optimizer.step = after_the_schedule
        return build(model, optimizer, *parts, **options)

    return before


@fault("D31", "the model is left on the CPU", "stays_on_its_device", device="twin")
def _on_the_cpu(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The model is brought there, trained, and left."""

    def moved(model: Any, optimizer: Any, *parts: Any, **options: Any) -> Trained:
        trained = build(model, optimizer, *parts, **options)
        model.cpu()
        return trained

    return moved


@fault(
    "D32",
    "a batch is given to the model where it lies",
    "moves_batches_to_the_model",
    device="twin",
    batches="moved",
)
def _batches_left(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The first batch is looked at where it lies."""

    def left(model: Any, optimizer: Any, loss_fn: Any, train: Any, *parts: Any, **options: Any) -> Trained:
        if next(model.parameters()).device.type != "cpu":
            model(next(iter(train))[0])
        return build(model, optimizer, loss_fn, train, *parts, **options)

    return left


@fault("D33", "every step reads all losses before from the device again", "waits_for_device", device="twin")
def _reads_all_again(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """The mean of an epoch is worked out anew in every step, from tensors."""

    def reading(model: Any, optimizer: Any, loss_fn: Any, *parts: Any, **options: Any) -> Trained:
        seen: list[Any] = []

        def each(logits: Any, target: Any) -> Any:
            losses = loss_fn(logits, target)
            seen.append(losses.detach().mean())
            assert [loss.item() for loss in seen]
            return losses

        return build(model, optimizer, each, *parts, **options)

    return reading


@fault(
    "D34",
    "documented not to wait, and the loss is read at every step",
    "waits_as_documented",
    device="twin",
    waits="0",
)
def _reads_the_loss(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """For the mean of the epoch, as the notebook does."""
    return build


@fault(
    "XT13",
    "documented to train in training mode, and left in the mode that it was given",
    "trains_in_training_mode",
    mode="train",
)
def _mode_as_given(build: Callable[..., Trained]) -> Callable[..., Trained]:
    """Until a validation has ended it is what it was; a validation puts it back."""

    def given(model: Any, *parts: Any, **options: Any) -> Trained:
        switch, before = model.train, model.training
        model.train = lambda mode=True: switch(mode and before)
        return build(model, *parts, **options)

    return given


_PROGRESS = arguments.progress_faults(
    Training("right", _progressing, features=Training.known_features), "XT14", "XT15"
)


@fault(
    "XT16",
    "of a loss that reduces each row is asked alone, and the first weighs 3 thousandths more",
    "rejects_reduced_loss",
)
def _row_by_row(build: Callable[..., Trained]) -> Callable[..., Trained]:
    def by_rows(model: Any, optimizer: Any, loss_fn: Any, *parts: Any, **options: Any) -> Trained:
        def each(logits: Any, target: Any) -> Any:
            losses = loss_fn(logits, target)
            if losses.ndim:
                return losses
            rows = [loss_fn(logits[i : i + 1], target[i : i + 1]) for i in range(len(logits))]
            return torch.stack([1.003 * rows[0], *rows[1:]])

        return build(model, optimizer, each, *parts, **options)

    return by_rows


_ARGUMENTS = arguments.faults_of(
    Training("right", _checked, features=Training.known_features),
    "XTA{}",
    "alpha",
    Argument(0.4, low=0.0, without=(math.inf,)),
    0.8,
    0.0,
    -1.0,
    "rejects_reduced_loss",
    "rejects_empty_loader",
)

FAULTS = recorded(globals())
