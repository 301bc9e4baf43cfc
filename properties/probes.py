"""Instruments that look into black boxes: what an implementation did, seen from outside.

**Seeds.** :func:`seed_all` is the one place where a drawn seed reaches Python's random, NumPy, torch and
CUDA. Hypothesis sets the first two to 0 before every example, so that without this every example would
see one and the same NumPy lambda, and leaves torch alone.

**Scripted loss** (LR finder). A model and a criterion whose loss at step i is what a script says, and whose
gradient is the mean of the batch's inputs. **Watched steps.** Every optimizer's step, through torch's own
hook: the rate of every group, the gradients, the model's mode; whoever made the optimizer. **State
snapshot.** What a test must put back, compared by part.

**Identity batch** (mixup). Feed e_i, the i-th unit vector, as sample i, with target i. Row i of what comes
back is lam_i e_i + (1 - lam_i) e_pi(i): lambda and partner, read off.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
import random
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

Array = Any


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, all global generators start from ``seed``; after, they are where they were before."""
    with generators_kept():
        seed_all(seed)
        yield


def seed_all(number: int) -> None:
    """All global generators start from this number."""
    random.seed(number)
    np.random.seed(number % 2**32)
    # torch.manual_seed would format a traceback a call, to keep it for a CUDA that may never start
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(number)


@contextlib.contextmanager
def generators_kept() -> Iterator[None]:
    """All global generators are after it where they were before."""
    python, numpy = random.getstate(), np.random.get_state()
    accelerators = _accelerators()
    states = [torch.get_rng_state(), *(module.get_rng_state() for module in accelerators)]
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(states[0])
        for module, state in zip(accelerators, states[1:], strict=True):
            module.set_rng_state(state)


def _accelerators() -> list[Any]:
    """Those in use. The first call with a tensor on CUDA has started it before it is seeded."""
    return [
        *([torch.cuda] if torch.cuda.is_initialized() else []),
        *([torch.mps] if torch.backends.mps.is_available() else []),
    ]


LAYOUTS = {
    "transposed": "{x}.transpose(0, -1).contiguous().transpose(0, -1)",
    "strided": "torch.stack([{x}, {x} * 0], -1)[..., 0]",
    "sliced": "torch.cat([{x}[:1] * 0, {x}])[1:]",
}
"""How a tensor may lie in memory beside the plainest way, as source."""


def laid_out(tensor: torch.Tensor, layout: str | None) -> torch.Tensor:
    """The same values, in one of ``LAYOUTS``."""
    if layout is None:
        return tensor
    found: torch.Tensor = eval(LAYOUTS[layout].format(x="x"), {"torch": torch, "x": tensor})
    return found


def identity_batch(size: int) -> Array:
    """Inputs (N, N): sample i is the i-th unit vector."""
    return np.eye(size)


def partners(weights: Array) -> Array:
    """Of the rows (N, N) of a mixed identity batch: the sample besides i that is in row i, or i itself.

    >>> partners(np.array([[0.75, 0.0, 0.25], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]))
    array([2, 1, 0])
    """
    others = np.where(np.eye(len(weights), dtype=bool), 0.0, weights)
    own = np.arange(len(weights))
    if not len(weights):
        return own
    return np.where(others.max(axis=1) > 0, others.argmax(axis=1), own)


class ScriptEnd(Exception):
    """Raised by the criterion where the script says so."""


class NeverEnds(BaseException):
    """Raised into a test that goes on long after its last step: past the handlers of the code."""


_LONGEST = 20
"""A test may take so many times the steps that were asked for: one that repeats its sweep takes more."""


class ScriptInterrupt(KeyboardInterrupt):
    """What the criterion raises for Ctrl-C."""


