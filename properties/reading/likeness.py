"""Whether two implementations answered alike: what came out of a law, and each call on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lawful.properties import tolerances
from lawful.properties.subjects.lr_finder import Sweep
from lawful.properties.subjects.mixup import Mixed
from lawful.properties.subjects.subject import Answer
from lawful.properties.subjects.training import Run

if TYPE_CHECKING:
    from lawful.properties.reading.catalogue import Answered

ROUNDINGS = 16.0
"""Of the dtype, at the largest number: by as much may two orders of the same operations differ."""


def alike(one: Answered, other: Answered) -> bool:
    if one.outcome != other.outcome or len(one.answers) != len(other.answers):
        return False
    return all(_same_call(a, b) for a, b in zip(one.answers, other.answers, strict=True))


def _same_call(a: Answer, b: Answer) -> bool:
    precision = a.dtype if a.dtype in tolerances.UNIT_ROUNDOFF else "float64"
    if a.dtype != b.dtype or not _equal(a.asked, b.asked, 0.0):
        return False
    bound = ROUNDINGS * 2 * tolerances.UNIT_ROUNDOFF[precision]
    one, other = (
        (each.value, each.gradient, each.second, each.after, each.parts, bool(each.printed))
        for each in (a, b)
    )
    if not _equal(one, other, bound):
        return False
    if isinstance(a, Mixed) and isinstance(b, Mixed):
        forms = isinstance(a.target, tuple) == isinstance(b.target, tuple)
        refused = [each.bad_target and each.bad_target.what for each in (a, b)]
        softs = [None if each.bad_target else each.soft for each in (a, b)]
        same = refused[0] == refused[1] and _equal((softs[0], a.device), (softs[1], b.device), bound)
        return forms and same and _equal(_of_copies(a), _of_copies(b), bound)
    if isinstance(a, Sweep) and isinstance(b, Sweep):
        return _equal(_of_sweep(a), _of_sweep(b), 1e-7)
    if isinstance(a, Run) and isinstance(b, Run):
        return _equal(_of_run(a), _of_run(b), 1e-6)
    return True


def _of_copies(mixed: Mixed) -> list[Any]:
    """What each copy of one object mixed, where copies were asked."""
    names = mixed.call.names
    return [names[name] for name in sorted(names) if name.startswith("mixed_")]


def _of_sweep(sweep: Sweep) -> Any:
    script = sweep.script
    errors = [type(each).__name__ for each in (sweep.crashed, sweep.raised, sweep.suggestion_error)]
    return (
        sweep.lrs,
        sweep.used,
        sweep.changed,
        sweep.optimizer_changes,
        sweep.own_optimizer,
        sweep.suggestion,
        errors,
        script.training,
        script.steps,
        script.kept,
        None if sweep.drawn is None else dataclasses.asdict(sweep.drawn),
    )


def _of_run(run: Run) -> Any:
    return (
        [dataclasses.astuple(call) for call in run.calls],
        run.watch.steps,
        run.watch.judged,
        run.watch.ticks,
        dataclasses.astuple(run.trained),
        run.see("model.count"),
    )


def _equal(a: Any, b: Any, bound: float) -> bool:
    """Of nested lists, mappings and numbers: numbers to ``bound`` of the largest beside them."""
    if a is b:
        return True
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_equal(a[name], b[name], bound) for name in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            return False
        if _numbers(a) and _numbers(b):
            return _near(np.asarray(a, float), np.asarray(b, float), bound)
        return all(_equal(x, y, bound) for x, y in zip(a, b, strict=True))
    if a is None or b is None or isinstance(a, str | bool) or isinstance(b, str | bool):
        return type(a) is type(b) and bool(a == b)
    try:
        return _near(np.asarray(a, float), np.asarray(b, float), bound)
    except (TypeError, ValueError):
        return type(a) is type(b) and bool(a == b)


def _numbers(values: Any) -> bool:
    return bool(values) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)


def _near(a: Any, b: Any, bound: float) -> bool:
    if a.shape != b.shape:
        return False
    finite = np.abs(np.concatenate([a.ravel(), b.ravel()]))
    largest = float(np.max(finite[np.isfinite(finite)], initial=0.0))
    return bool(np.allclose(a, b, rtol=0, atol=bound * largest, equal_nan=True))
