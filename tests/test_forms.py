"""Every form in which people write a technique is understood without an adapter, and told from the others."""

import functools
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lawful.impl.contracts import Adapter
from lawful.properties.harness.understanding import understand_target
from lawful.properties.harness.understanding.adapt import adapter_source, draft_source
from lawful.properties.harness.understanding.targets import Definition
from lawful.properties.harness.understanding.trials import NeedsCuda, RaisesOnEveryCall
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import silence

from .asked import LIGHT, lightly, part_of
from .miniatures import forms, forms_finders, forms_losses, forms_mixups

LOSSES = {
    "log_probabilities": "log_probabilities(log_softmax(logits), target",
    "PaddingRequired": "PaddingRequired(smoothing=epsilon, size=logits.shape[1], padding_idx=0)(pad(",
    "Sequences": "[None]",
    "any_smooth_name": "lb_smooth_rate=epsilon",
    "NamesOfClasses": "n_dim=logits.shape[1]",
    "one_of_a_tuple": "[0]",
    "one_of_a_dict": "['loss']",
    "a_partial": "lb_smooth_rate=epsilon",
    "a_lambda": "smoothing=epsilon",
    "one_hot_targets": "one_hot(target)",
    "smooth_labels": "* log_softmax(logits)",
    "EpsilonToForward": "(logits, target, smoothing=epsilon)",
    "required_mask": "smoothing=epsilon, mask=True)",
    "required_padding": "(offers ignore_index)",
    "outputs_in_a_tuple": "((logits,), target",
    "PaddedSequences": "pad_index=0)(pad(logits[None]), target[None] + 1)[0]",
    "UseGpu": "UseGpu(epsilon=epsilon, num_classes=logits.shape[1], use_gpu=False)",
    "Configured": "loss=types.SimpleNamespace(label_smoothing=epsilon)",
    "ImagesAlone": "(image(logits), image(target))",
    "SentencesAlone": "(logits.T[None], target[None])",
    "smooths_beside_logits": "-(smooths_beside_logits(logits, target, eps=epsilon) * log_softmax(logits))",
    "scripted": "scripted(logits, target, smoothing=epsilon)",
    "by_its_effect": "lsm_prob=epsilon",
    "WhatIsKept": "ls_=1 - epsilon",
    "required_flag": "normalize_length=",
    "one_a_class": "smoothing=epsilon).sum(1)",
    "WeightsInAList": "(offers weight)",
    "WeightsInAnArray": "(offers weight)",
    "FocalToo": "gamma=0.0",
    "CudaWhereItIgnores": "(offers ignore_index)",
    "BeginsWithAToken": "pad_idx=0, cls_idx=-100)(pad(log_softmax(logits)[None]), target[None] + 1)",
    "ClassesInAColumn": "target[:, None] + 1",
}
FIXED = ("fixed_smoothing_loss", "switched", "instance", "torch_instance")
MIXUPS = {
    "one_hot_in": "one_hot(target)",
    "labels_then_lam": "target_b = result[1][1], lam = result[2]",
    "with_a_flag": "lam = result[1][2]",
    "with_the_index": "target_b = result[2], lam = result[4]",
    "soft_lam_index": "soft = result[1]",
    "a_tuple_in": "a_tuple_in((inputs, target)",
    "collate_mixup": "zip(inputs, target)",
    "a_dict_in": "result['label_b']",
    "numpy_mixup": "inputs.numpy()",
    "two_batches": "inputs[order]",
    "lambda_given": "lam=lam",
    "no_alpha_mixup": "no_alpha_mixup(inputs, target)",
    "alpha_first": "inputs=inputs, targets=target, alpha=alpha",
    "FromItsBase": "num_classes=num_classes",
    "with_device": "target_b = result[1][1]",
    "a_list_of_both": "a_list_of_both([inputs, one_hot(target)]",
    "inputs_alone_mixup": "target_b = y[result[1]]",
    "samples_in_and_out": "soft = result[1]",
    "cuda_by_name": "cuda_by_name(inputs, target",
    "with_args_mixup": "args=types.SimpleNamespace(mixup_alpha=alpha, strategy=None)",
    "partners_labels_mixup": "target_a = result[1], target_b = y, lam = result[2]",
    "binary_labels": "mixed = result[0], soft = result[1]",
    "dicts_in_a_dict_out": '[{"waveform": ..., "label": ..., "filename": ...}, ...]',
    "mixup_lambdas_given": "mixup_lambda=lam",
    "lambda_and_index_given": "lam=lam, index=order",
    "never_given_labels": "soft = targets",
    "never_given_labels_but_the_index": "target_a = y, target_b = y[order], lam = lam",
    "every_other_one": "(interleaved(inputs, inputs[order]), mixup_lambda=both)",
    "halves": "(cat(inputs, inputs[order])",
    "CutMixToo": "cutmix_alpha=0.0, cutmix_prob=0.0, switch_prob=0.0, label_smoothing=0.0",
    "label_and_lambda_back": "soft = result[1]",
    "of_two_parameters": "alpha=alpha, beta=alpha",
    "pairs_of_batches": "((inputs, one_hot(target)), (inputs[order], one_hot(target)[order])",
    "samples_of_tensors": "zip(inputs, target)",
    "HandsItsOptionsOn": "mixup_alpha=alpha, num_classes=num_classes",
    "labels_by_position": "(inputs, one_hot(target), alpha=alpha)",
    "gate_of_another": "cutmix_prob=1.0",
    "mixup_step": "model=seen",
    "MixupOrCutMix": "switch_prob=1.0",
    "MixupBatches": "next(MixupBatches(x_train=cat(inputs, inputs[order]).numpy()",
    "MixesWhatItReads": "(dataset=zip(inputs, target), beta=alpha)[:]",
    "optional_outputs": "soft = result[1]",
    "labels_of_two_tasks": "mix_beta=alpha, y2=y",
    "OfASampler": "beta_sampler=torch.distributions.Beta(float(alpha), float(alpha))",
    "MasksBesideLabels": "label_masks=torch.ones_like(target, dtype=torch.bool)",
    "configured_mixup": "config=types.SimpleNamespace(",
}
FINDERS = {
    "Finder": "finder.history['lr']",
    "gives_nothing": "no history",
    "gives_one_number": "suggestion = result",
    "logarithms": "lrs = result[0], losses = result[1]",
    "a_triple": "lrs = result[1], losses = result[0]",
    "from_its_module": "in its module",
    "optimizer_class": "optimizer_class=SGD",
    "with_validation": "start_lr, end_lr, num_iter, val_loader=loader)",
    "find_lr_in_its_own_range": "(model, optimizer, criterion, loader) -> lrs = result[0]",
    "find_lr_without_an_end": "loader, start_lr)  (left at its default: multiplier=1.1)",
    "hands_the_range_on": "loader, start_lr, end_lr, num_iter)",
    "range_of_a_dict": 'config={"end_lr": end_lr, "num_iter": num_iter, "start_lr": start_lr}',
    "required_scheduler": "scheduler=None",
    "rate_to_loss": "lrs = result.keys(), losses = result.values()",
    "arrays_of_one": "lrs = result[0], losses = result[1]",
    "suggestion_first": "lrs = result[1], losses = result[2], suggestion = result[0]",
    "suggests_when_asked": "lrs = result.lrs, losses = result.losses, suggestion = result.suggest()",
    "pairs_of_records": "lrs = [row[0] for row in result]",
    "batches_are_dicts": 'Batches(loader, lambda inputs, labels: {"image": inputs, "label": labels})',
    "one_of_several_loaders": '{"train": loader}',
    "tells_a_writer": "writer=Silent()",
    "makes_its_loader": "loader.dataset, start_lr, end_lr, num_iter, batch_size=loader.batch_size)",
    "logits_in_an_output": 'Answering(model, "logits")',
    "several_outputs": "GivingSeveral(model, 2)",
    "find_lr_of_its_own_loss": "start_lr, end_lr, num_iter) with criterion in place of its cross-entropy",
    "find_lr_of_its_loss": 'Answering(model, "loss", criterion)',
}
TRAINING = {
    "train": "accuracy = result['val_acc']",
    "loss_of_an_epoch": "train_loss = result, for each epoch",
    "loss_and_accuracy": "train_loss = result[0], for each epoch",
    "record_of_each_epoch": "train_loss = [row['loss'] for row in result]",
    "batches_of_three": "(inputs, labels, torch.arange(len(inputs)))",
    "epochs_of_phases": 'dataset_sizes={"train": len(train_loader.dataset), "val": len(val_loader.dataset)}',
    "epochs_of_its_own": "in place of its cross-entropy and optimizer in place of its own",
    "epoch_of_its_own_loss": "with loss_fn in place of its cross-entropy -> train_loss = result",
    "epochs_of_dicts": 'Batches(train_loader, lambda inputs, labels: {"image": inputs, "label": labels})',
    "with_a_test_dataloader": "test_dataloader=val_loader",
    "epoch_of_a_model_with_its_loss": 'Answering(model, "loss", loss_fn)',
}
RIGHT = {**LOSSES, **MIXUPS, **FINDERS, **TRAINING}


