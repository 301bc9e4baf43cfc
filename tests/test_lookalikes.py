"""A wrong understanding is worse than none: what looks like another form is told from it."""

import pytest

from .asked import part_of
from .miniatures import lookalikes, lookalikes_finders, lookalikes_losses, lookalikes_mixups
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
    "UseGpu": ("UseGpu(epsilon=epsilon, num_classes=logits.shape[1], use_gpu=False)", "[None]"),
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
    "alpha_first": ("alpha_first(inputs, target, alpha=alpha)", "inputs="),
    "FromItsBase": ("((inputs, target))", "(inputs, target)("),
    "with_device": ("alpha=alpha, device=inputs.device)", "device=None"),
    "a_list_of_both": ("[inputs, target]", "one_hot("),
    "inputs_alone_mixup": ("((inputs, target)", "(inputs, alpha"),
    "samples_in_and_out": ("soft = result[1]", "target_b"),
    "cuda_by_name": ("cuda_by_name(inputs, target, alpha=alpha, device=inputs.device)", "CUDA"),
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
    "ImagesAlone": ("(logits, target)", "image("),
    "smooths_beside_logits": ("eps=epsilon).sum(1)", "log_softmax"),
    "scripted": (PLAIN, "log_softmax"),
    "by_its_effect": ("read off its values)  (left at its default: share_prob=0.5)", "=epsilon"),
    "WhatIsKept": ("ls_=epsilon", "1 - epsilon"),
    "required_flag": ("(logits, target, smoothing=epsilon)", "normalize_length"),
    "one_a_class": (".reshape(-1)", ".sum(1)"),
    "WeightsInAList": ("(offers weight)", "weight="),
    "WeightsInAnArray": ("loss_weight=1.0", "offers weight"),
    "FocalToo": ("smoothing=epsilon, gamma=0.0", "gamma=epsilon"),
    "BeginsWithAToken": ("(left at its default: cls_idx=0)", "cls_idx=-100"),
    "ClassesInAColumn": ("(pad(log_softmax(logits)), target + 1)", "None"),
    "CudaWhereItIgnores": ("(label_smoothing=epsilon)(logits, target)", "CUDA"),
    "binary_labels": ("one_hot(target)", "lam ="),
    "dicts_in_a_dict_out": ('({"waveform": inputs, "label": target, "filename"', "..."),
    "mixup_lambdas_given": ("(inputs, target, mixup_lambda=lam)", "array"),
    "lambda_and_index_given": ("(inputs, target, alpha=alpha)", "index="),
    "never_given_labels": ("((inputs, target), lam=lam)", "targets"),
    "never_given_labels_but_the_index": ("lam = result[2]", "lam = lam"),
    "every_other_one": ("(inputs, mixup_lambda=lam)", "interleaved"),
    "halves": ("(inputs, target, alpha=alpha)", "cat("),
    "CutMixToo": ("(mixup_alpha=alpha, num_classes=num_classes)", "0.0"),
    "label_and_lambda_back": ("target_a = y, target_b = y[order], lam = result[1]", "soft"),
    "of_two_parameters": ("(left at its default: beta=2)", "beta=alpha"),
    "pairs_of_batches": ("(inputs, target, alpha=alpha)", "order"),
    "samples_of_tensors": ("zip(inputs, target)", "one_hot"),
    "HandsItsOptionsOn": ("(alpha=alpha)(inputs, target)", "num_classes"),
    "find_lr_in_its_own_range": ("loader, end_lr)", "start_lr"),
    "find_lr_without_an_end": ("loader, start_lr, end_lr)", "multiplier"),
    "hands_the_range_on": ("loader, start_lr, end_lr, num_iter)", "kwargs"),
    "range_of_a_dict": ("loader, start_lr, end_lr, num_iter)", "config"),
    "required_scheduler": ("loader, start_lr, end_lr, num_iter)", "scheduler="),
    "rate_to_loss": ("losses = result['rate_to_loss'].values()", ".keys()"),
    "arrays_of_one": ("lrs = result[0], losses = result[1]", "item"),
    "suggestion_first": ("lrs = result[1], losses = result[2]", "suggestion ="),
    "suggests_when_asked": ("suggestion = result.suggestion", "suggest()"),
    "pairs_of_records": ("lrs = result[0], losses = result[1]", "row["),
    "loss_of_an_epoch": ("epochs=epochs) -> no history", "for each epoch"),
    "loss_and_accuracy": ("epoch=epochs) -> train_loss = result['loss']", "for each epoch"),
    "labels_by_position": ("target_a = result[1], target_b = result[2]", "one_hot"),
    "gate_of_another": ("cutmix_prob=0.0", "1.0"),
    "batches_are_dicts": ("loader, start_lr, end_lr, num_iter)", "Batches"),
    "SentencesAlone": ("(logits, target)", ".T[None]"),
    "MixupOrCutMix": ("switch_prob=0.0", "1.0"),
    "mixup_step": ("lam = result[3]", "seen"),
    "MixupBatches": ("(inputs, target)", "next("),
    "MixesWhatItReads": ("(beta=alpha)(inputs, target)", "[:]"),
    "optional_outputs": ("target_b = result[2], lam = result[3]", "soft"),
    "labels_of_two_tasks": ("(inputs, target, beta=alpha)", "y2="),
    "OfASampler": ("alpha=alpha", "Beta("),
    "MasksBesideLabels": ("(inputs, target)", "ones_like"),
    "configured_mixup": ("(inputs, target, alpha=alpha)", "SimpleNamespace"),
    "tells_a_writer": ("loader, start_lr, end_lr, num_iter)", "Silent"),
    "with_a_test_dataloader": ("train_loss = result['train_loss']", "val_loader"),
    "makes_its_loader": ("(model, optimizer, criterion, loader, start_lr", ".dataset"),
    "logits_in_an_output": ("(model, optimizer, criterion, loader, start_lr", "Answering"),
    "find_lr_of_its_loss": ("(model, optimizer, criterion, loader, start_lr, end_lr)", "Answering"),
    "epoch_of_a_model_with_its_loss": ("train_loss = result", "Answering"),
    "one_of_several_loaders": ("(model, optimizer, criterion, loader", "train"),
    "batches_of_three": ("train_loss = result['loss']", "arange"),
    "epochs_of_phases": ("dataloaders=train_loader", '"val"'),
    "epochs_of_its_own": ("optimizer=optimizer, loss_fn=loss_fn", "in place of"),
    "epoch_of_its_own_loss": ("criterion=loss_fn", "cross-entropy"),
    "several_outputs": ("(model, optimizer, criterion, loader", "Several"),
    "find_lr_of_its_own_loss": ("criterion", "cross-entropy"),
    "epochs_of_dicts": ("train_loss = result['loss']", "Batches"),
    "record_of_each_epoch": ("-> train_loss = result['loss'].values()", "row"),
}
OTHERWISE_NAMED = {"PaddedVectors": "PaddedSequences", "samples_mixup": "collate_mixup"}


def test_every_form_has_a_lookalike():
    assert {OTHERWISE_NAMED.get(name, name) for name in LOOKALIKES} == set(RIGHT)


@pytest.mark.parametrize("name", part_of(LOOKALIKES, 13))
def test_what_looks_like_another_form_is_told_from_it(name):
    is_so, is_not = LOOKALIKES[name]
    modules = (lookalikes, lookalikes_losses, lookalikes_mixups, lookalikes_finders)
    code = next(getattr(each, name) for each in modules if hasattr(each, name))
    report = check(code, dtypes=["float32"], device="cpu")
    (implementation,) = report.implementations
    assert is_so in implementation.called_as
    assert is_not not in implementation.called_as
    assert not any("CUDA" in remark for remark in implementation.remarks) or name == "UseGpu"
    assert wrong_findings(report) == []
    assert report.counts()["error"] == 0
    assert report.counts()["holds"] >= (4 if "epoch" in implementation.called_as else 10)
