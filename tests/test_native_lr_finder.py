"""What our range test promises beyond the laws: options, errors, and that everything is put back."""

import itertools
import math
import random
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, TensorDataset

from lawful.impl.native import RangeTest, lr_range_test
from lawful.impl.native import lr_finder as native
from lawful.properties import twin
from lawful.properties.probes import changed, scripted, snapshot, watched
from lawful.reference import lr_finder as reference

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def small():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.randn(32, 4), torch.randint(3, (32,))
    loader = DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True)
    return model, optimizer, nn.CrossEntropyLoss(), loader


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_lr": 0.0}, "start_lr is 0.0, expected a finite number above 0"),
        ({"start_lr": 1.0, "end_lr": 0.1}, r"end_lr is 0.1, expected a finite number above start_lr, 1.0"),
        ({"num_iter": 1}, "num_iter is 1, expected at least 2"),
        ({"smoothing": 1.0}, r"smoothing is 1.0, expected a number in \[0, 1\)"),
        ({"divergence": 1.0}, "divergence is 1.0, expected a number above 1"),
        ({"groups": "all"}, "groups is 'all', expected 'ratio' or 'one'"),
        ({"accumulate": 0}, "accumulate is 0, expected at least 1"),
        ({"schedule": "cosine"}, "schedule is 'cosine', expected 'geometric' or 'linear'"),
        ({"clip_grad_norm": 0.0}, r"clip_grad_norm is 0.0, expected None or a number above 0"),
        ({"clip_grad_norm": math.nan}, "clip_grad_norm is nan, expected None or a number above 0"),
        ({"sweeps": 0}, "sweeps is 0, expected at least 1"),
        ({"val_loader": []}, "val_loader is empty, expected at least one batch"),
    ],
)
def test_bad_options_are_named_with_value_and_expectation(options, message):
    with pytest.raises(ValueError, match=message):
        lr_range_test(*small(), **options)


def test_what_cannot_be_cycled_is_refused():
    model, optimizer, criterion, loader = small()
    with pytest.raises(TypeError, match="an iterator that cannot be started again"):
        lr_range_test(model, optimizer, criterion, iter(loader))
    with pytest.raises(ValueError, match="loader is empty"):
        lr_range_test(model, optimizer, criterion, [])
    with pytest.raises(TypeError, match="criterion and compute_loss: expected exactly one"):
        lr_range_test(model, optimizer, None, loader)


def test_batches_of_another_form_are_refused_with_the_way_out():
    model, optimizer, criterion, _ = small()
    with pytest.raises(
        TypeError, match=r"loader gave a dict, expected \(inputs, targets\); see compute_loss"
    ):
        lr_range_test(model, optimizer, criterion, [{"x": torch.ones(1, 4)}])


def test_compute_loss_serves_models_of_several_inputs():
    model = nn.Bilinear(2, 3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = {"a": torch.ones(4, 2), "b": torch.ones(4, 3), "y": torch.zeros(4, dtype=torch.int64)}

    def compute_loss(model, batch):
        return F.cross_entropy(model(batch["a"], batch["b"]), batch["y"])

    test = lr_range_test(model, optimizer, None, [batch], compute_loss=compute_loss, num_iter=5, end_lr=1e-3)
    assert len(test.lrs) == 5


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_everything_is_put_back_also_after_an_interrupt(error):
    model, optimizer, criterion, loader = small()
    criterion(model(torch.randn(8, 4)), torch.zeros(8, dtype=torch.int64)).backward()
    optimizer.step()
    model.eval()
    model[2].train()
    calls = itertools.count()

    def breaks(output, target):
        if next(calls) == 3:
            raise error("stop")
        return criterion(output, target)

    before = snapshot(model, optimizer)
    with pytest.raises(error):
        lr_range_test(model, optimizer, breaks, loader, num_iter=10)
    assert [part for part, value in snapshot(model, optimizer).items() if changed(before[part], value)] == []


def test_the_loaders_own_generator_is_put_back():
    model, optimizer, criterion, loader = small()
    generator = torch.Generator().manual_seed(5)
    sampler = RandomSampler(loader.dataset, generator=generator)
    ordered = DataLoader(loader.dataset, batch_size=8, sampler=sampler)
    before = generator.get_state()
    lr_range_test(model, optimizer, criterion, ordered, num_iter=6)
    assert torch.equal(generator.get_state(), before)


def test_groups_keep_their_ratio_or_share_one_rate():
    for groups, ratio in (("ratio", 0.5), ("one", 1.0)):
        script, model, optimizer, loader = scripted([1.0] * 6, batches=3, groups=2)
        with watched(script):
            lr_range_test(model, optimizer, script.criterion, loader, num_iter=6, groups=groups)
        assert [rates[1] / rates[0] for rates, _, _ in script.steps] == pytest.approx([ratio] * 6)


def test_a_rate_kept_in_a_tensor_stays_that_tensor():
    model = nn.Linear(1, 1)
    rate = torch.tensor(0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, capturable=False, foreach=False)
    lr_range_test(model, optimizer, nn.MSELoss(), [(torch.ones(2, 1), torch.zeros(2, 1))], num_iter=3)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.1)


