"""How cases are shared out among children: what they have in common is made ready once."""

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


def test_a_task_is_done_once_though_others_are_alike():
    tasks = [_Task("ask", (), 1.0, "ours", "one") for _ in range(2)]
    assert len(Counter(tasks)) == 2
