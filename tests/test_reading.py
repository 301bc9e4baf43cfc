"""What is read of an implementation is what it computes; what is said to be wrong with it is wrong."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax

from lawful.impl import native, notebook
from lawful.impl.contracts import LabelSmoothing, Training
from lawful.impl.faulty import faults, mended
from lawful.impl.thirdparty import LIBRARIES, adapters
from lawful.properties import reading
from lawful.properties.harness.latex import mathml_of
from lawful.properties.harness.understanding import understand_target
from lawful.properties.reading import Broken, diagnose, read
from lawful.properties.reading.label_smoothing.formulas import fitted
from lawful.properties.reading.mixup.lambdas import law_of
from lawful.properties.registry import find_law, written_techniques
from lawful.properties.subjects import understand
from lawful.properties.subjects.subject import silence

from .asked import ask
from .miniatures import forms, right, right_lr_finders, right_mixups, wrong, wrong_lr_finders, wrong_mixups

FAULTS = [
    (technique, fault)
    for technique in written_techniques()
    for fault in faults(technique)
    if fault.device == "cpu"
]
LARGE = {
    "large_batches_are_no_other",
    "many_classes_do_not_overflow",
    "matches_reference_under_compile",
    "zero_epsilon_ignores_masked_classes",
}
"""Laws of which an example takes long, or seconds to begin."""
SAME_CODE = {
    ("mixup", "NB09"): "M04",
    ("label_smoothing", "NB29"): "L10",
    ("label_smoothing", "NB31"): "L12",
    ("label_smoothing", "NB32"): "L04",
    ("lr_finder", "NB18"): "NB28",
    ("lr_finder", "NB19"): "R10",
    ("lr_finder", "NB23"): "R15",
    ("lr_finder", "XR66"): "R09",
    ("lr_finder", "XR70"): "XR38",
}
"""Faults that are the code of another, or stand on it: that one is named."""
NONE = {
    ("lr_finder", "R14"),
    ("lr_finder", "XR49"),
    ("lr_finder", "XR50"),
    ("mixup", "W12"),
    ("label_smoothing", "X24"),
}
"""Of which too little is seen: which of three random states is changed; what only a compiler does; a sum that
is a few roundings off as those of two others are."""
SAID = {
    ("label_smoothing", "X12"): "gives other losses for the same batch",
    ("mixup", "XM82"): "writes the mixture into the caller's inputs",
    ("lr_finder", "R18"): "state_dict() itself holds the same tensors",
}
"""Those that a reading says without their name."""


def broken_by(subject, names=None, dtypes=None):
    """What breaks of these laws, on the CPU."""
    results = ask(subject, only=names, dtypes=dtypes)
    return [
        Broken(row.property, row.device, row.dtype, row.counterexample, row.message or "")
        for row in results.values()
        if row.verdict == "broken"
    ]


def cases():
    """A part of what gives wrong results in small batches; all others before a release, as each is asked
    again and compared with every fault that breaks the same laws."""
    for number, (technique, fault) in enumerate(FAULTS):
        grave = any(find_law(name, technique).severity == "wrong" for name in fault.caught_by)
        chosen = grave and not LARGE & set(fault.caught_by) and number % 8 == 0
        marks = [] if chosen else [pytest.mark.deep]
        yield pytest.param(technique, fault, id=f"{technique}-{fault.id}", marks=marks)


@pytest.mark.parametrize(("technique", "fault"), [*cases()])
def test_a_fault_is_named_or_nothing_is_said(technique, fault):
    """No fault is taken for another one."""
    subject = understand(fault.adapter)
    diagnosis = diagnose(subject, broken_by(subject, list(fault.caught_by)))
    if (technique, fault.id) in NONE:
        assert diagnosis is None
    elif (technique, fault.id) in SAID:
        assert SAID[technique, fault.id] in diagnosis.text
        assert diagnosis.fault is None
    else:
        assert diagnosis is not None
        assert diagnosis.fault == SAME_CODE.get((technique, fault.id), fault.id)
        assert len(diagnosis.text) > 40


def test_nearly_all_faults_that_give_wrong_results_are_named():
    grave = {
        (technique, fault.id)
        for technique, fault in FAULTS
        if any(find_law(name, technique).severity == "wrong" for name in fault.caught_by)
    }
    assert len(grave - NONE) >= 0.98 * len(grave)
    assert len(FAULTS) - len(NONE) >= 0.98 * len(FAULTS)


# what people write


@pytest.mark.parametrize(
    ("miniature", "says", "fault"),
    [
        (wrong.scaled_by_classes, "they sum to 1 - e/(K + 1)", None),
        (wrong.detached_uniform_term, "the uniform term is detached", "X01"),
        (wrong.overwrites_logits, "changes the caller's logits", None),
        (wrong.no_softmax_maximum, "exp of the logits as they are", "X07"),
        pytest.param(wrong.zero_times_infinity, "0 * inf at epsilon 0", "L10", marks=pytest.mark.deep),
        (wrong.any_epsilon, "outside [0, 1]", "NB33"),
        (wrong_mixups.labels_shuffled_again, "another partner", "M01"),
        (wrong_mixups.swapped_labels, "Exchange the two", None),
        (wrong_mixups.uniform, "from uniform, whatever alpha is", "M08"),
        (wrong_mixups.in_place, "into the caller's inputs", "XM13"),
        (wrong_mixups.FixedSeed, "keeps a generator in the object", "M14"),
        (wrong_mixups.float32_lambda, "gives float32 images", None),
        (wrong_lr_finders.ends_early, "start (end/start)^(i/n)", "R02"),
        (wrong_lr_finders.additive, "the ramp is linear", "R17"),
        (wrong_lr_finders.first_group_only, "the first parameter group alone", "R15"),
        (wrong_lr_finders.no_zero_grad, "never clears the gradients", "R16"),
        (wrong_lr_finders.loader_once, "ends with the loader", "R11"),
        (wrong_lr_finders.four_times_best, "stops at once where losses are negative", "NB20"),
        (wrong_lr_finders.nan_goes_on, "loss is NaN", "R10"),
        (wrong_lr_finders.next_rate_recorded, "the next step's rate", "R04"),
        (forms.log_probabilities_wrong, "smooths with 0.5 of epsilon", None),
        (forms.PaddingRequiredWrong, "smooths with 0.5 of epsilon", None),
        (forms.kl_div_mean, "reduction='batchmean'", None),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_code_that_people_write_is_told_what_to_change(miniature, says, fault):
    with silence():
        subject = understand_target(miniature, miniature.__name__, miniature.__module__)
    law = {**wrong.WRONG, **wrong_mixups.WRONG, **wrong_lr_finders.WRONG}.get(miniature.__name__)
    names = [law or {"label_smoothing": "matches_reference"}.get(subject.technique, _SHARE)]
    diagnosis = diagnose(subject, broken_by(subject, names))
    assert diagnosis is not None
    assert says in diagnosis.text
    assert diagnosis.fault == fault


_SHARE = "inputs_and_targets_share_lambda_and_partner"


@pytest.mark.parametrize(
    "miniature",
    [
        each
        for module in (right, right_mixups)
        for name, each in vars(module).items()
        if getattr(each, "__module__", "") == module.__name__ and not name.startswith("_")
    ]
    + [right_lr_finders.plain, right_lr_finders.averaged, right_lr_finders.corrected_average],
    ids=lambda each: each.__name__,
)
def test_right_code_is_read_as_right(miniature):
    with silence():
        subject = understand_target(miniature, miniature.__name__, miniature.__module__)
    reading = read(subject)
    assert reading is not None
    assert reading.right is True, reading.text
    assert diagnose(subject, []) is None


def _of_base_two(logits, target, eps=0.1):
    return F.cross_entropy(logits, target, label_smoothing=eps) / math.log(2)


def _less_of_what_is_easy(logits, target, eps=0.1):
    log_p = logits.log_softmax(1)
    q = (1 - eps) * F.one_hot(target, logits.shape[1]) + eps / logits.shape[1]
    return -(q * (1 - log_p.exp()) ** 2 * log_p).sum(1).mean()


def _share(alpha, size, x):
    return torch.tensor(np.random.beta(alpha, alpha, size)).to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def _with_noise(x, y, alpha=1.0):
    lam, partner = _share(alpha, len(x), x), torch.randperm(len(x))
    mixed = lam * x + (1 - lam) * x[partner] + 0.01 * torch.randn_like(x)
    return mixed, y, y[partner], lam.flatten()


def _partner_forgotten(x, y, alpha=1.0):
    lam, partner = _share(alpha, len(x), x), torch.randperm(len(x))
    return lam * x, y, y[partner], lam.flatten()


@pytest.mark.parametrize(
    ("code", "law", "says"),
    [
        (_of_base_two, "matches_reference", "takes logarithms to base 2"),
        (_less_of_what_is_easy, "matches_reference", None),
        (_with_noise, "rows_are_convex_combinations", "adds noise to the mixed inputs"),
        (_partner_forgotten, "rows_are_convex_combinations", "nothing of another one of the batch"),
    ],
)
def test_nothing_is_guessed_of_what_only_looks_like_a_fault(code, law, says):
    technique = "label_smoothing" if law == "matches_reference" else "mixup"
    with silence():
        subject = understand_target(code, code.__name__, __name__, technique)
    diagnosis = diagnose(subject, broken_by(subject, [law]))
    if says is None:
        assert diagnosis is None
    else:
        assert says in diagnosis.text
        assert diagnosis.fault is None


def test_a_loop_that_clips_its_gradients_is_right():
    def clipping(model, optimizer, *parts, **options):
        step = optimizer.step

        def clipped():
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.05)
            step()

        optimizer.step = clipped
        (loop,) = (each for each in native.adapters() if each.technique == "training")
        return loop.build(model, optimizer, *parts, **options)

    loop = Training("clipping", clipping, features=frozenset({"shuffle"}))
    reading = read(understand(loop))
    assert reading.right
    assert "clipped" in reading.text


# libraries: what is known to deviate may be read as wrong, and nothing else

AS_KNOWN = {
    ("lightning", "lr_finder"): ("schedule_is_geometric", "history_records_loss", "suggestion_is_steepest"),
    ("fastai", "lr_finder"): ("schedule_hits_both_ends",),
    ("ignite", "lr_finder"): ("schedule_is_geometric", "history_records_lr_used"),
    ("keras", "mixup"): ("dtype_and_device_kept",),
}
"""Readings that are not right, with the deviations that they say."""


@pytest.mark.parametrize("library", ["native", *LIBRARIES])
def test_a_library_is_read_as_its_conventions_say(library):
    shipped = native.adapters() if library == "native" else adapters(library)
    for adapter in shipped:
        if not adapter.installed():
            pytest.skip(f"{library} is not installed")
        with silence():
            subject = understand(adapter)
        reading = read(subject)
        assert reading is not None
        said = AS_KNOWN.get((adapter.name, adapter.technique), ())
        assert reading.right is not bool(said), reading.text
        assert set(said) <= {each.property for each in adapter.deviations}
        _agrees(reading, subject.conventions)


def _agrees(reading, conventions):
    """A reading contradicts no convention."""
    parts = reading.parts
    if reading.technique == "label_smoothing":
        assert parts["q"]["convention"] == conventions["off_target"]
        assert ("entropy" in reading.text) == (conventions["offset"] == "kl")
        if isinstance(parts.get("ignored"), dict) and "ignored_mean" in conventions:
            assert parts["ignored"]["divisor"] == conventions["ignored_mean"]
        if isinstance(parts.get("weights"), dict):
            assert parts["weights"]["weighing"] == conventions["weighting"]
    if reading.technique == "mixup":
        assert parts["pairing"] == conventions["pairing"]
        law = parts["lambda"]["law"] or ""
        assert law.startswith("max") == (conventions["lambda"] == "folded")
    if reading.technique == "lr_finder":
        kind = parts.get("recorded losses", {"kind": "raw"})["kind"]
        averages = {"none": "raw", "ema": "ema from the first", "ema_corrected": "ema corrected"}
        assert averages.get(conventions["smoothing"], kind) == kind


def test_the_notebook_is_read_as_its_defects_say():
    loss, finder, loop = (read(understand(adapter)) for adapter in notebook.adapters())
    assert loss.right
    for words in ("the first group alone", "as many steps as batches", "in the mode that it was given"):
        assert words in finder.text
    for words in ("judges another batch's logits", "as many batches as the shorter loader"):
        assert words in loop.text


# a formula gives the code's own values


def _evaluated(text, e, k):
    """A formula in e and K, as it is shown."""
    code = re.sub(r"(?<=[\d)eK]) ?(?=[eK(])", "*", text.replace("^", "**"))
    return eval(code, {"e": e, "K": k})


@pytest.mark.parametrize("fault", ["L01", "L03", "X13", "X01", "L11", "XA1"])
def test_the_formula_of_q_gives_the_loss(fault):
    (chosen,) = [each for each in faults("label_smoothing") if each.id == fault]
    subject = understand(chosen.adapter)
    parts = read(subject).parts
    asked = subject.on("cpu", "float64")
    rng = np.random.default_rng(8)
    for e, k in ((0.07, 9), (0.6, 4), (0.33, 12)):
        z = rng.normal(0, 2, (1, k))
        q = np.full(k, _evaluated(parts["q"]["other"], e, k))
        q[1] = _evaluated(parts["q"]["own"], e, k)
        assert np.isclose(asked(z.tolist(), [1], e).value, -(q @ log_softmax(z[0])), rtol=1e-7)


@pytest.mark.parametrize("fault", ["R01", "R02", "R03", "R07", "R17", "XR21", "XR04"])
def test_the_formula_of_a_schedule_gives_the_rates(fault):
    (chosen,) = [each for each in faults("lr_finder") if each.id == fault]
    subject = understand(chosen.adapter)
    text = read(subject).parts["schedule"]
    n, start, end = 17, 2e-4, 3.0
    used = subject([1.0] * n, rates=[start, end]).used
    text = text.replace(", and 0 at i = 0", "")
    code = re.sub(r"(?<=\)) (?=\()", "*", text.replace("^", "**").replace("start (", "start*(", 1))
    code = re.sub(r"\) i", ")*i", code)
    rates = [eval(code, {"start": start, "end": end, "n": n, "i": i, "min": min}) for i in range(len(used))]
    skipped = fault == "R01"  # the text says that i = 0 is apart
    assert np.allclose(used[skipped:], rates[skipped:], rtol=1e-5)


@pytest.mark.parametrize("fault", ["M02", "XM02", "M08", "XM04"])
def test_the_shares_of_a_mixup_are_those_that_are_read(fault):
    (chosen,) = [each for each in faults("mixup") if each.id == fault]
    subject = understand(chosen.adapter)
    share = read(subject).parts["inputs"]["share of the partner"]
    weights = subject.on("cpu", "float64").revealed(8, 0.7, 99).value
    own = np.diag(weights)
    other = np.where(np.eye(8, dtype=bool), 0, weights)
    partner = other.argmax(axis=1)
    forms = {
        "1 - lam_i": 1 - own,
        "(1 - lam_i) lam_pi(i)": (1 - own) * own[partner],
        "(1 - lam_i)^(1/2)": np.sqrt(np.abs(1 - own)),
    }
    seen = np.abs(other).max(axis=1) > 0
    assert np.allclose(other.sum(axis=1)[seen], forms[share][seen], atol=1e-9)


@pytest.mark.parametrize("fault", ["L01", "R01", "M01", "NB09"])
def test_a_formula_is_latex_whose_braces_close(fault):
    for technique, each in FAULTS:
        if each.id == fault and technique != "training":
            formula = read(understand(each.adapter)).formula
            assert formula
            assert formula.count("{") == formula.count("}")
            assert "$" not in formula


# a law of lambda is named where one fits, and the others do not


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (lambda rng, a: rng.beta(a, a, 4000), "Beta(alpha, alpha)"),
        (lambda rng, a: rng.uniform(size=4000), "uniform"),
        (lambda rng, a: rng.beta(a, 1, 4000), "Beta(alpha, 1)"),
        (lambda rng, a: rng.beta(min(a, 1), min(a, 1), 4000), "Beta(min(alpha, 1), min(alpha, 1))"),
        (lambda rng, a: rng.beta(a + 1, a, 4000), "Beta(alpha + 1, alpha)"),
    ],
)
@pytest.mark.parametrize("folded", [False, True])
def test_a_law_of_lambda_is_named(draw, name, folded):
    rng = np.random.default_rng(3)
    samples = []
    for a in (0.3, 3.0):
        lams = draw(rng, a)
        lams = np.maximum(lams, 1 - lams) if folded else lams
        samples.append((a, lams[(lams > 1e-4) & (lams < 1 - 1e-4)]))
    if folded:  # folded, Beta(alpha + 1, alpha) is Beta(alpha, alpha)
        name = "max(lam, 1 - lam) of " + name.replace("alpha + 1, alpha", "alpha, alpha")
    assert law_of(samples).text == name


def test_no_law_of_lambda_is_named_that_is_near_another():
    rng = np.random.default_rng(4)
    near = [(a, rng.beta(0.8, 0.8, 4000)) for a in (0.3, 3.0)]
    assert law_of(near).text.startswith("a law like Beta(0.")
    strange = [
        (a, np.where(rng.random(4000) < 0.5, 0.2, 0.7) + rng.normal(0, 0.01, 4000)) for a in (0.3, 3.0)
    ]
    assert law_of(strange) is None


def test_numbers_that_are_no_short_formula_have_none():
    points = [(e, k) for e in (0.1, 0.3) for k in (3, 5, 8)]
    assert fitted([np.sin(10 * e + k) for e, k in points], points, 1e-8) is None
    assert fitted([1 - e + e / k for e, k in points], points, 1e-8).text == "1 - e + e/K"


# what a picture needs; how a fault is explained


def test_a_picture_has_its_numbers():
    loss = read(understand(native.adapters()[0])).parts["picture"]
    assert np.allclose(loss["q"], loss["right"], atol=1e-6)
    mix = read(understand(native.adapters()[2])).parts["picture"]
    assert np.allclose(np.sum(mix["inputs"], axis=1), 1, atol=1e-3)
    assert np.shape(mix["inputs"]) == np.shape(mix["targets"])
    sweep = read(understand(next(a for a in native.adapters() if a.technique == "lr_finder"))).parts[
        "picture"
    ]
    assert np.allclose(sweep["rates"], sweep["right"], rtol=1e-5)


def test_code_that_does_anything_is_read_or_not_and_raises_nothing():
    from lawful.properties.subjects import subject_class

    def build(epsilon, **features):
        def loss(logits, target):
            raise SystemExit(3)

        return loss

    subject = subject_class("label_smoothing")(LabelSmoothing("exits", build))
    assert read(subject) is None
    assert diagnose(subject, [Broken("matches_reference", counterexample={"epsilon": 0.1})]) is None
    assert diagnose(subject, [Broken("no_such_law")]) is None


@pytest.mark.parametrize("technique", written_techniques())
def test_the_fix_of_a_fault_is_short(technique):
    for fault in faults(technique):
        lines = mended.fix(fault)
        assert len(lines) <= mended.MOST
        assert all(line[0] in "-+ " or line.startswith("see impl/") for line in lines)


def test_the_fix_of_a_fault_shows_both_lines():
    (fault,) = [each for each in faults("lr_finder") if each.id == "R02"]
    assert [line for line in mended.fix(fault) if line[0] != " "] == [
        "-     return float(start * (end / start) ** (step / n))",
        "+     return float(start * (end / start) ** (step / (n - 1)))",
    ]


def test_laws_know_nothing_of_readings():
    here = Path(mended.__file__).parents[2] / "properties"
    for name in ("label_smoothing", "mixup", "lr_finder", "training", "composition"):
        assert "reading" not in (here / f"{name}.py").read_text().split("\n\n\n")[0]


def test_every_formula_that_readings_write_can_be_drawn():
    """The commands of LaTeX that stand in their source are those that the page knows."""
    source = "".join(file.read_text() for file in Path(reading.__file__).parent.rglob("*.py"))
    commands = set(re.findall(r"\\[a-zA-Z]{2,}", re.sub(r"\{kind\}", "max", source)))
    unknown = []
    for command in commands - {r"\left", r"\right"}:
        try:
            mathml_of(f"{command}{{a}}{{b}}")
        except ValueError:
            unknown.append(command)
    assert unknown == []


@pytest.mark.parametrize(
    ("latex", "drawn"),
    [
        ("x'_i", "<msub><mi>x′</mi><mi>i</mi></msub>"),
        (r"\left(\frac{a}{b}\right)^2", "<msup><mrow><mo>(</mo><mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        (r"\operatorname{softmax}(z)", "<mi mathvariant='normal'>softmax</mi>"),
        ("a < 1", "<mo>&lt;</mo>"),
    ],
)
def test_a_formula_is_drawn(latex, drawn):
    assert drawn in mathml_of(latex)


def test_what_is_no_command_of_ours_is_refused():
    with pytest.raises(ValueError, match=r"latex has \\int, which is not known here"):
        mathml_of(r"\int x")
