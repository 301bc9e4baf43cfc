"""How cases are shared out among children: what they have in common is made ready once."""

import multiprocessing
import os
import sys
from collections import Counter
from types import ModuleType, SimpleNamespace

import pytest

from lawful.properties import check
from lawful.properties.harness import children, processes, proof
from lawful.properties.harness.children import Child, Task, Team
from lawful.properties.harness.plan import Plan
from lawful.properties.harness.processes import _kin
from lawful.properties.harness.understanding import imports


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
    assert Team()._best(asker, WAITING, taken) == expected


def test_cases_of_the_twin_and_cases_of_a_law_belong_together():
    rows = [{"device": device, "property": name} for device in ("cpu", "twin") for name in ("one", "two")]
    assert [_kin(row) for row in rows] == ["one", "two", "twin", "twin"]


def test_what_has_few_examples_is_begun_first(monkeypatch):
    begun = []

    def begin(self, task, begin=Child.begin):
        begun.append(task)
        begin(self, task)

    monkeypatch.setattr(Child, "begin", begin)
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


_SMOOTH = """
import torch.nn.functional as F
from helper import SPREAD
class Smooth:
    def __init__(self, smoothing=0.1):
        self.smoothing = smoothing
    def __call__(self, logits, target):
        log_p = F.log_softmax(logits, 1)
        nll = -log_p.gather(1, target[:, None]).squeeze(1)
        return ((1 - self.smoothing) * nll - SPREAD * self.smoothing * log_p.mean(1)).mean()
"""


@pytest.fixture
def of_two_folders(tmp_path):
    """The same code in two folders, each beside a helper of its own: a right one, and a wrong one."""
    for name, spread in (("a", 1.0), ("b", 0.5)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "losses.py").write_text(_SMOOTH)
        (tmp_path / name / "helper.py").write_text(f"SPREAD = {spread}\n")
    return tmp_path


def test_targets_do_not_see_each_others_modules(of_two_folders, monkeypatch):
    monkeypatch.chdir(of_two_folders)
    targets = ["a/losses.py:Smooth", "b/losses.py:Smooth"]
    plan = Plan(targets, device="cpu", profile="quick", only=["matches_reference"], dtypes=["float32"])
    report = processes.ask(plan, "1")
    values = [row for row in report.results if row.property == "matches_reference"]
    assert [row.verdict for row in values] == ["holds", "broken"]


def test_nor_in_one_process_and_nothing_of_them_stays(of_two_folders, monkeypatch):
    monkeypatch.chdir(of_two_folders)
    path, modules = list(sys.path), set(sys.modules)
    asked = {"device": "cpu", "only": ["matches_reference"], "dtypes": ["float32"]}
    reports = [check(f"{name}/losses.py:Smooth", **asked) for name in "ab"]
    values = [row for each in reports for row in each.results if row.property == "matches_reference"]
    assert [row.verdict for row in values] == ["holds", "broken"]
    assert sys.path == path
    assert not {"helper", "losses"} & (set(sys.modules) - modules)


def test_a_program_that_is_run_in_this_process_leaves_no_path_and_no_module(tmp_path):
    (tmp_path / "a_helper_of_a_target.py").write_text("SPREAD = 1\n")
    path = list(sys.path)
    program = f"import sys\nsys.path[:0] = [{str(tmp_path)!r}]\nimport a_helper_of_a_target\nassert 0"
    assert proof.run_here(program, len).error == "AssertionError"
    assert sys.path == path
    assert "a_helper_of_a_target" not in sys.modules


def test_the_path_is_put_back_where_a_limit_of_time_ends_that(monkeypatch, tmp_path):
    before, of_a_target = list(sys.path), imports.Imports()
    of_a_target.__enter__()
    sys.path.insert(0, str(tmp_path))
    module = sys.modules["a_module_of_a_target"] = ModuleType("a_module_of_a_target")
    monkeypatch.setattr(imports, "_is_a_targets", late)
    with pytest.raises(TimeoutError):
        of_a_target.__exit__(None, None, None)
    assert sys.path == before
    assert sys.modules.pop("a_module_of_a_target") is module


def late(*_):
    raise TimeoutError


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


_HANGS = """
import time
def loss(logits, target, label_smoothing=0.1):
    time.sleep(600)
"""


def test_a_child_that_begins_afresh_and_hangs_is_ended(monkeypatch, tmp_path):
    (tmp_path / "hangs.py").write_text(_HANGS)
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    monkeypatch.delattr(os, "killpg")
    monkeypatch.setattr(processes, "SMOKE_LIMIT", 8)
    with pytest.raises(processes.Refused, match="no answer to a few calls within 8 s"):
        processes.ask(Plan([f"{tmp_path / 'hangs.py'}:loss"], device="cpu", profile="quick"), "1")


@pytest.mark.parametrize(("system", "method"), [("linux", "forkserver"), ("darwin", "spawn")])
def test_on_macos_nothing_is_forked(monkeypatch, system, method):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn", "fork", "forkserver"])
    monkeypatch.setattr(sys, "platform", system)
    assert children.start_method() == method


def test_a_task_is_done_once_though_others_are_alike():
    tasks = [Task("ask", (), 1.0, "ours", "one") for _ in range(2)]
    assert len(Counter(tasks)) == 2
