"""The reference mixup against values worked out by hand, integrals and simulation."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from lawful.reference import label_smoothing, mixup

ALPHAS = (0.1, 0.4, 1.0, 2.0, 8.0)


def test_mix_by_hand():
    np.testing.assert_allclose(mixup.mix([[4.0], [8.0]], [[8.0], [0.0]], [0.75, 0.25]), [[5.0], [2.0]])


def test_one_share_for_the_batch():
    np.testing.assert_allclose(mixup.mix([1.0, 2.0], [3.0, 4.0], 0.5), [2.0, 3.0])


def test_one_share_for_a_batch_of_images_and_one_for_each_are_alike():
    x, partner = np.arange(12.0).reshape(3, 2, 2), np.ones((3, 2, 2))
    np.testing.assert_array_equal(mixup.mix(x, partner, 0.75), mixup.mix(x, partner, [0.75] * 3))
    mixed = mixup.mix(x, partner, [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(mixed, [x[0], (x[1] + 1) / 2, partner[2]])


def test_mix_refuses_other_shapes():
    with pytest.raises(ValueError, match=r"partner has shape \(1, 2\), expected that of x, \(2, 2\)"):
        mixup.mix(np.ones((2, 2)), np.ones((1, 2)), 0.5)


def test_the_collision_and_its_fix():
    """(i, j, 0.3) and (j, i, 0.7) are one image; folded they are two."""
    x = np.eye(2)
    twice = mixup.mix(x, x[::-1], [0.3, 0.7])
    np.testing.assert_allclose(twice[0], twice[1])
    fixed = mixup.mix(x, x[::-1], mixup.fold([0.3, 0.7]))
    np.testing.assert_allclose(fixed, [[0.7, 0.3], [0.3, 0.7]])


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("folded", [True, False])
def test_density_is_the_slope_of_the_distribution_function(alpha, folded):
    low = 0.5 if folded else 0.2
    for high in (0.6, 0.9):
        area, _ = quad(lambda lam: float(mixup.lam_density(lam, alpha, folded=folded)), low, high)
        ends = mixup.lam_cdf([low, high], alpha, folded=folded)
        assert area == pytest.approx(ends[1] - ends[0], rel=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("folded", [True, False])
def test_samples_follow_their_law(alpha, folded):
    lam = mixup.sample_lam(np.random.default_rng(0), alpha, 4000, folded=folded)
    assert kstest(lam, lambda x: mixup.lam_cdf(x, alpha, folded=folded)).pvalue > 1e-6


def test_density_and_distribution_function_by_hand():
    """At alpha 1 lambda is uniform, and folded, which is the default, uniform on [1/2, 1]."""
    at = [-0.5, 0.0, 0.25, 0.5, 1.0, 1.5]
    assert mixup.lam_density(at, 1.0, folded=False).tolist() == [0, 1, 1, 1, 1, 0]
    assert mixup.lam_density(at, 1.0).tolist() == [0, 0, 0, 2, 2, 0]
    assert mixup.lam_cdf(at, 1.0, folded=False).tolist() == [0, 0, 0.25, 0.5, 1, 1]
    assert mixup.lam_cdf(at, 1.0).tolist() == [0, 0, 0, 0, 1, 1]


def test_samples_are_folded_where_nothing_is_said():
    drawn = mixup.sample_lam(np.random.default_rng(0), 1.0, 100)
    assert drawn.min() >= 0.5
    assert mixup.sample_lam(np.random.default_rng(0), 1.0, 100, folded=False).min() < 0.5


def test_alpha_zero_mixes_nothing():
    assert mixup.sample_lam(np.random.default_rng(0), 0.0, 3).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("alpha", [-1.0, math.nan, math.inf])
def test_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha is"):
        mixup.sample_lam(np.random.default_rng(0), alpha, 1)


def test_distributions_are_mixed_as_they_are():
    q = mixup.mixed_targets([[0.5, 0.5], [1.0, 0.0]], [[0.0, 1.0], [0.25, 0.75]], [0.5, 0.75], 2)
    assert q.tolist() == [[0.25, 0.75], [0.8125, 0.1875]]


def test_classes_of_places_and_values_are_mixed_place_by_place():
    q = mixup.mixed_targets([[0, 1]], [[1, 1]], [0.75], 2)
    assert q.tolist() == [[[0.75, 0.0], [0.25, 1.0]]]
    assert mixup.mixed_targets([2.0], [6.0], [0.75], 2).tolist() == [3.0]
    loss = mixup.mixed_loss([[[0.0, math.log(3)], [0.0, 0.0]]], [[0, 1]], [[1, 1]], [0.75])
    assert loss[0].tolist() == pytest.approx([math.log(2), math.log(4)])
    assert mixup.mixed_accuracy([[[0.0, 3.0], [1.0, 0.0]]], [[0, 1]], [[1, 1]], [0.75]).tolist() == [
        [0.25, 0.0]
    ]


def test_joined_masks_by_hand():
    assert mixup.join([[1, 1, 0]], [[1, 0, 0]]).tolist() == [[True, True, False]]


def test_unknown_class_is_refused():
    with pytest.raises(ValueError, match=r"target is \[3\], expected classes in 0..2"):
        mixup.mixed_targets([0], [3], 0.5, 3)


def test_mixed_loss_by_hand():
    """p = (1/2, 1/4, 1/4): 0.75 log 2 + 0.25 log 4."""
    loss = mixup.mixed_loss([[math.log(2), 0, 0]], [0], [1], [0.75])
    assert loss[0] == pytest.approx(0.75 * math.log(2) + 0.25 * math.log(4))


def test_mixed_accuracy_by_hand():
    """The first predicts its own class, the second its partner's, the third neither, the last has one."""
    z = [[0.0, 5.0, 1.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    right = mixup.mixed_accuracy(z, [1, 1, 1, 0], [0, 0, 0, 0], [0.75, 0.75, 0.75, 0.625])
    assert right.tolist() == [0.75, 0.25, 0.0, 1.0]


def test_mixed_accuracy_is_the_mass_of_the_predicted_class():
    rng = np.random.default_rng(0)
    z, a, b, lam = (
        rng.normal(size=(20, 4)),
        rng.integers(4, size=20),
        rng.integers(4, size=20),
        rng.random(20),
    )
    q = mixup.mixed_targets(a, b, lam, 4)
    np.testing.assert_allclose(mixup.mixed_accuracy(z, a, b, lam), q[np.arange(20), z.argmax(1)], atol=1e-15)


def test_mixed_loss_is_cross_entropy_with_mixed_targets():
    z, a, b, lam = [[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], [0, 1], [2, 1], [0.9, 0.6]
    q = mixup.mixed_targets(a, b, lam, 3)
    np.testing.assert_allclose(mixup.mixed_loss(z, a, b, lam), label_smoothing.cross_entropy(q, z))
