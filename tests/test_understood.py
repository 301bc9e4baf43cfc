"""What is understood though it is wrong in every form, what is set so that it is no other technique, and what
is no fault of the code."""

import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lawful.properties import twin
from lawful.properties.cuda_as_cpu import CudaAsCpu
from lawful.properties.harness.understanding import understand_target
from lawful.properties.harness.understanding.names import classes_of
from lawful.properties.harness.understanding.trials import RaisesOnEveryCall
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import silence

from .asked import check_on_cpu as check
from .asked import part_of
from .miniatures import choices, forms_losses, forms_mixups, narrow_losses, people
from .miniatures.forms import _run as forms_run

twin.why_absent()
SHARES = "inputs_and_targets_share_lambda_and_partner"
WRONG = {
    "hidden_state_left_alone": {SHARES, "lambda_varies"},
    "labels_left_alone": {SHARES},
    "too_many_dimensions": {SHARES},
    "applied_the_wrong_way_round": {"lambda_varies"},
    "blends_class_numbers": {SHARES},
    "casts_mixed_labels": {SHARES},
    "casts_mixed_rows": {SHARES},
}
SAID = {
    "too_many_dimensions": "mixed target has shape (2, 1, 2, 2), expected (2, 2)",
    "applied_the_wrong_way_round": "nothing was mixed in 24 calls",
    "blends_class_numbers": "class numbers are blended as numbers",
}


def understood(code, technique=None):
    with silence():
        return understand_target(code, code.__name__, __name__, technique)


@pytest.mark.parametrize("name", part_of(WRONG, 2))
def test_what_is_wrong_in_every_form_is_understood_and_is_so_once(name):
    skip = ["lambda_follows_beta", "lambdas_are_independent", "pairing_is_uniform"]
    report = check(getattr(forms_mixups, name), technique="mixup", skip=skip)
    wrong = [f for f in report.findings() if f.verdict == "broken" and f.severity == "wrong"]
    assert {f.property for f in wrong} == WRONG[name]
    assert report.counts()["error"] == 0
    assert any(SAID.get(name, "") in f.rows[0].message for f in wrong)


# errors of the code's own lines, however it is called


def smooth_with_a_method_that_lacks_an_argument(logits, target, smoothing=0.1):
    def spread(log_p, classes):
        return -log_p.sum(1) / classes

    log_p = F.log_softmax(logits, dim=-1)
    return (smoothing * spread(log_p) + (1 - smoothing) * F.nll_loss(log_p, target, reduction="none")).mean()


def mixup_with_a_size_for_a_number(x, y, alpha=1.0):
    lam, index = np.random.beta(alpha, alpha), torch.randperm(x.size()())
    return lam * x + (1 - lam) * x[index], y, y[index], lam


def mixup_of_a_law_that_is_not_there(x, y, alpha=1.0):
    lam = torch.distribution.Beta(alpha, alpha).sample()
    return lam * x + (1 - lam) * x.flip(0), y, y.flip(0), lam


class SmoothWithoutItsNumber(nn.Module):
    def __init__(self, smoothing=0.1):
        super().__init__()
        self.smoothing = smoothing

    def forward(self, logits, target):
        return F.cross_entropy(logits, target, label_smoothing=self.epsilon)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (smooth_with_a_method_that_lacks_an_argument, "TypeError: .*missing 1 required positional argument"),
        (mixup_with_a_size_for_a_number, "TypeError: 'torch.Size' object is not callable"),
        (mixup_of_a_law_that_is_not_there, "AttributeError: module 'torch' has no attribute 'distribution'"),
        (
            SmoothWithoutItsNumber,
            "AttributeError: 'SmoothWithoutItsNumber' object has no attribute 'epsilon'",
        ),
    ],
)
def test_an_error_of_its_own_lines_is_a_finding_at_its_line(code, error):
    with pytest.raises(RaisesOnEveryCall, match=rf"raises on every call at test_understood.py:\d+: {error}"):
        understood(code)


def test_a_check_in_python_says_it_as_a_finding():
    report = check(SmoothWithoutItsNumber)
    (finding,) = report.findings()
    assert (finding.property, finding.severity) == ("runs", "wrong")
    with pytest.raises(AttributeError, match="epsilon"):
        exec(finding.rows[0].reproduce, {})


