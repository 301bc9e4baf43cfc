"""The vectors for other languages: their reader takes right answers and refuses wrong ones."""

import functools
import importlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lawful.impl import native
from lawful.impl.faulty import faults
from lawful.properties.harness import vectors as made
from lawful.properties.harness.report import Implementation
from lawful.properties.harness.vectors import numbers, plain
from lawful.properties.harness.vectors.check_answers import wrong
from lawful.properties.harness.vectors.verdicts import verdicts
from lawful.properties.registry import find_law
from lawful.properties.subjects.subject import torch_dtype
from lawful.reference import label_smoothing, lr_finder, mixup

from .command import lawful

native_mixup = importlib.import_module("lawful.impl.native.mixup")  # native.mixup is its function


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What ``lawful vectors`` writes for all three."""
    path = tmp_path_factory.mktemp("vectors")
    for technique in made.TECHNIQUES:
        assert made.write(technique, path) > 100
    return path


@functools.cache
def _read(path):
    return json.loads(path.read_text())


def _vectors(folder, technique):
    return _read(folder / f"{technique}.json")["vectors"]


def _checked(folder, technique, answers):
    """By the reader alone, in a Python that knows no lawful."""
    file = folder / "answers.json"
    file.write_text(json.dumps(answers))
    reader = [sys.executable, "-I", "-S", folder / "check_answers.py"]
    return subprocess.run([*reader, folder / f"{technique}.json", file], capture_output=True, text=True)


# ours ------------------------------------------------------------------------------------------------------


def _loss(dtype, asked, off_target="uniform", slope=False, **convention):
    z = torch.tensor(numbers(asked["logits"]), dtype=torch_dtype(dtype), requires_grad=slope)
    y = torch.tensor(numbers(asked["target"]))
    y = y.to(z.dtype) if y.is_floating_point() else y
    if convention.get("multilabel"):
        target = native.smoothed_multilabel(y, epsilon=asked["epsilon"], spread=convention["multilabel"])
        return F.binary_cross_entropy_with_logits(z, target)
    options = {name: asked[name] for name in ("reduction", "ignore_index", "dim") if name in asked}
    if "weight" in asked:
        options["weight"] = torch.tensor(asked["weight"], dtype=z.dtype)
    called = {"mask": torch.tensor(asked["mask"])} if "mask" in asked else {}
    loss = native.LabelSmoothedCrossEntropy(asked["epsilon"], off_target=off_target, **options)(
        z, y, **called
    )
    if not slope:
        return loss
    loss.sum().backward()
    return z.grad


def _tensors(dtype, asked):
    found = {name: torch.tensor(numbers(value)) for name, value in asked.items() if isinstance(value, list)}
    return {
        name: each.to(torch_dtype(dtype)) if each.is_floating_point() else each
        for name, each in found.items()
    }


def _mixed(dtype, asked, name="inputs"):
    given = _tensors(dtype, asked)
    lam = given.get("lam", torch.ones(len(given[name])))
    return native_mixup._mixed(given[name], None, given["partner"], lam, inplace=False)


def _slope(dtype, asked):
    given = _tensors(dtype, asked)
    x = given["inputs"].requires_grad_()
    mixed = native_mixup._mixed(x, None, given["partner"], given["lam"], inplace=False)
    (mixed * given["slope"]).sum().backward()
    return x.grad


def _pair(dtype, asked):
    given = _tensors(dtype, asked)
    target = given["target"].float() if given["target"].ndim == 0 else given["target"]
    return given, native.MixedTarget(target, target[given["partner"]], given["lam"])


def _mixed_target(dtype, asked):
    _, (own, other, lam) = _pair(dtype, asked)
    return native_mixup._mixed_target(own, other, lam, asked.get("num_classes"), soft=True)


def _mixed_loss(dtype, asked):
    given, mixed = _pair(dtype, asked)
    return native.mixup_loss(lambda z, y: F.cross_entropy(z, y, reduction="none"), given["logits"], mixed)


def _accuracy(dtype, asked):
    given, mixed = _pair(dtype, asked)
    return native.mixup_accuracy(given["logits"], mixed)


def _range_test(losses, loader=((),), ratios=(1.0,), **options):
    """Ours on a scripted loss, which the model does not feel."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(()))], "lr": ratio} for ratio in ratios]
    model = torch.nn.ParameterList([group["params"][0] for group in groups])
    script = iter(losses)

    def loss(model, batch):
        return next(script) + 0.0 * sum(p.sum() for p in model.parameters())

    optimizer = torch.optim.SGD(groups)
    told = {"start_lr": 1e-5, "end_lr": 1.0, "num_iter": len(losses), **options}
    return native.lr_range_test(model, optimizer, None, loader, compute_loss=loss, **told)


