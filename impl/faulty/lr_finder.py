"""The faults of learning-rate range tests, each a few lines on top of :class:`Right`.

Ids R.. and NB.. are those of the collected bug reports and of the seed notebook; XR.. were written so that
every law has a fault of its own. "Reproduced" names the library in which it is seen today.
"""

from __future__ import annotations

import contextlib
import copy
import math
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from torch import Tensor

from lawful.impl.contracts import Argument, LRFinder, Swept
from lawful.impl.faulty import Fault, arguments, devices, recorded

_PLAUSIBLE = "plausible, no public report known"

_NOTEBOOK = "the seed notebook"

_PULL_42 = "https://github.com/davidtvs/pytorch-lr-finder/pull/42"


class Right:
    """A correct range test in slow, separate steps, each of which a fault can replace."""

    beta = 0.0

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
        divergence: float = 4.0,
        smoothing: float | None = None,
    ) -> Swept:
        self.check(start_lr, end_lr, num_iter, loader)
        self.divergence = divergence
        self.smoothing = self.beta if smoothing is None else smoothing
        lrs: list[float] = []
        losses: list[float] = []
        best = math.inf
        saved = self.saved(model, optimizer)
        generator = getattr(loader, "generator", None)
        order = None if generator is None else generator.get_state()
        try:
            self.set_mode(model)
            batches = self.batches(loader)
            for step in self.steps(num_iter):
                lr = self.lr(step, start_lr, end_lr, num_iter)
                self.set_lr(optimizer, lr)
                try:
                    inputs, target = next(batches)
                except StopIteration:
                    break
                self.zero_grad(optimizer)
                loss = criterion(model(inputs), target)
                self.keep(loss)
                value = loss.item()
                if self.ends(value):
                    break
                recorded = self.average(losses, value)
                if self.diverged(recorded, best, step):
                    self.record_explosion(lrs, losses, lr, recorded)
                    break
                best = self.best(best, recorded, step)
                lrs.append(self.recorded_lr(step, lr, start_lr, end_lr, num_iter))
                losses.append(recorded)
                loss.backward()
                optimizer.step()
        finally:
            self.restore(model, optimizer, saved)
            if generator is not None:
                self.restore_order(generator, order)
        lrs, losses = self.trimmed(lrs, losses)
        return Swept(
            lrs,
            losses,
            suggest=lambda: self.suggestion(lrs, losses),
            plot=lambda: self.plotted(lrs, losses),
        )

    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        if not 0 < start_lr < end_lr or num_iter < 2:
            raise ValueError(f"range {start_lr} to {end_lr} in {num_iter} steps")

    def steps(self, num_iter: int) -> range:
        return range(num_iter)

    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return float(start * (end / start) ** (step / (n - 1)))

    def recorded_lr(self, step: int, lr: float, start: float, end: float, n: int) -> float:
        return lr

    def set_lr(self, optimizer: Any, lr: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = lr

    def set_mode(self, model: Any) -> None:
        model.train()

    def zero_grad(self, optimizer: Any) -> None:
        optimizer.zero_grad()

    def batches(self, loader: Any) -> Iterator[Any]:
        while True:
            empty = True
            for batch in loader:
                empty = False
                yield batch
            if empty:
                raise ValueError("loader is empty")

    def keep(self, loss: Tensor) -> None:
        pass

    def ends(self, value: float) -> bool:
        return not math.isfinite(value)

    def average(self, losses: list[float], value: float) -> float:
        return value

    def diverged(self, loss: float, best: float, step: int) -> bool:
        return loss > best + (self.divergence - 1) * abs(best) if math.isfinite(best) else False

    def best(self, best: float, loss: float, step: int) -> float:
        return min(best, loss)

    def record_explosion(self, lrs: list[float], losses: list[float], lr: float, loss: float) -> None:
        lrs.append(lr)
        losses.append(loss)

    def saved(self, model: Any, optimizer: Any) -> Any:
        return (
            copy.deepcopy(model.state_dict()),
            copy.deepcopy(optimizer.state_dict()),
            [module.training for module in model.modules()],
            [None if p.grad is None else p.grad.clone() for p in model.parameters()],
            (random.getstate(), np.random.get_state(), torch.get_rng_state()),
        )

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        weights, state, modes, grads, seeds = saved
        model.load_state_dict(weights)
        optimizer.load_state_dict(state)
        self.restore_rest(model, modes, grads, seeds)

    def restore_rest(self, model: Any, modes: Any, grads: Any, seeds: Any) -> None:
        for module, training in zip(model.modules(), modes, strict=True):
            module.training = training
        for p, grad in zip(model.parameters(), grads, strict=True):
            p.grad = grad
        self.restore_seeds(seeds)

    def restore_seeds(self, seeds: Any) -> None:
        random.setstate(seeds[0])
        np.random.set_state(seeds[1])
        torch.set_rng_state(seeds[2])

    def restore_order(self, generator: torch.Generator, state: Any) -> None:
        generator.set_state(state)

    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return lrs, losses

    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        if len(lrs) < 2:
            return None
        slopes = self.slopes(np.asarray(lrs), np.asarray(losses))
        return lrs[int(np.argmin(slopes[: int(np.argmin(losses)) + 1]))]

    def slopes(self, lrs: Any, losses: Any) -> Any:
        return self.averaged(np.gradient(losses, np.log(lrs)))

    def averaged(self, slopes: Any) -> Any:
        """Over 9 neighbours, against the noise of single batches."""
        if len(slopes) < 9:
            return slopes
        return np.convolve(np.pad(slopes, 4, mode="edge"), np.ones(9) / 9, "valid")

    def plotted(self, lrs: list[float], losses: list[float]) -> Any:
        from matplotlib.figure import Figure

        ax = Figure().subplots()
        ax.set_xscale("log")
        ax.set_xlabel("learning rate")
        ax.set_ylabel("loss")
        ax.plot(*self.curve(lrs, losses))
        found = self.suggestion(lrs, losses)
        if found is not None:
            ax.plot(*self.mark(found, float(np.interp(math.log(found), np.log(lrs), losses))), "o")
        if losses:
            ax.set_ylim(*self.heights(losses))
        return ax

    def curve(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return lrs, losses

    def mark(self, lr: float, loss: float) -> tuple[list[float], list[float]]:
        return [lr], [loss]

    def heights(self, losses: list[float]) -> tuple[float, float]:
        low, first = min(losses), losses[0]
        room = max(first - low, 0.1 * abs(first), 1e-12)
        return low - 0.2 * room, first + 0.6 * room


Kind = TypeVar("Kind", bound=type[Right])


def fault(
    id: str, statement: str, source: str, *caught_by: str, change: str = "", **documented: str
) -> Callable[[Kind], Kind]:
    """Records what is wrong with the range test below. ``documented``: what it says of itself beside the
    usual; an empty word where it says nothing."""
    promised = {
        "random_state": "restored",
        "restores": "automatically",
        "suggestion": "steepest",
        "explosion": "recorded",
    }

    def record(kind: Kind) -> Kind:
        def build(*parts: Any, **options: Any) -> Swept:
            return kind()(*parts, **options)

        said = {name: value for name, value in {**promised, **documented}.items() if value}
        adapter = LRFinder(id, build, features=LRFinder.usual_features, documented=said)
        found = Fault(id, statement, source, adapter, caught_by, code=kind, change=change)
        kind.fault = found  # type: ignore[attr-defined]
        return kind

    return record


def _checked(*parts: Any, divergence: float = 4.0, **options: Any) -> Swept:
    if not divergence > 1:
        raise ValueError(f"divergence is {divergence}, expected a number above 1")
    return Right()(*parts, divergence=divergence, **options)


def _progressing(*parts: Any, progress: bool | None = None, **options: Any) -> Swept:
    if progress:
        print(f"{options['num_iter']}/{options['num_iter']}", file=sys.stderr)
    return Right()(*parts, **options)


@fault(
    "R01",
    "the first step is twice as wide: r = (i+1)/n with i = 0 special-cased",
    "https://github.com/Lightning-AI/pytorch-lightning/pull/21931; 2.6.6, reproduced",
    "schedule_is_geometric",
)
class FirstStepTwiceAsWide(Right):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return float(start * (end / start) ** ((step + 1) / n)) if step else start


@fault(
    "R02",
    "the end is never reached: i/n in place of i/(n-1)",
    f"{_PULL_42}; fastai 2.8.12, reproduced",
    "schedule_hits_both_ends",
)
class EndNeverReached(Right):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return float(start * (end / start) ** (step / n))


@fault(
    "R03",
    "the first rate is skipped, the last used twice, in n+1 steps",
    "pytorch-ignite 0.5.5, reproduced",
    "takes_the_steps_asked",
    "schedule_hits_both_ends",
)
class OneStepMore(Right):
    def steps(self, num_iter: int) -> range:
        return range(num_iter + 1)

    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return float(start * (end / start) ** (min(step + 1, n) / n))


@fault(
    "R04",
    "the recorded rate is the next step's",
    "https://github.com/bentrevett/pytorch-image-classification/pull/4",
    "history_records_lr_used",
)
class NextRateRecorded(Right):
    def recorded_lr(self, step: int, lr: float, start: float, end: float, n: int) -> float:
        return self.lr(step + 1, start, end, n)


@fault(
    "R05",
    "the model is not restored",
    "https://github.com/davidtvs/pytorch-lr-finder/issues/11",
    "restores_model",
)
class ModelNotRestored(Right):
    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        optimizer.load_state_dict(saved[1])
        self.restore_rest(model, *saved[2:])


@fault(
    "R06",
    "the optimizer's state is not restored",
    "https://github.com/fastai/fastai/issues/2892",
    "restores_optimizer",
)
class OptimizerNotRestored(Right):
    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        model.load_state_dict(saved[0])
        self.restore_rest(model, *saved[2:])


@fault(
    "R07",
    "the rate is stuck after the second step",
    "https://github.com/flairNLP/flair/issues/986",
    "schedule_is_geometric",
    "schedule_hits_both_ends",
)
class StuckAfterTheSecondStep(Right):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return super().lr(min(step, 1), start, end, n)


@fault(
    "R08",
    "the slope is taken per lr, not per log lr",
    "https://github.com/Lightning-AI/pytorch-lightning/issues/21141",
    "suggestion_is_steepest",
)
class SlopePerRate(Right):
    def slopes(self, lrs: Any, losses: Any) -> Any:
        return np.gradient(losses, lrs)


@fault(
    "R09",
    "bias correction off by one: the first record is about half the first loss",
    "lightning 2.6.6, reproduced",
    "history_records_loss",
)
class CorrectionOffByOne(Right):
    """(1 - b^(i+2)) for (1 - b^(i+1)): the first record is about half the first loss."""

    beta = 0.98
    raw = 0.0

    def average(self, losses: list[float], value: float) -> float:
        self.raw = 0.0 if not losses else self.raw
        self.raw = self.smoothing * self.raw + (1 - self.smoothing) * value
        return self.raw / (1 - self.smoothing ** (len(losses) + 2))


@fault(
    "R10",
    "a NaN loss never stops the run",
    "https://github.com/pytorch/ignite/issues/1482",
    "stops_on_nonfinite",
)
class NeverStopsOnNaN(Right):
    def ends(self, value: float) -> bool:
        return False

    def best(self, best: float, loss: float, step: int) -> float:
        return loss if step == 0 or loss < best else best


@fault(
    "R11",
    "a short loader ends the run early",
    "https://github.com/pytorch/ignite/issues/1357",
    "short_loader_is_cycled",
)
class NotCycled(Right):
    def batches(self, loader: Any) -> Iterator[Any]:
        return iter(loader)


@fault(
    "R12",
    "fewer points than the trim: an empty curve",
    "https://github.com/davidtvs/pytorch-lr-finder/issues/52",
    "too_few_points_is_loud",
    change="Trim in the plot alone, or only where enough points are left.",
)
class TrimmedToNothing(Right):
    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return (lrs, losses) if len(lrs) > 5 else ([], [])


@fault("R13", "n = 1 divides by zero", _PULL_42, "rejects_bad_range", change="Raise where num_iter < 2.")
class OnePointDividesByZero(Right):
    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        super().check(start_lr, end_lr, max(2, num_iter), loader)

    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return super().lr(step, start, end, n) if n > 1 else float("nan")


@fault(
    "R14",
    "random state is consumed, so the training that follows differs",
    "https://github.com/fastai/fastai/issues/3013",
    "restores_random_state",
    change="Keep the states of random, NumPy and torch, and set them again in the end.",
)
class RandomStateConsumed(Right):
    def restore_seeds(self, seeds: Any) -> None:
        torch.rand(1)


@fault(
    "R18",
    "what was saved is state_dict() itself: it holds the same tensors, and moves with them",
    "https://github.com/davidtvs/pytorch-lr-finder/pull/1",
    "restores_model",
    "restores_optimizer",
    change="Copy what is saved: copy.deepcopy(model.state_dict()).",
    restores="",
)
class SavedByReference(Right):
    def saved(self, model: Any, optimizer: Any) -> Any:
        return (model.state_dict(), optimizer.state_dict(), *super().saved(model, optimizer)[2:])


@fault(
    "XR121",
    "parameters and rates are put back, buffers and momentum are not",
    _PLAUSIBLE,
    "restores_model",
    "restores_optimizer",
    change="Load copies of the model's and of the optimizer's state_dict().",
    restores="",
)
class ParametersAndRatesAlone(Right):
    def saved(self, model: Any, optimizer: Any) -> Any:
        parameters = [p.detach().clone() for p in model.parameters()]
        rates = [group["lr"] for group in optimizer.param_groups]
        return (parameters, rates, *super().saved(model, optimizer)[2:])

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        parameters, rates, *rest = saved
        with torch.no_grad():
            for p, value in zip(model.parameters(), parameters, strict=True):
                p.copy_(value)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.restore_rest(model, *rest)


@fault(
    "XR122",
    "a return at the loss that diverges skips what puts things back",
    _PLAUSIBLE,
    "restores_after_divergence",
    change="Leave the loop by break, or put all back in a finally block.",
)
class ReturnsAtDivergence(Right):
    stopped = False

    def diverged(self, loss: float, best: float, step: int) -> bool:
        self.stopped = super().diverged(loss, best, step)
        return self.stopped

    def ends(self, value: float) -> bool:
        self.stopped = super().ends(value)
        return self.stopped

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        if not self.stopped:
            super().restore(model, optimizer, saved)


@fault(
    "XR123",
    "a second test clears the list that the first one gave, and fills it with its own records",
    _PLAUSIBLE,
    "second_call_starts_afresh",
    change="Make new lists in each test, not in the class.",
)
class ListsOfTheClass(Right):
    kept: ClassVar[tuple[list[float], list[float]]] = ([], [])

    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        for kept, new in zip(self.kept, (lrs, losses), strict=True):
            kept[:] = new
        return self.kept


@fault(
    "XR124",
    "an object keeps its history, and holds the records of both of its runs",
    _PLAUSIBLE,
    "second_run_of_one_object_is_as_the_first",
    change="Begin a new history where the run begins, and not where the object is made.",
)
class HistoryOfBothRuns(Right):
    def __init__(self) -> None:
        self.history: tuple[list[float], list[float]] = ([], [])

    def __call__(self, *parts: Any, **options: Any) -> Swept:
        swept = super().__call__(*parts, **options)
        return replace(swept, again=lambda: self(*parts, **options))

    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        for kept, new in zip(self.history, (lrs, losses), strict=True):
            kept.extend(new)
        return list(self.history[0]), list(self.history[1])


@fault(
    "XR125",
    "the rate in the middle of the range is suggested, whatever the curve",
    _PLAUSIBLE,
    "suggestion_follows_the_curve",
    change="Suggest a rate that is read off the curve.",
    suggestion="",
)
class SuggestsTheMiddle(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return lrs[len(lrs) // 3] if len(lrs) > 1 else None


@fault(
    "XR126",
    "the smallest loss is looked for in the first half of the curve",
    _PLAUSIBLE,
    "suggestion_follows_the_curve",
    change="Look at all records.",
    suggestion="",
)
class LooksAtHalf(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        half = losses[: (len(losses) + 1) // 2]
        return lrs[int(np.argmin(half))] / 10 if len(lrs) > 1 else None


@fault(
    "R21",
    "the loss that became NaN is recorded, and argmin takes it for the smallest",
    "https://github.com/fastai/fastai/issues/3476; https://github.com/Lightning-AI/pytorch-lightning/issues/1850",
    "suggestion_survives_nan",
    change="Leave out what is not finite before the slopes are taken.",
)
class SuggestsTheNaN(Right):
    def ends(self, value: float) -> bool:
        return False

    def diverged(self, loss: float, best: float, step: int) -> bool:
        return not math.isfinite(loss) or super().diverged(loss, best, step)


@fault(
    "R19",
    "a scheduler takes over the first rate that an earlier test left in the optimizer's groups",
    "torch 2.13.0, torch/optim/lr_scheduler.py: setdefault('initial_lr', ...), reproduced",
    "second_test_of_one_model_is_as_the_first",
    change="Take initial_lr out of the groups before the scheduler is made.",
    restores="never",
)
class StartOfTheTestBefore(Right):
    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        pass

    def lr(self, step: int, start: float, end: float, n: int) -> float:
        self.step, self.start = step, start
        return super().lr(step, start, end, n)

    def set_lr(self, optimizer: Any, lr: float) -> None:
        if self.step == 0:
            for group in optimizer.param_groups:
                group["lr"] = self.start
            self.factor = 1.0
            self.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: self.factor)
        self.factor = lr / self.start
        self.scheduler.step()

    def recorded_lr(self, step: int, lr: float, start: float, end: float, n: int) -> float:
        return float(self.scheduler.get_last_lr()[0])


@fault("R15", "only the first param group is swept", _NOTEBOOK, "sweeps_every_param_group")
class FirstGroupOnly(Right):
    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.param_groups[0]["lr"] = lr


@fault(
    "XR120",
    "zero_grad comes after the step: what was left from before counts in the first",
    "fastai 2.8.12, Learner",
    "gradients_of_before_do_not_count",
    change="Call optimizer.zero_grad() before each backward, the first one too.",
)
class ClearsAfterTheStep(Right):
    begun = False

    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        super().check(start_lr, end_lr, num_iter, loader)
        self.begun = False

    def zero_grad(self, optimizer: Any) -> None:
        if self.begun:
            optimizer.zero_grad()
        self.begun = True


@fault("R16", "zero_grad is forgotten", _PLAUSIBLE, "gradients_do_not_accumulate")
class GradientsAccumulate(Right):
    def zero_grad(self, optimizer: Any) -> None:
        pass


@fault("R17", "a linear ramp called exponential", _PLAUSIBLE, "schedule_is_geometric")
class LinearRamp(Right):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return start + (end - start) * step / (n - 1)


@fault(
    "NB18",
    "a loader of one batch gives one step (in the notebook, a division by zero)",
    _NOTEBOOK,
    "short_loader_is_cycled",
)
class LoaderFixesTheSteps(NotCycled):
    def steps(self, num_iter: int) -> range:
        return range(10**6)


@fault(
    "NB19",
    "NaN: every comparison is false, and a NaN first loss is the best for ever",
    _NOTEBOOK,
    "stops_on_nonfinite",
)
class NaNIsTheBestForEver(NeverStopsOnNaN):
    """As the notebook has it."""


@fault(
    "NB20",
    "negative losses: loss > 4 * best is true at once",
    f"{_NOTEBOOK}; https://github.com/fastai/fastai/issues/962",
    "negative_losses_do_not_stop_it",
)
class FourTimesBest(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        return step > 0 and loss > self.divergence * best


@fault(
    "NB21",
    "best_loss keeps a tensor with its graph alive",
    _NOTEBOOK,
    "frees_each_graph",
    change="Keep loss.item(): the tensor holds the graph of its step.",
)
class BestKeepsItsGraph(Right):
    """The first loss is kept as a tensor."""

    def batches(self, loader: Any) -> Iterator[Any]:
        self.kept: list[Any] = []
        return super().batches(loader)

    def keep(self, loss: Tensor) -> None:
        self.kept.append(loss)


@fault(
    "NB24",
    "what is recorded is not the rate (in the notebook, log_lrs is named after the logarithms)",
    _NOTEBOOK,
    "history_records_lr_used",
)
class LogarithmsForRates(Right):
    def recorded_lr(self, step: int, lr: float, start: float, end: float, n: int) -> float:
        return lr * 10


@fault(
    "NB22",
    "weights, optimizer state, lr and mode are left as the sweep left them",
    _NOTEBOOK,
    "restores_model",
    "restores_optimizer",
    "restores_mode_and_grads",
)
class NothingRestored(Right):
    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        pass


@fault("NB23", "only param_groups[0] is swept", _NOTEBOOK, "sweeps_every_param_group")
class OtherGroupsLeftBehind(FirstGroupOnly):
    """As the notebook has it."""


@fault(
    "NB25",
    "trimming jumps: 20 points give 20, 21 points give 6",
    _NOTEBOOK,
    "more_steps_give_no_fewer_records",
    change="Give all records back, and trim in the plot.",
)
class TrimmedInAJump(Right):
    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return (lrs[10:-5], losses[10:-5]) if len(lrs) > 20 else (lrs, losses)


@fault("NB26", "the model is not put into training mode", _NOTEBOOK, "trains_in_training_mode")
class ModeLeftAsItWas(Right):
    def set_mode(self, model: Any) -> None:
        pass


@fault(
    "NB27",
    "the exploding point is not recorded",
    _NOTEBOOK,
    "explosion_is_recorded",
    change="Record first, and stop then.",
)
class ExplosionNotRecorded(Right):
    def record_explosion(self, lrs: list[float], losses: list[float], lr: float, loss: float) -> None:
        pass


@fault(
    "NB28",
    "the loader's length fixes the number of steps: no more, no fewer",
    _NOTEBOOK,
    "takes_the_steps_asked",
)
class AsManyStepsAsBatches(LoaderFixesTheSteps):
    """As the notebook has it."""


@fault("XR01", "an explosion is sat through", _PLAUSIBLE, "stops_on_divergence")
class NeverStops(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        return False


@fault(
    "XR02",
    "nothing is put back where a step raises",
    _PLAUSIBLE,
    "restores_after_error",
    change="Put all back in a finally block.",
)
class NotRestoredAfterAnError(Right):
    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        import sys

        if sys.exc_info()[0] is None:
            super().restore(model, optimizer, saved)


@fault(
    "XR13",
    "nothing is put back where an interrupt from the keyboard ends it",
    _PLAUSIBLE,
    "restores_after_interrupt",
    change="Put all back in a finally block, through which an interrupt goes too.",
)
class NotRestoredAfterAnInterrupt(Right):
    """As by ``except Exception``, restored and raised again."""

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        import sys

        kind = sys.exc_info()[0]
        if kind is None or issubclass(kind, Exception):
            super().restore(model, optimizer, saved)


@fault(
    "XR14",
    "a module that was in evaluation mode is put into the model's",
    _PLAUSIBLE,
    "restores_models_of_fine_tuning",
    change="Put back the mode of each module, and not of the whole: model.train(mode) sets all.",
)
class ModeOfTheWhole(Right):
    """The model's own mode is put back, with those of all its children."""

    def restore_rest(self, model: Any, modes: Any, grads: Any, seeds: Any) -> None:
        super().restore_rest(model, modes, grads, seeds)
        model.train(modes[0])


@fault(
    "XR15",
    "frozen parameters are trained, and stay unfrozen",
    _PLAUSIBLE,
    "restores_models_of_fine_tuning",
    change="Leave requires_grad as it is.",
)
class Unfreezes(Right):
    def set_mode(self, model: Any) -> None:
        super().set_mode(model)
        model.requires_grad_(True)


@fault(
    "XR16",
    "an optimizer that was unused keeps the momentum of the test",
    _PLAUSIBLE,
    "restores_models_of_fine_tuning",
    change="Load the optimizer's state_dict also where its state was empty.",
)
class UnusedOptimizerKept(Right):
    """Where there was no state, none is put back."""

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        weights, state, *rest = saved
        if not state["state"]:
            state = {**state, "state": optimizer.state_dict()["state"]}
        super().restore(model, optimizer, (weights, state, *rest))


@fault("XR03", "a threshold in units of the loss", _PLAUSIBLE, "scale_invariant")
class AbsoluteThreshold(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        return loss > best + 12.0


@fault(
    "XR04",
    "the largest rate is suggested, doubled",
    _PLAUSIBLE,
    "suggestion_in_range",
    "suggestion_precedes_minimum",
)
class SuggestsTheEnd(Right):
    """The largest rate, doubled: as if more were always better."""

    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return 2 * lrs[-1]


@fault(
    "XR06",
    "the steepest difference of two neighbours is suggested, noise or not",
    _PLAUSIBLE,
    "suggestion_survives_noise",
    change="Average the slope over neighbours, or fit it: one noisy batch makes the steepest jump.",
)
class FollowsOneJump(Right):
    """The steepest difference of neighbours, over the whole curve."""

    def averaged(self, slopes: Any) -> Any:
        return slopes

    def slopes(self, lrs: Any, losses: Any) -> Any:
        return 1.0 * np.append(np.diff(losses) / np.diff(np.log(lrs)), 0.0)


@fault(
    "XR07", "a loss is compared with the one before it, not with the best", _PLAUSIBLE, "stops_on_slow_climb"
)
class ComparedWithTheLast(Right):
    def best(self, best: float, loss: float, step: int) -> float:
        return loss


@fault("XR08", "next(iter(loader)) at each step", _PLAUSIBLE, "every_batch_is_used")
class AlwaysTheFirstBatch(Right):
    def batches(self, loader: Any) -> Iterator[Any]:
        while True:
            yield next(iter(loader))


@fault("XR09", "a second test's history holds the first's", _PLAUSIBLE, "second_call_starts_afresh")
class HistoryOfTheClass(Right):
    """Kept between tests: the default argument that is a list, the attribute of the class."""

    kept: ClassVar[tuple[list[float], list[float]]] = ([], [])

    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        self.kept[0].extend(lrs)
        self.kept[1].extend(losses)
        return list(self.kept[0]), list(self.kept[1])


@fault("XR10", "negative losses are recorded as 0", _PLAUSIBLE, "history_records_negative_losses")
class ClippedAtZero(Right):
    def average(self, losses: list[float], value: float) -> float:
        return max(0.0, value)


@fault(
    "XR11",
    "the step is made from the loader's length less one: a loader of one batch divides by zero",
    f"{_NOTEBOOK}, NB18",
    "one_batch_or_step_is_no_crash",
    change="Make the step from the number of steps: (end/start)^(1/(num_iter - 1)).",
)
class ShortLoaderCrashes(Right):
    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        super().check(start_lr, end_lr, num_iter, loader)
        self.share = 1 / (len(loader) - 1)


@fault(
    "XR12", "a threshold of 1.1 times the best: losses that wander end it", _PLAUSIBLE, "does_not_stop_early"
)
class StopsTooSoon(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        return step > 0 and loss > 1.1 * best


@fault(
    "XR05",
    "any range is taken",
    _PLAUSIBLE,
    "rejects_bad_range",
    change="Raise unless 0 < start_lr < end_lr and num_iter >= 2.",
)
class SuggestsAnything(Right):
    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        if num_iter < 1:
            raise ValueError(f"num_iter is {num_iter}")


@fault(
    "XR17",
    "of more than six steps one is taken",
    _PLAUSIBLE,
    "takes_the_steps_asked",
    "history_records_lr_used",
    "every_batch_is_used",
    "sweeps_every_param_group",
    "gradients_do_not_accumulate",
    "trains_in_training_mode",
    "frees_each_graph",
)
class OneStepOfMany(Right):
    def steps(self, num_iter: int) -> range:
        return range(num_iter if num_iter <= 6 else 1)


@fault("XR18", "the last step is not taken", _PLAUSIBLE, "takes_the_steps_asked")
class LastStepNotTaken(Right):
    """Nothing is learnt at the last rate, whose loss is known before the step."""

    def __call__(self, model: Any, optimizer: Any, *rest: Any, **options: Any) -> Swept:
        left = options["num_iter"] - 1
        step = optimizer.step

        def counted(*given: Any) -> None:
            nonlocal left
            left -= 1
            if left >= 0:
                step(*given)

        optimizer.step = counted
        try:
            return super().__call__(model, optimizer, *rest, **options)
        finally:
            del optimizer.step


@fault("XR19", "one loss more than rates", _PLAUSIBLE, "takes_the_steps_asked")
class OneLossMore(Right):
    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return lrs, losses + losses[-1:]


@fault("XR20", "a long history ends a record early", _PLAUSIBLE, "takes_the_steps_asked", records="all")
class LongHistoriesCut(Right):
    def trimmed(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return (lrs[:-1], losses[:-1]) if len(lrs) > 6 else (lrs, losses)


@fault(
    "XR21",
    "the rates fall from the end to the start",
    _PLAUSIBLE,
    "schedule_is_geometric",
    "schedule_hits_both_ends",
)
class FromEndToStart(Right):
    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return super().lr(n - 1 - step, start, end, n)


@fault(
    "XR22",
    "every other rate is off by a ten-thousandth",
    _PLAUSIBLE,
    "schedule_is_geometric",
    "schedule_hits_both_ends",
)
class RatesOff(Right):
    """By a ten-thousandth, at every other step."""

    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return super().lr(step, start, end, n) * (1 + 1e-4 * (step % 2 == 0))


@fault("XR23", "the recorded rates are off by a ten-thousandth", _PLAUSIBLE, "history_records_lr_used")
class RecordedRatesOff(Right):
    def recorded_lr(self, step: int, lr: float, start: float, end: float, n: int) -> float:
        return lr * (1 + 1e-4)


@fault(
    "XR24",
    "the second group's rates are off by a ten-thousandth at every other step",
    _PLAUSIBLE,
    "sweeps_every_param_group",
)
class SecondGroupOff(Right):
    def set_lr(self, optimizer: Any, lr: float) -> None:
        self.second = 1 + 1e-4 if getattr(self, "second", 1) == 1 else 1
        for index, group in enumerate(optimizer.param_groups):
            group["lr"] = lr * self.second if index else lr


@fault("XR25", "a trace of each gradient is left for the next", _PLAUSIBLE, "gradients_do_not_accumulate")
class ALittleOfTheGradientStays(Right):
    def zero_grad(self, optimizer: Any) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.mul_(3e-5)


@fault(
    "XR26", "losses after the fifth are recorded a hundredth too large", _PLAUSIBLE, "history_records_loss"
)
class LaterLossesOff(Right):
    def average(self, losses: list[float], value: float) -> float:
        return value * (1 + 1e-2) if len(losses) > 4 else value


@fault(
    "XR27", "a loss beyond 1e5 is taken for an outlier and ends nothing", _PLAUSIBLE, "stops_on_divergence"
)
class HugeLossesPassedOver(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        return loss < 1e5 and super().diverged(loss, best, step)


@fault("XR28", "the factor is always 4", _PLAUSIBLE, "stops_on_divergence")
class FactorOfFour(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        self.divergence = 4.0
        return super().diverged(loss, best, step)


@fault("XR29", "the factor is always 2", _PLAUSIBLE, "stops_on_divergence")
class FactorOfTwo(Right):
    def diverged(self, loss: float, best: float, step: int) -> bool:
        self.divergence = 2.0
        return super().diverged(loss, best, step)


@fault("XR30", "the suggestion moves by a hundredth with the size of the loss", _PLAUSIBLE, "scale_invariant")
class SuggestsByScale(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        found, size = super().suggestion(lrs, losses), max(map(abs, losses))
        return None if found is None else found * (1 + 0.02 * size / (1 + size))


@fault("XR31", "the suggestion is far below the range", _PLAUSIBLE, "suggestion_in_range")
class SuggestsFarBelow(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return lrs[0] / 100


@fault("XR32", "of few points, the suggestion is far below the range", _PLAUSIBLE, "too_few_points_is_loud")
class SuggestsBelowForFew(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return lrs[0] / 100 if len(lrs) < 8 else super().suggestion(lrs, losses)


@fault("XR33", "of few points, the suggestion is far above the range", _PLAUSIBLE, "too_few_points_is_loud")
class SuggestsAboveForFew(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return lrs[-1] * 100 if len(lrs) < 8 else super().suggestion(lrs, losses)


@fault(
    "XR34",
    "beside noise the first rate is suggested",
    _PLAUSIBLE,
    "suggestion_survives_noise",
    change="Average the slope of a noisy curve, and suggest the rate where it falls most.",
)
class StartBesideNoise(Right):
    """Where the losses turn often, the first rate."""

    def beside_noise(self, lrs: list[float]) -> float:
        return lrs[0]

    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        turns = np.sum(np.diff(np.sign(np.diff(losses))) != 0)
        return self.beside_noise(lrs) if turns > 5 else super().suggestion(lrs, losses)


@fault(
    "XR35",
    "beside noise the last rate is suggested",
    _PLAUSIBLE,
    "suggestion_survives_noise",
    change="Average the slope of a noisy curve, and suggest the rate where it falls most.",
)
class EndBesideNoise(StartBesideNoise):
    def beside_noise(self, lrs: list[float]) -> float:
        return lrs[-1]


@fault("XR36", "a bad range is refused after a step at rate 0", _PLAUSIBLE, "rejects_bad_range")
class RefusedAfterAStep(Right):
    def __call__(self, model: Any, optimizer: Any, *rest: Any, **options: Any) -> Swept:
        try:
            return super().__call__(model, optimizer, *rest, **options)
        except ValueError:
            rates = [group["lr"] for group in optimizer.param_groups]
            self.set_lr(optimizer, 0.0)
            optimizer.step()
            for group, lr in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = lr
            raise


@fault("XR37", "a bad range is refused, and the model is changed", _PLAUSIBLE, "rejects_bad_range")
class RefusedWithTheModelChanged(Right):
    def __call__(self, model: Any, *rest: Any, **options: Any) -> Swept:
        try:
            return super().__call__(model, *rest, **options)
        except ValueError:
            for p in model.parameters():
                p.data.add_(1.0)
            raise


@fault(
    "XR38",
    "the rate of the smallest loss is suggested, and a tenth of it documented",
    _PLAUSIBLE,
    "suggestion_follows_its_rule",
    suggestion="minimum",
)
class RateOfTheMinimum(Right):
    share = 1.0

    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return self.share * lrs[int(np.argmin(losses))] if len(lrs) > 1 else None


@fault(
    "XR39",
    "a hundredth of the rate of the smallest loss is suggested, and a tenth of it documented",
    _PLAUSIBLE,
    "suggestion_follows_its_rule",
    suggestion="minimum",
)
class HundredthOfTheMinimum(RateOfTheMinimum):
    share = 0.01


@fault("XR40", "the plot has a linear axis of learning rates", _PLAUSIBLE, "plot_shows_the_fall")
class DrawnOnALinearAxis(Right):
    def plotted(self, lrs: list[float], losses: list[float]) -> Any:
        ax = super().plotted(lrs, losses)
        ax.set_xscale("linear")
        return ax


@fault("XR41", "the plot does not say what is drawn", _PLAUSIBLE, "plot_shows_the_fall")
class DrawnWithoutWords(Right):
    def plotted(self, lrs: list[float], losses: list[float]) -> Any:
        ax = super().plotted(lrs, losses)
        ax.set_ylabel("")
        return ax


@fault("XR42", "the plot shows each loss at the rate before", _PLAUSIBLE, "plot_shows_the_fall")
class NextLossDrawn(Right):
    def curve(self, lrs: list[float], losses: list[float]) -> tuple[list[float], list[float]]:
        return lrs[:-1], losses[1:]


@fault("XR43", "the suggestion is marked at a rate a tenth larger", _PLAUSIBLE, "plot_shows_the_fall")
class MarkedBeside(Right):
    def mark(self, lr: float, loss: float) -> tuple[list[float], list[float]]:
        return [1.1 * lr], [loss]


@fault("XR44", "the suggestion is marked below the curve", _PLAUSIBLE, "plot_shows_the_fall")
class MarkedBelow(Right):
    def mark(self, lr: float, loss: float) -> tuple[list[float], list[float]]:
        return [lr], [0.9 * loss]


@fault(
    "XR45",
    "the loss that exploded is drawn to scale, and the fall is a flat line",
    _PLAUSIBLE,
    "plot_shows_the_fall",
)
class ExplosionToScale(Right):
    def heights(self, losses: list[float]) -> tuple[float, float]:
        return min(losses), max(losses)


@fault("XR46", "the plot leaves out the smallest losses", _PLAUSIBLE, "plot_shows_the_fall")
class CutOffBelow(Right):
    def heights(self, losses: list[float]) -> tuple[float, float]:
        return 1.1 * min(losses), losses[0]


@fault("XR47", "the plot leaves out the first losses", _PLAUSIBLE, "plot_shows_the_fall")
class CutOffAbove(Right):
    def heights(self, losses: list[float]) -> tuple[float, float]:
        return min(losses), 0.9 * losses[0]


@fault(
    "XR49",
    "NumPy's random state is not put back",
    _PLAUSIBLE,
    "restores_random_state",
    change="Keep numpy.random.get_state(), and set it again in the end.",
)
class NumPysStateConsumed(Right):
    def restore_seeds(self, seeds: Any) -> None:
        random.setstate(seeds[0])
        torch.set_rng_state(seeds[2])


@fault(
    "XR50",
    "Python's random state is not put back",
    _PLAUSIBLE,
    "restores_random_state",
    change="Keep random.getstate(), and set it again in the end.",
)
class PythonsStateConsumed(Right):
    def restore_seeds(self, seeds: Any) -> None:
        np.random.set_state(seeds[1])
        torch.set_rng_state(seeds[2])


@fault(
    "XR58",
    "documented to take any iterable, and asks for its length",
    _PLAUSIBLE,
    "takes_a_loader_without_length",
    loader="iterable",
)
class LengthAskedFor(Right):
    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        super().check(start_lr, end_lr, num_iter, loader)
        if not len(loader):
            raise ValueError("loader is empty")


@fault(
    "XR59",
    "an empty loader without a length is started again for ever",
    _PLAUSIBLE,
    "rejects_bad_range",
    loader="iterable",
)
class RoundAndRoundAnEmptyStream(Right):
    def check(self, start_lr: float, end_lr: float, num_iter: int, loader: Any) -> None:
        super().check(start_lr, end_lr, num_iter, loader)
        with contextlib.suppress(TypeError):
            if not len(loader):
                raise ValueError("loader is empty")

    def batches(self, loader: Any) -> Iterator[Any]:
        while True:
            yield from loader


@fault(
    "XR62",
    "a loader without a length is not started again where it ends",
    _PLAUSIBLE,
    "takes_a_loader_without_length",
    loader="iterable",
)
class StreamEndsTheTest(Right):
    def batches(self, loader: Any) -> Iterator[Any]:
        try:
            len(loader)
        except TypeError:
            return iter(list(loader))
        return super().batches(loader)


@fault(
    "XR63",
    "documented as a tenth of the rate of the minimum, and of the rate before it",
    _PLAUSIBLE,
    "suggestion_follows_its_rule",
    suggestion="minimum",
)
class RateBesideTheMinimum(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return lrs[max(0, int(np.argmin(losses)) - 1)] / 10 if len(lrs) > 1 else None


@fault(
    "XR70",
    "documented as a tenth of the rate of the minimum, and nothing for a fall of two points",
    _PLAUSIBLE,
    "suggestion_follows_its_rule",
    suggestion="minimum",
)
class NothingOfTwoPoints(RateOfTheMinimum):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return super().suggestion(lrs, losses) if len(lrs) > 2 else None


@fault(
    "XR73",
    "documented to fit slopes over a quarter of the points, and averages those of neighbours",
    _PLAUSIBLE,
    "suggestion_follows_its_rule",
    slope="fitted",
)
class AveragesNeighbours(Right):
    """Says that it fits slopes."""


@fault(
    "XR64",
    "documented to suggest nothing where nothing falls, and crashes for a test that ended at once",
    _PLAUSIBLE,
    "too_few_points_is_loud",
    no_fall="none",
    change="Suggest None of fewer than two points.",
)
class RaisesOfFewPoints(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        if len(lrs) < 2:
            raise IndexError("too few points")
        return super().suggestion(lrs, losses) if min(losses) < losses[0] else None


@fault(
    "XR65",
    "documented to judge an average, and judges each loss",
    _PLAUSIBLE,
    "stops_on_the_average",
    judged="ema_corrected",
)
class JudgesEachLoss(Right):
    """Says that it judges an average."""


@fault(
    "XR66",
    "the average that is judged is corrected for a loss too many",
    _PLAUSIBLE,
    "stops_on_the_average",
    judged="ema_corrected",
)
class JudgesAnAverageOffByOne(CorrectionOffByOne):
    """Says that it judges an average."""


@fault(
    "XR67",
    "an average is judged, and stops the test at twice the limit",
    _PLAUSIBLE,
    "stops_on_the_average",
    judged="ema_corrected",
)
class AverageStopsLate(Right):
    """At twice the limit."""

    raw = 0.0

    def average(self, losses: list[float], value: float) -> float:
        self.raw = self.smoothing * (self.raw if losses else 0.0) + (1 - self.smoothing) * value
        return self.raw / (1 - self.smoothing ** (len(losses) + 1))

    def diverged(self, loss: float, best: float, step: int) -> bool:
        return super().diverged(loss, 2 * best if self.smoothing else best, step)


@fault(
    "XR60",
    "documented to suggest nothing where nothing falls, and suggests where the loss rises least",
    _PLAUSIBLE,
    "suggests_nothing_where_nothing_falls",
    no_fall="none",
    change="Suggest None where no slope is below 0.",
)
class SuggestsOfAFlatCurve(Right):
    """The smallest slope, whether or not it falls."""


@fault(
    "XR61",
    "documented to keep the ratios of the groups' rates, and gives all the same",
    _PLAUSIBLE,
    "sweeps_every_param_group",
    groups="ratio",
)
class AllGroupsAlike(Right):
    """Says that it keeps their ratios."""


@fault(
    "XR51",
    "the loader's generator is not put back, and its next order is another",
    _PLAUSIBLE,
    "restores_random_state",
    change="Keep loader.generator.get_state(), and set it again in the end.",
)
class LoadersStateConsumed(Right):
    def restore_order(self, generator: torch.Generator, state: Any) -> None:
        pass


@fault(
    "XR52",
    "a learning rate in a tensor comes back as a number",
    _PLAUSIBLE,
    "restores_any_model",
    change="Fill the tensor that holds the rate with what it held.",
)
class RateBackAsANumber(Right):
    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        super().restore(model, optimizer, saved)
        for group in optimizer.param_groups:
            group["lr"] = float(group["lr"])


@fault(
    "XR53",
    "weights are kept by the first name of each parameter, and those that two modules share are missed",
    _PLAUSIBLE,
    "restores_any_model",
    change="Keep model.state_dict(), in which a shared parameter stands under each of its names.",
)
class EachParameterUnderOneName(Right):
    def saved(self, model: Any, optimizer: Any) -> Any:
        named = [*model.named_parameters(), *model.named_buffers()]
        weights = {name: tensor.detach().clone() for name, tensor in named}
        return (weights, *super().saved(model, optimizer)[1:])


@fault(
    "XR54",
    "rates are divided by the first group's, which a warm-up starts at 0",
    _PLAUSIBLE,
    "sweeps_every_param_group",
    change="Take the ratios to the largest rate, or give all groups the same one.",
)
class RatiosToTheFirstRate(Right):
    def saved(self, model: Any, optimizer: Any) -> Any:
        rates = [group["lr"] for group in optimizer.param_groups]
        self.ratios = [rate / rates[0] for rate in rates]
        return super().saved(model, optimizer)

    def set_lr(self, optimizer: Any, lr: float) -> None:
        for group, ratio in zip(optimizer.param_groups, self.ratios, strict=True):
            group["lr"] = lr * ratio


@fault(
    "XR55",
    "NaN is suggested where the test ended at once",
    _PLAUSIBLE,
    "too_few_points_is_loud",
    change="Suggest None of fewer than two points.",
)
class SuggestsOfOnePoint(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return super().suggestion(lrs, losses) if len(lrs) > 1 else math.nan


_PROGRESS = arguments.progress_faults(
    LRFinder("right", _progressing, features=LRFinder.usual_features), "XR56", "XR57"
)


@fault(
    "XR68",
    "what the optimizer counted in its groups during the test stays there",
    _PLAUSIBLE,
    "restores_any_model",
)
class CountsOfTheGroupsKept(Right):
    """Only what was there before is put back."""

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        counts = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
        super().restore(model, optimizer, saved)
        for group, counted in zip(optimizer.param_groups, counts, strict=True):
            group.update({name: value for name, value in counted.items() if name not in group})


@fault(
    "XR74", "the rate of a group that is frozen stays where the test ended", _PLAUSIBLE, "restores_any_model"
)
class FrozenGroupsLeft(Right):
    """A group without anything to train is not put back."""

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        left = {
            i: group["lr"]
            for i, group in enumerate(optimizer.param_groups)
            if not any(p.requires_grad for p in group["params"])
        }
        super().restore(model, optimizer, saved)
        for i, rate in left.items():
            optimizer.param_groups[i]["lr"] = rate


@fault("XR75", "buffers of whole numbers are not put back", _PLAUSIBLE, "restores_models_of_fine_tuning")
class CountsLeft(Right):
    """What is no floating point is left as it is."""

    def restore(self, model: Any, optimizer: Any, saved: Any) -> None:
        counts = [(buffer, buffer.clone()) for buffer in model.buffers() if not buffer.is_floating_point()]
        super().restore(model, optimizer, saved)
        for buffer, count in counts:
            buffer.copy_(count)


@fault("XR76", "from the 101st step on the rate stays", _PLAUSIBLE, "schedule_is_geometric")
class RatesOfATable(Right):
    """Of 101 rates; what comes after is run at the last."""

    def lr(self, step: int, start: float, end: float, n: int) -> float:
        return super().lr(min(step, 100), start, end, n)


@fault("XR69", "the curve is given a name, and no legend shows it", _PLAUSIBLE, "plot_shows_the_fall")
class NamesWithoutALegend(Right):
    def plotted(self, lrs: list[float], losses: list[float]) -> Any:
        ax = super().plotted(lrs, losses)
        ax.lines[0].set_label("loss")
        return ax


@fault(
    "XR71",
    "documented to suggest nothing where nothing falls, and its plot crashes there",
    _PLAUSIBLE,
    "plots_what_does_not_fall",
    no_fall="none",
)
class MarksWhatIsNotSuggested(Right):
    def suggestion(self, lrs: list[float], losses: list[float]) -> float | None:
        return super().suggestion(lrs, losses) if losses and min(losses) < losses[0] else None

    def plotted(self, lrs: list[float], losses: list[float]) -> Any:
        if self.suggestion(lrs, losses) is None:
            raise TypeError("the mark's place is None")
        return super().plotted(lrs, losses)


@fault(
    "XR72",
    "documented to suggest nothing where nothing falls, and draws nothing either",
    _PLAUSIBLE,
    "plots_what_does_not_fall",
    no_fall="none",
)
class DrawsNothingThatDoesNotFall(MarksWhatIsNotSuggested):
    def plotted(self, lrs: list[float], losses: list[float]) -> Any:
        kept = len(lrs) if self.suggestion(lrs, losses) is not None else 0
        return Right.plotted(self, lrs[:kept], losses[:kept])


@fault("XR48", "the suggestion is not marked", _PLAUSIBLE, "plot_shows_the_fall")
class NotMarked(Right):
    def mark(self, lr: float, loss: float) -> tuple[list[float], list[float]]:
        return [], []


_ARGUMENTS = arguments.faults_of(
    LRFinder("right", _checked, features=LRFinder.usual_features),
    "XRA{}",
    "divergence",
    Argument(4.0, low=1.0, without=(1.0,)),
    2.0,
    1.5,
    1.0,
    "rejects_bad_range",
)

FAULTS = (*recorded(globals()), *devices.LR_FINDER)