def smooth_of_what_is_no_tensor(outputs, labels, smoothing=0.1):
    return F.cross_entropy(outputs.last_hidden, labels, label_smoothing=smoothing)


def smooth_refuses(logits, target, smoothing=0.1):
    raise TypeError("arrays alone")


class SetByAnother:
    """What another method sets is not there yet."""

    def fit(self, alpha):
        self.lam = np.random.beta(alpha, alpha)

    def mixup(self, x, y):
        return self.lam * x + (1 - self.lam) * x.flip(0), y, y.flip(0), self.lam


@pytest.mark.parametrize("code", [smooth_of_what_is_no_tensor, smooth_refuses])
def test_what_may_be_about_what_we_gave_is_no_finding(code):
    with pytest.raises(NotUnderstood) as told:
        understood(code)
    assert not isinstance(told.value, RaisesOnEveryCall)


def test_what_another_method_sets_is_no_finding():
    with pytest.raises(NotUnderstood) as told, silence():
        understand_target(SetByAnother.mixup, "SetByAnother.mixup", __name__, "mixup", SetByAnother)
    assert not isinstance(told.value, RaisesOnEveryCall)


# neutral where it is not asked


class WithNumbers(nn.Module):
    """A gamma and a temperature, which would make another loss of it, and a number that nobody knows."""

    def __init__(self, eps=0.1, gamma=2.0, temperature=4.0, sharpness=3.0):
        super().__init__()
        self.eps, self.gamma, self.temperature, self.sharpness = eps, gamma, temperature, sharpness

    def forward(self, x, y):
        log_p = F.log_softmax(x / self.temperature, 1)
        focal = (1 - log_p.exp()) ** self.gamma
        q = (1 - self.eps) * F.one_hot(y, x.shape[1]) + self.eps / x.shape[1]
        return -(q * focal * log_p).sum(1).mean()


def test_what_would_be_another_loss_is_set_and_what_is_left_alone_is_told():
    shown = understood(WithNumbers).adapter.shown_as
    assert "gamma=0.0, temperature=1.0" in shown
    assert shown.endswith("(left at its default: sharpness=3.0)")


def focal_loss_smoothed(logits, target, smoothing=0.1):
    log_p = F.log_softmax(logits, 1)
    q = (1 - smoothing) * F.one_hot(target, logits.shape[1]) + smoothing / logits.shape[1]
    return -(q * (1 - log_p.exp()) ** 2 * log_p).sum(1).mean()


def cutmix_data(x, y, alpha=1.0):
    lam, index = np.random.beta(alpha, alpha), torch.randperm(len(x))
    mixed = x.clone()
    mixed[..., : int(x.shape[-1] * (1 - lam))] = x[index][..., : int(x.shape[-1] * (1 - lam))]
    return mixed, y, y[index], lam


@pytest.mark.parametrize(
    ("code", "technique", "word"),
    [(focal_loss_smoothed, "label_smoothing", "focal"), (cutmix_data, "mixup", "cutmix")],
)
def test_where_it_cannot_be_set_it_is_another_technique_and_that_is_said(code, technique, word):
    with pytest.raises(NotUnderstood, match=f"named after another .*: {word}"):
        understood(code, technique)


@pytest.mark.parametrize("required", [False, True])
def test_options_of_another_technique_are_set_required_or_not(required):
    def mixed(x, y, alpha=1.0, beta=3.0, cutmix_alpha=1.0, cutmix_prob=0.5, label_smoothing=0.1):
        return forms_mixups.CutMixToo(alpha, cutmix_alpha, cutmix_prob, 0.0, 9, label_smoothing)(x, y)

    mixed.__defaults__ = None if required else mixed.__defaults__
    shown = understood(mixed, "mixup").adapter.shown_as
    assert "cutmix_alpha=0.0, cutmix_prob=0.0, label_smoothing=0.0" in shown


# what is no fault of the code


@pytest.mark.skipif("torch.cuda.is_available()", reason="there is CUDA here")
def test_the_cpu_stands_in_for_every_way_to_ask_for_cuda():
    x = torch.ones(2, 3)
    with CudaAsCpu() as stand_in:
        asked = [
            x.cuda(),
            x.cuda(0),
            x.cuda(non_blocking=True),
            x.to("cuda:0"),
            x.to(0),
            x.to(torch.device("cuda")),
            x.type(torch.cuda.FloatTensor),
            x.type("torch.cuda.FloatTensor"),
            torch.cuda.FloatTensor(2, 3).fill_(1),
            torch.zeros(2, device="cuda"),
            nn.Linear(2, 3).cuda().weight,
            nn.Linear(2, 3).to("cuda").weight,
        ]
        assert stand_in.stood_in
    assert {each.device.type for each in asked} == {"cpu"}
    with pytest.raises((AssertionError, RuntimeError)):
        x.cuda()


