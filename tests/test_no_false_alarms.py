"""Correct implementations hold every law, under any seed; right user code in every style does."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lawful.impl import native
from lawful.impl.contracts import Argument, LabelSmoothing, Mixup
from lawful.impl.native import options
from lawful.properties import twin
from lawful.properties.harness.profiles import PROFILES
from lawful.properties.registry import find_law
from lawful.properties.subjects import understand

from .asked import LIGHT, QUICK, ask, part_of
from .asked import check_on_cpu as check
from .miniatures import (
    right,
    right_lr_finders,
    right_mixups,
    wrong,
    wrong_lr_finders,
    wrong_mixups,
)


def _upcasting(epsilon, **features):
    """F.cross_entropy in float32 at least, with epsilon checked: known to be right."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon is {epsilon}")

    def loss(logits, target):
        wide = logits if logits.dtype == torch.float64 else logits.float()
        weight = features.get("weight")
        soft = target.is_floating_point()
        options = {**features, "weight": None if weight is None else weight.to(wide.dtype)}
        result = F.cross_entropy(
            wide, target.to(wide.dtype) if soft else target, label_smoothing=epsilon, **options
        )
        return result.to(logits.dtype)

    return loss


SEEDED = replace(QUICK, examples=5, boundary=False)
"""The boundary phase is the same under every seed: other tests ask it once."""
GOOD = {
    **{f"{adapter.name}-{adapter.technique}": adapter for adapter in native.adapters()},
    "torch_upcasting": LabelSmoothing(
        "torch_upcasting",
        _upcasting,
        features=LabelSmoothing.usual_features,
        arguments={"reduction": Argument("mean", values=("mean", "sum", "none"))},
    ),
}
CASES = {"label_smoothing": 95, "mixup": 88, "lr_finder": 58, "training": 14}


