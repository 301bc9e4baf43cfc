"""The house stands as its plan says: names, import directions, what is installed, what is light."""

import ast
import doctest
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from lawful.properties.registry import all_laws

ROOT = Path(__file__).parent.parent
PACKAGES = ("reference", "impl", "properties")
UNDER_TEST = {
    "torchvision",
    "timm",
    "fastai",
    "transformers",
    "keras",
    "segmentation_models_pytorch",
    "kornia",
    "lightning",
    "ignite",
    "torch_lr_finder",
}


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", _files("reference"), ids=lambda p: p.name)
def test_reference_imports_no_torch_and_nothing_of_ours(path):
    names = {name.split(".")[0] for name in _imports(path)}
    assert not names & {"torch", "lawful"}


@pytest.mark.parametrize("path", _files("impl"), ids=lambda p: str(p.relative_to(ROOT)))
def test_implementations_import_neither_reference_nor_laws(path):
    assert not [n for n in _imports(path) if n.startswith(("lawful.reference", "lawful.properties"))]


@pytest.mark.parametrize(
    "path",
    [p for f in PACKAGES for p in _files(f) if "thirdparty" not in p.parts],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_libraries_under_test_are_imported_by_their_adapters_alone(path):
    assert not {n.split(".")[0] for n in _imports(path)} & UNDER_TEST


@pytest.mark.parametrize(
    "path",
    [p for p in _files("properties") if "harness" not in p.parts],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_laws_do_not_know_the_harness(path):
    lazy = path.name == "__init__.py" and path.parent.name == "properties"
    assert lazy or not [n for n in _imports(path) if n.startswith("lawful.properties.harness")]


@pytest.mark.parametrize(
    "path", [p for f in PACKAGES for p in _files(f)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_every_package_is_listed_and_typed():
    import tomllib

    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {"lawful." + ".".join(p.parent.relative_to(ROOT).parts) for f in PACKAGES for p in _files(f)}
    assert set(listed) == there
    assert all((ROOT / folder / "py.typed").exists() for folder in PACKAGES)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built of a copy: a build leaves a folder beside what it builds, and two workers build at once."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_a_wheel_holds_every_file_of_lawful_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    beside = {name.split("/")[0] for name in names if not name.startswith("lawful/")}
    assert [name.rpartition(".")[2] for name in beside] == ["dist-info"]
    expected = {
        f"lawful/{p.relative_to(ROOT)}"
        for folder in PACKAGES
        for p in (ROOT / folder).rglob("*")
        if p.suffix in (".py", ".jinja", ".json") or p.name == "py.typed"
    }
    assert expected <= set(names)


def _modules_after(code):
    listing = f"{code}\nimport sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"torch", "numpy", "scipy", "hypothesis", "lawful.reference", "lawful.properties.label_smoothing"}


def test_the_plugin_imports_neither_torch_nor_a_property():
    assert not _modules_after("import lawful.properties.harness.plugin") & HEAVY


def test_the_command_line_imports_neither_torch_nor_a_property():
    assert not _modules_after("import lawful.properties.harness.cli") & HEAVY


def test_pytest_of_another_project_imports_no_torch_for_us(tmp_path):
    (tmp_path / "test_theirs.py").write_text(
        "import sys\ndef test():\n    assert not {'torch', 'lawful.properties.registry'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "lawful.reference.label_smoothing",
        "lawful.reference.mixup",
        "lawful.reference.lr_finder",
        "lawful.impl.native.label_smoothing",
        "lawful.impl.native.mixup",
        "lawful.impl.native.mixed_target",
        "lawful.impl.native.lr_finder",
        "lawful.impl.native.curve",
        "lawful.properties.probes",
        "lawful.properties.strategies",
        "lawful.properties.harness.api",
    ],
)
def test_docstring_examples_are_true(name):
    module = importlib.import_module(name)
    names = {"torch": "torch", "nn": "torch.nn", "np": "numpy"}
    given = {name: importlib.import_module(module) for name, module in names.items()}
    found = doctest.testmod(module, extraglobs=given)
    assert found.attempted > 0
    assert found.failed == 0


def _is_private(name):
    """By its name; but IPython documents what it calls, and ``os`` its ``_exit``."""
    documented = ("_repr_html_", "_repr_pretty_", "_exit")
    return name.startswith("_") and not name.startswith("__") and name not in documented


def _private_names():
    """(file, name) of what is private to other projects: read, imported, or defined for them to call."""
    trees = {path: list(ast.walk(ast.parse(path.read_text()))) for f in PACKAGES for path in _files(f)}
    nodes = [node for tree in trees.values() for node in tree]
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    methods = {part.name for node in nodes if isinstance(node, ast.ClassDef) for part in _methods(node)}
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_set_on_self(node)}
    for path, tree in trees.items():
        for name in (name for node in tree for name in _named(node)):
            for part in _parts(name):
                if part not in own or part in methods - read:
                    yield str(path.relative_to(ROOT)), part


def _is_set_on_self(node):
    return isinstance(node.ctx, ast.Store) and getattr(node.value, "id", "") == "self"


def _methods(node):
    return [part for part in node.body if isinstance(part, ast.FunctionDef) and _is_private(part.name)]


def _named(node):
    if isinstance(node, ast.Attribute) and _is_private(node.attr):
        yield node.attr
    elif isinstance(node, ast.ClassDef):
        yield from (part.name for part in _methods(node))
    elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("lawful"):
        yield from (alias.name for alias in node.names if _is_private(alias.name))
        if any(_is_private(part) or part == "internal" for part in (node.module or "").split(".")):
            yield node.module


def _parts(name):
    """``_C._acc.PrivateUse1Hooks`` holds two private names."""
    return [part for part in name.split(".") if _is_private(part)] or [name]


def test_every_private_interface_is_named_on_its_page():
    page = (ROOT / "docs" / "reference" / "private.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| [\w ]+ \| `([^`]+)` \|", page, re.MULTILINE)
    listed = {(file, part) for name, file in rows for part in _parts(name)}
    assert set(_private_names()) == listed


def test_no_program_that_is_printed_uses_a_private_interface():
    """In strings, which programs are put together from, and in adapters, whose functions are shown."""
    for path in [*_files("properties/subjects"), *_files("impl/thirdparty"), ROOT / "properties" / "ways.py"]:
        texts = [
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        found = [
            name for text in texts for name in re.findall(r"\b(?:torch|hypothesis)(?:\.\w+)*\._\w+", text)
        ]
        assert found == [], path


def test_no_file_names_a_path_of_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.is_file():
            assert not re.search(
                r"/(home|root|Users)/[a-z]", path.read_text(errors="ignore")
            ) or name.startswith("tests/"), name


def test_what_is_said_to_change_nothing_is_a_change_that_can_be_made(monkeypatch):
    """benchmarks/equivalent.toml, beside the code as it is now."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    changes = importlib.import_module("mutants")
    listed = tomllib.loads((ROOT / "benchmarks/equivalent.toml").read_text())
    known = changes.TECHNIQUES + changes.REFERENCES
    made = {each.id for technique in known for each in changes.mutants(technique)}
    assert listed.keys() <= made, listed.keys() - made


def test_what_no_fault_pins_is_a_change_of_a_law_that_can_be_made(monkeypatch):
    """benchmarks/unpinned.toml, beside the laws as they are now."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    changes = importlib.import_module("law_mutants").changes
    listed = tomllib.loads((ROOT / "benchmarks/unpinned.toml").read_text())
    made = {f"{law.id}: {said}" for law in all_laws() for said, _ in changes(law)}
    assert listed.keys() <= made, listed.keys() - made