def test_accumulated_batches_make_one_step_of_their_mean():
    script, model, optimizer, loader = scripted([1.0, 3.0] * 6, batches=4)
    options = {"num_iter": 6, "accumulate": 2, "divergence": math.inf}
    with watched(script):
        test = lr_range_test(model, optimizer, script.criterion, loader, **options)
    assert test.losses == (2.0,) * 6
    assert len(script.steps) == 6
    assert all(grads[0] == pytest.approx(sum(seen) / 2) for _, grads, seen in script.steps)


def test_autocast_and_a_disabled_scaler_run_on_the_cpu():
    model, optimizer, criterion, loader = small()
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    options = {"autocast": torch.bfloat16, "scaler": scaler, "num_iter": 4, "end_lr": 1e-3}
    assert len(lr_range_test(model, optimizer, criterion, loader, **options).lrs) == 4


def test_a_scaler_is_put_back():
    model, optimizer, criterion, loader = small()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
    before = dict(scaler.state_dict())
    test = lr_range_test(model, optimizer, criterion, loader, scaler=scaler, num_iter=4, end_lr=1e-3)
    assert len(test.lrs) == 4
    assert scaler.state_dict() == before


VALLEY = RangeTest(
    (1e-4, 1e-3, 1e-2, 1e-1, 1.0), (1.0, 0.8, 0.4, 0.3, 0.8), (1.0, 0.8, 0.4, 0.3, 0.8), False, 5
)


def test_suggestions_agree_with_the_reference():
    from lawful.reference import lr_finder as reference

    for method in ("steepest", "minimum", "valley"):
        right = getattr(reference, f"suggest_{method}")(VALLEY.lrs, VALLEY.smoothed)
        assert VALLEY.suggest(method) == pytest.approx(right)
    with pytest.raises(ValueError, match="method is 'best', expected one of 'steepest'"):
        VALLEY.suggest("best")


def test_trimming_more_than_there_is_trims_nothing():
    assert VALLEY.suggest(skip_start=10, skip_end=5) == VALLEY.suggest()


def test_repr_says_what_was_found():
    text = repr(VALLEY)
    assert text.startswith("RangeTest(5 of 5 steps, lr 0.0001 to 1, loss 1 to 0.8, best 0.3")
    assert "steepest 0.001" in text
    assert repr(RangeTest((), (), (), True, 5)) == "RangeTest(0 of 5 steps, stopped_early=True)"


def test_plot_has_a_log_axis_both_curves_and_the_suggestion():
    from matplotlib.figure import Figure

    ax = VALLEY.plot(Figure().subplots())
    assert ax.get_xscale() == "log"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["loss", "smoothed", "steepest: 0.001"]


def test_progress_is_shown_on_demand_and_silent_elsewhere(capfd):
    model, optimizer, criterion, loader = small()
    lr_range_test(model, optimizer, criterion, loader, num_iter=3)
    assert capfd.readouterr().err == ""
    lr_range_test(model, optimizer, criterion, loader, num_iter=3, progress=True)
    assert "learning rates" in capfd.readouterr().err


