"""The names that people give to parameters, by what they are: the first one that is there is taken."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from lawful.properties.harness.understanding.signature import is_switch

EPSILON = (
    "label_smoothing",
    "label_smooth",
    "smoothing",
    "smooth_factor",
    "smoothing_factor",
    "smooth_eps",
    "epsilon",
    "eps",
    "lb_smooth",
    "ls_eps",
    "alpha",
    "e",
)
NUM_CLASSES = (
    "num_classes",
    "n_classes",
    "num_class",
    "n_class",
    "nb_classes",
    "class_num",
    "class_nums",
    "classes",
    "tgt_vocab_size",
    "vocab_size",
    "output_size",
    "num_labels",
    "n_labels",
    "n_dim",
    "nclass",
    "c",
    "k",
    "size",
)
TARGETS = (
    "target",
    "targets",
    "label",
    "labels",
    "y",
    "ys",
    "y_true",
    "true",
    "truth",
    "gt",
    "gold",
    "tgt",
    "lbl",
    "lbls",
    "lb",
    "lbs",
    "y_batch",
    "batch_y",
    "targ",
    "ground_truth",
)
ALPHA = (
    "alpha",
    "mixup_alpha",
    "mix_alpha",
    "mixup",
    "beta",
    "a",
    "alfa",
    "beta_param",
    "concentration",
    "mix_beta",
    "mixup_beta",
    "beta_sampler",
    "beta_distribution",
    "beta_dist",
)
SECOND = ("beta", "b", "alpha2", "alpha_2", "beta_b", "concentration0", "concentration_0", "concentration_b")
"""Beta's other parameter, where the first one goes by a name of its own."""
PROBABILITY = ("p", "prob", "prob_apply", "mixup_prob", "probability", "mix_prob", "apply_prob", "p_mixup")
MODE = ("mode", "method", "aug", "mix_mode", "mix_type", "kind", "strategy")
LAMBDA = (
    "lam",
    "lmbda",
    "lambd",
    "lamda",
    "lambda_",
    "lmb",
    "lamb",
    "lams",
    "lam_value",
    "lambdas",
    "mixup_lambda",
    "mix_ratio",
    "ratio",
    "weight_lam",
    "gamma",
)
INDEX = (
    "index",
    "indices",
    "idx",
    "idxs",
    "perm",
    "permutation",
    "rand_index",
    "rand_idx",
    "shuffle_idx",
    "rn_indices",
    "order",
)
"""Whose sample is each one's partner."""
INPUTS = (
    "image",
    "images",
    "img",
    "imgs",
    "inputs",
    "input",
    "x",
    "data",
    "pixel_values",
    "waveform",
    "waveforms",
    "audio",
    "wav",
    "spec",
    "features",
    "feature",
    "signal",
    "frames",
    "video",
    "input_values",
)
"""Of a batch's keys, the one with the samples; ``TARGETS`` the one with their labels."""


