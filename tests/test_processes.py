"""How cases are shared out among children: what they have in common is made ready once."""

import multiprocessing
import os
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

from lawful.properties.harness import processes
from lawful.properties.harness.plan import Plan
from lawful.properties.harness.processes import _kin, _Task, _Team


def child(target="", kin="", knows=()):
    return SimpleNamespace(kin=(target, kin), knows=set(knows))


WAITING = {("ours", "one"): [1], ("ours", "two"): [1, 2], ("theirs", "one"): [1, 2, 3, 4, 5, 6, 7]}


@pytest.mark.parametrize(
    ("asker", "taken", "expected"),
    [
        (child("ours", "two", ["ours"]), {("ours", "one")}, ("ours", "two")),
        (child("ours", "done", ["ours"]), {("ours", "one")}, ("ours", "two")),
        (child("ours", "done", ["ours"]), {("ours", "one"), ("ours", "two")}, ("ours", "one")),
        (child(), set(), ("theirs", "one")),
    ],
    ids=["its own law", "a law that nobody is at", "a law that another is at", "what most is left of"],
)
def test_a_child_is_given(asker, taken, expected):
    assert _Team()._best(asker, WAITING, taken) == expected


def test_cases_of_the_twin_and_cases_of_a_law_belong_together():
    rows = [{"device": device, "property": name} for device in ("cpu", "twin") for name in ("one", "two")]
    assert [_kin(row) for row in rows] == ["one", "two", "twin", "twin"]


def test_what_has_few_examples_is_begun_first(monkeypatch):
    begun = []

    def begin(self, task, begin=processes._Child.begin):
        begun.append(task)
        begin(self, task)

    monkeypatch.setattr(processes._Child, "begin", begin)
    few = "large_batches_are_no_other"
    plan = Plan(["native.label_smoothing"], device="cpu", profile="quick", only=["shift_invariant", few])
    report = processes.ask(plan, "1")
    cases = [task.arguments[2] for task in begun if task.name == "ask"]
    assert few in cases[0]
    assert report.results[0].property == "shift_invariant"


_QUIET = """
import builtins
builtins.something_that_stays = True
import torch.nn.functional as F
def loss(logits, target, label_smoothing=0.1):
    return F.cross_entropy(logits, target, label_smoothing=label_smoothing)
"""
_JEALOUS = """
import builtins, os
if hasattr(builtins, "something_that_stays"):
    os.abort()
import torch.nn.functional as F
def loss(logits, target, label_smoothing=0.1):
    return F.cross_entropy(logits, target, label_smoothing=label_smoothing)
"""


def test_libraries_that_die_of_each_other_are_asked_apart(tmp_path, monkeypatch):
    """As TensorFlow's and Paddle's do in one process: neither is at fault in a report on either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quiet.py").write_text(_QUIET)
    (tmp_path / "jealous.py").write_text(_JEALOUS)
    targets = ["quiet.py:loss", "jealous.py:loss"]
    plan = Plan(targets, device="cpu", profile="quick", only=["shift_invariant"])
    report = processes.ask(plan, "1")
    assert {(each.target, row.verdict) for each in report.implementations for row in report.of(each)} == {
        (target, "holds") for target in targets
    }


def test_where_nothing_can_be_forked_children_begin_afresh_and_answer_alike(monkeypatch):
    """As on Windows, which has neither a server to fork from nor groups of processes; and on macOS."""
    plan = Plan(["native.label_smoothing"], device="cpu", profile="quick", only=["shift_invariant"])
    forked = processes.ask(plan, "1")
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    monkeypatch.delattr(os, "killpg")
    fresh = processes.ask(plan, "1")
    verdicts = [[(row.property, row.dtype, row.verdict) for row in each.results] for each in (forked, fresh)]
    assert verdicts[0] == verdicts[1]
    assert {row.verdict for row in fresh.results} == {"holds"}


def test_a_child_that_begins_afresh_and_hangs_is_ended(monkeypatch, tmp_path):
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)\ndef loss(logits, target): pass\n")
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    monkeypatch.delattr(os, "killpg")
    monkeypatch.setattr(processes, "_SMOKE_LIMIT", 8)
    with pytest.raises(processes.Refused, match="no answer to a few calls within 8 s"):
        processes.ask(Plan([f"{tmp_path / 'hangs.py'}:loss"], device="cpu", profile="quick"), "1")


@pytest.mark.parametrize(("system", "method"), [("linux", "forkserver"), ("darwin", "spawn")])
def test_on_macos_nothing_is_forked(monkeypatch, system, method):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn", "fork", "forkserver"])
    monkeypatch.setattr(sys, "platform", system)
    assert processes._start_method() == method


def test_a_task_is_done_once_though_others_are_alike():
    tasks = [_Task("ask", (), 1.0, "ours", "one") for _ in range(2)]
    assert len(Counter(tasks)) == 2
