"""NB18-NB28: each defect of the notebook's ``find_lr`` shown alone, absent from ours, caught by its law."""

import math

import pytest

from lawful.impl.faulty import faults
from lawful.impl.native import lr_range_test
from lawful.impl.notebook import adapters
from lawful.impl.notebook.training import ALL, FIND_LR_DEFECTS, find_lr
from lawful.properties import check
from lawful.properties.probes import changed, scripted, snapshot, watched
from lawful.properties.subjects import understand

from ..asked import ask, broken


def run(losses, *defects, batches=None, groups=1, **options):
    """The notebook's test with these defects alone: its parts, rates and losses."""
    script, model, optimizer, loader = scripted(losses, batches=batches or len(losses), groups=groups)
    with watched(script):
        result = find_lr(
            model, script.criterion, optimizer, loader, 1e-4, 1.0, defects=frozenset(defects), **options
        )
    return script, *result


def ours(losses, batches=None, num_iter=None, groups=1):
    script, model, optimizer, loader = scripted(losses, batches=batches or len(losses), groups=groups)
    steps = num_iter or len(losses)
    rates = {"start_lr": 1e-4, "end_lr": 1.0, "num_iter": steps}
    with watched(script):
        test = lr_range_test(model, optimizer, script.criterion, loader, **rates, smoothing=0.0)
    return script, test


def caught(fault_id):
    (fault,) = [fault for fault in faults("lr_finder") if fault.id == fault_id]
    return broken(ask(understand(fault.adapter), only=list(fault.caught_by))) == set(fault.caught_by)


def test_without_defects_it_agrees_with_ours():
    losses = [2.0, 1.0, 1.5, 0.5, 0.75, 9.0, 9.0]
    _, lrs, recorded = run(losses, num_iter=7)
    _, test = ours(losses)
    assert recorded == list(test.losses)
    assert [10**lr for lr in lrs] == pytest.approx(test.lrs)


def test_nb18_one_batch_divides_by_zero():
    with pytest.raises(ZeroDivisionError):
        run([1.0], "NB18", "NB28", batches=1)
    assert len(ours([1.0], batches=1, num_iter=5)[1].lrs) == 5
    assert caught("NB18")


def test_nb19_nan_never_stops_it():
    script, _, _ = run([math.nan] + [1.0] * 7, "NB19")
    assert len(script.steps) == 8
    assert len(ours([math.nan] + [1.0] * 7)[0].steps) == 0
    assert caught("NB19")


def test_nb20_negative_losses_stop_it_at_once():
    script, _, _ = run([-1.0] * 8, "NB20", num_iter=8)
    assert len(script.steps) == 1
    assert len(ours([-1.0] * 8)[0].steps) == 8
    assert caught("NB20")


def test_nb21_the_best_loss_keeps_its_graph():
    rising = [1.0 + i / 8 for i in range(8)]
    assert run(rising, "NB21", num_iter=8)[0].kept > 0
    assert run(rising, num_iter=8)[0].kept == 0
    assert ours(rising)[0].kept == 0
    assert caught("NB21")


def test_nb22_nothing_is_put_back():
    script, model, optimizer, loader = scripted([1.0] * 6, batches=6)
    before = snapshot(model, optimizer)
    find_lr(model, script.criterion, optimizer, loader, 1e-4, 1.0, defects=frozenset({"NB22"}))
    after = snapshot(model, optimizer)
    assert {part for part in before if changed(before[part], after[part])} >= {"model", "optimizer", "mode"}
    assert caught("NB22")


def test_nb23_only_the_first_group_is_swept():
    script, _, _ = run([1.0] * 6, "NB23", groups=2, num_iter=6)
    assert {rates[1] for rates, _, _ in script.steps} == {0.05}
    script, _ = ours([1.0] * 6, groups=2)
    assert len({rates[1] for rates, _, _ in script.steps}) == 6
    assert caught("NB23")


def test_nb24_log_lrs_are_no_logarithms():
    _, rates, _ = run([1.0] * 6, "NB24", num_iter=6)
    _, logarithms, _ = run([1.0] * 6, num_iter=6)
    assert rates[0] == pytest.approx(1e-4)
    assert logarithms[0] == pytest.approx(-4.0)
    assert caught("NB24")


def test_nb25_trimming_jumps():
    assert len(run([1.0] * 20, "NB25", num_iter=20)[1]) == 20
    assert len(run([1.0] * 21, "NB25", num_iter=21)[1]) == 6
    assert len(ours([1.0] * 21)[1].lrs) == 21
    assert caught("NB25")


def test_nb26_the_model_is_not_put_into_training_mode():
    assert not any(run([1.0] * 6, "NB26", num_iter=6)[0].training)
    assert all(ours([1.0] * 6)[0].training)
    assert caught("NB26")


def test_nb27_the_exploding_point_is_not_recorded():
    assert max(run([1.0, 1.0, 1e6, 1e6], "NB27", num_iter=4)[2]) == 1.0
    assert ours([1.0, 1.0, 1e6, 1e6])[1].losses[-1] == 1e6
    assert caught("NB27")


def test_nb28_the_loaders_length_fixes_the_number_of_steps():
    assert len(run([1.0] * 3, "NB28", batches=3, num_iter=9)[1]) == 3
    assert len(ours([1.0] * 3, batches=3, num_iter=9)[1].lrs) == 9
    assert caught("NB28")


@pytest.mark.deep
def test_the_notebooks_find_lr_is_understood_without_an_adapter_and_broken():
    report = check(find_lr, technique="lr_finder")
    conventions = report.implementations[0].conventions
    assert (conventions["restores"], conventions["explosion"]) == ("never", "left_out")
    found = {row.property for row in report.results if row.verdict == "broken"}
    assert found >= {
        "takes_the_steps_asked",
        "negative_losses_do_not_stop_it",
        "stops_on_nonfinite",
        "sweeps_every_param_group",
        "short_loader_is_cycled",
        "trains_in_training_mode",
        "frees_each_graph",
    }


def test_the_notebooks_adapters_break_in_every_technique():
    for adapter in adapters():
        assert broken(ask(understand(adapter)))


@pytest.mark.parametrize("defect", sorted(FIND_LR_DEFECTS))
def test_each_defect_has_a_test(defect):
    names = [name for name in globals() if name.startswith(f"test_{defect.lower()}_")]
    assert len(names) == 1


def test_all_defects_are_told():
    assert len(ALL) == 28
