"""What conventions mean is said of every one, and of every value."""

import pytest

from lawful.properties.harness.conventions import CONVENTIONS, conventions_named
from lawful.properties.registry import written_techniques
from lawful.properties.subjects import subject_class

from . import command

DETECTED = [
    (technique, name, values)
    for technique in written_techniques()
    for name, values in subject_class(technique).convention_values.items()
]


@pytest.mark.parametrize(
    ("technique", "name", "values"), DETECTED, ids=[f"{technique}.{name}" for technique, name, _ in DETECTED]
)
def test_every_convention_and_every_value_is_explained(technique, name, values):
    (one,) = (each for each in conventions_named(name) if technique in each.techniques)
    assert set(values) <= set(one.values)
    said = (one.asks, one.changes, one.care, *(value.meaning for value in one.values.values()))
    assert all(text.strip() for text in said)


def test_nothing_is_explained_that_is_no_convention():
    known = {(technique, name) for technique, name, _ in DETECTED}
    assert {(technique, each.name) for each in CONVENTIONS for technique in each.techniques} == known


def test_what_is_required_as_an_example_is_a_value():
    for each in CONVENTIONS:
        values = {v for _, name, values in DETECTED if name == each.name for v in values}
        assert (each.example or next(iter(each.values))) in values


def test_explain_tells_about_a_convention(tmp_path):
    done = command.lawful("explain", "off_target", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for text in ("q_y = 1 - e, q_k = e/(K - 1)", "torch, timm", "changes", "care", "off_target=uniform"):
        assert text in done.stdout


def test_explain_tells_about_one_value(tmp_path):
    done = command.lawful("explain", "off_target=others", cwd=tmp_path)
    assert "q_k = e/(K - 1)" in done.stdout
    assert "q_k = e/K" not in done.stdout
    assert "--require off_target=others" in done.stdout


def test_explain_says_which_values_there_are(tmp_path):
    done = command.lawful("explain", "pairing=random", cwd=tmp_path)
    assert done.returncode == 2
    assert "pairing has no value 'random'; there are permutation, roll, flip, independent" in done.stderr
    typo = command.lawful("explain", "off_targt", cwd=tmp_path)
    assert (typo.returncode, "did you mean the convention 'off_target'?" in typo.stderr) == (2, True)
