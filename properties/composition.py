"""The laws that hold between label smoothing and mixup, so that using both means one thing.

S_e(t) = (1 - e) t + e/K smooths a target t, M mixes two with share lam. Both are affine, so they commute.
"""

from __future__ import annotations

import numpy as np

from lawful.properties.registry import FLOATS, draws, law
from lawful.properties.strategies import (
    Batch,
    Samples,
    alphas,
    batches,
    epsilons,
    fractions,
    permutation,
    permutation_keys,
    samples,
    seeds,
)
from lawful.properties.subjects.label_smoothing import Loss
from lawful.properties.subjects.mixup import Mix

_SOURCES = "Zhang et al. 2018 (arXiv 1710.09412), equation 1; Szegedy et al. 2016, section 7"


@law(
    "label_smoothing",
    "L_e(z, lam t_a + (1 - lam) t_b) = lam L_e(z, y_a) + (1 - lam) L_e(z, y_b)",
    why="Smoothing is affine and cross-entropy linear in the target: mixed rows and two terms are one loss.",
    source=_SOURCES,
    needs=("soft_targets",),
    when={"offset": "cross_entropy"},
    severity="wrong",
    rests_on=(
        "matches_reference",
        "soft_target_agrees_with_hard",
    ),
)
@draws(batch=batches(), epsilon=epsilons(), lam=fractions(), key=permutation_keys())
def mixup_then_smoothing_is_smoothed_mixture(
    loss: Loss, batch: Batch, epsilon: float, lam: float, key: int
) -> None:
    epsilon = loss.allowed(epsilon, batch.num_classes)
    partner = [batch.target[i] for i in permutation(key, batch.size)]
    rows = np.eye(batch.num_classes)
    mixed = (lam * rows[batch.target] + (1 - lam) * rows[partner]).tolist()
    own, other = (loss(batch.logits, target, epsilon) for target in (batch.target, partner))
    answer = loss(batch.logits, mixed, epsilon)
    bounds = [loss.expected(batch.logits, t, epsilon)[1] for t in (batch.target, partner, mixed)]
    loss.agree(
        "loss of the mixed target", answer.value, lam * own.value + (1 - lam) * other.value, sum(bounds)
    )


@law(
    "mixup",
    "M(S_e(t)) = S_e(M(t))",
    why="Both are affine in the target. A mixup that hardens or renormalises rows loses the smoothing.",
    source=_SOURCES,
    needs=("soft_targets",),
    dtypes=FLOATS,
    severity="wrong",
    rests_on=("inputs_and_targets_share_lambda_and_partner",),
)
@draws(batch=samples(), epsilon=epsilons(), alpha=alphas(), seed=seeds())
def smoothing_commutes_with_mixing(mix: Mix, batch: Samples, epsilon: float, alpha: float, seed: int) -> None:
    inputs, target = mix.fitting(batch.inputs, batch.target)
    rows = np.eye(len(inputs))[target]
    smooth = mix.rounded((1 - epsilon) * rows + epsilon / len(inputs))
    first = mix(inputs, rows.tolist(), alpha, seed)
    second = mix(inputs, smooth.tolist(), alpha, seed)
    right = (1 - epsilon) * first.soft + epsilon / len(inputs)
    mix.agree("mixture of smoothed targets", second.soft, right, 3 * mix.target_error(second))
