"""What a training loop with mixup does: the loss of a step, and what an epoch's numbers are means of."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import log_softmax, softmax

from lawful.properties.reading.records import REFUSED, Broken, Looked, Notes, Off, Reading
from lawful.properties.registry import resting
from lawful.properties.subjects.training import CLASSES, Loop, Run

Array = Any
_SIZES = (([3, 2, 1], [4, 1]), ([2, 2, 2], [2, 2]), ([3], [3]))
"""Of the training and validation batches: ragged ones; where those raise even ones, or one alone."""


def laws(*names: str) -> frozenset[str]:
    return resting("training", *names)


@dataclass
class Read:
    loop: Loop
    sizes: list[int]
    run: Run
    """Two epochs, with a second loader where there has to be one."""
    partners: list[int] | None
    notes: Notes = field(default_factory=Notes)


def look(subject: Loop, broken: tuple[Broken, ...] = ()) -> Looked | None:
    """The reading of a training loop, and what is off in it."""
    loop = subject.on("cpu", "float32")
    read = None
    for sizes, val_sizes in _SIZES:
        partners = loop.partners(sizes)
        with contextlib.suppress(*REFUSED):
            run = loop(sizes, mix_sizes=partners, val_sizes=val_sizes, epochs=2, seed=1)
            read = Read(loop, sizes, run, partners)
            break
    if read is None:
        return None
    for part in (_judged, _step, _seen, _epoch, _validated, _numbers, _modes, _scheduled):
        with contextlib.suppress(*REFUSED):
            part(read)
    notes = read.notes
    text = "; ".join(notes.words)
    return Looked(Reading("training", text, _latex(read), notes.parts, not notes.off), tuple(notes.off))


def _latex(read: Read) -> str:
    if read.notes.parts.get("step") == "right":
        own, other = (rf"\mathrm{{CE}}(z_i, {y})" for y in ("y_i", r"y_{\pi(i)}"))
        return rf"\frac{{1}}{{N}} \sum_i \lambda_i \, {own} + (1 - \lambda_i) \, {other}"
    return ""


def _on_training_data(run: Run) -> list[Any]:
    """The calls of an epoch that look at training samples, in training mode."""
    first = sum(run.asked["sizes"])
    return [call for call in run.calls if call.training and call.inputs[:, :first].any()]


def _judged(read: Read) -> None:
    """Whether a step judges the logits of its own batch."""
    run, before, late = read.run, 0, 0
    for _, calls, judged in run.watch.steps:
        latest = run.calls[calls - 1].logits
        late += not any(np.array_equal(latest, logits) for logits in run.watch.judged[before:judged])
        before = judged
    read.notes.parts["judges"] = "its own batch" if not late else "another batch"
    if not late:
        return
    every = laws("uses_this_batch_output", "step_gradient_matches_mixed_loss") | {
        "epoch_loss_is_sample_weighted", "evaluation_changes_nothing", "trains_in_training_mode",
        "scheduler_follows_the_optimizer",
    }  # fmt: skip
    read.notes.say(
        f"judges another batch's logits in {late} of {len(run.watch.steps)} steps",
        f"judges logits of another batch in {late} of {len(run.watch.steps)} steps, as those of the last "
        "validation batch: the mixed batch teaches nothing. Take the loss of the logits that "
        "model(inputs_mixed) gave.",
        every,
        "NB07",
    )


def _rows(read: Read) -> list[tuple[Array, Array, Array, Array, Array, Array]]:
    """For each training batch of the first epoch: x, z, lambda, the labels of the sample and of its partner,
    and the gradient of the step."""
    found, run = [], read.run
    begins = list(np.cumsum([0, *read.sizes[:-1]]))
    for call, (grad, *_) in zip(run.stepped, run.watch.steps, strict=True):
        x = call.inputs
        here = [
            at
            for at in begins
            if at + len(x) <= sum(read.sizes) and np.all(np.diag(x[:, at : at + len(x)]) > 0)
        ]
        if not here:
            break
        del begins[: begins.index(here[0]) + 1]
        own = np.arange(here[0], here[0] + len(x))
        lam = x[np.arange(len(x)), own]
        others = x.copy()
        others[np.arange(len(x)), own] = 0
        partner = np.where(others.max(axis=1) > 1e-9, others.argmax(axis=1), own)
        found.append((x, x @ run.weights.T, lam, run.targets[own], run.targets[partner], grad))
    return found


def _step(read: Read) -> None:
    """Of which loss the gradient of a step is."""
    if read.notes.parts.get("judges") != "its own batch":
        return
    onehot = np.eye(CLASSES)
    fits: dict[str, bool] = {}
    factors = []
    for x, z, lam, a, b, grad in _rows(read):
        p = softmax(z, axis=1)
        blended = np.round(lam * a + (1 - lam) * b).astype(int)
        weigh = lam[:, None]
        mean = np.full_like(weigh, lam.mean())
        targets = {
            "right": weigh * onehot[a] + (1 - weigh) * onehot[b],
            "reduced first": mean * onehot[a] + (1 - mean) * onehot[b],
            "blended second": weigh * onehot[a] + (1 - weigh) * onehot[blended],
            "blended": onehot[blended],
            "own alone": onehot[a],
            "exchanged": (1 - weigh) * onehot[a] + weigh * onehot[b],
        }
        for name, q in targets.items():
            slope = (p - q).T @ x / len(x)
            fits[name] = fits.get(name, True) and bool(np.allclose(grad, slope, rtol=1e-4, atol=1e-6))
            if name == "right":
                factors.append(float((grad * slope).sum() / max((slope * slope).sum(), 1e-30)))
                rest = np.abs(grad - factors[-1] * slope).max() / max(np.abs(grad).max(), 1e-30)
                factors[-1] = factors[-1] if rest < 1e-5 else np.nan
    names = [name for name, fit in fits.items() if fit]
    every = laws("step_gradient_matches_mixed_loss")
    read.notes.parts["step"] = names[0] if names else "other"
    if "right" in names:
        read.notes.words.append("a step learns mean_i lam_i CE(z_i, y_i) + (1 - lam_i) CE(z_i, y_pi(i))")
        if not np.allclose(factors, 1, rtol=3e-5, atol=0) and np.allclose(factors, factors[0], rtol=2e-5):
            _scaled(read, factors[0], every)
        return
    if factors and np.all(np.isfinite(factors)) and min(factors) > 0 and max(factors) <= 1 + 1e-6:
        read.notes.parts["step"] = "right"
        read.notes.words.append(
            "a step learns mean_i lam_i CE(z_i, y_i) + (1 - lam_i) CE(z_i, y_pi(i)), clipped or scaled down"
        )
        return
    texts = {
        "reduced first": (
            "mean losses times the mean lambda",
            "takes the mean of each loss before it is weighed by lambda, so that every sample gets the mean "
            "of all lambdas. Weigh the loss of each sample (reduction='none'), and take the mean last.",
            "NB09",
        ),
        "blended second": (
            "the second loss of blended class numbers",
            "takes the second loss of a blend of the two class numbers, not of the partner's class: lam "
            "CE(z, y) + (1 - lam) CE(z, y[partner]).",
            "NB08",
        ),
        "blended": (
            "the loss of blended class numbers",
            "blends class numbers: half of class 0 and half of class 2 become class 1, which is in neither "
            "image. Blend two losses: lam CE(z, y) + (1 - lam) CE(z, y[partner]).",
            None,
        ),
        "own alone": (
            "the loss of the sample's own label",
            "mixes the images, and forgets the partner's label: add (1 - lam) CE(z, y[partner]).",
            None,
        ),
        "exchanged": (
            "the two losses weighed the other way round",
            "weighs the two losses the other way round: lam goes with the label of the sample whose share "
            "is lam.",
            None,
        ),
    }
    if names:
        words, text, known = texts[names[0]]
        read.notes.say(words, text, every, known)
        return
    if factors and np.allclose(factors, factors[0], rtol=1e-4) and np.isfinite(factors[0]):
        _scaled(read, factors[0], every)
        return
    sizes = [len(x) for x, *_ in _rows(read)]
    if factors and np.allclose(factors, sizes, rtol=1e-4):
        text = "takes the sum over a batch: the step grows with the batch. Take the mean over its samples."
        read.notes.say("a sum over the batch", text, every)
        return
    read.notes.say(
        "a step learns another loss",
        "learns another loss than lam CE(z, y) + (1 - lam) CE(z, y[partner]) of the rows that it mixed.",
        every,
        vague=True,
    )


def _scaled(read: Read, factor: float, every: frozenset[str]) -> None:
    read.notes.say(
        f"gradients {factor:.6g} times that",
        f"steps with {factor:.6g} times the gradient of the mixed loss. Leave the gradients as backward() "
        "gave them, or change the learning rate.",
        every,
        "XT06" if round(factor, 5) == 1.0001 else None,
    )


def _seen(read: Read) -> None:
    """Whether an epoch shows every sample, and the second loader's where there is one."""
    loop, notes = read.loop, read.notes
    every = laws("unequal_loaders_are_safe", "epoch_loss_is_sample_weighted")
    if "mix_loader" in loop.features:
        sizes, mix_sizes = [2, 2, 2], [2]
        run = loop(sizes, mix_sizes=mix_sizes)
        training = [call.inputs for call in _on_training_data(run)]
        seen = sum(map(len, training))
        notes.parts["samples seen"] = [seen, sum(sizes)]
        partners = slice(sum(sizes), sum(sizes) + sum(mix_sizes))
        if seen == sum(sizes):
            shares = [x[:, partners].sum(axis=1).min(initial=1.0) for x in training]
            if min(shares) <= 1e-12:
                read.notes.say(
                    "the second loader unused",
                    "takes a second loader, and mixes each batch with itself. Take the partners from "
                    "mix_loader, or do not take the argument.",
                    laws("unequal_loaders_are_safe") | {"rejects_empty_loader"},
                    "XT09",
                )
        elif seen == sum(mix_sizes):
            read.notes.say(
                "as many batches as the shorter loader",
                "ends an epoch with the shorter of two loaders, as zip does: the other's tail is never "
                "seen. Go round the second loader, and cut its batches to the size of the first's.",
                every,
                "NB13",
            )
            return
    sizes = [4, 3, 1]
    counts = [len(call.inputs) for call in _on_training_data(loop(sizes, mix_sizes=loop.partners(sizes)))]
    if set(counts) == {sizes[0]}:
        read.notes.say(
            "batches of one size alone",
            f"skips batches of another size than the first: {sum(counts)} of {sum(sizes)} samples are seen. "
            "Train on the last, smaller batch too.",
            every,
            "XT04",
        )