STATISTICS = ["lambda_follows_beta", "lambdas_are_independent", "pairing_is_uniform"]
"""What takes a thousand draws, and has nothing to do with the form: ``make deep`` asks it too."""


TELLING = [
    "matches_reference",
    "inputs_and_targets_share_lambda_and_partner",
    "rows_are_convex_combinations",
    "schedule_is_geometric",
    "history_records_lr_used",
    "suggestion_precedes_minimum",
    "epoch_loss_is_sample_weighted",
]
"""What tells the wrong ones: a few laws will do."""


def check(target, technique=None, **options):
    skip = STATISTICS if LIGHT == "light" and technique in (None, "mixup") else None
    return lightly(target, technique=technique, **{"skip": skip, **options})


@functools.cache
def asked(name):
    """The report on a form: one for all tests. A wrong one is asked in float32 alone."""
    options = {"dtypes": ["float32"], "device": "cpu"} if name.lower().endswith("wrong") else {}
    if options and module_of(name) is not forms:
        options["only"] = TELLING
    if name == "inputs_alone_mixup_wrong":  # which they alone tell
        options["skip"] = None
    return check(form(name), **options)


def module_of(name):
    """The module of miniatures that has a form."""
    return next(each for each in (forms, forms_losses, forms_mixups, forms_finders) if hasattr(each, name))


