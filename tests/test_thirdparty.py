"""Verdicts on real libraries agree with what was measured by hand, and each snippet shows its fault."""

import re
import warnings

import pytest

from lawful.impl import thirdparty
from lawful.properties.harness.understanding.targets import find

from .asked import lightly as check

HALF_SUM = {"many_classes_do_not_overflow", "extreme_logits_stay_finite"}
EVERYWHERE = {"rejects_bad_epsilon"}
SWEEPS = {
    "negative_losses_do_not_stop_it",
    "stops_on_nonfinite",
    "restores_mode_and_grads",
    "rejects_bad_range",
}
TIMM = {"odd_and_single_batches", "rejects_bad_alpha"}
DEVIATES = {
    "label_smoothing": {
        "torch": HALF_SUM | EVERYWHERE,
        "timm": {"zero_epsilon_ignores_masked_classes", "rejects_bad_shapes"} | EVERYWHERE,
        "fastai": {"zero_epsilon_ignores_masked_classes", "rejects_bad_target"} | HALF_SUM | EVERYWHERE,
        "transformers": {
            "zero_epsilon_ignores_masked_classes",
            "rejects_bad_target",
            "rejects_bad_shapes",
            "float64_keeps_float64",
            "extreme_logits_stay_finite",
        }
        | EVERYWHERE,
        "keras": {"zero_epsilon_ignores_masked_classes", "float64_keeps_float64"} | EVERYWHERE,
        "segmentation_models_pytorch": {
            "zero_epsilon_ignores_masked_classes",
            "rejects_bad_shapes",
            "reductions_agree",
        }
        | HALF_SUM
        | EVERYWHERE,
    },
    "mixup": {
        "torchvision": {"rejects_bad_alpha", "whole_alpha_is_a_number"},
        "timm_batch": {*TIMM, "smoothing_commutes_with_mixing"},
        "timm_pair": {*TIMM, "integer_inputs_correct_or_loud", "rejects_mismatched_batch"},
        "timm_elem": {*TIMM, "integer_inputs_correct_or_loud", "rejects_mismatched_batch"},
        "fastai": {
            "odd_and_single_batches",
            "dtype_and_device_kept",
            "rejects_bad_alpha",
            "whole_alpha_is_a_number",
        },
        "keras": {"dtype_and_device_kept", "seeds_differ", "rejects_bad_alpha", "whole_alpha_is_a_number"},
        "kornia": {"lambda_follows_beta"},
    },
    "lr_finder": {
        "torch_lr_finder": {*SWEEPS, "rejects_undocumented_values"},
        "ignite": SWEEPS
        | {
            "suggestion_survives_nan",
            "restores_any_model",
            "rejects_undocumented_values",
            "schedule_is_geometric",
            "schedule_hits_both_ends",
            "takes_the_steps_asked",
            "history_records_lr_used",
            "sweeps_every_param_group",
            "restores_after_error",
        },
        "fastai": SWEEPS
        | {
            "one_batch_or_step_is_no_crash",
            "schedule_hits_both_ends",
            "gradients_of_before_do_not_count",
            "restores_optimizer",
            "restores_after_error",
        },
        "lightning": SWEEPS
        | {
            "schedule_is_geometric",
            "history_records_loss",
            "suggestion_is_steepest",
            "suggestion_precedes_minimum",
        },
    },
}
SHIPPED = [
    (library, technique)
    for library in thirdparty.LIBRARIES
    for technique in sorted({adapter.technique for adapter in thirdparty.adapters(library)})
]


DEAR = {
    ("fastai", "lr_finder"),
    ("lightning", "lr_finder"),
    ("ignite", "lr_finder"),
    ("keras", "mixup"),
    ("timm", "mixup"),
}
"""Asked by ``make matrix`` and ``make deep``."""


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, marks=[pytest.mark.deep] if each in DEAR else []) for each in SHIPPED],
    ids="-".join,
)
def report(request):
    library, technique = request.param
    if not all(adapter.installed() for adapter in thirdparty.adapters(library)):
        pytest.skip(f"{library} is not installed")
    return check(library, technique=technique)


def test_nothing_is_broken_and_what_deviates_was_measured(report):
    wrong = [finding for finding in report.findings() if finding.verdict == "broken"]
    assert [(finding.property, finding.rows[0].message) for finding in wrong] == []
    assert [row.message for row in report.results if row.verdict == "error"] == []
    assert report.exit_status == 0
    for each in report.implementations:
        deviates = {row.property for row in report.of(each) if row.verdict == "deviates"}
        assert deviates == DEVIATES[each.technique][each.name]


def test_every_deviation_can_be_reproduced_without_lawful(report):
    """The snippet is run as it is printed, and fails as the law did: by its assertion, or by raising. Of the
    CPU's rows: those of the twin are programs for CUDA."""
    deviating = [row for row in report.results if row.verdict == "deviates" and row.device == "cpu"]
    shown = {(row.implementation, row.property): row for row in deviating}
    for row in shown.values():
        assert "lawful" not in row.reproduce
        with warnings.catch_warnings():
            # xdist would import the class of a library's warning where that library does not import
            warnings.simplefilter("ignore")
            with pytest.raises(Exception) as caught:  # noqa: PT011
                exec(compile(row.reproduce, row.property, "exec"), {})
        raised = re.search(r"raised (\w+):", row.message)
        assert type(caught.value).__name__ == (raised[1] if raised else "AssertionError"), row.reproduce


@pytest.mark.parametrize("library", [*thirdparty.LIBRARIES, *thirdparty.MORE])
def test_every_deviation_says_why_and_where_it_was_seen(library):
    for adapter in thirdparty.adapters(library):
        for deviation in adapter.deviations:
            assert deviation.reason
            assert deviation.seen_in
            assert deviation.link is None or deviation.link.startswith("https://github.com/")


def test_conventions_are_those_that_were_measured():
    smp = check("segmentation_models_pytorch", only=["repeats"]).implementations[0]
    assert smp.conventions["ignored_mean"] == "all"
    fastai = check("fastai", only=["repeats"]).implementations[0]
    assert fastai.conventions["weighting"] == "target_term"
    torch = check("torch", only=["repeats"]).implementations[0]
    assert torch.conventions["weighting"] == "every_term"


def test_a_library_that_is_not_installed_is_a_note_and_no_error(monkeypatch):
    absent = [
        a.__class__(a.name, a.build, library="no-such-distribution") for a in thirdparty.adapters("timm")
    ]
    monkeypatch.setattr(thirdparty, "adapters", lambda library: tuple(absent))
    found = find("timm")
    assert found.subjects == []
    assert found.notes == ["timm: not installed, so not asked"]
