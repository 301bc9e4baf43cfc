"""The vectors of the range test: what its laws script as losses, as numbers.

The faults beside a question are those of ``impl/faulty`` that its law catches: the step of theirs that it is
about is given the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from lawful.impl.faulty import Fault, faults
from lawful.impl.faulty.lr_finder import Right
from lawful.properties.harness.vectors import Question, examples
from lawful.properties.lr_finder import NOISE
from lawful.properties.registry import Law
from lawful.properties.subjects.lr_finder import RELATIVE, valley
from lawful.reference import lr_finder as reference

ASKS = {
    "schedule": "the num_iter rates from start_lr to end_lr: one ratio between neighbours where kind is "
    "geometric, one difference where it is linear",
    "average": "the bias-corrected moving average after each of the losses, where smoothing is the share of "
    "the average before",
    "stop": "the place, from 0, of the loss that stops the test, or null: the first that is not finite, or "
    "whose average (with smoothing 0 the loss itself) is above best + (divergence - 1) |best|, best the "
    "smallest average before it",
    "suggest": "the rate that the rule reads off the losses at the rates lrs, or null. steepest: where the "
    "loss falls most against log lr, up to its minimum. minimum: a tenth of the rate of the smallest loss",
    "validation_loss": "the mean over the samples of a set whose batches have these mean losses and sizes",
    "clip": "the gradients, one a parameter, scaled so that their norm together is at most norm",
    "mean_of_sweeps": "the mean at each step that all sweeps took, of losses with a list a sweep",
    "spread_of_sweeps": "the standard deviation (n - 1) at each step that all sweeps took",
    "rates_of_groups": "the rate for each param group, where the groups' rates were swept in ratios to the "
    "first one's, and lr is suggested for that",
}

Inputs = dict[str, Any]
Asked = tuple[str, Inputs]


def questions() -> Iterator[Question]:
    for law, example in examples("lr_finder", *_MADE):
        for asks, inputs in _MADE[law.name](**example):
            right, bound = _right(law, asks, inputs)
            yield Question(law, asks, inputs, right, bound, partial(_faults, law, asks, inputs))


def _schedule(losses: list[float], span: list[float], **also: Any) -> Iterator[Asked]:
    n = 300 if also.get("many") else len(losses)
    yield "schedule", {"start_lr": span[0], "end_lr": span[1], "num_iter": n, "kind": "geometric"}


def _linear(losses: list[float], span: list[float]) -> Iterator[Asked]:
    yield "schedule", {"start_lr": span[0], "end_lr": span[1], "num_iter": len(losses), "kind": "linear"}


def _average(losses: list[float]) -> Iterator[Asked]:
    for smoothing in (0.0, 0.9, 0.98):
        yield "average", {"losses": losses, "smoothing": smoothing}


def _stop(losses: list[float], divergence: float = 4.0, smoothing: float = 0.0) -> Asked:
    return "stop", {"losses": losses, "divergence": divergence, "smoothing": smoothing}


def _diverges(calm: int, factor: float, sign: float) -> Iterator[Asked]:
    yield _stop([1.0] * calm + [1e6] * 12)
    limit = sign + (factor - 1) * abs(sign)
    yield _stop([sign] * calm + [limit - 0.125] * 3 + [limit + 0.125] * 6, factor)


def _on_average(calm: int, beta: float, bad: float) -> Iterator[Asked]:
    yield _stop([1.0] * calm + [bad] * 2 + [1.0] * 3 + [bad] * 20, 4.0, beta)


def _climbs(calm: int) -> Iterator[Asked]:
    yield _stop([1.0] * calm + [1.5**i for i in range(1, 41)])


def _goes_on(losses: list[float]) -> Iterator[Asked]:
    yield _stop(losses)


def _not_finite(calm: int, bad: object) -> Iterator[Asked]:
    yield _stop([1.0] * calm + [float(str(bad))] * 12)


def _suggest(losses: list[float], span: list[float], rule: str = "steepest") -> Asked:
    lrs = reference.schedule(span[0], span[1], len(losses))
    return "suggest", {"lrs": lrs, "losses": losses, "rule": rule}


def _of_valley(steepest: int, **also: Any) -> Iterator[Asked]:
    yield _suggest(valley(steepest, also.get("count", 40)), also.get("span", [1e-5, 10.0]))


def _of_any_unit(steepest: int, scale: float, explodes: bool) -> Iterator[Asked]:
    losses = [scale * loss for loss in valley(steepest)]
    yield _stop([*losses[:30], *[1e4 * losses[0]] * 10] if explodes else losses)
    yield _suggest(losses, [1e-5, 10.0])


def _by_rule(steepest: int, span: list[float], shape: str) -> Iterator[Asked]:
    losses = valley(steepest)[: steepest + 10 if shape == "fall" else None]
    if shape.startswith("fall of"):
        losses = [2.0 - i / 8 for i in range(int(shape.split()[-1]))]
    yield _suggest(losses, span, "minimum")


def _nothing_falls(losses: list[float]) -> Iterator[Asked]:
    yield _suggest(losses, [1e-5, 1.0])


def _with_noise(steepest: int, noise: int) -> Iterator[Asked]:
    noisy = np.asarray(valley(steepest)) + NOISE * np.random.default_rng(noise).standard_normal(40)
    yield _suggest([float(x) for x in np.round(noisy * 4096) / 4096], [1e-5, 10.0])


def _whole_set(n: int, sizes: list[int]) -> Iterator[Asked]:
    inputs = np.arange(1.0, sum(sizes) + 1) / 8
    means = [float(part.mean()) for part in np.split(inputs, np.cumsum(sizes)[:-1])]
    yield "validation_loss", {"losses": means, "sizes": sizes}


def _clips(losses: list[float], norm: float) -> Iterator[Asked]:
    for loss in losses[:3]:
        yield "clip", {"gradients": [0.5 * loss, 2.0 * loss], "norm": norm}


def _sweeps(count: int, n: int, explodes: bool) -> Iterator[Asked]:
    rows = [[1.0 + (i * (2 * j + 1) % 5) / 8 for i in range(n)] for j in range(count)]
    if explodes:
        rows[1] = [*rows[1][: n - 2], 1e6]
    yield "mean_of_sweeps", {"losses": rows}
    yield "spread_of_sweeps", {"losses": rows}


def _groups(steepest: int, groups: int) -> Iterator[Asked]:
    _, inputs = _suggest(valley(steepest), [1e-5, 1.0])
    lr = reference.suggest_steepest(inputs["lrs"], inputs["losses"])
    yield "rates_of_groups", {"lr": lr, "ratios": [1.0, 0.5, 10.0][: groups + 1]}


_MADE: Mapping[str, Callable[..., Iterator[Asked]]] = {
    "schedule_is_geometric": _schedule,
    "schedule_hits_both_ends": _schedule,
    "schedule_is_linear": _linear,
    "history_records_loss": _average,
    "history_records_negative_losses": _average,
    "stops_on_divergence": _diverges,
    "stops_on_the_average": _on_average,
    "stops_on_slow_climb": _climbs,
    "does_not_stop_early": _goes_on,
    "negative_losses_do_not_stop_it": _goes_on,
    "stops_on_nonfinite": _not_finite,
    "scale_invariant": _of_any_unit,
    "suggestion_in_range": _of_valley,
    "suggestion_precedes_minimum": _of_valley,
    "suggestion_is_steepest": _of_valley,
    "suggestion_follows_its_rule": _by_rule,
    "suggestion_survives_noise": _with_noise,
    "suggests_nothing_where_nothing_falls": _nothing_falls,
    "validation_loss_is_of_the_whole_set": _whole_set,
    "gradients_are_clipped_to_the_norm": _clips,
    "sweeps_are_averaged": _sweeps,
    "group_suggestions_keep_the_ratio": _groups,
}
"""By law, the numbers of its question."""


def _right(law: Law, asks: str, asked: Inputs) -> tuple[Any, Any]:
    """What is right, and the law's bound for it."""
    if asks == "stop":
        return _stops(asked["losses"], asked["divergence"], asked["smoothing"]), 0.0
    if asks == "suggest":
        return _suggested(law, **asked)
    right = _FORMULAS[asks](asked)
    return right, RELATIVE * np.abs(right)


