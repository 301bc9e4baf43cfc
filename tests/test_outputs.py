"""A stored report becomes a page, a table, a badge, JUnit XML, annotations; two of them a difference."""

import copy
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from lawful.properties import check
from lawful.properties.harness import outputs
from lawful.properties.harness.mathml import mathml
from lawful.properties.harness.page import linked, page, sentences, view
from lawful.properties.harness.pictures import picture, picture_of_a_reading

from . import command
from .asked import needs
from .miniatures import wrong


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A report with findings of every kind, as the command line writes it."""
    folder = tmp_path_factory.mktemp("report")
    target = f"{wrong.__file__}:any_epsilon"
    laws = "matches_reference,rejects_bad_epsilon,extreme_logits_stay_finite,lambda_follows_beta"
    asked = ("--profile", "quick", "--device", "cpu", "--only", laws, "--fail-on", "guard")
    done = command.lawful(
        "check", "torch", "timm", target, *asked, "--json", "r.json", "--html", "r.html", cwd=folder
    )
    assert done.returncode == 1, done.stderr
    return folder / "r.json"


@pytest.fixture(scope="module")
def info(stored):
    return json.loads(stored.read_text())


@needs("timm")
def test_a_stored_report_makes_the_page_that_was_written_with_it(stored, tmp_path):
    done = command.lawful("report", stored, "--html", "again.html", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "again.html").read_text() == (stored.parent / "r.html").read_text()
    assert "timm 1.0" in done.stdout


def test_each_library_has_a_sentence(info):
    words = dict(sentences(info["implementations"]))
    assert words["any_epsilon"].endswith("1 kind of invalid input accepted without an error")
    (torch,) = (said for name, said in words.items() if name.startswith("torch"))
    assert torch == "1 law passes, 2 known failures (1 edge, 1 guard), no other problem"


def test_a_finding_has_all_that_a_reader_needs(info):
    shown = view(info)
    (each,) = (each for each in shown["implementations"] if each["name"] == "any_epsilon")
    (finding,) = each["findings"]
    assert finding["id"] == "any_epsilon/rejects_bad_epsilon"
    assert finding["formula"].startswith("<math>")
    assert "arxiv.org/abs/1512.00567" in finding["source"]
    assert "Copy" in page(info)
    cells = {
        (row["property"], cell["verdict"])
        for grid in shown["grids"]
        for row in grid["rows"]
        for cell in row["cells"]
    }
    assert ("rejects_bad_epsilon", "broken") in cells
    assert ("rejects_bad_epsilon", "deviates") in cells


def test_addresses_are_unique(info):
    ids = [f["id"] for each in view(info)["implementations"] for f in each["findings"]]
    assert len(ids) == len(set(ids))


@pytest.mark.deep
def test_the_report_of_a_scan_has_formulas_and_addresses_of_its_own(tmp_path):
    source = "import torch.nn.functional as F\n\ndef smooth_ce(logits, target, eps=0.1):\n    return "
    for folder, factor in (("a", 2), ("b", 3)):
        (tmp_path / folder).mkdir()
        text = f"{source}{factor} * F.cross_entropy(logits, target, label_smoothing=eps)\n"
        (tmp_path / folder / "losses.py").write_text(text)
    done = command.lawful("scan", ".", "--json", "scan.json", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    done = command.lawful("report", "scan.json", "--html", "scan.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "scan.html").read_text()
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert len(re.findall(r"<h4>wrong result: <a href=[^>]*><code>matches_reference</code>", text)) == 2
    assert text.count('<div class="formula"><math>') >= 2
    assert "a/losses.py:smooth_ce" in done.stdout


def test_the_page_of_many_is_below_a_megabyte_and_a_half(info):
    many = {**info, "implementations": [{**info["implementations"][0], "name": f"n{i}"} for i in range(40)]}
    assert len(page(many)) < 1.5 * 2**20


def test_markdown_is_a_row_an_implementation(info):
    lines = outputs.markdown(info).splitlines()
    assert len(lines) == 2 + len(info["implementations"])
    (own,) = (line for line in lines if "any_epsilon" in line)
    assert own == "| any_epsilon | label smoothing | fail: `rejects_bad_epsilon` | none | none |"
    lenient = outputs.markdown({**info, "fail_on": "wrong"}).splitlines()
    (own,) = (line for line in lenient if "any_epsilon" in line)
    assert own.startswith("| any_epsilon | label smoothing | pass: ")
    assert own.endswith("| none | `rejects_bad_epsilon` |")


@pytest.mark.parametrize(("fails", "colour"), [("any_epsilon", "yellow"), (None, "brightgreen")])
def test_a_badge_has_the_colour_of_the_worst(info, fails, colour):
    chosen = [each for each in info["implementations"] if (each["name"] == "any_epsilon") == bool(fails)]
    badge = outputs.badge({**info, "implementations": chosen})
    assert badge["color"] == colour
    assert badge["message"].startswith("failing: 1 kind of invalid input" if fails else "passing: no wrong")
    passing = outputs.badge({**info, "implementations": chosen, "fail_on": "wrong"})
    assert passing["message"].startswith("passing: no wrong results in ")


def test_junit_fails_what_fails_the_run_and_skips_what_is_known(info):
    root = ElementTree.fromstring(outputs.junit(info).encode())
    failures = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert failures == {"rejects_bad_epsilon[cpu-float32]"}
    (suite,) = (suite for suite in root if suite.get("name") == "torch.label_smoothing")
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert int(suite.get("skipped")) >= 2
    lenient = ElementTree.fromstring(outputs.junit({**info, "fail_on": "wrong"}).encode())
    assert not list(lenient.iter("failure"))
    told = [case for case in lenient.iter("testcase") if case.find("system-out") is not None]
    assert [case.get("name") for case in told] == ["rejects_bad_epsilon[cpu-float32]"]
    assert told[0].find("skipped") is None
    assert told[0].find("system-out").text.startswith("not failing the run: took epsilon -0.5")


def test_junit_is_xml_whatever_a_message_holds(info):
    spoilt = copy.deepcopy(info)
    for each in spoilt["implementations"]:
        for row in each["results"]:
            row["message"] = row["reproduce"] = "\x1b[31mred\x1b[0m \x00 \ud800 \ufffe é"
    root = ElementTree.fromstring(outputs.junit(spoilt).encode())
    (failure,) = root.iter("failure")
    assert failure.text.startswith(r"\x1b[31mred\x1b[0m \x00 \ud800 \ufffe é")


def test_annotations_name_the_file_and_escape(info):
    (line,) = outputs.github(info)
    number = wrong.any_epsilon.__code__.co_firstlineno
    title = "title=any_epsilon%3A accepts invalid input without an error%3A rejects_bad_epsilon"
    assert line.startswith(f"::error file={wrong.__file__},line={number},{title}::took epsilon -0.5")


def test_the_difference_of_two_reports(stored, info, tmp_path):
    newer = copy.deepcopy(info)
    (each,) = (each for each in newer["implementations"] if each["name"] == "torch")
    each["version"] = "99"
    for row in each["results"]:
        if row["property"] == "matches_reference" and row["dtype"] == "float64":
            row["verdict"] = "broken"
    later = tmp_path / "later.json"
    later.write_text(json.dumps(newer))
    done = command.lawful("diff", stored, later, cwd=tmp_path)
    assert done.returncode == 1
    assert "torch.label_smoothing  matches_reference: pass -> fail" in done.stdout
    assert "-> 99" in done.stdout
    assert command.lawful("diff", later, stored, cwd=tmp_path).returncode == 0
    same = command.lawful("diff", stored, stored, cwd=tmp_path)
    assert (same.returncode, same.stdout) == (0, "nothing changed\n")


def test_reports_are_joined_and_none_twice(stored, info, tmp_path):
    other = copy.deepcopy(info)
    other["implementations"] = other["implementations"][:1]
    other["implementations"][0] |= {"name": "elsewhere", "identity": "elsewhere"}
    law = next(iter(info["laws"].values()))
    other["notes"], other["torch"], other["laws"] = ["not here"], "99", {"mixup.new": law}
    later = tmp_path / "later.json"
    later.write_text(json.dumps(other))
    done = command.lawful("merge", stored, later, "--json", tmp_path / "all.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    both = json.loads((tmp_path / "all.json").read_text())
    names = [each["name"] for each in info["implementations"]]
    assert [each["name"] for each in both["implementations"]] == [*names, "elsewhere"]
    assert {"mixup.new", *info["laws"]} == both["laws"].keys()
    assert "not here" in both["notes"]
    assert f"torch is 99 in report 2, and {info['torch']} in the first" in both["notes"]
    twice = command.lawful("merge", stored, stored, cwd=tmp_path)
    assert (twice.returncode, "is in report 1 and in report 2" in twice.stderr) == (2, True)


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 1, "implementations": []}', "[1]"])
def test_what_is_no_report_is_refused_by_name(text, tmp_path):
    file = tmp_path / "no.json"
    file.write_text(text)
    for asked in (("report", file), ("diff", file, file), ("merge", file)):
        done = command.lawful(*asked, cwd=tmp_path)
        assert done.returncode == 2
        assert str(file) in done.stderr


def test_formats_are_checked_before_anything_is_asked(tmp_path):
    done = command.lawful("check", "torch", "--format", "gitlab", cwd=tmp_path)
    assert (done.returncode, "expected text or github" in done.stderr) == (2, True)
    done = command.lawful("check", "torch", "--junit", "nowhere/x.xml", cwd=tmp_path)
    assert (done.returncode, "nowhere" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("lam >= 1/2", ["<mi>λ</mi>", "≥"]),
        ("lr_{n-1} = end", ["<msub><mtext>lr</mtext>", " end"]),
        ("x_pi(i)", ["<mi>π</mi><mo stretchy='false'>(</mo><mi>i</mi>"]),
        ("e < 0 raises", ["&lt;", " raises"]),
        ("p p^T", ["<msup><mi>p</mi><mrow><mi>T</mi></mrow></msup>"]),
    ],
)
def test_formulas_are_mathml(formula, expected):
    for part in expected:
        assert part in mathml(formula)


def test_every_formula_is_well_formed(info):
    from lawful.properties.registry import laws_of, written_techniques

    for technique in written_techniques():
        for law in laws_of(technique):
            ElementTree.fromstring(f"<p>{mathml(law.formula)}</p>")


def test_sources_are_links():
    assert 'href="https://github.com/pytorch/pytorch/issues/5059"' in linked("pytorch/pytorch issue 5059")
    assert "generated/torch.nn.CrossEntropyLoss.html" in linked("documentation of torch.nn.CrossEntropyLoss")
    assert linked("a < b") == "a &lt; b"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"start": 1e-5, "end": 1.0, "rates": [1e-5, 1e-3, 1e-1]}, "learning rate"),
        ({"alpha": 0.4, "lambdas": [0.1, 0.9, 1.0, 0.0]}, "density"),
        ({"alpha": None, "lambdas": [0.5]}, "density"),
        ({"classes": [2, 100], "error": {"float64": [0.0, None], "float16": [0.5, 2.0]}}, "error / bound"),
    ],
)
def test_pictures_name_their_axes(numbers, words):
    drawn = picture("<mine>", numbers)
    ElementTree.fromstring(drawn)
    assert words in drawn
    assert "nan" not in drawn


_Q = {"classes": 3, "epsilon": 0.1, "target": 0, "q": [0.9, 0.033, 0.033], "right": [0.933, 0.033, 0.033]}
_RATES = {"n": 3, "rates": [1e-5, 1e-3, 1e-1], "right": [1e-5, 1e-2, 1e1], "recorded": [1e-3, 1e-1, 0.0]}


@pytest.mark.parametrize(
    ("numbers", "words", "rows"),
    [
        (_Q, "0.9 for 0.933", 3),
        ({"inputs": [[0.4, 0.6], [0.0, 1.0]], "targets": [[0.4, 0.6], [1.0, 0.0]]}, "targets", 6),
        (_RATES, "dotted: what it recorded", 0),
        ({**_RATES, "recorded": _RATES["rates"]}, "dashed: what is right", 0),
    ],
)
def test_what_was_read_is_drawn_beside_what_is_right(numbers, words, rows):
    drawn = picture_of_a_reading("<mine>", numbers)
    ElementTree.fromstring(drawn)
    assert words in drawn
    assert drawn.count("class='bar'") == rows


def test_what_was_not_seen_is_not_drawn():
    assert picture_of_a_reading("mine", {}) == ""
    assert picture("mine", {}) == ""
    assert picture("mine", {"classes": [2], "error": {}}) == ""


def test_a_notebook_gets_a_fragment():
    html = check("torch", profile="quick", device="cpu", only=["repeats"])._repr_html_()
    assert "<html" not in html
    assert "<script" not in html
    assert 'class="lawful"' in html


def test_an_issue_is_ready_to_paste(tmp_path):
    target = f"{wrong.__file__}:any_epsilon"
    done = command.lawful("issue", target, "rejects_bad_epsilon", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    title, *_ = done.stdout.splitlines()
    assert title.startswith("# any_epsilon: took epsilon -0.5")
    for part in ("**Expected**", "arXiv 1512.00567", "**Found**", "Versions: torch", "severity guard"):
        assert part in done.stdout
    program = done.stdout.split("```python\n")[1].split("```")[0]
    with pytest.raises(AssertionError, match="an error was expected"):
        exec(program, {})


def test_there_is_no_issue_where_nothing_is_broken(tmp_path):
    done = command.lawful("issue", "native.label_smoothing", "rejects_bad_epsilon", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "does not break rejects_bad_epsilon" in done.stderr
    done = command.lawful("issue", "native.label_smoothing", "rejects_bad_epsilom", cwd=tmp_path)
    assert (done.returncode, "rejects_bad_epsilon" in done.stderr) == (2, True)
