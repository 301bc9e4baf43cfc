"""The reference range test against values worked out by hand."""

import math

import numpy as np
import pytest

from lawful.reference import lr_finder


def test_schedule_by_hand():
    np.testing.assert_allclose(lr_finder.schedule(1e-4, 1e-1, 4), [1e-4, 1e-3, 1e-2, 1e-1])


def test_linear_schedule_by_hand():
    np.testing.assert_allclose(lr_finder.schedule(0.5, 2.0, 4, linear=True), [0.5, 1.0, 1.5, 2.0])


def test_the_loss_of_a_whole_set_by_hand():
    assert lr_finder.of_whole_set([1.0, 2.0, 9.0], [4, 4, 2]) == 3.0


def test_clipped_gradients_by_hand():
    """Of norm 5, to 2.5: halved. A smaller one is left, and 0 stays 0."""
    assert lr_finder.clipped([3.0, -4.0], 2.5).tolist() == [1.5, -2.0]
    assert lr_finder.clipped([3.0, -4.0], 5.0).tolist() == [3.0, -4.0]
    assert lr_finder.clipped([0.0, 0.0], 1.0).tolist() == [0.0, 0.0]


def test_the_mean_of_sweeps_by_hand():
    mean, spread = lr_finder.mean_of_sweeps([[1.0, 4.0], [2.0, 4.0, 8.0], [3.0, 4.0]])
    assert (mean.tolist(), spread.tolist()) == ([2.0, 4.0], [1.0, 0.0])


def test_groups_keep_their_ratios():
    assert lr_finder.for_groups(0.5, [1.0, 0.5, 4.0]).tolist() == [0.5, 0.25, 2.0]


def test_the_steepest_window_is_the_reason_for_the_suggestion():
    lrs, losses = 10.0 ** np.arange(-5.0, 1.0), [1.0, 1.0, 0.8, 0.3, 0.25, 0.9]
    first, last = lr_finder.steepest_window(lrs, losses)
    assert (first, last) == (1, 3)
    assert lr_finder.suggest_steepest(lrs, losses) == lrs[2]
    assert lr_finder.steepest_window(lrs, [1.0] * 6) is None
    assert lr_finder.steepest_window(lrs[:1], [1.0]) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 5), "expected 0 < start_lr < end_lr"),
        ((1.0, 1.0, 5), "expected 0 < start_lr < end_lr"),
        ((0.1, math.inf, 5), "expected 0 < start_lr < end_lr"),
        ((0.1, 1.0, 1), "num_iter is 1, expected at least 2"),
    ],
)
def test_bad_ranges_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        lr_finder.schedule(*arguments)


def test_the_first_smoothed_loss_is_the_first_loss():
    """0.02 L / (1 - 0.98) = L; then (0.98 * 0.02 L0 + 0.02 L1) / (1 - 0.98^2)."""
    smooth = lr_finder.smoothed([0.638, 1.0], 0.98)
    assert smooth[0] == pytest.approx(0.638)
    assert smooth[1] == pytest.approx((0.98 * 0.638 + 1.0) / 1.98)


def test_no_smoothing_changes_nothing():
    np.testing.assert_array_equal(lr_finder.smoothed([3.0, 1.0, 2.0], 0.0), [3.0, 1.0, 2.0])


def test_threshold_is_a_multiple_of_a_positive_best_and_above_a_negative_one():
    assert lr_finder.threshold(0.5, 4.0) == 2.0
    assert lr_finder.threshold(-0.5, 4.0) == 1.0
    assert lr_finder.threshold(0.0, 4.0) == 0.0


def script(*losses):
    left = list(losses)
    return lambda lr: left.pop(0)


def test_divergence_is_recorded_and_ends_the_test():
    test = lr_finder.range_test(script(1.0, 0.5, 2.1, 9.9), 0.1, 1.0, 4)
    assert test.losses.tolist() == [1.0, 0.5, 2.1]
    assert test.stopped_early


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_test_and_is_not_recorded(bad):
    test = lr_finder.range_test(script(1.0, bad, 0.5), 0.1, 1.0, 3)
    assert test.losses.tolist() == [1.0]
    assert test.stopped_early


def test_negative_losses_run_to_the_end():
    test = lr_finder.range_test(script(-1.0, -1.5, -1.0, -0.5), 0.1, 1.0, 4)
    assert len(test.losses) == 4
    assert not test.stopped_early


def test_a_quadratic_diverges_where_its_curvature_says():
    """Gradient descent on w^2/2 at rate lr multiplies w by 1 - lr: it grows from lr = 2 on."""
    w = [1.0]

    def step(lr):
        loss = 0.5 * w[0] ** 2
        w[0] *= 1 - lr
        return loss

    test = lr_finder.range_test(step, 1e-3, 100.0, 60)
    assert test.stopped_early
    assert 2.0 < test.lrs[-1] < 30.0


