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
