"""The reference against values worked out by hand and against SciPy's own functions."""

import math

import numpy as np
import pytest
from scipy.special import rel_entr, softmax

from lawful.reference import label_smoothing as reference

LOG3 = math.log(3)


def test_uniform_targets_by_hand():
    np.testing.assert_allclose(reference.smoothed_targets([2], 4, 0.4), [[0.1, 0.1, 0.7, 0.1]])


def test_others_targets_by_hand():
    np.testing.assert_allclose(reference.smoothed_targets([0], 5, 0.4, "others"), [[0.6, 0.1, 0.1, 0.1, 0.1]])


def test_normalised_targets_by_hand():
    """(1 + 1/8, 1/8, 1/8, 1/8) over 3/2."""
    rows = reference.smoothed_targets([0], 4, 0.5, "normalised")
    np.testing.assert_allclose(rows, [[3 / 4, 1 / 12, 1 / 12, 1 / 12]])


@pytest.mark.parametrize("off_target", ["uniform", "others", "normalised"])
def test_one_class_takes_all_the_mass(off_target):
    np.testing.assert_array_equal(reference.smoothed_targets([0], 1, 0.3, off_target), [[1.0]])


def test_loss_by_hand():
    """p = (1/2, 1/4, 1/4), q = (0.8, 0.1, 0.1): 0.8 log 2 + 0.2 log 4."""
    loss = reference.smoothed_loss([[math.log(2), 0, 0]], [0], 0.3)
    assert loss == pytest.approx(0.8 * math.log(2) + 0.2 * math.log(4))


def test_gradient_by_hand():
    slope = reference.gradient([[math.log(2), 0, 0]], [0], 0.3)
    np.testing.assert_allclose(slope, [[0.5 - 0.8, 0.25 - 0.1, 0.25 - 0.1]])


def test_gradient_is_the_slope_of_the_loss():
    z, y, h = np.array([[0.3, -1.0, 2.0], [0.0, 0.5, 0.1]]), [2, 0], 1e-6
    slope = reference.gradient(z, y, 0.2)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = h
        up, down = (reference.smoothed_loss(z + s, y, 0.2) for s in (step, -step))
        assert slope[index] == pytest.approx((up - down) / (2 * h), abs=1e-8)


def test_kl_agrees_with_scipy():
    q, z = np.array([[0.7, 0.2, 0.1]]), np.array([[0.3, -1.0, 2.0]])
    np.testing.assert_allclose(reference.kl_divergence(q, z), rel_entr(q, softmax(z)).sum(1))


def test_masked_class_costs_nothing_at_epsilon_zero():
    assert reference.smoothed_loss([[0.0, -np.inf]], [0], 0.0) == 0.0
    assert reference.kl_divergence([[1.0, 0.0]], [[0.0, -np.inf]]) == 0.0


def test_masked_class_costs_infinity_where_mass_is_spread():
    assert reference.smoothed_loss([[0.0, -np.inf]], [0], 0.1) == np.inf


def test_kl_offset_leaves_out_the_entropy():
    z, y = [[0.0, 0.0, 0.0]], [1]
    whole = reference.smoothed_loss(z, y, 0.3)
    without = reference.smoothed_loss(z, y, 0.3, offset="kl")
    assert whole - without == pytest.approx(reference.entropy([[0.1, 0.8, 0.1]])[0])


def test_ignored_samples_are_as_if_absent():
    z, y = [[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]], [0, -100, 1]
    kept = reference.smoothed_loss([z[0], z[2]], [0, 1], 0.2)
    assert reference.smoothed_loss(z, y, 0.2, ignore_index=-100) == pytest.approx(kept)
    over_all = reference.smoothed_loss(z, y, 0.2, ignore_index=-100, ignored_mean="all")
    assert over_all == pytest.approx(kept * 2 / 3)


def test_nothing_kept_is_not_a_number_or_zero_by_convention():
    z, y = [[0.0, 1.0]], [-100]
    assert math.isnan(reference.smoothed_loss(z, y, 0.2, ignore_index=-100))
    assert reference.smoothed_loss(z, y, 0.2, ignore_index=-100, all_ignored="zero") == 0


def test_weights_by_hand():
    """Uniform logits: each log p is -log 3. Weighted mass: 2 * (0.8) + 1 * 0.1 + 1 * 0.1; divisor 2."""
    loss = reference.smoothed_loss([[0.0] * 3], [0], 0.3, weight=[2.0, 1.0, 1.0])
    assert loss == pytest.approx((2 * 0.8 + 0.2) * LOG3 / 2)