def _epoch(read: Read) -> None:
    """What the training loss of an epoch is a mean of: batch b costs b + 1."""
    run = read.loop(read.sizes, mix_sizes=read.partners, epochs=1, constant=True)
    sizes = np.asarray([len(call.inputs) for call in _on_training_data(run)], float)
    if run.trained.train_loss is None or not len(sizes):
        return
    value, costs = float(run.value[-1]), np.arange(1.0, len(sizes) + 1)
    kinds = {
        "the mean over samples": (sizes * costs).sum() / sizes.sum(),
        "the mean of the batches' means": costs.mean(),
        "the last batch's": costs[-1],
        "the sum of the batches' means": costs.sum(),
        "the sum over samples": (sizes * costs).sum(),
        "the sum over samples, over the number of batches": (sizes * costs).sum() / len(sizes),
        "the sum of the batches' means, over the samples": costs.sum() / sizes.sum(),
    }
    kind = next((name for name, right in kinds.items() if np.isclose(value, right, rtol=1e-6)), None)
    if kind != "the mean over samples" and any(each.fault == "XT04" for each in read.notes.off):
        return
    read.notes.parts["training loss"] = kind
    every = laws("epoch_loss_is_sample_weighted")
    if kind == "the mean over samples":
        read.notes.words.append("an epoch's loss is the mean over samples")
        _of_seen(read, every)
        return
    if kind is not None:
        advice = "Add loss.item() * len(inputs), and divide by the samples that were seen."
        read.notes.say(
            f"an epoch's loss is {kind}", f"calls {kind} the training loss of an epoch. {advice}", every
        )
        return
    ratio = value / kinds["the mean over samples"]
    known = "XT07" if round(ratio, 6) == 1.0001 else None
    near = abs(ratio - 1) < 1e-2
    text = f"gives {ratio:.6g} times the mean over samples as the training loss of an epoch. It is that mean."
    read.notes.say(
        f"an epoch's loss is {ratio:.6g} times the mean over samples",
        text,
        every | ({"accuracy_is_exact"} if known else set()),
        known,
        vague=not near,
    )