def test_slopes_are_per_log_lr():
    lrs = np.array([1.0, 10.0, 1000.0])
    np.testing.assert_allclose(lr_finder.slopes(lrs, 3 * np.log(lrs)), [3.0, 3.0, 3.0])


def test_suggestions_on_a_valley():
    lrs, losses = [1e-4, 1e-3, 1e-2, 1e-1, 1.0], [1.0, 0.9, 0.35, 0.3, 0.8]
    assert lr_finder.suggest_steepest(lrs, losses) == pytest.approx(1e-3)
    assert lr_finder.suggest_minimum(lrs, losses) == pytest.approx(1e-2)
    assert lr_finder.suggest_valley(lrs, losses) == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("losses", "place"),
    [
        ([1.0, 0.9, 0.95, 0.5, 0.4], 2),  # 1, 0.9, 0.5, 0.4: one noisy point does not end it
        ([5.0, 4.0, 9.0, 8.0, 7.0, 6.0], 4),  # 9, 8, 7, 6 and not 5, 4
        ([2.0, 1.0, 2.0, 1.0], 1),  # of two, the first to end
        ([3.0, 4.0, 2.0], 2),  # 3, 2 and 4, 2: the last to begin
        ([1.0, 1.0, 1.0], None),
    ],
)
def test_the_valley_is_half_way_down_the_longest_fall(losses, place):
    lrs = lr_finder.schedule(1e-5, 1.0, len(losses))
    found = lr_finder.suggest_valley(lrs, losses)
    assert found == (None if place is None else pytest.approx(lrs[place]))


@pytest.mark.parametrize("loss", [-1.0, 0.1, 7.3])
@pytest.mark.parametrize("count", [2, 3, 7, 30])
def test_nothing_is_suggested_for_a_flat_curve(loss, count):
    """Slopes by a general fit are 1e-17 below 0 there, and suggested the middle."""
    assert lr_finder.suggest_steepest(lr_finder.schedule(1e-5, 1.0, count), [loss] * count) is None


def test_nothing_is_suggested_for_a_curve_that_does_not_fall_or_is_too_short():
    assert lr_finder.suggest_steepest([0.1], [1.0]) is None
    assert lr_finder.suggest_steepest([0.1, 1.0], [1.0, 2.0]) is None
    assert lr_finder.suggest_valley([0.1, 1.0], [1.0, 2.0]) is None
    assert lr_finder.suggest_minimum([], []) is None
    assert lr_finder.suggest_minimum([0.1, 1.0], [1.0, 2.0]) is None


def test_of_two_or_three_points_a_fall_is_enough():
    assert lr_finder.suggest_steepest([0.1, 1.0], [2.0, 1.0]) == 1.0
    assert lr_finder.suggest_minimum([0.1, 1.0, 10.0], [2.0, 1.0, 3.0]) == pytest.approx(0.1)


def test_of_no_points_nothing_is_suggested():
    assert lr_finder.suggest_steepest([], []) is None
    assert lr_finder.suggest_valley([], []) is None


def test_windows_are_a_quarter_of_the_points_wide():
    """Of 24 points, six: over so many, a fall of 0.33 a point is steeper than a step of 1."""
    losses = [2.65] * 4 + [2.65 - 0.33 * i for i in range(5)] + [1.0] * 6 + [0.0] * 9
    lrs = lr_finder.schedule(1e-5, 1.0, 24)
    assert lr_finder.suggest_steepest(lrs, losses) == pytest.approx(lrs[7])


def test_windows_start_no_later_than_the_one_of_the_smallest_mean():
    """0, 10, 5 is the smallest and rises; 10, 5, 1 falls, and is beyond it."""
    assert lr_finder.suggest_steepest([1.0, 10.0, 100.0, 1000.0], [0.0, 10.0, 5.0, 1.0]) is None


def test_a_loss_at_the_threshold_does_not_stop_the_test():
    losses = iter([1.0, 4.0, 4.5, 1.0])
    test = lr_finder.range_test(lambda lr: next(losses), 0.01, 10.0, 4)
    assert test.losses.tolist() == [1.0, 4.0, 4.5]
    assert test.stopped_early


def test_a_fitted_slope_is_per_log_lr():
    lrs = np.exp([0.0, 1.0, 2.0, 3.0])
    assert lr_finder.fitted_slopes(lrs, [0.0, -2.0, -4.0, -6.0], 3) == pytest.approx([-2.0, -2.0])


def test_trim_leaves_short_curves_whole():
    assert lr_finder.trim(range(20), 10, 5).tolist() == [10, 11, 12, 13, 14]
    assert lr_finder.trim(range(17), 10, 5).tolist() == [10, 11]
    assert lr_finder.trim(range(16), 10, 5).tolist() == list(range(16))