def test_target_term_weights_by_hand():
    loss = reference.smoothed_loss(
        [[0.0] * 3], [0], 0.3, weight=[2.0, 1.0, 1.0], weighting="target_term", reduction="sum"
    )
    assert loss == pytest.approx((2 * 0.7 + 0.3) * LOG3)


def test_dense_logits_hold_classes_in_dimension_one():
    z, y = np.arange(12.0).reshape(2, 3, 2), np.array([[0, 1], [2, 0]])
    flat = np.moveaxis(z, 1, -1).reshape(4, 3)
    dense = reference.smoothed_loss(z, y, 0.1, reduction="none")
    assert dense.shape == (2, 2)
    np.testing.assert_allclose(dense.ravel(), reference.smoothed_loss(flat, y.ravel(), 0.1, reduction="none"))


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, math.nan])
def test_bad_epsilon_is_named(epsilon):
    with pytest.raises(ValueError, match=r"epsilon is .*expected a number in"):
        reference.smoothed_targets([0], 2, epsilon)


@pytest.mark.parametrize("target", [[2], [-1]])
def test_bad_class_is_named(target):
    with pytest.raises(ValueError, match=r"target is .*expected classes in 0\.\.1"):
        reference.smoothed_targets(target, 2, 0.1)


Z = np.array([[0.3, -1.0, 2.0], [0.0, 0.5, 0.1], [1.0, 1.0, -2.0], [0.5, 0.0, 0.0]])
Y, W, E = [2, 0, 1, 2], np.array([0.5, 2.0, 3.0]), 0.3


def weighted_by_hand(weighting, weighted_mean, reduction, ignored):
    """The three ways to weigh, as the docstring of smoothed_loss writes them; sample by sample."""
    log_p = Z - np.log(np.exp(Z).sum(1, keepdims=True))
    own, spread, weights = np.zeros(4), np.zeros(4), np.zeros(4)
    for i, y in enumerate(Y):
        if y != ignored:
            weights[i] = W[y]
            own[i] = (1 - E) * W[y] * -log_p[i, y]
            even = -log_p[i].mean()
            parts = {"target_term": even, "sample": W[y] * even, "normalised_spread": -(W / 5.5) @ log_p[i]}
            spread[i] = E * parts[weighting]
    if reduction == "none":
        return own + spread
    if reduction == "sum":
        return own.sum() + spread.sum()
    count, total = np.count_nonzero(weights), weights.sum()
    by_weight = weighted_mean == "weights"
    of_spread = total if by_weight and weighting != "target_term" else count
    return own.sum() / (total if by_weight else count) + spread.sum() / of_spread


@pytest.mark.parametrize("ignored", [None, 1])
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("weighted_mean", ["weights", "count"])
@pytest.mark.parametrize("weighting", ["target_term", "normalised_spread", "sample"])
def test_each_way_to_weigh_by_hand(weighting, weighted_mean, reduction, ignored):
    how = {"weighting": weighting, "weighted_mean": weighted_mean, "reduction": reduction}
    loss = reference.smoothed_loss(Z, Y, E, weight=W, ignore_index=ignored, **how)
    np.testing.assert_allclose(loss, weighted_by_hand(weighting, weighted_mean, reduction, ignored))


@pytest.mark.parametrize("ignored", [None, 1])
def test_a_mean_by_count_divides_every_term_by_the_samples_that_are_kept(ignored):
    how = {"weight": W, "ignore_index": ignored}
    total = reference.smoothed_loss(Z, Y, E, reduction="sum", **how)
    mean = reference.smoothed_loss(Z, Y, E, weighted_mean="count", **how)
    assert mean == pytest.approx(total / (4 if ignored is None else 3))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reduction": "sum"},
        {"reduction": "none"},
        {"ignore_index": 0},
        {"ignore_index": 0, "ignored_mean": "all"},
        {"off_target": "others"},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4)], ids=str)
def test_gradient_of_every_option_is_the_slope_of_the_loss(shape, options):
    z = np.random.default_rng(0).standard_normal(shape)
    y = np.arange(z.size // 3).reshape(shape[0], *shape[2:]) % 3
    slope, h = reference.gradient(z, y, 0.2, **options), 1e-6
    for index in np.ndindex(shape):
        step = np.zeros(shape)
        step[index] = h
        up, down = (reference.smoothed_loss(z + s, y, 0.2, **options).sum() for s in (step, -step))
        assert slope[index] == pytest.approx((up - down) / (2 * h), abs=1e-8)


def test_a_gradient_of_ignored_samples_alone_is_0():
    assert not reference.gradient(Z, [1, 1, 1, 1], 0.2, ignore_index=1).any()


def test_a_target_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"target has shape \(2,\), expected \(4,\)"):
        reference.smoothed_loss(Z, Y[:2], 0.1)