@CUDA
def test_one_synchronisation_a_step_on_cuda():
    model, optimizer, criterion, loader = small()
    model.cuda()
    batches = [(x.cuda(), y.cuda()) for x, y in loader]
    lr_range_test(model, optimizer, criterion, batches, num_iter=3)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with pytest.warns(UserWarning, match="synchroni") as caught:
            lr_range_test(model, optimizer, criterion, batches, num_iter=8)
        assert len([w for w in caught if "synchroni" in str(w.message)]) <= 8 + 4
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("batch_size", [16, 64])
def test_the_suggestion_is_never_the_start_rate_of_a_learnable_net(batch_size):
    """The noise of single batches is largest where nothing is learned yet."""
    suggested = []
    for seed in range(20):
        torch.manual_seed(seed)
        x, w = torch.randn(1024, 20), torch.randn(20, 5)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        data = TensorDataset(x, (x @ w).argmax(1))
        loader = DataLoader(data, batch_size=batch_size, shuffle=True)
        suggested.append(lr_range_test(model, optimizer, nn.CrossEntropyLoss(), loader).suggest())
    assert min(suggested) > 1e-2
    assert max(suggested) < 2.0


def curve(losses):
    lrs = tuple(float(lr) for lr in reference.schedule(1e-5, 1.0, len(losses)))
    return RangeTest(lrs, tuple(losses), tuple(losses), False, len(losses))


