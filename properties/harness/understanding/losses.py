"""Tells losses by their values: which part of a result is one, how it is reduced, which epsilon it has."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lawful.properties import probes
from lawful.properties.harness.understanding.forms import parts
from lawful.properties.subjects.failures import NotUnderstood
from lawful.properties.subjects.subject import silence
from lawful.reference import label_smoothing as reference

AGREES = 1e-3
"""Relative error at which a value is the reference's."""
KEPT = ("label_smoothing", "smoothing", "epsilon", "eps", "smooth")
"""Attributes in which an object keeps its epsilon."""
_SPREADS = ("uniform", "others", "normalised")
_PROBES = (
    ([[1.5, -0.5, 0.25], [0.5, 2.0, -1.0]], [0, 2]),
    ([[0.5, 3.0, -1.0, 0.25, 1.0], [2.0, -0.5, 0.0, 1.0, -3.0], [0.0, 1.0, 1.5, -2.0, 0.5]], [3, 0, 1]),
)
ONE_CALL = "build(0.1)(torch.tensor({}), torch.tensor({}))".format(*_PROBES[0])
"""Source of one call of what a program builds."""

Build = Callable[..., Callable[[torch.Tensor, torch.Tensor], Any]]


@dataclass(frozen=True)
class Seen:
    """A part of a result that may be the loss."""

    read: str
    """Source that picks and shapes it."""
    reduction: str
    error: float
    """Relative, to the reference under the convention that is nearest."""
    fixed: float | None = None
    """An epsilon that nobody passes, read off the values."""
    helper: bool = False
    """Whether it is no loss, but the smoothed targets."""
    by_class: bool = False
    """Whether it has a number for each sample and class."""


@dataclass(frozen=True)
class _Called:
    """One call: what was asked, and the parts of what came back that could be a loss."""

    probe: int
    epsilon: float
    parts: Mapping[str, Any]

    @property
    def logits(self) -> Any:
        return _PROBES[self.probe][0]

    def kind(self, path: str) -> str:
        """What a part is by its shape: a number, one a sample, one a sample and class; else nothing."""
        value = self.parts.get(path)
        samples, classes = np.shape(self.logits)
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return ""
        if value.numel() in (1, samples):
            return "number" if value.numel() == 1 else "samples"
        by_class = value.ndim > 1 and value.shape[1] == classes
        return "rows" if by_class and value.numel() == samples * classes else ""

    def losses(self, path: str, helper: bool) -> Any:
        """A part as losses, (1,) or (N,); of a helper, of the targets that it gives."""
        value = self.parts[path].detach().to(torch.float64)
        if self.kind(path) != "rows":
            return value.reshape(-1).numpy()
        if helper:
            log_p = torch.tensor(self.logits, dtype=torch.float64).log_softmax(1)
            return -(value.reshape(log_p.shape) * log_p).sum(1).mean().reshape(1).numpy()
        return value.sum(1).reshape(-1).numpy()


def seen(build: Build, *, varies: bool, kept: float | None, per_sample: str) -> Seen:
    """The part of its results that agrees best.

    ``varies``: whether epsilon is passed; ``kept``: the one that an object has; ``per_sample``: source that
    makes one value a sample of them. Raises NotUnderstood where no part is a loss.
    """
    epsilons = (0.1, 0.3) if varies else (0.1,)
    calls = [_call(build, probe, e) for probe, e in itertools.product(range(len(_PROBES)), epsilons)]
    moves = _moving(build, calls[-1])
    found: list[Seen] = []
    # beside a smoothed loss there may be the plain one: epsilon changes the first alone
    smoothed = _changed(calls[0], calls[1]) if varies else set()
    for path, value in calls[0].parts.items():
        kinds = {call.kind(path) for call in calls}
        kind = kinds.pop() if len(kinds) == 1 else ""
        helper = kind == "rows" and path not in moves
        if not kind or (path not in moves and not helper):
            continue  # what is no function of the logits is no loss: a lambda, a flag
        if smoothed & moves and path not in smoothed:
            continue
        values = [(call, call.losses(path, helper)) for call in calls]
        by_sample = kind == "samples" or (kind == "rows" and not helper)
        fixed = None if varies else _fixed(values, by_sample, kept)
        for reduction in ("none",) if by_sample else ("mean", "sum"):
            if helper and fixed == 0:
                continue  # targets that nobody smooths
            read = path + _shaped(kind, value.ndim, helper, per_sample)
            error = _error(values, reduction, fixed)
            found.append(Seen(read, reduction, error, fixed, helper, kind == "rows"))
    if not found:
        said = ", ".join(f"{path or 'the result'}: {_told(v)}" for path, v in calls[0].parts.items())
        raise NotUnderstood(f"gave {said}; expected a floating tensor, scalar or (N,)")
    best = min(found, key=lambda each: (each.error, each.helper))
    named = [each for each in found if "loss" in each.read]
    return best if best.error < AGREES or not named else named[0]


