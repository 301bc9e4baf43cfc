"""What it means when a law breaks: severities, findings, what a run fails on, and the words for it."""

import functools
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lawful.impl.contracts import SEVERITIES, LabelSmoothing
from lawful.impl.faulty import faults
from lawful.properties.harness.findings import findings, severity_words
from lawful.properties.harness.report import Implementation, Report, Result
from lawful.properties.registry import all_laws, find_law
from lawful.properties.subjects.failures import LawBroken
from lawful.properties.subjects.program import tensor_lines

from .asked import check_on_cpu as check
from .miniatures import wrong, wrong_lr_finders, wrong_mixups

ORDER = list(SEVERITIES)


@pytest.mark.parametrize("law", all_laws(), ids=lambda law: law.id)
def test_a_law_rests_on_laws_that_are_as_severe(law):
    for name in law.rests_on:
        below = find_law(name, law.technique)
        assert ORDER.index(below.severity) <= ORDER.index(law.severity)
        assert law.name not in below.rests_on


def row(name, severity="wrong", *, verdict="broken", dtype="float32", message="is 3", **more):
    return Result("mine", name, "cpu", dtype, verdict, severity=severity, message=message, **more)


def test_what_rests_on_a_broken_law_is_listed_under_it():
    found = findings([row("base"), row("above", rests_on=("base",)), row("top", rests_on=("above",))])
    assert [(f.property, f.also) for f in found] == [("base", ("above", "top"))]


def test_what_rests_on_a_law_that_holds_is_a_finding_of_its_own():
    found = findings([row("base", verdict="holds"), row("above", rests_on=("base",))])
    assert [f.property for f in found] == ["above"]


def test_dtypes_with_one_cause_are_one_finding_and_others_are_not():
    rows = [row("law", message="is 3.5, expected 1"), row("law", message="is 4, expected 1", dtype="float64")]
    assert len(findings(rows)) == 1
    assert len(findings([*rows, row("law", message="raised TypeError", dtype="float16")])) == 2
    assert len(findings([*rows, row("law", message="slope is 0, expected 1", dtype="float16")])) == 1
    assert len(findings([rows[0], row("law", message="slope is 0, expected 1", dtype="float64")])) == 2


def test_one_error_is_one_finding_whichever_law_it_ends():
    told = "raised ZeroDivisionError: division by zero"
    rows = [row("a", "edge", message=told), row("b", message=told), row("c", message="raised TypeError")]
    assert [(each.property, each.also) for each in findings(rows)] == [("b", ("a",)), ("c", ())]


def test_the_most_severe_comes_first_and_words_count():
    found = findings([row("a", "guard"), row("b", "edge"), row("c", "guard"), row("d")])
    assert [f.property for f in found] == ["d", "b", "a", "c"]
    counted = "1 wrong result, 1 problem at the edges of the range, 2 kinds of invalid input accepted without"
    assert severity_words(found) == f"{counted} an error"
    assert severity_words([]) == "no problem found"


@pytest.mark.parametrize(
    ("fail_on", "statuses"), [("wrong", [1, 0, 0]), ("edge", [1, 1, 0]), ("guard", [1, 1, 1])]
)
def test_a_run_fails_from_its_threshold_on(fail_on, statuses):
    mine = Implementation("mine", "", None, "", {})
    for severity, status in zip(SEVERITIES, statuses, strict=True):
        report = Report("quick", 0, [mine], [row("law", severity)], fail_on=fail_on)
        assert report.exit_status == status


def test_a_note_that_is_out_of_date_fails_any_run():
    mine = Implementation("mine", "", None, "", {})
    report = Report("quick", 0, [mine], [row("law", "guard", stale=True)])
    assert report.exit_status == 1


ORDINARY = {
    "scaled_by_classes",
    "detached_uniform_term",
    "overwrites_logits",
    *wrong_mixups.WRONG,
    "additive",
    "first_group_only",
    "no_zero_grad",
    "next_rate_recorded",
} - {"images_only", "squeezed", "float32_lambda", "any_alpha", "in_place"}
WRONG = [
    (module, name)
    for module in (wrong, wrong_mixups, wrong_lr_finders)
    for name in module.WRONG
    if name in ORDINARY
]


@pytest.mark.parametrize(("module", "name"), WRONG, ids=[name for _, name in WRONG])
def test_what_ordinary_input_shows_is_wrong_and_exits_1(module, name):
    report = check(getattr(module, name), only=[module.WRONG[name]])
    assert {f.severity for f in report.findings() if f.verdict == "broken"} == {"wrong"}
    assert report.exit_status == 1


def test_an_unknown_spread_is_one_finding():
    report = check(wrong.scaled_by_classes, dtypes=["float32"])
    wrong_ones = [f for f in report.findings() if f.severity == "wrong"]
    assert [f.property for f in wrong_ones] == ["matches_reference"]
    assert "gradient_is_softmax_minus_target" in wrong_ones[0].also


