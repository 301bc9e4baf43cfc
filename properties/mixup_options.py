"""The laws of what a mixup offers besides: accuracy, classes of places, values, several inputs, masks.

x inputs, y target, x' and q what comes back, lam and pi as an identity batch reveals them: see
``properties.mixup``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lawful.properties import probes, tolerances
from lawful.properties.registry import FLOATS, draws, law
from lawful.properties.strategies import alphas, one_of, seeds, sizes, spread_alphas
from lawful.properties.subjects.mixup import Mix
from lawful.properties.subjects.mixup_options import ask, mixed_as, read
from lawful.properties.subjects.program import Call
from lawful.reference import mixup as reference

_ZHANG = "Zhang et al. 2018 (arXiv 1710.09412), equation 1"


@law(
    "mixup",
    "acc = mean_i lam_i [k_i = y_i] + (1 - lam_i) [k_i = y_pi(i)], k_i = argmax_k z_ik",
    why=(
        "A mixed image has two classes, and each counts by its share. Compared with the sample's own "
        "class alone, accuracy looks worse than it is; computed in whole numbers, every share is 0."
    ),
    source="facebookresearch/mixup-cifar10, train.py, and pull 7; "
    "tugstugi/pytorch-speech-commands issue 5; ecs-vlc/FMix issue 28",
    needs=("accuracy",),
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner",),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds(), hits=one_of("both in turn", "own", "partner", "neither"))
def accuracy_weighs_both_targets(mix: Mix, size: int, alpha: float, seed: int, hits: str) -> None:
    size = mix.size(size)
    shown = mix.revealed(size, alpha, seed)
    own, partner = np.arange(size), probes.partners(shown.value)
    lam = np.diag(shown.value)
    neither = [next((k for k in own if k not in (i, j)), i) for i, j in zip(own, partner, strict=True)]
    predicted = {
        "own": own,
        "partner": partner,
        "neither": np.asarray(neither),
        "both in turn": np.where(own % 2 == 0, own, partner),
    }[hits]
    right = lam * (predicted == own) + (1 - lam) * ((predicted == partner) & (partner != own))
    found = mix.accuracy(predicted, shown)
    bound = 2 * mix.target_error(shown) + 1e-6
    mix.agree("accuracy of the mixed batch", found, float(right.mean()), bound)


@law(
    "mixup",
    "q_ikd = lam_i [y_id = k] + (1 - lam_i) [y_pi(i)d = k] at each place d; its loss is a mean over places",
    why="A mask has a class for each pixel, a sentence one for each token: each is mixed with the class that "
    "the partner has there, in the sample's one share.",
    source=f"{_ZHANG}; pytorch/vision issue 9215; keras-team/keras-cv issue 1550",
    needs=("places",),
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner", "seeded_runs_repeat"),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds(), shape=one_of("as many as samples", "2 x 3", "1"))
def classes_of_places_are_mixed_alike(mix: Mix, size: int, alpha: float, seed: int, shape: str) -> None:
    size, classes = mix.size(size), 3
    places = {"as many as samples": (size,), "2 x 3": (2, 3), "1": (1,)}[shape]
    target = (np.arange(size * int(np.prod(places))) * 7 // 3 % classes).reshape(size, *places)
    z = np.stack([np.roll(target, k, axis=0) * (0.5 + k) for k in range(classes)], axis=1)
    shown = mix.revealed(size, alpha, seed)

    def given(call: Call) -> None:
        _floats(mix, call, "inputs", probes.identity_batch(size))
        _whole(mix, call, "target", target)

    answer = ask(mix, given, size, alpha, seed, classes)
    own, partner = np.diag(shown.value), probes.partners(shown.value)
    right = reference.mixed_targets(target, target[partner], own, classes)
    mixed_as(mix, answer, target, shown.value, right, 2 * mix.weight_error())
    if mix.adapter.loss is not None:
        call = answer.call
        call.use("its_own_loss", mix.adapter.loss)
        _floats(mix, call, "logits", z)
        with mix.asking():
            call.do("loss = its_own_loss(logits, labels)")
        losses = reference.mixed_loss(z, target, target[partner], own)
        rows = np.moveaxis(z, 1, -1).reshape(-1, classes)
        bound = 2 * tolerances.row_error(mix.precision, rows) + 16 * mix.weight_error()
        mean_bound = tolerances.reduced_error(mix.precision, bound, losses, losses.size)
        mix.agree("its own loss of the mixed places", answer.part("loss"), losses.mean(), mean_bound)


@law(
    "mixup",
    "t'_i = lam_i t_i + (1 - lam_i) t_pi(i) of any values: numbers to regress, several labels, soft masks",
    why=(
        "Values are mixed as inputs are: not rounded, not made to sum to 1, and not taken for class numbers."
    ),
    source=f"{_ZHANG}; pengzhiliang/MAE-pytorch issue 99; fastai/fastai_dev issue 269; "
    "open-mmlab/mmaction2 issue 2462",
    needs=("values",),
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner", "seeded_runs_repeat"),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds(), shape=one_of("numbers", "several labels", "soft masks"))
def values_are_mixed_as_inputs_are(mix: Mix, size: int, alpha: float, seed: int, shape: str) -> None:
    size = mix.size(size)
    i = np.arange(size)
    values = {
        "numbers": 0.125 + 3.0 * i,
        "several labels": ((i[:, None] + np.arange(5)) % 3 > 0).astype(float),
        "soft masks": (i[:, None, None] + np.arange(6).reshape(2, 3)) / 8.0,
    }[shape]
    shown = mix.revealed(size, alpha, seed)

    def given(call: Call) -> None:
        _floats(mix, call, "inputs", probes.identity_batch(size))
        _floats(mix, call, "target", values)

    answer = ask(mix, given, size, alpha, seed, None)
    own, partner = np.diag(shown.value), probes.partners(shown.value)
    right = reference.mix(values, values[partner], own)
    bound = 2 * tolerances.mix_error(mix.precision, values, values[partner])
    mixed_as(mix, answer, values, shown.value, right, bound)


@law(
    "mixup",
    "x'_i = lam_i x_i + (1 - lam_i) x_pi(i) of each of several inputs, with one lambda and one partner",
    why="An image and its depth, or its table, belong to one sample: mixed apart, they belong to none.",
    source=f"{_ZHANG}; fastai/fastai issue 2112; fastestimator/fastestimator pull 90",
    needs=("several_inputs",),
    severity="wrong",
)
@draws(size=sizes(), alpha=spread_alphas(), seed=seeds())
def several_inputs_share_lambda_and_partner(mix: Mix, size: int, alpha: float, seed: int) -> None:
    size = mix.size(size)
    table = 1.0 + 0.25 * np.arange(size * 3).reshape(size, 3)

    def given(call: Call) -> None:
        _floats(mix, call, "image", probes.identity_batch(size))
        _floats(mix, call, "table", table)
        call.do('inputs = {"image": image, "table": table}')
        _whole(mix, call, "target", np.arange(size))

    answer = ask(mix, given, size, alpha, seed, size)
    weights = read(answer, 'result[0]["image"]', "first input")
    bound = tolerances.mix_error(mix.precision, table.max(), table.max())
    found = read(answer, 'result[0]["table"]', "second input")
    mix.agree("second input", found, weights @ table, 2 * bound)
    mixed_as(mix, answer, np.arange(size), weights, weights, 2 * mix.weight_error())


@law(
    "mixup",
    "m'_i = m_i or m_pi(i), and x'_i = lam_i x_i + (1 - lam_i) x_pi(i), of sequences padded with 0",
    why=(
        "Where only the longer of two sequences has something, the mixture has a share of it. The "
        "mask of the sample alone would hide that share; a mask of what both have would cut the "
        "longer one off."
    ),
    source="SALT-NLP/MixText issues 3 and 26",
    needs=("masks",),
    severity="wrong",
)
@draws(size=sizes(), alpha=spread_alphas(), seed=seeds(), longest=one_of(3, 5))
def masks_are_joined(mix: Mix, size: int, alpha: float, seed: int, longest: int) -> None:
    size = mix.size(size)
    mask: Any = np.arange(longest) < 1 + (np.arange(size)[:, None] * 2) % longest
    sequence = np.eye(size)[:, None, :] * mask[:, :, None]  # its first place shows who is mixed

    def given(call: Call) -> None:
        _floats(mix, call, "sequence", sequence)
        call.tensor("mask", mask, "bool", torch.tensor(mask, device=mix.device))
        call.do('inputs = {"sequence": sequence, "mask": mask}')
        _whole(mix, call, "target", np.arange(size))

    answer = ask(mix, given, size, alpha, seed, size)
    weights = read(answer, 'result[0]["sequence"][:, 0]', "mixed sequences")
    partner, own = probes.partners(weights), np.diag(weights)
    seen = np.flatnonzero(own < 1).tolist()
    either = reference.join(mask, mask[partner])
    joined = read(answer, f'result[0]["mask"][{seen}]', "mask of the mixture")
    mix.agree("mask of the mixture", joined, either[seen].astype(float), 0.0)
    right = reference.mix(sequence, sequence[partner], own)
    mix.agree("mixed sequences", answer.part('result[0]["sequence"]'), right, 2 * mix.weight_error())


def _floats(mix: Mix, call: Call, name: str, values: Any) -> None:
    call.tensor(name, values, mix.dtype, mix.tensor(values))


def _whole(mix: Mix, call: Call, name: str, values: Any) -> None:
    call.tensor(name, values, "int64", torch.tensor(values, device=mix.device))