def _of_seen(read: Read, every: frozenset[str]) -> None:
    """Divided by the samples that were seen, or by all there are."""
    loop = read.loop
    if "mix_loader" not in loop.features:
        return
    sizes = [2, 2, 2]
    run = loop(sizes, mix_sizes=[2], constant=True)
    calls = _on_training_data(run)
    seen = sum(len(call.inputs) for call in calls)
    if seen in (0, sum(sizes)):
        return
    costs = np.asarray([len(call.inputs) * (i + 1.0) for i, call in enumerate(calls)])
    if np.isclose(float(run.value[-1]), costs.sum() / sum(sizes), rtol=1e-6):
        read.notes.words.append("divided by all samples, seen or not")
        text = (
            f"divides the training loss by len(dataset), though {seen} of {sum(sizes)} samples were seen, as "
            "zip ends with the shorter loader: the loss is too small. Go round the second loader, and count "
            "the samples that were seen."
        )
        read.notes.off.insert(0, Off(text, every | laws("unequal_loaders_are_safe"), "NB15"))


def _validated(read: Read) -> None:
    """How the validation set is looked at."""
    run, train = read.run, sum(read.sizes) + sum(read.partners or [])
    validation = [call for call in run.calls if not call.inputs[:, :train].any()]
    every = laws("evaluation_changes_nothing")
    if not validation:
        return
    graphs, training = (
        sum(getattr(call, name) for call in validation) for name in ("with_graph", "training")
    )
    read.notes.parts["validation"] = {"with a graph": bool(graphs), "in training mode": bool(training)}
    if training:
        read.notes.say(
            "validation in training mode",
            "looks at the validation set in training mode: dropout is on, and its data move the running "
            "statistics. Call model.eval() before, and model.train() after.",
            every
            | laws(
                "epoch_loss_is_sample_weighted",
                "step_gradient_matches_mixed_loss",
                "unequal_loaders_are_safe",
            ),
            "XT05",
        )
    elif graphs == len(validation):
        read.notes.say(
            "validation with a graph",
            "builds a graph while it looks at the validation set: the memory of a training step for "
            "nothing. Put it under torch.no_grad().",
            every,
            "NB16",
        )