def _schedule(dtype, asked):
    told = {name: asked[name] for name in ("start_lr", "end_lr", "num_iter")}
    return _range_test([1.0] * asked["num_iter"], **told, schedule=asked["kind"]).lrs


def _average(dtype, asked):
    return _range_test(asked["losses"], smoothing=asked["smoothing"], divergence=float("inf")).smoothed


def _stop(dtype, asked):
    losses = numbers(asked["losses"]).tolist()
    told = {name: asked[name] for name in ("smoothing", "divergence")}
    test = _range_test(losses, **told)
    finite = len(test.losses) and np.isfinite(losses[: len(test.losses) + 1]).all()
    return len(test.losses) - bool(finite) if test.stopped_early else None


def _suggest(dtype, asked):
    losses = tuple(asked["losses"])
    test = native.RangeTest(tuple(asked["lrs"]), losses, losses, False, len(losses))
    return test.suggest(asked["rule"])


def _sweeps(dtype, asked):
    n = max(map(len, asked["losses"]))
    script = [loss for row in asked["losses"] for loss in row]
    return _range_test(script, num_iter=n, sweeps=len(asked["losses"]), smoothing=0.0)


def _groups(dtype, asked):
    losses = (2.0, 1.5, 1.0)
    lrs = tuple(asked["lr"] * 10.0**i for i in (-1, 0, 1))
    return native.RangeTest(lrs, losses, losses, False, 3, (), tuple(asked["ratios"])).suggest_groups()


OURS = {
    "label_smoothing": {
        "loss": lambda dtype, asked, **said: _loss(dtype, asked, said["off_target"]),
        "gradient": lambda dtype, asked, **said: _loss(dtype, asked, said["off_target"], slope=True),
        "multilabel_loss": _loss,
    },
    "mixup": {
        "mix": _mixed,
        "targets": _mixed_target,
        "values": _mixed_target,
        "loss": _mixed_loss,
        "accuracy": _accuracy,
        "join": functools.partial(_mixed, name="mask"),
        "gradient": _slope,
    },
    "lr_finder": {
        "schedule": _schedule,
        "average": _average,
        "stop": _stop,
        "suggest": _suggest,
        "mean_of_sweeps": lambda dtype, asked: _sweeps(dtype, asked).losses,
        "spread_of_sweeps": lambda dtype, asked: _sweeps(dtype, asked).spread,
        "rates_of_groups": _groups,
    },
}
"""What ours answers in the dtype asked for; it folds, clips and validates inside, where no vector reaches."""


# the formulas ----------------------------------------------------------------------------------------------


def _partners(asked, name="target"):
    return np.asarray(asked[name])[asked["partner"]]


def _several(asked, multilabel):
    moved = label_smoothing.smoothed_multilabel(asked["target"], asked["epsilon"], multilabel)
    return label_smoothing.binary_cross_entropy(moved, asked["logits"]).mean()


def _stops(asked):
    script = iter(asked["losses"].tolist())
    told = {name: asked[name] for name in ("smoothing", "divergence")}
    test = lr_finder.range_test(lambda lr: next(script), 1e-5, 1.0, len(asked["losses"]), **told)
    return len(asked["losses"]) - len(list(script)) - 1 if test.stopped_early else None


def _smoothed_slope(asked, off_target, **convention):
    told = {name: asked[name] for name in ("ignore_index", "dim", "mask", "reduction") if name in asked}
    called = asked["logits"], asked["target"], asked["epsilon"]
    return label_smoothing.gradient(*called, off_target=off_target, **told)


def _slope_of_mixture(asked):
    shares = np.eye(len(asked["lam"])) * asked["lam"]
    shares[np.arange(len(shares)), asked["partner"]] += 1 - asked["lam"]
    return shares.T @ asked["slope"]