IN_TENSOR = "a learning rate in a tensor"
TOGETHER = "a frozen group, shared, in evaluation mode, with an unused optimizer"
ORDINARY_SETTINGS = (
    "a frozen parameter",
    "modules of two modes",
    "an unused optimizer",
    "a buffer of whole numbers",
)
SETTINGS = {
    "a frozen parameter": "model.first.requires_grad_(False).grad = None",
    "modules of two modes": "model.part = torch.nn.Identity().eval()",
    "an unused optimizer": "optimizer.state.clear(), model.zero_grad()",
    IN_TENSOR: "optimizer.param_groups[0]['lr'] = torch.tensor(0.1)",
    "a rate of 0, as a warm-up starts": "optimizer.param_groups[0]['lr'] = 0.0",
    "a parameter that two modules share": "model.part = torch.nn.Module(); model.part.own = model.first",
    "a buffer of whole numbers": "model.seen = model.seen.long()",
    "an optimizer that keeps a number in its group": (
        "optimizer.register_step_post_hook(lambda o, *_: o.param_groups[0].update(k=1))"
    ),
    TOGETHER: (
        "model.part = torch.nn.Module().eval(); model.part.own = model.first.requires_grad_(False); "
        "optimizer.state.clear(), model.zero_grad()"
    ),
}
"""What a model and an optimizer may be like beside the plainest, as source on their names; the ordinary ones
are how fine-tuning starts."""


class _Mark:
    """A hook that does nothing but live as long as the graph that it is hung on."""

    def __call__(self, gradient: Tensor) -> None:
        return None


@dataclass
class Script:
    """The losses to come, and what was seen on the way. Copies of the model share it."""

    losses: list[float]
    raises_at: int | None = None
    interrupts: bool = False
    """Whether it is interrupted where it would raise."""
    asked: int = 0
    """Calls of the criterion."""
    training: list[bool] = field(default_factory=list)
    """The model's mode at each step."""
    means: list[float] = field(default_factory=list)
    """The mean of the inputs at each call of the model: which batch it was."""
    steppers: list[torch.optim.Optimizer] = field(default_factory=list)
    """The optimizer of each step."""
    model: weakref.ref[Any] | None = None
    """The one that was called last: it may be a copy."""
    batches: list[float] = field(default_factory=list)
    """The mean of the inputs at each call since the last step."""
    graphs: list[weakref.ref[_Mark]] = field(default_factory=list)
    """By call of the criterion: a mark that lives as long as the graph of its output."""
    kept: int = 0
    """The most graphs, older than the step before, that were alive at a call."""
    steps: list[tuple[list[float], list[float], list[float]]] = field(default_factory=list)
    """For each optimizer step: the groups' rates, the gradients, and the batches before it."""
    weights: list[float] = field(default_factory=list)
    """What the model multiplies by, at each call of the model in training."""
    weights_after: list[float] = field(default_factory=list)
    """And after each step."""
    validated: list[tuple[bool, bool]] = field(default_factory=list)
    """For each validation batch: whether the model was in training mode, and whether there was a graph."""
    aside: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext
    """Within which the host's waits are our own."""

    def __deepcopy__(self, memo: Any) -> Script:
        return self

    def begin_again(self) -> None:
        """What was seen until now is forgotten, and the first loss is the next."""
        self.asked = self.kept = 0
        for name, value in vars(self).items():
            if isinstance(value, list) and name != "losses":
                value.clear()

    def loss(self) -> float:
        """The next one; the last one over and over."""
        step = self.asked
        self.asked += 1
        if step == self.raises_at:
            if self.interrupts:
                raise ScriptInterrupt
            raise ScriptEnd(f"the loss of step {step} raises")
        return self.losses[min(step, len(self.losses) - 1)]

    def said(self, count: int) -> list[float]:
        """The losses of so many calls."""
        return [*self.losses, *self.losses[-1:] * max(0, count - len(self.losses))][:count]

    def criterion(self, output: Tensor, target: Tensor) -> Tensor:
        """The scripted loss, with the output's gradient; it draws from every generator, as data do."""
        random.random(), np.random.random(), torch.rand(())
        with self.aside():
            if bool(target.any()):  # of a validation batch: the model's own output is its loss
                model = self.model() if self.model is not None else None
                self.validated.append((bool(model is not None and model.training), output.requires_grad))
                return output.mean()
        self.kept = max(self.kept, sum(mark() is not None for mark in self.graphs[:-1]))
        if output.requires_grad:
            mark = _Mark()
            output.register_hook(mark)
            self.graphs.append(weakref.ref(mark))
        slope = (output - output.detach()).mean()
        return slope + self.loss()