def form(name):
    return getattr(module_of(name), name)


def understood(name, technique=None, module=None):
    module = module or module_of(name)
    with silence():
        return understand_target(getattr(module, name), name, module.__name__, technique)


def wrong_findings(report):
    return [f.property for f in report.findings() if f.verdict == "broken" and f.severity == "wrong"]


SOME = part_of(RIGHT, 20)
"""All are understood, and their adapters run, in each run; a part of them is asked every law, and all before
a release."""


@pytest.mark.parametrize("name", SOME)
def test_right_code_is_understood_and_nothing_is_wrong(name):
    report = asked(name)
    assert RIGHT[name] in report.implementations[0].called_as
    assert wrong_findings(report) == []
    assert report.counts()["error"] == 0
    assert report.counts()["holds"] >= (4 if name in TRAINING else 10)


def _wrong_name(name):
    twin = f"{name}Wrong" if name[0].isupper() else f"{name}_wrong"
    return twin


@pytest.mark.parametrize("name", SOME)
def test_wrong_code_is_understood_in_the_same_form_and_is_wrong(name):
    """Where the fault is in the part that tells forms apart, shapes and types decide."""
    report = asked(_wrong_name(name))
    if not wrong_findings(report):  # none of so few examples is an ordinary one
        report = check(
            form(_wrong_name(name)), dtypes=["float32"], only=TELLING, device="cpu", profile="quick"
        )
    assert report.implementations[0].technique == understood(name).technique
    called_as = report.implementations[0].called_as.replace(_wrong_name(name), name)
    assert RIGHT[name] in called_as or name in OTHERWISE_READ
    assert wrong_findings(report) != []
    assert report.exit_status == 1


OTHERWISE_READ = ("train", "halves", "required_flag")
"""Where what is wrong tells them: an accuracy that is none is no history; halves that are no partners may be
any; of a flag nobody knows which way it is right."""


def test_two_forms_that_cannot_be_told_apart_are_both_said():
    subject = understood("of_classes_or_rows_wrong", "label_smoothing")
    assert not subject.certain
    assert "logits and one-hot rows" in subject.also_called
    (remark,) = subject.remarks()
    assert "It could also be called with logits and one-hot rows" in remark
    assert understood("any_smooth_name").also_called == ()


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_epsilon_is_read_off_the_values_and_laws_that_vary_it_are_unsupported(name):
    report = check(form(name), technique="label_smoothing")
    verdicts = {row.property: row.verdict for row in report.results}
    assert wrong_findings(report) == []
    assert verdicts["matches_reference"] == "holds"
    assert {verdicts[law] for law in ("affine_in_epsilon", "rejects_bad_epsilon")} == {"unsupported"}


