"""Beside the verdicts stand what the code computes and why its findings are there, wherever a report goes."""

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

from lawful.properties import check
from lawful.properties.harness import diagnosing, outputs
from lawful.properties.harness.clock import alarm
from lawful.properties.harness.findings import findings
from lawful.properties.harness.page import page
from lawful.properties.harness.report import Implementation
from lawful.properties.reading import diagnose_each, place_of
from lawful.properties.subjects.failures import NoAnswer

from . import command
from .asked import check_on_cpu
from .miniatures import people, right, wrong

_SHARE = "inputs_and_targets_share_lambda_and_partner"
SOURCE = """
import torch.nn.functional as F

def smoothed(logits, target, epsilon=0.1):
    log_p = F.log_softmax(logits, 1)
    own = -log_p.gather(1, target[:, None]).squeeze(1)
    return ((1 - epsilon) * own + epsilon / logits.shape[1] * (-log_p.sum(1) - own)).mean()

def overwriting(logits, target, epsilon=0.1):
    loss = smoothed(logits, target, epsilon)
    logits.detach().add_(1)
    return loss
"""
COMPUTES = "q_y = 1 - e, q_k = e/K (sum 1 - e/K); mean over N"
WHY = "It computes q_y = 1 - e and q_k = e/K: they sum to 1 - e/K. Label smoothing adds e/K on the target"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnosed")
    (folder / "losses.py").write_text(SOURCE)
    asked = ("--profile", "quick", "--device", "cpu", "--dtype", "float32", "--json", "r.json")
    laws = "matches_reference,shift_invariant,rejects_bad_epsilon"
    done = command.lawful("check", "losses.py:smoothed", *asked, "--only", laws, cwd=folder)
    assert done.returncode == 1, done.stderr
    (folder / "said").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def info(folder):
    return json.loads((folder / "r.json").read_text())


def test_the_terminal_says_what_is_computed_under_the_name(folder):
    lines = command.lawful("report", "r.json", "-v", cwd=folder).stdout.splitlines()
    assert lines[0].startswith("smoothed  label smoothing")
    assert lines[1].split(maxsplit=1) == ["computes", COMPUTES]


def test_the_sentence_stands_on_top_of_a_finding(folder):
    lines = (folder / "said").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line == "FAIL  wrong result: matches_reference")
    assert lines[first + 1].strip().startswith(WHY)


def test_a_report_has_both(info):
    (each,) = info["implementations"]
    assert each["reading"]["text"] == COMPUTES
    assert r"\frac{\varepsilon}{K}" in each["reading"]["formula"]
    by_law = {finding["property"]: finding for finding in each["findings"]}
    assert by_law["matches_reference"]["diagnosis"].startswith(WHY)
    assert by_law["rejects_bad_epsilon"]["diagnosis"] is None


def test_junit_and_github_carry_it(info):
    failed = ElementTree.fromstring(outputs.junit(info)).findall(".//failure")
    assert failed
    assert all(each.get("message").startswith(WHY) for each in failed)
    told = [line for line in outputs.github(info) if line.startswith("::error")]
    assert len(told) == 1
    assert f"::{WHY}" in told[0]


def test_markdown_has_it_below_the_table(info):
    lines = outputs.markdown(info).splitlines()
    assert f"- `smoothed`, `matches_reference`: {WHY}" in "\n".join(lines[4:])


def test_an_issue_begins_with_it(info):
    assert outputs.issue(info).split("\n\n")[1].startswith(WHY)


def test_the_page_draws_it_beside_what_is_asked_for(info):
    drawn = page(info)
    assert WHY in drawn
    assert drawn.index("computes</dt>") < drawn.index("asks for</dt>")


def test_right_code_is_read_and_told_nothing():
    report = check(right.function, device="cpu", only=["matches_reference"])
    assert report.implementations[0].reading["text"].startswith("q_y = 1 - e + e/K")
    assert report.findings() == []


def test_python_says_it_too():
    report = check_on_cpu(wrong.scaled_by_classes, dtypes=["float32"])
    (finding,) = (each for each in report.findings() if each.property == "matches_reference")
    assert "they sum to" in finding.diagnosis
    assert finding.diagnosis in str(report)