def test_whole_numbers_of_the_logits_shape_are_no_distribution():
    with pytest.raises(ValueError, match="target has shape"):
        reference.smoothed_loss(Z, np.eye(3, dtype=int)[Y], 0.1)


def test_classes_may_be_in_any_dimension():
    """Of (2, 3, 2) logits: class scores last, in the middle, first."""
    z = np.arange(12.0).reshape(2, 3, 2) % 5
    y = np.asarray([[0, 1, 1], [1, 0, 0]])
    last = reference.smoothed_loss(z, y, 0.2, dim=-1, reduction="none")
    for i, j in np.ndindex(y.shape):
        alone = reference.smoothed_loss([z[i, j]], [y[i, j]], 0.2)
        assert last[i, j] == pytest.approx(float(alone))
    middle = reference.smoothed_loss(np.moveaxis(z, -1, 1), y, 0.2, dim=1, reduction="none")
    np.testing.assert_array_equal(middle, last)
    first = reference.smoothed_loss(np.moveaxis(z, -1, 0), y, 0.2, dim=0, reduction="none")
    np.testing.assert_array_equal(first, last)
    soft = reference.smoothed_loss(z, np.eye(2)[y], 0.2, dim=-1, reduction="none")
    np.testing.assert_array_equal(soft, last)


@pytest.mark.parametrize("weight", [None, [1.0, 3.0]])
def test_a_masked_token_is_an_absent_one(weight):
    z, y, mask = [[1.0, 0.0], [4.0, 2.0], [0.0, 3.0]], [0, 1, 1], [True, False, True]
    kept = reference.smoothed_loss([z[0], z[2]], [y[0], y[2]], 0.2, weight=weight)
    assert reference.smoothed_loss(z, y, 0.2, mask=mask, weight=weight) == pytest.approx(float(kept))
    each = reference.smoothed_loss(z, y, 0.2, mask=mask, weight=weight, reduction="none")
    assert each[1] == 0.0
    garbage = reference.smoothed_loss(z, [0, -7, 1], 0.2, mask=mask, weight=weight)
    assert garbage == pytest.approx(float(kept))


def test_a_mask_strikes_out_distributions_too():
    z, q, mask = [[1.0, 0.0], [4.0, 2.0]], [[0.5, 0.5], [0.25, 0.75]], [False, True]
    alone = reference.smoothed_loss(z[1:], q[1:], 0.2)
    assert reference.smoothed_loss(z, q, 0.2, mask=mask) == pytest.approx(float(alone))
    assert reference.smoothed_loss(z, q, 0.2, mask=mask, reduction="none")[0] == 0.0


def test_several_labels_by_hand():
    """mmaction2 issue 1639: [1, 1, 0] at 0.1, of three classes, and what its sum is."""
    by_classes = reference.smoothed_multilabel([[1, 1, 0]], 0.1, "classes")
    np.testing.assert_allclose(by_classes, [[0.9 + 0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3]])
    assert by_classes.sum() == pytest.approx(0.9 * 2 + 0.1)
    by_outcomes = reference.smoothed_multilabel([[1, 1, 0]], 0.1)
    np.testing.assert_allclose(by_outcomes, [[0.95, 0.95, 0.05]])
    assert by_outcomes.sum() == pytest.approx(0.9 * 2 + 0.1 * 3 / 2)
    with pytest.raises(ValueError, match="epsilon is 1"):
        reference.smoothed_multilabel([[1, 0]], 1.5)


def test_one_label_out_of_two_is_the_same_either_way():
    np.testing.assert_array_equal(
        reference.smoothed_multilabel([[1, 0]], 0.3),
        reference.smoothed_multilabel([[1, 0]], 0.3, "classes"),
    )


def test_binary_cross_entropy_by_hand():
    """s(log 3) = 3/4: 0.9 log(4/3) + 0.1 log 4; of a large logit the loss is the logit."""
    losses = reference.binary_cross_entropy([[0.9, 0.0, 1.0]], [[math.log(3), 800.0, math.inf]])
    assert losses[0].tolist() == pytest.approx([0.9 * math.log(4 / 3) + 0.1 * math.log(4), 800.0, 0.0])
