"""The laws of the learning-rate range test.

n steps from start to end; lr_i as the optimizer saw it at step i; L_i the loss before it; best the smallest
so far.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lawful.properties.arguments import PROGRESS, shows_progress
from lawful.properties.probes import (
    IN_TENSOR,
    ORDINARY_SETTINGS,
    SETTINGS,
    TOGETHER,
    GoesRoundForEver,
    NeverEnds,
)
from lawful.properties.registry import ACCELERATORS, SINGLE, draws, law
from lawful.properties.strategies import (
    calm_losses,
    negative_losses,
    noises,
    one_of,
    rates,
    rising_losses,
    steady_losses,
    valleys,
)
from lawful.properties.subjects.failures import LawBroken, Raised, Unasked, slightly
from lawful.properties.subjects.lr_finder import CRASHES, RELATIVE, Finder, Picture, Sweep, dip, valley
from lawful.properties.subjects.program import Seen
from lawful.reference.lr_finder import smoothed

_SMITH = "Smith 2015 (arXiv 1506.01186), section 3.3"
_FASTAI = "davidtvs/pytorch-lr-finder pull 42"

finder_law = functools.partial(law, "lr_finder", dtypes=SINGLE, most_examples=12)
"""An example is a whole test: a dozen will do."""
RESTORES = ("automatically", "on_reset")
NOISE = 0.05
"""Standard deviation of the noise on a curve that falls by 0.75."""


@contextlib.contextmanager
def _taking(in_tensor: bool) -> Iterator[None]:
    """No question where an optimizer whose learning rate is in a tensor is refused: few take one."""
    try:
        yield
    except Raised as error:
        if in_tensor:
            raise Unasked("it takes no learning rate in a tensor") from error
        raise


def _of_so_many_batches(finder: Finder, steps: int, batches: int) -> Sweep:
    """A calm test; no question where more steps than batches are refused before the first of them."""
    try:
        return finder([1.0] * steps, batches=batches)
    except Raised as error:
        asked = finder.answers[-1]
        assert isinstance(asked, Sweep)
        if steps > batches and isinstance(error.error, ValueError) and not asked.script.steps:
            raise Unasked("it refuses more steps than there are batches") from error
        raise


def _finished(finder: Finder, answer: Sweep, n: int, *, at_least: bool = False) -> None:
    try:
        check = finder.at_least if at_least else finder.same
        check("number of steps", answer.see("len(used)"), n)
    except LawBroken as broken:
        if abs(answer.steps - n) == 1:
            broken.slight = "one step more or less makes no other curve"
        elif answer.steps == answer.asked["batches"] < n:
            broken.slight = "it ends with its loader: the curve is right as far as it goes"
        raise


@finder_law(
    "lr_i / lr_{i-1} is the same at every step, above 1",
    why="A geometric schedule spends as many steps on each order of magnitude.",
    source=_SMITH,
    when={"schedule": "geometric"},
    severity="wrong",
    rests_on=("does_not_stop_early",),
)
@draws(losses=calm_losses(), span=rates(), in_tensor=one_of(False, True), many=one_of(False, True, False))
def schedule_is_geometric(
    finder: Finder, losses: list[float], span: list[float], in_tensor: bool, many: bool
) -> None:
    with _taking(in_tensor):
        steps = 300 if many else len(losses)
        answer = finder([1.0] * steps, rates=span, setting=IN_TENSOR if in_tensor else None)
    finder.at_least("number of steps", answer.see("len(used)"), 3)
    ratios = answer.see("used[1:] / used[:-1]")
    right = float(answer.used[-1] / answer.used[0]) ** (1 / (answer.steps - 1))
    # whatever the ends that it comes to; of a range of its own nothing is known but that it rises
    rises = (span[1] / span[0]) ** (1 / (answer.steps - 1)) - 1 if "range" in finder.features else 1e-2
    smallest = answer.see("(used[1:] / used[:-1]).min()")
    finder.at_least("ratio of neighbouring rates", smallest, 1 + rises / 10)
    finder.agree("ratio of neighbouring rates", ratios, np.full(len(ratios), right), right * RELATIVE)


@finder_law(
    "lr_0 = start and lr_{n-1} = end",
    why="The range that was asked for is the range that is tested.",
    source=f"{_SMITH}; {_FASTAI}",
    needs=("range",),
    severity="edge",
    rests_on=(
        "schedule_is_geometric",
        "takes_the_steps_asked",
    ),
)
@draws(losses=calm_losses(), span=rates())
def schedule_hits_both_ends(finder: Finder, losses: list[float], span: list[float]) -> None:
    answer = finder([1.0] * len(losses), rates=span)
    ends = answer.see("used[[0, -1]]")
    missed = _missed(answer, span)
    if missed:
        text = f"first and last rate is {ends[0]:.6g} to {ends[1]:.6g}, {missed} {span[0]:g} to {span[1]:g}"
        raise LawBroken("first and last rate", "about", np.asarray(span), ends, span[1] * RELATIVE, text=text)
    finder.agree("first and last rate", ends, np.asarray(span), np.asarray(span) * RELATIVE)


@finder_law(
    "n optimizer steps and n records, where nothing diverges",
    why="num_iter is a number of steps, whatever the length of the loader.",
    source=f"{_SMITH}; {_FASTAI}",
    when={"steps": "asked"},
    severity="wrong",
    rests_on=("second_call_starts_afresh", "does_not_stop_early"),
)
@draws(losses=calm_losses(), batches=one_of(4, 30))
def takes_the_steps_asked(finder: Finder, losses: list[float], batches: int) -> None:
    n = len(losses)
    answer = _of_so_many_batches(finder, n, batches)
    _finished(finder, answer, n)
    finder.same("number of recorded losses", answer.see("len(losses)"), len(answer.lrs))
    if finder.conventions.get("records") != "trimmed":
        finder.same("number of recorded rates", answer.see("len(lrs)"), n)


@finder_law(
    "one step more gives no fewer records",
    why=(
        "Code that trims the ends of long histories alone can lose most of a short curve when one "
        "step is added."
    ),
    source="NB25",
    needs=("history",),
    severity="edge",
    rests_on=("takes_the_steps_asked",),
)
@draws(n=one_of(20, 10, 5, 15, 30))
def more_steps_give_no_fewer_records(finder: Finder, n: int) -> None:
    shorter, longer = finder([1.0] * n), finder([1.0] * (n + 1))
    count = longer.see("len(losses)")
    finder.at_least(f"number of records of {n + 1} steps", count, len(shorter.value))


@finder_law(
    "the recorded lr_i is the rate at which step i ran",
    why="Otherwise the curve is shifted, and the suggestion with it.",
    source="bentrevett/pytorch-image-classification pull 4",
    needs=("history",),
    severity="wrong",
    rests_on=("second_call_starts_afresh",),
)
@draws(losses=calm_losses(), span=rates())
def history_records_lr_used(finder: Finder, losses: list[float], span: list[float]) -> None:
    answer = finder([1.0] * len(losses), rates=span)
    _took_steps(finder, answer)
    first = finder.aligned(answer)
    both = min(len(answer.lrs), len(answer.used) - first)
    recorded = answer.see(f"lrs[:{both}]")
    used = answer.used[first : first + both]
    finder.agree("recorded rates", recorded, used, used * RELATIVE)


@finder_law(
    "the recorded loss i is L_i, or the detected moving average of L_0 .. L_i; the first is L_0",
    why=(
        "A wrong average moves every point of the curve, and with it the step at which the loss "
        "counts as diverged."
    ),
    source=f"Kingma and Ba 2015 (arXiv 1412.6980), section 3, bias correction; {_SMITH}",
    needs=("history",),
    sees=("losses",),
    severity="wrong",
    rests_on=("second_call_starts_afresh",),
)
@draws(losses=calm_losses())
def history_records_loss(finder: Finder, losses: list[float]) -> None:
    answer = finder(losses)
    start = finder.aligned(answer)
    if not start:
        first = answer.see("losses[0]")
        finder.agree("first recorded loss", first, losses[0], RELATIVE * abs(losses[0]))
    _records(finder, answer, losses, start)


@finder_law(
    "a negative L_i is recorded as any other",
    why="A log-likelihood of a density may be negative: clipped at 0, its curve is flat.",
    source="NB20: the losses it stumbles over",
    needs=("history",),
    sees=("losses",),
    severity="edge",
    rests_on=("history_records_loss", "negative_losses_do_not_stop_it"),
)
@draws(losses=negative_losses())
def history_records_negative_losses(finder: Finder, losses: list[float]) -> None:
    answer = finder(losses)
    _records(finder, answer, losses, finder.aligned(answer))


@finder_law(
    "a second test records what it saw, and nothing of the first, whose records stay as they are",
    why="A history that is kept in a default argument, in a class or in a module is shared by all calls.",
    source="Python's tutorial, section 4.9.1: default values are evaluated once",
    needs=("history",),
    severity="wrong",
)
@draws(losses=calm_losses())
def second_call_starts_afresh(finder: Finder, losses: list[float]) -> None:
    first, second = finder(losses), finder([loss / 2 for loss in losses])
    count = second.see("len(losses)")
    finder.same("number of records of the second test", count, len(first.value))
    again = "numpy.array([float(loss) for loss in result{}.losses])"
    kept = Seen.of(first.call.evaluate(again.format("")), again.format("_1"), None)
    finder.same("records of the first test, after the second,", kept, first.value)


@finder_law(
    "a second test of the same model and optimizer: the same rates, stop and records as of new ones",
    why=(
        "What a first test leaves in the optimizer's groups, in a hook or in an attribute changes the "
        "second one."
    ),
    source="Lightning-AI/pytorch-lightning issue 9672 and pull request 9704",
    severity="wrong",
    rests_on=("second_call_starts_afresh",),
)
@draws(losses=calm_losses(), first=one_of([1e-4, 0.1], [1e-5, 1.0]))
def second_test_of_one_model_is_as_the_first(finder: Finder, losses: list[float], first: list[float]) -> None:
    alone, after = finder(losses), finder(losses, after=first)
    with slightly(_A_NEW_ONE) if _leaves_the_optimizer(finder, alone) else contextlib.nullcontext():
        _as_before(finder, alone, after)


@finder_law(
    "a second run of the same object: the same rates, stop and records as of the first",
    why=(
        "A best loss or a history that is set in the constructor alone is carried over into the second run."
    ),
    source="Lightning-AI/pytorch-lightning issue 9672: a second call beside one of a new object",
    needs=("second_run",),
    severity="wrong",
    rests_on=("second_call_starts_afresh", "second_test_of_one_model_is_as_the_first"),
)
@draws(losses=calm_losses(), ends=one_of("diverging", "calm"))
def second_run_of_one_object_is_as_the_first(finder: Finder, losses: list[float], ends: str) -> None:
    losses = [*losses, *([1e4] * 3 if ends == "diverging" else [])]
    _as_before(finder, finder(losses), finder(losses, runs_again=True))


@finder_law(
    "n steps see n batches of a loader that has them",
    why="next(iter(loader)) starts over each time: the whole curve is of the first batch.",
    source="documentation of torch.utils.data.DataLoader: each iter() is a new epoch",
    needs=("given_loader",),
    severity="wrong",
)
@draws(losses=calm_losses())
def every_batch_is_used(finder: Finder, losses: list[float]) -> None:
    answer = finder([1.0] * len(losses))
    _took_steps(finder, answer)
    count = answer.see("len(set(script.means))")
    finder.at_least("number of different batches seen", count, min(answer.steps, len(losses)))


@finder_law(
    "stop at the first L_i > best + (f - 1)|best|",
    why="Beyond it the weights are ruined, and time is wasted.",
    source=_SMITH,
    sees=("losses",),
    severity="edge",
)
@draws(calm=one_of(30, 34, 40), factor=one_of(4.0, 2.0), sign=one_of(1.0, -1.0))
def stops_on_divergence(finder: Finder, calm: int, factor: float, sign: float) -> None:
    answer = finder([1.0] * calm + [1e6] * 12)
    finder.at_most("number of steps", answer.see("len(used)"), calm + 1)
    if {"divergence", "smoothing"} <= finder.features:
        limit = sign + (factor - 1) * abs(sign)
        near = [sign] * calm + [limit - 0.125] * 3 + [limit + 0.125] * 6
        answer = finder(near, divergence=factor, smoothing=0.0)
        finder.at_most("number of steps", answer.see("len(used)"), calm + 4)
        finder.at_least("number of steps", answer.see("len(used)"), calm + 3)


@finder_law(
    "stop at the first i with m_i > best + (f - 1)|best|, m_i the corrected average of L_0 .. L_i, best of m",
    why="One bad batch is no divergence: where an average is documented to be judged, it has to be that one.",
    source="Kingma and Ba 2015 (arXiv 1412.6980), section 3, bias correction; the documentation that the "
    "adapter was written from",
    needs=("divergence", "smoothing"),
    when={"judged": "ema_corrected"},
    sees=("losses",),
    severity="edge",
    rests_on=("stops_on_divergence",),
)
@draws(calm=one_of(4, 30), beta=one_of(0.9, 0.5), bad=one_of(24.0, 6.0, 9.0))
def stops_on_the_average(finder: Finder, calm: int, beta: float, bad: float) -> None:
    losses = [1.0] * calm + [bad] * 2 + [1.0] * 3 + [bad] * 20
    averages = smoothed(losses, beta)
    best = np.minimum.accumulate(averages)
    over = np.flatnonzero(averages[1:] > best[:-1] + 3 * np.abs(best[:-1]))
    answer = finder(losses, divergence=4.0, smoothing=beta)
    right = int(over[0]) + 1 if len(over) else len(losses)
    steps = answer.see("len(used)")
    finder.at_least("number of steps", steps, right)
    finder.at_most("number of steps", steps, right + 1)


@finder_law(
    "stop also where L climbs slowly, L_i = 1.5^i",
    why=(
        "Compared with the loss before it, each loss looks harmless; only the smallest loss so far "
        "shows how far it has climbed."
    ),
    source=_SMITH,
    sees=("losses",),
    severity="edge",
    rests_on=("stops_on_divergence",),
)
@draws(calm=one_of(30, 34))
def stops_on_slow_climb(finder: Finder, calm: int) -> None:
    losses = [1.0] * calm + [1.5**i for i in range(1, 41)]
    answer = finder(losses)
    finder.at_most("number of steps", answer.see("len(used)"), len(losses) - 1)


@finder_law(
    "the loss that diverges is the last record",
    why=(
        "If the loss that ends the test were left out, a curve that explodes early would not show "
        "that it does."
    ),
    source="NB27; left out on purpose in the code that it was made from, so a convention",
    when={"explosion": "recorded"},
    needs=("history",),
    sees=("losses",),
    severity="edge",
    rests_on=("stops_on_divergence",),
)
@draws(calm=one_of(30, 34, 40))
def explosion_is_recorded(finder: Finder, calm: int) -> None:
    answer = finder([1.0] * calm + [1e6] * 12)
    finder.at_least("last recorded loss", answer.see("losses[-1]"), 4.0)


@finder_law(
    "no stop while L_i <= 1.5 best: flat and falling losses run to the end",
    why="A test that stops without reason measures nothing of the rates beyond.",
    source=_SMITH,
    sees=("losses",),
    severity="wrong",
)
@draws(losses=steady_losses())
def does_not_stop_early(finder: Finder, losses: list[float]) -> None:
    answer = finder(losses)
    finder.at_least("number of steps", answer.see("len(used)"), len(losses))


@finder_law(
    "no stop while L_i <= best + (f - 1)|best|, also where the best is negative",
    why=(
        "If the best loss is negative, factor * best is below it, and every loss would count as an explosion."
    ),
    source="fastai/fastai issue 962; NB20",
    sees=("losses",),
    severity="edge",
    rests_on=("does_not_stop_early",),
)
@draws(losses=negative_losses())
def negative_losses_do_not_stop_it(finder: Finder, losses: list[float]) -> None:
    answer = finder(losses)
    finder.at_least("number of steps", answer.see("len(used)"), len(losses))


@finder_law(
    "a NaN or infinite L_i ends the test at once, and is never the best",
    why="Every comparison with NaN is false, so a test that only compares would never stop.",
    source="pytorch/ignite issue 1482",
    sees=("losses",),
    severity="edge",
    rests_on=("stops_on_divergence",),
)
@draws(calm=one_of(0, 4, 7), bad=one_of("nan", "inf"))
def stops_on_nonfinite(finder: Finder, calm: int, bad: object) -> None:
    losses = [1.0] * calm + [float(str(bad))] * 12
    try:
        answer = finder(losses)
    except Raised:
        answer = finder.answers[-1]  # type: ignore[assignment]
    finder.at_most("number of steps", answer.see("len(used)"), calm + 1)


@finder_law(
    "parameters and buffers are what they were, bit for bit",
    why="The test is a measurement: training starts afterwards, from the same weights.",
    source="davidtvs/pytorch-lr-finder issue 11",
    when={"restores": RESTORES},
    severity="wrong",
)
@draws(losses=calm_losses())
def restores_model(finder: Finder, losses: list[float]) -> None:
    _restores(finder, finder(losses), "model", "requires_grad")


@finder_law(
    "the optimizer's state and groups are what they were, bit for bit",
    why="Momentum from an exploding run, or its last learning rate, would spoil the first epoch.",
    source="fastai/fastai issues 2892 and 3185",
    needs=("given_optimizer",),
    when={"restores": RESTORES},
    severity="wrong",
    rests_on=("restores_model",),
)
@draws(losses=calm_losses(), groups=one_of(1, 2))
def restores_optimizer(finder: Finder, losses: list[float], groups: int) -> None:
    _restores(finder, finder(losses, groups=groups), "optimizer")


@finder_law(
    "the modules' modes and the parameters' gradients are what they were",
    why="A left-over gradient is added to the first batch's; a left-over mode changes what is measured next.",
    source="NB22",
    when={"restores": RESTORES},
    severity="edge",
    rests_on=(
        "restores_model",
        "restores_optimizer",
    ),
)
@draws(losses=calm_losses())
def restores_mode_and_grads(finder: Finder, losses: list[float]) -> None:
    _restores(finder, finder(losses), "mode", "grads")


@finder_law(
    "the random states are what they were, that of the loader too where that is documented",
    why="The training that follows would otherwise differ from one without the test.",
    source="fastai/fastai issue 3013",
    when={"random_state": "restored"},
    severity="edge",
)
@draws(losses=calm_losses(), shuffles=one_of(False, True))
def restores_random_state(finder: Finder, losses: list[float], shuffles: bool) -> None:
    shuffles = shuffles and "random_state" in finder.adapter.documented
    _restores(finder, finder(losses, shuffles=shuffles), "random", "loader")


@finder_law(
    "all is put back also where the test stops at a loss that diverges, or is NaN",
    why="Most range tests end so: a return in the loop skips the lines below it that put things back.",
    source="Python's language reference, section 7.6: return leaves the current function call",
    when={"restores": RESTORES},
    sees=("losses",),
    severity="wrong",
    rests_on=("restores_model", "restores_optimizer"),
)
@draws(calm=one_of(30, 12), ends=one_of("diverging", "NaN", "inf"))
def restores_after_divergence(finder: Finder, calm: int, ends: str) -> None:
    last = {"diverging": [1e6], "NaN": [math.nan], "inf": [math.inf]}[ends] * 12
    try:
        answer = finder([1.0] * calm + last)
    except Raised as error:
        if isinstance(error.error, NeverEnds):
            raise
        answer = finder.answers[-1]  # type: ignore[assignment]
    _took_steps(finder, answer)
    parts = ["model", "optimizer"] if "given_optimizer" in finder.features else ["model"]
    _restores(finder, answer, *parts)


@finder_law(
    "all is put back also where a step raises, and the error comes through",
    why="Out of memory at a large batch is common, and the model must survive it.",
    source="NB22; Lightning-AI/pytorch-lightning issue 9672",
    when={"restores": "automatically"},
    sees=("losses",),
    severity="edge",
    rests_on=(
        "restores_model",
        "restores_optimizer",
    ),
)
@draws(losses=calm_losses(), at=one_of(3, 0, 5))
def restores_after_error(finder: Finder, losses: list[float], at: int) -> None:
    answer = finder(losses, raises_at=at)
    if answer.raised is None:
        text = f"swallows the error of the loss of step {at}; it was expected to come through"
        raise LawBroken("the error of the loss", "an error, not", "no error", "no error", text=text)
    _restores(finder, answer, "model", "optimizer")


@finder_law(
    "all is put back also where Ctrl-C ends the test",
    why="People stop the test with Ctrl-C when they have seen enough of the curve, and go on training.",
    source="Python's documentation of KeyboardInterrupt: it is no Exception, and passes their handlers",
    when={"restores": "automatically"},
    sees=("losses",),
    severity="edge",
    rests_on=("restores_model", "restores_optimizer", "restores_after_error"),
)
@draws(losses=calm_losses(), at=one_of(3, 0, 5))
def restores_after_interrupt(finder: Finder, losses: list[float], at: int) -> None:
    _restores(finder, finder(losses, raises_at=at, interrupts=True), "model", "optimizer")


@finder_law(
    "what is frozen stays so, each module is in the mode that it was in where modes are put back, an unused "
    "optimizer is unused, counts are what they were",
    why="Fine-tuning starts with frozen layers, modules in evaluation mode and a new optimizer.",
    source="PyTorch's documentation of Module.train: it sets the mode of every child; of BatchNorm2d: "
    "num_batches_tracked",
    when={"restores": RESTORES},
    severity="wrong",
    rests_on=("restores_model", "restores_optimizer"),
)
@draws(losses=calm_losses(), setting=one_of(*ORDINARY_SETTINGS))
def restores_models_of_fine_tuning(finder: Finder, losses: list[float], setting: str) -> None:
    parts = ["model", "requires_grad", *(["optimizer"] if "given_optimizer" in finder.features else [])]
    if setting == "modules of two modes":
        if "mode" in finder(losses).changed:
            raise Unasked("it leaves the mode of a model as it sets it, whatever it was")
        parts.append("mode")
    answer = finder(losses, setting=setting, training=setting == "modules of two modes")
    _restores(finder, answer, *parts)


@finder_law(
    "all is put back also of a rate in a tensor, a rate of 0, shared parameters, numbers in a group",
    why=(
        "A learning rate that was a tensor and comes back as a number, or a key that is left in a "
        "param group, disturbs the training that follows."
    ),
    source="PyTorch's documentation of Optimizer.param_groups and of Module.state_dict",
    when={"restores": RESTORES},
    severity="edge",
    rests_on=("restores_model", "restores_optimizer", "restores_models_of_fine_tuning"),
)
@draws(losses=calm_losses(), setting=one_of(*(each for each in SETTINGS if each not in ORDINARY_SETTINGS)))
def restores_any_model(finder: Finder, losses: list[float], setting: str) -> None:
    together = setting == TOGETHER
    parts = ["model", "optimizer", "requires_grad"]
    if "mode" not in finder(losses).changed:  # else it leaves the mode of a model as it sets it
        parts.append("mode")
    with _taking(setting == IN_TENSOR):
        answer = finder(losses, setting=setting, training=together, groups=2 if together else 1)
    _restores(finder, answer, *parts)


@finder_law(
    "every group's lr follows the schedule, in a constant ratio to the first: the documented one, if any",
    why="A group that is left behind keeps its old rate, and the curve is of something else.",
    source="NB23",
    needs=("given_optimizer",),
    severity="wrong",
)
@draws(losses=calm_losses(), warms_up=one_of(False, True))
def sweeps_every_param_group(finder: Finder, losses: list[float], warms_up: bool) -> None:
    try:
        answer = finder([1.0] * len(losses), groups=2)
    except Raised as error:
        raise Unasked(f"it refuses two groups: {error}") from None
    if warms_up:
        setting = "a rate of 0, as a warm-up starts"
        answer = finder([1.0] * len(losses), groups=2, setting=setting)
    _took_steps(finder, answer)
    ratios = answer.see("[rates[1] / rates[0] for rates, _, _ in script.steps if rates[0]]")
    if not len(ratios):
        raise Unasked("every step ran at a rate of 0")
    left = {rates[1] for rates, _, _ in answer.script.steps}
    if len(left) == 1:
        swept = f"param_groups[0] went from {answer.used[0]:g} to {answer.used[-1]:g}"
        text = f"param_groups[1] kept its rate {left.pop():g} while {swept}"
        what, share = "second group's rate over the first's", float(ratios[0])
        raise LawBroken(what, "about", share, ratios, RELATIVE, text=text)
    said = finder.adapter.documented.get("groups")  # before, the second group's rate is half the first's
    first = {"ratio": 1.0 if warms_up else 0.5, "one": 1.0}.get(str(said), float(ratios[0]))
    finder.agree("second group's rate over the first's", ratios, first * np.ones(len(ratios)), RELATIVE)


@finder_law(
    "the gradient at step i is that of batch i alone",
    why="Accumulated gradients make steps of unknown size: the rates mean nothing.",
    source="documentation of torch.optim.Optimizer.zero_grad",
    sees=("gradients",),
    severity="wrong",
)
@draws(losses=calm_losses())
def gradients_do_not_accumulate(finder: Finder, losses: list[float]) -> None:
    _gradients(finder, finder([1.0] * len(losses), setting="an unused optimizer"))


@finder_law(
    "the gradient at step 0 is that of batch 0, also where the model comes with gradients",
    why=(
        "Gradients may be left over from a backward pass before the test; they must not enter its first step."
    ),
    source="documentation of torch.optim.Optimizer.zero_grad",
    sees=("gradients",),
    severity="edge",
    rests_on=("gradients_do_not_accumulate",),
)
@draws(losses=calm_losses())
def gradients_of_before_do_not_count(finder: Finder, losses: list[float]) -> None:
    _gradients(finder, finder([1.0] * len(losses)))


def _gradients(finder: Finder, answer: Sweep) -> None:
    """Raises LawBroken where a step's gradient is not that of its batch."""
    _took_steps(finder, answer)
    grads = answer.see("[grads[0] for _, grads, _ in script.steps]")
    right = np.asarray([np.mean(seen) if seen else np.nan for _, _, seen in answer.script.steps])
    clipped = (grads > 0) & (grads < right)  # a gradient that is clipped is the right one times a factor
    finder.agree("gradients", grads, np.where(clipped, grads, right), 1e-5 * np.abs(right))


