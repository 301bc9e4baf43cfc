"""``conformance`` in somebody else's suite: from an empty folder, against the built wheel, on two workers."""

import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from .test_house import wheel  # noqa: F401

SUITE = """
from lawful.properties import conformance
from losses import Half, Right, Wrong

TestRight = conformance(
    Right,
    technique="label_smoothing",
    profile="quick",
    device="cpu",
    dtypes=["float32", "float64"],
    only=["shift_invariant", "matches_reference", "reductions_agree"],
)
TestWrong = conformance(
    Wrong,
    profile="quick",
    device="cpu",
    only=["repeats", "rejects_bad_epsilon"],
    require={"off_target": "others"},
    fail_on="guard",
)
TestNarrowed = conformance(
    Half, profile="quick", device="cpu", dtypes=["float32"], only=["bounded_below_by_entropy"]
)
TestLenient = conformance(Wrong, profile="quick", device="cpu", only=["repeats", "rejects_bad_epsilon"])

def test_of_their_own():
    pass
"""
LOSSES = """
import torch
from torch.nn import functional as F

class Right:
    def __init__(self, eps=0.1):
        if not 0 <= eps <= 1:
            raise ValueError(eps)
        self.eps = eps

    def __call__(self, logits, target):
        wide = logits if logits.dtype == torch.float64 else logits.float()
        return F.cross_entropy(wide, target, label_smoothing=self.eps).to(logits.dtype)

class Half(Right):
    def __call__(self, logits, target):
        return F.cross_entropy(logits, target, label_smoothing=self.eps / 2)

class Wrong(Right):
    def __init__(self, eps=0.1):
        self.eps = min(1.0, max(0.0, eps))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory, wheel):  # noqa: F811
    site = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    env = {**os.environ, "PYTHONPATH": str(site)}
    script = "import lawful.impl; print(lawful.impl.__file__)"
    where = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert str(site) in where.stdout
    return site


@pytest.fixture
def suite(tmp_path, site):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "losses.py").write_text(LOSSES)
    (folder / "test_losses.py").write_text(SUITE)

    def run(*options):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(folder)]), "COLUMNS": "250"}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
            cwd=folder,
            capture_output=True,
            text=True,
            env=env,
        )

    run.folder = folder
    return run


def test_right_passes_wrong_fails_and_the_run_says_how_much_it_asked(suite):
    done = suite("-n", "2", "-v", "-rxf", "--junitxml=junit.xml")
    assert done.returncode == 1, done.stdout
    assert "PASSED test_losses.py::TestRight::test_shift_invariant[Right-cpu-float32]" in done.stdout
    assert "SKIPPED test_losses.py::TestRight::test_reductions_agree[Right-cpu-float32]" in done.stdout
    assert "FAILED test_losses.py::TestWrong::test_rejects_bad_epsilon[Wrong-cpu-float32]" in done.stdout
    assert "FAILED test_losses.py::TestWrong::test_require_off_target_others" in done.stdout
    assert "XFAIL test_losses.py::TestLenient::test_rejects_bad_epsilon[Wrong-cpu-float32]" in done.stdout
    assert "not failing the run, which fails on wrong: took epsilon" in done.stdout
    counted = re.search(r"lawful: \d+ tests: .*", done.stdout)
    assert counted, done.stdout
    assert re.search(r"\d+ pass, [234] fail, .*\d+ not offered", counted[0]), counted[0]
    short = "[Wrong-cpu-float32] - Failed: accepts invalid input without an error: took epsilon -0.5 and"
    assert short in done.stdout
    assert "from losses import Wrong" in done.stdout
    assert (
        "FAILED test_losses.py::TestNarrowed::test_bounded_below_by_entropy[Half-cpu-float32]" in done.stdout
    )
    assert "it rests on matches_reference, which fails" in done.stdout
    junit = ElementTree.parse(suite.folder / "junit.xml")
    values = [each.get("value") for each in junit.iter("property") if each.get("name") == "lawful"]
    assert {json.loads(value)["verdict"] for value in values} == {"holds", "broken", "unsupported"}


@pytest.mark.deep
def test_each_case_is_a_hypothesis_test_to_pytest(suite):
    done = suite(
        "-m", "hypothesis", "-k", "TestRight and shift_invariant", "-q", "--hypothesis-show-statistics"
    )
    assert "2 passed" in done.stdout, done.stdout
    assert "during generate phase" in done.stdout


def test_a_run_that_asked_nothing_fails(suite):
    done = suite("-k", "TestRight and reductions_agree")
    assert done.returncode == 1, done.stdout
    assert "lawful: 2 tests: 2 not offered" in done.stdout


@pytest.mark.deep
def test_failed_cases_are_asked_again_with_last_failed(suite):
    options = ["-k", "TestWrong", "-q", "-p", "cacheprovider"]
    assert "2 failed" in suite(*options).stdout
    again = suite(*options, "--lf").stdout
    assert "2 failed" in again
    assert "passed" not in again


def test_the_plugin_is_found_by_its_entry_point():
    from importlib.metadata import entry_points

    assert [e.value for e in entry_points(group="pytest11") if e.name == "lawful"] == [
        "lawful.properties.harness.plugin"
    ]