PARTS = {
    "model": ("model", "net", "network", "module", "learner", "classifier"),
    "optimizer": ("optimizer", "optim", "opt", "optimiser", "updater"),
    "criterion": (
        "criterion",
        "loss_fn",
        "loss_func",
        "loss_function",
        "loss",
        "lossfn",
        "loss_fun",
        "crit",
        "cost",
        "objective",
    ),
    "loader": (
        "loader",
        "train_loader",
        "trainloader",
        "trn_loader",
        "data_loader",
        "dataloader",
        "train_dataloader",
        "train_dl",
        "trn_dl",
        "dl",
        "train_iter",
        "training_loader",
        "train_data",
        "data_iter",
        "iterator",
        "train_iterator",
        "data",
    ),
}
RANGE = {
    "start_lr": (
        "start_lr",
        "lr_start",
        "init_value",
        "initial_value",
        "init_lr",
        "initial_lr",
        "min_lr",
        "lr_min",
        "lr_low",
        "lr_init",
        "start",
        "low",
        "start_val",
        "begin_lr",
        "base_lr",
        "lower",
        "lower_lr",
    ),
    "end_lr": (
        "end_lr",
        "lr_end",
        "final_value",
        "final_val",
        "final_lr",
        "lr_final",
        "max_lr",
        "lr_max",
        "lr_high",
        "stop_lr",
        "end",
        "high",
        "end_val",
        "upper",
        "upper_lr",
    ),
    "num_iter": (
        "num_iter",
        "num_iters",
        "n_iter",
        "n_iters",
        "num_training",
        "num_steps",
        "n_steps",
        "num_it",
        "steps",
        "iterations",
        "max_iter",
        "num_batches",
        "num_step",
        "total_steps",
        "number_of_steps",
        "max_steps",
        "num_lrs",
    ),
}
_COUNTS = r"(num|n|nb|no|max|total|number_of)_?(of_)?(iter|step|batch|it$)\w*|\w*iterations"
_STARTS = r"(start|init|min|begin|low|first)\w*(lr|learning_?rate)|(lr|learning_?rate)\w*(start|init|min|low)"
_ENDS = r"(end|final|max|stop|high|last)\w*(lr|learning_?rate)|(lr|learning_?rate)\w*(end|final|max|high)"
RANGE_LIKE = {"start_lr": _STARTS, "end_lr": _ENDS, "num_iter": _COUNTS}
VALIDATION_LIKE = r"(.*_)?(val|valid\w*|test|testing|eval|dev)_?(loader|dataloader|dl|data|iter)$"
EPOCHS = ("epochs", "num_epochs", "n_epochs", "epoch")
CLASSES_OF = (
    "optimizer_class",
    "optimizer_cls",
    "optim_class",
    "optim_cls",
    "opt_cls",
    "optimizer_type",
    "opt_fn",
)
RUNS = ("range_test", "find_lr", "lr_find", "find", "run", "fit", "test", "search", "__call__")


def first(names: tuple[str, ...], parameters: Mapping[str, Any]) -> str | None:
    """The parameter with the first of these names, whatever its case."""
    lower = {name.lower(): name for name in parameters}
    return next((lower[name] for name in names if name in lower), None)


def like(
    pattern: str, parameters: Mapping[str, inspect.Parameter], unless: Callable[[str], bool]
) -> str | None:
    """The first parameter whose name has this pattern in it."""
    found = (name for name in parameters if re.search(pattern, name.lower()) and not unless(name))
    return next(found, None)


def is_target(name: str) -> bool:
    """Whether it is named after labels, and not after what a model says of them."""
    lower = name.lower()
    if re.search(r"pred|hat|logit|score|prob|output", lower):
        return False
    bare = lower.rstrip("0123456789_abij")
    words = ("target", "label", "lbl", "true", "gold", "truth")
    return lower in TARGETS or bare in TARGETS or lower[0] == "y" or any(word in lower for word in words)


def classes_of(parameters: Mapping[str, Any]) -> str | None:
    """The parameter that is the number of classes: a known name, then any that reads like one."""
    pattern = (
        r"(^|_)(n|nb|num|number)(_of)?_?(class|label|categor|cls)|vocab\w*_?(size|len)"
        r"|(class|label|cls)(es|s)?_?(num|size|count|dim)"
    )
    return first(NUM_CLASSES, parameters) or like(pattern, parameters, lambda _: False)


def epsilon_of(parameters: Mapping[str, inspect.Parameter]) -> str | None:
    """The parameter that is epsilon: the most specific name wins, then any with ``smooth`` in it.

    A switch is no epsilon, nor is a default below 1e-3, which keeps a logarithm from 0.
    """

    def no_epsilon(name: str) -> bool:
        default = parameters[name].default
        return is_switch(parameters[name]) or is_tiny(default) or isinstance(default, str)

    for name in EPSILON[:4]:
        found = first((name,), parameters)
        if found and not no_epsilon(found):
            return found
    found = like(r"smooth", parameters, no_epsilon)
    if found:
        return found
    return next((f for name in EPSILON if (f := first((name,), parameters)) and not no_epsilon(f)), None)


def is_tiny(default: Any) -> bool:
    """A number that keeps a logarithm, or a division, from 0."""
    return isinstance(default, float) and 0 < default < 1e-3


def switch_of(parameters: Mapping[str, inspect.Parameter]) -> str | None:
    """A parameter such as ``smoothing=True`` that switches smoothing on."""
    return next((n for n, p in parameters.items() if "smooth" in n.lower() and is_switch(p)), None)