def test_a_failed_test_of_a_suite_begins_with_it(folder):
    (folder / "test_mine.py").write_text(
        "from losses import smoothed\nfrom lawful.properties import conformance\n"
        "TestMine = conformance(smoothed, profile='quick', device='cpu', dtypes=['float32'],\n"
        "    only=['matches_reference', 'one_epsilon_ignores_target'])\n"
    )
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = done.stdout.splitlines()
    title = next(i for i, line in enumerate(said) if "TestMine.test_matches_reference" in line)
    assert said[title + 1].startswith(WHY)


@pytest.mark.parametrize("part", ["read", "diagnose_each"])
def test_what_raises_is_not_said(part, monkeypatch):
    def raises(*given):
        raise RuntimeError("of ours")

    monkeypatch.setattr(diagnosing, part, raises)
    report = check_on_cpu(wrong.scaled_by_classes, dtypes=["float32"], only=["matches_reference"])
    (finding,) = report.findings()
    assert finding.verdict == "broken"
    assert (report.implementations[0].reading is None) == (part == "read")
    assert (finding.diagnosis is None) == (part == "diagnose_each")


def test_what_hangs_is_not_said(monkeypatch):
    def hangs(*given):
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(diagnosing, "read", hangs)
    monkeypatch.setattr(diagnosing, "_LEAST", 0.1)
    report = check_on_cpu(right.function, only=["shift_invariant"])
    assert report.implementations[0].reading is None
    assert report.exit_status == 0


def test_the_alarm_rings_until_all_has_ended():
    rung = 0

    def stubborn():
        nonlocal rung
        while rung < 2:
            try:
                while True:
                    time.sleep(0.01)
            except NoAnswer:
                rung += 1

    with alarm(0.05, again=True):
        stubborn()
    assert rung == 2


def test_each_of_two_causes_has_its_own_sentence(folder):
    laws = ["matches_reference", "inputs_not_modified"]
    report = check_on_cpu(f"{folder / 'losses.py'}:overwriting", dtypes=["float32"], only=laws)
    said = {each.property: each.diagnosis for each in report.findings() if each.severity == "wrong"}
    assert said["matches_reference"].startswith(WHY)
    assert "changes the caller's logits" in said["inputs_not_modified"]


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("https://github.com/fastai/fastai/pull/1814", True),
        ("eladhoffer/utils.pytorch issue 13", True),
        ("timm 1.0.31, reproduced", True),
        ("transformers 5.23.0 LabelSmoother, reproduced", True),
        ("plausible, no public report known", False),
        ("the seed notebook", False),
        ("timm 1.0.31 broadcasts a single one, reproduced", False),
    ],
)
def test_a_place_where_a_fault_was_seen_is_one_that_a_reader_can_go_to(source, place):
    assert bool(place_of(source)) == place


def test_nothing_is_said_of_nothing():
    assert list(diagnose_each(None, [[]])) == []
    assert findings([]) == []
    assert Implementation("mine", "mixup", None, "", {}).with_reading({}).reading is None


@pytest.mark.parametrize(
    ("code", "law", "change"),
    [
        ("softmax_first", "matches_reference", "Leave the first softmax out"),
        (
            "mean_of_everything",
            "matches_reference",
            "Sum over the classes, then take the mean over the samples",
        ),
        ("OverSamples", "matches_reference", "The classes are dimension 1: dim=1"),
        ("spread_over_others_and_target", "matches_reference", "q_y = 1 - e + e/(K - 1)"),
        ("labels_exchanged", _SHARE, "lam y + (1 - lam) y[partner]"),
        ("labels_folded", _SHARE, "Fold it once, before both"),
        ("multiplied_first", _SHARE, "Read x[partner] first"),
        (
            "average_from_zero",
            "does_not_stop_early",
            "Divide by 1 - b^(i + 1), or start from the first loss",
        ),
        ("never_cleared", "gradients_do_not_accumulate", "Call optimizer.zero_grad() in each step"),
        ("first_group_alone", "sweeps_every_param_group", "for group in optimizer.param_groups"),
    ],
)
def test_the_first_lines_are_enough_to_mend_it(code, law, change):
    report = check_on_cpu(f"{people.__file__}:{code}", dtypes=["float32"], only=[law])
    said = str(report).split("\nFAIL  wrong result: ")[1].splitlines()
    assert said[0] == law
    assert change in said[1]
