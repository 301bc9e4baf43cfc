"""The laws of a training loop with mixup.

Each sample is a unit vector and the learning rate is 0, so that every batch shows who was mixed with whom,
in which shares, and what its loss and gradient must be.
"""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from lawful.properties.arguments import PROGRESS, shows_progress
from lawful.properties.probes import GoesRoundForEver
from lawful.properties.registry import ACCELERATORS, SINGLE, Drawn, draws, law
from lawful.properties.strategies import one_of, seeds
from lawful.properties.subjects.failures import A_GRAPH, LawBroken, Raised, Unasked, slightly
from lawful.properties.subjects.program import Seen
from lawful.properties.subjects.training import Loop, Run

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
    if sum(run.watch.trains(call) for call in run.calls) > len(run.watch.steps):
        raise Unasked("it also looks at training samples without a step")
    seen = [len(call.inputs) for call in run.stepped]
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
    validation = f"[call for call in watch.calls if not call.inputs[:, :{train}].any()]"
    count = run.see(f"len({validation})")
    if not count and run.trained.val_loss is None and run.trained.accuracy is None:
        raise Unasked("it looks at no validation set")
    loop.at_least("number of validation batches", count, 1)
    training = run.see(f"sum(call.training for call in {validation})")
    loop.same("validation batches in training mode", training, 0)
    with_graph = run.see(f"sum(call.with_graph for call in {validation})")
    with slightly(A_GRAPH):
        loop.same("validation batches with a graph", with_graph, 0)


@loop_law(
    "the model is in training mode at every step, after a validation too",
    why="Dropout that stays off, or statistics that stand still, after a validation train another model.",
    source="documentation of torch.nn.Module.train and torch.nn.Module.eval",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), epochs=one_of(2, 3))
def trains_in_training_mode(loop: Loop, sizes: list[int], epochs: int) -> None:
    evaluated_before = loop.conventions.get("mode") == "train"
    run = loop(sizes, mix_sizes=loop.partners(sizes), epochs=epochs, in_evaluation=evaluated_before)
    # who also looks at the training set may do so
    found = run.see("sum(not watch.calls[calls - 1].training for _, calls, _ in watch.steps)")
    loop.same("steps in evaluation mode", found, 0)


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
    loop.same("number of steps", run.see("len(watch.steps)"), len(right))
    for step, (_, slope) in enumerate(right):
        grad = run.see(f"watch.steps[{step}][0]")
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
    for _, calls, judged in run.watch.steps:
        latest, all_judged = run.calls[calls - 1].logits, run.watch.judged[before:judged]
        if not any(np.array_equal(latest, logits) for logits in all_judged):
            logits = f"for logits in watch.judged[{before}:{judged}]"
            check = f"any(numpy.array_equal(watch.calls[{calls - 1}].logits, logits) {logits})"
            shown = all_judged[-1] if all_judged else None
            raise LawBroken("logits that were judged", "about", latest, shown, 0.0, check=(check, run.call))
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
    seen = run.see("sum(len(watch.calls[calls - 1].inputs) for _, calls, _ in watch.steps)")
    loop.same("samples of an epoch", seen, sum(sizes))
    if "mix_loader" not in loop.features:  # it mixes as it will
        return
    partners = f"watch.calls[calls - 1].inputs[:, {sum(sizes)}:{sum(sizes) + sum(mix_sizes)}]"
    share = run.see(f"min({partners}.sum(1).min(initial=1) for _, calls, _ in watch.steps)")
    loop.at_least("least share of a batch that is the second loader's", share, 1e-12)


@loop_law(
    "accuracy = right samples / samples of the validation set",
    why="A mean of batch accuracies gives the last, smaller batch too much weight.",
    source="the definition of accuracy",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), val_sizes=one_of([4, 4, 1], [3], [2, 2, 2, 1]))
def accuracy_is_exact(loop: Loop, sizes: list[int], val_sizes: list[int]) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes), val_sizes=val_sizes)
    logits, targets = loop.validated(run)
    right = float(np.mean(logits.argmax(axis=1) == targets))
    loop.agree("accuracy", loop.history(run, "accuracy"), np.asarray([right]), FLOAT32_COUNTS)


@loop_law(
    "the validation loss is sum_i L_i / N over the samples of the validation set",
    why="A mean of the batches' means gives the samples of the last, smaller batch too much weight.",
    source="the definition of a mean",
    severity="wrong",
)
@draws(sizes=ragged_sizes(), val_sizes=one_of([4, 4, 1], [3], [2, 2, 2, 1]))
def validation_loss_is_sample_weighted(loop: Loop, sizes: list[int], val_sizes: list[int]) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes), val_sizes=val_sizes)
    logits, targets = loop.validated(run)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(targets)), targets].mean()
    loop.agree("validation loss", loop.history(run, "val_loss"), np.asarray([loss]), 1e-5)