def _numbers(read: Read) -> None:
    """Validation loss and accuracy, beside those over samples and over batches."""
    for ragged in ([4, 1], [3, 1], [5, 2], [2, 1], [3, 2, 1]):
        run = read.loop(read.sizes, mix_sizes=read.partners, val_sizes=ragged)
        first = sum(read.sizes) + sum(read.partners or [])
        logits, target = run.weights.T[first:], run.targets[first:]
        losses = -log_softmax(logits, axis=1)[np.arange(len(target)), target]
        hits = (logits.argmax(axis=1) == target).astype(float)
        ends = np.cumsum([0, *ragged])
        parts = [hits[a:b].mean() for a, b in itertools.pairwise(ends)]
        if abs(np.mean(parts) - hits.mean()) > 1e-3 and parts[-1] != hits.mean():
            break
    every = {
        "validation loss": laws("validation_loss_is_sample_weighted"),
        "accuracy": laws("accuracy_is_exact"),
    }
    alone = run.trained.train_loss is None
    for name, kept, each in (
        ("validation loss", run.trained.val_loss, losses),
        ("accuracy", run.trained.accuracy, hits),
    ):
        if kept is None:
            continue
        value = float(list(kept)[-1])
        over_batches = float(np.mean([each[a:b].mean() for a, b in itertools.pairwise(ends)]))
        kinds = {
            "mean over samples": each.mean(),
            "mean of the batches' means": over_batches,
            "sum over samples": each.sum(),
            "last batch's": each[ends[-2] :].mean(),
        }
        kind = next((k for k, right in kinds.items() if np.isclose(value, right, rtol=3e-6, atol=1e-9)), None)
        read.notes.parts[name] = kind
        if kind == "mean over samples":
            continue
        if kind is not None:
            faults = {"validation loss": "XT18" if alone else "XT03", "accuracy": "XT01"}
            known = faults[name] if "batches" in kind else None
            text = (
                f"calls the {kind} the {name}: a last, smaller batch weighs too much. Add over samples, and "
                "divide by their number."
            )
            read.notes.say(f"{name}: the {kind}", text, every[name] | {"evaluation_changes_nothing"}, known)
            continue
        right = kinds["mean over samples"]
        known = "XT08" if name == "validation loss" and round(value / right, 6) == 1.0001 else None
        text = f"gives {value:.6g} as the {name} where the mean over samples is {right:.6g}."
        read.notes.say(f"another {name}", text, every[name], known, vague=known is None)


