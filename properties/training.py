"""The laws of a training loop with mixup.

Each sample is a unit vector and the learning rate is 0, so that every batch shows who was mixed with whom,
in which shares, and what its loss and gradient must be.
"""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import strategies as st

from lawful.properties.registry import SINGLE, Drawn, draws, law
from lawful.properties.strategies import one_of, seeds
from lawful.properties.subjects.subject import LawBroken, Unasked
from lawful.properties.subjects.training import Loop

_ZHANG = "Zhang et al. 2018 (arXiv 1710.09412), equation 1"
_TORCH = "PyTorch's notes on autograd: locally disabling gradient computation, evaluation mode"

FLOAT32_COUNTS = 1e-6
"""A share that went through float32 on the way: exact but for one rounding."""
loop_law = functools.partial(law, "training", dtypes=SINGLE, most_examples=12)


def ragged_sizes() -> Drawn:
    """Batch sizes, the last one smaller."""
    edges = ([4, 4, 2], [2, 1], [3, 3, 3, 1])
    sizes = st.tuples(st.integers(2, 5), st.integers(1, 3), st.integers(1, 4))
    return Drawn(sizes.map(lambda s: [s[0]] * s[1] + [min(s[2], s[0])]), edges)


@loop_law(
    "the epoch's loss is sum_i L_i / N over the samples seen",
    why="A mean of batch means, or one over samples that were not seen, changes with the last batch's size.",
    source="NB15; the definition of a mean",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), epochs=one_of(1, 2), short=one_of(False, True))
def epoch_loss_is_sample_weighted(loop: Loop, sizes: list[int], epochs: int, short: bool) -> None:
    mix = loop.partners(sizes)
    if short and "mix_loader" in loop.features:
        mix = sizes[:1]
    run = loop(sizes, mix_sizes=mix, epochs=epochs, constant=True)
    if any(call.inputs[:, : sum(sizes)].any() and not call.training for call in run.calls):
        raise Unasked("it measures the training set in evaluation mode")
    seen = [len(call.inputs) for call in run.calls if call.training]
    batches = len(seen) // epochs
    right = sum(size * (b + 1) for b, size in enumerate(seen[:batches])) / sum(seen[:batches])
    losses = loop.history(run, "train_loss")
    loop.agree("training losses of the epochs", losses, np.full(epochs, right), 1e-5 * right)


@loop_law(
    "no graph, evaluation mode, and no buffer moves while the validation set is seen",
    why="A graph costs memory; training mode lets validation data into running statistics.",
    source=f"NB16; {_TORCH}",
    severity="wrong",
)
@draws(sizes=ragged_sizes())
def evaluation_changes_nothing(loop: Loop, sizes: list[int]) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes))
    train = sum(sizes)
    validation = [call for call in run.calls if not call.inputs[:, :train].any()]
    if not validation:
        raise LawBroken("number of validation batches", "at least", 1, 0)
    loop.same("validation batches with a graph", sum(call.with_graph for call in validation), 0)
    loop.same("validation batches in training mode", sum(call.training for call in validation), 0)


@loop_law(
    "the model is in training mode at every step, after a validation too",
    why="Dropout that stays off, or statistics that stand still, after a validation train another model.",
    source="documentation of torch.nn.Module.train and torch.nn.Module.eval",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), epochs=one_of(2, 3))
def trains_in_training_mode(loop: Loop, sizes: list[int], epochs: int) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes), epochs=epochs)
    judged = [run.calls[calls - 1] for _, calls in run.steps]  # who also looks at the training set may do so
    loop.same("steps in evaluation mode", sum(not call.training for call in judged), 0)


@loop_law(
    "the gradient at each step is that of mean_i lam_i CE(z_i, y_i) + (1 - lam_i) CE(z_i, y_pi(i))",
    why="What is learned must be what was mixed: this batch, these partners, each sample's own lambda.",
    source=f"{_ZHANG}; fastai/fastai issue 2286",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), alpha=one_of(1.0, 0.4, 8.0), seed=seeds())
def step_gradient_matches_mixed_loss(loop: Loop, sizes: list[int], alpha: float, seed: int) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes), alpha=alpha, seed=seed)
    right = loop.mixed_losses(run)
    loop.same("number of steps", len(run.steps), len(right))
    for (grad, _), (_, slope) in zip(run.steps, right, strict=True):
        factor = float((grad * slope).sum() / max((slope * slope).sum(), 1e-30))
        clipped = 1e-6 < factor < 1  # to a norm: the right gradient, times one factor
        loop.agree(
            "gradient of a step", grad, slope * factor if clipped else slope, 1e-5 * (1 + np.abs(slope))
        )


@loop_law(
    "every training step judges the logits of its own batch",
    why="The logits of another batch teach nothing about this one.",
    source="NB06, NB07",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), epochs=one_of(2, 1))
def uses_this_batch_output(loop: Loop, sizes: list[int], epochs: int) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes), epochs=epochs)
    before = 0
    for (_, calls), judged in zip(run.steps, run.judged_at_step, strict=True):
        latest = run.calls[calls - 1].logits
        if not any(np.array_equal(latest, logits) for logits in run.judged[before:judged]):
            raise LawBroken("logits that were judged", "about", latest, run.judged[judged - 1], 0.0)
        before = judged


@loop_law(
    "every training sample is seen once an epoch, beside the second loader's, whatever its length",
    why="zip ends with the shorter loader, and unequal last batches do not broadcast.",
    source="NB13",
    needs=("mix_loader",),
    severity="wrong",
)
@draws(
    sizes=ragged_sizes(),
    mix_sizes=one_of([2], [4, 4, 4, 4], [1, 1, 1], [5, 2]),
)
def unequal_loaders_are_safe(loop: Loop, sizes: list[int], mix_sizes: list[int]) -> None:
    run = loop(sizes, mix_sizes=mix_sizes)
    seen = sum(len(call.inputs) for call in run.calls if call.training)
    loop.same("samples of an epoch", seen, sum(sizes))
    if "mix_loader" not in loop.features:  # it mixes as it will
        return
    partners = slice(sum(sizes), sum(sizes) + sum(mix_sizes))
    shares = [call.inputs[:, partners].sum(axis=1).min(initial=1.0) for call in run.calls if call.training]
    loop.at_least("least share of a batch that is the second loader's", min(shares), 1e-12)


@loop_law(
    "accuracy = right samples / samples, and the validation loss is a mean over samples",
    why="A mean of batch accuracies gives the last, smaller batch too much weight.",
    source="the definition of accuracy",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), val_sizes=one_of([4, 4, 1], [3], [2, 2, 2, 1]))
def accuracy_is_exact(loop: Loop, sizes: list[int], val_sizes: list[int]) -> None:
    mix = loop.partners(sizes)
    run = loop(sizes, mix_sizes=mix, val_sizes=val_sizes)
    first = sum(sizes) + sum(mix or [])
    logits = run.weights.T[first:]
    targets = run.targets[first:]
    right = float(np.mean(logits.argmax(axis=1) == targets))
    loop.agree("accuracy", loop.history(run, "accuracy"), np.asarray([right]), FLOAT32_COUNTS)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(targets)), targets].mean()
    if run.trained.val_loss is not None:
        loop.agree("validation loss", loop.history(run, "val_loss"), np.asarray([loss]), 1e-5)
