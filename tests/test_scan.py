"""``lawful scan``: what it finds by reading, and that a candidate costs its own row and nothing else."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lawful.properties.harness import worker
from lawful.properties.harness.children import Limits, unlimited
from lawful.properties.harness.scan import found_in, scan
from lawful.properties.harness.understanding.candidates import candidates
from lawful.properties.harness.understanding.extract import taken_out, works_at_import

from . import command

resource = pytest.importorskip("resource", reason="limits of a process: not on Windows")
MINIATURES = Path(__file__).parent / "miniatures"
RIGHT = """
import torch.nn.functional as F
def smooth_cross_entropy(logits, target, smoothing=0.1):
    if not 0 <= smoothing <= 1:
        raise ValueError(smoothing)
    return F.cross_entropy(logits, target, label_smoothing=smoothing)
"""
MIXUP = """
import numpy as np
import torch
def mixup_data(x, y, alpha=1.0):
    lam = np.random.beta(alpha, alpha) if alpha > 0 else 1
    index = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[index], y[index], y, lam
"""
NOT_INSTALLED = """
import nosuchlibrary
from nosuchlibrary.registry import LOSSES
EPS = 0.1
def _log_p(z: nosuchlibrary.Tensor):
    return z.log_softmax(1)
@LOSSES.register_module()
def label_smoothing_loss(logits, target, smoothing=EPS):
    return -((1 - smoothing) * _log_p(logits).gather(1, target[:, None]).squeeze(1)
             + smoothing * _log_p(logits).mean(1)).mean()
"""
PACKAGE = """
from .maths import smooth  # on top of F.cross_entropy
def label_smoothing_loss(logits, target, smoothing=0.1):
    return smooth(logits, target, smoothing)
"""
MATHS = """
import torch.nn.functional as F
def smooth(logits, target, eps):
    return F.cross_entropy(logits, target, label_smoothing=eps)