@given(st.lists(st.integers(-64, 64).map(lambda loss: loss / 8), min_size=2, max_size=40))
@example([0.0, -2.0, -2.75, 0.0, -1.125, -3.375, -0.25])
def test_suggestions_are_those_of_the_reference(losses):
    """Of eighths, whose sums are exact: of two windows that lie as low, both take the first."""
    test = curve(losses)
    ours, right = test.suggest("steepest"), reference.suggest_steepest(test.lrs, losses)
    assert (ours is None) == (right is None)
    if right is not None:  # of two that are as steep, either will do
        width = min(len(losses), max(3, len(losses) // 4))
        slopes = reference.fitted_slopes(test.lrs, losses, width)
        found, wanted = (slopes[test.lrs.index(lr) - width // 2] for lr in (ours, right))
        assert found == pytest.approx(wanted, rel=1e-9)
    assert test.suggest("minimum") == pytest.approx(reference.suggest_minimum(test.lrs, losses))
    assert test.suggest("valley") == pytest.approx(reference.suggest_valley(test.lrs, losses))


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 0.98])
def test_smoothed_losses_are_those_of_the_reference(smoothing):
    model, optimizer, criterion, loader = small()
    test = lr_range_test(model, optimizer, criterion, loader, num_iter=12, smoothing=smoothing)
    assert test.smoothed == pytest.approx(reference.smoothed(test.losses, smoothing).tolist())


def test_two_steps_are_a_test():
    assert len(lr_range_test(*small(), num_iter=2).lrs) == 2


def test_a_loss_of_one_entry_is_a_scalar():
    model, optimizer, criterion, loader = small()

    def one_entry(logits, target):
        return criterion(logits, target)[None]

    torch.manual_seed(0)
    test = lr_range_test(model, optimizer, one_entry, loader, num_iter=4)
    torch.manual_seed(0)
    assert test.losses == lr_range_test(model, optimizer, criterion, loader, num_iter=4).losses


def test_batches_of_dicts_are_moved_and_handed_on():
    model, optimizer, criterion, _ = small()
    batches = [{"x": torch.randn(8, 4), "y": [torch.zeros(8).long()]} for _ in range(2)]
    seen = []

    def loss(model, batch):
        seen.append(sorted(batch))
        return criterion(model(batch["x"]), batch["y"][0])

    lr_range_test(model, optimizer, None, batches, num_iter=3, compute_loss=loss)
    assert seen == [["x", "y"]] * 3


def test_the_plot_names_its_axes_and_draws_where_it_is_told():
    figure, axes = plt.subplots()
    test = curve([3.0, 2.9, 2.5, 1.0, 0.9, 4.0])
    assert test.plot(ax=axes) is axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss")
    low, high = axes.get_ylim()
    assert low < 0.9
    assert high > 3.0
    suggestion = test.suggest()
    assert any(line.get_xdata()[0] == suggestion for line in axes.lines if len(set(line.get_xdata())) == 1)
    plt.close(figure)


def test_trimming_leaves_points_out_at_both_ends():
    test = curve([9.0, 3.0, 2.0, 1.5, 1.0, 0.5, -9.0])
    assert test.suggest("minimum") == pytest.approx(test.lrs[-1] / 10)
    assert test.suggest("minimum", skip_end=1) == pytest.approx(test.lrs[-2] / 10)
    assert test.suggest("valley", skip_start=3) == pytest.approx(test.lrs[3 + 2])
    assert test.suggest("minimum", skip_start=1, skip_end=4) == pytest.approx(
        test.lrs[2] / 10
    )  # two are left
    assert test.suggest("minimum", skip_start=1, skip_end=5) == pytest.approx(test.lrs[-1] / 10)


@pytest.mark.parametrize("method", ["steepest", "minimum", "valley"])
def test_a_single_point_suggests_nothing(method):
    assert RangeTest((0.1,), (1.0,), (1.0,), True, 5).suggest(method) is None


@pytest.mark.parametrize("method", ["steepest", "minimum", "valley"])
def test_nothing_is_suggested_where_the_smoothed_loss_is_flat(method):
    """An average of equal losses that is off by a rounding falls somewhere."""
    model, optimizer, _, loader = small()
    test = lr_range_test(model, optimizer, lambda z, y: 0 * z.sum() + 1.1, loader, num_iter=30, smoothing=0.9)
    assert set(test.smoothed) == set(test.losses)
    assert test.suggest(method) is None


class Stream(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter([(torch.ones(4), torch.tensor(i % 3)) for i in range(self.count)])


def test_a_loader_needs_no_length():
    model, optimizer, criterion, _ = small()
    assert len(lr_range_test(model, optimizer, criterion, DataLoader(Stream(8), 2), num_iter=6).lrs) == 6
    with pytest.raises(ValueError, match="loader is empty"):
        lr_range_test(model, optimizer, criterion, DataLoader(Stream(0), 2), num_iter=6)


def test_a_curve_that_never_falls_is_plotted_and_printed_without_a_suggestion():
    test = curve([1.0, 2.0, 3.0])
    axes = test.plot()
    assert axes.figure.get_size_inches().tolist() == [6.4, 4.0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["loss", "smoothed"]
    plt.close(axes.figure)
    assert "steepest none" in repr(test)
    empty = RangeTest((), (), (), True, 5).plot()
    plt.close(empty.figure)


def test_the_plot_marks_the_suggestion_and_leaves_an_explosion_out():
    test = curve([3.0, 2.9, 2.5, 1.0, 0.9, 4e3])
    axes = test.plot()
    vertical = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in vertical] == [test.suggest()]
    low, high = axes.get_ylim()
    assert low == pytest.approx(0.9 - 0.2 * 2.1)
    assert high == pytest.approx(3.0 + 0.6 * 2.1)
    plt.close(axes.figure)
    flat = curve([2.0, 2.0, 2.0]).plot()
    assert flat.get_ylim() == pytest.approx((2 - 0.04, 2 + 0.12))
    plt.close(flat.figure)


def test_the_defaults_are_those_that_are_documented():
    import inspect

    given = inspect.signature(lr_range_test).parameters
    numbers = {name: given[name].default for name in ("start_lr", "end_lr", "num_iter", "smoothing")}
    assert numbers == {"start_lr": 1e-7, "end_lr": 10.0, "num_iter": 100, "smoothing": 0.9}
    assert (given["divergence"].default, given["accumulate"].default) == (4.0, 1)


@pytest.mark.parametrize(
    ("losses", "stopped"),
    [
        ([1.0] * 6, False),
        ([1.0, 4.0, 1.0], False),
        ([0.0] * 6, False),
        ([1.0, 4.1], True),
        ([math.nan], True),
    ],
)
def test_it_says_whether_it_stopped_early(losses, stopped):
    """A loss of exactly divergence times the best has not diverged yet."""
    script, model, optimizer, loader = scripted(losses, batches=3)
    with watched(script):
        test = lr_range_test(model, optimizer, script.criterion, loader, num_iter=6, smoothing=0.0)
    assert test.stopped_early is stopped
    assert (len(test.lrs) == 6) is not stopped


def test_the_model_runs_under_the_autocast_that_is_asked_for():
    model, optimizer, criterion, loader = small()
    seen = []

    def compute_loss(model, batch):
        seen.append(torch.is_autocast_enabled("cpu"))
        return criterion(model(batch[0]).float(), batch[1])

    for autocast in (None, torch.bfloat16):
        options = {"compute_loss": compute_loss, "autocast": autocast, "num_iter": 2, "end_lr": 1e-3}
        lr_range_test(model, optimizer, None, loader, **options)
    assert seen == [False, False, True, True]


def test_scaled_gradients_are_unscaled_before_the_step():
    script, model, optimizer, loader = scripted([1.0] * 4, batches=4)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    with watched(script):
        lr_range_test(model, optimizer, script.criterion, loader, num_iter=4, scaler=scaler)
    plain, model, optimizer, loader = scripted([1.0] * 4, batches=4)
    with watched(plain):
        lr_range_test(model, optimizer, plain.criterion, loader, num_iter=4)
    assert [grads for _, grads, _ in script.steps] == [grads for _, grads, _ in plain.steps]


def test_the_bar_follows_the_steps_to_the_end(capfd, monkeypatch):
    model, optimizer, criterion, loader = small()
    lr_range_test(model, optimizer, criterion, loader, num_iter=3, end_lr=1e-3, progress=True)
    assert "100%" in capfd.readouterr().err
    monkeypatch.setattr(native.sys.stderr, "isatty", lambda: True)
    lr_range_test(model, optimizer, criterion, loader, num_iter=3, end_lr=1e-3)
    assert "learning rates" in capfd.readouterr().err


def test_batches_of_three_and_losses_of_many_are_refused():
    model, optimizer, criterion, loader = small()
    x, y = next(iter(loader))
    with pytest.raises(TypeError, match=r"loader gave a tuple, expected \(inputs, targets\)"):
        lr_range_test(model, optimizer, criterion, [(x, y, y)])
    with pytest.raises(ValueError, match=r"the loss has shape \(8,\), expected a scalar"):
        lr_range_test(model, optimizer, nn.CrossEntropyLoss(reduction="none"), [(x, y)])


def test_other_random_states_and_what_a_step_replaced_are_put_back():
    model, optimizer, criterion, loader = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def compute_loss(model, batch):
        random.random(), np.random.random()
        optimizer.param_groups[0]["momentum"] = torch.tensor(0.5)
        return criterion(model(batch[0]), batch[1])

    before = random.getstate(), np.random.get_state()[1].tolist()
    lr_range_test(model, optimizer, None, loader, num_iter=3, compute_loss=compute_loss)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert optimizer.param_groups[0]["momentum"] == 0.9
    assert not isinstance(optimizer.param_groups[0]["momentum"], torch.Tensor)


def test_a_loader_of_no_length_that_gives_nothing_is_refused():
    class Nothing:
        def __iter__(self):
            return iter(())

    model, optimizer, criterion, _ = small()
    with pytest.raises(ValueError, match="loader is empty"):
        lr_range_test(model, optimizer, criterion, Nothing())


class Pair(NamedTuple):
    x: object
    y: object


@pytest.mark.skipif(bool(twin.why_absent()), reason="no twin")
def test_tensors_are_moved_wherever_they_are_in_a_batch():
    tensor = torch.ones(2)
    batch = Pair({"a": tensor, "b": "name"}, [tensor, (tensor, 3)])
    moved = native._moved(batch, torch.device(twin.NAME))
    assert type(moved) is Pair
    assert (moved.x["b"], moved.y[1][1], type(moved.y), type(moved.y[1])) == ("name", 3, list, tuple)
    assert {each.device.type for each in (moved.x["a"], moved.y[0], moved.y[1][0])} == {twin.NAME}


@pytest.mark.parametrize(("rates", "ratio"), [((0.0, 0.5), 1.0), ((1.0, 0.5), 0.5), ((0.5, 0.0), 0.0)])
def test_a_first_group_at_rate_zero_leaves_no_ratio(rates, ratio):
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": rate} for rate in rates]
    assert native._ratios(torch.optim.SGD(groups, lr=0.1), "ratio") == [1.0, ratio]


def test_a_rate_kept_in_a_tensor_is_swept():
    model, seen = nn.Linear(1, 1), []
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.1), foreach=False)
    optimizer.register_step_pre_hook(
        lambda optimizer, *_: seen.append(float(optimizer.param_groups[0]["lr"]))
    )
    batches = [(torch.ones(2, 1), torch.zeros(2, 1))]
    test = lr_range_test(model, optimizer, nn.MSELoss(), batches, num_iter=4, end_lr=1e-3)
    assert seen == pytest.approx(test.lrs)


def test_the_validation_loss_is_that_of_the_whole_set_after_each_step():
    """Against a loop of its own: dropout is off and statistics are untouched while the set is seen."""
    x, y = torch.randn(10, 4), torch.randint(3, (10,))
    held_out = [(x[:4], y[:4]), (x[4:8], y[4:8]), (x[8:], y[8:])]
    batch = (torch.randn(8, 4), torch.randint(3, (8,)))
    model, optimizer, criterion, _ = small()
    state = torch.get_rng_state()
    test = lr_range_test(model, optimizer, criterion, [batch], end_lr=0.1, num_iter=6, val_loader=held_out)
    torch.set_rng_state(state)
    by_hand = []
    for lr in reference.schedule(1e-7, 0.1, 6):
        model.train()
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        criterion(model(batch[0]), batch[1]).backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            by_hand.append(criterion(model(x), y).item())
    assert test.losses == pytest.approx(by_hand, rel=1e-5)


def test_everything_is_put_back_after_validation_and_several_sweeps():
    model, optimizer, criterion, loader = small()
    model.eval()
    generator = torch.Generator().manual_seed(3)
    held_out = DataLoader(loader.dataset, batch_size=5, shuffle=True, generator=generator)
    criterion(model(loader.dataset[:8][0]), loader.dataset[:8][1]).backward()
    optimizer.step()
    before, order = snapshot(model, optimizer, loader), generator.get_state()
    test = lr_range_test(model, optimizer, criterion, loader, num_iter=5, val_loader=held_out, sweeps=3)
    after = snapshot(model, optimizer, loader)
    assert [part for part in before if changed(before[part], after[part])] == []
    assert torch.equal(generator.get_state(), order)
    assert len(test.spread) == len(test.losses)


def test_a_validation_batch_counts_by_its_first_tensor():
    model, optimizer, _, loader = small()
    held_out = [
        {"n": 1, "x": [torch.ones(3, 4)], "y": torch.zeros(3).long()},
        {"x": [torch.ones(1, 4)], "y": [2]},
    ]
    values = iter([1.0, 5.0] * 3)

    def compute_loss(model, batch):
        if isinstance(batch, dict):
            return torch.tensor(next(values))
        return F.cross_entropy(model(batch[0]), batch[1])

    options = {"compute_loss": compute_loss, "num_iter": 3, "end_lr": 0.1, "val_loader": held_out}
    assert lr_range_test(model, optimizer, None, loader, **options).losses == (2.0, 2.0, 2.0)
    assert native._size({"a": 3, "b": ("c", torch.tensor(1.0))}) == 1
    assert native._size([torch.ones(4), torch.ones(2)]) == 4


def test_a_validation_set_without_a_length_that_gives_nothing_is_refused():
    class Nothing(IterableDataset):
        def __iter__(self):
            return iter(())

    model, optimizer, criterion, loader = small()
    before = snapshot(model, optimizer)
    with pytest.raises(ValueError, match="val_loader is empty, expected at least one sample"):
        lr_range_test(model, optimizer, criterion, loader, val_loader=DataLoader(Nothing()))
    assert not changed(before["model"], snapshot(model, optimizer)["model"])
    with pytest.raises(TypeError, match=r"val_loader is a .*, an iterator that cannot be started again"):
        lr_range_test(model, optimizer, criterion, loader, val_loader=iter(loader))


def test_scaled_gradients_are_clipped_after_they_are_unscaled():
    norms = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=1024.0)):
        model, optimizer, criterion, loader = small()
        seen = []
        hook = optimizer.register_step_pre_hook(
            lambda *_, seen=seen, model=model: seen.append(
                float(torch.stack([p.grad.norm() for p in model.parameters()]).norm())
            )
        )
        torch.manual_seed(2)
        lr_range_test(model, optimizer, criterion, loader, num_iter=4, clip_grad_norm=0.05, scaler=scaler)
        hook.remove()
        norms.append(seen)
    assert norms[0] == pytest.approx([0.05] * 4, rel=1e-3)
    assert norms[1] == pytest.approx(norms[0], rel=1e-3)


