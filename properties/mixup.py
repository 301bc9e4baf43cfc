"""The laws of mixup.

x inputs, y target, x' and q what comes back: x'_i = lam_i x_i + (1 - lam_i) x_pi(i). W_x and W_y are the
weights (N, N) that an identity batch reveals, from the inputs and from the targets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from lawful.properties import probes, tolerances
from lawful.properties.arguments import WHEN_BUILT, asks_when_built
from lawful.properties.registry import ACCELERATORS, FLOATS, SINGLE, draws, law
from lawful.properties.strategies import (
    Samples,
    alphas,
    bad_alphas,
    one_of,
    samples,
    seeds,
    shape_alphas,
    sizes,
    spread_alphas,
    stream_seeds,
)
from lawful.properties.subjects.failures import LawBroken, Raised, Unasked
from lawful.properties.subjects.mixup import Mix, allowed_distance, distance, image_parts, visible_share
from lawful.properties.subjects.subject import dtype_name, torch_dtype
from lawful.properties.ways import AUTOCAST, COMPILED
from lawful.reference import label_smoothing as smoothing
from lawful.reference import mixup as reference

_ZHANG = "Zhang et al. 2018 (arXiv 1710.09412)"
_FOLD = "documentation of luz_callback_mixup: max(weight, 1 - weight), as in fastai, to avoid duplicates"
_DKW = "Massart 1990, the tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality"

_LAMBDAS = 2000
"""P(sup |F_n - F| > t) <= 2 exp(-2 n t^2) = 1e-13 at t = 0.0875. A uniform lambda is off by 0.15 at alpha
0.4, by 0.24 at 0.1 and by 0.27 at 8; Beta(alpha, 1) by more; an alpha clamped to 1, by one of these."""
_PAIRINGS = 600
_PAIRS = 1600
"""Of lambdas, of which the covariance is taken: at so many, it is allowed a fifth of r^2; see below."""
PERMUTES = ("permutation", "roll", "flip", "other")
"""Pairings in which every sample is meant to be a partner once."""


@law(
    "mixup",
    "over 24 calls, at least two different lambdas",
    why=(
        "If every call drew the same lambda, the other laws would hold, and all data would be mixed "
        "in one way only."
    ),
    source=_ZHANG,
    dtypes=SINGLE,
    most_examples=6,
    severity="wrong",
)
@draws(alpha=one_of(1.0, 0.1, 8.0, 0.4), seed=stream_seeds())
def lambda_varies(mix: Mix, alpha: float, seed: int) -> None:
    answer = mix.stream(4, alpha, seed, 24)
    answer.call.do("lams = looks.diagonal(dim1=1, dim2=2)")
    lams = answer.see("lams")
    if alpha != 1.0 and _different(lams) < 2 <= _different(_lams(mix, 1.0, seed)):
        raise Unasked(f"it mixes at alpha 1, and seldom at alpha {alpha:g}")
    if not np.any(lams != 1):
        text = "nothing was mixed in 24 calls; is another parameter in the way?"
        found = answer.see("(lams != 1).sum()")
        raise LawBroken("number of lambdas below 1", "at least", 1, found, text=text)
    mix.at_least("number of different lambdas", answer.see("len(lams[lams < 1].unique())"), 2)


def _lams(mix: Mix, alpha: float, seed: int) -> Any:
    return np.asarray(mix.stream(4, alpha, seed, 24).value)[:, np.arange(4), np.arange(4)]


def _different(lams: Any) -> int:
    return len(np.unique(lams[lams < 1]))


@law(
    "mixup",
    "W_x = W_y",
    why="Inputs and targets are mixed with the same partner in the same shares, or labels are wrong.",
    source=f"{_ZHANG}, equation 1; xudonmao/VMT issue 1",
    dtypes=FLOATS,
    severity="wrong",
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def inputs_and_targets_share_lambda_and_partner(mix: Mix, size: int, alpha: float, seed: int) -> None:
    shown = mix.revealed(mix.size(size), alpha, seed)
    bound = mix.weight_error() + mix.target_error(shown)
    mix.agree("weights of the targets", shown.soft, shown.value, bound)


@law(
    "mixup",
    "W_x >= 0, rows sum to 1, and at most two entries of a row are not 0",
    why=(
        "The mixed input has to be made of the two samples that the mixed target names, in shares "
        "that sum to 1."
    ),
    source=f"{_ZHANG}, equation 1",
    severity="wrong",
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def rows_are_convex_combinations(mix: Mix, size: int, alpha: float, seed: int) -> None:
    shown = mix.revealed(mix.size(size), alpha, seed)
    error = mix.weight_error()
    mix.at_least("smallest weight", shown.see("mixed.min()"), -error)
    sums = shown.see("mixed.sum(1)")
    mix.agree("sum of the weights of a row", sums, np.ones(len(sums)), 2 * error)
    third = shown.see("mixed.sort(1).values[:, :-2]")
    mix.at_most("third weight of a row", third, np.zeros(third.shape) + error)


@law(
    "mixup",
    "x'_i = lam_i x_i + (1 - lam_i) x_pi(i), lam and pi as an identity batch reveals them",
    why="It is the definition; the same seed gives the same lambda and partner to any inputs.",
    source=f"{_ZHANG}, equation 1",
    dtypes=FLOATS,
    severity="wrong",
    rests_on=(
        "rows_are_convex_combinations",
        "inputs_and_targets_share_lambda_and_partner",
        "seeded_runs_repeat",
    ),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def matches_reference(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    shown = mix.revealed(len(inputs), alpha, seed)
    answer = mix(inputs, target, alpha, seed)
    mix.agree("mixed inputs", answer.value, *mix.expected(inputs, shown))


@law(
    "mixup",
    "lam = max(lam, 1 - lam) >= 1/2",
    why="Without it (i, j, 0.3) and (j, i, 0.7) in one batch give the same image twice.",
    source=_FOLD,
    when={"lambda": "folded"},
    severity="wrong",
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def lambda_at_least_half(mix: Mix, size: int, alpha: float, seed: int) -> None:
    shown = mix.revealed(mix.size(size), alpha, seed)
    mix.at_least("lambda", shown.see("mixed.diagonal()"), 0.5 - mix.weight_error())


@law(
    "mixup",
    "row i is mostly sample i, in x' and in q, so no two rows mirror each other",
    why=(
        "If each sample keeps the larger share, N samples give N different images; otherwise two of "
        "them can come out the same."
    ),
    source=_FOLD,
    when={"lambda": "folded"},
    severity="wrong",
    rests_on=(
        "lambda_at_least_half",
        "inputs_and_targets_share_lambda_and_partner",
    ),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def own_sample_dominates(mix: Mix, size: int, alpha: float, seed: int) -> None:
    shown = mix.revealed(mix.size(size), alpha, seed)
    for name, weights in (("inputs", "mixed"), ("targets", "soft")):
        lead = shown.see(f"{weights}.diagonal() - ({weights} - {weights}.diagonal().diag()).amax(1)")
        mix.at_least(f"lead of the own sample in the {name}", lead, -2 * mix.target_error(shown))


@law(
    "mixup",
    "lam ~ Beta(alpha, alpha), or that law folded",
    why="alpha says how much is mixed: its law is the one parameter of the technique.",
    source=f"{_ZHANG}, section 2; {_DKW}",
    dtypes=SINGLE,
    most_examples=1,
    severity="wrong",
    rests_on=("lambda_varies",),
)
@draws(alpha=shape_alphas(), seed=stream_seeds())
def lambda_follows_beta(mix: Mix, alpha: float, seed: int) -> None:
    """Kolmogorov-Smirnov over ``_LAMBDAS`` draws.

    A correct implementation fails a test with probability 1e-13 at most, and a case is 4 tests: less than
    once in 10^12 runs. A wrong law is further off than the limit by 5 of its own standard deviations of
    0.5/sqrt(n) or more. See ``allowed_distance``.
    """
    if not mix.adapter.alpha_known:
        raise Unasked("its alpha cannot be passed")
    lams, looked, answer = mix.visible_lambdas(alpha, seed, _LAMBDAS)
    if not len(lams):
        text = f"never mixes: at alpha {alpha}, no row of {_LAMBDAS} shows a partner"
        raise LawBroken("lambdas that could be seen", "at least", 1, answer.see("len(lams)"), text=text)
    folded = mix.conventions.get("lambda") == "folded"
    _, where, right = distance(lams, alpha, folded)
    share = answer.see(f"(lams[lams <= {1 - 1e-4}] <= {where}).mean()")
    name = "Beta folded at 1/2" if folded else "Beta"
    what = f"share of lambdas up to {where:.4g} at alpha {alpha} ({name}, {len(lams)} draws)"
    mix.agree(what, share, right, allowed_distance(len(lams)))
    grouped = mix.conventions.get("lambda_scope") == "group"
    if mix.conventions.get("applied") == "always" and not grouped:
        # a row in 16 may be its own partner, and shows none; in a group more are
        expected, allowed = visible_share(alpha), allowed_distance(looked)
        what = f"share of lambdas within 1e-4 of no end, at alpha {alpha},"
        found = answer.see(f"len(lams) / {looked}")
        mix.at_most(what, found, expected + allowed)
        mix.at_least(what, found, expected * 15 / 16 - allowed)
    mix.at_least("lambdas that could be seen", answer.see("len(lams)"), _LAMBDAS // 8)


@law(
    "mixup",
    "pi is a permutation: no sample is the partner of two rows",
    why=(
        "If partners are drawn with replacement, some samples count double. (Where that is on "
        "purpose, it is a convention.)"
    ),
    source=f"{_ZHANG}: one loader, shuffled",
    when={"pairing": PERMUTES},
    dtypes=SINGLE,
    severity="wrong",
)
@draws(size=sizes(), alpha=spread_alphas(), seed=seeds())
def partners_are_a_permutation(mix: Mix, size: int, alpha: float, seed: int) -> None:
    shown = mix.revealed(mix.size(size), alpha, seed)
    most = shown.see("((mixed - mixed.diagonal().diag()) > 0).sum(0).amax()")
    mix.at_most("rows that have one sample for a partner", most, 1)


@law(
    "mixup",
    "Cov(lam, lam') = 0 for two rows, or two batches one after the other; lam says nothing of who is mixed; "
    "after a thousand calls all is still mixed",
    why=(
        "If a lambda depends on the one before it, or on the partner, some mixtures come up more "
        "often than others."
    ),
    source=f"{_ZHANG}, section 2: lambda is drawn anew; Hoeffding 1963",
    when={"lambda": ("beta", "folded")},
    dtypes=SINGLE,
    most_examples=1,
    severity="wrong",
    rests_on=(
        "lambda_varies",
        "lambda_follows_beta",
        "inputs_and_targets_share_lambda_and_partner",
        "seeded_runs_repeat",
    ),
)
@draws(alpha=one_of(1.0), seed=stream_seeds())
def lambdas_are_independent(mix: Mix, alpha: float, seed: int) -> None:
    """At alpha 1, lambda is uniform, or uniform above 1/2: its mean m is known, and |lam - m| <= r.

    Hoeffding for the mean of n products of disjoint pairs, each within r^2: P(|mean| > t) is at most
    2 exp(-n t^2 / (2 r^4)) = 1e-13. What is the same twice has the variance, r^2 / 3, as its mean.

    Of the first row, lambda is set beside the side of the batch that its partner is on, s = -1 or 1, and that
    whose partner it is. Uniform on m - r .. m + r, lambda has E exp(x (lam - m)) <= exp(x^2 r^2 / 6), as
    (2k + 1)! >= 6^k k!; so P(|mean of s (lam - m)| > t) is at most 2 exp(-3 n t^2 / (2 r^2)), where they are
    independent. Where lambda gives the partner, it is r / 2.
    """
    if not mix.adapter.alpha_known:
        raise Unasked("its alpha cannot be passed")
    scope = mix.conventions.get("lambda_scope", "sample")
    size, calls = (4, _PAIRS * 2) if scope == "batch" else (16, 1100)
    answer = mix.stream(size, alpha, seed, calls)
    looks = np.asarray(answer.value)
    middle, reach = (0.75, 0.25) if mix.conventions.get("lambda") == "folded" else (0.5, 0.5)
    answer.call.do("own = looks.diagonal(dim1=1, dim2=2)")
    lams = "own.amin(1, keepdim=True)" if scope == "batch" else f"own[:, :{size // 2}]"
    if not np.any(answer.see(lams) < 1):
        none = answer.see(f"({lams} < 1).sum()")
        raise LawBroken("lambdas that could be seen", "at least", 1, none, text="no row shows a partner")
    late = answer.see("(own[-64:] < 1).sum()")
    mix.at_least(f"lambdas below 1 of the last 64 of {calls} calls", late, 1)
    # a row that is its own partner shows no lambda
    answer.call.do(f"off = ({lams} - {middle}).where({lams} < 1, 0)")
    pairs = {"batches one after the other": "off[::2] * off[1::2]"}
    if scope not in ("batch", "group"):
        answer.call.do(f"chosen = torch.as_tensor(partners_in(looks))[:, :{size // 2}]")
        answer.call.do(f"strangers = chosen[:, ::2] != torch.arange(1, {size // 2}, 2)  # partners share it")
        pairs["rows beside each other"] = "off[:, ::2] * strangers * off[:, 1::2]"
    for name, products in pairs.items():
        count = answer.see(products).size
        allowed = reach**2 * np.sqrt(2 * np.log(2 / 1e-13) / count)
        mix.agree(f"covariance of the lambdas of {name}", answer.see(f"({products}).mean()"), 0.0, allowed)
    answer.call.do("chosen = torch.as_tensor(partners_in(looks))")
    found = {"its partner": "chosen[:, 0]"}
    if mix.conventions.get("pairing") in PERMUTES:
        found["the row whose partner it is"] = "(chosen == 0).long().argmax(1)"
    answer.call.do(f"first = (own[:, 0] - {middle}).where(own[:, 0] < 1, 0)")
    for name, who in found.items():
        product = answer.see(f"(first * (1 - 2 * ({who} >= {size // 2}).double())).mean()")
        allowed = reach * np.sqrt(2 * np.log(2 / 1e-13) / (3 * len(looks)))
        mix.agree(f"covariance of a lambda and the side of {name}", product, 0.0, allowed)


@law(
    "mixup",
    "P(pi(i) = j) is the same for all j != i",
    why="A permutation that favours a position mixes some pairs more often than others.",
    source=f"{_ZHANG}: a random permutation; Hoeffding 1963",
    when={"pairing": "permutation"},
    dtypes=SINGLE,
    most_examples=1,
    severity="wrong",
    rests_on=("partners_are_a_permutation",),
)
@draws(alpha=one_of(8.0), seed=stream_seeds())
def pairing_is_uniform(mix: Mix, alpha: float, seed: int) -> None:
    """Hoeffding: P(|f - p| > t) <= 2 exp(-2 n t^2), for 12 frequencies together below 1e-13 at t = 0.17.

    Of rows that show a partner: whether a sample may be its own, or is mixed at all, is left open.
    """
    size = 4
    answer = mix.stream(size, alpha, seed, _PAIRINGS)
    answer.call.do("chosen = torch.as_tensor(partners_in(looks))")
    answer.call.do(f"seen = (chosen != torch.arange({size})).sum(0)")
    seen = answer.see("seen")
    mix.at_least("rows that show a partner", answer.see("seen.min()"), _PAIRINGS / 8)
    right = (1 - np.eye(size)) / (size - 1)
    allowed = np.sqrt(np.log(2 * size * size / 1e-13) / (2 * np.asarray(seen)[:, None]))
    mix.agree("frequency of each partner", answer.see("frequencies(looks)"), right, allowed)


@law(
    "mixup",
    "lam CE(z, y) + (1 - lam) CE(z, y_pi) = CE(z, q), a weight a sample, before the mean",
    why="Cross-entropy is linear in the target. Reduced first, every sample would get the mean lambda.",
    source=f"{_ZHANG}, equation 1; fastai/fastai issue 2286",
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner", "seeded_runs_repeat"),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def mixed_loss_is_loss_of_mixed_target(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    logits, target = mix.fitting(batch.inputs, batch.target)
    shown = mix.revealed(len(logits), alpha, seed)
    answer = mix(logits, target, alpha, seed)
    z = mix.rounded(logits)
    own, partner = np.diag(shown.value), probes.partners(shown.value)
    right = smoothing.cross_entropy(
        reference.mixed_targets(target, np.asarray(target)[partner], own, len(target)), z
    )
    log_p = smoothing.cross_entropy(np.ones_like(z), z)
    bound = 2 * tolerances.row_error(mix.precision, z) + 4 * mix.target_error(answer) * log_p
    if mix.adapter.loss is None:
        answer.call.tensor("logits", logits, mix.dtype)
        losses = answer.see("-(soft * logits.double().log_softmax(1)).sum(1)")
        mix.agree("loss of the mixed target", losses, right, bound)
        return
    answer.call.use("its_own_loss", mix.adapter.loss)
    answer.call.tensor("logits", logits, mix.dtype, torch.tensor(z).to(mix.device, torch_dtype(mix.dtype)))
    with mix.asking():
        answer.call.do("loss = its_own_loss(logits, labels)")
    mean_bound = tolerances.reduced_error(mix.precision, bound, right, len(right))
    mix.agree("its own loss of the mixed target", answer.see("loss"), right.mean(), mean_bound)


@law(
    "mixup",
    "q >= 0 and sum_k q_k = 1",
    why="A mixture of two distributions is one; blended class numbers are none.",
    source=_ZHANG,
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner",),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def targets_are_distributions(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    answer = mix(inputs, target, alpha, seed)
    mix.at_least("smallest entry of the target", answer.see("soft.min()"), 0.0)
    sums = answer.see("soft.sum(1)")
    mix.agree("sum of a row of the target", sums, np.ones(len(sums)), 2 * mix.target_error(answer))


@law(
    "mixup",
    "mix(a x + b) = a mix(x) + b",
    why="Shares sum to 1: scale and offset of the pixels pass through.",
    source=f"{_ZHANG}, equation 1",
    severity="wrong",
    rests_on=("rows_are_convex_combinations", "matches_reference", "seeded_runs_repeat"),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds(), scale=one_of(2.0, -1.0, 0.5), offset=one_of(1.0, -4.0))
def affine_equivariant(
    mix: Mix, batch: Samples, alpha: float, seed: int, scale: float, offset: float
) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    moved = (scale * np.asarray(inputs) + offset).tolist()
    first, second = mix(inputs, target, alpha, seed), mix(moved, target, alpha, seed)
    size = np.abs(inputs).max() * abs(scale) + abs(offset)
    bound = 2 * tolerances.mix_error(mix.precision, size, size)
    mix.agree("mixture of a x + b", second.value, scale * first.value + offset, bound)


@law(
    "mixup",
    "min_i x_i <= x' <= max_i x_i",
    why="An image between two images has no pixel outside both.",
    source=f"{_ZHANG}, equation 1",
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("rows_are_convex_combinations", "matches_reference", "seeded_runs_repeat"),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def stays_in_range(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    answer = mix(inputs, target, alpha, seed)
    x = mix.rounded(inputs)
    slack = tolerances.mix_error(mix.precision, np.abs(x).max(axis=0), np.abs(x).max(axis=0))
    mix.at_least("mixed inputs", answer.value, x.min(axis=0) - slack)
    mix.at_most("mixed inputs", answer.value, x.max(axis=0) + slack)


@law(
    "mixup",
    "mean_i x'_i = mean_i x_i",
    why=(
        "With one lambda, and each sample a partner exactly once, mixing moves shares between rows "
        "and keeps their sum."
    ),
    source=f"{_ZHANG}, equation 1",
    when={"lambda_scope": "batch", "pairing": PERMUTES},
    severity="wrong",
    rests_on=("partners_are_a_permutation", "rows_are_convex_combinations", "seeded_runs_repeat"),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def shared_lambda_preserves_batch_mean(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    weights = np.asarray(mix.revealed(len(inputs), alpha, seed).value)
    whole = np.abs(weights.sum(axis=0) - 1) <= 2 * mix.weight_error()
    if np.any(np.diag(weights) == 1) and not whole.all():
        raise Unasked(
            "it leaves some samples of a batch alone, whose partners give what they do not get back"
        )
    answer = mix(inputs, target, alpha, seed)
    x = mix.rounded(inputs)
    mean = answer.see("mixed.mean(0)")
    bound = tolerances.mix_error(mix.precision, np.abs(x).max(axis=0), np.abs(x).max(axis=0))
    mix.agree("mean of the mixed inputs", mean, x.mean(axis=0), bound)


@law(
    "mixup",
    "x'_i[c, h] = lambda_i x_i[c, h] + (1 - lambda_i) x_j[c, h], with one lambda_i and one j for all c and h",
    why=(
        "The label has one lambda, so every channel, row and pixel of the sample has to be mixed with "
        "that lambda."
    ),
    source=f"{_ZHANG}, equation 1",
    dtypes=SINGLE,
    severity="wrong",
    rests_on=("seeded_runs_repeat", "inputs_and_targets_share_lambda_and_partner"),
)
@draws(rank=one_of(4, 3, 5), size=sizes(), alpha=alphas(), seed=seeds())
def one_mixture_for_all_of_a_sample(mix: Mix, rank: int, size: int, alpha: float, seed: int) -> None:
    if rank not in (mix.rank, *mix.adapter.ranks):
        raise Unasked("it does not promise inputs of that rank")
    size, parts = mix.size(size), image_parts(rank)
    answer = mix(probes.identity_batch(size), list(range(size)), alpha, seed, rank=rank, parts_alike=False)
    shares = answer.see(f"whole(result[0], {parts})")
    bound = 2 * tolerances.mix_error(mix.precision, 1.0, 1.0)
    first = np.broadcast_to(np.asarray(shares)[:, :1], np.shape(shares))
    mix.agree("shares in each channel and row, over those in the first,", shares, first, bound)


@law(
    "mixup",
    "x' of rank 1 to 5: (N,), (N, F), (N, C, L), (N, C, H, W), (N, C, T, H, W)",
    why="Lambda belongs to the sample: it is broadcast over all that follows. Ranks that an "
    "implementation does not promise it may refuse, but not mix wrongly.",
    source="NB14: beta[:, None, None, None] fits images only, and broadcasts others",
    dtypes=SINGLE,
    severity="edge",
    rests_on=("matches_reference", "inputs_and_targets_share_lambda_and_partner", "seeded_runs_repeat"),
)
@draws(rank=one_of(1, 2, 3, 4, 5), size=sizes(), alpha=alphas(), seed=seeds())
def any_rank(mix: Mix, rank: int, size: int, alpha: float, seed: int) -> None:
    size = mix.size(size)
    rows = np.arange(float(size))[:, None] if rank == 1 else probes.identity_batch(size)
    try:
        answer = mix(rows, list(range(size)), alpha, seed, rank=rank)
    except Raised:
        if rank in mix.adapter.ranks:
            raise
        return
    bound = 2 * tolerances.mix_error(mix.precision, float(size), float(size))
    mix.agree(f"inputs of rank {rank}", answer.value, answer.soft @ rows, bound)


@law(
    "mixup",
    "N smaller or larger than the batch before is mixed like any other",
    why="The last batch of an epoch holds the samples that are left over: often an odd number, or one.",
    source="Tony607/keras_mixup_generator issue 1",
    dtypes=SINGLE,
    severity="wrong",
    rests_on=(
        "inputs_and_targets_share_lambda_and_partner",
        "rows_are_convex_combinations",
    ),
)
@draws(size=one_of(3, 2, 5), before=one_of(8, 2, 4), alpha=alphas(), seed=seeds())
def ragged_batches(mix: Mix, size: int, before: int, alpha: float, seed: int) -> None:
    _any_size(mix, mix.size(size), before, alpha, seed)


@law(
    "mixup",
    "W_x = W_y and rows sum to 1, also for N above 256",
    why=(
        "Partners that are kept in a small integer type, or in a table of fixed size, are wrong in "
        "any batch that is larger."
    ),
    source=f"{_ZHANG}, equation 1",
    dtypes=SINGLE,
    most_examples=2,
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner", "rows_are_convex_combinations"),
)
@draws(size=one_of(300), alpha=alphas(), seed=seeds())
def large_batches_are_no_other(mix: Mix, size: int, alpha: float, seed: int) -> None:
    _any_size(mix, size, 0, alpha, seed)
    answer = mix.answers[-1]
    few = np.asarray(answer.value)[:256, :256]
    drawn = mix.conventions.get("pairing") in ("permutation", "independent")
    if drawn and few.sum() - np.trace(few) > 2:  # something is mixed; of 256 partners some are beyond
        share = answer.see("(mixed - mixed.diagonal().diag())[:, 256:].sum()")
        mix.at_least("share of the samples from the 257th on in the others", share, mix.weight_error())
    if few.sum() - np.trace(few) > 32:  # much is mixed: of the last 44 rows some are
        own = answer.see("(1 - mixed.diagonal()[256:]).sum()")
        mix.at_least("share of others in the rows from the 257th on", own, mix.weight_error())


@law(
    "mixup",
    "W_x = W_y however x and y lie in memory",
    why="Inputs and targets that were permuted, sliced or transposed (channels_last) are like any others.",
    source="documentation of torch.Tensor.view: not every tensor can be viewed as another shape",
    dtypes=SINGLE,
    severity="edge",
    rests_on=("inputs_and_targets_share_lambda_and_partner", "rows_are_convex_combinations"),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds(), layout=one_of(*probes.LAYOUTS), rows=one_of(False, True))
def memory_layout_does_not_matter(
    mix: Mix, size: int, alpha: float, seed: int, layout: str, rows: bool
) -> None:
    rows = rows and "soft_targets" in mix.features
    _any_size(mix, mix.size(size), 0, alpha, seed, layout=layout, rows=rows)


@law(
    "mixup",
    "N = 1 and N odd are mixed like any other",
    why="The last batch of an epoch holds the samples that are left over: often an odd number, or one.",
    source="huggingface/pytorch-image-models issue 1304; DBD-research-group/BirdSet pull 274",
    dtypes=SINGLE,
    severity="edge",
    rests_on=("ragged_batches",),
)
@draws(size=one_of(1, 3, 5), before=one_of(0, 4), alpha=alphas(), seed=seeds())
def odd_and_single_batches(mix: Mix, size: int, before: int, alpha: float, seed: int) -> None:
    _any_size(mix, size, before, alpha, seed)


def _any_size(
    mix: Mix,
    size: int,
    before: int,
    alpha: float,
    seed: int,
    *,
    layout: str | None = None,
    rows: bool = False,
) -> None:
    classes = max(size, 8)
    target = np.eye(classes)[:size].tolist() if rows else list(range(size))
    given: dict[str, Any] = {"after_batch_of": before or None, "num_classes": classes, "layout": layout}
    answer = mix(probes.identity_batch(size), target, alpha, seed, **given)
    weights = answer.see(f"soft[:, :{size}]")
    mix.agree("weights of the targets", weights, answer.value, 2 * mix.target_error(answer))
    sums = answer.see("mixed.sum(1)")
    mix.agree("sum of the weights of a row", sums, np.ones(size), 2 * mix.weight_error())


@law(
    "mixup",
    "x' has the dtype and the device of x",
    why=(
        "A lambda of another dtype raises an error or changes the dtype of the inputs; then the model "
        "fails or slows down."
    ),
    source="torch's promotion rules: the documentation of torch.result_type",
    dtypes=FLOATS,
    even_if_refused=True,
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def dtype_and_device_kept(mix: Mix, size: int, alpha: float, seed: int) -> None:
    shown = mix.revealed(mix.size(size), alpha, seed)
    mix.same("dtype of the mixed inputs", shown.dtype, mix.dtype)
    mix.same("device of the mixed inputs", shown.device, mix.device)


@law(
    "mixup",
    "x' and the mixed target are where x and y are",
    why="Lambdas drawn on the CPU are refused there; a target on the CPU fails in the loss.",
    source="PyTorch's notes on CUDA semantics: operations take tensors of one device",
    dtypes=SINGLE,
    devices=ACCELERATORS,
    needs=("devices",),
    even_if_refused=True,
    severity="edge",
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def stays_on_its_device(mix: Mix, size: int, alpha: float, seed: int) -> None:
    mix.stays(mix.revealed(mix.size(size), alpha, seed))


@law(
    "mixup",
    "the host waits for the device no more often for N samples than for 2",
    why=(
        "At each wait the CPU stands still until the device has finished: with one wait per sample, a "
        "batch is as slow as N calls."
    ),
    source="documentation of torch.cuda.set_sync_debug_mode; PyTorch's performance tuning guide, avoid "
    "unnecessary CPU-GPU synchronization",
    dtypes=SINGLE,
    devices=("twin",),
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(size=one_of(6, 12), seed=seeds())
def waits_for_device(mix: Mix, size: int, seed: int) -> None:
    few, many = (mix.waited(partial(mix.revealed, n, 1.0, seed)) for n in (2, size))
    mix.at_most(f"number of waits for {size} samples", many, few)


_WAYS = (
    "documentation of torch.func, torch.autocast, torch.inference_mode and torch.compile: the same results"
)


@law(
    "mixup",
    "W_x = W_y, rows of two shares, under vmap, autocast, inference mode, deterministic algorithms, pickled",
    why="PyTorch may call a mixup in another way; where it works, it mixes as it does otherwise.",
    source=_WAYS,
    needs=("tensors",),
    dtypes=SINGLE,
    devices=("cpu",),
    most_examples=3,
    severity="wrong",
    rests_on=(
        "inputs_and_targets_share_lambda_and_partner",
        "rows_are_convex_combinations",
        "seeded_runs_repeat",
    ),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def mixes_alike_under_transforms(mix: Mix, size: int, alpha: float, seed: int) -> None:
    _mixes_alike_under(mix.quick_ways(), mix, size, alpha, seed)


@law(
    "mixup",
    "W_x = W_y, rows of two shares, compiled, and exported",
    why="A compiler may reorder what a mixup does, not change it.",
    source=_WAYS,
    needs=("tensors",),
    dtypes=SINGLE,
    devices=("cpu",),
    most_examples=1,
    dear=True,
    severity="wrong",
    rests_on=(
        "inputs_and_targets_share_lambda_and_partner",
        "rows_are_convex_combinations",
        "seeded_runs_repeat",
    ),
)
@draws(way=one_of(*COMPILED))
def mixes_alike_under_compile(mix: Mix, way: str) -> None:
    _mixes_alike_under([way], mix, 4, 1.0, 3)


def _mixes_alike_under(ways: list[str], mix: Mix, size: int, alpha: float, seed: int) -> None:
    working = [way for way in ways if mix.way(way) != "fails"]
    if not working:
        raise Unasked("it works in none of these ways")
    size = mix.size(size)
    for way in working:
        judged = replace(mix, works_in={mix.dtype: dtype_name(AUTOCAST)}) if way == "autocast" else mix
        try:
            shown = mix.revealed(size, alpha, seed, way=mix.tried(way))
        except Raised:
            if way in mix.adapter.documented:
                raise
            continue  # that it does not work for some input is no fault either
        error = judged.weight_error()
        mix.agree(
            f"weights of the targets under {way}", shown.soft, shown.value, error + judged.target_error(shown)
        )
        third = shown.see("mixed.sort(1).values[:, :-2]")
        mix.at_most(f"third weight of a row under {way}", third, np.zeros(third.shape) + error)


@law(
    "mixup",
    "uint8 images are mixed as numbers, or refused: as is documented, where it is",
    why=(
        "Cast back to uint8, every pixel would lose its fraction: half a step darker on average, "
        "without a word."
    ),
    source="huggingface/pytorch-image-models: timm 1.0.31, modes pair and elem, reproduced",
    dtypes=SINGLE,
    severity="edge",
    rests_on=("rows_are_convex_combinations", "matches_reference", "seeded_runs_repeat"),
)
@draws(size=sizes(), alpha=spread_alphas(), seed=seeds())
def integer_inputs_correct_or_loud(mix: Mix, size: int, alpha: float, seed: int) -> None:
    size = mix.size(size)
    shown = mix.revealed(size, alpha, seed)
    said = mix.conventions.get("integers")
    try:
        answer = mix.revealed(size, alpha, seed, integers=True)
    except Raised as error:
        if said == "mixed":
            raise
        return mix.named("uint8 images", "inputs", error)
    if said == "refused":
        text = f"took uint8 images and returned {answer.dtype}; its documentation says that they are refused"
        raise LawBroken("uint8 images", "an error, not", "a mixture", answer.value, text=text)
    exact = not answer.dtype.startswith(("int", "uint"))
    allowed = 255 * 2 * mix.weight_error() if exact else 0.5 + 255 * mix.weight_error()
    mix.agree(f"mixture of uint8 images, in {answer.dtype},", answer.value, 255 * shown.value, allowed)


@law(
    "mixup",
    "x and y hold the same values after the call; they, x' and q also after the next one",
    why="The caller may use them again: for metrics, for a second view, while the next batch is made. "
    "An implementation may declare that it works in place on x, but never on y.",
    source="Megvii-BaseDetection/YOLOX pull 275; documentation of torch.utils.data.DataLoader: "
    "prefetch_factor batches are there at once",
    severity="wrong",
)
@draws(size=sizes(), alpha=alphas(), seed=seeds(), images=one_of(False, True))
def inputs_not_modified(mix: Mix, size: int, alpha: float, seed: int, images: bool) -> None:
    size = mix.size(size)
    if images:
        return _images_not_modified(mix, size, alpha, seed)
    for when in ("call", "next call"):
        answer = mix.revealed(size, alpha, seed, look_after=True, calls_again=when == "next call")
        mix.same(f"target after the {when}", answer.after["target"], np.arange(float(size)))
        with _given_back(mix, np.array_equal(answer.after["inputs"], answer.value)):
            mix.same(f"inputs after the {when}", answer.after["inputs"], probes.identity_batch(size))
    mix.same("mixed inputs after the next call", answer.after["mixed inputs"], answer.value)
    mix.same("mixed target after the next call", answer.after["mixed target"], answer.distributions)


def _images_not_modified(mix: Mix, size: int, alpha: float, seed: int) -> None:
    """Taller and wider ones, so that what cuts a box out has one, and 16 calls, of which some may cut."""
    try:
        answer = mix.after_calls(size, alpha, seed, 16)
    except Raised:
        if 4 in mix.adapter.ranks:
            raise
        raise Unasked("it takes no images of this size") from None
    mix.same("number of labels that 16 calls changed", answer.see("(target != kept[1]).sum()"), 0)
    with _given_back(mix, True):
        mix.same("number of pixels that 16 calls changed", answer.see("(images != kept[0]).sum()"), 0)


@contextlib.contextmanager
def _given_back(mix: Mix, same: bool) -> Iterator[None]:
    """Inputs that always come back mixed in their own tensor are a choice, as timm's are: an edge, or nothing
    where it is declared. Those that are overwritten now and then, or beside the mixture, are not."""
    try:
        yield
    except LawBroken as broken:
        if mix.adapter.documented.get("in_place") == "true":
            return
        if same and mix.conventions.get("in_place") == "true":
            broken.slight = "the mixture is given back in that tensor: code that goes on with it is right"
        raise


@law(
    "mixup",
    "after a call, the global generators are not where they are after one under another seed",
    why="A generator that is seeded in each call gives all that is drawn after it, dropout and the order of "
    "the next epoch, the same numbers again and again.",
    source="iver56/torch-audiomentations issue 170; FrEIA pull 49: seeding inside a library",
    dtypes=SINGLE,
    devices=("cpu",),
    severity="wrong",
    rests_on=("lambda_varies",),
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def generators_go_on(mix: Mix, size: int, alpha: float, seed: int) -> None:
    try:
        first, second = (mix.after_calls(mix.size(size), alpha, seed + i, 2) for i in range(2))
    except Raised:
        if 4 in mix.adapter.ranks:
            raise
        raise Unasked("it takes no images of this size") from None
    for i, name in enumerate(("random", "NumPy", "torch")):
        before, after = (answer.see(f"numbers[{i}]") for answer in (first, second))
        if before == after:
            what = f"the next number of {name}'s global generator, under another seed,"
            text = (
                f"after a call, {name}'s global generator is at the same place under two seeds: it is seeded"
            )
            raise LawBroken(what, "another", before, after, text=text)


@law(
    "mixup",
    "of one-hot rows of whole numbers, the mixture that class numbers give; or they are refused",
    why="torch.nn.functional.one_hot gives whole numbers: rows that are taken for class numbers are encoded "
    "again, or cut off to zeros.",
    source="frgfm/holocron pull 225; documentation of torch.nn.functional.one_hot",
    dtypes=SINGLE,
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner", "seeded_runs_repeat"),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def one_hot_rows_are_mixed_alike(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    if "soft_targets" not in mix.features:
        raise Unasked("it does not say that it takes rows")
    if "places" in mix.features:
        raise Unasked("whole numbers (N, d) are classes of places for it")
    inputs, target = mix.fitting(batch.inputs, batch.target)
    rows = np.eye(len(inputs))[target].tolist()
    first = mix(inputs, target, alpha, seed)
    try:
        second = mix(inputs, rows, alpha, seed, target_as="int64")
    except Raised:
        raise Unasked("it refuses rows of whole numbers") from None
    mix.agree("mixed target of one-hot rows", second.soft, first.soft, 3 * mix.target_error(first))


@law(
    "mixup",
    "labels that come back as pairs are labels of the batch, whatever the dtype of x",
    why="Half precision holds no whole number exactly from 257 on (bfloat16), or 2049 (float16): cast to the "
    "images' dtype, a label is another class.",
    source="kornia/kornia issue 4657",
    when={"targets": "pair"},
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner",),
)
@draws(first=one_of(257, 999), alpha=alphas(), seed=seeds())
def labels_of_pairs_survive(mix: Mix, first: int, alpha: float, seed: int) -> None:
    labels = [first, 2049, 1003, 4097]
    answer = mix(probes.identity_batch(4), labels, alpha, seed, num_classes=5000)
    if isinstance(answer.target, torch.Tensor):
        raise Unasked("it gives a mixed row for each sample")
    if any(torch.as_tensor(each).ndim != 1 for each in answer.target[:2]):
        raise Unasked("it gives rows, and not class numbers")
    for i, whose in enumerate(("own", "partners'")):
        strange = answer.see(
            f"(~torch.isin(torch.as_tensor(labels[{i}]).double().cpu(), target.double().cpu())).sum()"
        )
        mix.same(f"number of {whose} labels that are none of the batch", strange, 0)


@law(
    "mixup",
    "alpha = 1 and alpha = 1.0 are one",
    why="alpha=1 means the uniform law; but made into a tensor of whole numbers, it has no Beta law.",
    source="documentation of torch.distributions.beta.Beta: concentrations are float or Tensor",
    needs=("alpha",),
    dtypes=SINGLE,
    severity="edge",
    rests_on=("seeded_runs_repeat",),
)
@draws(size=sizes(), alpha=one_of(1, 2), seed=seeds())
def whole_alpha_is_a_number(mix: Mix, size: int, alpha: int, seed: int) -> None:
    size = mix.size(size)
    first, second = (mix.revealed(size, given, seed) for given in (float(alpha), alpha))
    mix.same(f"mixed inputs at alpha {alpha}", second.value, first.value)


@law(
    "mixup",
    "d(sum v x')/dx = W_x^T v",
    why="x' is linear in x, with the shares as slopes: nothing is detached.",
    source=f"{_ZHANG}, equation 1",
    needs=("gradient",),
    severity="wrong",
    rests_on=("rows_are_convex_combinations", "seeded_runs_repeat"),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def gradient_is_lambda(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    along, target = mix.fitting(batch.inputs, batch.target)
    shown = mix.revealed(len(along), alpha, seed)
    answer = mix(probes.identity_batch(len(along)), target, alpha, seed, along=along)
    v = mix.rounded(along)
    bound = 4 * mix.weight_error() * np.abs(v).sum(axis=0) + 1e-30
    mix.agree("gradient of the inputs", answer.gradient, shown.value.T @ v, bound)


@law(
    "mixup",
    "x' = x and q = onehot(y) at alpha = 0, or alpha = 0 is refused",
    why="Beta(alpha, alpha) tends to shares of 0 and 1: nothing is mixed.",
    source=f"{_ZHANG}, section 2: alpha to 0 is empirical risk minimisation",
    needs=("alpha",),
    severity="edge",
)
@draws(size=sizes(), seed=seeds())
def alpha_zero_is_identity(mix: Mix, size: int, seed: int) -> None:
    size = mix.size(size)
    try:
        shown = mix.revealed(size, 0.0, seed)
    except Raised:
        return
    mix.same("mixed inputs at alpha 0", shown.value, probes.identity_batch(size))
    mix.same("mixed target at alpha 0", shown.soft, probes.identity_batch(size))


@law(
    "mixup",
    "alpha < 0, NaN and infinity raise, or nothing is mixed at alpha < 0 and NaN",
    why="There is no Beta law with such a parameter, and whatever is drawn instead looks like a lambda.",
    source=f"{_ZHANG}, section 2: alpha in (0, infinity)",
    needs=("alpha",),
    dtypes=SINGLE,
    severity="guard",
)
@draws(alpha=bad_alphas(), seed=seeds())
def rejects_bad_alpha(mix: Mix, alpha: float, seed: int) -> None:
    # alpha <= 0 for "off" is what the authors' own code does (facebookresearch/mixup-cifar10, train.py)
    unless = [] if alpha == np.inf else [(probes.identity_batch(4), 0.0)]
    mix.refuses(f"alpha {alpha}", lambda: mix.revealed(4, alpha, seed), names="alpha", unless=unless)


@law(
    "mixup",
    "len(x) != len(y) raises",
    why="Samples would get targets that are not theirs.",
    source="documentation of torchvision.transforms.v2.MixUp: labels (batch_size,)",
    needs=("lengths",),
    dtypes=SINGLE,
    severity="guard",
)
@draws(size=one_of(4, 2, 6), off=one_of(-1, 1), alpha=alphas(), seed=seeds())
def rejects_mismatched_batch(mix: Mix, size: int, off: int, alpha: float, seed: int) -> None:
    labels = [i % size for i in range(size + off)]
    try:
        answer = mix(probes.identity_batch(size), labels, alpha, seed)
    except LawBroken:
        return  # no target for each input: the loss will say so
    except Raised as error:
        return mix.named(f"{len(labels)} targets for {size} samples", "target inputs", error)
    if answer.bad_target is not None:
        return
    text = (
        f"took {len(labels)} targets for {size} samples and returned a target for each; an error was expected"
    )
    raise LawBroken("targets", "an error, not", "a silent result", answer.value, text=text)


@law(
    "mixup",
    "y >= num_classes raises; where errors are promised, also in pairs, and y of more columns",
    why="A row of zeros for a class that does not exist is a wrong target, given without a word.",
    source="documentation of torch.nn.functional.one_hot",
    needs=("num_classes",),
    dtypes=SINGLE,
    devices=("cpu",),
    severity="guard",
)
@draws(size=one_of(4, 2), beyond=one_of(0, 1), rows=one_of(False, True), alpha=alphas(), seed=seeds())
def rejects_bad_target(mix: Mix, size: int, beyond: int, rows: bool, alpha: float, seed: int) -> None:
    promised = mix.conventions.get("errors") == "named"
    if not promised and mix.conventions.get("targets") != "soft":
        raise Unasked("what it gives back are pairs of any labels")
    if rows and promised and "soft_targets" in mix.features:
        columns = size + 1 + beyond
        ask = partial(mix, probes.identity_batch(size), np.eye(columns)[:size].tolist(), alpha, seed)
        return mix.refuses(
            f"targets of {columns} columns for {size} classes", ask, names="target num_classes"
        )
    labels = [*range(size - 1), size + beyond]
    mix.refuses(
        f"class {size + beyond} of {size}",
        lambda: mix(probes.identity_batch(size), labels, alpha, seed),
        names="target",
    )


@law(
    "mixup",
    "labels that are no whole numbers, and rows of whole numbers, raise, where errors are promised",
    why="A label of 1.5 is cut off to 1, and a distribution of whole numbers mixes to zeros.",
    source="documentation of torch.nn.functional.cross_entropy: target, class indices or probabilities",
    when={"errors": "named"},
    dtypes=SINGLE,
    devices=("cpu",),
    severity="guard",
)
@draws(size=one_of(4, 2), rows=one_of(False, True), alpha=alphas(), seed=seeds())
def rejects_odd_targets(mix: Mix, size: int, rows: bool, alpha: float, seed: int) -> None:
    if rows and "places" in mix.features:
        raise Unasked("whole numbers are classes, one for each place")
    if not rows and "num_classes" not in mix.features:
        raise Unasked("of no number of classes, labels of floats are values")
    target = probes.identity_batch(size) if rows else list(range(size))
    what, dtype = ("rows of whole numbers", "int64") if rows else ("labels of floats", "float32")
    ask = partial(mix, probes.identity_batch(size), target, alpha, seed, target_as=dtype)
    mix.refuses(what, ask, names="target")


@law("mixup", **WHEN_BUILT)
@draws()
def refuses_when_built(mix: Mix) -> None:
    asks_when_built(mix)


@law(
    "mixup",
    "the same seed gives the same bits",
    why="A run that cannot be repeated cannot be debugged.",
    source="torch's notes on reproducibility",
    severity="wrong",
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def seeded_runs_repeat(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    first, second = (mix(inputs, target, alpha, seed) for _ in range(2))
    mix.same("what the second run gives", second.value, first.value)
    mix.same("what the second run gives", second.distributions, first.distributions)


@law(
    "mixup",
    "a generator that is passed, seeded alike, gives the same bits under another global seed",
    why="Who passes a generator expects that lambda and the partners are drawn from it alone.",
    source="torch's notes on reproducibility",
    severity="edge",
    rests_on=("seeded_runs_repeat",),
)
@draws(batch=samples(), alpha=alphas(), seed=seeds())
def everything_is_drawn_from_its_generator(mix: Mix, batch: Samples, alpha: float, seed: int) -> None:
    if "generator" not in mix.features:
        raise Unasked("it takes no generator")
    inputs, target = mix.fitting(batch.inputs, batch.target)
    first, second = (mix(inputs, target, alpha, seed + i, generator=seed) for i in range(2))
    mix.same("mixed inputs with the generator seeded alike", second.value, first.value)


@law(
    "mixup",
    "copies of one object, under different seeds, mix differently",
    why="Each DataLoader worker has a copy, and its own seed. A generator kept in the object draws the "
    "same lambdas in every worker.",
    source="pytorch/pytorch issue 5059",
    severity="wrong",
    rests_on=("lambda_varies",),
)
@draws(size=sizes(), alpha=spread_alphas(), seed=seeds())
def seeds_differ(mix: Mix, size: int, alpha: float, seed: int) -> None:
    size = mix.size(max(4, size))
    batch, of_seeds = probes.identity_batch(size), [seed + i for i in range(16)]
    looks = mix.copies(batch, list(range(size)), alpha, of_seeds)
    if alpha != 1.0 and all(np.array_equal(look, batch) for look in looks):  # nothing was mixed
        looks = mix.copies(batch, list(range(size)), 1.0, of_seeds)
    if all(np.array_equal(look, looks[0]) for look in looks[1:]):
        raise LawBroken("mixture of a copy under another seed", "another", looks[0], looks[1])


@law(
    "mixup",
    "after eval(): x' = x and q = onehot(y); after train() mixed again",
    why="Validation loss and accuracy are of images, not of mixtures; the next epoch is trained on mixtures.",
    source="documentation of torch.nn.Module.eval and train",
    needs=("eval_mode",),
    severity="wrong",
)
@draws(size=sizes(), alpha=alphas(), seed=seeds())
def eval_mode_mixes_nothing(mix: Mix, size: int, alpha: float, seed: int) -> None:
    size = mix.size(size)
    shown = mix.revealed(size, alpha, seed, evaluating=True)
    mix.same("inputs in evaluation mode", shown.value, probes.identity_batch(size))
    mix.same("target in evaluation mode", shown.soft, probes.identity_batch(size))
    if mix.conventions.get("applied") == "always" and "alpha" in mix.features:
        again = mix.revealed(16, 8.0, seed, trains_again=True)  # no lambda of Beta(8, 8) is near an end
        others = again.see("16 - mixed.diagonal().sum()")
        mix.at_least("share of other samples in training mode again", others, mix.weight_error())
