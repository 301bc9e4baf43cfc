"""``make gpu``, as far as it can be told without a GPU: what is kept, what is late, what the page says."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ABOUT = {"device": "cuda", "machine": "H200, 140 GiB", "python": "3.12.1", "versions": "torch 2.14.1"}
COUNTS = {"holds": 69, "broken": 1, "deviates": 3, "unsupported": 7, "error": 0}
LARGE = "loss, forward and backward, 4096 x 32000, bfloat16, cuda"
LOSS = {
    LARGE: {
        "F.cross_entropy": {"us": 400.0, "ratio": 1.0},
        "lawful": {"us": 250.0, "ratio": 0.625},
        "Liger-Kernel": {"us": 200.0, "ratio": 0.5},
        "one read, one write": {"us": 225.0, "ratio": 0.5625},
    }
}
PARTS = {
    "laws native.mixup": {
        "rows": {"native, mixup": {"counts": COUNTS, "broken": ["any_rank: differs"], "errors": []}}
    },
    "laws timm": {"note": "timm: not installed, so not asked"},
    "loss": LOSS,
    "mixup": {"late": "no answer within 60 s: it was ended"},
    "devices": {
        "D01": {"statement": "rows on the CPU", "cuda": "caught", "twin": "caught"},
        "D02": {"statement": "a mask on the CPU", "cuda": "missed", "twin": "caught"},
        "D05": {"statement": "waits", "cuda": "not asked", "twin": "caught"},
    },
}


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("gpu")


@pytest.mark.parametrize(
    "line",
    [
        f"| {LARGE}: of the bandwidth | 0.90 | 0.8 | met |",
        f"| {LARGE}: to its fastest peer | 1.25 | 1 | missed |",
        "| native, mixup | 69 | 1 | 3 | 7 | 0 |",
        "- native, mixup: any_rank: differs",
        "- timm: timm: not installed, so not asked",
        "- mixup: no answer within 60 s: it was ended",
        "- sweep: not begun",
        "Of 2 faults that were asked on both, 1 come out alike.",
        "| D02 | a mask on the CPU | missed | caught |",
        "| Liger-Kernel | 200.0 | 0.50 |",
    ],
)
def test_the_page_says(gpu, line):
    written = gpu.page({"about": ABOUT, "today": "2026-11-30", "parts": PARTS})
    assert line in written.splitlines()


def test_a_rehearsal_has_no_times_and_no_goals(gpu):
    parts = {"loss": {"loss, twin": {"lawful": {"rehearsed": "runs"}}}}
    about = {**ABOUT, "device": "twin"}
    written = gpu.page({"about": about, "today": "2026-11-30", "parts": parts})
    assert "- lawful: runs" in written
    assert "Goals" not in written


def _run(gpu, monkeypatch, tmp_path, answers, *options):
    """What was asked, with these answers in place of processes; and the exit status."""
    asked = []

    def answer(name, device, seconds):
        asked.append(name)
        return answers.get(name, {})

    monkeypatch.setattr(gpu, "asked_apart", answer)
    files = ["--json", str(tmp_path / "gpu.json"), "--page", str(tmp_path / "gpu.md")]
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "twin", *files, *options])
    return asked, gpu.main()


def test_a_second_run_asks_what_has_no_answer_yet(gpu, monkeypatch, tmp_path):
    late = {"mixup": {"late": "no answer within 60 s: it was ended"}}
    first, status = _run(gpu, monkeypatch, tmp_path, late)
    assert (first, status) == (gpu.parts(), 1)
    again, status = _run(gpu, monkeypatch, tmp_path, {})
    assert (again, status) == (["mixup"], 0)
    assert _run(gpu, monkeypatch, tmp_path, {}) == ([], 0)
    assert _run(gpu, monkeypatch, tmp_path, {}, "--afresh") == (gpu.parts(), 0)


def test_what_another_machine_answered_is_not_kept(gpu, monkeypatch, tmp_path):
    (tmp_path / "gpu.json").write_text(json.dumps({"about": ABOUT, "parts": PARTS}))
    assert _run(gpu, monkeypatch, tmp_path, {}) == (gpu.parts(), 0)


def test_when_the_time_is_up_the_rest_is_named(gpu, monkeypatch, tmp_path, capsys):
    assert _run(gpu, monkeypatch, tmp_path, {}, "--seconds", "0") == ([], 1)
    assert f"{len(gpu.parts())} parts without an answer" in capsys.readouterr().out


def test_a_part_that_is_late_is_ended_and_one_that_dies_says_why(gpu, monkeypatch):
    assert gpu.asked_apart("loss", "twin", 0.2) == {"late": "no answer within 0 s: it was ended"}
    monkeypatch.setattr(gpu, "__file__", str(ROOT / "benchmarks" / "nosuchfile.py"))
    assert gpu.asked_apart("loss", "twin", 20)["died"].startswith("status 2: ")


def test_without_a_gpu_it_says_how_to_rehearse(gpu, monkeypatch, capsys):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit):
        gpu.main()
    assert "--device twin rehearses" in capsys.readouterr().err


@pytest.mark.deep
def test_it_is_rehearsed(gpu, monkeypatch, tmp_path):
    files = ["--json", str(tmp_path / "gpu.json"), "--page", str(tmp_path / "gpu.md")]
    only = ["--only", "laws torch", "devices", "loss", "mixup"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "twin", *files, *only])
    assert gpu.main() == 0
    written = (tmp_path / "gpu.md").read_text()
    assert "missed" not in written
    assert "- lawful: runs" in written