"""


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "losses.py").write_text(RIGHT)
    (tmp_path / "augment.py").write_text(MIXUP)
    (tmp_path / "registered.py").write_text(NOT_INSTALLED)
    (tmp_path / "script.py").write_text(RIGHT + "\nprint('training')\nraise SystemExit(3)\n")
    package = tmp_path / "src" / "theirs"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "loss.py").write_text(PACKAGE)
    (package / "maths.py").write_text(MATHS)
    (tmp_path / "broken.py").write_text("def mixup(:\n")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "losses.py").write_text(RIGHT)
    return tmp_path


def lawful(folder, *arguments):
    return command.lawful(*arguments, cwd=folder)


def test_candidates_are_found_by_reading_alone(repository):
    marker = repository / "executed"
    (repository / "acts.py").write_text(RIGHT + f"\nopen({str(marker)!r}, 'w')\n")
    done = lawful(repository, "scan", ".", "--list")
    assert done.returncode == 0, done.stderr
    for text in (
        "losses.py:3  smooth_cross_entropy  label_smoothing",
        "augment.py:4  mixup_data  mixup",
        "src/theirs/loss.py:3  label_smoothing_loss  label_smoothing",
        "broken.py: not read: SyntaxError",
    ):
        assert text in done.stdout
    assert ".venv" not in done.stdout
    assert not marker.exists()


_WATCHED = """
import sys
folder, marker = sys.argv[1], sys.argv[2]
seen = []
def watch(event, arguments):
    if event == "exec" and str(arguments[0].co_filename).startswith(folder):
        seen.append(f"executed {arguments[0].co_filename}")
    elif event == "import" and str(arguments[1] or "").startswith(folder):
        seen.append(f"imported {arguments[1]}")
    elif event in ("subprocess.Popen", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system"):
        if "ldconfig" not in str(arguments):  # PyTorch for CUDA looks for libdl so when it is imported
            seen.append(event)
    elif event == "socket.connect":  # to the server from which children are forked
        seen.append(event)
    elif event == "open" and arguments[0] == marker:
        seen.append("opened the marker")
from lawful.properties.harness.cli import app
sys.addaudithook(watch)
app(["scan", folder, *sys.argv[3:]], standalone_mode=False)
print(*seen, sep="\\n")
print(f"{len(seen)} seen")
"""


def _traps(folder, marker):
    """Every place from which Python, pytest or a package would run code by itself."""
    act = f"RAN = open({str(marker)!r}, 'a').write('ran')\n"
    places = ("losses.py", "conftest.py", "setup.py", "sitecustomize.py", "usercustomize.py", "torch.py")
    for name in (*places, "theirs/__init__.py", "theirs/__main__.py", "theirs/mixup.py", "hook.pth"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"import os; {act}" if name.endswith(".pth") else act + RIGHT + MIXUP)
    call = act.removeprefix("RAN = ").strip()
    defined = f"@({call}, lambda f: f)[1]\ndef mixup_data(x, y, alpha={call}) -> {call}:"
    (folder / "at_definition.py").write_text(MIXUP.replace("def mixup_data(x, y, alpha=1.0):", defined))


def _scanned(watched, marker, cwd, *options):
    """As the console script ``lawful scan`` does it, with what the interpreter says that it did."""
    asked = [sys.executable, "-P", "-c", _WATCHED, str(watched), str(marker), *options]
    return subprocess.run(asked, capture_output=True, text=True, cwd=cwd, check=False)


def test_listing_executes_nothing(tmp_path):
    """By an audit hook of the interpreter: nothing of theirs is imported or run, and no process started."""
    folder, marker = tmp_path / "theirs", tmp_path / "ran"
    _traps(folder, marker)
    done = _scanned(folder, marker, folder, "--list")
    assert done.returncode == 0, done.stderr
    assert "at_definition.py:5  mixup_data  mixup" in done.stdout
    assert done.stdout.endswith("\n0 seen\n")
    assert not marker.exists()


def test_what_is_executed_would_be_seen(tmp_path):
    """Without --list: the hook of the test above sees a process, which writes the marker."""
    file, marker = tmp_path / "mixup.py", tmp_path / "ran"
    act = f"RAN = open({str(marker)!r}, 'a').write('ran')\n"
    file.write_text(act + MIXUP.replace("    lam =", "    raise OSError\n    lam ="))
    done = _scanned(file, marker, tmp_path)
    assert "socket.connect" in done.stdout, done.stderr
    assert marker.exists()


def test_classes_methods_and_formulas_are_candidates(tmp_path):
    file = tmp_path / "code.py"
    file.write_text(
        "class Trainer:\n"
        "    def mixup(self, x, y):\n"
        "        lam = np.random.beta(1, 1); index = torch.randperm(len(x))\n"
        "        return lam * x + (1 - lam) * x[index], y, y[index], lam\n"
        "def blend(x, y):\n"
        "    lam = np.random.beta(1, 1); index = torch.randperm(len(x))\n"
        "    return lam * x + (1 - lam) * x[index], y\n"
        "def mixup_criterion(criterion, pred, y_a, y_b, lam):\n"
        "    return lam * criterion(pred, y_a) + (1 - lam) * criterion(pred, y_b)\n"
    )
    assert [(each.name, each.technique) for each in candidates(file)] == [
        ("Trainer.mixup", "mixup"),
        ("blend", "mixup"),
    ]


@pytest.mark.deep
def test_a_folder_is_checked_by_naming_it(repository):
    done = lawful(repository, "scan", ".", "--json", "scan.json", "-n", 2)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "This imports and runs their code" in done.stderr
    report = json.loads((repository / "scan.json").read_text())
    assert report["schema"] == 2
    rows = {(Path(row["path"]).name, row["name"]): row for row in report["candidates"]}
    assert {row["status"] for row in rows.values()} == {"asked"}
    assert rows["losses.py", "smooth_cross_entropy"]["severities"].count("wrong") == 0
    assert "wrong" in rows["augment.py", "mixup_data"]["severities"]
    assert rows["loss.py", "label_smoothing_loss"]["notes"] == []
    registered = rows["registered.py", "label_smoothing_loss"]
    assert "No module named 'nosuchlibrary'" in registered["notes"][0]
    assert registered["severities"].count("wrong") == 0
    assert "does more than define" in rows["script.py", "smooth_cross_entropy"]["notes"][0]
    assert len(report["implementations"]) == len(rows) == 6


def test_what_is_taken_out_stands_alone():
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registered.py"
        path.write_text(NOT_INSTALLED)
        taken = taken_out(path, "label_smoothing_loss")
        taken.module()
        source, names = taken.source, {}
        exec(compile(source, "alone", "exec"), names)
        assert names["label_smoothing_loss"].__defaults__ == (0.1,)
        assert "nosuchlibrary.registry" not in source
        with pytest.raises(ValueError, match="defines no other"):
            taken_out(path, "other")


@pytest.mark.parametrize(
    ("line", "works"),
    [
        ("args = parser.parse_args()", True),
        ("train()", True),
        ("for i in x: pass", True),
        ("A = 3", False),
        ("torch.manual_seed(0)", False),
    ],
)
def test_work_at_import_is_seen(tmp_path, line, works):
    (tmp_path / "code.py").write_text(f"{line}\ndef f():\n    return 1\n")
    assert works_at_import(tmp_path / "code.py") is works


def _hostile(monkeypatch, tmp_path, seconds, *names):
    """The rows of these candidates; none of their processes is left."""

    monkeypatch.setenv("TMPDIR", str(tmp_path))  # so that its processes are known by their arguments
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = [each for each in found_in([MINIATURES / "hostile.py"])[0] if each.name.split("_")[0] in names]
    asked = scan(found, seconds=seconds, limits=Limits(6000), workers="2")
    rows = {row["name"].split("_")[0]: row for row in asked}
    assert set(rows) == set(names)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path) not in left
    return rows


def test_a_hostile_candidate_costs_its_own_row(monkeypatch, tmp_path):
    rows = _hostile(monkeypatch, tmp_path, 60, "allocating", "writing", "reading")
    assert rows["reading"]["status"] == "not understood"
    assert rows["allocating"]["status"] in ("died", "not understood")
    assert rows["writing"]["status"] in ("died", "not understood")


def test_a_system_that_limits_less_is_named(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert unlimited() == []
    for system, words in {"darwin": "macOS nothing limits", "win32": "Windows nothing limits"}.items():
        monkeypatch.setattr(sys, "platform", system)
        assert words in unlimited()[0]


def test_limits_that_a_system_refuses_are_left_out(monkeypatch):
    set_so_far = []

    def setrlimit(which, values):
        if which == resource.RLIMIT_AS:  # as macOS does
            raise ValueError("current limit exceeds maximum limit")
        set_so_far.append(which)

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    worker._limit(Limits(1, 1))
    assert set_so_far == [resource.RLIMIT_FSIZE, resource.RLIMIT_CORE]
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    worker._limit(Limits(1, 1))


@pytest.mark.deep
def test_a_candidate_that_hangs_is_ended_with_what_it_started(monkeypatch, tmp_path):
    rows = _hostile(monkeypatch, tmp_path, 30, "forking", "hanging", "right")
    assert rows.pop("right")["status"] == "asked"
    for row in rows.values():
        assert row["words"] == "no answer within 30 s: it was ended"


@pytest.mark.deep
def test_the_work_goes_to_two_interpreters_without_the_callers_pytest_options(repository, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--nonsense")
    done = lawful(repository, "scan", "losses.py", "augment.py", "--tx", "popen", "--tx", "popen")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 candidates: 2 tested" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuchfolder"], "no file or folder nosuchfolder"),
        ([".", "--fail-on", "gard"], "--fail-on is 'gard'"),
        ([".", "--technique", "mixupp"], "--technique is 'mixupp'"),
        ([".", "--json", "no/such/r.json"], "cannot be written"),
        ([".", "-n", "foo"], "-n is 'foo'"),
        ([".", "--profile", "nosuch"], "--profile is 'nosuch', expected quick, standard, deep"),
    ],
)
def test_bad_usage_is_refused(repository, arguments, message):
    done = lawful(repository, "scan", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_scan_that_asked_nothing_is_no_success(tmp_path):
    (tmp_path / "plain.py").write_text("def add(a, b):\n    return a + b\n")
    done = lawful(tmp_path, "scan", ".")
    assert done.returncode == 2
    assert "0 candidates: nothing was tested" in done.stdout
    (tmp_path / "losses.py").write_text("def smooth_ce(pred, target, smoothing=0.1):\n    return 'no loss'\n")
    (tmp_path / "losses.py").open("a").write("    log_softmax\n")
    done = lawful(tmp_path, "scan", ".")
    assert done.returncode == 2, done.stdout
    assert "1 candidates: 1 not understood" in done.stdout


def test_adapt_writes_what_check_takes(tmp_path):
    (tmp_path / "losses.py").write_text(RIGHT)
    done = lawful(tmp_path, "adapt", "losses.py:smooth_cross_entropy", "-o", "adapter.py")
    assert done.returncode == 0, done.stderr
    assert "lawful check adapter.py:adapter" in done.stdout
    only = ("--only", "repeats", "--profile", "quick", "-n", "1")
    again = lawful(tmp_path, "check", "adapter.py:adapter", *only)
    assert again.returncode == 0, again.stderr


def test_adapt_drafts_what_is_not_understood(tmp_path):
    (tmp_path / "losses.py").write_text(
        "def smooth_loss(pred, target, smoothing=0.1):\n    return 'a loss'\n"
    )
    done = lawful(tmp_path, "adapt", "losses.py:smooth_loss")
    assert done.returncode == 2
    assert "return smooth_loss(logits, target, smoothing=epsilon)  # <- the line to write" in done.stdout
    assert "It takes (pred, target, smoothing)." in done.stdout


SIBLING = """
import nosuchlibrary
from .registry import LOSSES
from .helpers import spread as spread_over, EPS
from .constants import *
@LOSSES.register_module()
def label_smoothing_loss(logits, target, smoothing=EPS):
    log_p = logits.log_softmax(1)
    return ((1 - smoothing) * SIGN * log_p.gather(1, target[:, None]).squeeze(1)
            + spread_over(log_p, smoothing)).mean()
"""


def test_what_is_taken_out_brings_what_it_needs_of_other_files(tmp_path):
    """By relative imports, under another name, through a star; a registry that is not there is left out."""
    (tmp_path / "__init__.py").write_text("import nosuchlibrary\n")
    (tmp_path / "registry.py").write_text("from nosuchlibrary import Registry\nLOSSES = Registry('loss')\n")
    (tmp_path / "helpers.py").write_text(
        "import nosuchlibrary\nEPS = 0.1\ndef spread(log_p, eps):\n    return -eps * log_p.mean(1)\n"
    )
    (tmp_path / "constants.py").write_text("SIGN = -1\nUNUSED = nosuchlibrary\n")
    (tmp_path / "loss.py").write_text(SIBLING)
    taken = taken_out(tmp_path / "loss.py", "label_smoothing_loss")
    taken.module()
    source, names = taken.source, {}
    exec(compile(source, "alone", "exec"), names)
    import torch
    import torch.nn.functional as F

    logits, target = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([0])
    right = F.cross_entropy(logits, target, label_smoothing=0.1)
    assert torch.allclose(names["label_smoothing_loss"](logits, target), right)
    assert "nosuchlibrary" not in source


def test_steps_of_training_and_other_techniques_are_no_candidates(tmp_path):
    file = tmp_path / "code.py"
    blend = (
        "    lam = np.random.beta(1, 1); index = torch.randperm(len(x))\n"
        "    return lam * x + (1 - lam) * x[index], y, y[index], lam\n"
    )
    file.write_text(
        f"def train_mixup(model, loader, optimizer, x, y):\n{blend}"
        f"def cutmix_or_mixup(x, y):\n{blend}"
        f"def align_mixup(x, y):\n{blend}"
        "def focal_loss_label_smoothing(logits, target, smoothing):\n"
        "    return smoothing * logits.log_softmax(1)\n"
        f"def mixup(x, y):\n{blend}"
    )
    assert [each.name for each in candidates(file)] == ["mixup"]


def test_check_takes_a_definition_out_of_a_file_that_wants_what_is_not_installed(tmp_path):
    file = tmp_path / "losses.py"
    file.write_text(
        "import a_library_that_nobody_has\n"
        "import torch.nn.functional as F\n\n\n"
        "class Smooth(a_library_that_nobody_has.Base):\n    pass\n\n\n"
        "def smooth_ce(logits, target, smoothing=0.1):\n"
        "    return F.cross_entropy(logits.double(), target, label_smoothing=smoothing).to(logits.dtype)\n"
    )
    asked = ("--only", "matches_reference", "--profile", "quick", "--device", "cpu")
    done = command.lawful("check", f"{file}:smooth_ce", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "taken out of its file and tried alone" in done.stdout
    done = command.lawful("check", f"{file}:Smooth", *asked, cwd=tmp_path)
    assert done.returncode == 2
    assert "a_library_that_nobody_has" in done.stderr


def test_a_snippet_may_take_the_usual_imports_for_granted(tmp_path):
    file = tmp_path / "snippet.py"
    file.write_text(
        "class SmoothCE(nn.Module):\n"
        "    def __init__(self, smoothing=0.1):\n"
        "        super().__init__()\n"
        "        self.smoothing = smoothing\n\n"
        "    def forward(self, logits, target):\n"
        "        return F.cross_entropy(logits, target, label_smoothing=self.smoothing)\n"
    )
    (row,) = scan(found_in([file])[0], seconds=60)
    assert row["status"] == "asked"
    assert "name 'nn' is not defined" in row["notes"][0]


def test_a_file_is_split_into_lines_once_and_not_for_each_definition(tmp_path, monkeypatch):
    """``ast.get_source_segment`` splits the whole of it each time: generated files took minutes."""
    monkeypatch.setattr(ast, "get_source_segment", lambda *_: pytest.fail("split again"))
    file = tmp_path / "losses.py"
    file.write_text(RIGHT + "".join(f"class C{i}:\n    x = {i}\n" for i in range(5)))
    (found,) = found_in([file])[0]
    assert found.name == "smooth_cross_entropy"
