"""The faults of what a range test offers besides: validation loss, clipping, several sweeps, groups, words.

On top of ``Right`` of ``faulty.lr_finder``; ids go on from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from lawful.impl.contracts import LRFinder, Swept
from lawful.impl.faulty import Fault, recorded
from lawful.impl.faulty.lr_finder import Right

_PLAUSIBLE = "plausible, no public report known"
_OFFERS = LRFinder.known_features - {"divergence", "smoothing"}


class Wide(Right):
    """Right of everything, in slow, separate steps, each of which a fault can replace."""

    def __call__(
        self,
        model: Any,
        optimizer: Any,
        criterion: Callable[[Tensor, Tensor], Tensor],
        loader: Any,
        *,
        start_lr: float,
        end_lr: float,
        num_iter: int,
        val_loader: Any = None,
        clip_grad_norm: float | None = None,
        sweeps: int = 1,
        **besides: Any,
    ) -> Swept:
        self.check(start_lr, end_lr, num_iter, loader)
        self.divergence, self.norm, self.validation_set = 4.0, clip_grad_norm, val_loader
        self.ratios = [group["lr"] / optimizer.param_groups[0]["lr"] for group in optimizer.param_groups]
        saved = self.saved(model, optimizer)
        lrs = [self.lr(step, start_lr, end_lr, num_iter) for step in range(num_iter)]
        try:
            rows = []
            for count in range(sweeps):
                if count:
                    self.begin_again(model, optimizer, saved)
                rows.append(self.swept(model, optimizer, criterion, loader, lrs))
        finally:
            self.restore(model, optimizer, saved)
        losses = self.mean(rows)
        lrs = lrs[: len(losses)]
        return Swept(
            lrs,
            losses,
            suggest=lambda: self.suggestion(lrs, losses),
            plot=lambda: self.plotted(lrs, losses),
            spread=self.spread(rows),
            suggest_groups=lambda: self.for_groups(self.suggestion(lrs, losses)),
            explain=lambda: self.words(lrs, losses),
            rules={"steepest": lambda: self.suggestion(lrs, losses), "lowest": lambda: _lowest(lrs, losses)},
            plot_rules=lambda: self.plotted_rules(lrs, losses),
        )

    def swept(self, model: Any, optimizer: Any, criterion: Any, loader: Any, lrs: list[float]) -> list[float]:
        losses: list[float] = []
        batches = self.batches(loader)
        model.train()
        for lr in lrs:
            for group, ratio in zip(optimizer.param_groups, self.ratios, strict=True):
                group["lr"] = lr * ratio
            inputs, target = next(batches)
            optimizer.zero_grad()
            loss = criterion(model(inputs), target)
            value = loss.item() if self.validation_set is None else self.before_the_step(model, criterion)
            if self.validation_set is None and self.stops(value, losses):
                return losses
            loss.backward()
            self.clip(list(model.parameters()))
            optimizer.step()
            if self.validation_set is not None:
                value = self.after_the_step(value, model, criterion)
                if self.stops(value, losses):
                    return losses
        return losses

    def stops(self, value: float, losses: list[float]) -> bool:
        best = min(losses, default=math.inf)
        if math.isfinite(value):
            losses.append(value)
        return not math.isfinite(value) or self.diverged(value, best, len(losses))

    def begin_again(self, model: Any, optimizer: Any, saved: Any) -> None:
        model.load_state_dict(saved[0])
        optimizer.load_state_dict(saved[1])

    def before_the_step(self, model: Any, criterion: Any) -> float:
        return math.nan

    def after_the_step(self, before: float, model: Any, criterion: Any) -> float:
        model.eval()
        with torch.no_grad():
            found = self.of_set(model, criterion)
        model.train()
        return found

    def of_set(self, model: Any, criterion: Any) -> float:
        parts = [(criterion(model(x), y).item(), len(y)) for x, y in self.validation_set]
        return float(sum(loss * size for loss, size in parts) / sum(size for _, size in parts))

    def clip(self, parameters: list[Any]) -> None:
        if self.norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, self.norm)

    def mean(self, rows: list[list[float]]) -> list[float]:
        return [float(np.mean(each)) for each in zip(*rows, strict=False)]

    def spread(self, rows: list[list[float]]) -> list[float]:
        return [float(np.std(each, ddof=1)) for each in zip(*rows, strict=False)] if len(rows) > 1 else []

    def for_groups(self, lr: float | None) -> Sequence[float] | None:
        return None if lr is None else [lr * ratio for ratio in self.ratios]

    def words(self, lrs: list[float], losses: list[float]) -> str:
        found = self.suggestion(lrs, losses)
        if found is None or not losses:
            return "none: there are fewer than two points to read a slope off"
        return f"{found:.3g}: the loss falls most there; it is smallest, {min(losses):.4g}, further on"

    def plotted_rules(self, lrs: list[float], losses: list[float]) -> Any:
        from matplotlib.figure import Figure

        ax = Figure().subplots()
        ax.plot(lrs, losses)
        ax.set_xscale("log")
        for name, found in self.marks(lrs, losses).items():
            ax.plot([found], [np.interp(math.log(found), np.log(lrs), losses)], "o", label=name)
        self.tell(ax)
        return ax

    def marks(self, lrs: list[float], losses: list[float]) -> dict[str, float]:
        found = {"steepest": self.suggestion(lrs, losses), "lowest": _lowest(lrs, losses)}
        return {name: lr for name, lr in found.items() if lr is not None}

    def tell(self, ax: Any) -> None:
        ax.legend()


def _lowest(lrs: list[float], losses: list[float]) -> float | None:
    return lrs[losses.index(min(losses))] if losses else None


Kind = TypeVar("Kind", bound=type[Wide])


def of_wide(
    id: str, statement: str, source: str, *caught_by: str, linear: bool = False
) -> Callable[[Kind], Kind]:
    """Records what is wrong with the range test below. ``linear``: it says that its schedule is."""

    def record(kind: Kind) -> Kind:
        def build(*parts: Any, **options: Any) -> Swept:
            return kind()(*parts, **options)

        documented = {"random_state": "restored", "restores": "automatically", "suggestion": "steepest"}
        documented |= {"schedule": "linear"} if linear else {}
        adapter = LRFinder(
            id,
            build,
            features=_OFFERS,
            documented=documented,
            linear=linear,
        )
        kind.fault = Fault(id, statement, source, adapter, caught_by, code=kind)  # type: ignore[attr-defined]
        return kind

    return record


_VALIDATION = "validation_loss_is_of_the_whole_set"
_CLIPPED = "gradients_are_clipped_to_the_norm"
_SWEEPS = "sweeps_are_averaged"
_GROUPS = "group_suggestions_keep_the_ratio"
_WORDS = "explanation_says_the_rate_and_why"
_RULES = "plot_marks_every_rule"


@of_wide(
    "XR80",
    "the iterator over the validation set is used up after the first step: the curve is flat",
    "https://github.com/davidtvs/pytorch-lr-finder/issues/59",
    _VALIDATION,
)
class ValidationIteratorUsedUp(Wide):
    last = 0.0

    def of_set(self, model: Any, criterion: Any) -> float:
        iterator = self.__dict__.setdefault("iterator", iter(self.validation_set))
        parts = [criterion(model(x), y).item() for x, y in iterator]
        self.last = sum(parts) / len(parts) if parts else self.last
        return self.last


@of_wide("XR81", "the validation loss is a mean of batch means", _PLAUSIBLE, _VALIDATION)
class MeanOfBatchMeans(Wide):
    def of_set(self, model: Any, criterion: Any) -> float:
        return float(np.mean([criterion(model(x), y).item() for x, y in self.validation_set]))


@of_wide("XR82", "the validation set is seen in training mode", _PLAUSIBLE, _VALIDATION)
class ValidatedInTrainingMode(Wide):
    def after_the_step(self, before: float, model: Any, criterion: Any) -> float:
        with torch.no_grad():
            return self.of_set(model, criterion)


@of_wide("XR83", "a graph is built of each validation batch", _PLAUSIBLE, _VALIDATION)
class ValidatedWithAGraph(Wide):
    def after_the_step(self, before: float, model: Any, criterion: Any) -> float:
        model.eval()
        found = self.of_set(model, criterion)
        model.train()
        return found


@of_wide("XR84", "the validation loss of a rate is that from before its step", _PLAUSIBLE, _VALIDATION)
class ValidatedBeforeTheStep(Wide):
    def before_the_step(self, model: Any, criterion: Any) -> float:
        return super().after_the_step(math.nan, model, criterion)

    def after_the_step(self, before: float, model: Any, criterion: Any) -> float:
        return before


@of_wide("XR85", "a norm to clip to is accepted, and nothing is clipped", _PLAUSIBLE, _CLIPPED)
class NothingClipped(Wide):
    def clip(self, parameters: list[Any]) -> None:
        pass


@of_wide("XR86", "each parameter's gradient is clipped to the norm, alone", _PLAUSIBLE, _CLIPPED)
class EachParameterClipped(Wide):
    def clip(self, parameters: list[Any]) -> None:
        for parameter in parameters:
            super().clip([parameter])


@of_wide("XR87", "gradients are divided by their norm, the small ones too", _PLAUSIBLE, _CLIPPED)
class Normalised(Wide):
    def clip(self, parameters: list[Any]) -> None:
        if self.norm is not None:
            whole = torch.nn.utils.get_total_norm([p.grad for p in parameters])
            for parameter in parameters:
                parameter.grad.mul_(self.norm / whole)


@of_wide("XR88", "each sweep begins with the weights that the last one left", _PLAUSIBLE, _SWEEPS)
class SweepsGoOn(Wide):
    def begin_again(self, model: Any, optimizer: Any, saved: Any) -> None:
        pass


@of_wide(
    "XR89",
    "random states are put back before each sweep: all see the same batches, and have no spread",
    _PLAUSIBLE,
    _SWEEPS,
)
class SweepsAlike(Wide):
    def begin_again(self, model: Any, optimizer: Any, saved: Any) -> None:
        super().begin_again(model, optimizer, saved)
        self.restore_seeds(saved[-1])

    def batches(self, loader: Any) -> Any:
        if loader.generator is not None:
            loader.generator.manual_seed(0)
        return super().batches(loader)


@of_wide("XR90", "the spread of the sweeps is divided by n in place of n - 1", _PLAUSIBLE, _SWEEPS)
class SpreadOfThePopulation(Wide):
    def spread(self, rows: list[list[float]]) -> list[float]:
        return [float(np.std(each)) for each in zip(*rows, strict=False)]


@of_wide("XR91", "the median of the sweeps is called their mean", _PLAUSIBLE, _SWEEPS)
class MedianOfSweeps(Wide):
    def mean(self, rows: list[list[float]]) -> list[float]:
        return [float(np.median(each)) for each in zip(*rows, strict=False)]


@of_wide(
    "XR92",
    "the first of the linear steps is twice as wide",
    "https://github.com/Lightning-AI/pytorch-lightning/pull/21931",
    "schedule_is_linear",
    linear=True,
)
class FirstLinearStepTwiceAsWide(Wide):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return start + (end - start) * (step + 1) / n if step else start


@of_wide(
    "XR93",
    "documented to be linear, the schedule is geometric",
    _PLAUSIBLE,
    "schedule_is_linear",
    linear=True,
)
class GeometricAfterAll(Wide):
    pass


@of_wide("XR94", "linear steps go down", _PLAUSIBLE, "schedule_is_linear", linear=True)
class LinearStepsGoDown(Wide):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return end - (end - start) * step / (n - 1)


@of_wide(
    "XR95",
    "the first group's rate is suggested for all groups",
    "https://github.com/pytorch/ignite/issues/2703",
    _GROUPS,
)
class OneRateForAllGroups(Wide):
    def for_groups(self, lr: float | None) -> Sequence[float] | None:
        return None if lr is None else [lr] * len(self.ratios)


@of_wide("XR96", "the groups' suggestions have the ratio turned round", _PLAUSIBLE, _GROUPS)
class RatioTurnedRound(Wide):
    def for_groups(self, lr: float | None) -> Sequence[float] | None:
        return None if lr is None else [lr / ratio for ratio in self.ratios]


@of_wide(
    "XR97",
    "where nothing can be suggested, the words are None",
    "https://github.com/Lightning-AI/pytorch-lightning/issues/10557",
    _WORDS,
)
class NoneWithoutAReason(Wide):
    def words(self, lrs: list[float], losses: list[float]) -> str:
        return super().words(lrs, losses) if len(losses) > 1 else str(self.suggestion(lrs, losses))


@of_wide("XR98", "the words name the best rate, and another one is suggested", _PLAUSIBLE, _WORDS)
class AnotherRateInTheWords(Wide):
    def words(self, lrs: list[float], losses: list[float]) -> str:
        if len(losses) < 2:
            return super().words(lrs, losses)
        return f"{_lowest(lrs, losses):.3g}: the loss is smallest there, {min(losses):.4g}"


@of_wide("XR99", "the words say the rate, and no reason", _PLAUSIBLE, _WORDS)
class RateWithoutAReason(Wide):
    def words(self, lrs: list[float], losses: list[float]) -> str:
        found = self.suggestion(lrs, losses)
        return super().words(lrs, losses) if found is None else f"take {found:.3g}"


@of_wide("XR100", "of several rules the plot marks the first alone", _PLAUSIBLE, _RULES)
class FirstRuleAlone(Wide):
    def marks(self, lrs: list[float], losses: list[float]) -> dict[str, float]:
        return dict(list(super().marks(lrs, losses).items())[:1])


@of_wide("XR101", "marks of several rules that no legend tells apart", _PLAUSIBLE, _RULES)
class MarksWithoutALegend(Wide):
    def tell(self, ax: Any) -> None:
        pass


FAULTS = recorded(globals())
