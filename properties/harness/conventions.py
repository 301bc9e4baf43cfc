"""What each convention means: a choice on which good implementations differ.

``lawful explain off_target`` prints it, and the site has it as a page. A test compares it with the
conventions that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LOSSES, MIXUPS, FINDERS, TRAININGS = "label_smoothing", "mixup", "lr_finder", "training"


@dataclass(frozen=True)
class Value:
    """One answer."""

    meaning: str
    """As a formula where there is one."""
    who: str = ""
    """Who does it so, with the versions in constraints.txt; empty where no example is known."""


@dataclass(frozen=True)
class Convention:
    """One choice, for some techniques."""

    name: str
    techniques: tuple[str, ...]
    asks: str
    """The question that it answers."""
    values: Mapping[str, Value]
    changes: str
    """What it changes for a training run."""
    care: str
    """Whether to care."""
    example: str = field(default="")
    """The value that is required as an example; the first where this is empty."""


def _way(name: str, what: str, changes: str, care: str, techniques: tuple[str, ...]) -> Convention:
    values = {
        "works": Value(f"{what} runs and gives the values that a plain call gives"),
        "fails": Value(f"{what} raises an error"),
    }
    return Convention(name, techniques, f"Does {what} work?", values, changes, care)


_CALLED = (LOSSES, MIXUPS)
_NUMBER = Value("the host waits this often for the device in one call; in one step, of what takes steps")

CONVENTIONS = (
    Convention(
        "off_target",
        (LOSSES,),
        "To which classes does the smoothed mass e go?",
        {
            "uniform": Value(
                "to all K classes: q_y = 1 - e + e/K, q_k = e/K  (Szegedy et al. 2016)",
                "torch, timm, fastai, transformers, keras, segmentation_models_pytorch",
            ),
            "others": Value("to the K - 1 wrong classes: q_y = 1 - e, q_k = e/(K - 1)", "speechbrain, thinc"),
            "normalised": Value(
                "e is added to all classes and the sum is made 1 again: q_y = (1 + e/K)/(1 + e), "
                "q_k = (e/K)/(1 + e)"
            ),
            "other": Value("none of these: q fits no formula that lawful knows, and matches_reference fails"),
        },
        "The same e smooths more under others: e under uniform does what e (K - 1)/K does under "
        "others. At K = 2 "
        "that is half of e; at K = 1000 the two hardly differ.",
        "Yes with few classes or when you compare losses of two libraries; no with many classes.",
    ),
    Convention(
        "offset",
        (LOSSES,),
        "Is a perfect prediction worth 0?",
        {
            "cross_entropy": Value(
                "no: L = -sum_k q_k log p_k >= H(q)", "torch, timm, fastai, transformers, keras"
            ),
            "kl": Value(
                "yes: L = sum_k q_k log(q_k / p_k) >= 0, which is the other one less the constant H(q)",
                "speechbrain, and code that uses torch.nn.KLDivLoss",
            ),
        },
        "Nothing: both have the same gradient. The curves differ by the constant H(q).",
        "Only when you compare the numbers of two libraries, or stop at a value of the loss.",
    ),
    Convention(
        "ignored_mean",
        (LOSSES,),
        "By what does a mean divide when some targets are ignored?",
        {
            "kept": Value(
                "by the number of samples that are kept: L = sum_kept L_i / n_kept", "torch, transformers"
            ),
            "all": Value("by the number of all samples: L = sum_kept L_i / N", "segmentation_models_pytorch"),
        },
        "Under all, a batch with much padding has a smaller loss and smaller gradients: padding works like a "
        "smaller learning rate for that batch.",
        "Yes for sequences with padding.",
    ),
    Convention(
        "all_ignored",
        (LOSSES,),
        "What is the mean when every target is ignored?",
        {
            "nan": Value("0/0 = NaN", "torch, transformers"),
            "zero": Value("0, with zero gradients", "segmentation_models_pytorch"),
        },
        "One batch of padding alone makes every parameter NaN after the next step under nan. Under "
        "zero it changes "
        "nothing.",
        "Yes where such a batch can occur.",
    ),
    Convention(
        "weighting",
        (LOSSES,),
        "What do class weights w multiply?",
        {
            "every_term": Value("every class's term: L = -sum_k w_k q_k log p_k", "torch"),
            "target_term": Value(
                "the target's term alone: (1 - e) w_y (-log p_y) + (e/K) sum_k -log p_k", "fastai"
            ),
            "normalised_spread": Value(
                "the target's term by w_y, the spread by shares: (1 - e) w_y (-log p_y) + "
                "e sum_k (w_k/W)(-log p_k), W = sum_k w_k"
            ),
            "sample": Value("the whole loss of a sample: w_y L"),
        },
        "With unequal weights the smoothing pulls toward other classes: under every_term toward "
        "those with large "
        "weights, under sample toward all alike.",
        "Yes with strongly unequal weights and a large e; else the difference is of the size of e.",
    ),
    Convention(
        "weighted_mean",
        (LOSSES,),
        "By what does a mean divide when there are class weights?",
        {
            "weights": Value("by the weights of the targets: sum_i w_{y_i}", "torch, fastai"),
            "count": Value("by the number of samples N"),
        },
        "Under count the size of the weights scales the loss, as a learning rate does. Under weights "
        "it does not.",
        "Yes when you take over a learning rate from other code.",
    ),
    Convention(
        "ignored_index",
        (LOSSES,),
        "Which number can mark an ignored target?",
        {
            "any": Value("any integer, -100 too", "torch, transformers, segmentation_models_pytorch"),
            "in_range": Value("a class 0..K-1 alone: a negative number is an error or a wrong index"),
        },
        "Nothing, as long as the number that your data uses is one that works.",
        "Yes when you switch losses and keep the data: -100 may not work.",
    ),
    Convention(
        "targets_checked",
        (LOSSES,),
        "Where is a target outside 0..K-1 an error?",
        {
            "on_any_device": Value(
                "on every device, as a Python error. Promised by an adapter; else it is asked on the "
                "CPU alone"
            )
        },
        "Without it, a bad target on a GPU ends in a device-side assertion, after which the process can do "
        "nothing more on that GPU.",
        "Only to find mistakes in data sooner. Checking on a GPU can cost a wait.",
    ),
    Convention(
        "masked_target",
        (LOSSES,),
        "At e = 1, what does a target count whose logit is -inf?",
        {
            "left_out": Value("nothing: q_y = 0, and 0 log 0 = 0. Promised by an adapter"),
        },
        "Without it the loss is infinite or NaN for such a sample.",
        "Only if you mask classes with -inf and set e to 1.",
    ),
    Convention(
        "multilabel",
        (LOSSES,),
        "Of several labels t_k in {0, 1}: to what does the mass e go?",
        {
            "outcomes": Value(
                "to the two outcomes of each label: t' = (1 - e) t + e/2",
                "tf.keras.losses.binary_crossentropy",
            ),
            "classes": Value("to the K labels: t' = (1 - e) t + e/K"),
        },
        "Under classes the smoothing shrinks with K: at K = 1000 it is hardly there.",
        "Yes for losses of several labels.",
    ),
    Convention(
        "lambda",
        (MIXUPS, TRAININGS),
        "Is lambda as Beta(alpha, alpha) gives it, or folded to 1/2 and above?",
        {
            "beta": Value(
                "lam ~ Beta(alpha, alpha), in [0, 1]  (Zhang et al. 2018)", "torchvision, timm, keras"
            ),
            "folded": Value("lam = max(lam, 1 - lam), in [1/2, 1]", "fastai"),
            "other": Value("another law, and lambda_follows_beta fails or is not tested", "kornia"),
        },
        "With partners from a uniform permutation, the set of mixtures is the same in the mean. "
        "Folded, row i is "
        "always mostly sample i, so a batch never holds two rows that mirror each other.",
        "Rarely. Yes if your code takes the label of the heavier sample, or counts accuracy by it.",
        "folded",
    ),
    Convention(
        "lambda_scope",
        (MIXUPS,),
        "How many lambdas has a batch?",
        {
            "batch": Value("one: x'_i = lam x_i + (1 - lam) x_pi(i)", "torchvision, timm (mode batch)"),
            "sample": Value("one for each row: lam_i", "fastai, keras, kornia, timm (mode elem)"),
            "pair": Value(
                "one for each pair of rows that are mixed with each other: lam_i = lam_pi(i)",
                "timm (mode pair)",
            ),
            "group": Value("one for each group of rows, whose partners are in the group"),
        },
        "One lambda for each row gives gradients with less noise, as a batch holds easy and hard mixtures.",
        "A little: it is a choice of noise, not of what is learned.",
    ),
    Convention(
        "pairing",
        (MIXUPS,),
        "Which sample is the partner of row i?",
        {
            "permutation": Value("pi is a random permutation", "fastai, keras, kornia"),
            "roll": Value("the neighbour: pi(i) = i - 1", "torchvision"),
            "flip": Value("the mirror image: pi(i) = N - 1 - i", "timm"),
            "independent": Value("drawn for each row alone: a sample may be the partner of several rows"),
            "other": Value("something else"),
        },
        "Roll and flip need a loader that shuffles: then they mix random pairs too. With an ordered "
        "loader they "
        "mix the same neighbours in every epoch. Independent pairing leaves some samples unmixed "
        "into others.",
        "Yes where the loader does not shuffle.",
    ),
    Convention(
        "applied",
        (MIXUPS,),
        "Is every batch mixed?",
        {
            "always": Value(
                "yes, apart from rows that are their own partner", "torchvision, timm, fastai, keras, kornia"
            ),
            "sometimes": Value("with a probability, or some rows of each batch"),
        },
        "Sometimes means that the model sees some clean batches: a weaker regulariser.",
        "When you compare runs: a probability of 1/2 is half the mixup.",
    ),
    Convention(
        "alpha_nonpositive",
        (MIXUPS,),
        "What does alpha <= 0 do?",
        {
            "off": Value("it switches mixing off: x' = x"),
            "refused": Value("it is an error", "torchvision, timm, fastai, keras"),
        },
        "Nothing, apart from whether alpha = 0 can be used as a switch.",
        "Only in a search over alpha that begins at 0.",
    ),
    Convention(
        "targets",
        (MIXUPS,),
        "What comes back for the target?",
        {
            "soft": Value(
                "q (N, K) with q_i = lam onehot(y_i) + (1 - lam) onehot(y_pi(i))", "torchvision, timm, keras"
            ),
            "pair": Value(
                "both labels and lambda, for lam CE(z, y_a) + (1 - lam) CE(z, y_b)",
                "fastai, kornia",
            ),
        },
        "Nothing: both give the same cross-entropy. A loss that is not linear in q differs.",
        "When you choose the loss: soft needs one that takes distributions.",
        "soft",
    ),
    Convention(
        "in_place",
        (MIXUPS,),
        "Are the inputs themselves changed?",
        {
            "false": Value("no: the mixture is a new tensor", "torchvision, fastai, keras, kornia"),
            "true": Value("yes: the tensor that was passed holds the mixture afterwards", "timm"),
        },
        "Less memory under true. The clean batch is gone: do not use it again, for a metric say.",
        "Yes if you use the batch after mixing.",
        "false",
    ),
    Convention(
        "integers",
        (MIXUPS,),
        "What happens to uint8 images?",
        {
            "mixed": Value("they are turned to floating point and mixed as numbers"),
            "refused": Value("they are an error, as a mixture is no integer"),
        },
        "Nothing where images are floating point already.",
        "Only if you mix before images are turned to floats.",
    ),
    Convention(
        "smoothing",
        (FINDERS,),
        "Which losses does the history hold?",
        {
            "none": Value("those that were seen: L_i", "lawful's own"),
            "ema": Value(
                "an average that begins at the first: s_i = b s_{i-1} + (1 - b) L_i",
                "ignite, torch_lr_finder",
            ),
            "ema_corrected": Value(
                "an average without its bias to the start: s_i / (1 - b^i), with s_0 = 0", "fastai"
            ),
            "other": Value("another average, or something else", "lightning"),
        },
        "An average is late: its minimum, and so a suggestion, lies at a larger learning rate than "
        "that of the "
        "raw curve.",
        "Yes when you read a rate off the curve by hand.",
    ),
    Convention(
        "restores",
        (FINDERS,),
        "Who puts the model and the optimizer back?",
        {
            "automatically": Value("the test itself, before it returns", "fastai, lightning, ignite"),
            "on_reset": Value("you, by calling its reset", "torch_lr_finder"),
            "never": Value("nobody: the model has been trained by the sweep"),
        },
        "Without it the training starts from weights that went through very large learning rates.",
        "Yes, always.",
    ),
    Convention(
        "random_state",
        (FINDERS,),
        "Are the random generators put back?",
        {
            "restored": Value("yes: what is drawn afterwards is as if there had been no test", "lightning"),
            "consumed": Value(
                "no: what is drawn afterwards differs from a run without the test",
                "fastai, ignite, torch_lr_finder",
            ),
        },
        "Only reproducibility: a seeded run differs with and without the test before it.",
        "If you compare seeded runs.",
    ),
    Convention(
        "suggestion",
        (FINDERS,),
        "Which learning rate is suggested?",
        {
            "steepest": Value(
                "where L falls fastest: argmin dL/d(log lr)", "lightning, ignite, torch_lr_finder"
            ),
            "minimum": Value("a tenth of the rate at the smallest loss: lr(argmin L) / 10"),
            "smallest": Value("the rate at the smallest loss: lr(argmin L)"),
            "valley": Value("the middle of the longest falling part of the curve", "fastai"),
            "none": Value("none is suggested"),
            "other": Value("another rule"),
        },
        "The rules differ by up to a factor of ten on the same curve. The smallest loss lies close to "
        "divergence, so smallest is often too large to train with.",
        "Yes: do not take over a rate from another library's rule.",
    ),
    Convention(
        "slope",
        (FINDERS,),
        "From how many points is the slope taken?",
        {"fitted": Value("from a line fitted over a quarter of the points. Promised by an adapter")},
        "A slope of two points follows the noise of single batches; a fitted one hardly does.",
        "With small batches.",
    ),
    Convention(
        "mode",
        (FINDERS, TRAININGS),
        "Who puts the model into training mode?",
        {
            "train": Value("the test or the loop itself, by model.train()"),
            "as_given": Value("you: it is left as you hand it over", "lightning"),
        },
        "In evaluation mode there is no dropout, and batch norm uses old statistics: the curve is another.",
        "Yes if you evaluate before.",
    ),
    Convention(
        "steps",
        (FINDERS,),
        "How many steps does a sweep take?",
        {
            "asked": Value(
                "as many as were asked for; the loader is begun again where it is shorter",
                "fastai, lightning, ignite, torch_lr_finder",
            ),
            "loader": Value("one pass over the loader, whatever its length"),
        },
        "Under loader a short loader gives a coarse curve: rates are far apart.",
        "With loaders of fewer than fifty batches.",
    ),
    Convention(
        "schedule",
        (FINDERS,),
        "How does the learning rate rise?",
        {
            "geometric": Value(
                "by a constant factor: lr_i = start (end/start)^(i/(n-1))",
                "fastai, lightning, ignite, torch_lr_finder",
            ),
            "linear": Value("by a constant step: lr_i = start + (end - start) i/(n-1)"),
        },
        "Linear from 1e-5 to 1 spends nine tenths of its steps above 0.1, and shows small rates with "
        "a point or "
        "two.",
        "Yes where the range has several orders of magnitude.",
    ),
    Convention(
        "explosion",
        (FINDERS,),
        "Is the loss at which the sweep stops part of the history?",
        {
            "recorded": Value(
                "yes: the last entry is the one that exploded", "fastai, lightning, ignite, torch_lr_finder"
            ),
            "left_out": Value("no: the history ends before it"),
        },
        "Only the picture: with it the last point lies far above the curve.",
        "No.",
    ),
    Convention(
        "records",
        (FINDERS,),
        "Does the history hold every step?",
        {
            "all": Value("yes", "fastai, lightning, ignite, torch_lr_finder"),
            "trimmed": Value("no: some at the beginning or the end are cut off"),
        },
        "Nothing in the sweep. Positions in the history are no step numbers then.",
        "If you use the history yourself.",
    ),
    Convention(
        "groups",
        (FINDERS,),
        "What are the rates of several parameter groups?",
        {
            "ratio": Value("each keeps its ratio to the first: lr_g = r_g lr"),
            "one": Value("all have the same rate: lr_g = lr", "fastai, lightning, torch_lr_finder"),
            "other": Value("something else, or only the first is swept", "ignite"),
        },
        "Under one, groups with rates of their own (fine-tuning) are tested at rates that you will not train "
        "with.",
        "Yes with several groups.",
    ),
    Convention(
        "no_fall",
        (FINDERS,),
        "What is suggested for a curve that does not fall?",
        {
            "none": Value("nothing. Promised by an adapter"),
            "a rate": Value("some rate of the curve all the same"),
        },
        "A rate that is suggested for a flat curve means nothing.",
        "Yes if nobody looks at the curve.",
    ),
    Convention(
        "loader",
        (FINDERS,),
        "Which loaders does it take?",
        {
            "iterable": Value("any iterable, without a length too. Promised by an adapter"),
            "sized": Value("only those with a length"),
        },
        "Nothing, where it works.",
        "With streamed data.",
    ),
    Convention(
        "judged",
        (FINDERS,),
        "Which loss decides that the sweep diverges?",
        {
            "raw": Value("the loss of the batch: L_i > d min L"),
            "ema_corrected": Value("the average s_i > d min s. Promised by an adapter"),
        },
        "Under raw a single bad batch can end the sweep.",
        "With small batches.",
    ),
    Convention(
        "batches",
        (FINDERS, TRAININGS),
        "Who brings the batches to the model's device?",
        {
            "moved": Value("the test or the loop itself", "torch_lr_finder"),
            "as_given": Value("you: batches are used where they are"),
        },
        "Nothing, where the devices agree; else the first step is an error.",
        "On a GPU.",
    ),
    Convention(
        "errors",
        (LOSSES, MIXUPS, FINDERS, TRAININGS),
        "What does an error for a bad argument say?",
        {
            "named": Value("the argument's name and its value. Promised by an adapter"),
            "any": Value("anything"),
        },
        "Nothing.",
        "Only for how fast a mistake is found.",
    ),
    Convention(
        "refused",
        _CALLED,
        "When is a bad argument an error?",
        {
            "when_built": Value("when the object is made. Promised by an adapter"),
            "when_called": Value("when it is called for the first time"),
        },
        "Nothing.",
        "Only for how soon a mistake is found: before or after the data was loaded.",
    ),
    Convention(
        "waits",
        (LOSSES, MIXUPS, FINDERS, TRAININGS),
        "How often does the host wait for the device in a call?",
        {**{str(count): _NUMBER for count in range(9)}, "more": Value("more than eight times")},
        "On a GPU each wait (.item(), a branch on a tensor's value, a copy from the host) keeps the "
        "next kernels "
        "from being queued. A small model trains slower; a large one hardly.",
        "On a GPU with small models. On the CPU no.",
    ),
    _way(
        "vmap",
        "a call under torch.func.vmap",
        "Nothing in ordinary training.",
        "For ensembles, or gradients for each sample.",
        _CALLED,
    ),
    _way(
        "func_grad",
        "a gradient by torch.func.grad",
        "Nothing in ordinary training.",
        "For code in the style of torch.func.",
        (LOSSES,),
    ),
    _way(
        "double_backward",
        "a gradient of the gradient",
        "Nothing in ordinary training.",
        "For gradient penalties and meta-learning.",
        (LOSSES,),
    ),
    _way(
        "autocast",
        "a call under torch.autocast",
        "Mixed precision can be used.",
        "For training in mixed precision.",
        _CALLED,
    ),
    _way(
        "inference_mode",
        "a call under torch.inference_mode",
        "Nothing in training.",
        "For a validation loss under inference_mode.",
        _CALLED,
    ),
    _way(
        "deterministic",
        "a call under torch.use_deterministic_algorithms",
        "A run can be repeated bit for bit.",
        "Where runs have to repeat.",
        _CALLED,
    ),
    _way(
        "pickle",
        "a module that was pickled and loaded again",
        "Nothing in one process.",
        "For torch.save of whole modules, and loaders in other processes.",
        _CALLED,
    ),
    Convention(
        "compile",
        _CALLED,
        "Does torch.compile take it?",
        {
            "full": Value("yes, as one graph"),
            "breaks": Value("yes, in several graphs with Python between them"),
            "fails": Value("no: compiling, or the compiled call, is an error"),
        },
        "Only speed. Each break is a return to Python in every step.",
        "If you compile the whole training step.",
    ),
    _way(
        "export",
        "torch.export.export",
        "Nothing in training.",
        "Where the loss is part of what is exported.",
        _CALLED,
    ),
)


def conventions_named(name: str) -> list[Convention]:
    """By a name; a name that several techniques use may stand here more than once."""
    return [each for each in CONVENTIONS if each.name == name]


def explained(convention: Convention, value: str | None = None) -> list[str]:
    """In lines; one value alone where it is named. Raises KeyError for a value that there is not."""
    values = convention.values if value is None else {value: convention.values[value]}
    lines = [f"{convention.name}, a convention of {', '.join(convention.techniques)}", f"  {convention.asks}"]
    for name, each in values.items():
        lines.append(f"  {name:17} {each.meaning}")
        if each.who:
            lines.append(f"  {'':17} so do {each.who}")
    example = value or convention.example or next(iter(convention.values))
    return [
        *lines,
        f"  changes           {convention.changes}",
        f"  care              {convention.care}",
        f"  as a law          lawful check TARGET --require {convention.name}={example}",
    ]