FORMULAS = {
    "label_smoothing": {
        "loss": lambda asked, **said: label_smoothing.smoothed_loss(**asked, **said),
        "gradient": _smoothed_slope,
        "multilabel_loss": _several,
    },
    "mixup": {
        "mix": lambda q: mixup.mix(q["inputs"], _partners(q, "inputs"), q["lam"]),
        "fold": lambda q: mixup.fold(q["lam"]),
        "targets": lambda q: mixup.mixed_targets(q["target"], _partners(q), q["lam"], q["num_classes"]),
        "values": lambda q: mixup.mix(q["target"], _partners(q), q["lam"]),
        "loss": lambda q: mixup.mixed_loss(q["logits"], q["target"], _partners(q), q["lam"]).mean(),
        "accuracy": lambda q: mixup.mixed_accuracy(q["logits"], q["target"], _partners(q), q["lam"]).mean(),
        "join": lambda q: mixup.join(q["mask"], _partners(q, "mask")),
        "gradient": _slope_of_mixture,
    },
    "lr_finder": {
        "schedule": lambda q: lr_finder.schedule(
            q["start_lr"], q["end_lr"], q["num_iter"], linear=q["kind"] == "linear"
        ),
        "average": lambda q: lr_finder.smoothed(q["losses"], q["smoothing"]),
        "stop": _stops,
        "suggest": lambda q: {
            "steepest": lr_finder.suggest_steepest,
            "minimum": lr_finder.suggest_minimum,
        }[q["rule"]](q["lrs"], q["losses"]),
        "validation_loss": lambda q: lr_finder.of_whole_set(q["losses"], q["sizes"]),
        "clip": lambda q: lr_finder.clipped(q["gradients"], q["norm"]),
        "mean_of_sweeps": lambda q: lr_finder.mean_of_sweeps(q["losses"])[0],
        "spread_of_sweeps": lambda q: lr_finder.mean_of_sweeps(q["losses"])[1],
        "rates_of_groups": lambda q: lr_finder.for_groups(q["lr"], q["ratios"]),
    },
}


def _of_ours(technique, vector):
    answer = OURS[technique][vector["asks"]](vector["dtype"], vector["inputs"], **vector["convention"])
    return answer.double().tolist() if isinstance(answer, torch.Tensor) else answer


def _of_formulas(technique, vector):
    asked = {
        name: value if name == "losses" and isinstance(value[0], list) else numbers(value)
        for name, value in vector["inputs"].items()
    }
    return FORMULAS[technique][vector["asks"]](asked, **vector["convention"])


@pytest.mark.parametrize("technique", made.TECHNIQUES)
@pytest.mark.parametrize(("name", "answer"), [("ours", _of_ours), ("formulas", _of_formulas)])
def test_right_answers_are_taken(folder, technique, name, answer):
    known = OURS if name == "ours" else FORMULAS
    asked = [v for v in _vectors(folder, technique) if v["asks"] in known[technique]]
    answers = {vector["id"]: plain(answer(technique, vector)) for vector in asked}
    checked = _checked(folder, technique, answers)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    count = len(_vectors(folder, technique))
    assert checked.stdout == f"{len(asked)} answers to {count} vectors: 0 wrong\n"
    assert len(asked) == count if name == "formulas" else len(asked) > 0.8 * count


def test_a_wrong_answer_fails_with_its_id_and_note(folder):
    known = _vectors(folder, "label_smoothing")
    vector = next(v for v in known if "L11" in v["note"] and v["dtype"] == "float32" and v["asks"] == "loss")
    logits, target = (np.asarray(numbers(vector["inputs"][name])) for name in ("logits", "target"))
    of_others = label_smoothing.smoothed_loss(
        logits, target, vector["inputs"]["epsilon"], off_target="others"
    )
    checked = _checked(folder, "label_smoothing", {vector["id"]: float(of_others)})
    assert checked.returncode == 1
    assert vector["id"] in checked.stdout
    assert vector["formula"] in checked.stdout
    assert "L11: epsilon/(K-1) while epsilon/K is documented" in checked.stdout
    assert checked.stdout.endswith("1 wrong\n")


def test_no_answer_and_an_unknown_id_fail(folder):
    nothing = _checked(folder, "mixup", {})
    assert (nothing.returncode, nothing.stdout.split()[:3]) == (1, ["0", "answers", "to"])
    stranger = _checked(folder, "mixup", {"mixup.nothing.float32.00000000": 1.0})
    assert stranger.returncode == 1
    assert "mixup.nothing.float32.00000000 is none of the vectors of" in stranger.stderr


@pytest.mark.parametrize(
    ("answer", "expected", "bound", "found"),
    [
        (1.0, 1.125, 0.125, False),
        (1.0, 1.25, 0.125, True),
        ("NaN", "NaN", 0.0, False),
        ("NaN", 0.0, 1.0, True),
        (0.0, "NaN", 1.0, True),
        ("Infinity", "Infinity", 0.0, False),
        ("-Infinity", "Infinity", 0.0, True),
        (None, None, 0.0, False),
        (None, 1.0, 9.0, True),
        (1.0, None, 9.0, True),
        ([1.0, 2.0], [1.0, 2.5], [0.0, 0.5], False),
        ([1.0, 2.0], [1.0, 2.5], 0.25, True),
        ([1.0], [1.0, 2.0], 9.0, True),
        ([1.0, 2.0], 1.0, 9.0, True),
        (1.0, [1.0, 1.0], 9.0, True),
        ([[True], [False]], [[True], [False]], 0.0, False),
        ([[True], [False]], [[True], [True]], 0.0, True),
    ],
)
def test_an_answer_is_wrong_beyond_its_bound_and_in_another_shape(answer, expected, bound, found):
    assert wrong(answer, expected, bound) is found


