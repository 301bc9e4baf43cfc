"""The command line as a person meets it: help, typos, targets that misbehave, exit status, reports."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from . import command
from .asked import needs

MINIATURES = Path(__file__).parent / "miniatures"
ROOT = MINIATURES.parent.parent
COUNTS = ("holds", "broken", "deviates", "unsupported", "error")


def lawful(*arguments, cwd=MINIATURES):
    return command.lawful(*arguments, cwd=cwd)


def checked(tmp_path, *arguments, cwd=MINIATURES):
    """The process and its JSON report, quickly: on the CPU, where a test does not say otherwise."""
    path = tmp_path / "report.json"
    workers = () if "-n" in arguments else ("-n", 1)
    device = () if "--device" in arguments else ("--device", "cpu")
    done = lawful("check", *arguments, *workers, *device, "--profile", "quick", "--json", path, cwd=cwd)
    return done, json.loads(path.read_text()) if path.exists() else done.stderr


def verdicts(report):
    (implementation,) = report["implementations"]
    return {(r["property"], r["dtype"]): r for r in implementation["results"]}


def test_help_names_the_commands_and_the_exit_status():
    done = lawful("--help")
    assert done.returncode == 0
    for word in ("smoke", "check", "matrix", "list", "explain", "Exit status"):
        assert word in done.stdout


def test_list_shows_every_property():
    from lawful.properties.registry import all_laws

    done = lawful("list")
    assert done.returncode == 0
    assert all(law.name in done.stdout and law.formula in done.stdout for law in all_laws())


def test_explain_gives_formula_reason_source_and_faults():
    done = lawful("explain", "ignored_targets_do_not_count")
    assert done.returncode == 0
    for text in ("dL/dz = 0 at ignored ones", "why", "source", "L02", "uniform term"):
        assert text in done.stdout


def test_explain_of_a_typo_asks_back():
    done = lawful("explain", "shift_invarient")
    assert done.returncode == 2
    assert "did you mean 'shift_invariant'?" in done.stderr


def test_smoke_says_how_it_calls_the_target():
    done = lawful("smoke", "right.py:WithClasses")
    assert done.returncode == 0, done.stderr
    assert "WithClasses(eps=epsilon, num_classes=logits.shape[1])(logits, target)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuchmodule:Loss"], "no module 'nosuchmodule' can be imported"),
        (["nosuch.py:Loss"], "no file nosuch.py"),
        (["broken_syntax.py:Loss"], "broken_syntax.py: syntax error at line 1"),
        (["binary.py:Loss"], "binary.py is not Python"),
        (["words.txt:Loss"], "words.txt is not a Python file"),
        (["imports_nothing.py:Loss"], "imports_nothing.py does not import: ModuleNotFoundError"),
        (["leaves.py:Loss"], "leaves.py does not import: it called sys.exit(5)"),
        (["right.py:ByEpsilom"], "right.py has no 'ByEpsilom'; did you mean ByEpsilon?"),
        (["right.py"], "say what in the file to check, as in right.py:Name"),
        (["subject.py:not_callable"], "expected a class, a function or an adapter"),
        (["subject.py:raises"], "RuntimeError: no input is good enough"),
        (["subject.py:dies_at_once"], "its process ended with status 9"),
        (["right.py:no_epsilon"], "gave the result: int; expected a floating tensor"),
        (["tim"], "no shipped adapter 'tim', did you mean 'timm'?"),
        (["right.py:ByEpsilon", "--only", "shift_invarient"], "did you mean 'shift_invariant'?"),
        (["right.py:ByEpsilon", "--dtype", "float23"], "no dtype 'float23', did you mean 'float32'?"),
        (["right.py:ByEpsilon", "--device", "gpv"], "no device 'gpv'"),
        (["right.py:ByEpsilon", "--profile", "quik"], "no profile 'quik', did you mean 'quick'?"),
        (["right.py:ByEpsilon", "--profile", "slow"], "no profile 'slow'; there are quick, standard, deep"),
        (["right.py:ByEpsilon", "--require", "folded=yes"], "it is a value of lambda of mixup, as in lambda"),
        (["right.py:ByEpsilon", "--require", "kl=yes"], "it is a value of offset of label_smoothing, as in"),
        (
            [".", "--seed", "1"],
            ". is a folder: `lawful scan .` tests every candidate in it, or name one:\n  loss.py:smooth_ce",
        ),
        (["right.py:ByEpsilon", "--technique", "mixupp"], "no technique 'mixupp', did you mean"),
        (["right.py:ByEpsilon", "--require", "off_target"], "expected CONVENTION=VALUE"),
        (["right.py:ByEpsilon", "--require", "off_targt=uniform"], "did you mean 'off_target'?"),
        (["right.py:ByEpsilon", "--require", "off_target=even"], "expected uniform or others or normalised"),
        (["right.py:ByEpsilon", "-n", "many"], "-n is 'many', expected auto or a whole number"),
        (["right.py:ByEpsilon", "--json", "no/such/folder/r.json"], "cannot be written: No such file"),
        (["right.py:ByEpsilon", "--html", "."], "cannot be written: Is a directory"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_asked_is_refused_with_what_to_do(tmp_path, arguments, message):
    for name in ("right.py", "subject.py"):
        (tmp_path / name).write_text((MINIATURES / name).read_text())
    (tmp_path / "right.py").open("a").write("\ndef no_epsilon(logits, target):\n    return 1\n")
    (tmp_path / "broken_syntax.py").write_text("def :\n")
    (tmp_path / "binary.py").write_bytes(bytes(range(256)))
    (tmp_path / "words.txt").write_text("words")
    (tmp_path / "imports_nothing.py").write_text("import nosuchmodule\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(5)\n")
    (tmp_path / "loss.py").write_text(
        "import torch.nn.functional as F\ndef smooth_ce(x, y, eps):\n"
        "    return F.cross_entropy(x, y, label_smoothing=eps)\n"
    )
    asked = ("check",) if len(arguments) > 1 else ("smoke",)
    done = lawful(*asked, *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="there is CUDA here")
def test_cuda_where_there_is_none_is_refused():
    done = lawful("check", "right.py:ByEpsilon", "--device", "cuda")
    assert done.returncode == 2
    assert "device is 'cuda', which torch" in done.stderr
    assert "--device auto asks on what is there" in done.stderr


def test_not_understood_shows_the_adapter_to_write(tmp_path):
    adapter = [line.strip() for line in lawful("check", "subject.py:raises").stderr.splitlines()]
    assert 'adapter = contracts.LabelSmoothing("raises", build)' in adapter
    (tmp_path / "adapter.py").write_text(
        "from lawful.impl.contracts import LabelSmoothing\n"
        f"import sys; sys.path.insert(0, {str(MINIATURES)!r})\n"
        "from right import ByEpsilon\n"
        "def build(epsilon, **features):\n"
        "    return ByEpsilon(epsilon, **features)\n"
        'adapter = LabelSmoothing("mine", build)\n'
    )
    done = lawful("check", "adapter.py:adapter", "--profile", "quick", "--only", "repeats", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine  label smoothing, called as" in done.stdout


def test_as_a_program_it_answers_with_its_exit_status():
    program = [sys.executable, "-m", "lawful", "check"]
    only = ["--only", "rejects_bad_epsilon", "--device", "cpu", "--fail-on", "guard", "--profile", "quick"]
    for target, status in (("right.py:ByEpsilon", 0), ("wrong.py:any_epsilon", 1), ("right.py:Nothing", 2)):
        done = subprocess.run([*program, target, *only], capture_output=True, text=True, cwd=MINIATURES)
        assert done.returncode == status, done.stdout + done.stderr


def test_a_right_loss_exits_0_with_a_report_of_schema_2(tmp_path):
    done, report = checked(tmp_path, "right.py:BySmoothing")
    assert done.returncode == 0, done.stdout
    assert report["schema"] == 2
    run = {"started", "seconds", "host", "command", "folder", "fail_on", "notes", "laws"}
    versions = {"schema", "lawful", "torch", "python", "profile", "seed", "implementations"}
    assert set(report) == versions | run
    assert report["command"].startswith("lawful check right.py:BySmoothing")
    (one,) = report["implementations"]
    about = {"name", "technique", "version", "called_as", "conventions", "target", "identity"}
    about |= {"remarks", "pictured", "defined_at", "reading"}
    assert set(one) == about | {"counts", "findings", "results"}
    assert one["counts"] == {v: sum(r["verdict"] == v for r in one["results"]) for v in COUNTS}
    keys = {"property", "device", "dtype", "verdict", "examples", "worst_error", "seconds", "message"}
    keys |= {"counterexample", "reproduce", "severity", "rests_on", "finding", "stale", "conventions"}
    keys |= {"fails_with", "proven", "ours"}
    assert all(set(row) == keys for row in one["results"])
    held = [row for row in one["results"] if row["verdict"] == "holds"]
    few = ("matches_reference_under_", "large_batches_", "scaled_loss_", "earlier_batches_")
    assert all(row["examples"] >= 25 or row["property"].startswith(few) for row in held)
    counts = one["counts"]
    assert f"PASS: no wrong results in 95 tests ({counts['holds']} pass, " in done.stdout
    assert f"{counts['unsupported']} not offered" in done.stdout


def test_a_wrong_loss_exits_1_and_shows_the_smallest_input(tmp_path):
    only = ("--only", "rejects_bad_epsilon", "--fail-on", "guard")
    done, report = checked(tmp_path, "wrong.py:any_epsilon", *only)
    assert done.returncode == 1
    row = verdicts(report)["rejects_bad_epsilon", "float32"]
    assert row["verdict"] == "broken"
    assert row["counterexample"] == {"epsilon": -0.5}
    assert "epsilon -0.5: took epsilon -0.5 and returned" in done.stdout
    assert "from tests.miniatures.wrong import any_epsilon" in lawful("show", 1).stdout
    script = tmp_path / "snippet.py"
    script.write_text(row["reproduce"])
    again = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert again.returncode == 1
    assert "AssertionError: took epsilon -0.5 and returned" in again.stderr


def test_a_requirement_that_is_not_met_exits_1_and_says_why_in_a_sentence(tmp_path):
    only = ("--only", "repeats", "--require", "off_target=uniform")
    done, _ = checked(tmp_path, "right.py:off_target_others", *only)
    assert done.returncode == 1
    assert "off_target is others, and uniform is required" in done.stdout


@needs("torchvision")
def test_torchvision_does_not_fold_its_lambda_and_the_requirement_says_so(tmp_path):
    required = ("--technique", "mixup", "--require", "lambda=folded", "--only", "seeded_runs_repeat")
    done, report = checked(tmp_path, "torchvision", *required)
    assert done.returncode == 1
    assert "lambda is beta, and folded is required" in done.stdout
    conventions = report["implementations"][0]["conventions"]
    wanted = {"lambda": "beta", "lambda_scope": "batch", "pairing": "roll", "targets": "soft"}
    assert conventions.items() >= wanted.items()


def test_same_seed_same_verdicts_and_questions(tmp_path):
    reports = []
    few = ("--only", FLOATS, "--dtype", "float32")
    for seed in (0, 0, 1):
        _, report = checked(tmp_path, "wrong.py:no_softmax_maximum", "--seed", seed, *few)
        rows = report["implementations"][0]["results"]
        reports.append([{k: v for k, v in row.items() if k != "seconds"} for row in rows])
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


FLOATS = (
    "matches_reference,zero_epsilon_is_cross_entropy,gradient_is_softmax_minus_target,"
    "shift_invariant,reductions_agree,extreme_logits_stay_finite"
)
WIDE = (
    "one_epsilon_ignores_target,equals_kl_plus_entropy,affine_in_epsilon,bounded_below_by_entropy,"
    "convex_in_logits,class_permutation_equivariant,sample_order_does_not_matter,repeats"
)


def test_forty_cases_of_which_fourteen_kill_their_worker_give_forty_verdicts(tmp_path):
    done, report = checked(tmp_path, "subject.py:crash", "--only", f"{FLOATS},{WIDE}", "-n", 2)
    rows = verdicts(report)
    assert done.returncode == 1
    assert len(rows) == 40
    killed = {key for key, row in rows.items() if row["verdict"] == "error"}
    assert killed == {key for key in rows if key[1] == "float64"}
    assert len(killed) == 14
    assert all("process died" in rows[key]["message"] for key in killed)
    assert all(rows[key]["examples"] > 0 for key in set(rows) - killed)


@pytest.mark.deep  # it waits for a limit of time
def test_a_case_that_hangs_is_ended_and_the_others_get_their_verdicts(tmp_path):
    only = ("--only", "repeats,rejects_bad_shapes", "--time-limit", "2")
    done, report = checked(tmp_path, "subject.py:hang", *only)
    rows = verdicts(report)
    assert done.returncode == 1
    row = rows["repeats", "float32"]
    assert (row["verdict"], row["message"], row["fails_with"]) == (
        "broken",
        "gave no answer within 1 s",
        "late",
    )
    assert rows["repeats", "float64"]["proven"]
    assert rows["rejects_bad_shapes", "float32"]["verdict"] != "error"


def test_a_call_of_sys_exit_is_an_error_of_its_case(tmp_path):
    done, report = checked(tmp_path, "subject.py:exit", "--only", "repeats,rejects_bad_shapes")
    rows = verdicts(report)
    assert done.returncode == 1
    assert rows["repeats", "float64"]["message"] == "called sys.exit(3)"
    assert rows["rejects_bad_shapes", "float32"]["examples"] > 0


def test_what_a_target_prints_is_not_in_the_report(tmp_path):
    done, _ = checked(tmp_path, "subject.py:prints", "--only", "repeats")
    assert done.returncode == 0
    assert "xxxx" not in done.stdout + done.stderr
    assert "yyyy" not in done.stdout + done.stderr


def test_it_stops_at_the_first_finding_that_fails_the_run(tmp_path):
    done, report = checked(tmp_path, "wrong.py:scaled_by_classes", "-x")
    (one,) = report["implementations"]
    assert done.returncode == 1
    assert "broken" in {row["verdict"] for row in one["results"]}
    (note,) = [note for note in report["notes"] if "stopped at the first finding" in note]
    assert int(note.split()[-5]) > len(one["results"])


def test_what_does_not_fail_the_run_does_not_stop_it(tmp_path):
    only = ("--only", "rejects_bad_epsilon,repeats")
    done, report = checked(tmp_path, "wrong.py:any_epsilon", "-x", *only)
    assert done.returncode == 0
    assert not [note for note in report["notes"] if "stopped" in note]


def test_a_loss_that_changes_its_input_is_caught(tmp_path):
    _, report = checked(tmp_path, "subject.py:mutate_input", "--only", "inputs_not_modified")
    assert {row["verdict"] for row in verdicts(report).values()} == {"broken"}


def test_more_unsupported_than_asked_is_said_first(tmp_path):
    only = ("--only", "reductions_agree,repeats,class_dimension_is_one")
    done, _ = checked(tmp_path, "right.py:off_target_others", *only)
    assert "Most was not tested: 6 tests are of what it does not offer, 2 were run." in done.stdout
    assert done.returncode == 0


def test_a_run_that_asked_nothing_exits_1(tmp_path):
    done, _ = checked(tmp_path, "right.py:off_target_others", "--only", "reductions_agree")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("FAIL: nothing was tested (")


def test_torch_overflows_in_float16_and_says_so(tmp_path):
    only = ("--only", "many_classes_do_not_overflow")
    done, report = checked(tmp_path, "torch", "--technique", "label_smoothing", *only)
    row = verdicts(report)["many_classes_do_not_overflow", "float16"]
    assert row["verdict"] == "deviates"
    assert row["counterexample"]["num_classes"] == 20_000
    assert math.log(20_000) == pytest.approx(9.9034, abs=1e-3)
    assert "1 known" in done.stdout
    program = lawful("show", 1).stdout
    assert "loss over 20000 classes is inf, expected 9.903" in program
    assert "F.cross_entropy(logits, target, label_smoothing=" in program
    assert done.returncode == 0


@needs("timm")
def test_the_matrix_writes_a_page_with_every_library(tmp_path):
    page = tmp_path / "report.html"
    only = ("--technique", "label_smoothing", "--only", "repeats", "--profile", "quick")
    done = lawful("matrix", "torch", "timm", *only, "--html", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert all(word in text for word in ('id="torch"', 'id="timm"', "1 law passes, no problem found"))
    assert f"the page is {page}" in done.stderr


def test_the_version_is_printed():
    done = lawful("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("lawful 0.")


def test_conventions_are_listed_with_their_values():
    done = lawful("conventions")
    assert done.returncode == 0
    for text in (
        "off_target",
        "uniform | others | normalised",
        "steps",
        "asked | loader",
        "alpha_nonpositive",
    ):
        assert text in done.stdout


def test_explain_of_a_shared_name_shows_every_technique_and_where_the_formulas_are():
    done = lawful("explain", "matches_reference")
    assert "label_smoothing.matches_reference" in done.stdout
    assert "mixup.matches_reference" in done.stdout
    assert "reference/label_smoothing.py" in done.stdout
    assert "severity wrong: ordinary input gives a wrong result" in done.stdout


def test_a_fault_that_explain_names_can_be_explained():
    done = lawful("explain", "L02")
    assert done.returncode == 0
    assert "ignored samples counted in the uniform term" in done.stdout
    assert "caught by ignored_targets_do_not_count" in done.stdout


def test_a_file_is_named_in_pytests_way_and_several_targets_at_once():
    done = lawful("smoke", "right.py::ByEpsilon", "right_mixups.py:soft")
    assert done.returncode == 0, done.stderr
    assert "ByEpsilon: understood as label_smoothing" in done.stdout
    assert "soft: understood as mixup" in done.stdout


def test_two_targets_of_one_name_are_told_apart_by_where_they_are(tmp_path):
    package = tmp_path / "src" / "theirs"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "maths.py").write_text("import torch.nn.functional as F\n")
    for path, factor, line in (
        (package / "losses.py", 1, "from .maths import F\n"),
        (tmp_path / "losses.py", 2, "import torch.nn.functional as F\n"),
    ):
        body = f"    return {factor} * F.cross_entropy(z, y, label_smoothing=smoothing)\n"
        path.write_text(f"{line}def smooth(z, y, smoothing=0.1):\n{body}")
    targets = ["src/theirs/losses.py:smooth", "losses.py:smooth"]
    only = ("--only", "matches_reference", "--dtype", "float64")
    done, report = checked(tmp_path, *targets, *only, cwd=tmp_path)
    assert done.returncode == 1
    assert [each["name"] for each in report["implementations"]] == targets
    values = [row for each in report["implementations"] for row in each["results"]]
    verdicts = [row["verdict"] for row in values if row["property"] == "matches_reference"]
    assert verdicts == ["holds", "broken"]


def test_a_path_of_dots_is_a_target():
    done = lawful("smoke", "torch.nn.CrossEntropyLoss")
    assert done.returncode == 0, done.stderr
    assert "CrossEntropyLoss(label_smoothing=epsilon)(logits, target)" in done.stdout


def test_a_bare_file_or_a_wrong_name_lists_the_candidates(tmp_path):
    source = "import torch.nn.functional as F\n"
    for name in ("smooth_ce", "label_smoothing_loss"):
        source += f"def {name}(x, y, eps=0.1):\n    return F.cross_entropy(x, y, label_smoothing=eps)\n"
    (tmp_path / "losses.py").write_text(source)
    bare = lawful("smoke", "losses.py", cwd=tmp_path)
    assert bare.returncode == 2
    assert "losses.py:smooth_ce  (line 2, label_smoothing)" in bare.stderr
    wrong = lawful("smoke", "losses.py:smooth_cd", cwd=tmp_path)
    assert "did you mean smooth_ce?" in wrong.stderr
    assert "losses.py:label_smoothing_loss  (line 4" in wrong.stderr


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="there is CUDA here")
def test_gpu_means_cuda():
    done = lawful("check", "right.py:ByEpsilon", "--device", "gpu")
    assert "device is 'cuda', which torch" in done.stderr


def test_severities_are_words_of_the_summary_and_fail_on_is_checked(tmp_path):
    done, report = checked(tmp_path, "wrong.py:any_epsilon", "--only", "rejects_bad_epsilon,repeats")
    assert done.returncode == 0
    assert "1 kind of invalid input accepted without an error" in done.stdout
    assert report["implementations"][0]["findings"][0]["severity"] == "guard"
    done, _ = checked(tmp_path, "wrong.py:any_epsilon", "--fail-on", "gard")
    assert done.returncode == 2


def test_what_hypothesis_was_told_and_laws_do_not_follow_is_said_once(tmp_path):
    (tmp_path / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    pytests = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--hypothesis-seed", "3"]
    done = subprocess.run(pytests, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.count("--hypothesis-seed 3 does not reach the laws") == 1
