"""What ``lawful`` prints, whole: files in ``tests/golden/`` that ``python -m tests.test_terminal`` writes."""

import re
from pathlib import Path

import pytest

from lawful.properties import check
from lawful.properties.harness import summary

from . import command

GOLDEN = Path(__file__).parent / "golden"
LAWS = (
    "matches_reference,one_epsilon_ignores_target,equals_kl_plus_entropy,affine_in_epsilon,inputs_not_modified,"
    "zero_epsilon_ignores_masked_classes,reductions_agree,rejects_bad_epsilon,rejects_bad_shapes"
)
"""Named, so that a law that is new changes no file here."""
QUICK = ("--profile", "quick", "--device", "cpu", "--only", LAWS)
WRONG = ("check", "losses.py:HalfSmoothCE", *QUICK)
COMMANDS = {
    "right": [("check", "losses.py:SmoothCE", *QUICK)],
    "wrong": [WRONG],
    "wrong_then_show": [(*WRONG, "-q"), ("show",), ("show", "1"), ("show", "7")],
    "two_findings": [("check", "losses.py:ShiftsInPlaceCE", *QUICK)],
    "everything": [(*WRONG, "-v")],
    "several": [("check", "losses.py:HalfSmoothCE", "losses.py:SmoothCE", *QUICK)],
    "not_understood": [("check", "losses.py:smooth_words", *QUICK)],
    "notebook": [("check", "losses.ipynb:smooth_ce", *QUICK)],
    "typo": [("check", "losses.py:SmothCE")],
    "no_target": [(), ("check",), ("check", "."), ("check", "right.txt:SmoothCE")],
    "no_such_value": [
        ("check", "losses.py:SmoothCE", "--profile", "slow"),
        ("check", "losses.py:SmoothCE", "--require", "kl=yes"),
        ("list", "mixupp"),
    ],
}


def printed(name):
    """What the commands print, with what differs from run to run taken out."""
    text = ""
    for arguments in COMMANDS[name]:
        done = command.lawful(*arguments, cwd=GOLDEN)
        text += f"$ lawful {' '.join(arguments)}\n{done.stdout}{done.stderr}exit status {done.returncode}\n"
    text = text.replace(LAWS, "...")
    text = re.sub(r"\b[\d.]+ s\b", "N s", text)  # how long it took
    text = re.sub(r"import sys\nsys\.path\[:0\] = .*\n", "", text)  # from where pytest was started
    lines, table = [], re.search(r"(?m)^law  .*(?=error/bound)", text)
    for line in text.splitlines():
        if table and " cpu " in line:  # its errors are another machine's own
            line = line[: len(table.group())]
        lines.append(line.rstrip() + "\n")
    return "".join(lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_terminal_says_what_is_written_down(name):
    assert printed(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_what_rests_on_a_law_that_was_left_out_is_no_finding_of_its_own():
    """Whether it is one, the law that was left out decides."""
    only = (*QUICK[:-1], "bounded_below_by_entropy", "--dtype", "float32")
    done = command.lawful("check", "losses.py:HalfSmoothCE", *only, cwd=GOLDEN)
    assert "FAIL  wrong result: matches_reference" in done.stdout
    assert "1 more test fails for the same reason" in done.stdout
    assert "bounded_below_by_entropy" not in done.stdout
    right = command.lawful("check", "losses.py:SmoothCE", *only, cwd=GOLDEN)
    assert "PASS: no wrong results in 1 test (1 pass)" in right.stdout


def test_python_is_told_the_same_as_the_terminal():
    asked = {"profile": "quick", "device": "cpu", "only": ["bounded_below_by_entropy"], "dtypes": ["float32"]}
    report = check(str(GOLDEN / "losses.py:HalfSmoothCE"), **asked)
    _, _, first, *_, last = str(report).splitlines()
    assert first == "FAIL  wrong result: matches_reference"
    assert last.startswith("FAIL: 1 wrong result in 2 tests (2 fail)")
    shown = report._repr_html_()
    assert shown.index("FAIL  wrong result") < shown.index("<details><summary>a program that shows it")
    assert shown.index("FAIL: 1 wrong result in 2 tests") < shown.index("<details><summary>every test")
    assert "lawful show" not in shown


def test_every_file_that_is_written_down_is_compared():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(COMMANDS)


def test_what_fails_for_the_reason_of_a_known_failure_is_known():
    row = {"seconds": 1.0, "message": "off", "stale": False, "ours": False, "severity": "wrong"}
    rows = [
        {**row, "property": name, "device": "cpu", "dtype": "float32", "verdict": verdict}
        for name, verdict in (("one", "holds"), ("two", "deviates"), ("three", "broken"))
    ]
    known = {
        "property": "two",
        "verdict": "deviates",
        "severity": "wrong",
        "message": "off",
        "cases": ["cpu-float32"],
        "also": ["three"],
    }
    told = summary.verdict({"implementations": [{"name": "it", "results": rows, "findings": [known]}]})
    assert told == "PASS: no wrong results in 3 tests (1 pass, 2 known), 3 s."


if __name__ == "__main__":
    for each in COMMANDS:
        (GOLDEN / f"{each}.txt").write_text(printed(each), encoding="utf-8")
