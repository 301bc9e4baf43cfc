"""The laws of what a range test offers besides: validation loss, clipping, several sweeps, groups, words.

n steps, L_i the loss before step i, V_i that of the validation set after it; see ``properties.lr_finder``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from lawful.properties.lr_finder import finder_law
from lawful.properties.registry import draws
from lawful.properties.strategies import calm_losses, one_of, rates, valleys
from lawful.properties.subjects.lr_finder import RELATIVE, Finder, Picture, valley
from lawful.properties.subjects.subject import LawBroken, silence
from lawful.reference import lr_finder as reference

_SMITH = "Smith 2015 (arXiv 1506.01186), section 3.3"


@finder_law(
    "lr_i - lr_{i-1} is the same at every step, above 0, where the schedule is documented to be linear",
    why="Of equal steps every rate of the range has the same part: the first is no wider than the others.",
    source=f"{_SMITH}: linearly; Project-MONAI/MONAI issue 1014; Lightning-AI/pytorch-lightning pull 21931",
    when={"schedule": "linear"},
    severity="wrong",
)
@draws(losses=calm_losses(), span=rates())
def schedule_is_linear(finder: Finder, losses: list[float], span: list[float]) -> None:
    answer = finder([1.0] * len(losses), rates=span)
    finder.at_least("number of steps", answer.derive("len(used)", answer.steps), 3)
    steps = answer.derive("used[1:] - used[:-1]", np.diff(answer.used))
    right = (answer.used[-1] - answer.used[0]) / (answer.steps - 1)
    smallest = answer.derive("(used[1:] - used[:-1]).min()", steps.min())
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
    answer = finder([1.0] * n, rates=(1e-4, 1e-2), validates=sizes, **finder.unsmoothed())
    finder.same("number of steps", answer.derive("len(used)", answer.steps), n)
    seen = np.asarray(answer.script.validated, float).reshape(-1, 2)
    batches = answer.derive("len(validated)", np.asarray(float(len(seen))))
    finder.same("number of validation batches that were judged", batches, n * len(sizes))
    for place, what in enumerate(("in training mode", "with a graph")):
        found = answer.derive(
            f"sum(each[{place}] for each in validated)", seen[:, place].sum(keepdims=True)[0]
        )
        finder.same(f"validation batches {what}", found, 0)
    inputs = np.arange(1.0, sum(sizes) + 1) / 8
    parts = np.split(inputs, np.cumsum(sizes)[:-1])
    whole = reference.of_whole_set([part.mean() for part in parts], sizes)
    weights = np.asarray(answer.script.weights_after)
    start = finder.aligned(answer)
    right = finder.recorded((weights * whole).tolist(), start + len(answer.value))[start:]
    right = answer.derive(f"tensor(weights_after)[{start}:{start + len(right)}] * {whole!r}", right)
    finder.agree("recorded losses of the validation set", answer.value, right, RELATIVE * np.abs(right))


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
    finder.at_least("number of steps", answer.derive("len(used)", answer.steps), 2)
    pairs = np.asarray([grads for _, grads, _ in answer.script.steps])
    means = np.asarray([np.mean(seen) for _, _, seen in answer.script.steps])
    right = np.stack([reference.clipped([mean, mean], norm) for mean in means])
    for place, expression in enumerate(("tensor(g[0] for g in grads)", "tensor(g[1] for g in grads)")):
        found = answer.derive(expression, pairs[:, place])
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
    finder.at_least("number of training batches", answer.derive("len(weights)", len(begins)), len(script))
    found = answer.derive(f"tensor(weights)[{[int(i) for i in first]}]", begins[first])
    finder.same("weights at the beginning of each sweep", found, np.full(count, begins[0]))
    mean, spread = reference.mean_of_sweeps(rows)
    finder.agree("mean of the sweeps' losses", answer.value, mean, RELATIVE * np.abs(mean))
    given = getattr(answer.swept, "spread", None)
    shown = answer.derive("tensor(result.spread)", np.asarray(() if given is None else given, float))
    finder.agree("spread of the sweeps' losses", shown, spread, RELATIVE * (1 + np.abs(spread)))
    if not explodes:
        seen = np.asarray(answer.script.means)[: 2 * n]
        alike = np.asarray(float((seen[:n] == seen[n:]).all()))
        alike = answer.derive(f"float(means[:{n}] == means[{n}:{2 * n}])", alike)
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
    suggest = getattr(answer.swept, "suggest_groups", None)
    given = None if suggest is None else suggest()
    if given is None or answer.suggestion is None:
        raise LawBroken("suggestions for the groups", "a", "rate for each", given)
    found = answer.derive("tensor(result.suggest_groups())", np.asarray(given, float))
    swept = np.asarray([rates for rates, _, _ in answer.script.steps])
    right = reference.for_groups(answer.suggestion, swept[0] / swept[0, 0])
    finder.agree("suggestions for the groups", found, right, 1e-3 * right)


@finder_law(
    "the words say the suggested rate, and another number of the curve as the reason; or none, with a reason",
    why="A number without a reason is believed or not; None without one is a riddle.",
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
    explain = getattr(answer.swept, "explain", None)
    words = None if explain is None else explain()
    if not isinstance(words, str):
        raise LawBroken("words for the suggestion", "a", "sentence", words)
    if answer.suggestion is None:
        told = bool(re.search(r"\b(none|no|not)\b", words, re.IGNORECASE)) and len(words.split()) > 5
        told = answer.derive("tells_why(result.explain())", np.asarray(float(told)))
        finder.same(f"whether {words!r} says that nothing is suggested, and why", told, 1.0)
        return
    rate = answer.derive("says(result.explain(), [result.suggest()])", _says(words, [answer.suggestion]))
    finder.same(f"whether {words!r} says the suggested rate, {answer.suggestion:.3g}", rate, 1.0)
    others = re.sub(r"\d+\.?\d*(?:[eE][+-]?\d+)?", _unless(answer.suggestion), words)
    reason = _says(others, [*answer.lrs, *answer.value])
    reason = answer.derive("says(without(result.explain(), result.suggest()), [*lrs, *losses])", reason)
    finder.same(f"whether {words!r} says a rate or a loss of the curve besides", reason, 1.0)


def _says(words: str, values: Iterable[float]) -> Any:
    """1 where some number in the words is one of the values, but for 1 %."""
    numbers = [float(each) for each in re.findall(r"\d+\.?\d*(?:[eE][+-]?\d+)?", words)]
    return np.asarray(float(any(abs(n - v) <= 0.01 * abs(v) for n in numbers for v in values)))


def _unless(value: float) -> Callable[[re.Match[str]], str]:
    """Leaves a number out that is this one, but for 1 %."""
    return lambda found: "" if abs(float(found[0]) - value) <= 0.01 * abs(value) else found[0]


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
    swept = answer.swept
    rules, plot = getattr(swept, "rules", {}), getattr(swept, "plot_rules", None)
    if plot is None or len(rules) < 2:
        raise LawBroken("rules of the plot", "at least", 2, len(rules))
    with finder.asking(), silence():
        axes = plot()
    drawn, legend = Picture.of(axes), axes.get_legend()
    told = "" if legend is None else " ".join(text.get_text() for text in legend.get_texts())
    curves = [(x, y) for x, y in drawn.lines if len(x) > 2]
    for name, suggest in rules.items():
        lr = suggest()
        if lr is None:
            continue
        heights = [np.interp(np.log(lr), np.log(x), y) for x, y in curves]
        marks = [y[0] for x, y in drawn.lines if len(y) == 1 and np.isclose(x[0], lr, rtol=1e-3)]
        on_it = np.asarray(float(sum(bool(np.isclose(heights, y, rtol=1e-3).any()) for y in marks)))
        on_it = answer.derive(f"marks_on_the_curve(result.plot_rules(), {lr!r})", on_it)
        finder.at_least(f"number of marks where what {name} suggests meets the curve", on_it, 1)
        named = np.asarray(float(name in told))
        named = answer.derive(f"float({name!r} in legend_of(result.plot_rules()))", named)
        finder.same(f"whether the legend says {name}", named, 1.0)
