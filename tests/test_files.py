"""Code where people have it: in scripts that work when they are imported, beside siblings, in notebooks; and
what is said where it is not to be had."""

import json
import linecache

import pytest

from lawful.properties.harness.api import check
from lawful.properties.harness.scan import found_in
from lawful.properties.harness.understanding.adapt import MARK, adapted
from lawful.properties.harness.understanding.candidates import candidates
from lawful.properties.harness.understanding.extract import taken_out
from lawful.properties.harness.understanding.notebooks import source_of
from lawful.properties.harness.understanding.targets import UsageError, find
from lawful.properties.subjects.failures import NotUnderstood

SCRIPT = '''\
import argparse

import nosuchlibrary
import torch
import torch.nn.functional as F

from constants import PAD
from nowhere import GAP
import settings.loss as options

parser = argparse.ArgumentParser()
parser.add_argument("--smoothing", default=0.1, type=float)
args = parser.parse_args()
table = nosuchlibrary.read_csv("table.csv")


def smooth_ce(logits, target, smoothing=args.smoothing):
    """It needs a constant of a sibling, an option of a package and an argument."""
    kept = target != PAD
    losses = F.cross_entropy(logits[kept], target[kept], label_smoothing=smoothing)
    return options.SCALE * losses


def smooth_ce_with_gap(logits, target, smoothing=0.1):
    return F.cross_entropy(logits, target, label_smoothing=smoothing) + GAP


def smooth_ce_elsewhere(logits, target, smoothing=0.1):
    import nosuchframework

    return nosuchframework.cross_entropy(logits, target, smoothing)


def mixup_data(x, y, alpha=1.0):
    lam = torch.distribution.Beta(alpha, alpha).sample()
    return lam * x + (1 - lam) * x.flip(0), y, y.flip(0), lam


def smooth_ce_unfinished(logits, target, smoothing=0.1):
    return F.cross_entropy(logits, target, label_smoothing=smoothing) + later


def smooth_sum(logits, target, smoothing=0.1):
    """The smoothing's share is summed, and not divided by the number of classes."""
    log_p = F.log_softmax(logits, dim=-1)
    return ((1 - smoothing) * F.nll_loss(log_p, target, reduction="none") - smoothing * log_p.sum(1)).mean()


def train(model, optimizer, loss_fn, train_loader, epochs):
    for epoch in range(epochs()):
        for x, y in train_loader:
            loss_fn(model(x), y).mean().backward()
            optimizer.step()


for epoch in range(10**9):
    train(table)
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "constants.py").write_text("import nosuchlibrary\n\nPAD = -100\n")
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "__init__.py").write_text("")
    (tmp_path / "settings" / "loss.py").write_text("SCALE = 1.0\nWHERE = open('nowhere')\n")
    return tmp_path


def line_of(folder, text):
    return next(i for i, line in enumerate(SCRIPT.splitlines(), 1) if text in line)


def test_a_script_that_trains_is_not_run_and_its_definition_is_taken_out(folder):
    found = find(f"{folder}/train.py:smooth_ce")
    (subject,) = found.subjects
    assert subject.adapter.shown_as == "smooth_ce(logits, target, smoothing=epsilon)"
    assert subject.left_out == ()
    assert "does more than define" in found.notes[0]
    assert "nosuchlibrary" not in subject.adapter.imports
    assert "def smooth_ce(" in subject.adapter.imports


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("data = open('nowhere.csv').read()", "FileNotFoundError"),
        ("import sys; value = sys.exit(2)", "called sys.exit(2)"),
        ("value = undefined_name", "NameError"),
    ],
)
def test_any_end_of_an_import_leads_to_the_definition_alone(tmp_path, line, error):
    code = "import torch.nn.functional as F\ndef ce(x, y, eps=0.1):\n"
    code += f"    return F.cross_entropy(x, y, label_smoothing=eps)\n{line}\n"
    (tmp_path / "losses.py").write_text(code)
    found = find(f"{tmp_path}/losses.py:ce")
    assert len(found.subjects) == 1
    assert "taken out of its file and tried alone" in found.notes[0]
    assert error in found.notes[0]


def test_a_name_that_is_not_to_be_found_is_no_fault_of_the_code(folder):
    with pytest.raises(NotUnderstood, match=r"needs GAP \(train.py:\d+\), .* here: line 8: from nowhere"):
        find(f"{folder}/train.py:smooth_ce_with_gap")


def test_a_package_that_is_not_installed_is_no_fault_of_the_code(folder):
    with pytest.raises(NotUnderstood, match=r"not installed here when it is called \(train.py:\d+\)"):
        find(f"{folder}/train.py:smooth_ce_elsewhere")


def test_what_was_left_out_is_remembered(tmp_path):
    code = "from nowhere import GAP\nimport torch.nn.functional as F\ndef ce(x, y, eps=0.1, gap=False):\n"
    code += "    return F.cross_entropy(x, y, label_smoothing=eps) + (GAP if gap else 0)\n"
    (tmp_path / "losses.py").write_text(code)
    (subject,) = find(f"{tmp_path}/losses.py:ce").subjects
    assert subject.left_out == ("GAP",)


def test_lines_are_those_of_the_file(folder):
    (raising,) = find(f"{folder}/train.py:mixup_data").raising
    line = line_of(folder, "torch.distribution.Beta")
    assert raising.message.startswith(
        f"raises on every call at train.py:{line}: AttributeError: module 'torch'"
    )
    assert "lam = torch.distribution.Beta(alpha, alpha).sample()" in raising.message


@pytest.mark.parametrize(
    ("name", "error"),
    [("mixup_data", "AttributeError"), ("smooth_ce_unfinished", "NameError"), ("train", "TypeError")],
)
def test_what_raises_on_every_call_has_a_program_that_was_run(folder, name, error):
    report = check(f"{folder}/train.py:{name}", profile="quick")
    (finding,) = report.findings()
    assert (finding.property, finding.verdict, finding.severity) == ("runs", "broken", "wrong")
    assert finding.rows[0].proven
    assert finding.rows[0].fails_with == error
    assert f"def {name}(" in finding.rows[0].reproduce
    assert report.exit_status == 1


def test_the_method_that_a_class_is_about_may_raise_on_every_call(tmp_path):
    code = """import torch
class Mixer:
    def __init__(self, alpha):
        self.alpha = alpha
        self.drawn = None
    def mixup_data(self, x, y):
        lam, index = self.sample(device=x.device), torch.randperm(len(x))
        return lam * x + (1 - lam) * x[index], y, y[index], lam
    def sample(self):
        return torch.distributions.Beta(self.alpha, self.alpha).sample()
class Set(Mixer):
    def mixup_data(self, x, y):
        return x * self.drawn[0], y
"""
    (tmp_path / "mixer.py").write_text(code)
    (finding,) = check(f"{tmp_path / 'mixer.py'}:Mixer", profile="quick").findings()
    assert "raises on every call at mixer.py:7: TypeError" in finding.rows[0].message
    assert finding.rows[0].proven
    with pytest.raises(NotUnderstood):  # what it needs may be set by another method
        find(f"{tmp_path / 'mixer.py'}:Set")


@pytest.mark.parametrize("place", ["train.py", "study.ipynb"])
def test_a_program_carries_what_was_taken_out(folder, notebook, place):
    report = check(f"{folder}/{place}:smooth_sum", only=["matches_reference"], device="cpu", profile="quick")
    (finding,) = report.findings()
    assert finding.rows[0].proven
    assert "def smooth_sum(" in finding.rows[0].reproduce
    assert "_alone" not in finding.rows[0].reproduce


def test_two_siblings_that_give_one_name_two_meanings_are_told(tmp_path):
    (tmp_path / "a.py").write_text("import nowhere\nEPS = 0.1\ndef one(x):\n    return x * EPS\n")
    (tmp_path / "b.py").write_text("import nowhere\nEPS = 0.2\ndef two(x):\n    return x * EPS\n")
    code = "import nowhere\nfrom a import one\nfrom b import two\n"
    code += "def ce(x, y, eps=0.1):\n    return one(x) + two(y)\n"
    (tmp_path / "losses.py").write_text(code)
    with pytest.raises(UsageError, match=r"EPS is defined in .*a.py and, otherwise, in .*b.py"):
        find(f"{tmp_path}/losses.py:ce")


def test_a_base_class_of_a_sibling_is_taken_along(tmp_path):
    base = "import nowhere\nimport numpy as np\nclass Base:\n    def __init__(self, alpha=1.0):\n"
    base += "        self.alpha = alpha\n    def lam(self):\n"
    base += "        return float(np.random.beta(self.alpha, self.alpha))\n"
    (tmp_path / "base.py").write_text(base)
    code = (
        "import nowhere\nimport torch\nimport base\nclass Mixup(base.Base):\n    def __call__(self, x, y):\n"
    )
    code += "        lam, index = self.lam(), torch.randperm(len(x))\n"
    code += "        return lam * x + (1 - lam) * x[index], y, y[index], lam\n"
    (tmp_path / "mixing.py").write_text(code)
    (subject,) = find(f"{tmp_path}/mixing.py:Mixup").subjects
    assert subject.adapter.shown_as.startswith("Mixup(alpha=alpha)(inputs, target)")


CELLS = [
    ["%matplotlib inline\n", "!pip install torch\n", "import torch\n", "import torch.nn.functional as F\n"],
    ["%%bash\n", "ls -l\n"],
    ["%%time\n", "EPS = 0.1\n", "model = train_all_night()\n", "files = !ls\n"],
    [
        "def smooth_ce(logits, target, smoothing=EPS):\n",
        "    # of the mean\n",
        "    return F.cross_entropy(logits, target, label_smoothing=smoothing)\n",
        "\n",
        "\n",
        "def mixup_data(x, y, alpha=1.0):\n",
        "    lam = torch.distribution.Beta(alpha, alpha)\n",
        "    return x, y, y, lam",
    ],
    [
        "def smooth_sum(logits, target, smoothing=EPS):\n",
        "    log_p = F.log_softmax(logits, dim=-1)\n",
        "    hit = F.nll_loss(log_p, target, reduction='none')\n",
        "    return ((1 - smoothing) * hit - smoothing * log_p.sum(1)).mean()\n",
    ],
    ["this is no Python at all"],
]


@pytest.fixture
def notebook(tmp_path):
    cells = [{"cell_type": "code", "source": cell, "outputs": [], "metadata": {}} for cell in CELLS]
    cells.insert(1, {"cell_type": "markdown", "source": ["def not_code(): pass"], "metadata": {}})
    path = tmp_path / "study.ipynb"
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    )
    return path


def test_a_notebook_is_its_cells_in_order_without_magics(notebook):
    (subject,) = find(f"{notebook}:smooth_ce").subjects
    assert subject.adapter.shown_as == "smooth_ce(logits, target, smoothing=epsilon)"
    assert [(each.name, each.technique) for each in candidates(notebook)] == [
        ("smooth_ce", "label_smoothing"),
        ("mixup_data", "mixup"),
        ("smooth_sum", "label_smoothing"),
    ]
    assert "not_code" not in source_of(notebook)


def test_a_scan_reads_notebooks_too(notebook):
    found, notes = found_in([notebook.parent])
    assert {(each.path.name, each.name) for each in found} == {
        ("study.ipynb", "smooth_ce"),
        ("study.ipynb", "mixup_data"),
        ("study.ipynb", "smooth_sum"),
    }
    assert notes == []


def test_lines_of_a_notebook_are_those_of_its_file(notebook):
    (raising,) = find(f"{notebook}:mixup_data").raising
    raw = notebook.read_text().splitlines()
    number = next(i for i, line in enumerate(raw, 1) if "torch.distribution.Beta" in line)
    assert raising.message.startswith(f"raises on every call at study.ipynb:{number}: ")


def test_a_notebook_on_one_line_is_read_too(notebook):
    notebook.write_text(json.dumps(json.loads(notebook.read_text())))
    linecache.clearcache()
    assert len(find(f"{notebook}:smooth_ce").subjects) == 1


SIX = """\
import torch.nn as nn
import torch.nn.functional as F

class First(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps

    def forward(self, x, y):
        log_p = F.log_softmax(x, dim=-1)
        return (1 - self.eps) * F.nll_loss(log_p, y) - self.eps * log_p.mean(-1).mean()

class MyCriterion(nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.eps = eps

    def forward(self, x, y):
        return F.cross_entropy(x, y, label_smoothing=self.eps)

def third(x, y, eps=0.1):
    log_p = F.log_softmax(x, dim=-1)
    return -log_p.mean(-1).mean() * eps + (1 - eps) * F.nll_loss(log_p, y)

def smooth_fourth(x, y, smoothing=0.1):
    return F.cross_entropy(x, y, label_smoothing=smoothing)

def brier(x, y):
    return ((F.softmax(x, 1) - y) ** 2).sum()
"""


def test_every_candidate_of_a_file_is_listed(tmp_path):
    (tmp_path / "losses.py").write_text(SIX)
    with pytest.raises(UsageError) as told:
        find(f"{tmp_path}/losses.py")
    for name in ("First", "MyCriterion", "third", "smooth_fourth"):
        assert f"losses.py:{name}  (line " in str(told.value)
    assert "brier" not in str(told.value)


def test_a_file_with_one_candidate_is_that(tmp_path):
    (tmp_path / "losses.py").write_text(SIX.split("def third")[0].replace("class First", "class _First"))
    code = SIX[: SIX.index("class First")] + SIX[SIX.index("class MyCriterion") : SIX.index("def third")]
    (tmp_path / "losses.py").write_text(code)
    (subject,) = find(f"{tmp_path}/losses.py").subjects
    assert subject.adapter.name == "MyCriterion"


def test_a_file_without_a_candidate_says_what_it_defines(tmp_path):
    (tmp_path / "losses.py").write_text("def one():\n    pass\nclass Two:\n    pass\n")
    with pytest.raises(UsageError, match="nothing in it looks like a technique; it defines one, Two"):
        find(f"{tmp_path}/losses.py")


@pytest.mark.parametrize("target", ["broken.py", "broken.py:f"])
def test_a_syntax_error_is_called_one(tmp_path, target):
    (tmp_path / "broken.py").write_text("import torch\n\ndef f(:\n    pass\n")
    with pytest.raises(UsageError, match=r"broken.py: syntax error at line 3: "):
        find(f"{tmp_path}/{target}")


METHODS = """\
import numpy as np
import torch
import torch.nn.functional as F

class Trainer:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def mix(self, x, y):
        lam, index = float(np.random.beta(self.alpha, self.alpha)), torch.randperm(len(x))
        return lam * x + (1 - lam) * x[index], y, y[index], lam

    def save(self, path):
        raise OSError(path)

class Both(Trainer):
    def blend(self, x, y):
        return self.mix(x, y)

    def loss(self, logits, target, smoothing=0.1):
        return F.cross_entropy(logits, target, label_smoothing=smoothing)
"""


def test_of_a_class_the_method_that_fits_is_taken(tmp_path):
    (tmp_path / "trainer.py").write_text(METHODS)
    (subject,) = find(f"{tmp_path}/trainer.py:Trainer").subjects
    assert subject.adapter.shown_as.startswith("Trainer(alpha=alpha).mix(inputs, target)")
    with pytest.raises(NotUnderstood) as told:
        find(f"{tmp_path}/trainer.py:Both")
    assert "trainer.py:Both.blend  (mixup)" in str(told.value)
    assert "trainer.py:Both.loss  (label_smoothing)" in str(told.value)


def test_a_method_that_another_one_calls_is_a_part_of_it(tmp_path):
    code = METHODS.replace(
        "lam, index", "return self.mixed(x, y)\n\n    def mixed(self, x, y):\n        lam, index"
    )
    (tmp_path / "trainer.py").write_text(code)
    (subject,) = find(f"{tmp_path}/trainer.py:Trainer").subjects
    assert subject.adapter.shown_as.startswith("Trainer(alpha=alpha).mix(inputs, target)")


def test_a_name_that_a_script_has_not_is_told_with_what_it_has(folder):
    with pytest.raises(UsageError) as told:
        find(f"{folder}/train.py:smooth_c")
    assert "did you mean smooth_ce?" in str(told.value)
    assert "train.py:mixup_data" in str(told.value)


UNKNOWN = {
    "def smooth_loss(pred, target, tree, smoothing=0.1):\n    return tree.walk()\n": "loss(logits, target)",
    "class Mixup:\n    def __init__(self, alpha, sampler):\n        self.sampler = sampler\n"
    "    def __call__(self, x, y):\n        return self.sampler.mix(x, y)\n": "mix(inputs, target)",
    "def lr_find(model, loader, optimizer, criterion, engine, end_lr=1.0):\n    engine.go(model)\n": "build(",
    "def train(model, train_loader, optimizer, engine):\n    engine.fit(model)\n": "build(",
}


@pytest.mark.parametrize("code", UNKNOWN, ids=["loss", "mixup", "lr_finder", "training"])
def test_a_draft_runs_as_it_is_but_for_one_marked_line(tmp_path, monkeypatch, code):
    name = code.split("(")[0].split(":")[0].split()[1]
    (tmp_path / f"of_{name}.py").write_text(code)
    source, is_draft = adapted(f"{tmp_path}/of_{name}.py:{name}", None)
    assert is_draft
    marked = [line for line in source.splitlines() if MARK in line]
    assert len(marked) == 1
    assert name in marked[0]
    assert UNKNOWN[code] in source
    monkeypatch.syspath_prepend(tmp_path)
    names = {}
    exec(compile(source, "draft.py", "exec"), names)
    assert names["adapter"].name == name


def test_a_draft_is_an_adapter_once_its_line_is_written(tmp_path, monkeypatch):
    code = "import torch.nn.functional as F\nclass Tree:\n    scale = 1.0\n"
    code += "def smooth_loss(pred, target, tree, smoothing=0.1):\n"
    code += "    return tree.scale * F.cross_entropy(pred, target, label_smoothing=smoothing)\n"
    (tmp_path / "its_own.py").write_text(code)
    source, _ = adapted(f"{tmp_path}/its_own.py:smooth_loss", None)
    written = source.replace("smooth_loss(logits, target, ", "smooth_loss(logits, target, Tree(), ")
    written = written.replace("import smooth_loss", "import Tree, smooth_loss")
    (tmp_path / "adapter.py").write_text(written)
    monkeypatch.syspath_prepend(tmp_path)
    (subject,) = find(f"{tmp_path}/adapter.py:adapter").subjects
    assert subject.conventions["off_target"] == "uniform"


def test_what_stood_in_the_way_comes_first_in_the_authors_words(tmp_path):
    code = "def smooth_loss(pred, target, tree, smoothing=0.1):\n    n, c, h = tree.shape\n"
    (tmp_path / "odd.py").write_text(code)
    with pytest.raises(NotUnderstood) as told:
        find(f"{tmp_path}/odd.py:smooth_loss", "label_smoothing")
    first, second = str(told.value).splitlines()[:2]
    assert first.startswith("label_smoothing: AttributeError: ")
    assert first.endswith("at odd.py:2: n, c, h = tree.shape")
    assert "what to give for tree is not known" in second


def test_what_is_taken_out_carries_its_definition_into_the_adapter(folder, monkeypatch):
    source, is_draft = adapted(f"{folder}/train.py:smooth_ce", None)
    assert not is_draft
    names = {}
    exec(compile(source, "adapter.py", "exec"), names)
    assert names["adapter"].name == "smooth_ce"
    assert "constants" not in source
    assert taken_out(folder / "train.py", "smooth_ce").name == "smooth_ce"