@finder_law(
    "a loader of 1 batch serves n steps",
    why="The number of rates is the user's choice, not the data set's.",
    source="pytorch/ignite issue 1357",
    when={"steps": "asked"},
    severity="wrong",
    rests_on=("takes_the_steps_asked",),
)
@draws(losses=calm_losses(), batches=one_of(1, 2))
def short_loader_is_cycled(finder: Finder, losses: list[float], batches: int) -> None:
    answer = _of_so_many_batches(finder, len(losses), batches)
    _finished(finder, answer, len(losses), at_least=True)


@finder_law(
    "a loader without a length serves n steps too, where any iterable is documented to do",
    why="A stream of samples has no length: a test that asks for it without need ends in a crash.",
    source="pytorch/ignite issue 1076; documentation of torch.utils.data.DataLoader: the length of one that "
    "loads an IterableDataset is its dataset's",
    when={"loader": "iterable"},
    severity="edge",
    rests_on=("takes_the_steps_asked", "short_loader_is_cycled"),
)
@draws(n=one_of(8, 20), batches=one_of(20, 3))
def takes_a_loader_without_length(finder: Finder, n: int, batches: int) -> None:
    answer = finder([1.0] * n, batches=batches, streams=True)
    _finished(finder, answer, n)


@finder_law(
    "the model is in training mode at every step",
    why="Dropout and batch statistics are part of what a learning rate has to cope with.",
    source="NB26",
    severity="edge",
)
@draws(losses=calm_losses(), training=one_of(False, True))
def trains_in_training_mode(finder: Finder, losses: list[float], training: bool) -> None:
    if finder.adapter.documented.get("mode") == "as_given":
        raise Unasked("its documentation says that the mode is the caller's")
    answer = finder([1.0] * len(losses), training=training)
    _took_steps(finder, answer)
    share = answer.see("sum(script.training) / len(script.training)")
    finder.same("share of steps in training mode", share, 1.0)