def _modes(read: Read) -> None:
    """The model's mode at each step."""
    loop = read.loop
    modes = [call.training for call in read.run.stepped]
    every = laws("trains_in_training_mode")
    read.notes.parts["steps in training mode"] = [sum(modes), len(modes)]
    if "uses_this_batch_output" in {law for each in read.notes.off for law in each.laws}:
        return
    if not all(modes) and modes[0]:
        read.notes.say(
            "training mode until the first validation",
            "switches training mode on once, before the epochs: the first validation ends it for good. Call "
            "model.train() at the beginning of every epoch.",
            every,
            "XT02",
        )
        return
    run = loop(read.sizes, mix_sizes=read.partners, epochs=2, in_evaluation=True)
    modes = [call.training for call in run.stepped]
    if not all(modes):
        read.notes.words.append("in the mode that it was given")
        if loop.adapter.documented.get("mode") == "train":
            read.notes.say(
                "",
                "leaves the model in the mode that it was given, where training mode is documented: dropout "
                "is off after a validation elsewhere. Call model.train() at the beginning.",
                every,
                "XT13",
            )


def _scheduled(read: Read) -> None:
    loop = read.loop
    if "scheduler" not in loop.features:
        return
    run = loop(read.sizes, mix_sizes=read.partners, schedules=True)
    steps, ticks = len(run.watch.steps), run.watch.ticks
    every = laws("scheduler_follows_the_optimizer")
    if ticks in (list(range(1, steps + 1)), [steps]):
        read.notes.parts["scheduler"] = "after each step" if len(ticks) > 1 else "after each epoch"
        return
    if ticks == list(range(steps)):
        read.notes.say(
            "the scheduler before the optimizer",
            "steps the scheduler before the optimizer: the first rate is never used. Call optimizer.step(), "
            "then scheduler.step().",
            every,
            "XT12",
        )
        return
    text = f"steps the scheduler {len(ticks)} times in {steps} steps: call it after each step, or each epoch."
    read.notes.say(f"{len(ticks)} calls of the scheduler", text, every, vague=True)
