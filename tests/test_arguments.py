"""What an adapter says of arguments is asked, and what is left out of a call is left out of its program."""

import math
from dataclasses import replace

import pytest

from lawful.impl.contracts import Argument, LabelSmoothing
from lawful.impl.faulty import faults
from lawful.properties.registry import find_law
from lawful.properties.subjects import understand

from .asked import LIGHT, PROFILES, ask, broken

LAWS = ["arguments_are_as_documented", "rejects_undocumented_values"]


@pytest.mark.parametrize(
    ("argument", "documented", "undocumented"),
    [
        (
            Argument(0.1, low=0.0, high=1.0),
            [0.0, 1.0, 0.5],
            [-5e-324, -1, -math.inf, 1 + 2**-52, 2, math.inf],
        ),
        (
            Argument(0.1, low=0.0, high=1.0, without=(1.0,)),
            [0.0, 0.5],
            [-5e-324, -1, -math.inf, 1, 2, math.inf],
        ),
        (Argument(1.0, low=0.0, without=(0.0, math.inf)), [0.5], [0.0, -1.0, -math.inf, math.inf]),
        (Argument(2, low=2, whole=True), [2, 6], [1, -6]),
        (Argument(-100, whole=True), [4], []),
        (Argument(), [0.5], []),
        (Argument("mean", values=("mean", "sum")), ["mean", "sum"], ["means"]),
        (Argument(None, values=(None, False)), [None, False], []),
    ],
)
def test_values_within_and_beyond_what_is_documented(argument, documented, undocumented):
    assert argument.documented(0.5) == documented
    found = argument.undocumented()
    assert [value for value in found if value == value] == undocumented
    bounded = math.isfinite(argument.low) and not argument.whole
    assert any(value != value for value in found) == bounded


@pytest.mark.parametrize("id", ["XA1", "XMA1", "XRA1", "XA3", "XMA3", "XRA3"])
def test_a_program_passes_what_was_passed_and_leaves_out_what_was_left_out(id):
    (fault,) = (f for t in ("label_smoothing", "mixup", "lr_finder") for f in faults(t) if f.id == id)
    adapter = fault.adapter
    (row,) = (r for r in ask(understand(adapter), only=LAWS).values() if r.verdict == "broken")
    (name,) = adapter.arguments
    calls = [
        line for line in row.reproduce.splitlines() if "build(" in line or ("_is_" in line and "(" in line)
    ]
    without = [line for line in calls if f"{name}=" not in line]
    assert bool(without) == (id[-1] == "1")
    assert len(calls) == 1 or any(f"{name}=" in line for line in calls)  # a range test's is the last alone


def test_of_arguments_of_which_nothing_is_said_nothing_is_asked():
    plain = LabelSmoothing("plain", faults("label_smoothing")[0].adapter.build)
    verdicts = {row.verdict for row in ask(understand(plain), only=LAWS).values()}
    assert verdicts == {"unsupported"}


def test_errors_need_not_name_the_argument_where_nobody_says_so():
    (fault,) = (f for f in faults("label_smoothing") if f.id == "XA4")
    guards = ["rejects_bad_epsilon", "rejects_bad_target", "rejects_bad_shapes"]
    assert broken(ask(understand(fault.adapter), only=guards, profile=PROFILES[LIGHT])) == set(guards)

    silent = replace(fault.adapter, documented={})
    assert broken(ask(understand(silent), only=guards, profile=PROFILES[LIGHT])) == set()


def test_an_example_from_before_a_law_varied_more_is_still_one():
    law = find_law("soft_target_agrees_with_hard")
    example = {"batch": {"logits": [[0.0, 1.0]], "target": [1]}, "epsilon": 0.5, "other": 0}
    assert law.decode(example)["weighs"] is False
    with pytest.raises(ValueError, match=r"has .*'more'.*, expected"):
        law.decode({**example, "more": 1})