@finder_law(
    "the graph of step i is gone at step i + 2",
    why="A best loss that is kept as a tensor keeps its whole graph, and the memory of a batch with it.",
    source="NB21; PyTorch's FAQ: do not accumulate history across the training loop",
    sees=("losses",),
    severity="edge",
)
@draws(losses=calm_losses())
def frees_each_graph(finder: Finder, losses: list[float]) -> None:
    answer = finder([1.0 + i / 8 for i in range(len(losses))][:16])
    _took_steps(finder, answer)
    finder.at_most("number of old graphs alive", answer.see("script.kept"), 0)


@finder_law(
    "c L, c > 0: the same stop and the same suggestion",
    why="The unit of the loss is arbitrary: nats, bits, or a sum in place of a mean.",
    source="dimensional analysis of the stopping rule and the slope",
    sees=("losses",),
    severity="wrong",
    rests_on=("does_not_stop_early",),
)
@draws(steepest=valleys(), scale=one_of(2.0, 0.25, 64.0), explodes=one_of(False, True))
def scale_invariant(finder: Finder, steepest: int, scale: float, explodes: bool) -> None:
    losses = valley(steepest)
    if explodes:
        losses = [*losses[:30], *[1e4 * losses[0]] * 10]
    first, second = (finder([c * loss for loss in losses], suggests=True) for c in (1.0, scale))
    finder.same("number of steps", second.see("len(used)"), first.steps)
    if first.suggestion is not None and second.suggestion is not None:
        found = second.see("suggestion")
        finder.agree("suggestion for the scaled loss", found, first.suggestion, 1e-3 * first.suggestion)