_FORMULAS: Mapping[str, Callable[[Inputs], Any]] = {
    "schedule": lambda q: reference.schedule(
        q["start_lr"], q["end_lr"], q["num_iter"], linear=q["kind"] == "linear"
    ),
    "average": lambda q: reference.smoothed(q["losses"], q["smoothing"]),
    "validation_loss": lambda q: reference.of_whole_set(q["losses"], q["sizes"]),
    "clip": lambda q: reference.clipped(q["gradients"], q["norm"]),
    "mean_of_sweeps": lambda q: reference.mean_of_sweeps(q["losses"])[0],
    "spread_of_sweeps": lambda q: reference.mean_of_sweeps(q["losses"])[1],
    "rates_of_groups": lambda q: reference.for_groups(q["lr"], q["ratios"]),
}


def _stops(losses: list[float], divergence: float, smoothing: float) -> int | None:
    script = iter(losses)
    found = reference.range_test(
        lambda lr: next(script), 1e-5, 1.0, len(losses), smoothing=smoothing, divergence=divergence
    )
    diverged = len(losses) - len(list(script)) - 1
    return diverged if found.stopped_early else None


def _suggested(law: Law, lrs: Any, losses: list[float], rule: str) -> tuple[float | None, float]:
    """The middle of the rates that the law takes, and how far they reach: beside noise, a factor of 10."""
    lrs, curve = np.asarray(lrs), np.asarray(losses)
    if rule == "minimum":
        tenth = reference.suggest_minimum(lrs, curve)
        return tenth, RELATIVE * (tenth or 0.0)
    found = reference.suggest_steepest(lrs, curve)
    if found is None:
        return None, 0.0
    low, high = found / 10, min(10 * found, float(lrs[np.argmin(curve)]))
    if law.name != "suggestion_survives_noise":  # near it the slope is 0.9 of the steepest at least
        slopes = reference.slopes(lrs, curve)[: int(np.argmin(curve)) + 1]
        steep = np.flatnonzero(slopes <= 0.9 * slopes.min())
        low, high = float(lrs[max(0, steep[0] - 1)]), float(lrs[steep[-1] + 1])
    return (low + high) / 2, (high - low) / 2 * (1 + RELATIVE)