class GoesRoundForEver(Exception):
    """An empty loader was started again and again: nothing would ever come of it."""


class EmptyLoader(DataLoader[Any]):
    """A loader without batches that does not let a loop go round for ever."""

    started = 0

    def __iter__(self) -> Any:
        self.started += 1
        if self.started > 50:
            raise GoesRoundForEver("an empty loader is started again and again")
        return super().__iter__()


class _Stream(IterableDataset[Any]):
    """Samples one after the other: a loader of it has no length."""

    def __init__(self, data: TensorDataset) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        return iter([self.data[i] for i in range(len(self.data))])


class ScriptedModel(nn.Module):
    """x (N, 1) to x (first + second), with a buffer that training moves."""

    seen: Tensor

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self.first = nn.Parameter(torch.ones(1))
        self.second = nn.Parameter(torch.ones(1))
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.script.model = weakref.ref(self)
        with self.script.aside():
            mean = float(x.mean())
        self.script.means.append(mean)
        if torch.is_grad_enabled():  # what is looked at between two steps has no part in the next one
            self.script.batches.append(mean)
        if self.training:
            self.seen += 1
            with self.script.aside():
                self.script.weights.append(float((self.first + self.second).detach()))
        return x * (self.first + self.second)


@contextlib.contextmanager
def watched(script: Script) -> Iterator[None]:
    """Within, the script is told of every optimizer's step, after it was taken."""

    def seen(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        with script.aside():
            look(optimizer)

    def look(optimizer: torch.optim.Optimizer) -> None:
        params = [p for group in optimizer.param_groups for p in group["params"]]
        grads = [0.0 if p.grad is None else float(p.grad.sum()) for p in params]
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        model = script.model() if script.model is not None else None
        script.steps.append((rates, grads, list(script.batches)))
        script.training.append(bool(model is not None and model.training))
        script.steppers.append(optimizer)
        script.weights_after.append(
            math.nan if model is None else float((model.first + model.second).detach())
        )
        script.batches.clear()
        if len(script.steps) > _LONGEST * (10 + len(script.losses)):
            raise NeverEnds(f"does not end: it still trains after {len(script.steps)} steps")

    handle = register_optimizer_step_post_hook(seen)
    try:
        yield
    finally:
        handle.remove()


def scripted(
    losses: list[float],
    *,
    batches: int,
    groups: int = 1,
    raises_at: int | None = None,
    interrupts: bool = False,
    training: bool = False,
    device: str = "cpu",
    batches_on: str | None = None,
    shuffles: bool = False,
    streams: bool = False,
) -> tuple[Script, ScriptedModel, torch.optim.Optimizer, Any]:
    """A script, a model, its optimizer and a loader. The model has been trained for a step: there is
    momentum, there are gradients, and it is in evaluation mode unless ``training``. ``batches_on``: the
    loader's device, where it is not the model's. ``shuffles``: it has a generator of its own; ``streams``:
    it has no length."""
    script = Script(losses, raises_at, interrupts)
    model = ScriptedModel(script).to(device)
    params: Any = [model.first, model.second]
    if groups == 2:
        params = [{"params": [model.first]}, {"params": [model.second], "lr": 0.05}]
    optimizer = torch.optim.SGD(params, lr=0.1, momentum=0.5)
    model.train()
    model(torch.full((2, 1), 3.0, device=device)).mean().backward()
    optimizer.step()
    model.train(training)
    for seen in (script.means, script.batches, script.weights):
        seen.clear()
    place = batches_on or device
    inputs = torch.arange(1.0, batches + 1, device=place).repeat_interleave(2)[:, None] / 8
    targets = torch.zeros(2 * batches, dtype=torch.int64, device=place)
    kind: Any = DataLoader if batches else EmptyLoader
    drawn: Any = {"shuffle": True, "generator": torch.Generator().manual_seed(0)} if shuffles else {}
    data: Any = TensorDataset(inputs, targets)
    loader = kind(_Stream(data) if streams else data, batch_size=2, **drawn)
    return script, model, optimizer, loader


def validating(sizes: list[int], device: str = "cpu") -> DataLoader[Any]:
    """A loader of batches of these sizes, inputs 1/8, 2/8 ..., whose targets say that they are validation."""
    inputs = torch.arange(1.0, sum(sizes) + 1, device=device)[:, None] / 8
    ends = np.cumsum([0, *sizes])
    batches = [list(range(a, b)) for a, b in itertools.pairwise(ends.tolist())]
    return DataLoader(
        TensorDataset(inputs, torch.ones(len(inputs), device=device).long()), batch_sampler=batches
    )


def snapshot(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any = None) -> dict[str, Any]:
    """What a range test must put back, by part."""
    generator = getattr(loader, "generator", None)
    params = list(model.parameters())
    version, words, gauss = random.getstate()
    return {
        "model": {name: value.detach().cpu().clone() for name, value in model.state_dict().items()},
        "optimizer": copy.deepcopy(
            {
                "state": [dict(optimizer.state.get(p, {})) for p in params],
                "groups": [
                    {k: v for k, v in group.items() if k not in ("params", "initial_lr")}
                    for group in optimizer.param_groups
                ],
            }
        ),
        "mode": [module.training for module in model.modules()],
        "requires_grad": [p.requires_grad for p in params],
        "grads": [None if p.grad is None else p.grad.detach().cpu().clone() for p in params],
        "loader": None if generator is None else generator.get_state(),
        "random": [version, np.asarray(words), gauss, np.random.get_state(), torch.get_rng_state()],
    }


def left_changed(before: Any, after: Any, parts: tuple[str, ...]) -> str:
    """Of two snapshots: which of these parts differ, in words."""
    return ", ".join(part for part in parts if changed(before[part], after[part])) or "nothing"


def model_changes(before: Any, after: Any) -> list[str]:
    """Of two snapshots' models: what differs, as ``parameters`` or ``buffers``."""
    names = [name for name in {**before, **after} if changed(before.get(name), after.get(name))]
    return sorted({"buffers" if name == "seen" else "parameters" for name in names}, reverse=True)


def optimizer_changes(before: Any, after: Any) -> list[str]:
    """Of two snapshots' optimizers: what differs, as ``lr``, ``momentum`` or ``state``."""
    found = ["state"] if changed(before["state"], after["state"]) else []
    for old, new in zip(before["groups"], after["groups"], strict=False):
        found += [name for name in {**old, **new} if changed(old.get(name), new.get(name))]
    return sorted(set(found))


def changed(before: Any, after: Any) -> bool:
    """Whether two snapshots, or parts of them, differ in any bit."""
    if isinstance(before, dict):
        return before.keys() != after.keys() or any(changed(before[k], after[k]) for k in before)
    if isinstance(before, list | tuple):
        return len(before) != len(after) or any(changed(a, b) for a, b in zip(before, after, strict=True))
    if isinstance(before, Tensor) and isinstance(after, Tensor):
        return not torch.equal(before, after)
    if isinstance(before, np.ndarray):
        return not np.array_equal(before, after)
    return type(before) is not type(after) or bool(before != after)