@finder_law(
    "the suggestion is a rate of the range, or a tenth of one",
    why="Outside the range of rates that were tried, nothing was measured.",
    source=_SMITH,
    needs=("suggestion",),
    sees=("losses",),
    severity="wrong",
    rests_on=("does_not_stop_early", "takes_the_steps_asked"),
)
@draws(steepest=valleys(), span=rates())
def suggestion_in_range(finder: Finder, steepest: int, span: list[float]) -> None:
    answer = finder(valley(steepest), rates=span, suggests=True)
    found = _suggested(answer)
    finder.at_least("suggestion", found, span[0] / 10 * (1 - RELATIVE))
    finder.at_most("suggestion", found, span[1] * (1 + RELATIVE))


@finder_law(
    "the suggestion lies before the smallest recorded loss",
    why="Beyond the minimum the loss rises: that rate is too large.",
    source=_SMITH,
    needs=("suggestion",),
    sees=("losses",),
    severity="wrong",
    rests_on=("suggestion_in_range", "history_records_lr_used"),
)
@draws(steepest=valleys(), span=rates(), count=one_of(40, 46))
def suggestion_precedes_minimum(finder: Finder, steepest: int, span: list[float], count: int) -> None:
    answer = finder(valley(steepest, count), rates=span, suggests=True)
    found = _suggested(answer)
    limit = answer.lrs[int(np.argmin(answer.value))]
    finder.at_most("suggestion", found, limit * (1 + RELATIVE))