DEAR = "native_"
"""Our options: ``make deep`` asks them."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.deep] if name.startswith(DEAR) else []) for name in sorted(GOOD)
    ],
)
def good(request):
    return understand(GOOD[request.param])


SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(1, 30))]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_breaks_under_any_seed(good, seed):
    """An option of ours is asked under every fifth seed; a range test, of which one example is many, under
    every third, and less."""
    if "_" in good.adapter.name.removeprefix("torch_") and seed % 5:
        pytest.skip("an option: every fifth seed")
    if good.technique == "lr_finder" and seed % 3:
        pytest.skip("a range test: every third seed")
    examples = 2 if good.technique == "lr_finder" else SEEDED.examples
    results = ask(good, seed=seed, profile=replace(SEEDED, examples=examples))
    assert [row for row in results.values() if row.verdict not in ("holds", "unsupported")] == []
    assert len(results) == CASES[good.technique]


@pytest.mark.deep
def test_nothing_breaks_on_the_twin(good):
    if why := twin.why_absent():
        pytest.skip(why)
    results = ask(good, device="twin", dtypes=["float32"], profile=PROFILES[LIGHT])
    assert [row for row in results.values() if row.verdict not in ("holds", "unsupported")] == []
    assert any(row.verdict == "holds" for row in results.values())


_NOT_ASKED = ("a law only where", "not asked in the quick profile")
_FEW_OFFER_IT = "refused with says"
_OFFERED_BY_OTHERS = (
    "everything_is_drawn_from_its_generator",  # those that take none
    "sequences_are_flattened",  # ours have their classes in dimension 1
    "second_run_of_one_object_is_as_the_first",  # our range test is a function
    "one_hot_rows_are_mixed_alike",  # for ours, whole numbers (N, d) are classes of places
)


def test_nothing_breaks_at_the_boundaries_and_everything_is_asked(good):
    results = ask(good, profile=PROFILES[LIGHT] if good.technique == "lr_finder" else QUICK)
    others = [row for row in results.values() if row.verdict != "holds"]
    asked = [r for r in others if _FEW_OFFER_IT not in r.message and r.property not in _OFFERED_BY_OTHERS]
    assert [row for row in asked if not row.message.startswith(_NOT_ASKED)] == []
    assert len(asked) <= 8


@pytest.mark.parametrize("adapter", part_of(options.adapters(), 4), ids=lambda a: f"{a.name}-{a.technique}")
def test_nothing_breaks_in_our_other_options(adapter):
    results = ask(understand(adapter), profile=PROFILES[LIGHT])
    assert [row for row in results.values() if row.verdict not in ("holds", "unsupported")] == []
    assert len(results) == CASES[adapter.technique]


STYLES = [
    *((right, name) for name in right.RIGHT),
    *((right_mixups, name) for name in right_mixups.RIGHT),
    *((right_lr_finders, name) for name in right_lr_finders.RIGHT),
]
FAULTS = [
    *((wrong, name, law) for name, law in wrong.WRONG.items()),
    *((wrong_mixups, name, law) for name, law in wrong_mixups.WRONG.items()),
    *((wrong_lr_finders, name, law) for name, law in wrong_lr_finders.WRONG.items()),
]


@pytest.mark.parametrize("style", part_of(STYLES, 6), ids=[name for _, name in STYLES])
def test_right_code_in_each_style_breaks_nothing(style):
    module, name = style
    report = check(getattr(module, name), dtypes=["float32", "float16"])
    assert [row for row in report.results if row.verdict not in ("holds", "unsupported")] == []
    assert report.counts()["holds"] >= 18


@pytest.mark.parametrize(("module", "name", "law"), FAULTS, ids=[name for _, name, _ in FAULTS])
def test_wrong_code_is_broken_at_the_law_one_would_expect(module, name, law):
    report = check(getattr(module, name), only=[law])
    broken = {row.property for row in report.results if row.verdict == "broken"}
    rests = set(find_law(law, report.implementations[0].technique).rests_on)
    assert law in broken
    assert broken - {law} <= rests


@pytest.mark.parametrize(
    ("name", "convention", "value"),
    [
        ("function", "off_target", "uniform"),
        ("off_target_others", "off_target", "others"),
        ("kl", "offset", "kl"),
        ("Ignoring", "ignored_mean", "kept"),
        ("ClassesThenAlpha", "weighting", "every_term"),
    ],
)
def test_conventions_are_detected(name, convention, value):
    report = check(getattr(right, name), only=["repeats"])
    assert report.implementations[0].conventions[convention] == value


def test_a_required_convention_that_is_another_breaks_and_says_why():
    report = check(right.off_target_others, only=["matches_reference"], require={"off_target": "uniform"})
    messages = {row.property: row.message for row in report.results if row.verdict == "broken"}
    assert messages["require off_target=uniform"] == ("off_target is others, and uniform is required")
    assert "matches_reference" in messages
    assert report.exit_status == 1


def test_features_that_the_signature_lacks_are_refused_and_reported_so():
    report = check(right.function, only=["reductions_agree"])
    assert {row.verdict for row in report.results} == {"unsupported"}
    assert "refused with TypeError" in report.results[0].message


def test_an_option_that_is_swallowed_is_accepted_and_ignored():
    report = check(wrong.swallows_options, only=["reductions_agree"])
    rows = [row for row in report.results if row.property == "reductions_agree"]
    assert all("accepted and ignored: reduction" in row.message for row in rows)


def row_by_row(logits, target, smoothing=0.1):
    """In a running sum, whose error grows with the batch."""
    total = torch.zeros((), dtype=logits.dtype)
    for z, y in zip(logits, target, strict=True):
        log_p = z.log_softmax(0)
        total = total - (1 - smoothing) * log_p[y] - smoothing * log_p.mean()
    return total / len(logits)


def test_a_running_sum_over_a_large_batch_is_right():
    report = check(row_by_row, only=["large_batches_are_no_other"])
    assert {row.verdict for row in report.results} == {"holds"}


def looks_at_the_training_set(model, train_loader, optimizer, criterion, epochs=1, val_loader=None):
    """After each epoch, in evaluation mode; its losses are those."""
    history = {"train_loss": []}
    for _ in range(epochs):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            for loader in (train_loader, val_loader):
                losses = [(criterion(model(x), y).item() * len(x), len(x)) for x, y in loader]
                if loader is train_loader:
                    total, seen = map(sum, zip(*losses, strict=True))
                    history["train_loss"].append(total / seen)
    return history


def test_a_loop_that_evaluates_on_its_training_set_trains_in_training_mode():
    report = check(looks_at_the_training_set, technique="training")
    assert "broken" not in {row.verdict for row in report.results}
    assert "trains_in_training_mode" in {row.property for row in report.results if row.verdict == "holds"}


DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def goes_to_a_device_of_its_own(model, train_loader, optimizer, criterion, epochs=1):
    """And has no validation set."""
    model.to(DEVICE)
    for _ in range(epochs):
        for x, y in train_loader:
            optimizer.zero_grad()
            criterion(model(x.to(DEVICE)), y.to(DEVICE)).backward()
            optimizer.step()


def test_a_loop_may_choose_its_device_and_have_no_validation_set():
    report = check(goes_to_a_device_of_its_own, technique="training", device="auto")
    rows = {(row.property, row.device): row for row in report.results}
    assert "broken" not in {row.verdict for row in report.results}
    assert "asks for CUDA by name (DEVICE)" in rows["stays_on_its_device", "twin"].message
    assert rows["evaluation_changes_nothing", "cpu"].verdict == "unsupported"
    assert rows["step_gradient_matches_mixed_loss", "cpu"].verdict == "holds"


class NeighboursSwapped:
    """Each two neighbours are each other's partners, and share one lambda; a last one is left alone."""

    def __init__(self, alpha, num_classes):
        if not 0 < alpha < float("inf"):
            raise ValueError(f"alpha is {alpha}")
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, inputs, target):
        if not inputs.is_floating_point() or len(inputs) != len(target):
            raise ValueError(f"inputs of {inputs.dtype}, {len(target)} targets")
        size = len(inputs)
        lam = torch.distributions.Beta(self.alpha, self.alpha).sample(((size + 1) // 2,))
        lam = lam.repeat_interleave(2)[:size].to(inputs.dtype)
        partner = (torch.arange(size) ^ 1).clamp(max=size - 1)
        rows = F.one_hot(target, self.num_classes).to(inputs.dtype)
        share = lam.reshape(-1, *[1] * (inputs.ndim - 1))
        mixed = share * inputs + (1 - share) * inputs[partner]
        return mixed, lam[:, None] * rows + (1 - lam[:, None]) * rows[partner]


def test_partners_may_share_their_lambda():
    results = ask(understand(Mixup("swapped", NeighboursSwapped)), profile=QUICK)
    assert [row for row in results.values() if row.verdict == "broken" and row.severity == "wrong"] == []
    (row,) = (row for row in results.values() if row.property == "lambdas_are_independent")
    assert row.verdict == "holds"