def test_the_sum_made_one_again_is_a_convention():
    report = check(forms.normalised)
    assert report.implementations[0].conventions["off_target"] == "normalised"
    assert wrong_findings(report) == []


def test_the_most_classic_fault_is_understood_and_wrong():
    report = check(forms.kl_div_mean)
    assert wrong_findings(report) == ["matches_reference"]


def test_methods_are_named_with_their_class():
    for name, wrong in (("mix", []), ("mix_wrong", ["inputs_and_targets_share_lambda_and_partner"])):
        with silence():
            subject = understand_target(
                getattr(forms.OfAMethod, name), f"OfAMethod.{name}", forms.__name__, "mixup", forms.OfAMethod
            )
        from lawful.properties.harness.api import check_subject

        report = check_subject(subject, profile=LIGHT, seed=0)
        assert wrong_findings(report)[:1] == wrong


def test_a_finder_that_wants_thirty_steps_gets_them():
    assert "at_least_thirty_steps" in understood("at_least_thirty_steps").adapter.shown_as


TEN = (
    "log_probabilities",
    "PaddingRequired",
    "Sequences",
    "one_of_a_dict",
    "smooth_labels",
    "UseGpu",
    "one_hot_in",
    "collate_mixup",
    "numpy_mixup",
    "two_batches",
    "Finder",
    "gives_nothing",
    "logarithms",
    "train",
)


@pytest.mark.parametrize(
    "name", [name if name in TEN else pytest.param(name, marks=pytest.mark.deep) for name in RIGHT]
)
@pytest.mark.deep
def test_the_adapter_that_is_written_gives_the_same_verdicts(name, tmp_path, monkeypatch):
    subject = understood(name)
    path = tmp_path / "written.py"
    path.write_text(adapter_source(subject))
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    adapter = names["adapter"]
    assert isinstance(adapter, Adapter)
    written = check(adapter, dtypes=["float32"], device="cpu").results
    inferred = [row for row in asked(name).results if (row.dtype, row.device) == ("float32", "cpu")]
    assert [(row.property, row.verdict) for row in written] == [
        (row.property, row.verdict) for row in inferred
    ]


@pytest.mark.parametrize("name", RIGHT)
def test_the_adapter_that_is_written_runs_and_is_understood_alike(name):
    subject = understood(name)
    names = {}
    exec(compile(adapter_source(subject), "written.py", "exec"), names)
    with silence():
        again = understand_target(names["adapter"], "adapter", "written")
    assert again.conventions == subject.conventions
    assert again.features == subject.features


PROGRAMS = ("a_triple", "a_dict_in", "binary_labels", "every_other_one", "ImagesAlone", "rate_to_loss")


@pytest.mark.parametrize("name", [name for name in RIGHT if name in TEN or name in PROGRAMS])
@pytest.mark.deep
def test_a_snippet_of_what_was_inferred_runs(name, monkeypatch):
    """Of the wrong twin, whose failure it shows."""
    report = asked(_wrong_name(name))
    rows = [r for r in report.results if r.verdict == "broken" and r.severity == "wrong" and r.reproduce]
    if report.implementations[0].technique == "training":
        return
    with pytest.raises(Exception) as caught:  # noqa: PT011
        exec(compile(rows[0].reproduce, name, "exec"), {})
    assert type(caught.value).__name__ == "AssertionError", rows[0].reproduce


UNDEFINED = "NameError: name 'undefined_name'"


def uses_a_name_that_is_not_there(logits, target, smoothing=0.1):
    return undefined_name(logits, target)  # noqa: F821


def asks_for_cuda(x, y, alpha=1.0):
    torch.cuda.current_stream()
    return x, y, y, 1.0


def is_nothing_we_know(pred, target, smoothing=0.1):
    return "a loss"


def test_code_that_raises_in_its_own_lines_is_a_finding():
    here = sys.modules[__name__]
    with pytest.raises(RaisesOnEveryCall, match=rf"raises on every call at test_forms.py:\d+: {UNDEFINED}"):
        understood("uses_a_name_that_is_not_there", "label_smoothing", here)


def uses_a_name_and_takes_a_tensor(logits, target, smoothing=0.1):
    size = logits.size(1)
    return undefined_name(size, target)  # noqa: F821


