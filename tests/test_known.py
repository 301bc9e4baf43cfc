"""Known failures: written, given a reason, asked again; and stored counterexamples that are replayed."""

import importlib
import json

import pytest

from lawful.properties import conformance, registry
from lawful.properties.harness.understanding.targets import UsageError

from . import command
from .asked import check_on_cpu as check
from .miniatures import wrong

LOSS = """
import torch.nn.functional as F
def smooth(logits, target, eps=0.1):
    {check}
    return F.cross_entropy(logits, target, label_smoothing=min(1.0, max(0.0, eps)))
"""
ONLY = ("--only", "rejects_bad_epsilon,repeats", "--profile", "quick", "-n", "1", "--fail-on", "guard")


def lawful(folder, *arguments):
    return command.lawful(*arguments, cwd=folder)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "losses.py").write_text(LOSS.format(check="pass"))
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "theirs"\n')
    return tmp_path


def test_written_given_a_reason_passed_and_no_longer_broken(folder):
    first = lawful(folder, "check", "losses.py:smooth", *ONLY, "--write-known")
    assert first.returncode == 1
    assert "1 known failures added to pyproject.toml" in first.stdout

    without_reason = lawful(folder, "check", "losses.py:smooth", *ONLY)
    assert without_reason.returncode == 0
    assert "reason is empty, expected a sentence" in without_reason.stdout

    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text.replace('reason = ""', 'reason = "the caller checks"'))
    second = lawful(folder, "check", "losses.py:smooth", *ONLY, "-v")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "the caller checks" in second.stdout

    refuses = "if not 0 <= eps <= 1: raise ValueError(eps)"
    (folder / "losses.py").write_text(LOSS.format(check=refuses))
    mended = lawful(folder, "check", "losses.py:smooth", *ONLY)
    assert mended.returncode == 1
    assert "no longer broken" in mended.stdout
    assert "remove the known failure from pyproject.toml" in mended.stdout


def test_one_implementation_in_whichever_way_it_is_named(folder, monkeypatch):
    reason = ("--write-known", "--reason", "the caller checks", "--known", "new.toml")
    assert lawful(folder, "check", "losses.py:smooth", *ONLY, *reason).returncode == 1
    for target in ("./losses.py:smooth", "losses:smooth", folder / "losses.py:smooth"):
        done = lawful(folder, "check", target, *ONLY, "--known", "new.toml")
        assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(folder)
    smooth = importlib.import_module("losses").smooth
    (row,) = check(smooth, only=["rejects_bad_epsilon"], known=str(folder / "new.toml")).results
    assert row.verdict == "deviates"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"target": "losses.py:smoth"}, "losses.py has no 'smoth'"),
        ({"target": "loss.py:smooth"}, "there is no file"),
        ({"technique": "mixup"}, "it is declared for mixup, and asked as label_smoothing"),
        ({"devices": ["cuda"]}, "no test of this run is on the dtypes and devices that it names"),
        ({"reason": " "}, "reason is empty"),
    ],
)
def test_an_entry_that_matches_nothing_is_a_warning(folder, changes, note):
    file = known(folder, **{"target": "losses.py:smooth", **changes})
    (note_shown,) = check(str(folder / "losses.py:smooth"), known=file).notes[-1:]
    assert note in note_shown
    (folder / "other.py").write_text(LOSS.format(check="pass"))
    assert not any("other.py" in each for each in check(str(folder / "other.py:smooth"), known=file).notes)


def known(tmp_path, **changes):
    values = {
        "target": "any_epsilon",
        "property": "rejects_bad_epsilon",
        "reason": "checked by the caller",
        "message": "took epsilon",
        "example": '{"epsilon": -0.5}',
        **changes,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    path = tmp_path / "known.toml"
    path.write_text("\n".join(["[[known]]", *lines, ""]))
    return str(path)


def test_check_and_conformance_take_a_file(tmp_path):
    file = known(tmp_path)
    (row,) = check(wrong.any_epsilon, only=["rejects_bad_epsilon"], known=file).results
    assert row.verdict == "deviates"
    suite = conformance(wrong.any_epsilon, device="cpu", only=["rejects_bad_epsilon"], known=file)
    assert hasattr(suite, "test_rejects_bad_epsilon")


def test_one_that_fails_otherwise_has_drifted(tmp_path):
    file = known(tmp_path, message="raised ValueError")
    report = check(wrong.any_epsilon, only=["rejects_bad_epsilon"], known=file)
    assert report.results[0].message.startswith("drifted: took epsilon -0.5")
    assert report.exit_status == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"property": "rejects_bad_epsilom"}, "did you mean 'rejects_bad_epsilon'"),
        ({"resaon": "x"}, "did you mean 'reason'"),
        ({"example": "{"}, "Expecting property name"),
        ({"example": '{"eps": 1}'}, r"has \['eps'\], expected \['epsilon'\]"),
        ({"message": "("}, "unterminated subpattern"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        check(wrong.any_epsilon, only=["rejects_bad_epsilon"], known=known(tmp_path, **changes))


def test_a_law_that_is_gone_names_what_took_its_place(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.RETIRED, "rejects_any_epsilon", "rejects_bad_epsilon asks the same")
    words = "no property '.*rejects_any_epsilon' any more: rejects_bad_epsilon asks the same"
    with pytest.raises(UsageError, match=words):
        check(wrong.any_epsilon, only=["label_smoothing.rejects_any_epsilon"])
    with pytest.raises(UsageError, match=words):
        check(wrong.any_epsilon, known=known(tmp_path, property="rejects_any_epsilon"))


def test_no_law_has_a_name_that_was_retired():
    assert not {law.name for law in registry.all_laws()} & set(registry.RETIRED)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        check(wrong.any_epsilon, only=["repeats"], known=str(tmp_path / "none.toml"))


def test_stored_counterexamples_are_asked_again(folder):
    lawful(folder, "check", "losses.py:smooth", *ONLY, "--json", "report.json")
    again = lawful(folder, "replay", "report.json")
    assert again.returncode == 1, again.stderr
    assert "fail         rejects_bad_epsilon (cpu, float32)" in again.stdout
    refuses = "if not 0 <= eps <= 1: raise ValueError(eps)"
    (folder / "losses.py").write_text(LOSS.format(check=refuses))
    mended = lawful(folder, "replay", "report.json", "rejects_bad_epsilon")
    assert mended.returncode == 0
    assert "the stored counterexample passes" in mended.stdout
    absent = lawful(folder, "replay", "report.json", "shift_invariant")
    assert absent.returncode == 2
    assert "it has counterexamples of: rejects_bad_epsilon" in absent.stderr
    assert lawful(folder, "replay", "losses.py").returncode == 2


def test_what_is_skipped_is_reported_so():
    report = check(wrong.any_epsilon, only=["repeats", "rejects_bad_epsilon"], skip=["rejects_bad_epsilon"])
    skipped = [row for row in report.results if row.property == "rejects_bad_epsilon"]
    assert {(row.verdict, row.message) for row in skipped} == {("unsupported", "skipped by request")}
    with pytest.raises(UsageError, match="did you mean 'repeats'"):
        check(wrong.any_epsilon, skip=["repeat"])