def test_a_feature_that_nobody_promised_is_a_guard():
    report = check(wrong.swallows_options, only=["reductions_agree"])
    assert {row.severity for row in report.results} == {"guard"}
    assert report.exit_status == 0


def test_the_entry_that_is_off_most_against_its_bound_is_shown():
    actual, expected = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.001, 3.0])
    message = str(LawBroken("loss", "about", expected, actual, np.array([1.0, 1e-6, 1.0])))
    assert message == "loss is 2 at [1], expected about 2.001 (off by 0.001, allowed 1e-06)"


def test_two_values_are_shown_with_enough_digits_to_differ():
    message = str(LawBroken("loss", "about", 0.69314718, 0.69314719, 1e-12))
    assert message.startswith("loss is 0.69314719, expected about 0.69314718")


def test_a_broken_row_carries_the_ratio_that_broke_it():
    (row,) = check(wrong.scaled_by_classes, only=["matches_reference"], dtypes=["float32"]).results
    assert row.worst_error > 1


def test_an_error_that_was_expected_is_said_so():
    (row,) = check(wrong.any_epsilon, only=["rejects_bad_epsilon"]).results
    assert row.message.startswith("took epsilon -0.5 and returned")
    assert row.message.endswith("an error was expected")


def test_the_masked_class_is_in_the_counterexample():
    rows = check(wrong.zero_times_infinity, only=["zero_epsilon_ignores_masked_classes"]).results
    assert {str(row.counterexample["batch"]["logits"]) for row in rows} == {"[[0.0, '-inf']]"}
    assert {row.severity for row in rows} == {"edge"}


def test_an_example_of_the_boundary_phase_is_shrunk():
    """Its first example that fails has an epsilon of 0.1 and large logits; less will do."""

    def build(epsilon):
        def loss(logits, target):
            import torch.nn.functional as F

            right = F.cross_entropy(logits, target, label_smoothing=epsilon)
            return right + 1 if len(logits) > 1 else right

        return loss

    adapter = LabelSmoothing("off_by_one", build)
    (row,) = check(adapter, only=["matches_reference"], dtypes=["float32"], profile="quick").results
    values = np.abs(np.asarray(row.counterexample["batch"]["logits"])).sum()
    assert values == 0
    assert len(row.counterexample["batch"]["target"]) == 2


def test_a_program_ends_with_the_error_that_the_code_raised():
    def build(epsilon):
        def loss(logits, target):
            import torch.nn.functional as F

            if len(logits) > 2:
                raise ArithmeticError("three are too many")
            return F.cross_entropy(logits, target, label_smoothing=epsilon)

        return loss

    (row,) = check(LabelSmoothing("picky", build), only=["matches_reference"], dtypes=["float32"]).results
    assert row.fails_with == "ArithmeticError"
    with pytest.raises(ArithmeticError):
        exec(compile(row.reproduce, "program", "exec"), {})


def test_a_build_that_cannot_be_shown_alone_is_said_so():
    (row,) = check(_any_epsilon(), only=["rejects_bad_epsilon"]).results
    assert "# build: that of the adapter 'mine', which has no source that stands alone" in row.reproduce
    compile(row.reproduce, "program", "exec")


def test_the_notebook_fragment_is_scoped():
    text = check(wrong.any_epsilon, only=["rejects_bad_epsilon"])._repr_html_()
    assert "<html" not in text
    assert "__main__" not in text
    style = text[text.index("<style>") : text.index("</style>")]
    rules = [line for line in style.splitlines() if "{" in line and not line.strip().startswith("@media")]
    selectors = [selector for line in rules for selector in re.findall(r"([^{}]+)\{", line)]
    assert len(selectors) > 20
    assert all(part.strip().startswith(".lawful") for line in selectors for part in line.split(","))


def test_severity_is_in_the_rows():
    report = check(replace(_any_epsilon()), only=["rejects_bad_epsilon"])
    (implementation,) = report.to_json()["implementations"]
    (result,) = implementation["results"]
    assert (result["severity"], result["finding"]) == ("guard", "rejects_bad_epsilon")


def _any_epsilon():
    return LabelSmoothing("mine", lambda epsilon: lambda z, y: wrong.any_epsilon(z, y, epsilon))


class OneMode:
    """Smoothed cross-entropy.

    reduction: only supported in binary mode; for others it is always the mean.
    """

    def __init__(self, smoothing=0.1, reduction="mean"):
        self.smoothing = smoothing

    def __call__(self, logits, target):
        return F.cross_entropy(logits.double(), target, label_smoothing=self.smoothing).to(logits.dtype)


def test_a_stated_precondition_narrows_the_question():
    report = check(OneMode, dtypes=["float32"])
    assert [f.property for f in report.findings() if f.severity == "wrong"] == []


