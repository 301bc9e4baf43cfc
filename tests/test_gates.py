"""The gates that a finding at ``wrong`` passes: each lets code through that would be accused without it."""

from lawful.properties import check
from lawful.properties.harness import lawtest
from lawful.properties.harness.proof import Ended
from lawful.properties.harness.understanding import mixup_forms
from lawful.properties.subjects.lr_finder import Finder
from lawful.properties.subjects.subject import Subject

from .asked import check_on_cpu
from .miniatures import gates


def wrong(report):
    return [finding for finding in report.findings() if finding.severity == "wrong"]


LAWS = ["second_derivative_is_softmax_hessian", "extreme_logits_stay_finite"]


def test_1_what_is_not_ordinary_or_not_material_is_an_edge():
    report = check_on_cpu(gates.log_of_softmax, only=LAWS)
    assert wrong(report) == []
    assert {finding.severity for finding in report.findings()} == {"edge"}
    assert any("right to 3 digits" in finding.rows[0].message for finding in report.findings())


def test_1_without_it_the_last_digits_are_wrong(monkeypatch):
    monkeypatch.setattr(lawtest, "matters", lambda *asked: True)
    report = check_on_cpu(gates.log_of_softmax, only=LAWS[:1])
    assert "wrong" in {finding.severity for finding in report.findings()}


def test_2_what_is_not_installed_is_no_fault_of_the_code():
    report = check_on_cpu(gates.needs_more, only=["large_batches_are_no_other"])
    assert wrong(report) == []
    row, *_ = report.results
    assert (row.verdict, "a_package_that_is_not_installed" in row.message) == ("unsupported", True)


def test_2_without_it_the_code_is_accused_of_raising(monkeypatch):
    monkeypatch.setattr(Subject, "not_its_doing", lambda self, error: None)
    assert wrong(check_on_cpu(gates.needs_more, only=["large_batches_are_no_other"]))


def test_3_a_loss_that_never_reaches_the_code_is_not_asked_about():
    report = check_on_cpu(gates.with_a_loss_of_its_own, technique="lr_finder", only=["history_records_loss"])
    assert wrong(report) == []
    (row,) = {row.message for row in report.results}
    assert "laws about losses are not tested" in row


def test_3_without_it_the_code_is_accused(monkeypatch):
    monkeypatch.setattr(Finder, "_unseen", lambda self: {})
    assert wrong(
        check_on_cpu(gates.with_a_loss_of_its_own, technique="lr_finder", only=["history_records_loss"])
    )


SHARED = ["inputs_and_targets_share_lambda_and_partner", "targets_are_distributions"]


def test_4_a_parameter_that_makes_it_something_else_is_neutral():
    report = check_on_cpu(gates.with_smoothed_labels, only=SHARED)
    assert report.findings() == []
    assert {row.verdict for row in report.results} == {"holds"}


def test_4_without_it_the_code_is_accused(monkeypatch):
    rules = tuple(rule for rule in mixup_forms.RULES if rule not in mixup_forms.NEUTRAL)
    monkeypatch.setattr(mixup_forms, "RULES", rules)
    assert wrong(check_on_cpu(gates.with_smoothed_labels, only=SHARED))


def test_5_what_no_program_shows_is_an_error_of_ours():
    report = check_on_cpu(gates.smoothed_unless_tested, only=["matches_reference"])
    assert wrong(report) == []
    row = report.results[0]
    assert (row.verdict, row.ours, row.proven) == ("error", True, False)
    assert "its own program does not show it again" in row.message


def test_5_without_it_the_code_is_accused(monkeypatch):
    monkeypatch.setattr(Ended, "why_not", lambda self, error: None)
    assert wrong(check_on_cpu(gates.smoothed_unless_tested, only=["matches_reference"]))


def test_5_in_the_deep_profile_edges_are_proven_too():
    report = check(gates.log_of_softmax, device="cpu", profile="deep", only=LAWS[1:], dtypes=["float32"])
    (finding,) = report.findings()
    assert (finding.severity, finding.rows[0].proven) == ("edge", True)