def _faults(law: Law, asks: str, asked: Inputs) -> Mapping[str, Any]:
    found = {}
    for fault in faults("lr_finder"):
        of_another_rule = asks == "suggest" and _rule_of(fault) != asked["rule"]
        if law.name in fault.caught_by and isinstance(fault.code, type) and not of_another_rule:
            found[fault.id] = _ANSWER[asks](fault.code(), **asked)
    return found


def _rule_of(fault: Fault) -> str:
    return fault.adapter.documented.get("suggestion", "steepest")


def _stopped_by(made: Right, losses: list[float], divergence: float, smoothing: float) -> int | None:
    made.divergence, made.smoothing = divergence, smoothing
    recorded: list[float] = []
    best = math.inf
    for step, loss in enumerate(losses):
        if made.ends(loss):
            return step
        value = made.average(recorded, loss)
        if made.diverged(value, best, step):
            return step
        best = made.best(best, value, step)
        recorded.append(value)
    return None


def _averaged_by(made: Right, losses: list[float], smoothing: float) -> list[float]:
    made.smoothing = smoothing
    recorded: list[float] = []
    for loss in losses:
        recorded.append(made.average(recorded, loss))
    return recorded


def _clipped_by(made: Any, gradients: list[float], norm: float) -> list[float]:
    parameters = [torch.nn.Parameter(torch.zeros((), dtype=torch.float64)) for _ in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
    made.norm = norm
    made.clip(parameters)
    return [float(parameter.grad) for parameter in parameters]  # type: ignore[arg-type]


def _validated_by(made: Any, losses: list[float], sizes: list[int]) -> float:
    made.validation_set = [
        (torch.tensor(loss), range(size)) for loss, size in zip(losses, sizes, strict=True)
    ]
    return float(made.of_set(lambda x: x, lambda output, target: output))


def _for_groups_by(made: Any, lr: float, ratios: list[float]) -> Any:
    made.ratios = ratios
    return made.for_groups(lr)


_ANSWER: Mapping[str, Callable[..., Any]] = {
    "schedule": lambda made, start_lr, end_lr, num_iter, kind: [
        made.lr(step, start_lr, end_lr, num_iter) for step in range(num_iter)
    ],
    "average": _averaged_by,
    "stop": _stopped_by,
    "suggest": lambda made, lrs, losses, rule: made.suggestion(lrs.tolist(), losses),
    "validation_loss": _validated_by,
    "clip": _clipped_by,
    "mean_of_sweeps": lambda made, losses: made.mean(losses),
    "spread_of_sweeps": lambda made, losses: made.spread(losses),
    "rates_of_groups": _for_groups_by,
}