def test_sweeps_differ_by_their_batches_and_repeat_as_a_whole():
    def swept(**options):
        model, optimizer, criterion, loader = small()
        torch.manual_seed(9)
        return lr_range_test(model, optimizer, criterion, loader, end_lr=0.1, num_iter=8, **options)

    three, again, one = swept(sweeps=3), swept(sweeps=3), swept()
    assert three == again
    assert min(three.spread) > 0
    assert one.spread == ()
    assert three.losses[0] != one.losses[0]
    assert three.smoothed == pytest.approx(reference.smoothed(three.losses, 0.9), rel=1e-12)


def test_the_mean_of_sweeps_is_of_the_steps_that_all_of_them_took():
    losses = [[1.0, 2.0, 3.0], [3.0, 2.0]]
    mean, spread = native._mean(losses)
    right = reference.mean_of_sweeps(losses)
    assert mean == pytest.approx(right[0])
    assert spread == pytest.approx(right[1])
    assert native._mean([[1.0], []]) == ((), ())


def test_a_linear_schedule_is_the_reference_s():
    test = lr_range_test(*small(), start_lr=0.01, end_lr=0.05, num_iter=5, schedule="linear")
    assert test.lrs == pytest.approx(reference.schedule(0.01, 0.05, 5, linear=True), rel=1e-12)