@pytest.mark.parametrize("technique", made.TECHNIQUES)
def test_files_are_as_the_schema_says(folder, technique):
    jsonschema = pytest.importorskip("jsonschema")
    schema = _read(folder / "schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    info = _read(folder / f"{technique}.json")
    assert not list(validator.iter_errors(info))
    assert list(validator.iter_errors({**info, "vectors": [{**info["vectors"][0], "note": ""}]}))


@pytest.mark.parametrize("technique", made.TECHNIQUES)
def test_each_vector_says_where_it_is_from_and_what_it_is_for(folder, technique):
    known = {fault.id: fault for fault in faults(technique)}
    info = _read(folder / f"{technique}.json")
    assert 100 < len(info["vectors"]) <= 250
    assert len({vector["id"] for vector in info["vectors"]}) == len(info["vectors"])
    assert {vector["asks"] for vector in info["vectors"]} == set(info["asks"])
    for vector in info["vectors"]:
        law = find_law(vector["law"], technique)
        assert (vector["formula"], vector["source"]) == (law.formula, law.source)
        assert vector["severity"] == law.severity_in(vector["dtype"])
        named = [part.partition(":")[0] for part in vector["note"].split("; ") if part.split(":")[0] in known]
        assert named
        assert all(law.name in known[name].caught_by for name in named)
        inputs = numbers(vector["inputs"].get("logits", []))
        rounded = torch.tensor(inputs, dtype=torch_dtype(vector["dtype"])).double().numpy()
        assert np.array_equal(rounded, inputs)


def test_an_id_is_that_of_its_question(folder):
    ids = {vector["id"]: vector for vector in _vectors(folder, "lr_finder")}
    vector = ids["lr_finder.schedule_is_geometric.float64.f668aeef"]
    assert vector["inputs"] == {"start_lr": 1e-5, "end_lr": 1.0, "num_iter": 6, "kind": "geometric"}
    again = [vector["id"] for vector in made.vectors("lr_finder")["vectors"]]
    assert again == list(ids)


def test_answers_make_a_report_with_a_verdict_for_each_law(folder):
    info = _read(folder / "mixup.json")
    answers = {v["id"]: v["expected"] for v in info["vectors"] if v["asks"] in ("mix", "accuracy")}
    bad = next(v for v in info["vectors"] if v["law"] == "accuracy_weighs_both_targets")
    answers[bad["id"]] = bad["expected"] + 0.25
    theirs = Implementation("theirs", "mixup", "1.0", "mix(x)", {})
    report = verdicts(info, answers, theirs, "theirs.jl")
    rows = {(row.property, row.dtype): row for row in report.results}
    broken = rows["accuracy_weighs_both_targets", bad["dtype"]]
    assert broken.verdict == "broken"
    assert bad["id"] in broken.message
    assert broken.worst_error > 1
    assert rows["matches_reference", "float32"].verdict == "holds"
    assert rows["lambda_at_least_half", "float32"].verdict == "unsupported"
    assert report.exit_status == 1
    assert "accuracy_weighs_both_targets" in report.to_html()


def test_the_command_writes_them_and_says_so(tmp_path):
    done = lawful("vectors", "--technique", "lr_finder", "-o", "new", cwd=tmp_path)
    assert done.returncode == 0
    assert "vectors in" in done.stdout
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "lr_finder.json",
        "schema.json",
        "check_answers.py",
    }


@pytest.mark.parametrize(
    ("technique", "message"),
    [
        ("training", "technique is 'training', expected one of label_smoothing, mixup, lr_finder; the laws"),
        ("mixing", "technique is 'mixing', expected one of label_smoothing, mixup, lr_finder"),
    ],
)
def test_a_technique_without_vectors_is_refused(tmp_path, technique, message):
    done = lawful("vectors", "--technique", technique, "-o", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.deep
@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm")
def test_tfjs_is_asked_under_node(tmp_path):
    """Its loss is right but for -inf beside an epsilon of 0, where it multiplies 0 and infinity."""
    from pathlib import Path

    script = Path(__file__).parent.parent / "benchmarks" / "tfjs.py"
    report = tmp_path / "report.json"
    told = [sys.executable, script, "--modules", tmp_path / "tfjs", "--json", report]
    subprocess.run(told, check=True, cwd=tmp_path)
    (theirs,) = json.loads(report.read_text())["implementations"]
    verdict = {row["property"]: row["verdict"] for row in theirs["results"] if row["dtype"] == "float32"}
    assert verdict.pop("zero_epsilon_ignores_masked_classes") == "broken"
    assert "broken" not in verdict.values()
    assert list(verdict.values()).count("holds") >= 15