def kept_alone(logits, target, padding_idx, smoothing=0.1):
    """A value for each sample that is no padding."""
    keep = target != padding_idx
    losses = F.cross_entropy(logits.double(), target, label_smoothing=smoothing, reduction="none")
    losses = losses if padding_idx < 0 else losses.clone()
    log_p = logits.log_softmax(1)
    log_p.gather(1, target[:, None])  # padding is a class
    return losses[keep].to(logits.dtype)


def test_code_that_leaves_ignored_samples_out_is_not_asked_for_zeros():
    report = check(kept_alone, dtypes=["float32"])
    assert [f.property for f in report.findings() if f.severity == "wrong"] == []


class OwnGenerator:
    def __init__(self, alpha=1.0):
        self.alpha, self.rng = alpha, np.random.default_rng()

    def __call__(self, inputs, target):
        lam, order = float(self.rng.beta(self.alpha, self.alpha)), torch.randperm(len(inputs))
        return lam * inputs + (1 - lam) * inputs[order], target, target[order], lam


def test_a_generator_that_no_seed_reaches_is_one_finding():
    report = check(OwnGenerator, technique="mixup")
    (finding,) = [f for f in report.findings() if f.severity == "wrong" and f.verdict == "broken"]
    assert finding.property == "seeded_runs_repeat"
    assert "matches_reference" in finding.also


class MixesWithTheBatchBefore:
    def __init__(self, alpha=1.0):
        self.alpha, self.kept = alpha, None

    def __call__(self, inputs, target):
        before, labels = (inputs, target) if self.kept is None else self.kept
        self.kept = inputs.clone(), target.clone()
        lam, order = float(np.random.beta(self.alpha, self.alpha)), torch.randperm(len(inputs))
        return lam * inputs + (1 - lam) * before[order], target, labels[order], lam


def test_a_program_of_a_batch_that_follows_another_makes_both():
    report = check(MixesWithTheBatchBefore, technique="mixup", only=["ragged_batches"])
    row = next(row for row in report.findings()[0].rows if row.property == "ragged_batches")
    with pytest.raises((IndexError, AssertionError)) as shown:
        exec(row.reproduce, {})
    assert type(shown.value).__name__ == row.fails_with


def leaves_out_the_rest(logits, target, smoothing=0.1):
    whole = len(logits) // 1024 * 1024 or len(logits)
    return F.cross_entropy(logits[:whole], target[:whole], label_smoothing=smoothing)


@pytest.mark.parametrize(
    ("id", "line"),
    [
        ("M16", "mix.eval()"),
        ("XM49", "mix(inputs.flip(0), target.flip(0))"),
        ("XM50", "mix(inputs.flip(0), target.flip(0))"),
        ("XM51", "mix(inputs.flip(0), target.flip(0))"),
        ("XM52", "mix.train()"),
    ],
)
def test_a_program_of_a_mode_or_a_later_call_makes_them(id, line):
    (fault,) = [each for each in faults("mixup") if each.id == id]
    row, *_ = check(fault.adapter, only=list(fault.caught_by)).results
    assert line in row.reproduce
    with pytest.raises(AssertionError):
        exec(compile(row.reproduce, "program", "exec"), {"__name__": "__main__"})


def test_a_program_of_a_large_batch_is_short_and_fails_for_its_reason(monkeypatch):
    report = check(leaves_out_the_rest, only=["large_batches_are_no_other"])
    (finding,) = report.findings()
    program = finding.rows[0].reproduce
    assert len(program) < 2000
    with pytest.raises(AssertionError):
        exec(program, {})
    right = functools.partial(F.cross_entropy, label_smoothing=0.1)
    monkeypatch.setattr(sys.modules[__name__], "leaves_out_the_rest", lambda z, y, smoothing: right(z, y))
    exec(program, {})


@pytest.mark.parametrize(
    "values",
    [
        np.eye(100),
        np.where(np.arange(300) == 7, np.inf, 0.0),
        np.pad(np.arange(90.0), (0, 90)),
        np.stack([np.full(200, column) for column in (0.0, 0.0, 0.0, 2.0)], 1),
        np.full((70, 2), np.nan),
    ],
    ids=["diagonal", "one other", "many others", "columns", "nan"],
)
def test_a_long_tensor_of_a_program_is_what_it_was(values):
    made = {"torch": torch}
    exec("\n".join(tensor_lines("x", values, "float64", "cpu")), made)
    assert np.array_equal(made["x"].numpy(), values, equal_nan=True)


def test_what_is_wrong_on_ordinary_input_does_not_rest_on_what_is_so_at_the_edges():
    found = findings([row("base", "edge"), row("above", rests_on=("base",)), row("slight", "edge")])
    assert [(each.property, each.severity) for each in found] == [
        ("above", "wrong"),
        ("base", "edge"),
        ("slight", "edge"),
    ]
    (one, _) = findings([row("base", "edge"), row("guard", "guard", rests_on=("base",)), row("x", "edge")])
    assert one.also == ("guard",)
