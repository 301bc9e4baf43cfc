"""A wrong understanding is worse than none: what looks like another form is told from it."""

import pytest

from .miniatures import lookalikes
from .test_forms import RIGHT, check, wrong_findings

PLAIN = "(logits, target"
LOOKALIKES = {
    # what it looks like: what it is, and is not
    "log_probabilities": (PLAIN, "log_softmax"),
    "PaddingRequired": ("(offers ignore_index)", "pad("),
    "Sequences": (PLAIN, "[None]"),
    "any_smooth_name": ("eps=epsilon", "smooth_nr=epsilon"),
    "NamesOfClasses": ("smoothing=epsilon", "n_dim=logits"),
    "one_of_a_tuple": ("[1]", "[0]"),
    "one_of_a_dict": ("['total']", "['loss']"),
    "a_partial": ("(smoothing=epsilon)(logits, target)", "lb_smooth_rate"),
    "a_lambda": ("(smoothing=epsilon)(logits, target)", "target, smoothing=epsilon"),
    "one_hot_targets": (PLAIN, "one_hot("),
    "smooth_labels": (PLAIN, "* log_softmax"),
    "EpsilonToForward": ("(smoothing=epsilon)(logits, target)", "target, smoothing=epsilon"),
    "required_mask": ("padding_mask=False", "padding_mask=True"),
    "required_padding": ("pad(logits)", "(offers ignore_index)"),
    "outputs_in_a_tuple": (PLAIN, "(logits,)"),
    "PaddedVectors": ("(pad(logits), target + 1)", "[None]"),
    "UseGpu": ("UseGpu(epsilon=epsilon, num_classes=logits.shape[1])", "[None]"),
    "one_hot_in": ("(inputs, target", "one_hot("),
    "labels_then_lam": ("target_b = result[1][1], lam = result[2]", "soft ="),
    "with_a_flag": ("lam = result[2]", "lam = result[1][2]"),
    "with_the_index": ("target_b = result[3]", "target_b = result[2]"),
    "soft_lam_index": ("target_b = result[2]", "soft ="),
    "a_tuple_in": ("[inputs, target]", "((inputs"),
    "samples_mixup": ("((inputs, target)", "zip("),
    "a_dict_in": ('{"inputs": inputs', '{"image": inputs'),
    "numpy_mixup": ("(inputs, target", ".numpy()"),
    "two_batches": ("(inputs, target, inputs[order], target[order]", "inputs, inputs[order]"),
    "lambda_given": ("lam=alpha", "lam=lam"),
    "no_alpha_mixup": ("beta_param=alpha", "(inputs, target)"),
    "alpha_first": ("alpha_first(inputs, target, alpha=alpha)", "(alpha"),
    "FromItsBase": ("((inputs, target))", "(inputs, target)("),
    "with_device": ("with_device(inputs, target, alpha=alpha)", "device=None"),
    "a_list_of_both": ("[inputs, target]", "one_hot("),
    "inputs_alone_mixup": ("((inputs, target)", "(inputs, alpha"),
    "samples_in_and_out": ("soft = result[1]", "target_b"),
    "cuda_by_name": ("cuda_by_name(inputs, target, alpha=alpha)", "CUDA"),
    "Finder": ("result[0]", "finder.history"),
    "gives_nothing": ("result[1]['losses']", "no history"),
    "gives_one_number": ("no history", "suggestion"),
    "logarithms": ("result['log_lrs']", "10 **"),
    "a_triple": ("lrs = result[2], losses = result[1]", "lrs = result[0]"),
    "from_its_module": ("(model, optimizer, criterion, loader", "in its module"),
    "optimizer_class": ("optimizer=SGD", "optimizer, criterion"),
    "Configured": ("Configured(label_smoothing=epsilon)(logits, target)", "SimpleNamespace"),
    "with_args_mixup": ("with_args_mixup(inputs, target, alpha=alpha)", "SimpleNamespace"),
    "partners_labels_mixup": ("target_a = result[1], target_b = result[3]", "target_b = y"),
    "with_validation": ("lrs = result[0], losses = result[1]", "no history"),
    "train": ("lrs = result[0], losses = result[1]", "accuracy"),
}
OTHERWISE_NAMED = {"PaddedVectors": "PaddedSequences", "samples_mixup": "collate_mixup"}


def test_every_form_has_a_lookalike():
    assert {OTHERWISE_NAMED.get(name, name) for name in LOOKALIKES} == set(RIGHT)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_looks_like_another_form_is_told_from_it(name):
    is_so, is_not = LOOKALIKES[name]
    report = check(getattr(lookalikes, name), dtypes=["float32"], device="cpu")
    (implementation,) = report.implementations
    assert is_so in implementation.called_as
    assert is_not not in implementation.called_as
    assert not any("CUDA" in remark for remark in implementation.remarks) or name == "UseGpu"
    assert wrong_findings(report) == []
    assert report.counts()["error"] == 0
    assert report.counts()["holds"] >= 10