@loop_law(
    "a loss that is one number for a batch raises, or is learned from as a loss for each sample is",
    why=(
        "If the loss is already one number L, then sum_i lam_i L / N weights all samples alike: each "
        "one gets the mean lambda."
    ),
    source=f"{_ZHANG}: each pair has its own lambda",
    severity="guard",
    rests_on=("step_gradient_matches_mixed_loss",),
)
@draws(sizes=ragged_sizes(), seed=seeds())
def rejects_reduced_loss(loop: Loop, sizes: list[int], seed: int) -> None:
    try:
        run = loop(sizes, mix_sizes=loop.partners(sizes), seed=seed, reduces=True)
    except Raised as error:
        loop.named("a loss_fn that reduces", "loss_fn", error)
        return
    for step, (_, slope) in enumerate(loop.mixed_losses(run)):  # one that is clipped is right too
        grad = f"watch.steps[{step}][0]"
        found = run.see(f"{grad} / max(numpy.linalg.norm({grad}), 1e-30)")
        right = slope / max(float(np.linalg.norm(slope)), 1e-30)
        loop.agree("direction of a step's gradient", found, right, 1e-4)


@loop_law(
    "over an empty loader there is no loss and no accuracy: an error, or NaN",
    why="A loss of 0 over nothing reads as perfect: the path to the data was wrong.",
    source="the definition of a mean: over no samples there is none",
    severity="guard",
)
@draws(empty=one_of("train_loader", "val_loader", "mix_loader"))
def rejects_empty_loader(loop: Loop, empty: str) -> None:
    full = [2, 1]
    if empty == "mix_loader" and empty not in loop.features:
        raise Unasked("takes no second loader")
    mix = [] if empty == "mix_loader" else full if "mix_loader" in loop.features else None
    train, val = ([] if empty == name else full for name in ("train_loader", "val_loader"))
    try:
        run = loop(train, val_sizes=val, mix_sizes=mix)
    except Raised as error:
        if isinstance(error.error, GoesRoundForEver):
            text = f"goes round an empty {empty} for ever; an error was expected"
            raise LawBroken(empty, "an error, not", "a loop", 0, text=text) from error
        loop.named(f"an empty {empty}", empty, error)
        return
    said = run.trained
    of_it = {"train_loader": [said.train_loss], "val_loader": [said.val_loss, said.accuracy]}
    told = [float(each) for history in of_it.get(empty, [said.train_loss]) for each in history or ()]
    if any(map(math.isfinite, told)):
        text = f"took an empty {empty} and returned {told}; an error was expected"
        raise LawBroken(empty, "an error, not", "a number", told, text=text)


@loop_law(
    "the scheduler is stepped once after each step of the optimizer, or once after each epoch",
    why="Before the optimizer it skips the first rate; twice a step, the schedule ends half-way.",
    source="PyTorch's documentation of torch.optim, how to adjust learning rate: after optimizer.step()",
    needs=("scheduler",),
    severity="wrong",
)
@draws(sizes=ragged_sizes(), epochs=one_of(1, 2))
def scheduler_follows_the_optimizer(loop: Loop, sizes: list[int], epochs: int) -> None:
    run = loop(sizes, mix_sizes=loop.partners(sizes), epochs=epochs, schedules=True)
    steps = len(run.watch.steps)
    each_epoch = [steps // epochs * (epoch + 1) for epoch in range(epochs)]
    if run.watch.ticks != each_epoch:
        ticks, right = run.see("watch.ticks"), list(range(1, steps + 1))
        loop.same("optimizer's steps before each of the scheduler's", ticks, right)


@loop_law(
    "the model and its gradients are where they were",
    why="A model that is left on the CPU trains there from then on; a lambda that is drawn there fails.",
    source="PyTorch's notes on CUDA semantics: operations take tensors of one device",
    devices=ACCELERATORS,
    needs=("devices",),
    even_if_refused=True,
    severity="edge",
)
@draws(sizes=ragged_sizes())
def stays_on_its_device(loop: Loop, sizes: list[int]) -> None:
    loop.stays(loop(sizes, mix_sizes=loop.partners(sizes)))


@loop_law(
    "batches of the CPU are moved to where the model is",
    why="A loader gives batches of the CPU: a loop that says that it moves them has to.",
    source="the documentation that the adapter was written from; PyTorch's notes on CUDA semantics: "
    "operations take tensors of one device",
    devices=ACCELERATORS,
    when={"batches": "moved"},
    even_if_refused=True,
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(sizes=ragged_sizes())
def moves_batches_to_the_model(loop: Loop, sizes: list[int]) -> None:
    loop.stays(loop(sizes, mix_sizes=loop.partners(sizes), on_cpu=True))


@loop_law(
    "the host waits for the device as often in every batch",
    why="Losses that are kept and read again at every step make n batches wait n^2 times.",
    source="documentation of torch.cuda.set_sync_debug_mode; PyTorch's performance tuning guide, avoid "
    "unnecessary CPU-GPU synchronization",
    devices=("twin",),
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(batches=one_of(3, 5))
def waits_for_device(loop: Loop, batches: int) -> None:
    counts = []
    for n in (batches, 2 * batches, 3 * batches):
        sizes = [2] * n
        counts.append(loop.waited(functools.partial(loop, sizes, mix_sizes=loop.partners(sizes))))
    extra = int(counts[1] - counts[0])
    more = Seen.of(counts[2] - counts[1], "count_3 - count_2", None)
    loop.at_most(f"number of waits of {batches} more batches", more, extra + 1)


@loop_law(**PROGRESS)
@draws(epochs=one_of(1, 2))
def shows_its_progress(loop: Loop, epochs: int) -> None:
    def trained(progress: object) -> Run:
        asked = replace(loop, given={"progress": progress})
        return asked([2, 1], mix_sizes=loop.partners([2, 1]), epochs=epochs)

    shows_progress(loop, trained, epochs)
