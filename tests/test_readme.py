"""README, CONTRIBUTING and the files for CI say what is so."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from lawful.impl import thirdparty
from lawful.impl.notebook.defects import DEFECTS
from lawful.properties.harness import severity
from lawful.properties.harness.cli import app
from lawful.properties.registry import find_law, laws_of, written_techniques

from . import command

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BEGIN, END = "<!-- libraries: written and compared by tests/test_readme.py -->\n", "<!-- end of libraries -->"

OTHERS = (
    "What `make matrix-more` and `make matrix-frameworks` test, each in an environment of its own, on a page "
    "of its own; `make matrix-all` joins them. Beyond PyTorch, a loss takes NumPy arrays and gives its "
    "gradient itself. For these libraries the table counts failures at `wrong` alone; the page has them all."
)


def libraries():
    """A row a library: pinned version, techniques, and how many known failures there are, by severity."""
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pins = {name.lower().replace("-", "_"): version for name, version in pins.items()}
    lines = [""]
    for library in (*thirdparty.LIBRARIES, *thirdparty.MORE):
        if library in (thirdparty.LIBRARIES[0], *list(thirdparty.MORE)[:1]):
            lines += ["", OTHERS, ""] if library in thirdparty.MORE else []
            lines += ["| library | version | techniques | known failures |", "| --- | --- | --- | --- |"]
        adapters = thirdparty.adapters(library)
        techniques = ", ".join(dict.fromkeys(adapter.technique for adapter in adapters))
        laws = {
            (adapter.technique, known.property): find_law(known.property, adapter.technique).severity
            for adapter in adapters
            for known in adapter.deviations
        }
        known = re.sub(r"[a-z]+", r"`\g<0>`", severity.known(laws.values()))
        distribution = thirdparty.MORE.get(library, library).replace("-", "_")
        version = pins.get(distribution) or pins[f"pytorch_{library}"]
        lines.append(f"| {library} | {version} | {techniques} | {known or 'none'} |")
    return "\n".join([*lines, "", ""])


def test_the_table_of_libraries_is_what_the_adapters_declare():
    written = README.split(BEGIN)[1].split(END)[0]
    assert written == libraries(), "python -m tests.test_readme writes it"


def test_every_command_in_a_document_is_one():
    known = {info.name or info.callback.__name__ for info in app.registered_commands}
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        used = set(re.findall(r"(?:`|\$ )lawful ([a-z]+)", path.read_text()))
        assert used <= known, path


def test_every_file_that_is_linked_is_there():
    for name in ("README.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert (ROOT / target).exists(), target


def test_the_hook_and_the_action_ask_what_the_command_line_takes(tmp_path):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"].split() == ["lawful", "check", "--profile", "quick"]
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    *_, step = action["runs"]["steps"]
    assert set(re.findall(r"--\w+", step["run"])) == {"--format", "--json"}
    file = tmp_path / "losses.py"
    file.write_text(
        "from torch.nn.functional import cross_entropy\n\n\n"
        "def smooth_ce(logits, target, smoothing=0.1):\n"
        "    return cross_entropy(logits, target, label_smoothing=smoothing)\n"
    )
    asked = ("--format", "github", "--json", "lawful.json", "--only", "matches_reference", "--device", "cpu")
    done = command.lawful("check", file, "--profile", "quick", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lawful.json").exists()


def test_the_tour_has_every_defect_of_the_notebook_and_each_has_a_test():
    assert [each.id for each in DEFECTS] == [f"NB{i:02}" for i in range(1, 35)]
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "regression").glob("*.py"))
    assert set(re.findall(r"def test_nb(\d\d)", tests)) == {each.id[2:] for each in DEFECTS}
    assert all(all(part.strip() for part in each) for each in DEFECTS)


def test_the_makefile_asks_every_library_of_the_other_environments():
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    named = " ".join(re.findall(r"^(?:MORE|FRAMEWORK)_LIBRARIES := (.*)$", text, re.MULTILINE))
    assert set(thirdparty.MORE) <= set(re.findall(r"\w+", named))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {re.split(r"[\[=<>]", name)[0] for name in (*extras["more"], *extras["frameworks"])}
    assert set(thirdparty.MORE.values()) <= asked


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_pins_what_it_uses(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each) for each in used)


def test_the_core_of_the_suite_is_asked_on_every_system_with_the_lowest_and_the_newest_versions():
    core = (ROOT / ".ci" / "core").read_text().split()
    assert all((ROOT / name).is_file() for name in core)
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())["jobs"]["versions"]
    asked = {(each["os"], each["versions"]) for each in job["strategy"]["matrix"]["include"]}
    systems = ("ubuntu-latest", "macos-latest", "windows-latest")
    assert asked == {(system, versions) for system in systems for versions in ("lowest", "newest")}
    pythons = {each["python"] for each in job["strategy"]["matrix"]["include"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {each.rpartition(" ")[2] for each in project["classifiers"] if "Python :: 3." in each}
    assert pythons == named
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert all("@.ci/core" in command for command in commands)


def test_the_lowest_versions_are_those_that_are_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = dict(re.findall(r"([\w-]+)>=([\w.]+)", " ".join(project["dependencies"])))
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints-lowest.txt").read_text(), re.MULTILINE))
    pins = {name.lower(): version for name, version in pins.items()}
    for name, version in promised.items():
        assert pins[name.lower()].startswith(version), name


def test_a_release_is_tried_before_it_is_published_without_a_password():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    publish = yaml.safe_load(text)["jobs"]["publish"]
    assert publish["needs"] == ["try", "suite"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "secrets." not in text


def test_every_night_the_newest_releases_are_asked():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "newest.yml").read_text())
    steps = " ".join(step.get("run", "") for step in workflow["jobs"]["matrix"]["steps"])
    assert "constraints" not in steps
    assert set(re.findall(r"lawful (\w+)", steps)) == {"matrix", "diff"}


@pytest.mark.parametrize("technique", written_techniques())
def test_it_is_written_what_each_law_holds_fixed(technique):
    page = (ROOT / "docs" / "reference" / "fixed.md").read_text()
    own = page.split(f"## {technique}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in own.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(law.name for law in laws_of(technique))
    others = {name for row in own.splitlines() for name in re.findall(r"`([a-z]+_[a-z_]+)`", row)}
    assert others <= {law.name for each in written_techniques() for law in laws_of(each)}


@pytest.mark.parametrize("technique", written_techniques())
def test_study_shows_formulas_and_where_to_go_on(technique, tmp_path):
    done = command.lawful("study", technique, cwd=tmp_path)
    assert done.returncode == 0
    assert (ROOT / f"docs/{technique}.md").exists()
    assert f"docs/{technique}.md" in done.stdout
    law = laws_of(technique)[0]
    assert f"lawful study {technique}" in command.lawful("explain", law.id, cwd=tmp_path).stdout


def test_study_of_something_else_is_refused(tmp_path):
    done = command.lawful("study", "cutmix", cwd=tmp_path)
    assert (done.returncode, "'cutmix', expected" in done.stderr) == (2, True)


if __name__ == "__main__":
    before, rest = README.split(BEGIN)
    (ROOT / "README.md").write_text(before + BEGIN + libraries() + END + rest.split(END)[1])
