"""Each fault is caught by the properties it names, and each property catches a fault."""

import pytest

from lawful.impl.faulty import faults, null
from lawful.properties import twin
from lawful.properties.harness.cases import cases
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.harness.proof import Prover
from lawful.properties.registry import find_law, laws_of, written_techniques
from lawful.properties.subjects import subject_class, understand

from .asked import LIGHT, QUICK, ask, broken, part_of

FAULTS = [fault for technique in written_techniques() for fault in faults(technique)]

VALUE_LAWS = {
    "matches_reference",
    "zero_epsilon_is_cross_entropy",
    "equals_kl_plus_entropy",
    "bounded_below_by_entropy",
    "gradient_is_softmax_minus_target",
    "second_derivative_is_softmax_hessian",
    "reductions_agree",
    "class_weights_follow_convention",
    "soft_target_agrees_with_hard",
    "extreme_logits_stay_finite",
    "many_classes_do_not_overflow",
    "float64_keeps_float64",
    "mixup_then_smoothing_is_smoothed_mixture",
}
MIXUP_VALUE_LAWS = {
    "lambda_varies",
    "lambda_follows_beta",
    "pairing_is_uniform",
    "lambdas_are_independent",
    "seeds_differ",
}
"""Those that see whether anything is mixed: of a batch that is left alone, the others hold."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_fault_is_caught_by_the_properties_it_names(fault):
    if fault.device == "twin" and twin.why_absent():
        pytest.skip(twin.why_absent())
    subject = understand(fault.adapter)
    dear = any(find_law(name, subject.technique).dear for name in fault.caught_by)
    profile = PROFILES["standard"] if dear else QUICK
    names = list(fault.caught_by)
    found = ask(subject, only=names, device=fault.device, profile=profile, dtypes=["float32"])
    if broken(found) != set(names):  # some show in another dtype alone
        found = ask(subject, only=names, device=fault.device, profile=profile)
    assert broken(found) == set(fault.caught_by)
    laws = fault.caught_by if LIGHT != "light" else fault.caught_by[:1]
    for name in laws:
        row = next(row for row in found.values() if row.property == name and row.verdict == "broken")
        assert why_not_shown(row) is None, row.reproduce


PROVER = Prover()


def why_not_shown(row):
    """Why no program of a row, run alone, fails as it says; None where one does."""
    programs = [each for each in (row.reproduce, row.whole) if each]
    reasons = [PROVER.prove(each, ".").why_not(row.fails_with) for each in programs]
    return "no program can be told" if not reasons else None if None in reasons else reasons[0]


ON_THE_TWIN = [fault for fault in FAULTS if fault.device == "twin"]


@pytest.mark.parametrize("fault", part_of(ON_THE_TWIN, 8), ids=lambda fault: fault.id)
def test_what_the_twin_shows_a_cpu_does_not(fault):
    wrong = [law.name for law in laws_of(fault.adapter.technique) if law.severity == "wrong"]
    results = ask(understand(fault.adapter), only=wrong, dtypes=["float32"], profile=PROFILES[LIGHT])
    assert [r.property for r in results.values() if r.verdict == "broken" and r.severity == "wrong"] == []


@pytest.mark.parametrize("technique", written_techniques())
def test_every_property_catches_a_fault(technique):
    caught = {name for fault in faults(technique) for name in fault.caught_by}
    assert {law.name for law in laws_of(technique)} == caught


def test_every_fault_says_what_and_whence():
    assert all(fault.statement and fault.source and fault.caught_by for fault in FAULTS)
    assert len({(fault.adapter.technique, fault.id) for fault in FAULTS}) == len(FAULTS)


def test_a_record_stands_on_the_code_that_is_wrong_and_is_none_of_its_program():
    assert all(fault.code.fault.id == fault.id for fault in FAULTS if fault.code is not None)
    program = "\n".join(understand(faults("label_smoothing")[0].adapter).start())
    assert "@fault" not in program
    assert "lawful" not in program


@pytest.mark.parametrize("adapter", null.LABEL_SMOOTHING, ids=lambda adapter: adapter.name)
def test_no_value_law_holds_of_a_loss_that_does_nothing(adapter):
    """Invariances hold of a constant; that is why they are not enough."""
    features = adapter.features | {"epsilon", "epsilon_zero", "epsilon_one", "double_backward"}
    subject = subject_class("label_smoothing")(adapter, features=features)
    results = ask(subject)
    held = {row.property for row in results.values() if row.verdict == "holds"}
    assert not held & VALUE_LAWS
    most = {"zero": 10, "constant": 10, "identity": 4, "raises": 4}
    assert len(held) <= most[adapter.name], sorted(held)


@pytest.mark.parametrize("adapter", null.MIXUP, ids=lambda adapter: adapter.name)
def test_no_law_about_what_is_mixed_holds_of_a_mixup_that_mixes_nothing(adapter):
    conventions = {"lambda": "folded", "pairing": "permutation", "lambda_scope": "sample"}
    features = adapter.features | {"alpha", "gradient", "lengths"}
    subject = subject_class("mixup")(adapter, conventions, features=features)
    results = ask(subject, dtypes=["float32"])
    held = {row.property for row in results.values() if row.verdict == "holds"}
    assert not held & MIXUP_VALUE_LAWS
    holds = {"identity": 25, "zero": 14, "constant": 11, "raises": 3}
    assert len(held) == holds[adapter.name], sorted(held)


LR_FINDER_VALUE_LAWS = {
    "schedule_is_geometric",
    "schedule_hits_both_ends",
    "takes_the_steps_asked",
    "history_records_loss",
    "does_not_stop_early",
    "explosion_is_recorded",
    "short_loader_is_cycled",
    "history_records_lr_used",
    "gradients_do_not_accumulate",
    "sweeps_every_param_group",
    "trains_in_training_mode",
    "frees_each_graph",
}


@pytest.mark.parametrize("adapter", part_of(null.LR_FINDER, 2), ids=lambda adapter: adapter.name)
def test_no_law_about_what_is_measured_holds_of_a_range_test_that_measures_nothing(adapter):
    """What it does not touch it need not put back: those laws hold of it."""
    conventions = {"restores": "automatically", "random_state": "restored", "mode": "train"}
    conventions |= {"steps": "asked", "schedule": "geometric", "explosion": "recorded"}
    features = frozenset({"history", "given_optimizer", "given_loader", "range"})
    results = ask(subject_class("lr_finder")(adapter, conventions, features=features))
    held = {row.property for row in results.values() if row.verdict == "holds"}
    assert not held & LR_FINDER_VALUE_LAWS
    holds = {"no_steps": 14, "no_curve": 14, "raises": 4}
    assert len(held) == holds[adapter.name], sorted(held)


def test_what_null_losses_are_asked_is_everything():
    adapter = null.LABEL_SMOOTHING[0]
    subject = subject_class("label_smoothing")(adapter, features=adapter.features)
    assert {case.law.name for case in cases(subject, devices=["cpu", "twin"])} == {
        law.name for law in laws_of("label_smoothing")
    }
