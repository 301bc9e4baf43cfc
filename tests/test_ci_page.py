"""The page *In your CI*, followed word by word: in a clean folder, with nothing installed but the wheel."""

import os
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from .test_api import site  # noqa: F401
from .test_house import wheel  # noqa: F401

PAGE = (Path(__file__).parent.parent / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FILES = {text.splitlines()[0].removeprefix("# "): text for kind, text in BLOCKS if text.startswith("# ")}
COMMANDS = [
    line.removeprefix("$ ") for kind, text in BLOCKS if kind == "console" for line in text.splitlines()
]


@pytest.mark.deep
def test_every_command_of_the_page_does_what_it_says(site, tmp_path):  # noqa: F811
    env = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env["PATH"] = os.pathsep.join([str(site / "bin"), str(Path(sys.executable).parent), env["PATH"]])
    folder = tmp_path / "clean"
    folder.mkdir()
    for kind, text in BLOCKS:
        if text.startswith("# "):
            file = folder / text.splitlines()[0].removeprefix("# ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for line in text.splitlines() if kind == "console" else ():
            asked, _, said = line.removeprefix("$ ").partition("   # exit status ")
            done = subprocess.run(asked, shell=True, cwd=folder, env=env, capture_output=True, text=True)
            assert done.returncode == int(said or 0), f"{asked}\n{done.stdout}\n{done.stderr}"
    known = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["lawful"]["known"]
    assert {each["reason"] for each in known} == {"our callers check their arguments"}
    assert not list(ElementTree.parse(folder / "lawful.xml").iter("failure"))
    for name in ("lawful.html", "lawful.md", "lawful-badge.json"):
        assert (folder / name).stat().st_size > 0


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".yml") or ".yaml" in name])
def test_what_a_workflow_runs_is_tried(name):
    text = FILES[name]
    yaml.safe_load(text)
    runs = re.findall(r"(?:- run:|entry:|    -) (lawful .*)", text)
    assert runs
    assert set(runs) <= set(COMMANDS)