def test_the_stand_in_is_not_said_to_have_stood_in_where_nobody_asked():
    with CudaAsCpu() as stand_in:
        torch.ones(2).to("cpu")
        assert not torch.cuda.is_available() or torch.cuda.FloatTensor
    assert not stand_in.stood_in


@pytest.mark.skipif("torch.cuda.is_available()", reason="there is CUDA here")
def test_the_cpu_stands_in_at_every_call_where_the_source_names_cuda():
    report = check(forms_losses.CudaWhereItIgnores, only=["ignored_targets_do_not_count", "repeats"])
    assert {row.verdict for row in report.results} == {"holds"}


def smooth_by_type(logits, target, smoothing=0.1):
    if isinstance(target, torch.LongTensor | torch.cuda.LongTensor):
        target = F.one_hot(target, logits.shape[1])
    q = (1 - smoothing) * target + smoothing / logits.shape[1]
    return -(q * F.log_softmax(logits, 1)).sum(1).mean()


def test_a_type_of_cuda_means_no_twin():
    subject = understood(smooth_by_type)
    assert subject.not_on_the_twin == "it asks for torch.cuda.LongTensor"


def test_where_our_zip_cuts_the_question_is_declined_with_the_reason():
    report = check(forms_mixups.samples_of_tensors, only=["rejects_mismatched_batch"])
    (message,) = {row.message for row in report.results}
    assert (
        message == "no lengths: the adapter gives each sample its label, and leaves out what is without one"
    )


def test_a_padding_class_lies_below_every_real_logit():
    from .miniatures import forms

    with silence():
        subject = understand_target(forms.PaddingRequired, "PaddingRequired", forms.__name__)
    loss, target = subject.adapter.build(0.1), torch.tensor([0, 1])
    logits = torch.tensor([[0.0, 1.0, -2.0], [0.5, 0.0, 1.0]], dtype=torch.float64)
    plain = loss(logits, target)
    for shift in (-1e4, 1e4):  # at the logit of a padding of -1e4, it would take its share
        assert torch.allclose(loss(logits + shift, target), plain)


@pytest.mark.parametrize(
    ("name", "source"),
    [("WeightsInAList", "['weight'].tolist()"), ("WeightsInAnArray", "['weight'].detach().cpu().numpy()")],
)
def test_class_weights_are_given_as_they_are_taken(name, source):
    with silence():
        code = getattr(forms_losses, name)
        subject = understand_target(code, name, forms_losses.__name__)
    assert source in subject.adapter.imports.replace('"', "'")


# what it does not take is not asked


NARROW = {
    "MoreThanTwoClasses": {"matches_reference"},
    "sample_weights": {"matches_reference"},
    "IgnoresItsOwn": {"ignored_targets_do_not_count"},
    "MeanOrSum": {"reductions_agree"},
}


@pytest.mark.parametrize("name", NARROW)
def test_what_it_does_not_take_narrows_the_question(name):
    laws = ["matches_reference", "ignored_targets_do_not_count", "reductions_agree", "inputs_not_modified"]
    asked = {"only": laws}
    right = check(getattr(narrow_losses, name), **asked)
    assert right.counts()["broken"] == right.counts()["error"] == 0
    twin = next(n for n in (f"{name}Wrong", f"{name}_wrong") if hasattr(narrow_losses, n))
    wrong = check(getattr(narrow_losses, twin), **asked)
    assert {f.property for f in wrong.findings() if f.severity == "wrong"} == NARROW[name]


def test_classes_that_end_in_an_error_are_said_and_not_asked():
    subject = understood(narrow_losses.MoreThanTwoClasses)
    assert subject.refused_classes.keys() == {1, 2}
    assert "For 2 classes it raises an error (ZeroDivisionError: " in subject.remarks()[-1]


def test_weights_of_samples_are_no_class_weights():
    assert "weight" not in understood(narrow_losses.sample_weights).features
    assert "weight" not in understood(narrow_losses.SampleWeights).features
    wrong = check(narrow_losses.class_weights_wrong, only=["class_weights_follow_convention"])
    assert {f.severity for f in wrong.findings()} == {"wrong"}