def _call(build: Build, probe: int, epsilon: float, *, flipped: bool = False) -> _Called:
    """``flipped``: with other logits."""
    logits, target = (torch.tensor(each) for each in _PROBES[probe])
    with silence(), probes.seeded(0):
        result = build(epsilon)(logits.flip(1) * 0.5 if flipped else logits, target)
    return _Called(probe, epsilon, dict(parts(result)))


def _moving(build: Build, call: _Called) -> set[str]:
    """The parts that are others for other logits."""
    return _changed(call, _call(build, call.probe, call.epsilon, flipped=True))


def _changed(call: _Called, other: _Called) -> set[str]:
    """The parts that are not the same in both calls."""
    return {path for path, value in call.parts.items() if not _same(value, other.parts.get(path))}


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(value, other)
    return not isinstance(value, torch.Tensor)


def _shaped(kind: str, ndim: int, helper: bool, per_sample: str) -> str:
    """Source after that of a part, which makes a scalar, or one value a sample, of it."""
    if kind == "number":
        return ".reshape(())" if ndim else ""
    if kind == "rows":
        return "" if helper else ".sum(1)" + (per_sample if ndim > 2 else "")
    return per_sample if ndim != 1 else ""


def _told(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{value.dtype} {tuple(value.shape)}"
    return type(value).__name__


@functools.cache
def _right(
    probe: int, epsilon: float, reduction: Any, off_target: Any = "uniform", offset: Any = "cross_entropy"
) -> Any:
    """The reference's losses of a probe, (1,) or (N,): the same for every form that is tried."""
    logits, target = _PROBES[probe]
    options: Any = {"off_target": off_target, "offset": offset, "reduction": reduction}
    return np.atleast_1d(reference.smoothed_loss(logits, target, epsilon, **options))


def _error(values: list[tuple[_Called, Any]], reduction: Any, fixed: float | None) -> float:
    """The smallest relative error over the conventions, the same one for all values."""
    errors = []
    for off_target, offset in itertools.product(_SPREADS, ("cross_entropy", "kl")):
        off = []
        for call, value in values:
            e = fixed if fixed is not None else call.epsilon
            right = _right(call.probe, e, reduction, off_target, offset)
            off.append(np.max(np.abs(value - right) / (1 + np.abs(right))))
        errors.append(max(off))
    worst = float(np.min(errors))
    return worst if np.isfinite(worst) else 1e9


def _fixed(values: list[tuple[_Called, Any]], by_sample: bool, kept: float | None) -> float | None:
    """An epsilon that nobody passes, read off the values: the loss is affine in it."""
    for off_target in ("uniform", "others"):
        for reduction in ("none",) if by_sample else ("mean", "sum"):
            found: list[float] = []
            for call, value in values:
                ends = [_right(call.probe, e, reduction, off_target) for e in (0.0, 1.0)]
                found += list((value - ends[0]) / (ends[1] - ends[0]))
            if np.ptp(found) < 1e-4 and -1e-6 <= np.mean(found) <= 1:
                return float(np.round(np.clip(np.mean(found), 0, 1), 5))
    return kept


def is_plain_at_zero(build: Build) -> bool:
    """Whether what is passed acts as an epsilon: at 0 it is a cross-entropy, and elsewhere it is none."""
    try:
        plain, smoothed = (
            next(v for v in _call(build, 1, e).parts.values() if isinstance(v, torch.Tensor))
            for e in (0.0, 0.5)
        )
    except (Exception, SystemExit):
        return False
    right = [_right(1, 0.0, reduction) for reduction in ("none", "mean", "sum")]
    value = plain.detach().double().reshape(-1).numpy()
    is_plain = any(value.shape == each.shape and np.allclose(value, each, rtol=1e-3) for each in right)
    return is_plain and not torch.allclose(plain, smoothed, rtol=1e-3)


def ignores_a_shift(build: Build) -> bool:
    """Of logits: a constant that is added to all of them changes nothing."""
    z = torch.tensor(_PROBES[1][0], dtype=torch.float64)
    values = _values(build, [z, z + 2])
    return values is not None and torch.allclose(values[0], values[1], rtol=1e-4)


def is_affine(build: Build) -> bool:
    """Of log-probabilities, which are passed as they are here."""
    a = torch.tensor(_PROBES[1][0], dtype=torch.float64)
    b = a.flip(1) * 0.5
    values = _values(build, [a, b, (a + b) / 2])
    return values is not None and torch.allclose((values[0] + values[1]) / 2, values[2], rtol=1e-4)


def takes(build: Build, **features: Any) -> bool:
    """Whether it gives a finite loss with these features."""
    logits, target = _PROBES[0]
    try:
        with silence(), probes.seeded(0):
            result = build(0.1, **features)(torch.tensor(logits), torch.tensor(target))
        return bool(torch.isfinite(torch.as_tensor(result)).all())
    except (Exception, SystemExit):
        return False


def _values(build: Build, logits: list[Any]) -> list[Any] | None:
    try:
        with silence():
            found = [build(0.1)(z, torch.tensor(_PROBES[1][1])).detach().double() for z in logits]
    except (Exception, SystemExit):
        return None
    return found if all(torch.isfinite(each).all() for each in found) else None