def test_each_group_is_suggested_its_own_rate():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    groups = [{"params": model[0].parameters(), "lr": 0.4}, {"params": model[2].parameters(), "lr": 0.1}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    torch.manual_seed(0)
    batches = [(torch.randn(64, 4), torch.randint(3, (64,)))]
    test = lr_range_test(model, optimizer, nn.CrossEntropyLoss(), batches, start_lr=1e-3, end_lr=10.0)
    for method in ("steepest", "minimum", "valley"):
        first, second = test.suggest_groups(method)
        assert first == test.suggest(method)
        assert second == pytest.approx(first / 4)
    flat = RangeTest((0.1, 0.2), (1.0, 1.0), (1.0, 1.0), False, 2, ratios=(1.0, 0.5))
    assert flat.suggest_groups() is None


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (
            "steepest",
            "steepest: 0.001. This is the middle of the 3 steps over which the loss falls most: from 0.0001 "
            "to 0.01, by 0.3 for each factor of 10. It is smallest at 0.1: 0.3. The fall begins with the "
            "first step: a smaller start_lr would show more of it.",
        ),
        ("minimum", "minimum: 0.01. This is a tenth of 0.1, where the smoothed loss is smallest: 0.3."),
        (
            "valley",
            "valley: 0.01. This is half-way along the longest fall of the smoothed loss: from 1 at 0.0001 to "
            "0.3 at 0.1.",
        ),
    ],
)
def test_a_suggestion_says_its_reason(method, words):
    assert VALLEY.explain(method) == words


