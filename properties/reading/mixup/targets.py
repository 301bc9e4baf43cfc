"""What a mixup does with the labels: whose, with which share, and whether as distributions or as numbers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import log_softmax

from lawful.properties.reading.records import REFUSED, Off
from lawful.properties.registry import resting

if TYPE_CHECKING:
    from lawful.properties.reading.mixup import Read

Array = Any
_SHARED = "inputs_and_targets_share_lambda_and_partner"


def _laws(*names: str) -> frozenset[str]:
    return resting("mixup", *names)


def targets(read: Read) -> None:
    notes = read.notes
    form = read.mix.conventions.get("targets", "soft")
    notes.parts["targets"] = {"form": form}
    every = _laws(_SHARED, "smoothing_commutes_with_mixing", "targets_are_distributions") | {
        "eval_mode_mixes_nothing",
        "alpha_zero_is_identity",
    }
    if "added" not in notes.parts.get("inputs", {}):
        _shares(read, every)
    _loss(read)


def _say(
    read: Read, words: str, text: str, every: frozenset[str], fault: str | None = None, latex: str = ""
) -> None:
    notes = read.notes
    notes.words.append(words)
    notes.parts["targets"] |= {"as": words} | ({"latex": latex} if latex else {})
    notes.off.append(Off(text, every, fault))


def _shares(read: Read, every: frozenset[str]) -> None:
    x, t = read.inputs, read.targets
    size = read.size
    index = np.tile(np.arange(size), len(read.looks))
    both = x.seen & t.seen
    if not x.seen.any() and not t.seen.any():
        return
    if not t.seen.any() and np.abs(t.floor).max() < read.near and read.close(t.own, 1.0):
        _say(
            read,
            "labels as they were",
            "mixes the inputs, and leaves the labels as they were. Mix them with the same lambda and "
            "partner: lam onehot(y) + (1 - lam) onehot(y[partner]).",
            every,
        )
        return
    rows = np.concatenate([each.soft for each in read.looks])
    if _as_numbers(read, rows, index):
        _say(
            read,
            "labels blended as numbers",
            "blends class numbers: half of class 0 and half of class 4 become class 2, which is in neither "
            "image. Blend one-hot rows: lam onehot(y) + (1 - lam) onehot(y[partner]).",
            every | {"own_sample_dominates"},
            "NB05",
        )
        return
    if np.abs(t.floor).max() > read.near and x.seen.any():
        pixels = (1 - x.own) / size
        if read.close(t.floor[x.seen], pixels[x.seen], 10):
            _say(
                read,
                "labels mixed with the partner's inputs",
                "mixes the labels with the partner's inputs, as of a line that was copied: lam y + (1 - "
                "lam) x[partner]. Mix them with the partner's labels, y[partner].",
                every,
                "NB04",
            )
            return
        _noise(read, every)
        return
    if not both.any():
        return
    if np.any(x.partner[both] != t.partner[both]):
        _other_partner(read, both, every)
        return
    _lambda_of_targets(read, both, every)


def _as_numbers(read: Read, rows: Array, index: Array) -> bool:
    """One class a row, at the blend of the two numbers."""
    x = read.inputs
    whole = np.isclose(rows, np.round(rows), atol=read.near).all() and np.allclose(rows.sum(axis=1), 1)
    blended = x.own * index + (1 - x.own) * x.partner
    found = rows.argmax(axis=1)
    strange = bool(np.any((found != index) & (found != x.partner)))
    return bool(whole and strange and np.all(np.abs(found - blended) <= 0.5 + 1e-6))


def _noise(read: Read, every: frozenset[str]) -> None:
    if _same_labels(read):
        text = (
            "gives targets with something on every class: q is lam onehot(y) + (1 - lam) onehot(y[partner])."
        )
        read.notes.off.append(Off(text, every, vague=True))
        return
    _unrepeatable(read, every)


def _same_labels(read: Read) -> bool:
    """Whether one seed gives one set of labels, where it gives one set of inputs."""
    looks = [read.mix.revealed(read.size, read.alpha, 0) for _ in range(4)]
    first = read.looks[0]
    return not all(read.close(each.value, first.value) for each in looks) or all(
        read.close(each.soft, first.soft) for each in looks
    )


def _unrepeatable(read: Read, every: frozenset[str]) -> None:
    _say(
        read,
        "labels with noise that no seed repeats",
        "gives other targets under the same seed, with the same inputs: noise is in the labels that no seed "
        "reaches. Give labels the lambda of the inputs, and nothing else.",
        every | _laws("seeded_runs_repeat") | {"own_sample_dominates"},
        "XM39",
    )


def _other_partner(read: Read, both: Array, every: frozenset[str]) -> None:
    x, t = read.inputs, read.targets
    inverse = []
    for i in range(0, len(x.partner), read.size):
        back = np.empty(read.size, int)
        back[x.partner[i : i + read.size]] = np.arange(read.size)
        inverse.append(back)
    mirrored = np.concatenate(inverse)
    if np.array_equal(mirrored[both], t.partner[both]):
        _say(
            read,
            "labels of the inverse permutation's partner",
            "gives row i the label of the sample that got its image, not of the one whose image it got: the "
            "inverse of the permutation is applied. Index both with the same permutation: x[partner], "
            "y[partner].",
            every,
        )
        return
    _say(
        read,
        "labels of another partner",
        "takes the labels from another partner than the images: x[pi] with y of another permutation. Draw "
        "one permutation, and use it for both: x[partner], y[partner].",
        every,
        "M01",
        r"q_i = \lambda_i y_i + (1 - \lambda_i) y_{\sigma(i)}, \; \sigma \ne \pi",
    )


def _lambda_of_targets(read: Read, both: Array, every: frozenset[str]) -> None:
    x, t, notes = read.inputs, read.targets, read.notes
    lam, own = x.own[both], t.own[both]
    batch_mean = np.repeat([np.mean(part) for part in np.split(x.own, len(read.looks))], read.size)[both]
    coarse = 4e-3
    if read.close(own, lam):
        if not read.close(own + t.other[both], 1.0):
            text = "gives targets whose shares do not sum to 1: the partner's is 1 - lam, as for inputs."
            notes.off.append(Off(text, every, vague=True))
            return
        notes.parts["targets"]["latex"] = r"q_i = \lambda_i y_i + (1 - \lambda_i) y_{\pi(i)}"
        notes.words.append("labels alike")
        return
    if not _same_labels(read):
        _unrepeatable(read, every)
        return
    if read.close(own, 1 - lam):
        _say(
            read,
            "labels with 1 - lam",
            "gives the label of the sample 1 - lam, and that of the partner lam, where the image has them "
            "the other way round. Exchange the two: lam y + (1 - lam) y[partner].",
            every,
            None,
            r"q_i = (1 - \lambda_i) y_i + \lambda_i y_{\pi(i)}",
        )
    elif read.close(own, np.maximum(lam, 1 - lam)):
        _say(
            read,
            "labels with max(lam, 1 - lam)",
            "folds lambda for the labels alone: where lam < 1/2 the image is mostly the partner, and the "
            "label mostly the sample. Fold it once, before both: lam = max(lam, 1 - lam).",
            every,
            "M10",
            r"q_i = \max(\lambda_i, 1 - \lambda_i) \, y_i + \min(\lambda_i, 1 - \lambda_i) \, y_{\pi(i)}",
        )
    elif read.close(lam, np.maximum(own, 1 - own)):
        _say(
            read,
            "inputs with max(lam, 1 - lam), labels with lam",
            "folds lambda for the inputs alone: where lam < 1/2 the image is mostly the sample, and the "
            "label mostly the partner. Fold it once, before both: lam = max(lam, 1 - lam).",
            every | {"own_sample_dominates"},
            "M10b",
            r"q_i = \mu_i y_i + (1 - \mu_i) y_{\pi(i)}, \; \lambda_i = \max(\mu_i, 1 - \mu_i)",
        )
    elif read.close(own, 2 - lam):
        _say(
            read,
            "labels with 2 - lam",
            "gives the label of the sample 2 - lam, beyond 1, and takes lam - 1 off the partner's. Labels "
            "have the shares of the inputs: lam and 1 - lam.",
            every,
            "XM30",
        )
    elif np.ptp(own) < read.near:
        _say(
            read,
            f"labels with {own[0]:.4g} always",
            f"gives the label of the sample {own[0]:.4g} in every row, whatever share its image has. Use the "
            "lambda of the inputs.",
            every,
        )
    elif read.close(own, batch_mean):
        _say(
            read,
            "labels with the batch's mean lambda",
            "gives all labels of a batch the mean of its lambdas, where each image has its own. Weigh each "
            "label by the lambda of its row.",
            every,
        )
    elif np.abs(own - lam).max() < coarse:
        _say(
            read,
            "labels with a rounded lambda",
            f"rounds lambda for the labels: it is off by up to {np.abs(own - lam).max():.2g}. Keep it in the "
            "dtype of the inputs.",
            every,
        )
    else:
        _say(
            read,
            "labels with another lambda",
            "draws one lambda for the inputs, and another for the labels. Draw it once, and use it for both.",
            every,
            "M12",
            r"q_i = \mu_i y_i + (1 - \mu_i) y_{\pi(i)}, \; \mu \ne \lambda",
        )


def _loss(read: Read) -> None:
    """The loss that goes with it, of a pair of labels and their shares."""
    mix = read.mix
    loss = mix.adapter.loss
    if loss is None or mix.conventions.get("targets") != "pair":
        return
    with contextlib.suppress(*REFUSED):
        _weighing(read, loss)


def _weighing(read: Read, loss: Any) -> None:
    notes, size = read.notes, read.size
    laws = _laws("mixed_loss_is_loss_of_mixed_target")
    found: list[float] = []
    tries: dict[str, list[float]] = {}
    for look in read.looks[:2]:
        own, other, lam = look.target
        z = np.random.default_rng(3).normal(0, 1, (size, size))
        logits = torch.tensor(z)
        with read.mix.asking():
            value = loss(logits, (own, other, lam))
        found.append(float(value))
        a, b = np.asarray(own), np.asarray(other)
        share = np.broadcast_to(np.asarray(lam, float).reshape(-1), (size,))
        log_p = log_softmax(z, axis=1)
        first, second = -log_p[np.arange(size), a], -log_p[np.arange(size), b]
        blended = np.round(share * a + (1 - share) * b).astype(int)
        third = -log_p[np.arange(size), blended]
        mean = share.mean()
        for name, right in {
            "right": (share * first + (1 - share) * second).mean(),
            "reduced first": mean * first.mean() + (1 - mean) * second.mean(),
            "blended": (share * first + (1 - share) * third).mean(),
            "exchanged": ((1 - share) * first + share * second).mean(),
            "own alone": first.mean(),
        }.items():
            tries.setdefault(name, []).append(float(right))
    names = [name for name, values in tries.items() if read.close(found, values, 100)]
    notes.parts["loss"] = names[0] if names else "other"
    if "right" in names:
        return
    scope_is_batch = read.mix.conventions.get("lambda_scope") == "batch"
    texts = {
        "reduced first": (
            "takes the mean of each loss before it is weighed by lambda, so that every sample gets the mean "
            "of all lambdas. Weigh the loss of each sample (reduction='none'), and take the mean last.",
            "M04",
        ),
        "blended": (
            "takes the second loss of a blend of the two class numbers, not of the partner's class: lam "
            "CE(z, y) + (1 - lam) CE(z, y[partner]).",
            "NB08",
        ),
        "exchanged": (
            "weighs the two losses the other way round: it is lam CE(z, y) + (1 - lam) CE(z, y[partner]).",
            None,
        ),
        "own alone": ("forgets the partner's label: add (1 - lam) CE(z, y[partner]).", None),
    }
    if not names or scope_is_batch:
        notes.off.append(Off("has a loss that is not that of the mixed target.", laws, vague=True))
        return
    text, fault = texts[names[0]]
    notes.words.append(f"its loss: {names[0]}")
    notes.off.append(Off(text, laws, fault))