class ForgetsItsBase(torch.nn.Module):
    def __init__(self, eps=0.1):
        self.eps = eps

    def forward(self, logits, target):
        return torch.nn.functional.cross_entropy(logits, target, label_smoothing=self.eps)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("uses_a_name_and_takes_a_tensor", UNDEFINED),
        ("ForgetsItsBase", "AttributeError: 'ForgetsItsBase' object has no attribute '_modules'"),
    ],
)
def test_what_no_call_can_help_is_a_finding_though_other_forms_fail_otherwise(name, error):
    with pytest.raises(RaisesOnEveryCall, match=rf"raises on every call( at test_forms.py:\d+)?: {error}"):
        understood(name, "label_smoothing", sys.modules[__name__])


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="there is CUDA here")
def test_code_that_needs_cuda_is_given_the_cpu_and_that_is_said():
    (implementation,) = asked("cuda_by_name").implementations
    assert "It asks for CUDA by name" in implementation.remarks[0]
    assert not [r for r in asked("cuda_by_name").results if r.device == "twin" and r.verdict == "broken"]


@pytest.mark.skipif("__import__('torch').cuda.is_available()", reason="there is CUDA here")
def test_where_the_cpu_is_no_help_it_says_that_it_needs_cuda():
    with pytest.raises(NotUnderstood, match="asks for CUDA by name"):
        understood("asks_for_cuda", "mixup", sys.modules[__name__])
    assert issubclass(NeedsCuda, NotUnderstood)


def test_what_is_not_understood_gets_a_draft_that_says_what_was_found():
    here = sys.modules[__name__]
    with pytest.raises(NotUnderstood) as caught:
        understood("is_nothing_we_know", "label_smoothing", here)
    found = Definition(is_nothing_we_know, "is_nothing_we_know", here)
    text = draft_source(found, "label_smoothing", caught.value)
    assert "It takes (pred, target, smoothing)" in text
    assert "gave the result: str" in text
    compile(text, "draft", "exec")


INSTALLED = {
    "ignite.handlers:FastaiLRFinder": ("ignite.lr_finder", set()),
    "torch_lr_finder:LRFinder": (
        "torch_lr_finder.lr_finder",
        {
            "suggestion_follows_the_curve",
            "suggestion_in_range",
            "suggestion_is_steepest",
            "suggestion_precedes_minimum",
            "suggestion_survives_nan",
            "suggestion_survives_noise",
        },
    ),
    "transformers.trainer_pt_utils:LabelSmoother": ("transformers.label_smoothing", set()),
    "keras.losses:CategoricalCrossentropy": ("keras.label_smoothing", set()),
}
"""By target: the shipped adapter, and what it is asked beside: nobody infers a suggestion from a plot."""
DECLARED = {"arguments_are_as_documented", "rejects_undocumented_values", "plot_shows_the_fall"}
"""What is asked where an adapter says what a documentation says, or how to draw."""


@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=[pytest.mark.deep] * (number != 2)) for number, name in enumerate(INSTALLED)],
)
def test_an_installed_library_gives_its_adapters_verdicts_without_it(target, monkeypatch):
    pytest.importorskip(target.split(".")[0].split(":")[0])
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    shipped, unknown = INSTALLED[target]
    inferred, declared = ({}, {})
    for found, name in ((inferred, target), (declared, shipped)):
        for row in check(name, device="cpu", dtypes=["float32"]).results:
            found[row.property] = "broken" if row.verdict == "deviates" else row.verdict
    different = {law for law, verdict in inferred.items() if declared[law] != verdict}
    assert different - DECLARED == unknown


def loss(logits, target, label_smoothing=0.1):
    return F.cross_entropy(logits, target, label_smoothing=label_smoothing)


class criterion(torch.nn.CrossEntropyLoss):
    """A class of this name is made before it is called, and the name would be its own."""


def mix(inputs, target, alpha=1.0):
    lam = float(np.random.beta(alpha, alpha))
    order = torch.randperm(len(inputs))
    return lam * inputs + (1 - lam) * inputs[order], target, target[order], lam


class mixer:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def __call__(self, inputs, target):
        return mix(inputs, target, self.alpha)


@pytest.mark.parametrize(
    ("code", "law"),
    [
        (loss, "matches_reference"),
        (criterion, "matches_reference"),
        (mix, "rows_are_convex_combinations"),
        (mixer, "rows_are_convex_combinations"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_code_may_be_called_what_an_adapter_calls_its_own(code, law):
    (row,) = check(code, device="cpu", dtypes=["float32"], only=[law]).results
    assert row.verdict == "holds"
