"""The ways in which PyTorch calls a function: what works is a convention, what changes there is wrong."""

import runpy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lawful.impl.contracts import WAYS, LabelSmoothing
from lawful.impl.faulty import faults
from lawful.properties import check, ways
from lawful.properties.subjects import understand

from . import command
from .asked import ask
from .miniatures import right

LOGITS, TARGET = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), torch.tensor([2, 1])


@pytest.mark.parametrize("way", [*ways.QUICK, *ways.COMPILED, "full"])
def test_a_loss_that_works_gives_its_value_in_every_way(way):
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    logits = LOGITS.clone()
    torch.testing.assert_close(ways.UNDER[ways.UNDER_WAY[way]](loss)(logits, TARGET), loss(LOGITS, TARGET))
    if way == "func_grad":
        z = LOGITS.clone().requires_grad_()
        loss(z, TARGET).backward()
        torch.testing.assert_close(logits.grad, z.grad)


def test_modes_are_left_as_they_were():
    def raises(logits, target):
        assert torch.are_deterministic_algorithms_enabled()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ways.deterministically(raises)(LOGITS, TARGET)
    assert not torch.are_deterministic_algorithms_enabled()
    ways.in_inference_mode(F.cross_entropy)(LOGITS, TARGET)
    assert not torch.is_inference_mode_enabled()


def breaks_the_graph(logits, target, eps=0.1):
    if logits.isnan().any():
        raise ValueError("logits have NaN")
    return F.cross_entropy(logits, target, label_smoothing=eps)


def looks_at_numpy(logits, target, eps=0.1):
    return F.cross_entropy(logits, torch.as_tensor(target.numpy()), label_smoothing=eps)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (right.ByEpsilon, {"compile": "full", "export": "works", "vmap": "works"}),
        (breaks_the_graph, {"compile": "breaks", "export": "fails", "vmap": "fails", "autocast": "works"}),
        (looks_at_numpy, {"vmap": "fails", "inference_mode": "works", "double_backward": "works"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_works_is_a_convention_and_not_working_no_fault(loss, expected):
    report = check(loss, profile="standard", device="cpu", only=_LAWS, technique="label_smoothing")
    assert {row.verdict for row in report.results} <= {"holds", "unsupported"}
    (implementation,) = report.implementations
    assert expected.items() <= report.conventions(implementation).items()


_LAWS = ["matches_reference_under_transforms", "matches_reference_under_compile"]


def test_the_quick_profile_compiles_nothing_unless_it_is_required():
    report = check(breaks_the_graph, device="cpu", only=_LAWS)
    (implementation,) = report.implementations
    assert "compile" not in report.conventions(implementation)
    assert (
        "not asked in the quick profile" in next(r for r in report.results if "compile" in r.property).message
    )
    report = check(breaks_the_graph, device="cpu", only=_LAWS, require={"compile": "full", "vmap": "fails"})
    messages = {row.property: row.message for row in report.results if row.property.startswith("require")}
    assert messages == {
        "require compile=full": "compile is breaks, and full is required",
        "require vmap=fails": None,
    }


class Remembers(nn.Module):
    """A user's class, which nobody wrote an adapter for: no ``build`` of it gives the module itself."""

    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits, target):
        return F.cross_entropy(logits.double(), target, label_smoothing=self.smoothing).to(logits.dtype)


class ForgetsInferred(Remembers):
    def __getstate__(self):
        return {**self.__dict__, "smoothing": 0.0}


def test_a_class_that_is_inferred_goes_through_pickle_too(tmp_path):
    report = check(Remembers, device="cpu", only=_LAWS[:1])
    assert report.conventions(report.implementations[0])["pickle"] == "works"
    assert report.exit_status == 0
    report = check(ForgetsInferred, device="cpu", only=_LAWS[:1])
    (row,) = [row for row in report.results if row.verdict == "broken"]
    assert row.severity == "wrong"
    program = tmp_path / "snippet.py"
    program.write_text(row.reproduce)
    with pytest.raises(AssertionError):
        runpy.run_path(str(program), run_name="snippet")


def test_a_function_has_no_pickle_to_look_at():
    assert "pickle" not in understand(LabelSmoothing("function", lambda epsilon: _plain)).conventions


def _plain(logits, target):
    return F.cross_entropy(logits, target, label_smoothing=0.1)


def test_what_was_promised_and_fails_is_broken():
    adapter = LabelSmoothing(
        "mine", lambda epsilon: lambda z, y: breaks_the_graph(z, y, epsilon), documented={"vmap": "works"}
    )
    (row,) = ask(understand(adapter), only=_LAWS[:1]).values()
    assert row.verdict == "broken"
    assert row.message.startswith("raised RuntimeError")


@pytest.mark.parametrize(
    "fault",
    [f for t in ("label_smoothing", "mixup") for f in faults(t) if f.id.startswith("W")],
    ids=lambda f: f.id,
)
def test_a_snippet_shows_it_again(fault, tmp_path):
    report = check(fault.adapter, profile="standard", device="cpu", only=list(fault.caught_by))
    (row,) = [row for row in report.results if row.verdict == "broken"]
    program = tmp_path / "snippet.py"
    program.write_text(row.reproduce)
    with pytest.raises(AssertionError):
        runpy.run_path(str(program), run_name="snippet")


def test_several_implementations_have_a_table_of_what_works_under_what(tmp_path):
    page = tmp_path / "page.html"
    asked = ("--technique", "label_smoothing", "--only", _LAWS[0], "--profile", "quick", "--device", "cpu")
    done = command.lawful("matrix", "torch", "native", *asked, "-v", "--html", page, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "label smoothing: what works under what" in done.stdout
    for text in (*(way for way in WAYS if way not in ways.COMPILED), "in which ways PyTorch can call it"):
        assert text in page.read_text()