def test_a_reduction_that_changes_nothing_is_wrong():
    report = check(narrow_losses.ReductionWithoutEffect, only=["reductions_agree"])
    assert {f.severity for f in report.findings()} == {"wrong"}


def test_what_code_ignores_by_default_is_asked():
    subject = understood(narrow_losses.IgnoresItsOwn)
    assert [subject.ignorable(index) for index in (-100, -1, 0)] == [255, 255, 0]


# what is no history


def what_trained(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """It keeps what it trained, as it was and as it is."""
    lrs, losses = forms_run(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    before = {"optimizer_state": optimizer.state_dict(), "model_state": model.state_dict()}
    return {**before, "weights": list(model.parameters()), "lrs": lrs, "losses": losses}


def what_trained_alone(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    kept = what_trained(model, optimizer, criterion, loader, start_lr, end_lr, num_iter)
    return {name: value for name, value in kept.items() if name not in ("lrs", "losses")}


class LossOfItsOwn:
    """It keeps what it trains on, too."""

    def __init__(self, model, loader, optimizer, initial_lr=1e-8, final_lr=10.0):
        self.model, self.loader, self.optimizer = model, loader, optimizer
        self.initial_lr, self.final_lr = initial_lr, final_lr
        self.losses, self.lrs = [], []

    def find(self):
        factor = (self.final_lr / self.initial_lr) ** (1 / (len(self.loader) - 1))
        for step, (x, y) in enumerate(self.loader):
            lr = self.optimizer.param_groups[0]["lr"] = self.initial_lr * factor**step
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())
            self.lrs.append(lr)


def test_what_is_trained_on_is_no_history():
    adapter = understood(LossOfItsOwn, "lr_finder").adapter
    assert "lrs = finder.lrs, losses = finder.losses" in adapter.shown_as


def test_a_weight_or_a_state_is_no_history():
    adapter = understood(what_trained, "lr_finder").adapter
    assert "lrs = result['lrs'], losses = result['losses']" in adapter.shown_as
    assert "history" not in understood(what_trained_alone, "lr_finder").adapter.features


# how much it takes to say so


def gives_a_word(logits, target, a=0.1, b=0.2, smoothing=0.1):
    gives_a_word.calls += 1
    return "a loss"


def mixup_of_nothing(x, y, gamma, alpha=1.0, mode="batch", p=0.5):
    mixup_of_nothing.calls += 1
    return None


@pytest.mark.parametrize(("code", "most"), [(gives_a_word, 600), (mixup_of_nothing, 1000)])
def test_what_is_not_understood_is_not_tried_for_ever(code, most):
    code.calls = 0
    with pytest.raises(NotUnderstood):
        understood(code)
    assert code.calls < most


def test_the_callees_module_is_as_it_was_after_a_finder_took_its_globals():
    from .miniatures import forms

    before = dict(vars(forms))
    with silence():
        understand_target(forms.from_its_module, "from_its_module", forms.__name__)
    assert {n: v for n, v in vars(forms).items() if n in ("model", "optimizer", "criterion")} == {
        "model": None,
        "optimizer": None,
        "criterion": None,
    }
    assert vars(forms).keys() == before.keys()
    assert "forms" in sys.modules[forms.__name__].__name__


@pytest.mark.parametrize("name", ["mixup_of_two_drawn", "numbers_of_two_drawn"])
def test_a_mixture_of_two_that_are_drawn_is_told_and_not_judged(name):
    with pytest.raises(NotUnderstood, match="it draws both samples of a mixture"):
        understood(getattr(forms_mixups, name))


def test_a_generator_that_has_to_be_given_is_seeded():
    report = check(forms_mixups.of_a_generator_of_its_own, only=["seeded_runs_repeat", "seeds_differ"])
    assert {row.verdict for row in report.results} == {"holds"}


def smooth_with_padding_0(logits, target, smoothing=0.1):
    """Class 0 is padding, and has a share of the smoothing."""
    rows = F.one_hot(target, logits.size(1)) * (1 - smoothing) + smoothing / logits.size(1)
    kept = target.ne(0)
    return -(rows * logits.log_softmax(1)).sum(1).masked_select(kept).sum() / (kept.sum() * 2 - kept.sum())


def twice_with_padding_0(logits, target, smoothing=0.1):
    return 2 * smooth_with_padding_0(logits, target, smoothing)


def test_what_has_no_loss_of_class_0_is_told_and_not_judged():
    with pytest.raises(NotUnderstood, match="class 0 is its padding"):
        understood(twice_with_padding_0)


def trains_on_its_own_loss(model, loader, optimizer):
    """An epoch."""
    for x, _ in loader:
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def test_a_loss_of_its_own_is_told_and_not_judged():
    with pytest.raises(NotUnderstood, match="its loss is its own"):
        understood(trains_on_its_own_loss)


@pytest.mark.parametrize("name", choices.CHOICES)
def test_a_choice_is_not_accused(name):
    report = check(getattr(choices, name), only=[choices.CHOICES[name]], profile="quick")
    assert "wrong" not in {finding.severity for finding in report.findings()}
    assert any(row.property == choices.CHOICES[name] for row in report.results)


def sets_the_rate_too_late(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """After each step, for the next one: the first one is at the optimizer's own rate, which may be 0."""
    rates, losses = [], []
    model.train()
    for i, (x, y) in zip(range(num_iter), loader, strict=False):
        rate = start_lr * (end_lr / start_lr) ** (i / (num_iter - 1))
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = rate
        rates.append(rate)
        losses.append(loss.item())
    return rates, losses


def test_a_first_step_at_a_rate_of_0_is_no_error_of_ours():
    report = check(sets_the_rate_too_late, only=["sweeps_every_param_group"], device="cpu", profile="quick")
    assert report.counts()["error"] == 0


def test_what_mixes_seldom_at_one_alpha_mixes_all_the_same():
    report = check(forms_mixups.seldom_for_large_alpha, only=["lambda_varies", "seeds_differ"])
    assert report.findings() == []


def test_a_logger_that_is_not_installed_is_not_needed(tmp_path):
    (tmp_path / "losses.py").write_text(
        "from nowhere_to_be_had import logger\n"
        "import torch.nn.functional as F\n"
        "def smooth(logits, target, smoothing=0.1):\n"
        "    logger.info('called')\n"
        "    return F.cross_entropy(logits, target, label_smoothing=smoothing)\n"
    )
    report = check(f"{tmp_path / 'losses.py'}:smooth", only=["matches_reference"])
    assert {row.verdict for row in report.results} == {"holds"}


def test_a_test_that_never_ends_is_one_finding():
    """Its loss stays beyond the bound at which it leaves the inner loop."""
    laws = ["restores_model", "restores_after_divergence", "scale_invariant", "stops_on_divergence"]
    report = check(people.never_stops, only=[*laws, "suggestion_survives_noise"], profile="quick")
    found = [finding for finding in report.findings() if finding.verdict == "broken"]
    assert [f.severity for f in found if "does not end" in f.rows[0].message] == ["wrong"]
    assert not any("does not end" in row.message for f in found for row in f.rows[1:])


def test_what_mixes_is_no_loss():
    with pytest.raises(NotUnderstood, match=r"^mixup: called as"):
        understood(people.mixes_and_smooths)


def test_labels_that_come_first_are_no_mixture_of_inputs():
    with pytest.raises(NotUnderstood):
        understood(people.OfTwoGenerators)


def test_a_technique_that_its_parameters_rule_out_is_not_the_one_to_write_for():
    with pytest.raises(NotUnderstood, match=r"(?s)training: .*contracts.Training") as caught:
        understood(people.train_with_mixup)
    assert "mixup: " not in str(caught.value)


def lr_finder_of_hidden_states(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """Of a model that has a method, and gives two things."""
    rates = []
    for i, (x, y) in zip(range(num_iter), loader, strict=False):
        model.start_of(len(x))
        outputs, _ = model(x)
        criterion(outputs, y).backward()
        rates.append(start_lr * (end_lr / start_lr) ** (i / num_iter))
    return rates


def test_a_method_that_our_model_lacks_is_no_fault_of_the_code():
    with pytest.raises(NotUnderstood, match="GivingSeveral") as caught:
        understood(lr_finder_of_hidden_states)
    assert not isinstance(caught.value, RaisesOnEveryCall)


def fills_lists(model, train_loader, optimizer, criterion, losses):
    """An epoch, whose losses go into a list of the caller's."""
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        print(f"loss {losses[-1]}")


def lr_finder_of_another_loss(model, optimizer, criterion, loader, start_lr, end_lr, num_iter):
    """The loss that it is given is for what it looks at afterwards: it trains by its own."""

    def its_own(logits, labels):
        return F.nll_loss(logits, labels)

    lrs, losses = forms_run(model, optimizer, its_own, loader, start_lr, end_lr, num_iter)
    criterion(*(model(x) for x, _ in [next(iter(loader))]), next(iter(loader))[1])
    return lrs, losses


def test_what_is_filled_is_a_list_and_a_loss_of_its_own_is_scripted():
    assert "losses=[]" in understood(fills_lists).adapter.shown_as
    assert (
        "with criterion in place of its cross-entropy"
        in understood(lr_finder_of_another_loss).adapter.shown_as
    )


def test_labels_for_each_place_are_told_and_not_judged():
    with pytest.raises(NotUnderstood, match="it takes a label for each place"):
        understood(people.mixup_of_maps)


def test_a_file_without_imports_is_a_part_of_another(tmp_path):
    code = "def smooth(logits, target, smoothing=0.1):\n    return F.cross_entropy(logits, target)\n"
    (tmp_path / "cell.py").write_text(code)
    with pytest.raises(NotUnderstood, match=r"needs F \(cell.py:2\), and its file imports nothing"):
        check(f"{tmp_path / 'cell.py'}:smooth")
    (tmp_path / "whole.py").write_text(f"import math\n{code}")
    report = check(f"{tmp_path / 'whole.py'}:smooth")
    assert "name 'F' is not defined" in report.results[0].message


class SmoothsInAMethod(torch.nn.Module):
    """A loss, and a method that smooths its targets, for a number of classes that is called a length."""

    def __init__(self, e=0.1, reduction="mean"):
        super().__init__()
        self.e, self.reduction = e, reduction

    def smooth_label(self, target, length=9, smooth_factor=0.1):
        return F.one_hot(target, length) * (1 - smooth_factor) + smooth_factor / length


def test_a_method_that_smooths_targets_counts_classes_by_any_name():
    named = "SmoothsInAMethod.smooth_label"
    subject = understand_target(SmoothsInAMethod.smooth_label, named, __name__, owner=SmoothsInAMethod)
    assert (
        "(target, smooth_factor=epsilon, length=logits.shape[1]) * log_softmax(logits)"
        in subject.adapter.shown_as
    )
    assert "reduction" not in subject.adapter.features  # of the loss, and not of this method


class NamesItsPadding(torch.nn.Module):
    """Of a name that no list has."""

    def __init__(self, vocab_size, smoothing=0.1, pad_token_value=0):
        super().__init__()
        self.smoothing, self.pad_token_value = smoothing, pad_token_value

    def forward(self, logits, target):
        kept = target != self.pad_token_value
        rows = F.one_hot(target.where(kept, 0), logits.size(1)) * (1 - self.smoothing)
        losses = -((rows + self.smoothing / logits.size(1)) * logits.log_softmax(1)).sum(1)
        return losses.masked_select(kept).sum() / kept.sum()


@pytest.mark.parametrize(
    "name", ["class_size", "num_cls", "label_count", "vocabulary_size", "number_of_classes"]
)
def test_a_number_of_classes_is_one_by_many_names(name):
    assert classes_of({"eps": 0.1, name: 10}) == name
    assert classes_of({"label_smoothing": 0.1, "classifier": 10}) is None


def test_a_padding_is_one_by_any_name():
    assert "ignore_index" in understood(NamesItsPadding).features


def test_a_function_of_a_class_without_self_is_called_on_the_class():
    named = "OfItsClass.mix"
    subject = understand_target(
        forms_mixups.OfItsClass.mix, named, forms_mixups.__name__, owner=forms_mixups.OfItsClass
    )
    assert "OfItsClass.mix(inputs, one_hot(target)" in subject.adapter.shown_as


def test_the_draft_for_a_method_imports_its_class():
    with pytest.raises(NotUnderstood) as caught:
        understand_target(Trainer.train_step, "Trainer.train_step", __name__, owner=Trainer)
    assert f"from {__name__} import Trainer\n" in str(caught.value)


class Trainer:
    """It takes what nobody knows."""

    def train_step(self, mixup_state, dataloader):
        raise ValueError(mixup_state)