@finder_law(
    "a curve that falls k steps later: a suggestion that is larger by k/3 steps at least",
    why="A suggestion that is the same for every curve says nothing of the model.",
    source=f"{_SMITH}: the rate is read off the curve",
    needs=("suggestion",),
    when={"schedule": "geometric"},
    sees=("losses",),
    severity="wrong",
    rests_on=("suggestion_in_range", "suggestion_precedes_minimum", "history_records_lr_used"),
)
@draws(steepest=one_of(70, 74, 72), later=one_of(16, 18))
def suggestion_follows_the_curve(finder: Finder, steepest: int, later: int) -> None:
    found = []
    for falls in (steepest, steepest + later):
        answer = finder(dip(falls), rates=[1e-6, 10.0], suggests=True)
        if answer.suggestion is None or answer.steps < falls + 12:
            raise Unasked("it suggests nothing here, or stops before the curve falls")
        found.append(answer.see("suggestion"))
    limit = float(found[0]) * 1e7 ** (later // 3 / 119)
    if found[1] < limit:
        first, second = (f"{float(each):.6g}" for each in found)
        text = f"suggestion is {first} for a curve, and {second} for one that falls {later} steps later"
        raise LawBroken("suggestion for the later fall", "at least", limit, found[1], text=text)


@finder_law(
    "a curve that ends in NaN: a number, and no larger than the rate of the smallest loss before",
    why=(
        "NumPy's argmin returns the place of a NaN if there is one: the rate at which the loss blew "
        "up would be suggested."
    ),
    source="fastai/fastai issue 3476; Lightning-AI/pytorch-lightning issue 1850",
    needs=("suggestion",),
    sees=("losses",),
    severity="wrong",
    rests_on=("suggestion_in_range", "suggestion_precedes_minimum"),
)
@draws(steepest=valleys(), bad=one_of("nan", "inf"))
def suggestion_survives_nan(finder: Finder, steepest: int, bad: object) -> None:
    losses = valley(steepest)[:36]
    answer = finder(losses + [float(str(bad))] * 4, rates=[1e-5, 10.0], suggests=True)
    if answer.suggestion_error is not None:
        raise Raised(answer.suggestion_error)
    if answer.suggestion is None:
        raise Unasked("it suggests nothing for such a curve")
    limit = answer.used[int(np.argmin(losses))]
    finder.at_most("suggestion", answer.see("suggestion"), limit * (1 + RELATIVE))


@finder_law(
    "dL/d(log lr) at the suggestion is the smallest, up to the minimum",
    why=(
        "The curve is read on a logarithmic axis. A slope per lr, not per log lr, is larger by 1 / "
        "lr, so that the smallest rates win."
    ),
    source="Lightning-AI/pytorch-lightning issues 14248 and 21141",
    needs=("suggestion",),
    when={"suggestion": "steepest"},
    sees=("losses",),
    severity="wrong",
)
@draws(steepest=valleys())
def suggestion_is_steepest(finder: Finder, steepest: int) -> None:
    answer = finder(valley(steepest), rates=[1e-5, 10.0], suggests=True, **finder.unsmoothed())
    _suggested(answer)
    share = answer.see("steepness(lrs, losses, suggestion)")
    finder.at_least("slope at the suggestion, as a share of the steepest,", share, 0.9)


@finder_law(
    "minimum: a tenth of the rate of the smallest loss;  valley: half-way along the longest fall;  "
    "steepest: in the middle of the window that falls most, where slopes are said to be fitted",
    why="A rule that is named can be worked out by hand from the curve, and must come to the same.",
    source="fastai 2.8, callback/schedule.py: minimum and valley; Smith 2015, section 3.3",
    needs=("suggestion", "history"),
    when={"suggestion": ("minimum", "valley", "steepest"), "smoothing": "none", "records": "all"},
    sees=("losses",),
    severity="wrong",
    rests_on=("suggestion_in_range", "history_records_lr_used"),
)
@draws(steepest=valleys(), span=rates(), shape=one_of("valley", "fall", "fall of 2", "fall of 7"))
def suggestion_follows_its_rule(finder: Finder, steepest: int, span: list[float], shape: str) -> None:
    if "suggestion" not in finder.adapter.documented:
        raise Unasked("its documentation names no rule: it may read a part of the curve alone")
    if finder.conventions["suggestion"] == "steepest" and finder.conventions.get("slope") != "fitted":
        raise Unasked("its documentation does not say how a slope is taken")
    losses = valley(steepest)[: steepest + 10 if shape == "fall" else None]
    if shape.startswith("fall of"):
        losses = [2.0 - i / 8 for i in range(int(shape.split()[-1]))]
    answer = finder(losses, rates=span, suggests=True, **finder.unsmoothed())
    found, right = _suggested(answer), finder.by_its_rule(answer)
    step = 1.0
    if finder.conventions["suggestion"] == "valley":  # the middle of an even number is one of two
        step = (span[1] / span[0]) ** (1 / (len(answer.lrs) - 1))
    finder.at_least("suggestion", found, right / step * (1 - RELATIVE))
    finder.at_most("suggestion", found, right * step * (1 + RELATIVE))


@finder_law(
    "the plot: recorded losses over log lr, the suggestion marked there, the fall half of the height",
    why="A rate is read off it by eye: on a linear axis, or beside a loss that exploded, nothing is seen.",
    source=f"{_SMITH}; fastai 2.8, callback/schedule.py: plot_lr_find, a log axis and skip_end=5",
    needs=("plot", "history"),
    devices=("cpu",),
    sees=("losses",),
    severity="edge",
    most_examples=2,
)
@draws(steepest=valleys(), explodes=one_of(False, True))
def plot_shows_the_fall(finder: Finder, steepest: int, explodes: bool) -> None:
    losses = valley(steepest)
    losses = [*losses[:35], *[1e4 * losses[0]] * 5] if explodes else losses
    answer = finder(losses, rates=[1e-5, 10.0], suggests=True, draws=True)
    drawn = _drawn(answer)
    finder.same("scale of the learning rates' axis", answer.call.words("drawn.scale"), "log")
    if not drawn.shows(answer.lrs, answer.value):
        curves = [len(x) for x, _ in drawn.curves()]
        check = ("drawn.shows(lrs, losses)", answer.call)
        raise LawBroken("line of the plot", "a", "run of the recorded losses", curves, check=check)
    if answer.suggestion is not None:
        marks = answer.see("drawn.marks(suggestion)")
        finder.at_least("number of marks where the suggestion meets the curve", marks, 1)
    _, y = drawn.longest()
    finder.at_most("lowest loss that is seen", answer.see("drawn.heights[0]"), float(np.min(y)))
    finder.at_least("highest loss that is seen", answer.see("drawn.heights[1]"), float(y[0]))
    if y[0] > np.min(y):
        fall = answer.see("drawn.fall()")
        finder.at_least("fall of the loss, as a share of the height,", fall, 0.5)
    if not all(drawn.words):
        check = ("all(drawn.words)", answer.call)
        raise LawBroken("words at the axes", "a", "name for each", drawn.words, check=check)
    unseen = answer.call.words("', '.join(drawn.unseen) or 'nothing'")
    finder.same("what is given a name that no legend shows", unseen, "nothing")


@finder_law(
    "a curve that does not fall, or has no points, is drawn, where nothing is suggested for it",
    why="If nothing is suggested, people look at the plot for the reason, and must not get a crash.",
    source="the documentation that the adapter was written from",
    needs=("plot",),
    when={"no_fall": "none"},
    devices=("cpu",),
    sees=("losses",),
    severity="edge",
    rests_on=("suggests_nothing_where_nothing_falls", "plot_shows_the_fall"),
)
@draws(shape=one_of("flat", "rising", "nothing"))
def plots_what_does_not_fall(finder: Finder, shape: str) -> None:
    losses = {"flat": [1.0] * 12, "rising": [1.0 + i / 16 for i in range(30)], "nothing": [math.nan] * 6}[
        shape
    ]
    answer = finder(losses, draws=True)
    _drawn(answer)
    points = answer.see("max((len(x) for x, _ in drawn.lines), default=0)")
    finder.same("number of points that are drawn", points, len(answer.lrs))


def _drawn(answer: Sweep) -> Picture:
    if answer.drawn is None:
        check = ("result.plot is not None", answer.call)
        raise LawBroken("plot", "a", "picture of the curve", answer.drawn, check=check)
    return answer.drawn


@finder_law(
    "no suggestion for a flat or rising curve, where that is documented",
    why="Where nothing falls no rate is better than the first: a number would be taken for advice.",
    source="the documentation that the adapter was written from",
    needs=("suggestion",),
    when={"no_fall": "none"},
    sees=("losses",),
    severity="edge",
)
@draws(losses=rising_losses())
def suggests_nothing_where_nothing_falls(finder: Finder, losses: list[float]) -> None:
    answer = finder(losses, suggests=True)
    if answer.suggestion_error is not None:
        raise Raised(answer.suggestion_error)
    if answer.suggestion is not None:
        check = ("suggestion is None", answer.call)
        what = "suggestion for a curve that does not fall"
        raise LawBroken(what, "a", "None", answer.suggestion, check=check)


@finder_law(
    "for few points: an error or no suggestion, and the curve is there",
    why="A curve that was trimmed away to nothing looks like a test that saw nothing.",
    source="davidtvs/pytorch-lr-finder issue 52",
    needs=("history",),
    sees=("losses",),
    severity="edge",
)
@draws(n=one_of(2, 3, 5, 6, 0, 1), span=rates())
def too_few_points_is_loud(finder: Finder, n: int, span: list[float]) -> None:
    try:  # of fewer than two steps: a test of six that has to stop
        answer = finder([1.0] * n if n > 1 else [1.0] * n + [math.nan] * 6, rates=span, suggests=True)
    except Raised:
        return
    finder.at_least("number of recorded losses", answer.see("len(losses)"), min(n, 1))
    if answer.suggestion_error is not None and finder.conventions.get("no_fall") == "none":
        raise Raised(answer.suggestion_error)
    if answer.suggestion is not None:
        if not math.isfinite(answer.suggestion):
            check = ("suggestion is None or math.isfinite(suggestion)", answer.call)
            wanted = "finite number, None or an error"
            raise LawBroken("suggestion", "a", wanted, answer.suggestion, check=check)
        finder.at_least("suggestion", answer.see("suggestion"), span[0] / 20)
        finder.at_most("suggestion", answer.see("suggestion"), span[1])


@finder_law(
    "start <= 0, end <= start, n < 2 and an empty loader raise, before the model is touched",
    why=(
        "There is no geometric schedule for such a range, and an error half-way would leave the "
        "weights changed."
    ),
    source=f"{_SMITH}; {_FASTAI}",
    severity="guard",
)
@draws(
    bad=one_of(
        "start 0", "start < 0", "end < start", "end = start", "n = 1", "n = 0", "empty loader", "empty stream"
    )
)
def rejects_bad_range(finder: Finder, bad: object) -> None:
    span = {
        "start 0": (0.0, 1.0),
        "start < 0": (-1e-3, 1.0),
        "end < start": (1.0, 1e-3),
        "end = start": (0.1, 0.1),
    }
    if bad == "empty stream" and finder.conventions.get("loader") != "iterable":
        raise Unasked("its loader has a length")
    if str(bad) in span and "range" not in finder.features:
        raise Unasked("its range is its own")
    steps = {"n = 1": 1, "n = 0": 0}.get(str(bad), 6)
    try:
        answer = finder(
            [1.0] * 6,
            rates=span.get(str(bad), (1e-5, 1.0)),
            num_iter=steps,
            batches=0 if str(bad).startswith("empty") else max(steps, 1),
            streams=bad == "empty stream",
        )
    except Raised as error:
        if isinstance(error.error, GoesRoundForEver):
            text = "goes round an empty loader for ever; an error was expected"
            raise LawBroken(str(bad), "an error, not", "a loop", 0, text=text) from error
        answer = finder.answers[-1]  # type: ignore[assignment]
        steps_taken = answer.see("len(used)")
        finder.at_most(f"number of steps before {bad} is refused", steps_taken, 0)
        _restores(finder, answer, "model")
        about = {"n": "num_iter", "empty": "loader"}.get(str(bad).split()[0], "start_lr end_lr")
        finder.named(str(bad), about, error)
        return
    text = f"took {bad} and returned a curve of {len(answer.lrs)} points; an error was expected"
    raise LawBroken(str(bad), "an error, not", "a curve", answer.lrs, text=text)


@finder_law(
    "a loader of 1 batch, and num_iter = 1, give a curve or a refusal, no crash",
    why="An error such as a division by zero says nothing of what to change.",
    source="NB18; davidtvs/pytorch-lr-finder pull 42",
    severity="edge",
)
@draws(single=one_of("batch", "step"))
def one_batch_or_step_is_no_crash(finder: Finder, single: object) -> None:
    asks = finder.asks_steps()
    try:
        finder([1.0] * (6 if asks and single == "batch" else 1), batches=1)
    except Raised as error:
        if isinstance(error.error, CRASHES):
            raise


@finder_law(**PROGRESS)
@draws(losses=calm_losses())
def shows_its_progress(finder: Finder, losses: list[float]) -> None:
    def tested(progress: object) -> Sweep:
        return replace(finder, given={"progress": progress})([1.0] * len(losses))

    shows_progress(finder, tested, len(losses))


@finder_law(
    "with seeded noise: within a factor of 10 of the suggestion without, and on the falling side",
    why="The loss of a batch is noisy: a rule that follows one jump suggests anything, often the start.",
    source=f"{_SMITH}: the rate is read off a curve of noisy batches",
    needs=("suggestion",),
    sees=("losses",),
    severity="wrong",
    rests_on=(
        "suggestion_precedes_minimum",
        "suggestion_is_steepest",
        "suggestion_in_range",
        "history_records_lr_used",
    ),
)
@draws(steepest=valleys(), noise=noises())
def suggestion_survives_noise(finder: Finder, steepest: int, noise: int) -> None:
    span, clean = [1e-5, 10.0], valley(steepest)
    answer = finder(clean, rates=span, suggests=True)
    right, limit = _suggested(answer), answer.used[int(np.argmin(clean))]
    noisy = np.asarray(clean) + NOISE * np.random.default_rng(noise).standard_normal(len(clean))
    answer = finder([float(x) for x in np.round(noisy * 4096) / 4096], rates=span, suggests=True)
    found = _suggested(answer)
    if finder.conventions.get("suggestion") in ("smallest", "minimum"):  # a rule of one point is its choice
        step = (span[1] / span[0]) ** (1 / (len(answer.lrs) - 1)) * (1 + RELATIVE)
        right = finder.by_its_rule(answer)
        finder.at_least("suggestion beside noise, by its own rule,", found, right / step)
        finder.at_most("suggestion beside noise, by its own rule,", found, right * step)
        return
    finder.at_least("suggestion beside noise", found, right / 10 * (1 - RELATIVE))
    finder.at_most("suggestion beside noise", found, min(10 * right, limit) * (1 + RELATIVE))


@finder_law(
    "the model and the optimizer's state are where they were",
    why="A model that is left on the CPU trains there from then on, or fails beside batches of the device.",
    source="PyTorch's notes on CUDA semantics: operations take tensors of one device",
    devices=ACCELERATORS,
    needs=("devices",),
    even_if_refused=True,
    severity="edge",
)
@draws(losses=calm_losses())
def stays_on_its_device(finder: Finder, losses: list[float]) -> None:
    answer = finder([1.0] * len(losses))
    _took_steps(finder, answer)
    finder.stays(answer)


@finder_law(
    "batches of the CPU are moved to where the model is",
    why="A loader gives batches of the CPU: a test that says that it moves them has to.",
    source="the documentation that the adapter was written from; PyTorch's notes on CUDA semantics: "
    "operations take tensors of one device",
    devices=ACCELERATORS,
    when={"batches": "moved"},
    even_if_refused=True,
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(losses=calm_losses())
def moves_batches_to_the_model(finder: Finder, losses: list[float]) -> None:
    answer = finder([1.0] * len(losses), on_cpu=True)
    _took_steps(finder, answer)
    finder.stays(answer)


@finder_law(
    "the host waits for the device as often in every step",
    why="A loss is read once a step; what is read again at every step makes n steps wait n^2 times.",
    source="documentation of torch.cuda.set_sync_debug_mode; PyTorch's performance tuning guide, avoid "
    "unnecessary CPU-GPU synchronization",
    devices=("twin",),
    severity="edge",
    rests_on=("stays_on_its_device",),
)
@draws(steps=one_of(8, 6, 12))
def waits_for_device(finder: Finder, steps: int) -> None:
    steps = max(steps, finder.adapter.least_steps)
    counts = [finder.waited(functools.partial(finder, [1.0] * n)) for n in (steps, 2 * steps, 3 * steps)]
    extra = int(counts[1] - counts[0])
    more = Seen.of(counts[2] - counts[1], "count_3 - count_2", None)
    finder.at_most(f"number of waits of {steps} more steps, after {2 * steps}", more, extra + 1)


def _records(finder: Finder, answer: Sweep, losses: list[float], start: int) -> None:
    """The records from step ``start`` on are the losses, or their detected moving average."""
    finder.at_least("number of records", answer.see("len(losses)"), 1)
    if finder.conventions.get("smoothing") == "other":
        seen = [*losses, *losses[-1:] * len(answer.value)]
        low = np.minimum.accumulate(seen)[: len(answer.value)]
        high = np.maximum.accumulate(seen)[: len(answer.value)]
        finder.at_least("a mean of the losses so far", answer.value, low - RELATIVE * np.abs(low))
        finder.at_most("a mean of the losses so far", answer.value, high + RELATIVE * np.abs(high))
        return
    right = finder.recorded(losses, start + len(answer.value))[start:]
    finder.agree("recorded losses", answer.value, right, RELATIVE * np.abs(right) + 1e-6)


def _missed(answer: Sweep, span: list[float]) -> str:
    """In words, where the sweep is a whole rate short of its end, or a rate ahead at its start."""
    if answer.steps < 3 or not np.all(answer.used > 0):
        return ""
    ratio = answer.used[-1] / answer.used[-2]
    starts = math.isclose(answer.used[0], span[0], rel_tol=RELATIVE)
    if starts and math.isclose(answer.used[-1] * ratio, span[1], rel_tol=1e-3):
        return "one rate short of the end of"
    ends = math.isclose(answer.used[-1], span[1], rel_tol=RELATIVE)
    if ends and math.isclose(answer.used[0], span[0] * ratio, rel_tol=1e-3):
        return "one rate ahead of the start of"
    return ""


def _as_before(finder: Finder, first: Sweep, second: Sweep) -> None:
    """The second test did and recorded what the first did."""
    _took_steps(finder, first)
    finder.same("number of steps of the second test", second.see("len(used)"), first.steps)
    finder.agree("rates of the second test", second.see("used"), first.used, first.used * RELATIVE)
    if "history" in finder.features:
        count = second.see("len(losses)")
        finder.same("number of records of the second test", count, len(first.value))
        room = RELATIVE * np.abs(first.value)
        finder.agree("records of the second test", second.see("losses"), first.value, room)


def _took_steps(finder: Finder, answer: Sweep) -> None:
    """Of no steps at all, every law about steps would hold."""
    finder.at_least("number of steps", answer.see("len(used)"), 2)


def _suggested(answer: Sweep) -> Any:
    if answer.suggestion_error is not None:
        raise Raised(answer.suggestion_error)
    if answer.suggestion is None:
        what, check = "suggestion for a curve of 40 points with one valley", "suggestion is not None"
        raise LawBroken(what, "a", "learning rate", None, check=(check, answer.call))
    return answer.see("suggestion")


_A_NEW_ONE = "it says nothing of the optimizer: make a new one after the test"


def _leaves_the_optimizer(finder: Finder, answer: Sweep) -> bool:
    """Whether it puts back neither the optimizer's rates nor its state, and does not say that it would."""
    return {"lr", "state"} <= set(answer.optimizer_changes) and not finder.adapter.promises_optimizer


def _restores(finder: Finder, answer: Sweep, *parts: str) -> None:
    left = [part for part in answer.changed if part in parts]
    found = answer.call.words(f"left_changed(before, after, {parts!r})")
    if {"model", "optimizer"} & set(left):
        of = {"model": answer.model_changes, "optimizer": answer.optimizer_changes}
        what = ", ".join(f"{part} ({', '.join(of[part])})" if part in of else part for part in left)
        text = f"what is not as it was before is {what}, expected nothing"
        broken = LawBroken("what is not as it was before", "exactly", "nothing", found, text=text)
        if "model" not in left and _leaves_the_optimizer(finder, answer):
            broken.slight = _A_NEW_ONE
        raise broken
    finder.same("what is not as it was before", found, "nothing")
