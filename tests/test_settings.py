"""What ``[tool.lawful]`` of a pyproject.toml says in place of options; what is wrong in it is named."""

import pytest

from lawful.impl.contracts import SEVERITIES
from lawful.properties.harness.children import Refused
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.harness.settings import CHOICES, read_settings
from lawful.properties.registry import DEVICES

from . import command

SOURCE = """
import torch.nn.functional as F

def smooth(logits, target, eps=0.1):
    return F.cross_entropy(logits, target, label_smoothing=max(0.0, min(1.0, eps)))
"""
SAID = """
[tool.lawful]
targets = ["losses.py:smooth"]
profile = "quick"
fail_on = "guard"
devices = ["cpu"]
skip = ["rejects_bad_shapes"]
require = {off_target = "uniform"}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "losses.py").write_text(SOURCE)
    (tmp_path / "pyproject.toml").write_text(SAID)
    return tmp_path


def test_check_without_a_target_tests_those_that_are_said_in_the_way_that_is_said(folder):
    only = ("--only", "rejects_bad_epsilon,rejects_bad_shapes", "-v")
    done = command.lawful("check", *only, cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL  accepts invalid input without an error: rejects_bad_epsilon" in done.stdout
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if " cpu " in line}
    assert "not offered" in rows["rejects_bad_shapes"]
    assert "pass" in next(line for name, line in rows.items() if name == "require")
    assert "twin" not in done.stdout


def test_an_option_of_the_command_line_comes_first(folder):
    only = ("--only", "rejects_bad_epsilon", "--fail-on", "wrong", "--require", "off_target=others")
    done = command.lawful("check", *only, cwd=folder)
    assert "FAIL  required: off_target=others" in done.stdout
    assert "not failing the run: 1 kind of invalid input accepted" in done.stdout


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('proflie = "quick"', "[tool.lawful]: no key 'proflie', did you mean 'profile'?"),
        ('profile = "slow"', "[tool.lawful] profile: no profile 'slow'; there are quick, standard, deep"),
        ("profile = 3", "[tool.lawful]: profile is 3, expected a string"),
        ('devices = ["gpv"]', "[tool.lawful] devices: no device 'gpv', did you mean 'gpu'?"),
        ('targets = "a.py:b"', "[tool.lawful]: targets is 'a.py:b', expected a list of strings"),
        ('require = ["lambda=folded"]', "expected a table of conventions, as in {lambda"),
        ("fail_on = wrong", "is not TOML"),
    ],
)
def test_what_is_wrong_in_it_is_named_with_its_key(said, why, tmp_path):
    file = tmp_path / "pyproject.toml"
    file.write_text(f"[tool.lawful]\n{said}\n")
    with pytest.raises(Refused) as refused:
        read_settings(file)
    assert str(refused.value).startswith(str(file))
    assert why in str(refused.value)


def test_a_law_that_is_skipped_there_and_is_none_is_named_with_its_key(folder):
    file = folder / "pyproject.toml"
    file.write_text(SAID.replace("rejects_bad_shapes", "rejects_bad_shape"))
    done = command.lawful("check", cwd=folder)
    assert done.returncode == 2
    assert "pyproject.toml: [tool.lawful] skip: no property 'rejects_bad_shape'" in done.stderr


def test_its_values_are_those_of_the_options():
    assert CHOICES["profile"] == tuple(name for name in PROFILES if name in ("quick", "standard", "deep"))
    assert CHOICES["fail_on"] == tuple(SEVERITIES)
    assert set(CHOICES["devices"]) == {"auto", "gpu", *DEVICES}


def test_another_project_has_none(tmp_path):
    assert read_settings(tmp_path / "pyproject.toml").targets == []
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    assert read_settings(tmp_path / "pyproject.toml").place == ""