@pytest.mark.parametrize("method", ["steepest", "minimum", "valley"])
def test_where_nothing_is_suggested_the_words_say_why_and_what_to_try(method):
    rates = (1e-3, 1e-2, 1e-1, 1.0)
    rising, flat = (1.0, 1.5, 2.0, 9.0), (1.0,) * 4
    words = RangeTest(rates, rising, rising, True, 9).explain(method)
    assert words.startswith(f"{method}: none. From 0.001 to 1, ")
    assert words.endswith("falls nowhere: it is 1 at first and 1 at best. It rises: try a smaller start_lr.")
    words = RangeTest(rates, flat, flat, False, 4).explain(method)
    assert words.endswith("The rates may be too small: try a larger end_lr.")
    words = RangeTest((0.1,), (2.0,), (2.0,), True, 9).explain(method)
    assert words == f"{method}: none. Of 9 steps a single step has a finite loss: try a smaller start_lr."
    assert "no step has a finite loss" in RangeTest((), (), (), True, 9).explain(method)


def test_the_words_say_where_the_curve_was_cut_off():
    rates, falls = tuple(10.0**i for i in range(-6, 0)), (6.0, 5.0, 4.0, 3.0, 2.0, 1.0)
    test = RangeTest(rates, falls, falls, False, 6)
    words = test.explain("minimum")
    assert words.endswith("It still falls at the last rate, 0.1: a larger end_lr would show where it ends.")
    steep = (6.0, 3.0, 1.0, 0.9, 0.8, 0.85)
    assert "The fall begins with the first step" in RangeTest(rates, steep, steep, False, 6).explain()
    with pytest.raises(
        ValueError, match="method is 'steep', expected one of 'steepest', 'minimum', 'valley'"
    ):
        test.explain("steep")


def test_several_rules_are_marked_on_one_plot_and_the_spread_is_a_band():
    ax = VALLEY.plot(method=("steepest", "minimum"))
    told = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [each.split(":")[0] for each in told] == ["loss", "smoothed", "steepest", "minimum"]
    plt.close(ax.figure)
    test = RangeTest(VALLEY.lrs, VALLEY.losses, VALLEY.smoothed, False, 5, spread=(0.1,) * 5)
    ax = test.plot()
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(1.1)
    assert heights.min() == pytest.approx(0.2)
    plt.close(ax.figure)
