"""The laws of what a range test offers besides: validation loss, clipping, several sweeps, groups, words.

n steps, L_i the loss before step i, V_i that of the validation set after it; see ``properties.lr_finder``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lawful.properties.lr_finder import finder_law
from lawful.properties.registry import draws
from lawful.properties.strategies import calm_losses, one_of, rates, valleys
from lawful.properties.subjects.failures import A_GRAPH, LawBroken, Raised, Unasked, slightly
from lawful.properties.subjects.lr_finder import RELATIVE, Finder, valley
from lawful.properties.subjects.lr_finder_options import legend_of, says, tells_why, without
from lawful.properties.subjects.subject import silence
from lawful.reference import lr_finder as reference

_SMITH = "Smith 2015 (arXiv 1506.01186), section 3.3"


@finder_law(
    "lr_i - lr_{i-1} is the same at every step, above 0, where the schedule is documented to be linear",
    why=(
        "With linear steps the learning rate grows by the same amount each time, also from the first "
        "step to the second."
    ),
    source=f"{_SMITH}: linearly; Project-MONAI/MONAI issue 1014; Lightning-AI/pytorch-lightning pull 21931",
    when={"schedule": "linear"},
    severity="wrong",
)
@draws(losses=calm_losses(), span=rates())
def schedule_is_linear(finder: Finder, losses: list[float], span: list[float]) -> None:
    answer = finder([1.0] * len(losses), rates=span)
    finder.at_least("number of steps", answer.see("len(used)"), 3)
    steps = answer.see("used[1:] - used[:-1]")
    right = (answer.used[-1] - answer.used[0]) / (answer.steps - 1)
    smallest = answer.see("(used[1:] - used[:-1]).min()")
    finder.at_least("difference of neighbouring rates", smallest, 0.0)
    bound = RELATIVE * answer.used[-1]
    finder.agree("difference of neighbouring rates", steps, np.full(len(steps), right), bound)


@finder_law(
    "with a validation set the record i is V_i = sum_b n_b V_ib / sum_b n_b of all its batches, after step "
    "i, in evaluation mode and without a graph",
    why="A set that is used up after the first step gives a flat curve. A mean of batch means has too much "
    "of the last, smaller batch.",
    source="davidtvs/pytorch-lr-finder issue 59; Lightning-AI/pytorch-lightning issue 1975",
    needs=("val_loader", "history"),
    severity="wrong",
    rests_on=("history_records_loss", "takes_the_steps_asked"),
)
@draws(n=one_of(12, 8), sizes=one_of([3, 3, 1], [2], [1, 4]))
def validation_loss_is_of_the_whole_set(finder: Finder, n: int, sizes: list[int]) -> None:
    n = max(n, finder.adapter.least_steps)
    try:
        answer = finder([1.0] * n, rates=(1e-4, 1e-2), validates=sizes, **finder.unsmoothed())
    except Raised as error:
        if isinstance(error.error, TypeError | AttributeError):
            raise Unasked(f"it reads batches of the validation loader in another way: {error}") from error
        raise
    finder.same("number of steps", answer.see("len(used)"), n)
    batches = answer.see("len(script.validated)")
    each, rest = divmod(len(answer.script.validated), n)
    if each and not rest and each != len(sizes):
        raise Unasked(f"it takes {each} validation batches at each step, however many there are")
    finder.same("number of validation batches that were judged", batches, n * len(sizes))
    trained = answer.see("sum(training for training, _ in script.validated)")
    finder.same("validation batches in training mode", trained, 0)
    inputs = np.arange(1.0, sum(sizes) + 1) / 8
    parts = np.split(inputs, np.cumsum(sizes)[:-1])
    whole = reference.of_whole_set([part.mean() for part in parts], sizes)
    weights = np.asarray(answer.script.weights_after)
    start = finder.aligned(answer)
    right = finder.recorded((weights * whole).tolist(), start + len(answer.value))[start:]
    finder.agree("recorded losses of the validation set", answer.value, right, RELATIVE * np.abs(right))
    graphs = answer.see("sum(graph for _, graph in script.validated)")
    with slightly(A_GRAPH):
        finder.same("validation batches with a graph", graphs, 0)


@finder_law(
    "the gradient at step i is g min(1, c/|g|), |g| over all parameters",
    why="Training with clipped gradients takes larger rates: measured without, the curve explodes before.",
    source="Lightning-AI/pytorch-lightning issue 10557, of one that clips; documentation of "
    "torch.nn.utils.clip_grad_norm_",
    needs=("clip_grad_norm",),
    severity="wrong",
    rests_on=("gradients_do_not_accumulate",),
)
@draws(losses=calm_losses(), norm=one_of(0.75, 1.5, 100.0))
def gradients_are_clipped_to_the_norm(finder: Finder, losses: list[float], norm: float) -> None:
    answer = finder([1.0] * len(losses), clip_grad_norm=norm)
    finder.at_least("number of steps", answer.see("len(used)"), 2)
    means = np.asarray([np.mean(seen) for _, _, seen in answer.script.steps])
    right = np.stack([reference.clipped([mean, mean], norm) for mean in means])
    for place in (0, 1):
        found = answer.see(f"[grads[{place}] for _, grads, _ in script.steps]")
        finder.agree(f"gradient of parameter {place}", found, right[:, place], 1e-5 * np.abs(right[:, place]))


@finder_law(
    "of k sweeps the record i is mean_j L_ij, its spread the standard deviation (n - 1), over the steps that "
    "all took; each sweep begins with the same weights, and sees other batches of a loader that shuffles",
    why="One curve of single batches differs from run to run, and so does what is read off it.",
    source="fastai/fastai issue 3295; fastai/course-v3 issue 301; ourownstory/neural_prophet pull 466",
    needs=("sweeps", "history"),
    severity="wrong",
    rests_on=("history_records_loss", "takes_the_steps_asked"),
)
@draws(count=one_of(3, 2), n=one_of(8, 12), explodes=one_of(False, True))
def sweeps_are_averaged(finder: Finder, count: int, n: int, explodes: bool) -> None:
    n = max(n, finder.adapter.least_steps)
    rows = [[1.0 + (i * (2 * j + 1) % 5) / 8 for i in range(n)] for j in range(count)]
    if explodes:
        rows[1] = [*rows[1][: n - 2], 1e6]  # recorded, and then the sweep ends
    script = [loss for row in rows for loss in row]
    options: dict[str, Any] = {"sweeps": count, **finder.unsmoothed()}
    answer = finder(script, num_iter=n, batches=n, shuffles=not explodes, **options)
    first = [0, *np.cumsum([len(row) for row in rows])[:-1]]
    begins = np.asarray(answer.script.weights)
    finder.at_least("number of training batches", answer.see("len(script.weights)"), len(script))
    found = answer.see(f"numpy.array(script.weights)[{[int(i) for i in first]}]")
    finder.same("weights at the beginning of each sweep", found, np.full(count, begins[0]))
    mean, spread = reference.mean_of_sweeps(rows)
    finder.agree("mean of the sweeps' losses", answer.value, mean, RELATIVE * np.abs(mean))
    shown = answer.part("() if result.spread is None else result.spread")
    finder.agree("spread of the sweeps' losses", shown, spread, RELATIVE * (1 + np.abs(spread)))
    if not explodes:
        alike = answer.see(f"float(script.means[:{n}] == script.means[{n}:{2 * n}])")
        finder.same("whether the second sweep sees the batches of the first in their order", alike, 0.0)


@finder_law(
    "for each group: the suggestion, in the ratio in which the group was swept",
    why="Groups of different rates are different on purpose: one rate for all of them was not measured.",
    source="pytorch/ignite issue 2703",
    needs=("group_suggestions", "suggestion", "given_optimizer"),
    severity="wrong",
    rests_on=("sweeps_every_param_group", "suggestion_in_range"),
)
@draws(steepest=valleys(), groups=one_of(2, 1))
def group_suggestions_keep_the_ratio(finder: Finder, steepest: int, groups: int) -> None:
    answer = finder(valley(steepest), groups=groups, suggests=True)
    call = answer.call
    with finder.asking():
        call.do("for_groups = result.suggest_groups()")
    if call.names["for_groups"] is None or answer.suggestion is None:
        check = ("for_groups is not None and suggestion is not None", call)
        raise LawBroken("suggestions for the groups", "a", "rate for each", None, check=check)
    found = answer.part("for_groups")
    swept = np.asarray([rates for rates, _, _ in answer.script.steps])
    right = reference.for_groups(answer.suggestion, swept[0] / swept[0, 0])
    finder.agree("suggestions for the groups", found, right, 1e-3 * right)


@finder_law(
    "the words say the suggested rate, and another number of the curve as the reason; or none, with a reason",
    why="Without a reason nobody can check a suggested rate, or tell why none is suggested.",
    source="Lightning-AI/pytorch-lightning issues 13844 and 10557; davidtvs/pytorch-lr-finder issue 86",
    needs=("explanation", "suggestion", "history"),
    severity="edge",
    rests_on=("suggestion_in_range",),
)
@draws(shape=one_of("valley", "flat", "rising", "nothing"), steepest=valleys())
def explanation_says_the_rate_and_why(finder: Finder, shape: str, steepest: int) -> None:
    losses = {
        "valley": valley(steepest),
        "flat": [1.0] * 20,
        "rising": [1.0 + i / 16 for i in range(30)],
        "nothing": [float("nan")] * 6,
    }[shape]
    answer = finder(losses, suggests=True)
    call = answer.call
    for tool in (tells_why, says, without):
        call.use(tool.__name__, tool)
    with finder.asking(), silence():
        call.do("words = result.explain()")
    words = call.names["words"]
    if not isinstance(words, str):
        check = ("isinstance(words, str)", call)
        raise LawBroken("words for the suggestion", "a", "sentence", words, check=check)
    if answer.suggestion is None:
        told = answer.part("tells_why(words)")
        finder.same(f"whether {words!r} says that nothing is suggested, and why", told, 1.0)
        return
    rate = answer.part("says(words, [suggestion])")
    finder.same(f"whether {words!r} says the suggested rate, {answer.suggestion:.3g}", rate, 1.0)
    reason = answer.part("says(without(words, suggestion), [*lrs, *losses])")
    finder.same(f"whether {words!r} says a rate or a loss of the curve besides", reason, 1.0)


@finder_law(
    "a plot of several rules has a mark where each one's suggestion meets the curve, told apart by a legend",
    why="Rules differ by a factor of a few: side by side they show how sure the answer is.",
    source="davidtvs/pytorch-lr-finder pull 44; fastai 2.8, callback/schedule.py: suggest_funcs",
    needs=("several_rules", "history"),
    devices=("cpu",),
    severity="edge",
    rests_on=("suggestion_in_range",),
)
@draws(steepest=valleys())
def plot_marks_every_rule(finder: Finder, steepest: int) -> None:
    answer = finder(valley(steepest), rates=[1e-5, 10.0])
    call = answer.call
    finder.at_least("number of rules", answer.see("len(result.rules or {})"), 2)
    call.use("legend_of", legend_of)
    with finder.asking(), silence():
        call.do("suggested = {name: suggest() for name, suggest in result.rules.items()}")
        call.do("axes = result.plot_rules()")
        call.do("drawn, legend = Picture.of(axes), legend_of(axes)")
    for name, lr in call.names["suggested"].items():
        if lr is None:
            continue
        marks = answer.part(f"drawn.marks(suggested[{name!r}])")
        finder.at_least(f"number of marks where what {name} suggests meets the curve", marks, 1)
        finder.same(f"whether the legend says {name}", answer.see(f"float({name!r} in legend)"), 1.0)
